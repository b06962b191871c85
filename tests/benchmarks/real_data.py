"""The main job on real transcripts, commits and human code: recall, false alarms, time and memory, in one run.

    python tests/benchmarks/real_data.py ../shared/data

takes a folder with ``transcripts/`` (Claude Code and Codex sessions), ``commits/open.parquet`` (added hunks of
the commits that they led to: repo, added_text), ``human/*.parquet`` (files from before assistants) and prints the
tables of docs/benchmarks.md. Every step runs as a process of its own; seconds are CPU seconds of that process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from provenance import capture, fingerprint, matching
from provenance.capture import novelty
from provenance.capture.session import EDIT_KINDS, Wrote
from provenance.fingerprint import ENGINE, RECIPE
from provenance.index import Index

LONG = 48
REPEATS = 25


class Cost(NamedTuple):
    """CPU seconds and peak megabytes of a process."""

    seconds: float
    megabytes: float


def measured(*command: str, codes: tuple[int, ...] = (0,)) -> Cost:
    """Run a process to its end; its user and system time, and its peak resident size."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in codes, (command, process.returncode)
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def provenance(*arguments: str, codes: tuple[int, ...] = (0,)) -> Cost:
    """Run one of our commands."""
    return measured(sys.executable, "-m", "provenance", *arguments, codes=codes)


def table(head: list[str], rows: list[list[object]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row) + " |")
    print()


def raw_edit_calls(path: Path) -> set[str]:
    """The ids of editing calls in a file, counted without any of our readers."""
    calls: set[str] = set()
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        stack: list[Any] = [record]
        while stack:
            value = stack.pop()
            if isinstance(value, list):
                stack.extend(value)
            elif isinstance(value, dict):
                if value.get("type") == "tool_use" and value.get("name") in (
                    "Edit",
                    "Write",
                    "MultiEdit",
                    "NotebookEdit",
                ):
                    calls.add(str(value["id"]))
                if value.get("type") in ("custom_tool_call", "function_call"):
                    given = str(value.get("input") or value.get("arguments") or "")
                    if value.get("name") == "apply_patch" or "*** Begin Patch" in given:
                        calls.add(str(value["call_id"]))
                stack.extend(value.values())
    return calls


def edits(transcripts: Path) -> None:
    """Edit calls found against edit calls in the raw files."""
    raw: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for path in sorted(transcripts.rglob("*.jsonl")):
        assistant = capture.assistant_of(path)
        if assistant is None:
            continue
        events, tally = capture.read(path, assistant)
        ours = {event.call for event in events if isinstance(event, Wrote) and event.kind in EDIT_KINDS}
        calls = raw_edit_calls(path)
        raw[assistant] += len(calls)
        found[assistant] += len(calls & ours) + min(tally.deletions, len(calls - ours))
    rows: list[list[object]] = [[name, raw[name], found[name], found[name] / max(1, raw[name])] for name in sorted(raw)]
    table(["assistant", "edit calls in the raw files", "read", "share"], rows)


def covered(text: bytes, grams: Any) -> tuple[int, int]:
    """Tokens of a text, and how many of them lie in a gram of the table."""
    offsets = np.array([0, len(text)], np.int64)
    counts, _, (hits,), _ = fingerprint.engine.probe(text, offsets, (grams,), (bytes(len(grams) // 4096),))
    tokens = int(np.frombuffer(counts, "<u4")[0])
    mask = np.zeros(tokens, np.bool_)
    for position in np.frombuffer(hits, matching.HIT)["position"]:
        mask[position : position + RECIPE.k] = True
    return tokens, int(mask.sum())


def unsubtracted(transcripts: Path) -> bytes:
    """The grams of everything that the sessions wrote, before what they had been shown is taken out."""
    from provenance.index import table as tables

    keys = []
    for path in sorted(transcripts.rglob("*.jsonl")):
        assistant = capture.assistant_of(path)
        if assistant is not None:
            events, _ = capture.read(path, assistant)
            blocks = (novelty.encode(b) for e in events if isinstance(e, Wrote) for b in e.blocks)
            keys.extend(np.frombuffer(fingerprint.engine.measure(block)[2], "<u8") for block in blocks)
    return tables.of(np.unique(np.concatenate(keys)))


def commits(path: Path, index: Index, transcripts: Path) -> None:
    """The share of tokens covered in hunks of LONG tokens and more, per repository."""
    (part,) = index.segments
    everything = unsubtracted(transcripts)
    sums: dict[str, Counter[str]] = {}
    for row in pq.read_table(path).to_pylist():
        text = row["added_text"].encode()
        tokens, found = covered(text, part.maps["grams"])
        if tokens >= LONG:
            _, written = covered(text, everything)
            sums.setdefault(row["repo"], Counter()).update(tokens=tokens, found=found, written=written)
    rows: list[list[object]] = [
        [repo, s["tokens"], s["found"] / s["tokens"], s["written"] / s["tokens"]] for repo, s in sorted(sums.items())
    ]
    table(["repository", f"tokens in hunks of >= {LONG}", "covered by the index", "of all that was written"], rows)


def main(data: Path) -> None:
    """Measure everything and print it."""
    print(f"engine {ENGINE}, recipe {RECIPE}, Python {sys.version.split()[0]}, pyarrow {pa.__version__}\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        store, human = str(folder / "store"), data / "human"
        costs = {
            "ingest of transcripts/": provenance("ingest", str(data / "transcripts"), "--store", store, "--quiet"),
            "index build": provenance("index", "build", "--store", store),
        }
        index = Index(folder / "store" / "index")
        edits(data / "transcripts")
        commits(data / "commits" / "open.parquet", index, data / "transcripts")
        costs["gate of commits/open.parquet"] = provenance(
            "gate",
            str(data / "commits" / "open.parquet"),
            "--store",
            store,
            "--out",
            str(folder / "c"),
            "-q",
            codes=(0, 1),
        )
        costs["gate of human/"] = provenance(
            "gate", str(human), "--store", store, "--out", str(folder / "h"), "-q", "--column", "text", codes=(0, 1)
        )
        report = json.loads((folder / "h" / "report.json").read_text())
        rows = [[m["similarity"], m["grade"], m["action"], m["count"]] for m in report["matches"]]
        print(f"{report['counts']['rows']:,} human files, verdicts {report['verdicts']}\n")
        table(["similarity", "grade", "action", "matches in human/"], rows)
        big = folder / "big.parquet"
        texts = pa.concat_tables(
            [pq.read_table(path, columns=["text"]) for path in sorted(human.glob("*.parquet"))] * REPEATS
        )
        pq.write_table(texts, big, compression="zstd", row_group_size=2000)
        size = sum(len(text.as_py().encode()) for text in texts["text"][: len(texts) // REPEATS]) * REPEATS / 1e6
        code = (
            f"import pyarrow.parquet as pq\nfor b in pq.ParquetFile({str(big)!r}).iter_batches(columns=['text']): pass"
        )
        floor = sorted(measured(sys.executable, "-c", code) for _ in range(3))[1]
        for label, extra in (("with similarity", ()), ("without similarity", ("--no-similar",))):
            scans = [
                provenance(
                    "scan",
                    str(big),
                    "--store",
                    store,
                    "--out",
                    str(folder / f"b{label[:7]}{n}"),
                    "-q",
                    "--jobs",
                    "1",
                    *extra,
                )
                for n in range(3)
            ]
            costs[f"scan of human/ x {REPEATS} ({size:,.0f} MB), {label}"] = sorted(scans)[1]
        costs["pyarrow reads the same column"] = floor
        table(
            ["step", "CPU s", "peak MB", "CPU over pyarrow"],
            [
                [
                    name,
                    cost.seconds,
                    round(cost.megabytes),
                    f"{cost.seconds / floor.seconds:.2f}" if " x " in name else "",
                ]
                for name, cost in costs.items()
            ],
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
