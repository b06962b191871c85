"""Add and compact: many segments say what one says, and one made of many is the one built at once."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from provenance import index
from provenance.errors import StoreError
from provenance.index import Index, segment, spill
from provenance.index.segment import CAP
from provenance.model import UNKNOWN, Ingredient, Match
from tests.index.samples import (
    COPIES,
    SHORT,
    TEMPLATE,
    answers,
    content,
    copies,
    everything,
    output,
    outputs,
    questions,
    segments,
)
from tests.index.test_index import varied
from tests.making import CLAUDE, code, ingredient, opened


def piecewise(folder: Path, made: Sequence[Ingredient], parts: int) -> Index:
    """The index of these ingredients in so many segments, dealt at random."""
    rng = random.Random(parts)
    of = [rng.randrange(parts) for _ in made]
    index.build(folder, [one for one, part in zip(made, of, strict=True) if part == 0], {}, ["0"])
    for number in range(1, parts):
        index.add(folder, [one for one, part in zip(made, of, strict=True) if part == number], {}, [str(number)])
    return Index(folder)


def test_what_is_added_is_found_and_what_was_there_still_is(tmp_path: Path) -> None:
    made = outputs(6)
    index.build(tmp_path / "i", made[:2], {})
    before = index.info(tmp_path / "i")
    for number in range(2, 6):
        after = index.add(tmp_path / "i", [made[number]], {})
        assert (number, number + 1) == (after.segments, after.counts.ingredients)
        assert after.digest != before.digest
        before = after
    texts = [f"# host\n{' '.join(code(number, 120)[10:90])}" for number in range(6)]
    assert [one.id for one in made] == [found.ingredient for (found,) in answers(Index(tmp_path / "i"), texts)]
    index.verify(tmp_path / "i")


def test_a_segment_is_never_changed_by_what_comes_after(tmp_path: Path) -> None:
    index.build(tmp_path / "i", outputs(2), {})
    first = {path: path.read_bytes() for path in (tmp_path / "i" / "segments" / "00000001").iterdir()}
    index.add(tmp_path / "i", outputs(2, first=5), {})
    assert first == {path: path.read_bytes() for path in first}


@pytest.mark.parametrize(("parts", "held"), [(2, 100), (2, 1 << 22), (3, 1 << 22), (7, 1 << 22)])
def test_a_compacted_index_is_byte_for_byte_that_of_one_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int, held: int
) -> None:
    made = [*varied(50, seed=parts), *everything()]
    whole = index.build(tmp_path / "whole", made, {})
    monkeypatch.setattr(spill, "HELD", held)
    piecewise(tmp_path / "parts", made, parts)
    compacted = index.compact(tmp_path / "parts")
    assert segments(tmp_path / "whole") == segments(tmp_path / "parts")
    assert whole == compacted
    index.verify(tmp_path / "parts")


def test_postings_that_segments_dropped_do_not_show_when_they_are_compacted(tmp_path: Path) -> None:
    """The same words more often than postings are kept, in each of three segments and over all of them."""
    others = [
        msgspec.structs.replace(one, passages=(msgspec.structs.replace(one.passages[0], checks=bytes(checks)),))
        for one in copies(2 * COPIES, first=5000)
        for checks in [np.arange(len(one.passages[0].checks) // 2, dtype="<u2").tobytes()]
    ]
    made = [*copies(4 * COPIES), *others, *varied(20)]
    index.build(tmp_path / "whole", made, {})
    piecewise(tmp_path / "parts", made, 3)
    assert 3 == sum(len(part.arrays["crowded"]) > 0 for part in Index(tmp_path / "parts").segments)
    index.compact(tmp_path / "parts")
    assert segments(tmp_path / "whole") == segments(tmp_path / "parts")
    (part,) = Index(tmp_path / "parts").segments
    assert {6 * COPIES} == set(part.arrays["crowded"]["total"].tolist())


def test_a_compacted_index_answers_as_its_segments_did(tmp_path: Path) -> None:
    parts = piecewise(tmp_path / "i", everything(), 4)
    before = answers(parts, questions())
    index.compact(tmp_path / "i")
    assert before == answers(Index(tmp_path / "i"), questions())


def test_compacting_one_segment_changes_nothing(tmp_path: Path) -> None:
    before = index.build(tmp_path / "i", outputs(2), {})
    held = content(tmp_path / "i")
    assert before == index.compact(tmp_path / "i")
    assert held == content(tmp_path / "i")


def test_segments_of_nothing_compact_to_nothing(tmp_path: Path) -> None:
    index.build(tmp_path / "i", [], {})
    index.add(tmp_path / "i", [], {})
    assert (1, 0) == ((done := index.compact(tmp_path / "i")).segments, done.counts.ingredients)
    index.build(tmp_path / "one", [], {})
    assert segments(tmp_path / "i") == segments(tmp_path / "one")


def test_an_index_knows_what_of_the_store_it_was_built_from(tmp_path: Path) -> None:
    assert set() == index.sources(tmp_path / "i")
    index.build(tmp_path / "i", outputs(1), {}, ["a:1", "b:2"])
    index.add(tmp_path / "i", outputs(1, first=3), {}, ["c:3"])
    assert {"a:1", "b:2", "c:3"} == index.sources(tmp_path / "i")
    index.compact(tmp_path / "i")
    assert {"a:1", "b:2", "c:3"} == index.sources(tmp_path / "i")
    index.build(tmp_path / "i", outputs(1), {}, ["d:4"])
    assert {"d:4"} == index.sources(tmp_path / "i")


def test_other_commons_than_those_of_the_index_are_refused(tmp_path: Path) -> None:
    ours = {"ours": np.array([3, 5], np.uint64)}
    index.build(tmp_path / "i", outputs(1), ours)
    before = content(tmp_path / "i")
    for other in (
        {},
        {"theirs": ours["ours"]},
        {"ours": np.array([3, 7], np.uint64)},
        {**ours, "more": ours["ours"]},
        None,
    ):
        with pytest.raises(
            StoreError, match=r"built with the commons ours, .* \(name the same, or build the index again"
        ):
            index.add(tmp_path / "i", outputs(1, first=2), other)
    assert before == content(tmp_path / "i")
    assert 2 == index.add(tmp_path / "i", outputs(1, first=2), ours).segments
    assert {"ours"} == set(index.compact(tmp_path / "i").commons)


def test_an_index_that_was_built_meanwhile_with_other_commons_is_not_added_to(tmp_path: Path) -> None:
    index.build(tmp_path / "i", outputs(1), {})
    ours = {"ours": np.array([3, 5], np.uint64)}

    def slow() -> object:
        index.build(tmp_path / "i", outputs(2), ours)
        yield outputs(1, first=7)[0]

    with pytest.raises(StoreError, match="commons"):
        index.add(tmp_path / "i", slow(), {})  # type: ignore[arg-type]
    assert {"ours": 1} == {name: index.info(tmp_path / "i").segments for name in index.info(tmp_path / "i").commons}


def test_adding_to_no_index_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="run 'provenance index build'"):
        index.add(tmp_path / "i", outputs(1), {})
    assert not (tmp_path / "i").exists()


def test_there_is_a_most_of_segments_and_the_error_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "SEGMENTS", 3)
    piecewise(tmp_path / "i", outputs(3), 3)
    with pytest.raises(StoreError, match=r"has 3 segments, .* \(run 'provenance index compact'\)"):
        index.add(tmp_path / "i", outputs(1, first=9), {})
    index.compact(tmp_path / "i")
    assert 2 == index.add(tmp_path / "i", outputs(1, first=9), {}).segments


def test_compacting_what_was_built_again_meanwhile_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piecewise(tmp_path / "i", outputs(4), 2)
    meanwhile(monkeypatch, lambda: index.build(tmp_path / "i", outputs(1), {}))
    with pytest.raises(StoreError, match="built again meanwhile; nothing was changed"):
        index.compact(tmp_path / "i")
    assert 1 == index.verify(tmp_path / "i").counts.ingredients


def test_what_is_added_while_segments_are_compacted_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = outputs(6)
    piecewise(tmp_path / "i", made[:4], 2)
    meanwhile(monkeypatch, lambda: index.add(tmp_path / "i", made[4:], {}, ["added"]))
    compacted = index.compact(tmp_path / "i")
    assert (2, 6) == (compacted.segments, compacted.counts.ingredients)
    assert {"0", "1", "added"} == index.sources(tmp_path / "i")
    whole = Index(tmp_path / "i")
    assert sorted(one.id for one in made) == sorted(whole.card(number).id for number in range(6))
    index.verify(tmp_path / "i")


def meanwhile(monkeypatch: pytest.MonkeyPatch, call: object) -> None:
    """Call this once, when the next segment has been filled and before it is named."""
    from provenance.index import builder

    finish = builder.Builder.finish

    def finished(self: builder.Builder, *rest: object) -> object:
        monkeypatch.setattr(builder.Builder, "finish", finish)
        call()  # type: ignore[operator]
        return finish(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builder.Builder, "finish", finished)


# ---- matching across segments ----


@pytest.mark.parametrize("parts", [2, 5])
def test_matching_across_segments_is_matching_in_one(tmp_path: Path, parts: int) -> None:
    """Fragments, equal, renamed, similar, short, wrapped texts and templates; no gram in more outputs than are kept."""
    made = [*outputs(12), output(SHORT, 50), *copies(CAP - 5)]
    one = opened(tmp_path / "one", *made, common={})
    many = piecewise(tmp_path / "many", made, parts)
    assert parts == len(many.segments)
    assert answers(one, questions()) == answers(many, questions())


def test_of_the_same_text_in_many_segments_the_earliest_is_named_and_the_others_are_counted(tmp_path: Path) -> None:
    text = " ".join(code(5, 100))
    made = [output(text, n) for n in (7, 3, 9, 1, 5)]
    index.build(tmp_path / "i", made[:1], {})
    for one in made[1:]:
        index.add(tmp_path / "i", [one], {})
    whole = Index(tmp_path / "i")
    for asked in (text, f"# host\n{text}", f"# host\n{' '.join(text.split()[20:80])}"):
        ((found,),) = answers(whole, [asked])
        assert (made[3].id, 4) == (found.ingredient, found.others)


@pytest.mark.parametrize("seed", range(3))
def test_of_equal_times_the_same_one_is_named_however_the_segments_are_cut(tmp_path: Path, seed: int) -> None:
    """An unknown time is equal to another: a verdict must not change when an index is compacted."""
    text = " ".join(code(5, 100))
    origins = [msgspec.structs.replace(CLAUDE, time=UNKNOWN, provider=name) for name in ("anthropic", "own", "openai")]
    made = [ingredient(text, call=f"{seed}.{origin.provider}", origin=origin) for origin in origins]
    asked = [f"# host\n{text}", text]
    expected = answers(opened(tmp_path / "one", *made, common={}), asked)
    for number, order in enumerate(itertools.permutations(made)):
        folder = tmp_path / str(number)
        for part, one in enumerate(order):
            (index.add if part else index.build)(folder, [one], {})
        assert expected == answers(Index(folder), asked)


def test_of_a_short_text_in_many_segments_the_earliest_is_named_and_the_others_are_counted_as_in_one(
    tmp_path: Path,
) -> None:
    made = [output(SHORT, n) for n in (7, 3, 9)]
    one = opened(tmp_path / "one", *made, common={})
    many = piecewise(tmp_path / "many", made, 3)
    assert answers(one, [SHORT]) == answers(many, [SHORT])


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_rarity_counts_every_place_in_every_segment(tmp_path: Path, parts: int) -> None:
    made = [*outputs(3), *copies(3 * COPIES)]
    whole = piecewise(tmp_path / "i", made, parts)

    def rarity(index_: Index, text: str) -> int:
        ((found,),) = answers(index_, [text])
        return found.rarity

    words = TEMPLATE.split()
    assert 3 * COPIES == rarity(whole, f"# host\n{' '.join(words[:50])}")
    assert 1 == rarity(whole, f"# host\n{' '.join(code(1, 120)[:60])}")
    index.compact(tmp_path / "i")
    assert 3 * COPIES == rarity(Index(tmp_path / "i"), f"# host\n{' '.join(words[:50])}")


def test_an_output_of_many_alike_is_found_in_its_own_words_in_any_segment(tmp_path: Path) -> None:
    """More wordings of a template than postings of a gram are kept, spread over segments and compacted."""
    words = code(15, 60)
    variants = []
    for number in range(CAP + 20):
        rng = random.Random(number)
        new: dict[str, str] = {}
        variants.append(
            " ".join(
                new.setdefault(token, f"v{len(new)}x{rng.randrange(10**6)}")
                if token[-1].isdigit() and token[0].isalpha()
                else token
                for token in words
            )
        )
    made = [output(text, number) for number, text in enumerate(variants)]
    all_grams = tuple(range(len(made[0].passages[0].keys) // 8))
    made = [msgspec.structs.replace(one, verbatim=(all_grams,)) for one in made]
    whole = piecewise(tmp_path / "i", made, 3)
    for opened_ in (whole, None):
        if opened_ is None:
            index.compact(tmp_path / "i")
        found: list[tuple[Match, ...]] = answers(
            opened_ or Index(tmp_path / "i"), [f"# host\n{text}" for text in variants]
        )
        assert [one.id for one in made] == [matches[0].ingredient for matches in found]


def test_the_segments_of_a_kind_are_of_one_recipe_and_commons(tmp_path: Path) -> None:
    whole = piecewise(tmp_path / "i", outputs(4), 3)
    assert 1 == len({(part.manifest.recipe, *part.manifest.commons) for part in whole.segments})
    assert [0, *np.cumsum([part.counts.ingredients for part in whole.segments])[:-1].tolist()] == [
        part.base for part in whole.segments
    ]
    assert set(segment.NAMES) < set(whole.segments[0].manifest.files)
