"""``provenance query``."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from provenance.cli import options
from provenance.cli.status import plain

if TYPE_CHECKING:
    from provenance.querying import Answer

DEFAULT_SCAN = Path("provenance-scan")
DEFAULT_LABEL = Path("label.json")


@click.command(name="query")
@click.argument("sql", required=False)
@click.option("--views", is_flag=True, help="List the views and their columns instead.")
@options.store
@click.option(
    "--scan",
    "scans",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A scan's folder (repeatable).  [default: provenance-scan, if there]",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A label, or a folder of labels (repeatable).  [default: label.json, if there]",
)
@click.option("--csv", "form", flag_value="csv", help="CSV (RFC 4180) on standard output.")
@click.option("--json", "form", flag_value="json", help="JSON on standard output, an object a line.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the rows to this file: .parquet, .csv or .jsonl.",
)
@click.option("--show", type=click.IntRange(1), default=100, show_default=True, help="Rows to show in a table.")
@click.option("--memory", default="1GB", show_default=True, help="Memory for DuckDB; more goes to a temporary folder.")
@click.option("--allow-files", is_flag=True, help="Let the SQL read files as well, by functions such as read_csv.")
def command(
    sql: str | None,
    views: bool,
    store: Path,
    scans: tuple[Path, ...],
    labels: tuple[Path, ...],
    form: str | None,
    out: Path | None,
    show: int,
    memory: str,
    allow_files: bool,
) -> None:
    """Ask the ledger, store, scans and labels in SQL (DuckDB): one query over the views of docs/views.md.

    Only what the query names is read, as it is at that moment; nothing is changed. Without --allow-files the SQL can
    read nothing but the views. What is torn or missing is said on standard error.

    \b
    Examples:
      provenance query --views
      provenance query "SELECT model, count(*) AS outputs FROM ingredients GROUP BY model ORDER BY 2 DESC"
      provenance query "FROM findings WHERE verdict = 'block'" --out blocked.parquet
      provenance query "SELECT kind, count(*) FROM ledger GROUP BY ALL" --csv
    """
    from provenance import querying

    if views or not sql:
        if not views:
            raise click.UsageError("name a query, or --views")
        for name, view in querying.VIEWS.items():
            click.echo(f"{name}: {view.about}")
            for column, kind in view.columns.items():
                click.echo(f"  {column} {kind}")
        return
    if out is not None and (form is not None or out.suffix not in WRITERS):
        raise click.UsageError(f"--out takes a file that ends in {', '.join(WRITERS)}, and no other form beside it")
    places = querying.Places(
        store,
        scans or tuple(one for one in (DEFAULT_SCAN,) if one.is_dir()),
        tuple(_labels(labels or tuple(one for one in (DEFAULT_LABEL,) if one.is_file()))),
    )
    with querying.ask(sql, places, memory, allow_files) as answer:
        for note in answer.notes:
            click.secho(f"note: {plain(note)}", fg="yellow", err=True)
        if out is not None:
            from provenance import files

            with files.replacing(out) as file:
                count = WRITERS[out.suffix](answer, file)
            click.echo(f"{plain(str(out))}: {count:,} rows", err=True)
        elif form is not None:
            WRITERS[{"csv": ".csv", "json": ".jsonl"}[form]](answer, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            _table(answer, show)


def _labels(named: tuple[Path, ...]) -> Iterator[Path]:
    for path in named:
        if path.is_dir():
            yield from sorted(path.glob("*.json"))
        else:
            yield path


def _parquet(answer: Answer, file: BinaryIO) -> int:
    import pyarrow.parquet as pq

    count = 0
    with pq.ParquetWriter(file, answer.schema, compression="zstd") as writer:
        for batch in answer.batches:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _csv(answer: Answer, file: BinaryIO) -> int:
    count = 0
    file.write(_lines([answer.schema.names]))
    for batch in answer.batches:
        file.write(_lines(["" if one is None else _cell(one) for one in row] for row in _rows(batch)))
        count += batch.num_rows
    return count


def _lines(rows: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _json(answer: Answer, file: BinaryIO) -> int:
    import msgspec

    encoder = msgspec.json.Encoder(enc_hook=str)
    count = 0
    for batch in answer.batches:
        names = batch.schema.names
        file.writelines(encoder.encode(dict(zip(names, row, strict=True))) + b"\n" for row in _rows(batch))
        count += batch.num_rows
    return count


WRITERS: dict[str, Callable[[Answer, BinaryIO], int]] = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json}


def _rows(batch: Any) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _cell(value: Any) -> str:
    import msgspec

    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)


def _table(answer: Answer, show: int) -> None:
    """The first rows for people: all that could steer a terminal shown as ``?``."""
    from itertools import islice

    from rich.console import Console
    from rich.table import Table

    shown, count = [], 0
    for batch in answer.batches:
        shown += list(islice(_rows(batch), max(0, show - count)))
        count += batch.num_rows
    table = Table(box=None, pad_edge=False)
    for index, name in enumerate(answer.schema.names):
        is_number = bool(shown) and all(isinstance(row[index], (int, float)) for row in shown)
        table.add_column(plain(name), justify="right" if is_number else "left", overflow="fold")
    for row in shown:
        table.add_row(*("" if one is None else plain(_cell(one)) for one in row))
    wide = None if sys.stdout.isatty() else 10_000
    Console(highlight=False, markup=False, width=wide).print(table)
    if count > len(shown):
        click.echo(f"... and {count - len(shown):,} more rows (--show, --csv, --json or --out gives them)")
