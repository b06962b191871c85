"""A Hugging Face dataset card: keys of its front matter and a section, made new or brought up to date in a README.md.

Source: huggingface.co/docs/hub/datasets-cards and the card's metadata (``datasetcard.md`` of huggingface/hub-docs).
What is ours stands between two marks, in the front matter and in the text; every other byte of a README stays.
"""

from __future__ import annotations

import re

import yaml

from provenance.errors import DatasetError
from provenance.exports import said
from provenance.exports.said import Given
from provenance.label.form import Label

KEYS = ("# provenance: begin", "# provenance: end")
SECTION = ("<!-- provenance: begin -->", "<!-- provenance: end -->")
CREATORS = "language_creators"
_FRONT = re.compile(rb"(---[ \t]*\r?\n)((?:.*?\n)??)(---[ \t]*(?:\r?\n|\Z))", re.DOTALL)
_BOM = b"\xef\xbb\xbf"


def render(label: Label, given: Given) -> bytes:
    """A card with nothing else in it."""
    return updated(b"", label)


def updated(readme: bytes, label: Label) -> bytes:
    """The card with our keys and section as the label has it; doing it twice changes nothing, and other bytes stay.

    A key of the card's own is never changed: where it has ``language_creators`` itself, ours is left out (``advice``).
    Raises DatasetError where the front matter or our marks are not whole.
    """
    bom = _BOM if readme.startswith(_BOM) else b""
    rest = readme[len(bom) :]
    line = b"\r\n" if rest.count(b"\r\n") * 2 > rest.count(b"\n") else b"\n"
    opening, front, closing, body = _parted(rest)
    own = _keys(label, CREATORS in _mapping(_without(front, KEYS)))
    head = _replaced(front, KEYS, own, line)
    text = _replaced(body, SECTION, _section(label), line, gap=line)
    return bom + (opening or b"---" + line) + head + (closing or b"---" + line) + text


def advice(readme: bytes, label: Label) -> str:
    """What the card's own keys leave unsaid, as a sentence; empty where they say it. Raises as ``updated``."""
    _, front, _, _ = _parted(readme.removeprefix(_BOM))
    said_there = _mapping(_without(front, KEYS)).get(CREATORS)
    values = said_there if isinstance(said_there, list) else [said_there]
    if not label.totals.matched or said_there is None or "machine-generated" in values:
        return ""
    return f"the card's own {CREATORS} has no machine-generated, and {label.totals.matched:,} records match (add it)"


def _parted(readme: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """The line that opens the front matter, its lines, the one that closes it, and what follows."""
    if not re.match(rb"---[ \t]*\r?\n", readme):
        return b"", b"", b"", readme
    found = _FRONT.match(readme)
    if found is None:
        raise DatasetError("the card's front matter does not end (close it with a line of ---)")
    return found[1], found[2] or b"", found[3], readme[found.end() :]


def _mapping(front: bytes) -> dict[object, object]:
    try:
        value = yaml.safe_load(front)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DatasetError(f"the card's front matter is not YAML: {str(error)[:200]}") from error
    if value is not None and not isinstance(value, dict):
        raise DatasetError("the card's front matter is no mapping of keys")
    return value or {}


def _span(text: bytes, marks: tuple[str, str]) -> tuple[int, int] | None:
    """Where the lines from one mark to the other stand."""
    begins, ends = (
        [found.start() for found in re.finditer(rb"(?m)^" + re.escape(mark.encode()), text)] for mark in marks
    )
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise DatasetError(
            f"the card's marks {marks[0]!r} and {marks[1]!r} are not one pair (remove both, and all between)"
        )
    end = text.find(b"\n", ends[0])
    return begins[0], len(text) if end < 0 else end + 1


def _without(text: bytes, marks: tuple[str, str]) -> bytes:
    span = _span(text, marks)
    return text if span is None else text[: span[0]] + text[span[1] :]


def _replaced(text: bytes, marks: tuple[str, str], own: list[str], line: bytes, gap: bytes = b"") -> bytes:
    block = b"".join(one.encode() + line for one in (marks[0], *own, marks[1]))
    span = _span(text, marks)
    if span is not None:
        return text[: span[0]] + block + text[span[1] :]
    if text and not text.endswith(b"\n"):
        text += line
    return text + (gap if text else b"") + block


def _keys(label: Label, is_said: bool) -> list[str]:
    creators = [] if is_said or not label.totals.matched else [f"{CREATORS}:", "- machine-generated"]
    return [
        *creators,
        "provenance_label:",
        f"  label: {said.digest(label)}",
        f"  root: {label.subject.root}",
        *(f"  {name}: {getattr(label.totals, name)}" for name in ("records", "matched", "unknown", "skipped")),
    ]


def _section(label: Label) -> list[str]:
    rows = [
        f"| {said.escaped(one.model)} | {said.escaped(one.provider)} | {said.escaped(', '.join(one.tools))} | "
        f"{said.escaped(', '.join(one.similarities))} | {said.escaped(', '.join(one.evidence))} | {one.records:,} |"
        for one in said.made(label)
    ]
    table = ["| model | provider | tool | similarity | known by | records |", "|---|---|---|---|---|---:|", *rows, ""]
    return [
        "## Recorded and declared outputs of models",
        "",
        f"{label.totals.matched:,} of {label.totals.records:,} records match recorded outputs, or declare that a "
        "model wrote them.",
        "",
        *(table if rows else []),
        *(f"- {one}" for one in said.limits(label)),
        "",
        f"From the ingredient label `{said.digest(label)}` of the dataset with root `{label.subject.root}`.",
    ]
