"""A dataset against an index: work units in, part files with receipts out. Facts only; ``policy`` judges them.

A run folder holds ``plan.json``, ``parts/<unit id>.parquet`` and, once the planned and the scanned rows agree,
``scan.json`` and ``_SUCCESS`` (docs/format-scan.md). A part appears whole, with its receipt inside its Parquet
metadata, so a run that was cut off starts again and does only what is missing.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from provenance import __version__, dataset, declarations, files, fingerprint, matching, signals
from provenance.dataset import WorkUnit
from provenance.errors import DatasetError, StoreError
from provenance.fingerprint import ENGINE, RECIPE
from provenance.index import Index
from provenance.model import Address, Match, Origin, Similarity, Skipped

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
ROWS_A_WRITE = 10_000
SWITCH = 0.0005
"""Seconds after which a thread gives way to one that waits for the interpreter."""


class Receipt(msgspec.Struct, frozen=True):
    """What one work unit read and found; it stands inside the part's metadata."""

    unit: str
    rows: int
    texts: int
    nulls: int
    size: int
    """Bytes of text."""
    tokens: int
    matched: int
    """Texts with a match of any grade."""
    skipped: int
    declared: int = 0
    """Texts that declare themselves, and files that do as a whole."""


class Done(msgspec.Struct, frozen=True):
    """A finished work unit: where its rows begin in its file, and its receipt."""

    file: str
    first_row: int
    receipt: Receipt


class Scan(msgspec.Struct, frozen=True):
    """A finished scan, as ``scan.json`` has it: same dataset, index and tool, same bytes."""

    format: int
    tool: str
    engine: str
    recipe: str
    index: str
    """Digest of the index."""
    ingredients: int
    similar: bool
    files: tuple[str, ...]
    fields: tuple[str, ...]
    unread: tuple[str, ...]
    """Columns that hold no text."""
    units: tuple[Done, ...]

    def total(self, count: str) -> int:
        """The sum of one count (``rows``, ``texts``, ``skipped`` ...) over all receipts."""
        return sum(int(getattr(done.receipt, count)) for done in self.units)


class Hit(msgspec.Struct, frozen=True):
    """One row of a finished scan: a text with its matches."""

    address: Address
    content: str
    """xxh3-128 of the text's normal form: the same for the same tokens, whatever row they stand in."""
    tokens: int
    matches: tuple[Match, ...]


class Interrupted(Exception):
    """A unit was asked to stop; nothing of it is kept."""


def run(
    paths: Sequence[str],
    index: Index,
    out: Path,
    columns: Sequence[str] = (),
    similar: bool = True,
    jobs: int = 1,
    progress: Callable[[int, int, int], None] = lambda done, all_, matched: None,
    others: Sequence[Path] = (),
) -> Scan:
    """Scan the datasets at the paths (files, folders, globs) and leave the run in ``out``.

    ``progress`` is told the bytes done, the bytes in all, and the texts matched. Parts that ``others`` (folders of the
    same scan) have are taken from there. Raises DatasetError where a file cannot be read, after everything else was
    scanned; a later run does what is missing.
    """
    found, plan, key, ids = _plan(paths, index, out, columns, similar)
    with ExitStack() as locks:
        for lock in [out / "lock", *out.glob("lock-*")]:
            locks.enter_context(files.locked(lock, wait=False))
        parts = _prepare(out, key, ids, set(ids))
        _gather(parts, ids, others)
        todo = {name: unit for name, unit in ids.items() if not (parts / f"{name}.parquet").exists()}
        index.settle(sum(unit.size for unit in todo.values()))
        troubles = _scan_all(todo, parts, index, similar, jobs, _Meter(ids, todo, progress))
        if troubles:
            raise DatasetError("\n".join(sorted(troubles)))
        return _finish(out, found, plan, ids, index, similar)


def share(
    paths: Sequence[str],
    index: Index,
    out: Path,
    shard: tuple[int, int],
    columns: Sequence[str] = (),
    similar: bool = True,
    jobs: int = 1,
    progress: Callable[[int, int, int], None] = lambda done, all_, matched: None,
) -> tuple[int, int]:
    """Scan every n-th work unit, the i-th first (``shard`` is (i, n), from 1): units of the plan finished, and all.

    Shards run at the same time, in one folder or each in its own; ``run`` then joins them: it finds their parts, does
    what is missing and finishes the scan.
    """
    first, step = shard
    _, _, key, ids = _plan(paths, index, out, columns, similar)
    mine = dict(list(ids.items())[first - 1 :: step])
    with files.locked(out / f"lock-{first}-of-{step}", wait=False):
        with files.locked(out / "lock"):
            _check_others(out, ids, out / f"lock-{first}-of-{step}")
            parts = _prepare(out, key, ids, set(mine))
        todo = {name: unit for name, unit in mine.items() if not (parts / f"{name}.parquet").exists()}
        index.settle(sum(unit.size for unit in todo.values()))
        troubles = _scan_all(todo, parts, index, similar, jobs, _Meter(mine, todo, progress))
        if troubles:
            raise DatasetError("\n".join(sorted(troubles)))
        return sum((parts / f"{name}.parquet").exists() for name in ids), len(ids)


def _plan(
    paths: Sequence[str], index: Index, out: Path, columns: Sequence[str], similar: bool
) -> tuple[list[str], dataset.Plan, str, dict[str, WorkUnit]]:
    """The files, their plan, the key of the run and its work units by id; DatasetError where a file cannot be read."""
    found = [file for file in dataset.discover(paths) if not _is_ours(Path(file), out)]
    plan = dataset.plan(found, columns)
    if plan.problems:
        raise DatasetError("\n".join(plan.problems))
    if found and not plan.fields:
        raise DatasetError(
            f"{found[0]}: no column holds text, so nothing could be read; "
            f"it has {', '.join(plan.unread) or 'no column'} "
            "(name the dataset's text files)"
        )
    key = _run_key(index, columns, similar)
    _check_place(out)
    return found, plan, key, {_unit_id(unit, key): unit for unit in plan.units}


def _planned(out: Path) -> set[str]:
    """The ids of the units that a folder's plan has; none where there is no plan."""
    try:
        return set(msgspec.json.decode((out / "plan.json").read_bytes())["units"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return set()


def _check_others(out: Path, ids: dict[str, WorkUnit], mine: Path) -> None:
    """Refuse a folder in which another shard is at work on another question: its parts would be taken away."""
    if _planned(out) in (set(), set(ids)):
        return
    for lock in set(out.glob("lock-*")) - {mine}:
        try:
            with files.locked(lock, wait=False):
                pass
        except StoreError as error:
            raise StoreError(f"{out}: another shard is at work here on another plan ({SAME})") from error


SAME = "shards need the same names, sizes and times of change of files, index, options and tool"


def _gather(parts: Path, ids: dict[str, WorkUnit], others: Sequence[Path]) -> None:
    """Copy the parts of this run that other folders have: shards that were scanned elsewhere.

    StoreError for a folder whose plan has none of them.
    """
    for other in others:
        if ids and not _planned(other) & set(ids):
            raise StoreError(f"{other}: holds nothing of this scan ({SAME})")
    for name in ids:
        target = parts / f"{name}.parquet"
        source = next((place for other in others if (place := other / "parts" / target.name).exists()), None)
        if source is not None and not target.exists():
            read_receipt(source)
            with source.open("rb") as raw, files.replacing(target) as file:
                shutil.copyfileobj(raw, file, 1 << 20)


class _Meter:
    """Adds up the progress of several threads."""

    def __init__(self, ids: dict[str, WorkUnit], todo: dict[str, WorkUnit], tell: Callable[[int, int, int], None]):
        self.all = sum(unit.size for unit in ids.values())
        self.done = self.all - sum(unit.size for unit in todo.values())
        self.matched = 0
        self.tell = tell
        self.lock = threading.Lock()
        tell(self.done, self.all, 0)

    def add(self, size: int, matched: int) -> None:
        with self.lock:
            self.done += size
            self.matched += matched
            self.tell(self.done, self.all, self.matched)


def _scan_all(
    todo: dict[str, WorkUnit], parts: Path, index: Index, similar: bool, jobs: int, meter: _Meter
) -> list[str]:
    """Scan the units on ``jobs`` threads; what went wrong with any, after the others were done."""
    stop = threading.Event()
    troubles: list[str] = []
    pool = ThreadPoolExecutor(max_workers=jobs)
    interval = sys.getswitchinterval()
    try:
        # A thread that comes back from the kernel waits for the others' Python: 5 ms by default, as long as a call.
        sys.setswitchinterval(SWITCH)
        running = [
            pool.submit(scan_unit, name, unit, parts / f"{name}.parquet", index, similar, stop, meter.add)
            for name, unit in todo.items()
        ]
        for future in as_completed(running):
            try:
                future.result()
            except DatasetError as error:
                troubles.append(str(error))
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        sys.setswitchinterval(interval)
    return troubles


def scan_unit(
    name: str,
    unit: WorkUnit,
    part: Path,
    index: Index,
    similar: bool,
    stop: threading.Event,
    meter: Callable[[int, int], None],
) -> Receipt:
    """Scan one work unit into its part file: the one function that every way of running shares."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    totals = dict.fromkeys(("rows", "texts", "nulls", "size", "tokens", "matched", "skipped", "declared"), 0)
    schema = _schema()
    with files.replacing(part) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        batches = dataset.read(unit)
        rows: list[dict[str, Any]] = list(_of_file(unit))
        totals["declared"] += len(rows)
        names: list[str] = []
        for batch in batches:
            if stop.is_set():
                raise Interrupted
            totals["rows"] += batch.rows
            totals["nulls"] += batch.nulls
            totals["skipped"] += len(batch.skipped)
            for row, one in zip(batch.skipped_rows, batch.skipped, strict=True):
                rows.append({"row": row, "field": "", "where": one.where, "reason": one.reason})
            matched = 0
            named = declarations.of(batch.texts)
            for number, texts in enumerate(batch.texts):
                count, found = matching.match(texts.data, texts.offsets, index, similar)
                totals["texts"] += len(texts.rows)
                totals["size"] += int(texts.offsets[-1] - texts.offsets[0]) if len(texts.rows) else 0
                totals["tokens"] += count
                names += texts.names
                beside = named.get(number, {})
                order: list[int] = []
                before = len(rows)
                for hit in _with_declared(texts, found, beside):
                    declared = sum(each.similarity is Similarity.NONE for each in hit.matches)
                    matched += len(hit.matches) > declared
                    totals["declared"] += declared > 0
                    rows.extend(_rows(texts, hit))
                    order += [hit.unit] * len(hit.matches)
                if beside:
                    writer.write_table(pa.Table.from_pylist(rows[:before], schema))
                    writer.write_table(_in_order(pa.Table.from_pylist(rows[before:], schema), order, texts, beside))
                    totals["declared"] += len(beside)
                    rows = []
                if len(rows) > ROWS_A_WRITE:
                    writer.write_table(pa.Table.from_pylist(rows, schema))
                    rows = []
            totals["matched"] += matched
            meter(batch.size, matched)
        writer.write_table(pa.Table.from_pylist(rows, schema))
        receipt = Receipt(unit=name, **totals)
        if unit.rows >= 0 and receipt.rows != unit.rows:
            raise DatasetError(
                f"{unit.file}: {receipt.rows} rows read, its footer promises {unit.rows} (the file is damaged)"
            )
        writer.add_key_value_metadata({"provenance.receipt": msgspec.json.encode(receipt).decode()})
        if names:
            writer.add_key_value_metadata({"provenance.files": msgspec.json.encode(names).decode()})
    return receipt


def _with_declared(
    texts: dataset.Texts, found: Iterator[matching.Found], named: dict[int, signals.Signal]
) -> Iterator[matching.Found]:
    """The texts that match anything or declare themselves, in order, with what the columns beside them say.

    These leave ``named``: what stays in it are the texts that are named by the columns beside them, and no more.
    """
    view = memoryview(texts.data)

    def with_named(unit: int, tokens: int, matches: tuple[Match, ...]) -> matching.Found:
        signal = named.pop(unit, None)
        if signal is not None:
            text = bytes(view[int(texts.offsets[unit]) : int(texts.offsets[unit + 1])])
            matches += (signals.as_match(signal._replace(end=len(text)), text),)
        return matching.Found(unit, tokens, matches)

    waiting: deque[matching.Found] = deque()
    for unit in signals.candidates(texts.data, texts.offsets):
        text = bytes(view[int(texts.offsets[unit]) : int(texts.offsets[unit + 1])])
        matches = signals.matches(text)
        if matches:
            waiting.append(matching.Found(unit, fingerprint.outline(text).tokens, matches))
    for one in found:
        while waiting and waiting[0].unit < one.unit:
            yield with_named(*waiting.popleft())
        more = waiting.popleft().matches if waiting and waiting[0].unit == one.unit else ()
        yield with_named(one.unit, one.tokens, one.matches + more)
    for one in waiting:
        yield with_named(*one)


def _in_order(rows: pa.Table, order: list[int], texts: dataset.Texts, named: dict[int, signals.Signal]) -> pa.Table:
    """Rows of texts by their numbers, and a row for each text that only the columns beside it declare."""
    import numpy as np
    import pyarrow as pa

    units = sorted(named)
    view = memoryview(texts.data)
    known = {signal: code for code, signal in enumerate(dict.fromkeys(named.values()))}
    facts = [_facts(signals.as_match(signal, b"")) for signal in known]
    same = pa.Table.from_pylist(facts, rows.schema).take([known[named[unit]] for unit in units])
    own: dict[str, list[Any]] = {
        name: [] for name in ("row", "field", "content", "unit_tokens", "start", "end", "first_line", "last_line")
    }
    for unit in units:
        text = bytes(view[int(texts.offsets[unit]) : int(texts.offsets[unit + 1])])
        about, lines = fingerprint.outline(text), text.count(b"\n")
        row, field = int(texts.rows[unit]), dataset.field_of(texts, unit)
        values = (row, field, about.digest.hex(), about.tokens, 0, len(text), 1, lines + 1)
        for column, value in zip(own.values(), values, strict=True):
            column.append(value)
    for name, values_ in own.items():
        place = rows.schema.get_field_index(name)
        same = same.set_column(place, rows.schema.field(place), pa.array(values_, rows.schema.field(place).type))
    return pa.concat_tables([rows, same]).take(np.argsort([*order, *units], kind="stable"))


def _of_file(unit: WorkUnit) -> Iterator[dict[str, Any]]:
    """A JSONL file that is a transcript, an export or a log as a whole: its rows have no text that says so."""
    from provenance.dataset import packing

    if unit.format != "jsonl" or unit.first:
        return
    head = packing.head(unit.file)
    signal = signals.record_of(head)
    if signal:
        about = fingerprint.outline(head[: signals.HEAD])
        address = {"row": 0, "field": "", "content": about.digest.hex(), "unit_tokens": about.tokens}
        yield address | _facts(signals.as_match(signal, head))


def _rows(texts: dataset.Texts, found: matching.Found) -> Iterator[dict[str, Any]]:
    first, end = int(texts.offsets[found.unit]), int(texts.offsets[found.unit + 1])
    content = fingerprint.exact_digest(bytes(memoryview(texts.data)[first:end])).hex()
    field = dataset.field_of(texts, found.unit)
    address = {
        "row": int(texts.rows[found.unit]),
        "field": field,
        "content": content,
        "unit_tokens": found.tokens,
    }
    for one in found.matches:
        yield address | _facts(one)


def _facts(one: Match) -> dict[str, Any]:
    """The columns of a match and its origin, flat."""
    facts = msgspec.structs.asdict(one)
    origin = facts.pop("origin")
    return facts | msgspec.structs.asdict(origin)


def fact_kinds() -> dict[str, pa.DataType]:
    """The columns of a match and its origin, flat, with their Arrow types."""
    import pyarrow as pa

    kinds = {one.name: pa.string() for one in msgspec.structs.fields(Origin)}
    for one in msgspec.structs.fields(Match):
        if one.name != "origin":
            kinds[one.name] = {"int": pa.int64(), "float": pa.float64()}.get(one.type.__name__, pa.string())
    return kinds


def _schema() -> pa.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    kinds = {
        "where": text,
        "reason": text,
        "row": number,
        "field": text,
        "content": text,
        "unit_tokens": number,
    }
    return pa.schema(list((kinds | fact_kinds()).items()))


def _run_key(index: Index, columns: Sequence[str], similar: bool) -> str:
    return "\n".join(
        [__version__, str(FORMAT), str(RECIPE), str(signals.VERSION), index.digest, str(similar), *columns]
    )


def _unit_id(unit: WorkUnit, key: str) -> str:
    blob = key.encode() + b"\0" + msgspec.json.encode(unit)
    return hashlib.sha256(blob).hexdigest()[:32]


def _is_ours(file: Path, out: Path) -> bool:
    """Whether a file is the work of a scan: of this run's folder, or of any other below a folder that was named."""
    if file.resolve().is_relative_to(out.resolve()):
        return True
    return any((folder / "plan.json").exists() and (folder / "lock").exists() for folder in list(file.parents)[:2])


def _check_place(out: Path) -> None:
    """Refuse a folder that holds something else than a run."""
    if out.exists() and not out.is_dir():
        raise StoreError(f"{out}: is a file (name a folder with --out)")
    if out.is_dir() and any(out.iterdir()) and not (out / "plan.json").exists() and not any(out.glob("lock*")):
        raise StoreError(f"{out}: holds something else than a scan (name another folder with --out)")


def _prepare(out: Path, key: str, ids: dict[str, WorkUnit], mine: set[str]) -> Path:
    """The parts folder, rid of what is not of this run: parts of other inputs, and the marks of a finished scan.

    ``mine`` are the units of this process: other shards may be at work on the others.
    """
    parts = out / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    with files.replacing(out / "plan.json") as file:
        file.write(
            msgspec.json.encode({"format": FORMAT, "run": hashlib.sha256(key.encode()).hexdigest(), "units": ids})
        )
    for name in ("_SUCCESS", "scan.json", "report.json", "findings.parquet"):
        (out / name).unlink(missing_ok=True)
    for part in parts.iterdir():
        name = part.name.removeprefix(".").partition(".")[0]
        if name not in ids or (part.suffix != ".parquet" and name in mine):
            part.unlink(missing_ok=True)
    return parts


def _finish(
    out: Path, found: list[str], plan: dataset.Plan, ids: dict[str, WorkUnit], index: Index, similar: bool
) -> Scan:
    done = []
    first_row: dict[str, int] = {}
    texts = rows = 0
    for name, unit in ids.items():
        receipt = read_receipt(out / "parts" / f"{name}.parquet")
        done.append(Done(unit.file, first_row.get(unit.file, 0), receipt))
        first_row[unit.file] = first_row.get(unit.file, 0) + receipt.rows
        rows += receipt.rows - receipt.skipped
        texts += receipt.texts + receipt.nulls
    chosen = sorted({column for unit in ids.values() for column in unit.columns})
    if rows and not texts and chosen:
        # Of JSONL only reading tells which fields there are; a misspelt choice must not pass as clean.
        raise DatasetError(f"{found[0]}: no row has a text in {', '.join(map(repr, chosen))} (choose with --column)")
    scan = Scan(
        format=FORMAT,
        tool=f"provenance {__version__}",
        engine=ENGINE,
        recipe=str(RECIPE),
        index=index.digest,
        ingredients=index.counts.ingredients,
        similar=similar,
        files=tuple(found),
        fields=plan.fields,
        unread=plan.unread,
        units=tuple(done),
    )
    with files.replacing(out / "scan.json") as file:
        file.write(msgspec.json.format(msgspec.json.encode(scan)) + b"\n")
    with files.replacing(out / "_SUCCESS"):
        pass
    return scan


def read_receipt(part: Path) -> Receipt:
    """The receipt inside a part; StoreError where the part is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.ParquetFile(part).metadata.metadata or {}
        return msgspec.json.decode(metadata[b"provenance.receipt"], type=Receipt)
    except (pa.ArrowException, OSError, KeyError, msgspec.DecodeError) as error:
        raise StoreError(f"{part}: not a finished part ({error}); remove it and scan again") from error


def texts_by_file(out: Path, scan: Scan) -> Iterator[tuple[str, int]]:
    """Every file that was read, as addresses name it, with the number of its texts; each file of a tree by itself.

    A file comes once for each of its units. Parts written before the files were named give a tree as one.
    """
    import pyarrow.parquet as pq

    for done in scan.units:
        names = b"[]"
        if done.file.endswith("/"):
            part = out / "parts" / f"{done.receipt.unit}.parquet"
            read_receipt(part)
            names = (pq.ParquetFile(part).metadata.metadata or {}).get(b"provenance.files", names)
        files_ = msgspec.json.decode(names, type=list[str])
        for name in files_:
            yield dataset.address_of(done.file, name)[0], 1
        if len(files_) < done.receipt.texts:
            yield done.file, done.receipt.texts - len(files_)


def load(out: Path) -> Scan:
    """A finished scan; StoreError where there is none or it was not finished."""
    try:
        content = (out / "scan.json").read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        unfinished = (out / "plan.json").exists()
        hint = (
            "was not finished: run the same scan again" if unfinished else "no scan here: run 'provenance scan' first"
        )
        raise StoreError(f"{out}: {hint}") from error
    try:
        scan = msgspec.json.decode(content, type=Scan)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise StoreError(f"{out / 'scan.json'}: not a scan of format {FORMAT}: {error} (scan again)") from error
    if scan.format != FORMAT:
        raise StoreError(f"{out / 'scan.json'}: format {scan.format}; this version reads {FORMAT} (scan again)")
    return scan


def read(out: Path, scan: Scan) -> Iterator[Hit | Skipped]:
    """The matched texts and the skipped ones of a finished scan, in the dataset's order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for done in scan.units:
        part = out / "parts" / f"{done.receipt.unit}.parquet"
        open_: Hit | None = None
        try:
            for batch in pq.ParquetFile(part).iter_batches(batch_size=ROWS_A_WRITE):
                for where, reason, *facts in zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True):
                    if reason is not None:
                        yield Skipped(where, reason)
                        continue
                    hit = _hit(facts, done)
                    if open_ is not None and open_.address == hit.address:
                        open_ = msgspec.structs.replace(open_, matches=open_.matches + hit.matches)
                    else:
                        if open_ is not None:
                            yield open_
                        open_ = hit
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"{part}: cannot be read ({error}); remove it and scan again") from error
        if open_ is not None:
            yield open_


_ORIGIN = Origin.__struct_fields__
_FACTS = tuple(name for name in Match.__struct_fields__ if name != "origin")
_HEAD = ("row", "field", "content", "unit_tokens")
_COLUMNS = ("where", "reason", *_HEAD, *_ORIGIN, *_FACTS)


def _hit(row: list[Any], done: Done) -> Hit:
    """A row of a part, its columns as ``_COLUMNS`` has them behind the first two."""
    number, field, content, tokens = row[: len(_HEAD)]
    first = len(_HEAD) + len(_ORIGIN)
    file, field = dataset.address_of(done.file, field)
    match = msgspec.convert(
        dict(zip(_FACTS, row[first:], strict=True), origin=_origin(tuple(row[len(_HEAD) : first]))), Match
    )
    return Hit(Address(file, done.first_row + number, field), content, tokens, (match,))


@lru_cache(1 << 12)
def _origin(values: tuple[Any, ...]) -> Origin:
    return msgspec.convert(dict(zip(_ORIGIN, values, strict=True)), Origin)
