"""The promise, against a brute-force oracle, and what matches say."""

from __future__ import annotations

import random
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from provenance import fingerprint, matching
from provenance.fingerprint import RECIPE
from provenance.index import Index
from provenance.model import Grade, Match, Similarity
from tests.making import CLAUDE, code, ingredient, opened


def matches(text: str | bytes, index: Index, similar: bool = True) -> tuple[Match, ...]:
    data = text.encode() if isinstance(text, str) else text
    _, found = matching.match(data, np.array([0, len(data)], np.int64), index, similar)
    return tuple(match for one in found for match in one.matches)


def spread(tokens: list[str], rng: random.Random) -> str:
    """The tokens with white space of every kind between them, always where two words would run together."""
    spaces = [" ", "\n", "\t", "  \n\t", "\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff"]
    return "".join(token + rng.choice(spaces) for token in tokens)


NAMES = re.compile(r"[A-Za-z_]\w*")


def renamed(tokens: list[str], rng: random.Random) -> list[str]:
    """The tokens with every name that is no keyword replaced, consistently, and every number changed."""
    new: dict[str, str] = {}
    return [
        new.setdefault(token, f"v{len(new)}x{rng.randrange(10**6)}")
        if fingerprint.blind(token.encode()) == b"name"
        else str(rng.randrange(10**6))
        if token[0].isdigit()
        else token
        for token in tokens
    ]


def test_a_fragment_says_where_it_stands_on_both_sides(tmp_path: Path) -> None:
    passage = code(1, 200)
    lines = [" ".join(passage[i : i + 10]) for i in range(0, 200, 10)]
    index = opened(tmp_path / "i", ingredient("\n".join(lines)))
    host = ["# a line of a person"] * 5
    text = "\n".join([*host, *lines[4:12], *host])
    (found,) = matches(text, index)
    assert (Similarity.FRAGMENT, Grade.COPIED) == (found.similarity, found.grade)
    assert (6, 13) == (found.first_line, found.last_line)
    assert text.encode()[found.start : found.end].decode() in "\n".join(lines[4:12])
    assert 80 >= found.tokens == found.run >= 80 - 2 * (RECIPE.w - 1)
    assert pytest.approx(found.tokens / 200, abs=1e-3) == found.ingredient_coverage


def test_an_output_that_stands_whole_in_a_text_is_verified_from_end_to_end(tmp_path: Path) -> None:
    passage = " ".join(code(2, 90))
    index = opened(tmp_path / "i", ingredient(passage))
    (found,) = matches("before it\n" + passage + "\nafter it", index)
    assert (90, 90, 1.0) == (found.tokens, found.run, found.ingredient_coverage)


def test_equal_texts_are_exact_however_formatted(tmp_path: Path) -> None:
    passage = code(3, 60)
    index = opened(tmp_path / "i", ingredient(" ".join(passage)))
    (found,) = matches("\n\t".join(passage), index)
    assert (Similarity.EXACT, Grade.COPIED, 60) == (found.similarity, found.grade, found.tokens)


def test_a_short_text_is_found_as_a_whole_unit_and_is_an_idiom_when_very_short(tmp_path: Path) -> None:
    index = opened(tmp_path / "i", ingredient("return total / len(rows) if rows else None"))
    (found,) = matches("return total / len(rows)\n    if rows else None", index)
    assert (Similarity.EXACT, Grade.IDIOM) == (found.similarity, found.grade)
    assert () == matches("x = 1\nreturn total / len(rows) if rows else None", index)


def test_renamed_code_is_found_and_called_renamed(tmp_path: Path) -> None:
    passage = code(4, 150)
    index = opened(tmp_path / "i", ingredient(" ".join(passage)))
    (found,) = matches(" ".join(renamed(passage, random.Random(1))), index, similar=False)
    assert (Similarity.RENAMED, Grade.COPIED) == (found.similarity, found.grade)


def test_a_repeating_pattern_under_other_names_is_an_idiom(tmp_path: Path) -> None:
    def contents(names: list[str]) -> str:
        return "\n".join(f"- [{name.title()}](#{name})" for name in names)

    ours = [f"chapter{n} part{n}" for n in range(30)]
    theirs = [f"section{n} piece{n}" for n in range(30)]
    index = opened(tmp_path / "i", ingredient(contents(ours)))
    assert {Grade.IDIOM} >= {found.grade for found in matches(contents(theirs), index, similar=False)}


def test_many_outputs_with_the_same_text_are_one_match_that_names_the_earliest(tmp_path: Path) -> None:
    text = " ".join(code(5, 100))
    times = ["2026-03-02T00:00:00Z", "2026-01-01T00:00:00Z", "unknown", "2026-02-01T00:00:00Z"]
    made = [
        ingredient(text, call=f"c{n}", origin=msgspec.structs.replace(CLAUDE, time=time))
        for n, time in enumerate(times)
    ]
    (found,) = matches("host " * 5 + text, opened(tmp_path / "i", *made))
    assert ("2026-01-01T00:00:00Z", 3) == (found.origin.time, found.others)


def test_of_many_outputs_alike_under_other_names_each_is_found_in_its_own_words(tmp_path: Path) -> None:
    words = code(15, 80)
    variants = [" ".join(renamed(words, random.Random(n))) for n in range(150)]
    made = [ingredient(text, call=f"c{n}") for n, text in enumerate(variants)]
    all_grams = tuple(range(len(made[0].passages[0].keys) // 8))
    index = opened(tmp_path / "i", *(msgspec.structs.replace(one, verbatim=(all_grams,)) for one in made))
    missed = [n for n, text in enumerate(variants) if not matches(f"a b {text}", index, similar=False)]
    assert [] == missed
    names = [matches(f"a b {text}", index, similar=False)[0].ingredient for text in variants]
    assert [one.id for one in made] == names


def test_one_idiom_that_recurs_is_still_an_idiom(tmp_path: Path) -> None:
    loop = "for (let i = 0; i < items.length; i++) { const one = items[i]"
    index = opened(tmp_path / "i", ingredient(loop + "\n" + " ".join(code(1000, 200))))
    host = "\n".join(f"function f{n}(items) {{ {loop} {' '.join(code(n, 9))} }}" for n in range(30))
    assert [Grade.IDIOM] == [one.grade for one in matches(host, index, similar=False)]


def test_two_outputs_in_one_text_are_two_matches(tmp_path: Path) -> None:
    one, two = " ".join(code(6, 80)), " ".join(code(7, 80))
    index = opened(tmp_path / "i", ingredient(one, call="one"), ingredient(two, call="two"))
    assert 2 == len(matches(one + "\nbetween them\n" + two, index))


def test_a_run_does_not_join_across_the_passages_of_an_output(tmp_path: Path) -> None:
    words = code(8, 80)
    index = opened(tmp_path / "i", ingredient(" ".join(words[:40]), " ".join(words[40:])))
    (found,) = matches(" ".join(words) + " and more of it", index)
    assert 40 == found.run


def test_a_gram_shown_under_other_names_matches_word_for_word_only(tmp_path: Path) -> None:
    words = code(9, 80)
    made = ingredient(" ".join(words))
    all_grams = tuple(range(len(made.passages[0].keys) // 8))
    index = opened(tmp_path / "i", msgspec.structs.replace(made, verbatim=(all_grams,)))
    assert () == matches(" ".join(renamed(words, random.Random(3))), index, similar=False)
    assert [Similarity.FRAGMENT] == [one.similarity for one in matches("x " + " ".join(words), index, similar=False)]


def test_texts_without_an_eligible_gram_are_still_similar_as_wholes(tmp_path: Path) -> None:
    rng = random.Random(11)
    words = [rng.choice("north south east west up down in out".split()) for _ in range(400)]
    edited = ["nowhere" if n % 40 == 7 else word for n, word in enumerate(words)]
    index = opened(tmp_path / "i", ingredient(" ".join(words)))
    assert 0 == index.counts.grams
    (found,) = matches(spread(edited, rng), index)
    assert (Similarity.SIMILAR, Grade.NEAR_COPY) == (found.similarity, found.grade)
    assert 0.7 <= found.jaccard < 0.9
    assert () == matches(spread(edited, rng), index, similar=False)


def test_short_or_incomparable_texts_are_not_similar(tmp_path: Path) -> None:
    words = code(12, 400)
    index = opened(tmp_path / "i", ingredient(" ".join(words)))
    assert [] == [m for m in matches(" ".join(words * 3), index) if m.similarity is Similarity.SIMILAR]


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"\xff\xfe\x80" * 50, b" \n" * 100, "\u200b\ufeff".encode() * 30])
def test_texts_without_a_word_match_nothing(tmp_path: Path, data: bytes) -> None:
    index = opened(tmp_path / "i", ingredient(" ".join(code(13, 60))))
    assert () == matches(data, index)


def test_units_of_one_batch_are_told_apart(tmp_path: Path) -> None:
    text = " ".join(code(14, 60))
    index = opened(tmp_path / "i", ingredient(text))
    parts = [b"nothing here", text.encode(), b"", ("x y " + text).encode()]
    offsets = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    _, found = matching.match(b"".join(parts), offsets, index)
    assert [1, 3] == [one.unit for one in found]
