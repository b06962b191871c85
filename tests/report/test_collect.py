"""A finished scan to a report: counts that agree, the most severe first, the same bytes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from provenance import files, index, policy, scan
from provenance.errors import StoreError
from provenance.fingerprint import ENGINE, RECIPE
from provenance.model import UNKNOWN
from provenance.policy import Loaded
from provenance.report import collect, text
from tests.making import CLAUDE, code, ingredient, opened

OUTPUTS = {seed: " ".join(code(seed, 120)) for seed in range(3)}
BYLINES = {
    0: CLAUDE,
    1: msgspec.structs.replace(CLAUDE, provider="own"),
    2: msgspec.structs.replace(CLAUDE, provider=UNKNOWN),
}
OURS = """
version: 1
name: ours
origins: {rival: {providers: [anthropic]}, own: {providers: [own]}}
rules:
  - {id: no-rival, action: block, origins: [rival], message: Ask the desk.}
  - {id: own-is-fine, action: allow, origins: [own], message: Ours.}
  - {id: never, action: warn, origins: [rival], min_tokens: 100000}
defaults: {unknown_origin: quarantine, skipped: %s}
"""


def loaded(skipped: str = "warn") -> Loaded:
    content = (OURS % skipped).encode()
    return Loaded(policy.parse(content, "ours.yaml"), "ours.yaml", "d1935")


def scanned(folder: Path, *lines: object, name: str = "run") -> Path:
    """A finished scan of a JSONL file with these lines; a text in bytes stands as it is."""
    data = folder / "train.jsonl"
    data.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    outputs = [ingredient(text, call=f"c{seed}", origin=BYLINES[seed]) for seed, text in OUTPUTS.items()]
    scan.run([str(data)], opened(folder / "index", *outputs), folder / name)
    return folder / name


def clean(seed: int) -> dict[str, str]:
    return {"text": " ".join(code(1000 + seed, 120))}


def planted(seed: int, output: int) -> dict[str, str]:
    return {"text": f"{clean(seed)['text']} {OUTPUTS[output]}"}


def findings(run: Path) -> list[dict[str, Any]]:
    return pq.read_table(run / "findings.parquet").to_pylist()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Rows: clean, own, unknown, rival, rival and unknown, one that is no row, null."""
    both = {"text": f"{OUTPUTS[0]} {clean(4)['text']} {OUTPUTS[2]}"}
    return scanned(tmp_path, clean(0), planted(1, 1), planted(2, 2), planted(3, 0), both, b"{broken", {"text": None})


def test_the_report_says_what_was_read_with_what_and_what_was_found(run: Path) -> None:
    report = collect.collect(run, loaded(), run.parent / "index")
    info = index.info(run.parent / "index")
    assert ("block", str(RECIPE), ENGINE) == (report.verdict, report.recipe, report.engine)
    assert {"name": "ours", "source": "ours.yaml", "digest": "d1935"} == report.policy
    assert {"digest": info.digest, "ingredients": 3} == report.index
    assert {"files": (str(run.parent / "train.jsonl"),), "fields": ("*",), "unread": ()} == report.dataset
    counts = {name: report.counts[name] for name in ("rows", "texts", "nulls", "matched", "skipped")}
    assert {"rows": 7, "texts": 5, "nulls": 1, "matched": 4, "skipped": 1} == counts
    assert {"allow": 1, "warn": 0, "quarantine": 1, "block": 2} == report.verdicts
    assert 5 == sum(one["count"] for one in report.matches)
    assert report.promise == collect.promise(info)


def test_the_rules_that_decided_are_listed_with_their_message(run: Path) -> None:
    assert [
        {"rule": "no-rival", "action": "block", "message": "Ask the desk.", "texts": 2},
        {"rule": "own-is-fine", "action": "allow", "message": "Ours.", "texts": 1},
    ] == collect.collect(run, loaded()).rules


def test_findings_stand_with_the_most_severe_first_and_then_in_the_datasets_order(run: Path) -> None:
    report = collect.collect(run, loaded())
    expected = [(3, "block"), (4, "block"), (2, "quarantine"), (1, "allow")]
    assert expected == [(one.address.row, one.verdict) for one in report.findings]
    assert 0 == report.findings_omitted


def test_report_json_is_the_report(run: Path) -> None:
    report = collect.collect(run, loaded(), run.parent / "index")
    assert json.loads(msgspec.json.encode(report)) == json.loads((run / "report.json").read_text())


def test_findings_parquet_has_one_row_a_match_in_the_datasets_order(run: Path) -> None:
    report = collect.collect(run, loaded())
    table = findings(run)
    in_order = sorted(report.findings, key=lambda one: one.address.row)
    expected = [(one.id, one.address.row, match.action) for one in in_order for match in one.matches]
    assert expected == [(row["finding"], row["row"], row["action"]) for row in table]
    providers = sorted((row["row"], row["provider"]) for row in table)
    assert [(1, "own"), (2, UNKNOWN), (3, "anthropic"), (4, "anthropic"), (4, UNKNOWN)] == providers
    assert {"block"} == {row["verdict"] for row in table if row["row"] == 4}


def test_only_the_most_severe_findings_are_written_into_the_report_and_the_rest_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scanned(tmp_path, *[planted(number, 1 if number < 4 else 0) for number in range(7)])
    everything = collect.collect(run, loaded())
    monkeypatch.setattr(collect, "LISTED", 5)
    report = collect.collect(run, loaded())
    assert everything.findings[:5] == report.findings
    assert [4, 5, 6, 0, 1] == [one.address.row for one in report.findings]
    assert 2 == report.findings_omitted
    assert 7 == len({row["row"] for row in findings(run)})
    assert {"allow": 4, "warn": 0, "quarantine": 0, "block": 3} == report.verdicts


def test_the_same_scan_and_policy_give_the_same_bytes(run: Path) -> None:
    def written() -> tuple[bytes, bytes]:
        collect.collect(run, loaded())
        return (run / "report.json").read_bytes(), (run / "findings.parquet").read_bytes()

    assert written() == written()


def test_the_order_of_rows_changes_no_finding_id(tmp_path: Path) -> None:
    rows = [clean(0), planted(1, 1), planted(2, 2), planted(3, 0)]
    ids = set()
    for number, order in enumerate(itertools.islice(itertools.permutations(rows), 0, 24, 7)):
        (tmp_path / str(number)).mkdir()
        report = collect.collect(scanned(tmp_path / str(number), *order), loaded())
        ids.add(tuple(sorted((one.id, one.verdict, one.rule) for one in report.findings)))
    assert 1 == len(ids)
    assert 3 == len(*ids)


@pytest.mark.parametrize("due", ["allow", "warn", "quarantine", "block"])
def test_skipped_rows_get_the_policys_default(tmp_path: Path, due: str) -> None:
    run = scanned(tmp_path, clean(0), b"{broken", b'{"text": "caf\xe9"}', b'{"text": "x caf\xe9"}', [1])
    report = collect.collect(run, loaded(due))
    assert due == report.verdict
    reasons = {"not JSON": 1, "not UTF-8 at byte N of the line": 2, "not an object but an array": 1}
    assert reasons == report.skipped["reasons"]
    assert (due, 4, 4) == (report.skipped["action"], report.skipped["count"], len(report.skipped["first"]))


def test_without_skipped_rows_their_default_does_not_matter(tmp_path: Path) -> None:
    report = collect.collect(scanned(tmp_path, clean(0)), loaded("block"))
    assert ("allow", "allow", 0) == (report.verdict, report.skipped["action"], report.skipped["count"])


def test_a_scan_of_nothing_is_allowed_and_says_so(tmp_path: Path) -> None:
    report = collect.collect(scanned(tmp_path), loaded())
    assert ("allow", 0, []) == (report.verdict, report.counts["rows"], report.findings)
    assert [] == findings(tmp_path / "run")


def test_a_folder_without_a_finished_scan_is_an_error_and_is_left_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        collect.collect(tmp_path / "nowhere", loaded())
    assert f"{tmp_path / 'nowhere'}: no scan here: run 'provenance scan' first" == str(error.value)
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_at_which_another_run_is_at_work_is_an_error(run: Path) -> None:
    with files.locked(run / "lock"), pytest.raises(StoreError, match="another run is at work here"):
        collect.collect(run, loaded())


def test_a_judgement_that_fails_leaves_no_report_of_other_findings(run: Path) -> None:
    collect.collect(run, loaded())
    part = next((run / "parts").iterdir())
    part.write_bytes(part.read_bytes()[:-4])
    with pytest.raises(StoreError, match=f"{part.name}: cannot be read"):
        collect.collect(run, loaded())
    assert not (run / "report.json").exists()
    assert [] == list(run.glob(".*.tmp"))


def test_the_promise_names_the_recipes_length_and_what_the_index_suppresses(run: Path) -> None:
    info = index.info(run.parent / "index")
    said = collect.promise(info)
    assert said.startswith(collect.promise(None))
    assert f"Every run of {RECIPE.t} or more tokens" in said
    assert f"Of {info.counts.windows:,} windows in this index" in said
    assert f"by commons ({', '.join(info.commons)})" in said


CLAUDES = "Mend\n\nCo-Authored-By: Claude Opus 4.6 <noreply@anthropic.com>"


def test_rows_that_declare_themselves_are_counted_by_what_they_say_and_the_first_are_named(tmp_path: Path) -> None:
    rows = [{"text": CLAUDES} for _ in range(7)] + [{"model": "gpt-4", "response": "So."}, planted(1, 0)]
    report = collect.collect(scanned(tmp_path, *rows), loaded())
    trailer, column = sorted(report.declared, key=lambda one: one["kind"])
    assert ("commit trailer", "claude-code", "anthropic", 7) == tuple(
        trailer[name] for name in ("kind", "assistant", "provider", "texts")
    )
    assert ("model column", UNKNOWN, "openai", 1) == tuple(
        column[name] for name in ("kind", "assistant", "provider", "texts")
    )
    assert ([0, 1, 2, 3, 4], [7]) == tuple([at.row for at in one["first"]] for one in (trailer, column))
    assert (1, 8) == (report.counts["matched"], report.counts["declared"])
    said = list(text.summary(report))
    assert any("texts that declare themselves: 8" in line for line in said)
    assert any("commit trailer, claude-code, anthropic: 7 (" in line and line.endswith("; ...)") for line in said)


def test_a_declaration_is_judged_by_the_policys_rules_and_a_mark_without_a_model_is_allowed(tmp_path: Path) -> None:
    hidden = "Words" + "".join(chr(0xE0100 + n) for n in range(40))
    report = collect.collect(scanned(tmp_path, {"text": CLAUDES}, {"text": hidden}), loaded())
    assert [(0, "block", "no-rival"), (1, "allow", "(no rule)")] == [
        (one.address.row, one.verdict, one.rule) for one in report.findings
    ]
