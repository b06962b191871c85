"""One segment on disk: written once, checked and mapped on opening. It selects nothing and grades nothing.

Format 1, in docs/format-index.md. Flat little-endian arrays, one a file, and ``manifest.json`` with the recipe,
the counts and for every file its size, SHA-256 and xxh3-128:

    grams          u64[g]      keys of the selected grams, sorted, distinct
    starts         u64[g+1]    the postings of gram i are starts[i]..starts[i+1]
    postings       (u32 ingredient, u32 position, u32 check)[p]   of a gram the CAP earliest, then the others by words
    totals         u32[g]      how many postings a gram had before the cap
    bloom          filter of the grams (index.bloom)
    streams        u64[e]      stream hashes of whole texts and passages, sorted
    exacts         (u32 ingredient, u32 tokens, 16 bytes digest)[e], parallel to streams
    bands          u64[b]      LSH band hashes, sorted
    banded         u32[b]      the ingredient of each
    signatures     u32[n][128] all ones where an ingredient has none
    tokens         u32[n]      tokens of each ingredient
    ingredients    JSON lines  id, origin, evidence, kind, status, path; no text
    lines          u64[n+1]    where each line of ingredients starts
"""

from __future__ import annotations

import hashlib
import mmap
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import xxhash

from provenance.errors import StoreError
from provenance.fingerprint import RECIPE, minhash
from provenance.index import bloom, select
from provenance.model import Evidence, Ingredient, Origin, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
CAP = 64
"""Postings kept of one gram in the same words, the earliest, since a finding names the earliest and counts the rest;
and postings of a gram that count under other names."""
VERBATIM = 1 << 16
"""Set in a posting's check: a hit counts only if the 16 bits below agree."""
SHOWN = 1 << 17
"""Set in a posting's check: a hit counts only in one run with a hit that has it clear."""
GAP = RECIPE.k
"""Positions left free between passages, so that no diagonal runs from one into the next."""
NAMES = "grams starts postings totals bloom streams exacts bands banded signatures tokens ingredients lines".split()


class Card(msgspec.Struct, frozen=True):
    """What the index knows of an ingredient."""

    id: str
    origin: Origin
    evidence: Evidence
    kind: str
    status: Status
    path: str


class FileFacts(msgspec.Struct, frozen=True):
    """What the manifest says of a file."""

    size: int
    sha256: str
    xxh3: str


class Manifest(msgspec.Struct, frozen=True):
    """What a segment is: format, recipe, commons, counts, files."""

    format: int
    recipe: str
    commons: dict[str, str]
    """The commons sets that were suppressed, by name, with their digests."""
    ingredients: int
    grams: int
    postings: int
    windows: int
    """Windows of the passages; of these the promise does not cover:"""
    windows_floor: int
    windows_commons: int
    windows_literal: int
    """... verbatim covered, renaming not."""
    short_ingredients: int
    """Ingredients without a gram: found as whole units only."""
    short_tokens: int
    all_tokens: int
    files: dict[str, FileFacts]


def build(folder: Path, ingredients: Iterable[Ingredient], common: dict[str, NDArray[np.uint64]]) -> Manifest:
    """Write the segment of these ingredients into an empty folder; the same ingredients give the same bytes."""
    import numpy as np

    # The earliest first, so that number order is age; an unknown time is no earlier than any known one.
    ordered = sorted(ingredients, key=lambda one: (one.origin.time == "unknown", one.origin.time, one.id))
    suppressed = np.unique(np.concatenate([*common.values(), np.empty(0, np.uint64)]))
    columns, counts = _selected(ordered, suppressed)
    data = _postings(columns)
    data |= _exacts(ordered)
    data |= _bands(ordered)
    data["tokens"] = np.array([one.whole.tokens for one in ordered], "<u4")
    cards = [msgspec.json.encode(Card(o.id, o.origin, o.evidence, o.kind, o.status, o.path)) + b"\n" for o in ordered]
    data["lines"] = np.cumsum([0, *map(len, cards)], dtype="<u8")
    contents = {name: array.tobytes() for name, array in data.items()}
    contents["ingredients"] = b"".join(cards)
    contents["bloom"] = bloom.build(data["grams"])
    facts = {}
    for name in NAMES:
        content = contents[name]
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        facts[name] = FileFacts(len(content), digest, xxhash.xxh3_128_hexdigest(content))
    manifest = Manifest(
        format=FORMAT,
        recipe=str(RECIPE),
        commons={
            name: xxhash.xxh3_128_hexdigest(keys.astype("<u8").tobytes()) for name, keys in sorted(common.items())
        },
        ingredients=len(ordered),
        grams=len(data["grams"]),
        postings=len(data["postings"]),
        windows=counts["windows"],
        windows_floor=counts["floor"],
        windows_commons=counts["commons"],
        windows_literal=counts["literal"],
        short_ingredients=counts["short"],
        short_tokens=counts["short_tokens"],
        all_tokens=int(data["tokens"].sum(dtype=np.uint64)),
        files=facts,
    )
    (folder / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    return manifest


def _selected(ordered: list[Ingredient], suppressed: NDArray[np.uint64]) -> tuple[dict[str, list[Any]], Counter[str]]:
    """The selected grams of all passages as columns, and the counts of the manifest."""
    import numpy as np

    columns: dict[str, list[Any]] = {"key": [], "number": [], "position": [], "check": []}
    counts: Counter[str] = Counter()
    for number, one in enumerate(ordered):
        offset = 0
        kept = 0
        for passage, verbatim, shown in zip(one.passages, one.verbatim, one.shown, strict=True):
            keys = np.frombuffer(passage.keys, "<u8")
            positions = np.frombuffer(passage.positions, "<u4")
            chosen = select.select(passage.tokens, keys, positions, _within(keys, suppressed))
            counts.update(windows=chosen.windows, floor=chosen.floor, commons=chosen.commons, literal=chosen.literal)
            checks = np.frombuffer(passage.checks, "<u2").astype(np.uint32)
            checks[list(verbatim)] |= np.uint32(VERBATIM)
            checks[list(shown)] |= np.uint32(SHOWN)
            columns["key"].append(keys[chosen.chosen])
            columns["position"].append(positions[chosen.chosen] + np.uint32(offset))
            columns["check"].append(checks[chosen.chosen])
            columns["number"].append(np.full(len(chosen.chosen), number, np.uint32))
            kept += len(chosen.chosen)
            offset += passage.tokens + GAP
        if not kept:
            counts.update(short=1, short_tokens=one.whole.tokens)
    return columns, counts


def _within(keys: NDArray[np.uint64], table: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which keys a sorted table holds."""
    import numpy as np

    if not len(table):
        return np.zeros(len(keys), np.bool_)
    at = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    found: NDArray[np.bool_] = table[at] == keys
    return found


def _postings(columns: dict[str, list[Any]]) -> dict[str, Any]:
    import numpy as np

    key, number, position, check = (
        np.concatenate([np.empty(0, kind), *columns[name]]).astype(kind)
        for name, kind in (("key", np.uint64), ("number", np.uint32), ("position", np.uint32), ("check", np.uint32))
    )
    order = np.lexsort((position, number, key))
    key, number, position, check = key[order], number[order], position[order], check[order]
    totals = np.unique(key, return_counts=True)[1]
    words: Any = check.astype(np.uint32) & np.uint32(0xFFFF)
    # Outputs that share the very words of a gram: all but the earliest CAP are alike and are only counted.
    kept = _rank((key, words), number) < CAP
    key, number, position, check, words = key[kept], number[kept], position[kept], check[kept], words[kept]
    # The earliest CAP outputs of a gram stand first, whatever their words; the others by their words.
    late = _rank((key,), number) >= CAP
    order = np.lexsort((position, number, np.where(late, words, 0), late, key))
    grams, counts = np.unique(key, return_counts=True)
    postings = np.zeros(len(key), [("ingredient", "<u4"), ("position", "<u4"), ("check", "<u4")])
    postings["ingredient"], postings["position"], postings["check"] = number[order], position[order], check[order]
    return {
        "grams": grams.astype("<u8"),
        "starts": np.concatenate([[0], np.cumsum(counts)]).astype("<u8"),
        "postings": postings,
        "totals": totals.astype("<u4"),
    }


def _rank(group: tuple[Any, ...], number: Any) -> Any:
    """For each posting (sorted by key and number), how many of its group come before it."""
    import numpy as np

    order = np.lexsort((number, *reversed(group)))
    change = np.zeros(len(order), np.bool_)
    for part in group:
        sorted_ = part[order]
        change[1:] |= sorted_[1:] != sorted_[:-1]
    starts = np.flatnonzero(change)
    base = np.zeros(len(order), np.int64)
    base[starts] = starts
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.maximum.accumulate(base)
    return rank


def _exacts(ordered: list[Ingredient]) -> dict[str, Any]:
    """Whole texts and passages by their digests, each with the earliest ingredient that has it."""
    import numpy as np

    exacts: dict[tuple[int, bytes], tuple[int, int]] = {}
    for number, one in enumerate(ordered):
        # A passage without a gram of the model's own is no evidence as a whole either.
        own = [p for p, shown in zip(one.passages, one.shown, strict=True) if not shown or 8 * len(shown) < len(p.keys)]
        for print_ in (one.whole, *own):
            exacts.setdefault((print_.stream, print_.digest), (number, print_.tokens))
    table = sorted((stream, number, tokens, digest) for (stream, digest), (number, tokens) in exacts.items())
    rows = [(number, tokens, digest) for _, number, tokens, digest in table]
    return {
        "streams": np.array([stream for stream, *_ in table], "<u8"),
        "exacts": np.array(rows, [("ingredient", "<u4"), ("tokens", "<u4"), ("digest", "V16")]),
    }


def band_hashes(signatures: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The band hashes of signatures (n, 128): (n, BANDS), each xxh3-64 of the band's number and rows."""
    import numpy as np

    hashes = np.empty((len(signatures), minhash.BANDS), np.uint64)
    for band in range(minhash.BANDS):
        rows = np.ascontiguousarray(signatures[:, band * minhash.ROWS : (band + 1) * minhash.ROWS], "<u4")
        hashes[:, band] = [xxhash.xxh3_64_intdigest(row.tobytes(), seed=band) for row in rows]
    return hashes


def _bands(ordered: list[Ingredient]) -> dict[str, Any]:
    import numpy as np

    none = b"\xff" * (4 * RECIPE.permutations)
    blob = b"".join(one.signature or none for one in ordered)
    signatures = np.frombuffer(blob, "<u4").reshape(len(ordered), RECIPE.permutations)
    signed = np.array([bool(one.signature) for one in ordered], np.bool_)
    numbers = np.flatnonzero(signed).astype(np.uint32)
    hashes = band_hashes(signatures[signed]).ravel()
    owners = np.repeat(numbers, minhash.BANDS)
    order = np.lexsort((owners, hashes))
    return {
        "signatures": signatures,
        "bands": hashes[order].astype("<u8"),
        "banded": owners[order].astype("<u4"),
    }


class Segment:
    """An opened segment: its manifest and its arrays, mapped from disk."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self.folder = folder
        self.manifest = read_manifest(folder)
        self.buffers = {name: self._map(name) for name in NAMES}
        kinds: dict[str, Any] = {
            "grams": "<u8",
            "starts": "<u8",
            "postings": [("ingredient", "<u4"), ("position", "<u4"), ("check", "<u4")],
            "totals": "<u4",
            "streams": "<u8",
            "exacts": [("ingredient", "<u4"), ("tokens", "<u4"), ("digest", "V16")],
            "bands": "<u8",
            "banded": "<u4",
            "signatures": "<u4",
            "tokens": "<u4",
            "lines": "<u8",
        }
        arrays = {name: np.frombuffer(self.buffers[name], kind) for name, kind in kinds.items()}
        self.grams, self.starts, self.postings, self.totals = (arrays[n] for n in NAMES[:4])
        self.streams, self.exacts = arrays["streams"], arrays["exacts"]
        self.bands, self.banded = arrays["bands"], arrays["banded"]
        self.signatures = arrays["signatures"].reshape(-1, RECIPE.permutations)
        self.tokens, self.lines = arrays["tokens"], arrays["lines"]

    def _map(self, name: str) -> memoryview:
        facts = self.manifest.files[name]
        path = self.folder / name
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                if size != facts.size:
                    raise StoreError(f"{path}: {size} bytes, the manifest says {facts.size} (build the index again)")
                content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")
        except FileNotFoundError as error:
            raise StoreError(f"{path}: missing (build the index again)") from error
        if xxhash.xxh3_128_hexdigest(content) != facts.xxh3:
            raise StoreError(f"{path}: damaged, its digest differs from the manifest's (build the index again)")
        return content

    def tail(self, gram: int, check: int) -> range:
        """The places of a crowded gram's postings beyond the first CAP that have these very words."""
        import numpy as np

        first, last = int(self.starts[gram]) + CAP, int(self.starts[gram + 1])
        words = self.postings["check"][first:last] & 0xFFFF
        return range(first + int(np.searchsorted(words, check)), first + int(np.searchsorted(words, check, "right")))

    def card(self, number: int) -> Card:
        """What is known of ingredient ``number``."""
        line = bytes(self.buffers["ingredients"][int(self.lines[number]) : int(self.lines[number + 1])])
        return msgspec.json.decode(line, type=Card)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a segment; StoreError where it is missing, foreign, or of another format or recipe."""
    path = folder / "manifest.json"
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing (build the index again)") from error
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: not a manifest of this format: {error} (build the index again)") from error
    if manifest.format != FORMAT:
        raise StoreError(f"{path}: format {manifest.format}; this version reads {FORMAT} (build the index again)")
    if manifest.recipe != str(RECIPE):
        raise StoreError(
            f"{path}: built with recipe {manifest.recipe}; this version has {RECIPE} (build the index again with "
            "'provenance index build')"
        )
    if set(manifest.files) != set(NAMES):
        raise StoreError(f"{path}: names other files than this format has (build the index again)")
    return manifest


def verify(folder: Path) -> None:
    """Read every byte of a segment; StoreError names the first file that is not as the manifest's SHA-256 has it."""
    manifest = read_manifest(folder)
    for name, facts in manifest.files.items():
        digest = hashlib.sha256()
        try:
            with (folder / name).open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except FileNotFoundError as error:
            raise StoreError(f"{folder / name}: missing (build the index again)") from error
        if digest.hexdigest() != facts.sha256:
            raise StoreError(
                f"{folder / name}: damaged, its SHA-256 differs from the manifest's (build the index again)"
            )
