"""What every reader of transcripts yields, whatever the assistant: what was shown, what was written, and a tally.

The readers turn foreign bytes into these; ``novelty`` turns these into ingredients.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
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
    """Types of records and blocks that the reader does not know, with how many of each."""
    broken: int = 0
    """Lines that are no JSON object."""
    edit_calls: int = 0
    """Calls of editing tools, whatever became of them."""
    wrote: Counter[str] = field(default_factory=Counter)
    """Outputs read, by kind."""
    deletions: int = 0
    """Edits read that only took text away."""
    unread: int = 0
    """Editing calls that did not fail, and results that show a change, of which no edit was read."""
    cut: str = ""
    """Why the rest of the file could not be read, where that is so."""
    changed: int = 0
    """Records which show that files changed: backups and patch results (a commit may be all of a person's work)."""

    @property
    def silent(self) -> bool:
        """Whether the file shows a change of which no edit was read, be it one call or all there is."""
        return self.unread > 0 or (self.changed > 0 and not self.deletions and not EDIT_KINDS & self.wrote.keys())

    def stranger(self, kind: str) -> None:
        """Count a type that the reader does not know, under a name fit to be printed."""
        name = "".join(char if char.isprintable() else "?" for char in kind[:60])
        self.unknown[name or "(none)"] += 1


def records(lines: Iterable[bytes], tally: Tally) -> Iterator[dict[str, Any]]:
    """The JSON objects of the lines; a line that is none is counted in ``tally.broken`` and passed over."""
    for line in lines:
        if not line.strip(b" \t\r\n\xef\xbb\xbf\0"):
            continue
        tally.records += 1
        record = decoded(line)
        if isinstance(record, dict):
            yield record
        else:
            tally.broken += 1


_decode = msgspec.json.Decoder().decode


def decoded(data: bytes | str) -> Any:
    """The value of a JSON text, or None where it is none.

    JavaScript cuts strings between the halves of a character and writes each half as ``\\ud83d``, which is no
    Unicode; it becomes a question mark here, as bytes that are no UTF-8 become U+FFFD. So every string that is
    read can be written.
    """
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        value = json.loads(text.lstrip("\ufeff"), parse_constant=lambda name: None)
        return _decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None


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
