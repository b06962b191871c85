"""``provenance check``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from provenance.cli import options, outputs
from provenance.cli.policy import weigh, weighing

if TYPE_CHECKING:
    from provenance.committing import Added
    from provenance.index import Index
    from provenance.model import Skipped
    from provenance.policy import Finding, Judging
    from provenance.report.checked import Looked

NAMED = 3
"""Ids that are named as what a waiver could set aside; the listing has those of all findings."""


@click.command(name="check")
@options.store
@options.index
@options.policy
@weighing
@click.option("--staged", is_flag=True, help="Check what is staged for the next commit: added lines alone.")
@click.option("--commits", "revisions", metavar="A..B", help="Check what each of these commits adds.")
@click.option("--worktree", is_flag=True, help="Check what the working tree adds to HEAD, untracked files included.")
@click.option("--no-similar", is_flag=True, help="Leave out whole-text similarity (MinHash).")
@click.option("--idioms", is_flag=True, help="List texts too that share idioms only.")
@outputs.option
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
    specs: tuple[str, ...],
    texts: tuple[Path, ...],
    **given: Any,
) -> None:
    """Check text files, or what a commit adds: exit code 0 lets them pass, 1 blocks them.

    Each file is one text, whatever it holds (- is standard input); folders are not descended. Of commits, the staging
    area and the working tree only added lines count, in their context: first what the store's own records say of
    them, however short they are, then what the index finds; without an index the records alone. Nothing to say,
    nothing printed. Datasets with rows are for 'provenance gate'.

    \b
    Examples:
      provenance check src/parser.py
      git show HEAD:src/parser.py | provenance check -
      provenance check --staged
      provenance check --commits origin/main..HEAD --output github
    """
    from provenance import index, policy
    from provenance.report import text

    if (len(texts) > 0) + staged + worktree + (revisions is not None) != 1:
        raise click.UsageError("name files, or one of --staged, --commits and --worktree")
    root = "" if texts else str(_root())
    store = store if texts else _store(store, Path(root))
    weighed = weigh(policy.load(policy_name), store, **given, root=root)
    folder = options.index_of(index_path, store)
    records = not texts and store.is_dir()
    opened = index.Index(folder) if index_path is not None or not records or folder.exists() else None
    seen = _Seen([], []) if specs else None
    if opened is not None and texts:
        from provenance.checking import check

        findings = check(_read(texts, seen), opened, weighed.judge, not no_similar)
    else:
        findings = _changes(staged, revisions, opened, weighed.judge, store if records else None, seen)
    aside = outputs.printed(specs)
    found = []
    for finding in findings:
        found.append(finding)
        if idioms or not text.is_idiom(finding):
            click.echo(options.styled(finding.verdict, list(text.finding_lines(finding))), err=aside)
    if seen is not None:
        from provenance.report import checked

        judged = weighed.judged(index.info(opened.path).digest if opened is not None else "")
        report = checked.report(found, seen.looked, seen.skipped, weighed.policy, opened, store, weighed.judge, judged)
        outputs.write(report, specs)
    failed = [one for one in found if policy.fails(one.verdict)]
    if failed and not texts:
        for line in _next(failed, store):
            click.echo(line, err=aside)
    raise click.exceptions.Exit(1 if failed else 0)


def _root() -> Path:
    from provenance import git

    return git.root(Path.cwd())


def _store(store: Path, root: Path) -> Path:
    """The store as named, else the repository's own, wherever in it the command runs."""
    return store if store.is_dir() or store.is_absolute() else root / store


def _next(failed: list[Finding], store: Path) -> Iterator[str]:
    """What the person at the commit can do now."""
    from provenance.policy import Level, fails
    from provenance.report.text import plain

    yield "What next: write these lines by hand or leave them out. Or ask who keeps the policy."
    stopped = [(finding.id, one) for finding in failed for one in finding.matches if fails(one.action)]
    waivable = [(name, one) for name, one in stopped if one.level is not Level.HARD]
    if len(waivable) < len(stopped):
        rules = dict.fromkeys(one.rule for _, one in stopped if one.level is Level.HARD)
        yield f"{plain(', '.join(rules))}: hard, which no waiver sets aside."
    if waivable:
        findings = list(dict.fromkeys(name for name, _ in waivable))
        outputs = list(dict.fromkeys(one.match.ingredient for _, one in waivable if one.match.ingredient))
        yield f"With a reason, an approver and a last day, {plain(str(store / 'waivers.yaml'))} can set aside"
        yield f"    finding: {_few(findings)}  (these added lines as they are)"
        if outputs:
            yield f"    ingredient: {_few(outputs)}  (the recorded output: in every command, whatever stands around it)"
        yield "What a waiver says: docs/policy.md#waivers"


def _few(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


class _Seen(NamedTuple):
    """What was looked at and what could not be, noted where an output asks for it."""

    looked: list[Looked]
    skipped: list[Skipped]


def _read(paths: tuple[Path, ...], seen: _Seen | None) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        name, data = ("standard input", sys.stdin.buffer.read()) if str(path) == "-" else (str(path), path.read_bytes())
        if seen is not None:
            from provenance.report import checked

            seen.looked.append(checked.whole(name, data))
        yield name, data


def _changes(
    staged: bool,
    revisions: str | None,
    index: Index | None,
    judge: Judging,
    store: Path | None,
    seen: _Seen | None,
) -> Iterator[Finding]:
    """The findings of what git says is added; what cannot be looked at is said on standard error."""
    from provenance import committing
    from provenance.model import Skipped
    from provenance.report.text import plain

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
            click.secho(f"note: {plain(one.where)}: not looked at: {plain(one.reason)}", fg="yellow", err=True)
            if seen is not None:
                seen.skipped.append(one)
        else:
            files.append(one)
    if seen is not None:
        from provenance.report import checked

        seen.looked.extend(map(checked.added, files))
    return committing.check(files, index, judge, store)
