"""The words of dataset reading: work units, batches of texts, field paths. It reads no file.

A *leaf field* is written as a path template: ``text``, ``a.b``, ``messages[].content``, ``grid[][]``, and for
Arrow maps ``m[].key`` and ``m[].value``. Every ``[]`` is one list level; the ordinals of a text fill them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.model import Skipped

BATCH_SIZE = 16 << 20
"""Bytes of text a batch aims at; one row may be larger than that."""

SHOWN_COLUMNS = 12
"""How many columns an error message lists before it only counts them."""


class WorkUnit(msgspec.Struct, frozen=True):
    """A part of one file that is read, scanned and resumed as a whole."""

    file: str
    """As the user gave it or as found; a relative path stays relative. A tree of text files ends in ``/``."""
    format: str
    """A key of ``dataset.FORMATS``."""
    first: int
    """Parquet: first row group. Arrow file: first record batch. Text tree: first file of its listing. Arrow stream,
    JSONL, CSV, tar: first byte; the unit owns the lines (JSONL) or records that start in its range."""
    last: int
    """The end of the range, exclusive; the whole file where it is compressed or not UTF-8."""
    rows: int
    """Rows by the footer or listing; -1 where the file has to be read to be counted."""
    size: int
    """Bytes of the file to read; the ``size`` of its batches adds up to it."""
    stamp: str
    """Changes when the file changes."""
    columns: tuple[str, ...]
    """Parquet, Arrow, CSV: the leaf fields to read. Others: the choice as given, empty for every field."""


class Texts(NamedTuple):
    """The texts of one leaf field in one batch. Null texts are left out, empty ones are not."""

    field: str
    data: bytes | memoryview
    """Text ``i`` is ``data[offsets[i]:offsets[i + 1]]``, there may be more around them."""
    offsets: NDArray[np.int64]
    rows: NDArray[np.int64]
    """The row of each text, counted from 0 within the unit."""
    ordinals: NDArray[np.int64]
    """List positions, one line for each text, one column for each ``[]`` of ``field``."""
    names: tuple[str, ...] = ()
    """Text trees: the path of each text below the tree's folder; empty for everything else."""


class Batch(NamedTuple):
    """What was read in one step. The rows of a unit's batches add up to the rows of the unit."""

    rows: int
    """Rows this batch covers, skipped ones included; blank lines of JSONL and CSV are no rows."""
    nulls: int
    """Nulls where a text could be: once for each leaf field below in Parquet and Arrow, once each in JSONL; in text
    trees and tar, files that by their names hold no text (pictures, sound, compiled code)."""
    skipped: tuple[Skipped, ...]
    texts: tuple[Texts, ...]
    size: int
    skipped_rows: tuple[int, ...] = ()
    """The row of each of ``skipped``, counted from 0 within the unit."""


Held = Callable[["NDArray[np.int64]"], "NDArray[np.bool_]"]
"""Which of these rows (counted through the file; -1 for what belongs to the file as a whole) are held back."""

Digests = Iterator[tuple["NDArray[np.int64]", "NDArray[np.uint64]"]]
"""What a file holds, in order: for each piece its row (counted through the file; -1 for what belongs to the file as a
whole, as a header does) and its digest, two words of 64 bits. The pieces of a row stand together."""


class Plan(msgspec.Struct, frozen=True):
    """What will be read, what will not, and why."""

    units: tuple[WorkUnit, ...]
    fields: tuple[str, ...]
    """Leaf fields that will be read, over all files; ``*`` stands for whatever JSONL rows contain."""
    unread: tuple[str, ...]
    """Leaf columns that hold no text, as ``name: type``."""
    problems: tuple[str, ...]
    """One message for each file that cannot be read at all."""


class FilePlan(NamedTuple):
    """The plan of one file."""

    units: tuple[WorkUnit, ...] = ()
    fields: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    problem: str = ""
    """Why the file cannot be read at all, if so."""


def field_name(template: str, ordinals: Iterable[int]) -> str:
    """The template with list positions filled in: ``messages[].content``, (2,) -> ``messages[2].content``."""
    parts = template.split("[]")
    name = parts[0]
    positions = iter(ordinals)
    for part in parts[1:]:
        position = next(positions, None)
        name += ("[]" if position is None else f"[{position}]") + part
    return name


def field_of(texts: Texts, number: int) -> str:
    """The field of one text: its template with the positions filled in; in a text tree, the path below the tree."""
    return texts.names[number] if texts.names else field_name(texts.field, texts.ordinals[number])


def address_of(file: str, field: str) -> tuple[str, str]:
    """File and field as an address shows them: a text of a tree is known by its own path and has no field."""
    return ((file + field).removeprefix("./"), "") if file.endswith("/") else (file, field)


def printable(name: str) -> str:
    """A name that somebody else chose, as messages and addresses show it: no control character, valid UTF-8."""
    if name.isprintable():
        return name
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)
    return shown.encode("utf-8", "backslashreplace").decode()


def is_chosen(template: str, column: str) -> bool:
    """Whether the column, with or without its brackets, names this leaf field or a field above it."""
    return _covers(template, column) or _covers(template.replace("[]", ""), column)


def leads_to(template: str, column: str) -> bool:
    """Whether the column names something below this field."""
    return _covers(column, template) or _covers(column.replace("[]", ""), template.replace("[]", ""))


def _covers(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith((prefix + ".", prefix + "["))


def no_such_column(file: str, column: str, fields: Sequence[str]) -> str:
    """The message for a column that the file does not have; ``fields`` are the text fields it has."""
    names = list(dict.fromkeys([*fields, *(name.partition("[")[0].partition(".")[0] for name in fields)]))
    near = get_close_matches(column, names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    if not fields:
        return f"{file}: no column {column!r}{hint}; it has no text column at all (leave the file out)"
    shown = ", ".join(repr(name) for name in fields[:SHOWN_COLUMNS])
    more = f" and {len(fields) - SHOWN_COLUMNS} more" if len(fields) > SHOWN_COLUMNS else ""
    return f"{file}: no column {column!r}{hint}; it has {shown}{more} (choose with --column)"


def stamp(file: str) -> str:
    """The file's size and time of change, in nanoseconds."""
    status = os.stat(file)
    return f"{status.st_size}-{status.st_mtime_ns}"
