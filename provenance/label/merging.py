"""The labels of several datasets as that of one: sums, and the files, shares and contents of all.

The datasets are disjoint: a file that two of them have, by its bytes or by its records, is refused. What the parts were
judged and scanned with stands in the merged label where it is the same for all; where it is not, in theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from provenance import files, policy
from provenance.errors import StoreError
from provenance.label import contents, reading
from provenance.label.form import (
    FORM,
    Clause,
    File,
    Judgement,
    Label,
    Share,
    Subject,
    Tool,
    Totals,
    Waived,
)
from provenance.label.reading import Read
from provenance.label.tallying import added
from provenance.ledger import merkle
from provenance.model import Action

NONE = merkle.EMPTY.hex()
"""The root of a file without records, which any dataset may have."""


def merge(reads: Sequence[Read], name: str, out: Path) -> Label:
    """Write the label of the datasets together to ``out``, and their contents beside it where all have theirs at hand.

    Raises StoreError where two are not disjoint, were judged by different policies or read with different recipes, or
    where contents are not those of their label.
    """
    if any(out.resolve() == read.path.resolve() for read in reads):
        raise StoreError(f"{out}: is one of the labels to merge (name another file with --out)")
    _check(reads)
    reads = sorted(reads, key=lambda read: read.digest)
    labels = [read.label for read in reads]
    every = sorted((one for label in labels for one in label.subject.files), key=reading.order)
    here = [contents.is_here(read.path, read.label) for read in reads]
    place = contents.place(out)
    if all(here):
        with files.replacing(place) as file:
            contents.write(file, _renumbered(reads, every))
    label = Label(
        label=FORM,
        subject=Subject(name, tuple(every), reading.root_of(every)),
        totals=Totals(*map(sum, zip(*(msgspec.structs.astuple(one.totals) for one in labels), strict=True))),
        shares=tuple(_shares(one for label in labels for one in label.shares)),
        skipped=added([label.skipped for label in labels]),
        judgement=_judgement([label.judgement for label in labels]),
        clauses=tuple(_summed(one for label in labels for one in label.clauses)),
        waivers=tuple(_summed(one for label in labels for one in label.waivers)),
        tool=_tool([label.tool for label in labels]),
        parents=tuple(sorted((reading.parent_of(read, "merge") for read in reads), key=msgspec.structs.astuple)),
        contents=contents.digest(place) if all(here) else "",
    )
    with files.replacing(out) as written:
        written.write(reading.encode(label))
    return label


def _check(reads: Sequence[Read]) -> None:
    seen: dict[tuple[str, ...], tuple[int, File]] = {}
    for number, read in enumerate(reads):
        for one in read.label.subject.files:
            names = [reading.order(one), ("bytes", one.sha256, "") if one.size else None]
            names.append(("records", one.root, "") if one.root != NONE else None)
            for name in names:
                other = seen.setdefault(name, (number, one)) if name is not None else (number, one)
                if other[0] != number:
                    raise StoreError(
                        f"{read.path}: {one.path} holds the same as {other[1].path} of {reads[other[0]].path}: the "
                        "datasets are not disjoint (leave one out)"
                    )
    known = {read.digest: read for read in reads}
    for read in reads:
        for parent in read.label.parents:
            if parent.relation == "filter" and parent.label in known:
                raise StoreError(
                    f"{read.path}: is filtered from {known[parent.label].path}: the datasets are not disjoint "
                    "(leave one out)"
                )
    for what, values in (
        ("judged by different policies", [one.label.judgement.digests.get("policy", "") for one in reads]),
        ("scanned with different recipes", [one.label.tool.recipe for one in reads]),
    ):
        if len(set(values)) > 1:
            odd = next(read for read, value in zip(reads, values, strict=True) if value != values[0])
            raise StoreError(f"{reads[0].path}, {odd.path}: {what}: nothing can be said of both (bring one up to date)")


def _shares(shares: Iterable[Share]) -> Iterator[Share]:
    def key(one: Share) -> tuple[str, ...]:
        return one.provider, one.model, one.tool, one.similarity, one.evidence, one.action

    for _, group in groupby(sorted(shares, key=key), key):
        some = list(group)
        yield msgspec.structs.replace(
            some[0],
            records=sum(one.records for one in some),
            tokens=sum(one.tokens for one in some),
            first=min((one.first for one in some if one.first), default=""),
            last=max((one.last for one in some if one.last), default=""),
        )


def _summed(some: Iterable[Any]) -> Iterator[Any]:
    """Clauses or waivers with the records of those that are equal in all else added up."""
    counts: Counter[Clause | Waived] = Counter()
    for one in some:
        counts[msgspec.structs.replace(one, records=0)] += one.records
    for one in sorted(counts, key=msgspec.structs.astuple):
        yield msgspec.structs.replace(one, records=counts[one])


def _judgement(some: list[Judgement]) -> Judgement:
    names = sorted({one.policy for one in some})
    every = {name: {one.digests.get(name) for one in some} for name in some[0].digests}
    return Judgement(
        verdict=str(policy.severest([Action(one.verdict) for one in some])),
        policy=", ".join(names),
        digests={name: value for name, value in some[0].digests.items() if len(every[name]) == 1},
        verdicts=_ordered([one.verdicts for one in some]),
        day=_same([one.day for one in some]),
        use=_same([one.use for one in some]),
        team=_same([one.team for one in some]),
    )


def _ordered(counts: list[dict[str, int]]) -> dict[str, int]:
    """Verdicts from the mildest."""
    total = added(counts)
    return {str(one): total.pop(str(one)) for one in Action if str(one) in total} | total


def _tool(some: list[Tool]) -> Tool:
    same_index = _same([one.index for one in some])
    missed = [one.missed_captures for one in some]
    return Tool(
        version=_same([one.version for one in some]),
        engine=_same([one.engine for one in some]),
        recipe=some[0].recipe,
        index=same_index,
        ingredients=some[0].ingredients if same_index else 0,
        suppressed=some[0].suppressed if all(one.suppressed == some[0].suppressed for one in some) else {},
        missed_captures=max(missed) if same_index else sum(missed),
        promise=_same([one.promise for one in some]),
    )


def _same(values: list[str]) -> str:
    """The value of all, or nothing."""
    return values[0] if len(set(values)) == 1 else ""


def _renumbered(reads: Sequence[Read], every: list[File]) -> Iterator[Any]:
    """The contents of all, one after the other: their sets, and their files by the numbers in the merged label."""
    import pyarrow as pa

    numbers = {file: number for number, file in enumerate(every)}
    kinds = contents.schema()
    first = 0
    for read in reads:
        own = [numbers[file] for file in read.label.subject.files]
        sets = 0
        waiting: dict[str, list[Any]] = {name: [] for name in kinds.names}
        for number, one in enumerate(contents.read(contents.place(read.path), read.label), first):
            sets += 1
            for member in one.members:
                values = {"set": number, "records": one.records, "text_tokens": one.text_tokens, **member._asdict()}
                values["files"] = sorted(own[file] for file in one.files)
                for name, column in waiting.items():
                    column.append(values[name])
            if len(waiting["set"]) >= contents.READ_ROWS:
                yield pa.RecordBatch.from_pydict(waiting, schema=kinds)
                waiting = {name: [] for name in kinds.names}
        yield pa.RecordBatch.from_pydict(waiting, schema=kinds)
        first += sets
