"""What the specification says, on cases made by hand, and against datasketch as the oracle of MinHash."""

from __future__ import annotations

import random
import struct

import datasketch
import pytest
import xxhash

from provenance.fingerprint import exact_digest, minhash, reference
from provenance.fingerprint.recipe import RECIPE
from provenance.fingerprint.table import PAGE, place
from tests.fingerprint.plain import table_of, unchecked

CODE = b"""
def total_price(items, rate):
    total = 0
    for item in items:
        if item.price > 100:
            total += item.price * (1 + rate)
        else:
            total += item.price
    return round(total, 2)
"""
REFORMATTED = b"""def  total_price( items,rate ) :
\ttotal=0
\tfor item in items:
\t\tif item . price>100: total+=item.price*( 1+rate )
\t\telse: total+=item.price
\treturn round ( total,2 )\r\n"""
RENAMED = (CODE.replace(b"total_price", b"sum_up").replace(b"items", b"rows").replace(b"item", b"row")).replace(
    b"total", b"acc"
)
PROSE = b"""When the committee met again in the spring, nobody could remember who had asked for another report, so
the chairman thanked everyone, promised to write a letter, and went home to his garden before it rained."""


def words(text: str | bytes) -> list[bytes]:
    data = text.encode() if isinstance(text, str) else text
    return [data[start:end] for start, end in reference.tokens(data)]


def keys(text: bytes) -> tuple[int, ...]:
    data = reference.measure(text)[2]
    return struct.unpack(f"<{len(data) // 8}Q", data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\r\n\v\f\0\x01\x1f\x7f", []),
        ("a b", ["a", "b"]),
        ("a\0b\x7fc", ["a", "b", "c"]),
        ("\ufeffa\u00a0b\u200bc\u2060d\u3000e\u00adf\u2028g", list("abcdefg")),
        ("a\u0085b\U000e0041c", ["a", "b", "c"]),
        ("x+=1;", ["x", "+", "=", "1", ";"]),
        ("snake_case CamelCase _x9 0x1F 1e5", ["snake_case", "CamelCase", "_x9", "0x1F", "1e5"]),
        ("naïve été Привет", ["naïve", "été", "Привет"]),
        ("日本語", ["日", "本", "語"]),
        ("a日b、c", ["a", "日", "b", "、", "c"]),
        ("ภาษา", list("ภาษา")),
        ("𠀀𠀁", ["𠀀", "𠀁"]),
        ("a—b", ["a", "—", "b"]),
        ("😀x", ["😀x"]),
        ("1.5", ["1", ".", "5"]),
    ],
)
def test_tokens_of_a_text(text, expected):
    assert [token.encode() for token in expected] == words(text)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\xffb", [b"a\xffb"]),
        (b"\x80 \xbf", [b"\x80", b"\xbf"]),
        (b"\xe6\x97", [b"\xe6\x97"]),
        (b"\xe6\x97(\xa5", [b"\xe6\x97", b"(", b"\xa5"]),
        (b"\xc0\xa0\xc1\xbf", [b"\xc0\xa0\xc1\xbf"]),
        (b"\xed\xa0\x80a", [b"\xed\xa0\x80a"]),
        (b"\xf5\x80\x80\x80", [b"\xf5\x80\x80\x80"]),
        (b"\xe3\xe3\x80\x80", [b"\xe3"]),
    ],
)
def test_bytes_that_are_no_utf8_are_word_characters(data, expected):
    assert expected == words(data)


def test_the_normal_form_joins_tokens_by_single_spaces_and_is_idempotent():
    assert b"def f ( x ) : \xe6\x97\xa5 \xe6\x9c\xac" == reference.normal_form("\tdef f(x):\n  日本 ".encode())
    for text in (CODE, PROSE, b"\xe3\xe3\x80\x80\x80", b""):
        assert reference.normal_form(text) == reference.normal_form(reference.normal_form(text))


def test_the_hash_of_a_token_depends_on_every_byte_and_on_the_length():
    tokens = [b"a" * length for length in (1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65)]
    tokens += [token[:-1] + b"b" for token in tokens] + [b"b" + token[1:] for token in tokens[1:12]]
    tokens += [token + b"\0" for token in tokens]
    assert len(tokens) == len({reference.token_hash(token) for token in tokens})


def test_a_long_token_is_one_token():
    text = b"x" * 100_000
    assert [(0, 100_000)] == reference.tokens(text)


def test_a_reformatted_text_has_the_same_digest_and_the_same_keys():
    assert CODE != REFORMATTED
    assert exact_digest(CODE) == exact_digest(REFORMATTED)
    assert reference.measure(CODE) == reference.measure(REFORMATTED)
    assert reference.signature(CODE) == reference.signature(REFORMATTED)


def test_consistent_renaming_leaves_the_structured_keys():
    structured = [key for key in keys(CODE) if key & 1]
    assert structured
    assert keys(CODE) == keys(RENAMED)
    assert len(structured) == len(keys(CODE))
    assert exact_digest(CODE) != exact_digest(RENAMED)
    assert reference.measure(CODE)[3] != reference.measure(RENAMED)[3]


def test_changed_numbers_leave_the_structured_keys():
    assert keys(CODE) == keys(CODE.replace(b"100", b"0x7").replace(b"2)", b"4)"))


def test_inconsistent_renaming_changes_keys():
    assert keys(CODE) != keys(CODE.replace(b"round(total", b"round(totals"))


def test_another_keyword_changes_every_key_it_is_in():
    other = CODE.replace(b"if ", b"while ")
    at = words(CODE).index(b"if")
    changed = [i for i, (a, b) in enumerate(zip(keys(CODE), keys(other), strict=True)) if a != b]
    first = max(0, at - RECIPE.k + 1)
    assert list(range(first, at + 1)) == changed


@pytest.mark.parametrize("row", [b"=" * 80, b"0, " * 40, b"1, 2.5, -3, " * 20, b"{0x00, 0xff}, " * 20, b"a " * 50])
def test_a_row_of_few_symbols_has_no_eligible_gram(row):
    tokens, _, *grams = reference.measure(row)
    assert tokens > RECIPE.k
    assert [b"", b"", b""] == grams


def test_prose_is_compared_literally():
    assert keys(PROSE)
    assert {0} == {key & 1 for key in keys(PROSE)}
    assert keys(PROSE) != keys(PROSE.replace(b"garden", b"castle"))


def test_the_check_is_of_the_literal_tokens():
    for text, other, equal in ((CODE, REFORMATTED, True), (CODE, RENAMED, False)):
        assert equal == (reference.measure(text)[3] == reference.measure(other)[3])


@pytest.mark.parametrize("extra", [-1, 0, 1, 2])
def test_a_text_has_a_gram_for_every_position(extra):
    text = b" ".join(b"word%d" % i for i in range(RECIPE.k + extra))
    positions = reference.measure(text)[4]
    assert list(range(extra + 1)) == list(struct.unpack(f"<{len(positions) // 4}I", positions))


def test_a_fragment_has_the_keys_it_has_in_the_whole():
    spans = reference.tokens(CODE)
    fragment = CODE[spans[5][0] : spans[5 + RECIPE.t - 1][1]]
    assert keys(CODE)[5 : 5 + RECIPE.w] == keys(fragment)


def test_the_stream_tells_texts_of_zero_tokens_from_others():
    streams = [reference.measure(text)[1] for text in (b"", b"a", b"a a", b"a b", b"b a", b"ab")]
    assert len(streams) == len(set(streams))
    assert reference.measure(b"")[1] == reference.measure(b" \n")[1]


def test_classes_of_tokens():
    def classify(token: str) -> tuple[int, bool]:
        return reference.classify(token.encode(), reference.token_hash(token.encode()))

    assert (reference.NAME, False) == classify("value")
    assert (reference.NAME, False) == classify("_1")
    assert (reference.NAME, False) == classify("été")
    assert (reference.NUMERIC, False) == classify("1e5")
    assert (reference.KEYWORD, True) == classify("def")
    assert (reference.KEYWORD, False) == classify("for")
    assert (reference.OTHER, True) == classify("{")
    assert (reference.OTHER, False) == classify(",")
    assert (reference.OTHER, False) == classify("日")


def test_shingles_are_of_five_tokens_and_a_shorter_text_has_no_signature():
    assert [] == reference.shingles(b"a b c d")
    assert 1 == len(reference.shingles(b"a b c d e"))
    assert b"" == reference.signature(b"a b c d")
    assert b"\xff" * 512 == reference.signatures(b"a b c d", struct.pack("<2q", 0, 7))


def oracle(hashes: list[int]) -> bytes:
    sketch = datasketch.MinHash(num_perm=128, scheme="affine32", hashfunc=lambda value: value)
    for value in hashes:
        sketch.update(value)
    return sketch.hashvalues.astype("<u4").tobytes()


@pytest.mark.parametrize("text", [CODE, PROSE, b"a b c d e", b"a " * 50])
def test_signatures_are_those_of_datasketch(text):
    assert oracle(reference.shingles(text)) == reference.signature(text)


def test_minhash_is_that_of_datasketch_on_any_hashes():
    rng = random.Random(1)
    for hashes in ([0], [0xFFFFFFFF], [rng.getrandbits(32) for _ in range(500)]):
        assert oracle(hashes) == minhash.signature(hashes)


def test_the_permutations_are_those_of_datasketch():
    a, b = datasketch.MinHash(num_perm=128, scheme="affine32").permutations
    assert a.tolist() == list(minhash.A)
    assert b.tolist() == list(minhash.B)


def test_probe_gives_span_numbers_check_and_marks_of_each_hit_in_order():
    grams = sorted([keys(CODE)[3], keys(CODE)[9], keys(CODE)[9], 5], key=place)
    data, offsets = b"zz " + CODE + CODE, struct.pack("<3q", 3, 3 + len(CODE), 3 + 2 * len(CODE))
    held = table_of(grams)
    counts, streams, (hits,), (touched,) = reference.probe(
        data, offsets, [held], [b"\1\0\0\1" + bytes(9)[: len(held) // PAGE - 4]]
    )
    tokens, stream, _, checks, _ = reference.measure(CODE)
    check = struct.unpack(f"<{len(checks) // 2}H", checks)
    spans = reference.tokens(CODE)
    assert struct.pack("<2I", tokens, tokens) == counts
    assert struct.pack("<2Q", stream, stream) == streams
    assert [
        (
            unit,
            position,
            spans[position][0],
            spans[position + RECIPE.k - 1][1],
            grams.index(keys(CODE)[position]),
            grams.count(keys(CODE)[position]),
            check[position],
            bytes(reference.mark(keys(CODE)[at], check[at]) if at >= 0 else 0 for at in around),
        )
        for unit in (0, 1)
        for position, around in ((3, (0, -3, 6, 9)), (9, (6, 3, 12, 15)))
    ] == list(reference.HIT.iter_unpack(hits))
    assert struct.pack("<2I", 1, 2) == touched


def test_a_mark_tells_by_the_key_and_by_the_words_and_is_never_zero():
    rng = random.Random(1)
    drawn = [(rng.getrandbits(64), rng.getrandbits(16)) for _ in range(4000)]
    for key, check in drawn:
        assert reference.mark(key, check) == reference.mark(key ^ 1, check) == reference.mark(key, check ^ 8)
        assert reference.mark(key, check) >> 3 == (key >> 1 & 31) or key >> 1 & 31 == 0
    assert set(range(1, 256)) == {reference.mark(key, check) for key, check in drawn}
    # A gram under other names has the same five bits, and other words as a rule.
    renamed = list(
        zip(struct.unpack(f"<{len(keys(RENAMED))}H", reference.measure(RENAMED)[3]), keys(RENAMED), strict=True)
    )
    own = list(zip(struct.unpack(f"<{len(keys(CODE))}H", reference.measure(CODE)[3]), keys(CODE), strict=True))
    pairs = [(reference.mark(b, a), reference.mark(d, c)) for (a, b), (c, d) in zip(own, renamed, strict=True)]
    assert all(mine >> 3 == theirs >> 3 or {mine, theirs} & set(range(1, 9)) for mine, theirs in pairs)
    assert any(mine != theirs for mine, theirs in pairs)


def test_a_neighbour_that_is_not_eligible_has_no_mark():
    text = CODE + b" ".join([b"0,"] * 40) + CODE
    positions = reference.measure(text)[4]
    eligible = set(struct.unpack(f"<{len(positions) // 4}I", positions))
    held = table_of(set(keys(text)))
    _, _, (hits,), _ = reference.probe(text, struct.pack("<2q", 0, len(text)), [held], unchecked(held))
    found = {hit[1]: hit[7] for hit in reference.HIT.iter_unpack(hits)}
    assert found.keys() == eligible
    for position, around in found.items():
        assert [position + by in eligible for by in (-3, -6, 3, 6)] == [mark > 0 for mark in around]
    assert any(0 in around[2:] for position, around in found.items() if position < 50)


def test_find_says_where_a_key_stands_and_how_often():
    grams = sorted([7, 7, 7, 9, 2**64 - 1], key=place)
    held = table_of(grams)
    firsts, counts, touched = reference.find(struct.pack("<4Q", 7, 8, 9, 2**64 - 1), held, *unchecked(held))
    assert (3, 0, 1, 1) == struct.unpack("<4I", counts)
    assert (grams.index(7), 0, grams.index(9), grams.index(2**64 - 1)) == struct.unpack("<4I", firsts)
    assert list(range(len(held) // PAGE)) == list(struct.unpack(f"<{len(touched) // 4}I", touched))


GOLDEN = {
    "recipe": "p1.k24.w9.d12.s5.m128x5",
    "token_hash": "626eb2d934051ee7 3b42f1035cc759b2",
    "stream": "50 2212fafa2fca62cb",
    "keys": "b7318ba33764cd74",
    "first": "846d6161e97e9e45 9d005e1d38b1f09e",
    "checks": "fb3398aa629502d5",
    "positions": "41c21beaa603584c",
    "digest": "f98efc6d4d31c67ae38cedfd33d55df3",
    "shingles": "5a0c3419",
    "signature": "4ad1dc40726c9bbf",
    "tables": "c80701995602d4dc",
}


def test_the_recipe_has_not_changed_silently():
    """If one of these fails, every stored fingerprint is another: raise the version of the recipe."""
    tokens, stream, found, checks, positions = reference.measure(CODE)
    text = b"a b c d e"
    golden = {
        "recipe": str(RECIPE),
        "token_hash": f"{reference.token_hash(b'return'):016x} {reference.token_hash(b'x' * 33):016x}",
        "stream": f"{tokens} {stream:016x}",
        "keys": xxhash.xxh3_64_hexdigest(found),
        "first": f"{keys(CODE)[0]:016x} {keys(PROSE)[0]:016x}",
        "checks": xxhash.xxh3_64_hexdigest(checks),
        "positions": xxhash.xxh3_64_hexdigest(positions),
        "digest": exact_digest(CODE).hex(),
        "shingles": " ".join(f"{value:08x}" for value in reference.shingles(text)),
        "signature": xxhash.xxh3_64_hexdigest(reference.signature(CODE)),
        "tables": xxhash.xxh3_64_hexdigest(repr(reference.kernel_tables()).encode()),
    }
    assert GOLDEN == golden
