"""``provenance index signatures``: export, import."""

from __future__ import annotations

from pathlib import Path

import click

from provenance.cli import options


@click.group(name="signatures")
def command() -> None:
    """Exchange ingredients and MinHash signatures with datasketch, as Parquet with serialized LeanMinHash."""


@command.command(name="export")
@options.store
@options.index
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
def export(store: Path, index_path: Path | None, out: Path) -> None:
    """Write what the index knows of every ingredient to OUT (Parquet), with its signature in the column minhash.

    Each is what datasketch's LeanMinHash.deserialize(value, "<") reads: MinHash(num_perm=128, seed=1,
    scheme="affine32") over literal 5-token shingles.

    \b
    Example:
      provenance index signatures export ingredients.parquet
    """
    from provenance import signatures
    from provenance.index import Index

    written = signatures.write(Index(options.index_of(index_path, store)), out)
    click.echo(f"{written:,} ingredients written to {out}")


@command.command(name="import")
@options.store
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_(store: Path, paths: tuple[Path, ...]) -> None:
    """Add the signatures of PATHS (Parquet with id, tokens, minhash) to the store; build or add to the index next.

    Texts can be found as similar to them, never as copies: a signature holds no gram. Columns named as 'export'
    writes them give the origin; without them it is unknown.

    \b
    Example:
      provenance index signatures import theirs.parquet && provenance index add
    """
    from provenance import signatures

    click.echo(f"added {signatures.ingest(list(paths), store):,} signatures to {store}")
