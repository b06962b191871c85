"""What a page says in words: rules, defaults, kinds of terms, limits, measured rates, glossary. It reads nothing.

A page says "matches", "recorded as" and "declared as"; of guilt and of who wrote an unmatched text it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from provenance.model import Action, Evidence, Grade, Similarity
from provenance.policy.runs import MISSED, SKIPPED
from provenance.policy.schema import STOPS, Budget, Defaults, Policy, Rule, sets

RULE = {"(unknown origin)": "a match whose provider nobody recorded", "(unknown terms)": "a match with output for "
        "whose provider, channel, plan "
"and day the registry has no terms", "(no rule)": "a match on which no rule speaks"}  # fmt: skip

ACTION = {
    "block": "Blocked",
    "quarantine": "Quarantined",
    "warn": "Warned of",
    "allow": "Allowed",
}
VERDICT = {
    "block": "By the policy the dataset is not released as it is.",
    "quarantine": "By the policy the texts named below are held back; without them the dataset passes.",
    "warn": "By the policy the dataset passes; somebody should look at the texts named below.",
    "allow": "By the policy the dataset passes.",
}
SIMILARITY = {
    "recorded": "the ledger itself says that it is this output",
    "exact": "all tokens are the same",
    "fragment": "a run of tokens is the same, word for word",
    "renamed": "a run of tokens is the same but for names and numbers",
    "similar": "the texts as a whole resemble each other",
    "none": "the text declares its origin; there is nothing to compare",
}
EVIDENCE = {
    "captured": "recorded by a hook while it was written",
    "transcript": "recorded in the assistant's own transcript",
    "tool note": "recorded in a note of another tool",
    "declared": "declared by the text or its row",
    "heuristic": "guessed; never blocks",
}
STANDING = {
    "waived": "applied",
    "waiver expired": "expired: not applied",
    "waiver not yet in force": "not yet in force: not applied",
    "not waivable: the rule is hard": "not applied: the rule cannot be waived",
}
VERIFICATION = {
    "verified": "verified: read in the provider's own text or a dated archive of it",
    "secondary": "secondary: as someone quotes it; confirm before relying on it",
    "unverified": "unverified: confirm before relying on it",
    "": "not in the registry at hand",
}

MEASURED_RECIPE = "p1.k24.w9.d12.s5.m128x5"
MEASURED_WITH = "provenance 0.1.0, python tests/benchmarks/accuracy.py"
MEASURED = (
    # docs/benchmarks.md, "Recall by mutation": solutions of o1-preview, texts that sessions wrote.
    ("copied verbatim", "1.000", "0.993"),
    ("re-indented", "1.000", "0.980"),
    ("names changed", "0.987", "0.967"),
    ("10 % of lines edited", "0.993", "0.960"),
    ("25 % of lines edited", "0.953", "0.933"),
    ("a fragment of 10 lines", "1.000", "0.947"),
    ("a fragment of 6 lines", "0.920", "0.820"),
    ("a fragment of 6 lines, names changed", "0.780", "0.840"),
)
"""Share of planted outputs that were blocked and named rightly."""
FALSE_ALARMS = "0 of 2,540"
"""Of files from before assistants: with either set of known outputs."""

GLOSSARY = (
    ("output, ingredient", "One piece of text that an assistant wrote, as it was recorded: who made it, when, and its "
     "fingerprints. The text itself is in neither the index nor the ledger."),
    ("record", "A row of the dataset. It can hold several texts."),
    ("match", "A fact about two texts: this span of this text is like that recorded output. It says nothing of how "
     "that came about: two people, or two models, can write the same lines."),
    ("finding", "A text with its matches, and what the policy makes of them."),
    ("recorded as", "The origin stands in a hook's record, in the assistant's own transcript, or in a tool's note."),
    ("declared as", "The text, or the row that it stands in, names an origin itself."),
    ("unknown", "No record was found. It does not mean that a person wrote the text."),
    ("token", "A word, a number or a sign of the text; white space does not count."),
    ("idiom", "A common phrase, too short or too plain to show a copy. It is counted and never stops anything."),
    ("fragment, renamed, similar", "How much is shared: a run word for word, a run under other names, or a likeness of "
     "the whole without a common run."),
    ("clause in force", "A clause of a provider's public terms that held on the day on which the matched output was "
     "generated, for the channel that was recorded. Where no channel was recorded, each that could apply is listed."),
    ("zone, use", "The part of the house that a text lies in, and what it is meant for; rules can differ by both."),
    ("waiver", "A decision, by a named person, with a reason and a last day, to set a finding aside."),
    ("baseline", "Findings that were there when the tool was adopted, each waiting for a decision or having one."),
    ("ledger", "The append-only record of what was captured, indexed, scanned, decided and stated. Each shard is a "
     "Merkle tree: its root changes if any entry does."),
    ("checkpoint", "The size and root of each shard at one time, signed. A later change of what it records is seen."),
)  # fmt: skip


def percent(part: int, whole: int) -> str:
    """A share with as many digits as it needs to be neither 0 nor 100 when it is not."""
    if whole <= 0:
        return "–"
    share = 100 * part / whole
    if part in (0, whole):
        return f"{share:.0f} %"
    for digits in (1, 2, 3):
        shown = f"{share:.{digits}f}"
        if float(shown) not in (0.0, 100.0):
            return f"{shown} %"
    return "< 0.001 %" if share < 50 else "> 99.999 %"


def number(count: int, one: str, many: str = "") -> str:
    """A count with its noun: 1 record, 1,200 records."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def day(time: str) -> str:
    """The day of a time, as a reader writes it: 25 March 2026; a month where that is all there is."""
    months = ("January February March April May June July August September October November December").split()
    try:
        if len(time) == 7:
            return f"{months[int(time[5:]) - 1]} {time[:4]}"
        found = date.fromisoformat(time[:10])
    except (ValueError, IndexError):
        return time or "no day recorded"
    return f"{found.day} {months[found.month - 1]} {found.year}"


def period(first: str, last: str) -> str:
    """Two days as a span."""
    if not first and not last:
        return "no day recorded"
    if first[:10] == last[:10]:
        return day(first)
    return f"{day(first)} to {day(last)}"


def listed(words: Iterable[object], last: str = "or") -> str:
    """Words as a sentence lists them."""
    found = [str(one) for one in words]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} {last} {found[-1]}" if found else ""


def rule(one: Rule, policy: Policy) -> str:
    """When a rule speaks, in plain words; it names no zone."""
    parts = [f"texts that {_likeness(one)} {_origins(one, policy)}"]
    if one.uses:
        parts.append(f"meant for {listed(one.uses)}, or for nobody said what")
    if one.zones:
        parts.append(f"in {number(len(one.zones), 'named zone')}")
    if set(one.evidence) != set(Evidence):
        parts.append(f"the origin {listed(_known(one.evidence))}")
    if set(one.grade) != set(Grade):
        parts.append(f"of grade {listed(one.grade)}")
    parts += [text for value, text in _least(one) if value]
    if one.terms:
        parts.append(f"where the terms in force say: {listed(str(word).replace('_', ' ') for word in one.terms)}")
    if one.kinds or one.clauses:
        parts.append(f"by a clause of kind or id {listed([*one.kinds, *one.clauses])}")
    return "; ".join(parts) + "."


def _likeness(one: Rule) -> str:
    chosen = [str(word) for word in Similarity if word in one.similarity]
    if len(chosen) == len(Similarity):
        return "match in any way"
    declared = ["are declared as"] if "none" in chosen else []
    alike = [word for word in chosen if word != "none"]
    return listed([*([f"match ({', '.join(alike)})"] if alike else []), *declared])


def _origins(one: Rule, policy: Policy) -> str:
    if not one.origins:
        return "output of anybody's models"
    known = sets(policy)
    found = []
    for name in one.origins:
        origins = known[name]
        patterns = [*origins.providers, *(f"model {value}" for value in origins.models if value != "*"),
                    *(f"tool {value}" for value in origins.tools if value != "*")]  # fmt: skip
        found.append(listed("any provider" if value == "*" else value for value in patterns))
    return f"output of {'; or '.join(found)}, as recorded"


def _known(evidence: Sequence[Evidence]) -> list[str]:
    return [EVIDENCE[str(word)].partition(";")[0] for word in Evidence if word in evidence]


def _least(one: Rule) -> Iterator[tuple[float, str]]:
    yield one.min_tokens, f"at least {one.min_tokens:,} verified tokens"
    yield one.min_coverage, f"at least {one.min_coverage:.0%} of the text"
    yield one.min_jaccard, f"a likeness of at least {one.min_jaccard:g} where the whole is alike"


def budget(one: Budget) -> str:
    """What a budget allows, in plain words."""
    bounds = []
    if one.max_records is not None:
        bounds.append(f"{one.max_records:,} texts")
    if one.max_share is not None:
        bounds.append(f"{100 * one.max_share:g} % of the texts read")
    where = f", in {number(len(one.zones), 'named zone')}" if one.zones else ""
    uses = f", meant for {listed(one.uses)}" if one.uses else ""
    return f"more than {listed(bounds)} with verdict {listed(one.counts)} together{where}{uses}."


def defaults(one: Defaults) -> Iterator[tuple[str, Action, str]]:
    """What is due beside the rules: name, action, words."""
    yield "(unknown origin)", one.unknown_origin, f"{RULE['(unknown origin)']}."
    yield "(unknown terms)", one.unknown_terms, f"{RULE['(unknown terms)']}."
    yield SKIPPED, one.skipped, "a record that could not be read: unread is not clean."
    yield MISSED, one.missed_captures, "a capture that a hook could not make: the index may lack it."


def level(name: str) -> str:
    """How binding a rule is."""
    return {
        "hard": "hard: cannot be waived",
        "soft": "soft: can be waived, with a reason and a last day",
        "advisory": "advisory: warns, never fails a run",
    }.get(name, "")


def fails(action: str) -> bool:
    """Whether an action stops a dataset."""
    return action in STOPS
