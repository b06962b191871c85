from __future__ import annotations

import json
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import fingerprint, matching, views
from provenance.fingerprint import clothes, reference
from provenance.model import Grade
from tests.making import code, ingredient, opened

LINES = [" ".join(code(21, 120)[i : i + 8]) for i in range(0, 120, 8)]
TEXT = "\n".join(LINES)

CLOTHES = {
    "JSON string": json.dumps({"role": "assistant", "content": TEXT}),
    "JSON string in another script": json.dumps({"c": TEXT + "\u4e2d\u6587"}),
    "notebook": json.dumps({"cells": [{"cell_type": "code", "source": [line + "\n" for line in LINES]}]}, indent=1),
    "diff": "--- a/x\n+++ b/x\n@@ -1 +1,15 @@\n old line\n-gone\n" + textwrap.indent(TEXT, "+"),
    "quote": "He wrote:\n\n" + textwrap.indent(TEXT, "> "),
    "quote in quote": textwrap.indent(TEXT, ">> "),
    "JSON in JSON": json.dumps({"arguments": json.dumps({"content": TEXT})}),
    "JSON with an emoji": json.dumps({"c": "\U0001f600 " + TEXT}),
    "diff in JSON string": json.dumps({"patch": "@@ -1 +1 @@\n" + textwrap.indent(TEXT, "+")}),
    "quote in JSON string": json.dumps({"mail": textwrap.indent(TEXT, "> ")}),
    "fence": f"Look:\n\n```py\n{TEXT}\n```\n",
    "lines with a comment each": "\n".join(f"{line}  # and so on" for line in LINES),
    "comments of C between": "\n".join(f"/* {number}\n * of many */ {line} // so" for number, line in enumerate(LINES)),
    "comments of SQL in JSON string": json.dumps({"q": "\n".join(f"{line} -- as before" for line in LINES)}),
    "comments of markup": "\n".join(f"{line} <!-- here\nand there -->" for line in LINES),
}


def flags_of(text: bytes) -> int:
    return int(fingerprint.engine.clothes(text, np.array([0, len(text)], np.int64))[0])


def unwrapped(texts: list[bytes], flags: int) -> list[tuple[views.Layer, int]]:
    """Every view of the texts, all of them with these signs: its layer, and its number there."""
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    found = list(views.layers(b"".join(texts), offsets, np.full(len(texts), flags, np.uint8)))
    found += [views.bare(layer, np.arange(len(layer.numbers))) for layer in found if layer.sign == clothes.COMMENTED]
    return [(layer, view) for layer in found for view in range(len(layer.numbers))]


@pytest.mark.parametrize("clothes", list(CLOTHES))
def test_an_output_is_found_through_its_clothes_and_the_match_says_so(tmp_path: Path, clothes: str) -> None:
    index = opened(tmp_path / "i", ingredient(TEXT))
    data = CLOTHES[clothes].encode()
    _, found = matching.match(data, np.array([0, len(data)], np.int64), index)
    ((match,),) = [one.matches for one in found]
    assert Grade.COPIED == match.grade
    assert 120 == match.tokens
    assert match.view != "raw"
    assert LINES[0].split(" ")[0].encode() in data[match.start : match.start + 60]
    assert 0 <= match.start < match.end <= len(data)
    assert 1 <= match.first_line <= match.last_line <= data.count(b"\n") + 1


def test_a_short_output_alone_in_a_fence_is_exact(tmp_path: Path) -> None:
    short = "total = sum(row.amount for row in rows if row.paid)\nreturn total / max(1, len(rows))"
    index = opened(tmp_path / "i", ingredient(short))
    data = f"Use this:\n```python\n{short}\n```\nand go on.".encode()
    _, found = matching.match(data, np.array([0, len(data)], np.int64), index)
    ((match,),) = [one.matches for one in found]
    assert ("exact", "fence", 3, 4) == (match.similarity, match.view, match.first_line, match.last_line)


def test_plain_code_wears_nothing() -> None:
    assert 0 == flags_of(
        Path(views.__file__).read_bytes().replace(b"\\n", b"").replace(b"```", b"").replace(b"# ", b"")
    )


COMMENTS = [b"# ", b" #", b"//", b"/*", b"*/", b" -- ", b"<!--", b"-->", b":", b"ab cd "]
pieces = st.lists(
    st.sampled_from(
        [*COMMENTS, b"+", b">", b"\n", b"`", b"```", b"\\", b"n", b'"', b",", b"\\n", b"\\u00e9", b"x = 1", b" ", b"@@"]
    ),
    max_size=80,
).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces | st.binary(max_size=60), min_size=1, max_size=4))
def test_the_kernel_sees_the_clothes_that_the_reference_sees(texts: list[bytes]) -> None:
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    data = b"".join(texts)
    assert reference.clothes(data, offsets.tobytes()) == fingerprint.engine.clothes(data, offsets)


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces | st.binary(max_size=60), max_size=4), st.data())
def test_the_kernel_unwraps_as_the_reference_does(texts: list[bytes], data: st.DataObject) -> None:
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    flags = bytes(data.draw(st.lists(st.integers(0, 31), min_size=len(texts), max_size=len(texts))))
    for sign in views.NAMES:
        expected = reference.unwrap(b"".join(texts), offsets.tobytes(), flags, sign)
        assert expected == fingerprint.engine.unwrap(b"".join(texts), offsets, flags, sign)


def test_a_sign_that_is_none_and_flags_of_other_texts_are_refused() -> None:
    offsets = np.array([0, 3], np.int64)
    for engine in (reference, fingerprint.engine):
        for flags, sign in ((b"\xff", 3), (b"\xff", 64), (b"", 1), (b"\1\1", 1)):
            with pytest.raises(ValueError, match=r"sign|flags"):
                engine.unwrap(b"abc", offsets.tobytes(), flags, sign)


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces | st.binary(max_size=200), min_size=1, max_size=3), st.integers(0, 31))
def test_any_text_can_be_unwrapped_and_every_byte_leads_back_into_it(texts: list[bytes], flags: int) -> None:
    for layer, view in unwrapped(texts, flags):
        text = texts[layer.unit(view)]
        inner = layer.texts[layer.offsets[view] : layer.offsets[view + 1]]
        places = [layer.place(view, at) for at in range(len(inner))]
        assert places == sorted(places)
        assert all(0 <= place < len(text) for place in places)
        for byte, place in zip(inner, places, strict=True):
            assert byte in (text[place], ord(" ")) or b"\\" in text[max(0, place - 3) : place + 1]


ESCAPES = {
    '{"a": "x\\n\\ty"}\n{}\nout\n': '{"a": "x\n\ty"}\n{}\n',
    '"a\\n", "b\\n"\n': '"a\nb\n"\n',
    '"\\u00e9\\ud83d\\ude00\\ud83d.\\n"': '"é\U0001f600\ufffd.\n"',
    'no\nbreak\\t\n"\\\\n\\""': '"\\n""',
}


@pytest.mark.parametrize("text", ESCAPES)
def test_escapes_are_replaced_on_lines_with_an_escaped_line_break_and_the_line_behind(text: str) -> None:
    data = text.encode()
    layer, _ = unwrapped([data], clothes.ESCAPED)[0]
    assert ESCAPES[text] == layer.texts.decode()


def test_comments_are_cut_out_and_what_stands_around_them_is_looked_at_first() -> None:
    code_ = " ".join(f"t{number}" for number in range(100))
    text = f"{code_} // why\n{code_} http://a#b #fff --x a--\n{code_} # end".encode()
    around, last, bare = (layer for layer, _ in unwrapped([text], flags_of(text)))
    told = [f"t{number}" for number in range(76, 100)] + [f"t{number}" for number in range(24)]
    assert told + told[:24] == around.texts.decode().split()
    assert around is last
    assert "without comments" == bare.name(0)
    assert text.replace(b"// why", b" ").replace(b"# end", b" ").split() == bare.texts.split()
    assert text.index(b"http:") == bare.place(0, bare.texts.index(b"http:"))


@pytest.mark.parametrize("length", [60, 140])
@pytest.mark.parametrize("every", [20, 30, 49, 55, 63, 70, 79])
def test_comments_put_into_a_copy_change_neither_its_grade_nor_its_tokens(
    tmp_path: Path, length: int, every: int
) -> None:
    tokens = code(5, 900)
    index = opened(tmp_path / "i", ingredient(" ".join(tokens)))
    copy = tokens[300 : 300 + length]
    lines = [" ".join(copy[at : at + every]) + "  # so" for at in range(0, length, every)]
    data = "\n".join([" ".join(code(1, 400)), *lines, " ".join(code(2, 400))]).encode()
    _, found = matching.match(data, np.array([0, len(data)], np.int64), index)
    ((match,),) = [one.matches for one in found]
    assert ("fragment", "copied") == (match.similarity, match.grade)
    assert length - 4 <= match.tokens <= length


def test_a_stretch_around_comments_is_no_whole_text(tmp_path: Path) -> None:
    index = opened(tmp_path / "i", ingredient("0, " * 24))
    text = " ".join(code(3, 300)) + "\nint t[] = {" + "0, " * 24 + "/* 24 */ " + "0, " * 200 + "};\n"
    _, found = matching.match(text.encode(), np.array([0, len(text)], np.int64), index)
    assert [] == list(found)


def test_a_text_without_comments_covers_its_share_of_the_whole_text(tmp_path: Path) -> None:
    index = opened(tmp_path / "i", ingredient(TEXT))
    text = "\n".join([" ".join(code(1, 400)), *(f"{line}  # so" for line in LINES), " ".join(code(2, 400))])
    data = text.encode()
    _, found = matching.match(data, np.array([0, len(data)], np.int64), index)
    ((match,),) = [one.matches for one in found]
    assert ("fragment", "copied", "without comments", 120) == (match.similarity, match.grade, match.view, match.tokens)
    assert 120 / 920 == pytest.approx(match.unit_coverage, abs=1e-4)


def test_clothes_in_clothes_are_taken_off_three_deep_the_outermost_first() -> None:
    text = json.dumps({"patch": json.dumps({"d": "".join(f"+> line {one}\n" for one in range(9))})}).encode()
    found = unwrapped([text], flags_of(text))
    names = ["JSON string", "JSON string in JSON string", "diff in JSON string in JSON string"]
    assert names == [layer.name(view) for layer, view in found]
    layer, view = found[-1]
    assert b"line 3" == text[layer.place(view, layer.texts.index(b"line 3")) :][:6]


def test_unwrapping_is_linear_in_the_text() -> None:
    hostile = [
        b"\\n" * 200_000,
        b"\n+" * 200_000,
        b"\n>" * 200_000,
        b"```" * 200_000,
        b"> > " * 200_000,
        b"`" * 800_000,
        b'\\n"  , ' * 100_000,
        b"/* " * 200_000,
        b"\n#" * 200_000,
        b"x //\n" * 200_000,
        b"a <!-- --> " + b" " * 800_000 + b" /**/ b",
    ]
    for text in hostile:
        assert len(unwrapped([text], 31)) < 12
