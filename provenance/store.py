"""The store: the captured fingerprints beside the ledger, in append-only shards. No text, no selection, no index.

Format 1, in docs/format-store.md: a shard is a header line ``provenance store 1 <recipe> <frames>`` and then that
many frames of length (u32), xxh3-64 of the payload (u64), payload (an Ingredient as MessagePack), little-endian.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO, TypeVar

import msgspec
import xxhash

from provenance import files
from provenance.errors import StoreError
from provenance.fingerprint.recipe import RECIPE
from provenance.model import Ingredient

HEADER = re.compile(rb"provenance store 1 ([!-~]+) ([0-9]+)\n")
FRAME = Struct("<IQ")
MEND = "restore the file from a copy, or remove it and ingest its transcripts again"
_encoder = msgspec.msgpack.Encoder()
T = TypeVar("T")


class _Names(msgspec.Struct):
    id: str
    copy: str = ""


def shards(store: Path) -> list[Path]:
    """The shards of a store, in the order in which they were written; StoreError where one is not ours by name."""
    found = sorted((store / "store").glob("*.pvs"))
    for path in found:
        if not re.fullmatch(r"[0-9]{8}\.pvs", path.name):
            raise StoreError(f"{path}: not a shard of this store by its name (move it elsewhere)")
    return found


def append(store: Path, ingredients: Iterable[Ingredient]) -> int:
    """Add the ingredients that the store does not hold yet, as one new shard; returns how many there were.

    The shard appears whole or not at all, and two writers cannot add the same ingredient twice.
    """
    with files.locked(store / "lock"):
        files.sweep(store / "store")
        known = {*ids(store), *copies(store)}
        fresh = [one for one in unique(ingredients) if known.isdisjoint((one.id, one.copy))]
        if not fresh:
            return 0
        existing = shards(store)
        number = int(existing[-1].stem) + 1 if existing else 1
        with files.replacing(store / "store" / f"{number:08d}.pvs") as shard:
            shard.write(f"provenance store 1 {RECIPE} {len(fresh)}\n".encode())
            for one in fresh:
                payload = _encoder.encode(one)
                shard.write(FRAME.pack(len(payload), xxhash.xxh3_64_intdigest(payload)) + payload)
        return len(fresh)


def unique(ingredients: Iterable[Ingredient]) -> Iterator[Ingredient]:
    """The ingredients, each id once: the first stands."""
    seen: set[str] = set()
    for one in ingredients:
        if one.id not in seen:
            seen.add(one.id)
            yield one


def ids(store: Path) -> Iterator[str]:
    """The ids of all ingredients."""
    return (one.id for one in _names(store))


def copies(store: Path) -> Iterator[str]:
    """The copy keys of all ingredients that have one."""
    return (one.copy for one in _names(store) if one.copy)


def _names(store: Path) -> Iterator[_Names]:
    for path in shards(store):
        state = path.stat()
        yield from _names_in(path, (state.st_ino, state.st_size, state.st_mtime_ns))


@functools.cache
def _names_in(path: Path, state: tuple[int, ...]) -> tuple[_Names, ...]:
    """The names in one shard, read again only if its state (inode, size, time of change) is another.

    Without this memory a run that adds n shards would read the whole store n times.
    """
    decode = msgspec.msgpack.Decoder(_Names).decode
    return tuple(_decoded(decode, payload, path, at) for at, payload in _frames(path))


def read(store: Path, only: Iterable[Path] | None = None) -> Iterator[Ingredient]:
    """All ingredients, or those of some shards, in order of capture.

    Raises StoreError where the store is missing, of another recipe, or damaged.
    """
    if not (store / "store").is_dir():
        raise StoreError(f"{store}: no store here (run 'provenance ingest PATH...' first, or name one with --store)")
    decode = msgspec.msgpack.Decoder(Ingredient).decode
    for path in shards(store) if only is None else only:
        for at, payload in _frames(path):
            yield _decoded(decode, payload, path, at)


def _decoded(decode: Callable[[bytes], T], payload: bytes, path: Path, at: int) -> T:
    try:
        return decode(payload)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        reason = f"{error} (use the version that wrote it)"
        raise StoreError(f"{path}: the ingredient at byte {at} is not one that this version reads: {reason}") from error


def _frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """The frames of a shard and where each begins; StoreError at the first byte that is not as it was written."""
    with path.open("rb") as shard:
        size = os.fstat(shard.fileno()).st_size
        for _ in range(_header(shard, path)):
            at = shard.tell()
            head = shard.read(FRAME.size)
            length, check = FRAME.unpack(head) if len(head) == FRAME.size else (size, 0)
            # Not read(length) at once: a flipped bit in the length would ask for gigabytes.
            payload = shard.read(length) if length <= size - at - FRAME.size else None
            if payload is None or xxhash.xxh3_64_intdigest(payload) != check:
                raise StoreError(f"{path}: damaged at byte {at} ({MEND})")
            yield at, payload
        if shard.tell() != size:
            raise StoreError(f"{path}: damaged at byte {shard.tell()}, where it should end ({MEND})")


def _header(shard: BinaryIO, path: Path) -> int:
    """The number of frames that the shard was written with."""
    header = HEADER.fullmatch(shard.readline(200))
    if header is None:
        raise StoreError(f"{path}: not a store shard of format 1 ({MEND}; a newer version may have written it)")
    recipe, frames = header[1].decode(), int(header[2])
    if recipe != str(RECIPE):
        raise StoreError(
            f"{path}: written with recipe {recipe}; this version has {RECIPE} (ingest the transcripts again into a "
            "new store, or use the version that wrote it)"
        )
    return frames
