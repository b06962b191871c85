"""``provenance tag``."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from provenance.tagging import Share, Tagged


@click.command(name="tag")
@click.option(
    "--repo",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("."),
    help="A folder of the repository.  [default: .]",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="The store's folder.  [default: where a hook that runs there captures to]",
)
@click.option("--range", "ranges", multiple=True, metavar="A..B", help="The same as A..B among COMMITS.")
@click.option("--check", is_flag=True, help="Write nothing: say what share of the added lines the notes name.")
@click.option("--trailer", is_flag=True, help="Write no note: print Assisted-by trailers for the commits.")
@click.option(
    "--message",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="With --trailer: add them to this message, for what is staged (prepare-commit-msg, commit-msg).",
)
@click.option(
    "--export",
    type=click.Choice(["git-ai", "agent-trace"]),
    help="Write no note of ours: write refs/notes/ai, or print Agent Trace records.",
)
@click.option("--force", is_flag=True, help="Replace notes that this version cannot read, or git-ai's own.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing of single commits.")
@click.argument("commits", nargs=-1)
def command(
    repo: Path,
    store: Path | None,
    ranges: tuple[str, ...],
    check: bool,
    trailer: bool,
    message: Path | None,
    export: str | None,
    force: bool,
    quiet: bool,
    commits: tuple[str, ...],
) -> None:
    """Write down with each commit which of its lines are recorded as whose, as a note (refs/notes/provenance).

    COMMITS are branches, tags, ids or ranges A..B; HEAD if none is named. Lines are found by content, so a commit that
    was rebased, squashed, picked or formatted is tagged like the one it comes from. A line that nobody recorded is
    unknown, and a commit without a recorded line gets no note. Notes travel when they are pushed and fetched.

    \b
    Examples:
      provenance tag
      provenance tag main..HEAD
      provenance tag --range main..HEAD --check
      provenance tag --trailer --message "$1"      in prepare-commit-msg
      git push origin refs/notes/provenance
    """
    from provenance import git, hook, tagging
    from provenance.errors import StoreError

    if sum((check, trailer, export is not None)) > 1:
        raise click.UsageError("--check, --trailer and --export exclude one another")
    if message is not None and (not trailer or commits or ranges):
        raise click.UsageError("--message goes with --trailer and without commits: it is for what is staged")
    if force and (check or trailer or export == "agent-trace"):
        raise click.UsageError("--force goes with writing notes")
    root = git.root(repo)
    named = tagging.commits_of(root, [*commits, *ranges] or ["HEAD"]) if message is None else []
    if check:
        for line in _share(tagging.check(root, named)):
            click.echo(line)
        return
    place = store or Path(hook.store_of(str(repo.absolute())))
    if not place.is_dir():
        raise StoreError(f"{place}: no store here (run 'provenance init', or name one with --store)")
    if message is not None:
        _add_trailers(root, place, message)
        return
    known = {}
    for one in tagging.tag(root, place, named):
        if trailer and one.note:
            known.update(one.note.ingredients)
        elif export == "agent-trace" and one.note:
            for record in tagging.notes.to_agent_trace(one.note, one.commit.committer.time, one.texts):
                sys.stdout.buffer.write(record)
        elif export == "git-ai":
            tagging.write_git_ai(root, one, force)
        elif not trailer and export is None:
            tagging.write(root, place, one, force)
        if not (quiet or trailer or export == "agent-trace"):
            click.echo(_said(one))
        for why in one.unread:
            click.secho(f"warning: {one.commit.sha[:12]}: {_plain(why)}", fg="yellow", err=True)
    for line in tagging.notes.trailers(known.values()):
        click.echo(line)
    sys.stdout.flush()


def _add_trailers(root: Path, place: Path, message: Path) -> None:
    from provenance import files, git, tagging

    known = tagging.tag_staged(root, place, os.environ.get("GIT_INDEX_FILE", ""))
    comment = (git.config_get(root, "core.commentChar") or "#")[:1]
    old = message.read_bytes().decode("utf-8", "surrogateescape")
    new = tagging.notes.with_trailers(old, tagging.notes.trailers(known), comment)
    if new != old:
        with files.replacing(message) as file:
            file.write(new.encode("utf-8", "surrogateescape"))


def _said(one: Tagged) -> str:
    """A commit in a line."""
    head = one.commit.sha[:12]
    count = one.recorded.total()
    more = f"; {one.later:,} match only what was recorded later" if one.later else ""
    if not count:
        return f"{head}  nothing recorded: {one.added:,} added lines unknown{more}"
    return f"{head}  {count:,} of {one.added:,} added lines recorded: {_names(one.recorded)}{more}"


def _names(counts: Counter[tuple[str, str]]) -> str:
    several = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{_plain(tool)} {_plain(model)} {count:,}" for (tool, model), count in several)


def _share(share: Share) -> list[str]:
    """What ``check`` says."""
    recorded = share.recorded.total()
    percent = f"{100 * recorded / share.added:.1f} %" if share.added else "none"
    said = [
        f"{share.commits:,} commits, {share.tagged:,} with tags: {recorded:,} of {share.added:,} added lines recorded "
        f"({percent}), {share.added - recorded:,} unknown"
    ]
    said += [f"  {_names(Counter({who: count}))}" for who, count in sorted(share.recorded.items())]
    if share.unfit:
        said.append(f"  {share.unfit:,} ranges do not fit their commits and do not count ('provenance tag' mends them)")
    said += [f"  not looked at: {_plain(why)}" for why in share.unread]
    return said


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
