"""Packed and wide bytes as UTF-8, in and out: gzip, zstd, UTF-16, UTF-32. It knows no lines and no rows."""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import itertools
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, NamedTuple

READ_SIZE = 4 << 20
UNPACK_SIZE = 256 << 10
GZIP_LEVEL = 6
"""What gzip and most writers use; the level of the input is not recorded in it."""

BROKEN = (OSError, EOFError, zlib.error, UnicodeDecodeError)
"""What unpacking and decoding raise where the bytes are damaged or break off."""

WIDE_MARKS = (  # UTF-32-LE first: its mark begins with that of UTF-16-LE
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Coding(NamedTuple):
    """How the text of a file is stored: same coding and text, same bytes (packing levels apart)."""

    packing: str
    """``gzip``, ``zstd`` or empty."""
    codec: str
    """``utf-8``, or the wide encoding that the byte order mark names."""
    mark: bytes
    """The byte order mark, as it stands."""

    @property
    def plain(self) -> bool:
        return not self.packing and self.codec == "utf-8"


def packing_of(start: bytes) -> str:
    """By content, so that a wrong suffix does no harm. RFC 1952 section 2.3.1, RFC 8878 section 3.1."""
    if start[:2] == b"\x1f\x8b":
        return "gzip"
    if start[:4] == b"\x28\xb5\x2f\xfd" or (start[1:4] == b"\x2a\x4d\x18" and start[0] >> 4 == 5):
        return "zstd"
    return ""


def coding_of(file: str) -> Coding:
    """The coding of a file, from its first bytes; a file whose packing is damaged counts as UTF-8."""
    with open(file, "rb") as raw:
        packing = packing_of(raw.read(4))
        start = b""
        try:
            for chunk in unpacked(raw, packing):
                start += chunk[:4]
                if len(start) >= 4:
                    break
        except BROKEN:
            pass
    return Coding(packing, *_marked(start))


def codec_of(start: bytes) -> str:
    """The encoding that a text's first bytes name."""
    return _marked(start)[0]


def _marked(start: bytes) -> tuple[str, bytes]:
    for mark, codec in WIDE_MARKS:
        if start.startswith(mark):
            return codec, mark
    return "utf-8", codecs.BOM_UTF8 if start.startswith(codecs.BOM_UTF8) else b""


def unpacked(raw: BinaryIO, packing: str) -> Iterator[bytes]:
    """The file's bytes from its beginning; where a packing breaks off, all bytes before that, and then the error."""
    raw.seek(0)
    if packing == "zstd":
        yield from _unzstd(raw)
        return
    if packing == "gzip":
        # read1: read would lose what it already has when the stream turns out to be cut off.
        with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
            while chunk := stream.read1(READ_SIZE):
                yield chunk
        return
    while chunk := raw.read(READ_SIZE):
        yield chunk


def _unzstd(raw: BinaryIO) -> Iterator[bytes]:
    """All frames. Where the stream breaks off, the bytes before that, and then the error."""
    import pyarrow as pa

    stream = pa.CompressedInputStream(raw, "zstd")
    done = 0
    try:
        while chunk := stream.read(UNPACK_SIZE):
            done += len(chunk)
            yield chunk
    except OSError:
        # A read that fails has dropped what it had: unpack again, and step over that piece byte by byte.
        raw.seek(0)
        again = pa.CompressedInputStream(raw, "zstd")
        while done:
            done -= len(again.read(min(UNPACK_SIZE, done)))
        rest = bytearray()
        try:
            while byte := again.read(1):
                rest += byte
        except OSError:
            yield bytes(rest)
        raise


def as_utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The text as UTF-8 without a byte order mark.

    A lone surrogate of UTF-16 goes through as three bytes that are not UTF-8, so that it costs its line only.
    """
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= 4:
            break
    codec, mark = _marked(start)
    start = start[len(mark) :]
    chunks = itertools.chain([start] if start else [], chunks)
    if codec == "utf-8":
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(codec)("surrogatepass")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def text_of(file: str, coding: Coding) -> Iterator[bytes]:
    """The text of a file of this coding as UTF-8, without its mark. OSError and others of ``BROKEN``."""
    with open(file, "rb") as raw:
        chunks = unpacked(raw, coding.packing)
        yield from chunks if coding.codec == "utf-8" and not coding.mark else as_utf8(chunks)


def head(file: str) -> bytes:
    """The first bytes of the text, decompressed and as UTF-8; nothing where it cannot be unpacked.

    OSError for what is no file: a pipe would be waited for.
    """
    if not os.path.isfile(file):
        raise OSError(errno.EINVAL, "no regular file")
    with open(file, "rb") as raw:
        packing = packing_of(raw.read(4))
        try:
            return next(as_utf8(unpacked(raw, packing)), b"")
        except BROKEN:
            return b""


class _Kept(io.RawIOBase):
    """A file to write that packers cannot close: who opened it still has to sync it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self.file.write(data)

    def tell(self) -> int:
        return self.file.tell()


@contextmanager
def writing(file: BinaryIO, coding: Coding) -> Iterator[Callable[[bytes], object]]:
    """What takes UTF-8 text without its mark, cut anywhere, and stores it in the file as the coding says."""
    with ExitStack() as stack:
        stored: Any = file
        if coding.packing == "gzip":
            stored = stack.enter_context(
                gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0)
            )
        elif coding.packing == "zstd":
            import pyarrow as pa

            stored = stack.enter_context(pa.CompressedOutputStream(_Kept(file), "zstd"))
        stored.write(coding.mark)
        if coding.codec == "utf-8":
            yield stored.write
        else:
            decoded = codecs.getincrementaldecoder("utf-8")("surrogatepass").decode
            yield lambda text: stored.write(decoded(text).encode(coding.codec, "surrogatepass"))
