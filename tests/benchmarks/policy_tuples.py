"""Judging 10^8 rows of 1,000 distinct tuples of facts: seconds by policy, beside one look at every row.

    python tests/benchmarks/policy_tuples.py [--rows 100000000] [--tuples 1000] [--batch 5000000]

A row is a match as a scan's parts hold it: provider, model, tool, similarity, grade, evidence, tokens, coverage and
Jaccard. The tuples are drawn from the words of the vocabulary and made-up origins, with a fixed seed; the rows are
draws of them with measures of their own, since rules see of a measure only which thresholds it reaches.
``bulk.tally`` counts what each row comes to. Making the rows is not in the time.

*One by one* is what ``judge`` costs a finding with one match, through ``Judging``: its rate on the first rows.
*Read* is one pass over the same columns that computes nothing but their sums: below it nothing can get.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from datetime import date

import numpy as np
import pyarrow as pa

from provenance import policy
from provenance.model import Action, Address, Evidence, Grade, Similarity
from provenance.policy import Judging, Terms, TermsStatus, bulk

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
    return dict(zip(bulk.WORDS, (list(column) for column in zip(*found, strict=True)), strict=True))


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
    for name in bulk.ASKED:
        columns[name] = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["unknown"])
    return pa.table(columns)


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
            for due, many in bulk.tally(table, judging, "").items():
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
    matches = [bulk.match(row) for row in table.slice(0, ONE_BY_ONE).to_pylist()]
    here = Address("train.parquet", 0, "text")
    start = time.process_time()
    for one in matches:
        judging.within(("",), here, "", 100, (one,))
    return len(matches) / (time.process_time() - start)


if __name__ == "__main__":
    main()
