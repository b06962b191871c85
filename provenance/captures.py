"""What hooks captured, waiting to be settled into the store: one file a machine and user, appended under its lock.

``STORE/captures/<shard>.pvc`` (docs/format-captures.md): a header line ``provenance captures 1 <recipe>``, then frames
of a length (u32), xxh3-64 of the payload (u64), the payload, and the length again, by which a writer sees whether the
last one is whole. A payload is a JSON head and the arrays of its passages. A torn tail is set aside in
``<shard>.torn`` and nothing before it is lost.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import xxhash

from provenance import files
from provenance.errors import StoreError
from provenance.fingerprint.recipe import RECIPE

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.model import Ingredient

HEADER = f"provenance captures 1 {RECIPE}\n".encode()
_FRAME = struct.Struct("<IQ")
_SIZE = struct.Struct("<I")


class Waiting(NamedTuple):
    """An ingredient as a hook captured it, with what its transcript is found and recognised by."""

    ingredient: Ingredient
    same: str
    """Equal for the same text of the same session at the same path, whatever the call is named."""
    transcript: str
    """The transcript that settles its novelty; empty where the host named none."""


def payload(
    head: dict[str, Any], passages: list[tuple[int, bytes, int, bytes, bytes, bytes]], signature: bytes
) -> bytes:
    """One capture as bytes: ``head`` is what JSON can say; a passage is tokens, digest, stream, keys, checks and
    positions."""
    sizes = [
        [tokens, digest.hex(), stream, len(positions) // 4] for tokens, digest, stream, _, _, positions in passages
    ]
    text = json.dumps({**head, "passages": sizes, "signature": len(signature)}).encode()
    arrays = [part for _, _, _, *parts in passages for part in parts]
    return b"".join([_SIZE.pack(len(text)), text, *arrays, signature])


def append(store: str, shard: str, payloads: list[bytes]) -> bool:
    """Add captures in one write, all or none; returns whether a torn tail had to be set aside first."""
    folder = os.path.join(store, "captures")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{shard}.pvc")
    while True:
        with open(path, "ab+", buffering=0) as file:
            files.take(file)
            if not _is(file, path):
                continue  # moved away by one who settles, between the opening and the lock
            size = file.seek(0, os.SEEK_END)
            torn = size > 0 and not _is_whole(file, size)
            if torn:
                size = _set_aside(file, size, path)
            data = b"" if size else HEADER
            for one in payloads:
                data += _FRAME.pack(len(one), xxhash.xxh3_64_intdigest(one)) + one + _SIZE.pack(len(one))
            try:
                if file.write(data) != len(data):
                    raise OSError(28, "No space left on device", path)
            except OSError:
                file.truncate(size)
                raise
            return torn


def _is(file: BinaryIO, path: str) -> bool:
    """Whether the open file is still the one at the path."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(file.fileno()), there)


def _is_whole(file: BinaryIO, size: int) -> bool:
    """Whether the file ends with a whole frame, or with its header."""
    if size == len(HEADER):
        file.seek(0)
        return file.read(size) == HEADER
    if size < len(HEADER) + _FRAME.size + _SIZE.size:
        return False
    file.seek(size - _SIZE.size)
    length = _SIZE.unpack(file.read(_SIZE.size))[0]
    at = size - _SIZE.size - length - _FRAME.size
    if at < len(HEADER):
        return False
    file.seek(at)
    return bool(file.read(_SIZE.size) == _SIZE.pack(length))


def _set_aside(file: BinaryIO, size: int, path: str) -> int:
    """Move what follows the last whole frame to ``<shard>.torn``; returns the size that is left."""
    file.seek(0)
    good = len(HEADER) if file.read(len(HEADER)) == HEADER else 0
    if good:
        for at, one in _frames(file, size):
            good = at + _FRAME.size + len(one) + _SIZE.size
    file.seek(good)
    with open(path.removesuffix(".pvc") + ".torn", "ab") as aside:
        aside.write(file.read(size - good))
    file.truncate(good)
    return good


def _frames(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    """The whole frames and where each begins, up to the first that is not."""
    at = len(HEADER)
    while at + _FRAME.size <= size:
        file.seek(at)
        length, check = _FRAME.unpack(file.read(_FRAME.size))
        if at + _FRAME.size + length + _SIZE.size > size:
            return
        one = file.read(length)
        if xxhash.xxh3_64_intdigest(one) != check or file.read(_SIZE.size) != _SIZE.pack(length):
            return
        yield at, one
        at += _FRAME.size + length + _SIZE.size


class Taken(NamedTuple):
    """Captures taken out to be settled."""

    waiting: list[Waiting]
    damaged: list[str]
    """Files with bytes that are no capture, and where they begin; they are kept aside."""


@contextmanager
def taken(store: Path) -> Iterator[Taken]:
    """All captures that wait, out of the way of hooks that go on appending; gone when the block ends well.

    Where it does not, they are found again by the next. Who settles at the same time waits.
    """
    folder = store / "captures"
    if not folder.is_dir():
        yield Taken([], [])
        return
    with files.locked(folder / "lock"):
        yield from _taken(folder)


def _taken(folder: Path) -> Iterator[Taken]:
    for path in sorted(folder.glob("*.pvc")):
        with path.open("ab+", buffering=0) as file:
            files.take(file)
            if _is(file, str(path)):
                os.replace(path, path.with_name(f"{path.stem}.{os.urandom(4).hex()}.settling"))
    settling = sorted(folder.glob("*.settling"))
    found = Taken([], [])
    for path in settling:
        found.waiting.extend(_read(path, found.damaged))
    yield found
    for path in settling:
        path.unlink()


def waiting(store: Path) -> Iterator[Waiting]:
    """All captures that wait, read where they lie."""
    damaged: list[str] = []
    for path in sorted([*(store / "captures").glob("*.pvc"), *(store / "captures").glob("*.settling")]):
        yield from _read(path, damaged)


def _read(path: Path, damaged: list[str]) -> list[Waiting]:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return []
        header = file.readline(200)
        if header != HEADER:
            kind = "of another recipe or version" if header.startswith(b"provenance captures ") else "no captures file"
            raise StoreError(f"{path}: {kind} (use the version that wrote it, or move the file elsewhere)")
        found, end = [], len(HEADER)
        for at, one in _frames(file, size):
            try:
                found.append(_decoded(one))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise StoreError(f"{path}: the capture at byte {at} is not one that this version reads") from error
            end = at + _FRAME.size + len(one) + _SIZE.size
        if end != size:
            file.seek(end)
            name = path.name.split(".")[0]
            if path.suffix == ".settling":
                with path.with_name(f"{name}.torn").open("ab") as aside:
                    aside.write(file.read())
            damaged.append(f"{path}: torn at byte {end:,} (the {size - end:,} bytes after it are no capture)")
        return found


def _decoded(one: bytes) -> Waiting:
    from provenance.model import Evidence, Fingerprint, Ingredient, Origin, Status

    (size,) = _SIZE.unpack_from(one)
    head = json.loads(one[_SIZE.size : _SIZE.size + size])
    at = _SIZE.size + size

    def cut(length: int) -> bytes:
        nonlocal at
        at += length
        if length < 0 or at > len(one):
            raise ValueError("short")
        return one[at - length : at]

    passages = []
    for tokens, digest, stream, grams in head["passages"]:
        arrays = (cut(8 * grams), cut(2 * grams), cut(4 * grams))
        passages.append(Fingerprint(tokens, bytes.fromhex(digest), stream, *arrays))
    tokens, digest, stream = head["whole"]
    ingredient = Ingredient(
        id=head["id"],
        origin=Origin(**head["origin"]),
        evidence=Evidence.CAPTURED,
        kind=head["kind"],
        status=Status(head["status"]),
        path=head["path"],
        passages=tuple(passages),
        verbatim=tuple(map(tuple, head["verbatim"])),
        shown=tuple(map(tuple, head["shown"])),
        whole=Fingerprint(tokens, bytes.fromhex(digest), stream, b"", b"", b""),
        signature=cut(head["signature"]),
        copy=head["same"],
    )
    return Waiting(ingredient, head["same"], head["transcript"])
