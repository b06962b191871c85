"""Which clauses were in force for an output: a pure function of registry and what was recorded of the output.

What was not recorded is no reason to leave a clause out: every one that could apply is listed, and says what it is
listed for. No row is no permission.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from provenance.terms.rows import ANY, Kind, Registry, Row, Verdict, Verification
from provenance.words import UNKNOWN

API = "api"
GROUPS = {
    "consumer": frozenset("consumer free go plus pro max individual".split()),
    "business": frozenset("business team enterprise edu gov".split()),
}
"""Plans that a word stands for; providers name theirs by one of these."""
CHANNELS = {
    # How captures and other tools' logs name what the registry names otherwise.
    "vertex_ai": "vertex",
    "aws": "bedrock",
    "azure_openai": "azure",
    "github_copilot": "copilot",
    "github-copilot": "copilot",
    "copilot-chat": "copilot",
    "codeium": "windsurf",
    "fireworks_ai": "fireworks",
    "together_ai": "together",
    "web": "app",
    "desktop": "app",
    "mobile": "app",
    "ollama": "weights",
    "llamacpp": "weights",
    "llama.cpp": "weights",
    "lmstudio": "weights",
    "lm-studio": "weights",
    "lm_studio": "weights",
    "vllm": "weights",
    "hosted_vllm": "weights",
    "self-hosted": "weights",
}
ASSISTANTS = frozenset("cursor windsurf lovable copilot opencode microsoft-copilot perplexity chatgpt-apps".split())
"""Channels that are an assistant's own service."""
TOOLS: dict[str, frozenset[str]] = {
    # Which of those services a tool calls, as captures name tools; others call the maker, a cloud or a router.
    **dict.fromkeys(("claude-code", "codex", "gemini-cli", "aider"), frozenset[str]()),
    **dict.fromkeys(("copilot-cli", "copilot-vscode", "copilot", "github-copilot"), frozenset(["copilot"])),
    "chatgpt": frozenset(["chatgpt-apps"]),
    "opencode": frozenset(["opencode", "copilot"]),
    "cursor": frozenset(["cursor"]),
    "windsurf": frozenset(["windsurf"]),
    "lovable": frozenset(["lovable"]),
    "perplexity": frozenset(["perplexity"]),
}
EEA = frozenset(
    """eea eu at be bg hr cy cz dk ee fi fr de gr hu is ie it lv li lt lu mt nl no pl pt ro sk si es se""".split()
)
REGIONS = {**dict.fromkeys(EEA, "eea"), "ch": "ch", "uk": "uk", "gb": "uk"}
"""Every other one is ``row``, the rest of the world."""
DECIDING = frozenset({"model", "channel", "plan", "region"})
"""What decides which document binds."""
_MILDEST = (Verdict.PERMITS, Verdict.SILENT, Verdict.UNREAD, Verdict.CONDITIONS, Verdict.FORBIDS)


class Status(StrEnum):
    """What the clauses in force say together (``together``)."""

    FORBIDS = "forbids"
    CONDITIONS = "conditions"
    PERMITS = "permits"
    SILENT = "silent"
    UNKNOWN = "unknown_terms"
    """No row, or none stricter than a text that nobody has read here."""


class Clause(msgspec.Struct, frozen=True):
    """A row that is listed for an output."""

    row: Row
    assumed: tuple[str, ...] = ()
    """What would have to be recorded for it to be sure that the row applies: model, channel, plan, region, date, use,
    or pass-through (an unverified clause brings it in)."""
    via: str = ""
    """The id of the pass-through clause that brings it in."""
    is_past_reading: bool = False
    """Whether the output is younger than the last reading of the text: the clause is taken to stand still."""


class Resolution(msgspec.Struct, frozen=True):
    """What the registry has for an output and a use."""

    status: Status
    clauses: tuple[Clause, ...]
    """The sure ones before those that could apply, and of these the most specific first."""
    is_unverified: bool
    """Whether a row among them is not verified."""
    overridden: tuple[str, ...] = ()
    """Ids of clauses that a private overlay sets aside."""
    other_uses: tuple[str, ...] = ()
    """Ids of clauses in force that speak of other uses only."""
    gaps: tuple[str, ...] = ()
    """Documents that would apply, of which the registry has no row for the day."""


class _Asked(msgspec.Struct, frozen=True):
    """What was recorded, in the registry's words; None where nothing was."""

    provider: str
    model: str
    channel: frozenset[str] | None
    plan: frozenset[str] | None
    region: frozenset[str] | None
    day: date | None
    use: str
    elsewhere: frozenset[str]
    """Channels that the tool does not call, where no channel was recorded."""


def resolve(
    registry: Registry,
    provider: str,
    model: str = UNKNOWN,
    channel: str = UNKNOWN,
    plan: str = UNKNOWN,
    region: str = UNKNOWN,
    date: str = UNKNOWN,
    use: str = UNKNOWN,
    tool: str = UNKNOWN,
) -> Resolution:
    """The clauses in force for what a provider's model put out, on the day it was generated.

    ``date`` is ISO 8601, of which the day counts, UTC; a text that is none is unknown. The answer is remembered for
    each distinct question. Of an unknown provider only the clauses on anybody's models are listed. Where the channel is
    unknown, ``tool`` leaves out the clauses of other assistants' services.
    """
    return _resolve(
        registry,
        _Asked(
            provider.strip().lower() or UNKNOWN,
            model.strip().lower() or UNKNOWN,
            _channel(channel),
            _plan(plan, channel),
            _region(region),
            _day(date),
            use.strip().lower() or UNKNOWN,
            _elsewhere(tool, channel),
        ),
    )


def _word(given: str) -> str | None:
    word = given.strip().lower()
    return None if word in ("", UNKNOWN) else word


def _channel(given: str) -> frozenset[str] | None:
    word = _word(given)
    return None if word is None else frozenset([CHANNELS.get(word, word)])


def _plan(given: str, channel: str) -> frozenset[str] | None:
    word = _word(given)
    if word is None:  # who calls by key is on the plan of the key
        return frozenset([API]) if _channel(channel) == frozenset([API]) else None
    return GROUPS.get(word, frozenset([word]))


def _elsewhere(tool: str, channel: str) -> frozenset[str]:
    own = TOOLS.get(tool.strip().lower())
    return frozenset() if own is None or _channel(channel) is not None else ASSISTANTS - own


def _region(given: str) -> frozenset[str] | None:
    word = _word(given)
    return None if word is None else frozenset([REGIONS.get(word, "row")])


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given.strip()[:10])
    except ValueError:
        return None


@functools.lru_cache(1 << 16)
def _resolve(registry: Registry, asked: _Asked) -> Resolution:
    found = {one.row.id: one for one in _listed(registry.rows, asked)}
    for clause in [one for one in found.values() if one.row.kind is Kind.PASS_THROUGH]:
        for one in _upstream(registry.rows, asked, clause):
            found.setdefault(one.row.id, one)
    spoken = {name: one for name, one in found.items() if _speaks(one.row, asked.use)}
    set_aside = {name for one in spoken.values() if not one.assumed for name in one.row.overrides}
    clauses = tuple(sorted((one for name, one in spoken.items() if name not in set_aside), key=_order))
    return Resolution(
        status=together(clauses, asked.provider),
        clauses=clauses,
        is_unverified=any(one.row.verification is not Verification.VERIFIED for one in clauses),
        overridden=tuple(sorted(set_aside & spoken.keys())),
        other_uses=tuple(sorted(found.keys() - spoken.keys())),
        gaps=tuple(_gaps(registry.rows, asked)),
    )


def _listed(rows: Iterable[Row], asked: _Asked) -> list[Clause]:
    """The rows that apply or could, whatever use they speak of."""
    found = []
    for row in rows:
        assumed = _assumed(row, asked)
        if assumed is None:
            continue
        on_day = _in_force(row, asked.day)
        if on_day is False:
            continue
        past = row.until is None and row.retrieved is not None and asked.day is not None and asked.day > row.retrieved
        date_ = ("date",) if on_day is None else ()
        use = ("use",) if asked.use == UNKNOWN and row.uses else ()
        found.append(Clause(row, (*assumed, *date_, *use), is_past_reading=past))
    return found


def _upstream(rows: Iterable[Row], asked: _Asked, clause: Clause) -> list[Clause]:
    """What the maker's own terms for its API add where a clause says that they apply as well."""
    api = frozenset([API])
    own = [row for row in rows if row.provider == asked.provider]
    there = msgspec.structs.replace(asked, channel=api, plan=api)
    is_sure = clause.row.verification is Verification.VERIFIED and not clause.assumed
    return [
        msgspec.structs.replace(
            one, via=clause.row.id, assumed=one.assumed if is_sure else (*one.assumed, "pass-through")
        )
        for one in _listed(own, there)
    ]


def _assumed(row: Row, asked: _Asked) -> tuple[str, ...] | None:
    """What a row is listed for without being recorded; None where it does not apply."""
    if asked.provider not in (*row.makers, row.provider) and ANY not in row.makers:
        return None
    if row.channel and asked.elsewhere.issuperset(row.channel):
        return None
    fits = {
        "model": _model_fits(row.models, asked.model),
        "channel": _fits(row.channel, asked.channel),
        "plan": _fits(row.plan, asked.plan),
        "region": _fits(row.region, asked.region),
    }
    if False in fits.values():
        return None
    return tuple(name for name, fit in fits.items() if fit is None)


def _fits(listed: tuple[str, ...], asked: frozenset[str] | None) -> bool | None:
    """Whether what was recorded is among what a row names; None where it could be."""
    if not listed:
        return True
    if asked is None:
        return None
    named = frozenset(word for one in listed for word in GROUPS.get(one, (one,)))
    return None if asked & named and not asked <= named else asked <= named


def _model_fits(patterns: tuple[str, ...], model: str) -> bool | None:
    if not patterns:
        return True
    return None if model == UNKNOWN else any(fnmatchcase(model, pattern) for pattern in patterns)


def _in_force(row: Row, day: date | None) -> bool | None:
    if day is None:
        return None
    if row.until is not None and day >= row.until:
        return False
    return None if row.since is None else day >= row.since


def _speaks(row: Row, use: str) -> bool:
    return bool(row.uses) if use == UNKNOWN else use in row.uses


def _order(one: Clause) -> tuple[object, ...]:
    row = one.row
    specific = sum(1 / len(listed) for listed in (row.models, row.channel, row.plan, row.region) if listed)
    return (
        bool(one.assumed),
        not row.is_private,
        bool(one.via),
        ANY in row.makers,
        -specific,
        -_MILDEST.index(row.verdict),
        -(row.since.toordinal() if row.since else 0),
        row.id,
    )


def together(clauses: Iterable[Clause], provider: str) -> Status:
    """What clauses on a provider's output say together: the strictest of those that are sure to apply, and of the
    maker's own.

    A clause that forbids and could only apply has not its whole weight where there is another way. One of the maker's
    own comes to conditions where another of its documents that could apply permits or is silent; one of anybody
    else's always does, and to nothing where nothing else is known (unknown_terms). That the use or the day is not
    known makes no clause doubtful.
    """
    listed = list(clauses)
    own = [one for one in listed if one.row.provider == provider.strip().lower()]
    counted = [one for one in listed if one in own or not _could(one)]
    status = _strictest(counted)
    if status is Status.UNKNOWN:
        return status
    if status is not Status.FORBIDS:
        return Status.CONDITIONS if any(map(_forbids, listed)) else status
    forbidding = [one for one in counted if _forbids(one)]
    documents = {one.row.document for one in forbidding}
    is_open = any(_opens(one) and one.row.document not in documents for one in own)
    return Status.CONDITIONS if is_open and all(map(_could, forbidding)) else status


def _strictest(clauses: Iterable[Clause]) -> Status:
    strictest = max((one.row.verdict for one in clauses), key=_MILDEST.index, default=Verdict.UNREAD)
    return Status.UNKNOWN if strictest is Verdict.UNREAD else Status(strictest)


def _opens(one: Clause) -> bool:
    """Whether a clause is another way by which the output may have come; a private contract has to be sure to apply,
    and a text that nobody confirmed opens nothing."""
    is_known = not one.row.is_private and one.row.verification is not Verification.UNVERIFIED
    return _could(one) and is_known and one.row.verdict in (Verdict.PERMITS, Verdict.SILENT)


def _forbids(one: Clause) -> bool:
    return one.row.verdict is Verdict.FORBIDS


def _could(one: Clause) -> bool:
    """Whether nobody recorded what would make it sure that the clause's document is the one that binds."""
    return not DECIDING.isdisjoint(one.assumed)


def _gaps(rows: tuple[Row, ...], asked: _Asked) -> list[str]:
    """The documents that apply but for the day, each with the nearest day on which the registry has a row of it."""
    if asked.day is None:
        return []
    documents: dict[str, list[Row]] = {}
    for row in rows:
        assumed = _assumed(row, asked)
        if assumed is not None and (row.provider == asked.provider or not assumed):
            documents.setdefault(f"{row.provider}.{row.document}", []).append(row)
    superseded = {row.supersedes for row in rows}
    said = []
    for name, held in sorted(documents.items()):
        if any(_in_force(row, asked.day) is not False for row in held):
            continue
        first = min((row.since for row in held if row.since and row.since > asked.day), default=None)
        ended = [row.until for row in held if row.until and row.until <= asked.day and row.id not in superseded]
        last = max(ended, default=None)
        ends = [f"none before {first}"] * (first is not None) + [f"none since {last}"] * (last is not None)
        if ends:
            said.append(f"{name}: {', '.join(ends)}")
    return said
