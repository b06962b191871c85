"""``provenance index commons``: build, info."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import datetime

    from provenance.background import Tell
    from provenance.index.commons import Info, Source

SKIPPED = {"binary": "binary", "large": "over 8 MB", "unreadable": "unreadable", "rows": "unreadable rows"}


@click.group(name="commons")
def command() -> None:
    """Build and describe commons: sets of grams that prove nothing, for provenance index build --commons."""


@command.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--folder", "folders", multiple=True, help="Text files below this folder (repeatable).")
@click.option("--dataset", "datasets", multiple=True, help="Parquet and JSONL: a file, folder or glob (repeatable).")
@click.option("--column", "columns", multiple=True, help="Of datasets read this column only (repeatable).")
@click.option("--git", "repositories", multiple=True, help="The history of this repository, with --until (repeatable).")
@click.option(
    "--until",
    "dates",
    multiple=True,
    help="Last committer date that counts, such as 2021-06-30; one for all --git, or one for each.",
)
@click.option("--name", default="", help="What the index calls the set.  [default: the file's name without suffix]")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def build(
    out: Path,
    folders: tuple[str, ...],
    datasets: tuple[str, ...],
    columns: tuple[str, ...],
    repositories: tuple[str, ...],
    dates: tuple[str, ...],
    name: str,
    quiet: bool,
) -> None:
    """Gather the grams of an organisation's own text into a set, OUT; a set that is there is replaced in one step.

    Name only what stood there before assistants did: no fragment of what the set holds is found again. Every gram of
    every text counts. Binary files (a NUL byte in the first 8 KB) and texts over 8 MB are skipped and counted; links
    are not followed.

    A git history counts by committer date, on every branch and tag: each file of each commit up to --until, once. A
    plain date means its end, UTC. Dates in a history are what committers' machines said. They can be forged, and a
    history that was imported later may carry the dates of its source: what must not count, leave out.

    \b
    Examples:
      provenance index commons build ours.grams --git product --until 2021-06-30
      provenance index commons build ours.grams --folder templates --dataset 'old/*.parquet' --column content
    """
    from provenance import background

    if not (folders or datasets or repositories):
        raise click.UsageError("nothing to gather from (name a --folder, a --dataset, or --git with --until)")
    if columns and not datasets:
        raise click.UsageError("--column chooses among the columns of a --dataset, and none is named")
    backgrounds: list[background.Folder | background.Dataset | background.History] = [
        *map(background.Folder, folders),
        *(background.Dataset(path, columns) for path in datasets),
        *(background.History(path, until) for path, until in _histories(repositories, dates)),
    ]
    with _progress(quiet) as tell:
        made = background.build(out, backgrounds, name, tell)
    _print(out, made)


@command.command()
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True)
def info(files: tuple[Path, ...]) -> None:
    """Say what each set holds and where it came from; every byte is compared with the digests.

    \b
    Example:
      provenance index commons info ours.grams
    """
    from provenance.index import commons

    for path in files:
        _print(path, commons.info(path))


def _histories(repositories: tuple[str, ...], dates: tuple[str, ...]) -> Iterator[tuple[str, datetime]]:
    from provenance.background import moment

    if len(dates) != len(repositories) and not (repositories and len(dates) == 1):
        raise click.UsageError(
            f"{len(repositories)} --git but {len(dates)} --until (give one --until for all, or one for each --git)"
        )
    try:
        moments = [moment(one) for one in dates]
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{error} (write it as 2021-06-30, or 2021-06-30T18:00:00+02:00)", param_hint="--until"
        ) from error
    yield from zip(repositories, moments * (len(repositories) if len(dates) == 1 else 1), strict=True)


@contextmanager
def _progress(quiet: bool) -> Iterator[Tell]:
    """A bar for each background on standard error while it is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda label, done, all_, grams: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[grams]:,} grams"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("listing", total=None, grams=0)

        def tell(label: str, done: int, all_: int, grams: int) -> None:
            bar.update(task, description=label, completed=done, total=all_ or None, grams=grams)

        yield tell


def _print(path: Path, made: Info) -> None:
    from provenance.report.text import plain

    head = f"{path}: {made.name}, {made.grams:,} grams, recipe {made.recipe}, digest {made.digest}"
    click.echo(plain(f"{head}, {made.size:,} bytes"))
    for source in made.sources:
        click.echo(f"  {plain(_described(source))}")
    if not made.sources:
        click.echo("  where it came from is not recorded")


def _described(source: Source) -> str:
    parts = [f"{source.kind} {source.name}"]
    if source.columns:
        parts.append(f"columns {', '.join(source.columns)}")
    if source.until:
        parts.append(f"{source.commits:,} commits up to {source.until}, the latest {source.head}")
    parts.append(f"{source.texts:,} texts, {source.size:,} bytes")
    if source.skipped:
        parts.append("skipped " + ", ".join(f"{n:,} {SKIPPED.get(why, why)}" for why, n in source.skipped.items()))
    return "; ".join(parts)
