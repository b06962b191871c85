"""Outputs and questions that reach every file of an index; they assert nothing."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from provenance import matching
from provenance.index import Index
from provenance.index.segment import CAP
from provenance.model import Ingredient, Match
from tests.making import CLAUDE, code, ingredient

COPIES = CAP + 6
TEMPLATE = " ".join(code(77, 60))
SHORT = "return total / len(rows) if rows else None"


def at(number: int) -> str:
    """A time a minute after the one before."""
    return f"2026-01-{number // 1440 + 1:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00.000Z"


def output(text: str, number: int, **fields: str) -> Ingredient:
    """An output with a time and an id of its own."""
    return ingredient(text, call=f"c{number}", origin=msgspec.structs.replace(CLAUDE, time=at(number), **fields))


def outputs(count: int, first: int = 0, tokens: int = 120) -> list[Ingredient]:
    """Different outputs, each of another session."""
    return [output(" ".join(code(n, tokens)), n, session=f"s{n}") for n in range(first, first + count)]


def copies(count: int, first: int = 1000, text: str = TEMPLATE) -> list[Ingredient]:
    """Outputs with the same text."""
    return [output(text, n) for n in range(first, first + count)]


def everything() -> list[Ingredient]:
    """Different outputs, short ones, and one text more often than postings are kept of it."""
    return [*outputs(12), output(SHORT, 50), output(SHORT, 51), *copies(COPIES)]


def questions() -> list[str]:
    """Texts that are fragments, equal, under other names, alike, short, templates, wrapped, and clean."""
    own = [code(seed, 120) for seed in range(4)]
    rng = random.Random(1)
    edited = [token if rng.random() > 0.03 else "edited" for token in own[2]]
    named = [f"x{token}" if token[0].isalpha() and token[-1].isdigit() else token for token in own[3]]
    return [
        "\n".join(["# before", *own[0][20:90], "# behind"]),
        " ".join(own[1]),
        " ".join(edited),
        " ".join(named),
        SHORT,
        f"# a host\n{TEMPLATE}",
        "\n".join(f"+{word}" for word in ["# before", *own[0][20:90]]),
        " ".join(code(9999, 200)),
    ]


def answers(index: Index, texts: Sequence[str]) -> list[tuple[Match, ...]]:
    """The matches of each text."""
    data = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, data)], dtype=np.int64)
    _, found = matching.match(b"".join(data), offsets, index)
    matches = {one.unit: one.matches for one in found}
    return [matches.get(unit, ()) for unit in range(len(texts))]


def only_segment(index: Path) -> Path:
    """The folder of the one segment of an index."""
    (folder,) = (index / "segments").iterdir()
    return folder


def content(folder: Path) -> dict[str, str]:
    """The digest of every file below a folder but for locks, by its name, segments by their order in place of their
    number."""
    order = {path.name: f"segment {n}" for n, path in enumerate(sorted((folder / "segments").iterdir()))}
    return {
        "/".join(order.get(part, part) for part in path.relative_to(folder).parts): hashlib.md5(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("lock", "adding")
    }


def segments(folder: Path) -> dict[str, str]:
    """The same without the manifest of the index, which names the number of the segment and the sources."""
    return {name: digest for name, digest in content(folder).items() if name != "manifest.json"}
