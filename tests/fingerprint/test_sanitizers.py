"""The kernel under the address and undefined-behaviour sanitizers: no read outside the buffers, on any input."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COMPILER = shutil.which("gcc")


def library(name: str) -> str | None:
    """The path of a library that comes with the compiler, or None if it does not."""
    if not COMPILER:
        return None
    answer = subprocess.run([COMPILER, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    path = answer.stdout.strip()
    return path if os.path.isabs(path) else None


ASAN, UBSAN = library("libasan.so"), library("libubsan.so")


@pytest.mark.skipif(
    sys.platform != "linux" or not ASAN or not UBSAN, reason="needs gcc with libasan and libubsan on Linux"
)
def test_no_input_makes_the_kernel_read_outside_its_buffers(tmp_path):
    kernel = tmp_path / "_kernel.abi3.so"
    build = [COMPILER, "-std=c11", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    build += ["-fno-omit-frame-pointer", "-shared", "-fPIC", f"-I{sysconfig.get_path('include')}"]
    build += [str(ROOT / "provenance/fingerprint/_kernel.c"), "-o", str(kernel)]
    subprocess.run(build, check=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": f"{ASAN}:{UBSAN}",
        "ASAN_OPTIONS": "detect_leaks=0",  # CPython keeps what it allocates until the end
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # or small buffers lie inside arenas, where nothing guards them
        "PYTHONPATH": str(ROOT),
    }
    fuzz = [sys.executable, str(HERE / "fuzz_kernel.py"), str(kernel), "6", "1"]
    run = subprocess.run(fuzz, env=environment, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
