"""Any bytes and any records: an answer or a CaptureError, never anything else."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.capture import novelty, reading
from provenance.capture.session import Tally
from provenance.errors import CaptureError
from provenance.model import Evidence
from tests.capture.recording import BARE, CLAUDE, CODEX, load


def examples(count: int) -> settings:
    """Settings for so many examples; the reference engine is slow, so no example has a deadline."""
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    return settings(max_examples=count, deadline=None, suppress_health_check=health)


def taken(data: bytes) -> None:
    """Read a file of these bytes as every command does, to the bytes that the store would hold."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "session")
        path.write_bytes(data)
        with contextlib.suppress(CaptureError):
            reading.reader_of(path)
        for assistant in (*reading.RECORDS, *reading.TEXTS):
            with contextlib.suppress(CaptureError):
                events, tally = reading.read(path, assistant)
                assert 0 <= tally.broken <= tally.records
                assert tally.silent in (True, False)
                keep(events)


def keep(events: list[Any]) -> None:
    for item in novelty.added(events):
        one = novelty.ingredient(item, Evidence.TRANSCRIPT)
        if one is not None:
            assert one == msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=type(one))


def consume(records: list[Any]) -> None:
    """Give the records to every reader, as lines."""
    lines = [json.dumps(record).encode() for record in records]
    for record in records:
        if isinstance(record, dict):
            assert all(reader.recognise(record) in (True, False) for reader in JSON_READERS)
    for reader in READERS:
        tally = Tally()
        keep(reader.read(iter(lines), tally))
        assert all(name.isprintable() and len(name) <= 80 for name in tally.unknown)


READERS = [reading.module_of(name) for name in (*reading.RECORDS, *reading.TEXTS)]
JSON_READERS = READERS[: len(reading.RECORDS)]
FILES = [CLAUDE.read_bytes(), CODEX.read_bytes(), BARE.read_bytes()]
RECORDS = [load(path) for path in (CLAUDE, CODEX, BARE)]
WORDS = st.sampled_from(
    sorted(
        {word for session in RECORDS for record in session for word in (*record, str(record.get("type")))}
        | set(
            "message content text tool_use tool_result input id name call_id arguments apply_patch exec output".split()
        )
        | {
            "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch",
            "<task-notification><result>a</result>",
            "\ud800",
            "\0",
        }
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value within a JSON value."""
    found = [path] if path else []
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found += places(value[key], (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of a JSON value with another value at the path; where that is ``...``, without it."""
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) > 1:
        copy[path[0]] = changed(value[path[0]], path[1:], new)
    elif new is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = new
    return copy


@st.composite
def mutants(draw: st.DrawFn) -> list[Any]:
    """A fixture's records with a few values replaced by others, taken out, or put elsewhere."""
    session: Any = list(draw(st.sampled_from(RECORDS)))
    for _ in range(draw(st.integers(1, 4))):
        everywhere = places(session)
        path = draw(st.sampled_from(everywhere))
        new = draw(
            JSON | st.just(...) | st.sampled_from(everywhere).map(lambda at, session=session: value_at(session, at))
        )
        session = changed(session, path, new)
        if not session:
            break
    return list(session)


def value_at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@examples(150)
@given(mutants())
def test_records_with_any_value_in_any_place_are_read_or_counted(records: list[Any]) -> None:
    consume(records)


@examples(150)
@given(st.lists(JSON, max_size=6))
def test_any_json_is_read_or_counted(records: list[Any]) -> None:
    consume(records)


def _heads() -> list[bytes]:
    magics = [
        b"\x1f\x8b\x08\0",
        b"\x28\xb5\x2f\xfd",
        b"\x50\x2a\x4d\x18",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"{\0",
    ]
    return [b"", *magics, *(data[:300] for data in FILES)]


@examples(150)
@given(st.sampled_from(_heads()), st.binary(max_size=400))
def test_any_bytes_are_an_answer_or_a_capture_error(head: bytes, data: bytes) -> None:
    taken(head + data)


@examples(60)
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), st.binary(max_size=8)), min_size=1, max_size=5),
)
def test_a_transcript_with_bytes_damaged_anywhere_is_an_answer_or_a_capture_error(
    data: bytes, damages: list[tuple[float, int, bytes]]
) -> None:
    for where, length, new in damages:
        at = int(where * len(data))
        data = data[:at] + new + data[at + length :]
    taken(data)


@examples(100)
@given(st.sampled_from(["apply_patch", "exec", "shell", "x", "Edit", "Bash"]), JSON | st.text(), JSON)
def test_any_input_and_result_of_any_tool_is_read_or_counted(name: str, arguments: Any, details: Any) -> None:
    use = {"type": "tool_use", "id": "t", "name": name, "input": arguments}
    done = {"type": "tool_result", "tool_use_id": "t", "content": details, "is_error": details}
    given_text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    call = {"type": "custom_tool_call", "call_id": "t", "name": name, "input": arguments}
    consume(
        [
            {"type": "assistant", "sessionId": "s", "message": {"model": "claude-x", "content": [use]}},
            {"type": "user", "sessionId": "s", "message": {"content": [done]}, "toolUseResult": details},
            {"type": "response_item", "payload": call},
            {
                "type": "response_item",
                "payload": {**call, "type": "function_call", "arguments": given_text, "input": None},
            },
            {"type": "event_msg", "payload": {"type": "patch_apply_end", "call_id": "u", "changes": details}},
        ]
    )
