"""Lines of JSON as texts; a line that cannot be read is a ``Skipped``. It opens no file.

NaN, Infinity, numbers out of range and lone surrogates (``"\\ud83d"``) are accepted, as Python's ``json``
writes them. A lone surrogate is encoded with ``surrogatepass``, as ``model.ingredient_id`` does: three bytes
that are not valid UTF-8, so that different texts stay different.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from provenance.dataset import units
from provenance.dataset.units import Batch, Texts, WorkUnit
from provenance.model import Skipped

BARE_FIELD = "text"
"""The field of a line that is a bare JSON string."""

MAX_DEPTH = 256
"""Deeper rows are skipped: parsers differ in what they survive, and no training row is that deep."""

MAX_LINE = 64 << 20
"""Bytes of the longest line; a longer one is skipped."""

TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"

TOO_LONG = f"a line of more than {MAX_LINE >> 20} MB"

READ, ABOVE, PASS = "read", "above", "pass"

_decode = msgspec.json.Decoder().decode


class NotARow(ValueError):
    """Why a line is not a row."""


class Leaf(NamedTuple):
    """A text of a row, or a null where one could be."""

    field: str
    ordinals: tuple[int, ...]
    text: str | None


class Sink:
    """The texts of one field of a batch, as they come."""

    __slots__ = ("ordinals", "rows", "texts")

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.rows: list[int] = []
        self.ordinals: list[tuple[int, ...]] = []


def parse(unit: WorkUnit, block: bytes, position: int, row: int, line: int) -> tuple[Batch, int]:
    """The batch (without its size) of a block of whole lines, and how many lines that were.

    ``position`` is that of the block in the file, ``row`` and ``line`` are the numbers of its first.
    """
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    del block
    select = selector(unit.columns)
    flat: dict[str, Sink | None] = {}
    sinks: dict[tuple[str, int], Sink] = {}
    skipped: list[Skipped] = []
    skipped_rows: list[int] = []
    first_row, nulls = row, 0
    at, counted = position, 0
    for number, text in enumerate(lines):
        try:
            if len(text) > MAX_LINE:
                raise NotARow(TOO_LONG)
            try:
                value = _decode(text)
            except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
                if not text.strip():
                    continue
                value = _decode_again(text)
            if type(value) is str:
                value = {BARE_FIELD: value}
            elif type(value) is not dict:
                raise NotARow(f"not an object but {_kind(value)}")
            if any(type(item) is dict or type(item) is list for item in value.values()):
                for field, ordinals, leaf in leaves(value, select):
                    if leaf is None:
                        nulls += 1
                        continue
                    sink = sinks.get((field, len(ordinals)))
                    if sink is None:
                        sink = sinks[field, len(ordinals)] = Sink()
                    sink.texts.append(leaf.encode("utf-8", "surrogatepass"))
                    sink.rows.append(row)
                    sink.ordinals.append(ordinals)
            else:
                for key, item in value.items():
                    if type(item) is str:
                        try:
                            into = flat[key]
                        except KeyError:
                            chosen = select(key) is READ
                            into = flat[key] = sinks.setdefault((key, 0), Sink()) if chosen else None
                        if into is not None:
                            into.texts.append(item.encode("utf-8", "surrogatepass"))
                            into.rows.append(row)
                            into.ordinals.append(())
                    elif item is None and select(key) is not PASS:
                        nulls += 1
        except NotARow as error:
            at += sum(len(before) + 1 for before in lines[counted:number])
            counted = number
            where = f"line {line + number}" if unit.first == 0 else f"byte {at}"
            skipped.append(Skipped(f"{unit.file} {where}", str(error)))
            skipped_rows.append(row)
        row += 1
    texts = tuple(texts_of(field, depth, sinks[field, depth]) for field, depth in sorted(sinks))
    return Batch(row - first_row, nulls, tuple(skipped), texts, 0, tuple(skipped_rows)), len(lines)


def too_long(unit: WorkUnit, position: int, row: int, line: int) -> Batch:
    """The batch (without its size) of one line that nobody holds."""
    where = f"line {line}" if unit.first == 0 else f"byte {position}"
    return Batch(1, 0, (Skipped(f"{unit.file} {where}", TOO_LONG),), (), 0, (row,))


def _decode_again(text: bytes) -> Any:
    """What msgspec refuses and Python's own ``json`` reads, or ``NotARow``."""
    try:
        return json.loads(text.decode())
    except UnicodeDecodeError as error:
        raise NotARow(f"not UTF-8 at byte {error.start} of the line") from error
    except RecursionError as error:
        raise NotARow(TOO_DEEP) from error
    except ValueError as error:  # also integers of thousands of digits
        raise NotARow(f"not JSON: {error}") from error


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {list: "an array", bool: "a boolean"}.get(type(value), "a number")


def leaves(row: dict[str, Any], select: Callable[[str], str]) -> list[Leaf]:
    """The chosen texts and nulls of a row, in order. Not recursive, so that no row can exhaust the stack."""
    found: list[Leaf] = []
    todo: list[tuple[str, tuple[int, ...], int, Any]] = [(key, (), 1, row[key]) for key in reversed(row)]
    while todo:
        path, ordinals, depth, value = todo.pop()
        kind = type(value)
        if kind is str:
            if select(path) is READ:
                found.append(Leaf(path, ordinals, value))
        elif value is None:
            if select(path) is not PASS:
                found.append(Leaf(path, ordinals, None))
        elif (kind is dict or kind is list) and select(path) is not PASS:
            if depth == MAX_DEPTH:
                raise NotARow(TOO_DEEP)
            depth += 1
            if kind is dict:
                todo.extend([(f"{path}.{key}", ordinals, depth, value[key]) for key in reversed(value)])
            else:
                below = path + "[]"
                todo.extend([(below, (*ordinals, i), depth, value[i]) for i in range(len(value) - 1, -1, -1)])
    return found


def selector(columns: Sequence[str]) -> Callable[[str], str]:
    """What tells whether a field is to be read, lies above one that is, or is to be passed over."""
    if not columns:
        return lambda path: READ
    known: dict[str, str] = {}

    def select(path: str) -> str:
        answer = known.get(path)
        if answer is None:
            if any(units.is_chosen(path, column) for column in columns):
                answer = READ
            elif any(units.leads_to(path, column) for column in columns):
                answer = ABOVE
            else:
                answer = PASS
            known[path] = answer
        return answer

    return select


def texts_of(field: str, depth: int, sink: Sink) -> Texts:
    """What a sink has gathered."""
    count = len(sink.texts)
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(np.fromiter(map(len, sink.texts), np.int64, count), out=offsets[1:])
    return Texts(
        field.encode("utf-8", "backslashreplace").decode(),  # a key may contain a lone surrogate
        b"".join(sink.texts),
        offsets,
        np.array(sink.rows, np.int64),
        np.array(sink.ordinals, np.int64).reshape(count, depth),
    )
