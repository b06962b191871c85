"""Offsets into JSON with comments: every value is found where it stands, and what is no JSON is said where."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.setup import jsonc
from tests.setup.samples import document, said


@given(st.randoms(use_true_random=False))
def test_members_are_found_where_they_stand(dice: random.Random) -> None:
    value, text = document(dice)
    found = jsonc.document(text)
    assert list(value) == [item.key for item in found.items]
    assert list(value.values()) == [said(text[item.value : item.end]) for item in found.items]
    assert ("{", "}") == (text[found.open], text[found.close])


@given(st.recursive(st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists))
def test_all_that_json_writes_is_read(value: object) -> None:
    text = json.dumps({"a": value})
    assert len(text) - 1 == jsonc.document(text).items[0].end


@given(st.text(alphabet='{}[]:,"\\/*\n\ru0a1eE+-. truefalsn'))
def test_what_json_refuses_is_refused_and_nothing_else_is_raised(text: str) -> None:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    try:
        jsonc.document(text)
    except jsonc.Malformed:
        assert not isinstance(value, dict)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "line 1, column 1: '{' is missing, '[' stands there"),
        ('{"a": 1\n "b": 2}', "line 2, column 2: ',' or '}' is missing, '\"' stands there"),
        ('{"a": 1}\r\n\r\n}', "line 3, column 1: the end of the file is missing, '}' stands there"),
        ('{"a": [1, }', "line 1, column 11: a value is missing, '}' stands there"),
        ('{"a": tru}', "line 1, column 7: a value is missing, 't' stands there"),
        ('{"a": NaN}', "line 1, column 7: a value is missing, 'N' stands there"),
        ('{"a": 01}', "line 1, column 8: ',' or '}' is missing, '1' stands there"),
        ('{"a": "\\x"}', "line 1, column 7: a value is missing, '\"' stands there"),
        ('{"a": /* b }', "line 1, column 7: a value is missing, '/' stands there"),
        ("{a: 1}", "line 1, column 2: a name in quotes is missing, 'a' stands there"),
        ('{"a" 1}', "line 1, column 6: ':' is missing, '1' stands there"),
        ('{"a": 1', "line 1, column 8: ',' or '}' is missing, the end stands there"),
        ("{,}", "line 1, column 2: a name in quotes is missing, ',' stands there"),
    ],
)
def test_the_place_of_a_mistake_is_named(text: str, message: str) -> None:
    with pytest.raises(jsonc.Malformed) as caught:
        jsonc.document(text)
    assert message == str(caught.value)


def test_depth_is_no_limit() -> None:
    text = '{"a": ' + '[{"b": ' * 100_000 + "0" + "}]" * 100_000 + "}"
    assert len(text) - 1 == jsonc.document(text).items[0].end
