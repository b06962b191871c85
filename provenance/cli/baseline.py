"""``provenance baseline``: write, lint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from provenance.cli import options, policy


@click.group(name="baseline")
def command() -> None:
    """Adopt the tool on old data: what is found today does not fail a run, and waits for a decision."""


@command.command()
@click.argument("folder", metavar="SCAN", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The baseline file.")
@click.option("--prune", is_flag=True, help="Take out entries that match nothing in SCAN any more.")
@options.policy
@options.store
@policy.situation
def write(
    folder: Path,
    out: Path,
    prune: bool,
    policy_name: str,
    store: Path,
    **given: Any,
) -> None:
    """Write every finding of the finished scan in folder SCAN that fails a run into a baseline, as 'todo'.

    One line a finding, sorted, without times or rows. A baseline that is there already keeps what was decided in it:
    new findings are added. What a hard rule stops is left out, for nothing sets a hard rule aside.

    Then decide: put accepted, remove, false-positive or waived in the place of todo.

    \b
    Example:
      provenance baseline write provenance-scan --out .provenance/baseline.jsonl
    """
    from provenance.policy import baseline, fails, load

    judge = policy.weigh(load(policy_name), store, **given).judge
    judge.baseline = {}
    before = baseline.load(out) if out.exists() else baseline.Baseline()
    new: dict[str, baseline.Entry] = {}
    hard: set[str] = set()
    for facts in policy.texts(folder):
        finding = judge(*facts)
        if baseline.stops(finding):
            new.setdefault(finding.id, baseline.entry(finding))
        elif fails(finding.verdict):
            hard.add(finding.id)
    merged = baseline.merge(before.entries, new, prune)
    baseline.write(out, merged.entries)
    away = "taken out" if prune else "kept: --prune takes them out"
    click.echo(
        f"{out}: {len(merged.entries):,} entries; {merged.added:,} added as todo, {merged.kept:,} still match, "
        f"{merged.gone:,} match nothing here ({away})"
    )
    if hard:
        click.echo(f"left out: {len(hard):,} findings that a hard rule stops, which nothing sets aside")


@command.command()
@click.argument("path", metavar="BASELINE", type=click.Path(path_type=Path))
@click.option(
    "--on", "folder", metavar="SCAN", type=click.Path(path_type=Path), help="Also: what matches nothing here."
)
@options.policy
@options.store
@policy.situation
def lint(
    path: Path,
    folder: Path | None,
    policy_name: str,
    store: Path,
    **given: Any,
) -> None:
    """Name the entries of BASELINE that nobody has decided on, and (with --on) those that no longer match.

    Exit code 1: something was named.

    \b
    Example:
      provenance baseline lint .provenance/baseline.jsonl --on provenance-scan
    """
    from provenance.policy import baseline, linting, load
    from provenance.report.text import plain

    weighed = policy.weigh(load(policy_name), store, baseline_path=path, **given)
    read = weighed.baseline
    seen = policy.seen_in(folder, weighed) if folder is not None else None
    named = list(linting.baseline_lines(read, seen))
    for line in named:
        click.echo(plain(line))
    words = ", ".join(f"{one} {count:,}" for one in baseline.Disposition if (count := len(read.having(one))))
    click.echo(f"{len(read.entries):,} entries" + (f": {words}" if words else ""))
    raise click.exceptions.Exit(1 if named else 0)
