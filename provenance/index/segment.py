"""One segment on disk: written once, mapped, each page checked when it is first read. It grades nothing.

Format 2, in docs/format-index.md: flat little-endian arrays and tables (``fingerprint.table``), one a file, and
``manifest.json`` with the recipe, the counts and for every file its size and SHA-256:

    grams         table       the kept grams, an entry a posting: of a gram the CAP earliest, then the others by words
    postings      POSTING     parallel to grams
    crowded       (u32 entry, u32 total): a gram of which postings were dropped, by its first entry, and all it had
    exacts        table       stream hashes of whole texts and passages
    exacted       (u32 ingredient, u32 count, u64 digest), parallel to exacts: the earliest, and how many have the text
    bands         table       LSH band hashes
    banded        u32         the row of signatures, parallel to bands
    signatures    u32[s][128] of the ingredients that have one
    signed        u32[s]      the ingredient of each
    firsts        u64[n+1]    the first token of each ingredient, counted through the segment
    ages          u64[n]      when it was made (``age_of``), ascending
    tokens        u32[n]      of its whole text
    origin        u32[n]      the number of its origin
    cards         blocks of CARDS ``Row``s, each a zlib stream of MessagePack
    card_starts   u64         where each block starts, and the end
    origins       blocks of CARDS origins without their time, likewise
    origin_starts u64
    sums          u64         xxh3-64 of every page of 4096 bytes of the files above, in this order
"""

from __future__ import annotations

import functools
import hashlib
import mmap
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import xxhash

from provenance import fingerprint
from provenance.errors import StoreError
from provenance.fingerprint import RECIPE, minhash
from provenance.fingerprint.table import PAGE, Layout
from provenance.model import UNKNOWN, Evidence, Origin, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 2
CAP = 64
"""Postings kept of one gram in the same words, the earliest, since a finding names the earliest and counts the rest;
and postings of a gram that count under other names."""
GAP = RECIPE.k
"""Tokens left free between passages, so that no diagonal runs from one into the next."""
CARDS = 128
"""Rows of a block of cards or origins."""
POSTING = [("token", "u1", 5), ("words", "<u2"), ("around", "u1", 4)]
"""A posting: its first token counted through the segment (u40), 14 bits of its literal hash with the flags VERBATIM
(bit 14) and SHOWN (bit 15), the marks of the grams around it (``reference.NEAR``)."""
VERBATIM, SHOWN = 1 << 14, 1 << 15
MOST_TOKENS = 1 << 40
TABLES = ("grams", "exacts", "bands")
KINDS: dict[str, Any] = {
    "postings": POSTING,
    "crowded": [("entry", "<u4"), ("total", "<u4")],
    "exacted": [("ingredient", "<u4"), ("count", "<u4"), ("digest", "<u8")],
    "banded": "<u4",
    "signatures": ("<u4", (RECIPE.permutations,)),
    "signed": "<u4",
    "firsts": "<u8",
    "ages": "<u8",
    "tokens": "<u4",
    "origin": "<u4",
    "card_starts": "<u8",
    "origin_starts": "<u8",
}
NAMES = (
    "grams postings crowded exacts exacted bands banded signatures signed firsts ages tokens origin "
    "cards card_starts origins origin_starts"
).split()
AGAIN = "build the index again"
_POPULATE_READ = 22
"""MADV_POPULATE_READ of Linux 5.14: map pages in one call; a page fault for each took 1 s for 2.4 GB."""


class Row(msgspec.Struct, frozen=True, array_like=True):
    """An ingredient as the cards have it; its origin without the time stands apart."""

    id: str
    time: str
    evidence: Evidence
    kind: str
    status: Status
    path: str


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


class Counts(msgspec.Struct, frozen=True):
    """What a segment, or an index, holds and what its promise does not cover."""

    ingredients: int = 0
    grams: int = 0
    postings: int = 0
    windows: int = 0
    """Windows of the passages; of these the promise does not cover:"""
    windows_floor: int = 0
    windows_commons: int = 0
    windows_literal: int = 0
    """... verbatim covered, renaming not."""
    short_ingredients: int = 0
    """Ingredients without a gram: found as whole units only."""
    short_tokens: int = 0
    all_tokens: int = 0
    texts: int = 0
    """Whole texts and passages that can be found as such; equal ones count in each ingredient."""

    def plus(self, other: Counts) -> Counts:
        """The sums. Grams that stand in several segments count in each."""
        mine, theirs = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Counts(*(a + b for a, b in zip(mine, theirs, strict=True)))


class Manifest(msgspec.Struct, frozen=True):
    """What a segment is: format, recipe, commons, counts, files."""

    format: int
    recipe: str
    commons: dict[str, str]
    """The commons sets that were suppressed, by name, with their digests."""
    counts: Counts
    files: dict[str, FileFacts]


def age_of(time: str) -> int:
    """A number that orders times as recorded (ISO 8601, UTC): their digits down to the millisecond; unknown is last."""
    digits = "".join(filter(str.isdigit, time))[:17] if time.isascii() and time != UNKNOWN else ""
    return int(digits.ljust(17, "0")) if digits else (1 << 64) - 1


def order_of(id_: str) -> tuple[int, ...]:
    """What orders ingredients of equal age."""
    return struct.unpack("<2Q", hashlib.md5(id_.encode(), usedforsecurity=False).digest())


class Segment:
    """An opened segment. Its sums were checked when it was opened; every page is, before an answer depends on it."""

    def __init__(self, folder: Path, base: int = 0) -> None:
        import numpy as np

        self.folder = folder
        self.base = base
        """The number that its first ingredient has in the index."""
        self.manifest = read_manifest(folder)
        self.counts = self.manifest.counts
        self.mapped: dict[str, mmap.mmap] = {}
        self.maps = {name: self._map(name) for name in NAMES}
        content = self._map("sums")
        sums = np.frombuffer(content, "<u8")
        if hashlib.sha256(content).hexdigest() != self.manifest.files["sums"].sha256:
            raise StoreError(f"{folder / 'sums'}: damaged, its digest differs from the manifest's ({AGAIN})")
        self.sums, self.checked = {}, {}
        at = 0
        for name in NAMES:
            pages = -(-self.manifest.files[name].size // PAGE)
            self.sums[name] = sums[at : at + pages]
            self.checked[name] = np.zeros(pages, np.bool_)
            at += pages
        if at != len(sums):
            raise StoreError(f"{folder / 'sums'}: of other files than these ({AGAIN})")
        self.arrays = {name: np.frombuffer(self.maps[name], kind) for name, kind in KINDS.items()}
        self.firsts_whole = False
        self._block = functools.lru_cache(maxsize=256)(self._read_block)
        for name in TABLES:
            self._check(name, np.array([0]))

    def _map(self, name: str) -> memoryview:
        facts = self.manifest.files[name]
        path = self.folder / name
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                if size != facts.size:
                    raise StoreError(f"{path}: {size} bytes, the manifest says {facts.size} ({AGAIN})")
                if size == 0:
                    return memoryview(b"")
                self.mapped[name] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                return memoryview(self.mapped[name])
        except FileNotFoundError as error:
            raise StoreError(f"{path}: missing ({AGAIN})") from error

    # ---- pages ----

    def _check(self, name: str, pages: NDArray[np.int64]) -> None:
        """Compare pages that were not read before with their sums; StoreError where one differs."""
        import numpy as np

        content, checked = self.maps[name], self.checked[name]
        new = pages[~checked[pages]]
        if not len(new):
            return
        digest = xxhash.xxh3_64_intdigest
        found = np.array([digest(content[page : page + PAGE]) for page in (new * PAGE).tolist()], np.uint64)
        wrong = new[found != self.sums[name][new]]
        if len(wrong):
            first = int(wrong[0]) * PAGE
            raise StoreError(f"{self.folder / name}: damaged in bytes {first} to {first + PAGE - 1} ({AGAIN})")
        checked[new] = True

    def check_touched(self, name: str, touched: bytes) -> None:
        """Check the pages of a table that the kernel says an answer depends on."""
        import numpy as np

        if touched:
            self._check(name, distinct(np.frombuffer(touched, "<u4")).astype(np.int64))

    def check_all(self, name: str) -> None:
        """Check every page of a file."""
        import numpy as np

        self._check(name, np.arange(len(self.checked[name])))

    @property
    def filter_size(self) -> int:
        """Bytes of the filter of the grams, with the header before it."""
        return Layout(self.maps["grams"]).fan

    def settle(self) -> None:
        """Read and check the filter of the grams as a whole, before a long scan touches all of it page by page."""
        import numpy as np

        pages = np.arange(self.filter_size // PAGE)
        with suppress(OSError, AttributeError):  # older systems do without
            self.mapped["grams"].madvise(_POPULATE_READ, 0, len(pages) * PAGE)
        self._check("grams", pages)

    def rows(self, name: str, at: NDArray[np.int64]) -> NDArray[Any]:
        """The rows of an array at these numbers."""
        import numpy as np

        array = self.arrays[name]
        if len(at):
            size = array.dtype.itemsize * (array.shape[1] if array.ndim > 1 else 1)
            pages = np.concatenate([at * size // PAGE, (at * size + size - 1) // PAGE])
            if size > PAGE:
                raise AssertionError("a row is at most a page")
            self._check(name, distinct(pages[(pages == pages[0]) | ~self.checked[name][pages]]))
        return array[at]

    # ---- what stands there ----

    def find(self, name: str, keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """The first entries with these keys in a table, and how many there are of each."""
        import numpy as np

        firsts, counts, touched = fingerprint.engine.find(
            keys.astype("<u8").tobytes(), self.maps[name], self.checked[name]
        )
        self.check_touched(name, touched)
        return np.frombuffer(firsts, "<u4"), np.frombuffer(counts, "<u4")

    def tail(self, first: int, count: int, words: int) -> range:
        """The entries of a crowded gram beyond the first CAP that have these very words."""
        import numpy as np

        places = np.arange(first + CAP, first + count)
        held = self.rows("postings", places)["words"] & (VERBATIM - 1)
        return range(
            first + CAP + int(np.searchsorted(held, words)), first + CAP + int(np.searchsorted(held, words, "right"))
        )

    def total(self, first: int, count: int) -> int:
        """How many postings a gram had, by its first entry and the number that are kept."""
        import numpy as np

        self.check_all("crowded")
        entries = self.arrays["crowded"]["entry"]
        at = int(np.searchsorted(entries, first))
        if at < len(entries) and entries[at] == first:
            return int(self.arrays["crowded"]["total"][at])
        return count

    def owners(self, tokens: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ingredients (by their numbers in the segment) of tokens counted through it, and the tokens' positions
        in them."""
        import numpy as np

        if not self.firsts_whole:
            self.check_all("firsts")
            self.firsts_whole = True
        firsts = self.arrays["firsts"]
        number = np.searchsorted(firsts, tokens, "right") - 1
        return number.astype(np.int64), (tokens - firsts[number]).astype(np.int64)

    def _read_block(self, name: str, starts: str, block: int) -> Any:
        import numpy as np

        first, end = self.rows(starts, np.array([block, block + 1])).tolist()
        self._check(name, np.arange(first // PAGE, -(-end // PAGE)))
        try:
            return _BLOCKS[name].decode(zlib.decompress(self.maps[name][first:end]))
        except (zlib.error, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise StoreError(f"{self.folder / name}: block {block} cannot be read: {error} ({AGAIN})") from error

    def card(self, number: int) -> Card:
        """What is known of the ingredient with this number in the segment."""
        import numpy as np

        row: Row = self._block("cards", "card_starts", number // CARDS)[number % CARDS]
        which = int(self.rows("origin", np.array([number]))[0])
        origin: Origin = self._block("origins", "origin_starts", which // CARDS)[which % CARDS]
        origin = msgspec.structs.replace(origin, time=row.time)
        return Card(row.id, origin, row.evidence, row.kind, row.status, row.path)


_BLOCKS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    "cards": msgspec.msgpack.Decoder(tuple[Row, ...]),
    "origins": msgspec.msgpack.Decoder(tuple[Origin, ...]),
}


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """The different values, ascending.

    ``np.unique`` imports numpy.ma for it (30 ms of a check of 350), and takes 300 ms, not 6, for the 350,000 keys of
    the shipped common grams (numpy 2.4 hashes them, and sorts what is left).
    """
    import numpy as np

    ordered: NDArray[Any] = np.sort(values)
    different: NDArray[np.bool_] = np.concatenate(
        [np.ones(min(1, len(ordered)), np.bool_), ordered[1:] != ordered[:-1]]
    )
    found: NDArray[Any] = ordered[different]
    return found


def tokens_of(postings: NDArray[Any]) -> NDArray[np.uint64]:
    """The first tokens of postings, counted through their segment."""
    import numpy as np

    octets = np.zeros((len(postings), 8), np.uint8)
    octets[:, :5] = postings["token"]
    return octets.view("<u8").ravel()


def band_hashes(signatures: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The band hashes of signatures (n, 128): (n, BANDS), each xxh3-64 of the band's number and rows."""
    import numpy as np

    content = np.ascontiguousarray(signatures, "<u4").tobytes()
    width, step, digest = 4 * minhash.ROWS, 4 * RECIPE.permutations, xxhash.xxh3_64_intdigest
    hashes = [
        digest(content[first + band * width : first + (band + 1) * width], band)
        for first in range(0, len(content), step)
        for band in range(minhash.BANDS)
    ]
    return np.array(hashes, np.uint64).reshape(-1, minhash.BANDS)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a segment; StoreError where it is missing, foreign, or of another format or recipe."""
    path = folder / "manifest.json"
    try:
        content = path.read_bytes()
        head = msgspec.json.decode(content, type=_Head)
        refuse_other(path, head.format, head.recipe)
        manifest = msgspec.json.decode(content, type=Manifest)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing ({AGAIN})") from error
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: not a manifest of this format: {error} ({AGAIN})") from error
    if set(manifest.files) != {*NAMES, "sums"}:
        raise StoreError(f"{path}: names other files than this format has ({AGAIN})")
    return manifest


class _Head(msgspec.Struct):
    format: int
    recipe: str


def refuse_other(path: Path, format_: int, recipe: str) -> None:
    """StoreError where what was read is of another format or recipe than this version's."""
    if format_ != FORMAT:
        raise StoreError(f"{path}: format {format_}; this version reads {FORMAT} ({AGAIN})")
    if recipe != str(RECIPE):
        raise StoreError(
            f"{path}: built with recipe {recipe}; this version has {RECIPE} (build the index again with "
            "'provenance index build')"
        )


def verify(folder: Path) -> None:
    """Read every byte of a segment; StoreError names the first file that is not as the manifest's SHA-256 has it."""
    for name, facts in read_manifest(folder).files.items():
        try:
            digest = _sha256(folder / name)
        except FileNotFoundError as error:
            raise StoreError(f"{folder / name}: missing ({AGAIN})") from error
        if digest != facts.sha256:
            raise StoreError(f"{folder / name}: damaged, its SHA-256 differs from the manifest's ({AGAIN})")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
