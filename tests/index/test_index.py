"""Build and open: the same bytes however they come, one state or the next, and what is refused."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from provenance import index
from provenance.errors import StoreError
from provenance.fingerprint import RECIPE
from provenance.index import Index, commons, segment, spill
from provenance.model import UNKNOWN, Evidence, Ingredient, Status
from tests.index.samples import COPIES, answers, at, content, copies, everything, only_segment, output, outputs
from tests.making import CLAUDE, code, ingredient, opened

EVERYTHING = everything()


def varied(count: int, seed: int = 1) -> list[Ingredient]:
    """Outputs with several passages, flags, equal and unknown times, many origins, some without a signature."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        texts = [
            " ".join(code(rng.randrange(40), rng.choice([3, 24, 31, 32, 80, 150])))
            for _ in range(rng.choice([1, 1, 3]))
        ]
        origin = msgspec.structs.replace(
            CLAUDE,
            time=rng.choice([at(number), at(7), UNKNOWN]),
            session=f"s{rng.randrange(9)}",
            provider=rng.choice("ab"),
        )
        one = ingredient(*texts, call=f"c{number}", origin=origin, path=f"{rng.randrange(4)}.py")
        sizes = [len(passage.keys) // 8 for passage in one.passages]
        made.append(
            msgspec.structs.replace(
                one,
                verbatim=tuple(tuple(n for n in range(size) if rng.random() < 0.1) for size in sizes),
                shown=tuple(tuple(n for n in range(size) if rng.random() < 0.1) for size in sizes),
                signature=one.signature if rng.random() < 0.8 else b"",
                evidence=rng.choice(list(Evidence)),
                status=rng.choice(list(Status)),
            )
        )
    return made


def test_the_same_ingredients_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    made = [*varied(60), *EVERYTHING]
    first = index.build(tmp_path / "0", made, {})
    for number in range(1, 4):
        again = index.build(tmp_path / str(number), random.Random(number).sample(made, len(made)), {})
        assert first == again
        assert content(tmp_path / "0") == content(tmp_path / str(number))


@pytest.mark.parametrize("held", [1, 137, 100_000])
def test_a_build_that_spills_gives_the_bytes_of_one_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    made = [*varied(40), *copies(COPIES)]
    index.build(tmp_path / "memory", made, {})
    monkeypatch.setattr(spill, "HELD", held)
    monkeypatch.setattr(index, "BATCH", 31)
    index.build(tmp_path / "spilled", made, {})
    assert content(tmp_path / "memory") == content(tmp_path / "spilled")


def test_more_ingredients_than_one_block_of_cards_or_batch_are_all_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "BATCH", 50)
    made = [output(f"note {n} of {n * n}", n, session=f"s{n % 150}") for n in range(2 * segment.CARDS + 9)]
    whole = opened(tmp_path / "i", *reversed(made), common={})
    cards = [whole.card(number) for number in range(len(made))]
    assert [one.id for one in made] == [card.id for card in cards]
    assert [one.origin for one in made] == [card.origin for card in cards]


def test_a_card_says_what_the_ingredient_said(tmp_path: Path) -> None:
    made = {one.id: one for one in varied(50)}
    whole = opened(tmp_path / "i", *made.values(), common={})
    for number in range(len(made)):
        card = whole.card(number)
        for name in ("origin", "evidence", "kind", "status", "path"):
            assert getattr(made[card.id], name) == getattr(card, name)
    with pytest.raises(IndexError):
        whole.card(len(made))


def test_ingredients_are_numbered_by_time_and_an_unknown_time_is_last(tmp_path: Path) -> None:
    times = [
        "2026-03-02T00:00:00Z",
        UNKNOWN,
        "2026-01-01T00:00:00.5Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.25Z",
    ]
    made = [ingredient("x", call=str(n), origin=msgspec.structs.replace(CLAUDE, time=t)) for n, t in enumerate(times)]
    whole = opened(tmp_path / "i", *made, common={})
    assert [times[n] for n in (3, 4, 2, 0, 1)] == [whole.card(number).origin.time for number in range(5)]


def test_an_index_of_nothing_can_be_built_opened_asked_and_verified(tmp_path: Path) -> None:
    index.build(tmp_path / "i", [])
    assert 0 == Index(tmp_path / "i").counts.grams
    assert 0 == index.verify(tmp_path / "i").counts.ingredients
    assert [()] == answers(Index(tmp_path / "i"), [" ".join(code(1, 100))])


def test_an_index_counts_what_it_holds(tmp_path: Path) -> None:
    made = [*outputs(5, tokens=100), output("a b c", 90), *copies(COPIES)]
    info = index.build(tmp_path / "i", made, {})
    counts = info.counts
    assert (len(made), 1, 3) == (counts.ingredients, counts.short_ingredients, counts.short_tokens)
    assert 5 * 100 + 3 + 60 * COPIES == counts.all_tokens
    windows = (100 - RECIPE.t + 1) * 5 + (60 - RECIPE.t + 1) * COPIES
    assert (windows, 0, 0) == (counts.windows, counts.windows_floor, counts.windows_commons)
    (part,) = Index(tmp_path / "i").segments
    assert counts.postings == len(part.arrays["postings"])
    assert counts.grams == len(set(_places(part)))
    sizes = {path.name: path.stat().st_size for path in part.folder.iterdir()}
    assert sum(sizes[name] for name in (*segment.NAMES, "sums")) == info.size
    assert sum(sizes[name] for name in ("bands", "banded", "signatures", "signed")) == info.signatures
    assert (1, str(RECIPE), {}) == (info.segments, info.recipe, info.commons)


def _places(part: segment.Segment) -> list[int]:
    from provenance.fingerprint.table import Layout

    return Layout(part.maps["grams"]).places


def test_a_build_replaces_the_index_in_one_step_and_leaves_one_segment(tmp_path: Path) -> None:
    made = outputs(6)
    first = opened(tmp_path / "i", *made[:2], common={})
    second = opened(tmp_path / "i", *made, common={})
    assert (2, 6) == (first.counts.ingredients, second.counts.ingredients)
    assert 1 == len(list((tmp_path / "i" / "segments").iterdir()))


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no file that is open")
def test_a_reader_keeps_the_index_that_it_opened(tmp_path: Path) -> None:
    made = EVERYTHING[:8]
    reader = opened(tmp_path / "i", *made, common={})
    texts = [" ".join(code(n, 120)) for n in range(8)]
    expected = answers(opened(tmp_path / "other", *made, common={}), texts)
    index.add(tmp_path / "i", outputs(1, first=300), {})
    index.compact(tmp_path / "i")
    index.build(tmp_path / "i", outputs(1, first=400), {})
    assert not reader.segments[0].folder.exists()
    assert expected == answers(reader, texts)
    assert made[0].id == reader.card(0).id


@pytest.mark.parametrize("old", ["of format 1", "of another recipe", "damaged", "of no segments"])
def test_a_build_replaces_whatever_index_is_there(tmp_path: Path, old: str) -> None:
    """What the error of an older index says to do must work."""
    index.build(tmp_path / "i", outputs(1), {})
    path = tmp_path / "i" / "manifest.json"
    root = json.loads(path.read_text())
    content_ = {
        "of format 1": json.dumps(root | {"format": 1}),
        "of another recipe": json.dumps(root | {"recipe": "p0.k10"}),
        "damaged": "{",
        "of no segments": json.dumps(root | {"segments": []}),
    }
    path.write_text(content_[old])
    assert 3 == index.build(tmp_path / "i", outputs(3), {}).counts.ingredients
    assert 3 == index.verify(tmp_path / "i").counts.ingredients
    assert 1 == len(list((tmp_path / "i" / "segments").iterdir()))


def test_an_index_of_another_recipe_says_so_and_what_to_do(tmp_path: Path) -> None:
    opened(tmp_path / "i", *outputs(1), common={})
    path = tmp_path / "i" / "manifest.json"
    root = json.loads(path.read_text())
    path.write_text(json.dumps(root | {"recipe": "p0.k10"}))
    with pytest.raises(StoreError) as error:
        Index(tmp_path / "i")
    assert "built with recipe p0.k10; this version has" in str(error.value)
    assert "provenance index build" in str(error.value)


def test_a_folder_that_is_no_index_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "file"):
        for call in (Index, index.info, index.verify, index.compact):
            with pytest.raises(StoreError, match=r"no index here \(run 'provenance index build'"):
                call(path)
        assert set() == index.sources(path)
    assert ["file"] == [path.name for path in tmp_path.iterdir() if path.name != "home"]


def test_a_build_that_fails_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    index.build(tmp_path / "i", outputs(2), {})
    before = content(tmp_path / "i")

    def cut_off() -> object:
        yield outputs(1)[0]
        raise StoreError("the store is damaged")

    for call in (index.build, index.add):
        with pytest.raises(StoreError, match="the store is damaged"):
            call(tmp_path / "i", cut_off(), {})  # type: ignore[arg-type]
        assert before == content(tmp_path / "i")


def test_commons_are_suppressed_before_selection_and_counted(tmp_path: Path) -> None:
    words = code(9, 200)
    licence = commons.keys_of([" ".join(words[40:120]).encode()])
    plain = opened(tmp_path / "a", ingredient(" ".join(words)), common={})
    less = opened(tmp_path / "b", ingredient(" ".join(words)), common={"ours": licence, "none": licence[:0]})
    assert 0 == plain.counts.windows_commons
    assert less.counts.windows_commons > 0
    places = set((licence * np.uint64(0x9E3779B97F4A7C15)).tolist())
    assert places & set(_places(plain.segments[0]))
    assert not places & set(_places(less.segments[0]))
    assert ["none", "ours"] == list(less.segments[0].manifest.commons)


def test_the_base_set_is_suppressed_unless_others_are_given(tmp_path: Path) -> None:
    assert [commons.BASE] == list(index.build(tmp_path / "i", outputs(1)).commons)
    keys = commons.base()
    assert len(keys) > 50_000
    assert bool((np.diff(keys.astype(np.uint64)) > 0).all())


def test_of_outputs_with_the_same_words_the_earliest_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    (part,) = opened(tmp_path / "i", *random.Random(1).sample(copies(COPIES), COPIES), common={}).segments
    assert {COPIES} == set(part.arrays["crowded"]["total"].tolist())
    _, entries = np.unique(_places(part), return_counts=True)
    assert {segment.CAP} == set(entries.tolist())
    owners, _ = part.owners(segment.tokens_of(part.arrays["postings"]))
    assert set(range(segment.CAP)) == set(owners.tolist())


def test_positions_run_on_through_the_passages_with_a_gap(tmp_path: Path) -> None:
    texts = [" ".join(code(seed, tokens)) for seed, tokens in ((1, 40), (2, 5), (3, 60))]
    (part,) = opened(tmp_path / "i", ingredient("x y z"), ingredient(*texts, call="b"), common={}).segments
    spans = np.diff(part.arrays["firsts"]).tolist()
    gap = segment.GAP
    assert sorted([3 + gap, 40 + gap + 5 + gap + 60 + gap]) == sorted(spans)
    _, positions = part.owners(segment.tokens_of(part.arrays["postings"]))
    starts = {int(at_) for at_ in positions.tolist()}
    assert {0, 40 - RECIPE.k, 45 + 2 * gap, 105 + 2 * gap - RECIPE.k} <= starts
    assert not starts & {*range(40 - RECIPE.k + 1, 45 + 2 * gap)}


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH", 2)
    told: list[tuple[str, int, int]] = []
    index.build(tmp_path / "i", outputs(5), {}, progress=lambda *one: told.append(one))
    grams = index.info(tmp_path / "i").counts.postings
    assert [("ingredients", 2, 0), ("ingredients", 4, 0), ("ingredients", 5, 0), ("grams", grams, grams)] == told


def test_the_segment_of_a_number_is_found_also_beside_empty_ones(tmp_path: Path) -> None:
    index.build(tmp_path / "i", [], {})
    made = outputs(5)
    for batch in (made[:2], [], made[2:3], [], [], made[3:], []):
        index.add(tmp_path / "i", batch, {})
    whole = Index(tmp_path / "i")
    assert [one.id for one in made] == [whole.card(number).id for number in range(5)]


def test_only_one_segment_stands_after_a_build(tmp_path: Path) -> None:
    index.build(tmp_path / "i", outputs(1), {})
    index.build(tmp_path / "i", outputs(1), {})
    assert only_segment(tmp_path / "i").name == "00000002"


@pytest.mark.parametrize("manifest", [b'{"name": "my web app"}', b"not JSON", b"[]"])
def test_a_folder_with_a_manifest_of_something_else_is_left_alone(tmp_path: Path, manifest: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(manifest)
    with pytest.raises(StoreError, match="stands in the way and is not an index's"):
        index.build(tmp_path, outputs(1), {})
    assert manifest == (tmp_path / "manifest.json").read_bytes()


def test_what_is_not_the_indexs_own_stays_where_it_is(tmp_path: Path) -> None:
    mine = [tmp_path / "segments" / "audio1" / "a.wav", tmp_path / "segments" / "0001" / "x", tmp_path / ".draft.tmp"]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("precious")
    index.build(tmp_path, outputs(1), {})
    index.build(tmp_path, outputs(2), {})
    assert ["precious"] * 3 == [path.read_text() for path in mine]


def test_the_same_part_of_a_store_is_not_added_twice(tmp_path: Path) -> None:
    index.build(tmp_path / "i", outputs(1), {}, ["a:1"])
    index.add(tmp_path / "i", outputs(1, first=1), {}, ["b:1"])
    with pytest.raises(StoreError, match="holds b:1 already; nothing was changed"):
        index.add(tmp_path / "i", outputs(1, first=1), {}, ["b:1", "c:1"])
    assert 2 == index.info(tmp_path / "i").counts.ingredients
