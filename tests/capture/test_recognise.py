from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from provenance.capture import reading
from provenance.errors import CaptureError
from tests.capture import recording
from tests.capture.recording import BARE, CLAUDE, CODEX, FIXTURES

TEXT = CODEX.read_bytes()


def saved(folder: Path, data: bytes) -> Path:
    path = folder / "session"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("path", "assistant"),
    [(CLAUDE, "claude_code"), (CODEX, "codex"), (BARE, "codex")],
    ids=lambda value: str(value)[-22:],
)
def test_a_transcript_is_recognised_by_its_records_not_by_its_name(path: Path, assistant: str, tmp_path: Path) -> None:
    assert assistant == reading.reader_of(saved(tmp_path, path.read_bytes()))


@pytest.mark.parametrize(
    "record",
    [
        {"type": "summary", "text": "a row of a dataset that names its kind"},
        {"type": "tag", "name": "v1"},
        {"type": "user", "name": "Ann"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "any log of an API"}]},
        {"type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}"},
        {"type": [], "payload": {}},
        {"type": {"a": 1}, "payload": []},
        {"type": None, "message": None, "uuid": 3},
        {"instruction": "a", "output": "b", "id": 1},
        {
            "type": "user",
            "uuid": "q",
            "sessionId": "s",
            "message": {"role": "user", "parts": [{"text": "of Qwen Code"}]},
        },
        {"type": "system", "uuid": "q", "sessionId": "s", "subtype": "ui_telemetry", "systemPayload": {}},
        {"type": "system", "subtype": "init", "apiKeySource": "login", "session_id": "c", "model": "of the Cursor CLI"},
        {"type": "assistant", "session_id": "c", "message": {"role": "assistant", "content": [{"type": "text"}]}},
        {"items": [{"id": 1}], "session": {"id": "of anything else"}},
        {"payload": {"type": "session_meta"}, "type": "unheard of"},
    ],
    ids=json.dumps,
)
def test_rows_of_other_formats_are_nobodys(record: recording.Record, tmp_path: Path) -> None:
    assert reading.reader_of(recording.save(tmp_path / "a.jsonl", record, record)) is None


def test_a_record_with_a_foreign_type_does_not_hide_the_transcript_after_it(tmp_path: Path) -> None:
    strange = b'{"type":[],"payload":{}}\n{"type":{},"role":1}\n[1]\nnull\n{"a":"\\ud800"}\n\xff\xfe\n'
    assert reading.reader_of(saved(tmp_path, strange + TEXT)) == "codex"


def test_the_stream_of_a_headless_run_is_a_transcript(tmp_path: Path) -> None:
    path = recording.save(
        tmp_path / "out.jsonl",
        {"type": "system", "subtype": "init", "session_id": "s9", "claude_code_version": "2.1.99"},
        {
            "type": "assistant",
            "session_id": "s9",
            "uuid": "u1",
            "message": {
                "role": "assistant",
                "model": "claude-haiku-4-5",
                "content": [{"type": "text", "text": "hello"}],
            },
        },
    )
    (one,) = recording.wrote(recording.read(path)[0])
    assert ("s9", "2.1.99", "anthropic") == (one.origin.session, one.origin.version, one.origin.provider)


def zstd(data: bytes) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    return bytes(pyarrow.Codec("zstd").compress(data, asbytes=True))


SKIPPED_FRAME = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"

CLOTHES = {
    "plain": lambda data: data,
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "no last newline": lambda data: data.rstrip(b"\n"),
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "UTF-16 without mark": lambda data: data.decode().encode("utf-16-le"),
    "UTF-16 big-endian": lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"),
    "gzip": gzip.compress,
    "gzip in members": lambda data: b"".join(gzip.compress(line + b"\n") for line in data.splitlines()),
    "gzip of a marked file": lambda data: gzip.compress(b"\xef\xbb\xbf" + data),
    "zstd": zstd,
    "zstd in frames": lambda data: b"".join(zstd(line + b"\n") for line in data.splitlines()),
    "zstd with frames to skip": lambda data: SKIPPED_FRAME + zstd(data) + SKIPPED_FRAME,
    "blank lines": lambda data: b"\n\n" + data.replace(b"\n", b"\n \r\n"),
}


@pytest.mark.parametrize("clothes", CLOTHES)
def test_the_same_records_are_read_in_any_clothes(clothes: str, tmp_path: Path) -> None:
    expected, plain = recording.read(CODEX)
    path = saved(tmp_path, CLOTHES[clothes](TEXT))
    assert reading.reader_of(path) == "codex"
    events, tally = reading.read(path, "codex")
    assert expected == events
    assert (plain.records, 0, "") == (tally.records, tally.broken, tally.cut)


@pytest.mark.parametrize("compress", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_of_a_compressed_file_that_was_cut_the_beginning_is_read_and_the_cut_told(
    compress: object, tmp_path: Path
) -> None:
    assert callable(compress)
    many = b"".join(json.dumps({**recording.meta(), "n": os.urandom(64).hex()}).encode() + b"\n" for _ in range(2000))
    data = compress(many)
    path = saved(tmp_path, data[: len(data) // 2])
    _, tally = reading.read(path, "codex")
    assert 500 < tally.records < 2000
    assert str(path) in tally.cut


@pytest.mark.parametrize(
    "data",
    [b"\x1f\x8b", gzip.compress(TEXT)[:12], gzip.compress(TEXT)[:20] + b"\xff" * 40],
    ids=["magic alone", "header alone", "damaged"],
)
def test_a_compressed_file_without_a_readable_record_is_an_error_not_a_stranger(data: bytes, tmp_path: Path) -> None:
    path = saved(tmp_path, data)
    with pytest.raises(CaptureError, match="could not be read"):
        reading.reader_of(path)


def test_a_cut_last_line_and_broken_lines_are_counted(tmp_path: Path) -> None:
    rows = TEXT.splitlines(keepends=True)
    data = b"{broken\n" + b"".join(rows[:6]) + b'"a string"\n[]\n\x00\x01\xff\n' + b"".join(rows[6:])[:-30]
    events, tally = reading.read(saved(tmp_path, data), "codex")
    assert 5 == tally.broken
    assert len(rows) + 4 == tally.records
    assert recording.wrote(events)


def test_half_a_character_costs_a_character_not_the_record(tmp_path: Path) -> None:
    record = recording.assistant("before HALF after")
    path = saved(tmp_path, json.dumps(record).replace("HALF", "\\ud83d").encode())
    (one,) = recording.wrote(recording.read(path)[0])
    assert ("before ? after",) == one.blocks


def test_bytes_that_are_no_text_cost_a_character_not_the_record(tmp_path: Path) -> None:
    path = saved(tmp_path, json.dumps(recording.assistant("before HALF after")).encode().replace(b"HALF", b"\xff"))
    (one,) = recording.wrote(recording.read(path)[0])
    assert ("before \ufffd after",) == one.blocks


def test_deep_nesting_is_a_broken_line(tmp_path: Path) -> None:
    path = saved(tmp_path, b'{"a":' * 100_000 + b"\n" + TEXT)
    assert reading.reader_of(path) == "codex"
    assert 1 == reading.read(path, "codex")[1].broken


def test_a_line_beyond_the_longest_is_read_in_parts_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST_LINE", 4096)
    _, tally = reading.read(saved(tmp_path, b"x" * 10_000 + b"\n" + TEXT), "codex")
    assert 3 == tally.broken


@pytest.mark.parametrize("data", [b"", b"\n", b"{}", b"PAR1\x00\x01", bytes(range(256)) * 100])
def test_files_without_a_record_are_nobodys(data: bytes, tmp_path: Path) -> None:
    assert reading.reader_of(saved(tmp_path, data)) is None


def test_a_missing_file_and_a_folder_are_errors_with_advice(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"no such file or folder \(transcripts lie in"):
        list(reading.find(tmp_path / "absent"))
    with pytest.raises(CaptureError, match="directory"):
        reading.reader_of(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_an_error_and_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CaptureError, match="not a regular file"):
        reading.reader_of(tmp_path / "pipe")


def test_a_folder_is_walked_whole_in_order_hidden_folders_too(tmp_path: Path) -> None:
    for name in ("b.jsonl", ".hidden/a.jsonl", "a/z.jsonl", "a/b/c.txt"):
        recording.save(tmp_path / name)
    (tmp_path / "broken link").symlink_to(tmp_path / "nowhere")
    found = [path.relative_to(tmp_path).as_posix() for path in reading.find(tmp_path)]
    assert [".hidden/a.jsonl", "a/b/c.txt", "a/z.jsonl", "b.jsonl"] == found


def test_the_fixtures_hold_edits_of_every_form() -> None:
    kinds = {one.kind for path in sorted(FIXTURES.glob("c*.jsonl")) for one in recording.wrote(recording.read(path)[0])}
    assert {"prose", "thinking", "edit", "write", "notebook", "patch", "heredoc"} <= kinds
