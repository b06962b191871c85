"""A report as Markdown, for a comment on a change and for a page of a CI system; and which findings such outputs list.

Same report and findings, same text. Names in datasets and transcripts are others' text: they stand in ``<code>``,
their punctuation as numeric character references, so that they are no markup, no link and call nobody (CommonMark
0.31 section 2.5: a reference is never structure; GitHub and GitLab link no names inside code).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from provenance.model import Action, Match, Similarity
from provenance.policy import ORDER, Finding, Judged
from provenance.policy.runs import SKIPPED
from provenance.report import text
from provenance.report.collect import Report

COMMENT = 65_000
"""Bytes; GitHub refuses the body of a comment from 65,536 characters on."""
MARKER = "<!-- provenance: clean-room gate -->"
"""The first line, by which a pipeline finds the comment that it wrote before."""
NAME = 200
"""Characters of a name that are shown; a path or a session may be any length."""
WAIVERS = 20
"""Waivers that are named with the verdict; the table has those of each finding besides."""
RULES = 5
"""Rules whose message is shown; the table names the rule of each finding."""

_MARKUP = {ord(mark): f"&#{ord(mark)};" for mark in set(string.punctuation) - set(",-./=+;?()'")}
_WWW = re.compile(r"(?i)(?<=www)\.")


def render(report: Report, findings: Iterable[Finding]) -> bytes:
    """A comment of less than 65,536 characters, the most severe findings first; what was cut is said."""
    return page(report, findings, COMMENT)


def page(report: Report, findings: Iterable[Finding], limit: int) -> bytes:
    """The same at another length: at most ``limit`` bytes of UTF-8 (``COMMENT`` or more), whatever the names."""
    listed = worst_first(findings)
    head = [MARKER, *_head(report)]
    tail = list(_tail(report))
    room = limit - _size(head) - _size(tail) - 1_000  # for what is said of the rest
    rows = []
    for finding in listed:
        row = _row(finding)
        room -= _size([row])
        if room < 0:
            break
        rows.append(row)
    table = ["| verdict | where | what matches | origin | rule |", "|---|---|---|---|---|", *rows] if rows else []
    more = unlisted(report, len(rows), listed[len(rows) :])
    return "\n".join([*head, *table, *(["", more] if more else []), *tail, ""]).encode()


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """What every output for CI lists: the most severe first, equals in their order. A text that shares idioms alone
    and is allowed is left out: nothing is to be done about it."""
    due = (one for one in findings if one.verdict is not Action.ALLOW or not text.is_idiom(one))
    return sorted(due, key=lambda one: -ORDER.index(one.verdict))


def matched(report: Report) -> str:
    """How many texts match or declare themselves, and what is due for them."""
    found = ", ".join(f"{action} {count:,}" for action, count in report.verdicts.items() if count)
    declared = f"; that declare themselves: {report.counts['declared']:,}" if report.counts["declared"] else ""
    return f"Texts that match recorded outputs: {report.counts['matched']:,}{declared}" + (
        f" ({found})" if found else ""
    )


def unlisted(report: Report, shown: int, left: Sequence[Finding]) -> str:
    """How many of the matched texts an output does not show, as a sentence, from how many it shows and which it left
    out, the most severe first; empty if it shows all."""
    every = max(sum(report.verdicts.values()), shown + len(left))
    if every <= shown:
        return ""
    worst = f", none more severe than {left[0].verdict}" if left else ""
    return f"{every - shown:,} of {every:,} texts that match are not listed here{worst}: see the whole report."


def deciding(finding: Finding) -> Judged | None:
    """The match that decided the verdict."""
    decided = (one for one in finding.matches if (one.action, one.rule) == (finding.verdict, finding.rule))
    return next(decided, next(iter(finding.matches), None))


def place(finding: Finding) -> str:
    """Where in the file the text is: its row and field, or nothing, for the whole file is the text."""
    address = finding.address
    return f"row {address.row}, {clipped(address.field)}" if is_row(finding) else ""


def numbered(findings: Iterable[Finding]) -> Iterator[tuple[Finding, int]]:
    """Each finding with how many of its id were before it in its file: a file may hold a text more than once, and
    CI systems drop what looks like something they have."""
    seen: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        key = (finding.address.file, finding.id)
        yield finding, seen[key]
        seen[key] += 1


def is_row(finding: Finding) -> bool:
    """Whether the text is a row's, not a file's; then lines are those of the text, not of the file."""
    return bool(finding.address.field)


def known(match: Match) -> str:
    """The origin, said as strongly as it is known."""
    others = f" (and {match.others:,} further {'output' if match.others == 1 else 'outputs'})" if match.others else ""
    return f"{text.KNOWN_AS.get(match.evidence, 'recorded as')} {clipped(text.origin(match), 2 * NAME)}{others}"


def said(finding: Finding) -> Iterator[str]:
    """A finding in a few words a line: what, from whom, by which rule, and what set it aside."""
    one = deciding(finding)
    decided = f"{finding.verdict} by {clipped(finding.rule)}"
    if one is None:
        yield ": ".join(filter(None, [place(finding), decided]))
        return
    match = one.match
    spot = ", ".join(filter(None, [place(finding), text.plain(text.where(match))]))
    what = "" if match.similarity is Similarity.NONE else "matches a recorded output: "
    yield f"{spot}: {what}{text.plain(text.likeness(match))}"
    yield known(match)
    yield f"{decided}; evidence: {match.evidence}{clipped(text.terms(one))}"
    yield from aside(finding)
    if len(finding.matches) > 1:
        yield f"{len(finding.matches) - 1:,} more {'match' if len(finding.matches) == 2 else 'matches'}"


def aside(finding: Finding) -> Iterator[str]:
    """What made the verdict milder than the rule's word, or was to: level, waiver, baseline."""
    one = deciding(finding)
    if one is not None and one.would is not None:
        yield f"by itself the rule says {one.would} (level {one.level})"
    first = (one,) if one is not None else ()
    for waiver in dict.fromkeys(match.waiver for match in (*first, *finding.matches) if match.waiver is not None):
        by = f"{clipped(waiver.waiver)}, {waiver.basis}, approved by {clipped(waiver.approver)}, until {waiver.expires}"
        yield f"{waiver.standing} ({by}): {clipped(waiver.reason)}"
    if finding.baseline:
        yield f"in the baseline: {finding.baseline}"


def whole(report: Report) -> Iterator[str]:
    """What is due for the run as a whole, and every waiver and the baseline as far as they matter; the first few."""
    yield from (text.for_run(one) for one in report.due if one.rule != SKIPPED)  # which every output counts by itself
    waived = list(text.waived(report))
    yield from waived[:WAIVERS]
    if len(waived) > WAIVERS:
        yield f"and {len(waived) - WAIVERS:,} more waivers: see the whole report"
    if report.baseline:
        yield f"in the baseline: {', '.join(f'{name} {count:,}' for name, count in report.baseline.items())}"


def sentence(finding: Finding) -> str:
    """A finding on one line."""
    return "; ".join(said(finding))


def clipped(name: str, most: int = NAME) -> str:
    """A name on one line, every character visible, its first ``most`` characters and a note of what was cut."""
    return text.plain(name) if len(name) <= most else f"{text.plain(name[:most])}... ({len(name):,} characters)"


def _head(report: Report) -> Iterator[str]:
    counts = report.counts
    rules = [rule for rule in report.rules if rule["message"]]
    yield f"### Clean-room gate: {report.verdict}"
    yield ""
    yield f"{matched(report)}."
    yield (
        f"Policy {_code(report.policy['name'])} (digest {_code(report.policy['digest'][:12])}), index "
        f"{_code(report.index['digest'][:12])} of {report.index['ingredients']:,} outputs, recipe "
        f"{_code(report.recipe)}, {_words(report.tool)}."
    )
    yield (
        f"Read: files {len(report.dataset['files']):,}, rows {counts['rows']:,}, texts {counts['texts']:,}, tokens "
        f"{counts['tokens']:,}; skipped {counts['skipped']:,}."
    )
    if report.skipped["count"]:
        yield f"{report.skipped['count']:,} could not be read, {report.skipped['action']}: unread is not clean."
    if report.captures["missed"]:
        yield f"{report.captures['missed']:,} captures were missed: what they held is not in the index."
    if text.rests_on(report):
        yield f"{_words(text.rests_on(report), 2 * NAME)}."
    for rule in rules[:RULES]:
        yield f"- {_code(rule['rule'])} says {rule['action']}, {rule['texts']:,}: {_code(rule['message'], NAME)}"
    if len(rules) > RULES:
        yield f"- and {len(rules) - RULES:,} more rules that decided"
    yield from (f"- {_words(line, 3 * NAME)}" for line in whole(report))
    yield ""


def _row(finding: Finding) -> str:
    one = deciding(finding)
    address = "<br>".join([_code(one, 2 * NAME) for one in (finding.address.file, place(finding), finding.id) if one])
    like = f"{text.where(one.match)}: {text.likeness(one.match)}" if one else "no text to compare"
    origin = _code(known(one.match), 3 * NAME) if one else ""
    more = f"<br>{len(finding.matches) - 1:,} more" if len(finding.matches) > 1 else ""
    evidence = f"<br>{one.match.evidence}" if one else ""
    less = "".join(f"<br>{_code(line, 4 * NAME)}" for line in aside(finding))
    return (
        f"| {finding.verdict} | {address} | {_words(like, 2 * NAME)}{more} | {origin} "
        f"| {_code(finding.rule)}{evidence}{less} |"
    )


def _tail(report: Report) -> Iterator[str]:
    yield ""
    yield "<details><summary>What a match says, and what is promised</summary>"
    yield ""
    yield "A match is a fact about two texts, and says how the origin is known; what to do about it is the policy's."
    yield "A text without a match has no recorded origin; nothing is said about who wrote it."
    yield ""
    yield _words(report.promise, 2_000)
    yield ""
    yield "</details>"


def _code(name: str, most: int = NAME // 2) -> str:
    return f"<code>{_words(name, most)}</code>"


def _words(said: str, most: int = NAME // 2) -> str:
    return _WWW.sub("&#46;", clipped(said, most).translate(_MARKUP))


def _size(lines: list[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)
