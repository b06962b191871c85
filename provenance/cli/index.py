"""``provenance index``: build, info, verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli import options

if TYPE_CHECKING:
    from provenance.index import Info


@click.group(name="index")
def command() -> None:
    """Build, describe and verify the index of the store's ingredients."""


@command.command()
@options.store
@options.index
def build(store: Path, index_path: Path | None) -> None:
    """Build the index of everything in the store; an older index is replaced in one step.

    \b
    Example:
      provenance index build --store /srv/provenance
    """
    from provenance import index, ledger
    from provenance import store as stores

    info = index.build(options.index_of(index_path, store), list(stores.read(store)))
    ledger.append(
        store, "index", {"index": info.digest, "recipe": info.recipe, "ingredients": info.segment.ingredients}
    )
    _print(info)


@command.command()
@options.store
@options.index
def info(store: Path, index_path: Path | None) -> None:
    """Say what the index holds, and what its promise covers."""
    from provenance import index

    _print(index.info(options.index_of(index_path, store)))


@command.command()
@options.store
@options.index
def verify(store: Path, index_path: Path | None) -> None:
    """Read every byte of the index and compare it with the manifests' SHA-256."""
    from provenance import index

    found = index.verify(options.index_of(index_path, store))
    click.echo(f"verified: {len(found.segment.files)} files, {found.size:,} bytes, index {found.digest}")


def _print(info: Info) -> None:
    from provenance.report.collect import promise

    part = info.segment
    click.echo(f"index {info.digest}, recipe {info.recipe}, {info.size:,} bytes")
    click.echo(
        f"{part.ingredients:,} ingredients, {part.all_tokens:,} tokens; "
        f"{part.grams:,} grams, {part.postings:,} postings"
    )
    click.echo(promise(part))
