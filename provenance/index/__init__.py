"""The index on disk: build, add, compact, open, verify. No text inside; it names its recipe and its commons.

A folder with ``manifest.json``, which names the segments in use, and ``segments/``. Segments are numbered and never
change; the manifest is replaced in one step, so readers see one state or the next. A segment is built beside the
others without the lock, and named in the manifest under it: whoever adds at the same time arrives too.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import xxhash

from provenance import files
from provenance.errors import StoreError
from provenance.fingerprint import RECIPE
from provenance.index import commons, segment
from provenance.index.segment import Card, Counts, Segment
from provenance.model import Ingredient

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.index.builder import Progress

T = TypeVar("T")
AGAIN = "built again meanwhile; nothing was changed (run the command again)"
BATCH = 2000
"""Ingredients handed to the builder at a time."""
SETTLE = 64
"""A scan of a byte of (compressed) data touches at most some 64 bytes of the filter anew: a page for each gram."""
SEGMENTS = 64
"""Segments that an index may have: the kernel looks every gram up in each of them."""


class Part(msgspec.Struct, frozen=True):
    """A segment in use: its folder, the SHA-256 of its manifest, and what of the store it was built from."""

    name: str
    manifest: str
    sources: tuple[str, ...] = ()


class Root(msgspec.Struct, frozen=True):
    """The index's manifest."""

    format: int
    recipe: str
    segments: tuple[Part, ...]
    check: str
    """xxh3-128 of the segments as they stand here."""


class Info(msgspec.Struct, frozen=True):
    """What an index holds; ``digest`` names its exact state."""

    digest: str
    recipe: str
    size: int
    """Bytes on disk."""
    signatures: int
    """... of these, of signatures and their bands."""
    segments: int
    counts: Counts
    commons: dict[str, str]
    """The commons sets that were suppressed, by name, with their digests."""


class Index:
    """An opened index. What it says of itself was checked on opening; each page of it is when it is first read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        root, self.segments = _steady(path, lambda root: tuple(_opened(path, root)))
        self.digest = _digest(root)
        self.counts = _counted(part.manifest for part in self.segments)

    @functools.cached_property
    def signed_sizes(self) -> NDArray[np.uint32]:
        """The different numbers of tokens that ingredients with a signature have, ascending."""
        import numpy as np

        found = [np.empty(0, np.uint32)]
        for part in self.segments:
            part.check_all("signed")
            part.check_all("tokens")
            found.append(segment.distinct(part.arrays["tokens"][part.arrays["signed"]]))
        return segment.distinct(np.concatenate(found))

    def settle(self, size: int) -> None:
        """Make ready for scanning so many bytes: what will be read anyway is read and checked in one go."""
        for part in self.segments:
            if part.filter_size < SETTLE * size:
                part.settle()

    def segment_of(self, number: int) -> tuple[Segment, int]:
        """The segment of an ingredient, by its number in the index, and its number there."""
        part = next(part for part in reversed(self.segments) if part.base <= number)
        return part, number - part.base

    def card(self, number: int) -> Card:
        """What is known of the ingredient with this number."""
        part, at = self.segment_of(number)
        return part.card(at)


def build(
    path: Path,
    ingredients: Iterable[Ingredient],
    common: dict[str, NDArray[np.uint64]] | None = None,
    sources: Iterable[str] = (),
    progress: Progress | None = None,
) -> Info:
    """Build the index of these ingredients and put it in the place of what is there, in one step.

    ``common`` are the sets to suppress, the base set if none is given; ``sources`` name what of the store the
    ingredients are. Readers of the old index keep it.
    """
    sets = {commons.BASE: commons.base()} if common is None else common
    return _commit(path, _fill(ingredients, sets, progress), None, sources)


def add(
    path: Path,
    ingredients: Iterable[Ingredient],
    common: dict[str, NDArray[np.uint64]] | None = None,
    sources: Iterable[str] = (),
    progress: Progress | None = None,
) -> Info:
    """Add a segment of these ingredients to the index that is there; it costs what they cost.

    ``common`` must be the sets that the index was built with, or StoreError.
    """
    from provenance.index.builder import digests

    sets = {commons.BASE: commons.base()} if common is None else common
    named = tuple(sources)
    fresh = set(named)

    def all_of(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """Asked before the work and again when it is done: the index may have been built again meanwhile."""
        held = segment.read_manifest(_folder(path, parts[0])).commons if parts else {}
        if parts and digests(sets) != held:
            raise StoreError(
                f"{path}: built with the commons {', '.join(held) or 'none'}, of other content or names than "
                f"those given now: {', '.join(sets) or 'none'} (name the same, or build the index again)"
            )
        twice = fresh & {source for part in parts for source in part.sources}
        if twice:
            raise StoreError(f"{path}: holds {min(twice)} already; nothing was changed (run the command again)")
        if len(parts) >= SEGMENTS:
            raise StoreError(f"{path}: has {SEGMENTS} segments, the most there may be (run 'provenance index compact')")
        return parts

    _steady(path, lambda root: all_of(root.segments))
    return _commit(path, _fill(ingredients, sets, progress), all_of, named)


def compact(path: Path, progress: Progress | None = None) -> Info:
    """Merge the segments of the index into one, which holds the same."""
    root = _root(path)
    if len(root.segments) < 2:
        return info(path)

    def fill(folder: Path) -> None:
        from provenance.index.builder import Builder

        builder = Builder(folder, {})
        try:
            try:
                for part in _opened(path, root):
                    builder.names = part.manifest.commons
                    builder.merge(part)
            except StoreError as error:
                if _root(path) == root:
                    raise
                raise StoreError(f"{path}: was {AGAIN}") from error
            builder.finish(progress)
        finally:
            builder.close()

    def left(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        if parts[: len(root.segments)] != root.segments:
            raise StoreError(f"{path}: was {AGAIN}")
        return parts[len(root.segments) :]

    return _commit(path, fill, left, [source for part in root.segments for source in part.sources], first=True)


def sources(path: Path) -> set[str]:
    """What of the store the index was built from; empty where there is no index."""
    if not (path / "manifest.json").exists():
        return set()
    return {source for part in _root(path).segments for source in part.sources}


def info(path: Path) -> Info:
    """What an index holds, by its manifests alone."""
    root, manifests = _steady(path, lambda root: [segment.read_manifest(_folder(path, part)) for part in root.segments])
    sizes = [{name: facts.size for name, facts in manifest.files.items()} for manifest in manifests]
    return Info(
        digest=_digest(root),
        recipe=root.recipe,
        size=sum(sum(size.values()) for size in sizes),
        signatures=sum(size[name] for size in sizes for name in ("bands", "banded", "signatures", "signed")),
        segments=len(manifests),
        counts=_counted(manifests),
        commons=manifests[0].commons if manifests else {},
    )


def verify(path: Path) -> Info:
    """Read every byte and compare it with the manifests; StoreError names the first file that differs."""

    def each(root: Root) -> None:
        for part in root.segments:
            segment.verify(_folder(path, part))

    _steady(path, each)
    return info(path)


def _fill(
    ingredients: Iterable[Ingredient], common: dict[str, NDArray[np.uint64]], progress: Progress | None
) -> Callable[[Path], None]:
    """What fills an empty folder with the segment of these ingredients."""

    def fill(folder: Path) -> None:
        from provenance.index.builder import Builder

        builder = Builder(folder, common)
        try:
            stream = iter(ingredients)
            while batch := list(islice(stream, BATCH)):
                builder.add(batch)
                if progress:
                    progress("ingredients", builder.counts.ingredients, 0)
            builder.finish(progress)
        finally:
            builder.close()

    return fill


def _commit(
    path: Path,
    fill: Callable[[Path], None],
    keep: Callable[[tuple[Part, ...]], tuple[Part, ...]] | None,
    sources: Iterable[str],
    first: bool = False,
) -> Info:
    """Fill a new segment, then name it in the manifest beside those of the present parts that are to be kept, if any.

    What a killed process leaves is a folder that no manifest names; the next commit removes it.
    """
    _refuse_foreign(path)
    segments = path / "segments"
    temporary = segments / f".{uuid.uuid4().hex[:12]}.tmp"
    with ExitStack() as living:
        with files.locked(path / "lock"):
            temporary.mkdir(parents=True)
            living.enter_context(files.locked(temporary / "building"))
        try:
            fill(temporary)
            for filled in temporary.iterdir():
                with filled.open("rb+") as opened:
                    os.fsync(opened.fileno())
            with files.locked(path / "lock"):
                parts = keep(_root(path).segments) if keep else ()
                living.close()
                (temporary / "building").unlink()
                numbers = [int(old.name) for old in segments.iterdir() if old.name.isdigit()]
                name = f"{max(numbers, default=0) + 1:08d}"
                part = Part(name, _sha256(temporary / "manifest.json"), tuple(sources))
                files.sync_folder(temporary)
                os.replace(temporary, segments / name)
                files.sync_folder(segments)
                named = (part, *parts) if first else (*parts, part)
                root = Root(segment.FORMAT, str(RECIPE), named, _check(named))
                with files.replacing(path / "manifest.json") as file:
                    file.write(msgspec.json.format(msgspec.json.encode(root)) + b"\n")
                _sweep(path, root)
        finally:
            living.close()
            shutil.rmtree(temporary, ignore_errors=True)
    return info(path)


_OURS = re.compile(r"[0-9]{8}|\.[0-9a-f]{12}\.tmp")
"""The names of segments, finished and not."""


def _refuse_foreign(path: Path) -> None:
    """StoreError where the folder has a manifest that is no index's, damaged or not."""
    file = path / "manifest.json"
    try:
        found = msgspec.json.decode(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if isinstance(found, dict) and {"format", "recipe", "segments"} <= found.keys():
        return
    segments = path / "segments"
    if not segments.is_dir() or not any(_OURS.fullmatch(one.name) for one in segments.iterdir()):
        raise StoreError(f"{file}: stands in the way and is not an index's (name another folder)")


def _sweep(path: Path, root: Root) -> None:
    """Remove the segments that no manifest names any more, and what killed builds left; under the lock."""
    for left in path.glob(".manifest.json.*.tmp"):
        left.unlink(missing_ok=True)
    named = {part.name for part in root.segments}
    for old in (path / "segments").iterdir():
        if old.name in named or not old.is_dir() or not _OURS.fullmatch(old.name):
            continue
        if old.name.endswith(".tmp"):
            try:
                with files.locked(old / "building", wait=False):
                    pass
            except StoreError:
                continue  # its builder is at work
        shutil.rmtree(old, ignore_errors=True)


def _steady(path: Path, read: Callable[[Root], T]) -> tuple[Root, T]:
    """What the index's manifest says and what was read by it; once more if a writer replaced it meanwhile."""
    root = _root(path)
    while True:
        try:
            return root, read(root)
        except StoreError:
            again = _root(path)
            if again == root:
                raise
            root = again


def _check(parts: tuple[Part, ...]) -> str:
    return xxhash.xxh3_128_hexdigest(msgspec.json.encode(parts))


def _opened(path: Path, root: Root) -> Iterable[Segment]:
    base = 0
    for part in root.segments:
        opened = Segment(_folder(path, part), base)
        base += opened.counts.ingredients
        yield opened


def _counted(manifests: Iterable[segment.Manifest]) -> Counts:
    total = Counts()
    for manifest in manifests:
        total = total.plus(manifest.counts)
    return total


def _digest(root: Root) -> str:
    """The name of an index's content: the same segments give the same."""
    return hashlib.sha256("\n".join(part.manifest for part in root.segments).encode()).hexdigest()[:32]


class _Head(msgspec.Struct):
    format: int
    recipe: str


def _root(path: Path) -> Root:
    file = path / "manifest.json"
    try:
        content = file.read_bytes()
        head = msgspec.json.decode(content, type=_Head)
        segment.refuse_other(file, head.format, head.recipe)
        root = msgspec.json.decode(content, type=Root)
        if _check(root.segments) != root.check:
            raise StoreError(f"{file}: damaged, its digest differs (build the index again)")
        return root
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{path}: no index here (run 'provenance index build', or name one with --index)") from error
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise StoreError(f"{file}: not an index manifest: {error} (build the index again)") from error


def _folder(path: Path, part: Part) -> Path:
    """The folder of a segment in use, its manifest checked against the index's."""
    folder = path / "segments" / part.name
    try:
        found = _sha256(folder / "manifest.json")
    except FileNotFoundError as error:
        raise StoreError(f"{folder / 'manifest.json'}: missing (build the index again)") from error
    if found != part.manifest:
        segment.read_manifest(folder)
        raise StoreError(f"{folder / 'manifest.json'}: damaged, its digest differs (build the index again)")
    return folder


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
