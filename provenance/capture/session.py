"""What every reader of transcripts yields, whatever the assistant: what was shown, what was written, and a tally.

The readers turn foreign bytes into these; ``novelty`` turns these into ingredients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from provenance.capture.foreign import decoded, dict_of, list_of, strings, text_of
from provenance.words import Status

if TYPE_CHECKING:
    from provenance.model import Origin

__all__ = [
    "EDIT_KINDS",
    "Event",
    "Shown",
    "Start",
    "Tally",
    "Wrote",
    "decoded",
    "dict_of",
    "list_of",
    "records",
    "strings",
    "text_of",
]


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


class Start(NamedTuple):
    """Another session begins, in a file that holds several: nothing shown before counts for what comes after."""

    session: str


Event = Shown | Wrote | Start

EDIT_KINDS = frozenset({"edit", "write", "notebook", "patch", "heredoc"})
"""The kinds that put text into a file."""


class Tally:
    """What a reader saw in one file. A file with signs of change but no edit is reported loudly."""

    def __init__(self) -> None:
        self.assistant = ""
        self.records = 0
        self.unknown: Counter[str] = Counter()
        """Types of records and blocks that the reader does not know, with how many of each."""
        self.broken = 0
        """Lines that are no JSON object."""
        self.edit_calls = 0
        """Calls of editing tools, whatever became of them."""
        self.wrote: Counter[str] = Counter()
        """Outputs read, by kind."""
        self.deletions = 0
        """Edits read that only took text away."""
        self.unread = 0
        """Editing calls that did not fail, and results that show a change, of which no edit was read."""
        self.cut = ""
        """Why the rest of the file could not be read, where that is so."""
        self.changed = 0
        """Records which show that files changed: backups, patch results (a commit may be all of a person's work)."""

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
