"""Proofs that stand by themselves: that an entry is in the ledger, and that the ledger only grew since a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from provenance import ledger
from provenance.errors import StoreError
from provenance.ledger import merkle
from provenance.ledger.checkpoint import Checkpoint, Hash, Head, Name, Size, decoded, recording

FORMAT = 1
Hashes: TypeAlias = Annotated[tuple[Hash, ...], msgspec.Meta(max_length=65)]
"""A tree of 2**64 leaves has no longer proof."""


class Inclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="inclusion"):
    """One entry, and what shows that it stands at ``index`` in the tree of this size and root."""

    proof: int
    shard: Name
    index: Size
    size: Size
    root: Hash
    path: Hashes
    entry: str


class Growth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One shard at two times, and what shows that it was only added to."""

    shard: Name
    first: Size
    first_root: Hash
    second: Size
    second_root: Hash
    path: Hashes


class Consistency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="consistency"):
    """The growth of every shard that the earlier checkpoint records."""

    proof: int
    shards: Annotated[tuple[Growth, ...], msgspec.Meta(min_length=1)]


Proof: TypeAlias = Inclusion | Consistency


def of_entry(store: Path, address: str, checkpoint: Checkpoint | None) -> Inclusion:
    """The proof of one entry, in the tree that the checkpoint records, or in the shard as it is now.

    ``address`` is SHARD:NUMBER, or the id of an ingredient that exactly one entry names. Raises StoreError where
    there is no such entry, or the store does not have what the checkpoint records.
    """
    shard, index = _find(store, address)
    size, root = _tree(store, shard, checkpoint)
    if index >= size:
        whose = "the shard" if checkpoint is None else f"the checkpoint of {checkpoint.time}"
        raise StoreError(f"{shard}:{index}: no such entry; {whose} has {size:,} (numbers begin at 0)")
    path = tuple(one.hex() for one in merkle.inclusion(map(merkle.leaf, ledger.lines(store, shard)), index, size))
    line = next(line for at, line in enumerate(ledger.lines(store, shard)) if at == index)
    try:
        return Inclusion(FORMAT, shard, index, size, root, path, line.decode())
    except UnicodeDecodeError as error:
        raise StoreError(f"{shard}:{index}: damaged, so it cannot be shown (run 'provenance ledger verify')") from error


def of_growth(store: Path, since: Checkpoint, checkpoint: Checkpoint | None) -> Consistency:
    """The proof that every shard of ``since`` was only added to, up to the other checkpoint or to now.

    Raises StoreError where that is not so.
    """
    grown = []
    for shard, old in since.heads.items():
        size, root = _tree(store, shard, checkpoint)
        if size < old.size or _tree(store, shard, since) != (old.size, old.root):
            raise StoreError(
                f"{shard}: not what the checkpoint of {since.time} records (run 'provenance ledger verify')"
            )
        leaves = map(merkle.leaf, ledger.lines(store, shard))
        path = tuple(one.hex() for one in merkle.consistency(leaves, old.size, size))
        grown.append(Growth(shard, old.size, old.root, size, root, path))
    return Consistency(FORMAT, tuple(grown))


def _tree(store: Path, shard: str, checkpoint: Checkpoint | None) -> tuple[int, str]:
    """The size and root of a shard now, or as a checkpoint records it; StoreError where the store has not that."""
    if shard not in ledger.shards(store):
        raise StoreError(f"{shard}: no such shard in {store} (name another store with --store)")
    leaves = map(merkle.leaf, ledger.lines(store, shard))
    if checkpoint is None:
        size, root, _ = merkle.roots(leaves, ())
        return size, root.hex()
    head = checkpoint.heads.get(shard)
    if head is None:
        raise StoreError(f"{shard}: the checkpoint of {checkpoint.time} does not record this shard (use a later one)")
    _, _, roots = merkle.roots(leaves, {head.size})
    if roots.get(head.size, b"").hex() != head.root:
        at = f"the checkpoint of {checkpoint.time}"
        raise StoreError(f"{shard}: not what {at} records (run 'provenance ledger verify')")
    return head.size, head.root


def _find(store: Path, address: str) -> tuple[str, int]:
    """The shard and number of an entry."""
    if named := re.fullmatch(r"([0-9a-f]{16}|ledger-1):([0-9]{1,16})", address):
        return named[1], int(named[2])
    found = []
    sought = address.encode("utf-8", "surrogatepass")
    for shard in ledger.shards(store):
        for number, line in enumerate(ledger.lines(store, shard)):
            one = ledger.parse(line, shard, number) if sought in line else None
            if isinstance(one, ledger.Entry) and one.facts.get("id") == address:
                found.append((shard, number))
    if not found:
        raise StoreError(f"{address!r}: no entry has this id (or name one as SHARD:NUMBER)")
    if len(found) > 1:
        several = ", ".join(f"{shard}:{number}" for shard, number in found)
        raise StoreError(f"{address}: several entries have this id (name one of {several})")
    return found[0]


def load(path: Path) -> Proof:
    """A proof from its file; StoreError where it is none of format 1."""
    found = decoded(path, Inclusion | Consistency, "a proof")  # type: ignore[arg-type]  # a union is a type to msgspec
    assert isinstance(found, Inclusion | Consistency)
    if found.proof != FORMAT:
        raise StoreError(f"{path}: a proof of format {found.proof} (use the version that wrote it)")
    return found


def faults(proof: Proof, checkpoints: Sequence[Checkpoint] = ()) -> list[str]:
    """Why the proof does not hold; empty where it does.

    With checkpoints, every root that it speaks of must be in one of them: without, it only agrees with itself.
    """
    wrong = []
    if isinstance(proof, Inclusion):
        heads = [Head(proof.shard, proof.size, proof.root)]
        try:
            leaf = merkle.leaf(proof.entry.encode())
        except UnicodeEncodeError:
            return ["the entry is no text"]
        if not merkle.is_included(leaf, proof.index, proof.size, _hashes(proof.path), bytes.fromhex(proof.root)):
            wrong.append(f"the entry is not {proof.shard}:{proof.index} of the tree with this root")
        if isinstance(entry(proof), ledger.Torn):
            wrong.append("the entry is no entry of the ledger")
    else:
        heads = []
        for one in proof.shards:
            olds, news = bytes.fromhex(one.first_root), bytes.fromhex(one.second_root)
            heads += [Head(one.shard, one.first, one.first_root), Head(one.shard, one.second, one.second_root)]
            if not merkle.is_consistent(one.first, one.second, olds, news, _hashes(one.path)):
                wrong.append(
                    f"{one.shard}: the tree of {one.second:,} entries does not begin with that of {one.first:,}"
                )
        shown = {one.shard for one in proof.shards}
        earliest = min(checkpoints, key=lambda one: one.time, default=None)
        if earliest is not None:
            wrong += [f"{shard}: the proof leaves it out" for shard in earliest.heads if shard not in shown]
    if checkpoints:
        wrong += [
            f"{head.shard}: no checkpoint named here records {head.size:,} entries with root {head.root}"
            for head in heads
            if not recording(checkpoints, head)
        ]
    return wrong


def entry(proof: Inclusion) -> ledger.Entry | ledger.Torn:
    """The entry that a proof shows."""
    return ledger.parse(proof.entry.encode("utf-8", "surrogatepass"), proof.shard, proof.index)


def _hashes(path: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in path]
