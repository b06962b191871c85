"""The index on disk: build, open, verify. No text inside; it names its recipe and its commons.

A folder with ``manifest.json``, which names the segments in use, and ``segments/``. Segments are numbered and never
change; the manifest is replaced in one step, so readers see one state or the next.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from provenance import files
from provenance.errors import StoreError
from provenance.fingerprint import RECIPE
from provenance.index import commons, segment
from provenance.model import Ingredient

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1


class Part(msgspec.Struct, frozen=True):
    """A segment in use: its folder and the xxh3-128 of its manifest."""

    name: str
    manifest: str


class Root(msgspec.Struct, frozen=True):
    """The index's manifest."""

    format: int
    recipe: str
    segments: tuple[Part, ...]


class Info(msgspec.Struct, frozen=True):
    """What an index holds; ``digest`` names its exact state."""

    digest: str
    recipe: str
    size: int
    """Bytes on disk."""
    segment: segment.Manifest


class Index:
    """An opened index: every byte was checked against the manifest on opening."""

    def __init__(self, path: Path) -> None:
        self.path = path
        root = _root(path)
        while True:
            try:
                self.segment = segment.Segment(_folder(path, root))
                break
            except StoreError:
                # A build may have replaced what the manifest named between the two readings.
                again = _root(path)
                if again == root:
                    raise
                root = again
        self.digest = _digest(root)


def build(path: Path, ingredients: Iterable[Ingredient], common: dict[str, NDArray[np.uint64]] | None = None) -> Info:
    """Build the index of these ingredients and put it in the place of what is there, in one step.

    ``common`` are the sets to suppress, the base set if none is given. Readers of the old index keep it.
    """
    sets = {commons.BASE: commons.base()} if common is None else common
    with files.locked(path / "lock"):
        folder = path / "segments"
        folder.mkdir(exist_ok=True)
        existing = [int(old.name) for old in folder.iterdir() if old.name.isdigit()]
        name = f"{max(existing, default=0) + 1:08d}"
        with files.new_folder(folder / name) as temporary:
            segment.build(temporary, ingredients, sets)
        root = Root(FORMAT, str(RECIPE), (Part(name, _sha256(folder / name / "manifest.json")),))
        with files.replacing(path / "manifest.json") as file:
            file.write(msgspec.json.format(msgspec.json.encode(root)) + b"\n")
        for old in folder.iterdir():
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)
    return info(path)


def info(path: Path) -> Info:
    """What an index holds, by its manifests alone."""
    root = _root(path)
    folder = _folder(path, root)
    manifest = segment.read_manifest(folder)
    size = sum(facts.size for facts in manifest.files.values())
    return Info(_digest(root), root.recipe, size, manifest)


def verify(path: Path) -> Info:
    """Read every byte and compare it with the manifests; StoreError names the first file that differs."""
    root = _root(path)
    folder = _folder(path, root)
    segment.verify(folder)
    return info(path)


def _digest(root: Root) -> str:
    """The name of an index's content: the same ingredients, commons and recipe give the same."""
    return hashlib.sha256("\n".join(part.manifest for part in root.segments).encode()).hexdigest()[:32]


def _root(path: Path) -> Root:
    file = path / "manifest.json"
    try:
        root = msgspec.json.decode(file.read_bytes(), type=Root)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{path}: no index here (run 'provenance index build', or name one with --index)") from error
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise StoreError(f"{file}: not an index manifest: {error} (build the index again)") from error
    if root.format != FORMAT:
        raise StoreError(f"{file}: format {root.format}; this version reads {FORMAT} (build the index again)")
    if root.recipe != str(RECIPE):
        raise StoreError(
            f"{file}: built with recipe {root.recipe}; this version has {RECIPE} (build the index again with "
            "'provenance index build')"
        )
    return root


def _folder(path: Path, root: Root) -> Path:
    """The folder of the segment in use, its manifest checked against the index's."""
    if len(root.segments) != 1:
        raise StoreError(f"{path}: has {len(root.segments)} segments; this version reads one (build the index again)")
    part = root.segments[0]
    folder = path / "segments" / part.name
    segment.read_manifest(folder)
    if _sha256(folder / "manifest.json") != part.manifest:
        raise StoreError(f"{folder / 'manifest.json'}: damaged, its digest differs (build the index again)")
    return folder


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
