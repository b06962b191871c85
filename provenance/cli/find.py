"""``provenance ingest --find``: what assistants left lying about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click


def find(trees: Sequence[Path], as_json: bool) -> int:
    """List what lies about in the trees: 0 nothing, 1 something, 2 nothing found but not everything could be read.

    As JSON: one object with ``files`` and ``repositories`` (looked at), ``found`` and ``unread``; same trees, same
    bytes. Nothing enters a store.
    """
    import msgspec

    from provenance import contamination
    from provenance.report.text import plain

    result = contamination.find(trees)
    if as_json:
        # Names may hold bytes that are no text; they are written as escapes.
        click.echo(msgspec.json.format(msgspec.json.encode(_printable(msgspec.to_builtins(result)))).decode())
    else:
        for one in result.found:
            click.echo(plain(line(one)))
        click.echo(
            f"looked at {result.files:,} {'file' if result.files == 1 else 'files'} and {result.repositories:,} "
            f"{'repository' if result.repositories == 1 else 'repositories'}: {len(result.found):,} found"
        )
    for trouble in result.unread:
        click.secho(f"warning: {plain(trouble)}", fg="yellow", err=True)
    if result.found:
        return 1
    return 2 if result.unread else 0


def line(one: object) -> str:
    """One thing found: where, what, whose, how it was told, how large."""
    from provenance.contamination import Lying
    from provenance.words import UNKNOWN

    assert isinstance(one, Lying)
    whose = [name for name in (one.assistant, one.provider) if name != UNKNOWN]
    size = f"{one.size:,} inside" if one.ref else f"{one.size:,} bytes"
    place = f"{one.path} {one.ref}" if one.ref else one.path
    return f"{place}: {', '.join([one.kind, *whose])} (by {' and '.join(one.told)}; {size})"


def _printable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_printable(one) for one in value]
    if isinstance(value, dict):
        return {key: _printable(one) for key, one in value.items()}
    return value
