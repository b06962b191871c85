"""Format 2 is what its page says: a reader written from docs/format-index.md alone, and an index that was kept."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import xxhash

from provenance import index
from provenance.fingerprint import RECIPE, reference
from provenance.index import Index
from provenance.model import UNKNOWN, Grade, Ingredient, Similarity
from tests.index import golden
from tests.index.samples import COPIES, answers, copies, only_segment, outputs

FILES = (
    "grams postings crowded exacts exacted bands banded signatures signed firsts ages tokens origin "
    "cards card_starts origins origin_starts"
).split()
SPREAD = 0x9E3779B97F4A7C15
GOLDEN = golden.FOLDER / "segments" / "00000001"


# ---- a reader written from the page ----


class Posting(NamedTuple):
    token: int
    words: int
    around: bytes


class Plain:
    """A segment as it lies, read with nothing but struct, zlib and MessagePack."""

    def __init__(self, folder: Path) -> None:
        self.bytes = {name: (folder / name).read_bytes() for name in [*FILES, "sums"]}
        self.manifest = json.loads((folder / "manifest.json").read_text())

    def array(self, name: str, kind: str) -> list[int]:
        content = self.bytes[name]
        return list(struct.unpack(f"<{len(content) // struct.calcsize('<' + kind)}{kind}", content))

    def places(self, name: str) -> list[int]:
        """The places of a table, its sections where the page says they are."""
        content = self.bytes[name]
        magic, count, blocks, bits, width = struct.unpack_from("<8sQQII", content)
        assert magic == b"pvtable1"
        fan_at = 4096 + -(-32 * blocks // 4096) * 4096
        keys_at = fan_at + -(-4 * (2**bits + 1) // 4096) * 4096
        assert len(content) == keys_at + -(-(count * width + 8) // 4096) * 4096
        fan = struct.unpack_from(f"<{2**bits + 1}I", content, fan_at)
        found = []
        for bucket in range(2**bits):
            for number in range(fan[bucket], fan[bucket + 1]):
                low = int.from_bytes(content[keys_at + number * width :][:width], "little")
                high = bucket << (64 - bits)
                found.append(low | high >> 8 * width << 8 * width)
        assert len(found) == count
        return found

    def postings(self) -> list[tuple[int, Posting]]:
        """Place and posting of every entry."""
        content = self.bytes["postings"]
        rows = [content[at : at + 11] for at in range(0, len(content), 11)]
        read = [Posting(int.from_bytes(r[:5], "little"), int.from_bytes(r[5:7], "little"), r[7:]) for r in rows]
        return list(zip(self.places("grams"), read, strict=True))

    def rows(self, name: str) -> list[Any]:
        """The rows of cards or origins."""
        starts = self.array(f"{name.removesuffix('s')}_starts", "Q")
        blocks = [self.bytes[name][first:end] for first, end in itertools.pairwise(starts)]
        return [row for block in blocks for row in msgspec.msgpack.decode(zlib.decompress(block))]


def age_of(one: Ingredient) -> int:
    digits = "".join(filter(str.isdigit, one.origin.time))[:17]
    return int(digits.ljust(17, "0")) if digits else 2**64 - 1


def in_order(made: list[Ingredient]) -> list[Ingredient]:
    """By age, equals by the MD5 of the id as two numbers."""

    def key(one: Ingredient) -> tuple[int, int, int]:
        return (age_of(one), *struct.unpack("<2Q", hashlib.md5(one.id.encode()).digest()))

    return sorted(made, key=key)


def place(key: int) -> int:
    return key * SPREAD % 2**64


def postings_of(made: list[Ingredient], common: list[int]) -> list[tuple[int, Posting]]:
    """Every posting there should be, by place and token: what selection keeps, counted through the segment."""
    from tests.fingerprint.plain import table_of

    found, token = [], 0
    for one in made:
        for passage, verbatim, shown in zip(one.passages, one.verbatim, one.shown, strict=True):
            size = len(passage.keys) // 8
            flags = bytes((n in verbatim) + 2 * (n in shown) for n in range(size))
            columns = (passage.keys, passage.checks, passage.positions, flags)
            heads = (struct.pack("<I", passage.tokens), struct.pack("<I", size))
            kept = reference.select(*heads, *columns, table_of(common))
            kinds = (("Q", 8), ("I", 4), ("I", 4), ("H", 2))
            keys, _, positions, words = (
                struct.unpack(f"<{len(blob) // width}{kind}", blob)
                for blob, (kind, width) in zip(kept[:4], kinds, strict=True)
            )
            for number, (key, position, word) in enumerate(zip(keys, positions, words, strict=True)):
                found.append((place(key), Posting(token + position, word, kept[4][4 * number : 4 * number + 4])))
            token += passage.tokens + 24
    return sorted(found)


def exacts_of(made: list[Ingredient]) -> set[tuple[int, int, int, int]]:
    """Place, earliest ingredient, how many have it, and digest of every text that is evidence as a whole."""
    found: dict[tuple[int, int], list[int]] = {}
    for number, one in enumerate(made):
        evident = [
            passage
            for passage, shown in zip(one.passages, one.shown, strict=True)
            if 8 * len(shown) < len(passage.keys) or not shown
        ]
        for text in {(text.stream, text.digest[:8]) for text in (one.whole, *evident)}:
            found.setdefault((place(text[0]), int.from_bytes(text[1], "little")), []).append(number)
    return {(at, numbers[0], len(numbers), digest) for (at, digest), numbers in found.items()}


@pytest.mark.parametrize("which", ["the golden index", "a larger one"])
def test_the_page_of_the_format_is_enough_to_read_an_index(tmp_path: Path, which: str) -> None:
    if which == "the golden index":
        made, sets, folder = golden.ingredients(), golden.commons(), GOLDEN
    else:
        made, sets = [*outputs(9), *copies(COPIES), *outputs(150, first=20, tokens=8)], {}
        index.build(tmp_path / "i", made, sets)
        folder = only_segment(tmp_path / "i")
    plain, made = Plain(folder), in_order(made)
    common = [key for keys in sets.values() for key in keys.tolist()]

    # the ingredients
    assert [age_of(one) for one in made] == plain.array("ages", "Q")
    assert [one.whole.tokens for one in made] == plain.array("tokens", "I")
    spans = [sum(passage.tokens + 24 for passage in one.passages) for one in made]
    assert [sum(spans[:number]) for number in range(len(made) + 1)] == plain.array("firsts", "Q")
    assert [[o.id, o.origin.time, o.evidence, o.kind, o.status, o.path] for o in made] == plain.rows("cards")
    origins = [msgspec.to_builtins(msgspec.structs.replace(one.origin, time=UNKNOWN)) for one in made]
    read = plain.rows("origins")
    numbers = plain.array("origin", "I")
    assert origins == [read[number] for number in numbers]
    assert sorted(set(numbers)) == list(dict.fromkeys(numbers)) == list(range(len(read)))

    # the grams
    due = postings_of(made, common)
    totals: dict[int, int] = {}
    for at, _ in due:
        totals[at] = totals.get(at, 0) + 1
    kept = [
        (at, one) for n, (at, one) in enumerate(due) if sum(at == other for other, _ in due[max(0, n - 64) : n]) < 64
    ]
    assert kept == plain.postings()
    entries = [at for at, _ in kept]
    crowded = [(entries.index(at), total) for at, total in sorted(totals.items()) if total > 64]
    assert [value for pair in crowded for value in pair] == plain.array("crowded", "I")
    assert (which == "a larger one") == bool(crowded)

    # whole texts
    rows = plain.bytes["exacted"]
    exacted = [struct.unpack_from("<IIQ", rows, at) for at in range(0, len(rows), 16)]
    assert exacts_of(made) == {(at, *row) for at, row in zip(plain.places("exacts"), exacted, strict=True)}
    signed = plain.array("signed", "I")
    assert [number for number, one in enumerate(made) if one.signature] == signed
    assert b"".join(one.signature for one in made) == plain.bytes["signatures"]
    bands = sorted(
        (place(xxhash.xxh3_64_intdigest(made[number].signature[36 * band : 36 * band + 36], seed=band)), row)
        for row, number in enumerate(signed)
        for band in range(14)
    )
    assert bands == list(zip(plain.places("bands"), plain.array("banded", "I"), strict=True))

    # the sums and the manifest
    pages = [plain.bytes[name][at : at + 4096] for name in FILES for at in range(0, len(plain.bytes[name]), 4096)]
    assert [xxhash.xxh3_64_intdigest(page) for page in pages] == plain.array("sums", "Q")
    assert plain.manifest["files"] == {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in plain.bytes.items()
    }
    assert (2, str(RECIPE)) == (plain.manifest["format"], plain.manifest["recipe"])
    assert plain.manifest["commons"] == {
        name: xxhash.xxh3_128_hexdigest(struct.pack(f"<{len(keys)}Q", *keys.tolist())) for name, keys in sets.items()
    }
    counted = [plain.manifest["counts"][name] for name in ("ingredients", "grams", "postings", "texts")]
    assert [len(made), len(set(entries)), len(entries), sum(count for _, count, _ in exacted)] == counted
    root = json.loads((folder.parents[1] / "manifest.json").read_text())
    assert [(folder.name, hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest())] == [
        (part["name"], part["manifest"]) for part in root["segments"]
    ]
    compact = json.dumps(root["segments"], separators=(",", ":"), ensure_ascii=False)
    assert xxhash.xxh3_128_hexdigest(compact.encode()) == root["check"]
    digest = hashlib.sha256(root["segments"][0]["manifest"].encode()).hexdigest()[:32]
    assert digest == index.info(folder.parents[1]).digest


# ---- the index that was kept ----


def test_format_2_is_still_written_byte_for_byte(tmp_path: Path) -> None:
    """The compressed blocks alone depend on the zlib in use, and with them their starts, sums and digests."""
    golden.build(tmp_path / "i")
    kept = {path.relative_to(golden.FOLDER): path.read_bytes() for path in golden.FOLDER.rglob("*") if path.is_file()}
    made = {name: (tmp_path / "i" / name).read_bytes() for name in kept}
    assert {path.relative_to(tmp_path / "i") for path in (tmp_path / "i").rglob("*") if path.is_file()} == {
        *kept,
        Path("lock"),
    }
    for name in ("cards", "origins"):
        assert Plain(GOLDEN).rows(name) == Plain(only_segment(tmp_path / "i")).rows(name)
    packed = {"cards", "card_starts", "origins", "origin_starts"}
    if any(kept[name] != made[name] for name in kept if name.name in packed):
        kept = {name: content for name, content in kept.items() if name.name not in {*packed, "sums", "manifest.json"}}
    assert [] == [str(name) for name in kept if kept[name] != made[name]]


def test_an_index_written_by_format_2_stays_readable_and_answers(tmp_path: Path) -> None:
    shutil.copytree(golden.FOLDER, tmp_path / "i")
    info = index.verify(tmp_path / "i")
    assert (3, 1, ["ours"], set(golden.SOURCES)) == (
        info.counts.ingredients,
        info.segments,
        list(info.commons),
        index.sources(tmp_path / "i"),
    )
    whole = Index(tmp_path / "i")
    code, short, prose = in_order(golden.ingredients())
    for number, one in enumerate((code, short, prose)):
        card = whole.card(number)
        assert (one.id, one.origin, one.evidence, one.path) == (card.id, card.origin, card.evidence, card.path)
    renamed = golden.FUNCTION.replace("total", "acc").replace("item", "row").replace("größe", "size")
    asked = [
        f"host\n{golden.FUNCTION}host",
        golden.SHORT,
        golden.PROSE,
        renamed,
        golden.FUNCTION + golden.SECOND,
        "x = 1",
    ]
    found = [[(one.ingredient, one.similarity) for one in matches] for matches in answers(whole, asked)]
    assert [
        [(code.id, Similarity.FRAGMENT)],
        [(short.id, Similarity.EXACT)],
        [(prose.id, Similarity.EXACT)],
        [(code.id, Similarity.RENAMED)],
        [(code.id, Similarity.EXACT)],
        [],
    ] == found
    assert Grade.COPIED is answers(whole, asked)[0][0].grade


def test_an_index_written_by_format_2_can_be_added_to_and_compacted(tmp_path: Path) -> None:
    shutil.copytree(golden.FOLDER, tmp_path / "i")
    index.add(tmp_path / "i", outputs(2), golden.commons())
    assert (1, 5) == ((done := index.compact(tmp_path / "i")).segments, done.counts.ingredients)
    index.build(tmp_path / "again", [*golden.ingredients(), *outputs(2)], golden.commons())
    assert index.info(tmp_path / "again") == index.verify(tmp_path / "i")
