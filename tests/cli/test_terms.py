"""``provenance terms`` as a user meets it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

Run = Callable[..., Ran]
OVERLAY = """\
version: 1
provider: xai
documents: [{id: contract, title: Order form 7}]
rows:
  - id: ours.xai.training
    document: contract
    kind: training-use
    verdict: permits
    uses: [sft]
    from: 2026-01-01
    retrieved: 2026-01-01
    quotation: may train
    read: our own files
    verification: verified
    overrides: [xai.enterprise.2026-08-14.training]
"""
API = ("terms", "resolve", "--provider", "xai", "--channel", "api", "--date", "2026-08-20", "--use", "sft")


def test_the_clauses_in_force_are_shown_with_their_words_and_days(run: Run) -> None:
    ran = run(*API)
    assert 0 == ran.code
    lines = ran.out.splitlines()
    assert "forbids: 3 clauses, 3 sure to apply" == lines[0]
    assert "forbids  xai.enterprise.2026-08-14.training  training-use, verified" in lines
    assert any("express permission in an Order Form" in line for line in lines)
    assert any("Terms of Service - Enterprise, from 2026-08-14, https://x.ai/" in line for line in lines)
    assert "no legal advice" in lines[-1]


def test_what_is_not_verified_says_so(run: Run) -> None:
    ran = run("terms", "resolve", "--provider", "tencent", "--channel", "weights", "--use", "sft")
    assert "Not all of it is verified" in ran.out
    assert "tencent.hunyuan.undated.5-b  other-model, NOT VERIFIED (secondary)" in ran.out
    assert "listed because not recorded or not known: model, date" in ran.out


def test_a_clause_that_forbids_and_could_only_apply_is_said_to_be_one(run: Run) -> None:
    ran = run("terms", "resolve", "--provider", "deepseek", "--date", "2026-02-01", "--use", "sft")
    first, second, *_ = ran.out.splitlines()
    assert first.startswith("conditions: ")
    assert "Clauses that forbid are listed, but could only apply: that depends on what was not recorded." == second


def test_no_row_is_said_plainly_and_is_no_failure(run: Run) -> None:
    ran = run("terms", "resolve", "--provider", "nobody", "--channel", "api", "--use", "sft", "--date", "2026-01-01")
    assert 0 == ran.code
    assert ["unknown_terms", "The registry does not know what the terms say of this. That is no permission."] == (
        ran.out.splitlines()[:2]
    )
    assert "allowed" not in ran.out


def test_what_was_assumed_passed_through_and_left_unread_is_shown(run: Run) -> None:
    asked = ("terms", "resolve", "--provider", "anthropic", "--use", "sft")
    routed = run(*asked, "--channel", "openrouter", "--date", "2026-06-01").out
    assert "by way of openrouter.terms.2026-05-06.5-1" in routed
    assert "last read on 2026-03-12: that it still stood is assumed" in routed
    assert "No row for the day:\n    anthropic.commercial: none before 2025-06-17" in (
        run(*asked, "--channel", "api", "--date", "2024-07-01").out
    )
    assert "In force, of other uses:\n" in routed
    assert "unread  microsoft.product-terms.undated.training" in run(*asked, "--channel", "azure").out


def test_json_has_every_field_and_the_digest(run: Run) -> None:
    said = json.loads(run(*API, "--json").out)
    assert "forbids" == said["status"]
    assert {"row", "assumed", "via", "is_past_reading"} == said["clauses"][0].keys()
    row = said["clauses"][0]["row"]
    assert ("xai", "2026-08-14", "verified") == (row["provider"], row["from"], row["verification"])
    assert said["registry"] in run("terms", "list").out


def test_an_overlay_is_named_by_option_or_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ours.yaml").write_text(OVERLAY)
    shown = run(*API, "--overlay", "ours.yaml").out
    assert "ours.xai.training  training-use, private, verified" in shown
    assert "Set aside by a private overlay:\n    xai.enterprise.2026-08-14.training" in shown
    monkeypatch.setenv("PROVENANCE_TERMS", "ours.yaml")
    assert shown == run(*API).out


def test_a_mistake_in_an_overlay_names_file_line_and_key(run: Run) -> None:
    Path("ours.yaml").write_text(OVERLAY.replace("verdict: permits", "verdict: permit"))
    ran = run(*API, "--overlay", "ours.yaml")
    assert (2, "") == (ran.code, ran.out)
    assert "error: ours.yaml: line 8: rows[0].verdict: 'permit' is not known (did you mean 'permits'?)\n" == ran.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("resolve", "--provider", "xai", "--date", "soon"), "'soon' is not a day"),
        (("resolve", "--provider", "xai", "--use", "fun"), "'fun' is not one of"),
        (("resolve",), "Missing option '--provider'"),
        (("diff", "--from", "2026-01-01", "--to", "2026-01-01"), "2026-01-01 is not after 2026-01-01"),
        (("diff", "--from", "2026-01-01", "--to", "2026-02-30"), "'2026-02-30' is not a day"),
        (("list", "--provider", "nobody"), "no terms of 'nobody' (there are: alibaba,"),
        (("list", "--on", "x"), "'x' is not a day"),
    ],
)
def test_a_wrong_question_is_a_usage_error(run: Run, arguments: tuple[str, ...], complaint: str) -> None:
    ran = run("terms", *arguments)
    assert 2 == ran.code
    assert complaint in " ".join(ran.err.split())


def test_diff_shows_what_changed_between_two_days(run: Run) -> None:
    ran = run("terms", "diff", "--from", "2026-08-13", "--to", "2026-08-14", "--provider", "xai")
    assert 0 == ran.code
    lines = ran.out.splitlines()
    assert "2026-08-14  ended     xai.enterprise.2025-06-27.b  forbids competing-product, verified" == lines[0]
    at = lines.index("2026-08-14  changed   xai.usage-policy.2026-08-14.compete  forbids competing-model, verified")
    assert lines[at + 1].startswith('    before: forbids "Using the Service or any Output to develop machine learning')
    assert lines[at + 2].startswith('    now:    forbids "Using the Service or any Output to develop (or assist')
    assert "7 changes after 2026-08-13 and up to 2026-08-14" == lines[-1]
    found = json.loads(run("terms", "diff", "--from", "2026-08-13", "--to", "2026-08-14", "--json").out)
    assert {"what", "day", "row", "before"} == found[0].keys()


def test_list_has_every_row_or_those_of_a_day(run: Run) -> None:
    every = run("terms", "list", "--provider", "mistral").out.splitlines()
    assert "4 rows, registry " in every[-1]
    day = run("terms", "list", "--provider", "mistral", "--on", "2024-02-26").out.splitlines()
    assert [
        "mistral.la-plateforme.2024-02-08.compete  forbids competing-model, from 2024-02-08 (seen) until 2024-02-27, "
        "verified"
    ] == day[:-1]
    assert "0 rows" in run("terms", "list", "--provider", "mistral", "--on", "2024-02-27").out
    rows = json.loads(run("terms", "list", "--provider", "mistral", "--on", "2026-01-01", "--json").out)["rows"]
    assert 3 == len(rows)


def test_lint_passes_the_shipped_rows_and_names_the_faults_of_an_overlay(run: Run) -> None:
    assert 0 == run("terms", "lint").code
    Path("ours.yaml").write_text(OVERLAY.replace("may train", "may " * 26))
    ran = run("terms", "lint", "--overlay", "ours.yaml")
    assert 1 == ran.code
    assert "ours.xai.training: quotation: 26 words (at most 25)" in ran.out


# ---- import ----

MARKS = "* Stripping, altering or circumventing\n  embedded **provenance** metadata or watermarks\n"


def git(folder: Path, *arguments: str, day: str = "2026-09-01") -> None:
    moment = f"{day}T12:00:00Z"
    subprocess.run(
        ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b.example", *arguments],
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment},
    )


def record(archive: Path, path: str, text: str, day: str, subject: str = "") -> None:
    file = archive / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    git(archive, "add", "-A")
    name = path.removesuffix(".md").replace("/", " ")
    git(archive, "commit", "-m", subject or f"Record new changes of {name} \n\nThis version was recorded", day=day)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "versions"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


POLICY = "Grok/Acceptable Use Policy.md"


def test_import_lists_later_versions_and_quotations_that_are_gone(run: Run, archive: Path) -> None:
    record(archive, POLICY, "old", "2026-08-01")
    record(archive, POLICY, "new", "2026-09-01")
    record(archive, "Grok/Privacy Policy.md", "other", "2026-09-02")
    record(archive, POLICY, MARKS, "2026-09-03")
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    ran = run("terms", "import", archive, "--provider", "xai")
    assert 0 == ran.code
    lines = ran.out.splitlines()
    assert "xai.enterprise: not in this archive" in lines
    (found,) = [line for line in lines if line.startswith("xai.usage-policy")]
    assert "last read 2026-08-14, newest version 2026-09-03" in found
    assert "2 later, 1 quotations stand" in found
    assert [
        "    no longer there: xai.usage-policy.2026-08-14.compete",
        "    no longer there: xai.usage-policy.2026-06-26.distil",
    ] == [line for line in lines if "no longer there" in line]
    assert "1 of 2 documents are in this archive: 1 have later versions, 2 quotations no longer stand" == lines[-1]
    assert before == {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}


def test_import_counts_a_version_once_whoever_commits_it_again(run: Run, archive: Path) -> None:
    record(archive, POLICY, MARKS, "2026-09-01")
    git(archive, "commit", "--allow-empty", "-m", "Apply upgrade on Grok Acceptable Use Policy", day="2026-09-05")
    (found,) = json.loads(run("terms", "import", archive, "--provider", "xai", "--json").out)[1:]
    assert ("2026-09-01", 1, 1) == (found["newest"], found["later"], found["standing"])


def test_import_reads_an_archive_that_names_its_commits_otherwise(run: Run, archive: Path) -> None:
    record(archive, POLICY, MARKS, "2026-09-01", subject="snapshot")
    (found,) = json.loads(run("terms", "import", archive, "--provider", "xai", "--json").out)[1:]
    assert ("2026-09-01", 1) == (found["newest"], found["standing"])


def test_import_leaves_a_document_out_that_the_archive_has_dropped(run: Run, archive: Path) -> None:
    record(archive, POLICY, MARKS, "2026-09-01")
    git(archive, "rm", "-q", POLICY)
    git(archive, "commit", "-m", "Remove Grok Acceptable Use Policy", day="2026-09-02")
    assert "xai.usage-policy: not in this archive" in run("terms", "import", archive, "--provider", "xai").out


def test_import_of_text_that_is_no_utf_8_goes_on(run: Run, archive: Path) -> None:
    record(archive, POLICY, "", "2026-09-01")
    (archive / POLICY).write_bytes(b"\xff\xfe\x00" + MARKS.encode())
    git(archive, "commit", "-am", "Record new changes of Grok Acceptable Use Policy", day="2026-09-02")
    assert "1 quotations stand" in run("terms", "import", archive, "--provider", "xai").out


def test_import_of_what_is_no_repository_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    ran = run("terms", "import", tmp_path / "plain")
    assert 2 == ran.code
    assert ran.err.startswith("error: ")


def test_import_of_an_empty_repository_is_refused(run: Run, archive: Path) -> None:
    assert 2 == run("terms", "import", archive).code
