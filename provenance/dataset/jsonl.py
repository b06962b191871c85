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
            for begin, block, length in _blocks(chunks, position):
                if coding.plain:
                    reached = begin + length
                else:  # Arrow's decompressor closes the file when it has read it all
                    reached = unit.last if raw.closed else raw.tell()
                size = max(0, min(reached, unit.last) - unit.first - done)
                done += size
                if len(block) == length:
                    batch, lines = rows.parse(unit, block, begin, row, line)
                else:
                    batch, lines = rows.too_long(unit, begin, row, line), 1
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
    """Every line with its row; a blank one is of no row (-1). A line that is too long comes in pieces."""
    row, within = 0, False
    for lines in lines_of(packing.text_of(file, coding_of(like)), most=rows.MAX_LINE + 1):
        rows_: list[int] = []
        for line in lines:
            whole = line.endswith(b"\n") or len(line) <= rows.MAX_LINE
            is_blank = whole and not within and not line.strip()
            rows_.append(-1 if is_blank else row)
            row += whole and not is_blank
            within = not whole
        yield rows_, lines


def lines_of(chunks: Iterable[bytes], end: bytes = b"\n", most: int = 1 << 62) -> Iterator[list[bytes]]:
    """The lines with their ends, some at a time; a last line without an end too.

    A line of more than ``most`` bytes comes in pieces of that many, counted from its beginning.
    """
    pending: list[bytes] = []
    size = 0
    for chunk in chunks:
        lines = chunk.split(end)
        if len(lines) == 1:
            if chunk:
                pending.append(chunk)
                size += len(chunk)
            if size > most:
                whole = b"".join(pending)
                cut = size // most * most
                yield [whole[at : at + most] for at in range(0, cut, most)]
                pending, size = [whole[cut:]] if size > cut else [], size - cut
            continue
        lines[0] = b"".join([*pending, lines[0]])
        pending, size = ([last], len(last)) if (last := lines.pop()) else ([], 0)
        lines = [line + end for line in lines]
        if max(map(len, lines)) > most:
            lines = [line[at : at + most] for line in lines for at in range(0, len(line), most)]
        yield lines
    if pending:
        last = b"".join(pending)
        yield [last[at : at + most] for at in range(0, len(last), most)]


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


def _blocks(chunks: Iterator[bytes], position: int) -> Iterator[tuple[int, bytes, int]]:
    """Whole lines, about ``BATCH_SIZE`` bytes at a time: the position of the first byte, the lines, their length.

    Of a line that is too long there is the length alone, so that it is never held.
    """
    pending: list[bytes] = []
    size = long = 0
    """Bytes pending; bytes gone by of a line that is too long."""
    try:
        for chunk in chunks:
            if long:
                end = chunk.find(b"\n") + 1
                long += end or len(chunk)
                if not end:
                    continue
                yield position, b"", long
                position, long = position + long, 0
                chunk = chunk[end:]
            size += len(chunk)
            cut = chunk.rfind(b"\n") + 1 if size >= BATCH_SIZE else 0
            if not cut:
                pending.append(chunk)
                if size <= rows.MAX_LINE + BATCH_SIZE:
                    continue
                # Less than BATCH_SIZE was pending when its last line ended: what is open is too long.
                chunk = b"".join(pending)
                cut = chunk.rfind(b"\n") + 1
                pending, size, long = [], 0, len(chunk) - cut
                if cut:
                    yield position, chunk[:cut], cut
                    position += cut
                continue
            pending.append(chunk[:cut])
            rest = chunk[cut:]
            del chunk
            block = b"".join(pending)
            pending, size = [rest], len(rest)
            del rest
            yield position, block, len(block)
            position += len(block)
            del block
    except BROKEN:
        block = b"".join(pending)
        if cut := block.rfind(b"\n") + 1:
            yield position, block[:cut], cut
        raise
    if long:
        yield position, b"", long
    if size:
        block = b"".join(pending)
        del pending
        yield position, block, size
