"""The shards and stores of many machines into one: folders, git refs, object stores. Nothing is added twice."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from provenance import captures, files, git, ledger, store
from provenance.errors import ProvenanceError, StoreError
from provenance.model import Ingredient

_BATCH = 10_000


@dataclass(slots=True)
class Report:
    """What one run brought together: everything found is in one of these counts."""

    stores: int = 0
    shards: int = 0
    """Shards of ledgers that were new or had grown."""
    entries: int = 0
    """Entries added to the ledger."""
    ingredients: int = 0
    known: int = 0
    """Ingredients that were here already, or came from two sources."""
    troubles: list[str] = field(default_factory=list)
    """What could not be brought in, with the reason; nothing of it is half here."""


class Source(NamedTuple):
    """A place that holds stores, as a folder on this machine."""

    name: str
    folder: Path
    root: Path
    """What was named: nothing outside of it is read, wherever a link leads."""


def run(sources: list[str], into: Path, progress: Callable[[str], None] = lambda name: None) -> Report:
    """Bring the ledgers' shards and the stores' ingredients of every source into one store.

    A source is a folder (a store, or a folder with stores anywhere below), ``REPOSITORY#REF`` (a git ref whose tree
    holds them) or a URL that pyarrow opens (``s3://``, ``gs://``, ``file://`` ...). A run that is cut off is finished
    by the next. A shard that is no continuation of the one here is not taken, and is named.
    """
    report = Report()
    into.mkdir(parents=True, exist_ok=True)
    batch: list[Ingredient] = []
    for name in sources:
        try:
            with _opened(name) as folder:
                found = sorted(_stores(folder, name, report))
                if not found:
                    raise StoreError(f"{name}: no store here (a folder with store/*.pvs, ledger/*.jsonl or captures/)")
                for one in found:
                    place = f"{name}: {one.relative_to(folder)}" if one != folder else name
                    progress(place)
                    for ingredient in _merge(Source(place, one, folder.resolve()), into, report):
                        batch.append(ingredient)
                        if len(batch) == _BATCH:
                            _keep(batch, into, report)
                            batch = []
        except ProvenanceError as error:
            report.troubles.append(str(error))
    _keep(batch, into, report)
    return report


def _named(source: Source, error: Exception) -> str:
    """An error with the source that it is of."""
    is_system = isinstance(error, OSError)
    said = f"{error.filename}: {error.strerror or error}" if is_system else str(error)  # type: ignore[attr-defined]
    return said if said.startswith(source.name) else f"{source.name}: {said}"


@contextmanager
def _opened(name: str) -> Iterator[Path]:
    """The folder of a source, for as long as the block lasts."""
    scheme, found, _ = name.partition("://")
    if found and scheme.isalnum():
        with tempfile.TemporaryDirectory(prefix="provenance-collect-") as folder:
            _download(name, Path(folder))
            yield Path(folder)
        return
    repository, found, ref = name.rpartition("#")
    if found and not Path(name).exists():
        with tempfile.TemporaryDirectory(prefix="provenance-collect-") as folder:
            _extract(Path(repository), ref, Path(folder))
            yield Path(folder)
        return
    if not Path(name).is_dir():
        raise StoreError(f"{name}: no such folder (name a store, REPOSITORY#REF, or a URL)")
    yield Path(name)


def _stores(folder: Path, name: str, report: Report) -> Iterator[Path]:
    """The folders below that hold a store or a ledger; one that cannot be listed is told."""
    unlisted: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=unlisted.append):
        here = Path(place)
        if "ledger.jsonl" in names or any(_holds(here / one) for one in _FOLDERS):
            yield here
            folders[:] = [one for one in folders if one not in ("store", "ledger", "captures", "index", "sessions")]
    report.troubles += [f"{name}: {error.filename}: {error.strerror} (not read)" for error in unlisted]


_FOLDERS = {"ledger": (".jsonl",), "store": (".pvs",), "captures": (".pvc", ".settling")}
_SUFFIXES = (".pvs", ".pvc", ".settling", ".jsonl")
_LARGEST = 4 << 30
"""Bytes of a shard that are read at most."""


def _holds(folder: Path) -> bool:
    try:
        return folder.is_dir() and any(path.suffix in _SUFFIXES for path in folder.iterdir())
    except OSError:
        return True  # whoever reads it says why it cannot be read


def _merge(source: Source, into: Path, report: Report) -> Iterator[Ingredient]:
    """The ledger's shards of a source, taken in; its ingredients, to be kept. What cannot be read is told."""
    if source.folder.resolve() == into.resolve():
        report.troubles.append(f"{source.name}: is the store to collect into (name another source)")
        return
    try:
        found = [path for name in _FOLDERS for path in _files(source, name, report)]
    except OSError as error:
        report.troubles.append(_named(source, error))
        return
    report.stores += 1
    for path in found:
        try:
            if path.suffix == ".jsonl":
                _merge_shard(path, into, report)
            elif path.suffix == ".pvs":
                yield from store.read(source.folder, [path])
            else:
                damaged: list[str] = []
                yield from (one.ingredient for one in captures.waiting_in(path, damaged))
                report.troubles += [f"{source.name}: {one}" for one in damaged]
        except (ProvenanceError, OSError) as error:
            report.troubles.append(_named(source, error))


def _files(source: Source, name: str, report: Report) -> Iterator[Path]:
    """The files of one of a store's folders, in order: regular ones, and none that a link leads to outside."""
    folder = source.folder / name
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix not in _FOLDERS[name] or path.name.startswith("."):
            continue
        if source.root not in path.resolve().parents:
            report.troubles.append(f"{source.name}: {name}/{path.name} leads out of it (not read)")
        elif not path.is_file():
            report.troubles.append(f"{source.name}: {name}/{path.name} is no regular file (not read)")
        else:
            yield path


def _merge_shard(path: Path, into: Path, report: Report) -> None:
    """Take the lines that a shard has gained; StoreError where it is no continuation of what is here, or holds what
    is no entry: a source may hold anything, and the ledger holds entries."""
    if len(path.stem) != 16 or not set(path.stem) <= set("0123456789abcdef"):
        raise StoreError(f"{path.name}: not a shard of a ledger by its name")
    if path.stat().st_size > _LARGEST:
        raise StoreError(f"shard {path.stem} has more than {_LARGEST >> 30} GiB (not taken)")
    target = into / "ledger" / path.name
    with files.locked(target.with_suffix(".lock")):
        here = target.read_bytes() if target.exists() else b""
        there = path.read_bytes()
        there = there[: there.rfind(b"\n") + 1]  # a line that is being written comes with the next run
        if here.startswith(there):
            return
        if not there.startswith(here):
            raise StoreError(
                f"shard {path.stem} is no continuation of the one here: one of the two was changed or cut "
                f"('provenance ledger verify' on either tells more)"
            )
        first = here.count(b"\n")
        for number, line in enumerate(there[len(here) :].split(b"\n")[:-1], first):
            if isinstance(found := ledger.parse(line, path.stem, number), ledger.Torn):
                raise StoreError(f"shard {path.stem} is not taken: line {number + 1:,} is {found.reason}")
        with files.replacing(target) as file:
            file.write(there)
        report.shards += 1
        report.entries += there.count(b"\n") - first


def _keep(batch: list[Ingredient], into: Path, report: Report) -> None:
    if batch:
        count = store.append(into, batch)
        report.ingredients += count
        report.known += len(batch) - count


def _extract(repository: Path, ref: str, folder: Path) -> None:
    """The stores' files of a git ref's tree."""
    if git.resolve(repository, ref) is None:
        raise StoreError(f"{repository}#{ref}: no such ref in this repository")
    with git.objects(repository) as read:
        for entry in git.tree(repository, ref):
            if Path(entry.path).suffix in _SUFFIXES:
                found = read(entry.oid)
                if found is None or found.kind != "blob":
                    raise StoreError(
                        f"{repository}#{ref}: {entry.path} cannot be read (larger than {git.LARGEST >> 20} MiB?)"
                    )
                _write(folder, entry.path, found.data)


def _write(folder: Path, path: str, data: bytes) -> None:
    target = _inside(folder, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def _inside(folder: Path, path: str) -> Path:
    """The place of a foreign path below a folder; StoreError where it leads out of it."""
    target = folder / path
    if folder.resolve() not in target.resolve().parents:
        raise StoreError(f"{path}: leads out of its folder")
    return target


def _download(url: str, folder: Path) -> None:
    """The stores' files below a URL."""
    try:
        from pyarrow import fs
    except ImportError as error:
        raise StoreError(f"{url}: needs pyarrow (pip install 'provenance-cleanroom[data]')") from error
    try:
        system, root = fs.FileSystem.from_uri(url)
        found = system.get_file_info(fs.FileSelector(root, recursive=True))
        for info in sorted(found, key=lambda one: str(one.path)):
            if info.type == fs.FileType.File and Path(info.path).suffix in _SUFFIXES:
                target = _inside(folder, str(info.path).removeprefix(root.rstrip("/") + "/"))
                target.parent.mkdir(parents=True, exist_ok=True)
                with system.open_input_stream(info.path) as stream, target.open("wb") as file:
                    shutil.copyfileobj(stream, file)
    except (OSError, ValueError) as error:  # pyarrow's errors are of these
        raise StoreError(f"{url}: {error}") from error
