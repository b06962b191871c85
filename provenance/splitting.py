"""A judged scan and its dataset as two datasets: the clean rows, and those held back, in the input's own form.

``OUT/clean`` and ``OUT/quarantined`` have the input's files under their names. Every file is read again as written and
compared with the input, a digest a row: each row stands in exactly one of the two, in the input's order, and there is
nothing else. ``split.json`` says so, and ``_SUCCESS`` stands only beside a whole split.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from provenance import dataset, files, scan
from provenance.errors import DatasetError, StoreError
from provenance.model import Action
from provenance.policy.baseline import Disposition
from provenance.policy.findings import Standing
from provenance.policy.schema import Level

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
HELD = (Action.QUARANTINE, Action.BLOCK)
CLEAN, QUARANTINED = "clean", "quarantined"
READ_ROWS = 1 << 16
MOST_JOBS = 8
"""Files that are split at a time: of Parquet each may hold a row group."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What is wrong with the place to write to, and not with a file of the dataset."""


class FileSplit(msgspec.Struct, frozen=True):
    """The receipt of one file (or tree of files): what was compared."""

    file: str
    """Below ``clean`` and ``quarantined``; a tree of texts ends in ``/``."""
    format: str
    rows: int
    clean: int
    quarantined: int
    digest: str
    """SHA-256 of the rows' digests, in order; of the clean rows; of the others."""
    clean_digest: str
    quarantined_digest: str
    unreadable: tuple[str, ...] = ()
    """Broken links and the like in a tree: not copied."""


class Split(msgspec.Struct, frozen=True):
    """A finished split, as ``split.json`` has it: same scan, policy and dataset, same bytes."""

    format: int
    scan: str
    """Digest of the scan, of its findings, and of what is due for skipped rows."""
    rows: int
    clean: int
    quarantined: int
    files: tuple[FileSplit, ...]


class Interrupted(Exception):
    """A file was asked to stop; nothing of it is kept."""


def split(
    run: Path,
    out: Path,
    progress: Callable[[int, int, int], None] = lambda done, all_, held: None,
    jobs: int = 1,
) -> Split:
    """Split the dataset of a judged scan, or go on where a split was cut off.

    ``progress`` is told the bytes done (each file is written and then compared), the bytes in all, and the rows held
    back. Raises StoreError for a scan that was not judged or a folder that is not fit, DatasetError, after the others
    are done, for files that have changed or do not come back row for row.
    """
    done = scan.load(run)
    held_if_skipped, key = _judged(run)
    names = _names(done.files)
    stamps = _stamps(run)
    check_place(out, done.files)
    with files.locked(out / "lock", wait=False):
        finished = _prepare(out, key)
        if finished is not None:
            return finished
        meter = _Meter(done, progress)
        receipts, troubles = _split_all(
            _held(run, done, held_if_skipped),
            lambda number, file, rows: _receipt(number, file, names[file], stamps.get(file), rows, out, meter),
            meter.stop,
            min(jobs, MOST_JOBS),
        )
        if troubles:
            raise DatasetError("\n".join(troubles))
        return _finish(out, key, receipts)


class _Meter:
    """Adds up the progress of several threads: bytes of files, of which each is gone through twice."""

    def __init__(self, done: scan.Scan, tell: Callable[[int, int, int], None]) -> None:
        self.rows: dict[str, int] = {}
        for unit in done.units:
            self.rows[unit.file] = self.rows.get(unit.file, 0) + unit.receipt.rows
        self.sizes = {file: _size(file) for file in done.files}
        self.all = sum(self.sizes.values())
        self.done = 0.0
        self.held = 0
        self.tell = tell
        self.lock = threading.Lock()
        self.stop = threading.Event()

    def of(self, file: str, held: int) -> Callable[[float], None]:
        """What takes the rows gone by of one file, twice as many in all; it raises Interrupted when all shall stop."""
        size, rows, before = self.sizes[file], 2 * self.rows.get(file, 0), 0.0

        def reach(gone: float) -> None:
            nonlocal before
            if self.stop.is_set():
                raise Interrupted
            share = min(1.0, gone / rows) if rows else 1.0
            with self.lock:
                self.done += size * (share - before)
                self.held += held if share == 1.0 > before else 0
                before = share
                self.tell(int(self.done), self.all, self.held)

        return reach


def _size(file: str) -> int:
    from provenance.dataset import trees

    try:
        return sum(entry.size for entry in trees.listing(file))
    except OSError:
        return 0  # said when it is split


def _split_all(
    groups: Iterator[tuple[str, NDArray[np.int64]]],
    act: Callable[[int, str, NDArray[np.int64]], FileSplit],
    stop: threading.Event,
    jobs: int,
) -> tuple[list[FileSplit], list[str]]:
    """Every file's receipt in order, made on ``jobs`` threads, and what went wrong with any."""
    receipts: list[FileSplit] = []
    troubles: list[str] = []
    running: deque[Future[FileSplit]] = deque()

    def take() -> None:
        try:
            receipts.append(running.popleft().result())
        except DatasetError as error:
            troubles.append(str(error))

    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        for number, (file, rows) in enumerate(groups):
            running.append(pool.submit(act, number, file, rows))
            if len(running) > 4 * jobs:
                take()
        while running:
            take()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    return receipts, troubles


def _receipt(
    number: int,
    file: str,
    name: str,
    planned: tuple[str, str] | None,
    held: NDArray[np.int64],
    out: Path,
    meter: _Meter,
) -> FileSplit:
    """What a file's receipt says; it is split where it has none."""
    reach = meter.of(file, len(held))
    place = out / "receipts" / f"{number}.json"
    if place.exists():
        done = msgspec.json.decode(place.read_bytes(), type=FileSplit)
    else:
        work = out / "work" / str(number)
        work.mkdir()
        try:
            done = _split_file(file, name, planned, held, out, work, reach)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        with files.replacing(place) as written:
            written.write(msgspec.json.encode(done))
    reach(float("inf"))
    return done


def _judged(run: Path) -> tuple[bool, str]:
    """Whether skipped rows are held, and the digest of what decides a split."""
    try:
        report = msgspec.json.decode((run / "report.json").read_bytes())
        action = Action(report["skipped"]["action"])
        digest = hashlib.sha256((run / "scan.json").read_bytes())
        with (run / "findings.parquet").open("rb") as findings:
            digest.update(hashlib.file_digest(findings, "sha256").digest())
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{run}: not judged yet ({error}); judge it first: provenance judge {run}") from error
    digest.update(str(action).encode())
    return action in HELD, digest.hexdigest()


def _stamps(run: Path) -> dict[str, tuple[str, str]]:
    """Format and stamp of every file that had anything to read, as it was planned."""
    try:
        units = msgspec.json.decode((run / "plan.json").read_bytes())["units"].values()
        return {unit["file"]: (unit["format"], unit["stamp"]) for unit in units}
    except (OSError, msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{run / 'plan.json'}: not a scan's plan ({error}); scan again") from error


def _names(inputs: Iterable[str]) -> dict[str, str]:
    """Each file's name below the folder that all have in common; a single file's own name."""
    real = {file: os.path.abspath(file) for file in inputs}
    folders = [path if file.endswith("/") else os.path.dirname(path) for file, path in real.items()]
    try:
        top = os.path.commonpath(folders) if folders else ""
    except ValueError as error:
        raise DatasetError(f"{', '.join(real)}: on several drives (split them one by one)") from error
    return {
        file: Path(os.path.relpath(path, top)).as_posix() + ("/" if file.endswith("/") else "")
        for file, path in real.items()
    }


def check_place(out: Path, inputs: Iterable[str]) -> None:
    """StoreError for a folder that is of the input (files; a folder ends in ``/``) or that holds something else."""
    place = out.resolve()
    for file in inputs:
        path = Path(file).resolve()
        if path.is_relative_to(place) or (file.endswith("/") and place.is_relative_to(path)):
            raise StoreError(f"{out}: is in the dataset that is split (name a folder outside of {file})")
    if out.exists() and not out.is_dir():
        raise StoreError(f"{out}: is a file (name a folder)")
    if out.is_dir() and not (out / "split.key").exists() and set(os.listdir(out)) - {"lock"}:
        raise StoreError(f"{out}: holds something else than a split (name another folder)")


def _prepare(out: Path, key: str) -> Split | None:
    """The finished split where there is one; else a folder rid of what is of another scan or was cut off."""
    place = out / "split.key"
    if place.exists() and place.read_text() == key:
        if (out / "_SUCCESS").exists():
            return msgspec.json.decode((out / "split.json").read_bytes(), type=Split)
    else:
        for name in ("_SUCCESS", "split.json"):
            (out / name).unlink(missing_ok=True)
        with files.replacing(place) as file:
            file.write(b"being replaced")
        for name in (CLEAN, QUARANTINED, "receipts"):
            shutil.rmtree(out / name, ignore_errors=True)
        with files.replacing(place) as file:
            file.write(key.encode())
    shutil.rmtree(out / "work", ignore_errors=True)
    for name in (CLEAN, QUARANTINED, "work"):
        (out / name).mkdir(parents=True, exist_ok=True)
    return None


def _held(run: Path, done: scan.Scan, skipped_too: bool) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Every file of the scan with its rows that are held back, sorted."""
    import numpy as np

    findings = _stopped(run)
    current = next(findings, None)
    units: dict[str, list[scan.Done]] = {}
    for unit in done.units:
        units.setdefault(unit.file, []).append(unit)
    for file in done.files:
        known = _addresses(file)
        rows: list[int] = []
        while current is not None and current[0] in known:
            rows.append(current[1])
            current = next(findings, None)
        if skipped_too:
            rows.extend(row for unit in units.get(file, ()) if unit.receipt.skipped for row in _skipped(run, unit))
        yield file, np.unique(np.array(rows, np.int64))
    if current is not None:
        raise StoreError(f"{run / 'findings.parquet'}: names {current[0]}, which was not scanned (judge again)")


def _addresses(file: str) -> set[str]:
    """How addresses name a file, or the files of a tree."""
    if not file.endswith("/"):
        return {file}
    from provenance.dataset import trees, units

    return {units.address_of(file, units.printable(entry.name))[0] for entry in trees.listing(file)}


def _stopped(run: Path) -> Iterator[tuple[str, int]]:
    """File and row of each finding that is held back (``policy.held``, column by column), in the dataset's order."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    held = pa.array([str(action) for action in HELD])
    uncleared = pa.array([str(Disposition.TODO), str(Disposition.REMOVE)])
    columns = ["file", "row", "verdict", "baseline", "level", "standing", "would"]
    with pq.ParquetFile(run / "findings.parquet") as findings:
        for batch in findings.iter_batches(READ_ROWS, columns=columns):
            by_rule = pc.and_(pc.is_in(batch["would"], held), pc.equal(batch["level"], str(Level.SOFT)))
            covered = pc.and_(by_rule, pc.not_equal(batch["standing"], str(Standing.WAIVED)))
            waiting = pc.and_(pc.is_in(batch["baseline"], uncleared), covered)
            stopped = batch.filter(pc.or_(pc.is_in(batch["verdict"], held), waiting))
            yield from zip(stopped["file"].to_pylist(), stopped["row"].to_pylist(), strict=True)


def _skipped(run: Path, unit: scan.Done) -> Iterator[int]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(run / "parts" / f"{unit.receipt.unit}.parquet") as part:
        for batch in part.iter_batches(READ_ROWS, columns=["row", "reason"]):
            for row, reason in zip(batch["row"].to_pylist(), batch["reason"].to_pylist(), strict=True):
                if reason is not None:
                    yield unit.first_row + row


def _split_file(
    file: str,
    name: str,
    planned: tuple[str, str] | None,
    held: NDArray[np.int64],
    out: Path,
    work: Path,
    reach: Callable[[float], None],
) -> FileSplit:
    file_format, stamp = planned or (dataset.format_of(file), "")
    if stamp and dataset.stamp_of(file, file_format) != stamp:
        raise DatasetError(f"{file}: changed since it was scanned (scan it again)")
    targets = (out / CLEAN / name, out / QUARANTINED / name)
    if file_format == "text":
        return _split_tree(file, name, held, targets, work, reach)
    written = (work / CLEAN, work / QUARANTINED)
    module = dataset.module_of(file_format)
    is_held, rows = _mask(held), 0

    def chosen(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        nonlocal rows
        rows = max(rows, int(numbers.max(initial=-1)) + 1)
        reach(rows)
        return is_held(numbers)

    try:
        with written[0].open("wb") as clean, written[1].open("wb") as away:
            if hasattr(module, "pieces"):
                _write_pieces(file, module, chosen, clean, away)
            else:
                module.split(file, chosen, clean, away)
            for sink in (clean, away):
                sink.flush()
                os.fsync(sink.fileno())
        digests = [_digests(module, str(path), file) for path in (Path(file), *written)]
        digests[0] = _told(digests[0], rows, reach)
        counts = _compared(file, is_held, *digests)
        if not hasattr(module, "pieces") and {module.form_of(str(path)) for path in written} != {module.form_of(file)}:
            raise DatasetError(f"{file}: cannot be split, for its schema would not come back (write it again)")
        if stamp and dataset.stamp_of(file, file_format) != stamp:
            raise DatasetError(f"{file}: changed while it was split (scan it again)")
    except _broken() as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        raise DatasetError(f"{file}: cannot be split: {error} (copy or write the file again)") from error
    for path, target in zip(written, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
        files.sync_folder(target.parent)
    return FileSplit(name, file_format, *counts)


def _broken() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    from provenance.dataset.packing import BROKEN

    return (*BROKEN, pa.ArrowException)


def _mask(held: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], NDArray[np.bool_]]:
    import numpy as np

    def is_held(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        if not len(held):
            return np.zeros(len(rows), bool)
        places = np.minimum(np.searchsorted(held, rows), len(held) - 1)
        return np.asarray(held[places] == rows, bool)

    return is_held


def _write_pieces(file: str, module: Any, is_held: Callable[..., Any], clean: Any, away: Any) -> None:
    import numpy as np

    from provenance.dataset import packing

    coding = module.coding_of(file)
    with packing.writing(clean, coding) as keep, packing.writing(away, coding) as hold:
        for rows, parts in module.pieces(file, file):
            numbers = np.array(rows, np.int64)
            mask = is_held(numbers)
            if not mask.any() and (numbers >= 0).all():
                keep(b"".join(parts))
                continue
            both = numbers < 0
            keep(b"".join([part for part, chosen in zip(parts, (both | ~mask).tolist(), strict=True) if chosen]))
            hold(b"".join([part for part, chosen in zip(parts, (both | mask).tolist(), strict=True) if chosen]))


Digests = Iterator[tuple["NDArray[np.int64]", "NDArray[np.uint64]"]]


def _digests(module: Any, file: str, like: str) -> Digests:
    import numpy as np
    import xxhash

    if not hasattr(module, "pieces"):
        yield from module.digests(file)
        return
    digest = xxhash.xxh3_128_digest
    for rows, parts in module.pieces(file, like):
        words = np.frombuffer(b"".join([digest(part) for part in parts]), np.uint64).reshape(len(parts), 2)
        yield np.array(rows, np.int64), words


def _told(digests: Digests, before: int, reach: Callable[[float], None]) -> Digests:
    for rows, words in digests:
        reach(before + max(0, int(rows.max(initial=-1)) + 1))
        yield rows, words


class _Stream:
    """Digests by number, and the digest of all that was taken."""

    def __init__(self, digests: Digests) -> None:
        self.digests = digests
        self.words: Any = None
        self.all = hashlib.sha256()

    def gives(self, expected: NDArray[np.uint64]) -> bool:
        """Whether these come next."""
        import numpy as np

        while len(expected):
            if self.words is None or not len(self.words):
                self.words = next((words for _, words in self.digests), None)
                if self.words is None:
                    return False
            count = min(len(self.words), len(expected))
            if not np.array_equal(self.words[:count], expected[:count]):
                return False
            self.all.update(self.words[:count].tobytes())
            self.words, expected = self.words[count:], expected[count:]
        return True

    def is_over(self) -> bool:
        """Whether there is nothing more."""
        left = 0 if self.words is None else len(self.words)
        return not left and all(not len(words) for _, words in self.digests)


def _compared(
    file: str, is_held: Callable[..., Any], source: Digests, clean: Digests, away: Digests
) -> tuple[int, int, int, str, str, str]:
    """Rows and digests of input, clean and quarantined; DatasetError unless the two give the input, row for row."""
    import numpy as np

    whole = hashlib.sha256()
    sides = (_Stream(clean), _Stream(away))
    last = -1
    counts = [0, 0]
    for rows, words in source:
        mask = is_held(rows)
        both = rows < 0
        whole.update(words.tobytes())
        if not (sides[0].gives(words[both | ~mask]) and sides[1].gives(words[both | mask])):
            raise DatasetError(f"{file}: does not come back row for row (did it change? scan it again)")
        named = rows[~both]
        first = np.ones(len(named), bool)
        first[1:] = named[1:] != named[:-1]
        if len(named):
            first[0] = named[0] != last
            last = int(named[-1])
        new = is_held(named[first])
        counts[0] += int((~new).sum())
        counts[1] += int(new.sum())
    if not all(side.is_over() for side in sides):
        raise DatasetError(f"{file}: the split has rows that the input has not (did it change? scan it again)")
    clean_digest, held_digest = (side.all.hexdigest() for side in sides)
    return sum(counts), counts[0], counts[1], whole.hexdigest(), clean_digest, held_digest


def _split_tree(
    file: str,
    name: str,
    held: NDArray[np.int64],
    targets: tuple[Path, Path],
    work: Path,
    reach: Callable[[float], None],
) -> FileSplit:
    """Copy the files and read them back: each is in its folder, and in no other."""
    from provenance.dataset import trees, units

    entries = trees.listing(file)
    away = set(held.tolist())
    sums = [hashlib.sha256() for _ in range(3)]
    counts = [0, 0]
    for row, entry in enumerate(entries):
        reach(2 * row)
        if entry.problem:
            continue
        side = int(row in away)
        source = file + entry.name
        target, other = (path / entry.name if entry.name else path for path in (targets[side], targets[1 - side]))
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(source, work / "file")
            os.replace(work / "file", target)
            digest = trees.digest_of(source)
            same = trees.digest_of(str(target)) == digest
        except OSError as error:
            if error.errno in NO_ROOM:
                raise
            raise DatasetError(f"{source}: cannot be copied: {error.strerror or error} (make it readable)") from error
        if not same or os.path.lexists(other):
            raise DatasetError(f"{source}: does not come back as it was (did it change? scan it again)")
        counts[side] += 1
        sums[0].update(digest)
        sums[1 + side].update(digest)
    unreadable = tuple(units.printable(entry.name) for entry in entries if entry.problem)
    whole, kept, held_back = (one.hexdigest() for one in sums)
    return FileSplit(name, "text", sum(counts), counts[0], counts[1], whole, kept, held_back, unreadable)


def _finish(out: Path, key: str, receipts: list[FileSplit]) -> Split:
    shutil.rmtree(out / "work", ignore_errors=True)
    expected = sum((one.clean + one.quarantined if one.format == "text" else 2) for one in receipts)
    present = sum(len(names) for side in (CLEAN, QUARANTINED) for _, _, names in os.walk(out / side))
    if present != expected:
        raise StoreError(f"{out}: {present:,} files where {expected:,} were written (name another folder)")
    finished = Split(
        format=FORMAT,
        scan=key,
        rows=sum(one.rows for one in receipts),
        clean=sum(one.clean for one in receipts),
        quarantined=sum(one.quarantined for one in receipts),
        files=tuple(receipts),
    )
    if hasattr(os, "sync"):
        os.sync()  # the copies of a tree are not synced one by one
    with files.replacing(out / "split.json") as file:
        file.write(msgspec.json.format(msgspec.json.encode(finished)) + b"\n")
    with files.replacing(out / "_SUCCESS"):
        pass
    return finished
