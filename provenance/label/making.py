"""A label from a finished, judged scan and its dataset: the scan's facts, its verdicts, and a digest of every record.

The dataset is read once more, for the digests; what was read before, and has not changed since, is not read again. Same
scan, judgement, dataset and parents: same bytes, in whatever order the threads end.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from provenance import dataset, files, index, scan
from provenance.errors import DatasetError, StoreError
from provenance.label import contents, reading, records, tallying
from provenance.label.form import FORM, Clause, File, Judgement, Label, Subject, Tool, Totals
from provenance.label.reading import Read
from provenance.label.records import Planned, Progress
from provenance.model import UNKNOWN
from provenance.report import grounds

DIGESTS = ("policy", "waivers", "baseline", "registry", "index", "all")
SITUATION = ("day", "use", "team")
SHOWN = 5


class Judged(msgspec.Struct, frozen=True):
    """What a label takes from ``report.json``."""

    verdict: str
    policy: dict[str, str]
    index: dict[str, Any]
    captures: dict[str, int]
    verdicts: dict[str, int]
    promise: str
    judged: dict[str, str] = {}


def make(
    paths: Sequence[str],
    run: Path,
    name: str,
    out: Path,
    parents: Sequence[tuple[Read, str]] = (),
    index_path: Path | None = None,
    overlays: Sequence[Path] = (),
    jobs: int = 1,
    progress: Progress = lambda done, all_: None,
) -> Label:
    """Write the label of the datasets at ``paths``, scanned and judged in ``run``, to ``out``, its contents beside it.

    ``parents`` are labels with the relation that this one has to them; ``index_path`` is the index that the scan used,
    if it is at hand, for what is suppressed in it; ``overlays`` are terms beside those shipped, where
    the judgement kept none. Raises StoreError for a scan that is not finished and judged, DatasetError for a
    file not as scanned.
    """
    done = scan.load(run)
    _check_paths(paths, run, done)
    _check_place(out, done.files)
    with files.locked(run / "lock", wait=False):
        judged = _judged(run, done)
        digested = sorted(records.digested(_planned(run, done), run / "label", jobs, progress), key=reading.order)
        label = _label(run, done, judged, digested, name, parents, index_path, overlays, jobs, out)
    with files.replacing(out) as file:
        file.write(reading.encode(label))
    return label


def _label(
    run: Path,
    done: scan.Scan,
    judged: Judged,
    digested: list[File],
    name: str,
    parents: Sequence[tuple[Read, str]],
    index_path: Path | None,
    overlays: Sequence[Path],
    jobs: int,
    out: Path,
) -> Label:
    count = sum(one.records for one in digested)
    _check_parents(parents, count)
    with tallying.tallied(run, done, [one.path for one in digested], jobs) as tally:
        with files.replacing(contents.place(out)) as file:
            contents.write(file, tally.sets())
        matched, skipped = tally.matched(), tally.skipped()
        unread = sum(skipped.values())
        return Label(
            label=FORM,
            subject=Subject(name, tuple(digested), reading.root_of(digested)),
            totals=Totals(
                files=len(digested),
                records=count,
                texts=done.total("texts"),
                bytes=done.total("size"),
                tokens=done.total("tokens"),
                matched=matched,
                unknown=count - matched - unread,
                skipped=unread,
            ),
            shares=tally.shares(),
            skipped=skipped,
            judgement=Judgement(
                verdict=judged.verdict,
                policy=judged.policy.get("name", ""),
                digests={one: judged.judged[one] for one in DIGESTS if one in judged.judged},
                verdicts=judged.verdicts,
                **{one: judged.judged.get(one, "") for one in SITUATION},
            ),
            clauses=tuple(_clauses(tally.clauses(), run, judged, overlays)),
            waivers=tally.waivers(),
            tool=Tool(
                version=done.tool,
                engine=done.engine,
                recipe=done.recipe,
                index=done.index,
                ingredients=done.ingredients,
                suppressed=_suppressed(done, index_path),
                missed_captures=judged.captures.get("missed", 0),
                promise=judged.promise,
            ),
            parents=tuple(sorted((reading.parent_of(*one) for one in parents), key=msgspec.structs.astuple)),
            contents=contents.digest(contents.place(out)),
        )


def _judged(run: Path, done: scan.Scan) -> Judged:
    try:
        judged = msgspec.json.decode((run / "report.json").read_bytes(), type=Judged)
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{run}: not judged yet ({error}); judge it first: provenance judge {run}") from error
    if judged.index.get("digest") != done.index:
        raise StoreError(f"{run}: its report is of another scan; judge again: provenance judge {run}")
    return judged


def _planned(run: Path, done: scan.Scan) -> list[Planned]:
    """Every file as it was planned; one in which there was nothing to read has no stamp."""
    try:
        units = msgspec.json.decode((run / "plan.json").read_bytes())["units"].values()
        stamps = {unit["file"]: (str(unit["format"]), str(unit["stamp"])) for unit in units}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{run / 'plan.json'}: not a scan's plan ({error}); scan again") from error
    rows: dict[str, int] = dict.fromkeys(done.files, 0)
    for unit in done.units:
        rows[unit.file] += unit.receipt.rows
    return [Planned(file, *(stamps.get(file) or (dataset.format_of(file), "")), rows[file]) for file in done.files]


def _check_paths(paths: Sequence[str], run: Path, done: scan.Scan) -> None:
    """The datasets named are the datasets scanned: no file more, no file less."""
    named = {_real(file): file for file in dataset.discover(paths) if not _is_of_scans(file, run)}
    scanned = {_real(file): file for file in done.files}
    more = [named[file] for file in named if file not in scanned]
    less = [scanned[file] for file in scanned if file not in named]
    if more:
        raise DatasetError(
            f"{_some(more)}: not in the scan {run} (scan and judge what the label is to be of: a clean part has a scan "
            "of its own, with the input's label as its --parent)"
        )
    if less:
        raise DatasetError(f"{_some(less)}: scanned in {run} and not named (name the whole dataset, or scan the part)")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _real(file: str) -> str:
    return os.path.abspath(file) + ("/" if file.endswith("/") else "")


def _is_of_scans(file: str, run: Path) -> bool:
    """Whether a file is the work of a scan, which no scan reads."""
    path = Path(file)
    if path.resolve().is_relative_to(run.resolve()):
        return True
    return any((folder / "plan.json").exists() and (folder / "lock").exists() for folder in list(path.parents)[:2])


def _check_place(out: Path, scanned: Sequence[str]) -> None:
    """The label lies outside of the dataset, of which it would be a file the next time."""
    if out.is_dir():
        raise StoreError(f"{out}: is a folder (name a file with --out)")
    for file in scanned:
        inside = file.endswith("/") and out.resolve().is_relative_to(Path(file).resolve())
        if inside or out.resolve() == Path(file).resolve():
            raise StoreError(f"{out}: is in the dataset (name a file outside of {file} with --out)")


def _check_parents(parents: Sequence[tuple[Read, str]], count: int) -> None:
    for read, relation in parents:
        if relation == "filter" and read.label.totals.records < count:
            raise StoreError(
                f"{read.path}: has {read.label.totals.records:,} records, so the {count:,} of this dataset are not "
                "filtered from it (name the label of what was filtered, or another relation)"
            )


def _clauses(found: list[tuple[str, int]], run: Path, judged: Judged, overlays: Sequence[Path]) -> list[Clause]:
    """Each with its verification in the registry; ``unknown`` where it is not in the one at hand."""
    if not found:
        return []
    registry = grounds.registry(run, judged.judged, overlays)
    status = {row.id: str(row.verification) for row in registry.rows}
    return [Clause(name, status.get(name, UNKNOWN), count) for name, count in found]


def _suppressed(done: scan.Scan, index_path: Path | None) -> dict[str, int]:
    """Windows of the index that are not looked for; nothing where the index at hand is another than the scan's."""
    if index_path is None:
        return {}
    try:
        info = index.info(index_path)
    except StoreError:
        return {}
    if info.digest != done.index:
        return {}
    return {"commons": info.counts.windows_commons, "floor": info.counts.windows_floor}
