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
from provenance.fingerprint.recipe import RECIPE

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.model import Ingredient

_KIND = b"provenance captures "
HEADER = _KIND + f"1 {RECIPE}\n".encode()
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
            if _is_foreign(file):
                os.replace(path, _settling(path))  # written before an upgrade: its frames and ours do not mix
                continue
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
    return _last(file, size) is not None


def _is_foreign(file: BinaryIO) -> bool:
    """Whether the file has the header of another recipe or version."""
    file.seek(0)
    header, ended, _ = file.read(200).partition(b"\n")
    return header.startswith(_KIND) and bool(ended) and header + ended != HEADER


def _settling(path: str) -> str:
    """A name under which a file is out of the way of hooks."""
    return f"{path.removesuffix('.pvc')}.{os.urandom(4).hex()}.settling"


def _set_aside(file: BinaryIO, size: int, path: str) -> int:
    """Move what follows the last whole frame to ``<shard>.torn``; returns the size that is left."""
    file.seek(0)
    good = len(HEADER) if file.read(len(HEADER)) == HEADER else 0
    while good and (one := _first(file, good, size)) is not None:
        good += _FRAME.size + len(one) + _SIZE.size
    file.seek(good)
    with open(path.removesuffix(".pvc") + ".torn", "ab") as aside:
        aside.write(file.read(size - good))
    file.truncate(good)
    return good


def _frames(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    """The whole frames and where each begins: from the start on, and behind damage those that the end leads back to."""
    at = len(HEADER)
    while (one := _first(file, at, size)) is not None:
        yield at, one
        at += _FRAME.size + len(one) + _SIZE.size
    behind = []
    while size > at and (found := _last(file, size)) is not None and found[0] >= at:
        behind.append(found)
        size = found[0]
    yield from reversed(behind)


def _first(file: BinaryIO, at: int, size: int) -> bytes | None:
    """The payload of the frame that begins at a place, if a whole one does."""
    if at + _FRAME.size + _SIZE.size > size:
        return None
    file.seek(at)
    length, check = _FRAME.unpack(file.read(_FRAME.size))
    if length == 0 or at + _FRAME.size + length + _SIZE.size > size:
        return None
    one = file.read(length)
    is_whole = xxhash.xxh3_64_intdigest(one) == check and file.read(_SIZE.size) == _SIZE.pack(length)
    return one if is_whole else None


def _last(file: BinaryIO, size: int) -> tuple[int, bytes] | None:
    """The frame that ends at a place: where it begins, and its payload."""
    if size < len(HEADER) + _FRAME.size + _SIZE.size:
        return None
    file.seek(size - _SIZE.size)
    at = size - _SIZE.size - int(_SIZE.unpack(file.read(_SIZE.size))[0]) - _FRAME.size
    one = _first(file, at, size) if at >= len(HEADER) else None
    return (at, one) if one is not None and at + _FRAME.size + len(one) + _SIZE.size == size else None


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
                os.replace(path, _settling(str(path)))
    settling = sorted(folder.glob("*.settling"))
    found = Taken([], [])
    read = [path for path in settling if _read(path, found)]
    yield found
    for path in read:
        path.unlink()


def waiting(store: Path, damaged: list[str] | None = None) -> Iterator[Waiting]:
    """All captures that wait, read where they lie; what is no capture is described in ``damaged``."""
    for path in sorted([*(store / "captures").glob("*.pvc"), *(store / "captures").glob("*.settling")]):
        yield from waiting_in(path, damaged)


def waiting_in(path: Path, damaged: list[str] | None = None) -> list[Waiting]:
    """The captures of one file; what is no capture is described in ``damaged``."""
    found = Taken([], [] if damaged is None else damaged)
    _read(path, found, aside=False)
    return found.waiting


def _read(path: Path, into: Taken, aside: bool = True) -> bool:
    """Read a file's captures; whether it is done with, all that is no capture kept aside. A file that another version
    wrote stays for that one."""
    if not path.is_file():  # a pipe would be waited for
        into.damaged.append(f"{path}: is no regular file (move it away)")
        return False
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return True
        if _is_foreign(file):
            into.damaged.append(
                f"{path}: captures of another recipe or version (settle them with the one that wrote them)"
            )
            return False
        spans = []
        end = 0
        file.seek(0)
        if file.read(len(HEADER)) == HEADER:
            end = len(HEADER)
        for at, one in _frames(file, size) if end else ():
            try:
                into.waiting.append(_decoded(one))
            except (ValueError, KeyError, TypeError, IndexError):
                continue  # its bytes stay between ``end`` and the next
            spans.append((end, at))
            end = at + _FRAME.size + len(one) + _SIZE.size
        for first, behind in [*spans, (end, size)]:
            if first != behind:
                into.damaged.append(
                    f"{path}: damaged at byte {first:,} (the {behind - first:,} bytes from there are no capture)"
                )
                if aside:
                    file.seek(first)
                    with path.with_name(f"{path.name.split('.')[0]}.torn").open("ab") as torn:
                        torn.write(file.read(behind - first))
        return True


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
