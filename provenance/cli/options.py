"""Options that several commands share, and how they speak on a terminal. It calls no other room."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

COLOURS = {"block": "red", "quarantine": "magenta", "warn": "yellow", "allow": "green"}

store = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="PROVENANCE_STORE",
    default=Path(".provenance"),
    show_default=True,
    help="The store's folder (or set PROVENANCE_STORE).",
)
index = click.option(
    "--index",
    "index_path",
    type=click.Path(path_type=Path),
    envvar="PROVENANCE_INDEX",
    help="The index's folder (or set PROVENANCE_INDEX).  [default: STORE/index]",
)
policy = click.option(
    "--policy",
    "policy_name",
    default="clean-room",
    show_default=True,
    help="A policy file, or the name of a shipped policy.",
)
out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("provenance-scan"),
    show_default=True,
    help="The folder for the scan: parts, report.json, findings.parquet.",
)


def scanning(command: F) -> F:
    """The options of every command that reads datasets."""
    for option in (
        click.option("--quiet", "-q", is_flag=True, help="No progress bar, no listing of findings."),
        click.option(
            "--jobs",
            type=click.IntRange(1, 1024),
            default=os.cpu_count() or 1,
            show_default="cores",
            help="Threads; each reads one work unit at a time.",
        ),
        click.option("--no-similar", is_flag=True, help="Leave out whole-text similarity (MinHash): faster."),
        click.option(
            "--column",
            "columns",
            multiple=True,
            help="Read this column only (repeatable); default: every text.",
        ),
        out,
        index,
        store,
        click.argument("datasets", nargs=-1, required=True),
    ):
        command = option(command)
    return command


def showing(command: F) -> F:
    """The options of every command that lists findings."""
    for option in (
        click.option("--idioms", is_flag=True, help="List texts too that share idioms only."),
        click.option("--show", type=click.IntRange(0), default=20, show_default=True, help="Findings to list here."),
    ):
        command = option(command)
    return command


def index_of(index_path: Path | None, store_path: Path) -> Path:
    """The index's folder: as named, else inside the store."""
    return index_path if index_path is not None else store_path / "index"


@contextmanager
def progress(label: str, quiet: bool) -> Iterator[Callable[[int, int, int], None]]:
    """A progress bar on standard error while it is a terminal; yields what takes (done, all, matched)."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, all_, matched: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[matched]:,} matched"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, matched=0)
        yield lambda done, all_, matched: bar.update(task, completed=done, total=all_, matched=matched)


@contextmanager
def counted() -> Iterator[Callable[[str, int, int], None] | None]:
    """A line of progress on standard error while it is a terminal; yields what takes (what, done, all or 0)."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, all_: bar.update(task, description=what, completed=done, total=all_ or None)


def styled(verdict: str, lines: list[str]) -> str:
    """A finding's lines, its first word in the colour of its verdict; click drops colours where none belong."""
    first, _, rest = lines[0].partition(" ")
    colour = COLOURS.get(verdict)
    head = f"{click.style(first, fg=colour, bold=True)} {rest}" if colour else lines[0]
    return "\n".join([head, *lines[1:]])
