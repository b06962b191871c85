"""Synthetic assistant output that repeats nothing: the texts of synthetic.c, and the ingredients made of them.

    python tests/benchmarks/synthetic.py FIRST COUNT [--seed 1] [--similar]

writes the ingredients FIRST to FIRST + COUNT - 1 to standard output as ``frames`` reads them: batches in MessagePack,
each preceded by its length in eight little-endian bytes, and an empty one at the end. That process makes and
fingerprints texts on one core while the one that reads builds on another. Text i is a function of (seed, i) alone.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import gc
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import gmtime, strftime
from typing import Any

import msgspec
import xxhash

from provenance.fingerprint import engine, fingerprint
from provenance.model import UNKNOWN, Evidence, Fingerprint, Ingredient, Origin, Status

SOURCE = Path(__file__).with_suffix(".c")
SEED = 1
BLOCK = 1 << 20
"""Bytes of text made at a time."""
BATCH = 1000
"""Ingredients in a frame."""
SESSION = 50
"""Outputs of a session."""
EPOCH = 1_704_067_200
"""The time of output 0, 2024-01-01; each further one is two seconds later."""


@functools.cache
def _library() -> Any:
    """synthetic.c, compiled and loaded; RuntimeError says what is missing."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise RuntimeError(f"{SOURCE}: needs a C compiler (install one as cc, gcc or clang)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "synthetic.so"
        command = [compiler, "-std=c11", "-O3", "-shared", "-fPIC", str(SOURCE), "-o", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{SOURCE}: {compiler} did not compile it:\n{done.stderr}")
        library = ctypes.CDLL(str(path))
    number = ctypes.c_uint64
    library.synthetic.argtypes = [number, number, number, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(number)]
    library.synthetic.restype = ctypes.c_size_t
    return library


def texts(first: int, count: int, seed: int = SEED) -> Iterator[bytes]:
    """The texts first to first + count - 1 of a seed: about 937 bytes each, hardly a gram of one in another."""
    make = _library().synthetic
    room = ctypes.create_string_buffer(BLOCK)
    made = ctypes.c_uint64()
    while count:
        size = make(seed, first, count, room, BLOCK, ctypes.byref(made))
        yield from ctypes.string_at(room, size - 1).split(b"\0")
        first += made.value
        count -= made.value


def ingredients(first: int, count: int, seed: int = SEED, similar: bool = False) -> Iterator[Ingredient]:
    """The texts as ingredients, the later ones younger; with their signatures if ``similar``."""
    digest, signature = xxhash.xxh3_128_hexdigest, engine.signature
    evidence, status = Evidence.TRANSCRIPT, Status.APPLIED
    none, session = ((),), ""
    for number, data in enumerate(texts(first, count, seed), first):
        if number % SESSION == 0 or not session:
            session = digest(b"%d session %d" % (seed, number // SESSION))
        passage = fingerprint(data)
        time = strftime("%Y-%m-%dT%H:%M:%S.000Z", gmtime(EPOCH + 2 * number))
        yield Ingredient(
            digest(b"%d output %d" % (seed, number)),
            Origin("anthropic", "synthetic", "bench", UNKNOWN, UNKNOWN, UNKNOWN, session, time),
            evidence,
            "write",
            status,
            f"src/{session[:8]}/module_{number:09d}.py",
            (passage,),
            none,
            none,
            Fingerprint(passage.tokens, passage.digest, passage.stream, b"", b"", b""),
            signature(data) if similar else b"",
        )


def frames(first: int, count: int, seed: int = SEED, similar: bool = False) -> Iterator[Ingredient]:
    """The same ingredients, made in another process; RuntimeError if it ends before the last of them."""
    command = [sys.executable, __file__, str(first), str(count), "--seed", str(seed), *["--similar"] * similar]
    decode = msgspec.msgpack.Decoder(list[Ingredient]).decode
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    try:
        while size := int.from_bytes(head := process.stdout.read(8), "little"):
            frame = process.stdout.read(size)
            if len(frame) < size:
                break
            yield from decode(frame)
        if process.wait() or len(head) < 8 or size:
            raise RuntimeError(f"{SOURCE.name}: the process that makes ingredients ended early ({process.returncode})")
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def main() -> None:
    """Write frames to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--similar", action="store_true")
    given = parser.parse_args()
    gc.disable()  # the batches hold no cycles
    encode = msgspec.msgpack.Encoder().encode
    stream = ingredients(given.first, given.count, given.seed, given.similar)
    while batch := list(islice(stream, BATCH)):
        frame = encode(batch)
        sys.stdout.buffer.write(len(frame).to_bytes(8, "little"))
        sys.stdout.buffer.write(frame)
    sys.stdout.buffer.write(bytes(8))


if __name__ == "__main__":
    main()
