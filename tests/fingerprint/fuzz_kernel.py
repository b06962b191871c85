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
from contextlib import contextmanager, suppress

from provenance.fingerprint import reference

WORDS = """if for return class def self foo bar x y1 _z 12 0x1F 3 ( ) { } = ; + , . " 日 本 ก é naïve 𠀀 —""".split()
WORDS += ["a" * n for n in (15, 16, 17, 32, 33, 64, 200)] + list(" \n\t\0\x7f\u00a0\u200b\ufeff\U000e0001")
NASTY = b"\xe0\x82\xa0\xe2\x80\x8b\xf0\xa0\x80\x80\xf4\xbf\xc2\xff\xed (a"
WORDS += ["\n+", "\n>", "```", "`", "\\n", "\\\\n", "\\"]  # what texts are wrapped in
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


def round_of(kernel, rng: random.Random) -> None:
    data = text(rng)
    cuts = sorted(rng.randint(0, len(data)) for _ in range(rng.randint(0, 6)))
    offsets = struct.pack(f"<{len(cuts)}q", *cuts)
    keys = struct.unpack(f"<{len(data_keys := reference.measure(data)[2]) // 8}Q", data_keys)
    table = sorted({*keys[:: rng.randint(1, 9)], *(rng.getrandbits(64) for _ in range(rng.randint(0, 9)))})
    grams = struct.pack(f"<{len(table)}Q", *table)
    everything = b"\xff" * 32 * rng.randint(0, 3)
    with exact(data) as d, exact(offsets) as o, exact(everything) as b, exact(grams) as g:
        for name in ("tokens", "normal_form", "measure", "shingles"):
            assert getattr(reference, name)(data) == getattr(kernel, name)(d), (name, data)
        assert reference.probe(data, offsets, everything, grams) == kernel.probe(d, o, b, g), data
        assert reference.clothes(data, offsets) == kernel.clothes(d, o), data
        if rng.random() < 0.1:
            assert reference.signature(data) == kernel.signature(d), data
            assert reference.signatures(data, offsets) == kernel.signatures(d, o), data
        kernel.probe(d, o, rng.randbytes(32 * rng.randint(1, 9)), rng.randbytes(8 * rng.randint(0, 9)))
    bad = struct.pack("<3q", *(rng.choice([-1, 0, 1, len(data), len(data) + 1, 1 << 62]) for _ in range(3)))
    with exact(data) as d, exact(bad) as o, suppress(ValueError):
        kernel.signatures(d, o)
        kernel.clothes(d, o)
    with exact(data) as d, exact(rng.randbytes(rng.randint(0, 40))) as o, suppress(ValueError):
        kernel.probe(d, o, o, o)


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
