"""What a store's ledger records of a period: outputs by day, assistant and model, sessions, gates, statements."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median_low
from typing import Any

from provenance import entries, ledger
from provenance.evidence import records
from provenance.ledger import checkpoint, verify
from provenance.page.facts import Captured, Day, Origin, Proof, Record, Shard, Volume
from provenance.words import UNKNOWN

SIZES = ((1, "1 output"), (10, "2 to 10"), (100, "11 to 100"), (1_000, "101 to 1,000"), (10_000, "1,001 to 10,000"))
"""Sessions by outputs: the most in each class."""
BEYOND = "more than 10,000"
DAYS = 62
"""More days than these are shown as months."""


def captured(store: Path, start: str, end: str) -> Captured:
    """What the ledger has of outputs generated from ``start`` to ``end`` (days, both included; empty for no bound).

    An output counts once, however often it was recorded. An output without a time is in no period.
    """
    outputs: dict[str, dict[str, Any]] = {}
    kinds: Counter[str] = Counter()
    gates: list[dict[str, Any]] = []
    for one in ledger.read(store):
        if isinstance(one, ledger.Torn):
            continue
        if one.kind == entries.KIND:
            outputs.setdefault(_text(one.facts, "same") or _text(one.facts, "id"), one.facts)
        if one.kind in (entries.KIND, "ingest") or within(one.time[:10], start, end):
            kinds[one.kind] += 1
        if one.kind == "gate" and within(one.time[:10], start, end):
            gates.append(
                {
                    "time": one.time,
                    "policy": _text(one.facts, "policy"),
                    "exit": one.facts.get("exit"),
                    "datasets": [str(name) for name in one.facts.get("datasets") or ()],
                }
            )
    known = [_Output(facts) for facts in outputs.values()]
    undated = sum(not one.day for one in known)
    taken = [one for one in known if within(one.day, start, end)]
    return Captured(
        start=start,
        end=end,
        outputs=len(taken),
        undated=undated,
        missed=kinds[entries.MISSED],
        volumes=tuple(_volumes(taken)),
        uses=tuple(_uses(taken)),
        days=tuple(series((one.day, one.provider) for one in taken if one.day)),
        sizes=tuple(_sizes(taken)),
        gates=tuple(sorted(gates, key=lambda one: one["time"])),
        accesses=kinds[records.ACCESS],
        kinds=dict(sorted(kinds.items())),
    )


class _Output:
    """One output, as its entry has it; what is not a text there is unknown."""

    __slots__ = ("author", "channel", "day", "evidence", "model", "plan", "provider", "session", "tokens", "tool")

    def __init__(self, facts: dict[str, Any]) -> None:
        origin = facts.get("origin")
        origin = origin if isinstance(origin, dict) else {}
        self.provider = _text(origin, "provider") or UNKNOWN
        self.model = _text(origin, "model") or UNKNOWN
        self.tool = _text(origin, "tool") or UNKNOWN
        self.session = _text(origin, "session")
        self.channel = _text(origin, "channel") or UNKNOWN
        self.plan = _text(origin, "plan") or UNKNOWN
        self.day = _text(origin, "time")[:10]
        self.author = _text(facts, "author")
        self.evidence = _text(facts, "evidence") or UNKNOWN
        tokens = facts.get("tokens")
        self.tokens = tokens if isinstance(tokens, int) else 0


def outputs(store: Path, start: str, end: str) -> Counter[tuple[str, str, str, str, str, str]]:
    """Outputs of a period by provider, model, channel, plan, tool and day: what is asked of the registry of terms."""
    seen: set[str] = set()
    counts: Counter[tuple[str, str, str, str, str, str]] = Counter()
    for one in ledger.read(store):
        if isinstance(one, ledger.Torn) or one.kind != entries.KIND:
            continue
        name = _text(one.facts, "same") or _text(one.facts, "id")
        if name in seen:
            continue
        seen.add(name)
        it = _Output(one.facts)
        if within(it.day, start, end):
            counts[it.provider, it.model, it.channel, it.plan, it.tool, it.day or UNKNOWN] += 1
    return counts


def within(day: str, start: str, end: str) -> bool:
    """Whether a day lies in a period; no day lies in a period with a bound."""
    return (not start or start <= day) and (not end or ("" < day <= end))


def _text(facts: dict[str, Any], name: str) -> str:
    value = facts.get(name)
    return value if isinstance(value, str) else ""


def _volumes(taken: Iterable[_Output]) -> Iterable[Volume]:
    by: dict[str, list[_Output]] = defaultdict(list)
    for one in taken:
        by[one.provider].append(one)
    for provider, some in sorted(by.items(), key=lambda one: (-len(one[1]), one[0])):
        days = Counter(one.day for one in some if one.day)
        sessions = Counter((one.tool, one.session) for one in some if one.session)
        busiest = min(days.items(), key=lambda one: (-one[1], one[0]), default=("", 0))
        yield Volume(
            provider=provider,
            outputs=len(some),
            tokens=sum(one.tokens for one in some),
            sessions=len(sessions),
            authors=len({one.author for one in some} - {""}),
            days=len(days),
            first=min(days, default=""),
            last=max(days, default=""),
            busiest=busiest[0],
            busiest_outputs=busiest[1],
            median=median_low(sessions.values()) if sessions else 0,
            largest=max(sessions.values(), default=0),
        )


def _uses(taken: Iterable[_Output]) -> Iterable[tuple[Origin, str, int, int, int]]:
    by: dict[tuple[Origin, str], list[_Output]] = defaultdict(list)
    for one in taken:
        by[Origin(one.provider, one.model, one.tool), one.evidence].append(one)
    for (origin, evidence), some in sorted(by.items(), key=lambda one: (-len(one[1]), one[0])):
        sessions = {one.session for one in some} - {""}
        yield origin, evidence, len(some), sum(one.tokens for one in some), len(sessions)


def series(dated: Iterable[tuple[str, str]]) -> list[Day]:
    """Counts by day and provider, or by month where there are many days; sorted."""
    counts = Counter(dated)
    if len({day for day, _ in counts}) > DAYS:
        months: Counter[tuple[str, str]] = Counter()
        for (day, provider), count in counts.items():
            months[day[:7], provider] += count
        counts = months
    return [Day(when, provider, count) for (when, provider), count in sorted(counts.items())]


def _sizes(taken: Iterable[_Output]) -> Iterable[tuple[str, int]]:
    sessions = Counter((one.tool, one.session) for one in taken if one.session)
    classes = Counter(
        next((at for at, (most, _) in enumerate(SIZES) if count <= most), -1) for count in sessions.values()
    )
    names = [*(name for _, name in SIZES), BEYOND]
    for at, name in enumerate(names):
        yield name, classes[at if at < len(SIZES) else -1]


def proof(store: Path) -> Proof:
    """The ledger verified against itself and the checkpoints beside it."""
    checkpoints = checkpoint.within(store)
    return Proof(
        shards=tuple(
            Shard(one.head.shard, one.head.size, one.head.root, one.faults, one.notes, one.agreeing)
            for one in verify.verify(store, checkpoints)
        ),
        checkpoints=tuple(
            (one.time, sum(head.size for head in one.heads.values()), tuple(sign.keyid for sign in one.signatures))
            for one in checkpoints
        ),
    )


def attested(store: Path) -> tuple[Record, ...]:
    """What people stated and what was released, by the ledger, in order of time; accesses are counted apart."""
    return tuple(
        Record(
            time=one.time,
            kind=one.kind,
            day=one.day,
            who=one.name or one.who,
            side=one.side,
            zone=one.zone,
            subject=one.subject + (f": {one.verdict}, {one.matched:,} texts match" if one.verdict else ""),
            reason=one.reason,
            clause=one.clause,
            reviewer=one.reviewer,
            signatures=len(one.signatures),
        )
        for one in records.records(store)
        if one.kind != records.Kind.ACCESS
    )
