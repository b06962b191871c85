"""``provenance index``: build, add, compact, info, verify; commons and signatures have files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli import commons as commons_command
from provenance.cli import options, signatures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.index import Info

commons_option = click.option(
    "--commons",
    "commons_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A set of grams to suppress besides the base set ('provenance index commons build'); repeatable.",
)
base_option = click.option("--no-base", is_flag=True, help="Leave out the base set (licence texts and preambles).")


@click.group(name="index")
def command() -> None:
    """Build, extend, describe and verify the index of the store's ingredients."""


command.add_command(commons_command.command)
command.add_command(signatures.command)


@command.command()
@options.store
@options.index
@commons_option
@base_option
def build(store: Path, index_path: Path | None, commons_files: tuple[Path, ...], no_base: bool) -> None:
    """Build the index of everything in the store; an older index is replaced in one step.

    Memory stays bounded however large the store is; what does not fit is spilled beside the index. A run that is cut
    off leaves the older index as it was.

    \b
    Examples:
      provenance index build --store /srv/provenance
      provenance index build --commons ours-2021.grams
    """
    from provenance import files, index
    from provenance import store as stores

    path = options.index_of(index_path, store)
    _settle(store)
    next(stores.read(store, ()), None)
    sets = _sets(commons_files, no_base)
    # Not beside an 'add': it would add again what is built here.
    with files.locked(path / "adding"):
        shards = stores.shards(store)
        with options.counted() as progress:
            info = index.build(path, stores.read(store, shards), sets, map(_source, shards), progress)
    _record(store, info)
    _print(info)


@command.command()
@options.store
@options.index
@commons_option
@base_option
def add(store: Path, index_path: Path | None, commons_files: tuple[Path, ...], no_base: bool) -> None:
    """Add what the store has gained since the index was built, as a segment of its own: a day costs a day.

    \b
    Example:
      provenance ingest ~/.claude/projects && provenance index add
    """
    from provenance import files, index
    from provenance import store as stores

    _settle(store)
    path = options.index_of(index_path, store)
    index.info(path)
    # Two runs that add from one store at a time would both see the same shards as new.
    with files.locked(path / "adding"):
        known = index.sources(path)
        shards = [shard for shard in stores.shards(store) if _source(shard) not in known]
        if not shards:
            click.echo("nothing to add: the index holds everything in the store")
            return
        with options.counted() as progress:
            info = index.add(
                path, stores.read(store, shards), _sets(commons_files, no_base), map(_source, shards), progress
            )
    _record(store, info)
    _print(info)


@command.command()
@options.store
@options.index
def compact(store: Path, index_path: Path | None) -> None:
    """Merge the segments of the index into one: scans look every gram up in each segment.

    \b
    Example:
      provenance index compact --store /srv/provenance
    """
    from provenance import index

    with options.counted() as progress:
        info = index.compact(options.index_of(index_path, store), progress)
    _record(store, info)
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
    click.echo(f"verified: {found.segments} segments, {found.size:,} bytes, index {found.digest}")


def _sets(paths: tuple[Path, ...], no_base: bool) -> dict[str, NDArray[np.uint64]]:
    """The sets to suppress, by name."""
    from provenance.errors import StoreError
    from provenance.index import commons

    sets = {} if no_base else {commons.BASE: commons.base()}
    for path in paths:
        described, keys = commons.load(path)
        if described.name in sets:
            raise StoreError(f"{path}: a second set named {described.name!r} (build it again with another --name)")
        sets[described.name] = keys
    return sets


def _source(shard: Path) -> str:
    """What names a shard: its name, its size, and the digest of its beginning and end, which hold ids and checksums."""
    import xxhash

    with shard.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(1 << 16)
        file.seek(max(0, size - (1 << 16)))
        return f"{shard.name}:{size}:{xxhash.xxh3_64_hexdigest(head + file.read())}"


def _settle(store: Path) -> None:
    """What hooks captured since the last time comes into the store first."""
    from provenance import ingest

    report = ingest.settle(store)
    if report.captured:
        click.echo(f"settled {report.captured:,} captured outputs")
    for trouble in [*report.damaged, *report.unreadable]:
        click.secho(f"warning: {trouble}", fg="yellow", err=True)


def _record(store: Path, info: Info) -> None:
    from provenance import ledger

    ledger.append(store, "index", {"index": info.digest, "recipe": info.recipe, "ingredients": info.counts.ingredients})


def _print(info: Info) -> None:
    from provenance.report.collect import promise

    counts = info.counts
    click.echo(
        f"index {info.digest}, recipe {info.recipe}, {info.size:,} bytes ({info.signatures:,} of them for whole texts "
        f"that are similar), {info.segments} segment{'s' * (info.segments != 1)}"
    )
    click.echo(
        f"{counts.ingredients:,} ingredients, {counts.all_tokens:,} tokens; "
        f"{counts.grams:,} grams, {counts.postings:,} postings"
    )
    click.echo(promise(info))
