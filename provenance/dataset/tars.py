"""Tar archives, plain or packed: members grouped into samples as WebDataset does, text members as fields.

A sample is a row: members that follow one another and have the same name up to the first dot of its last part; the rest
of the name is the field. Nothing is unpacked to disk, so that names are only names. Formats: POSIX ustar and pax
(IEEE 1003.1-2001), GNU long names and sparse members.
"""

from __future__ import annotations

import itertools
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from provenance.dataset import packing, rows, units
from provenance.dataset.packing import BROKEN
from provenance.dataset.trees import MAX_TEXT, is_picture, text_in
from provenance.dataset.units import BATCH_SIZE, Batch, FilePlan, Texts, WorkUnit
from provenance.errors import DatasetError
from provenance.model import Skipped

BLOCK = 512
PIECE = 1 << 20
MAX_EXTENDED = 1 << 20
"""Bytes of the largest extended header (names, pax records) that is taken for one."""
NAMELESS = "file"
"""The field of a member whose name has no dot."""

_SAMPLE = re.compile(r"((?:.*/)?[^/.][^/.]*)\.([^/]+)", re.DOTALL)
_EXTENDED = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class Member(NamedTuple):
    """A member of an archive with its bytes: headers, then what ``body`` gives, once, before the next member."""

    row: int
    """-1 for what is of no sample: folders, links, devices, global headers, the end of the archive."""
    name: str
    size: int
    head: bytes
    body: Callable[[], Iterator[bytes]]
    """Data and padding, in pieces."""
    problem: str


def plan(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    """One unit a file: where a member begins is known only by who has read all before it."""
    fields = tuple(columns) or ("*",)
    try:
        stamp = units.stamp(file)
        size = os.stat(file).st_size
        with open(file, "rb") as raw:
            start = next(packing.unpacked(raw, coding_of(file).packing), b"")[:BLOCK]
    except BROKEN as error:
        return FilePlan(problem=f"{file}: not a tar archive: {error} (write it again, or leave it out)")
    if start.strip(b"\0") and _info(start) is None:
        return FilePlan(problem=f"{file}: not a tar archive (write it again, or leave it out)")
    if not size:
        return FilePlan((), fields)
    return FilePlan((WorkUnit(file, "tar", 0, size, -1, size, stamp, tuple(columns)),), fields)


def read(unit: WorkUnit) -> Iterator[Batch]:
    """The samples; where the archive is damaged or cut off, the rest is one skipped row."""
    select = rows.selector(unit.columns)
    sinks: dict[tuple[str, int], rows.Sink] = {}
    skipped: dict[int, Skipped] = {}
    first = row = size = nulls = done = 0
    with open(unit.file, "rb") as raw:
        for member in members(packing.unpacked(raw, coding_of(unit.file).packing)):
            if member.row < 0:
                continue
            if member.row > row and size >= BATCH_SIZE:
                reached = unit.last if raw.closed else min(raw.tell(), unit.last)
                yield _batch(sinks, skipped, row + 1 - first, nulls, reached - done)
                sinks, skipped, first, size, nulls, done = {}, {}, member.row, 0, 0, reached
            row = member.row
            text, problem = _text_of(member)
            if problem:
                shown = units.printable(member.name)
                skipped.setdefault(row, Skipped(f"{unit.file} {shown}".rstrip(), problem))
            elif text is None:
                nulls += 1
            else:
                size += len(text)
                nulls += _add(sinks, row, member, text, select)
        more = bool(sinks or skipped or nulls) or row >= first
        yield _batch(sinks, skipped, row + 1 - first if more else 0, nulls, unit.last - done)


def pieces(file: str, like: str) -> Iterator[tuple[list[int], list[bytes]]]:
    """Every member's bytes, its headers first, with its row."""
    try:
        rows_: list[int] = []
        parts: list[bytes] = []
        size = 0
        for member in members(packing.text_of(file, coding_of(like))):
            for piece in itertools.chain([member.head], member.body()):
                rows_.append(member.row)
                parts.append(piece)
                size += len(piece)
                if size >= packing.READ_SIZE:
                    yield rows_, parts
                    rows_, parts, size = [], [], 0
        yield rows_, parts
    except BROKEN as error:
        raise DatasetError(f"{file}: damaged or truncated: {error} (copy or write the file again)") from error


def coding_of(file: str) -> packing.Coding:
    """The packing of an archive, whose bytes are no text."""
    return packing.Coding(packing.coding_of(file).packing, "utf-8", b"")


class _Source:
    """Bytes of a stream by number; what breaks off gives what there is, and why."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks
        self.held = b""
        self.at = 0
        self.position = 0
        self.problem = ""

    def take(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            if self.at == len(self.held):
                self.held, self.at = self._next(), 0
                if not self.held:
                    break
            part = self.held[self.at : self.at + count]
            self.at += len(part)
            self.position += len(part)
            count -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _next(self) -> bytes:
        try:
            return next((chunk for chunk in self.chunks if chunk), b"")
        except BROKEN as error:
            self.problem = f"damaged or truncated: {error}"
            return b""


def members(chunks: Iterator[bytes]) -> Iterator[Member]:
    """Every member of an archive, in order; its bytes together are the archive's."""
    source = _Source(chunks)
    row, key = -1, ""
    while block := source.take(BLOCK):
        start = source.position - len(block)
        if block == bytes(BLOCK):
            yield Member(-1, "", 0, block, lambda: _rest(source), "")
            return
        head, info, told = _headed(source, block)
        if info is None:
            problem = source.problem or f"the archive is cut off or damaged at byte {start}"
            yield Member(row + 1, "", 0, head, lambda: _rest(source), problem)
            return
        name, size, problem = told.get("path", info.name), told.get("size", info.size), told.get("problem", "")
        regular = info.isreg() and info.type != tarfile.GNUTYPE_SPARSE
        padded = -(-size // BLOCK) * BLOCK if info.isreg() or info.type not in tarfile.SUPPORTED_TYPES else 0
        if info.type == tarfile.XGLTYPE:
            regular, padded = False, -(-info.size // BLOCK) * BLOCK
        if info.type == tarfile.GNUTYPE_SPARSE:
            regular, problem = True, "a sparse member"
        if not regular:
            at = -1
        else:
            sample = _SAMPLE.fullmatch(name)
            new = sample[1] + "." if sample else name
            row += new != key or row < 0
            key, at = new, row
        left = [padded]

        def body(left: list[int] = left) -> Iterator[bytes]:
            while left[0] and (piece := source.take(min(PIECE, left[0]))):
                left[0] -= len(piece)
                yield piece

        if size > MAX_TEXT and regular and not problem and not is_picture(name):
            problem = f"larger than {MAX_TEXT >> 20} MB"
        before = source.position
        yield Member(at, name, size, head, body, problem)
        for _ in body():
            pass
        if left[0]:
            # The sample that was cut off has been given; what is missing is said as a row of its own.
            reason = source.problem or f"the archive is cut off in a member that begins at byte {before}"
            yield Member(row + 1, name, 0, b"", lambda: iter(()), reason)
            return
    if source.problem:
        yield Member(row + 1, "", 0, b"", lambda: iter(()), source.problem)


def _headed(source: _Source, block: bytes) -> tuple[bytes, tarfile.TarInfo | None, dict[str, Any]]:
    """All header blocks of a member, its own header, and what extended headers say instead."""
    head, told = [block], dict[str, Any]()
    info = _info(block)
    while info is not None and info.type in _EXTENDED:
        if not 0 <= info.size <= MAX_EXTENDED:
            return b"".join(head), None, told
        data = source.take(-(-info.size // BLOCK) * BLOCK)
        _tell(told, info.type, data[: info.size])
        block = source.take(BLOCK)
        head += [data, block]
        info = _info(block)
    if info is not None and info.type == tarfile.GNUTYPE_SPARSE and block[482]:
        while extension := source.take(BLOCK):
            head.append(extension)
            if len(extension) < BLOCK or not extension[504]:
                break
    if info is not None and (info.size < 0 or told.get("size", 0) < 0):
        info = None
    return b"".join(head), info, told


def _info(block: bytes) -> tarfile.TarInfo | None:
    if len(block) < BLOCK:
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError, OverflowError):
        return None


def _tell(told: dict[str, Any], kind: bytes, data: bytes) -> None:
    if kind == tarfile.GNUTYPE_LONGNAME:
        told["path"] = data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
    elif kind in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
        for key, value in _pax(data):
            if key == b"path" or key == b"GNU.sparse.name":
                told["path"] = value.decode("utf-8", "surrogateescape")
            elif key == b"size" and value.isdigit() and len(value) < 20:
                told["size"] = int(value)
            if key.startswith(b"GNU.sparse."):
                told["problem"] = "a sparse member"


def _pax(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        number, _, _ = data.partition(b" ")
        if not number.isdigit() or len(number) > 8 or not 0 < int(number) <= len(data):
            return
        record, data = data[len(number) + 1 : int(number) - 1], data[int(number) :]
        key, equals, value = record.partition(b"=")
        if equals:
            yield key, value


def _rest(source: _Source) -> Iterator[bytes]:
    while piece := source.take(PIECE):
        yield piece


def _text_of(member: Member) -> tuple[bytes | None, str]:
    """The member's text, or why there is none: None where its name says that it holds no text."""
    if member.problem:
        return None, member.problem
    if is_picture(member.name):
        return None, ""
    data = b"".join(member.body())[: member.size]
    if len(data) < member.size:
        return None, "cut off"
    return text_in(data)


def _add(
    sinks: dict[tuple[str, int], rows.Sink],
    row: int,
    member: Member,
    text: bytes,
    select: Callable[[str], str],
) -> int:
    """Put a member's text, or the texts of its JSON, into the sinks; how many nulls it has."""
    sample = _SAMPLE.fullmatch(member.name)
    field = units.printable(sample[2] if sample else NAMELESS)
    leaves = [rows.Leaf(field, (), text.decode("utf-8", "surrogateescape"))] if select(field) is rows.READ else []
    if field.rpartition(".")[2].lower() == "json" and select(field) is not rows.PASS:
        with suppress(ValueError, RecursionError):  # not JSON: a text like any other
            leaves = rows.leaves({field: msgspec.json.decode(text)}, select)
    nulls = 0
    for leaf in leaves:
        if leaf.text is None:
            nulls += 1
            continue
        sink = sinks.setdefault((leaf.field, len(leaf.ordinals)), rows.Sink())
        sink.texts.append(leaf.text.encode("utf-8", "surrogateescape"))
        sink.rows.append(row)
        sink.ordinals.append(leaf.ordinals)
    return nulls


def _batch(
    sinks: dict[tuple[str, int], rows.Sink], skipped: dict[int, Skipped], count: int, nulls: int, size: int
) -> Batch:
    texts: tuple[Texts, ...] = tuple(rows.texts_of(*key, sinks[key]) for key in sorted(sinks))
    return Batch(count, nulls, tuple(skipped.values()), texts, size, tuple(skipped))
