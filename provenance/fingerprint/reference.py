"""The specification: text to tokens, grams, digests and signatures, in plain Python. It is not meant to be fast.

``_kernel.c`` has the same functions with the same names, and a property test holds the two equal.

All arithmetic is on unsigned 64-bit integers unless said. Texts are bytes, read as UTF-8; bytes that are no
UTF-8 are word characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from struct import Struct

from provenance.fingerprint import minhash, tables
from provenance.fingerprint.recipe import RECIPE

M = (1 << 64) - 1
# Odd constants: fractional digits of pi, as used by Blowfish (bits of pi are nobody's choice).
K1, K2, K3 = 0x243F6A8885A308D3, 0x13198A2E03707345, 0xA4093822299F31D1
K4, K5, K6 = 0x082EFA98EC4E6C89, 0x452821E638D01377, 0xBE5466CF34E90C6D
BASE = 0xC0AC29B7C97C50DD
NEW, NUMBER = 0x3F84D5B5B5470917, 0x9216D5D98979FB1B
NAME, KEYWORD, NUMERIC, OTHER = range(4)
HIT = Struct("<IIQQII")
"""A hit: unit, token position, first and last byte (end exclusive), number of the gram, check."""
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


def signatures(data: bytes, offsets: bytes) -> bytes:
    """The signatures of many texts, 512 bytes each; of a text shorter than a shingle, all ones.

    ``offsets`` holds n + 1 little-endian i64 into ``data``.
    """
    bounds = memoryview(offsets).cast("B").cast("q")
    texts = (bytes(data[first:end]) for first, end in pairwise(bounds))
    return b"".join(signature(text) or b"\xff" * (4 * RECIPE.permutations) for text in texts)


ESCAPED, DIFF, QUOTED, FENCED = 1, 2, 4, 8
"""What ``clothes`` reports of a text."""


def clothes(data: bytes, offsets: bytes) -> bytes:
    """What each text may be wrapped in, one byte of flags a text: cheap signs, to be looked at by ``views``.

    ESCAPED: two or more ``\\n`` in letters, once or twice escaped. DIFF: three lines or more begin with ``+``.
    QUOTED: with ``>``. FENCED: two or more runs of three backticks.
    """
    bounds = memoryview(offsets).cast("B").cast("q")
    flags = bytearray()
    for first, end in pairwise(bounds):
        text = bytes(data[first:end])
        lines = text.split(b"\n")
        escapes = re.findall(rb"\\(.)(?=(.?))", text, re.DOTALL)
        escaped = sum(one == b"n" or (one, after) == (b"\\", b"n") for one, after in escapes) >= 2
        diff = sum(line.startswith(b"+") for line in lines) >= 3
        quoted = sum(line.startswith(b">") for line in lines) >= 3
        fenced = text.count(b"```") >= 2
        flags.append(escaped * ESCAPED | diff * DIFF | quoted * QUOTED | fenced * FENCED)
    return bytes(flags)


def probe(data: bytes, offsets: bytes, bloom: bytes, grams: bytes) -> tuple[bytes, bytes, bytes]:
    """Look up every gram of every text: (tokens u32 each, streams u64 each, hits as ``HIT`` records).

    ``offsets`` holds n + 1 ascending little-endian i64 into ``data``. ``grams`` is the index's array of sorted,
    distinct u64; ``bloom`` is a filter that holds every one of them (see ``index.bloom``), or empty for none: it
    changes the speed of the kernel and no answer. Hits come in order of unit and position.
    """
    bounds = memoryview(offsets).cast("B").cast("q")
    table = memoryview(grams).cast("B").cast("Q")
    number_of = {key: number for number, key in enumerate(table)}
    counts, streams, hits = bytearray(), bytearray(), bytearray()
    for unit in range(len(bounds) - 1):
        text = bytes(data[bounds[unit] : bounds[unit + 1]])
        spans = tokens(text)
        values, stream, found = _grams(text)
        counts += len(values).to_bytes(4, "little")
        streams += stream.to_bytes(8, "little")
        for position, key, check in found:
            number = number_of.get(key)
            if number is not None:
                start, end = spans[position][0], spans[position + RECIPE.k - 1][1]
                hits += HIT.pack(unit, position, start, end, number, check)
    return bytes(counts), bytes(streams), bytes(hits)


def kernel_tables() -> tuple[int, int, int, int, bytes, bytes, bytes, bytes, bytes, bytes]:
    """What the kernel's ``setup`` takes: k, distinct, structure, shingle, then tables of little-endian integers.

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
