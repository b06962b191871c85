"""``findings.parquet`` as columns that a page can carry, and what there is to count in it. It prints nothing.

A finding is a text with its matches; a record is a row of the dataset, which can hold several texts. A record counts
once, under its *lead*: its match with the best grade above an idiom, then the strongest evidence, the closest
similarity, the most verified tokens, in the file's order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from provenance.errors import StoreError
from provenance.model import Action, Evidence, Grade, Similarity
from provenance.page.facts import Origin, Share
from provenance.page.html import short
from provenance.words import UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa

FINDING = ("verdict", "rule", "file", "field", "zone", "use", "baseline")
"""Columns of a finding whose values repeat."""
MATCH = (
    "action", "level", "would", "waiver", "standing", "ingredient", "evidence", "kind", "status", "path", "similarity",
    "grade", "view", "provider", "model", "tool", "version", "channel", "plan", "session", "time",
)  # fmt: skip
"""Columns of a match whose values repeat."""
NUMBERS = ("tokens", "verbatim", "run", "first_line", "last_line", "others")
PLACES = ("start", "end", "ingredient_start", "ingredient_end")
"""Where a match lies in the text, in bytes, and in the output, in tokens; a page does not carry them."""
SHARES = ("unit_coverage", "ingredient_coverage", "jaccard")
"""Carried as whole percents, and the estimate too."""
LONGEST = 1_000
"""Characters of a name that the page carries."""
SINCE = ("zone", "use", "baseline", "level", "would", "waiver", "standing", "clauses")
"""Columns that findings of earlier versions do not have."""

_SIMILARITY = {str(one): at for at, one in enumerate(Similarity)}
_EVIDENCE = {str(one): at for at, one in enumerate(Evidence)}
_ACTION = {str(one): at for at, one in enumerate(Action)}
_IDIOM = str(Grade.IDIOM)


class Column(msgspec.Struct, frozen=True):
    """Values that repeat, each once, and which of them stands where."""

    values: list[str]
    index: list[int]

    def at(self, place: int) -> str:
        """The value in a place."""
        return self.values[self.index[place]]


class Table(msgspec.Struct, frozen=True):
    """All findings, the most severe first, equals in the file's order."""

    ids: list[str]
    rows: list[int]
    unit_tokens: list[int]
    contents: list[str]
    """The digest of each text."""
    finding: dict[str, Column]
    first: list[int]
    """Where the matches of each finding begin; one more at the end."""
    match: dict[str, Column]
    numbers: dict[str, list[int]]
    clauses: Column
    """The clauses in force on a match, their ids joined by a space."""
    lead: list[int]
    """1 where a match is the lead of its record."""
    places: list[int]
    """Which match of the file each is."""
    has_clauses: bool
    absent: tuple[str, ...]
    """Columns that the file does not have."""

    @property
    def count(self) -> int:
        """How many findings."""
        return len(self.ids)


def read(path: Path) -> Table:
    """All findings of a judged scan; StoreError where the file is none of ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path}: not readable as findings: {error} (run 'provenance judge' again)") from error
    needed = {"finding", "row", "unit_tokens", "content", *FINDING, *MATCH, *NUMBERS, *PLACES, *SHARES} - set(SINCE)
    lacking = sorted(needed - set(table.column_names))
    if lacking:
        raise StoreError(f"{path}: no columns {', '.join(lacking)} (run 'provenance judge' again)")
    return _table(table)


def _table(table: pa.Table) -> Table:
    import pyarrow as pa

    names = set(table.column_names)

    def numbers(name: str) -> list[int]:
        values: list[int] = table[name].fill_null(0).to_pylist()
        return values

    def words(name: str) -> Column:
        if name not in names:
            return Column([""], [0] * len(table))
        column = table[name].combine_chunks().cast(pa.string()).fill_null("").dictionary_encode()
        if isinstance(column, pa.ChunkedArray):  # of no row at all
            column = column.combine_chunks()
        return Column(column.dictionary.to_pylist(), column.indices.to_pylist())

    finding = {name: words(name) for name in FINDING}
    ids, rows, tokens = table["finding"].to_pylist(), numbers("row"), numbers("unit_tokens")
    contents = table["content"].to_pylist()
    files, fields = finding["file"].index, finding["field"].index
    heads = [
        at
        for at in range(len(ids))
        if not at
        or (ids[at], rows[at], files[at], fields[at]) != (ids[at - 1], rows[at - 1], files[at - 1], fields[at - 1])
    ]
    ends = [*heads[1:], len(ids)]
    verdict = finding["verdict"]
    severe = [-_ACTION.get(value, 0) for value in verdict.values]
    order = sorted(range(len(heads)), key=lambda one: (severe[verdict.index[heads[one]]], one))
    at = [heads[one] for one in order]
    places = [place for one in order for place in range(heads[one], ends[one])]
    first = [0]
    for one in order:
        first.append(first[-1] + ends[one] - heads[one])
    match = {name: _taken(words(name), places) for name in MATCH}
    counted = {
        name: [numbers_of[place] for place in places] for name in (*NUMBERS, *PLACES) for numbers_of in [numbers(name)]
    }
    for name in SHARES:
        values = table[name].fill_null(0.0).to_pylist()
        counted[name] = [round(100 * values[place]) for place in places]
    made = Table(
        ids=[ids[one] for one in at],
        rows=[rows[one] for one in at],
        unit_tokens=[tokens[one] for one in at],
        contents=[contents[one] for one in at],
        finding={name: _taken(column, at) for name, column in finding.items()},
        first=first,
        match=match,
        numbers=counted,
        clauses=_clauses(table, places) if "clauses" in names else Column([""], [0] * len(places)),
        lead=[0] * len(places),
        places=places,
        has_clauses="clauses" in names,
        absent=tuple(name for name in SINCE if name not in names),
    )
    return msgspec.structs.replace(made, lead=_leads(made))


def _taken(column: Column, places: Sequence[int]) -> Column:
    """The values in these places; values in the order of their first appearance, so that equal tables are alike."""
    codes: dict[int, int] = {}
    index = [codes.setdefault(column.index[place], len(codes)) for place in places]
    return Column([column.values[code] for code in codes], index)


def _clauses(table: pa.Table, places: Sequence[int]) -> Column:
    lists = table["clauses"].to_pylist()
    return coded(" ".join(lists[place] or ()) for place in places)


def _leads(table: Table) -> list[int]:
    """Which matches lead their records."""
    best: dict[tuple[int, int], tuple[tuple[int, ...], int]] = {}
    grade, evidence, similarity = (_ranked(table.match[name], known) for name, known in _STRENGTH)
    tokens, places = table.numbers["tokens"], table.places
    files = table.finding["file"].index
    for number, row in enumerate(table.rows):
        record = (files[number], row)
        for one in range(table.first[number], table.first[number + 1]):
            key = (grade[one], evidence[one], similarity[one], -tokens[one], places[one])
            held = best.get(record)
            if held is None or key < held[0]:
                best[record] = (key, one)
    lead = [0] * len(places)
    for _, one in best.values():
        lead[one] = 1
    return lead


def _ranked(column: Column, known: dict[str, int]) -> list[int]:
    ranks = [known.get(value, 0 if known is _NOT_IDIOM else len(known)) for value in column.values]
    return [ranks[code] for code in column.index]


_NOT_IDIOM = {_IDIOM: 1}
_STRENGTH = (("grade", _NOT_IDIOM), ("evidence", _EVIDENCE), ("similarity", _SIMILARITY))


class Record(NamedTuple):
    """A record that matches something."""

    number: int
    """Its finding, of several the one with the lead."""
    lead: int
    """Its lead."""
    action: str
    """The most severe verdict on any of its texts."""


def records(table: Table) -> list[Record]:
    """The records, in the order of their findings."""
    verdict, files = table.finding["verdict"], table.finding["file"].index
    worst: dict[tuple[int, int], str] = {}
    leads: dict[tuple[int, int], tuple[int, int]] = {}
    for number, row in enumerate(table.rows):
        record = (files[number], row)
        worst.setdefault(record, verdict.at(number))  # the most severe come first
        for one in range(table.first[number], table.first[number + 1]):
            if table.lead[one]:
                leads[record] = (number, one)
    return [Record(*leads[record], action) for record, action in worst.items()]


def shares(table: Table, found: Iterable[Record]) -> list[Share]:
    """Records better than an idiom by origin, similarity, evidence and action, the most first."""
    names = ("provider", "model", "tool", "similarity", "evidence")
    counts: Counter[tuple[str, ...]] = Counter()
    tokens: Counter[tuple[str, ...]] = Counter()
    times: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for one in found:
        if is_idiom(table, one.lead):
            continue
        key = (*(table.match[name].at(one.lead) for name in names), one.action)
        counts[key] += 1
        tokens[key] += table.numbers["tokens"][one.lead]
        if (time := table.match["time"].at(one.lead)) not in ("", UNKNOWN):
            times[key].append(time)
    return [
        Share(Origin(*key[:3]), key[3], key[4], key[5], count, tokens[key], min(times[key], default=""),
              max(times[key], default=""))
        for key, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    ]  # fmt: skip


def is_idiom(table: Table, match: int) -> bool:
    """Whether a match is an idiom."""
    return table.match["grade"].at(match) == _IDIOM


def worst(table: Table) -> Column:
    """For each finding the most severe verdict on any text of its record."""
    verdict, files = table.finding["verdict"], table.finding["file"].index
    held: dict[tuple[int, int], str] = {}
    for number, row in enumerate(table.rows):
        held.setdefault((files[number], row), verdict.at(number))  # the most severe come first
    return coded(held[files[number], row] for number, row in enumerate(table.rows))


def coded(values: Iterable[str]) -> Column:
    """Values as a column, in the order of their first appearance."""
    codes: dict[str, int] = {}
    index = [codes.setdefault(value, len(codes)) for value in values]
    return Column(list(codes), index)


def embedded(table: Table, sources: Column) -> dict[str, Any]:
    """The findings as a page carries them: one object of columns, names of bounded length and without a character
    that cannot be seen. ``sources`` says for each finding which file or folder of the dataset it counts for."""
    columns = {**table.finding, "worst": worst(table), "source": sources}
    return {
        "count": table.count,
        "ids": table.ids,
        "row": table.rows,
        "unit": table.unit_tokens,
        "first": table.first,
        "finding": {name: _embedded(column) for name, column in columns.items()},
        "match": {name: _embedded(column) for name, column in {**table.match, "clauses": table.clauses}.items()},
        "numbers": {**{name: table.numbers[name] for name in (*NUMBERS, *SHARES)}, "lead": table.lead},
    }


def _embedded(column: Column) -> dict[str, Any]:
    return {"values": [short(value, LONGEST) for value in column.values], "index": column.index}


def listed(table: Table, limit: int) -> Iterator[dict[str, Any]]:
    """The first findings in full, for a page without a script."""
    for number in range(min(limit, table.count)):
        yield {
            "id": table.ids[number],
            "row": table.rows[number],
            "unit": table.unit_tokens[number],
            **{name: column.at(number) for name, column in table.finding.items()},
            "matches": [
                {
                    **{name: column.at(one) for name, column in table.match.items()},
                    **{name: values[one] for name, values in table.numbers.items()},
                    "clauses": table.clauses.at(one).split(),
                }
                for one in range(table.first[number], table.first[number + 1])
            ],
        }
