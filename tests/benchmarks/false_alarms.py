"""How often human code is blocked, against the size of the index.

    python tests/benchmarks/false_alarms.py TEXTS... [--data ../shared/data] [--sizes 1000 3000 10000] [--spans]
    python tests/benchmarks/false_alarms.py --download FOLDER [--packages tests/benchmarks/human_packages.txt]

TEXTS are folders of text files, or Parquet files with a column ``text``, that people wrote before assistants did:
packages, and (where false blocks are many times as frequent) solutions of textbook exercises.
``--download`` fetches packages of that time with pip and npm, as they are set up on the machine, and unpacks their
text files into FOLDER.

Known outputs are ``model_outputs/*.parquet`` of the data folder (answers and short programs, model named), shuffled
once: the index of 1,000 is part of that of 3,000. The sessions in ``transcripts/`` are read by ``provenance ingest``
into a store of their own, and the last row is a text that matches either. *Blocked* is by the shipped policy, which
speaks of two providers; *by any provider* as if it spoke of all, since what is measured is chance and not the
provider. A text counts once, for its strongest match; false blocks a GB are those by any provider.

Every text that is blocked is listed with the smallest index that blocks it: each is either a copy that people and
models share, or an error to look at (``--spans`` prints what matched, and of known outputs what it matched).
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow.parquet as pq
from accuracy import ingredient

from provenance import fingerprint, index, matching, policy, store
from provenance.fingerprint import ENGINE, RECIPE
from provenance.index import Index
from provenance.model import Action, Address, Grade, Ingredient, Match, Origin, Similarity

BATCH = 16 << 20
"""Bytes of text that are matched at a time."""
LARGEST = 2_000_000
PACKAGES = Path(__file__).with_name("human_packages.txt")
PROVIDERS = {
    "o1": "openai",
    "gpt": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "deepseek": "deepseek",
    "Qwen": "alibaba",
}


class Known(NamedTuple):
    """A known output."""

    model: str
    place: str
    """Where it stands: file and row."""
    text: str


class Blocked(NamedTuple):
    """A text that is blocked, with the match that decides."""

    name: str
    shipped: bool
    """Whether the shipped policy blocks it, or only one that speaks of every provider."""
    match: Match
    span: bytes
    whole: str
    """Digest of the whole text's tokens."""


class Tally:
    """What one index says of the human texts."""

    def __init__(self, name: str, outputs: int, opened: Index | None) -> None:
        self.name = name
        self.outputs = outputs
        self.index = opened
        self.best: dict[int, str] = {}
        """Texts that match anything, by number: what the strongest match is."""
        self.blocked: dict[int, Blocked] = {}


def known_outputs(folder: Path) -> list[Known]:
    """The known outputs, each text once, in an order that is random and fixed."""
    outputs: dict[str, Known] = {}
    for file, text, model in (("alpaca_eval", "output", "generator"), ("livecodebench", "code", "model")):
        path = folder / f"{file}.parquet"
        for number, row in enumerate(pq.read_table(path, columns=[text, model]).to_pylist()):
            outputs.setdefault(row[text], Known(row[model], f"{path.name}:{number}", row[text]))
    ordered = list(outputs.values())
    random.Random(7).shuffle(ordered)
    return ordered


def as_ingredient(number: int, known: Known) -> Ingredient:
    """A known output as it would be captured from a session."""
    provider = next(provider for prefix, provider in PROVIDERS.items() if known.model.startswith(prefix))
    origin = Origin(provider, known.model, "bench", session="s", time=f"{number:06d}")
    return msgspec.structs.replace(ingredient(number, known.text), origin=origin, path=known.place)


def texts(sources: list[Path]) -> Iterator[tuple[str, bytes]]:
    """The human texts with their names."""
    for source in sources:
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    content = path.read_bytes()
                    if content and b"\0" not in content[:4096]:
                        yield str(path), content
            continue
        file = pq.ParquetFile(source)
        names = [name for name in ("repo", "pkg", "path") if name in file.schema_arrow.names]
        for batch in file.iter_batches(500, columns=["text", *names]):
            for row in batch.to_pylist():
                yield "/".join([source.name, *(row[name].strip("/") for name in names)]), row["text"].encode()


def batches(sources: list[Path]) -> Iterator[list[tuple[str, bytes]]]:
    """The human texts, some megabytes at a time."""
    batch: list[tuple[str, bytes]] = []
    size = 0
    for one in texts(sources):
        batch.append(one)
        size += len(one[1])
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def any_provider(shipped: policy.Policy) -> policy.Policy:
    """The policy as if its origin sets held everyone."""
    return msgspec.structs.replace(shipped, origins={name: policy.schema.OriginSet() for name in shipped.origins})


def strongest(matches: tuple[Match, ...]) -> str:
    """What a text counts as."""
    grades = [one.grade for one in matches if one.similarity is not Similarity.SIMILAR]
    if any(grade is not Grade.IDIOM for grade in grades):
        return str(min(grades, key=list(Grade).index))
    return "similar" if len(grades) < len(matches) else "idiom"


def count(tallies: list[Tally], first: int, batch: list[tuple[str, bytes]], shipped: policy.Policy) -> None:
    """Match one batch against every index; ``first`` is the number of its first text."""
    data = b"".join(text for _, text in batch)
    offsets = np.cumsum([0, *(len(text) for _, text in batch)], dtype=np.int64)
    everyone = any_provider(shipped)
    for tally in tallies:
        assert tally.index is not None
        _, found = matching.match(data, offsets, tally.index)
        for one in found:
            name, text = batch[one.unit]
            tally.best[first + one.unit] = strongest(one.matches)
            finding = policy.judge(Address("", 0, ""), "", one.tokens, one.matches, everyone)
            if finding.verdict is not Action.BLOCK:
                continue
            strict = policy.judge(Address("", 0, ""), "", one.tokens, one.matches, shipped)
            match = next(judged.match for judged in finding.matches if judged.action is Action.BLOCK)
            span, whole = text[match.start : match.end], fingerprint.exact_digest(text).hex()
            tally.blocked[first + one.unit] = Blocked(name, strict.verdict is Action.BLOCK, match, span, whole)


def either(one: Tally, other: Tally) -> Tally:
    """The tally of two indexes together."""
    both = Tally(f"{one.name} and {other.name}", one.outputs + other.outputs, None)
    order = ["copied", "near copy", "similar", "idiom"]
    for number in one.best.keys() | other.best.keys():
        both.best[number] = min((t.best[number] for t in (one, other) if number in t.best), key=order.index)
    both.blocked = {**other.blocked, **one.blocked}
    for number in one.blocked.keys() & other.blocked.keys():
        shipped = one.blocked[number].shipped or other.blocked[number].shipped
        both.blocked[number] = one.blocked[number]._replace(shipped=shipped)
    return both


def ingest(transcripts: Path, folder: Path) -> Tally:
    """The index of the sessions, made by the commands themselves."""
    run = [sys.executable, "-m", "provenance"]
    # Exit code 2: some transcripts could not be read; the benchmark is of those that could.
    done = subprocess.run([*run, "ingest", str(transcripts), "--store", str(folder), "-q"], capture_output=True)
    assert done.returncode in (0, 2), done.stderr.decode()
    subprocess.run([*run, "index", "build", "--store", str(folder)], check=True, capture_output=True)
    return Tally("transcripts", sum(1 for _ in store.ids(folder)), Index(folder / "index"))


def table(tallies: list[Tally], total: int, size: int) -> None:
    """One line an index."""
    head = ["index", "outputs", "texts", "MB", "blocked", "by any provider", "of these different spans"]
    head += ["copied", "near copy", "similar only", "idioms only", "false blocks a GB"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for tally in tallies:
        kinds = Counter(tally.best.values())
        spans = {fingerprint.exact_digest(one.span) for one in tally.blocked.values()}
        cells = [
            tally.name,
            f"{tally.outputs:,}",
            f"{total:,}",
            f"{size / 1e6:,.0f}",
            sum(one.shipped for one in tally.blocked.values()),
            len(tally.blocked),
            len(spans),
            *(kinds[kind] for kind in ("copied", "near copy", "similar", "idiom")),
            f"{len(tally.blocked) / (size / 1e9):.1f}",
        ]
        print("| " + " | ".join(map(str, cells)) + " |")
    print()


def listed(tallies: list[Tally], outputs: dict[str, Known], spans: bool) -> None:
    """Every blocked text, once, with the first index that blocks it."""
    told: set[int] = set()
    head = ["text", "lines", "similarity", "grade", "run", "tokens", "view", "ingredient", "from", "index"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    shown = []
    for tally in tallies:
        for number in sorted(tally.blocked.keys() - told):
            told.add(number)
            one = tally.blocked[number]
            it = one.match
            cells = [
                one.name,
                f"{it.first_line}-{it.last_line}",
                it.similarity,
                it.grade,
                it.run,
                it.tokens,
                it.view,
                it.ingredient[:12],
                f"{it.origin.model}, {it.kind} {it.path}",
                tally.name,
            ]
            print("| " + " | ".join(map(str, cells)) + " |")
            shown.append(one)
    print()
    for one in shown if spans else ():
        print(
            f"--- {one.name}:{one.match.first_line}-{one.match.last_line} ({one.match.similarity}, {one.match.grade})"
        )
        print(one.span.decode("utf-8", "replace")[:4000])
        if one.match.ingredient in outputs:
            print(f"--- known: {one.match.path}")
            print(outputs[one.match.ingredient].text[:4000])
        print()


def download(packages: Path, folder: Path) -> None:
    """Fetch the packages of a list and unpack their text files; what is there already is not fetched again."""
    for line in packages.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        registry, name, version = line.split()
        target = folder / f"{registry}-{name.lstrip('@').replace('/', '-')}-{version}"
        if target.exists():
            continue
        with tempfile.TemporaryDirectory() as temporary:
            FETCH[registry](name, version, Path(temporary))
            archives = list(Path(temporary).iterdir())
            assert len(archives) == 1, (line, archives)
            kept = unpack(archives[0], target)
        print(f"{line}: {kept} text files")


def from_pypi(name: str, version: str, folder: Path) -> None:
    """Download one wheel with pip, as an interpreter of the time would choose it: nothing is built or run."""
    wheel = ["--only-binary=:all:", "--python-version", "3.8", "--implementation", "py", "--abi", "none"]
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*pip, *wheel, "--platform", "any", f"{name}=={version}", "--dest", str(folder)], check=True)


def from_npm(name: str, version: str, folder: Path) -> None:
    """Download one tarball with npm: nothing is installed or run."""
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"{name}@{version}"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


FETCH = {"pypi": from_pypi, "npm": from_npm}


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a wheel or a tarball."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                if not info.is_dir() and info.file_size <= LARGEST:
                    yield info.filename, wheel.read(info)
        return
    with tarfile.open(archive) as tarball:
        for member in tarball:
            content = tarball.extractfile(member) if member.isfile() and member.size <= LARGEST else None
            if content:
                yield member.name, content.read()


def unpack(archive: Path, target: Path) -> int:
    """Write the text files of an archive; how many there were. A name that leads out of the folder is left out."""
    kept = 0
    for name, content in members(archive):
        path = PurePosixPath(name)
        if not content or b"\0" in content[:4096] or path.is_absolute() or ".." in path.parts:
            continue
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)
        kept += 1
    return kept


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", type=Path, metavar="TEXTS")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 3_000, 10_000])
    parser.add_argument("--spans", action="store_true", help="print what matched")
    parser.add_argument("--download", type=Path, metavar="FOLDER", help="fetch the packages and stop")
    parser.add_argument("--packages", type=Path, default=PACKAGES, help="the list for --download")
    given = parser.parse_args()
    if given.download:
        download(given.packages, given.download)
        return
    if not given.texts:
        parser.error("no texts given (folders or Parquet files of human texts)")
    known = known_outputs(given.data / "model_outputs")
    ingredients = [as_ingredient(number, one) for number, one in enumerate(known)]
    outputs = {one.id: text for one, text in zip(ingredients, known, strict=True)}
    shipped = policy.load("clean-room").policy
    print(f"engine {ENGINE}, recipe {RECIPE}: {len(known):,} different known outputs\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tallies = []
        for size in sorted({*(size for size in given.sizes if size < len(known)), len(known)}):
            index.build(folder / str(size), ingredients[:size])
            tallies.append(Tally("outputs", size, Index(folder / str(size))))
        tallies.append(ingest(given.data / "transcripts", folder / "store"))
        total = size = 0
        for batch in batches(given.texts):
            count(tallies, total, batch, shipped)
            total += len(batch)
            size += sum(len(text) for _, text in batch)
        tallies.append(either(tallies[-2], tallies[-1]))
        table(tallies, total, size)
        listed(tallies, outputs, given.spans)


if __name__ == "__main__":
    main()
