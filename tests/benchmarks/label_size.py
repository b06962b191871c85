"""A label of a large dataset: speed, memory, size of what is written, and how fast it is traced.

    python tests/benchmarks/label_size.py [--gb 1] [--rows 2000] [--every 200] [--format parquet] [--folder FOLDER]

writes a dataset of about that many gigabytes of text in rows of about ``--rows`` bytes, one in ``--every`` with a copy
of one of 5,000 known outputs, gates it, and labels it in a process of its own: megabytes a second (of text) and the
peak resident size, cold, and again with what was read before; then the size of label and contents, and the time of a
trace. The label has to count every planted row and no other, and to come to the same bytes both times.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2]))

from provenance import index
from tests.making import CLAUDE, code, ingredient

BATCH = 5_000
PIECES = [" ".join(code(10_000 + seed, 60)) for seed in range(3000)]
OUTPUTS = [" ".join(code(seed, 60)) for seed in range(5000)]


def rows(size: int, of: int, every: int) -> Iterator[tuple[list[str], int]]:
    """Batches of texts until there are ``size`` bytes, and how many of each are planted."""
    rng = random.Random(1)
    made = done = 0
    while done < size:
        batch, planted = [], 0
        for _ in range(BATCH):
            text = "\n".join(rng.sample(PIECES, max(1, of // 260)))
            if made % every == 0:
                text += "\n" + rng.choice(OUTPUTS)
                planted += 1
            batch.append(text)
            made += 1
        done += sum(map(len, batch))
        yield batch, planted


def written(folder: Path, size: int, of: int, every: int, kind: str) -> tuple[int, int, int]:
    """Rows, planted rows and bytes of text."""
    count = planted = total = 0
    folder.mkdir(parents=True)
    if kind == "parquet":
        schema = pa.schema({"n": pa.int64(), "text": pa.string()})
        with pq.ParquetWriter(folder / "rows.parquet", schema, compression="zstd") as writer:
            for batch, marks in rows(size, of, every):
                numbers = range(count, count + len(batch))
                writer.write_table(pa.table({"n": numbers, "text": batch}, schema))
                count, planted, total = count + len(batch), planted + marks, total + sum(map(len, batch))
        return count, planted, total
    with (folder / "rows.jsonl").open("w") as file:
        for batch, marks in rows(size, of, every):
            file.writelines(json.dumps({"text": one}) + "\n" for one in batch)
            count, planted, total = count + len(batch), planted + marks, total + sum(map(len, batch))
    return count, planted, total


def run(folder: Path, *arguments: str) -> tuple[float, int]:
    """Seconds and peak resident megabytes of a command in a process of its own."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "provenance", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit(f"{' '.join(arguments)}: failed")
    return time.perf_counter() - began, usage.ru_maxrss >> 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gb", type=float, default=1.0)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--every", type=int, default=200)
    parser.add_argument("--format", choices=("parquet", "jsonl"), default="parquet")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        folder = Path(made)
        sessions = [msgspec.structs.replace(CLAUDE, session=f"s{number % 50}") for number in range(len(OUTPUTS))]
        known = zip(OUTPUTS, sessions, strict=True)
        index.build(folder / "index", [ingredient(one, call=f"c{n}", origin=by) for n, (one, by) in enumerate(known)])
        count, planted, size = written(folder / "data", int(given.gb * 1e9), given.rows, given.every, given.format)
        print(f"{count:,} rows, {planted:,} planted, {size / 1e6:,.0f} MB of text as {given.format}")
        seconds, _ = run(folder, "gate", "data", "--index", "index", "--no-similar", "-q", "--out", "scan")
        print(f"gate:   {seconds:6.1f} s")
        sums = []
        for what in ("cold", "again"):
            (folder / "labels").mkdir(exist_ok=True)
            out = folder / "labels" / "label.json"
            seconds, peak = run(folder, "label", "data", "--scan", "scan", "--index", "index", "--out", str(out))
            print(f"label, {what}: {seconds:6.1f} s, {size / 1e6 / seconds:,.0f} MB/s, {peak:,} MB resident")
            sums.append(out.read_bytes())
        assert sums[0] == sums[1]
        label = json.loads(sums[0])
        assert (count, planted) == (label["totals"]["records"], label["totals"]["matched"]), label["totals"]
        beside = folder / "labels" / "label.contents.parquet"
        print(f"label {len(sums[0]):,} bytes, contents {beside.stat().st_size:,} bytes")
        seconds, peak = run(folder, "trace", "labels", "--session", "s7")
        print(f"trace:  {seconds:6.1f} s, {peak:,} MB resident")


if __name__ == "__main__":
    main()
