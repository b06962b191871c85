"""Commons: grams that prove nothing, suppressed before selection. It never looks at the data being scanned.

Format 1: a header line ``provenance commons 1 <recipe> <count> <xxh3-128 of the body>``, then the keys of the
grams as sorted little-endian u64. Every gram of the background counts, not a selection (a template shorter
than a window would slip through otherwise: cs50/compare50#72).
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from provenance import files, fingerprint
from provenance.errors import StoreError
from provenance.fingerprint import RECIPE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER = "provenance commons 1"
BASE = "base"
"""The set that ships with the project: licence texts and notices, and document preambles (index.make_base)."""


def keys_of(texts: Iterable[bytes]) -> NDArray[np.uint64]:
    """The keys of all eligible grams of the texts, sorted and distinct."""
    import numpy as np

    parts = [np.frombuffer(fingerprint.engine.measure(text)[2], "<u8") for text in texts]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.uint64)


def write(path: Path, keys: NDArray[np.uint64]) -> None:
    """Write a set, whole or not at all."""
    body = keys.astype("<u8").tobytes()
    header = f"{HEADER} {RECIPE} {len(keys)} {xxhash.xxh3_128_hexdigest(body)}\n"
    with files.replacing(path) as file:
        file.write(header.encode() + body)


def base() -> NDArray[np.uint64]:
    """The base set."""
    with resources.as_file(resources.files("provenance.index") / f"{BASE}.grams") as path:
        return read(path)


def read(path: Path) -> NDArray[np.uint64]:
    """Read a set; StoreError where it is damaged or of another recipe."""
    import numpy as np

    header, _, body = path.read_bytes().partition(b"\n")
    parts = header.decode("ascii", "replace").split(" ")
    if len(parts) != 6 or " ".join(parts[:3]) != HEADER:
        raise StoreError(f"{path}: not a commons file of format 1")
    if parts[3] != str(RECIPE):
        raise StoreError(f"{path}: made with recipe {parts[3]}; this version has {RECIPE} (make it again)")
    if xxhash.xxh3_128_hexdigest(body) != parts[5] or len(body) != 8 * int(parts[4]):
        raise StoreError(f"{path}: damaged (its digest differs from its header)")
    return np.frombuffer(body, "<u8")
