"""Builds one segment from a stream of ingredients, in bounded memory. It opens none.

Memory is some 60 bytes an ingredient and a few hundred megabytes for the rest; all else goes through ``spill``.
Numbers are given by age when the last ingredient has come, so the same ingredients in any order give the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import xxhash

from provenance import fingerprint
from provenance.errors import StoreError
from provenance.fingerprint import RECIPE, minhash
from provenance.fingerprint.reference import SHOWN, VERBATIM
from provenance.fingerprint.table import PAGE, SPREAD
from provenance.index import segment, table
from provenance.index.segment import CAP, CARDS, GAP, NAMES, Counts, FileFacts, Manifest, Row, Segment, age_of
from provenance.index.spill import Spill, taken
from provenance.model import UNKNOWN, Fingerprint, Ingredient, Origin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ORIGINS = 1 << 20
"""Distinct origins remembered while a segment is built; beyond, some are written more than once."""
GRAM = [("place", "<u8"), ("number", "<u4"), ("position", "<u4"), ("words", "<u2"), ("around", "u1", 4)]
EXACT = [("place", "<u8"), ("number", "<u4"), ("count", "<u4"), ("digest", "<u8")]
BAND = [("place", "<u8"), ("number", "<u4")]
COPIED = 1 << 20
"""Bytes copied at a time."""
_encode = msgspec.msgpack.Encoder().encode

Progress = Callable[[str, int, int], None]
"""Is told what is done ("ingredients", "grams"), how much of it, and how much there is, 0 while that is unknown."""


class Builder:
    """Takes ingredients, or whole segments, as they come and writes one segment into an empty folder."""

    def __init__(self, folder: Path, common: dict[str, NDArray[np.uint64]]) -> None:
        import numpy as np

        self.folder = folder
        self.spilled = folder / "spill"
        self.spilled.mkdir()
        keys = segment.distinct(np.concatenate([*common.values(), np.empty(0, np.uint64)]))
        self.commons = table.of(keys) if len(keys) else b""
        self.names = digests(common)
        self.grams = Spill(self.spilled, "grams", GRAM)
        self.exacts = Spill(self.spilled, "exacts", EXACT)
        self.bands = Spill(self.spilled, "bands", BAND)
        self.dropped: dict[int, int] = {}
        """By place, the postings that a merged segment had dropped already."""
        self.counts = Counts()
        self.origins: dict[Origin, int] = {}
        self.origin_rows: list[Origin] = []
        self.columns: dict[str, list[NDArray[Any]]] = {
            name: [] for name in ("age", "id", "span", "tokens", "origin", "length", "signed")
        }
        self.rows = (self.spilled / "rows").open("xb+")
        self.signatures = (self.spilled / "signatures").open("xb+")

    def close(self) -> None:
        """Remove what was spilled."""
        self.rows.close()
        self.signatures.close()
        shutil.rmtree(self.spilled, ignore_errors=True)

    # ---- in: ingredients ----

    def add(self, ingredients: Sequence[Ingredient]) -> None:
        """Take a batch of ingredients: a thousand or so make the call of the kernel worth it."""
        import numpy as np

        passages = [
            (number, *passage)
            for number, one in enumerate(ingredients)
            for passage in zip(one.passages, one.verbatim, one.shown, strict=True)
        ]
        owners = np.array([number for number, *_ in passages], np.int64)
        lengths = np.array([p.tokens for _, p, _, _ in passages], "<u4")
        sizes = np.array([len(p.keys) // 8 for _, p, _, _ in passages], "<u4")
        flags = bytearray(int(sizes.sum(dtype=np.int64)))
        first = 0
        for _, passage, verbatim, shown in passages:
            for place in verbatim:
                flags[first + place] |= VERBATIM
            for place in shown:
                flags[first + place] |= SHOWN
            first += len(passage.keys) // 8
        keys, which, positions, words, around, counts = fingerprint.engine.select(
            lengths.tobytes(),
            sizes.tobytes(),
            b"".join([p.keys for _, p, _, _ in passages]),
            b"".join([p.checks for _, p, _, _ in passages]),
            b"".join([p.positions for _, p, _, _ in passages]),
            bytes(flags),
            self.commons,
        )
        spans = lengths.astype(np.int64) + GAP
        of_one = np.bincount(owners, spans, len(ingredients)).astype(np.int64)
        inside = (np.cumsum(spans) - spans) - (np.cumsum(of_one) - of_one)[owners]
        if len(of_one) and int(of_one.max()) >> 32:
            raise StoreError("an output of 2**32 tokens or more cannot be indexed (leave it out of the store)")
        passage_of = np.frombuffer(which, "<u4")
        number_of = owners[passage_of]
        records = np.empty(len(passage_of), GRAM)
        records["place"] = _place(np.frombuffer(keys, "<u8"))
        records["number"] = number_of + self.counts.ingredients
        records["position"] = np.frombuffer(positions, "<u4") + inside[passage_of]
        records["words"] = np.frombuffer(words, "<u2")
        records["around"] = np.frombuffer(around, "u1").reshape(-1, 4)
        self.grams.add(records)
        self._whole(ingredients)
        tokens = np.array([one.whole.tokens for one in ingredients], "<u4")
        short = np.bincount(number_of, minlength=len(ingredients)) == 0
        windows, floor, suppressed, literal = counts
        counted = Counts(
            windows=windows,
            windows_floor=floor,
            windows_commons=suppressed,
            windows_literal=literal,
            short_ingredients=int(short.sum()),
            short_tokens=int(tokens[short].sum(dtype=np.uint64)),
            all_tokens=int(tokens.sum(dtype=np.uint64)),
        )
        self._describe(
            [Row(one.id, one.origin.time, one.evidence, one.kind, one.status, one.path) for one in ingredients],
            [one.origin for one in ingredients],
            tokens,
            of_one,
            counted,
        )

    def _whole(self, ingredients: Sequence[Ingredient]) -> None:
        """Whole texts and passages by their digests, and the signatures."""
        import numpy as np

        first = self.counts.ingredients
        exacts = [
            (stream, number, 1, digest)
            for number, one in enumerate(ingredients, first)
            for stream, digest in {(p.stream, int.from_bytes(p.digest[:8], "little")) for p in _evident(one)}
        ]
        self.counts = self.counts.plus(Counts(texts=len(exacts)))
        records = np.array(exacts, EXACT)
        records["place"] = _place(records["place"])
        self.exacts.add(records)
        signed = [(number, one.signature) for number, one in enumerate(ingredients, first) if one.signature]
        if signed:
            blob = b"".join([signature for _, signature in signed])
            self._sign(np.array([number for number, _ in signed], "<u4"), np.frombuffer(blob, "<u4"))

    def _sign(self, numbers: NDArray[np.uint32], signatures: NDArray[np.uint32]) -> None:
        import numpy as np

        hashes = segment.band_hashes(signatures.reshape(-1, RECIPE.permutations))
        bands = np.empty(hashes.size, BAND)
        bands["place"] = _place(hashes.ravel())
        bands["number"] = np.repeat(numbers, minhash.BANDS)
        self.bands.add(bands)
        self.signatures.write(np.ascontiguousarray(signatures, "<u4").data)
        self.columns["signed"].append(numbers)

    def _describe(
        self,
        rows: Sequence[Row],
        origins: Sequence[Origin],
        tokens: NDArray[np.uint32],
        spans: NDArray[np.int64],
        counted: Counts,
    ) -> None:
        """Take what is known of some ingredients: cards, origins, their tokens and how many positions they take."""
        import numpy as np

        encoded = [_encode(row) for row in rows]
        self.rows.write(b"".join(encoded))
        columns = {
            "age": np.array([age_of(row.time) for row in rows], "<u8"),
            "id": np.array([hashlib.md5(row.id.encode(), usedforsecurity=False).digest() for row in rows], "V16"),
            "span": spans.astype("<u4"),
            "tokens": tokens,
            "origin": np.array([self._origin(origin) for origin in origins], "<u4"),
            "length": np.array([len(one) for one in encoded], "<u4"),
        }
        for name, column in columns.items():
            self.columns[name].append(column)
        self.counts = self.counts.plus(counted).plus(Counts(ingredients=len(rows)))

    def _origin(self, origin: Origin) -> int:
        timeless = msgspec.structs.replace(origin, time=UNKNOWN)
        number = self.origins.get(timeless)
        if number is None:
            if len(self.origins) >= ORIGINS:
                self.origins.clear()
            number = self.origins[timeless] = len(self.origin_rows)
            self.origin_rows.append(timeless)
        return number

    # ---- in: segments ----

    def merge(self, part: Segment) -> None:
        """Take a whole segment, every page of it checked."""
        import numpy as np

        for name in NAMES:
            part.check_all(name)
        first = self.counts.ingredients
        for places, start in _places(part, "grams"):
            postings = part.arrays["postings"][start : start + len(places)]
            numbers, positions = part.owners(segment.tokens_of(postings))
            records = np.empty(len(places), GRAM)
            records["place"] = places
            records["number"] = numbers + first
            records["position"] = positions
            records["words"], records["around"] = postings["words"], postings["around"]
            self.grams.add(records)
        self._merge_crowded(part)
        for places, start in _places(part, "exacts"):
            exacted = part.arrays["exacted"][start : start + len(places)]
            records = np.empty(len(places), EXACT)
            records["place"], records["digest"], records["count"] = places, exacted["digest"], exacted["count"]
            records["number"] = exacted["ingredient"] + np.uint32(first)
            self.exacts.add(records)
        for start in range(0, len(part.arrays["signed"]), 4 * CARDS):
            chosen = slice(start, start + 4 * CARDS)
            self._sign(part.arrays["signed"][chosen] + np.uint32(first), part.arrays["signatures"][chosen])
        spans = np.diff(part.arrays["firsts"]).astype(np.int64)
        for start in range(0, part.counts.ingredients, CARDS):
            chosen = slice(start, start + CARDS)
            cards = [part.card(n) for n in range(start, min(start + CARDS, part.counts.ingredients))]
            self._describe(
                [Row(one.id, one.origin.time, one.evidence, one.kind, one.status, one.path) for one in cards],
                [one.origin for one in cards],
                part.arrays["tokens"][chosen],
                spans[chosen],
                Counts(),
            )
        self.counts = self.counts.plus(msgspec.structs.replace(part.counts, ingredients=0, grams=0, postings=0))

    def _merge_crowded(self, part: Segment) -> None:
        crowded = part.arrays["crowded"]
        if not len(crowded):
            return
        for places, start in _places(part, "grams"):
            here = crowded[(crowded["entry"] >= start) & (crowded["entry"] < start + len(places))]
            for entry, total in here.tolist():
                place = places[entry - start]
                end = entry - start
                while end < len(places) and places[end] == place:
                    end += 1
                kept = end - (entry - start)
                self.dropped[int(place)] = self.dropped.get(int(place), 0) + total - kept

    # ---- out ----

    def finish(self, progress: Progress | None = None) -> Manifest:
        """Write the segment's files and its manifest."""
        import numpy as np

        columns = {name: np.concatenate([np.empty(0, _KINDS[name]), *parts]) for name, parts in self.columns.items()}
        self.columns = {}
        order = _by_age(columns["age"], columns["id"])
        del columns["id"]
        rank = np.empty(len(order), np.uint32)
        rank[order] = np.arange(len(order), dtype=np.uint32)
        firsts = np.concatenate([[0], np.cumsum(columns["span"][order], dtype=np.uint64)]).astype("<u8")
        if int(firsts[-1]) >= segment.MOST_TOKENS:
            raise StoreError("more than 2**40 tokens in one segment: build the index in parts with 'index add'")
        self._write("firsts", firsts)
        self._write("ages", columns["age"][order])
        self._write("tokens", columns["tokens"][order])
        self._write_cards(order, columns["length"], columns["origin"])
        grams, postings = self._write_grams(rank, firsts, progress)
        self._write_exacts(rank)
        self._write_bands(rank, columns["signed"])
        self.close()
        self.counts = msgspec.structs.replace(self.counts, grams=grams, postings=postings)
        manifest = Manifest(segment.FORMAT, str(RECIPE), self.names, self.counts, _seal(self.folder))
        (self.folder / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        return manifest

    def _write(self, name: str, array: NDArray[Any]) -> None:
        import numpy as np

        with (self.folder / name).open("xb") as file:
            file.write(np.ascontiguousarray(array).data)

    def _write_cards(self, order: NDArray[np.int64], lengths: NDArray[np.uint32], origins: NDArray[np.uint32]) -> None:
        """Cards by age; origins numbered as the cards first name them."""
        import numpy as np

        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

        def cards() -> Iterator[bytes]:
            for first in range(0, len(order), CARDS):
                block = order[first : first + CARDS]
                if bool((np.diff(block) == 1).all()):
                    yield _at(self.rows, int(starts[block[0]]), int(starts[block[-1] + 1] - starts[block[0]]))
                else:
                    yield b"".join(_at(self.rows, int(starts[n]), int(lengths[n])) for n in block.tolist())

        self._write_blocks("cards", "card_starts", cards(), len(order))
        named, place = np.unique(origins[order], return_index=True)
        by_first = np.argsort(place)
        renamed = np.zeros(len(self.origin_rows), "<u4")
        renamed[named[by_first]] = np.arange(len(named), dtype=np.uint32)
        self._write("origin", renamed[origins[order]] if len(order) else np.empty(0, "<u4"))
        rows = [self.origin_rows[n] for n in named[by_first].tolist()]
        blocks = (b"".join(map(_encode, rows[first : first + CARDS])) for first in range(0, len(rows), CARDS))
        self._write_blocks("origins", "origin_starts", blocks, len(rows))

    def _write_blocks(self, name: str, starts_name: str, blocks: Iterator[bytes], rows: int) -> None:
        import numpy as np

        starts = [0]
        with (self.folder / name).open("xb") as file:
            for number, block in enumerate(blocks):
                head = _array_head(min(CARDS, rows - number * CARDS))
                starts.append(starts[-1] + file.write(zlib.compress(head + block, 1)))
        self._write(starts_name, np.array(starts, "<u8"))

    def _write_grams(
        self, rank: NDArray[np.uint32], firsts: NDArray[np.uint64], progress: Progress | None
    ) -> tuple[int, int]:
        """The grams with their postings; how many there are of each."""
        import numpy as np

        crowded: list[tuple[int, int]] = []
        grams = done = 0
        with (self.folder / "grams").open("xb") as keys, (self.folder / "postings").open("xb") as file:
            writer = table.Writer(keys, self.grams.count + sum(self.dropped.values()))
            for records in self.grams.chunks():
                done += len(records)
                token = firsts[rank[records["number"]]] + records["position"]
                kept, starts, totals = _capped(records["place"], token, records["words"])
                records, token = taken(records, kept), token[kept]
                entries = np.diff(np.append(starts, len(records)))
                full = self._crowded(records["place"], starts, entries, totals)
                crowded += [(writer.count + int(starts[gram]), int(totals[gram])) for gram in full]
                postings = np.empty(len(records), segment.POSTING)
                postings["token"] = token.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :5]
                postings["words"], postings["around"] = records["words"], records["around"]
                file.write(postings.data)
                writer.add(records["place"])
                grams += len(starts)
                if progress:
                    progress("grams", done, self.grams.count)
            writer.close()
        self._write("crowded", np.array(crowded, segment.KINDS["crowded"]))
        return grams, writer.count

    def _crowded(
        self, places: NDArray[np.uint64], starts: NDArray[Any], entries: NDArray[Any], totals: NDArray[Any]
    ) -> list[int]:
        """The grams of which postings were dropped now or in a segment that was merged; adds the latter to totals."""
        import numpy as np

        if self.dropped and len(starts):
            before = np.array(sorted(self.dropped), np.uint64)
            grams = places[starts]
            at = np.minimum(np.searchsorted(before, grams), len(before) - 1)
            for gram in np.flatnonzero(before[at] == grams).tolist():
                totals[gram] += self.dropped[int(grams[gram])]
        found: list[int] = np.flatnonzero(totals > entries).tolist()
        return found

    def _write_exacts(self, rank: NDArray[np.uint32]) -> None:
        """Whole texts and passages, each with the earliest ingredient that has it and how many have."""
        import numpy as np

        with (self.folder / "exacts").open("xb") as keys, (self.folder / "exacted").open("xb") as file:
            writer = table.Writer(keys, self.counts.texts)
            for records in self.exacts.chunks():
                number = rank[records["number"]]
                order = np.lexsort((number, records["digest"], records["place"]))
                records, number = taken(records, order), number[order]
                same = (records["place"][1:] == records["place"][:-1]) & (
                    records["digest"][1:] == records["digest"][:-1]
                )
                kept = np.flatnonzero(np.concatenate([np.ones(min(1, len(records)), np.bool_), ~same]))
                rows = np.empty(len(kept), segment.KINDS["exacted"])
                rows["ingredient"], rows["digest"] = number[kept], records["digest"][kept]
                if len(kept):
                    rows["count"] = np.add.reduceat(records["count"], kept)
                file.write(rows.data)
                writer.add(np.ascontiguousarray(records["place"][kept]))
            writer.close()

    def _write_bands(self, rank: NDArray[np.uint32], signed: NDArray[np.uint32]) -> None:
        """The signatures by age, and their bands."""
        import numpy as np

        order = np.argsort(rank[signed], kind="stable") if len(signed) else np.empty(0, np.int64)
        self._write("signed", rank[signed[order]] if len(signed) else np.empty(0, "<u4"))
        size = 4 * RECIPE.permutations
        with (self.folder / "signatures").open("xb") as file:
            for first in range(0, len(order), 2048):
                block = order[first : first + 2048]
                if bool((np.diff(block) == 1).all()):
                    file.write(_at(self.signatures, size * int(block[0]), size * len(block)))
                else:
                    for row in block.tolist():
                        file.write(_at(self.signatures, size * row, size))
        row_of = np.zeros(len(rank), "<u4")
        row_of[rank[signed[order]] if len(signed) else []] = np.arange(len(order), dtype=np.uint32)
        with (self.folder / "bands").open("xb") as keys, (self.folder / "banded").open("xb") as file:
            writer = table.Writer(keys, self.bands.count)
            for records in self.bands.chunks():
                row = row_of[rank[records["number"]]]
                order = np.lexsort((row, records["place"]))
                file.write(np.ascontiguousarray(row[order]).data)
                writer.add(records["place"][order])
            writer.close()


_KINDS = {"age": "<u8", "id": "V16", "span": "<u4", "tokens": "<u4", "origin": "<u4", "length": "<u4", "signed": "<u4"}


def digests(common: dict[str, NDArray[np.uint64]]) -> dict[str, str]:
    """The names of the commons sets with their digests."""
    return {name: xxhash.xxh3_128_hexdigest(keys.astype("<u8").tobytes()) for name, keys in sorted(common.items())}


def _place(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    import numpy as np

    places: NDArray[np.uint64] = np.multiply(keys, np.uint64(SPREAD))
    return places


def _evident(one: Ingredient) -> Iterator[Fingerprint]:
    """The whole text, and the passages that are evidence as a whole: those with a gram of the model's own, or none.

    An ingredient of which only the signature is known has neither.
    """
    if not one.whole.digest:
        return
    yield one.whole
    if len(one.passages) == 1 and one.passages[0].digest == one.whole.digest:
        return
    for passage, shown in zip(one.passages, one.shown, strict=True):
        if not shown or 8 * len(shown) < len(passage.keys):
            yield passage


def _by_age(age: NDArray[np.uint64], id_: NDArray[Any]) -> NDArray[np.int64]:
    """The order of ingredients: the earliest first, an unknown time last, equals by id."""
    import numpy as np

    if not len(age) or bool((age[1:] > age[:-1]).all()):
        return np.arange(len(age))
    halves = id_.view("<u8").reshape(-1, 2)
    order: NDArray[np.int64] = np.lexsort((halves[:, 1], halves[:, 0], age))
    return order


def _at(file: BinaryIO, first: int, size: int) -> bytes:
    """So many bytes from here on."""
    file.seek(first)
    return file.read(size)


def _array_head(size: int) -> bytes:
    """The head of a MessagePack array."""
    return bytes([0x90 | size]) if size < 16 else b"\xdc" + size.to_bytes(2, "big")


def _capped(
    place: NDArray[np.uint64], token: NDArray[np.uint64], words: NDArray[np.uint16]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Which postings of a chunk are kept, in their order; where each gram begins among them; all that each had.

    Of outputs that share the very words of a gram all but the earliest CAP are alike, and only counted. The CAP
    earliest of a gram stand first, whatever their words; the others by their words.
    """
    import numpy as np

    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(place)), np.bool_), place[1:] != place[:-1]]))
    totals = np.diff(np.append(starts, len(place)))
    order = np.arange(len(place))
    several = np.repeat(totals > 1, totals)
    rows = np.flatnonzero(several)
    order[rows] = rows[np.lexsort((token[rows], place[rows]))]
    full = np.repeat(totals > CAP, totals)
    if not full.any():
        return order, starts, totals
    rows = np.flatnonzero(full)
    chosen = order[rows]
    wording = words[chosen] & np.uint16(segment.VERBATIM - 1)
    in_words = _rank((place[chosen], wording))
    kept = in_words < CAP
    chosen, wording = chosen[kept], wording[kept]
    late = _rank((place[chosen],)) >= CAP
    arranged = chosen[np.lexsort((token[chosen], np.where(late, wording, 0), late, place[chosen]))]
    left = np.concatenate([order[~full], arranged])
    left = left[np.argsort(place[left], kind="stable")]
    again = place[left]
    starts = np.flatnonzero(np.concatenate([[True], again[1:] != again[:-1]]))
    return left, starts, totals


def _rank(group: tuple[NDArray[Any], ...]) -> NDArray[np.int64]:
    """For each row how many of its group come before it."""
    import numpy as np

    order = np.lexsort((np.arange(len(group[0])), *reversed(group)))
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


def _places(part: Segment, name: str) -> Iterator[tuple[NDArray[np.uint64], int]]:
    """The places of a table's keys, in chunks that end between two grams, with the number of the first of each."""
    import numpy as np

    from provenance.fingerprint.table import Layout

    layout = Layout(part.maps[name])
    fan = np.frombuffer(layout.view[layout.fan : layout.fan + 4 * ((1 << layout.bits) + 1)], "<u4").astype(np.int64)
    bucket = 0
    while bucket < 1 << layout.bits:
        first = int(fan[bucket])
        end = max(bucket + 1, int(np.searchsorted(fan, first + (1 << 22), "right")) - 1)
        last = int(fan[end])
        blob = layout.view[layout.keys + first * layout.width : layout.keys + last * layout.width]
        octets = np.zeros((last - first, 8), np.uint8)
        octets[:, : layout.width] = np.frombuffer(blob, np.uint8).reshape(-1, layout.width)
        rest = octets.view("<u8").ravel()
        if layout.bits:
            high = np.repeat(np.arange(bucket, end, dtype=np.uint64), np.diff(fan[bucket : end + 1]))
            rest = rest & np.uint64((1 << (64 - layout.bits)) - 1) | high << np.uint64(64 - layout.bits)
        yield rest, first
        bucket = end


def _seal(folder: Path) -> dict[str, FileFacts]:
    """Write the sums of all files, and say their sizes and digests."""
    facts = {}
    with (folder / "sums").open("xb") as sums:
        for name in NAMES:
            digest = hashlib.sha256()
            size = 0
            with (folder / name).open("rb") as file:
                while block := file.read(COPIED):
                    digest.update(block)
                    size += len(block)
                    view = memoryview(block)
                    each = [xxhash.xxh3_64_digest(view[at : at + PAGE])[::-1] for at in range(0, len(block), PAGE)]
                    sums.write(b"".join(each))
            facts[name] = FileFacts(size, digest.hexdigest())
    with (folder / "sums").open("rb") as file:
        facts["sums"] = FileFacts(os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest())
    return facts
