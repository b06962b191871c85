"""``label``, ``label merge`` and ``trace`` as a user meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.label.builds import OUTPUTS, POLICY, clean, indexed, jsonl

Run = Callable[..., Ran]


@pytest.fixture
def gated(run: Run, tmp_path: Path) -> Callable[..., Ran]:
    """``gate`` over a folder into ``NAME-run``."""
    indexed(tmp_path)
    (tmp_path / "ours.yaml").write_bytes(POLICY)
    jsonl(tmp_path / "data" / "a.jsonl", clean(0), OUTPUTS[0], f"{clean(1)} {OUTPUTS[2]}", OUTPUTS[1])

    def call(name: str, *more: object) -> Ran:
        return run("gate", name, "--index", "index", "--policy", "ours.yaml", "--out", f"{Path(name).name}-run", *more)

    return call


def test_a_gated_dataset_gets_its_label(gated: Run, run: Run, tmp_path: Path) -> None:
    assert 1 == gated("data").code
    said = run("label", "data", "--scan", "data-run", "--index", "index")
    assert (0, "") == (said.code, said.err)
    assert "label: label.json: 4 records in 1 files, 3 match, 1 of unknown origin, 0 not read" in said.out
    made = json.loads((tmp_path / "label.json").read_text())
    assert ("data", "quarantine") == (made["subject"]["name"], made["judgement"]["verdict"])
    assert made["subject"]["root"] in said.out
    assert (tmp_path / "label.contents.parquet").exists()
    assert {"policy", "waivers", "baseline", "registry", "index", "all"} == set(made["judgement"]["digests"])
    assert made["clauses"]


def test_label_and_label_make_are_one(gated: Run, run: Run, tmp_path: Path) -> None:
    gated("data")
    assert 0 == run("label", "data", "--scan", "data-run", "--name", "d", "--out", "a.json").code
    assert 0 == run("label", "make", "data", "--scan", "data-run", "--name", "d", "--out", "b.json").code
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert 0 == run("label", "--scan", "data-run", "data", "-q").code


def test_split_label_merge_and_trace(gated: Run, run: Run, tmp_path: Path) -> None:
    assert 0 == gated("data", "--split", "out").code
    assert 0 == run("label", "data", "--scan", "data-run", "--out", "labels/web.json").code
    refused = run("label", "out/clean", "--scan", "data-run", "--parent", "labels/web.json:filter", "--out", "x.json")
    assert (2, True) == (refused.code, "a clean part has a scan of its own" in refused.err)
    assert 0 == gated("out/clean").code
    clean_label = ("--parent", "labels/web.json:filter", "--name", "clean", "--out", "labels/clean.json")
    said = run("label", "out/clean", "--scan", "clean-run", *clean_label)
    assert "1 records in 1 files, 0 match" in said.out
    jsonl(tmp_path / "code" / "b.jsonl", OUTPUTS[0])
    gated("code")
    run("label", "code", "--scan", "code-run", "--out", "labels/code.json")
    merged = ("--name", "corpus", "--out", "labels/corpus.json")
    assert 0 == run("label", "merge", "labels/clean.json", "labels/code.json", *merged).code
    found = run("trace", "labels", "--session", "s1")
    assert 0 == found.code
    lines = found.out.splitlines()
    assert "session s1: in 3 of 4 labels" == lines[0]
    assert any(line.startswith("clean (") and "nothing of it any more" in line for line in lines)
    assert any(line.startswith("data (") and "1 of 4 records (25.000%) match" in line for line in lines)
    assert any(line.startswith("corpus (") and "1 of 2 records (50.000%)" in line for line in lines)
    told = json.loads(run("trace", "labels", "--model", "claude-*", "--json").out)
    assert {"data": 2, "code": 1, "corpus": 1, "clean": 0} == {one["name"]: one["records"] for one in told["labels"]}


def test_trace_says_what_it_cannot_know(gated: Run, run: Run, tmp_path: Path) -> None:
    gated("data")
    run("label", "data", "--scan", "data-run", "--out", "labels/web.json")
    (tmp_path / "labels" / "web.contents.parquet").unlink()
    (tmp_path / "labels" / "models.yaml").write_text(f"models:\n  ours-7b: [{'e' * 64}]\n")
    said = run("trace", "labels", "--tool", "codex").out
    assert "unknown, its contents are not there" in said
    assert "contents missing, so nothing can be said: labels/web.json" in said
    assert "in the list of models and not in the folder: eeeeeeeeeeee" in said


def test_a_merge_without_contents_says_so(gated: Run, run: Run, tmp_path: Path) -> None:
    gated("data")
    run("label", "data", "--scan", "data-run")
    (tmp_path / "label.contents.parquet").unlink()
    said = run("label", "merge", "label.json", "--name", "one", "--out", "one.json")
    assert (0, True) == (said.code, "no contents file" in said.out)


def test_names_that_somebody_else_chose_cannot_speak_to_the_terminal(gated: Run, run: Run, tmp_path: Path) -> None:
    gated("data")
    name = "\x1b[2J\udcff\nmodel ours: clean"
    assert 0 == run("label", "data", "--scan", "data-run", "--name", name, "--out", "labels/a.json").code
    said = run("trace", "labels", "--session", "s1")
    assert 0 == said.code
    assert "\x1b" not in said.out
    assert not any(line.startswith("model ours") for line in said.out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("label", "data", "--scan", "nothing"), "no scan here"),
        (("label", "nowhere", "--scan", "data-run"), "no such file"),
        (("label", "data", "--scan", "data-run", "--parent", "x.json"), "cannot be read"),
        (("label", "data", "--scan", "data-run", "--parent", "x.json:friend"), "'friend' is none of"),
        (("label", "data", "--scan", "data-run", "--parent", "ours.yaml:join"), "not a label of form 1"),
        (("label", "merge", "ours.yaml", "--name", "x"), "not a label of form 1"),
        (("label",), "Usage"),
        (("label", "merge", "--name", "x"), "Missing argument"),
        (("trace", "."), "say what to look for"),
        (("trace", "nowhere", "--session", "s"), "no such folder"),
        (("trace", ".", "--session", "s", "--models", "none.yaml"), "cannot be read"),
    ],
)
def test_what_cannot_run_is_said(gated: Run, run: Run, arguments: tuple[str, ...], message: str) -> None:
    gated("data")
    said = run(*arguments)
    assert 2 == said.code, said
    assert message in said.err + said.out
