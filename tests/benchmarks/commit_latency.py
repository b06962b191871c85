"""What the check of a commit costs: the whole process of ``provenance check --staged`` beside ``git diff --cached``.

    python tests/benchmarks/commit_latency.py --index INDEX [--runs 15]

A commit of 10 files and 500 added lines (no output of the index among them) in a repository of 200 files. INDEX is
what ``scale.py --outputs 1000000 --keep`` left (its folder ``large``). Prints a Markdown table: median milliseconds and
the median of the paired ratios.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.capture_latency import lines


def git(repo: Path, *arguments: str) -> None:
    who = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    names = {f"GIT_{who}_{what}": "p@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", "-C", str(repo), *arguments], check=True, env={**os.environ, **who, **names})


def timed(command: list[str], folder: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    rng = random.Random(3)
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        git(repo, "init", "-q")
        for number in range(200):
            (repo / f"file{number}.py").write_text(lines(rng, 150))
        git(repo, "add", "-A")
        git(repo, "commit", "-qm", "before")
        for number in range(10):
            path = repo / f"file{number}.py"
            text = path.read_text().splitlines(keepends=True)
            path.write_text("".join([*text[:75], lines(rng, 50), *text[75:]]))
        git(repo, "add", "-A")
        program = str(Path(sys.executable).with_name("provenance"))
        check = [program, "check", "--staged", "--index", str(options.index.absolute())]
        diff = ["git", "diff", "--cached"]
        version = [program, "--version"]
        pairs = [(timed(check, repo), timed(diff, repo), timed(version, repo)) for _ in range(options.runs)]
    checks, diffs, versions = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other, _ in pairs)
    print("| whole process | median, ms |")
    print("|---|---|")
    print(f"| `git diff --cached` | {diffs:.0f} |")
    print(f"| `provenance --version` | {versions:.0f} |")
    print(f"| `provenance check --staged` | {checks:.0f} ({ratio:.1f} x the diff) |")


if __name__ == "__main__":
    main()
