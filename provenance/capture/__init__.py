"""Foreign records to outputs: one module an assistant, recognised by content. It writes nothing."""

from __future__ import annotations

import gzip
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from provenance.capture import claude_code, codex
from provenance.capture.session import Event, Tally, records
from provenance.errors import CaptureError

ASSISTANTS = {claude_code.TOOL: claude_code, codex.TOOL: codex}
"""The readers: each has ``recognise(record)`` and ``read(lines, tally)``."""

# A header record, a few bookkeeping records and a summary may come before the first telling one.
HEAD = 40
HEAD_BYTES = 8 << 20


def find(path: Path) -> Iterator[Path]:
    """The files at a path: itself, or every file below a folder, sorted; hidden folders are walked too."""
    if path.is_dir():
        for below in sorted(path.rglob("*")):
            if below.is_file():
                yield below
    elif path.exists():
        yield path
    else:
        raise CaptureError(
            f"{path}: no such file or folder (transcripts lie in ~/.claude/projects and ~/.codex/sessions)"
        )


def assistant_of(path: Path) -> str | None:
    """Whose transcript a file is, by its first records; None where it is nobody's."""
    with _open(path) as file:
        head = list(itertools.islice(_limited(_whole_lines(file, path, Tally()), HEAD_BYTES), HEAD))
    for record in records(iter(head), Tally()):
        for name, reader in ASSISTANTS.items():
            if reader.recognise(record):
                return name
    return None


def read(path: Path, assistant: str) -> tuple[list[Event], Tally]:
    """The events of one transcript and the tally of what was read."""
    tally = Tally()
    with _open(path) as file:
        events = ASSISTANTS[assistant].read(_whole_lines(file, path, tally), tally)
    return events, tally


def _open(path: Path) -> BinaryIO:
    try:
        file = path.open("rb")
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror} (check the file's permissions)") from error
    magic = file.read(4)
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return cast(BinaryIO, gzip.open(file))
    if magic == b"\x28\xb5\x2f\xfd":
        return _zstd(file, path)
    if magic[:2] in (b"\xff\xfe", b"\xfe\xff"):
        # A transcript that went through a Windows shell's redirection.
        text = io.TextIOWrapper(file, "utf-16", errors="replace")
        return cast(BinaryIO, io.BytesIO(text.read().encode("utf-8", "replace")))
    if magic[:3] == b"\xef\xbb\xbf":
        file.seek(3)
    return file


def _zstd(file: BinaryIO, path: Path) -> BinaryIO:
    try:
        import pyarrow
    except ImportError as error:
        raise CaptureError(
            f"{path}: is compressed with zstd, which needs pyarrow (pip install 'provenance-cleanroom[data]')"
        ) from error
    return cast(BinaryIO, io.BufferedReader(_Arrow(pyarrow.CompressedInputStream(file, "zstd"))))


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


def _whole_lines(file: BinaryIO, path: Path, tally: Tally) -> Iterator[bytes]:
    """The lines; where compressed data end too soon or are damaged, those before, and ``tally.cut`` says so."""
    lines = iter(file)
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except (EOFError, OSError, zlib.error) as error:
            tally.cut = f"{path}: {error} (the rest of the file could not be read)"
            return
        yield line


def _limited(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    for line in lines:
        yield line
        size -= len(line)
        if size < 0:
            return
