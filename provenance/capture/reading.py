"""Finds and opens the files that hold foreign records, tells whose they are by their content, and has them read."""

from __future__ import annotations

import gzip
import importlib
import io
import itertools
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from provenance.capture import api_bodies, opencode
from provenance.capture.session import Event, Tally, decoded, records
from provenance.errors import CaptureError

RECORDS = "claude_code codex copilot gemini opencode vscode_copilot claude_ai chatgpt api_bodies litellm otel".split()
"""The readers of JSON, asked in this order: each has ``recognise(record)`` and ``read(lines, tally)``."""
TEXTS = ("specstory", "aider")
"""The readers of text: each has ``recognise_text(head)`` and ``read(lines, tally)``."""

# A header record, a few bookkeeping records and a summary may come before the first telling one.
HEAD = 40
HEAD_BYTES = 8 << 20
# No record of a session is longer; a foreign file without line ends must not fill the memory.
LONGEST_LINE = 256 << 20
TEXT_HEAD = 64 << 10
# JSON of sessions packs 5 to 50 times, a bomb 1000 times: two megabytes that take all memory.
RATIO = 100
LEAST_BOUND = 64 << 20
DATABASE = b"SQLite format 3\0"
_BLANK = b" \t\r\n\xef\xbb\xbf\0"


def find(path: Path) -> Iterator[Path]:
    """The files at a path: itself, or every file below a folder, sorted; hidden folders are walked too.

    A folder that is one record (opencode's older storage, a folder of API bodies) is yielded itself and not walked.
    So is a folder that cannot be listed, so that reading it says why.
    """
    if path.is_dir():
        below: list[Path] = []
        unlisted = [path]
        for folder, folders, names in os.walk(path, onerror=lambda error: unlisted.append(Path(error.filename))):
            if folder_reader(Path(folder)):
                folders.clear()
                below.append(Path(folder))
            else:
                below += (file for name in names if (file := Path(folder, name)).is_file())
        yield from sorted([*unlisted[1:], *below])
    elif path.exists():
        yield path
    else:
        raise CaptureError(
            f"{path}: no such file or folder (transcripts lie in ~/.claude/projects and ~/.codex/sessions)"
        )


def folder_reader(path: Path) -> str | None:
    """Which reader reads a folder as one record, if any."""
    if opencode.is_storage(path):
        return "opencode"
    return "api_bodies" if api_bodies.recognise_folder(path) else None


def reader_of(path: Path) -> str | None:
    """Which reader reads a file, by its first records or lines; None where it is no transcript.

    Raises CaptureError where the file cannot be read far enough to tell.
    """
    if path.is_dir() and (found := folder_reader(path)):
        return found
    tally = Tally()
    head = _head(path)
    if head.startswith(DATABASE):
        return "opencode" if opencode.is_database(path) else None
    text = head.decode("utf-8", "replace")
    for name in (*TEXTS, "api_bodies"):
        if module_of(name).recognise_text(text):
            return name
    with _open(path) as file:
        lines = _limited(_records(file, path, tally, HEAD_BYTES), HEAD_BYTES)
        for record in itertools.islice(records(lines, Tally()), HEAD):
            for name in RECORDS:
                if module_of(name).recognise(record):
                    return name
    if tally.cut:
        raise CaptureError(tally.cut)
    return None


def read(path: Path, reader: str) -> tuple[list[Event], Tally]:
    """The events of one transcript and the tally of what was read."""
    tally = Tally()
    if path.is_dir() and folder_reader(path) == "api_bodies":
        return api_bodies.read_folder(path, tally), tally
    if path.is_dir() and folder_reader(path) == "opencode":
        return opencode.read(opencode.lines_of_storage(path), tally), tally
    if _head(path).startswith(DATABASE):
        return opencode.read(opencode.lines_of_database(path), tally), tally
    with _open(path) as file:
        lines = _whole_lines if reader in TEXTS else _records
        events: list[Event] = module_of(reader).read(lines(file, path, tally, LONGEST_LINE), tally)
    return events, tally


def _head(path: Path) -> bytes:
    """The first bytes of a file, or none where it is damaged there."""
    with _open(path) as file:
        try:
            return file.read(TEXT_HEAD)
        except (EOFError, OSError, ValueError, zlib.error):
            return b""


def module_of(name: str) -> Any:
    """The module of a reader."""
    return importlib.import_module(f"provenance.capture.{name}")


def _records(file: BinaryIO, path: Path, tally: Tally, longest: int) -> Iterator[bytes]:
    """The records of a JSON file, one a line: of JSON Lines the lines, of one list its elements, of one object it.

    A file is one value where its first line alone is none, or is a list.
    """
    lines = _whole_lines(file, path, tally, longest)
    first = next((line for line in lines if line.strip(_BLANK)), b"")
    start = first.lstrip(_BLANK)[:1]
    if start == b"[" or (start == b"{" and decoded(first) is None):
        data = b"".join([first, *lines])
        value = None if tally.cut else _document(data.lstrip(_BLANK), start)
        yield from data.splitlines(keepends=True) if value is None else value
    else:
        yield first
    yield from lines


def _document(data: bytes, start: bytes) -> list[bytes] | None:
    """The elements of a list, or the one object; None where the text is no JSON value."""
    try:
        if start == b"{":
            return [bytes(msgspec.json.decode(data, type=msgspec.Raw))]
        return list(map(bytes, msgspec.json.decode(data, type=list[msgspec.Raw])))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file as UTF-8, uncompressed; whatever was opened on the way is closed."""
    with ExitStack() as opened:
        try:
            if not path.is_dir() and not path.is_file():
                raise CaptureError(f"{path}: not a regular file (save what it gives to a file first)")
            file = opened.enter_context(path.open("rb"))
            magic = file.read(4)
            file.seek(0)
            readable = _readable(file, magic, path)
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror or error} (check the file and its permissions)") from error
        yield opened.enter_context(readable)


def _readable(file: BinaryIO, magic: bytes, path: Path) -> BinaryIO:
    if magic[:2] == b"\x1f\x8b":
        return _bounded(cast(BinaryIO, gzip.open(file)), file)
    # The magic number of a frame, and of one to be skipped.
    if magic == b"\x28\xb5\x2f\xfd" or magic[1:] == b"\x2a\x4d\x18":
        return _bounded(_zstd(file, path), file)
    # A transcript that went through a Windows shell's redirection, with and without a byte order mark.
    for start, encoding in ((magic[:2], "utf-16"), (magic[1::2], "utf-16-le"), (magic[::2], "utf-16-be")):
        if start in ((b"\xff\xfe", b"\xfe\xff") if encoding == "utf-16" else (b"\0\0",)):
            return io.BytesIO(file.read().decode(encoding, "replace").encode())
    return file


def _zstd(file: BinaryIO, path: Path) -> BinaryIO:
    try:
        import pyarrow
    except ImportError as error:
        raise CaptureError(
            f"{path}: is compressed with zstd, which needs pyarrow (pip install 'provenance-cleanroom[data]')"
        ) from error
    # Damage costs the buffer in which it is found, hence a small one.
    return cast(BinaryIO, io.BufferedReader(_Arrow(pyarrow.CompressedInputStream(file, "zstd")), 1 << 10))


def _bounded(stream: BinaryIO, packed: BinaryIO) -> BinaryIO:
    most = max(LEAST_BOUND, RATIO * os.fstat(packed.fileno()).st_size)
    return cast(BinaryIO, io.BufferedReader(_Bounded(stream, most), 1 << 10))


class _Bounded(io.RawIOBase):
    """A stream that raises ValueError where it gives more than it may."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self.stream = stream
        self.left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.stream.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise ValueError(f"is compressed more than {RATIO} times, which no record is")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.stream.close()
        super().close()


class _Arrow(io.RawIOBase):
    """A pyarrow stream as a raw Python stream, so that it can be read by lines."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.stream.close()
        super().close()


def _whole_lines(file: BinaryIO, path: Path, tally: Tally, longest: int) -> Iterator[bytes]:
    """The lines, cut at the longest allowed; where the data are damaged, those before, and ``tally.cut`` says so."""
    while True:
        try:
            line = file.readline(longest)
        except (EOFError, OSError, ValueError, zlib.error) as error:
            tally.cut = f"{path}: {error} (the rest of the file could not be read)"
            return
        if not line:
            return
        yield line


def _limited(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    for line in lines:
        yield line
        size -= len(line)
        if size < 0:
            return
