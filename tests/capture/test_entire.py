"""Entire's checkpoints: which files are transcripts, whose they are, and each line of a session once."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.capture import entire
from provenance.capture.entire import Copy
from provenance.model import UNKNOWN


def test_the_transcripts_of_every_layout_are_found_with_their_parts_in_order() -> None:
    files = [
        "ab/cdef012345/metadata.json",
        "ab/cdef012345/0/full.jsonl",
        "ab/cdef012345/0/full.jsonl.002",
        "ab/cdef012345/0/full.jsonl.001",
        "ab/cdef012345/0/prompt.txt",
        "ab/cdef012345/0/context.md",
        "ab/cdef012345/tasks/toolu_1/agent-a7.jsonl",
        "12/3456789012/full.jsonl",
        "0/full.jsonl",
        "34/5678901234/0/raw_transcript",
        "notes/full.jsonlx",
        "full.json",
    ]
    assert entire.copies(files) == [
        Copy("0/full.jsonl", "0/metadata.json", ("0/full.jsonl",)),
        Copy("12/3456789012/full.jsonl", "12/3456789012/metadata.json", ("12/3456789012/full.jsonl",)),
        Copy("34/5678901234/0/raw_transcript", "34/5678901234/0/metadata.json", ("34/5678901234/0/raw_transcript",)),
        Copy("ab/cdef012345/0/full.jsonl", "ab/cdef012345/0/metadata.json", tuple(files[1:4:2] + files[2:3])),
        Copy("ab/cdef012345/tasks/toolu_1/agent-a7.jsonl", "ab/cdef012345/tasks/toolu_1/metadata.json", (files[6],)),
    ]
    assert "metadata.json" == entire.copies(["full.jsonl"])[0].metadata


COPY = Copy("ab/cdef012345/0/full.jsonl", "", ())


def test_metadata_name_session_agent_and_time() -> None:
    about = {
        "session_id": "2026-01-21-0cf3db51-1c73",
        "agent": "Claude Code",
        "created_at": "2026-01-21T18:07:37+01:00",
    }
    assert ("0cf3db51-1c73", "Claude Code", "2026-01-21T17:07:37.000Z") == entire.described(
        json.dumps(about).encode(), COPY
    )
    about["session_id"] = "0cf3db51-1c73"
    assert entire.described(json.dumps(about).encode(), COPY).session == "0cf3db51-1c73"


def test_without_metadata_a_transcript_is_a_session_of_its_own_and_so_is_a_subagents() -> None:
    assert (COPY.name, "", UNKNOWN) == entire.described(b"", COPY)
    subagent = Copy("ab/cd/tasks/toolu_1/agent-a7.jsonl", "", ())
    assert entire.described(b'{"session_id": "s"}', subagent).session == "agent-a7.jsonl"


A, B, C, D = (json.dumps({"uuid": name}).encode() for name in "abcd")


def lines(*given: bytes) -> bytes:
    return b"\n".join(given) + b"\n"


def test_a_session_in_many_checkpoints_is_one_transcript() -> None:
    assert [lines(A, B, C, D)] == list(entire.joined([lines(A, B), lines(A, B, C), b"", lines(A, B, C, D)]))


def test_portions_of_a_session_are_put_together_in_their_order() -> None:
    assert [lines(A, B, C, D)] == list(entire.joined([lines(A, B), lines(C), lines(D)]))


def test_a_line_that_a_transcript_has_twice_stays_twice() -> None:
    assert [lines(A, B, B, C)] == list(entire.joined([lines(A, B, B), lines(A, B, B, C)]))


def test_a_json_document_stands_for_itself() -> None:
    short, long = b'{\n "messages": [1]\n}', b'{\n "messages": [1, 2]\n}'
    assert [short, long] == list(entire.joined([short, long, short]))
    assert [lines(A), short] == list(entire.joined([short, lines(A)]))


def test_an_empty_checkpoint_has_no_transcript() -> None:
    assert [] == list(entire.joined([b"", b"\n\n"]))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([A, B, C, b"x", b"\xff", b"[1]"]), max_size=6).map(lambda given: lines(*given)),
        max_size=4,
    )
)
def test_every_line_is_in_a_transcript_as_often_as_in_any_checkpoint(transcripts: list[bytes]) -> None:
    found = Counter(line for one in entire.joined(transcripts) for line in one.split(b"\n"))
    for one in transcripts:
        assert all(found[line] >= count for line, count in Counter(one.split(b"\n")).items() if line)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60),
    st.lists(st.text(max_size=12) | st.sampled_from(["full.jsonl.1", "a/full.jsonl"]), max_size=5),
)
def test_any_bytes_and_names_are_read(data: bytes, names: list[str]) -> None:
    for copy in entire.copies(names):
        about = entire.described(data, copy)
        assert about.session
        assert copy.parts
    list(entire.joined([data, data + b"\n" + data]))
