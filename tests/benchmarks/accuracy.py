"""Recall by mutation and false alarms: known outputs planted, changed, into human files.

    python tests/benchmarks/accuracy.py ../shared/data [edits] [TRIALS]

Known outputs: the solutions of one model (``model_outputs/livecodebench.parquet``, model o1-preview) of 60 tokens
or more; with ``edits``, what the sessions of ``transcripts/`` wrote by editing calls (any language, 60 tokens or more)
in their place; names are then changed wherever a text assigns to them. Hosts: the files of ``human/pre2021.parquet``
and of the running Python's standard library. Each query is one output (or a fragment of it), mutated, between two
halves of a host; it counts as found if a match of what the shipped policy blocks names that output, or one with the
same text. False alarm: a host without anything planted that is blocked. Seeds are fixed. Matches that the policy
leaves alone are in a column of their own.
"""

from __future__ import annotations

import ast
import builtins
import io
import json
import keyword
import random
import re
import sys
import sysconfig
import tempfile
import textwrap
import tokenize
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from provenance import fingerprint, index, matching, policy
from provenance.capture import reading
from provenance.capture.session import Wrote
from provenance.fingerprint import ENGINE, RECIPE
from provenance.index import Index
from provenance.model import Action, Address, Evidence, Ingredient, Origin, Status, ingredient_id

TRIALS = 150
Mutation = Callable[[str, random.Random], str]


def known(data: Path) -> list[str]:
    """The known outputs."""
    table = pq.read_table(data / "model_outputs" / "livecodebench.parquet").to_pylist()
    texts = [row["code"] for row in table if "o1-preview" in row["model"]]
    return [text for text in texts if fingerprint.engine.measure(text.encode())[0] >= 60]


def edits(data: Path) -> list[str]:
    """What sessions wrote by editing calls, each text once."""
    texts: dict[str, None] = {}
    for path in sorted((data / "transcripts").rglob("*.jsonl")):
        reader = reading.reader_of(path)
        for event in reading.read(path, reader)[0] if reader else ():
            if isinstance(event, Wrote) and event.kind in ("edit", "write", "patch", "notebook"):
                texts["\n".join(event.blocks)] = None
    return [text for text in texts if fingerprint.engine.measure(text.encode())[0] >= 60]


def hosts(data: Path) -> list[str]:
    """Human files of 2 to 80 kB."""
    human = [row["text"] for row in pq.read_table(data / "human" / "pre2021.parquet").to_pylist()]
    library = Path(sysconfig.get_paths()["stdlib"])
    texts = human + [
        path.read_text("utf-8", "replace")
        for path in sorted(library.rglob("*.py"))
        if "site-packages" not in path.parts
    ]
    return [text for text in texts if 2_000 <= len(text) <= 80_000]


def ingredient(number: int, text: str) -> Ingredient:
    """A known output as it would be captured."""
    origin = Origin("openai", "o1-preview", "bench", session="s", time=f"{number:06d}")
    data = text.encode()
    return Ingredient(
        id=ingredient_id("bench", "s", str(number), "", 0),
        origin=origin,
        evidence=Evidence.TRANSCRIPT,
        kind="prose",
        status=Status.APPLIED,
        path="",
        passages=(fingerprint.fingerprint(data),),
        verbatim=((),),
        shown=((),),
        whole=fingerprint.outline(data),
        signature=fingerprint.engine.signature(data),
    )


def reindent(text: str, rng: random.Random) -> str:
    return textwrap.indent(
        re.sub(r"^( +)", lambda m: "\t" * (len(m[1]) // 4), text, flags=re.M), " " * rng.choice([2, 8, 12])
    )


def rewrap(text: str, rng: random.Random) -> str:
    return re.sub(r"([,(])[ ]*", lambda m: m[1] + ("\n      " if rng.random() < 0.3 else " "), text)


def black(text: str, rng: random.Random) -> str:
    import black as formatter

    try:
        return formatter.format_str(
            text, mode=formatter.Mode(line_length=rng.choice([60, 79, 100]), string_normalization=False)
        )
    except Exception:  # not every answer is valid Python: black refuses it
        return text


def strip_comments(text: str, rng: random.Random) -> str:
    try:
        found = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT]
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return text
    lines = text.split("\n")
    for token in reversed(found):
        row, column = token.start
        lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(line for line in lines if line.strip())


def rewrite_comments(text: str, rng: random.Random) -> str:
    return "\n".join(
        line
        + (
            "  # " + " ".join(rng.choices("step check value update result loop next find".split(), k=4))
            if rng.random() < 0.25
            else ""
        )
        for line in strip_comments(text, rng).split("\n")
    )


BUILTINS = set(dir(builtins)) | set(keyword.kwlist) | {"self", "cls", "append", "sort", "split", "strip", "join"}


def rename(text: str, rng: random.Random) -> str:
    """Every name that the text itself binds gets another, consistently; names of libraries and builtins stay."""
    try:
        tree = ast.parse(text)
        bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        bound |= {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)}
        bound |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    except SyntaxError:
        bound = set(re.findall(r"\b([a-z_]\w*)\b(?=\s*=[^=])", text))
    bound -= BUILTINS
    fresh = {name: f"q{i}{rng.choice('abcdefgh')}{rng.randrange(100)}" for i, name in enumerate(sorted(bound))}
    return re.sub(r"[A-Za-z_]\w*", lambda m: fresh.get(m[0], m[0]), text)


def edit(share: float) -> Mutation:
    """That share of the lines deleted, changed or preceded by a new line."""

    def apply(text: str, rng: random.Random) -> str:
        out = []
        for line in text.split("\n"):
            if rng.random() >= share:
                out.append(line)
                continue
            kind = rng.randrange(3)
            indent = line[: len(line) - len(line.lstrip())]
            if kind == 1:
                words = re.findall(r"\w+", line)
                out.append(line.replace(rng.choice(words), f"z{rng.randrange(999)}", 1) if words else line)
            elif kind == 2:
                out += [f"{indent}w{rng.randrange(99)} = {rng.randrange(99)}", line]
        return "\n".join(out)

    return apply


def fragment(lines: int) -> Mutation:
    """So many consecutive lines with something on them."""

    def apply(text: str, rng: random.Random) -> str:
        full = [line for line in text.split("\n") if line.strip()]
        first = rng.randrange(max(1, len(full) - lines + 1))
        return "\n".join(full[first : first + lines])

    return apply


def chain(*parts: Mutation) -> Mutation:
    def apply(text: str, rng: random.Random) -> str:
        for part in parts:
            text = part(text, rng)
        return text

    return apply


def wrap(make: Callable[[str], str]) -> Mutation:
    return lambda text, rng: make(text)


MUTATIONS: dict[str, Mutation] = {
    "verbatim": wrap(lambda text: text),
    "re-indented": reindent,
    "re-wrapped": rewrap,
    "reformatted by black": black,
    "renamed": rename,
    "renamed and reformatted": chain(rename, black),
    "10 % of lines edited": edit(0.10),
    "25 % of lines edited": edit(0.25),
    "renamed, 10 % edited": chain(rename, edit(0.10)),
    "renamed, 25 % edited": chain(rename, edit(0.25)),
    "10-line fragment": fragment(10),
    "6-line fragment": fragment(6),
    "renamed 10-line fragment": chain(rename, fragment(10)),
    "renamed 6-line fragment": chain(rename, fragment(6)),
    "comments stripped": strip_comments,
    "comments rewritten": rewrite_comments,
    "in a docstring": wrap(
        lambda text: 'def f():\n    """Example:\n\n' + textwrap.indent(text, "        ") + '\n    """'
    ),
    "in a fence": wrap(lambda text: f"Here it is:\n\n```python\n{text}\n```\n"),
    "in a JSON string": wrap(lambda text: json.dumps({"role": "assistant", "content": text})),
    "in a diff": wrap(
        lambda text: "--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,99 @@\n" + textwrap.indent(text, "+", lambda _: True)
    ),
    "in a quote": wrap(lambda text: textwrap.indent(text, "> ", lambda _: True)),
    "in a notebook": wrap(
        lambda text: json.dumps(
            {"cells": [{"cell_type": "code", "source": text.splitlines(keepends=True), "outputs": []}], "nbformat": 4},
            indent=1,
        )
    ),
}


class Judge:
    """Texts against the index under the shipped policy."""

    def __init__(self, folder: Path, texts: list[str]) -> None:
        index.build(folder, [ingredient(number, text) for number, text in enumerate(texts)])
        self.index = Index(folder)
        self.policy = policy.load("clean-room").policy

    def __call__(self, text: str) -> tuple[set[str], set[str]]:
        """The outputs that a text matches: those that block, and all."""
        data = text.encode()
        blocked, all_ = set(), set()
        _, found = matching.match(data, np.array([0, len(data)], np.int64), self.index)
        for one in found:
            finding = policy.judge(Address("", 0, ""), "", one.tokens, one.matches, self.policy)
            for judged in finding.matches:
                all_.add(judged.match.ingredient)
                if judged.action is Action.BLOCK:
                    blocked.add(judged.match.ingredient)
        return blocked, all_


def plant(host: str, text: str) -> str:
    lines = host.split("\n")
    middle = len(lines) // 2
    return "\n".join([*lines[:middle], text, *lines[middle:]])


def main(data: Path, which: Callable[[Path], list[str]], trials: int) -> None:
    """Measure and print."""
    texts, people = which(data), hosts(data)
    print(f"engine {ENGINE}, recipe {RECIPE}: {len(texts)} known outputs, {len(people)} hosts, {trials} trials each\n")
    with tempfile.TemporaryDirectory() as temporary:
        judge = Judge(Path(temporary) / "index", texts)
        ids = [ingredient(number, text).id for number, text in enumerate(texts)]
        print("| mutation | blocked, naming it | blocked at all | matched at all |\n|---|---|---|---|")
        for name, mutation in MUTATIONS.items():
            rng = random.Random(name)
            named = anyhow = matched = 0
            for _ in range(trials):
                number = rng.randrange(len(texts))
                text = plant(rng.choice(people), mutation(texts[number], rng))
                blocked, all_ = judge(text)
                named += ids[number] in blocked
                anyhow += bool(blocked)
                matched += bool(all_)
            print(f"| {name} | {named / trials:.3f} | {anyhow / trials:.3f} | {matched / trials:.3f} |")
        denied = idioms = 0
        for host in people:
            blocked, all_ = judge(host)
            denied += bool(blocked)
            idioms += bool(all_) and not blocked
        print(f"\nfalse alarms: {denied} of {len(people)} human hosts blocked; {idioms} share idioms only")


if __name__ == "__main__":
    more = sys.argv[2:]
    chosen = edits if more[:1] == ["edits"] else known
    counts = more[1:] if chosen is edits else more
    if len(sys.argv) < 2 or len(counts) > 1 or not all(count.isdigit() for count in counts):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), chosen, int(counts[0]) if counts else TRIALS)
