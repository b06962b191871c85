"""``provenance check``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli import options

if TYPE_CHECKING:
    from provenance.committing import Added
    from provenance.index import Index
    from provenance.policy import Finding, Policy


@click.command(name="check")
@options.store
@options.index
@options.policy
@click.option("--staged", is_flag=True, help="Check what is staged for the next commit: added lines alone.")
@click.option("--commits", "revisions", metavar="A..B", help="Check what each of these commits adds.")
@click.option("--worktree", is_flag=True, help="Check what the working tree adds to HEAD, untracked files included.")
@click.option("--no-similar", is_flag=True, help="Leave out whole-text similarity (MinHash).")
@click.option("--idioms", is_flag=True, help="List texts too that share idioms only.")
@click.argument("texts", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
def command(
    store: Path,
    index_path: Path | None,
    policy_name: str,
    staged: bool,
    revisions: str | None,
    worktree: bool,
    no_similar: bool,
    idioms: bool,
    texts: tuple[Path, ...],
) -> None:
    """Check text files, or what a commit adds: exit code 0 lets them pass, 1 blocks them.

    Each file is one text, whatever it holds (- is standard input); folders are not descended. Of commits, the staging
    area and the working tree only added lines count, in their context. Nothing to say, nothing printed. Datasets with
    rows are for 'provenance gate'.

    \b
    Examples:
      provenance check src/parser.py
      git show HEAD:src/parser.py | provenance check -
      provenance check --staged
      provenance check --commits origin/main..HEAD
    """
    from provenance import index, policy
    from provenance.report import text

    if (len(texts) > 0) + staged + worktree + (revisions is not None) != 1:
        raise click.UsageError("name files, or one of --staged, --commits and --worktree")
    rules = policy.load(policy_name).policy
    opened = index.Index(options.index_of(index_path, store))
    blocked = False
    if texts:
        from provenance.checking import check

        findings = check(_read(texts), opened, rules, not no_similar)
    else:
        findings = _changes(staged, revisions, opened, rules)
    for finding in findings:
        blocked |= policy.fails(finding.verdict)
        if idioms or not text.is_idiom(finding):
            click.echo(options.styled(finding.verdict, list(text.finding_lines(finding))))
    raise click.exceptions.Exit(1 if blocked else 0)


def _read(paths: tuple[Path, ...]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if str(path) == "-":
            yield "standard input", sys.stdin.buffer.read()
        else:
            yield str(path), path.read_bytes()


def _changes(staged: bool, revisions: str | None, index: Index, rules: Policy) -> Iterator[Finding]:
    """The findings of what git says is added; what cannot be looked at is said on standard error."""
    from provenance import committing
    from provenance.model import Skipped

    here = Path.cwd()
    if staged:
        added = committing.staged(here, os.environ.get("GIT_INDEX_FILE", ""))
    elif revisions is not None:
        added = committing.commits(here, [revisions])
    else:
        added = committing.worktree(here)
    files: list[Added] = []
    for one in added:
        if isinstance(one, Skipped):
            click.secho(f"note: {_plain(one.where)}: not looked at: {one.reason}", fg="yellow", err=True)
        else:
            files.append(one)
    return committing.check(files, index, rules)


def _plain(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name)
