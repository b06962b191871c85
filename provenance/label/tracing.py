"""Which labels, datasets and models have anything of an output, a session or a model in them, and what it costs to
take it out. It reads labels, their contents and the list of models; the datasets it does not need.

What cannot be known is said: contents that are missing, parents that are not in the folder. It never counts as nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from provenance import store
from provenance.errors import PolicyError, StoreError
from provenance.label import contents, reading
from provenance.label.contents import Member
from provenance.label.reading import Read
from provenance.model import Ingredient
from provenance.policy import strict

MODELS = "models.yaml"
HEAD = 4096
YES, NO, UNKNOWN = "yes", "no", "unknown"


class Asked(NamedTuple):
    """What is looked for: all that is not empty has to hold of one output."""

    ingredient: str = ""
    session: str = ""
    provider: str = ""
    model: str = ""
    """A pattern: ``claude-*``."""
    tool: str = ""

    def fits(self, one: Member | Asked) -> bool:
        """Whether it is this output, or one of these."""
        exact = ("ingredient", "session", "provider", "tool")
        same = all(getattr(self, name) in ("", getattr(one, name)) for name in exact)
        return same and (not self.model or fnmatchcase(one.model, self.model))


def repeated(stored: Path, asked: Asked) -> frozenset[str]:
    """Ids of outputs that have the text of one that is asked for, as a store knows them: a match is with the earliest
    of them, which may be another session's. Raises StoreError where the store is missing or damaged."""
    digests = {one.whole.digest for one in store.read(stored) if asked.fits(_named(one))}
    return frozenset(one.id for one in store.read(stored) if one.whole.digest in digests)


def _named(one: Ingredient) -> Asked:
    origin = one.origin
    return Asked(one.id, origin.session, origin.provider, origin.model, origin.tool)


class Held(msgspec.Struct, frozen=True):
    """A label that has something of it, may have, or is made from one that does."""

    name: str
    label: str
    """SHA-256 of its file."""
    path: str
    root: str
    holds: str
    """``yes``; ``no``, where its own contents say so; ``unknown``, where they are not there."""
    records: int
    """Records that match it: the rows to remove."""
    of: int
    """All records."""
    tokens: int
    """Tokens of those records' texts that match: what goes with the rows."""
    shared: int
    """Of these, verified as shared with the outputs."""
    outputs: int
    """How many outputs they match."""
    hidden: int
    """The most further outputs that have the text of one of them, and are not named: the earliest is."""
    files: tuple[str, ...]
    sources: tuple[str, ...]
    """Upstream: digests of the labels it has it from, or may have, at any distance: not by way of one that holds
    nothing of it."""
    dependents: tuple[str, ...]
    """Downstream: digests of the labels that are made from it, at any distance."""
    models: tuple[str, ...]
    """Trained on it, by the list of models."""

    @property
    def share(self) -> float:
        """Of all records."""
        return self.records / self.of if self.of else 0.0


class Trained(msgspec.Struct, frozen=True):
    """A model that was trained on labels of the answer."""

    model: str
    holds: str
    """``yes`` where one of them has something of it, else ``unknown`` where one may have, else ``no``."""
    labels: tuple[str, ...]


class Trace(msgspec.Struct, frozen=True):
    """The answer: labels by name, then digest."""

    trace: int
    asked: dict[str, str]
    read: int
    """Labels read."""
    labels: tuple[Held, ...]
    models: tuple[Trained, ...]
    absent_contents: tuple[str, ...]
    """Paths of the labels whose contents are not there."""
    absent_parents: tuple[str, ...]
    """Digests of parents that are not in the folder."""
    absent_labels: tuple[str, ...]
    """Digests that the list of models has and the folder has not."""
    passed_over: int
    """JSON files that are no labels."""
    is_by_text: bool
    """Whether a store was asked which outputs have the same text, so that a session that only repeated is found."""


def trace(folder: Path, asked: Asked, models: Path | None = None, same: frozenset[str] | None = None) -> Trace:
    """What the labels below a folder say. ``models`` is the list of models, by default ``models.yaml`` in it; ``same``
    are ids of outputs that count as asked for too (``repeated``).

    Raises StoreError for a label or contents that are damaged, PolicyError for a list of models not in its form.
    """
    reads, passed_over = labels_in(folder)
    trained = models_of(models or folder / MODELS, needed=models is not None)
    parents = {digest: [one.label for one in read.label.parents] for digest, read in reads.items()}
    children: dict[str, list[str]] = {digest: [] for digest in reads}
    for digest, above in parents.items():
        for one in above:
            children.setdefault(one, []).append(digest)
    found = {digest: _found(read, asked, same or frozenset()) for digest, read in reads.items()}
    of_interest = {digest for digest, one in found.items() if one["holds"] != NO}
    shown = of_interest | _reached(of_interest, children)
    upward = {digest: [one for one in above if one in of_interest] for digest, above in parents.items()}
    held = [
        Held(
            **found[digest],
            sources=tuple(sorted(_reached([digest], upward))),
            dependents=tuple(sorted(_reached([digest], children))),
            models=tuple(sorted(model for model, labels in trained.items() if digest in labels)),
        )
        for digest in shown & reads.keys()
    ]
    every = {one for some in parents.values() for one in some}
    return Trace(
        trace=1,
        asked={name: value for name, value in asked._asdict().items() if value},
        read=len(reads),
        labels=tuple(sorted(held, key=lambda one: (one.name, one.label))),
        models=tuple(_trained(trained, {one.label: one.holds for one in held})),
        absent_contents=tuple(sorted(one.path for one in held if one.holds == UNKNOWN)),
        absent_parents=tuple(sorted(every - reads.keys())),
        absent_labels=tuple(sorted({one for labels in trained.values() for one in labels} - reads.keys())),
        passed_over=passed_over,
        is_by_text=same is not None,
    )


def labels_in(folder: Path) -> tuple[dict[str, Read], int]:
    """The labels below a folder by their digests, and how many other JSON files there are."""
    if not folder.is_dir():
        raise StoreError(f"{folder}: no such folder (name the one with the labels)")
    reads: dict[str, Read] = {}
    others = 0
    for path in sorted(folder.rglob("*.json")):
        if not path.is_file():
            continue
        if _is_label(path):
            read = reading.load(path)
            known = reads.get(read.digest)
            if known is None or not contents.place(known.path).is_file():  # of two copies the one with its contents
                reads[read.digest] = read
        else:
            others += 1
    return reads, others


def _is_label(path: Path) -> bool:
    """Whether a file begins as one: a damaged label is an error, another form's file is none of ours."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return b"".join(head.split()).startswith(b'{"label":')


def models_of(path: Path, needed: bool) -> dict[str, tuple[str, ...]]:
    """Models with the digests of the labels of what they were trained on; none where there is no list."""
    if not needed and not path.exists():
        return {}
    raw = strict.document(strict.read(path, "models"), str(path), "list of models")
    try:
        return msgspec.convert(raw, _Models, strict=True).models
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{path}: {str(error)[:200]} (models: NAME: [SHA-256 of a label, ...])") from error


class _Models(msgspec.Struct, forbid_unknown_fields=True):
    models: dict[str, tuple[Any, ...]]

    def __post_init__(self) -> None:
        for name, labels in self.models.items():
            wrong = [one for one in labels if not isinstance(one, str) or not reading.DIGEST.fullmatch(one)]
            if wrong:
                raise ValueError(f"model {name!r}: {str(wrong[0])[:80]!r} is not the SHA-256 of a label")


def _found(read: Read, asked: Asked, same: frozenset[str]) -> dict[str, Any]:
    """What a label's own contents say."""
    label = read.label
    found: dict[str, Any] = {
        "name": label.subject.name,
        "label": read.digest,
        "path": str(read.path),
        "root": label.subject.root,
        "holds": NO,
        "of": label.totals.records,
        **dict.fromkeys(("records", "tokens", "shared", "outputs", "hidden"), 0),
        "files": (),
    }
    if not label.totals.matched:
        return found
    if not contents.is_here(read.path, label):
        return found | {"holds": UNKNOWN}
    files: set[int] = set()
    outputs: set[tuple[str, ...]] = set()
    for one in contents.read(contents.place(read.path), label):
        members = [member for member in one.members if asked.fits(member) or member.ingredient in same]
        if members:
            found["records"] += one.records
            found["tokens"] += one.text_tokens
            found["shared"] += sum(member.tokens for member in members)
            found["hidden"] = max(found["hidden"], *(member.others for member in members))
            outputs.update((member.ingredient,) if member.ingredient else member[:6] for member in members)
            files.update(one.files)
    found["files"] = tuple(label.subject.files[number].path for number in sorted(files))
    return found | {"holds": YES if found["records"] else NO, "outputs": len(outputs)}


def _reached(start: Iterable[str], arrows: Mapping[str, list[str]]) -> set[str]:
    """All that lies behind the arrows, at any distance. Whatever a hostile label claims, it ends."""
    seen: set[str] = set()
    todo = [one for digest in start for one in arrows.get(digest, ())]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo.extend(arrows.get(one, ()))
    return seen


def _trained(trained: dict[str, tuple[str, ...]], holds: dict[str, str]) -> Iterable[Trained]:
    for model, labels in sorted(trained.items()):
        known = sorted({one for one in labels if one in holds})
        if known:
            said = {holds[one] for one in known}
            yield Trained(model, next(one for one in (YES, UNKNOWN, NO) if one in said), tuple(known))
