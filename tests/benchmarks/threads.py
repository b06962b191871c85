"""What a second thread brings: the wall time of one scan with --jobs 1 and --jobs 2, in alternation.

    python tests/benchmarks/threads.py CORPUS.parquet INDEX [--rounds 5]

The corpus needs two row groups or more: a row group is the smallest piece of work.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def wall(corpus: Path, index: Path, jobs: int, similar: bool) -> float:
    """Seconds of the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "provenance", "scan", "-q", "--jobs", str(jobs), "--index", str(index)]
        command += ["--out", f"{folder}/out", *([] if similar else ["--no-similar"]), str(corpus)]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken = time.perf_counter() - began
        shutil.rmtree(f"{folder}/out")
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("index", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    wall(given.corpus, given.index, 2, False)  # into the page cache
    print("| scan | one thread, s | two threads, s | faster |\n|---|---|---|---|")
    for name, similar in (("without similarity", False), ("with similarity", True)):
        pairs = [
            (wall(given.corpus, given.index, 1, similar), wall(given.corpus, given.index, 2, similar))
            for _ in range(given.rounds)
        ]
        one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"| {name} | {one:.2f} | {two:.2f} | {statistics.median(a / b for a, b in pairs):.2f} x |")


if __name__ == "__main__":
    main()
