"""``provenance policy`` and ``provenance baseline``, through the same door as a user."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from provenance import policy, scan, terms
from provenance.cli.policy import asking
from provenance.policy import baseline, published
from tests.making import CLAUDE, code, ingredient, opened

Run = Callable[..., "tuple[int, str, str]"]
OUTPUT = " ".join(code(1, 150))
OTHER = " ".join(code(2, 150))
MISTRAL = msgspec.structs.replace(CLAUDE, provider="mistral", model="codestral", session="s2")
OURS = """
version: 2
name: ours
organisation: {name: Labs, competes_with: [anthropic], own: [labs]}
zones: {train: {paths: ["train/**"], use: sft}}
rules:
  - {id: rival, action: block, origins: [competitors], message: Ask the desk.}
  - {id: others, action: warn, similarity: [recorded, exact, fragment, renamed]}
"""
WAIVER = """
version: 1
waivers:
  - id: W-1
    finding: %s
    reason: We wrote this text before any assistant did.
    basis: own prior work
    approver: counsel@example.org
    approved: 2026-06-01
    expires: 2027-05-31
"""
AT = ("--at", "2026-11-21")


@pytest.fixture
def scanned(tmp_path: Path) -> Path:
    """A finished scan: two rows with a competitor's output, one with another's, one clean; a policy beside it."""
    (tmp_path / "train").mkdir()
    rows = [OUTPUT, f"{OUTPUT} {' '.join(code(9, 40))}", OTHER, " ".join(code(77, 150))]
    data = tmp_path / "train" / "rows.jsonl"
    data.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    index = opened(tmp_path / "index", ingredient(OUTPUT), ingredient(OTHER, call="c2", origin=MISTRAL))
    scan.run(["train/rows.jsonl"], index, tmp_path / "scan")
    (tmp_path / "ours.yaml").write_text(OURS)
    return tmp_path / "scan"


def ids(folder: Path) -> dict[int, str]:
    """The ids of the findings of a scan by row."""
    return {
        hit.address.row: policy.finding_id(hit.content, (one.ingredient for one in hit.matches))
        for hit in scan.read(folder, scan.load(folder))
        if isinstance(hit, scan.Hit)
    }


def test_policy_test_passes_or_says_what_came_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(OURS)
    case = "version: 1\ncases: [{name: rivals stop, given: {provider: anthropic}, expect: {action: %s}}]"
    (tmp_path / "cases.yaml").write_text(case % "block")
    assert (0, "1 cases, 0 failed\n", "") == run("policy", "test", "ours.yaml", "cases.yaml")
    (tmp_path / "cases.yaml").write_text(case % "warn")
    said = "FAILED  rivals stop: action warn expected, got block\n1 cases, 1 failed\n"
    assert (1, said, "") == run("policy", "test", "ours.yaml", "cases.yaml")


def test_policy_explain_says_why_and_finds_by_the_beginning_of_an_id(run: Run, scanned: Path) -> None:
    name = ids(scanned)[0]
    code_, said, _ = run("policy", "explain", name[:6], "scan", "--policy", "ours.yaml", *AT)
    assert 0 == code_
    assert said.startswith("train/rows.jsonl, row 0, text\nmatch 1 of 1: ")
    assert "  in train, for sft: anthropic claude-opus-4-5, exact, copied, transcript" in said
    assert "    holds   rival: block, soft\n    holds   others: warn, soft\n" in said
    assert said.endswith("  comes to block by rival\nverdict: block by rival\n")


def test_policy_explain_of_an_id_that_is_not_there_says_where_ids_stand(run: Run, scanned: Path) -> None:
    code_, _, said = run("policy", "explain", "0000", "scan", "--policy", "ours.yaml")
    assert (2, "error: scan: no finding '0000' (ids stand in report.json and findings.parquet)\n") == (code_, said)


def test_policy_diff_counts_what_changes_and_fails_where_more_would_fail(run: Run, scanned: Path) -> None:
    code_, said, _ = run("policy", "diff", "audit-only", "ours.yaml", "--on", "scan", *AT)
    assert 1 == code_
    first, *examples, last = said.splitlines()
    assert "2 warn -> block: would-block-rival-output -> rival" == first
    assert [f"    train/rows.jsonl, row {row}  [{ids(scanned)[row]}]" for row in (0, 1)] == examples
    assert last.startswith("3 matched texts: 2 change verdict, ")
    assert 0 == run("policy", "diff", "ours.yaml", "audit-only", "--on", "scan", *AT)[0]
    same = run("policy", "diff", "ours.yaml", "ours.yaml", "--on", "scan", *AT)
    assert (0, "3 matched texts: 0 change verdict, 0 keep it by another rule, 3 stay\n", "") == same


def test_policy_lint_names_what_is_said_in_vain(run: Run, scanned: Path) -> None:
    assert (0, "", "") == run("policy", "lint", "--policy", "ours.yaml", *AT)
    (scanned.parent / "waivers.yaml").write_text(WAIVER % ("f" * 16))
    code_, said, _ = run("policy", "lint", "--policy", "ours.yaml", "--waivers", "waivers.yaml", "--on", "scan", *AT)
    assert (1, "waivers.W-1: matches nothing in this scan\n") == (code_, said)
    expired = run("policy", "lint", "--policy", "ours.yaml", "--waivers", "waivers.yaml", "--at", "2027-06-01")
    assert expired[1].startswith("waivers.W-1: expired on 2027-05-31: what it names is reported again")


def test_policy_schema_prints_the_published_file(run: Run) -> None:
    assert (0, published.encode().decode(), "") == run("policy", "schema")


def test_waivers_that_lie_in_the_store_count_and_explain_names_them(run: Run, scanned: Path) -> None:
    store = scanned.parent / ".provenance"
    store.mkdir()
    (store / "waivers.yaml").write_text(WAIVER % ids(scanned)[0])
    said = run("policy", "explain", ids(scanned)[0], "scan", "--policy", "ours.yaml", *AT)[1]
    assert "  waiver W-1: waived; own prior work, counsel@example.org, until 2027-05-31\n" in said
    assert said.endswith("verdict: allow by rival\n")
    later = run("policy", "explain", ids(scanned)[0], "scan", "--policy", "ours.yaml", "--at", "2027-06-01")[1]
    assert "  waiver W-1: waiver expired; " in later
    assert later.endswith("verdict: block by rival\n")


def test_the_day_is_that_of_source_date_epoch_where_none_is_named(
    run: Run, scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scanned.parent / "waivers.yaml").write_text(WAIVER % ids(scanned)[0])
    given = ("policy", "explain", ids(scanned)[0], "scan", "--policy", "ours.yaml", "--waivers", "waivers.yaml")
    for epoch, verdict in (("1790000000", "allow"), ("1820000000", "block")):  # September 2026 and 2027
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        assert run(*given)[1].endswith(f"verdict: {verdict} by rival\n")


@pytest.mark.parametrize("day", ["soon", "2026-13-01", ""])
def test_a_day_that_is_none_is_a_mistake_of_the_command_line(run: Run, scanned: Path, day: str) -> None:
    code_, _, said = run("policy", "lint", "--policy", "ours.yaml", "--at", day)
    assert 2 == code_
    assert "is not a day (write it as 2026-11-21)" in said


ROW = """
  - id: openai.x.%s
    document: x
    clause: "1"
    kind: %s
    verdict: forbids
    uses: [sft]
    from: 2026-01-01
    scope: outputs
    quotation: no
    read: the provider's own text
    retrieved: 2026-06-01
    verification: verified
"""


@pytest.mark.parametrize(
    ("kinds", "competes_with", "expected"),
    [
        (["competing-model"], "openai", "forbids"),
        (["competing-model"], "OpenAI", "forbids"),
        (["competing-model"], "google", "conditions"),
        (["competing-model", "competing-product"], "google", "conditions"),
        (["competing-model", "training-use"], "google", "forbids"),
        ([], "openai", "unknown_terms"),
    ],
)
def test_a_clause_that_binds_competitors_is_a_condition_for_everybody_else(
    kinds: list[str], competes_with: str, expected: str
) -> None:
    head = "version: 1\nprovider: openai\ndocuments: [{id: x, title: T, url: 'https://example.org'}]\nrows:"
    text = head + ("".join(ROW % (kind, kind) for kind in kinds) or " []")
    registry = terms.Registry(terms.parse(text.encode(), "t") if kinds else (), "d")
    ours = policy.parse(OURS.replace("[anthropic]", f"[{competes_with}]").encode(), "ours")
    origin = msgspec.structs.replace(CLAUDE, provider="openai", model="gpt-5", time="2026-03-25")
    said = asking(lambda: registry, ours)(origin, policy.Use.SFT)
    assert (expected, {f"openai.x.{kind}" for kind in kinds}, sorted(kinds)) == (
        said.status,
        set(said.clauses),
        list(said.kinds),
    )


def test_a_clause_that_could_only_apply_is_told_from_one_that_does() -> None:
    row = ROW % ("competing-model", "competing-model")
    head = "version: 1\nprovider: openai\ndocuments: [{id: x, title: T, url: 'https://example.org'}]\nrows:"
    registry = terms.Registry(terms.parse(f"{head}{row.rstrip()}\n    channel: [app]\n".encode(), "t"), "d")
    ask = asking(lambda: registry, policy.parse(OURS.encode(), "ours"))
    origin = msgspec.structs.replace(CLAUDE, provider="openai", model="gpt-5", time="2026-03-25")
    assert ("openai.x.competing-model",) == ask(origin, policy.Use.SFT).assumed
    known = msgspec.structs.replace(origin, channel="app")
    assert ((), ("openai.x.competing-model",)) == (ask(known, None).assumed, ask(known, None).clauses)


def test_a_baseline_is_written_kept_and_brought_up_to_date(run: Run, scanned: Path) -> None:
    given = ("baseline", "write", "scan", "--out", "b.jsonl", "--policy", "ours.yaml", *AT)
    code_, said, _ = run(*given)
    assert 0 == code_
    assert said == (
        "b.jsonl: 2 entries; 2 added as todo, 0 still match, 0 match nothing here (kept: --prune takes them out)\n"
    )
    file = scanned.parent / "b.jsonl"
    content = file.read_bytes()
    entries = baseline.load(file).entries
    assert {ids(scanned)[0], ids(scanned)[1]} == set(entries)
    assert b"rows.jsonl" not in content
    run(*given)
    assert content == file.read_bytes()
    gone = baseline.Entry("f" * 16, baseline.Disposition.ACCEPTED)
    decided = msgspec.structs.replace(entries[ids(scanned)[0]], disposition=baseline.Disposition.REMOVE)
    baseline.write(file, [decided, entries[ids(scanned)[1]], gone])
    assert "0 added as todo, 2 still match, 1 match nothing here (kept" in run(*given)[1]
    assert "1 match nothing here (taken out)" in run(*given, "--prune")[1]
    assert baseline.Disposition.REMOVE is baseline.load(file).entries[decided.finding].disposition


def test_what_a_hard_rule_stops_comes_into_no_baseline(run: Run, scanned: Path) -> None:
    hard = OURS.replace("id: rival, action: block", "id: rival, level: hard, action: block")
    (scanned.parent / "hard.yaml").write_text(hard)
    said = run("baseline", "write", "scan", "--out", "b.jsonl", "--policy", "hard.yaml", *AT)[1]
    assert "b.jsonl: 0 entries" in said
    assert "left out: 2 findings that a hard rule stops, which nothing sets aside\n" in said


def test_baseline_lint_names_what_nobody_decided_and_what_matches_nothing(run: Run, scanned: Path) -> None:
    one, other = ids(scanned)[0], "f" * 16
    word = baseline.Disposition
    entries = [baseline.Entry(one, word.TODO, "rival"), baseline.Entry(other, word.ACCEPTED)]
    baseline.write(scanned.parent / "b.jsonl", entries)
    code_, said, _ = run("baseline", "lint", "b.jsonl", "--on", "scan", "--policy", "ours.yaml", *AT)
    assert 1 == code_
    assert f"baseline.{one} (rival): todo: nobody has decided on it" in said
    assert f"baseline.{other}: matches nothing in this scan (baseline write --prune takes it out)\n" in said
    assert said.endswith("2 entries: todo 1, accepted 1\n")
    baseline.write(scanned.parent / "b.jsonl", [baseline.Entry(one, word.ACCEPTED)])
    assert (0, "1 entries: accepted 1\n", "") == run(
        "baseline", "lint", "b.jsonl", "--on", "scan", "--policy", "ours.yaml", *AT
    )


def test_a_baseline_in_the_store_softens_an_explanation(run: Run, scanned: Path) -> None:
    store = scanned.parent / ".provenance"
    baseline_file = store / "baseline.jsonl"
    store.mkdir()
    run("baseline", "write", "scan", "--out", str(baseline_file), "--policy", "ours.yaml", *AT)
    said = run("policy", "explain", ids(scanned)[0], "scan", "--policy", "ours.yaml", *AT)[1]
    assert said.endswith("  comes to warn by rival (the rule says block)\nbaseline: todo\nverdict: warn by rival\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("policy", "lint", "--policy", "nowhere.yaml"), "nowhere.yaml: no such policy file"),
        (("policy", "lint", "--waivers", "nowhere.yaml"), "nowhere.yaml: cannot be read: No such file"),
        (("baseline", "lint", "nowhere.jsonl"), "nowhere.jsonl: cannot be read: No such file"),
        (("policy", "test", "clean-room", "nowhere.yaml"), "nowhere.yaml: cannot be read: No such file"),
    ],
)
def test_a_file_that_is_not_there_is_named(run: Run, arguments: tuple[str, ...], message: str) -> None:
    code_, _, said = run(*arguments)
    assert 2 == code_
    assert said.startswith(f"error: {message}")
