"""Judging 10^8 rows of 1,000 distinct tuples of facts: seconds by policy, beside one look at every row.

    python tests/benchmarks/policy_tuples.py [--rows 100000000] [--tuples 1000] [--batch 5000000]

A row is a match as a scan's parts hold it: provider, model, tool, similarity, grade, evidence, tokens, coverage and
Jaccard. The tuples are drawn from the words of the vocabulary and made-up origins, with a fixed seed; the rows are
draws of them with measures of their own, since rules see of a measure only which thresholds it reaches.
``tally`` counts what each row comes to, by asking the rules of the policy once a distinct tuple; single matches,
without waivers and baseline, which name a finding. Making the rows is not in the time.

*One by one* is what ``judge`` costs a finding with one match, through ``Judging``: its rate on the first rows.
*Read* is one pass over the same columns that computes nothing but their sums: below it nothing can get.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from provenance import policy
from provenance.model import Action, Address, Evidence, Grade, Match, Origin, Similarity, Status
from provenance.policy import ORDER, Judging, Terms, TermsStatus
from provenance.policy.judge import Due, decisive

PROVIDERS = ("anthropic", "openai", "google", "xai", "mistral", "qwen", "example-labs", "unknown")
TOOLS = ("claude-code", "codex", "cursor", "gemini-cli", "aider", "unknown")
ONE_BY_ONE = 100_000


def tuples(many: int, seed: np.random.Generator) -> dict[str, list[str]]:
    """Distinct tuples of words, column by column."""
    found: dict[tuple[str, ...], None] = {}
    while len(found) < many:
        provider = PROVIDERS[seed.integers(len(PROVIDERS))]
        one = (
            provider,
            f"{provider}-{seed.integers(20)}",
            TOOLS[seed.integers(len(TOOLS))],
            str(list(Similarity)[seed.integers(len(Similarity))]),
            str(list(Grade)[seed.integers(len(Grade))]),
            str(list(Evidence)[seed.integers(len(Evidence))]),
        )
        found[one] = None
    return dict(zip(WORDS, (list(column) for column in zip(*found, strict=True)), strict=True))


def batch(words: dict[str, list[str]], rows: int, seed: np.random.Generator) -> pa.Table:
    """Rows that are draws of the tuples."""
    drawn = seed.integers(len(words["provider"]), size=rows, dtype=np.int32)
    columns: dict[str, pa.Array] = {}
    for name, values in words.items():
        coded = pa.array(values).dictionary_encode()
        codes = coded.indices.to_numpy()[drawn].astype(np.int32)
        columns[name] = pa.DictionaryArray.from_arrays(codes, coded.dictionary)
    columns["tokens"] = pa.array(seed.integers(0, 400, size=rows, dtype=np.int64))
    columns["unit_coverage"] = pa.array(seed.random(rows))
    columns["jaccard"] = pa.array(seed.random(rows))
    for name in ASKED:
        columns[name] = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["unknown"])
    return pa.table(columns)


# ---- the fold ----

WORDS = ("provider", "model", "tool", "similarity", "grade", "evidence")
ASKED = ("channel", "plan", "time")
"""Columns that only a registry of terms asks for."""
MEASURES = {"tokens": "tokens", "unit_coverage": "coverage", "jaccard": "jaccard"}
"""Columns of numbers, of which rules see only which of their thresholds are reached."""
COMPACT = 1 << 40
"""Above this many thinkable tuples they are numbered by those that there are."""


def decide(facts: pa.Table, judging: Judging, zone: str) -> tuple[NDArray[np.intp], list[Due]]:
    """For each row the number of what is due, and the list of what these numbers mean.

    ``facts`` has the columns of a scan's matches, words as strings or dictionaries, for texts of one zone.
    """
    keys, first = _distinct(facts, judging)
    dues: dict[Due, int] = {}
    numbers = np.zeros(len(first), np.intp)
    for place, row in enumerate(facts.take(first).to_pylist()):
        due = decisive(judging.said(match(row), zone).dues)
        numbers[place] = dues.setdefault(due, len(dues))
    return numbers[keys], list(dues)


def tally(facts: pa.Table, judging: Judging, zone: str) -> dict[Due, int]:
    """How many rows come to what, the most severe first."""
    numbers, dues = decide(facts, judging, zone)
    counts = np.bincount(numbers, minlength=len(dues))
    order = sorted(range(len(dues)), key=lambda n: (-ORDER.index(dues[n].binding), dues[n].rule))
    return {dues[n]: int(counts[n]) for n in order}


def _distinct(facts: pa.Table, judging: Judging) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row the number of its tuple, and for each tuple its first row."""
    keys: NDArray[np.int64] = np.zeros(facts.num_rows, np.int64)
    size = 1
    for name in (*WORDS, *(ASKED if judging.terms is not None else ())):
        codes, many = _codes(facts.column(name))
        keys, size = _joined(keys, size, codes, many)
    for name, thresholds in MEASURES.items():
        steps = getattr(judging, thresholds)
        if steps:
            codes = np.searchsorted(np.asarray(steps, np.float64), facts.column(name).to_numpy(), side="right")
            keys, size = _joined(keys, size, codes, len(steps) + 1)
    keys, size = _renumbered(keys)
    first = np.zeros(size, np.int64)
    first[keys[::-1]] = np.arange(len(keys) - 1, -1, -1)  # of equal places the last assignment stands: the first row
    return keys, first


def _joined(keys: Any, size: int, codes: Any, many: int) -> tuple[Any, int]:
    if size * many >= COMPACT:
        keys, size = _renumbered(keys)
    return keys * max(many, 1) + codes, size * max(many, 1)


def _renumbered(keys: Any) -> tuple[Any, int]:
    """The keys as numbers from 0, in the order in which they first stand."""
    codes, many = _codes(pa.array(keys))
    return codes.astype(np.int64), many


def _codes(column: Any) -> tuple[Any, int]:
    """A column as numbers, one for each distinct value, and how many there are."""
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks() if column.num_chunks else pa.array([], column.type)
    if isinstance(column, pa.ChunkedArray):  # of no or several chunks, which older versions leave so
        column = pa.concat_arrays(column.chunks)
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False), len(coded.dictionary)


def match(row: dict[str, Any]) -> Match:
    """A row's match, as far as rules can see it."""
    return Match(
        ingredient="",
        origin=Origin(**{name: row[name] for name in ("provider", "model", "tool", *ASKED) if name in row}),
        evidence=Evidence(row["evidence"]),
        kind="",
        status=Status.UNKNOWN,
        path="",
        similarity=Similarity(row["similarity"]),
        grade=Grade(row["grade"]),
        tokens=row["tokens"],
        verbatim=0,
        run=0,
        rarity=0,
        unit_coverage=row["unit_coverage"],
        ingredient_coverage=0.0,
        jaccard=row["jaccard"],
        start=0,
        end=0,
        first_line=0,
        last_line=0,
        ingredient_start=0,
        ingredient_end=0,
        others=0,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--tuples", type=int, default=1_000)
    parser.add_argument("--batch", type=int, default=5_000_000)
    given = parser.parse_args()
    said = Terms(TermsStatus.CONDITIONS, ("a.1",), ("naming",))
    names = policy.shipped()
    judges = {
        name: Judging(policy.load(name).policy, today=date(2026, 11, 21), terms=lambda origin, use: said)
        for name in names
    }
    seconds = dict.fromkeys(names, 0.0)
    counts: dict[str, Counter[Action]] = {name: Counter() for name in names}
    rate: dict[str, float] = {}
    read = 0.0
    seed = np.random.default_rng(11)
    words = tuples(given.tuples, seed)
    done = 0
    while done < given.rows:
        table = batch(words, min(given.batch, given.rows - done), seed)
        start = time.process_time()
        for column in table.columns:
            whole = column.combine_chunks()
            (whole.indices if pa.types.is_dictionary(whole.type) else whole).to_numpy().sum()
        read += time.process_time() - start
        for name, judging in judges.items():
            start = time.process_time()
            for due, many in tally(table, judging, "").items():
                counts[name][due.binding] += many
            seconds[name] += time.process_time() - start
            if not done:
                rate[name] = one_by_one(judging, table)
        done += table.num_rows
    print(f"{done:,} rows of {given.tuples:,} distinct tuples; one pass over the columns: {read:.1f} s\n")
    print("| policy | rules | s | rows a second | one by one, rows a second | allow | warn | quarantine | block |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        by = " | ".join(f"{counts[name][one] / done:.3f}" for one in Action)
        print(
            f"| {name} | {len(judges[name].policy.rules)} | {seconds[name]:.1f} | {done / seconds[name]:,.0f} | "
            f"{rate[name]:,.0f} | {by} |"
        )


def one_by_one(judging: Judging, table: pa.Table) -> float:
    """Findings a second, each of one match."""
    matches = [match(row) for row in table.slice(0, ONE_BY_ONE).to_pylist()]
    here = Address("train.parquet", 0, "text")
    start = time.process_time()
    for one in matches:
        judging.within(("",), here, "", 100, (one,))
    return len(matches) / (time.process_time() - start)


if __name__ == "__main__":
    main()
