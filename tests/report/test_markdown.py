"""Markdown for a comment: what it says, how little of it a name can change, and how long it gets."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from provenance.model import Action, Address, Grade, Match, Similarity
from provenance.policy import Applied, Finding, Judged, Level, Standing
from provenance.policy.runs import RunDue
from provenance.report import markdown, text
from provenance.report.collect import Report
from tests.making import CLAUDE
from tests.report.test_text import COPY, FORBIDDEN, like
from tests.report.test_text import report as plain_report

NASTY = (
    "\x1b[2J\x00\x7f\x9b",
    "\u202egnitirw\u2066\u200b\ufeff",
    "a\r\n::error file=x::y\n##[error]z",
    "]]><!-- --></failure>&amp;&#0;\ufffe\ud800\udcff",
    "| a | `b` <img src=x onerror=y> <script>z</script> ![i](http://e.example/i.png)",
    "@everyone #1 http://e.example www.e.example :smile: [x](javascript:y) **b** ~~s~~ $m$ \\| \\`",
    "100%,a=b:c;d%0A%2C",
    "../../etc/passwd",
    "long" * 3000,
    " ",
)
names = st.one_of(st.text(min_size=1, max_size=40), st.sampled_from(NASTY))


def found(*matches: Match, file: str = "train.parquet", row: int = 7, field: str = "text", **facts: Any) -> Finding:
    """A finding of these matches (one copy, if none are given): of a row, or of a file if ``field`` is empty."""
    known = {"id": "c0ffee", "verdict": Action.BLOCK, "rule": "no-rival"} | facts
    judged = tuple(Judged(one, known["verdict"], known["rule"]) for one in matches or (COPY,))
    return Finding(address=Address(file, row, field), content="d1", tokens=120, **{"matches": judged, **known})


def reported(*findings: Finding, **facts: Any) -> Report:
    """A report of these findings; of more, if ``verdicts`` says so."""
    verdicts = {str(action): sum(one.verdict is action for one in findings) for action in Action}
    worst = max((one.verdict for one in findings), key=list(Action).index, default=Action.ALLOW)
    counts = {
        "rows": 1500,
        "texts": 1400,
        "nulls": 100,
        "bytes": 1_250_000,
        "tokens": 300_000,
        "matched": len(findings),
        "skipped": 0,
        "declared": 0,
    }
    rules = [{"rule": "no-rival", "action": Action.BLOCK, "message": "Ask the desk.", "texts": len(findings)}]
    known = {"verdict": worst, "verdicts": verdicts, "counts": counts, "declared": [], "rules": rules}
    return plain_report(*findings, **known | facts)


@st.composite
def hostile(draw: st.DrawFn) -> list[Finding]:
    """Findings whose every foreign name is what an enemy would choose."""
    made = []
    for _ in range(draw(st.integers(1, 3))):
        origin = msgspec.structs.replace(
            CLAUDE, model=draw(names), provider=draw(names), tool=draw(names), session=draw(names), time=draw(names)
        )
        match = like(
            origin=origin,
            path=draw(names),
            kind=draw(names),
            view=draw(st.just("raw") | names),
            similarity=draw(st.sampled_from(list(Similarity))),
            others=draw(st.integers(0, 2)),
        )
        waiver = Applied(Standing.WAIVED, draw(names), draw(names), "licensed", draw(names), "2027-01-31")
        action = draw(st.sampled_from(list(Action)))
        rule = draw(names)
        judged = Judged(match, action, rule, Level.SOFT, draw(st.none() | st.just(Action.BLOCK)), waiver)
        field = draw(st.just("") | names)
        made.append(
            found(file=draw(names), field=field, verdict=action, rule=rule, matches=(judged,) * draw(st.integers(1, 3)))
        )
    return made


def accused(findings: list[Finding]) -> Report:
    """A report on them in which the policy's and the dataset's names are theirs too."""
    evil = findings[0].address.file
    return reported(
        *findings,
        policy={"name": evil, "source": evil, "digest": "0123456789abcdef"},
        rules=[{"rule": one.rule, "action": one.verdict, "message": evil, "texts": 1} for one in findings],
        skipped={"action": Action.WARN, "count": 1, "reasons": {evil: 1}, "first": []},
        dataset={"files": (evil,), "fields": (evil,), "unread": (evil,)},
    )


def unprintable(said: str) -> list[str]:
    return sorted({mark for mark in said if not mark.isprintable() and mark != "\n"})


class _Page(HTMLParser):
    """The elements of a page, its rows' cells, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: list[Any] = []
        self.cells: list[int] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += attrs
        if tag == "tr":
            self.cells.append(0)
        if tag in ("td", "th"):
            self.cells[-1] += 1

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(said: bytes) -> _Page:
    page = _Page()
    page.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(said.decode()))
    return page


def comment(*findings: Finding, **facts: Any) -> str:
    return markdown.render(reported(*findings, **facts), findings).decode()


OURS = {"h3", "p", "ul", "li", "code", "table", "thead", "tbody", "tr", "th", "td", "br", "details", "summary"}


def test_a_comment_says_the_verdict_what_was_read_and_each_finding() -> None:
    page = shown(comment(found(field="messages[2].content")).encode())
    for said in (
        "Clean-room gate: block",
        "Texts that match recorded outputs: 1 (block 1).",
        "Policy ours (digest 0123456789ab), index fedcba987654 of 1,234 outputs, recipe p1.k24",
        "Read: files 1, rows 1,500, texts 1,400, tokens 300,000; skipped 0.",
        "no-rival says block, 1: Ask the desk.",
        "row 7, messages[2].content",
        "lines 3-9: fragment, copied: 1,060 tokens verified",
        f"recorded as {text.origin(COPY)}",
        "Every run of 32 or more tokens",
    ):
        assert said in page.text
    assert [5, 5] == page.cells
    assert page.elements <= OURS


def test_its_first_line_is_the_mark_by_which_a_pipeline_finds_it_again() -> None:
    assert comment(found()).startswith(f"{markdown.MARKER}\n### ")


def test_a_run_without_findings_has_no_table() -> None:
    said = comment()
    assert "Clean-room gate: allow" in said
    assert "|" not in said


def test_the_most_severe_findings_come_first_and_equals_in_their_order() -> None:
    given_ = [found(row=n, verdict=action) for n, action in enumerate([*Action, *Action])]
    rows = [int(row) for row in re.findall(r"row (\d)", comment(*given_))]
    assert [3, 7, 2, 6, 1, 5, 0, 4] == rows


def test_what_is_allowed_for_idioms_alone_is_left_out_and_counted() -> None:
    idiom = found(like(grade=Grade.IDIOM), verdict=Action.ALLOW, row=11)
    warned = found(like(grade=Grade.IDIOM), verdict=Action.WARN, row=12)
    said = comment(idiom, warned)
    assert "row 12" in said
    assert "row 11" not in said
    assert "1 of 2 texts that match are not listed here: see the whole report." in said


def test_a_text_that_declares_itself_is_not_said_to_match() -> None:
    one = found(like(similarity=Similarity.NONE, kind="marker"))
    assert "matches" not in markdown.sentence(one)
    assert "declares itself: marker" in markdown.sentence(one)


def test_skipped_rows_and_missed_captures_are_said() -> None:
    skipped = {"action": Action.WARN, "count": 3, "reasons": {"not JSON": 3}, "first": []}
    said = comment(skipped=skipped, captures={"missed": 4})
    assert "3 could not be read, warn: unread is not clean." in said
    assert "4 captures were missed" in said


def test_a_waiver_and_a_baseline_are_said_with_who_when_and_why() -> None:
    waiver = Applied(Standing.EXPIRED, "W-12", "Our own code of 2019.", "own prior work", "K. Desk", "2026-01-31")
    judged = Judged(COPY, Action.WARN, "no-rival", Level.SOFT, Action.BLOCK, waiver)
    one = found(verdict=Action.WARN, matches=(judged,), baseline="todo")
    said = [
        "by itself the rule says block (level soft)",
        "waiver expired (W-12, own prior work, approved by K. Desk, until 2026-01-31): Our own code of 2019.",
        "in the baseline: todo",
    ]
    assert said == list(markdown.aside(one))
    assert all(line in shown(comment(one).encode()).text for line in said)


def test_a_comment_stays_below_githubs_limit_and_says_what_was_cut() -> None:
    many = [found(row=n, verdict=Action.WARN) for n in range(5000)]
    said = comment(*many, verdicts={"allow": 0, "warn": 9000, "quarantine": 0, "block": 0})
    rows = said.count("| warn |")
    assert len(said) < 65_536
    assert 60_000 < len(said)
    assert f"{9000 - rows:,} of 9,000 texts that match are not listed here, none more severe than warn" in said


@given(hostile())
def test_no_name_is_markup_a_link_or_a_call(findings: list[Finding]) -> None:
    said = markdown.render(accused(findings), findings)
    page = shown(said)
    assert page.elements <= OURS
    assert [] == page.attributes
    assert {5} >= set(page.cells)
    assert [] == unprintable(said.decode())
    assert not re.search(r"@|://|www\.", said.decode())


@given(names)
def test_every_name_is_shown_as_it_is(name: str) -> None:
    assert markdown.clipped(name, 400) in shown(comment(found(file=name)).encode()).text.replace("\n", " ")


@given(st.lists(hostile(), min_size=1, max_size=3), st.integers(1, 200))
def test_whatever_the_names_a_comment_is_short_enough(groups: list[list[Finding]], times: int) -> None:
    findings = [one for group in groups for one in group] * times
    assert len(markdown.render(accused(findings[:50]), findings)) <= markdown.COMMENT


@pytest.mark.parametrize("name", ["a" * 199, "a" * 200])
def test_a_name_of_common_length_is_not_cut(name: str) -> None:
    assert name == markdown.clipped(name)


def test_a_longer_name_is_cut_and_its_length_said() -> None:
    assert f"{'a' * 200}... (201 characters)" == markdown.clipped("a" * 201)


def test_no_output_says_what_a_match_does_not_prove() -> None:
    every = [
        found(like(similarity=similarity, grade=grade), verdict=action)
        for similarity in Similarity
        for grade in Grade
        for action in Action
    ]
    assert [] == FORBIDDEN.findall(comment(*every))


DUE = [RunDue("much", Action.BLOCK, Level.SOFT, 5, "5 of 9 texts, more than 1 texts", "Ask @all.")]
WAIVERS = [
    {
        "standing": "waived",
        "waiver": f"W-{number}",
        "reason": "Ours since 2019, by history.",
        "basis": "own prior work",
        "approver": "Ada",
        "expires": "2027-01-01",
        "texts": 2,
    }
    for number in range(25)
]


def test_what_is_due_for_the_run_and_every_waiver_stand_with_the_verdict_however_long_the_list() -> None:
    report = reported(*[found(row=row) for row in range(3000)], due=DUE, waivers=WAIVERS, baseline={"todo": 4})
    written = markdown.render(report, report.findings).decode()
    assert "@all" not in written
    page = html.unescape(written)
    assert "- block by much: 5 of 9 texts, more than 1 texts: Ask @all." in page
    assert "- waived, 2 texts: W-0, until 2027-01-01, by Ada: Ours since 2019, by history. (own prior work)" in page
    assert "- and 5 more waivers" in page
    assert "- in the baseline: todo 4" in page
    assert len(written) < 65_536


def test_a_waiver_on_a_match_that_decides_nothing_is_named_too() -> None:
    waiver = Applied(Standing.EXPIRED, "W-9", "Ours since 2019.", "licensed", "Ada", "2026-01-01")
    other = Judged(COPY, Action.WARN, "other", waiver=waiver)
    finding = found(matches=(Judged(COPY, Action.BLOCK, "no-rival"), other))
    assert any(line.startswith("waiver expired (W-9, licensed") for line in markdown.aside(finding))
