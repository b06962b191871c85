"""A label from a judged scan: what it counts, that it counts each record once, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance import index, policy, scan, splitting
from provenance.errors import DatasetError, StoreError
from provenance.label import contents, making, published
from provenance.label.form import Share
from provenance.model import Grade, Similarity
from provenance.policy import Judging, Loaded, waivers
from provenance.report import collect
from tests.label.builds import OUTPUTS, POLICY, clean, indexed, jsonl, judged, label

BLOCK = POLICY.replace(b"quarantine", b"block")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Records of 0: unknown; 1, 3, 5: one output each; 2: two in one text; 4: two in two fields; one no row; texts."""
    rows = [
        clean(0),
        f"{clean(1)} {OUTPUTS[0]}",
        f"{OUTPUTS[1]} {clean(2)} {OUTPUTS[2]}",
        OUTPUTS[2],
        {"prompt": OUTPUTS[0], "text": f"{clean(3)} {OUTPUTS[2]}"},
        b"{broken",
    ]
    jsonl(tmp_path / "data" / "a.jsonl", *rows)
    pq.write_table(pa.table({"text": [clean(4), OUTPUTS[0], None]}), tmp_path / "data" / "b.parquet")
    (tmp_path / "data" / "src").mkdir()
    (tmp_path / "data" / "src" / "x.py").write_text(OUTPUTS[1])
    return tmp_path / "data"


def plainly(run: Path) -> dict[tuple[str, int], list[Any]]:
    """Every record with its matches, idioms left out, in plain Python."""
    found: dict[tuple[str, int], list[Any]] = {}
    for hit in scan.read(run, scan.load(run)):
        if isinstance(hit, scan.Hit):
            some = [one for one in hit.matches if one.grade is not Grade.IDIOM]
            if some:
                found.setdefault((hit.address.file, hit.address.row), []).extend(some)
    return found


def test_a_label_counts_every_record_once_under_its_strongest_match(tmp_path: Path, data: Path) -> None:
    made = label(tmp_path, data, "web").label
    totals = made.totals
    assert (10, 6, 3, 1) == (totals.records, totals.matched, totals.unknown, totals.skipped)
    assert {"not JSON": 1} == made.skipped
    records = plainly(tmp_path / "run-web")
    assert totals.matched == len(records)
    expected: dict[tuple[str, ...], list[int]] = {}
    order = list(Similarity)
    for matches in records.values():
        best = min(matches, key=lambda one: (order.index(one.similarity), -one.tokens))
        key = (best.origin.provider, best.origin.model, best.origin.tool, str(best.similarity), str(best.evidence))
        expected.setdefault(key, []).append(best.tokens)
    found = {(one.provider, one.model, one.tool, one.similarity, one.evidence): one for one in made.shares}
    assert {key: len(tokens) for key, tokens in expected.items()} == {key: one.records for key, one in found.items()}
    assert {"quarantine"} == {one.action for one in made.shares}
    assert sorted(found) == [(one.provider, one.model, one.tool, one.similarity, one.evidence) for one in made.shares]


def test_a_share_says_when_its_outputs_were_made_in_utc(tmp_path: Path, data: Path) -> None:
    shares = label(tmp_path, data, "web").label.shares
    anthropic = [one for one in shares if one.provider == "anthropic"]
    assert "2026-03-25T09:00:00Z" == min(one.first for one in anthropic)
    assert "2026-03-31T23:00:00Z" == max(one.last for one in anthropic)
    assert {("", "")} == {(one.first, one.last) for one in shares if one.provider == "openai"}


def test_it_says_by_what_the_dataset_was_judged_and_scanned(tmp_path: Path, data: Path) -> None:
    made = label(tmp_path, data, "web").label
    report = msgspec.json.decode((tmp_path / "run-web" / "report.json").read_bytes())
    done = scan.load(tmp_path / "run-web")
    assert ("quarantine", "ours", report["verdicts"]) == (
        made.judgement.verdict,
        made.judgement.policy,
        made.judgement.verdicts,
    )
    assert hashlib.sha256(POLICY).hexdigest()[:32] == made.judgement.digests["policy"]
    info = index.info(indexed(tmp_path))
    assert (done.index, done.recipe, 3) == (made.tool.index, made.tool.recipe, made.tool.ingredients)
    assert {"commons": info.counts.windows_commons, "floor": info.counts.windows_floor} == made.tool.suppressed
    assert report["promise"] == made.tool.promise
    assert (done.total("texts"), done.total("size"), done.total("tokens")) == (
        made.totals.texts,
        made.totals.bytes,
        made.totals.tokens,
    )


def test_without_the_scans_own_index_nothing_is_said_of_what_is_suppressed(tmp_path: Path, data: Path) -> None:
    run = judged(tmp_path, data)
    index.build(tmp_path / "other", [])
    for place in (None, tmp_path / "other", tmp_path / "none"):
        made = making.make([str(data)], run, "web", tmp_path / "label.json", (), place)
        assert {} == made.tool.suppressed


def test_the_same_scan_and_dataset_give_the_same_bytes(tmp_path: Path, data: Path) -> None:
    run = judged(tmp_path, data)

    def written(jobs: int) -> tuple[bytes, bytes]:
        making.make([str(data)], run, "web", tmp_path / "out" / "label.json", (), indexed(tmp_path), jobs=jobs)
        shutil.rmtree(run / "label")
        return tuple((tmp_path / "out" / name).read_bytes() for name in ("label.json", "label.contents.parquet"))

    assert 1 == len({written(jobs) for jobs in (1, 4, 2)})


def test_the_label_is_of_the_published_schema(tmp_path: Path, data: Path) -> None:
    read = label(tmp_path, data, "web")
    jsonschema.Draft202012Validator.check_schema(published.schema())
    jsonschema.validate(json.loads(read.path.read_bytes()), published.schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(read.path.read_bytes()), "more": 1}, published.schema())


def test_the_contents_say_which_outputs_are_in_how_many_records(tmp_path: Path, data: Path) -> None:
    read = label(tmp_path, data, "web")
    assert contents.digest(contents.place(read.path)) == read.label.contents
    found: dict[str, int] = {}
    for one in contents.read(contents.place(read.path), read.label):
        for ingredient in {member.ingredient for member in one.members}:
            found[ingredient] = found.get(ingredient, 0) + one.records
    expected: dict[str, int] = {}
    for matches in plainly(tmp_path / "run-web").values():
        for ingredient in {match.ingredient for match in matches}:
            expected[ingredient] = expected.get(ingredient, 0) + 1
    assert expected == found


def test_the_contents_have_no_text_and_no_row(tmp_path: Path, data: Path) -> None:
    read = label(tmp_path, data, "web")
    table = pq.read_table(contents.place(read.path))
    assert not {"row", "field", "content", "path"} & set(table.schema.names)
    assert OUTPUTS[0][:40].encode() not in contents.place(read.path).read_bytes()


def test_clauses_stand_with_their_verification_and_the_records_they_bear_on(tmp_path: Path, data: Path) -> None:
    run = judged(tmp_path, data)
    table = pq.read_table(run / "findings.parquet")
    known = "anthropic.commercial.2025-06-17.d4.models"
    said = pa.array([[known, "nobody.knows"]] * table.num_rows, pa.list_(pa.string()))
    pq.write_table(table.set_column(table.schema.get_field_index("clauses"), "clauses", said), run / "findings.parquet")
    made = making.make([str(data)], run, "web", tmp_path / "label.json")
    assert [(known, "verified", 6), ("nobody.knows", "unknown", 6)] == [
        (one.id, one.status, one.records) for one in made.clauses
    ]


def test_waivers_that_were_applied_stand_with_who_and_why(tmp_path: Path, data: Path) -> None:
    run = judged(tmp_path, data)
    first = min(collect.collect(run, loaded(POLICY)).findings, key=lambda one: (one.address.file, one.address.row))
    content = f"""
version: 1
waivers:
  - {{id: W-1, finding: {first.id}, reason: We wrote this text before any assistant did., basis: own prior work,
     approver: Ada, approved: 2026-06-01, expires: 2026-12-01}}
"""
    judge = Judging(loaded(POLICY).policy, today=date(2026, 7, 1), waivers=waivers.parse(content.encode(), "w.yaml"))
    collect.collect(run, loaded(POLICY), judge=judge)
    made = making.make([str(data)], run, "web", tmp_path / "label.json")
    reason = "We wrote this text before any assistant did."
    (one,) = made.waivers
    assert ("W-1", reason, "own prior work", "Ada", "2026-12-01") == msgspec.structs.astuple(one)[:5]
    assert 1 == one.records
    assert {"allow": 1, "quarantine": 5} == counted(made.shares)


def counted(shares: tuple[Share, ...]) -> dict[str, int]:
    actions = {one.action for one in shares}
    return {action: sum(one.records for one in shares if one.action == action) for action in sorted(actions)}


def loaded(content: bytes) -> Loaded:
    return Loaded(policy.parse(content, "ours.yaml"), "ours.yaml", hashlib.sha256(content).hexdigest()[:32])


def test_the_clean_part_of_a_split_holds_nothing_that_is_held_back(tmp_path: Path, data: Path) -> None:
    whole = label(tmp_path, data, "web")
    splitting.split(tmp_path / "run-web", tmp_path / "out")
    part = label(tmp_path, tmp_path / "out" / "clean", "clean", [(whole, "filter")]).label
    assert (0, (), whole.label.totals.unknown) == (part.totals.matched, part.shares, part.totals.unknown)
    (parent,) = part.parents
    assert ("filter", "web", whole.digest, whole.label.subject.root, 10) == msgspec.structs.astuple(parent)
    clean_rows = {one.path.rpartition("/")[2]: one for one in part.subject.files}
    assert 2 == clean_rows["b.parquet"].records


def test_a_dataset_with_more_records_than_its_parent_is_not_filtered_from_it(tmp_path: Path, data: Path) -> None:
    small = label(tmp_path, jsonl(tmp_path / "small" / "a.jsonl", clean(0)).parent, "small")
    with pytest.raises(StoreError, match=r"1 records, so the 10 of this dataset are not filtered"):
        label(tmp_path, data, "web", [(small, "filter")])
    assert "join" == label(tmp_path, data, "web", [(small, "join")]).label.parents[0].relation


def test_what_is_named_has_to_be_what_was_scanned(tmp_path: Path, data: Path) -> None:
    run = judged(tmp_path, data)
    out = tmp_path / "label.json"
    with pytest.raises(DatasetError, match=r"b\.parquet.*scanned in .* and not named"):
        making.make([str(data / "a.jsonl")], run, "web", out)
    jsonl(data / "new.jsonl", clean(9))
    with pytest.raises(DatasetError, match=r"new\.jsonl: not in the scan"):
        making.make([str(data)], run, "web", out)
    assert not out.exists()


@pytest.mark.parametrize("name", ["a.jsonl", "b.parquet", "src/x.py"])
def test_a_file_that_changed_since_it_was_scanned_is_refused(tmp_path: Path, data: Path, name: str) -> None:
    run = judged(tmp_path, data)
    making.make([str(data)], run, "web", tmp_path / "first.json")
    (data / name).write_bytes((data / name).read_bytes() + b"\n")
    with pytest.raises(DatasetError, match=r"changed since it was scanned \(scan it again\)"):
        making.make([str(data)], run, "web", tmp_path / "label.json")
    assert not (tmp_path / "label.json").exists()


def test_a_scan_that_was_not_judged_or_whose_report_is_of_another_is_refused(tmp_path: Path, data: Path) -> None:
    run = judged(tmp_path, data)
    report = (run / "report.json").read_bytes()
    for content in (None, b"{", b"[" * 100_000, b'{"verdict": 1}', report.replace(scan.load(run).index.encode(), b"x")):
        (run / "report.json").unlink(missing_ok=True)
        if content is not None:
            (run / "report.json").write_bytes(content)
        with pytest.raises(StoreError, match=r"judge"):
            making.make([str(data)], run, "web", tmp_path / "label.json")


def test_findings_that_are_damaged_or_of_an_older_form_are_refused(tmp_path: Path, data: Path) -> None:
    run = judged(tmp_path, data)
    table = pq.read_table(run / "findings.parquet")
    pq.write_table(table.drop_columns(["standing"]), run / "findings.parquet")
    with pytest.raises(StoreError, match=r"has no column standing; judge again"):
        making.make([str(data)], run, "web", tmp_path / "label.json")
    (run / "findings.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(StoreError, match=r"findings\.parquet"):
        making.make([str(data)], run, "web", tmp_path / "label.json")
    strange = table.set_column(1, "file", pa.array(["elsewhere"] * table.num_rows))
    pq.write_table(strange, run / "findings.parquet")
    with pytest.raises(StoreError, match=r"elsewhere, which was not scanned"):
        making.make([str(data)], run, "web", tmp_path / "label.json")


def test_a_label_is_not_written_into_its_dataset(tmp_path: Path, data: Path) -> None:
    run = judged(tmp_path, data)
    for place in (data / "label.json", data / "a.jsonl", data):
        with pytest.raises(StoreError, match=r"name a file"):
            making.make([str(data)], run, "web", place)


def test_a_dataset_of_nothing_has_a_label(tmp_path: Path) -> None:
    made = label(tmp_path, jsonl(tmp_path / "none" / "a.jsonl"), "none").label
    totals = made.totals
    assert (1, 0, 0, 0, 0) == (totals.files, totals.records, totals.matched, totals.unknown, totals.skipped)
    assert () == made.shares


def test_shares_of_a_blocking_policy_say_block(tmp_path: Path, data: Path) -> None:
    assert {"block"} == {one.action for one in label(tmp_path, data, "web", content=BLOCK).label.shares}
