"""The ledger: an append-only record of what was ingested, indexed, scanned and decided. No text enters it.

Format 1: one canonical JSON object a line (sorted keys, no spaces, UTF-8), appended under a lock in one write.
It signs nothing and proves nothing yet.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from provenance import files

FORMAT = 1


class Entry(NamedTuple):
    """One line: what happened, with its particulars."""

    kind: str
    facts: dict[str, Any]


class Torn(NamedTuple):
    """A line that is no entry: its writer was cut off, or it is of another format. It is set aside, and what stands
    before and after it is still read."""

    line: int
    """Counted from 1."""


def append(store: Path, kind: str, facts: dict[str, Any]) -> None:
    """Add one entry in one write, whole or not at all; ``read`` gives back the same kind and facts.

    ``facts`` is what JSON can say, without the keys ``ledger`` and ``kind``.
    """
    if taken := facts.keys() & {"ledger", "kind"}:
        raise ValueError(f"facts of the ledger have no key {sorted(taken)}")
    entry = {"ledger": FORMAT, "kind": kind, **facts}
    line = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A file name that is no UTF-8 holds lone surrogates, which JSON can say as escapes alone.
    data = line.encode("utf-8", "backslashreplace") + b"\n"
    path = store / "ledger.jsonl"
    with files.locked(store / "lock"), path.open("ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                data = b"\n" + data  # an earlier writer was cut off in mid-line: its line stays apart
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def read(store: Path) -> Iterator[Entry | Torn]:
    """The entries in order, with torn lines in their place."""
    path = store / "ledger.jsonl"
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _entry(line) or Torn(number)


def _entry(line: bytes) -> Entry | None:
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):  # a JSONDecodeError and a UnicodeDecodeError are ValueErrors
        return None
    if not isinstance(facts, dict) or facts.pop("ledger", None) != FORMAT:
        return None
    kind = facts.pop("kind", None)
    return Entry(kind, facts) if isinstance(kind, str) else None
