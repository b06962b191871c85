from __future__ import annotations

import json
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import fingerprint, matching, views
from provenance.fingerprint import reference
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
}


def flags_of(text: bytes) -> int:
    return int(fingerprint.engine.clothes(text, np.array([0, len(text)], np.int64))[0])


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
    assert 0 == flags_of(Path(views.__file__).read_bytes().replace(b"\\n", b"").replace(b"```", b""))


pieces = st.lists(
    st.sampled_from(
        [b"+", b">", b"\n", b"`", b"```", b"\\", b"n", b'"', b",", b"\\n", b"\\u00e9", b"x = 1", b" ", b"@@"]
    ),
    max_size=40,
).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces | st.binary(max_size=60), min_size=1, max_size=4))
def test_the_kernel_sees_the_clothes_that_the_reference_sees(texts: list[bytes]) -> None:
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    data = b"".join(texts)
    assert reference.clothes(data, offsets.tobytes()) == fingerprint.engine.clothes(data, offsets)


@settings(max_examples=200, deadline=None)
@given(pieces | st.binary(max_size=200), st.integers(0, 15))
def test_any_text_can_be_unwrapped_and_every_byte_leads_back_into_it(text: bytes, flags: int) -> None:
    for view in views.views(text, flags):
        places = [view.place(at) for at in range(len(view.text))]
        assert places == sorted(places)
        assert all(0 <= place < len(text) for place in places)


def test_unwrapping_is_linear_in_the_text() -> None:
    hostile = [
        b"\\n" * 200_000,
        b"\n+" * 200_000,
        b"\n>" * 200_000,
        b"```" * 200_000,
        b"> > " * 200_000,
        b'\\n"  , ' * 100_000,
    ]
    for text in hostile:
        assert len(list(views.views(text, 15))) < 10 or text.startswith(b"```")
