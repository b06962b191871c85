from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.capture.javascript import calls, string_literals

NAMES = frozenset({"apply_patch", "exec_command"})

LITERALS = {
    "'a' + \"b\" + `c`": ["a", "b", "c"],
    r"'\n\t\r\b\f\v\0\x41\u0042\u{43}\q\'\\'": ["\n\t\r\b\f\v\0ABCq'\\"],
    "'one \\\ntwo \\\r\nthree'": ["one two three"],
    r"'\ud83d\ude00 \u{1F600}'": ["😀 😀"],
    r"'\ud83d! \ude00! \u{110000}'": ["\ufffd! \ufffd! \ufffd"],
    "`a\r\nb\n\\``": ["a\nb\n`"],
    r"String.raw`a\n\`${b}`": ["a\\n\\`\n"],
    "`a${b}c`": ["a\nc"],
    "`$a $${b}`": ["$a $\n"],
    "`a${f({x: `n${'q'}`}, '}')}z` + 'end'": ["a\nz", "n\n", "q", "}", "end"],
    "// 'no'\n/* \"no\" ` */ 'yes'": ["yes"],
    "x = /'[/'\"]\\/'/g.test(y) ? 'a' : 'b'": ["a", "b"],
    "n = a / b; s = 'x' / 2 / c('y')": ["x", "y"],
    "return /it's/": [],
    "'http://a//b /* c */'": ["http://a//b /* c */"],
    "don't\n'yes'": ["yes"],
    "'cut off": ["cut off"],
    "`cut ${'off": ["cut ", "off"],
    "`cut \\": ["cut "],
    "": [],
}

CALLS = {
    "text(await tools.apply_patch('p'))": ["p"],
    "apply_patch(String.raw`p\\n`)": ["p\\n"],
    'tools["apply_patch"]?.("p")': ["p"],
    "tools.apply_patch('a' + '\\n' + \"b\")": ["a\nb"],
    "tools.apply_patch(['a', 'b' + 'c',].join('\\n'))": ["a\nbc"],
    "tools.apply_patch(['a', x.y(1, 2), 'b'].join())": ["a,b"],
    "const patch = 'p';\nawait tools.apply_patch(patch);": ["p"],
    "const patch = ['a', 'b'].join(`\\n`) + '!'; tools.apply_patch(patch.trim())": ["a\nb!"],
    "const lines = ['a', 'b']; tools.apply_patch(lines.join('\\n'))": ["a\nb"],
    "const lines = ['a']; tools.apply_patch([...lines, 'b'].join('\\n'))": ["a\nb"],
    "let p = 'a'; p += 'b'; p += `${p}c`; apply_patch(p)": ["ababc"],
    "const body = 'b'; const p = `a\n${body}\nc ${f()}`; apply_patch(p)": ["a\nb\nc \n"],
    "const p = 'one'; apply_patch(p)": ["one"],
    "run(); function run() { apply_patch(p) } const p = 'later'": ["later"],
    "const p = await read('f'); apply_patch(p)": [],
    "let p = 'a'; p = read(); apply_patch(p)": [],
    "const p = 'a'; apply_patch(x.p, p(), p[0], {p: 1})": [],
    "apply_patch(unknown)": [],
    "apply_patch('a' + unknown + 'b')": ["a", "b"],
    "apply_patch({input: 'p', 'key': 1})": ["p"],
    "const args = {input: 'p'}; apply_patch(args)": ["p"],
    "apply_patch('never closed'": ["never closed"],
    "function f(p) { return apply_patch(p, 'x') }": ["x"],
}

HOSTILE = [
    "'",
    "`",
    "`${",
    "/[",
    "=/[",
    "(",
    "[",
    "([{",
    "'\\'",
    "a=[",
    "a={",
    "apply_patch(",
    "apply_patch(a='x',",
]
HOSTILE += ["a=a+a;", "a+=`${a}`;", "a='x';a+=a;", "[a].join()", "/*", "\\", "'a'+", "a='b';apply_patch(a,"]

pieces = st.sampled_from("' \" ` ${ } { ( ) [ ] \\ / * + = , . : ? a const".split()) | st.sampled_from(
    [" ", "\n", "apply_patch", "String.raw", ".join(", "\\u", "\\ud83d", "\\x4", "...", "\ud800"]
)
sources = st.text() | st.lists(pieces, max_size=40).map("".join)


@pytest.mark.parametrize(("source", "expected"), LITERALS.items())
def test_literals_are_told_with_the_values_they_stand_for(source: str, expected: list[str]):
    assert expected == string_literals(source)


@pytest.mark.parametrize(("source", "expected"), CALLS.items())
def test_the_strings_that_reach_a_call_are_told(source: str, expected: list[str]):
    assert [("apply_patch", expected)] == calls(source, NAMES)


def test_calls_are_told_in_order_each_with_the_value_of_its_time():
    source = """
        for (const step of [1, 2]) { const cmd = "ls"; await tools.exec_command({cmd, workdir: "/w"}); }
        { const p = "one"; tools.apply_patch(p); }
        { const p = "two"; tools.apply_patch(p); }
    """
    expected = [("exec_command", ["ls", "/w"]), ("apply_patch", ["one"]), ("apply_patch", ["two"])]
    assert expected == calls(source, NAMES)


def test_a_definition_or_a_mere_mention_is_no_call():
    assert [] == calls("function apply_patch(p = 'x') {} const f = apply_patch; // apply_patch('y')", NAMES)


def test_only_the_names_asked_for_are_told():
    assert [] == calls("reapply_patch('x'); tools.other('y')", NAMES)
    assert [("other", ["y"])] == calls("reapply_patch('x'); tools.other('y')", {"other"})


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_source_is_read_in_linear_time(piece: str):
    # Half a second where it is linear; doubling values or rescanning would never end.
    source = piece * (50_000 // len(piece))
    assert isinstance(string_literals(source), list)
    assert sum(len(text) for _, texts in calls(source, NAMES) for text in texts) <= 100 * len(source)


@given(sources)
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_without_raising_and_gives_text_that_can_be_encoded(source: str):
    for text in string_literals(source):
        text.encode("utf-8")
    for _, texts in calls(source, NAMES):
        "".join(texts).encode("utf-8")
