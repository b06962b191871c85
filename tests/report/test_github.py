"""Annotations as the runner of GitHub Actions reads them, and the summary page."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.model import Action
from provenance.policy import Finding
from provenance.report import github, markdown, text
from tests.report.test_markdown import DUE, OURS, WAIVERS, accused, found, hostile, reported, shown, unprintable
from tests.report.test_text import COPY, FORBIDDEN

DATA = (("\r", "%0D"), ("\n", "%0A"), ("%", "%25"))
PROPERTY = (("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C"), ("%", "%25"))


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    message: str


def parsed(line: str) -> Command:
    """One line, read by the rules of actions/runner: ``TryParseV2`` of src/Runner.Common/ActionCommand.cs."""
    assert line.startswith("::")
    end = line.index("::", 2)
    name, _, properties = line[2:end].partition(" ")
    pairs = (pair.split("=", 1) for pair in properties.strip().split(",") if pair)
    return Command(name, {key: unescaped(value, PROPERTY) for key, value in pairs}, unescaped(line[end + 2 :], DATA))


def unescaped(said: str, marks: tuple[tuple[str, str], ...]) -> str:
    for mark, escape in marks:
        said = said.replace(escape, mark)
    return said


def commands(*findings: Finding, **facts: Any) -> list[Command]:
    said = github.render(reported(*findings, **facts), findings).decode()
    assert said.endswith("\n")
    return [parsed(line) for line in said.removesuffix("\n").split("\n")]


def test_a_file_is_annotated_at_its_lines() -> None:
    first, closing = commands(found(file="./src/a, b: 100%.py", field="", row=0))
    assert "error" == first.name
    assert {"file": "src/a, b: 100%.py", "line": "3", "endLine": "9", "title": "block by no-rival"} == first.properties
    assert [
        f"lines 3-9: matches a recorded output: {text.likeness(COPY)}",
        f"recorded as {text.origin(COPY)}",
        "block by no-rival; evidence: transcript",
    ] == first.message.split("\n")
    assert (
        Command(
            "notice",
            {"title": "clean-room gate"},
            "verdict block by policy ours. Texts that match recorded outputs: 1 (block 1).",
        )
        == closing
    )


def test_a_row_is_annotated_at_its_file_and_named_in_the_title() -> None:
    first, _ = commands(found(field="messages[2].content"))
    assert {"file": "train.parquet", "title": "block by no-rival: row 7, messages[2].content"} == first.properties


@pytest.mark.parametrize(
    ("action", "level"), [("block", "error"), ("quarantine", "error"), ("warn", "warning"), ("allow", "notice")]
)
def test_the_level_is_that_of_the_action(action: str, level: str) -> None:
    assert level == commands(found(verdict=Action(action)))[0].name


def test_of_each_level_ten_are_shown_the_most_severe_first_and_the_last_line_counts_the_rest() -> None:
    findings = [found(row=n, verdict=action) for n in range(12) for action in Action]
    said = commands(*findings)
    assert ["error"] * 10 + ["warning"] * 10 + ["notice"] * 10 == [one.name for one in said]
    assert ["block"] * 10 == [one.properties["title"].split(" ")[0] for one in said[:10]]
    left = "19 of 48 texts that match are not listed here, none more severe than block: see the whole report."
    assert said[-1].message.endswith(left)


def test_nothing_found_is_one_notice() -> None:
    (closing,) = commands()
    assert "verdict allow by policy ours. Texts that match recorded outputs: 0." == closing.message


def test_skipped_rows_are_said() -> None:
    skipped = {"action": Action.WARN, "count": 3, "reasons": {"not JSON": 3}, "first": []}
    assert commands(skipped=skipped)[0].message.endswith("3 could not be read: unread is not clean.")


@given(hostile())
def test_whatever_the_names_each_line_is_one_command_of_ours(findings: list[Finding]) -> None:
    said = github.render(accused(findings), findings).decode()
    assert [] == unprintable(said)
    for line in said.removesuffix("\n").split("\n"):
        command = parsed(line)
        assert command.name in ("error", "warning", "notice")
        assert command.properties.keys() <= {"file", "line", "endLine", "title"}
        assert len(command.message) <= 4096


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Cf", "Cn", "Co", "Zl", "Zp", "Zs"]), min_size=1))
def test_a_name_that_can_be_printed_reaches_the_runner_as_it_is(name: str) -> None:
    first, _ = commands(found(file=f"d/{name}/x.py", field="", row=0))
    assert PurePosixPath(f"d/{name}/x.py").as_posix() == first.properties["file"]


def test_the_summary_is_the_comment_with_more_room() -> None:
    findings = [found(row=n) for n in range(5000)]
    page = github.summary(reported(*findings), findings).decode()
    assert 900_000 < len(page.encode()) < 1 << 20
    assert "texts that match are not listed here" in page
    few = findings[:3]
    assert markdown.render(reported(*few), few) == github.summary(reported(*few), few)


@given(hostile())
def test_no_name_is_markup_in_the_summary(findings: list[Finding]) -> None:
    assert shown(github.summary(accused(findings), findings)).elements <= OURS


def test_no_annotation_says_what_a_match_does_not_prove() -> None:
    every = [found(verdict=action) for action in Action]
    assert [] == FORBIDDEN.findall(github.render(reported(*every), every).decode())


def test_the_closing_notice_says_what_is_due_for_the_run_and_names_waivers() -> None:
    last = github.render(reported(due=DUE, waivers=WAIVERS), []).decode().splitlines()[-1]
    assert last.startswith("::notice title=clean-room gate::")
    assert "%0Ablock by much: 5 of 9 texts, more than 1 texts: Ask @all." in last
    assert "%0Awaived, 2 texts: W-0, until 2027-01-01, by Ada" in last
