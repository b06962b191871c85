"""The kernel gives what the reference gives, bit for bit, and no misuse makes it crash."""

from __future__ import annotations

import mmap
import os
import random
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from provenance.fingerprint import reference
from provenance.fingerprint.recipe import RECIPE, Recipe
from provenance.index import bloom

try:
    from provenance.fingerprint import _kernel as kernel
except ImportError:
    if os.environ.get("CI"):
        raise
    pytest.skip("the C kernel is not built", allow_module_level=True)

kernel.setup(*reference.kernel_tables())

K = RECIPE.k
OF_ONE_TEXT = ("tokens", "normal_form", "measure", "shingles", "signature")
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


def filter_and_grams(keys: np.ndarray) -> tuple[bytes, bytes]:
    grams = np.unique(keys.astype("<u8"))
    return bloom.build(grams), grams.tobytes()


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
@given(data=TEXTS, cuts=st.lists(st.floats(0, 1), max_size=6))
def test_kernel_and_reference_agree_on_the_signatures_of_many_texts(data, cuts):
    offsets = packed(sorted(round(cut * len(data)) for cut in cuts))
    assert reference.signatures(data, offsets) == kernel.signatures(data, offsets)


@long
@given(
    data=sources() | TEXTS,
    cuts=st.lists(st.floats(0, 1), max_size=6),
    every=st.integers(1, 7),
    others=st.lists(st.integers(0, 2**64 - 1), max_size=20),
)
def test_kernel_and_reference_agree_on_hits(data, cuts, every, others):
    offsets = packed(sorted(round(cut * len(data)) for cut in cuts))
    keys = np.concatenate([keys_of(data)[::every], np.array(others, np.uint64)])
    sieve, grams = filter_and_grams(keys)
    expected = reference.probe(data, offsets, sieve, grams)
    assert expected == kernel.probe(data, offsets, sieve, grams)
    assert expected == kernel.probe(data, offsets, b"", grams)


def test_every_gram_of_an_indexed_text_is_a_hit():
    text = b"".join(b"value_%d = compute(%d, other) ; " % (i % 40, i) for i in range(500))
    sieve, grams = filter_and_grams(keys_of(text))
    counts, streams, hits = kernel.probe(b"## " + text, packed([3, 3 + len(text)]), sieve, grams)
    tokens, stream, keys, checks, positions = kernel.measure(text)
    records = list(reference.HIT.iter_unpack(hits))
    assert (tokens, stream) == (*struct.unpack("<I", counts), *struct.unpack("<Q", streams))
    assert list(struct.unpack(f"<{len(positions) // 4}I", positions)) == [hit[1] for hit in records]
    assert list(struct.unpack(f"<{len(checks) // 2}H", checks)) == [hit[5] for hit in records]
    table = np.frombuffer(grams, "<u8")
    assert np.frombuffer(keys, "<u8").tolist() == [int(table[hit[4]]) for hit in records]
    spans = kernel.tokens(text)
    assert [(spans[hit[1]][0], spans[hit[1] + K - 1][1]) for hit in records] == [hit[2:4] for hit in records]


def test_of_equal_grams_the_last_number_counts_as_in_the_reference():
    text = b"for i in range ( n ) : total [ i ] = f ( x , y ) + z * 3 ; return total"
    keys = np.sort(np.repeat(keys_of(text), 3)).tobytes()
    assert reference.probe(text, packed([0, len(text)]), b"", keys) == kernel.probe(
        text, packed([0, len(text)]), b"", keys
    )


def test_without_filter_and_grams_there_are_counts_and_no_hits():
    assert (b"\2\0\0\0", struct.pack("<Q", reference.measure(b"a b")[1]), b"") == kernel.probe(
        b"a b", packed([0, 3]), b"", b""
    )


@pytest.mark.parametrize("offsets", [[], [0], [5]])
def test_no_texts_give_nothing(offsets):
    assert (b"", b"", b"") == kernel.probe(b"a b c d e", packed(offsets), b"", b"")
    assert b"" == kernel.signatures(b"a b c d e", packed(offsets))


@given(text=TEXTS, before=st.binary(max_size=20), after=st.binary(max_size=20))
@long
def test_a_slice_of_a_larger_buffer_reads_as_its_copy(text, before, after):
    whole = before + text + after
    part = memoryview(whole)[len(before) : len(before) + len(text)]
    for function in OF_ONE_TEXT:
        assert getattr(kernel, function)(text) == getattr(kernel, function)(part)
    offsets = packed([len(before), len(before) + len(text)])
    sieve, grams = filter_and_grams(keys_of(text))
    assert kernel.probe(text, packed([0, len(text)]), sieve, grams) == kernel.probe(whole, offsets, sieve, grams)
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
        kernel.probe(b"a b c", packed(offsets), b"", b"")


@pytest.mark.parametrize(
    ("offsets", "sieve", "grams", "message"),
    [
        (b"\0" * 7, b"", b"", "offsets: 7 bytes, not a multiple of 8"),
        (b"\0" * 12, b"", b"", "offsets: 12 bytes, not a multiple of 8"),
        (b"\0" * 16, b"\0" * 31, b"", "bloom: 31 bytes, not a multiple of 32"),
        (b"\0" * 16, b"", b"\0" * 9, "grams: 9 bytes, not a multiple of 8"),
    ],
)
def test_buffers_of_the_wrong_size_are_refused(offsets, sieve, grams, message):
    with pytest.raises(ValueError, match=message):
        kernel.probe(b"a b c", offsets, sieve, grams)


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
    for arguments in ((), (b"a",), (b"a", None), ("a", offsets), (b"a", offsets, b"")):
        with pytest.raises(TypeError):
            kernel.signatures(*arguments)
    for arguments in ((b"a", offsets, b""), (b"a", offsets, "", b""), (b"a", offsets, b"", None)):
        with pytest.raises(TypeError):
            kernel.probe(*arguments)
    for arguments in ((gaps, offsets, b"", b""), (b"a", gaps, b"", b""), (b"a", offsets, gaps, b"")):
        with pytest.raises((BufferError, ValueError)):
            kernel.probe(*arguments)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        *((0, 0), (0, 65), (0, -1), (1, K + 1), (1, -1), (2, -1), (2, K + 1), (3, 0), (3, 65)),
        *((4, b"1234567"), (5, bytes(8 * 2048)), (6, bytes(4)), (7, bytes(9)), (9, b""), (9, bytes(1020))),
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
    finally:
        monkeypatch.undo()
        kernel.setup(*reference.kernel_tables())
    assert reference.measure(text) == kernel.measure(text)


def test_before_setup_every_function_says_what_is_missing():
    program = (
        "import importlib.util as u; s = u.find_spec('provenance.fingerprint._kernel'); import importlib\n"
        "k = u.module_from_spec(s); s.loader.exec_module(k)\n"
        "try: k.measure(b'a')\n"
        "except RuntimeError as e: print(e)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "_kernel: call setup(*reference.kernel_tables()) first\n" == run.stdout


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
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stdout


@LINUX
def test_a_probe_takes_no_more_memory_for_a_longer_text():
    program = (
        "import resource, struct; from provenance.fingerprint import _kernel, engine\n"
        "text = b'total = total + value ;  ' * 1_000_000\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "_kernel.probe(text, struct.pack('<2q', 0, len(text)), bytes(32), b'01234567')\n"
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
