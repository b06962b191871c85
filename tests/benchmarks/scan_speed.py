"""Scan speed against the floor (pyarrow reading the column) and the peers, on the same rows in one run.

    python tests/benchmarks/scan_speed.py FOLDER... [--outputs 100000]

takes folders of source code, makes a Parquet file of at least 500 MB of their text (repeated if need be) and an index
of synthetic outputs, and prints medians of three whole processes. Peers run on a slice, which is named, for they are
slow; all figures are MB of text per CPU second. ``pip install rensa datasketch`` for the peers.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import synthetic

from provenance import index
from provenance.fingerprint import ENGINE, RECIPE

SIZE = 500e6
SLICE = 20e6
SUFFIXES = {".py", ".c", ".h", ".js", ".ts", ".go", ".java", ".rs", ".cpp", ".rb"}

FLOOR = """
import sys, pyarrow.parquet as pq
for batch in pq.ParquetFile(sys.argv[1]).iter_batches(columns=["text"]): pass
"""
DATASKETCH = """
import re, sys, pyarrow.parquet as pq, xxhash
from datasketch import MinHash, MinHashLSH
words = re.compile(rb"\\w+|[^\\w\\s]")
lsh = MinHashLSH(threshold=0.7, num_perm=128)
for batch in pq.ParquetFile(sys.argv[1]).iter_batches(columns=["text"]):
    sets = []
    for text in batch.column(0):
        tokens = words.findall(text.as_py().encode())
        sets.append([b" ".join(tokens[i:i + 5]) for i in range(len(tokens) - 4)])
    for one in MinHash.bulk(sets, num_perm=128, hashfunc=xxhash.xxh32_intdigest):
        lsh.query(one)
"""
RENSA = """
import re, sys, pyarrow.parquet as pq
from rensa import RMinHash, RMinHashLSH
words = re.compile(r"\\w+|[^\\w\\s]")
lsh = RMinHashLSH(threshold=0.7, num_perm=128, num_bands=16)
for batch in pq.ParquetFile(sys.argv[1]).iter_batches(columns=["text"]):
    for text in batch.column(0):
        one = RMinHash(num_perm=128, seed=1)
        one.update(words.findall(text.as_py()))
        lsh.query(one)
"""


def cpu(*command: str) -> float:
    """CPU seconds of a whole process."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime


def corpus(folders: list[Path], path: Path, slice_: Path) -> tuple[float, float]:
    """Write the corpus and its slice; their sizes in MB."""
    files = [
        file for folder in folders for file in sorted(folder.rglob("*")) if file.suffix in SUFFIXES and file.is_file()
    ]
    random.Random(1).shuffle(files)
    texts = [file.read_text("utf-8", "replace") for file in files]
    texts = [text.encode("utf-8", "replace").decode() for text in texts if text]
    part, size = [], 0
    for text in texts:
        if size < SLICE:
            part.append(text)
            size += len(text.encode())
    pq.write_table(pa.table({"text": part}), slice_, compression="zstd", row_group_size=2000)
    total = sum(len(text.encode()) for text in texts)
    schema = pa.schema([("text", pa.string())])
    written = 0.0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while written < SIZE:
            for first in range(0, len(texts), 2000):
                writer.write_table(pa.table({"text": texts[first : first + 2000]}, schema))
            written += total
    return written / 1e6, size / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--outputs", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        whole, slice_ = folder / "corpus.parquet", folder / "slice.parquet"
        size, part = corpus(given.folders, whole, slice_)
        info = index.build(folder / "index", synthetic.ingredients(0, given.outputs, similar=True))
        print(
            f"engine {ENGINE}, recipe {RECIPE}; corpus {size:,.0f} MB, slice {part:,.0f} MB; "
            f"index of {given.outputs:,} outputs, "
            f"{info.counts.grams:,} grams, {info.size / 1e6:,.0f} MB\n"
        )
        ours = [
            sys.executable,
            "-m",
            "provenance",
            "scan",
            "--index",
            str(folder / "index"),
            "-q",
            "--jobs",
            "1",
            "--column",
            "text",
        ]
        runs: dict[str, tuple[list[str], float]] = {
            "pyarrow reads the column": ([sys.executable, "-c", FLOOR, str(whole)], size),
            "provenance scan --no-similar": ([*ours, "--no-similar", str(whole)], size),
            "provenance scan": ([*ours, str(whole)], size),
            "provenance scan, slice": ([*ours, str(slice_)], part),
            "datasketch: word 5-grams, xxhash, bulk, LSH query, slice": (
                [sys.executable, "-c", DATASKETCH, str(slice_)],
                part,
            ),
            "rensa: bare tokens, LSH query, slice": ([sys.executable, "-c", RENSA, str(slice_)], part),
        }
        results: dict[str, float] = {}
        for turn in range(3):
            for name, (command, _) in runs.items():
                extra = ["--out", str(folder / f"out{turn}{len(name)}")] if "provenance" in name else []
                results.setdefault(f"{name}#{turn}", cpu(*command, *extra))
        medians = {name: statistics.median(results[f"{name}#{turn}"] for turn in range(3)) for name in runs}
        floor = medians["pyarrow reads the column"]
        print("| what | MB/s of CPU | CPU over pyarrow | |\n|---|---|---|---|")
        for name, (_, megabytes) in runs.items():
            ratio = medians[name] / megabytes / (floor / size)
            print(
                f"| {name} | {megabytes / medians[name]:,.1f} | {ratio:.2f} | {json.dumps(round(medians[name], 2))} s |"
            )


if __name__ == "__main__":
    main()
