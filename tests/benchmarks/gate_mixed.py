"""``gate --split`` over a dataset of every format: speed, memory, what is found, what is split, what a kill leaves.

    python tests/benchmarks/gate_mixed.py [--gb 0.5] [--every 200] [--folder FOLDER] [--jobs N] [--no-kills]

writes a dataset of about that many gigabytes of text into equal shares of Parquet, JSONL (plain, gzip, zstd), Arrow
(stream and file), CSV, TSV, a tree of source files and WebDataset archives, with copies of known outputs in known rows,
gates it in a process of its own and prints megabytes a second and the peak resident size. Every planted row, and no
other, must be found and held back; every file of the split must have its rows. Then the same gate is killed (SIGKILL)
when 3, 9 and 15 parts stand and once in the middle of the split, and must come to the same findings and bytes.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2]))

from provenance import index
from tests.making import code, ingredient

ROWS = 2_000
"""Rows of a batch."""
KILLS = (3, 9, 15)
HALVES = ("a", "b")
SHARES = 10 * len(HALVES)
OUTPUTS = [" ".join(code(seed, 120)) for seed in range(40)]
PIECES = [" ".join(code(1000 + seed, 60)) for seed in range(3000)]


def texts(seed: int, every: int) -> Iterator[tuple[str, bool]]:
    """Texts of about 2 kB for ever, and whether each is planted: one in so many."""
    rng = random.Random(seed)
    number = 0
    while True:
        planted = number % every == seed % every
        body = "\n".join(rng.sample(PIECES, 7)) + f"\n{rng.random()}\n"
        yield (body + rng.choice(OUTPUTS) if planted else body), planted
        number += 1


class Share(NamedTuple):
    """What a file gets: so many bytes, one row in so many planted."""

    size: int
    every: int


def filled(seed: int, share: Share) -> Iterator[tuple[list[str], list[bool]]]:
    """Batches of texts until there are enough bytes."""
    source = texts(seed, share.every)
    done = 0
    while done < share.size:
        batch = [next(source) for _ in range(ROWS)]
        done += sum(len(text) for text, _ in batch)
        yield [text for text, _ in batch], [planted for _, planted in batch]


def write_parquet(folder: Path, seed: int, share: Share) -> list[tuple[Path, list[bool]]]:
    path, planted, first = folder / "rows.parquet", [], 0
    schema = pa.schema({"n": pa.int64(), "text": pa.string()})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for some, marks in filled(seed, share):
            writer.write_table(pa.table({"n": range(first, first + len(some)), "text": some}, schema))
            planted, first = planted + marks, first + len(some)
    return [(path, planted)]


def write_arrow(folder: Path, seed: int, share: Share, stream: bool) -> list[tuple[Path, list[bool]]]:
    path, planted = folder / f"rows-{'stream' if stream else 'file'}.arrow", []
    schema = pa.schema({"messages": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()}))})
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with path.open("wb") as sink, new(sink, schema) as writer:
        for some, marks in filled(seed, share):
            chats = [[{"role": "user", "content": "?"}, {"role": "assistant", "content": text}] for text in some]
            writer.write_table(pa.table({"messages": chats}, schema), max_chunksize=1000)
            planted += marks
    return [(path, planted)]


def write_jsonl(folder: Path, seed: int, share: Share, packing: str) -> list[tuple[Path, list[bool]]]:
    path, planted = folder / f"rows.jsonl{packing}", []
    with path.open("wb") as raw:
        sink: Any = raw
        if packing == ".gz":
            sink = gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=3)
        if packing == ".zst":
            sink = pa.CompressedOutputStream(pa.PythonFile(raw, "w"), "zstd")
        for some, marks in filled(seed, share):
            sink.write("".join(json.dumps({"text": text}) + "\n" for text in some).encode())
            planted += marks
        if packing:
            sink.close()
    return [(path, planted)]


def write_csv(folder: Path, seed: int, share: Share, delimiter: str) -> list[tuple[Path, list[bool]]]:
    path, planted = folder / ("rows.csv" if delimiter == "," else "rows.tsv"), []
    with path.open("w", newline="") as sink:
        writer = csv.writer(sink, delimiter=delimiter)
        writer.writerow(["id", "text"])
        for some, marks in filled(seed, share):
            writer.writerows([f"r{number}", text] for number, text in enumerate(some))
            planted += marks
    return [(path, planted)]


def write_tree(folder: Path, seed: int, share: Share) -> list[tuple[Path, list[bool]]]:
    planted: list[bool] = []
    for number, (some, marks) in enumerate(filled(seed, share)):
        below = folder / "src" / f"{number:05}"
        below.mkdir(parents=True)
        # Ten texts a file, as long as source files are.
        for first in range(0, len(some), 10):
            (below / f"{first:05}.py").write_text("\n".join(some[first : first + 10]))
            planted.append(any(marks[first : first + 10]))
    return [(folder / "src", planted)]


def write_tar(folder: Path, seed: int, share: Share) -> list[tuple[Path, list[bool]]]:
    path, planted = folder / "shard-000.tar", []
    with tarfile.open(path, "w") as archive:
        for some, marks in filled(seed, share):
            for text in some:
                for end, data in ((".txt", text.encode()), (".cls", b"7")):
                    about = tarfile.TarInfo(f"{len(planted):08}{end}")
                    about.size = len(data)
                    archive.addfile(about, io.BytesIO(data))
                planted.append(False)
            planted[-len(marks) :] = marks
    return [(path, planted)]


def dataset(root: Path, share: Share) -> dict[str, list[bool]]:
    """Write it; for every file below ``root`` (the tree as a folder) which of its rows are planted."""
    makers: list[Callable[[Path, int], list[tuple[Path, list[bool]]]]] = [
        lambda folder, seed: write_parquet(folder, seed, share),
        lambda folder, seed: write_jsonl(folder, seed, share, ""),
        lambda folder, seed: write_jsonl(folder, seed, share, ".gz"),
        lambda folder, seed: write_jsonl(folder, seed, share, ".zst"),
        lambda folder, seed: write_arrow(folder, seed, share, True),
        lambda folder, seed: write_arrow(folder, seed, share, False),
        lambda folder, seed: write_csv(folder, seed, share, ","),
        lambda folder, seed: write_csv(folder, seed, share, "\t"),
        lambda folder, seed: write_tree(folder, seed, share),
        lambda folder, seed: write_tar(folder, seed, share),
    ]
    planted = {}
    for number, half in enumerate(HALVES):
        (root / half).mkdir()
        for seed, make in enumerate(makers):
            for path, marks in make(root / half, len(makers) * number + seed):
                planted[path.relative_to(root).as_posix()] = marks
    return planted


def gate(root: Path, work: Path, run: str, out: str, jobs: int) -> list[str]:
    """The command."""
    return [
        *(sys.executable, "-m", "provenance", "gate", str(root), "--policy", str(work / "policy.yaml"), "--quiet"),
        *("--index", str(work / "index"), "--store", str(work / "none"), "--jobs", str(jobs)),
        *("--out", str(work / run), "--split", str(work / out)),
    ]


BETWEEN = """\
import json, resource, subprocess, sys, time
begun = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
seconds, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, code]))
"""
"""A small process between: what a process leaves as its peak counts that of whoever started it, until exec (Linux)."""


def finish(command: list[str]) -> tuple[float, float, float, int]:
    """Seconds, CPU seconds, peak megabytes, exit code."""
    said = subprocess.run([sys.executable, "-c", BETWEEN, *command], stdout=subprocess.PIPE, check=True)
    seconds, cpu, peak, exit_code = json.loads(said.stdout)
    return seconds, cpu, peak, exit_code


def killed(command: list[str], parts: Path, count: int) -> int:
    """Kill the command when so many files stand in a folder; how many stand then."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while len(list(parts.glob("[!.]*"))) < count and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(list(parts.glob("[!.]*")))


def found_in(run: Path) -> set[tuple[str, int]]:
    """File and row of every finding that is held back."""
    table = pq.read_table(run / "findings.parquet", columns=["file", "row", "verdict"])
    rows = zip(*(table[name].to_pylist() for name in ("file", "row", "verdict")), strict=True)
    return {(file, row) for file, row, verdict in rows if verdict in ("quarantine", "block")}


def check(root: Path, run: Path, out: Path, planted: dict[str, list[bool]]) -> None:
    """Findings are the planted rows; every file's receipt and the files of the split have them."""
    expected = set()
    tree = {file: row for row, file in enumerate(sorted(one.as_posix() for one in root.rglob("*.py")))}
    for name, marks in planted.items():
        files = sorted(one.as_posix() for one in (root / name).rglob("*.py")) if (root / name).is_dir() else []
        for row, mark in enumerate(marks):
            if mark:
                file = files[row] if files else (root / name).as_posix()
                expected.add((file, tree.get(file, row)))
    found = found_in(run)
    assert found == expected, (len(found), len(expected), list(found ^ expected)[:5])
    receipt = json.loads((out / "split.json").read_text())
    assert (out / "_SUCCESS").exists()
    rows = {one["file"]: (one["rows"], one["quarantined"]) for one in receipt["files"]}
    trees = [marks for name, marks in planted.items() if name.endswith("src")]
    assert rows.pop("./") == (sum(map(len, trees)), sum(map(sum, trees)))
    assert rows == {name: (len(marks), sum(marks)) for name, marks in planted.items() if not name.endswith("src")}
    for half in HALVES:
        for side, want in (("clean", False), ("quarantined", True)):
            have = pq.read_table(out / side / half / "rows.parquet")["n"].to_pylist()
            assert have == [n for n, mark in enumerate(planted[f"{half}/rows.parquet"]) if mark == want]
        lines = (root / half / "rows.jsonl").read_bytes().splitlines(keepends=True)
        clean = [line for line, mark in zip(lines, planted[f"{half}/rows.jsonl"], strict=True) if not mark]
        assert (out / "clean" / half / "rows.jsonl").read_bytes() == b"".join(clean)


def same(one: Path, other: Path) -> bool:
    """Whether two splits have the same files with the same bytes."""
    names = [sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file()) for root in (one, other)]
    return names[0] == names[1] and all((one / n).read_bytes() == (other / n).read_bytes() for n in names[0])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--gb", type=float, default=0.5)
    options.add_argument("--every", type=int, default=200, help="one row in so many is planted")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    options.add_argument("--no-kills", action="store_true", help="leave the kills out")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        work, root = Path(name), Path(name) / "data"
        root.mkdir()
        index.build(work / "index", [ingredient(text, call=str(n)) for n, text in enumerate(OUTPUTS)])
        (work / "policy.yaml").write_text(
            "version: 1\nname: held\nrules:\n  - {id: copies, action: quarantine, grade: [copied]}\n"
        )
        planted = dataset(root, Share(int(asked.gb * 1e9) // SHARES, asked.every))
        size = sum(one.stat().st_size for one in root.rglob("*") if one.is_file())
        rows, marks = sum(map(len, planted.values())), sum(map(sum, planted.values()))
        print(f"{size / 1e6:,.0f} MB in {len(planted)} files and folders, {rows:,} rows, {marks:,} planted")
        seconds, cpu, peak, exit_code = finish(gate(root, work, "run", "out", asked.jobs))
        assert exit_code == 0, exit_code
        check(root, work / "run", work / "out", planted)
        text = sum(unit["receipt"]["size"] for unit in json.loads((work / "run" / "scan.json").read_text())["units"])
        parts = len(list((work / "run" / "parts").iterdir()))
        print(f"{text / 1e6:,.0f} MB of text, {parts} work units, {asked.jobs} threads")

        def show(what: str, seconds: float, cpu: float, peak: float) -> None:
            speeds = f"{size / 1e6 / seconds:.0f} MB/s of files, {size / 1e6 / cpu:.0f} MB a CPU second"
            print(f"{what}: {seconds:.1f} s, {cpu:.1f} CPU s, {speeds}, peak {peak:,.0f} MB")

        show("gate --split", seconds, cpu, peak)
        alone, split_cpu, split_peak, _ = finish(gate(root, work, "run", "again", asked.jobs))
        show("judge and split alone", alone, split_cpu, split_peak)
        print("every planted row found and held back, no other; every file has its rows")
        if asked.no_kills:
            return
        shutil.rmtree(work / "again")
        again = gate(root, work, "run-killed", "out-killed", asked.jobs)
        for count in KILLS:
            if count >= parts:
                print(f"not killed at {count} parts: there are {parts} in all (a larger --gb has more)")
                continue
            left = killed(again, work / "run-killed" / "parts", count)
            assert 0 < left < parts, (left, parts)
            assert not (work / "run-killed" / "_SUCCESS").exists()
            print(f"killed at {left} parts of {parts}")
        left = killed(again, work / "out-killed" / "receipts", 3)
        assert 0 < left < len(planted)
        assert not (work / "out-killed" / "_SUCCESS").exists()
        print(f"killed at {left} files of the split")
        exit_code = finish(again)[-1]
        assert exit_code == 0
        check(root, work / "run-killed", work / "out-killed", planted)
        for one in ("scan.json", "findings.parquet"):
            assert (work / "run" / one).read_bytes() == (work / "run-killed" / one).read_bytes(), one
        assert same(work / "out" / "clean", work / "out-killed" / "clean")
        assert same(work / "out" / "quarantined", work / "out-killed" / "quarantined")
        print("resumed: same findings, same bytes, nothing lost or doubled")


if __name__ == "__main__":
    main()
