"""Foreign records to outputs: one module an assistant, recognised by content. It writes nothing."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
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
# No record of a session is longer; a foreign file without line ends must not fill the memory.
LONGEST_LINE = 256 << 20


def find(path: Path) -> Iterator[Path]:
    """The files at a path: itself, or every file below a folder, sorted; hidden folders are walked too.

    A folder that cannot be listed is yielded itself, so that reading it says why.
    """
    if path.is_dir():
        below: list[Path] = []
        unlisted = [path]
        for folder, _, names in os.walk(path, onerror=lambda error: unlisted.append(Path(error.filename))):
            below += (Path(folder, name) for name in names)
        yield from sorted([*unlisted[1:], *(file for file in below if file.is_file())])
    elif path.exists():
        yield path
    else:
        raise CaptureError(
            f"{path}: no such file or folder (transcripts lie in ~/.claude/projects and ~/.codex/sessions)"
        )


def assistant_of(path: Path) -> str | None:
    """Whose transcript a file is, by its first records; None where it is nobody's.

    Raises CaptureError where the file cannot be read far enough to tell.
    """
    tally = Tally()
    with _open(path) as file:
        lines = _limited(_whole_lines(file, path, tally, HEAD_BYTES), HEAD_BYTES)
        for record in itertools.islice(records(lines, Tally()), HEAD):
            for name, reader in ASSISTANTS.items():
                if reader.recognise(record):
                    return name
    if tally.cut:
        raise CaptureError(tally.cut)
    return None


def read(path: Path, assistant: str) -> tuple[list[Event], Tally]:
    """The events of one transcript and the tally of what was read."""
    tally = Tally()
    with _open(path) as file:
        events = ASSISTANTS[assistant].read(_whole_lines(file, path, tally, LONGEST_LINE), tally)
    return events, tally


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
        return cast(BinaryIO, gzip.open(file))
    # The magic number of a frame, and of one to be skipped.
    if magic == b"\x28\xb5\x2f\xfd" or magic[1:] == b"\x2a\x4d\x18":
        return _zstd(file, path)
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
