"""SQL over the views: what is recorded is there, and nothing else can be reached."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb", reason="needs duckdb (the [data] extra)")

from provenance import ledger, policy, querying, scan, store
from provenance.errors import ProvenanceError, StoreError
from provenance.label import reading
from provenance.querying import VIEWS, Places
from provenance.report import collect
from tests.exports.samples import MIXED
from tests.making import code, ingredient, opened

DOCS = Path(__file__).parents[1] / "docs"
STORE = Path(".provenance")
SCAN = Path("scan")
LABEL = Path("label.json")


def ask(sql: str, notes: list[str] | None = None, **given: Any) -> list[tuple[Any, ...]]:
    scans = (SCAN,) if SCAN.exists() else ()
    labels = (LABEL,) if LABEL.exists() else ()
    with querying.ask(sql, Places(STORE, scans, labels), **given) as answer:
        rows = [tuple(row.values()) for batch in answer.batches for row in batch.to_pylist()]
        if notes is not None:
            notes.extend(answer.notes)
    return rows


@pytest.fixture
def scanned() -> None:
    """A store with one output, a judged scan that matches it, and a label."""
    text = " ".join(code(1, 120))
    one = ingredient(text)
    store.append(STORE, [one])
    Path("data.txt").write_text(text)
    scan.run(["data.txt"], opened(Path("index"), one), SCAN)
    collect.collect(SCAN, policy.load("clean-room"))
    LABEL.write_bytes(reading.encode(MIXED))


@pytest.mark.usefixtures("scanned")
def test_every_view_gives_what_is_recorded() -> None:
    ledger.append(STORE, "gate", {"exit": 1})
    assert [("gate", "1")] == ask("SELECT kind, facts->>'exit' FROM ledger")
    assert [("anthropic", "claude-opus-4-5", 120)] == ask("SELECT provider, model, tokens FROM ingredients")
    assert [("scan", 1, 1)] == ask("SELECT scan, texts, matched FROM scans")
    assert [("data.txt", "block", "claude-code")] == ask("SELECT DISTINCT file, verdict, tool FROM findings")
    assert [("train", 19, 7)] == ask("SELECT name, records, unknown FROM labels")
    assert [(10,)] == ask("SELECT sum(records)::BIGINT FROM shares")
    assert [] == ask("FROM waivers")
    assert [] == ask("FROM captures")


@pytest.mark.usefixtures("scanned")
def test_the_view_of_findings_has_every_column_of_the_file() -> None:
    import pyarrow.parquet as pq

    assert ["scan", *pq.read_schema(SCAN / "findings.parquet").names] == list(VIEWS["findings"].columns)


@pytest.mark.parametrize("view", VIEWS)
def test_views_have_the_columns_that_their_page_documents(view: str) -> None:
    described = {row[0]: row[1] for row in ask(f"DESCRIBE {view}")}
    assert VIEWS[view].columns == described
    page = (DOCS / "views.md").read_text().split(f"## {view}\n")[1].split("\n## ")[0]
    documented = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    flat = {name.strip(" `"): kind.strip() for names, kind in documented for name in names.split(",")}
    assert described == flat


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM '{file}'",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_blob('{file}')",
        "SELECT * FROM read_parquet('{file}')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM sniff_csv('{file}')",
        "SELECT getenv('HOME')",
        "WITH x AS (SELECT * FROM read_json('{file}')) SELECT * FROM x",
        "COPY (SELECT 1) TO '{folder}/written'",
        "ATTACH '{folder}/written'",
        "EXPORT DATABASE '{folder}/written'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "CREATE TABLE x AS SELECT 1",
        "DROP TABLE ledger",
        "INSERT INTO ledger VALUES ('', 0, '', '', '')",
        "SELECT 1; SELECT 2",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/written'",
        "",
        "not SQL",
        "SELECT * FROM sql",
    ],
)
def test_sql_reaches_nothing_but_the_views(sql: str, tmp_path: Path) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("secret\n1\n")
    with pytest.raises(ProvenanceError) as caught:
        ask(sql.format(file=file, folder=tmp_path))
    assert "secret\n1" not in str(caught.value)
    assert not (tmp_path / "written").exists()


def test_files_are_read_where_that_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "known.csv"
    file.write_text("name\nx\n")
    assert [("x",)] == ask(f"SELECT * FROM read_csv('{file}')", allow_files=True)


def test_torn_lines_of_the_ledger_are_set_aside_and_told() -> None:
    ledger.append(STORE, "gate", {"exit": 0})
    path = Path(ledger.path_of(STORE, ledger.shard(STORE)))
    with path.open("ab") as file:
        file.write(b'{"ledger":2,"kind":"ga')
    notes: list[str] = []
    assert [(1,)] == ask("SELECT count(*) FROM ledger", notes)
    assert ["ledger: lines that are no entry, set aside: 1 ('provenance ledger verify' names them)"] == notes


def test_a_store_that_is_written_meanwhile_is_read_as_it_was() -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            ledger.append(STORE, "gate", {"exit": 0}, durable=False)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        counts = [ask("SELECT count(*), max(number) + 1 FROM ledger")[0] for _ in range(5)]
    finally:
        stop.set()
        writer.join()
    assert all(count == last or last is None for count, last in counts)
    assert sorted(counts) == counts


def test_a_file_name_that_is_no_utf_8_is_kept_as_escapes() -> None:
    ledger.append(STORE, "gate", {"path": "a\udcff"})
    assert [("a\\udcff",)] == ask("SELECT facts->>'path' FROM ledger")


@pytest.mark.usefixtures("scanned")
def test_a_damaged_store_is_an_error_that_names_the_file() -> None:
    shard = store.shards(STORE)[0]
    content = bytearray(shard.read_bytes())
    content[-5] ^= 1
    shard.write_bytes(content)
    with pytest.raises(StoreError, match=shard.name):
        ask("FROM ingredients")
    assert [(0,)] == ask("SELECT count(*) FROM ledger")


@pytest.mark.usefixtures("scanned")
def test_a_scan_that_was_not_judged_is_told() -> None:
    (SCAN / "report.json").unlink()
    notes: list[str] = []
    assert [(None,)] == ask("SELECT verdict FROM scans", notes)
    assert [] == ask("FROM findings", notes)
    assert 2 == sum("not judged yet" in note for note in notes)


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize("content", [b"", b"[]", b'{"waivers": 3}', b'{"policy": 3}', b"[" * 99_999])
def test_a_report_that_is_none_is_an_error_that_names_it(content: bytes) -> None:
    (SCAN / "report.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"report\.json"):
        ask("FROM scans, waivers")


def test_what_is_larger_than_the_memory_is_spilled_or_an_error() -> None:
    assert [(3_000_000,)] == ask("SELECT count(DISTINCT a * 7919) FROM range(3_000_000) t(a)", memory="300MB")
    with pytest.raises(ProvenanceError, match="emory"):
        ask("SELECT list(a) FROM range(100_000_000) t(a)", memory="50MB")


ASKED = """
import sys
from provenance import querying
from provenance.cli import main
real = querying._patient
def at_work(connection, work):
    print("asked", flush=True)
    return real(connection, work)
querying._patient = at_work
sys.argv = ["provenance", "query", sys.argv[1]]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_an_interruption_stops_a_long_query() -> None:
    sql = "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b WHERE a.range * b.range = 7"
    command = [sys.executable, "-c", ASKED, sql]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asked:
        assert asked.stdout is not None
        assert "asked\n" == asked.stdout.readline()
        asked.send_signal(signal.SIGINT)
        _, said = asked.communicate()
    assert 130 == asked.returncode
    assert "interrupted" in said


def test_what_cannot_be_handed_over_is_an_error_in_words() -> None:
    import duckdb
    import pyarrow as pa

    def broken() -> Any:
        yield pa.record_batch({"a": [1]})
        raise OSError("Arrow Appender: too large")

    schema = pa.schema([("a", pa.int64())])
    with duckdb.connect() as base:
        rows = querying._streamed(base, pa.RecordBatchReader.from_batches(schema, broken()))
        assert 1 == next(rows).num_rows
        with pytest.raises(ProvenanceError, match=r"the query cannot run: .*too large"):
            next(rows)
