"""``--output FORMAT[=PATH]``: the same findings for a CI system, beside what people read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from provenance import index
from provenance.report import formats
from tests.conftest import Ran
from tests.making import code, ingredient

Run = Callable[..., Ran]
WORDS = code(5, 150)
COPY = "\n".join(" ".join(WORDS[at : at + 10]) for at in range(0, 150, 10)) + "\n"
OWN = " ".join(code(77, 60)) + "\n"


def git(*arguments: str) -> None:
    who = ["-c", "user.name=P", "-c", "user.email=p@e.f"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def check(tmp_path: Path, run: Run) -> Run:
    """``provenance check`` against an index that knows COPY; a.py holds it."""
    index.build(tmp_path / "index", [ingredient(COPY)])
    Path("a.py").write_text(OWN + COPY)
    return lambda *arguments: run("check", "--index", tmp_path / "index", *arguments)


def test_every_format_is_written_beside_what_is_printed(check: Run) -> None:
    plain = check("a.py")
    outputs = [argument for name in formats.FORMATS for argument in ("--output", f"{name}=out/{name}")]
    assert plain == check("a.py", *outputs)
    assert set(formats.FORMATS) == set(os.listdir("out"))
    (result,) = json.loads(Path("out/sarif").read_bytes())["runs"][0]["results"]
    assert {"startLine": 2, "endLine": 16} == result["locations"][0]["physicalLocation"]["region"]
    assert "2" == ElementTree.parse("out/junit").getroot().attrib["failures"]
    assert ["a.py"] == [one["location"]["path"] for one in json.loads(Path("out/gitlab").read_bytes())]
    assert "Read: files 1, rows 1, texts 1, tokens 210; skipped 0." in Path("out/markdown").read_text()


def test_what_is_printed_is_the_output_alone_and_people_read_on_standard_error(check: Run) -> None:
    plain = check("a.py")
    ran = check("a.py", "--output", "sarif")
    assert "block" == json.loads(ran.out)["runs"][0]["properties"]["verdict"]
    assert (plain.code, plain.out) == (ran.code, ran.err)


def test_nothing_found_is_an_output_too(check: Run) -> None:
    Path("b.py").write_text(OWN)
    ran = check("b.py", "--output", "gitlab")
    assert (0, [], "") == (ran.code, json.loads(ran.out), ran.err)


def test_of_what_is_staged_the_added_lines_are_counted_and_what_was_passed_over_is_said(check: Run) -> None:
    git("init", "-q")
    Path("a.py").write_text(OWN)
    git("add", "a.py")
    git("commit", "-qm", "before")
    Path("a.py").write_text(OWN + COPY)
    Path("b.bin").write_bytes(b"\0\1" * 99)
    git("add", "a.py", "b.bin")
    ran = check("--staged", "--output", "sarif", "--output", "markdown=m.md")
    assert 1 == ran.code
    page = Path("m.md").read_text()
    assert "Read: files 1, rows 1, texts 1, tokens 150; skipped 1." in page
    run = json.loads(ran.out)["runs"][0]
    assert ["a.py"] == [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"]]
    (passed,) = run["invocations"][0]["toolExecutionNotifications"]
    assert ("note", True) == (passed["level"], passed["message"]["text"].startswith("1 could not be read, allow"))


def test_the_verdict_is_the_most_severe_and_each_text_counts_by_its_own(check: Run) -> None:
    Path("rules.yaml").write_text(
        "version: 1\nname: ours\nrules:\n"
        "- {id: long, action: block, min_tokens: 100, message: Too long.}\n- {id: any, action: warn}\n"
    )
    Path("short.py").write_text(" ".join(WORDS[:40]) + "\n")
    ran = check("short.py", "a.py", "--policy", "rules.yaml", "--output", "junit", "--output", "summary=s")
    assert [("WARN", "BLOCK")] == [tuple(line.split(" ")[0] for line in ran.err.splitlines() if line[0] != " ")]
    whole, *findings = ElementTree.fromstring(ran.out).iter("testcase")
    assert "block. Texts that match recorded outputs: 2 (warn 1, block 1)" == whole[0].attrib["message"]
    assert ["provenance.long", "provenance.any"] == [case.attrib["classname"] for case in findings]
    assert "- <code>long</code> says block, 1: <code>Too long.</code>" in Path("s").read_text()


@pytest.mark.parametrize("command", ["check", "judge"])
def test_an_unknown_format_is_refused_before_anything_is_read(run: Run, command: str) -> None:
    ran = run(command, "nothing-here", "--output", "sarrif=x")
    assert (2, "error: output 'sarrif': no such format (did you mean 'sarif'?)\n") == (ran.code, ran.err)


def test_without_an_output_nothing_of_it_is_loaded(check: Run, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom provenance.cli import main\n"
        f"sys.argv = ['provenance', 'check', '--index', {str(tmp_path / 'index')!r}, 'a.py']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*(name for name in sys.modules if name.startswith('provenance.report.')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.rpartition(".")[2] for name in done.stdout.splitlines()[-1].split(" ")}
    assert "text" in loaded
    assert set() == loaded & {"formats", "checked", *formats.FORMATS}


def test_a_saved_scan_is_written_too(tmp_path: Path, run: Run) -> None:
    index.build(tmp_path / "index", [ingredient(COPY)])
    rows = [{"text": OWN}, {"text": COPY}]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert 0 == run("scan", "rows.jsonl", "--index", tmp_path / "index", "--out", "scan").code
    judged = run("judge", "scan", "--index", tmp_path / "index")
    ran = run("judge", "scan", "--index", tmp_path / "index", "--output", "sarif", "--output", "github=g")
    assert (judged.code, judged.out) == (ran.code, ran.err)
    (result,) = json.loads(ran.out)["runs"][0]["results"]
    assert result["message"]["text"].startswith("row 1, text, ")
    assert Path("g").read_text().startswith("::error file=rows.jsonl,title=block by no-rival-output%3A row 1%2C text::")
