"""JSONL, plain or packed: byte ranges cut and read as blocks of lines. What a line says is for ``rows``."""

from __future__ import annotations

import codecs
import gzip
import itertools
import os
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from provenance.dataset import rows, units
from provenance.dataset.units import BATCH_SIZE, Batch, FilePlan, WorkUnit
from provenance.errors import DatasetError

READ_SIZE = 4 << 20
UNPACK_SIZE = 256 << 10
TAIL_SIZE = 64 << 10

WIDE_CODECS = (  # UTF-32-LE first: its mark begins with that of UTF-16-LE
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def plan(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    """Byte ranges of a plain UTF-8 file; one unit where the file is packed or of a wider encoding."""
    fields = tuple(columns) or ("*",)
    try:
        stamp = units.stamp(file)
        size = os.stat(file).st_size
        with open(file, "rb") as stream:
            start = stream.read(4)
        whole = _packing(start) != "" or _wide_codec(start) is not None
    except OSError as error:
        return FilePlan(problem=f"{file}: {error.strerror or error} (make it readable, or leave it out)")
    count = 1 if whole else -(-size // max(1, target_size))
    edges = [size * i // count for i in range(count + 1)] if size else []
    return FilePlan(
        tuple(
            WorkUnit(file, "jsonl", first, last, -1, last - first, stamp, tuple(columns))
            for first, last in itertools.pairwise(edges)
        ),
        fields,
    )


def read(unit: WorkUnit) -> Iterator[Batch]:
    """The lines that start in the unit's range. A packed file that breaks off yields whole lines first."""
    row, line, done = 0, 1, 0
    try:
        with open(unit.file, "rb") as raw:
            start = raw.read(4)
            plain = not _packing(start) and not _wide_codec(start)
            if plain:
                position = _line_start(raw, unit.first, unit.last)
                # The first line starts at byte 0, before a byte order mark, wherever the file is cut.
                last = max(unit.last, position + 1) if unit.first == 0 < unit.last else unit.last
                chunks = _range(raw, position, last)
            else:
                position = 0
                chunks = _as_utf8(_unpacked(raw, _packing(start)))
            for begin, block in _blocks(chunks, position):
                if plain:
                    reached = begin + len(block)
                else:  # Arrow's decompressor closes the file when it has read it all
                    reached = unit.last if raw.closed else raw.tell()
                size = max(0, min(reached, unit.last) - unit.first - done)
                done += size
                batch, lines = rows.parse(unit, block, begin, row, line)
                yield batch._replace(size=size)
                row += batch.rows
                line += lines
            if done < unit.size:
                yield Batch(0, 0, (), (), unit.size - done)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{unit.file}: damaged or truncated after {row} rows: {error} (copy or write the file again)"
        ) from error


def head(file: str) -> bytes:
    """The first bytes of the text, decompressed and as UTF-8; nothing where it cannot be unpacked."""
    with open(file, "rb") as raw:
        packing = _packing(raw.read(4))
        raw.seek(0)
        try:
            return next(_as_utf8(_unpacked(raw, packing)), b"")
        except (OSError, EOFError, zlib.error, UnicodeDecodeError):
            return b""


def _packing(start: bytes) -> str:
    """By content, so that a wrong suffix does no harm. RFC 1952 section 2.3.1, RFC 8878 section 3.1."""
    if start[:2] == b"\x1f\x8b":
        return "gzip"
    if start[:4] == b"\x28\xb5\x2f\xfd" or (start[1:4] == b"\x2a\x4d\x18" and start[0] >> 4 == 5):
        return "zstd"
    return ""


def _wide_codec(start: bytes) -> str | None:
    return next((codec for mark, codec in WIDE_CODECS if start.startswith(mark)), None)


def _line_start(raw: BinaryIO, first: int, last: int) -> int:
    """Where the first line that starts in the range starts; ``last`` if none does."""
    if first == 0:
        raw.seek(0)
        mark = len(codecs.BOM_UTF8) if raw.read(3) == codecs.BOM_UTF8 else 0
        raw.seek(mark)
        return mark
    raw.seek(first - 1)
    while (position := raw.tell()) < last and (chunk := raw.read(TAIL_SIZE)):
        cut = chunk.find(b"\n") + 1
        if cut:
            raw.seek(position + cut)
            return position + cut
    return last


def _range(raw: BinaryIO, position: int, last: int) -> Iterator[bytes]:
    """The bytes up to ``last`` and on to the end of the line that it cuts."""
    whole = True
    while position < last and (chunk := raw.read(min(READ_SIZE, last - position))):
        position += len(chunk)
        whole = chunk.endswith(b"\n")
        yield chunk
    while not whole and (chunk := raw.read(TAIL_SIZE)):
        cut = chunk.find(b"\n") + 1
        whole = cut > 0
        yield chunk[:cut] if whole else chunk


def _unpacked(raw: BinaryIO, packing: str) -> Iterator[bytes]:
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


def _as_utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The text as UTF-8 without a byte order mark.

    A lone surrogate of UTF-16 goes through as three bytes that are not UTF-8, so that it costs its line only.
    """
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= 4:
            break
    codec = _wide_codec(start)
    chunks = itertools.chain([start] if start else [], chunks)
    if codec is None:
        yield start.removeprefix(codecs.BOM_UTF8)
        yield from itertools.islice(chunks, 1, None)
        return
    decoder = codecs.getincrementaldecoder(codec)("surrogatepass")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _blocks(chunks: Iterator[bytes], position: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines, about ``BATCH_SIZE`` bytes at a time, each block with the position of its first byte."""
    pending: list[bytes] = []
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            cut = chunk.rfind(b"\n") + 1 if size >= BATCH_SIZE else 0
            if not cut:
                pending.append(chunk)
                continue
            pending.append(chunk[:cut])
            rest = chunk[cut:]
            del chunk
            block = b"".join(pending)
            pending, size = [rest], len(rest)
            del rest
            yield position, block
            position += len(block)
            del block
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        block = b"".join(pending)
        if cut := block.rfind(b"\n") + 1:
            yield position, block[:cut]
        raise
    if size:
        block = b"".join(pending)
        del pending
        yield position, block
