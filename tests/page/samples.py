"""Judged scans, stores and labels for pages: they make data and assert nothing."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from provenance import ledger, policy, scan, store
from provenance.label.form import File, Judgement, Label, Parent, Subject, Tool, Totals
from provenance.model import Evidence, Ingredient, Origin
from provenance.report import collect
from tests.making import CLAUDE, code, ingredient, opened

SCAN_OUTPUTS = {seed: " ".join(code(seed, 120)) for seed in range(3)}
GPT = Origin(provider="openai", model="gpt-5.5", tool="codex", session="s2", time="2026-02-11T10:00:00.000Z")


def outputs(origin: Origin = CLAUDE) -> list[Ingredient]:
    return [ingredient(text, call=f"c{seed}", origin=origin if seed else GPT) for seed, text in SCAN_OUTPUTS.items()]


def clean(seed: int) -> str:
    return " ".join(code(1000 + seed, 120))


def judged(folder: Path, rows: list[object], origin: Origin = CLAUDE, name: str = "train.jsonl") -> Path:
    """A judged scan of a JSONL file with these rows, in ``folder / run``, by the shipped policy."""
    data = folder / name
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8", "surrogatepass")
    scan.run([str(data)], opened(folder / "index", *outputs(origin)), folder / "run")
    collect.collect(folder / "run", policy.load("clean-room"), folder / "index")
    return folder / "run"


def mixed(folder: Path, origin: Origin = CLAUDE) -> Path:
    """Four records: clean, one and another output within other text, the whole of a third."""
    rows = [
        {"text": clean(0)},
        {"text": f"{clean(1)}\n{SCAN_OUTPUTS[1]}\n{clean(2)}"},
        {"text": f"{clean(3)} {SCAN_OUTPUTS[0]}"},
        {"text": SCAN_OUTPUTS[2]},
    ]
    return judged(folder, list(rows), origin)


def stored(folder: Path) -> Path:
    """A store with the outputs and a ledger that records them."""
    place = folder / "store-of-ours"
    found = outputs()
    store.append(place, found)
    entries = [
        (
            "ingredient",
            {
                "id": one.id,
                "evidence": str(Evidence.TRANSCRIPT),
                "tokens": one.whole.tokens,
                "origin": {k: v for k, v in msgspec.structs.asdict(one.origin).items() if v != "unknown"},
            },
        )
        for one in found
    ]
    ledger.extend(place, [*entries, ("gate", {"policy": "d1935", "exit": 1, "rows": 4, "datasets": ["train.jsonl"]})])
    return place


def label(verdict: str = "block", name: str = "train") -> Label:
    return Label(
        label=1,
        subject=Subject(name, (File(f"{name}.jsonl", 10, "ab" * 32, 4, "cd" * 32),), "ef" * 32),
        totals=Totals(files=1, records=4, texts=4, bytes=10, tokens=1, matched=3, unknown=1, skipped=0),
        shares=(),
        skipped={},
        judgement=Judgement(verdict, "clean-room", {}, {}),
        clauses=(),
        waivers=(),
        tool=Tool("0.1.0", "C kernel", "r", "i", 3, {"floor": 12}, 0, ""),
        parents=(Parent("input", f"parent of {name}", "a" * 64, "b" * 64, 7),),
        contents="",
    )
