"""What tests/golden/index-2 was built from: never change it, build another for another format.

``python -m tests.index.golden`` writes it anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from provenance import fingerprint, index
from provenance.model import Evidence, Ingredient, Origin, Status

FOLDER = Path(__file__).parents[1] / "golden" / "index-2"
SOURCES = ["00000001.pvs:1234", "00000002.pvs:567"]

FUNCTION = """\
def total_price(items, rate, größe=None):
    total = 0
    for item in items:
        if item.price > 100 and item.count:
            total += item.price * (1 + rate) ** item.count
        else:
            total += item.price
    return round(total, 2)
"""
SECOND = """\
async function load(path, options = {}) {
  const answer = await fetch(`${path}?page=${options.page}`);
  if (!answer.ok) { throw new Error("status " + answer.status); }
  return (await answer.json()).rows.map((row) => row.name || "?");
}
"""
PROSE = """\
When the committee met again in the spring, nobody could remember who had asked for another report, so the chairman
thanked everyone, promised to write a letter, and went home to his garden before it rained. 日本語も一緒に。
"""
SHORT = "return total / len(rows) if rows else None"


def ingredients() -> list[Ingredient]:
    """Code in two passages with flags; prose without a time; a text too short for a gram, the latest."""
    code = [fingerprint.fingerprint(text.encode()) for text in (FUNCTION, SECOND)]
    whole = (FUNCTION + "\n" + SECOND).encode()
    prose, short = PROSE.encode(), SHORT.encode()
    return [
        Ingredient(
            id="00112233445566778899aabbccddeeff",
            origin=Origin(
                session="s2", time="2026-03-25T09:00:00.125Z", provider="openai", model="gpt-5", tool="codex"
            ),
            evidence=Evidence.CAPTURED,
            kind="edit",
            status=Status.APPLIED,
            path="rows.py",
            passages=(fingerprint.fingerprint(short),),
            verbatim=((),),
            shown=((),),
            whole=fingerprint.outline(short),
            signature=fingerprint.engine.signature(short),
        ),
        Ingredient(
            id="0123456789abcdef0123456789abcdef",
            origin=Origin(
                provider="anthropic", model="claude-opus-4-5", tool="claude-code", time="2026-03-25T09:00:00Z"
            ),
            evidence=Evidence.TRANSCRIPT,
            kind="write",
            status=Status.APPLIED,
            path="größe.py",
            passages=tuple(code),
            verbatim=((0, 3, 20), ()),
            shown=((1,), (2, 3, 4)),
            whole=fingerprint.outline(whole),
            signature=fingerprint.engine.signature(whole),
        ),
        Ingredient(
            id="fedcba9876543210fedcba9876543210",
            origin=Origin(),
            evidence=Evidence.DECLARED,
            kind="prose",
            status=Status.DECLINED,
            path="",
            passages=(fingerprint.fingerprint(prose),),
            verbatim=((),),
            shown=((),),
            whole=fingerprint.outline(prose),
            signature=b"",
        ),
    ]


def commons() -> dict[str, NDArray[np.uint64]]:
    """A set that holds the middle of the prose."""
    keys = np.frombuffer(fingerprint.engine.measure(PROSE.encode())[2], "<u8")
    return {"ours": np.unique(keys[4:16])}


def build(folder: Path) -> None:
    """The index, as it was built."""
    index.build(folder, ingredients(), commons(), SOURCES)


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    build(FOLDER)
    (FOLDER / "lock").unlink()
