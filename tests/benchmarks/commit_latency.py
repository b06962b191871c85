"""What the check of a commit costs: the whole process of ``provenance check --staged`` beside ``git diff --cached``.

    python tests/benchmarks/commit_latency.py --index INDEX [--runs 15]

A commit of 10 files and 500 added lines (no output of the index among them) in a repository of 200 files. INDEX is
what ``scale.py --outputs 1000000 --keep`` left (its folder ``large``). Prints a Markdown table: median milliseconds, on
the clock and of processor time (children's included), and the median of the paired ratios.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
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


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds on the clock, and of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    taken = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
        commands = {"git diff --cached": diff, "provenance --version": version, "provenance check --staged": check}
        for command in commands.values():
            timed(command, repo)  # bytecode is written, the index's pages are read
        runs = [{name: timed(command, repo) for name, command in commands.items()} for _ in range(options.runs)]
    ratio = statistics.median(run["provenance check --staged"][0] / run["git diff --cached"][0] for run in runs)
    print("| whole process | median, ms | processor, ms |")
    print("|---|---|---|")
    for name in commands:
        clock, processor = (statistics.median(run[name][part] for run in runs) * 1e3 for part in (0, 1))
        beside = f" ({ratio:.1f} x the diff)" if name.endswith("--staged") else ""
        print(f"| `{name}` | {clock:.0f}{beside} | {processor:.0f} |")


if __name__ == "__main__":
    main()
