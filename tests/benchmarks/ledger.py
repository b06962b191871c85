"""Many writers at one shard: none of their entries is lost, none torn; and what the ledger's care costs.

    python tests/benchmarks/ledger.py [--writers 16] [--entries 10000] [--store FOLDER] [--durable]

Each writer is a process that appends its entries one by one, as as many hooks would. In the same run the same
processes write the same lines by open, write and close with O_APPEND: no lock, no fsync, no key, no salt, no JSON.
Name a --store on the disk that matters: temporary folders may be in memory. With --durable each entry is synced.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from provenance import ledger
from provenance.ledger import verify

LINE = b"x" * 330 + b"\n"


def facts(writer: int, number: int) -> dict[str, object]:
    """An entry as long as that of a captured edit."""
    return {
        "writer": writer,
        "number": number,
        "id": f"{writer * 1_000_000 + number:032x}",
        "evidence": "captured",
        "hunks": ["0" * 32],
        "author": "1" * 32,
        "origin": {"model": "unknown", "provider": "anthropic", "tool": "claude-code"},
    }


def by_ledger(folder: Path, writer: int, entries: int, durable: bool) -> None:
    """Append as a hook does."""
    for number in range(entries):
        ledger.append(folder, "ingredient", facts(writer, number), durable=durable)


def plainly(folder: Path, writer: int, entries: int, durable: bool) -> None:
    """Write as carelessly as it can be done."""
    for _ in range(entries):
        file = os.open(folder / "plain", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, LINE)
        os.close(file)


def rate(
    work: Callable[[Path, int, int, bool], None], folder: Path, writers: int, entries: int, durable: bool
) -> float:
    """Entries a second, from the first writer's start to the last one's end."""
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    processes = [context.Process(target=work, args=(folder, writer, entries, durable)) for writer in range(writers)]
    began = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return writers * entries / (time.perf_counter() - began)


def check(folder: Path, writers: int, entries: int) -> tuple[int, int, float]:
    """Entries that are lost or out of their writer's order, lines that are torn, and seconds to verify it all."""
    after = [0] * writers
    lost = torn = 0
    for one in ledger.read(folder):
        if isinstance(one, ledger.Torn):
            torn += 1
            continue
        lost += one.facts["number"] != after[one.facts["writer"]]
        after[one.facts["writer"]] = one.facts["number"] + 1
    lost += sum(entries - number for number in after)
    began = time.perf_counter()
    (shard,) = verify.verify(folder)
    assert shard.head.size == writers * entries
    return lost, torn + len(shard.faults) + len(shard.notes), time.perf_counter() - began


def start(code: str) -> float:
    """Milliseconds of a whole Python process, median of 20."""
    taken = []
    for _ in range(20):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--store", type=Path, help="A folder to make the test's own folder in.")
    parser.add_argument("--durable", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.store) as folder:
        store = Path(folder)
        careful = rate(by_ledger, store, given.writers, given.entries, given.durable)
        plain = rate(plainly, store, given.writers, given.entries, given.durable)
        lost, torn, seconds = check(store, given.writers, given.entries)
        size = os.path.getsize(ledger.path_of(store, ledger.shard(store)))
        nothing = start("pass")
        one = start(f"from provenance import ledger; ledger.append({folder!r}, 'gate', {{}}, durable=False)")
    total = given.writers * given.entries
    print(
        f"{given.writers} writers x {given.entries:,} entries, {size / total:.0f} bytes each: {lost} lost, {torn} torn"
    )
    print(f"| | entries/s |\n|---|---|\n| ledger{', each synced' * given.durable} | {careful:,.0f} |")
    print(f"| open, write, close with O_APPEND | {plain:,.0f} |\n| ratio | {careful / plain:.2f} |")
    print(f"verify: {seconds:.1f} s, {total / seconds:,.0f} entries/s")
    print(f"a process that appends one entry: {one:.0f} ms; one that does nothing: {nothing:.0f} ms")
    sys.exit(lost + torn > 0)


if __name__ == "__main__":
    main()
