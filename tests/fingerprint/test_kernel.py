"""The kernel gives what the reference gives, bit for bit, and no misuse makes it crash."""

from __future__ import annotations

import mmap
import os
import random
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from provenance.fingerprint import reference
from provenance.fingerprint.recipe import RECIPE, Recipe
from provenance.fingerprint.table import PAGE, Layout
from tests.fingerprint.plain import table_of, unchecked

try:
    from provenance.fingerprint import _kernel as kernel
except ImportError:
    if os.environ.get("CI"):
        raise
    pytest.skip("the C kernel is not built", allow_module_level=True)

kernel.setup(*reference.kernel_tables())

ROOT = Path(__file__).parents[2]
K = RECIPE.k
OF_ONE_TEXT = ("tokens", "normal_form", "measure", "marks", "shingles", "signature")
VOCABULARY = (
    *"if for return class def and import x y foo bar _ 1 23 0x1F ( ) { } = ; + , . \" ' - ? @".split(),
    *(letter * length for letter, length in zip("abcde", (15, 16, 17, 32, 33), strict=True)),
    *"日 本 ก ་ 𠀀 — é naïve１".split(),
)
SPACES = ("", " ", "\n    ", "\t", "\0", "\x7f", "\u00a0", "\u200b", "\ufeff", "\u3000", "\U000e0001")
EDGES = (K - 2, K - 1, K, K + 1, 2 * K, RECIPE.t - 1, RECIPE.t, RECIPE.t + 1, RECIPE.shingle - 1, RECIPE.shingle)
BLOCK_EDGES = (64, 65, 383, 384, 385, 447, 448, 449, 450, 900)
"""Around 64 bytes and the block of the kernel (448 new tokens, full from 384 on)."""


@st.composite
def sources(draw: st.DrawFn) -> bytes:
    """Source-like text: few words, structured, repeated, of lengths around the edges."""
    words = draw(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=len(VOCABULARY)))
    length = draw(st.sampled_from(EDGES + BLOCK_EDGES) | st.integers(0, 120))
    spaces = draw(st.lists(st.sampled_from(SPACES), min_size=1, max_size=3))
    rng = random.Random(draw(st.integers(0, 1 << 32)))
    return "".join(rng.choice(words) + rng.choice(spaces) for _ in range(length)).encode()


NEAR_UTF8 = st.lists(
    st.sampled_from([bytes([byte]) for byte in b"\xc2\xe0\xe2\xe3\xed\xef\xf0\xf4\xff\x80\x8b\xa0\xbf a(0_\0"])
).map(b"".join)
TEXTS = st.binary(max_size=300) | st.text(max_size=200).map(str.encode) | NEAR_UTF8 | sources()
long = settings(deadline=None, max_examples=150)


def packed(offsets: list[int]) -> bytes:
    return struct.pack(f"<{len(offsets)}q", *offsets)


def keys_of(text: bytes) -> np.ndarray:
    return np.frombuffer(reference.measure(text)[2], "<u8")


NOTHING = table_of([])


def probe(engine, data, offsets, tables):
    """A probe of tables of which no page is checked."""
    return engine.probe(data, offsets, tables, unchecked(*tables))


def pages(blob: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(blob) // 4}I", blob))


def hits_of(answer: tuple) -> list[tuple]:
    """The hits of a probe of one table."""
    return list(reference.HIT.iter_unpack(answer[2][0]))


@pytest.mark.parametrize("function", OF_ONE_TEXT)
@long
@given(text=TEXTS)
@example(b"")
@example(b"\xe3\x80")
@example(b"a" * 63 + "é".encode())
@example(b"(" * 63 + "日本".encode())
@example(b"a" * 1000 + b"(" + b"b" * 64)
@example(b"(" * 2000)
@example(("日" * 500).encode())
@example(b"a b " * 300)
def test_kernel_and_reference_agree_on_a_text(function, text):
    assert getattr(reference, function)(text) == getattr(kernel, function)(text)


@long
@given(data=TEXTS, cuts=st.lists(st.floats(0, 1), max_size=6), seed=st.integers(0, 1 << 32))
def test_kernel_and_reference_agree_on_the_signatures_of_many_texts(data, cuts, seed):
    offsets = packed(sorted(round(cut * len(data)) for cut in cuts))
    wanted = bytes(random.Random(seed).choices([0, 1, 255], k=max(0, len(cuts) - 1)))
    whole = reference.signatures(data, offsets)
    assert whole == kernel.signatures(data, offsets)
    rows = [whole[512 * i : 512 * i + 512] for i, one in enumerate(wanted) if one]
    assert b"".join(rows) == reference.signatures(data, offsets, wanted) == kernel.signatures(data, offsets, wanted)


@long
@given(
    data=sources() | TEXTS,
    cuts=st.lists(st.floats(0, 1), max_size=6),
    every=st.lists(st.integers(1, 7), max_size=3),
    others=st.lists(st.integers(0, 2**64 - 1), max_size=20),
)
def test_kernel_and_reference_agree_on_hits(data, cuts, every, others):
    offsets = packed(sorted(round(cut * len(data)) for cut in cuts))
    keys = keys_of(data).tolist()
    tables = [table_of([*keys[::step], *keys[: 5 * step], *others]) for step in every]
    assert probe(reference, data, offsets, tables)[:3] == probe(kernel, data, offsets, tables)[:3]


@pytest.mark.parametrize("length", [K, K + 3, *BLOCK_EDGES, 1400])
@pytest.mark.parametrize("every", [1, 5, 97])
def test_kernel_and_reference_agree_on_the_marks_around_a_hit_at_every_edge_of_a_block(length, every):
    rng = random.Random(length)
    words = [rng.choice(VOCABULARY[:30]) + str(rng.randrange(40)) * rng.randrange(2) for _ in range(length)]
    # A row without an eligible gram in the middle, so that some neighbours have no mark.
    words[length // 2 : length // 2 + 40 * (length > 300)] = ["0"] * (40 * (length > 300))
    text = " ".join(words).encode()
    tables = [table_of(keys_of(text)[::every].tolist())]
    expected, answer = (probe(one, text, packed([0, len(text)]), tables) for one in (reference, kernel))
    assert expected[:3] == answer[:3]
    assert hits_of(answer) or not len(keys_of(text))


@long
@given(
    keys=st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 40), max_size=200),
    absent=st.lists(st.integers(0, 2**64 - 1), max_size=20),
    most=st.integers(0, 5000),
)
def test_kernel_and_reference_find_the_same_keys(keys, absent, most):
    asked = struct.pack(f"<{len(keys + absent)}Q", *keys, *absent)
    table = table_of(keys, max(most, len(keys)))
    answer = kernel.find(asked, table, *unchecked(table))
    assert reference.find(asked, table, *unchecked(table))[:2] == answer[:2]
    counts = struct.unpack(f"<{len(keys + absent)}I", answer[1])
    assert counts == tuple(keys.count(key) for key in keys + absent)


@settings(deadline=None, max_examples=40)
@given(data=sources(), seed=st.integers(0, 1 << 32), every=st.integers(1, 5), many=st.sampled_from([0, 700, 7000]))
def test_an_answer_depends_on_checked_and_on_touched_pages_alone(data, seed, every, many):
    """What is neither checked before nor touched may hold anything. The header is checked on opening."""
    rng = random.Random(seed)
    others = [rng.getrandbits(64) for _ in range(many)]
    whole = table_of([*keys_of(data)[::every].tolist(), *others])
    count = len(whole) // PAGE
    checked = b"\1" + bytes(rng.choices([0, 1], [3, 1], k=count - 1))
    offsets, asked = packed([0, len(data)]), keys_of(data)[::3].tobytes() + struct.pack("<2Q", *[*others, 1, 2][:2])
    probed, found = kernel.probe(data, offsets, [whole], [checked]), kernel.find(asked, whole, checked)
    for answer, touched in ((probed, pages(probed[3][0])), (found, pages(found[2]))):
        assert not {page for page in touched if page >= count or checked[page]}
        junk = b"".join(
            whole[page * PAGE : (page + 1) * PAGE] if checked[page] or page in touched else rng.randbytes(PAGE)
            for page in range(count)
        )
        again = (
            kernel.probe(data, offsets, [junk], [checked]) if answer is probed else kernel.find(asked, junk, checked)
        )
        assert answer == again


def test_of_a_table_that_is_checked_nothing_is_touched():
    text = b"for i in range ( n ) : total [ i ] = f ( x , y ) + z * 3 ; return total"
    table = table_of(keys_of(text).tolist())
    checked = b"\1" * (len(table) // PAGE)
    for engine in (reference, kernel):
        assert (b"",) == engine.probe(text, packed([0, len(text)]), [table], [checked])[3]
        assert b"" == engine.find(keys_of(text).tobytes(), table, checked)[2]
        assert any(pages(probe(engine, text, packed([0, len(text)]), [table])[3][0]))


@pytest.mark.parametrize("length", [60, 600, 6000])
def test_behind_a_filter_that_is_checked_or_not_stand_the_same_hits_and_pages(length):
    rng = random.Random(length)
    text = b" ".join(
        b"%d )" % rng.randrange(99) if rng.random() < 0.3 else b"x%d" % rng.randrange(99) for _ in range(length)
    )
    table = table_of([*keys_of(text)[::3].tolist(), *(rng.getrandbits(64) for _ in range(9000))])
    first, count = Layout(table).fan // PAGE, len(table) // PAGE
    offsets, part = packed([0, len(text)]), b"\1" + bytes(count - 1)
    checked = b"\1" * first + bytes(count - first)
    *unread, touched = kernel.probe(text, offsets, [table], [part])
    *answer, behind = kernel.probe(text, offsets, [table], [checked])
    assert answer == unread
    assert set(pages(behind[0])) == {page for page in pages(touched[0]) if page >= first} != set(pages(touched[0]))


@pytest.mark.parametrize("length", [30, 448, 449, 2000])
def test_a_filter_that_lets_everything_through_changes_no_hit(length):
    text = b" ".join(b"x%d = y%d + z%d ;" % (i * i % 97, i % 89, i % 83) for i in range(length))
    table = table_of(keys_of(text)[::3].tolist())
    layout = Layout(table)
    through = table[: layout.filter] + b"\xff" * (layout.fan - layout.filter) + table[layout.fan :]
    offsets = packed([0, len(text)])
    assert hits_of(probe(kernel, text, offsets, [table]))
    assert probe(kernel, text, offsets, [table])[:3] == probe(kernel, text, offsets, [through])[:3]


def test_every_gram_of_an_indexed_text_is_a_hit():
    text = b"".join(b"value_%d = compute(%d, other) ; " % (i % 40, i) for i in range(500))
    table = table_of(keys_of(text).tolist())
    answer = probe(kernel, b"## " + text, packed([3, 3 + len(text)]), [table])
    tokens, stream, _, checks, positions = kernel.measure(text)
    records = hits_of(answer)
    assert (tokens, stream) == (*struct.unpack("<I", answer[0]), *struct.unpack("<Q", answer[1]))
    assert list(struct.unpack(f"<{len(positions) // 4}I", positions)) == [hit[1] for hit in records]
    assert list(struct.unpack(f"<{len(checks) // 2}H", checks)) == [hit[6] for hit in records]
    places = Layout(table).places
    assert (keys_of(text) * np.uint64(0x9E3779B97F4A7C15)).tolist() == [places[hit[4]] for hit in records]
    spans = kernel.tokens(text)
    assert [(spans[hit[1]][0], spans[hit[1] + K - 1][1]) for hit in records] == [hit[2:4] for hit in records]


def test_of_equal_grams_the_first_number_is_given_and_how_many_there_are():
    text = b"for i in range ( n ) : total [ i ] = f ( x , y ) + z * 3 ; return total"
    table = table_of(np.repeat(keys_of(text), 3).tolist())
    found = hits_of(probe(kernel, text, packed([0, len(text)]), [table]))
    places = Layout(table).places
    assert found
    assert {3} == {hit[5] for hit in found}
    assert all(places[hit[4] : hit[4] + 3] == [places[hit[4]]] * 3 for hit in found)
    assert all(hit[4] == 0 or places[hit[4] - 1] != places[hit[4]] for hit in found)


def test_each_table_has_its_own_hits():
    text = b"for i in range ( n ) : total [ i ] = f ( x , y ) + z * 3 ; return total if more else rest [ 7 ]"
    keys = keys_of(text).tolist()
    tables = [table_of(part) for part in (keys[:3], [], keys[3:], keys)]
    _, _, hits, touched = probe(kernel, text, packed([0, len(text)]), tables)
    assert [3, 0, len(keys) - 3, len(keys)] == [len(one) // reference.HIT.size for one in hits]
    assert [True, False, True, True] == [bool(one) for one in touched]
    positions = [[hit[1] for hit in reference.HIT.iter_unpack(one)] for one in hits]
    assert positions[3] == sorted(positions[0] + positions[2])


@pytest.mark.parametrize("tables", [[], (), [NOTHING], [NOTHING] * 256], ids=len)
def test_without_grams_there_are_counts_and_no_hits(tables):
    counts, streams, hits, touched = probe(kernel, b"a b", packed([0, 3]), tables)
    assert (b"\2\0\0\0", struct.pack("<Q", reference.measure(b"a b")[1])) == (counts, streams)
    assert (b"",) * len(tables) == hits == touched


@pytest.mark.parametrize("offsets", [[], [0], [5]])
def test_no_texts_give_nothing(offsets):
    assert (b"", b"", (b"",), (b"",)) == probe(kernel, b"a b c d e", packed(offsets), [NOTHING])
    assert b"" == kernel.signatures(b"a b c d e", packed(offsets))


@given(text=TEXTS, before=st.binary(max_size=20), after=st.binary(max_size=20))
@long
def test_a_slice_of_a_larger_buffer_reads_as_its_copy(text, before, after):
    whole = before + text + after
    part = memoryview(whole)[len(before) : len(before) + len(text)]
    for function in OF_ONE_TEXT:
        assert getattr(kernel, function)(text) == getattr(kernel, function)(part)
    offsets = packed([len(before), len(before) + len(text)])
    tables = [table_of(keys_of(text).tolist())]
    assert probe(kernel, text, packed([0, len(text)]), tables) == probe(kernel, whole, offsets, tables)
    assert kernel.signatures(text, packed([0, len(text)])) == kernel.signatures(whole, offsets)


def test_any_contiguous_buffer_will_do(tmp_path):
    text = "def f(x): return x + 1  # 日本".encode() * 3
    (tmp_path / "text").write_bytes(text)
    expected = reference.measure(text)
    with open(tmp_path / "text", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert expected == kernel.measure(mapped)
    for buffer in (bytearray(text), memoryview(text), np.frombuffer(text, np.uint8), pa.py_buffer(text)):
        assert expected == kernel.measure(buffer)
    texts = pa.array([text.decode(), "a", "a b c d e"], pa.large_string())
    _, offsets, data = texts.buffers()
    assert reference.signatures(data.to_pybytes(), offsets.to_pybytes()) == kernel.signatures(data, offsets)
    assert kernel.signatures(data, offsets) == kernel.signatures(data, np.frombuffer(offsets, np.int64))


@pytest.mark.parametrize(
    "offsets",
    [[-1, 1], [0, 6], [3, 2], [0, 5, 4, 5], [6, 6], [0, 2**63 - 1], [-(2**63), 0], [0, -(2**63)]],
)
def test_bad_offsets_are_refused(offsets):
    with pytest.raises(ValueError, match=r"offsets: text \d ends before it starts or lies outside the 5 bytes"):
        kernel.signatures(b"a b c", packed(offsets))
    with pytest.raises(ValueError, match="offsets"):
        probe(kernel, b"a b c", packed(offsets), [NOTHING])


SOUND = table_of(range(1, 200))


def with_header(**fields: int) -> bytes:
    """A table whose header says something else."""
    names = ("magic", "count", "blocks", "bits", "width")
    held = dict(zip(names, struct.unpack_from("<8sQQII", SOUND), strict=True)) | fields
    return struct.pack("<8sQQII", *held.values()) + SOUND[32:]


NO_TABLES = {
    "empty": b"",
    "short": SOUND[: PAGE - 1],
    "header alone": SOUND[:PAGE],
    "a page less": SOUND[:-PAGE],
    "a byte less": SOUND[:-1],
    "a byte more": SOUND + b"\0",
    "a page more": SOUND + bytes(PAGE),
    "another magic": b"pvtable2" + SOUND[8:],
    "more keys": with_header(count=5000),
    "keys without end": with_header(count=2**64 - 1),
    "2**32 keys": with_header(count=2**32),
    "no blocks": with_header(blocks=0),
    "too many blocks": with_header(blocks=2**32 + 1),
    "blocks that overflow": with_header(blocks=2**59),
    "too many bits": with_header(bits=25),
    "bits that overflow": with_header(bits=2**32 - 1),
    "more buckets": with_header(bits=20),
    "no width": with_header(width=0),
    "too much width": with_header(width=9),
    "bits and width that do not make a key": with_header(bits=0, width=7),
}
ENGINES = pytest.mark.parametrize("engine", [reference, kernel], ids=["reference", "kernel"])


@ENGINES
@pytest.mark.parametrize("what", NO_TABLES)
def test_what_is_no_table_is_refused(engine, what):
    wrong = NO_TABLES[what]
    with pytest.raises(ValueError, match="table"):
        probe(engine, b"a b c", packed([0, 5]), [NOTHING, wrong])
    with pytest.raises(ValueError, match="table"):
        engine.find(bytes(8), wrong, *unchecked(wrong))
    if wrong:  # to select, nothing is no commons
        with pytest.raises(ValueError, match="table"):
            engine.select(b"", b"", b"", b"", b"", b"", wrong)


def test_buffers_of_the_wrong_size_are_refused():
    for offsets in (bytes(7), bytes(12)):
        with pytest.raises(ValueError, match=f"offsets: {len(offsets)} bytes, not a multiple of 8"):
            probe(kernel, b"a b c", offsets, [NOTHING])
    for engine in (reference, kernel):
        for wanted in (b"", b"\1\1"):
            with pytest.raises(ValueError, match=f"wanted: {len(wanted)} bytes for 1 texts"):
                engine.signatures(b"a b c", packed([0, 5]), wanted)
    with pytest.raises(ValueError, match="keys: 9 bytes, not a multiple of 8"):
        kernel.find(bytes(9), NOTHING, *unchecked(NOTHING))
    with pytest.raises(ValueError, match=r"tables: 257, .* at most 256"):
        probe(kernel, b"a b c", packed([0, 5]), [NOTHING] * 257)
    with pytest.raises(ValueError, match="tables: 2, and 1 of what was checked"):
        kernel.probe(b"a b c", packed([0, 5]), [NOTHING] * 2, unchecked(NOTHING))
    for checked in (b"", bytes(2), bytes(len(NOTHING) // PAGE + 1)):
        for call in (
            lambda checked=checked: kernel.probe(b"a b c", packed([0, 5]), [NOTHING], [checked]),
            lambda checked=checked: kernel.find(bytes(8), NOTHING, checked),
        ):
            with pytest.raises(ValueError, match=f"checked: {len(checked)} bytes for {len(NOTHING) // PAGE} pages"):
                call()


@pytest.mark.parametrize("function", OF_ONE_TEXT)
def test_what_is_no_contiguous_buffer_is_refused(function):
    for wrong in ("text", None, 1, ["a"]):
        with pytest.raises(TypeError):
            getattr(kernel, function)(wrong)
    for gaps in (memoryview(b"abcdef")[::2], np.zeros((4, 4), np.uint8).T[1:, ::2]):
        with pytest.raises((BufferError, ValueError)):
            getattr(kernel, function)(gaps)


def test_wrong_arguments_are_refused():
    offsets, gaps = packed([0, 1]), memoryview(bytes(64))[::2]
    for arguments in ((), (b"a",), (b"a", None), ("a", offsets), (b"a", offsets, ""), (b"a", offsets, b"1", b"")):
        with pytest.raises(TypeError):
            kernel.signatures(*arguments)
    one = [NOTHING], unchecked(NOTHING)
    for arguments in ((b"a", offsets, one[0]), (b"a", offsets, None, one[1]), (b"a", offsets, one[0], None)):
        with pytest.raises(TypeError):
            kernel.probe(*arguments)
    for tables, checked in (([1], [b"0"]), (["x"], [b"0"]), (one[0], ["x"]), (one[0], [None])):
        with pytest.raises(TypeError):
            kernel.probe(b"a", offsets, tables, checked)
    for arguments in ((gaps, offsets, *one), (b"a", gaps, *one), (b"a", offsets, [gaps], one[1])):
        with pytest.raises((BufferError, ValueError)):
            kernel.probe(*arguments)
    for arguments in ((), (bytes(8), NOTHING), (bytes(8), None, b""), ("12345678", *one), (bytes(8), [NOTHING], b"")):
        with pytest.raises(TypeError):
            kernel.find(*arguments)
    for arguments in ((), (b"",) * 6, (*(b"",) * 6, None), (*(b"",) * 8,)):
        with pytest.raises(TypeError):
            kernel.select(*arguments)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        *((0, 0), (0, 65), (0, -1), (1, 0), (1, -1), (2, K + 1), (2, -1), (3, -1), (3, K + 1), (4, 0), (4, 65)),
        *((5, b"1234567"), (6, bytes(8 * 2048)), (7, bytes(4)), (8, bytes(9)), (10, b""), (10, bytes(1020))),
    ],
)
def test_setup_refuses_tables_of_the_wrong_size_and_keeps_the_old_ones(at, value):
    tables = list(reference.kernel_tables())
    tables[at] = value
    text = b"for ( int i = 0 ; i < n ; i ++ ) { total += values [ i ] * weight ; }"
    with pytest.raises(ValueError, match=":"):
        kernel.setup(*tables)
    assert reference.measure(text) == kernel.measure(text)


@pytest.mark.parametrize(
    "recipe", [Recipe(k=k, distinct=k // 2, structure=k // 3, shingle=65 - k) for k in (1, 2, 7, 25, 63, 64)], ids=str
)
def test_setup_may_be_called_again_with_another_recipe(recipe, monkeypatch):
    text = b"for ( int i = 0 ; i < n ; i += 1 ) { total = values [ i ] * weight [ i ] ; } " * 30
    try:
        monkeypatch.setattr(reference, "RECIPE", recipe)
        monkeypatch.setattr(reference, "BACK", tuple(reference.mix(d ^ reference.K4) for d in range(recipe.k)))
        kernel.setup(*reference.kernel_tables())
        assert reference.measure(text) == kernel.measure(text)
        assert reference.shingles(text) == kernel.shingles(text)
        tables = [table_of(keys_of(text)[::3].tolist())]
        offsets = packed([0, len(text)])
        assert probe(reference, text, offsets, tables)[:3] == probe(kernel, text, offsets, tables)[:3]
    finally:
        monkeypatch.undo()
        kernel.setup(*reference.kernel_tables())
    assert reference.measure(text) == kernel.measure(text)


def test_before_setup_every_function_says_what_is_missing():
    program = (
        "import importlib.util as u; s = u.find_spec('provenance.fingerprint._kernel'); import importlib\n"
        "k = u.module_from_spec(s); s.loader.exec_module(k)\n"
        "for call in (lambda: k.measure(b'a'), lambda: k.probe(b'a', b'', [], []), lambda: k.select(*[b''] * 7)):\n"
        "    try: call()\n"
        "    except RuntimeError as e: print(e)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "_kernel: call setup(*reference.kernel_tables()) first\n" * 3 == run.stdout


def test_threads_do_not_disturb_each_other():
    texts = [bytes(random.Random(i).choices(b"ab(){}=;+1 \n", k=20_000)) for i in range(4)]
    alone = [(kernel.measure(text), kernel.normal_form(text), kernel.signature(text)) for text in texts]

    def work(text: bytes):
        for _ in range(20):
            kernel.setup(*reference.kernel_tables())
            answer = (kernel.measure(text), kernel.normal_form(text), kernel.signature(text))
        return answer

    with ThreadPoolExecutor(4) as pool:
        assert alone == list(pool.map(work, texts))


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process as Linux gives it")


def in_a_process(program: str) -> str:
    # Behind all others, so that the package is the one that is installed.
    program = f"import sys; sys.path.append({str(ROOT)!r})\n{program}"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stdout


@LINUX
@pytest.mark.parametrize("line", ["total = total + value ;  ", "for name in a , b : c [ d ] = e . f ( g ) ; "])
def test_a_probe_takes_no_more_memory_for_a_longer_text(line):
    """With grams to look up, and without: the first line is of too few symbols."""
    program = (
        "import resource, struct; from provenance.fingerprint import _kernel, engine\n"
        "from tests.fingerprint.plain import table_of, unchecked; tables = [table_of(range(99))]\n"
        f"text = {line!r}.encode() * 1_000_000\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "_kernel.probe(text, struct.pack('<2q', 0, len(text)), tables, unchecked(*tables))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    assert 4096 > int(in_a_process(program))


@LINUX
def test_want_of_memory_is_a_memory_error():
    program = (
        "import resource, struct; from provenance.fingerprint import _kernel, engine\n"
        "text = b'a.' * 20_000_000\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "limit = pages * resource.getpagesize() + 30_000_000\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "calls = [lambda: _kernel.normal_form(text), lambda: _kernel.shingles(text)]\n"
        "calls += [lambda: _kernel.signatures(b'', bytes(8_000_000))]\n"
        "for call in calls:\n"
        "    try: call()\n"
        "    except MemoryError: print('MemoryError')\n"
    )
    assert "MemoryError\n" * 3 == in_a_process(program)
