"""The ledger: an append-only record of what was ingested, indexed, scanned and decided. No text enters it.

Format 1: one canonical JSON object a line (sorted keys, no spaces, UTF-8), appended under a lock in one write.
It signs nothing and proves nothing yet.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from provenance import files


class Entry(NamedTuple):
    """One line: what happened, with its particulars."""

    kind: str
    facts: dict[str, Any]


class Torn(NamedTuple):
    """A line that does not parse; it is set aside, and what stands before and after it is still read."""

    line: int


def append(store: Path, kind: str, facts: dict[str, Any]) -> None:
    """Add one entry in one write."""
    line = json.dumps({"ledger": 1, "kind": kind, **facts}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with files.locked(store / "lock"):
        path = store / "ledger.jsonl"
        data = line.encode("utf-8", "replace") + b"\n"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data  # an earlier writer was cut off in mid-line: its line stays apart
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(store: Path) -> Iterator[Entry | Torn]:
    """The entries in order, with torn lines in their place."""
    path = store / "ledger.jsonl"
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                facts = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError):
                yield Torn(number)
                continue
            yield Entry(str(facts.pop("kind", "")), facts)
