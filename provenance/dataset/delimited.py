"""CSV and TSV, plain or packed: records as rows, with the bytes of each, so that a split leaves them untouched.

RFC 4180 as Python's ``csv`` reads it. A file is one work unit: whether a line ends a record is known only by who has
read all before it.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from provenance.dataset import packing, units
from provenance.dataset.jsonl import lines_of
from provenance.dataset.packing import BROKEN, coding_of
from provenance.dataset.units import BATCH_SIZE, Batch, FilePlan, Texts, WorkUnit
from provenance.errors import DatasetError
from provenance.model import Skipped

__all__ = ["coding_of", "dialect_of", "pieces", "plan", "read", "records"]

MAX_RECORD = 64 << 20
"""Bytes of the largest record; a quote that is never closed would take the rest of the file."""
TOO_LONG = f"a record of more than {MAX_RECORD >> 20} MB"
MAX_NAME, MAX_WORDS = 64, 8
"""Characters and words of the longest column name: fewer than any run that is a copy."""
MAX_ROWS = 1 << 16
DELIMITERS = ",\t;|"
HEADER = "header[]"
"""The field of the header's own names, which are read as texts of the first row: they may be texts after all."""
_WORD = re.compile(r"\w+|[^\w\s]")


class Dialect(NamedTuple):
    """How a file is written: decided from its name and its first two records."""

    delimiter: str
    end: bytes
    header: bool
    fields: tuple[str, ...]


class Record(NamedTuple):
    """A record with its bytes; ``values`` is empty for a blank line, None where it cannot be read."""

    raw: list[bytes]
    values: list[str] | None
    problem: str


def plan(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    """One unit a file. A column that the file does not have is an error."""
    try:
        stamp = units.stamp(file)
        size = os.stat(file).st_size
        dialect = dialect_of(file)
    except OSError as error:
        return FilePlan(problem=f"{file}: {error.strerror or error} (make it readable, or leave it out)")
    for column in columns:
        if column not in dialect.fields:
            raise DatasetError(units.no_such_column(file, column, dialect.fields))
    fields = tuple(columns) or dialect.fields
    if not size or not fields:
        return FilePlan((), fields)
    return FilePlan((WorkUnit(file, "csv", 0, size, -1, size, stamp, fields),), fields)


def read(unit: WorkUnit) -> Iterator[Batch]:
    """The records below the header, whose names come with the first; those of another number of fields are skipped."""
    dialect = dialect_of(unit.file)
    chosen = [number for number, field in enumerate(dialect.fields) if field in unit.columns]
    row = done = 0
    line = 1
    rows: list[int] = []
    values: list[list[str]] = []
    skipped: list[Skipped] = []
    skipped_rows: list[int] = []
    first = size = 0
    header = dialect.header
    names: tuple[Texts, ...] = ()
    try:
        with open(unit.file, "rb") as raw:
            chunks = packing.as_utf8(packing.unpacked(raw, coding_of(unit.file).packing))
            for record in records(chunks, dialect):
                at, line = line, line + len(record.raw)
                if record.values == []:
                    continue
                if header:
                    header = False
                    names = _header(record.values or [], chosen)
                    continue
                size += sum(map(len, record.raw))
                if record.values is None or len(record.values) != len(dialect.fields):
                    reason = record.problem or f"{len(record.values or ())} fields, not {len(dialect.fields)}"
                    skipped.append(Skipped(f"{unit.file} line {at}", reason))
                    skipped_rows.append(row)
                else:
                    rows.append(row)
                    values.append(record.values)
                row += 1
                if size >= BATCH_SIZE or row - first >= MAX_ROWS:
                    reached = unit.last if raw.closed else min(raw.tell(), unit.last)
                    found = _batch(dialect, chosen, rows, values, skipped, skipped_rows, row - first, reached - done)
                    yield found._replace(texts=names + found.texts)
                    rows, values, skipped, skipped_rows, names = [], [], [], [], ()
                    first, size, done = row, 0, reached
            found = _batch(dialect, chosen, rows, values, skipped, skipped_rows, row - first, unit.last - done)
            yield found._replace(texts=names + found.texts)
    except BROKEN as error:
        if row > first:
            found = _batch(dialect, chosen, rows, values, skipped, skipped_rows, row - first, 0)
            yield found._replace(texts=names + found.texts)
        raise DatasetError(
            f"{unit.file}: damaged or truncated after {row} rows: {error} (copy or write the file again)"
        ) from error


def pieces(file: str, like: str) -> Iterator[tuple[list[int], list[bytes]]]:
    """Every record with its row; header and blank lines are of no row (-1)."""
    dialect = dialect_of(like)
    row, header = 0, dialect.header
    rows: list[int] = []
    parts: list[bytes] = []
    size = 0
    for record in records(packing.text_of(file, coding_of(like)), dialect):
        part = b"".join(record.raw)
        parts.append(part)
        size += len(part)
        if record.values == [] or header:
            header = header and record.values == []
            rows.append(-1)
        else:
            rows.append(row)
            row += 1
        if size >= packing.READ_SIZE:
            yield rows, parts
            rows, parts, size = [], [], 0
    yield rows, parts


def dialect_of(file: str) -> Dialect:
    """The delimiter that the first record has most of, and whether that record names the columns.

    It does where its fields differ from one another, are short (``MAX_NAME``, ``MAX_WORDS``) and no numbers; else it
    is a row, and the columns are ``column_0`` and so on.
    """
    text = packing.head(file)[: 1 << 20]
    first = text.partition(b"\n")[0].decode("utf-8", "replace")
    end = b"\r" if b"\n" not in text and b"\r" in text else b"\n"
    preferred = "\t" if ".tsv" in os.path.basename(file).lower() or ".tab" in os.path.basename(file).lower() else ","
    delimiter = max(DELIMITERS, key=lambda one: (first.count(one), one == preferred))
    if preferred in first:
        delimiter = preferred
    found = records([text], Dialect(delimiter, end, False, ()))
    head = next((one.values for one in found if one.values), None)
    if head is None:
        return Dialect(delimiter, end, False, ())
    header = _names(head)
    fields = tuple(name if header and name else f"column_{number}" for number, name in enumerate(head))
    return Dialect(delimiter, end, header, fields)


def _header(values: list[str], chosen: list[int]) -> tuple[Texts, ...]:
    named = [(number, values[number].encode("utf-8", "surrogateescape")) for number in chosen if values[number]]
    if not named:
        return ()
    offsets = np.cumsum([0, *(len(name) for _, name in named)], dtype=np.int64)
    places = np.array([[number] for number, _ in named], np.int64)
    return (Texts(HEADER, b"".join(name for _, name in named), offsets, np.zeros(len(named), np.int64), places),)


def _names(values: list[str]) -> bool:
    named = [value for value in values if value.strip()]
    if not named or len(set(named)) < len(named):
        return False
    return not any(
        len(name) > MAX_NAME or len(_WORD.findall(name)) > MAX_WORDS or "\n" in name or _is_number(name)
        for name in named
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def records(chunks: Iterable[bytes], dialect: Dialect) -> Iterator[Record]:
    """The records, each with its lines as they stand. Bytes that are not UTF-8 go through as surrogate escapes."""
    csv.field_size_limit(2 * MAX_RECORD)
    lines = (line for some in lines_of(chunks, dialect.end, MAX_RECORD + 1) for line in some)
    raw: list[bytes] = []
    too_long = ended = False

    def feed() -> Iterator[str]:
        nonlocal too_long, ended
        size = 0
        for line in lines:
            size = size + len(line) if raw else len(line)
            raw.append(line)
            if size > MAX_RECORD:
                too_long = True
                return
            text = line.decode("utf-8", "surrogateescape")
            yield text if dialect.end == b"\n" else text.removesuffix("\r") + "\n"
        ended = True

    while not ended:
        reader = csv.reader(feed(), delimiter=dialect.delimiter)
        while True:
            problem = ""
            values: list[str] | None = None
            try:
                values = next(reader)
            except StopIteration:
                if not raw:
                    break
            except csv.Error as error:
                problem = str(error)
            if too_long:
                values, problem, too_long = None, f"{TOO_LONG}: a quote is open, or no line ends", False
                cut = not raw[-1].endswith(dialect.end)
                yield Record(raw[:], values, problem)
                raw.clear()
                while cut and (rest := next(lines, b"")):
                    cut = not rest.endswith(dialect.end)
                    yield Record([rest], None, f"the rest of {TOO_LONG}")
                break
            yield Record(raw[:], values, problem)
            raw.clear()


def _batch(
    dialect: Dialect,
    chosen: list[int],
    rows: list[int],
    values: list[list[str]],
    skipped: list[Skipped],
    skipped_rows: list[int],
    count: int,
    size: int,
) -> Batch:
    """Empty fields count as nulls, for CSV has no other."""
    texts = []
    nulls = 0
    at = np.array(rows, np.int64)
    for number in chosen:
        encoded = [value[number].encode("utf-8", "surrogateescape") for value in values]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        full = lengths > 0
        nulls += len(full) - int(full.sum())
        offsets = np.zeros(int(full.sum()) + 1, np.int64)
        np.cumsum(lengths[full], out=offsets[1:])
        places = np.empty((len(offsets) - 1, 0), np.int64)
        field = dialect.fields[number].encode("utf-8", "backslashreplace").decode()
        texts.append(Texts(field, b"".join(encoded), offsets, at[full], places))
    return Batch(count, nulls, tuple(skipped), tuple(texts), size, tuple(skipped_rows))
