"""Hooks go in and come out, and nothing else in the file moves."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import ProvenanceError
from provenance.setup import jsonmerge
from tests.setup.samples import ASK, COMMENTED, FLAT, LINE, THEIRS, WANTED, document, said

Hooks = dict[str, list[dict[str, Any]]]


def merged(value: dict[str, Any], wanted: Hooks) -> dict[str, Any]:
    """What the file should say afterwards."""
    value = copy.deepcopy(value)
    for event, entries in wanted.items():
        value.setdefault("hooks", {}).setdefault(event, []).extend(entries)
    return value


@settings(max_examples=400)
@given(st.randoms(use_true_random=False), st.sampled_from([WANTED, FLAT]))
def test_hooks_go_in_exactly_and_come_out_without_a_trace(dice: random.Random, wanted: Hooks) -> None:
    value, text = document(dice)
    installed = jsonmerge.add(text, wanted)
    characters = iter(installed)
    assert all(character in characters for character in text)
    assert json.dumps(merged(value, wanted)) == json.dumps(said(installed))
    assert installed == jsonmerge.add(installed, wanted)
    assert text == jsonmerge.remove(installed)


@given(st.randoms(use_true_random=False))
def test_a_text_without_our_hooks_is_left_as_it_is(dice: random.Random) -> None:
    text = document(dice)[1]
    assert text == jsonmerge.remove(text)


@given(st.randoms(use_true_random=False))
def test_another_program_takes_the_place_of_the_first(dice: random.Random) -> None:
    text = document(dice)[1]
    other: Hooks = json.loads(json.dumps(WANTED).replace("provenance capture", "/opt/provenance capture"))
    moved = jsonmerge.add(jsonmerge.add(text, WANTED), other)
    assert jsonmerge.add(text, other) == moved
    assert text == jsonmerge.remove(moved)


@given(st.randoms(use_true_random=False))
def test_hooks_are_known_again_after_the_host_has_written_the_file_anew(dice: random.Random) -> None:
    value, text = document(dice)
    rewritten = json.dumps(said(jsonmerge.add(text, WANTED)), indent=2)
    assert rewritten == jsonmerge.add(rewritten, WANTED)
    left = jsonmerge.remove(rewritten)
    now = {} if left is None else said(left)
    assert without_empty(value) == without_empty(now)


def without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """Settings without hooks that hold nothing: their layout is lost when somebody else writes the file."""
    hooks = {name: inner for name, inner in value.get("hooks", {}).items() if inner != []}
    return {name: inner for name, inner in value.items() if name != "hooks"} | ({"hooks": hooks} if hooks else {})


@given(st.randoms(use_true_random=False))
def test_what_others_add_later_stays(dice: random.Random) -> None:
    value = said(jsonmerge.add(document(dice)[1], WANTED))
    value["hooks"]["PreToolUse"].insert(0, THEIRS)
    value["hooks"]["Stop"].append(THEIRS)
    value["hooks"]["PostToolUse"][-1]["hooks"].append({"type": "command", "command": "theirs"})
    left = jsonmerge.remove(json.dumps(value, indent=dice.choice((None, 2))))
    assert left is not None
    assert not jsonmerge.commands(left)
    now = said(left)["hooks"]
    assert (THEIRS, THEIRS) == (now["PreToolUse"][0], now["Stop"][-1])
    assert [{"type": "command", "command": "theirs"}] == now["PostToolUse"][-1]["hooks"]


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), st.booleans())
def test_damaged_settings_are_refused_or_kept(dice: random.Random, installed: bool) -> None:
    text = document(dice)[1] if dice.random() < 0.5 else COMMENTED
    text = jsonmerge.add(text, WANTED) if installed else text
    for _ in range(dice.randrange(1, 4)):
        at, length = dice.randrange(len(text) + 1), dice.randrange(3)
        text = text[:at] + dice.choice(list('{}[],:"/*\n ')) * dice.randrange(2) + text[at + length :]
    try:
        merged_text = jsonmerge.add(text, WANTED)
        bare = jsonmerge.remove(merged_text)
    except ProvenanceError:
        return
    assert sorted(line for _, line in jsonmerge.commands(merged_text)) == [LINE] * 3 + [ASK]
    assert bare is None or not jsonmerge.commands(bare)


def test_a_timeout_that_a_person_has_changed_stays() -> None:
    text = jsonmerge.add(COMMENTED, WANTED).replace('"timeout": 30', '"timeout": 90')
    assert text == jsonmerge.add(text, WANTED)


@pytest.mark.parametrize("versioned", [False, True])
def test_a_file_of_our_own_goes_with_its_hooks(versioned: bool) -> None:
    text = jsonmerge.create(FLAT, versioned)
    assert text == jsonmerge.add(text, FLAT, versioned)
    assert jsonmerge.remove(text) is None
    assert jsonmerge.remove(json.dumps(json.loads(text), indent=4)) is None


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{ }",
        "{\n}",
        '{"version": 1}',
        '{\n  "version": 1\n}\n',
        '{"hooks": {}, "version": 1}',
        '{\n"hooks":{\n}\n}\n',
    ],
)
def test_a_file_that_was_there_stays_however_little_it_holds(text: str) -> None:
    assert text == jsonmerge.remove(jsonmerge.add(text, FLAT))


def test_comments_layout_and_neighbours_stay_where_they_are() -> None:
    lines = iter(jsonmerge.add(COMMENTED, WANTED).splitlines())
    assert [] == [line for line in COMMENTED.splitlines() if line != '    "Stop": [],' and line not in lines]
    assert "} ] }, // keep first\n      {\n" in jsonmerge.add(COMMENTED, WANTED)


def test_insertions_take_over_tabs_and_line_ends() -> None:
    installed = jsonmerge.add('{\r\n\t"a": 1\r\n}\r\n', {"Stop": WANTED["Stop"]})
    assert installed.startswith('{\r\n\t"a": 1,\r\n\t"hooks": {\r\n\t\t"Stop": [\r\n\t\t\t{\r\n')
    assert installed.count("\n") == installed.count("\r\n")


def test_a_comment_behind_our_hooks_keeps_its_line_end() -> None:
    text = jsonmerge.add('{\n  "a": 1 // one\n}', {"Stop": WANTED["Stop"]})
    squeezed = text.replace("\n}", "}")
    left = jsonmerge.remove(squeezed)
    assert left is not None
    assert {"a": 1} == said(left)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty, which is no JSON (delete it, or write {} into it)"),
        ("\ufeff \n", "is empty, which is no JSON (delete it, or write {} into it)"),
        ("[]", "is no JSON object: line 1, column 1: '{' is missing, '[' stands there (mend it first)"),
        ('{"hooks": "none"}', '"hooks" holds a string, not an object (mend it first)'),
        ('{"hooks": [1]}', '"hooks" holds an array, not an object (mend it first)'),
        ('{"hooks": null}', '"hooks" holds null, not an object (mend it first)'),
        ('{"hooks": {"Stop": {}}}', "hooks.Stop holds an object, not an array (mend it first)"),
        ('{"hooks": {"Stop": 7}}', "hooks.Stop holds a number, not an array (mend it first)"),
        ('{"hooks": {},\n"hooks": {}}', 'names "hooks" twice, again in line 2 (leave one)'),
        ('{"hooks": {"a": [], "Stop": [], "a": []}}', 'names "a" twice, again in line 1 (leave one)'),
    ],
)
def test_another_shape_is_refused(text: str, message: str) -> None:
    with pytest.raises(ProvenanceError) as caught:
        jsonmerge.add(text, WANTED)
    assert message == str(caught.value)


def test_a_file_that_must_name_a_version_and_does_not_is_refused() -> None:
    with pytest.raises(ProvenanceError, match='names no "version"'):
        jsonmerge.add('{"hooks": {}}', FLAT, versioned=True)


def test_ten_megabytes_come_back_whole() -> None:
    text = json.dumps({"a": [{"name": "x" * 40, "list": [1, 2, 3]} for _ in range(80_000)]}, indent=2)
    assert len(text) > 10_000_000
    assert text == jsonmerge.remove(jsonmerge.add(text, WANTED))


def test_deep_nesting_is_no_limit() -> None:
    text = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert text == jsonmerge.remove(jsonmerge.add(text, WANTED))


def test_commands_are_listed_with_their_events() -> None:
    text = jsonmerge.add(COMMENTED, WANTED)
    expected = [("PreToolUse", LINE), ("PreToolUse", ASK), ("Stop", LINE), ("PostToolUse", LINE)]
    assert expected == jsonmerge.commands(text)
