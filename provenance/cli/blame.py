"""``provenance blame``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from provenance.tagging.blame import Row


@click.command(name="blame")
@click.option("--rev", default="", help="A commit, branch or tag.  [default: the file as it stands]")
@click.option(
    "--repo",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("."),
    help="FILE is named from here.  [default: .]",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="The store's folder.  [default: where a hook that runs there captures to]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--summary", is_flag=True, help="Count the lines by origin instead.")
@click.argument("file", type=click.Path(path_type=Path))
def command(rev: str, repo: Path, store: Path | None, as_json: bool, summary: bool, file: Path) -> None:
    """Say of each line of a file which assistant it is recorded from, or that it is unknown.

    The store tells, by content; where it does not, the notes of the commits that the lines are from (see 'provenance
    tag'), so that someone without the store sees the tags that travelled. Unknown is not human: nobody recorded it.

    \b
    Examples:
      provenance blame src/parser.py
      provenance blame src/parser.py --rev v1.2 --summary
    """
    from provenance import hook
    from provenance.errors import StoreError
    from provenance.tagging import blame

    root, path = blame.place_of(file, repo)
    place = store or Path(hook.store_of(str(root)))
    if store and not store.is_dir():
        raise StoreError(f"{store}: no store here (run 'provenance init', or leave --store out)")
    found = blame.blame(root, path, rev, place if place.is_dir() else None)
    if as_json:
        rows = _counted(found.rows) if summary else [_facts(row) for row in found.rows]
        click.echo(json.dumps({"path": path, "rev": rev, "summary" if summary else "lines": rows}, indent=1))
    elif summary:
        for one in _counted(found.rows):
            click.echo(f"{one['lines']:>7,}  {_visible(one['what'])}")
    else:
        _show(found.rows)
    for why in found.unread:
        click.secho(f"warning: {_visible(why)}", fg="yellow", err=True)


def _show(rows: list[Row]) -> None:
    said = [_said(row) for row in rows]
    width = min(100, max((len(one) for one in said), default=0))
    digits = len(str(len(rows)))
    for row, one in zip(rows, said, strict=True):
        colour = {"store": "cyan", "note": "blue"}.get(row.via)
        head = click.style(f"{one:<{width}}", fg=colour, dim=not row.via)
        click.echo(f"{head}  {row.number:>{digits}}) {_visible(row.text.decode('utf-8', 'replace'))}")


def _said(row: Row) -> str:
    """Assistant, model, session, date, similarity, origin evidence."""
    if row.known is None:
        return "" if row.is_blank else "unknown"
    origin = row.known.origin
    words = [origin.get(name, "unknown") for name in ("tool", "model")]
    words += [origin.get("session", "")[:8], origin.get("time", "")[:10], str(row.similarity), str(row.known.evidence)]
    return _visible(" ".join(word for word in words if word)) + (" (note)" if row.via == "note" else "")


def _counted(rows: list[Row]) -> list[dict[str, Any]]:
    """Lines with a token by tool, model, similarity and origin evidence, the most first."""
    counts = Counter(_what(row) for row in rows if not row.is_blank)
    return [{"what": what, "lines": count} for what, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


def _what(row: Row) -> str:
    if row.known is None:
        return "unknown"
    origin = row.known.origin
    names = " ".join(origin.get(name, "unknown") for name in ("tool", "model"))
    return f"{names}: {row.similarity}, {row.known.evidence}"


def _facts(row: Row) -> dict[str, Any]:
    if row.known is None:
        return {"line": row.number, "commit": row.commit, "origin": None if row.is_blank else "unknown"}
    return {
        "line": row.number,
        "commit": row.commit,
        "origin": row.known.origin,
        "evidence": str(row.known.evidence),
        "ingredient": row.ingredient,
        "similarity": str(row.similarity),
        "via": row.via,
    }


def _visible(text: str) -> str:
    """The text with what a terminal would obey or hide shown as its escape; tabs stay."""
    text = text.removesuffix("\r")
    return "".join(char if char.isprintable() or char == "\t" else ascii(char)[1:-1] for char in text)
