"""Feed the kernel what a fuzzer would, from buffers of exact size, and hold every answer to the reference's.

``python fuzz_kernel.py KERNEL SECONDS SEED``: the path of a built kernel (with sanitizers, see test_sanitizers.py).
"""

from __future__ import annotations

import ctypes
import importlib.util
import random
import struct
import sys
import time
from contextlib import ExitStack, contextmanager, suppress

from provenance.fingerprint import reference
from provenance.fingerprint.table import Layout
from tests.fingerprint.plain import table_of, unchecked

WORDS = """if for return class def self foo bar x y1 _z 12 0x1F 3 ( ) { } = ; + , . " 日 本 ก é naïve 𠀀 —""".split()
WORDS += ["a" * n for n in (15, 16, 17, 32, 33, 64, 200)] + list(" \n\t\0\x7f\u00a0\u200b\ufeff\U000e0001")
NASTY = b"\xe0\x82\xa0\xe2\x80\x8b\xf0\xa0\x80\x80\xf4\xbf\xc2\xff\xed (a"
WORDS += ["\n+", "\n>", "```", "`", "\\n", "\\\\n", "\\", '\\n",', '\\n",\n"', '"']  # what texts are wrapped in
WORDS += ["\n ++ ", "\n+++ ", "\n@@", "\ndiff ", "\nindex ", "\n\\", "\n-", "\n```", "\n\t````", "\\/", "\\b", "\\f"]
WORDS += [
    "\\t",
    "\\r",
    "\\u00e9",
    "\\u0000",
    "\\uD83D\\uDE00",
    "\\ud83d",
    "\\uDC00",
    "\\uFFFF",
    "\\u12",
    '\\n"\t,\v"',
    "\\x",
]
WORDS += ["/*", "*/", " // ", "http://", " # ", "\n#", "#x", " -- ", "\n--\t", "--", "<!--", "-->", "/*/", "\n"]
LENGTHS = (0, 1, 4, 5, 6, 23, 24, 25, 47, 48, 49, 63, 64, 65, 100, 447, 448, 449, 500, 1200)

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]


@contextmanager
def exact(data: bytes):
    """A buffer with nothing behind it: one byte too far is seen by the address sanitizer."""
    address = libc.malloc(max(1, len(data)))
    view = (ctypes.c_char * len(data)).from_address(address)
    view[:] = data
    yield view
    libc.free(address)


def text(rng: random.Random) -> bytes:
    """Random bytes, mangled UTF-8, or source-like text out of few words, repeated now and then."""
    choice = rng.random()
    if choice < 0.15:
        return rng.randbytes(rng.randint(0, 300))
    if choice < 0.35:
        return bytes(rng.choice(NASTY) for _ in range(rng.randint(0, 300)))
    words = rng.sample(WORDS, rng.randint(1, len(WORDS)))
    separator = rng.choice(["", " ", "  \n"])
    data = bytearray(separator.join(rng.choices(words, k=rng.choice(LENGTHS))).encode())
    for _ in range(rng.choice([0, 0, 5]) if data else 0):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data) * rng.choice([1, 1, 1, 2])


def grams_of(data: bytes) -> list[int]:
    blob = reference.measure(data)[2]
    return list(struct.unpack(f"<{len(blob) // 8}Q", blob))


def table(rng: random.Random, keys: list[int]) -> bytes:
    """A table of some of these keys and others, now and then several times or made for more."""
    chosen = keys[:: rng.randint(1, 9)] + [rng.getrandbits(64) for _ in range(rng.choice([0, 1, 9, 64, 300]))]
    chosen *= rng.choice([1, 1, 3])
    return table_of(chosen, len(chosen) + rng.choice([0, 0, 100]))


def damaged(rng: random.Random, sound: bytes) -> bytes:
    """A table with a byte or more flipped in one of its sections, or cut, or grown."""
    layout = Layout(sound)
    sections = [(0, 32), (layout.filter, layout.fan), (layout.fan, layout.keys), (layout.keys, layout.size)]
    first, end = rng.choice(sections)
    content = bytearray(sound)
    for _ in range(rng.choice([1, 1, 3, 50])):
        content[rng.randrange(first, min(end, first + rng.choice([8, 64, 4096])))] = rng.choice(
            [0, 1, 0x80, 0xFF, rng.randrange(256)]
        )
    if rng.random() < 0.1:
        content[first:end] = rng.randbytes(end - first)
    if rng.random() < 0.2:
        del content[rng.choice([0, 1, 31, 4095, 4096, len(content) - 4096, len(content) - 1]) :]
    if rng.random() < 0.1:
        content += bytes(rng.choice([1, 4096]))
    return bytes(content)


def selection(rng: random.Random) -> list[bytes]:
    """What select takes, but for the commons, of passages that were measured, flags drawn."""
    passages = [reference.measure(text(rng)) for _ in range(rng.randint(0, 3))]
    keys, checks, positions = (b"".join(one[column] for one in passages) for column in (2, 3, 4))
    lengths = struct.pack(f"<{len(passages)}I", *(one[0] for one in passages))
    sizes = struct.pack(f"<{len(passages)}I", *(len(one[2]) // 8 for one in passages))
    return [lengths, sizes, keys, checks, positions, bytes(rng.choice([0, 1, 2, 3]) for _ in range(len(keys) // 8))]


def round_of(kernel, rng: random.Random) -> None:
    data = text(rng)
    cuts = sorted(rng.randint(0, len(data)) for _ in range(rng.randint(0, 6)))
    offsets = struct.pack(f"<{len(cuts)}q", *cuts)
    keys = grams_of(data)
    tables = [table(rng, keys) for _ in range(rng.choice([0, 1, 1, 3]))]
    asked = struct.pack(f"<{len(keys) + 2}Q", *keys, 5, rng.getrandbits(64))
    with exact(data) as d, exact(offsets) as o, exact(asked) as a, ExitStack() as stack:
        for name in ("tokens", "normal_form", "measure", "marks", "shingles"):
            assert getattr(reference, name)(data) == getattr(kernel, name)(d), (name, data)
        held = [stack.enter_context(exact(one)) for one in tables]
        checked = [bytes(rng.choices([0, 1, 255], k=len(one) // 4096)) for one in tables]
        flags = [stack.enter_context(exact(one)) for one in checked]
        assert reference.probe(data, offsets, tables, checked)[:3] == kernel.probe(d, o, held, flags)[:3], data
        for one, lying, flag in zip(tables, held, flags, strict=True):
            assert reference.find(asked, one, *unchecked(one))[:2] == kernel.find(a, lying, flag)[:2], data
        assert reference.clothes(data, offsets) == kernel.clothes(d, o), data
        worn = bytes(rng.choices([0, 63, 255], k=max(0, len(cuts) - 1)))
        with exact(worn) as w:
            for sign in (1, 2, 4, 8, 16, 32):
                assert reference.unwrap(data, offsets, worn, sign) == kernel.unwrap(d, o, w, sign), (sign, data)
        if rng.random() < 0.1:
            assert reference.signature(data) == kernel.signature(d), data
            wanted = bytes(rng.choices([0, 1], k=max(0, len(cuts) - 1)))
            with exact(wanted) as w:
                assert reference.signatures(data, offsets, wanted) == kernel.signatures(d, o, w), data
    bad = struct.pack("<3q", *(rng.choice([-1, 0, 1, len(data), len(data) + 1, 1 << 62]) for _ in range(3)))
    with exact(data) as d, exact(bad) as o, suppress(ValueError):
        kernel.signatures(d, o)
    with exact(data) as d, exact(bad) as o, exact(rng.randbytes(rng.choice([0, 2, 2]))) as w, suppress(ValueError):
        kernel.signatures(d, o, w)
    with exact(data) as d, exact(bad) as o, suppress(ValueError):
        kernel.clothes(d, o)
    with exact(data) as d, exact(bad) as o, exact(rng.randbytes(rng.choice([0, 2, 2]))) as w, suppress(ValueError):
        kernel.unwrap(d, o, w, rng.choice([1, 2, 4, 8, 16, 32, 0, 3, 64]))
    sound = table(rng, keys)
    for _ in range(30):
        hostile = damaged(rng, sound)
        checked = bytes(max(0, len(hostile) // 4096 - (rng.random() < 0.05)))
        with exact(data) as d, exact(offsets) as o, exact(asked) as a, exact(hostile) as h, exact(checked) as c:
            with suppress(ValueError):
                kernel.probe(d, o, [h], [c])
            with suppress(ValueError):
                kernel.find(a, h, c)
    with exact(data) as d, exact(rng.randbytes(rng.randint(0, 40))) as o, suppress(ValueError):
        kernel.probe(d, o, [o], [o])


def round_of_selection(kernel, rng: random.Random) -> None:
    columns = selection(rng)
    keys = list(struct.unpack(f"<{len(columns[2]) // 8}Q", columns[2]))
    commons = rng.choice([b"", table(rng, keys)])
    with ExitStack() as stack:
        held = [stack.enter_context(exact(one)) for one in (*columns, commons)]
        assert reference.select(*columns, commons) == kernel.select(*held), columns
    for _ in range(12):
        wrong = [bytearray(one) for one in columns]
        for one in rng.sample(wrong[1:], 2):  # of lengths, high ones only take memory
            for _ in range(rng.choice([0, 1, 4]) if one else 0):
                one[rng.randrange(len(one))] = rng.choice([0, 1, 0xFF, rng.randrange(256)])
            if rng.random() < 0.1:
                del one[rng.randint(0, len(one)) :]
        for at in range(0, len(wrong[0]) - 3, 4):
            if rng.random() < 0.3:
                wrong[0][at : at + 4] = struct.pack("<I", rng.choice([0, 1, 23, 24, 25, 5000]))
        hostile = damaged(rng, commons) if commons and rng.random() < 0.5 else commons
        with ExitStack() as stack, suppress(ValueError):
            kernel.select(*(stack.enter_context(exact(bytes(one))) for one in (*wrong, hostile)))


def load(path: str):
    spec = importlib.util.spec_from_file_location("_kernel", path)
    assert spec
    assert spec.loader
    kernel = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kernel)
    kernel.setup(*reference.kernel_tables())
    return kernel


if __name__ == "__main__":
    kernel, until, rng = load(sys.argv[1]), time.monotonic() + float(sys.argv[2]), random.Random(int(sys.argv[3]))
    while time.monotonic() < until:
        round_of(kernel, rng)
        round_of_selection(kernel, rng)
