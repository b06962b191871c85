"""What a label's file must be: the bytes that ``encode`` gives, with sums and roots that agree. All else is an error.

So nothing can stand in a label that no reader shows, and a label has one digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from provenance.errors import StoreError
from provenance.label.form import FORM, File, Label, Parent
from provenance.ledger import merkle
from provenance.words import Action

LARGEST = 1 << 28
"""Bytes; a file of a dataset takes some 250."""
RELATIONS = ("input", "filter", "join", "merge")
MOST = 1 << 53
"""What every reader of JSON holds exactly."""
DIGEST = re.compile(r"[0-9a-f]{64}")


class Read(NamedTuple):
    """A label as its file has it."""

    path: Path
    digest: str
    """SHA-256 of the file."""
    label: Label


def encode(label: Label) -> bytes:
    """The bytes of a label's file."""
    return msgspec.json.format(msgspec.json.encode(label), indent=2) + b"\n"


def root_of(files: Iterable[File]) -> str:
    """The root of a subject with these files."""
    return merkle.root(merkle.leaf(bytes.fromhex(one.root)) for one in sorted(files, key=order)).hex()


def order(file: File) -> tuple[str, str]:
    """How the files of a subject stand: by path, and where two datasets had one of the same path, by content."""
    return file.path, file.sha256


def load(path: Path) -> Read:
    """The label of a file. Whatever its bytes, a label or a StoreError that says what is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StoreError(f"{path}: cannot be read: {reason} (name a label)") from error
    return Read(path, hashlib.sha256(content).hexdigest(), parse(content, str(path)))


def parse(content: bytes, where: str) -> Label:
    """The label of these bytes; ``where`` names it in errors. Raises StoreError."""
    if len(content) > LARGEST:
        raise StoreError(f"{where}: larger than {LARGEST >> 20} MB, which no label is")
    try:
        label = msgspec.json.decode(content, type=Label)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise StoreError(f"{where}: not a label of form {FORM}: {str(error)[:200]} (make it again)") from error
    wrong = next(_faults(label), "")
    if not wrong and _encoded(label) != content:
        wrong = "not as it was written: other spacing, order, or unknown keys"
    if wrong:
        raise StoreError(f"{where}: {wrong} (a label is not edited: make it again)")
    return label


def _encoded(label: Label) -> bytes:
    try:
        return encode(label)
    except (ValueError, OverflowError, RecursionError):
        return b""


def _faults(label: Label) -> Iterator[str]:
    if label.label != FORM:
        yield f"form {label.label}; this version reads {FORM}"
    subject, totals = label.subject, label.totals
    digests = [subject.root, *(one for file in subject.files for one in (file.sha256, file.root))]
    digests += [one for parent in label.parents for one in (parent.label, parent.root)]
    if not all(map(DIGEST.fullmatch, digests)) or (label.contents and not DIGEST.fullmatch(label.contents)):
        yield "a digest is not 64 hex digits"
        return
    if not all(0 <= count <= MOST for count in _counts(label)):
        yield "a count is below zero or beyond 2^53"
    if not {label.judgement.verdict, *(one.action for one in label.shares)} <= set(map(str, Action)):
        yield "a verdict or action is none of a policy's"
    places = [order(file) for file in subject.files]
    if places != sorted(set(places)):
        yield "its files are not in order, or one is there twice"
    if root_of(subject.files) != subject.root:
        yield "its root is not that of its files"
    if len(subject.files) != totals.files or sum(one.records for one in subject.files) != totals.records:
        yield "files or records do not add up to the totals"
    if totals.matched + totals.unknown + totals.skipped != totals.records:
        yield "matched, unknown and skipped records do not add up to all records"
    if sum(one.records for one in label.shares) != totals.matched:
        yield "the shares do not add up to the matched records"
    if sum(label.skipped.values()) != totals.skipped:
        yield "the reasons do not add up to the skipped records"
    if any(parent.relation not in RELATIONS for parent in label.parents):
        yield f"a parent's relation is none of {', '.join(RELATIONS)}"


def _counts(label: Label) -> Iterator[int]:
    yield from (number for file in label.subject.files for number in (file.size, file.records))
    yield from (value for value in msgspec.structs.astuple(label.totals) if isinstance(value, int))
    yield from (number for one in label.shares for number in (one.records, one.tokens))
    yield from (one.records for some in (label.clauses, label.waivers, label.parents) for one in some)
    yield from label.skipped.values()
    yield from label.judgement.verdicts.values()
    yield from (*label.tool.suppressed.values(), label.tool.ingredients, label.tool.missed_captures)


def parent_of(read: Read, relation: str) -> Parent:
    """How a label names another that it is made from."""
    label = read.label
    return Parent(relation, label.subject.name, read.digest, label.subject.root, label.totals.records)
