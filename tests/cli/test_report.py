"""``provenance report``: what it writes, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.page import samples

Run = Callable[..., Ran]


def test_both_editions_of_a_scan(tmp_path: Path, run: Run) -> None:
    scan = samples.mixed(tmp_path)
    said = run("report", scan, "--dataset", tmp_path / "train.jsonl", "--out", "in.html")
    assert (0, True) == (said.code, said.out.startswith("in.html: internal edition"))
    assert 0 == run("report", scan, "--edition", "partner", "--out", "out.html").code
    assert "train.jsonl" in (tmp_path / "in.html").read_text()
    assert "train.jsonl" not in (tmp_path / "out.html").read_text()


def test_a_period_of_a_store(tmp_path: Path, run: Run) -> None:
    store = samples.stored(tmp_path)
    assert 0 == run("report", "--store", store, "--from", "2026-01-01", "--to", "2026-12-31").code
    assert "3 outputs" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing"], "provenance judge"),
        (["--from", "yesterday"], "2026-11-21"),
        (["run", "--edition", "partner", "--dataset", "x"], "partner edition has none"),
        (["--dataset", "x"], "name one"),
        (["--store", "nothing"], "no ledger here"),
    ],
)
def test_what_cannot_be_shown_is_exit_code_2(tmp_path: Path, run: Run, arguments: list[str], says: str) -> None:
    said = run("report", *arguments)
    assert 2 == said.code
    assert says in said.err
    assert not (tmp_path / "report.html").exists()


def test_a_pdf_of_the_same(tmp_path: Path, run: Run) -> None:
    pytest.importorskip("weasyprint", reason="the pdf extra is not installed", exc_type=ImportError)
    scan = samples.mixed(tmp_path)
    for name in ("one", "two"):
        assert 0 == run("report", scan, "--edition", "partner", "--pdf", f"{name}.pdf").code
    first = (tmp_path / "one.pdf").read_bytes()
    assert first.startswith(b"%PDF-")
    assert first == (tmp_path / "two.pdf").read_bytes()
