"""``provenance demo``: the main job in small, on data made on the spot, in a folder of its own."""

from __future__ import annotations

import re
import sysconfig
import tempfile
import textwrap
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import click

from provenance.cli import ingest as ingesting
from provenance.cli import judge, options
from provenance.cli.policy import weigh

ROWS = 120
LARGEST = 40_000
"""Bytes of a human file: bounded so that the demo takes less than a minute without a compiled kernel."""


class Planted(NamedTuple):
    """A fragment of a recorded output, in the clothes in which datasets carry it."""

    how: str
    row: int
    text: str


@click.command(name="demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Leave everything in this folder.  [default: a new temporary folder]",
)
def command(out: Path | None) -> None:
    """Show the main job in small: transcripts in, an index, a dataset scanned, a verdict out.

    Reads two small transcripts that come with the project, hides fragments of them in the standard library's
    own source files, and finds them. Touches nothing outside its folder.
    """
    from provenance import index, policy, scan

    folder = out or Path(tempfile.mkdtemp(prefix="provenance-demo-"))
    store, dataset, run = folder / "store", folder / "train.parquet", folder / "scan"
    transcripts = folder / "transcripts"
    transcripts.mkdir(parents=True, exist_ok=True)
    for entry in resources.files("provenance.cli.demo_data").iterdir():
        if entry.name.endswith(".jsonl"):
            (transcripts / entry.name).write_bytes(entry.read_bytes())
    _step(f"provenance ingest {transcripts} --store {store}")
    _ingest(transcripts, store)
    _step(f"provenance index build --store {store}")
    _index(store)
    planted = _make_dataset(dataset, transcripts)
    _step(f"provenance gate {dataset} --policy clean-room --store {store} --out {run}")
    with options.progress("scanning", False) as tell:
        scan.run([str(dataset)], index.Index(store / "index"), run, progress=tell)
    code, _ = judge.judge(run, weigh(policy.load("clean-room"), store), store / "index", store, 20, False)
    missed = _missed(run, planted)
    click.echo()
    click.echo(
        f"planted {len(planted)} fragments ({', '.join(one.how for one in planted)}); "
        f"missed: {', '.join(missed) or 'none'}"
    )
    click.echo(f"everything is in {folder}\n")
    click.echo("Next, on your own data:")
    click.echo("  provenance ingest ~/.claude/projects ~/.codex/sessions")
    click.echo("  provenance index build")
    click.echo("  provenance gate YOUR-DATASET.parquet --policy clean-room")
    # The demo itself passes when the policy blocked what was planted.
    raise click.exceptions.Exit(3 if missed or code != 1 else 0)


def _step(line: str) -> None:
    click.secho(f"\n$ {line}", bold=True)


def _ingest(transcripts: Path, store: Path) -> None:
    from provenance import ingest

    for line in ingesting.lines(ingest.run([transcripts], store), store):
        click.echo(line)


def _index(store: Path) -> None:
    from provenance import index
    from provenance import store as stores

    built = index.build(store / "index", stores.read(store))
    click.echo(f"index {built.digest}: {built.counts.ingredients:,} ingredients, {built.counts.grams:,} grams")


def _outputs(transcripts: Path) -> dict[str, str]:
    """The texts that the demo's assistants wrote, by path: read as the product reads them."""
    from provenance.capture import reading
    from provenance.capture.session import Wrote

    texts: dict[str, str] = {}
    for path in sorted(transcripts.iterdir()):
        events, _ = reading.read(path, reading.reader_of(path) or "")
        for event in events:
            if isinstance(event, Wrote) and event.path:
                texts.setdefault(event.path, "\n".join(event.blocks))
    return texts


def _fragments(outputs: dict[str, str]) -> Iterator[tuple[str, str]]:
    gauges, sluice = outputs["tidepool/gauges.py"].splitlines(), outputs["src/sluice.ts"].splitlines()
    admit = "\n".join(gauges[23:35])
    yield "verbatim", admit
    yield "re-indented", textwrap.indent("\n".join(line.strip() for line in gauges[36:48]), "\t\t")
    names = {
        "page": "rows",
        "slot": "spot",
        "neighbour": "other",
        "reading": "sample",
        "close_in_time": "near",
        "admit": "push",
    }
    yield "renamed", re.sub(r"\w+", lambda word: names.get(word[0], word[0]), admit)
    yield (
        "in a markdown fence",
        "Here is a limiter:\n\n```ts\n" + "\n".join(sluice[17:42]) + "\n```\nIt keeps order.",
    )


def _make_dataset(path: Path, transcripts: Path) -> list[Planted]:
    """Write a Parquet file of the standard library's sources, four of them with a fragment in their middle."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    library = Path(sysconfig.get_paths()["stdlib"])
    sources = [file for file in sorted(library.glob("*.py")) if 2_000 < file.stat().st_size < LARGEST][:ROWS]
    texts = [file.read_text("utf-8", "replace") for file in sources]
    planted = []
    for number, (how, fragment) in enumerate(_fragments(_outputs(transcripts))):
        row = 7 + 23 * number
        lines = texts[row].splitlines()
        middle = len(lines) // 2
        texts[row] = "\n".join([*lines[:middle], fragment, *lines[middle:]])
        planted.append(Planted(how, row, fragment))
    table = pa.table({"path": [file.name for file in sources], "text": texts})
    pq.write_table(table, path, row_group_size=40)
    size = sum(map(len, texts))
    _step(
        f"(made {path}: {len(texts)} files of the standard library, {size / 1e6:.1f} MB, four with a planted fragment)"
    )
    return planted


def _missed(run: Path, planted: list[Planted]) -> list[str]:
    import pyarrow.parquet as pq

    found = pq.read_table(run / "findings.parquet", columns=["row", "action"]).to_pylist()
    blocked = {finding["row"] for finding in found if finding["action"] == "block"}
    return [one.how for one in planted if one.row not in blocked]
