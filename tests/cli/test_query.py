"""``provenance query`` and ``provenance export`` as a user meets them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from provenance import cli, exports, ledger, querying
from provenance.label import reading
from tests.conftest import Ran
from tests.exports.samples import MIXED

Run = Callable[..., Ran]
STORE = Path(".provenance")


@pytest.fixture
def query(run: Run) -> Run:
    """``provenance query ...``, in a store with three entries."""
    pytest.importorskip("duckdb", reason="needs duckdb (the [data] extra)")
    hostile = 'a,b"c\nd\x1b[31m\u202e'
    ledger.extend(STORE, [("gate", {"exit": 0}), ("gate", {"exit": 1}), ("note", {"text": hostile})])
    return lambda *arguments: run("query", *arguments)


def test_a_table_shows_the_rows_and_nothing_that_steers_a_terminal(query: Run) -> None:
    done = query("SELECT kind, count(*) AS entries FROM ledger GROUP BY kind ORDER BY kind")
    assert 0 == done.code
    assert [["kind", "entries"], ["gate", "2"], ["note", "1"]] == [line.split() for line in done.out.splitlines()]
    hostile = query("SELECT facts->>'text' AS text FROM ledger WHERE kind = 'note'")
    assert not {"\x1b", "\u202e"} & set(hostile.out)


def test_a_long_table_says_what_it_left_out(query: Run) -> None:
    assert "... and 1 more rows" in query("FROM ledger", "--show", 2).out


def test_csv_and_json_hold_every_row_as_it_is(query: Run) -> None:
    sql = "SELECT kind, facts->>'text' AS text, facts->>'exit' AS exit FROM ledger ORDER BY number"
    rows = list(csv.reader(query(sql, "--csv").out.splitlines(keepends=True)))
    assert ["kind", "text", "exit"] == rows[0]
    assert [["gate", "", "0"], ["gate", "", "1"]] == rows[1:3]
    lines = [json.loads(line) for line in query(sql, "--json").out.split("\n")[:-1]]
    assert [None, None, 'a,b"c\nd\x1b[31m\u202e'] == [one["text"] for one in lines]


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.jsonl"])
def test_rows_go_to_a_file_in_the_form_of_its_name(query: Run, name: str) -> None:
    assert 0 == query("SELECT number, kind FROM ledger", "--out", name).code
    again = query(f"SELECT count(*) AS n FROM '{name}'", "--allow-files", "--csv")
    assert ["n", "3"] == again.out.split()


def test_a_form_that_no_file_has_is_refused_before_anything_is_read(query: Run) -> None:
    assert 2 == query("FROM ledger", "--out", "rows.xlsx").code
    assert 2 == query("FROM ledger", "--out", "rows.csv", "--json").code
    assert 2 == query().code


def test_the_views_are_listed_with_their_columns(query: Run) -> None:
    out = query("--views").out
    for name, view in querying.VIEWS.items():
        assert f"{name}: " in out
        assert all(f"  {column} {kind}\n" in out for column, kind in view.columns.items())


def test_what_cannot_run_is_said_with_exit_code_2(query: Run) -> None:
    done = query("SELECT nothing FROM ledger")
    assert (2, "") == (done.code, done.out)
    assert "error: the query cannot run" in done.err


@pytest.fixture
def export(run: Run) -> Run:
    """``provenance export label.json ...``"""
    Path("label.json").write_bytes(reading.encode(MIXED))
    return lambda *arguments: run("export", "label.json", *arguments)


@pytest.mark.parametrize("form", exports.FORMS)
def test_a_label_is_written_in_every_form(export: Run, form: str) -> None:
    done = export("--to", form, "--date", "2026-11-21T13:00:00+01:00", "--out", "exported")
    assert 0 == done.code
    given = exports.Given("2026-11-21T12:00:00Z")
    assert exports.FORMS[form].render(MIXED, given) == Path("exported").read_bytes()


def test_a_date_that_is_demanded_is_asked_for_or_taken_from_the_build(
    export: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 2 == export("--to", "spdx").code
    assert 2 == export("--to", "spdx", "--date", "soon").code
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert "2023-11-14T22:13:20Z" in export("--to", "spdx").out


def test_a_card_is_brought_up_to_date_in_place(export: Run) -> None:
    Path("README.md").write_text("---\nlicense: mit\nlanguage_creators: [found]\n---\n\n# Data\n")
    done = export("--to", "huggingface", "--out", "README.md")
    assert 0 == done.code
    assert "add it" in done.err
    card = Path("README.md").read_text()
    assert card.startswith("---\nlicense: mit\n")
    assert "# Data\n" in card
    assert "claude-opus-4-5" in card


def test_a_changed_label_is_refused(export: Run) -> None:
    content = Path("label.json").read_text()
    Path("label.json").write_text(content.replace('"unknown": 7', '"unknown": 8'))
    assert 2 == export("--to", "dta").code


def test_the_forms_are_listed(run: Run) -> None:
    assert set(exports.FORMS) == {line.split()[0] for line in run("export", "--forms").out.splitlines()}


def test_a_form_of_others_is_read_and_not_taken_for_clean(run: Run) -> None:
    Path("README.md").write_text("---\ntags: [gpt-4]\nsource_datasets: [squad]\n---\n")
    done = run("export", "--read", "README.md")
    assert "declared: gpt-4 (openai), by tags" in done.out
    assert "made from: squad" in done.out
    Path("README.md").write_text("---\nlicense: mit\n---\n")
    assert "unknown, not clean" in run("export", "--read", "README.md").out


def test_the_commands_are_listed() -> None:
    assert {"export", "query"} <= set(cli.COMMANDS)
