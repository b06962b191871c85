"""``NAME=PATH``: which formats there are, where they go, and what an unknown one is told."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from provenance.errors import ProvenanceError
from provenance.report import formats
from tests.report.test_markdown import found, reported

REPORT = reported(found())


@pytest.mark.parametrize("name", formats.FORMATS)
def test_every_format_is_written_to_its_path_and_twice_the_same(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / "new" / "a", tmp_path / "b"):
        formats.write(REPORT, REPORT.findings, f"{name}={path}")
    assert (tmp_path / "new" / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert formats.FORMATS[name](REPORT, REPORT.findings) == (tmp_path / "b").read_bytes()
    assert ["a", "b"] == sorted(path.name for path in tmp_path.rglob("?"))


@pytest.mark.parametrize("spec", ["github", "github=-", "github=", "github=/dev/stdout"])
def test_without_a_path_it_is_printed(capsys: pytest.CaptureFixture[str], spec: str) -> None:
    formats.write(REPORT, REPORT.findings, spec)
    assert formats.FORMATS["github"](REPORT, REPORT.findings).decode() == capsys.readouterr().out


def test_a_path_may_hold_equals_signs(tmp_path: Path) -> None:
    assert ("sarif", "a=b.sarif") == formats.parse("sarif=a=b.sarif")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("sarf=x", "output 'sarf': no such format (did you mean 'sarif'?)"),
        ("", "output '': no such format (formats: sarif, junit, github, summary, gitlab, markdown)"),
        ("\x1b[2J=x", r"output '\x1b[2J': no such format (formats: sarif, junit, github, summary, gitlab, markdown)"),
    ],
)
def test_an_unknown_format_is_an_error_that_names_those_there_are(spec: str, said: str) -> None:
    with pytest.raises(ProvenanceError) as error:
        formats.parse(spec)
    assert said == str(error.value)


def test_a_report_that_stood_there_is_replaced_and_a_summary_is_added_to(tmp_path: Path) -> None:
    for name in ("sarif", "summary"):
        path = tmp_path / name
        path.write_bytes(b"before\n")
        formats.write(REPORT, REPORT.findings, f"{name}={path}")
        before = b"before\n" if name == "summary" else b""
        assert before + formats.FORMATS[name](REPORT, REPORT.findings) == path.read_bytes()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    formats.write(REPORT, REPORT.findings, f"gitlab={pipe}")
    reader.join()
    assert [formats.FORMATS["gitlab"](REPORT, REPORT.findings)] == read
    assert pipe.is_fifo()


def test_a_link_stays_a_link_and_what_it_names_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "named")
    formats.write(REPORT, REPORT.findings, f"junit={link}")
    assert link.is_symlink()
    assert formats.FORMATS["junit"](REPORT, REPORT.findings) == (tmp_path / "named").read_bytes()
