"""Transcripts into the store: finds them, reads them, keeps what the model added. It judges and prints nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from provenance import captures, entries, ledger, memory, store
from provenance.capture import novelty, reading
from provenance.capture.session import EDIT_KINDS, Tally
from provenance.captures import Waiting
from provenance.errors import CaptureError
from provenance.fingerprint import ENGINE, RECIPE, exact_digest
from provenance.model import UNKNOWN, Evidence, Ingredient, ingredient_id

# One shard for about this many grams: 14 bytes each, so a run that is cut off loses at most some seconds of work.
SHARD_GRAMS = 4_000_000

# The ids that the services give to calls and rows are longer; a shorter one may come again in any session.
LONG_ID = 16


@dataclass(slots=True)
class Report:
    """What one run read and kept: every file and record is in one of these counts."""

    files: Counter[str] = field(default_factory=Counter)
    """Transcripts read, by assistant."""
    strangers: list[str] = field(default_factory=list)
    """Files that are no transcript of a known assistant."""
    unreadable: list[str] = field(default_factory=list)
    """Files that could not be read, or not to their end, with the reason."""
    silent: list[str] = field(default_factory=list)
    """Transcripts that show changes of which no edit was read."""
    records: int = 0
    broken: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    outputs: Counter[str] = field(default_factory=Counter)
    """Outputs read, by kind."""
    edit_calls: int = 0
    """Calls of editing tools."""
    edits: int = 0
    """Outputs read that put text into a file."""
    nothing_added: int = 0
    """Outputs that held nothing but text the session had shown."""
    known: int = 0
    """Outputs that the store held already, or that were read twice: again, in a fork, or in a parent's transcript."""
    added: Counter[str] = field(default_factory=Counter)
    """Ingredients added to the store, by provider."""
    tokens: int = 0
    """Tokens of the ingredients added."""
    captured: int = 0
    """Ingredients added that a hook had captured."""
    damaged: list[str] = field(default_factory=list)
    """Files of captures with bytes that are none."""
    short: int = 0
    """Ingredients added that are too short for a gram: found as whole units only."""


def run(
    paths: Iterable[Path],
    target: Path,
    progress: Callable[[str], None] = lambda name: None,
    repositories: Iterable[Path] = (),
) -> Report:
    """Read every transcript at the paths, and what other tools recorded in the git repositories, into the store; what
    it holds already is not added twice.

    A path given by name must be a transcript (CaptureError); files in folders that are none are listed. What hooks
    captured is settled first, by the transcripts that they named. Whatever was added before an interruption stays, and
    the next run adds the rest.
    """
    report = Report()
    source = _Source(report, progress)
    with captures.taken(target) as taken:
        report.damaged = taken.damaged
        waiting = {key: one for one in taken.waiting for key in (one.ingredient.id, one.same)}
        named = {Path(one.transcript) for one in taken.waiting if one.transcript}
        transcripts = sorted(path for path in named if path.is_file())
        outputs = itertools.chain(
            source.transcripts(transcripts, named=False),
            source.transcripts(paths),
            source.records(repositories),
            (one for one in _left(taken.waiting) if source.nothing.isdisjoint((one.ingredient.id, one.same))),
        )
        _add(outputs, waiting, target, report)
    memory.sweep(str(target))
    return report


def settle(target: Path) -> Report:
    """Move what hooks captured into the store, its novelty settled by the transcripts that they named."""
    return run((), target) if any((target / "captures").glob("*.[ps]*")) else Report()


def _add(outputs: Iterable[_Output], waiting: dict[str, Waiting], target: Path, report: Report) -> None:
    """Keep every output that the store does not hold yet; one that a hook captured is captured, whoever tells it."""
    known = {*store.ids(target), *store.copies(target)}
    batch: list[_Output] = []
    grams = 0
    try:
        for one in outputs:
            copy = _copy_key(one)
            keys = {one.ingredient.id, copy, one.same}
            is_known = not known.isdisjoint(keys)
            known |= keys
            if is_known:
                report.known += not one.by_hook
                continue
            hooked = waiting.get(one.ingredient.id) or waiting.get(one.same)
            evidence = Evidence.CAPTURED if hooked else one.ingredient.evidence
            if hooked:
                known |= {hooked.ingredient.id, hooked.same}
                report.captured += 1
            kept = msgspec.structs.replace(one.ingredient, evidence=evidence, copy=one.same if one.by_hook else copy)
            batch.append(one._replace(ingredient=kept))
            grams += sum(len(passage.positions) // 4 for passage in kept.passages)
            if grams >= SHARD_GRAMS:
                _keep(batch, target, report)
                batch, grams = [], 0
    finally:
        _keep(batch, target, report)


def _left(waiting: list[Waiting]) -> Iterator[_Output]:
    """What hooks captured, as they captured it: where no transcript told it before, it stands."""
    for one in waiting:
        yield _Output(one.ingredient, "", 0, one.same, (), by_hook=True)


class _Output(NamedTuple):
    """An ingredient with the call that it came from."""

    ingredient: Ingredient
    call: str
    ordinal: int
    same: str
    blocks: tuple[str, ...]
    """As written, before what the session had shown was taken out."""
    by_hook: bool = False
    """Whether it is as a hook captured it."""


def _copy_key(one: _Output) -> str:
    """What is equal for an output and its copy in a fork or a resumed session, which have another session id.

    A call's own id and the same text make a copy sure; where the id is made from the text, the text must be long
    enough to be no stock phrase.
    """
    it = one.ingredient
    is_sure = it.whole.tokens >= RECIPE.t if one.call.startswith("said.") else len(one.call) >= LONG_ID
    session = "" if is_sure else it.origin.session
    return ingredient_id(it.whole.digest.hex(), session, f"{one.call} {it.origin.model}", it.path, one.ordinal)


class _Source:
    """Where outputs come from, with what one run has read so far."""

    def __init__(self, report: Report, progress: Callable[[str], None]) -> None:
        self.report = report
        self.progress = progress
        self.read: set[Path] = set()
        self.nothing: set[str] = set()
        """Outputs that a transcript tells, and in which nothing is new: what a hook made of them does not stand."""

    def transcripts(self, paths: Iterable[Path], named: bool = True) -> Iterator[_Output]:
        """The outputs of all transcripts; last, of what a transcript only relays, what no other one says itself.

        A subagent's answer stands in the transcript of its session and in that of its parent, which names no model and
        does not know what the subagent was shown: the first is the better record.
        """
        said: set[bytes] = set()
        relayed: list[tuple[bytes, _Output]] = []
        for root in paths:
            for path in reading.find(root):
                if path.resolve() in self.read:
                    continue
                self.read.add(path.resolve())
                self.progress(str(path))
                for item in self.items(path, named and root.is_file()):
                    output = self.output(item, Evidence.TRANSCRIPT)
                    digest = exact_digest(novelty.encode("\n".join(item.wrote.blocks)))
                    if item.wrote.kind == "prose":
                        said.add(digest)
                    if output and item.wrote.kind == "subagent":
                        relayed.append((digest, output))
                    elif output:
                        yield output
        for digest, output in relayed:
            if digest in said:
                self.report.known += 1
            else:
                yield output

    def records(self, repositories: Iterable[Path]) -> Iterator[_Output]:
        """The outputs that other tools recorded in git repositories, each on the evidence of its record."""
        from provenance import others

        for repository in repositories:
            for record in others.read(repository):
                self.progress(f"{repository}: {record.source} {record.name}")
                self.report.known += record.known
                self.count(record.tally, f"{repository}: {record.source} {record.name}", bool(record.events))
                for item in novelty.added(record.events):
                    if output := self.output(item, record.evidence):
                        yield output

    def items(self, path: Path, named: bool) -> Iterator[novelty.Added]:
        """What each output of one file adds."""
        try:
            reader = reading.reader_of(path)
            if reader is None:
                if named:
                    raise CaptureError(
                        f"{path}: no transcript or export of a known assistant (docs/command-ingest.md lists them)"
                    )
                self.report.strangers.append(str(path))
                return
            events, tally = reading.read(path, reader)
        except CaptureError as error:
            if named:
                raise
            self.report.unreadable.append(str(error))
            return
        self.count(tally, str(path))
        yield from novelty.added(events)

    def count(self, tally: Tally, name: str, is_file: bool = True) -> None:
        """A reader's tally into the report."""
        report, assistant = self.report, tally.assistant
        report.files[assistant] += is_file
        report.records += tally.records
        report.broken += tally.broken
        report.unknown.update({f"{assistant}: {kind}": count for kind, count in tally.unknown.items()})
        report.outputs.update(tally.wrote)
        report.edit_calls += tally.edit_calls
        report.edits += sum(count for kind, count in tally.wrote.items() if kind in EDIT_KINDS)
        if tally.cut:
            report.unreadable.append(tally.cut)
        if tally.silent:
            report.silent.append(name)

    def output(self, item: novelty.Added, evidence: Evidence) -> _Output | None:
        """An output with its ingredient, or nothing where it adds nothing."""
        wrote = item.wrote
        same = entries.same_key(wrote.origin.session, wrote.blocks, wrote.path)
        one = novelty.ingredient(item, evidence)
        if one is None:
            self.report.nothing_added += 1
            self.nothing |= {novelty.identity(wrote), same}
            return None
        return _Output(one, wrote.call, wrote.ordinal, same, wrote.blocks)


def _keep(batch: list[_Output], target: Path, report: Report) -> None:
    if not batch:
        return
    ingredients = [one.ingredient for one in batch]
    count = store.append(target, ingredients)
    report.known += len(batch) - count
    providers = Counter(one.origin.provider for one in ingredients)
    report.added.update(providers)
    report.tokens += sum(one.whole.tokens for one in ingredients)
    report.short += sum(not any(passage.keys for passage in one.passages) for one in ingredients)
    times = sorted(one.origin.time for one in ingredients if one.origin.time != UNKNOWN) or [UNKNOWN]
    key = ledger.key(target)
    summary = {
        "recipe": str(RECIPE),
        "engine": ENGINE,
        "ingredients": count,
        "providers": dict(sorted(providers.items())),
        "first": times[0],
        "last": times[-1],
    }
    # What a hook captured has its line in the ledger since then.
    lines = [(entries.KIND, _entry(key, one)) for one in batch if one.ingredient.evidence is not Evidence.CAPTURED]
    ledger.extend(target, [*lines, ("ingest", summary)])


def _entry(key: bytes, one: _Output) -> dict[str, Any]:
    it = one.ingredient
    return entries.of(
        key,
        identity=it.id,
        same=one.same,
        evidence=it.evidence,
        what=it.kind,
        status=str(it.status),
        path=it.path,
        tokens=it.whole.tokens,
        blocks=one.blocks,
        origin={name: value for name, value in msgspec.structs.asdict(it.origin).items() if value != UNKNOWN},
        novelty="transcript",
    )
