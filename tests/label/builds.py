"""Small datasets, scanned and judged, and their labels: for the tests of labels. It asserts nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from provenance import index, policy, scan
from provenance.index import Index
from provenance.label import making, reading
from provenance.label.form import Label
from provenance.label.reading import Read
from provenance.policy import Loaded
from provenance.report import collect
from tests.making import CLAUDE, code, ingredient

OUTPUTS = {seed: " ".join(code(seed, 120)) for seed in range(3)}
BYLINES = {
    0: CLAUDE,
    1: msgspec.structs.replace(CLAUDE, session="s2", time="2026-04-01T01:00:00+02:00"),
    2: msgspec.structs.replace(CLAUDE, provider="openai", model="gpt-5", tool="codex", session="s3", time="unknown"),
}
POLICY = b"version: 1\nname: ours\nrules:\n  - {id: rival, action: quarantine, grade: [copied, near copy]}\n"


def clean(seed: int) -> str:
    return " ".join(code(1000 + seed, 60))


def indexed(folder: Path) -> Path:
    """An index of the three outputs."""
    place = folder / "index"
    if not place.exists():
        index.build(place, [ingredient(text, call=f"c{seed}", origin=BYLINES[seed]) for seed, text in OUTPUTS.items()])
    return place


def judged(folder: Path, data: Path, run: str = "run", content: bytes = POLICY) -> Path:
    """The folder of a finished scan of ``data``, judged."""
    scan.run([str(data)], Index(indexed(folder)), folder / run)
    loaded = Loaded(policy.parse(content, "ours.yaml"), "ours.yaml", hashlib.sha256(content).hexdigest()[:32])
    collect.collect(folder / run, loaded)
    return folder / run


def jsonl(path: Path, *rows: Any) -> Path:
    """A JSONL file; a row in bytes stands as it is, a text is the field ``text``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (
        row if isinstance(row, bytes) else json.dumps({"text": row} if isinstance(row, str) else row).encode()
        for row in rows
    )
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def label(
    folder: Path, data: Path, name: str, parents: Sequence[tuple[Read, str]] = (), content: bytes = POLICY
) -> Read:
    """The label of a dataset, scanned and judged on the way, in ``labels/NAME.json``."""
    run = judged(folder, data, f"run-{name}", content)
    out = folder / "labels" / f"{name}.json"
    making.make([str(data)], run, name, out, parents, indexed(folder))
    return reading.load(out)


def rewritten(read: Read, path: Path, **changes: Any) -> Read:
    """A label with other values, written as labels are."""
    changed: Label = msgspec.structs.replace(read.label, **changes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(reading.encode(changed))
    return Read(path, hashlib.sha256(path.read_bytes()).hexdigest(), changed)
