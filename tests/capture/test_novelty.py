from __future__ import annotations

import importlib
import random
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from provenance import fingerprint, matching
from provenance.capture import novelty
from provenance.capture.session import Event, Shown, Wrote
from provenance.fingerprint import RECIPE, reference
from provenance.model import Evidence, Origin, Status
from tests.making import code, opened

ORIGIN = Origin(provider="anthropic", model="claude-opus-4-7", tool="claude-code", session="s1")


def engines() -> list[ModuleType]:
    try:
        return [reference, importlib.import_module("provenance.fingerprint._kernel")]
    except ImportError:
        return [reference]


@pytest.fixture(params=engines(), ids=lambda engine: engine.__name__.rpartition(".")[2], autouse=True)
def _either_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "engine", request.param)


@pytest.fixture
def cut_at_t(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out shown runs of t tokens already, so that small texts show what happens at a cut."""
    monkeypatch.setattr(novelty, "CUT", RECIPE.t)


def text(seed: int, tokens: int) -> str:
    words = code(seed, tokens)
    return "\n".join(" ".join(words[at : at + 8]) for at in range(0, tokens, 8))


def wrote(*blocks: str, before: tuple[str, ...] = (), kind: str = "edit", ordinal: int = 0) -> Wrote:
    return Wrote(blocks, before, kind, "a.py", "call", ordinal, Status.APPLIED, ORIGIN)


def new(*events: Event) -> list[list[str]]:
    """The new tokens of each passage of each output, each passage in a line."""
    return [[line(passage.new.decode()) for passage in item.passages] for item in novelty.added(events)]


def line(words: str) -> str:
    return " ".join(words.split())


A, B, C = text(1, 60), text(2, 60), text(3, 60)


def test_what_nobody_had_shown_is_the_models_whole() -> None:
    assert [[line(A)]] == new(Shown(B), wrote(A))


def test_what_was_shown_does_not_count_as_added() -> None:
    assert [[line(f"{A} {C}")]] == new(Shown(B), wrote(f"{A}\n{B}\n{C}"))


@pytest.mark.usefixtures("cut_at_t")
def test_at_a_cut_the_shown_run_is_taken_out_and_what_is_left_does_not_join() -> None:
    assert [[line(A), line(C)]] == new(Shown(B), wrote(f"{A}\n{B}\n{C}"))


def matched(dataset: str, *events: Event) -> int:
    """The tokens of a text that match what the session added."""
    made = [one for item in novelty.added(events) if (one := novelty.ingredient(item, Evidence.TRANSCRIPT))]
    with tempfile.TemporaryDirectory() as folder:
        index = opened(Path(folder) / "i", *made)
        data = dataset.encode()
        _, found = matching.match(data, np.array([0, len(data)], np.int64), index, similar=False)
        return sum(match.tokens for one in found for match in one.matches)


def test_what_a_person_wrote_matches_nothing_however_often_the_model_repeats_it() -> None:
    session = [Shown(B), wrote(f"{A}\n{B}\n{C}"), wrote(f"{B}\n{A}", ordinal=1), wrote(B, ordinal=2)]
    assert 0 == matched(B, *session)
    assert 0 == matched(f"x = 1\n{B}\ny = 2", *session)


def test_the_models_text_is_verified_through_the_shown_lines_that_it_repeats() -> None:
    assert 180 == matched(f"{A}\n{B}\n{C}", Shown(B), wrote(f"{A}\n{B}\n{C}"))


def test_a_shown_text_under_other_names_does_not_match_the_models_variant() -> None:
    other = RENAMED.replace("rows", "items").replace("result", "amount").replace("total_of", "sum_of")
    assert 0 == matched(RENAMED, Shown(RENAMED), wrote(other))
    assert 0 < matched(RENAMED, wrote(other))
    assert 0 < matched(other, Shown(RENAMED), wrote(other))


@pytest.mark.usefixtures("cut_at_t")
@pytest.mark.parametrize("around", ["{}", "\n\n{}\n", "before after\n{}"])
def test_what_was_shown_in_other_company_is_taken_out(around: str) -> None:
    assert [[line(A)]] == new(Shown(around.format(B)), wrote(f"{A}\n{B}"))


@pytest.mark.usefixtures("cut_at_t")
@pytest.mark.parametrize("prefix", ["{n:6d}→", "{n:6d}\t", "{n}:", "src/a.py:{n}:", "+", "- "], ids=repr)
def test_what_a_numbered_or_marked_listing_showed_is_taken_out(prefix: str) -> None:
    rows = [prefix.strip(" ").format(n=n) + row for n, row in enumerate(B.split("\n"), 7)]
    assert [[line(A)]] == new(Shown("\n".join(rows)), wrote(f"{A}\n{B}"))


@pytest.mark.usefixtures("cut_at_t")
def test_a_pre_image_is_taken_out() -> None:
    assert [[line(A)]] == new(wrote(f"{A}\n{B}", before=(B,)))


def test_a_shown_run_shorter_than_a_gram_leaves_no_mark() -> None:
    short = text(4, RECIPE.k - 1)
    assert [[line(f"{A} {short} {C}")]] == new(Shown(short), wrote(f"{A}\n{short}\n{C}"))


@pytest.mark.parametrize("tokens", [RECIPE.k, RECIPE.t - 1, RECIPE.t, 60])
def test_an_output_that_was_shown_word_for_word_adds_nothing(tokens: int) -> None:
    shown = text(4, tokens)
    assert [[]] == new(Shown(f"{A}\n{shown}\n{C}"), wrote(shown))


def test_what_the_model_wrote_first_stays_its_own_when_it_reads_it_back() -> None:
    assert [[line(A)], [line(A)]] == new(wrote(A), Shown(A), wrote(A, ordinal=1))


def test_its_own_text_as_pre_image_of_its_next_edit_stays_its_own() -> None:
    assert [[line(A)], [line(f"{A} {B}")]] == new(wrote(A), wrote(f"{A}\n{B}", before=(A,), ordinal=1))


def test_what_was_shown_first_does_not_become_the_models_by_being_repeated() -> None:
    assert [[], [], [line(A)]] == new(Shown(B), wrote(B), wrote(B, ordinal=1), wrote(A, ordinal=2))


def test_a_corrected_word_in_a_shown_text_claims_nothing() -> None:
    words = text(2, 80).split()
    words[40] = "corrected"
    assert 0 == matched(" ".join(words), Shown(text(2, 80)), wrote(" ".join(words)))


@pytest.mark.usefixtures("cut_at_t")
def test_at_a_cut_a_corrected_word_claims_no_gram() -> None:
    shown = text(2, 80)
    words = shown.split()
    words[40] = "corrected"
    (item,) = novelty.added([Shown(shown), wrote(" ".join(words))])
    assert [b"corrected"] == [passage.new for passage in item.passages]
    assert not any(fingerprint.fingerprint(passage.text).keys for passage in item.passages)


@pytest.mark.usefixtures("cut_at_t")
def test_of_a_longer_insertion_the_grams_with_enough_new_tokens_are_the_models() -> None:
    shown = text(2, 80)
    words, fresh = shown.split(), text(9, novelty.NEW).split()
    (item,) = novelty.added([Shown(shown), wrote(" ".join([*words[:40], *fresh, *words[40:]]))])
    (passage,) = item.passages
    assert " ".join(fresh).encode() == passage.new
    assert novelty.NEW + 2 * (RECIPE.k - novelty.NEW) == fingerprint.fingerprint(passage.text).tokens


RENAMED = """\
def total_of(rows):
    result = 0
    for row in rows:
        if row.size > 0:
            result += row.size
"""


def test_a_variant_of_shown_code_under_other_names_is_matched_word_for_word_only() -> None:
    other = RENAMED.replace("rows", "items").replace("result", "amount").replace("total_of", "sum_of")
    (item,) = novelty.added([Shown(RENAMED), wrote(other)])
    (passage,) = item.passages
    assert passage.verbatim
    (free,) = next(novelty.added([Shown(A), wrote(other)])).passages
    assert () == free.verbatim


def test_the_order_of_the_session_decides() -> None:
    assert [[line(B)]] == new(wrote(B), Shown(B))
    assert [[]] == new(Shown(B), wrote(B))


def test_what_another_output_of_the_session_wrote_is_not_taken_out() -> None:
    assert [[line(A)], [line(A)]] == new(wrote(A, kind="subagent"), wrote(A, kind="write", ordinal=1))


@pytest.mark.parametrize("empty", ["", "\n \t", "\ufeff"])
def test_an_output_without_a_token_is_no_ingredient(empty: str) -> None:
    (item,) = novelty.added([wrote(empty)])
    assert novelty.ingredient(item, Evidence.TRANSCRIPT) is None
    (none,) = novelty.added([wrote()])
    assert novelty.ingredient(none, Evidence.TRANSCRIPT) is None


@pytest.mark.usefixtures("cut_at_t")
def test_an_ingredient_has_the_grams_of_its_passages_and_the_digest_of_what_is_new() -> None:
    (item,) = novelty.added([Shown(B), wrote(f"{A}\n{B}\n{C}")])
    one = novelty.ingredient(item, Evidence.TRANSCRIPT)
    assert one is not None
    assert (2, 120, ORIGIN, "a.py") == (len(one.passages), one.whole.tokens, one.origin, one.path)
    assert fingerprint.exact_digest(f"{A} {C}".encode()) == one.whole.digest
    assert len(one.passages) == len(one.verbatim)


def test_the_same_output_has_the_same_id_and_another_ordinal_another() -> None:
    ids = [
        one.id
        for ordinal in (0, 0, 1)
        for item in novelty.added([wrote(A, ordinal=ordinal)])
        if (one := novelty.ingredient(item, Evidence.TRANSCRIPT))
    ]
    assert (ids[0] == ids[1], 2) == (True, len(set(ids)))


@pytest.mark.usefixtures("cut_at_t")
def test_many_shown_pieces_in_random_company_leave_exactly_the_new_ones() -> None:
    rng = random.Random(5)
    for _ in range(10):
        pieces = [(text(rng.randrange(10**6), rng.randrange(RECIPE.t, 80)), rng.random() < 0.5) for _ in range(6)]
        shown = [Shown(piece) for piece, is_new in pieces if not is_new]
        expected = " ".join(line(piece) for piece, is_new in pieces if is_new)
        (passages,) = new(*shown, wrote("\n".join(piece for piece, _ in pieces)))
        assert expected == " ".join(passages)
