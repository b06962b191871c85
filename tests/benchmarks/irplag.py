"""Recall on IR-Plag by level of disguise: seven short Java tasks, copied by people who tried to hide it.

    python tests/benchmarks/irplag.py FOLDER [--sweep] [--list]

FOLDER holds the data set of Karnalim and others (oscarkarnalim/sourcecodeplagiarismdataset, Apache-2.0), unpacked:
``case-01`` to ``case-07``, each with ``original``, ``plagiarized/L1`` to ``L6`` and ``non-plagiarized``; 467 files.
The levels are those of Faidhi and Robinson (1987): L1 comments and layout, L2 names, L3 declarations, L4 methods,
L5 statements, L6 decision logic.

Known is the original of a task, alone in its index; every other file of the set is a text to check. *Blocked* is by
the shipped policy, *near copy* any match better than an idiom (so also ``similar``, which the policy only warns of),
*matched* any match at all. False alarms are files of other tasks. The independent solutions of the same task are
apart: programs of 60 to 190 tokens for the same small task, of which some are equal once names are blinded, so they
say how alike short programs are and not how often the tool errs.

``--sweep`` shows what other thresholds would bring; ``--list`` names every copy that is not blocked, and every other
file that is.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from accuracy import ingredient

from provenance import index, matching, policy
from provenance.fingerprint import ENGINE, RECIPE, engine
from provenance.index import Index
from provenance.model import Action, Address, Grade, Match, Similarity

LEVELS = ("L1", "L2", "L3", "L4", "L5", "L6")
INDEPENDENT, ORIGINAL = "independent", "original"

# Dolos and copydetect with their defaults on the same files, each at the threshold of its best F1.
# They were measured there with the tools' default parameters; their authors published no figures by level.
PEERS = {
    "Dolos": ((1, 1, 1, 1, 1, 0.92), "93/105", "816/2130"),
    "copydetect": ((1, 1, 1, 1, 1, 1), "105/105", "1890/2130"),
}


class File(NamedTuple):
    """One program of the data set."""

    task: str
    kind: str
    """A level, INDEPENDENT or ORIGINAL."""
    path: Path
    text: bytes


class Seen(NamedTuple):
    """One file beside the original of one task."""

    known: File
    file: File
    blocked: bool
    matches: tuple[Match, ...]
    jaccard: float
    """Estimated from the signatures, whatever the matches say."""

    @property
    def copied(self) -> bool:
        """Whether any match is better than an idiom."""
        return any(one.grade is not Grade.IDIOM for one in self.matches)

    def longest(self, *how: Similarity) -> int:
        """The longest run of matches of these similarities, whatever their grade."""
        return max((one.run for one in self.matches if one.similarity in how), default=0)


def read(folder: Path) -> list[File]:
    """All files of the data set, in order of path."""
    files = []
    for path in sorted(folder.rglob("*.java")):
        parts = path.parts
        case, group, level = parts[next(at for at, part in enumerate(parts) if part.startswith("case-")) :][:3]
        kind = {"plagiarized": level, "non-plagiarized": INDEPENDENT, "original": ORIGINAL}[group]
        files.append(File(case, kind, path, path.read_text("utf-8", "replace").encode()))
    return files


def signature(text: bytes) -> np.ndarray:
    """The MinHash signature of a text."""
    return np.frombuffer(engine.signature(text), "<u4")


def compare(known: File, files: list[File], folder: Path) -> list[Seen]:
    """Every file against an index of one original."""
    index.build(folder, [ingredient(0, known.text.decode())])
    opened, rules = Index(folder), policy.load("clean-room").policy
    offsets = np.cumsum([0, *(len(file.text) for file in files)], dtype=np.int64)
    _, found = matching.match(b"".join(file.text for file in files), offsets, opened)
    matches = {one.unit: one for one in found}
    mine = signature(known.text)
    seen = []
    for number, file in enumerate(files):
        one = matches.get(number)
        verdict = policy.judge(Address("", 0, ""), "", one.tokens, one.matches, rules).verdict if one else Action.ALLOW
        jaccard = float((signature(file.text) == mine).mean())
        seen.append(Seen(known, file, verdict is Action.BLOCK, one.matches if one else (), jaccard))
    return seen


Test = Callable[[Seen], bool]


def is_blocked(one: Seen) -> bool:
    """Whether the shipped policy blocks the file."""
    return one.blocked


def share(seen: Iterable[Seen], test: Test) -> float:
    """The share that passes a test."""
    passed = [test(one) for one in seen]
    return sum(passed) / max(1, len(passed))


def ratio(seen: Iterable[Seen], test: Test) -> str:
    """The same as a fraction."""
    passed = [test(one) for one in seen]
    return f"{sum(passed)}/{len(passed)}"


class Result(NamedTuple):
    """All comparisons, parted."""

    levels: dict[str, list[Seen]]
    independent: list[Seen]
    others: list[Seen]
    """Files of other tasks, whatever they are;"""
    copies: list[Seen]
    """... of these the copies (2,130 pairs, those of the peers)."""


def measure(files: list[File]) -> Result:
    """Compare every file with every original."""
    seen: list[Seen] = []
    with tempfile.TemporaryDirectory() as temporary:
        for known in (file for file in files if file.kind == ORIGINAL):
            rest = [file for file in files if file is not known]
            seen += compare(known, rest, Path(temporary) / known.task)
    same = [one for one in seen if one.file.task == one.known.task]
    others = [one for one in seen if one.file.task != one.known.task]
    return Result(
        {level: [one for one in same if one.file.kind == level] for level in LEVELS},
        [one for one in same if one.file.kind == INDEPENDENT],
        others,
        [one for one in others if one.file.kind in LEVELS],
    )


def table(head: list[str], rows: list[list[object]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row) + " |")
    print()


def by_level(result: Result) -> None:
    """Recall by level and false alarms, beside the peers."""
    tests: list[Test] = [
        is_blocked,
        lambda one: one.copied,
        lambda one: bool(one.matches),
    ]
    rows: list[list[object]] = []
    for i, (level, seen) in enumerate(result.levels.items()):
        rows.append([level, len(seen), *(share(seen, test) for test in tests)])
        rows[-1] += [f"{recall[i]:.2f}" for recall, _, _ in PEERS.values()]
    for name, seen, at in (
        ("independent, same task", result.independent, 1),
        ("copies of other tasks", result.copies, 2),
        ("all files of other tasks", result.others, 0),
    ):
        rows.append([name, len(seen), *(ratio(seen, test) for test in tests)])
        rows[-1] += [peer[at] if at else "" for peer in PEERS.values()]
    table(["files", "number", "blocked", "near copy or better", "matched", *PEERS], rows)
    weak = [level for level, seen in result.levels.items() if share(seen, tests[0]) < 0.9]
    if weak:
        print(f"Levels that do not work (fewer than 9 of 10 copies blocked): {', '.join(weak)}.\n")


def by_task(result: Result) -> None:
    """The same, task by task."""
    rows: list[list[object]] = []
    for task in sorted({one.known.task for one in result.independent}):
        levels = [[one for one in seen if one.known.task == task] for seen in result.levels.values()]
        independent = [one for one in result.independent if one.known.task == task]
        tokens = engine.measure(independent[0].known.text)[0]
        parts = (*levels, independent)
        rows.append([task, tokens, *(ratio(seen, is_blocked) for seen in parts)])
    table(["blocked, by task", "tokens of the original", *LEVELS, INDEPENDENT], rows)


def has_run(least: int, *how: Similarity) -> Test:
    """Whether the longest run of these similarities is long enough."""
    return lambda one: one.longest(*how) >= least


def has_share(least: float, blocked: bool = False) -> Test:
    """Whether enough of the output is verified (by a text that is blocked)."""
    return lambda one: (one.blocked or not blocked) and any(it.ingredient_coverage >= least for it in one.matches)


def has_jaccard(least: float) -> Test:
    """Whether the signatures are alike enough."""
    return lambda one: one.jaccard >= least


def sweep(result: Result) -> None:
    """What other thresholds on what is measured anyway would bring, whatever the grade says (no variety asked)."""
    literal = (Similarity.EXACT, Similarity.FRAGMENT)
    every = (*literal, Similarity.RENAMED)
    tests: dict[str, Test] = {}
    for run in (24, 26, 30, 40, 50):
        tests[f"run >= {run} word for word"] = has_run(run, *literal)
    for run in (24, 26, 30, 32, 36, 40, 50, 60, 80):
        tests[f"run >= {run}, other names too"] = has_run(run, *every)
    for part in (0.2, 0.3, 0.4, 0.5, 0.6, 0.8):
        tests[f"{part:.0%} of the output verified"] = has_share(part)
    for part in (0.2, 0.25, 0.3):
        tests[f"blocked, and {part:.0%} of the output verified"] = has_share(part, blocked=True)
    for jaccard in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        tests[f"Jaccard >= {jaccard}, estimated"] = has_jaccard(jaccard)
    rows: list[list[object]] = []
    for name, test in {"shipped: blocked": is_blocked, **tests}.items():
        row: list[object] = [name, *(share(seen, test) for seen in result.levels.values())]
        rows.append([*row, ratio(result.independent, test), ratio(result.others, test)])
    table(["threshold", *LEVELS, "independent", "other tasks"], rows)


def listed(result: Result) -> None:
    """Copies that are not blocked, and other files that are."""
    rows: list[list[object]] = []
    for seen in (*result.levels.values(), result.independent, result.others):
        for one in seen:
            wanted = one.file.kind in LEVELS and one.file.task == one.known.task
            if one.blocked is wanted:
                continue
            best = one.matches[0] if one.matches else None
            how = f"{best.similarity}, {best.grade}, run {best.run}, {best.tokens} tokens" if best else "no match"
            name = str(one.file.path)[str(one.file.path).index("case-") :]
            rows.append(["missed" if wanted else "blocked", one.known.task, name, how, one.jaccard])
    table(["", "original", "file", "best match", "Jaccard, estimated"], rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sweep", action="store_true", help="other thresholds too")
    parser.add_argument("--list", action="store_true", help="name every miss and every false alarm")
    given = parser.parse_args()
    files = read(given.folder)
    result = measure(files)
    print(f"engine {ENGINE}, recipe {RECIPE}: {len(files)} files, {len(result.others):,} pairs of different tasks\n")
    by_level(result)
    by_task(result)
    if given.sweep:
        sweep(result)
    if given.list:
        listed(result)


if __name__ == "__main__":
    main()
