"""What every reader of transcripts yields, whatever the assistant: what was shown, what was written, and a tally.

The readers turn foreign bytes into these; ``novelty`` turns these into ingredients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from provenance.model import Origin, Status


class Shown(NamedTuple):
    """Text that the session showed the model: a prompt, a file it read, the output of a command."""

    text: str


class Wrote(NamedTuple):
    """Text that the model wrote, with the pre-image it replaced where the record has one."""

    blocks: tuple[str, ...]
    """The added text, in order; context and unchanged lines are already out."""
    before: tuple[str, ...]
    """The pre-image: text that was there before."""
    kind: str
    path: str
    call: str
    ordinal: int
    status: Status
    origin: Origin


Event = Shown | Wrote

EDIT_KINDS = frozenset({"edit", "write", "notebook", "patch", "heredoc"})
"""The kinds that put text into a file."""


@dataclass(slots=True)
class Tally:
    """What a reader saw in one file. A file with signs of change but no edit is reported loudly."""

    assistant: str = ""
    records: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    """Record types that the reader does not know, with how many of each."""
    broken: int = 0
    """Lines that are no JSON object."""
    edit_calls: int = 0
    """Calls of editing tools, whatever became of them."""
    wrote: Counter[str] = field(default_factory=Counter)
    """Outputs read, by kind."""
    deletions: int = 0
    """Edits read that only took text away."""
    cut: str = ""
    """Why the rest of the file could not be read, where that is so."""
    changed: int = 0
    """Records which show that files changed: backups, patch results, commits."""

    @property
    def silent(self) -> bool:
        """Whether the file shows changes, or editing calls, of which no edit was read."""
        return (self.changed > 0 or self.edit_calls > 0) and not self.deletions and not EDIT_KINDS & self.wrote.keys()


def records(lines: Iterator[bytes], tally: Tally) -> Iterator[dict[str, Any]]:
    """The JSON objects of the lines; a line that is none is counted in ``tally.broken`` and passed over."""
    decode = msgspec.json.Decoder().decode
    for line in lines:
        if not line.strip():
            continue
        tally.records += 1
        try:
            record = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            tally.broken += 1
            continue
        if isinstance(record, dict):
            yield record
        else:
            tally.broken += 1


def text_of(value: Any) -> str:
    """A string out of a foreign value: itself if it is one, else empty."""
    return value if isinstance(value, str) else ""


def dict_of(value: Any) -> dict[str, Any]:
    """A dict out of a foreign value: itself if it is one, else empty."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """A list out of a foreign value: itself if it is one, else empty."""
    return value if isinstance(value, list) else []


def strings(value: Any, depth: int = 0) -> Iterator[str]:
    """Every string leaf of a JSON value, in order; nothing deeper than 32 levels."""
    if isinstance(value, str):
        yield value
    elif depth < 32 and isinstance(value, dict):
        for item in value.values():
            yield from strings(item, depth + 1)
    elif depth < 32 and isinstance(value, list):
        for item in value:
            yield from strings(item, depth + 1)
