"""Records in any order come back sorted by place, whatever fits into memory, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from provenance.index import spill
from provenance.index.spill import Spill

ROOT = Path(__file__).parents[2]
KINDS = [
    [("place", "<u8"), ("number", "<u4")],
    [("place", "<u8"), ("number", "<u4"), ("around", "u1", 4), ("words", "<u2")],
    [("place", "<u8")],
]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")


@contextmanager
def spilling(held: int, kind: object) -> Iterator[Spill]:
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(spill, "HELD", held):
        yield Spill(Path(folder), "x", kind)


def records(rng: np.random.Generator, count: int, kind: object, places: int) -> NDArray[np.void]:
    """Random records; with few places there are equal ones, with few bits they fall into few parts."""
    made = rng.integers(0, 256, count * np.dtype(kind).itemsize, np.uint8).view(kind)  # type: ignore[call-overload]
    if places:
        made["place"] = rng.choice(rng.integers(0, 1 << 64, places, np.uint64), count)
    return made  # type: ignore[no-any-return]


def left(one: Spill) -> list[str]:
    return sorted(path.name for path in one.folder.rglob("*"))


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1 << 32),
    kind=st.sampled_from(KINDS),
    batches=st.lists(st.sampled_from([0, 1, 2, 50, 700]), max_size=6),
    held=st.sampled_from([1, 50, 700, 1000, 1 << 22]),
    places=st.sampled_from([0, 1, 3, 100]),
)
def test_records_come_back_sorted_by_place_and_none_is_lost(
    seed: int, kind: object, batches: list[int], held: int, places: int
) -> None:
    rng = np.random.default_rng(seed)
    given_ = [records(rng, count, kind, places) for count in batches]
    with spilling(held, kind) as one:
        for batch in given_:
            one.add(batch)
        chunks = list(one.chunks())
        assert [] == left(one)
    assert sum(batches) == one.count
    back = np.concatenate([np.empty(0, kind), *chunks])  # type: ignore[call-overload]
    whole = np.concatenate([np.empty(0, kind), *given_])  # type: ignore[call-overload]
    assert np.array_equal(np.sort(whole["place"]), back["place"])
    assert sorted(one.tobytes() for one in whole) == sorted(one.tobytes() for one in back)
    of_chunks = [place for chunk in chunks for place in set(chunk["place"].tolist())]
    assert len(of_chunks) == len(set(of_chunks)), "a place stands in two chunks"


def test_what_never_fills_memory_is_never_written() -> None:
    with spilling(100, KINDS[0]) as one:
        for _ in range(99):
            one.add(np.zeros(1, KINDS[0]))
        assert [] == left(one)
        one.add(np.zeros(1, KINDS[0]))
        assert left(one)
        assert 100 == sum(map(len, one.chunks()))


@pytest.mark.parametrize("last", [(), (0,), (0, 0), (1,)])
def test_memory_that_was_just_written_out_is_no_trouble(last: tuple[int, ...]) -> None:
    """The last batch may be the one that filled it, or bring nothing."""
    with spilling(10, KINDS[0]) as one:
        for count in (10, *last):
            one.add(np.zeros(count, KINDS[0]))
        assert 10 + sum(last) == sum(map(len, one.chunks()))


def test_a_chunks_file_is_gone_when_the_next_is_read() -> None:
    with spilling(1, KINDS[0]) as one:
        one.add(records(np.random.default_rng(1), 5000, KINDS[0], 0))
        most = len(left(one))
        for read, _ in enumerate(one.chunks(), 1):
            assert len(left(one)) == most - read


@POSIX
def test_a_disk_that_fills_up_is_an_error_and_loses_no_record() -> None:
    """A write to a full disk may take part of the bytes and say so."""
    program = (
        "import resource, tempfile; from pathlib import Path; import numpy as np\n"
        "from provenance.index import spill\n"
        "spill.HELD = 1000\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1100, 1100))\n"
        "    one = spill.Spill(Path(folder), 'x', [('place', '<u8'), ('number', '<u4')])\n"
        "    try:\n"
        "        one.add(np.zeros(1000, one.kind))\n"
        "        print('kept', sum(map(len, one.chunks())))\n"
        "    except OSError as error: print(error.strerror)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "File too large" == run.stdout.strip()


@POSIX
def test_a_build_that_spills_fits_into_the_256_open_files_of_a_process_on_macos(tmp_path: Path) -> None:
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from provenance import index; from provenance.index import spill\n"
        "from tests.making import code, ingredient\n"
        "spill.HELD = 20\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
        "made = (ingredient(' '.join(code(seed, 60)), call=str(seed)) for seed in range(5))\n"
        "print(index.build(Path(sys.argv[1]), made, {}).counts.ingredients)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "i")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ("5", 0) == (run.stdout.strip(), run.returncode), run.stderr
