"""``provenance ingest``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from provenance.cli import options


@click.command(name="ingest")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--git",
    "repositories",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Read what other tools recorded in this git repository (repeatable).",
)
@click.option("--find", "only_find", is_flag=True, help="Only list what lies about in the trees PATHS; read nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --find: print one JSON object.")
@options.store
@click.option("--quiet", "-q", is_flag=True, help="No progress on standard error.")
def command(
    paths: tuple[Path, ...], repositories: tuple[Path, ...], only_find: bool, as_json: bool, store: Path, quiet: bool
) -> None:
    """Read transcripts, chat exports, gateway logs and other tools' records into the store, recognised by content.

    PATHS are files or folders (walked whole). Only what the model added is kept, as fingerprints; no text enters
    the store. What the store holds already is not added twice, so the same command can be run every day. --git reads
    git-ai's notes, Agent Trace records, AIIR receipts, Entire's checkpoints and commit trailers, each on its own
    evidence: a note by another tool is never "captured", a trailer is a declaration.

    --find lists transcripts, chat histories, exports and other records among the files of trees, and checkpoints and
    notes among the refs of their repositories: exit code 0 if there is none, 1 if there is any, 2 if there is none but
    not everything could be read.

    \b
    Examples:
      provenance ingest ~/.claude/projects ~/.codex/sessions
      provenance ingest session.jsonl rollout.jsonl.zst --store /srv/provenance
      provenance ingest --git . conversations.json .aider.chat.history.md
      provenance ingest --find . --json
    """
    if only_find:
        from provenance.cli.find import find

        if repositories or not paths:
            raise click.UsageError("--find takes trees and nothing else (their repositories are looked at, too)")
        raise click.exceptions.Exit(find(paths, as_json))
    if as_json:
        raise click.UsageError("--json goes with --find")
    from provenance import ingest

    if not paths and not repositories:
        raise click.UsageError("name files or folders, or a repository with --git")

    def tell(name: str) -> None:
        if not quiet and sys.stderr.isatty():
            click.echo(f"\r\x1b[K{name[-70:]}", nl=False, err=True)

    try:
        report = ingest.run(paths, store, tell, repositories)
    finally:
        if not quiet and sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)
    for line in lines(report, store):
        click.echo(line)
    for path in report.silent:
        click.secho(
            f"warning: {path}: shows changes of which no edit was read: please report its format",
            fg="yellow",
            err=True,
        )
    for trouble in [*report.damaged, *report.unreadable]:
        click.secho(f"warning: {trouble}", fg="yellow", err=True)
    if report.unreadable:
        raise click.exceptions.Exit(2)


def lines(report: object, store: Path) -> list[str]:
    """The tally of a run, every file and record accounted for."""
    from provenance.ingest import Report

    assert isinstance(report, Report)
    said = [
        f"read {sum(report.files.values()):,} sources "
        f"({', '.join(f'{name} {count:,}' for name, count in sorted(report.files.items())) or 'none'}): "
        f"{report.records:,} records, {report.edit_calls:,} editing calls, {report.edits:,} edits, "
        f"{sum(report.outputs.values()):,} outputs",
        "outputs by kind: "
        + (", ".join(f"{kind} {count:,}" for kind, count in sorted(report.outputs.items())) or "none"),
        f"added {sum(report.added.values()):,} ingredients "
        f"({', '.join(f'{name} {count:,}' for name, count in sorted(report.added.items())) or 'none'}; "
        f"{report.tokens:,} tokens; {report.short:,} too short for a gram) to {store}; "
        f"{report.known:,} known already; {report.nothing_added:,} outputs added nothing new",
    ]
    if report.captured:
        said.append(f"of these, captured by hooks before: {report.captured:,}")
    if report.broken:
        said.append(f"lines that are no record: {report.broken:,}")
    if report.unknown:
        said.append(
            "unknown records: " + ", ".join(f"{kind} {count:,}" for kind, count in sorted(report.unknown.items()))
        )
    if report.strangers:
        said.append(f"files that are no transcript of a known assistant: {len(report.strangers):,}")
    if not report.files:
        said.append("nothing to ingest: no transcript found (name the folder of one, e.g. ~/.claude/projects)")
    return said
