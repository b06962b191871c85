"""JSONL, plain or packed: byte ranges cut and read as blocks of lines. What a line says is for ``rows``."""

from __future__ import annotations

import codecs
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from provenance.dataset import packing, rows, units
from provenance.dataset.packing import BROKEN, coding_of, head
from provenance.dataset.units import BATCH_SIZE, Batch, FilePlan, WorkUnit
from provenance.errors import DatasetError

__all__ = ["coding_of", "head", "lines_of", "pieces", "plan", "read"]

TAIL_SIZE = 64 << 10


def plan(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    """Byte ranges of a plain UTF-8 file; one unit where the file is packed or of a wider encoding."""
    fields = tuple(columns) or ("*",)
    try:
        stamp = units.stamp(file)
        size = os.stat(file).st_size
        whole = not coding_of(file).plain
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
            coding = coding_of(unit.file)
            if coding.plain:
                position = _line_start(raw, unit.first, unit.last)
                # The first line starts at byte 0, before a byte order mark, wherever the file is cut.
                last = max(unit.last, position + 1) if unit.first == 0 < unit.last else unit.last
                chunks = _range(raw, position, last)
            else:
                position = 0
                chunks = packing.as_utf8(packing.unpacked(raw, coding.packing))
            for begin, block in _blocks(chunks, position):
                if coding.plain:
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
    except BROKEN as error:
        raise DatasetError(
            f"{unit.file}: damaged or truncated after {row} rows: {error} (copy or write the file again)"
        ) from error


def pieces(file: str, like: str) -> Iterator[tuple[list[int], list[bytes]]]:
    """Every line with its row; a blank one is of no row (-1)."""
    row = 0
    for lines in lines_of(packing.text_of(file, coding_of(like))):
        blank = [not line.strip() for line in lines]
        rows_: list[int] = []
        for is_blank in blank:
            rows_.append(-1 if is_blank else row)
            row += not is_blank
        yield rows_, lines


def lines_of(chunks: Iterable[bytes], end: bytes = b"\n") -> Iterator[list[bytes]]:
    """The lines with their ends, some at a time; a last line without an end too."""
    pending: list[bytes] = []
    for chunk in chunks:
        lines = chunk.split(end)
        if len(lines) == 1:
            pending += [chunk] if chunk else []
            continue
        lines[0] = b"".join([*pending, lines[0]])
        pending = [last] if (last := lines.pop()) else []
        yield [line + end for line in lines]
    if pending:
        yield [b"".join(pending)]


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
    while position < last and (chunk := raw.read(min(packing.READ_SIZE, last - position))):
        position += len(chunk)
        whole = chunk.endswith(b"\n")
        yield chunk
    while not whole and (chunk := raw.read(TAIL_SIZE)):
        cut = chunk.find(b"\n") + 1
        whole = cut > 0
        yield chunk[:cut] if whole else chunk


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
    except BROKEN:
        block = b"".join(pending)
        if cut := block.rfind(b"\n") + 1:
            yield position, block[:cut]
        raise
    if size:
        block = b"".join(pending)
        del pending
        yield position, block
