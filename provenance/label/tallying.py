"""The findings of a judged scan as shares, and as the sets of a label's contents. It reads no dataset.

DuckDB does the sums, in bounded memory: what does not fit is spilled to a folder beside the findings.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance import dataset, scan
from provenance.errors import StoreError
from provenance.label.contents import NAMES
from provenance.label.form import Share, Waived
from provenance.model import Action, Evidence, Grade, Similarity
from provenance.policy.findings import Standing

if TYPE_CHECKING:
    import duckdb

MEMORY = "1GB"
READ_ROWS = 1 << 16
COLUMNS = (
    *("file", "row", "field", "unit_tokens", "grade", "verdict", "clauses", "tokens", "others"),
    *("standing", "waiver", "reason", "basis", "approver", "expires"),
    *NAMES,
)
ABOUT = ", ".join(NAMES)

TABLES = f"""
CREATE TABLE found AS
  SELECT places.file AS file, row, field, unit_tokens, verdict, clauses, tokens, others,
         standing, waiver, reason, basis, approver, expires, {ABOUT}
  FROM findings JOIN places ON findings.file = places.address WHERE grade <> '{Grade.IDIOM}';
CREATE TABLE members AS
  SELECT row_number() OVER (ORDER BY {ABOUT}) - 1 AS member, * FROM (SELECT DISTINCT {ABOUT} FROM found);
CREATE TABLE matches AS
  SELECT file, row, member, sum(tokens)::BIGINT AS tokens, max(others) AS others
  FROM found JOIN members USING ({ABOUT}) GROUP BY file, row, member;
CREATE TABLE records AS
  SELECT file, row, sum(tokens)::BIGINT AS text_tokens, max(severity) AS severity
  FROM (SELECT file, row, field, max(unit_tokens) AS tokens, max(level) AS severity
        FROM found JOIN actions USING (verdict) GROUP BY file, row, field)
  GROUP BY file, row;
"""
SHARES = """
WITH ranked AS (
  SELECT file, row, member, tokens,
         row_number() OVER (PARTITION BY file, row ORDER BY e.rank, s.rank, tokens DESC, member) AS place
  FROM matches JOIN members USING (member) JOIN words e ON e.word = evidence JOIN words s ON s.word = similarity)
SELECT provider, model, tool, similarity, evidence, verdict, count(*), sum(ranked.tokens)::BIGINT,
       coalesce(strftime(min(made), '%Y-%m-%dT%H:%M:%SZ'), ''), coalesce(strftime(max(made), '%Y-%m-%dT%H:%M:%SZ'), '')
FROM ranked JOIN records USING (file, row) JOIN actions ON level = severity
  JOIN (SELECT *, CASE WHEN regexp_matches(time, '^[12][0-9]{3}-[01][0-9]-[0-3][0-9]([T ].*)?$')
                  THEN make_timestamp(epoch_us(TRY_CAST(time AS TIMESTAMPTZ))) END AS made FROM members) USING (member)
WHERE place = 1 GROUP BY ALL ORDER BY provider, model, tool, similarity, evidence, verdict
"""
GROUPS = """
CREATE TABLE grouped AS
  SELECT file, row, list(member ORDER BY member) AS members FROM matches GROUP BY file, row;
CREATE TABLE sets AS
  SELECT row_number() OVER (ORDER BY members) - 1 AS number, members, count(*) AS records,
         sum(text_tokens)::BIGINT AS text_tokens, list(DISTINCT file ORDER BY file)::INTEGER[] AS files
  FROM grouped JOIN records USING (file, row) GROUP BY members;
CREATE TABLE shared AS
  SELECT number, member, sum(tokens)::BIGINT AS tokens, max(others) AS others
  FROM grouped JOIN sets USING (members) JOIN matches USING (file, row) GROUP BY number, member;
"""
SETS = f"""
SELECT number AS set, {ABOUT}, tokens, others, records, text_tokens, files
FROM shared JOIN members USING (member) JOIN sets USING (number) ORDER BY set, member
"""
CLAUSES = """
SELECT clause, count(*) FROM (SELECT DISTINCT file, row, unnest(clauses) AS clause FROM found)
GROUP BY clause ORDER BY clause
"""
WAIVERS = f"""
SELECT waiver, reason, basis, approver, expires, count(*)
FROM (SELECT DISTINCT file, row, waiver, reason, basis, approver, expires FROM found
      WHERE standing = '{Standing.WAIVED}')
GROUP BY ALL ORDER BY ALL
"""
SKIPPED = """
SELECT reason, count(*) FROM
  (SELECT file, row, min(reason) AS reason FROM unread ANTI JOIN records USING (file, row) GROUP BY file, row)
GROUP BY reason ORDER BY reason
"""


class Tally:
    """What the findings add up to."""

    def __init__(self, base: duckdb.DuckDBPyConnection) -> None:
        self.base = base

    def matched(self) -> int:
        """Records with a match better than an idiom."""
        return int(self.base.execute("SELECT count(*) FROM records").fetchall()[0][0])

    def shares(self) -> tuple[Share, ...]:
        """Each record under its strongest match; the action is the most severe that is due for the record."""
        return tuple(Share(*row) for row in self.base.execute(SHARES).fetchall())

    def clauses(self) -> list[tuple[str, int]]:
        """Clauses with how many records."""
        return [(str(name), int(count)) for name, count in self.base.execute(CLAUSES).fetchall()]

    def waivers(self) -> tuple[Waived, ...]:
        """The waivers that were applied."""
        return tuple(Waived(*row) for row in self.base.execute(WAIVERS).fetchall())

    def skipped(self) -> dict[str, int]:
        """Reasons with how many records: those of which nothing else was read that matches."""
        return {str(reason): int(count) for reason, count in self.base.execute(SKIPPED).fetchall()}

    def sets(self) -> Iterator[Any]:
        """Record batches of the contents."""
        import pyarrow as pa

        from provenance.label.contents import schema

        kinds: Any = schema()
        self.base.execute(GROUPS)
        for batch in pa.RecordBatchReader.from_stream(self.base.sql(SETS)):
            yield pa.RecordBatch.from_arrays([batch[one.name].cast(one.type) for one in kinds], schema=kinds)


@contextmanager
def tallied(run: Path, done: scan.Scan, names: list[str], jobs: int) -> Iterator[Tally]:
    """The findings of a judged scan of the files ``names`` (in the label's order), summed up.

    Raises StoreError where the findings are not of this scan, or of an older form.
    """
    import duckdb
    import pyarrow.dataset

    table = run / "findings.parquet"
    try:
        findings = pyarrow.dataset.dataset(str(table), format="parquet")
        missing = set(COLUMNS) - set(findings.schema.names)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{table}: cannot be read ({str(error)[:200]}); judge again: provenance judge {run}"
        ) from error
    if missing:
        raise StoreError(f"{table}: has no column {min(missing)}; judge again: provenance judge {run}")
    with (
        tempfile.TemporaryDirectory(prefix=".tally.", suffix=".tmp", dir=run) as spill,
        duckdb.connect(":memory:") as base,
    ):
        base.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        base.execute(f"SET memory_limit = '{MEMORY}'; SET threads = {jobs}; SET TimeZone = 'UTC'")
        base.execute("SET preserve_insertion_order = false")
        base.execute("SET temp_directory = $folder", {"folder": spill})
        base.register("findings", findings)
        try:
            _words(base)
            _places(base, names)
            _unread(base, run, done, names)
            base.execute(TABLES)
        except duckdb.Error as error:
            raise StoreError(f"{table}: cannot be summed up: {str(error)[:300]} (judge again)") from error
        yield Tally(base)


def _words(base: duckdb.DuckDBPyConnection) -> None:
    base.execute(
        "CREATE TABLE actions (verdict VARCHAR, level INTEGER); CREATE TABLE words (word VARCHAR, rank INTEGER)"
    )
    base.executemany("INSERT INTO actions VALUES (?, ?)", [[str(one), level] for level, one in enumerate(Action)])
    for words in (Evidence, Similarity):
        base.executemany("INSERT INTO words VALUES (?, ?)", [[str(one), rank] for rank, one in enumerate(words)])


def _places(base: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    """Which file of the label every address of a finding lies in."""
    import pyarrow as pa

    numbers = {dataset.address_of(name, "")[0]: number for number, name in enumerate(names)}
    trees = {name for name in numbers if name.endswith("/") or name == ""}
    found: dict[str, int] = {}
    for (address,) in base.execute("SELECT DISTINCT file FROM findings").fetchall():
        tree = "" if address in numbers else _tree_of(address, trees)
        if address not in numbers and tree not in trees:
            raise StoreError(f"findings.parquet: names {address}, which was not scanned (judge again)")
        found[address] = numbers[address] if address in numbers else numbers[tree]
    table = pa.table({"address": pa.array(found, pa.string()), "file": pa.array(found.values(), pa.int64())})
    base.register("given", table)
    base.execute("CREATE TABLE places AS SELECT * FROM given")
    base.unregister("given")


def _tree_of(address: str, trees: set[str]) -> str:
    """The folder of texts that an address lies in: the nearest."""
    above = address
    while above:
        above = above.rstrip("/").rpartition("/")[0]
        above += "/" if above else ""
        if above in trees:
            return above
    return ""


def _unread(base: duckdb.DuckDBPyConnection, run: Path, done: scan.Scan, names: list[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = {name: number for number, name in enumerate(names)}
    base.execute("CREATE TABLE unread (file BIGINT, row BIGINT, reason VARCHAR)")
    for unit in done.units:
        if not unit.receipt.skipped:
            continue
        part = run / "parts" / f"{unit.receipt.unit}.parquet"
        try:
            with pq.ParquetFile(part) as read:
                for batch in read.iter_batches(READ_ROWS, columns=["row", "reason"]):
                    batch = batch.filter(batch["reason"].is_valid())
                    rows = [unit.first_row + row for row in batch["row"].to_pylist()]
                    reasons = [_reason(one) for one in batch["reason"].to_pylist()]
                    file = pa.array([numbers[unit.file]] * len(rows), pa.int64())
                    columns = {
                        "file": file,
                        "row": pa.array(rows, pa.int64()),
                        "reason": pa.array(reasons, pa.string()),
                    }
                    base.register("given", pa.table(columns))
                    base.execute("INSERT INTO unread SELECT * FROM given")
                    base.unregister("given")
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"{part}: cannot be read ({error}); remove it and scan again") from error


def _reason(said: str) -> str:
    """As the report counts it: whatever the byte, one reason."""
    return re.sub(r"(?<= )\d+", "N", said.split(":")[0])


def added(counts: list[dict[str, int]]) -> dict[str, int]:
    """Counts by name, added up and sorted."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))
