"""SQL over what is recorded: DuckDB on a snapshot of the views that a query names. docs/views.md has their columns.

The views are copied into a database of their own in a temporary folder, which is then opened read-only with every way
to other files shut: a query reads what the views hold and changes nothing. The store may be written meanwhile.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from provenance import captures, ledger, scan, store
from provenance.errors import ProvenanceError, StoreError
from provenance.label import reading
from provenance.model import Ingredient

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Row = tuple[Any, ...]
ROWS_A_BATCH = 10_000
WAIT = 0.2
"""Seconds after which a waiting query looks for an interruption."""
NATIVE = "BIGINT"
TEXT = "VARCHAR"
_ORIGIN = ("provider", "model", "tool", "version", "channel", "plan", "session", "time")
_OUTPUT = {
    "id": TEXT,
    **dict.fromkeys(_ORIGIN, TEXT),
    **dict.fromkeys(("evidence", "kind", "status", "path"), TEXT),
    **dict.fromkeys(("tokens", "passages"), NATIVE),
}
_FINDING = {
    **dict.fromkeys(("finding", "file"), TEXT),
    "row": NATIVE,
    **dict.fromkeys(("field", "content"), TEXT),
    "unit_tokens": NATIVE,
    **dict.fromkeys(("verdict", "zone", "use", "baseline", "action", "rule", "level", "would"), TEXT),
    "clauses": f"{TEXT}[]",
    "assumed": f"{TEXT}[]",
    **dict.fromkeys(("standing", "waiver", "reason", "basis", "approver", "expires"), TEXT),
    **dict.fromkeys(_ORIGIN, TEXT),
    **dict.fromkeys(("ingredient", "evidence", "kind", "status", "path", "similarity", "grade"), TEXT),
    **dict.fromkeys(("tokens", "verbatim", "run", "rarity"), NATIVE),
    **dict.fromkeys(("unit_coverage", "ingredient_coverage", "jaccard"), "DOUBLE"),
    **dict.fromkeys(
        ("start", "end", "first_line", "last_line", "ingredient_start", "ingredient_end", "others"), NATIVE
    ),
    "view": TEXT,
}
_TOTALS = ("files", "records", "texts", "bytes", "tokens", "matched", "unknown", "skipped")
_COUNTS = ("rows", "texts", "nulls", "bytes", "tokens", "matched", "skipped", "declared")


class Places(NamedTuple):
    """Where the views are read from."""

    store: Path
    scans: Sequence[Path]
    """Folders of scans."""
    labels: Sequence[Path]
    """Files of labels."""


class View(NamedTuple):
    """A view: what it is, its columns with their DuckDB types, and what gives its rows."""

    about: str
    columns: dict[str, str]
    rows: Callable[[Places, list[str]], Iterable[Row]] | None
    """None: the findings, which DuckDB copies from their Parquet files itself."""


def _ledger(places: Places, notes: list[str]) -> Iterator[Row]:
    torn = 0
    for one in ledger.read(places.store):
        if isinstance(one, ledger.Torn):
            torn += 1
            continue
        yield one.shard, one.number, one.time, one.kind, _json(one.facts)
    if torn:
        notes.append(f"ledger: lines that are no entry, set aside: {torn:,} ('provenance ledger verify' names them)")


def _ingredients(places: Places, notes: list[str]) -> Iterator[Row]:
    if (places.store / "store").is_dir():
        yield from map(_output, store.read(places.store))
    else:
        notes.append(f"ingredients: {places.store} has no store")


def _captures(places: Places, notes: list[str]) -> Iterator[Row]:
    damaged: list[str] = []
    for one in captures.waiting(places.store, damaged):
        yield *_output(one.ingredient), one.transcript
    notes.extend(f"captures: {one}" for one in damaged)


def _output(one: Ingredient) -> Row:
    origin = (getattr(one.origin, name) for name in _ORIGIN)
    told = (str(one.evidence), one.kind, str(one.status), one.path)
    return one.id, *origin, *told, one.whole.tokens, len(one.passages)


def _scans(places: Places, notes: list[str]) -> Iterator[Row]:
    for folder in places.scans:
        done = scan.load(folder)
        report = _report(folder, notes)
        counts = (done.total("size" if name == "bytes" else name) for name in _COUNTS)
        head = (str(folder), done.tool, done.engine, done.recipe, done.index, done.ingredients, len(done.files))
        policy = report.get("policy", {})
        yield *head, *counts, report.get("verdict"), policy.get("name"), policy.get("digest")


def _waivers(places: Places, notes: list[str]) -> Iterator[Row]:
    for folder in places.scans:
        for one in _report(folder, notes).get("waivers", []):
            yield str(folder), *(one.get(name) for name in list(VIEWS["waivers"].columns)[1:])


def _report(folder: Path, notes: list[str]) -> dict[str, Any]:
    """The report of a scan, as it is; nothing where the scan was not judged."""
    path = folder / "report.json"
    try:
        value = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        notes.append(f"{folder}: not judged yet ('provenance judge {folder}')")
        return {}
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: not a report: {str(error)[:200]} (judge the scan again)") from error
    shape = isinstance(value, dict) and isinstance(value.get("policy", {}), dict)
    waivers = value.get("waivers", []) if shape else None
    if not isinstance(waivers, list) or not all(isinstance(one, dict) for one in waivers):
        raise StoreError(f"{path}: not a report (judge the scan again)")
    return dict(value)


def _labels(places: Places, notes: list[str]) -> Iterator[Row]:
    for one in map(reading.load, places.labels):
        judged, totals = one.label.judgement, one.label.totals
        numbers = (getattr(totals, name) for name in _TOTALS)
        head = (str(one.path), one.digest, one.label.subject.name, one.label.subject.root)
        tool = one.label.tool
        yield (
            *head,
            *numbers,
            judged.verdict,
            judged.policy,
            tool.version,
            tool.recipe,
            tool.index,
            len(one.label.parents),
        )


def _shares(places: Places, notes: list[str]) -> Iterator[Row]:
    for one in map(reading.load, places.labels):
        for share in one.label.shares:
            yield str(one.path), one.digest, *msgspec.structs.astuple(share)


VIEWS = {
    "ledger": View(
        "Entries of the ledger, shard after shard.",
        {"shard": TEXT, "number": NATIVE, "time": TEXT, "kind": TEXT, "facts": "JSON"},
        _ledger,
    ),
    "ingredients": View("Outputs in the store.", _OUTPUT, _ingredients),
    "captures": View(
        "Outputs that hooks captured and nothing has settled into the store yet.",
        _OUTPUT | {"transcript": TEXT},
        _captures,
    ),
    "scans": View(
        "Finished scans, with the verdict where they were judged.",
        {
            "scan": TEXT,
            **dict.fromkeys(("tool", "engine", "recipe", "index"), TEXT),
            **dict.fromkeys(("ingredients", "files", *_COUNTS), NATIVE),
            **dict.fromkeys(("verdict", "policy", "policy_digest"), TEXT),
        },
        _scans,
    ),
    "findings": View("Findings of judged scans, one row a match.", {"scan": TEXT, **_FINDING}, None),
    "waivers": View(
        "Waivers that were applied in judged scans.",
        {
            "scan": TEXT,
            **dict.fromkeys(("waiver", "standing", "reason", "basis", "approver", "expires"), TEXT),
            "texts": NATIVE,
        },
        _waivers,
    ),
    "labels": View(
        "Labels, one row each.",
        {
            **dict.fromkeys(("file", "label", "name", "root"), TEXT),
            **dict.fromkeys(_TOTALS, NATIVE),
            **dict.fromkeys(("verdict", "policy", "tool", "recipe", "index"), TEXT),
            "parents": NATIVE,
        },
        _labels,
    ),
    "shares": View(
        "The shares of labels: records by origin, similarity and origin evidence.",
        {
            **dict.fromkeys(("file", "label", "provider", "model", "tool", "similarity", "evidence", "action"), TEXT),
            **dict.fromkeys(("records", "tokens"), NATIVE),
            **dict.fromkeys(("first", "last"), TEXT),
        },
        _shares,
    ),
}


class Answer(NamedTuple):
    """What a query gave."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    """Its rows, streamed."""
    notes: list[str]
    """What was set aside or is not there, a sentence each."""


@contextmanager
def ask(sql: str, places: Places, memory: str = "1GB", allow_files: bool = False) -> Iterator[Answer]:
    """The answer to one query, readable until the block ends.

    With ``allow_files`` the SQL may read files and settings of DuckDB, else nothing but the views. ``memory`` is
    DuckDB's limit (what does not fit goes to the temporary folder). An interruption stops the query. Raises
    ProvenanceError where the SQL is no single query or fails, StoreError where a view's source is damaged.
    """
    import duckdb

    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="provenance-query-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "views.duckdb"
        config: dict[str, Any] = {"memory_limit": memory, "temp_directory": str(Path(folder) / "spilled")}
        try:
            with duckdb.connect(file, config=config) as loading:
                wanted = _single(loading, sql)
                _patient(loading, lambda: _fill(loading, places, notes, wanted))
            with duckdb.connect(file, read_only=True, config=config) as asked:
                if not allow_files:
                    _shut(asked)
                reader = _patient(asked, lambda: asked.sql(sql).to_arrow_reader(ROWS_A_BATCH))
                yield Answer(reader.schema, _streamed(asked, reader), notes)
        except duckdb.Error as error:
            raise ProvenanceError(f"the query cannot run: {_said(error)}") from error


def _streamed(connection: duckdb.DuckDBPyConnection, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    def following() -> pa.RecordBatch | None:
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None
        except (pa.ArrowException, OSError) as error:  # a text too large for Arrow, as DuckDB hands it over
            raise ProvenanceError(f"the query cannot run: {_said(error)}") from error

    while (batch := _patient(connection, following)) is not None:
        yield batch


def _single(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """The views that one query may name; ProvenanceError where it is none, or another statement."""
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        raise ProvenanceError("one query at a time, beginning with SELECT, FROM, WITH, DESCRIBE, SUMMARIZE or EXPLAIN")
    # DuckDB's own list of names lacks those inside EXPLAIN, and a word too much costs time alone.
    words = set(re.findall(r"\w+", sql.lower()))
    return {name for name in VIEWS if name in words}


def _fill(connection: duckdb.DuckDBPyConnection, places: Places, notes: list[str], wanted: set[str]) -> None:
    for name in VIEWS:
        _load(connection, name, places, notes, name in wanted)


def _load(connection: duckdb.DuckDBPyConnection, name: str, places: Places, notes: list[str], is_filled: bool) -> None:
    view = VIEWS[name]
    kinds = ", ".join(f'"{column}" {kind}' for column, kind in view.columns.items())
    connection.execute(f"CREATE TABLE {name} ({kinds})")
    if is_filled and view.rows is None:
        _load_findings(connection, name, places, notes)
    elif is_filled:
        _load_rows(connection, name, view, places, notes)


def _load_rows(connection: duckdb.DuckDBPyConnection, name: str, view: View, places: Places, notes: list[str]) -> None:
    import pyarrow as pa

    schema = pa.schema([(one, pa.int64() if kind == NATIVE else pa.string()) for one, kind in view.columns.items()])
    troubles: list[ProvenanceError] = []
    assert view.rows is not None
    batches = _batches(schema, view.rows(places, notes), troubles)
    connection.register("incoming", pa.RecordBatchReader.from_batches(schema, batches))
    try:
        connection.execute(f"INSERT INTO {name} SELECT * FROM incoming")
    except Exception:
        if troubles:  # DuckDB and Arrow would say it in words of their own
            raise troubles[0] from None
        raise
    connection.unregister("incoming")


def _load_findings(connection: duckdb.DuckDBPyConnection, name: str, places: Places, notes: list[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for folder in places.scans:
        file = folder / "findings.parquet"
        if not (folder / "report.json").exists() or not file.exists():
            scan.load(folder)
            notes.append(f"{folder}: not judged yet ('provenance judge {folder}')")
            continue
        try:
            there = set(pq.read_schema(file).names)
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"{file}: cannot be read: {error} (judge the scan again)") from error
        known = ", ".join(f'"{one}"' for one in VIEWS[name].columns if one in there)
        connection.execute(
            f"INSERT INTO {name} BY NAME SELECT ?::VARCHAR AS scan, {known} FROM read_parquet(?)",
            [str(folder), str(file)],
        )


def _batches(schema: pa.Schema, rows: Iterable[Row], troubles: list[ProvenanceError]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    running = iter(rows)
    try:
        while chunk := list(islice(running, ROWS_A_BATCH)):
            columns = zip(zip(*chunk, strict=True), schema, strict=True)
            arrays = [pa.array(list(map(_clean, column)), field.type) for column, field in columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    except ProvenanceError as error:
        troubles.append(error)
        raise


def _clean(value: Any) -> Any:
    """A value that Arrow can hold: a file name's bytes that are no UTF-8 stand as escapes."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _json(facts: dict[str, Any]) -> str:
    import json

    # DuckDB reads no lone surrogate in JSON, not even as an escape: a file name's byte stands as the text of one.
    return re.sub("[\ud800-\udfff]", lambda one: f"\\\\u{ord(one[0]):04x}", json.dumps(facts, ensure_ascii=False))


def _shut(connection: duckdb.DuckDBPyConnection) -> None:
    """Close every way to files, the network, extensions and Python variables, for good."""
    for setting in (
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "python_enable_replacements = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def _patient(connection: duckdb.DuckDBPyConnection, work: Callable[[], Any]) -> Any:
    """Do the work on another thread, so that an interruption reaches this one, and through it the query."""
    over = threading.Event()
    done: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)
        finally:
            over.set()

    try:
        # Within: starting waits for the thread, and one left running would abort the process as it ends.
        threading.Thread(target=run, daemon=True).start()
        # Not Thread.join: a thread whose join was interrupted counts as ended (CPython issue 89437).
        while not over.wait(WAIT):
            pass
    except BaseException:
        while not over.wait(WAIT):
            connection.interrupt()
        raise
    if failed:
        raise failed[0]
    return done[0]


def _said(error: Exception) -> str:
    return str(error).strip().replace("\n\n", "\n")
