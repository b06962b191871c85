"""The digests of a dataset's files: of the bytes, and the Merkle root over the records. It reads, and judges nothing.

A record is a row as a scan counts it. Its bytes: of JSON lines and of CSV the line or lines as they stand, unpacked
and in UTF-8, without the line end; of a tar archive the sample's members with their headers; of a text its bytes; of
Parquet and Arrow the canonical bytes of the row (``canonical``). The Merkle tree (RFC 6962) is over their SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from provenance import dataset, files
from provenance.errors import DatasetError
from provenance.label.form import File
from provenance.ledger import merkle

VERSION = 1
"""Of the bytes of a record: receipts of another version are not used."""
READ_SIZE = 4 << 20
SWITCH = 0.0005

Progress = Callable[[int, int], None]


class Planned(NamedTuple):
    """A file as a scan read it."""

    file: str
    format: str
    stamp: str
    """Size and time of change; empty where the scan had nothing to read in it."""
    rows: int


class Interrupted(Exception):
    """A file was asked to stop; nothing of it is kept."""


def digested(planned: Sequence[Planned], receipts: Path, jobs: int, progress: Progress) -> list[File]:
    """Every file with its digests, in the order given; those that ``receipts`` has of before are not read again.

    ``progress`` is told the bytes done and all. Raises DatasetError where a file is not as it was scanned.
    """
    meter = _Meter(progress)
    stop = threading.Event()
    made: list[File | None] = []
    todo: list[tuple[int, Planned, Path]] = []
    for number, one in enumerate(planned):
        _check_stamp(one)
        receipt = receipts / f"{_key(one)}.json"
        made.append(_kept(receipt))
        if made[-1] is None:
            todo.append((number, one, receipt))
            meter.all += 2 * size_of(one)
    meter.add(0)
    interval = sys.getswitchinterval()
    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        # A thread that comes back from hashing waits for the others' Python: 5 ms by default, as long as a block.
        sys.setswitchinterval(SWITCH)
        halves = {number: _Halves() for number, _, _ in todo}
        running = {}
        for number, one, _ in todo:
            for read in (_of_tree,) if _is_tree(one) else (_of_bytes, _of_records):
                running[pool.submit(read, one, halves[number], stop, meter.add)] = number
        for future in as_completed(running):
            future.result()
            number = running[future]
            one, half = planned[number], halves[number]
            if half.sha256 and half.root:
                _check_stamp(one)
                if one.stamp and half.records != one.rows:
                    raise DatasetError(
                        f"{one.file}: {half.records:,} records where the scan read {one.rows:,} (scan it again)"
                    )
                found = File(one.file, half.size, half.sha256, half.records, half.root)
                made[number] = found
                with files.replacing(receipts / f"{_key(one)}.json") as written:
                    written.write(msgspec.json.encode(found))
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        sys.setswitchinterval(interval)
    return [one for one in made if one is not None]


class _Halves:
    """What two threads find of one file."""

    size = 0
    sha256 = ""
    records = 0
    root = ""


class _Meter:
    """Adds up the progress of several threads."""

    def __init__(self, tell: Progress) -> None:
        self.all = 0
        self.done = 0
        self.tell = tell
        self.lock = threading.Lock()

    def add(self, size: int) -> None:
        with self.lock:
            self.done += size
            self.tell(self.done, self.all)


def size_of(one: Planned) -> int:
    """Bytes of a file, or of the files of a tree."""
    try:
        if _is_tree(one):
            from provenance.dataset import trees

            return sum(entry.size for entry in trees.listing(one.file))
        return os.stat(one.file).st_size
    except OSError as error:
        raise _gone(one.file, error) from error


def _is_tree(one: Planned) -> bool:
    return one.format == "text"


def _gone(file: str, error: OSError) -> DatasetError:
    return DatasetError(f"{file}: {error.strerror or error} (restore it, or scan again)")


def _check_stamp(one: Planned) -> None:
    if one.stamp and dataset.stamp_of(one.file, one.format) != one.stamp:
        raise DatasetError(f"{one.file}: changed since it was scanned (scan it again)")


def _key(one: Planned) -> str:
    return hashlib.sha256("\0".join([str(VERSION), *map(str, one)]).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _kept(receipt: Path) -> File | None:
    try:
        return msgspec.json.decode(receipt.read_bytes(), type=File)
    except (OSError, msgspec.DecodeError):
        return None


Meter = Callable[[int], None]


def _of_bytes(one: Planned, half: _Halves, stop: threading.Event, meter: Meter) -> None:
    try:
        half.size, digest = _digest(one.file, stop, meter)
    except OSError as error:
        raise _gone(one.file, error) from error
    half.sha256 = digest.hex()


def _digest(file: str, stop: threading.Event, meter: Meter) -> tuple[int, bytes]:
    found = hashlib.sha256()
    size = 0
    with open(file, "rb") as raw:
        while chunk := raw.read(READ_SIZE):
            if stop.is_set():
                raise Interrupted
            found.update(chunk)
            size += len(chunk)
            meter(len(chunk))
    return size, found.digest()


def _of_records(one: Planned, half: _Halves, stop: threading.Event, meter: Meter) -> None:
    size, told = os.stat(one.file).st_size, 0

    def leaves() -> Iterator[bytes]:
        nonlocal told
        for digests in _records(one):
            if stop.is_set():
                raise Interrupted
            half.records += len(digests)
            yield from map(merkle.leaf, digests)
            reached = min(size, size * half.records // max(1, one.rows))
            meter(reached - told)
            told = reached

    half.root = merkle.root(leaves()).hex()
    meter(size - told)


def _of_tree(one: Planned, half: _Halves, stop: threading.Event, meter: Meter) -> None:
    """Of a folder of texts: the digest is of the lines that ``sha256sum`` prints for its files, in their order.

    A broken link is a record of no bytes, and no line.
    """
    from provenance.dataset import trees

    lines = hashlib.sha256()

    def leaves() -> Iterator[bytes]:
        for entry in trees.listing(one.file):
            size, digest = 0, hashlib.sha256(b"").digest()
            if not entry.problem:
                try:
                    size, digest = _digest(one.file + entry.name, stop, lambda count: meter(2 * count))
                except OSError as error:
                    raise _gone(one.file + entry.name, error) from error
                if not one.file.endswith("/"):
                    half.sha256 = digest.hex()
                lines.update(f"{digest.hex()}  {entry.name}\n".encode("utf-8", "surrogateescape"))
            half.size += size
            half.records += 1
            yield merkle.leaf(digest)

    half.root = merkle.root(leaves()).hex()
    half.sha256 = half.sha256 or lines.hexdigest()


def _records(one: Planned) -> Iterator[list[bytes]]:
    """The SHA-256 of every record, some at a time."""
    import pyarrow as pa

    from provenance.dataset.packing import BROKEN

    module = dataset.module_of(one.format)
    try:
        if one.format in ("parquet", "arrow"):
            for batch in _batches(one, module):
                yield _of_columns(batch)
        elif one.format == "tar":
            yield from _of_samples(module.pieces(one.file, one.file))
        else:
            for rows, lines in module.pieces(one.file, one.file):
                sha256 = hashlib.sha256
                yield [sha256(line.rstrip(b"\r\n")).digest() for row, line in zip(rows, lines, strict=True) if row >= 0]
    except (*BROKEN, pa.ArrowException) as error:
        raise DatasetError(f"{one.file}: damaged or truncated: {error} (copy or write the file again)") from error


def _batches(one: Planned, module: Any) -> Iterator[Any]:
    """Record batches of some megabytes each, every column in them."""
    if one.format == "arrow":
        for arrow, _ in module._batches(one.file, 0, -1):
            for first, last in module._cuts(arrow):
                yield arrow.slice(first, last - first)
        return
    with module._opened(one.file) as parquet:
        for _, _, arrow in module._all(one.file, parquet):
            yield arrow


def _of_columns(batch: Any) -> list[bytes]:
    from provenance.label import canonical

    data, offsets = canonical.rows_of(batch)
    sha256 = hashlib.sha256
    return [sha256(data[first:end]).digest() for first, end in pairwise(offsets)]


def _of_samples(pieces: Iterator[tuple[list[int], list[bytes]]]) -> Iterator[list[bytes]]:
    """Rows of several pieces each, which stand together."""
    current, digest = -1, hashlib.sha256()
    for rows, parts in pieces:
        done: list[bytes] = []
        for row, part in zip(rows, parts, strict=True):
            if row < 0:
                continue
            if row != current:
                if current >= 0:
                    done.append(digest.digest())
                current, digest = row, hashlib.sha256()
            digest.update(part)
        yield done
    if current >= 0:
        yield [digest.digest()]
