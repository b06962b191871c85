"""The specification: text to tokens, grams, digests and signatures, in plain Python. It is not meant to be fast.

``_kernel.c`` has the same functions with the same names, and a property test holds the two equal.

All arithmetic is on unsigned 64-bit integers unless said. Texts are bytes, read as UTF-8; bytes that are no
UTF-8 are word characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from struct import Struct

from provenance.fingerprint import minhash, table, tables
from provenance.fingerprint.recipe import RECIPE

M = (1 << 64) - 1
# Odd constants: fractional digits of pi, as used by Blowfish (bits of pi are nobody's choice).
K1, K2, K3 = 0x243F6A8885A308D3, 0x13198A2E03707345, 0xA4093822299F31D1
K4, K5, K6 = 0x082EFA98EC4E6C89, 0x452821E638D01377, 0xBE5466CF34E90C6D
BASE = 0xC0AC29B7C97C50DD
NEW, NUMBER = 0x3F84D5B5B5470917, 0x9216D5D98979FB1B
NAME, KEYWORD, NUMERIC, OTHER = range(4)
HIT = Struct("<IIQQIII4s")
"""A hit: unit, token position, first and last byte (end exclusive), number of the first equal gram in the table and
how many there are, check, marks of the grams around."""
NEAR = (3, 6)
"""Tokens before and behind a gram where its neighbours begin, by whose marks a hit is verified further: the kept gram
of a window lies up to w - 1 = 8 tokens inside a shared run, of which the marks leave one unverified on average."""
WORDS = 0x3FFF
"""The bits of a check that a posting keeps."""
WORD_BYTES = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")


def fold(x: int, y: int) -> int:
    """The two halves of the 128-bit product, xored (as in wyhash)."""
    product = x * y
    return (product & M) ^ (product >> 64)


def mix(x: int) -> int:
    """The 64-bit finaliser of MurmurHash3 (public domain): a bijection."""
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & M
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & M
    return x ^ x >> 33


def token_hash(token: bytes) -> int:
    """The hash of a token: blocks of 16 bytes, zero-padded, with the length mixed in first."""
    value = len(token) * K3 & M
    for at in range(0, len(token), 16):
        low = int.from_bytes(token[at : at + 8], "little")
        high = int.from_bytes(token[at + 8 : at + 16], "little")
        value = fold(low ^ K1 ^ value, high ^ K2)
    return value


KEYWORD_HASHES = {token_hash(word.encode()): word not in tables.PLAIN_KEYWORDS for word in tables.KEYWORDS}
BACK = tuple(mix(distance ^ K4) for distance in range(RECIPE.k))
"""The code of a name last used that many tokens before; BACK[0] is never used."""


def decode(data: bytes, at: int) -> tuple[int, int]:
    """The code point at a byte >= 0x80 and its length; (-1, 1) where the bytes are no UTF-8 sequence.

    Overlong forms and surrogates are not refused: they count as the code point that their bits spell.
    """
    lead = data[at]
    length = 2 if 0xC2 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4 if 0xF0 <= lead < 0xF5 else 1
    tail = data[at + 1 : at + length]
    if length == 1 or len(tail) < length - 1 or any(byte & 0xC0 != 0x80 for byte in tail):
        return -1, 1
    point = lead & (0xFF >> (length + 1))
    for byte in tail:
        point = point << 6 | byte & 0x3F
    return point, length


def tokens(data: bytes) -> list[tuple[int, int]]:
    """The byte spans of the tokens, in order.

    A run of ASCII letters, digits, ``_`` and characters beyond ASCII is a token; of ``tables.SINGLE`` each
    character is one; so is every other visible ASCII byte. Bytes up to 0x20, 0x7f and ``tables.SEPARATORS``
    separate.
    """
    spans = []
    start = -1  # of the word that is open, or -1
    at = 0
    while at < len(data):
        byte, length, word, single = data[at], 1, False, False
        if byte >= 0x80:
            point, length = decode(data, at)
            if not _within(point, tables.SEPARATORS):
                single = _within(point, tables.SINGLE)
                word = not single
        elif byte in WORD_BYTES:
            word = True
        else:
            single = 0x20 < byte < 0x7F
        if word and start < 0:
            start = at
        if not word and start >= 0:
            spans.append((start, at))
            start = -1
        if single:
            spans.append((at, at + length))
        at += length
    if start >= 0:
        spans.append((start, len(data)))
    return spans


def _within(point: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= point <= last for first, last in ranges)


def normal_form(data: bytes) -> bytes:
    """The tokens joined by single spaces: equal for texts that differ in white space alone, and idempotent."""
    return b" ".join(data[start:end] for start, end in tokens(data))


def classify(token: bytes, value: int) -> tuple[int, bool]:
    """The class of a token, and whether it is a sign of structure by itself."""
    if token[0] < 0x80 and token[0] not in WORD_BYTES:
        return OTHER, token[0] in tables.STRUCTURAL_PUNCTUATION
    if token[0] >= 0x80 and _within(decode(token, 0)[0], tables.SINGLE):
        return OTHER, False
    if 0x30 <= token[0] <= 0x39:
        return NUMERIC, False
    if value in KEYWORD_HASHES:
        return KEYWORD, KEYWORD_HASHES[value]
    return NAME, False


def measure(data: bytes) -> tuple[int, int, bytes, bytes, bytes]:
    """The gram side of a fingerprint: (tokens, stream, keys, checks, positions), eligible grams only.

    A gram is k consecutive tokens. Its parameterised form replaces a name by the distance back to its
    previous use within the gram, or by "new" (Baker 1993), and a number by one symbol. With fewer than
    ``structure`` signs of structure (distinct keywords and punctuation of code, and back-references of
    names: rows of a table repeat a few marks and so have little) its key is the hash of the literal tokens
    (bit 0 clear), otherwise of the parameterised form (bit 0 set). The check is 16 bits of the literal
    hash. A gram with fewer than ``distinct`` distinct symbols is left out.
    """
    values, stream, grams = _grams(data)
    keys, checks, positions = bytearray(), bytearray(), bytearray()
    for position, key, check in grams:
        keys += key.to_bytes(8, "little")
        checks += check.to_bytes(2, "little")
        positions += position.to_bytes(4, "little")
    return len(values), stream, bytes(keys), bytes(checks), bytes(positions)


def marks(data: bytes) -> bytes:
    """Two marks (u64) for each eligible gram, by which a session remembers what it has shown: the key, and the key
    with the check of its very words."""
    _, _, keys, checks, _ = measure(data)
    out = bytearray()
    for at in range(len(checks) // 2):
        key = int.from_bytes(keys[8 * at : 8 * at + 8], "little")
        check = int.from_bytes(checks[2 * at : 2 * at + 2], "little")
        out += key.to_bytes(8, "little") + (key ^ (check + 1) * table.SPREAD & M).to_bytes(8, "little")
    return bytes(out)


def among(marks: bytes, others: bytes) -> bytes:
    """For each mark (u64) a byte: 1 if it is among the others, else 0. ValueError unless both are whole marks."""
    if len(marks) % 8 or len(others) % 8:
        raise ValueError(f"marks: {len(marks)} and {len(others)} bytes, not multiples of 8")
    known = {others[at : at + 8] for at in range(0, len(others), 8)}
    return bytes(marks[at : at + 8] in known for at in range(0, len(marks), 8))


def _grams(data: bytes) -> tuple[list[int], int, Iterator[tuple[int, int, int]]]:
    k = RECIPE.k
    values, symbols, classes, marks = [], [], [], []
    stream = 0
    for start, end in tokens(data):
        value = token_hash(data[start:end])
        kind, mark = classify(data[start:end], value)
        values.append(value)
        symbols.append(NUMBER if kind == NUMERIC else value)
        classes.append(kind)
        marks.append(mark)
        stream = (stream * BASE + value) & M
    stream = mix(stream ^ len(values) * K3 & M)

    def each() -> Iterator[tuple[int, int, int]]:
        for first in range(len(values) - k + 1):
            literal = parameterised = structure = 0
            last_use: dict[int, int] = {}
            for at in range(first, first + k):
                symbol = symbols[at]
                back = at - last_use[symbol] if symbol in last_use else 0
                last_use[symbol] = at
                code = symbol
                if classes[at] == NAME:
                    code = BACK[back] if back else NEW
                structure += back == 0 if marks[at] else classes[at] == NAME and back > 0
                literal = (literal * BASE + values[at]) & M
                parameterised = (parameterised * BASE + code) & M
            if len(last_use) < RECIPE.distinct:
                continue
            if structure >= RECIPE.structure:
                key = mix(parameterised ^ K5) | 1
            else:
                key = mix(literal) & ~1
            yield first, key, mix(literal ^ K6) >> 48

    return values, stream, each()


def shingles(data: bytes) -> list[int]:
    """The 32-bit hashes of all runs of ``shingle`` tokens, in order, as they are fed to MinHash."""
    values = [token_hash(data[start:end]) for start, end in tokens(data)]
    hashes = []
    for first in range(len(values) - RECIPE.shingle + 1):
        value = 0
        for at in range(first, first + RECIPE.shingle):
            value = (value * BASE + values[at]) & M
        hashes.append(mix(value) & 0xFFFFFFFF)
    return hashes


def signature(data: bytes) -> bytes:
    """MinHash of the shingles: 128 little-endian u32, or nothing for a text shorter than a shingle."""
    hashes = shingles(data)
    return minhash.signature(hashes) if hashes else b""


def signatures(data: bytes, offsets: bytes, wanted: bytes | None = None) -> bytes:
    """The signatures of many texts, 512 bytes each; of a text shorter than a shingle, all ones.

    ``offsets`` holds n + 1 little-endian i64 into ``data``; ``wanted`` a byte for each text, 0 for those left out;
    without it all are wanted.
    """
    bounds = memoryview(offsets).cast("B").cast("q")
    if wanted is None:
        wanted = b"\1" * max(0, len(bounds) - 1)
    if len(wanted) != max(0, len(bounds) - 1):
        raise ValueError(f"wanted: {len(wanted)} bytes for {max(0, len(bounds) - 1)} texts")
    texts = (bytes(data[first:end]) for (first, end), take in zip(pairwise(bounds), wanted, strict=True) if take)
    return b"".join(signature(text) or b"\xff" * (4 * RECIPE.permutations) for text in texts)


def clothes(data: bytes, offsets: bytes) -> bytes:
    """``fingerprint.clothes.clothes``."""
    from provenance.fingerprint import clothes  # its patterns take 3 ms to compile, which a capture hook would pay

    return clothes.clothes(data, offsets)


def unwrap(data: bytes, offsets: bytes, flags: bytes, sign: int) -> tuple[bytes, bytes, bytes, bytes]:
    """``fingerprint.clothes.unwrap``."""
    from provenance.fingerprint import clothes

    return clothes.unwrap(data, offsets, flags, sign)


def mark(key: int, check: int) -> int:
    """One byte that tells a gram from others: five bits of its key, three of its literal hash; never 0."""
    return ((key >> 1 & 31) << 3 | check & 7) or 8


def _near(marks: dict[int, int], position: int) -> bytes:
    """The marks of the grams around one: before it at ``NEAR`` tokens' distance, then behind; 0 where there is none."""
    return bytes(marks.get(position + by, 0) for by in (-NEAR[0], -NEAR[1], *NEAR))


def probe(
    data: bytes, offsets: bytes, tables: Sequence[bytes], checked: Sequence[bytes]
) -> tuple[bytes, bytes, tuple[bytes, ...], tuple[bytes, ...]]:
    """Look up every gram of every text in every table: (tokens u32 each, streams u64 each, hits, touched).

    ``offsets`` holds n + 1 ascending little-endian i64 into ``data``; ``tables`` are as ``fingerprint.table`` has
    them, and ``checked`` has a byte for each page of 4096 bytes of each, not 0 where the page is known to be sound.
    Hits are ``HIT`` records, one sequence a table, in order of unit and position. Touched are the numbers (u32, some
    more than once) of pages not checked that the answer may depend on, so that they can be, before it is used.
    """
    bounds = memoryview(offsets).cast("B").cast("q")
    layouts = [table.Layout(one) for one in tables]
    counts, streams = bytearray(), bytearray()
    hits = [bytearray() for _ in layouts]
    for unit in range(len(bounds) - 1):
        text = bytes(data[bounds[unit] : bounds[unit + 1]])
        spans = tokens(text)
        values, stream, each = _grams(text)
        counts += len(values).to_bytes(4, "little")
        streams += stream.to_bytes(8, "little")
        found = list(each)
        marks = {position: mark(key, check) for position, key, check in found}
        for layout, out in zip(layouts, hits, strict=True):
            for position, key, check in found:
                first, count = layout.find(key)
                if count:
                    start, end = spans[position][0], spans[position + RECIPE.k - 1][1]
                    out += HIT.pack(unit, position, start, end, first, count, check, _near(marks, position))
    return bytes(counts), bytes(streams), tuple(map(bytes, hits)), tuple(map(_unchecked, checked))


def _unchecked(checked: bytes) -> bytes:
    """Every page that is not checked: the reference reads whole tables."""
    return b"".join(page.to_bytes(4, "little") for page, sound in enumerate(bytes(checked)) if not sound)


def find(keys: bytes, one: bytes, checked: bytes) -> tuple[bytes, bytes, bytes]:
    """Look up u64 keys in a table: (number of the first that is equal, u32 each; how many, u32 each; touched)."""
    layout = table.Layout(one)
    answers = [layout.find(key) for key in memoryview(keys).cast("B").cast("Q")]
    firsts = b"".join(first.to_bytes(4, "little") for first, _ in answers)
    counts = b"".join(count.to_bytes(4, "little") for _, count in answers)
    return firsts, counts, _unchecked(checked)


VERBATIM, SHOWN = 1, 2
"""Flags of a gram, for ``select``: it matches word for word only; it is evidence only in company."""


def select(
    lengths: bytes, sizes: bytes, keys: bytes, checks: bytes, positions: bytes, flags: bytes, commons: bytes
) -> tuple[bytes, bytes, bytes, bytes, bytes, tuple[int, int, int, int]]:
    """Winnowing (Schleimer, Wilkerson, Aiken 2003): which grams of each passage the index keeps.

    ``lengths`` are the tokens of the passages and ``sizes`` their numbers of eligible grams (u32 each); ``keys``
    (u64), ``checks`` (u16), ``positions`` (u32) and ``flags`` (u8) the grams of all of them in order; ``commons`` a
    table of grams that are never kept, or empty. Of the kept ones: keys (u64), number of the passage (u32),
    positions (u32), words (u16: 14 bits of the check, VERBATIM at bit 14, SHOWN at bit 15), marks of the grams
    around (4 bytes, of ``NEAR``). Then the counts: windows, and of these suppressed by the distinct floor (no
    eligible gram at all), suppressed by commons, and kept by a literal gram (covered verbatim, not for renaming).

    Windows are w consecutive gram *positions*: over the list of eligible grams alone, up to 42 % of shared runs
    would be missed. In each the least structured eligible gram is kept, a literal one only if there is none; of
    equals the rightmost. A passage with fewer than w positions is one window. Its first and last eligible gram are
    kept besides, so that a passage that stands whole in a text is verified from end to end. A gram of the commons,
    or one that matches word for word only, verifies nothing as a neighbour.
    """
    common = table.Layout(commons) if commons else None
    all_keys, all_checks = memoryview(keys).cast("B").cast("Q"), memoryview(checks).cast("B").cast("H")
    all_positions = memoryview(positions).cast("B").cast("I")
    out = [bytearray() for _ in range(5)]
    windows = floor = suppressed = literal = 0
    at = 0
    spans = zip(memoryview(lengths).cast("B").cast("I"), memoryview(sizes).cast("B").cast("I"), strict=True)
    for passage, (length, size) in enumerate(spans):
        grams = range(at, at + size)
        at += size
        count = length - RECIPE.k + 1
        if count < 1:
            continue
        eligible = {all_positions[i]: i for i in grams}
        free = {p: i for p, i in eligible.items() if not (common and common.find(all_keys[i])[1])}
        marks = {p: mark(all_keys[i], all_checks[i]) for p, i in free.items() if not flags[i] & VERBATIM}
        kept = {min(free), max(free)} if free else set()
        width = min(RECIPE.w, count)
        for first in range(count - width + 1):
            window = [p for p in range(first, first + width) if p in free]
            windows += 1
            if window:
                best = min(window, key=lambda p: (all_keys[free[p]] & 1 == 0, all_keys[free[p]] >> 1, -p))
                kept.add(best)
                literal += all_keys[free[best]] & 1 == 0
            elif any(p in eligible for p in range(first, first + width)):
                suppressed += 1
            else:
                floor += 1
        for p in sorted(kept):
            i = free[p]
            words = all_checks[i] & WORDS | (flags[i] & 3) << 14
            parts = (all_keys[i], 8), (passage, 4), (p, 4), (words, 2)
            for column, (value, width_) in zip(out, parts, strict=False):
                column += value.to_bytes(width_, "little")
            out[4] += _near(marks, p)
    return (*map(bytes, out), (windows, floor, suppressed, literal))  # type: ignore[return-value]


def kernel_tables() -> tuple[int, int, int, int, int, bytes, bytes, bytes, bytes, bytes, bytes]:
    """What the kernel's ``setup`` takes: k, w, distinct, structure, shingle, then tables of little-endian integers.

    The tables: keyword hashes that are structural and those that are not (u64), the code points that stand
    alone and those that separate (pairs of u32, inclusive), structural punctuation (bytes), the MinHash
    parameters (128 a, then 128 b; u32).
    """

    def pairs(ranges: tuple[tuple[int, int], ...]) -> bytes:
        return b"".join(first.to_bytes(4, "little") + last.to_bytes(4, "little") for first, last in ranges)

    def hashes(structural: bool) -> bytes:
        chosen = sorted(value for value, mark in KEYWORD_HASHES.items() if mark == structural)
        return b"".join(value.to_bytes(8, "little") for value in chosen)

    parameters = b"".join(value.to_bytes(4, "little") for value in (*minhash.A, *minhash.B))
    return (
        RECIPE.k,
        RECIPE.w,
        RECIPE.distinct,
        RECIPE.structure,
        RECIPE.shingle,
        hashes(True),
        hashes(False),
        pairs(tables.SINGLE),
        pairs(tables.SEPARATORS),
        tables.STRUCTURAL_PUNCTUATION,
        parameters,
    )
