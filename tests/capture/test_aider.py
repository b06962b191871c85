from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.capture import aider
from provenance.capture.session import Event, Shown, Start, Tally, Wrote
from provenance.model import Status
from tests.capture.mutating import damaged, examples, kept
from tests.capture.recording import FIXTURES, added, wrote

CHAT = FIXTURES / "aider.chat.history.md"
STARTED = "# aider chat started at 2025-03-04 09:15:00\n\n"
HEAD = STARTED + "> Aider v0.77.0  \n> Main model: gpt-4o with diff edit format  \n\n#### go on  \n"
BLOCK = "a.py\n```python\n<<<<<<< SEARCH\nold = 1\n=======\nnew = 2\n>>>>>>> REPLACE\n```\n"


def events(text: str) -> tuple[list[Event], Tally]:
    tally = Tally()
    return aider.read(text.encode().splitlines(keepends=True), tally), tally


def edits(text: str) -> list[Wrote]:
    return wrote(events(text)[0], "edit", "write", "patch")


def prose(text: str) -> str:
    return "\n".join(block for one in wrote(events(text)[0], "prose") for block in one.blocks)


def shown(text: str) -> str:
    return "\n".join(event.text for event in events(text)[0] if isinstance(event, Shown))


def headed(model: str, form: str = "diff") -> str:
    return HEAD.replace("gpt-4o with diff", f"{model} with {form}")


def test_a_history_yields_each_edit_once_with_its_origin_and_what_became_of_it() -> None:
    found, tally = events(CHAT.read_text("utf-8"))
    assert {"prose": 3, "edit": 4, "write": 1} == dict(tally.wrote)
    assert (5, 0, 4, False) == (tally.edit_calls, tally.unread, tally.changed + 1, tally.silent)
    written = wrote(found, "edit", "write")
    assert [
        ("src/fit.py", Status.APPLIED),
        ("src/read.py", Status.FAILED),
        ("NOTES.md", Status.APPLIED),
        ("src/read.py", Status.APPLIED),
        ("hello.py", Status.APPLIED),
    ] == [(one.path, one.status) for one in written]
    first = written[0].origin
    assert ("anthropic", "anthropic/claude-3-7-sonnet-20250219", "aider", "0.77.0", "unknown") == (
        first.provider,
        first.model,
        first.tool,
        first.version,
        first.channel,
    )
    assert ("openai", "gpt-4o-mini", "2025-03-05T10:00:00.000Z") == (
        written[-1].origin.provider,
        written[-1].origin.model,
        written[-1].origin.time,
    )


def test_only_what_the_model_added_is_claimed() -> None:
    found, _ = events(CHAT.read_text("utf-8"))
    claimed = "\n".join(added(found))
    assert "padded_width = shape.width + 2 * margin" in claimed
    assert "Good morning" in claimed
    assert "return 2 * (shape.width + shape.height)" not in claimed
    assert "return open(path).read()" not in claimed
    assert "keep the area as it is" not in claimed
    assert "feat: add a margin" not in claimed
    assert "must exactly match" not in claimed
    assert "Just reply with fixed versions" not in claimed


def test_sessions_are_apart_and_known_by_their_start_and_what_aider_said_first() -> None:
    found, _ = events(CHAT.read_text("utf-8"))
    starts = [event.session for event in found if isinstance(event, Start)]
    assert 2 == len(set(starts))
    assert starts[0].startswith("2025-03-04T09:15:00.")
    assert starts == list(dict.fromkeys(one.origin.session for one in wrote(found)))
    grown, _ = events(CHAT.read_text("utf-8") + "\n#### and then  \n\nNo more than that.\n")
    assert starts == [event.session for event in grown if isinstance(event, Start)]
    assert {(one.call, one.ordinal) for one in wrote(found)} <= {(one.call, one.ordinal) for one in wrote(grown)}


def test_quotes_and_headings_of_the_model_are_its_text_and_not_aiders_or_the_persons() -> None:
    text = (
        HEAD + "\n> a quote that the model makes of its own\n\n#### A heading of the model\n\nAnd more of its text.\n"
    )
    assert "a quote that the model makes" in prose(text)
    assert "A heading of the model" in prose(text)
    assert "go on" in shown(text)
    written = edits(CHAT.read_text("utf-8"))[2]
    assert ("# Notes\n\n> the reader closes its file now  \n#### and takes an encoding",) == written.blocks


def test_where_an_editor_took_the_blanks_away_the_prefix_decides() -> None:
    bare = "\n".join(
        line.rstrip() for line in (HEAD + "\nSaid by the model.\n\n" + BLOCK + "\n> Applied edit to a.py").split("\n")
    )
    assert [Status.APPLIED] == [one.status for one in edits(bare)]
    assert "go on" in shown(bare)
    assert "Said by the model." in prose(bare)


@pytest.mark.parametrize(
    "block",
    [
        BLOCK,
        BLOCK.replace("a.py\n```python\n", "```python\na.py\n"),
        BLOCK.replace("a.py\n```python\n", "```a.py\n"),
        BLOCK.replace("a.py\n", "### `a.py`:\n"),
        BLOCK.replace("a.py\n", "**a.py**\n"),
        BLOCK.replace("```python", "<source>python").replace("```", "</source>"),
        BLOCK.replace("SEARCH", "ORIGINAL").replace("REPLACE", "UPDATED"),
        BLOCK.replace(">>>>>>> REPLACE", "======="),
        BLOCK.replace("<<<<<<< SEARCH", "  <<<<<<< SEARCH").replace("=======", "  ======="),
    ],
)
def test_an_edit_block_is_read_in_every_form_that_aider_takes(block: str) -> None:
    (one,) = edits(HEAD + "\nHere it is:\n\n" + block + "\nSo much for that.\n")
    assert ("a.py", ("new = 2",), ("old = 1",)) == (one.path, one.blocks, one.before)
    said = prose(HEAD + "\nHere it is:\n\n" + block + "\nSo much for that.\n")
    assert "Here it is:" in said
    assert "So much for that." in said
    assert "new = 2" not in said


def test_a_second_block_without_a_name_goes_to_the_file_before_it() -> None:
    text = HEAD + "\n" + BLOCK + "\n```python\n<<<<<<< SEARCH\n=======\nlast = 3\n>>>>>>> REPLACE\n```\n"
    assert [("a.py", ("new = 2",)), ("a.py", ("last = 3",))] == [(one.path, one.blocks) for one in edits(text)]


def test_a_block_whose_end_a_formatter_took_for_nested_quotes_is_read() -> None:
    answer = BLOCK.replace(">>>>>>> REPLACE\n", "\n> > > > > > > REPLACE\n") + "\nThat is all of it.\n"
    chat = (HEAD + answer + "\n> Applied edit to a.py  \n").replace("  \n", "\n")
    (one,) = edits(chat)
    assert (("new = 2",), "a.py", Status.APPLIED) == (one.blocks, one.path, one.status)
    assert "That is all of it." in prose(chat)


def test_an_interrupted_block_is_what_there_is_of_it_and_ends_where_aider_speaks() -> None:
    cut = BLOCK.split(">>>>>>>")[0]
    text = HEAD + "\n" + cut + "\n>   \n> ^C again to exit  \n\n#### next prompt  \n"
    (one,) = edits(text)
    assert (("new = 2",), Status.UNKNOWN) == ((one.blocks[0].strip(),), one.status)
    assert "next prompt" in shown(text)
    (searched,) = edits(HEAD + "\n" + BLOCK.split("=======")[0] + "\n> ^C again to exit  \n")
    assert ((), "old = 1") == (searched.blocks, searched.before[0].strip())


def test_a_block_that_only_takes_away_is_a_deletion() -> None:
    found, tally = events(HEAD + "\n" + BLOCK.replace("new = 2\n", "") + "\n> Applied edit to a.py  \n")
    assert ((), 1, 0) == (wrote(found, "edit")[0].blocks, tally.deletions, tally.unread)


@pytest.mark.parametrize(
    ("note", "status"),
    [
        ("> Applied edit to a.py  \n", Status.APPLIED),
        ("> Applied edit to src/a.py  \n", Status.APPLIED),
        ("> Applied edit to b.py  \n", Status.UNKNOWN),
        ("> Skipping edits to a.py  \n", Status.DECLINED),
        ("> Skipping edits to a.py that matches gitignore spec.  \n", Status.DECLINED),
        ("> Did not apply edit to a.py (--dry-run)  \n", Status.DECLINED),
        ("> The LLM did not conform to the edit format.  \n> Expected `=======`  \n", Status.FAILED),
        ("> Can't edit a.py  \n", Status.FAILED),
        ("> Exception while updating files:  \n> boom  \n", Status.FAILED),
        ("> ^C again to exit  \n", Status.UNKNOWN),
        ("", Status.UNKNOWN),
    ],
)
def test_what_aider_says_after_an_answer_is_what_became_of_it(note: str, status: Status) -> None:
    assert [status] == [
        one.status for one in edits(HEAD + "\n" + BLOCK + "\n> Tokens: 1k sent, 2 received.  \n" + note)
    ]


def test_diffs_are_edits_where_the_format_says_so_and_prose_elsewhere() -> None:
    first_file = "--- a/b.py\n+++ b/b.py\n@@ ... @@\n kept = 1\n-gone = 2\n+here = 3\n"
    diff = f"```diff\n{first_file}--- c.py\n+++ c.py\n@@ @@\n+more = 4\n```\n"
    first, second = edits(headed("gpt-4-turbo", "udiff") + "\n" + diff)
    assert ("b.py", ("here = 3",), "kept = 1\ngone = 2") == (first.path, first.blocks, first.before[0])
    assert ("c.py", ("more = 4",)) == (second.path, second.blocks)
    assert [] == edits(headed("gpt-4-turbo", "ask") + "\n" + diff)
    assert "here = 3" in prose(headed("gpt-4-turbo", "ask") + "\n" + diff)


def test_a_whole_file_is_written_where_the_format_is_whole_or_aider_applied_it() -> None:
    listing = "b.py\n```\nlisted = 1\n```\n"
    (one,) = edits(headed("gpt-4o-mini", "♾️ whole") + "\n" + listing)
    assert ("write", "b.py", ("listed = 1",)) == (one.kind, one.path, one.blocks)
    assert ["b.py"] == [one.path for one in edits(HEAD + "\n" + listing + "\n> Applied edit to b.py  \n")]
    assert [] == edits(HEAD + "\n" + listing)
    assert "listed = 1" in prose(HEAD + "\n" + listing)
    assert [] == edits(headed("gpt-4o-mini", "whole") + "\nrun this:\n```\nmake all\n```\n")


def test_a_patch_of_the_patch_format_is_read() -> None:
    patch = "*** Begin Patch\n*** Add File: d.py\n+first = 1\n*** End Patch\n"
    (one,) = edits(headed("gpt-4.1", "patch") + "\n" + patch)
    assert ("patch", "d.py", ("first = 1",)) == (one.kind, one.path, one.blocks)


@pytest.mark.parametrize("tag", ["think", "thinking-content-7bbeb8e1441453ad999a0bbba8a46d4b"])
def test_thinking_before_an_answer_is_told_from_it(tag: str) -> None:
    found, _ = events(HEAD + f"\n<{tag}>\nWhat would a person want here?\n</{tag}>\n\nThis is the answer.\n")
    assert [("thinking", ("What would a person want here?",)), ("prose", ("This is the answer.",))] == [
        (one.kind, one.blocks) for one in wrote(found)
    ]


def test_the_model_is_the_one_last_named_and_unknown_where_none_is() -> None:
    text = (
        HEAD
        + "\nFirst.\n\n#### /model x  \n"
        + "> Model: openrouter/deepseek/deepseek-chat⚡ with ♾️ diff edit format  \n\nSecond.\n"
    )
    first, second = wrote(events(text)[0])
    assert ("openai", "gpt-4o") == (first.origin.provider, first.origin.model)
    assert ("deepseek", "openrouter/deepseek/deepseek-chat", "openrouter") == (
        second.origin.provider,
        second.origin.model,
        second.origin.channel,
    )
    (unnamed,) = wrote(events(STARTED + "> Git repo: none  \n\n#### go  \n\nSaid by someone.\n")[0])
    assert ("unknown", "unknown", "aider") == (unnamed.origin.provider, unnamed.origin.model, unnamed.origin.tool)


def test_an_architects_editor_is_known_by_the_prompt_that_repeats_the_architect() -> None:
    head = headed("o3", "architect").replace(
        "#### go on", "> Editor model: gpt-4.1 with editor-diff edit format  \n\n#### go on"
    )
    plan = "Change old into new, and nothing else in that file."
    text = head + f"\n{plan}\n\n> Tokens: 1k sent  \n\n#### {plan}  \n\n" + BLOCK + "\n> Applied edit to a.py  \n"
    assert [("o3", "prose"), ("gpt-4.1", "edit")] == [(one.origin.model, one.kind) for one in wrote(events(text)[0])]
    # Not told whose: the second answer to one prompt.
    again = head + f"\n{plan}\n\n> Tokens: 1k sent  \n\nAnd once more.\n"
    assert ["o3", "unknown"] == [one.origin.model for one in wrote(events(again)[0])]


def test_an_edit_that_was_applied_from_elsewhere_is_reported_loudly() -> None:
    _, tally = events(STARTED + "> aider --apply x.md  \n> Applied edit to a.py  \n")
    assert (1, True) == (tally.unread, tally.silent)


def test_an_unknown_edit_format_is_counted() -> None:
    assert {"edit format/telepathy": 1} == dict(events(headed("gpt-4o", "telepathy"))[1].unknown)


def test_the_same_answer_twice_has_two_ids() -> None:
    text = HEAD + "\n" + BLOCK + "\n> Tokens: 1  \n\n#### again  \n\n" + BLOCK
    calls = [(one.call, one.ordinal) for one in edits(text)]
    assert 2 == len(set(calls))


LOG = """TO LLM 2025-03-04T09:16:00
-------
SYSTEM Act as an expert.
-------
USER Here is the file:
USER a.py
USER old = 1
LLM RESPONSE 2025-03-04T09:16:07
ASSISTANT a.py
ASSISTANT ```python
ASSISTANT <<<<<<< SEARCH
ASSISTANT old = 1
ASSISTANT =======
ASSISTANT ASSISTANT = 2
ASSISTANT >>>>>>> REPLACE
ASSISTANT ```
TO LLM 2025-03-04T09:17:00
-------
SYSTEM Act as an expert.
-------
USER and now?
LLM RESPONSE 2025-03-04T09:17:05
ASSISTANT Nothing more is to be done here.
"""


def test_the_log_of_what_was_sent_is_read_and_names_no_model() -> None:
    assert aider.recognise_text(LOG)
    found, tally = events(LOG)
    assert ["edit", "prose"] == [one.kind for one in wrote(found)]
    (one,) = wrote(found, "edit")
    assert (("ASSISTANT = 2",), ("old = 1",), "a.py", Status.UNKNOWN) == (one.blocks, one.before, one.path, one.status)
    assert ("unknown", "2025-03-04T09:16:07.000Z") == (one.origin.model, one.origin.time)
    assert ["Act as an expert.", "Here is the file:\na.py\nold = 1", "and now?"] == [
        event.text.strip() for event in found if isinstance(event, Shown)
    ]
    assert 4 == tally.records


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# aider\n\nA tool for the terminal.\n",
        "How it looks:\n\n    # aider chat started at 2025-03-04 09:15:00\n",
        "The file begins with\n\n# aider chat started at 2025-03-04 09:15:00\n\n> Aider v0.77.0\n",
        "#### a heading\n\n> a quote\n",
        '{"type": "user", "message": "# aider chat started at 2025-03-04 09:15:00"}\n',
        "TO LLM or not to LLM\n-------\nUSER x\n",
        "<!-- Generated by SpecStory -->\n\n# aider chat started at 2025-03-04 09:15:00\n",
    ],
)
def test_other_texts_are_not_claimed(text: str) -> None:
    assert not aider.recognise_text(text)


def test_histories_are_recognised_from_the_start_or_by_two_sessions() -> None:
    chat = CHAT.read_text("utf-8")
    assert aider.recognise_text(chat)
    assert aider.recognise_text(chat.replace("\n", "\r\n"))
    assert aider.recognise_text("the end of an earlier answer\n" + chat)


@pytest.mark.parametrize(
    "piece",
    [
        "<<<<<<< SEARCH\n",
        "a.py\n```\n",
        "<pre>\n",
        "> line\n",
        "> line  \n",
        "=======\n",
        "*** Begin Patch\n",
        "#### x  \n\ny\n",
    ],
)
def test_the_time_grows_with_the_size(piece: str) -> None:
    # Under a second where it is linear; a quadratic reading of this size would never end.
    kept(*events(headed("gpt-4o", "whole") + piece * (200_000 // len(piece))))


LINES = st.sampled_from(
    [
        *CHAT.read_text("utf-8").splitlines(keepends=True),
        *LOG.splitlines(keepends=True),
        "> \n",
        ">\n",
        "####\n",
        "```",
        "\0",
    ]
)


@examples(150)
@given(st.lists(LINES | st.text(max_size=20).map(lambda text: text + "\n"), max_size=60))
def test_any_lines_in_any_order_are_read_or_counted(lines: list[str]) -> None:
    found, tally = events("".join(lines))
    kept(found, tally)


@examples(60)
@given(st.data())
def test_a_history_with_bytes_damaged_anywhere_is_read(data: st.DataObject) -> None:
    source = data.draw(st.sampled_from([CHAT.read_bytes(), LOG.encode()]))
    tally = Tally()
    given_lines = damaged(data, source).splitlines(keepends=True)
    assert aider.recognise_text(b"".join(given_lines).decode("utf-8", "replace")) in (True, False)
    kept(aider.read(given_lines, tally), tally)


def test_a_history_reads_the_same_with_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "history.md"
    path.write_bytes(CHAT.read_bytes().replace(b"\n", b"\r\n"))
    tally = Tally()
    with path.open("rb") as file:
        windows = aider.read(file, tally)
    assert events(CHAT.read_text("utf-8"))[0] == windows
