"""Commons: grams that prove nothing, suppressed before selection. It never looks at the data being scanned.

A set is a file (docs/format-commons.md): what it is and where it came from, then the keys of its grams, sorted and
distinct, to be read through a memory map. Every gram of the background counts, not a selection (a template shorter
than a window would slip through otherwise: cs50/compare50#72).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec
import xxhash

from provenance import files, fingerprint
from provenance.errors import StoreError
from provenance.fingerprint import RECIPE
from provenance.index.segment import distinct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAGIC = "provenance commons"
FORMAT = 2
PAGE = 4096
"""The keys begin at a multiple of this many bytes."""
LONGEST = 300, 64 << 20
"""More bytes than these the two lines of a head never have."""
BASE = "base"
"""The set that ships with the project: licence texts and notices, and document preambles (index.make_base)."""
CHUNK = 32 << 20
"""Keys that are gathered in memory before a run is spilled: 256 MB."""
AGAIN = "restore it, or build it again: provenance index commons build"


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a set was made from; it names no place on the machine and no time of building."""

    kind: str
    """``folder``, ``dataset`` or ``git``."""
    name: str
    """The last part of its path."""
    texts: int = 0
    size: int = 0
    """Bytes of the texts."""
    skipped: dict[str, int] = {}
    """What was not read: ``binary``, ``large``, ``unreadable``, ``rows`` of a dataset."""
    columns: tuple[str, ...] = ()
    """Of a dataset: the columns asked for; none for every text."""
    until: str = ""
    """Of a git history: the last moment, UTC."""
    commits: int = 0
    head: str = ""
    """Of a git history: the latest of the commits that count."""


class Description(msgspec.Struct, frozen=True):
    """The second line of a file."""

    name: str
    sources: tuple[Source, ...] = ()


class Info(msgspec.Struct, frozen=True):
    """What a set is."""

    name: str
    sources: tuple[Source, ...]
    recipe: str
    grams: int
    digest: str
    """xxh3-128 of the keys: equal for equal sets, whatever they are called and were made from."""
    size: int
    """Bytes of the file."""
    format: int


def keys_of(texts: Iterable[bytes]) -> NDArray[np.uint64]:
    """The keys of all eligible grams of the texts, sorted and distinct; all texts in memory."""
    import numpy as np

    parts = [np.frombuffer(fingerprint.engine.measure(text)[2], "<u8") for text in texts]
    return distinct(np.concatenate(parts)) if parts else np.empty(0, np.uint64)


def write(path: Path, keys: NDArray[np.uint64], name: str = "", sources: Sequence[Source] = ()) -> Info:
    """Write a set of sorted, distinct keys, whole or not at all; without a name it is called as the file is."""
    return _write(path, [keys], name, sources)


def base() -> NDArray[np.uint64]:
    """The base set."""
    with resources.as_file(resources.files("provenance.index") / f"{BASE}.grams") as path:
        return read(path)


def read(path: Path) -> NDArray[np.uint64]:
    """The keys of a set; StoreError where it is damaged or of another recipe."""
    return load(path)[1]


def info(path: Path) -> Info:
    """What a set is, after every byte was compared with the digests; StoreError as ``read``."""
    return load(path)[0]


def load(path: Path) -> tuple[Info, NDArray[np.uint64]]:
    """A set and its keys, mapped where the format allows it, verified once; StoreError as ``read``."""
    try:
        with path.open("rb") as file:
            version, fields = _head(path, file)
            return _load_1(path, file, fields) if version == 1 else _load_2(path, file, fields)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error} (name a commons file that can be read)") from error


def _head(path: Path, file: BinaryIO) -> tuple[int, list[str]]:
    """The version, and what stands on the first line after it."""
    line = file.readline(LONGEST[0])
    parts = line.decode("ascii", "replace").removesuffix("\n").split(" ")
    if " ".join(parts[:2]) != MAGIC or len(parts) < 3 or not parts[2].isdecimal():
        raise StoreError(f"{path}: not a commons file (name one that provenance index commons build wrote)")
    version, fields = int(parts[2]), parts[3:]
    if version not in (1, FORMAT):
        raise StoreError(f"{path}: commons format {version}; this version reads 1 and {FORMAT} (update provenance)")
    if not line.endswith(b"\n") or len(fields) != version + 2 or not fields[1].isdecimal():
        raise StoreError(f"{path}: damaged (its first line is not whole; {AGAIN})")
    if fields[0] != str(RECIPE):
        raise StoreError(
            f"{path}: made with recipe {fields[0]}; this version has {RECIPE} "
            "(make it again: provenance index commons build)"
        )
    return version, fields


def _load_1(path: Path, file: BinaryIO, fields: list[str]) -> tuple[Info, NDArray[np.uint64]]:
    import numpy as np

    recipe, count, digest = fields
    start = file.tell()
    body = file.read()
    _check_size(path, start, int(count), start + len(body))
    if xxhash.xxh3_128_hexdigest(body) != digest:
        raise StoreError(f"{path}: damaged (its digest differs from its header; {AGAIN})")
    return Info(path.stem, (), recipe, int(count), digest, start + len(body), 1), np.frombuffer(body, "<u8")


def _load_2(path: Path, file: BinaryIO, fields: list[str]) -> tuple[Info, NDArray[np.uint64]]:
    import numpy as np

    recipe, count, digest, line_digest = fields
    line = file.readline(LONGEST[1])
    start = file.tell()
    if xxhash.xxh3_128_hexdigest(line) != line_digest or start % PAGE:
        raise StoreError(f"{path}: damaged (the digest of its second line differs from its header; {AGAIN})")
    size = file.seek(0, 2)
    _check_size(path, start, int(count), size)
    keys = np.empty(0, np.uint64)
    if size > start:
        # A plain array over the map: the map lives as long as the array.
        keys = np.asarray(np.memmap(file, "<u8", "r", offset=start, shape=(int(count),)))
    if _digest(file, start) != digest:
        raise StoreError(f"{path}: damaged (the digest of its keys differs from its header; {AGAIN})")
    described = msgspec.json.decode(line, type=Description)
    return Info(described.name, described.sources, recipe, int(count), digest, size, 2), keys


def _digest(file: BinaryIO, start: int) -> str:
    """Of what follows; read, for what a map has touched counts as memory of the process."""
    digest = xxhash.xxh3_128()
    file.seek(start)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _check_size(path: Path, start: int, count: int, size: int) -> None:
    if size != start + 8 * count:
        raise StoreError(f"{path}: damaged ({size:,} bytes instead of {start + 8 * count:,}; {AGAIN})")


def _write(path: Path, parts: Iterable[NDArray[np.uint64]], name: str, sources: Sequence[Source]) -> Info:
    """Write the parts one after the other; the head, which counts them, is filled in at the end."""
    described = Description(name or path.stem, tuple(sources))
    line = msgspec.json.encode(described)
    start = _start(line)
    count, digest = 0, xxhash.xxh3_128()
    with files.replacing(path) as file:
        file.seek(start)
        for part in parts:
            content = part.astype("<u8", copy=False).data.cast("B") if len(part) else b""
            file.write(content)
            digest.update(content)
            count += len(part)
        file.seek(0)
        file.write(_head_bytes(line, start, count, digest.hexdigest()))
    return Info(described.name, described.sources, str(RECIPE), count, digest.hexdigest(), start + 8 * count, FORMAT)


def _start(line: bytes) -> int:
    """Where the keys begin: the first page after a head whose count has 20 digits, the most that it may have."""
    return -(-len(_first(10**19, "0" * 32, "0" * 32) + line + b"\n") // PAGE) * PAGE


def _first(count: int, digest: str, line_digest: str) -> bytes:
    return f"{MAGIC} {FORMAT} {RECIPE} {count} {digest} {line_digest}\n".encode("ascii")


def _head_bytes(line: bytes, start: int, count: int, digest: str) -> bytes:
    padded = line.ljust(start - len(_first(count, digest, "0" * 32)) - 1) + b"\n"
    return _first(count, digest, xxhash.xxh3_128_hexdigest(padded)) + padded


@contextmanager
def gathering(path: Path, chunk: int = CHUNK) -> Iterator[Gathering]:
    """What gathers texts into a set at ``path``, in a folder beside it that is gone when the block ends, however it
    ends. StoreError where something else than a set stands in the place."""
    if path.is_dir():
        raise StoreError(f"{path}: is a folder (name the file to write)")
    if path.exists():
        with path.open("rb") as file:
            if not file.read(len(MAGIC)) == MAGIC.encode():
                raise StoreError(f"{path}: holds something else than a commons set (name another file)")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent) as folder:
        yield Gathering(path, Path(folder), chunk)


class Gathering:
    """Distinct keys of more texts than memory holds: sorted runs in a folder, merged when all texts have come."""

    def __init__(self, path: Path, folder: Path, chunk: int) -> None:
        import numpy as np

        self.path = path
        self.folder = folder
        """Room for the gatherer's own temporary files too."""
        self.grams = 0
        """Eligible grams so far, repeats counted."""
        self._chunk = chunk
        self._held = 0
        self._buffer = np.empty(chunk, "<u8")
        self._runs: list[Path] = []

    def add(self, text: bytes) -> None:
        """Every eligible gram of a text."""
        import numpy as np

        keys = np.frombuffer(fingerprint.engine.measure(text)[2], "<u8")
        self.grams += len(keys)
        while len(keys):
            taken = keys[: self._chunk - self._held]
            self._buffer[self._held : self._held + len(taken)] = taken
            self._held += len(taken)
            keys = keys[len(taken) :]
            if self._held == self._chunk:
                self._held = _distinct(self._buffer)
                if self._held > self._chunk // 2:
                    self._spill()

    def write(self, name: str, sources: Sequence[Source]) -> Info:
        """Write the set, whole or not at all; nothing can be added afterwards."""
        if not self._runs:
            held = self._buffer[: self._held]
            return _write(self.path, [held[: _distinct(held)]], name, sources)
        self._held = _distinct(self._buffer[: self._held])
        self._spill()
        self._buffer = self._buffer[:0].copy()
        return _write(self.path, merged(self._runs, max(1, self._chunk // 4)), name, sources)

    def _spill(self) -> None:
        run = self.folder / f"{len(self._runs):08d}.run"
        self._buffer[: self._held].tofile(run)
        self._runs.append(run)
        self._held = 0


def _distinct(keys: NDArray[np.uint64], step: int = 1 << 20) -> int:
    """Sort in place and move the distinct keys to the front: how many they are."""
    keys.sort()
    kept = 0
    for at in range(0, len(keys), step):
        part = keys[at : at + step]
        new = part != 0
        new[1:] = part[1:] != part[:-1]
        new[0] = not kept or part[0] != keys[kept - 1]
        chosen = part[new]
        keys[kept : kept + len(chosen)] = chosen
        kept += len(chosen)
    return kept


def merged(runs: Sequence[Path], room: int) -> Iterator[NDArray[np.uint64]]:
    """The distinct keys of sorted runs, in order, holding at most ``room`` keys at a time (or one of each run).

    Of every run an equal share is held. What is not above the lowest last key of the shares is complete: it goes out,
    and the shares are filled up again.
    """
    import numpy as np

    share = max(1, room // len(runs))
    sizes = [run.stat().st_size // 8 for run in runs]
    ends = [0] * len(runs)
    held = [np.empty(0, "<u8") for _ in runs]
    while True:
        for number, run in enumerate(runs):
            wanted = min(share - len(held[number]), sizes[number] - ends[number])
            if wanted > 0:
                # Read, not mapped: what a map has touched counts as memory of the process.
                more = np.fromfile(run, "<u8", wanted, offset=8 * ends[number])
                held[number] = np.concatenate([held[number], more])
                ends[number] += wanted
        lasts = [keys[-1] for keys, end, size in zip(held, ends, sizes, strict=True) if end < size]
        counts = [int(keys.searchsorted(min(lasts), "right")) if lasts else len(keys) for keys in held]
        keys = np.concatenate([keys[:count] for keys, count in zip(held, counts, strict=True)])
        held = [keys[count:] for keys, count in zip(held, counts, strict=True)]
        if not len(keys):
            return
        yield keys[: _distinct(keys)]
