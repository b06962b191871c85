"""What an index costs as it grows: building, opening, scanning, against an index of 10,000 outputs, in one run.

    python tests/benchmarks/scale.py [--outputs 1000000] [--folder DIR] [--corpus FILE.parquet] [--similar] [--keep]
    python tests/benchmarks/scale.py --index DIR [--corpus FILE.parquet]

builds an index of synthetic outputs (``synthetic.frames``, made in a process of its own) and measures the building
process: wall and CPU time, peak resident size, and the most that lay in its spill folder, looked at once a second.
``--index`` takes an index that an earlier run left there (``--keep``) instead of building one.
Then ``provenance scan`` reads the corpus, a Parquet file with a column ``text`` (300 MB of synthetic text of another
seed if none is given), against the large and the small index in turn, three times; figures are MB of text per CPU
second of whole processes, medians, and the median of the paired ratios. Last comes the whole process of checking one
file of 50 lines, of which the first output of the index is a part, seven times. ``--similar`` builds signatures too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import synthetic

from provenance import index
from provenance.fingerprint import ENGINE, RECIPE

SMALL = 10_000
NEEDED = 2200
"""Bytes of disk an output, while an index is built."""
CORPUS = 300_000_000
CORPUS_SEED = 2
OUTPUTS_A_ROW = 4
"""Outputs in a row of a synthetic corpus, so that its texts are of the size of files."""
ROUNDS, CHECKS = 3, 7
SAMPLE = 100_000
"""Outputs whose mean size stands for all."""
PROVENANCE = [sys.executable, "-m", "provenance"]
SCAN = "scan --no-similar --jobs 1 -q --column text --index {index} --out {out} {file}".split()
CHECK = "check --no-similar --index {index} {file}".split()
CHECK_CODES = {0, 1}


class Cost(NamedTuple):
    """What a process took: seconds, and peak bytes of it or of one that it waited for."""

    wall: float
    cpu: float
    peak: int
    output: bytes


def measured(command: list[str], codes: set[int] | None = None) -> Cost:
    """Run a process to its end."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (codes or {0}):
        raise SystemExit(f"{' '.join(command)}: ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, output)


def called(function: str, *arguments: Any) -> tuple[Cost, dict[str, Any]]:
    """Call a function of this file in a process of its own: its cost, and the facts that it prints."""
    folder = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {folder!r}); import scale; scale.{function}(*{arguments!r})"
    cost = measured([sys.executable, "-c", code])
    return cost, json.loads(cost.output)


def build(path: str, outputs: int, similar: bool) -> None:
    """Build an index; print what it holds, and the CPU seconds of the process that made its ingredients."""
    info = index.build(Path(path), synthetic.frames(0, outputs, similar=similar))
    made = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts = {
        "grams": info.counts.grams,
        "postings": info.counts.postings,
        "size": info.size,
        "unsigned": info.size - info.signatures,
        "making": made.ru_utime + made.ru_stime,
    }
    print(json.dumps(facts))


def write_corpus(path: str) -> None:
    """Write a corpus of synthetic text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("text", pa.string())])
    outputs, rows = CORPUS // 937, []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        texts = synthetic.texts(0, outputs, CORPUS_SEED)
        while row := b"".join(islice(texts, OUTPUTS_A_ROW)):
            rows.append(row.decode())
            if len(rows) == 2000:
                writer.write_table(pa.table({"text": rows}, schema))
                rows = []
        if rows:
            writer.write_table(pa.table({"text": rows}, schema))
    print(json.dumps({"outputs": outputs}))


class Watch(threading.Thread):
    """Looks once a second how much lies in the spill folders below a folder; ``most`` is the largest seen."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.most, self.done = folder, 0, threading.Event()

    def run(self) -> None:
        while not self.done.wait(1):
            self.most = max(self.most, self.size())

    def size(self) -> int:
        """Bytes of the files in spill folders."""
        total = 0
        for root, _, names in os.walk(self.folder):
            if os.path.basename(root) == "spill":
                for name in names:
                    with suppress(FileNotFoundError):
                        total += os.stat(os.path.join(root, name)).st_size
        return total


def filled(command: list[str], index_path: Path, out: Path, file: Path) -> list[str]:
    """A command with its paths."""
    return PROVENANCE + [part.format(index=index_path, out=out, file=file) for part in command]


def scan(index_path: Path, corpus: Path, out: Path) -> tuple[float, int]:
    """Scan the corpus into a new folder: CPU seconds and bytes of text."""
    cost = measured(filled(SCAN, index_path, out, corpus))
    facts = json.loads((out / "scan.json").read_bytes())
    shutil.rmtree(out)
    return cost.cpu, sum(unit["receipt"]["size"] for unit in facts["units"])


def check(index_path: Path, folder: Path) -> float:
    """The median seconds of checking a file of 50 lines, which begins with the first output of the index."""
    ours, other = next(synthetic.texts(0, 1)), b"\n".join(synthetic.texts(0, 10, CORPUS_SEED))
    lines = (ours + other).decode().splitlines()[:50]
    file = folder / "fifty.py"
    file.write_text("\n".join(lines) + "\n")
    command = filled(CHECK, index_path, folder / "out", file)
    return statistics.median(measured(command, CHECK_CODES).wall for _ in range(CHECKS))


def refuse_if_full(folder: Path, outputs: int, corpus: Path | None) -> None:
    """SystemExit where the disk has no room for the run."""
    needed = NEEDED * (outputs + SMALL) + (0 if corpus else CORPUS)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(
            f"{folder}: {free / 1e9:,.1f} GB free, {needed / 1e9:,.1f} GB needed for {outputs:,} outputs "
            "(name another folder with --folder, or fewer --outputs)"
        )


def run(outputs: int, folder: Path, corpus: Path | None, similar: bool, built: Path | None) -> None:
    """Measure and print."""
    small, large = folder / "small", built or folder / "large"
    called("build", str(small), SMALL, similar)
    if corpus is None:
        corpus = folder / "corpus.parquet"
        called("write_corpus", str(corpus))
    scan(small, corpus, folder / "out")  # what is wrong with the corpus comes out before the long part
    row = {} if built else building(large, outputs, similar, folder)
    pairs = []
    size = 0
    for _ in range(ROUNDS):
        few, size = scan(small, corpus, folder / "out")
        many, size = scan(large, corpus, folder / "out")
        pairs.append((few, many))
    seconds = check(large, folder)
    few, many = (statistics.median(column) for column in zip(*pairs, strict=True))
    row |= {
        f"scan MB/s, {SMALL:,}": f"{size / 1e6 / few:.1f}",
        "scan MB/s": f"{size / 1e6 / many:.1f}",
        "speed over small": f"{statistics.median(few / many for few, many in pairs):.3f}",
        "open + check s": f"{seconds:.2f}",
    }
    state = index.info(large)
    row = {"outputs": f"{state.counts.ingredients:,}", "index GB": f"{state.size / 1e9:.3f}"} | row
    print(f"engine {ENGINE}, recipe {RECIPE}; corpus {size / 1e6:,.0f} MB\n")
    print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}\n| {' | '.join(row.values())} |")


def building(large: Path, outputs: int, similar: bool, folder: Path) -> dict[str, str]:
    """Build the large index: what that cost."""
    watch = Watch(folder)
    watch.start()
    cost, facts = called("build", str(large), outputs, similar)
    watch.done.set()
    sample = min(outputs, SAMPLE)
    mean = sum(map(len, synthetic.texts(0, sample))) / sample
    return {
        "text GB": f"{outputs * mean / 1e9:.2f}",
        "grams": f"{facts['grams']:,}",
        "postings": f"{facts['postings']:,}",
        "without signatures GB": f"{facts['unsigned'] / 1e9:.3f}",
        "build wall min": f"{cost.wall / 60:.2f}",
        "build CPU min": f"{(cost.cpu - facts['making']) / 60:.2f}",
        "making the outputs, CPU min": f"{facts['making'] / 60:.2f}",
        "peak RSS GiB": f"{cost.peak / (1 << 30):.2f}",
        "largest spill GB": f"{watch.most / 1e9:.3f}",
    }


def main() -> None:
    """Read the command line, run in a new folder, and remove it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outputs", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--index", type=Path, help="an index that is there, instead of building one")
    parser.add_argument("--similar", action="store_true", help="build signatures too")
    parser.add_argument("--keep", action="store_true", help="leave the indexes and the corpus there")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.corpus and not given.corpus.is_file():
        raise SystemExit(f"{given.corpus}: no such file (name a Parquet file with a column text)")
    refuse_if_full(given.folder, 0 if given.index else given.outputs, given.corpus)
    folder = Path(tempfile.mkdtemp(prefix="scale-", dir=given.folder)).resolve()
    try:
        run(given.outputs, folder, given.corpus, given.similar, given.index)
    finally:
        if given.keep:
            print(f"\nkept in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
