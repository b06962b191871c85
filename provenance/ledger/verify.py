"""The ledger against itself and against checkpoints: every line is read, every root computed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from provenance import ledger
from provenance.errors import StoreError
from provenance.ledger import merkle
from provenance.ledger.checkpoint import Checkpoint, Head

SHOWN = 10
"""Damaged lines of one shard that are described; the rest are counted."""


class Shard(NamedTuple):
    """What one shard is found to be."""

    head: Head
    faults: tuple[str, ...]
    """What is not as it was written, each with its place. Empty: the shard agrees."""
    notes: tuple[str, ...]
    """What a writer that was cut off left behind: no entry that was written is lost by it."""
    agreeing: int
    """Checkpoints that record what stands here."""


def verify(store: Path, checkpoints: Sequence[Checkpoint] = ()) -> list[Shard]:
    """Every shard of the store, or of a checkpoint, by name; StoreError where there is no ledger at all.

    A line of format 1 that is no entry is a note, since its writers left torn lines in place.
    """
    here = ledger.shards(store)
    recorded = {shard for one in checkpoints for shard in one.heads}
    if not here and not recorded:
        raise StoreError(f"{store}: no ledger here (run 'provenance ingest PATH...' first, or name one with --store)")
    return [
        _verify(store, shard, shard in here, [one for one in checkpoints if shard in one.heads])
        for shard in sorted({*here, *recorded})
    ]


def _verify(store: Path, shard: str, is_here: bool, checkpoints: Sequence[Checkpoint]) -> Shard:
    wanted = {one.heads[shard].size for one in checkpoints}
    damaged: list[str] = []
    seen: Counter[str] = Counter()
    leaves = _leaves(store, shard, damaged, seen) if is_here else iter(())
    size, root, roots = merkle.roots(leaves, wanted)
    right: list[Checkpoint] = []
    wrong: list[Checkpoint] = []
    for one in checkpoints:
        recorded = one.heads[shard]
        (right if roots.get(recorded.size, b"").hex() == recorded.root else wrong).append(one)
    if seen["damaged"] > SHOWN:
        damaged.append(f"{seen['damaged'] - SHOWN:,} more lines are damaged")
    faults, notes = ([], damaged) if shard == ledger.OLD else (damaged, [])
    if wrong:
        faults = [*faults, _disagreement(size, shard, right, wrong)]
    if seen["tail"]:
        notes = [*notes, "its last line is cut off, or being written now: the next append moves it aside"]
    if seen["torn"]:
        notes = [*notes, f"{seen['torn']:,} torn lines were moved to {shard}.torn"]
    return Shard(Head(shard, size, root.hex()), tuple(faults), tuple(notes), len(right))


def _leaves(store: Path, shard: str, damaged: list[str], seen: Counter[str]) -> Iterator[bytes]:
    """The leaf hashes; what stands beside them, or is damaged, is counted and the first of it described."""
    for line, found in ledger.scan(store, shard):
        if isinstance(found, ledger.Entry):
            seen["torn"] += found.kind == "torn" and found.facts.get("file") == "ledger"
        elif found.is_tail:
            seen["tail"] += 1
            continue
        elif line.strip() or shard != ledger.OLD:
            seen["damaged"] += 1
            if seen["damaged"] <= SHOWN:
                damaged.append(f"{shard}:{found.number} is damaged: {found.reason}")
        yield merkle.leaf(line)


def _disagreement(size: int, shard: str, right: Sequence[Checkpoint], wrong: Sequence[Checkpoint]) -> str:
    """What is known of where the shard stopped being what was recorded."""
    first = min(wrong, key=lambda one: one.heads[shard].size)
    then = first.heads[shard].size
    above = [one.heads[shard].size for one in right if one.heads[shard].size <= min(then, size)]
    good = max(above, default=0)
    of = f"the checkpoint of {first.time} ({first.path})"
    if then > size:
        return f"cut: it has {size:,} entries, {of} records {then:,}"
    return f"changed: of its first {then:,} entries, those from {good:,} on are not what {of} records"
