"""What every form says of a label, in one set of words: who is recorded, how much, and what nobody knows."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from provenance.label import reading
from provenance.label.form import Label, Share
from provenance.words import UNKNOWN

_MARKUP = {ord(mark): f"&#{ord(mark)};" for mark in '\\`*_[]<>&|!#~$@{}"^'}
_LINK = re.compile(
    r"(?i)(?<=http):(?=//)|(?<=https):(?=//)|(?<=ftp):(?=//)|(?<=www)\.|(?<=mailto):|(?<=xmpp):|:(?=[0-9_+-]*[a-z][\w+-]*:)"
)
"""Points and colons that GitHub's Markdown takes for a link, or a picture's name."""
_TYPES = {
    "arrow": "application/vnd.apache.arrow.file",
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "md": "text/markdown",
    "ndjson": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
    "tar": "application/x-tar",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
}
"""Media types by suffix: registered with IANA, or what the format's makers use."""


class Given(NamedTuple):
    """What some forms ask and no label knows. What is not given stays unknown."""

    date: str = ""
    """When the dataset was made (RFC 3339, UTC, to the second)."""
    issuer: str = UNKNOWN
    """Who answers for it."""
    purpose: str = UNKNOWN


class Made(NamedTuple):
    """All shares of one model: what a form has room for."""

    provider: str
    model: str
    tools: tuple[str, ...]
    similarities: tuple[str, ...]
    evidence: tuple[str, ...]
    actions: tuple[str, ...]
    records: int
    tokens: int
    first: str
    last: str


def made(label: Label) -> list[Made]:
    """The shares folded by provider and model, sorted; their records add up to the matched ones."""
    groups: dict[tuple[str, str], list[Share]] = {}
    for one in label.shares:
        groups.setdefault((one.provider, one.model), []).append(one)
    return [
        Made(
            provider,
            model,
            _distinct(one.tool for one in shares),
            _distinct(one.similarity for one in shares),
            _distinct(one.evidence for one in shares),
            _distinct(one.action for one in shares),
            sum(one.records for one in shares),
            sum(one.tokens for one in shares),
            min((one.first for one in shares if one.first), default=""),
            max((one.last for one in shares if one.last), default=""),
        )
        for (provider, model), shares in sorted(groups.items())
    ]


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def named(one: Made) -> str:
    """A model as a sentence names it."""
    return f"{one.model} ({one.provider})"


def digest(label: Label) -> str:
    """SHA-256 of the label's file."""
    return hashlib.sha256(reading.encode(label)).hexdigest()


def uuid_of(label: Label, what: str) -> str:
    """An identifier that is the same for the same label and purpose (RFC 9562, version 8: bits of a SHA-256)."""
    raw = bytearray(hashlib.sha256(f"{what}\n{digest(label)}".encode()).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def matched(label: Label) -> str:
    """How many records match, and whose outputs they match."""
    totals = label.totals
    whose = "; ".join(f"{named(one)}: {one.records:,}" for one in made(label))
    return (
        f"{totals.matched:,} of {totals.records:,} records match recorded outputs of models, or declare that a "
        f"model wrote them{f': {whose}' if whose else ''}."
    )


def limits(label: Label) -> list[str]:
    """What the label does not say, a sentence each."""
    totals = label.totals
    said = [
        f"The origin of {totals.unknown:,} of {totals.records:,} records is unknown: they match no indexed "
        "output and declare nothing, which does not say that a person wrote them."
    ]
    if totals.skipped:
        said.append(f"{totals.skipped:,} records could not be read: nothing is said of them.")
    if label.tool.missed_captures:
        said.append(f"{label.tool.missed_captures:,} captures were missed, so outputs may lack from the index.")
    return said


def facts(label: Label) -> list[tuple[str, str]]:
    """What has no field of its own in other forms, as names and values."""
    totals, judged, tool = label.totals, label.judgement, label.tool
    return [
        ("label", digest(label)),
        ("root", label.subject.root),
        *((name, str(count)) for name, count in msgspec.structs.asdict(totals).items()),
        ("verdict", judged.verdict),
        ("policy", judged.policy),
        *((one, value) for one in ("day", "use", "team") if (value := getattr(judged, one))),
        *((f"digest:{name}", value) for name, value in sorted(judged.digests.items())),
        *((f"skipped:{reason}", str(count)) for reason, count in sorted(label.skipped.items())),
        *((f"clause:{one.id}", f"{one.records} ({one.status})") for one in label.clauses),
        *((f"waiver:{one.id}", f"{one.records} (until {one.expires or UNKNOWN})") for one in label.waivers),
        ("recipe", tool.recipe),
        ("engine", tool.engine),
        ("index", tool.index),
        ("missed_captures", str(tool.missed_captures)),
    ]


def of_model(one: Made) -> list[tuple[str, str]]:
    """The same of one model."""
    return [
        ("records", str(one.records)),
        ("tokens", str(one.tokens)),
        ("tool", ", ".join(one.tools)),
        ("similarity", ", ".join(one.similarities)),
        ("evidence", ", ".join(one.evidence)),
        ("action", ", ".join(one.actions)),
        ("first", one.first or UNKNOWN),
        ("last", one.last or UNKNOWN),
    ]


def media_type(path: str) -> str:
    """The media type of a file by its name; of bytes where that says nothing."""
    name = path.lower().removesuffix(".gz").removesuffix(".zst").removesuffix(".bz2").removesuffix(".xz")
    return _TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def json(value: Any) -> bytes:
    """The value as JSON for people: two spaces, a newline at the end, keys in their order."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def escaped(text: str) -> str:
    """A name that others chose, for Markdown: on one line, every character visible, none of them markup.

    What is markup within a line (CommonMark 0.31, GitHub's tables, strikethrough and autolinks) becomes a character
    reference; points and colons stay where they make no link.
    """
    shown = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return _LINK.sub(lambda one: f"&#{ord(one[0])};", shown.translate(_MARKUP))
