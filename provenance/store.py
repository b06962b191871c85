"""The store: the captured fingerprints beside the ledger, in append-only shards. No text, no selection, no index.

Format 1, in docs/format-store.md: a shard is a header line ``provenance store 1 <recipe>`` and then frames of
length (u32), xxh3-64 of the payload (u64), payload (an Ingredient as MessagePack), all little-endian.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO

import msgspec
import xxhash

from provenance import files
from provenance.errors import StoreError
from provenance.fingerprint.recipe import RECIPE
from provenance.model import Ingredient

HEADER = b"provenance store 1 "
FRAME = Struct("<IQ")
_encoder = msgspec.msgpack.Encoder()


class _Id(msgspec.Struct):
    id: str


def shards(store: Path) -> list[Path]:
    """The shards of a store, in the order in which they were written."""
    return sorted((store / "store").glob("*.pvs"))


def append(store: Path, ingredients: Iterable[Ingredient]) -> int:
    """Add the ingredients that the store does not hold yet, as one new shard; returns how many there were.

    The shard appears whole or not at all, and two writers cannot add the same ingredient twice.
    """
    with files.locked(store / "lock"):
        known = set(ids(store))
        fresh = [one for one in unique(ingredients) if one.id not in known]
        if not fresh:
            return 0
        existing = shards(store)
        number = int(existing[-1].stem) + 1 if existing else 1
        with files.replacing(store / "store" / f"{number:08d}.pvs") as shard:
            shard.write(HEADER + str(RECIPE).encode() + b"\n")
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
    decode = msgspec.msgpack.Decoder(_Id).decode
    for path in shards(store):
        for at, payload in _frames(path):
            yield _decoded(decode, payload, path, at).id


def read(store: Path) -> Iterator[Ingredient]:
    """All ingredients, in order of capture.

    Raises StoreError where the store is missing, of another recipe, or damaged.
    """
    if not (store / "store").is_dir():
        raise StoreError(f"{store}: no store here (run 'provenance ingest PATH...' first, or name one with --store)")
    decode = msgspec.msgpack.Decoder(Ingredient).decode
    for path in shards(store):
        for at, payload in _frames(path):
            yield _decoded(decode, payload, path, at)


def _decoded(decode, payload: bytes, path: Path, at: int):  # type: ignore[no-untyped-def]  # any msgspec decoder
    try:
        return decode(payload)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: the frame at byte {at} does not decode ({error})") from error


def _frames(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as shard:
        _check_header(shard, path)
        while True:
            at = shard.tell()
            head = shard.read(FRAME.size)
            if not head:
                return
            payload = b""
            if len(head) == FRAME.size:
                length, check = FRAME.unpack(head)
                payload = shard.read(length)
            if len(head) < FRAME.size or len(payload) < length or xxhash.xxh3_64_intdigest(payload) != check:
                raise StoreError(
                    f"{path}: damaged at byte {at} (restore the file from a copy, or remove it and ingest its "
                    "transcripts again)"
                )
            yield at, payload


def _check_header(shard: BinaryIO, path: Path) -> None:
    header = shard.readline(200)
    if not header.startswith(HEADER) or not header.endswith(b"\n"):
        raise StoreError(f"{path}: not a store shard of format 1 (remove it, or use the version that wrote it)")
    recipe = header[len(HEADER) : -1].decode("ascii", "replace")
    if recipe != str(RECIPE):
        raise StoreError(
            f"{path}: written with recipe {recipe}; this version has {RECIPE} (ingest the transcripts again into a "
            "new store, or use the version that wrote it)"
        )
