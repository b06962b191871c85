"""The sections of a page, each from facts to markup. Pure; a section with nothing to say says so or is left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from provenance.model import UNKNOWN, Action, Evidence
from provenance.page import pictures, wording
from provenance.page.facts import ORDER, Clause, Edition, Facts, Findings, Origin, Policy, Waived, total
from provenance.page.html import Content, Markup, el, join, short
from provenance.page.pictures import Piece
from provenance.page.rows import LONGEST
from provenance.page.wording import day, number, percent, period

ROWS = 60
"""Rows of a table; what is left out is summed up."""
PARTS = 20
USES = 30
PROVIDERS = 6
DIGEST = 16
"""Characters of a digest where it only reminds of one."""


def statement(facts: Facts) -> Markup:
    """The first page: what it is about, the verdict, what is unknown, and the limits."""
    head = [
        el("p", f"Clean-room report, {facts.edition} edition", class_="eyebrow"),
        el("h1", _title(facts)),
        _about(facts),
    ]
    if not facts.is_scan:
        return el("section", head, _period_words(facts), _limits(facts), id="statement")
    verdict = facts.verdict
    box = el(
        "div",
        el("p", "Verdict of the policy", class_="eyebrow"),
        el("p", verdict, class_=f"verdict v-{_known(verdict)}"),
        el("p", wording.VERDICT.get(verdict, ""), class_="meaning"),
        class_="box",
    )
    return el("section", head, box, _figures(facts), _whole(facts), _words(facts), _limits(facts), id="statement")


def _title(facts: Facts) -> str:
    if facts.is_scan:
        return (
            f"Recorded assistant output in {short(facts.name, 80)}"
            if facts.name
            else "Recorded assistant output in a dataset"
        )
    return "Assistant output as the ledger records it"


def _about(facts: Facts) -> Markup:
    rows: list[tuple[str, Content]] = []
    if facts.is_scan:
        count = len(facts.files)
        if facts.files:
            rows.append(("Dataset", [path(facts.files[0]), f" and {count - 1:,} more" if count > 1 else ""]))
        rows.append(
            (
                "Scope",
                (f"{number(facts.records, 'record')}, {number(facts.texts, 'text')}, {facts.size / 1e6:,.1f} MB")
                + (f", in {number(count, 'file')}" if count else ""),
            )
        )
        if facts.policy:
            name = short(facts.policy.name, 60) or "the organisation's own"
            rows.append(("Policy", [name, ", ", code(facts.policy.digest[:DIGEST])]))
        rows.append(("Judged", f"as of {day(facts.day)}" if facts.day else "the report does not say for which day"))
        rows.append(("Meant for", facts.use or "nobody said: any use"))
        if facts.team:
            rows.append(("Team", short(facts.team)))
        rows.append(
            ("Compared with", [f"{number(facts.ingredients, 'recorded output')}, index ", code(facts.index[:DIGEST])])
        )
    if facts.captured and not facts.is_scan:
        asked = facts.captured
        rows.append(
            (
                "Period",
                (
                    f"{day(asked.start) if asked.start else 'the beginning'} to "
                    f"{day(asked.end) if asked.end else 'the end'} of the record"
                ),
            )
        )
    return el("dl", [el("div", el("dt", name), el("dd", said)) for name, said in rows], class_="about")


def _figures(facts: Facts) -> Markup:
    recorded = facts.matched - facts.declared_only
    cells: list[tuple[Content, str, str]] = [
        (facts.records, "records", "in the dataset"),
        (
            count(facts, recorded, grade="!idiom", lead="1", similarity="!none"),
            percent(recorded, facts.records),
            "match output of an assistant that was recorded",
        ),
        (
            count(facts, facts.declared_only, grade="!idiom", lead="1", similarity="none"),
            percent(facts.declared_only, facts.records),
            "only declare an origin themselves",
        ),
        (facts.unknown, percent(facts.unknown, facts.records), "of unknown origin"),
        (see(facts.skipped, "#coverage"), percent(facts.skipped, facts.records), "could not be read"),
    ]
    return el(
        "ul",
        [
            el("li", el("b", figure), el("span", share, class_="share"), el("span", said))
            for figure, share, said in cells
        ],
        class_="figures",
    )


def _whole(facts: Facts) -> Markup:
    names = {
        **{name: f"{wording.ACTION[name].lower()} by the policy" for name in ORDER},
        "unknown": "of unknown origin",
        "skipped": "not read",
    }
    counts = {
        **{name: facts.actions.get(name, 0) for name in ORDER},
        "unknown": facts.unknown,
        "skipped": facts.skipped,
    }
    pieces = [Piece(name, counts[name], names[name]) for name in counts if counts[name]]
    said = "; ".join(f"{one.name}: {one.count:,} ({percent(one.count, facts.records)})" for one in pieces)
    legend = [
        el(
            "li",
            el("i", class_=f"swatch s-{one.kind}", aria_hidden="true"),
            f"{one.name} ",
            el("b", one.count),
            f" ({percent(one.count, facts.records)})",
        )
        for one in pieces
    ]
    return el("figure", pictures.stacked(f"All records: {said}", pieces), el("ul", legend, class_="legend"))


def _words(facts: Facts) -> Markup:
    providers = sorted({one.origin.provider for one in facts.shares if one.similarity != "none"} - {UNKNOWN})
    recorded = facts.matched - facts.declared_only
    whose = f" recorded as of {wording.listed([short(one, 40) for one in providers[:8]], 'and')}" if providers else ""
    more = f" and {len(providers) - 8} more providers" if len(providers) > 8 else ""
    stopped = sum(facts.actions.get(name, 0) for name in ("block", "quarantine"))
    said = [
        (
            f"Of {number(facts.records, 'record')}, {recorded:,} "
            f"({percent(recorded, facts.records)}) match output{whose}{more}. "
        ),
        f"A further {facts.declared_only:,} ({percent(facts.declared_only, facts.records)}) "
        "match nothing that was recorded but "
        "declare an origin themselves. "
        if facts.declared_only
        else "",
        f"The policy stops {number(stopped, 'record')}. ",
        f"For {facts.unknown:,} ({percent(facts.unknown, facts.records)}) "
        "no record was found: their origin is unknown, "
        "which is not to say that a person wrote them",
        f" ({number(facts.idioms, 'of them shares', 'of them share')} common idioms with recorded output). "
        if facts.idioms
        else ". ",
    ]
    if facts.skipped:
        said.append(f"{number(facts.skipped, 'record')} could not be read; unread is not clean. ")
    if facts.waivers:
        applied = [one for one in facts.waivers if one.standing == "waived"]
        said.append(f"{number(len(applied), 'waiver is', 'waivers are')} applied. ")
    unproven = [one for one in facts.clauses if one.verification != "verified"]
    if facts.clauses:
        said.append(
            f"{number(len(facts.clauses), 'clause')} of terms could have been in force on matched output; "
            f"{len(unproven):,} of them {'is' if len(unproven) == 1 else 'are'} "
            "not verified against the provider's own text. "
        )
    said.append("A match is a fact about two texts; this page draws no conclusion from it.")
    return el("p", said, class_="lead")


def _period_words(facts: Facts) -> Markup:
    captured = facts.captured
    assert captured is not None
    sessions = sum(one.sessions for one in captured.volumes)
    first = min((one.first for one in captured.volumes if one.first), default="")
    last = max((one.last for one in captured.volumes if one.last), default="")
    cells: list[tuple[Content, str]] = [
        (captured.outputs, "outputs recorded"),
        (sessions, "sessions"),
        (
            len(captured.volumes),
            "providers, the unknown one included"
            if any(one.provider == UNKNOWN for one in captured.volumes)
            else "providers",
        ),
        (captured.missed, "captures that hooks missed"),
    ]
    undated = f" Outputs of the whole ledger without a day: {captured.undated:,}." if captured.undated else ""
    return join(
        [
            el("ul", [el("li", el("b", figure), el("span", said)) for figure, said in cells], class_="figures"),
            el(
                "p",
                (
                    f"The ledger records {number(captured.outputs, 'output')} "
                    f"of assistants in {number(sessions, 'session')}, "
                    f"generated {period(first, last)}.{undated} What was not "
                    "captured is not in it: a missing record means unknown."
                ),
                class_="lead",
            ),
        ]
    )


def _limits(facts: Facts) -> Markup:
    said: list[Content] = [
        "Only output that was captured and indexed can be found. A session without a record, a chat in a browser, an "
        "assistant that is not read, leave nothing to match.",
        "Two people, or two models, can write the same lines. A match does not say how it came about.",
        (
            "Full rewrites, and translations into another language, "
            "share no run of tokens with their source and are not found."
        ),
    ]
    if facts.missed:
        said.insert(1, f"By the ledger, hooks missed {number(facts.missed, 'capture')}: what they held is in no index.")
    if not facts.is_scan:
        said = said[:1] + said[1:2] * bool(facts.missed)
    gaps = list(facts.missing)
    return el(
        "div",
        el("h2", "Limits"),
        el("ul", [el("li", one) for one in said]),
        [el("h3", "What this page lacks"), el("ul", [el("li", one) for one in gaps])] if gaps else None,
        class_="limits",
    )


def composition(facts: Facts) -> Markup | None:
    """Shares by origin and evidence, by file, over the time of generation."""
    if not facts.is_scan:
        return None
    body: list[Content] = [
        el(
            "p",
            "A record counts once, under its strongest match: the grade first, then the evidence, the similarity, the "
            "verified tokens. Matches that are idioms alone are left out.",
            class_="note",
        )
    ]
    if not facts.shares:
        body.append(el("p", "No record matches recorded or declared output."))
    else:
        body += [_evidence(facts), _origins(facts), _table_of_shares(facts)]
    if facts.parts and facts.edition is Edition.INTERNAL:
        body.append(_parts(facts))
    if facts.months:
        body.append(_timeline("Matched records by when the output was generated", facts.months, "record"))
    if facts.declared:
        body.append(
            table(
                "What texts say of themselves",
                ("declared by", "assistant", "provider", "#texts"),
                [(kind, shown(tool), shown(provider), texts) for kind, tool, provider, texts in facts.declared],
            )
        )
    return section("composition", "Composition", body)


def _grouped(facts: Facts, name: str) -> list[tuple[str, dict[str, int]]]:
    """Matched records by one thing and then by action, most first."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in facts.shares:
        key = one.evidence if name == "evidence" else getattr(one.origin, name)
        found[key][one.action] += one.records
    return sorted(((key, dict(held)) for key, held in found.items()), key=lambda one: (-total(one[1]), one[0]))


def _bar(title: str, actions: dict[str, int], most: int) -> Markup:
    pieces = [Piece(name, actions[name], name) for name in ORDER if actions.get(name)]
    said = ", ".join(f"{one.name} {one.count:,}" for one in pieces)
    return pictures.bar(f"{short(title, 80)}: {said or 'none'}", pieces, most)


def _evidence(facts: Facts) -> Markup:
    held = dict(_grouped(facts, "evidence"))
    most = max(map(total, held.values()))
    rows = [
        (
            [name, el("span", wording.EVIDENCE.get(name, ""), class_="under")],
            _bar(name, held[name], most),
            count(facts, total(held[name]), lead="1", grade="!idiom", evidence=name),
            percent(total(held[name]), facts.records),
        )
        for name in [
            *(str(one) for one in Evidence if str(one) in held),
            *sorted(held.keys() - set(map(str, Evidence))),
        ]
    ]
    return table("By how the origin is known", ("evidence", "~", "#records", "#of all"), rows, legend=_actions(facts))


def _origins(facts: Facts) -> Markup:
    held = _grouped(facts, "provider")
    most = total(held[0][1])
    rows = [
        (
            shown(name),
            _bar(name, actions, most),
            count(facts, total(actions), lead="1", grade="!idiom", provider=name),
            percent(total(actions), facts.records),
        )
        for name, actions in held[:PARTS]
    ]
    return table(
        "By provider of the model",
        ("recorded or declared as", "~", "#records", "#of all"),
        rows,
        legend=_actions(facts),
        more=_more(len(held) - PARTS, "provider"),
    )


def _actions(facts: Facts) -> Markup:
    """The legend of bars by action."""
    return el(
        "ul",
        [
            el("li", el("i", class_=f"swatch s-{name}", aria_hidden="true"), wording.ACTION[name].lower())
            for name in ORDER
            if facts.actions.get(name)
        ],
        class_="legend",
    )


def _table_of_shares(facts: Facts) -> Markup:
    rows = [
        (
            _origin(one.origin),
            one.similarity,
            one.evidence,
            badge(one.action),
            count(
                facts,
                one.records,
                lead="1",
                provider=one.origin.provider,
                model=one.origin.model,
                tool=one.origin.tool,
                similarity=one.similarity,
                evidence=one.evidence,
                worst=one.action,
                grade="!idiom",
            ),
            percent(one.records, facts.records),
            one.tokens,
            period(one.first, one.last),
        )
        for one in facts.shares[:ROWS]
    ]
    rest = facts.shares[ROWS:]
    more = _more(len(rest), "row", f"with {sum(one.records for one in rest):,} records")
    return table(
        "By origin, similarity and evidence",
        (
            "recorded or declared as",
            "similarity",
            "evidence",
            "policy",
            "#records",
            "#of all",
            "#tokens shared",
            "generated",
        ),
        rows,
        more=more,
    )


def _parts(facts: Facts) -> Markup:
    shown_parts = facts.parts[:PARTS]
    most = max((total(one.actions) for one in shown_parts), default=0)
    rows = [
        (
            path(one.name),
            _bar(one.name, one.actions, most),
            count(facts, total(one.actions), lead="1", grade="!idiom", source=one.name),
            one.records if one.records >= 0 else "–",
            percent(total(one.actions), one.records) if one.records >= 0 else "–",
        )
        for one in shown_parts
    ]
    rest = facts.parts[PARTS:]
    more = _more(len(rest), "file", f"with {sum(total(one.actions) for one in rest):,} matched records")
    return table(
        "By source file", ("file", "~", "#matched", "#records", "#share"), rows, legend=_actions(facts), more=more
    )


def _timeline(title: str, days: Sequence[Any], noun: str) -> Markup:
    """Columns for each provider on one scale, and the table of the same."""
    by: dict[str, dict[str, int]] = defaultdict(dict)
    for one in days:
        by[one.provider][one.when] = one.count
    totals = sorted(by, key=lambda name: (-sum(by[name].values()), name))
    names = totals[:PROVIDERS]
    if rest := totals[PROVIDERS:]:
        merged: Counter[str] = Counter()
        for name in rest:
            merged.update(by[name])
        label = f"{len(rest)} more providers"
        by[label] = dict(merged)
        names.append(label)
    times = sorted({one.when for one in days})
    span = _span(times)
    most = max(count for name in names for count in by[name].values())
    figures = []
    for name in names:
        series = by[name]
        peak = max(series.items(), key=lambda one: (one[1], one[0]))
        said = (
            f"{short(name, 60)}: {number(sum(series.values()), noun)}, {period(min(series), max(series))}; most on "
            f"{day(peak[0])} ({peak[1]:,})"
        )
        figures.append(
            el(
                "figure",
                el("figcaption", said),
                pictures.columns(said, [(one, series.get(one, 0)) for one in span], most, "count"),
            )
        )
    unit = "month" if times and len(times[0]) == 7 else "day"
    rows = [
        (
            day(one),
            *(by[name].get(one, 0) or "" for name in names),
            sum(held[one] for key, held in by.items() if key in names and one in held),
        )
        for one in times
    ]
    listing = table(f"{noun.capitalize()}s by {unit}", (unit, *(f"#{short(name, 24)}" for name in names), "#all"), rows)
    return join(
        [
            el("h3", title),
            figures,
            el("details", el("summary", f"The same by {unit}, as a table"), listing, class_="numbers"),
        ]
    )


def _span(times: Sequence[str]) -> list[str]:
    """All days, or all months, from the first to the last; the times as they are where they are none, or far apart."""
    from datetime import date, timedelta

    try:
        if times and len(times[0]) == 7:
            first, last = (int(one[:4]) * 12 + int(one[5:]) - 1 for one in (times[0], times[-1]))
            every = [f"{at // 12:04d}-{at % 12 + 1:02d}" for at in range(first, min(last, first + 600) + 1)]
        else:
            begin, end = (date.fromisoformat(one) for one in (times[0], times[-1]))
            every = [str(begin + timedelta(at)) for at in range(min((end - begin).days, 400) + 1)]
    except (ValueError, IndexError, OverflowError):
        return list(times)
    return every if set(times) <= set(every) else list(times)


def terms(facts: Facts) -> Markup:
    """The clauses in force on the days of generation, each with how well its wording is known."""
    what = "texts" if facts.is_scan else "outputs"
    body: list[Content] = [
        el(
            "p",
            (
                "Which clauses of providers' terms held on the day on "
                "which the output was generated, for the channel that was "
                "recorded; where none was recorded, each that could "
                "apply. A reading of public texts, and no legal advice. "
            ),
            "Registry ",
            code(facts.registry[:DIGEST]),
            ".",
            class_="note",
        )
    ]
    if facts.registry_differs:
        body.append(
            el(
                "p",
                "The registry at hand is another than the one that was judged by: the wording shown may differ.",
                class_="warning",
            )
        )
    if not facts.clauses:
        body.append(el("p", "No clause in the registry was in force on the output."))
        return section("terms", "Terms in force", body)
    counted = Counter(one.verification for one in facts.clauses)
    known = ", ".join(
        f"{held:,} {name or 'not in the registry at hand'}" for name, held in sorted(counted.items(), reverse=True)
    )
    body.append(el("p", f"{number(len(facts.clauses), 'clause')}: {known}."))
    strict = {name: at for at, name in enumerate(("forbids", "conditions", "unread", "silent", "permits", ""))}
    ordered = sorted(facts.clauses, key=lambda one: (strict.get(one.verdict, 9), -one.count, one.id))
    body.append(
        table(
            "Clauses",
            ("clause", "says", "wording", "in force", "output generated", f"#{what}"),
            [_clause(facts, one) for one in ordered],
        )
    )
    return section("terms", "Terms in force", body)


def _clause(facts: Facts, one: Clause) -> tuple[Content, ...]:
    held = f"{day(one.since) if one.since else 'not dated'} to {day(one.until) if one.until else 'now'}"
    read = el("span", f"last read {day(one.retrieved)}", class_="under") if one.retrieved else None
    title = f"{one.provider}, {one.title}" + (f", {one.clause}" if one.clause else "") if one.provider else ""
    return (
        [
            el("a", title, href=one.url, rel="noreferrer") if one.url else title or None,
            el("q", one.quotation) if one.quotation else None,
            el("span", code(one.id), class_="under"),
        ],
        [el("b", one.verdict or "–"), el("span", one.kind, class_="under")],
        [el("span", one.verification or "unknown", class_=f"mark k-{one.verification or 'unverified'}"), read],
        held if one.provider else "–",
        [period(one.first, one.last), el("span", _channels(one), class_="under")],
        count(facts, one.count, clause=one.id),
    )


def _channels(one: Clause) -> str:
    known = [short(name, 40) for name in one.channels if name not in ("", UNKNOWN)]
    if not known:
        return "no channel recorded"
    return f"channel {wording.listed(known)}" + (", or none recorded" if len(known) < len(one.channels) else "")


def policy(facts: Facts) -> Markup | None:
    """What was judged by: each rule in plain words, what it decided, and what is due for the run."""
    if facts.policy is None:
        return None
    one = facts.policy
    body: list[Content] = [_policy_words(one)]
    rows = [
        (
            code(line.id),
            badge(line.action),
            [line.words, el("span", line.message, class_="under") if line.message else None],
            line.level,
            count(facts, line.texts, rule=line.id),
        )
        for line in one.lines
    ]
    body.append(table("Rules, budgets and defaults", ("rule", "does", "about", "level", "#texts decided"), rows))
    body.append(
        el("p", "Levels: ", "; ".join(wording.level(name) for name in ("hard", "soft", "advisory")), ".", class_="note")
    )
    if facts.dues:
        due = [(due.rule, badge(due.action), due.level, due.count, due.why) for due in facts.dues]
        body.append(table("Due for the run as a whole", ("rule", "does", "level", "#counted", "why"), due))
    if facts.zones and any(facts.zones):
        body.append(
            table(
                "Texts by zone",
                ("zone", "#texts"),
                [(short(name) or "in no zone", count_of) for name, count_of in sorted(facts.zones.items())],
            )
        )
    if facts.captured and facts.captured.gates:
        body.append(_gates(facts))
    return section("policy", "Policy", body)


def _policy_words(one: Policy) -> Markup:
    said: list[Content] = [
        el("b", short(one.name) or "The organisation's own policy"),
        ", digest ",
        code(one.digest),
        ". ",
    ]
    if one.description:
        said.append(f"{short(one.description, 400)} ")
    if one.organisation:
        said.append(f"Organisation: {short(one.organisation)}. ")
    if one.competes_with:
        said.append(f"Competitors, in its own view: {wording.listed(map(short, one.competes_with), 'and')}. ")
    if not one.is_here:
        said.append("The policy itself is not at hand as it was: only the rules that decided are listed.")
    return el("p", said)


def _gates(facts: Facts) -> Markup:
    assert facts.captured is not None
    gates = facts.captured.gates
    by: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in gates:
        by[one["policy"]].append(one)
    rows = [
        (
            code(digest[:DIGEST] or "–"),
            period(held[0]["time"], held[-1]["time"]),
            len(held),
            sum(one["exit"] == 0 for one in held),
            sum(one["exit"] not in (0, None) for one in held),
        )
        for digest, held in by.items()
    ]
    return table(
        "Gates in the ledger, by policy in force", ("policy", "from, to", "#runs", "#passed", "#stopped"), rows
    )


def findings(facts: Facts) -> Markup | None:
    """The findings, to be looked through; in a partner's page their counts."""
    if not facts.is_scan:
        return None
    counts = [
        (badge(name), count(facts, facts.verdicts.get(name, 0), verdict=name))
        for name in ORDER
        if facts.verdicts.get(name)
    ]
    body: list[Content] = [
        table("Texts that match, by verdict", ("verdict", "#texts"), counts) if counts else el("p", "No text matches.")
    ]
    if facts.baseline:
        body.append(
            table(
                "Texts in the baseline",
                ("disposition", "#texts"),
                [(name, count(facts, held, baseline=name)) for name, held in facts.baseline.items()],
            )
        )
    if facts.edition is Edition.PARTNER:
        body.append(
            el(
                "p",
                "This edition holds no name of a file or person and no "
                "text. The findings stand in the internal edition, "
                "whose digests are those below.",
                class_="note",
            )
        )
    elif facts.findings is not None and facts.findings.count:
        body += _browser(facts.findings)
    return section("findings", "Findings", body)


def _browser(found: Findings) -> list[Content]:
    listed = [card(one, open_=False) for one in found.listed]
    rest = found.count - len(found.listed)
    return [
        el("p", found.texts_note, class_="note"),
        el(
            "form",
            el(
                "label",
                "Search",
                el(
                    "input",
                    type="search",
                    id="search",
                    autocomplete="off",
                    placeholder="file, id, session, path, model",
                ),
                for_="search",
            ),
            el("div", id="choices", class_="choices"),
            id="filters",
            class_="filters",
            hidden=True,
            role="search",
            aria_label="Filter the findings",
        ),
        el("p", "", id="state", role="status", class_="state"),
        el("div", listed, id="cards"),
        el(
            "p",
            (
                f"{number(rest, 'more finding')}, none more severe: "
                f"{'in this page where a script may run, and ' if rest else ''}in findings.parquet."
            ),
            id="rest",
            class_="note",
        )
        if rest
        else None,
        el("nav", id="pages", class_="pages", hidden=True, aria_label="Pages of findings"),
    ]


def card(one: dict[str, Any], open_: bool = False) -> Markup:
    """One finding: what stands first in a line, the evidence below."""
    best = max(one["matches"], key=lambda match: (match["grade"] != "idiom", match["tokens"]))
    more = len(one["matches"]) - 1
    return el(
        "details",
        el(
            "summary",
            badge(one["verdict"]),
            el("span", short(_place(one)), class_="place"),
            el(
                "span",
                likeness(best),
                f"; {_whose(best)}",
                (f"; {number(more, 'further match', 'further matches')}") if more else "",
                class_="gist",
            ),
        ),
        el(
            "p",
            "finding ",
            code(one["id"]),
            f", decided by {short(one['rule'])}",
            f", zone {short(one['zone'])}" if one["zone"] else "",
            (f", baseline: {one['baseline']}") if one["baseline"] else "",
            f", text of {number(one['unit'], 'token')}",
            class_="ids",
        ),
        [
            _match(match, [pair for pair in one["texts"] if pair["match"] == at])
            for at, match in enumerate(one["matches"])
        ],
        class_="finding",
        open=open_,
    )


def _place(one: dict[str, Any]) -> str:
    return f"{one['file']}, row {one['row']:,}, {one['field']}" if one["field"] else str(one["file"])


def likeness(match: dict[str, Any]) -> str:
    """What the two texts share, in one line."""
    if match["similarity"] == "none":
        return f"declares itself: {short(match['kind'], 60)}"
    if match["similarity"] == "similar":
        return f"similar as a whole, likeness {match['jaccard']} %"
    return f"{match['similarity']}, {match['grade']}, {number(match['tokens'], 'token')}"


def _whose(match: dict[str, Any]) -> str:
    return (
        f"{_known_as(match)} {short(match['model'], 60)} ({short(match['provider'], 40)}), {short(match['tool'], 40)}"
    )


def _known_as(match: dict[str, Any]) -> str:
    return {"declared": "declared as", "heuristic": "guessed as"}.get(match["evidence"], "recorded as")


def _match(match: dict[str, Any], pairs: Sequence[dict[str, Any]]) -> Markup:
    rows: list[tuple[str, Content]] = [
        ("where", _lines(match)),
        (
            "shared",
            likeness(match)
            + (
                f"; {match['verbatim']:,} word for word, {match['run']:,} in one run, {match['unit_coverage']} % of "
                f"the text, {match['ingredient_coverage']} % of the output"
                if match["tokens"]
                else ""
            ),
        ),
        ("origin", f"{_whose(match)}{_version(match)}, session {short(match['session'], 60)}, {match['time']}"),
        ("evidence", f"{match['evidence']}: {wording.EVIDENCE.get(match['evidence'], '')}"),
        (
            "output",
            [
                f"{match['kind']}{' of ' + short(match['path']) if match['path'] else ''}, {match['status']} ",
                code(match["ingredient"]) if match["ingredient"] else None,
                f" and {number(match['others'], 'further output')}" if match["others"] else None,
            ],
        ),
        (
            "policy",
            [
                badge(match["action"]),
                f" {match['level']}" if match["level"] else "",
                (f"; the rule by itself says {match['would']}") if match["would"] not in ("", match["action"]) else "",
            ],
        ),
    ]
    if match["waiver"]:
        rows.append(
            ("waiver", f"{short(match['waiver'])}: {wording.STANDING.get(match['standing'], match['standing'])}")
        )
    if match["clauses"]:
        rows.append(("clauses", [[code(name), " "] for name in match["clauses"]]))
    return el(
        "div",
        el("dl", [el("div", el("dt", name), el("dd", said)) for name, said in rows]),
        [_pair(pair) for pair in pairs],
        class_="match",
    )


def _version(match: dict[str, Any]) -> str:
    return f" {short(match['version'], 30)}" if match["version"] not in ("", UNKNOWN) else ""


def _lines(match: dict[str, Any]) -> str:
    first, last = match["first_line"], match["last_line"]
    lines = f"line {first:,}" if first == last else f"lines {first:,} to {last:,}"
    if match["view"].startswith("without"):
        return f"{lines}, {match['view']}"
    return lines if match["view"] in ("", "raw") else f"{lines}, unwrapped ({match['view']})"


def _pair(pair: dict[str, Any]) -> Markup:
    sides = []
    if "ours" in pair:
        sides.append(_side("In the dataset", pair["ours"]))
    if "theirs" in pair:
        sides.append(
            _side("Recorded output" + ("" if pair["verified"] else ", not verified against the store"), pair["theirs"])
        )
    return el("div", sides, class_="beside")


def _side(title: str, part: dict[str, str]) -> Markup:
    # The line break in front is the one that HTML drops behind <pre>.
    return el(
        "figure",
        el("figcaption", title),
        el("pre", "\n", part["before"], el("mark", part["matched"]), part["after"], tabindex="0"),
    )


def waivers(facts: Facts) -> Markup | None:
    """Who set what aside, on what ground, until when; expired ones too."""
    if not facts.is_scan:
        return None
    if not facts.waivers:
        return section("waivers", "Waivers", [el("p", "No waiver names a matched text.")])
    if facts.edition is Edition.PARTNER:
        held: Counter[tuple[str, str]] = Counter((one.standing, one.basis) for one in facts.waivers)
        rows: list[tuple[Content, ...]] = [
            (wording.STANDING.get(standing, standing), basis, many) for (standing, basis), many in sorted(held.items())
        ]
        return section("waivers", "Waivers", [table("Waivers", ("standing", "basis", "#waivers"), rows)])
    ordered = sorted(facts.waivers, key=lambda one: (one.standing != "waived", one.expires, one.id))
    body = table(
        "Waivers",
        ("waiver", "standing", "basis", "reason", "approver", "last day", "#texts"),
        [_waiver(facts, one) for one in ordered],
    )
    return section("waivers", "Waivers", [body])


def _waiver(facts: Facts, one: Waived) -> tuple[Content, ...]:
    standing = wording.STANDING.get(one.standing, one.standing)
    return (
        code(short(one.id)),
        el("span", standing, class_=f"mark k-{'verified' if one.standing == 'waived' else 'unverified'}"),
        one.basis,
        short(one.reason, 600),
        short(one.approver),
        day(one.expires),
        count(facts, one.texts, waiver=one.id, standing=one.standing),
    )


def volume(facts: Facts) -> Markup | None:
    """How much assistants were used: what ordinary use looks like beside collecting in bulk."""
    captured = facts.captured
    if captured is None:
        return None
    asked = (
        f"generated from {day(captured.start) if captured.start else 'the beginning'} "
        f"to {day(captured.end) if captured.end else 'now'}"
    )
    body: list[Content] = [
        el(
            "p",
            f"Outputs {asked}, as the ledger records them. Requests are "
            "not recorded; an output is one piece of text that a model "
            "added. People are known for outputs that hooks captured, by pseudonyms alone.",
            class_="note",
        )
    ]
    if not captured.volumes:
        body.append(el("p", "The ledger records no output of this period."))
        return section("volume", "Volume of use", body)
    most = max(one.outputs for one in captured.volumes)
    body.append(
        table(
            "By provider of the model",
            (
                "recorded as",
                "~",
                "#outputs",
                "#tokens",
                "#sessions",
                "#people",
                "#days",
                "busiest day",
                "#outputs a session: median",
                "#largest",
            ),
            [
                (
                    shown(one.provider),
                    pictures.bar(
                        (f"{short(one.provider, 40)}: {one.outputs:,}"), [Piece("count", one.outputs, "")], most
                    ),
                    one.outputs,
                    one.tokens,
                    one.sessions,
                    one.authors or "–",
                    one.days,
                    el("span", (f"{day(one.busiest)} ({one.busiest_outputs:,})"), class_="whole")
                    if one.busiest
                    else "–",
                    one.median,
                    one.largest,
                )
                for one in captured.volumes[:PARTS]
            ],
            more=_more(len(captured.volumes) - PARTS, "provider"),
        )
    )
    if captured.days:
        body.append(_timeline("Outputs by when they were generated", captured.days, "output"))
    sizes = max((many for _, many in captured.sizes), default=0)
    body.append(
        table(
            "Sessions by how many outputs they made",
            ("outputs of a session", "~", "#sessions"),
            [
                (name, pictures.bar(f"{name}: {many:,}", [Piece("count", many, "")], sizes), many)
                for name, many in captured.sizes
            ],
        )
    )
    body.append(
        table(
            "By model, tool and evidence",
            ("recorded as", "evidence", "#outputs", "#tokens", "#sessions"),
            [
                (_origin(origin), evidence, outputs, tokens, sessions)
                for origin, evidence, outputs, tokens, sessions in captured.uses[:USES]
            ],
            more=_more(
                len(captured.uses) - USES, "row", f"with {sum(one[2] for one in captured.uses[USES:]):,} outputs"
            ),
        )
    )
    return section("volume", "Volume of use", body)


def coverage(facts: Facts) -> Markup | None:
    """What was looked at and what not, by what, and how well that finds what it should."""
    rows: list[tuple[Content, ...]] = [("Tool", facts.tool), ("Engine", facts.engine), ("Recipe", code(facts.recipe))]
    if facts.is_scan:
        rows.append(("Index", [code(facts.index), f", {number(facts.ingredients, 'output')}"]))
        if facts.fields:
            rows.append(("Fields read", short(", ".join(facts.fields), 600)))
        if facts.unread:
            rows.append(("Columns without text, not read", short(", ".join(facts.unread), 600)))
        rows.append(
            (
                "Records not read",
                [
                    f"{facts.skipped:,}",
                    f"; {facts.skipped_action} by the policy: unread is not clean" if facts.skipped else "",
                ],
            )
        )
    rows.append(("Captures that hooks missed", facts.missed))
    body: list[Content] = [facts_table("What ran", rows)]
    if facts.skipped_reasons:
        body.append(table("Why records were not read", ("reason", "#records"), sorted(facts.skipped_reasons.items())))
    if facts.skipped_first:
        listing = table(
            "The first of them",
            ("where", "reason"),
            [(path(where), short(reason, 300)) for where, reason in facts.skipped_first],
        )
        body.append(el("details", el("summary", "The first records that were not read"), listing, class_="numbers"))
    if facts.suppressed:
        body.append(
            table(
                "Windows of the index that are not looked for", ("reason", "#windows"), sorted(facts.suppressed.items())
            )
        )
    if facts.is_scan:
        if facts.promise:
            body += [el("h3", "What is found by promise"), el("p", facts.promise)]
        body += _measured(facts)
    if facts.label is not None:
        body += _label(facts)
    return section("coverage", "Coverage", body)


def _measured(facts: Facts) -> list[Content]:
    if facts.recipe != wording.MEASURED_RECIPE:
        return [el("p", "No measured rates are at hand for this recipe.", class_="note")]
    return [
        table(
            "Measured: planted output that was stopped and named rightly",
            ("what was done to it", "#public solutions of a model", "#texts that sessions wrote"),
            wording.MEASURED,
        ),
        el(
            "p",
            (
                "Stopped of files that were written before there were "
                f"assistants: {wording.FALSE_ALARMS}. Measured on 785 public "
                "solutions and 140 texts of real sessions, 150 trials a figure, with the shipped policy: "
            ),
            code(wording.MEASURED_WITH),
            (
                "; all figures in docs/benchmarks.md. Code of one genre, "
                "such as textbook algorithms, shares more by chance."
            ),
            class_="note",
        ),
    ]


def _label(facts: Facts) -> list[Content]:
    label = facts.label
    assert label is not None
    files = [(path(one.path), one.records, one.size, code(one.sha256)) for one in label.subject.files[:ROWS]]
    more = _more(len(label.subject.files) - ROWS, "file")
    body: list[Content] = [
        el("h3", "The dataset, by its label"),
        el("p", "Merkle root over its records: ", code(label.subject.root)),
        table("Files", ("file", "#records", "#bytes", "SHA-256"), files, more=more),
    ]
    if label.parents:
        parents = [(one.relation, short(one.name), one.records, code(one.root)) for one in label.parents]
        body.append(table("Made from", ("how", "dataset", "#records", "root"), parents))
    return body


def ledger(facts: Facts) -> Markup:
    """What the page was made from, and what the ledger's verification said."""
    body: list[Content] = [
        table(
            "What this page was made from", ("what", "digest"), [(name, code(digest)) for name, digest in facts.digests]
        )
        if facts.digests
        else None
    ]
    if facts.proof is None:
        body.append(el("p", "No ledger was at hand."))
        return section("ledger", "Ledger proof", body)
    faults = [fault for shard in facts.proof.shards for fault in shard.faults]
    signed = sum(bool(keys) for _, _, keys in facts.proof.checkpoints)
    total_entries = sum(one.size for one in facts.proof.shards)
    if faults:
        said = f"The ledger does not agree with what was recorded: {number(len(faults), 'fault')}."
    elif not facts.proof.checkpoints:
        said = (
            f"All {number(total_entries, 'entry', 'entries')} can be read "
            "and are in order. There is no checkpoint: a change made before "
            "this page was made cannot be seen."
        )
    else:
        said = f"All {number(total_entries, 'entry', 'entries')} can be read, and agree with the checkpoints below."
    body.append(el("p", said, class_="warning" if faults else "lead"))
    body += [el("ul", [el("li", short(fault, 400)) for fault in faults])] if faults else []
    body.append(
        table(
            "Shards: each one Merkle tree (RFC 6962)",
            ("shard", "#entries", "root", "#checkpoints that agree", "state"),
            [
                (
                    code(one.name),
                    one.size,
                    code(one.root),
                    one.agreeing,
                    "faults" if one.faults else "; ".join(map(short, one.notes)) or "as written",
                )
                for one in facts.proof.shards
            ],
        )
    )
    if facts.proof.checkpoints:
        body.append(
            table(
                "Checkpoints",
                ("time", "#entries", "signed by key"),
                [
                    (time, size, [[code(key[:DIGEST] or "unnamed"), " "] for key in keys] or "nobody")
                    for time, size, keys in facts.proof.checkpoints
                ],
            )
        )
        body.append(
            el(
                "p",
                (
                    f"{signed:,} of {number(len(facts.proof.checkpoints), 'checkpoint')} "
                    "bear a signature. This page does not check it: "
                ),
                code("provenance ledger verify --public-key KEY"),
                " does.",
                class_="note",
            )
        )
    return section("ledger", "Ledger proof", body)


def records(facts: Facts) -> Markup | None:
    """Who stands on which side of the wall, what was released: the statements in the ledger."""
    if facts.captured is None:
        return None
    body: list[Content] = []
    if not facts.attested:
        body.append(el("p", "The ledger holds no statement of a person."))
    elif facts.edition is Edition.PARTNER:
        kinds = Counter(one.kind for one in facts.attested)
        body.append(table("Statements in the ledger", ("kind", "#statements"), sorted(kinds.items())))
    else:
        rows = [
            (
                day(one.day or one.time),
                one.kind,
                short(one.who),
                " ".join(filter(None, (one.side, one.zone))),
                path(one.subject),
                [
                    short(one.reason, 600),
                    el("span", f"clause {short(one.clause)}", class_="under") if one.clause else None,
                ],
                short(one.reviewer),
                "yes" if one.signatures else "no",
            )
            for one in facts.attested
        ]
        heads = ("day", "what", "who", "side and zone", "of", "reason", "reviewer", "signed")
        body.append(table("Statements in the ledger", heads, rows))
    body.append(
        el(
            "p",
            (
                "Texts of recorded outputs were taken from the vault "
                f"{number(facts.captured.accesses, 'time')}, by the ledger."
            ),
        )
    )
    return section("records", "Clean-room records", body)


def method(facts: Facts) -> Markup:
    """How it was found out, and the words."""
    how = (
        "Assistants' outputs are recorded when they are written, or read "
        "from their own transcripts later. Of each only what the model "
        "added counts, as fingerprints: hashes of runs of 24 tokens, of "
        "which white space, and in a second form names, are no part. "
        "Every text of the dataset is looked up against all of them. What "
        "is found is a fact; the policy then says what is due; both are "
        "kept apart, so that another policy can judge the same facts again."
    )
    glossary = [el("div", el("dt", word), el("dd", said)) for word, said in wording.GLOSSARY]
    return section("method", "Method and glossary", [el("p", how), el("dl", glossary, class_="glossary")])


# ---- pieces ----


def section(name: str, title: str, body: Iterable[Content]) -> Markup:
    """A section with its heading."""
    return el("section", el("h2", title), list(body), id=name, aria_labelledby=None)


def table(
    title: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Content]],
    legend: Content = None,
    more: str = "",
) -> Markup:
    """A table with its caption; ``#`` before a head means numbers, ``~`` stands for a column of bars."""
    kinds = ["num" if head.startswith("#") else "bars" if head == "~" else None for head in heads]
    names: list[Content] = [
        el("span", "bar", class_="hidden") if head == "~" else head.removeprefix("#") for head in heads
    ]
    lines = [
        el(
            "tr",
            [
                el("th" if not at else "td", cell, class_=kind, scope="row" if not at else None)
                for at, (cell, kind) in enumerate(zip(row, kinds, strict=True))
            ],
        )
        for row in rows
    ]
    return el(
        "div",
        el("h3", title),
        legend,
        el(
            "div",
            el(
                "table",
                el("caption", title, class_="hidden"),
                el(
                    "thead",
                    el(
                        "tr",
                        [el("th", name, scope="col", class_=kind) for name, kind in zip(names, kinds, strict=True)],
                    ),
                ),
                el("tbody", lines),
                class_="narrow" if len(heads) <= 3 and "~" not in heads else None,
            ),
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label=title,
        ),
        el("p", more, class_="note") if more else None,
        class_="tabled",
    )


def facts_table(title: str, rows: Sequence[tuple[Content, ...]]) -> Markup:
    """Names and values."""
    return join(
        [el("h3", title), el("dl", [el("div", el("dt", name), el("dd", said)) for name, said in rows], class_="plain")]
    )


def _more(count_of: int, noun: str, said: str = "") -> str:
    return f"{number(count_of, f'more {noun}')}{' ' + said if said else ''}, not listed." if count_of > 0 else ""


def count(facts: Facts, value: int, **chosen: str) -> Content:
    """A number that leads to its rows, where the page has them."""
    if not value or facts.findings is None:
        return value
    return el(
        "a",
        value,
        href="#findings",
        data_filter=urlencode([(key, short(chosen[key], LONGEST)) for key in sorted(chosen)]),
    )


def see(value: int, target: str) -> Content:
    """A number that leads to a section."""
    return el("a", value, href=target) if value else 0


def badge(action: str) -> Markup:
    """A verdict or an action."""
    return el("span", action, class_=f"badge v-{_known(action)}")


def _known(action: str) -> str:
    return action if action in set(map(str, Action)) else "none"


def code(text: str) -> Markup:
    """An id or a digest."""
    return el("code", short(text))


def path(name: str) -> Markup:
    """A file's name; the end says most."""
    cut = name if len(name) <= 200 else f"…{name[-160:]}"
    return el("span", short(cut, 200), class_="path")


def shown(name: str) -> str:
    """A provider or tool, as recorded."""
    return short(name, 60) if name else UNKNOWN


def _origin(one: Origin) -> Markup:
    return join(
        [
            short(one.model, 80),
            el(
                "span",
                f"{short(one.provider, 40)}, {short(one.tool, 40) if one.tool != UNKNOWN else 'tool not recorded'}",
                class_="under",
            ),
        ]
    )
