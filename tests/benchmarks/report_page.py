"""How long a report of many findings takes, how large it is, and when a browser first shows something of it.

    python tests/benchmarks/report_page.py [--findings 100000] [--folder DIR]

The findings are synthetic: 1.3 matches each with one of 6,000 outputs of 40 models, in rows of one file.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from provenance import page, terms
from provenance.page.facts import Edition
from provenance.report.collect import _schema

VERDICTS = ("block", "warn", "allow", "quarantine")


def findings(count: int) -> pa.Table:
    """Synthetic findings in the form of findings.parquet."""
    rng = random.Random(7)
    schema = _schema()
    clauses = [row.id for row in terms.load().rows]
    outputs = [
        {
            "ingredient": f"{rng.getrandbits(128):032x}",
            "model": f"model-{rng.randrange(40)}",
            "provider": rng.choice(["anthropic", "openai", "google"]),
            "tool": rng.choice(["claude-code", "codex", "gemini-cli"]),
            "session": f"{rng.getrandbits(128):032x}",
            "time": f"2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}T10:00:00.000Z",
            "path": f"src/module{rng.randrange(900)}/file{rng.randrange(90)}.py",
            "clauses": rng.sample(clauses, 5),
        }
        for _ in range(6_000)
    ]
    rows = []
    for number in range(count):
        head = {
            "finding": f"{rng.getrandbits(64):016x}",
            "content": f"{rng.getrandbits(128):032x}",
            "row": number * 3,
            "verdict": rng.choice(VERDICTS),
            "file": "train.parquet",
            "field": "text",
            "unit_tokens": rng.randrange(50, 4000),
        }
        for _ in range(1 if rng.random() < 0.7 else 2):
            tokens = rng.randrange(24, 400)
            rows.append(
                {
                    name: "" if pa.types.is_string(kind) else None if pa.types.is_list(kind) else 0
                    for name, kind in zip(schema.names, schema.types, strict=True)
                }
                | head
                | rng.choice(outputs)
                | {
                    "evidence": "transcript",
                    "similarity": "fragment",
                    "grade": "copied",
                    "kind": "edit",
                    "view": "raw",
                    "status": "applied",
                    "action": head["verdict"],
                    "would": head["verdict"],
                    "level": "soft",
                    "rule": "no-rival-output",
                    "tokens": tokens,
                    "verbatim": tokens,
                    "run": tokens,
                    "start": 0,
                    "end": 900,
                    "first_line": 1,
                    "last_line": 20,
                }
            )
    return pa.Table.from_pylist(rows, schema)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    table = findings(given.findings)
    pq.write_table(table, folder / "findings.parquet", compression="zstd")
    report = {
        "report": 1,
        "verdict": "block",
        "policy": {"name": "clean-room", "source": "clean-room", "digest": ""},
        "index": {"digest": "", "ingredients": 6_000},
        "counts": {"rows": 3 * given.findings, "texts": 3 * given.findings},
        "dataset": {"files": ["train.parquet"]},
        "skipped": {"count": 0},
        "verdicts": {},
    }
    (folder / "report.json").write_text(json.dumps(report))
    before, wall = time.process_time(), time.perf_counter()
    text = page.build(page.gather(page.Sources(scan=folder), Edition.INTERNAL))
    cpu, wall = time.process_time() - before, time.perf_counter() - wall
    path = folder / "report.html"
    path.write_text(text, "utf-8")
    print("| report | figure |\n|---|---|")
    print(f"| findings, matches | {given.findings:,}, {table.num_rows:,} |")
    print(f"| CPU s, wall s | {cpu:.1f}, {wall:.1f} |")
    print(f"| peak MB | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} |")
    print(f"| page MB | {len(text.encode()) / 1e6:.1f} |")
    print(f"| findings.parquet MB | {(folder / 'findings.parquet').stat().st_size / 1e6:.1f} |")
    browse(path)


def browse(path: Path) -> None:
    """First paint, findings ready, and a filter, in a headless Chromium; nothing where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if found is None:
        print("| browser | none here |")
        return
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        print(f"| Chromium | {browser.version} |")
        for scheme in ("desktop", "phone"):
            tab = browser.new_page(viewport={"width": 1440 if scheme == "desktop" else 390, "height": 900})
            begun = time.perf_counter()
            tab.goto(path.as_uri())
            tab.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
            ready = time.perf_counter() - begun
            paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            spent = tab.evaluate(
                "() => { const box = document.querySelector('#choices select'); box.selectedIndex = 1;"
                "const begun = performance.now(); box.dispatchEvent(new "
                "Event('change')); return performance.now() - begun; }"
            )
            print(
                f"| {scheme}: first paint ms, findings ready ms, filter "
                f"ms | {paint:.0f}, {1000 * ready:.0f}, {spent:.0f} |"
            )
            tab.close()
        browser.close()


if __name__ == "__main__":
    main()
