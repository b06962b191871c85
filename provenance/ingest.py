"""Transcripts into the store: finds them, reads them, keeps what the model added. It judges and prints nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from provenance import capture, ledger, store
from provenance.capture import novelty
from provenance.capture.session import EDIT_KINDS
from provenance.errors import CaptureError
from provenance.fingerprint import ENGINE, RECIPE
from provenance.model import Evidence, Ingredient

# One shard for about this many grams: 14 bytes each, so a run that is cut off loses at most some seconds of work.
SHARD_GRAMS = 4_000_000


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
    """Outputs that the store held already, or that were read twice."""
    added: Counter[str] = field(default_factory=Counter)
    """Ingredients added to the store, by provider."""
    tokens: int = 0
    """Tokens of the ingredients added."""
    short: int = 0
    """Ingredients added that are too short for a gram: found as whole units only."""


def run(paths: Iterable[Path], target: Path, progress: Callable[[Path], None] = lambda path: None) -> Report:
    """Read every transcript at the paths into the store; what it holds already is not added twice.

    A path given by name must be a transcript (CaptureError); files in folders that are none are listed.
    Whatever was added before an interruption stays, and the next run adds the rest.
    """
    report = Report()
    known = set(store.ids(target))
    batch: list[Ingredient] = []
    grams = 0
    try:
        for root in paths:
            for path in capture.find(root):
                progress(path)
                for one in _read(path, root.is_file(), report):
                    if one.id in known:
                        report.known += 1
                        continue
                    known.add(one.id)
                    batch.append(one)
                    grams += sum(len(passage.positions) // 4 for passage in one.passages)
                if grams >= SHARD_GRAMS:
                    _keep(batch, target, report)
                    batch, grams = [], 0
    finally:
        _keep(batch, target, report)
    return report


def _read(path: Path, named: bool, report: Report) -> Iterable[Ingredient]:
    try:
        assistant = capture.assistant_of(path)
        if assistant is None:
            if named:
                raise CaptureError(f"{path}: not a transcript of {' or '.join(capture.ASSISTANTS)}")
            report.strangers.append(str(path))
            return
        events, tally = capture.read(path, assistant)
    except CaptureError as error:
        if named:
            raise
        report.unreadable.append(str(error))
        return
    report.files[assistant] += 1
    report.records += tally.records
    report.broken += tally.broken
    report.unknown.update({f"{assistant}: {kind}": count for kind, count in tally.unknown.items()})
    report.outputs.update(tally.wrote)
    report.edit_calls += tally.edit_calls
    report.edits += sum(count for kind, count in tally.wrote.items() if kind in EDIT_KINDS)
    if tally.cut:
        report.unreadable.append(tally.cut)
    if tally.silent:
        report.silent.append(str(path))
    for item in novelty.added(events):
        one = novelty.ingredient(item, Evidence.TRANSCRIPT)
        if one is None:
            report.nothing_added += 1
        else:
            yield one


def _keep(batch: list[Ingredient], target: Path, report: Report) -> None:
    if not batch:
        return
    count = store.append(target, batch)
    report.known += len(batch) - count
    providers = Counter(one.origin.provider for one in batch)
    report.added.update(providers)
    report.tokens += sum(one.whole.tokens for one in batch)
    report.short += sum(not any(passage.keys for passage in one.passages) for one in batch)
    times = sorted(one.origin.time for one in batch)
    ledger.append(
        target,
        "ingest",
        {
            "recipe": str(RECIPE),
            "engine": ENGINE,
            "ingredients": count,
            "providers": dict(sorted(providers.items())),
            "first": times[0],
            "last": times[-1],
        },
    )
