"""Is it live? What the ledger shows of captures, and what of assistants' own transcripts no hook captured."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from provenance import captures, enforcing, entries, ledger, policy, setup
from provenance.capture import reading
from provenance.capture.session import EDIT_KINDS, Wrote
from provenance.errors import CaptureError, ProvenanceError
from provenance.fingerprint import ENGINE, RECIPE
from provenance.model import UNKNOWN, Evidence, Status

HOMES = {
    "claude-code": ("CLAUDE_CONFIG_DIR", ".claude", "projects"),
    "codex": ("CODEX_HOME", ".codex", "sessions"),
    "gemini-cli": ("", ".gemini", "tmp"),
    "copilot-cli": ("", ".copilot", "session-state"),
}
"""Where assistants keep their transcripts: a variable, the folder in the home folder, the folder in it."""
SKEW = 120
"""Seconds by which the clock may be behind the ledger's last entry."""
LEAST_FREE = 1 << 20
"""Bytes of room that hooks need for the next captures."""


@dataclass(slots=True)
class Captured:
    """What the ledger shows of a span of time."""

    outputs: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By assistant, model and evidence."""
    tokens: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    sessions: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    authors: set[str] = field(default_factory=set)
    missed: Counter[str] = field(default_factory=Counter)
    """By assistant and reason."""
    last: dict[str, str] = field(default_factory=dict)
    """The latest capture by a hook, by assistant."""
    torn: int = 0
    """Lines that are no entry."""
    cut: int = 0
    """Captures of which a hook left half behind."""


def captured(store: Path, since: str = "") -> Captured:
    """What the ledger's entries from a time on (ISO 8601, UTC) say."""
    found = Captured()
    for one in ledger.read(store):
        if isinstance(one, ledger.Torn):
            found.torn += 1
        elif one.time >= since and one.kind == entries.KIND:
            _count(one.facts, one.time, found)
        elif one.time >= since and one.kind == entries.MISSED:
            found.missed[f"{one.facts.get('assistant', UNKNOWN)}: {one.facts.get('reason', UNKNOWN)}"] += 1
        elif one.time >= since and one.kind == "torn":
            found.cut += one.facts.get("file") == "captures"
    return found


def _count(facts: dict[str, object], moment: str, found: Captured) -> None:
    origin = facts.get("origin")
    said = origin if isinstance(origin, dict) else {}
    tool, model = (str(said.get(name, UNKNOWN)) for name in ("tool", "model"))
    key = (tool, model, str(facts.get("evidence", UNKNOWN)))
    found.outputs[key] += 1
    tokens = facts.get("tokens")
    found.tokens[key] += tokens if isinstance(tokens, int) else 0
    found.sessions.add(str(said.get("session", UNKNOWN)))
    if facts.get("path"):
        found.files.add(str(facts["path"]))
    if facts.get("author"):
        found.authors.add(str(facts["author"]))
    if facts.get("evidence") == Evidence.CAPTURED:
        found.last[tool] = max(found.last.get(tool, ""), moment)


class Finding(NamedTuple):
    """One thing that ``doctor`` looked at."""

    level: str
    """ok, note, not captured, or not enforced."""
    about: str
    text: str


OK, NOTE, GAP, OPEN = "ok", "note", "not captured", "not enforced"


def examine(store: Path, folder: Path, days: int, transcripts: Iterable[Path] = ()) -> Iterator[Finding]:
    """Everything by which captures can fail, in the order in which one would look; GAP: something is not captured;
    OPEN: assistants are not kept out of restricted zones as somebody asked for, or are kept out of everything."""
    yield Finding(OK if ENGINE.startswith("C") else NOTE, "engine", f"{ENGINE}, recipe {RECIPE}")
    yield from _key(store)
    seen = captured(store) if store.is_dir() else Captured()
    yield from _clock(seen)
    yield from _hooks(folder, seen)
    since = _moment(time.time() - days * 86400)
    yield from _misses(store, captured(store, since) if store.is_dir() else Captured(), days)
    yield from _gaps(store, days, transcripts)


def _key(store: Path) -> Iterator[Finding]:
    if not store.is_dir():
        yield Finding(NOTE, "store", f"{store}: not there yet (the first capture makes it)")
        return
    folders = (store, *(store / name for name in ("sessions", "captures", "ledger")))
    for folder in folders:
        if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            yield Finding(GAP, "store", f"{folder}: hooks cannot write here (mend its owner and mode)")
    if shutil.disk_usage(store).free < LEAST_FREE:
        yield Finding(GAP, "store", f"{store}: the disk is full (make room on it)")
    try:
        ledger.key(store)
    except ProvenanceError as error:
        yield Finding(GAP, "key", str(error))
        return
    path = Path(os.environ.get("PROVENANCE_KEY") or store / "key")
    if os.name == "posix" and path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Finding(NOTE, "key", f"{path}: can be read by others (chmod 600 {path})")
    else:
        yield Finding(OK, "key", str(path))


def _clock(seen: Captured) -> Iterator[Finding]:
    now = _moment(time.time())
    ahead = [moment for moment in seen.last.values() if moment > _moment(time.time() + SKEW)]
    if ahead:
        yield Finding(NOTE, "clock", f"is behind the ledger, whose last entry is of {max(ahead)} (set the clock)")
    else:
        yield Finding(OK, "clock", f"{now[:16].replace('T', ' ')} UTC")


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _hooks(folder: Path, seen: Captured) -> Iterator[Finding]:
    """The hooks that are there, and the assistants in use that have none."""
    places = [setup.place("user", folder, os.environ)]
    with suppress(ProvenanceError):  # no repository here
        places += [setup.place(kind, folder, os.environ) for kind in ("repository", "shared")]
    hooked: Counter[tuple[str, Path]] = Counter()
    asking: set[str] = set()
    for one in setup.installed(places):
        if one.enforced:
            asking.add(one.assistant)
            yield _enforced(one, one.enforced, folder)
            continue
        if one.trouble:
            yield Finding(GAP, one.assistant, one.trouble)
            continue
        if not one.runs:
            yield Finding(GAP, one.assistant, f"{one.path}: calls a program that is not there: {one.command}")
        hooked[one.assistant, one.path] += len(one.events) if one.runs else 0
    for (assistant, path), events in hooked.items():
        if events:
            yield Finding(OK, assistant, f"{path}: {events} events{_last(assistant, seen)}")
    for name in dict.fromkeys(name for place in places for name in setup.detected(place)):
        if name not in {assistant for assistant, _ in hooked} and name != "git":
            yield Finding(GAP, name, f"is used here and has no hooks (provenance init --assistant {name})")
        if asking and name not in asking:
            what = "commits are not judged" if name == "git" else "is not kept out of restricted zones, others are"
            yield Finding(NOTE, name, f"{what} (provenance init --enforce POLICY --assistant {name})")


def _enforced(one: setup.Installed, rules: setup.Enforced, folder: Path) -> Finding:
    """Whether a hook that may refuse can tell what to refuse."""
    if not one.runs:
        why = f"calls a program that is not there: {one.command} (install it, or run init --enforce again)"
        return Finding(OPEN, one.assistant, f"{one.path}: {why}")
    try:
        found = policy.load(enforcing.policy_file(rules.policy, str(folder), os.environ)).policy
    except ProvenanceError as error:
        return Finding(OPEN, one.assistant, f"{one.path}: refuses everything, for its policy cannot be read: {error}")
    if one.assistant == "git":
        return Finding(OK, "git", f"{one.path}: commits are judged by {rules.policy}")
    places = enforcing.restricted(found)
    if not places:
        why = "no blocking rule of it names a zone any more"
        return Finding(OPEN, one.assistant, f"{one.path}: refuses nothing by {rules.policy}: {why}")
    return Finding(OK, one.assistant, f"{one.path}: refused in the zones {', '.join(places)} of {rules.policy}")


def _last(assistant: str, seen: Captured) -> str:
    names = {"copilot": ("copilot-cli", "copilot-vscode")}.get(assistant, (assistant,))
    last = max((seen.last.get(name, "") for name in names), default="")
    if last:
        return f", last capture {last[:16].replace('T', ' ')} UTC"
    trust = "; if it is in use, trust the hooks in its /hooks view" if assistant == "codex" else ""
    return f", nothing captured yet{trust}" if assistant != "git" else ""


def _misses(store: Path, seen: Captured, days: int) -> Iterator[Finding]:
    for reason, count in seen.missed.most_common(5):
        yield Finding(GAP, "missed", f"{count:,} times in the last {days} days: {reason}")
    if seen.torn:
        yield Finding(NOTE, "ledger", f"{seen.torn:,} lines are no entry (provenance ledger verify tells more)")
    if seen.cut:
        yield Finding(
            GAP, "captures", f"{seen.cut:,} times a hook was cut off while it wrote (provenance ingest mends it)"
        )
    damaged: list[str] = []
    waiting = sum(1 for _ in captures.waiting(store, damaged))
    for one in damaged:
        yield Finding(GAP, "captures", one)
    if waiting:
        yield Finding(OK, "captures", f"{waiting:,} wait to be settled (provenance index add does it)")


def _gaps(store: Path, days: int, transcripts: Iterable[Path]) -> Iterator[Finding]:
    """Edits in transcripts that no hook captured, by assistant, with what can be told of the reason."""
    known, begun = _recorded(store)
    since = time.time() - days * 86400
    for path in [*transcripts] or homes():
        edits: Counter[str] = Counter()
        lost: Counter[tuple[str, str]] = Counter()
        for file in reading.find(path) if path.exists() else ():
            if file.stat().st_mtime >= since:
                _compare(file, known, begun, edits, lost)
        for tool, count in sorted(edits.items()):
            missing = {reason: number for (name, reason), number in lost.items() if name == tool}
            text = f"{path}: {count - sum(missing.values()):,} of {count:,} edits of the last {days} days captured"
            reasons = "; ".join(f"{number:,} {reason}" for reason, number in sorted(missing.items()))
            yield Finding(GAP if missing else OK, tool, text + (f" ({reasons})" if reasons else ""))


def homes() -> list[Path]:
    """The folders of this user where assistants keep transcripts, if they are there."""
    found = []
    for variable, folder, inner in HOMES.values():
        base = Path(os.environ[variable]) if variable and os.environ.get(variable) else Path.home() / folder
        found.append(base / inner)
    return [path for path in found if path.is_dir()]


def _recorded(store: Path) -> tuple[set[str], dict[str, str]]:
    """The outputs that hooks captured, by id and text; of each session, the time of its first capture."""
    known: set[str] = set()
    begun: dict[str, str] = {}
    for one in ledger.read(store) if store.is_dir() else ():
        if (
            isinstance(one, ledger.Entry)
            and one.kind == entries.KIND
            and one.facts.get("evidence") == Evidence.CAPTURED
        ):
            known |= {str(one.facts.get("id")), str(one.facts.get("same"))}
            origin = one.facts.get("origin")
            tool = str(origin.get("tool", UNKNOWN)) if isinstance(origin, dict) else UNKNOWN
            begun[tool] = min(begun.get(tool, one.time), one.time)
    return known, begun


def _compare(
    file: Path, known: set[str], begun: dict[str, str], edits: Counter[str], lost: Counter[tuple[str, str]]
) -> None:
    from provenance.words import ingredient_id

    try:
        reader = reading.reader_of(file)
        events = reading.read(file, reader)[0] if reader else []
    except CaptureError:
        return
    for event in events:
        if not isinstance(event, Wrote) or event.kind not in EDIT_KINDS or not any(map(str.strip, event.blocks)):
            continue
        origin = event.origin
        edits[origin.tool] += 1
        identity = ingredient_id(origin.tool, origin.session, event.call, event.path, event.ordinal)
        same = entries.same_key(origin.session, event.blocks, event.path)
        if known.isdisjoint({identity, same}):
            lost[origin.tool, _reason(event, begun)] += 1


def _reason(event: Wrote, begun: dict[str, str]) -> str:
    first = begun.get(event.origin.tool, "")
    if not first:
        return "with no hook at work (provenance ingest reads them now)"
    if event.origin.time < first:
        return "from before the first capture (provenance ingest reads them now)"
    if event.status is Status.DECLINED:
        return "declined, of which hooks are not told (provenance ingest reads them now)"
    return "for a reason that the records do not tell (provenance ingest reads them now)"
