"""Commands as a user meets them: a line in, text and an exit code out."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance import __version__, ledger
from provenance.fingerprint import ENGINE, RECIPE
from tests.conftest import Ran
from tests.making import code

Run = Callable[..., Ran]
DEMO = Path(provenance.__file__).parent / "cli" / "demo_data"


@pytest.fixture
def ready(run: Run) -> Run:
    """A store and an index of the demo's two transcripts, in the working folder."""
    assert run("ingest", DEMO).code == 0
    assert run("index", "build").code == 0
    return run


def output_text() -> str:
    """What the demo's Claude Code session wrote into its first file."""
    for line in (DEMO / "claude-code.jsonl").read_text().splitlines():
        for block in json.loads(line).get("message", {}).get("content", []):
            if isinstance(block, dict) and block.get("name") == "Write":
                return str(block["input"]["content"])
    raise AssertionError("the demo transcript has no Write")


def dataset(path: Path, *texts: object) -> Path:
    pq.write_table(pa.table({"n": range(len(texts)), "body": list(texts)}), path)
    return path


def human(seed: int) -> str:
    return " ".join(code(seed, 200))


def test_the_version_names_engine_and_recipe(run: Run) -> None:
    assert Ran(0, f"provenance {__version__}, engine: {ENGINE}, recipe: {RECIPE}\n", "") == run("--version")


@pytest.mark.parametrize("command", ["ingest", "index", "scan", "judge", "gate", "demo"])
def test_every_command_has_help_with_an_example(run: Run, command: str) -> None:
    said = run(command, "--help")
    assert said.code == 0
    assert command == "demo" or command == "index" or f"provenance {command}" in said.out


def test_demo_finds_all_it_planted_and_names_the_next_commands(run: Run, tmp_path: Path) -> None:
    said = run("demo", "--out", tmp_path / "demo")
    assert (said.code, said.err) == (0, "")
    assert "planted 4 fragments (verbatim, re-indented, renamed, in a markdown fence); missed: none" in said.out
    assert "provenance gate YOUR-DATASET.parquet --policy clean-room" in said.out
    assert json.loads((tmp_path / "demo" / "scan" / "report.json").read_text())["verdict"] == "block"


def test_ingest_says_what_it_read_and_a_second_time_adds_nothing(run: Run) -> None:
    first, second = run("ingest", DEMO), run("ingest", DEMO)
    assert "read 2 sources (claude-code 1, codex 1): 24 records, 4 editing calls, 5 edits, 9 outputs" in first.out
    assert "added 9 ingredients (anthropic 6, openai 3;" in first.out
    assert "added 0 ingredients (none;" in second.out
    assert "9 known already" in second.out


def test_a_dataset_with_a_planted_output_is_blocked(ready: Run, tmp_path: Path) -> None:
    planted = human(1) + "\n" + output_text() + "\n" + human(2)
    data = dataset(tmp_path / "train.parquet", human(3), planted, None, human(4))
    said = ready("gate", data)
    assert said.code == 1
    assert f"BLOCK  {data}, row 1, body" in said.out
    assert "recorded as claude-opus-4-5-20251101 (anthropic), claude-code 2.1.62" in said.out
    assert "block by no-rival-output; evidence: transcript" in said.out
    assert "read 4 rows of 1 file: 3 texts" in said.out
    assert "1 nulls" in said.out
    assert said.out.endswith("verdict: block\n")


def test_a_clean_dataset_passes(ready: Run, tmp_path: Path) -> None:
    said = ready("gate", dataset(tmp_path / "train.parquet", human(3), human(4)))
    assert said.code == 0
    assert said.out.endswith("verdict: allow\n")


def test_findings_stand_in_parquet_and_json_and_agree(ready: Run, tmp_path: Path) -> None:
    ready("gate", dataset(tmp_path / "train.parquet", human(3), output_text() + human(5)), "--out", "run")
    report = json.loads(Path("run/report.json").read_text())
    table = pq.read_table("run/findings.parquet").to_pylist()
    (finding,) = report["findings"]
    assert [finding["id"]] == sorted({row["finding"] for row in table})
    assert (table[0]["row"], table[0]["field"]) == (1, "body")
    assert (str(RECIPE), ENGINE) == (report["recipe"], report["engine"])
    assert report["verdicts"] == {"allow": 0, "warn": 0, "quarantine": 0, "block": 1}


def test_a_saved_scan_is_judged_again_under_another_policy_without_the_data(ready: Run, tmp_path: Path) -> None:
    data = dataset(tmp_path / "train.parquet", output_text() + human(5))
    assert ready("scan", data, "--out", "run").code == 0
    data.unlink()
    lenient = tmp_path / "lenient.yaml"
    lenient.write_text("version: 1\nname: lenient\nrules: [{id: look, action: warn}]\n")
    assert ready("judge", "run").code == 1
    judged = ready("judge", "run", "--policy", lenient)
    assert judged.code == 0
    assert judged.out.endswith("verdict: warn\n")


def test_the_same_scan_and_policy_give_the_same_bytes(ready: Run, tmp_path: Path) -> None:
    data = dataset(tmp_path / "train.parquet", output_text() + human(5))
    ready("gate", data, "--out", "one")
    ready("gate", data, "--out", "two")
    assert Path("one/report.json").read_bytes() == Path("two/report.json").read_bytes()
    assert Path("one/findings.parquet").read_bytes() == Path("two/findings.parquet").read_bytes()


def test_index_info_and_verify_describe_what_was_built(ready: Run) -> None:
    assert "9 ingredients" in ready("index", "info").out
    assert "Every run of 32 or more tokens" in ready("index", "info").out
    assert ready("index", "verify").code == 0


BAD = {
    "a missing path": (["gate", "nowhere.parquet"], "nowhere.parquet: "),
    "an empty folder": (["gate", "empty"], "empty: "),
    "an empty Parquet file": (["gate", "zero.parquet"], "zero.parquet: "),
    "a truncated Parquet file": (["gate", "cut.parquet"], "cut.parquet: "),
    "a column that does not exist": (
        ["gate", "train.parquet", "--column", "boby"],
        "train.parquet: no column 'boby' (did you mean 'body'?); it has 'body' (choose with --column)",
    ),
    "a column that no JSONL row has": (
        ["gate", "rows.jsonl", "--column", "boby"],
        "rows.jsonl: no row has a text in 'boby' (choose with --column)",
    ),
    "a dataset without any text": (["gate", "numbers.parquet"], "numbers.parquet: no column holds text"),
    "a column without text": (["gate", "train.parquet", "--column", "n"], "train.parquet: "),
    "a policy that does not exist": (["gate", "train.parquet", "--policy", "clean-rom"], "did you mean 'clean-room'?"),
    "a policy with a misspelt key": (
        ["gate", "train.parquet", "--policy", "typo.yaml"],
        "typo.yaml: unknown key 'rules[0].similarty' (did you mean 'similarity'?)",
    ),
    "no store": (["index", "build", "--store", "elsewhere"], "elsewhere: no store here (run 'provenance ingest"),
    "no index": (["gate", "train.parquet", "--index", "elsewhere"], "elsewhere: no index here (run 'provenance index"),
    "no scan": (["judge", "elsewhere"], "elsewhere: no scan here: run 'provenance scan' first"),
    "a transcript that is none": (["ingest", "train.parquet"], "train.parquet: no transcript or export of"),
    "a missing transcript": (["ingest", "nowhere"], "nowhere: no such file or folder"),
    "a command that does not exist": (["scna"], "No such command 'scna'"),
    "no argument": (["gate"], "Missing argument"),
}


@pytest.mark.parametrize("what", list(BAD))
def test_bad_input_is_named_and_exits_with_two(ready: Run, tmp_path: Path, what: str) -> None:
    data = dataset(tmp_path / "train.parquet", human(1), human(2))
    (tmp_path / "empty").mkdir()
    pq.write_table(pa.table({"input_ids": [[1, 2], [3]]}), tmp_path / "numbers.parquet")
    (tmp_path / "rows.jsonl").write_text('{"body": "x"}\n')
    (tmp_path / "zero.parquet").touch()
    (tmp_path / "cut.parquet").write_bytes(data.read_bytes()[:-20])
    (tmp_path / "typo.yaml").write_text("version: 1\nname: t\nrules: [{id: a, action: warn, similarty: [exact]}]\n")
    arguments, message = BAD[what]
    said = ready(*arguments)
    assert said.code == 2, said
    assert message in said.err
    assert "Traceback" not in said.err


def test_an_index_with_a_flipped_byte_is_never_scanned_with(ready: Run, tmp_path: Path) -> None:
    data = dataset(tmp_path / "train.parquet", human(1))
    grams = next(Path(".provenance/index/segments").iterdir()) / "grams"
    content = bytearray(grams.read_bytes())
    for page in range(4096, len(content), 4096):  # a scan checks the pages that it reads
        content[page + 10] ^= 4
    grams.write_bytes(bytes(content))
    for arguments in (["gate", data], ["index", "verify"]):
        said = ready(*arguments)
        assert said.code == 2
        assert f"{grams}: damaged" in said.err


def test_an_index_of_another_recipe_is_refused(ready: Run, tmp_path: Path) -> None:
    manifest = Path(".provenance/index/manifest.json")
    manifest.write_text(manifest.read_text().replace(str(RECIPE), "p0.k9"))
    said = ready("gate", dataset(tmp_path / "train.parquet", human(1)))
    assert said.code == 2
    assert f"built with recipe p0.k9; this version has {RECIPE}" in said.err


def test_broken_lines_and_other_encodings_are_skipped_counted_and_warned_of(ready: Run, tmp_path: Path) -> None:
    data = tmp_path / "d.jsonl"
    data.write_bytes(
        json.dumps({"text": human(1)}).encode()
        + b"\n{broken\n"
        + '{"text": "caf\u00e9"}'.encode("latin-1")
        + b"\n[1]\n"
    )
    said = ready("gate", data)
    assert said.code == 0
    assert "read 4 rows of 1 file" in said.out
    assert "3 skipped" in said.out
    assert said.out.endswith("verdict: warn\n")


def test_a_utf16_file_is_read_like_any_other(ready: Run, tmp_path: Path) -> None:
    data = tmp_path / "d.jsonl"
    data.write_bytes(json.dumps({"text": output_text()}).encode("utf-16"))
    assert ready("gate", data).code == 1


def test_an_empty_jsonl_file_is_clean_and_says_that_it_read_nothing(ready: Run, tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").touch()
    said = ready("gate", tmp_path / "d.jsonl")
    assert said.code == 0
    assert "read 0 rows of 1 file" in said.out


def test_nul_bytes_in_a_row_hide_nothing(ready: Run, tmp_path: Path) -> None:
    data = dataset(tmp_path / "train.parquet", "\0\0" + output_text().replace("\n", "\0\n") + "\0")
    assert ready("gate", data).code == 1


def test_one_enormous_row_is_scanned(ready: Run, tmp_path: Path) -> None:
    row = "x = 1\n" * 2_000_000 + output_text()
    data = dataset(tmp_path / "train.parquet", row)
    said = ready("gate", data)
    assert said.code == 1
    assert "lines 20000" in said.out


def test_nested_chat_columns_are_found_and_can_be_chosen(ready: Run, tmp_path: Path) -> None:
    rows = [{"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": output_text()}]}]
    (tmp_path / "share.jsonl").write_text(json.dumps(rows[0]))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "share.parquet")
    for name in ("share.jsonl", "share.parquet"):
        said = ready("gate", tmp_path / name, "--column", "conversations[].value", "--out", f"run-{name}")
        assert said.code == 1
        assert "row 0, conversations[1].value" in said.out


def test_folders_and_globs_are_read(ready: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    dataset(tmp_path / "data" / "a.parquet", human(1))
    dataset(tmp_path / "data" / "deep" / "b.parquet", output_text())
    assert "read 2 rows of 2 files" in ready("gate", "data", "--out", "one").out
    assert "read 1 rows of 1 file" in ready("gate", "data/*.parquet", "--out", "two").out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs resource limits of POSIX")
def test_a_full_disk_is_an_error_and_leaves_nothing_half_written(ready: Run, tmp_path: Path) -> None:
    data = dataset(tmp_path / "train.parquet", *[human(n) + output_text() + human(n + 500) for n in range(200)])
    script = (
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))\n"
        f"sys.argv = ['provenance', 'scan', {str(data)!r}, '--out', 'run']\n"
        "from provenance.cli import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "File too large" in done.stderr
    assert [] == list(Path("run/parts").iterdir())
    assert ready("scan", data, "--out", "run").code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to a child is POSIX")
def test_an_interrupted_gate_exits_with_130_and_goes_on_when_run_again(ready: Run, tmp_path: Path) -> None:
    paths = [dataset(tmp_path / f"d{n:03d}.parquet", *[human(m) for m in range(40)]) for n in range(150)]
    command = [sys.executable, "-m", "provenance", "scan", *map(str, paths), "--out", "run", "--jobs", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while len(list(Path("run").glob("parts/*.parquet"))) < 2 and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "interrupted: what was finished is kept; run the same command again to go on" in err
    assert 0 < len(list(Path("run").glob("parts/*.parquet"))) < 150
    assert ready(*command[3:]).code == 0


def test_a_gate_of_the_folder_that_holds_its_own_runs_can_be_repeated(ready: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    dataset(tmp_path / "data" / "a.parquet", output_text())
    first = ready("gate", "data", "--out", "data/run")
    second = ready("gate", "data", "--out", "data/run")
    other = ready("gate", "data", "--out", "data/other")
    assert (1, first.out) == (first.code, second.out)
    assert "read 1 rows of 1 file" in other.out


def test_a_verdict_stands_though_the_ledger_cannot_be_written(ready: Run, tmp_path: Path) -> None:
    data = dataset(tmp_path / "train.parquet", output_text())
    (shard,) = Path(".provenance/ledger").glob("*.jsonl")
    shard.with_suffix(".lock").unlink()
    shard.with_suffix(".lock").mkdir()
    said = ready("gate", data)
    assert 1 == said.code
    assert "warning: this run is not in the ledger" in said.err


def test_an_index_built_again_from_the_same_store_has_the_same_name(ready: Run) -> None:
    assert ready("index", "info").out.split(",")[0] == ready("index", "build").out.split(",")[0]


def test_the_ledger_records_what_was_done(ready: Run, tmp_path: Path) -> None:
    ready("gate", dataset(tmp_path / "train.parquet", human(1)))
    kinds = [one.kind for one in ledger.read(".provenance") if isinstance(one, ledger.Entry)]
    assert [*dict.fromkeys(kinds)] == ["ingredient", "ingest", "index", "gate"]


def test_output_into_a_pipe_has_no_colours_and_no_progress(ready: Run, tmp_path: Path) -> None:
    data = dataset(tmp_path / "train.parquet", output_text())
    command = [sys.executable, "-m", "provenance", "gate", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ""
    assert not re.search(r"\x1b\[", done.stdout)


def test_no_text_of_an_output_stands_in_the_store_or_the_index(ready: Run) -> None:
    stored = b"".join(path.read_bytes() for path in Path(".provenance").rglob("*") if path.is_file())
    assert b"slack_water" not in stored
    assert b"GaugeBook" not in stored
