"""Writers that are killed, writers at once, readers in between: one state or the next, and nothing is lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from provenance import files, index
from provenance.errors import StoreError
from provenance.index import Index
from tests.index import killed
from tests.index.samples import answers, outputs, segments
from tests.making import code

ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and removing open files are POSIX")
NOT_REACHED = {("compact", "while ingredients come")}


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The indexes that killed writers left, each killed where it should be."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "tests.index.killed", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    ended = {tuple(line.split("\t")[:2]): line.split("\t")[2] for line in run.stdout.splitlines()}
    expected = {(work, moment): "-9" for work in killed.WORKS for moment in killed.MOMENTS}
    assert expected | dict.fromkeys(NOT_REACHED, "0") == ended, run.stderr
    return folder


def ids(path: Path) -> list[str]:
    opened = Index(path)
    return sorted(opened.card(number).id for number in range(opened.counts.ingredients))


@POSIX
@pytest.mark.parametrize("moment", killed.MOMENTS)
@pytest.mark.parametrize("work", killed.WORKS)
def test_an_index_whose_writer_was_killed_is_as_before_or_after(left: Path, work: str, moment: str) -> None:
    path = left / work / moment
    before, more = ([one.id for one in made] for made in (killed.BEFORE, killed.MORE))
    after = {"build": (more, 1, {"built"}), "add": ([*before, *more], 3, {"first", "second", "added"})}
    after["compact"] = (before, 1, {"first", "second"})
    done = list(killed.MOMENTS).index(moment) >= list(killed.MOMENTS).index("when the manifest is replaced")
    done |= (work, moment) in NOT_REACHED
    expected, parts, sources = after[work] if done else (before, 2, {"first", "second"})
    assert (sorted(expected), parts) == (ids(path), index.verify(path).segments)
    assert sources == index.sources(path)
    text = " ".join(code(0 if set(before) <= set(expected) else 10, 120)[10:90])
    assert [1] == [len(found) for found in answers(Index(path), [f"# host\n{text}"])]


@POSIX
@pytest.mark.parametrize("moment", killed.MOMENTS)
@pytest.mark.parametrize("work", ["build", "compact"])
def test_the_next_writer_removes_what_a_killed_one_left(left: Path, tmp_path: Path, work: str, moment: str) -> None:
    path = tmp_path / "i"
    shutil.copytree(left / work / moment, path)
    known = ids(path)
    added = outputs(1, first=50)
    index.add(path, added, {})
    named = {part["name"] for part in json.loads((path / "manifest.json").read_text())["segments"]}
    assert named == {one.name for one in (path / "segments").iterdir()}
    assert {"lock", "manifest.json", "segments"} == {one.name for one in path.iterdir()}
    assert [] == [one for one in path.rglob("*") if one.name.endswith(".tmp") or one.name in ("building", "spill")]
    assert sorted([*known, added[0].id]) == ids(path)
    index.verify(path)


@POSIX
def test_what_a_writer_at_work_has_made_is_not_removed_by_another(tmp_path: Path) -> None:
    """A long build and a short one beside it: the short one takes the other's folder for no leftover."""
    made = outputs(4)

    def slow() -> Iterator[Any]:
        yield made[0]
        index.build(tmp_path / "i", made[1:3], {})
        index.add(tmp_path / "i", made[3:], {})
        assert sorted(one.id for one in made[1:]) == ids(tmp_path / "i")

    assert 1 == index.build(tmp_path / "i", slow(), {}).counts.ingredients
    assert [made[0].id] == ids(tmp_path / "i")
    assert 1 == len(list((tmp_path / "i" / "segments").iterdir()))


# ---- several processes ----


def _build(folder: str, first: int) -> None:
    for _ in range(3):
        index.build(Path(folder), outputs(6), {})


def _add(folder: str, first: int) -> None:
    for number in range(first, first + 3):
        index.add(Path(folder), outputs(1, first=number), {}, [str(number)])


def _compact(folder: str, first: int) -> None:
    for _ in range(6):
        index.compact(Path(folder))


def at_once(folder: Path, *works: tuple[Callable[[str, int], None], int]) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(str(folder), first)) for work, first in works]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [0] * len(workers) == [worker.exitcode for worker in workers]


def test_two_processes_that_build_at_once_leave_one_whole_index(tmp_path: Path) -> None:
    at_once(tmp_path / "i", (_build, 0), (_build, 0))
    assert 6 == index.verify(tmp_path / "i").counts.ingredients
    index.build(tmp_path / "alone", outputs(6), {})
    assert segments(tmp_path / "alone") == segments(tmp_path / "i")


def test_what_two_processes_add_at_once_all_arrives(tmp_path: Path) -> None:
    index.build(tmp_path / "i", [], {})
    at_once(tmp_path / "i", (_add, 0), (_add, 3))
    assert sorted(one.id for one in outputs(6)) == ids(tmp_path / "i")
    assert {str(number) for number in range(6)} == index.sources(tmp_path / "i")
    assert 7 == index.verify(tmp_path / "i").segments


def test_what_is_added_while_another_process_compacts_all_arrives(tmp_path: Path) -> None:
    index.build(tmp_path / "i", [], {})
    at_once(tmp_path / "i", (_add, 0), (_compact, 0))
    assert sorted(one.id for one in outputs(3)) == ids(tmp_path / "i")
    assert {"0", "1", "2"} == index.sources(tmp_path / "i")
    index.compact(tmp_path / "i")
    index.build(tmp_path / "alone", outputs(3), {})
    index.verify(tmp_path / "i")
    assert segments(tmp_path / "alone") == segments(tmp_path / "i")


# ---- a reader in between ----


@contextmanager
def at_the_read(number: int, then: Callable[[], None]) -> Iterator[list[int]]:
    """Before the so-manieth file is read, something else happens; yields how many files were read, as a list."""
    reads, done = [0], [False]

    def counted(whole: Callable[..., Any]) -> Callable[..., Any]:
        def read(self: Path, *rest: Any, **named: Any) -> Any:
            if not done[0]:
                reads[0] += 1
                if reads[0] == number:
                    done[0] = True
                    then()
            return whole(self, *rest, **named)

        return read

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", counted(Path.open))
        patch.setattr(Path, "read_bytes", counted(Path.read_bytes))
        yield reads


@POSIX
@pytest.mark.parametrize("call", [Index, index.info, index.verify, index.compact], ids=lambda call: call.__name__)
def test_who_reads_while_the_index_is_replaced_gets_one_state_or_the_next(
    tmp_path: Path, call: Callable[[Path], Any]
) -> None:
    index.build(tmp_path / "old", outputs(1), {})
    index.add(tmp_path / "old", outputs(1, first=1), {})
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    index.build(tmp_path / "new", outputs(3, first=10), {})
    path = tmp_path / "i"

    def replace() -> None:
        """What a writer does under the lock; one that finds it taken would wait."""
        with suppress(StoreError), files.locked(path / "lock", wait=False):
            if (path / "segments" / "00000003").exists():  # compact has finished, and looks at what it left
                return
            shutil.copytree(tmp_path / "new" / "segments" / "00000003", path / "segments" / "00000003")
            shutil.copyfile(tmp_path / "new" / "manifest.json", path / "manifest.tmp")
            os.replace(path / "manifest.tmp", path / "manifest.json")
            for name in ("00000001", "00000002"):
                shutil.rmtree(path / "segments" / name)

    seen = set()
    for number in range(1, 300, 4 if call is index.compact else 1):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(tmp_path / "old", path)
        with at_the_read(number, replace) as reads:
            try:
                seen.add(call(path).counts.ingredients)
            except StoreError as error:
                if call is not index.compact or "built again meanwhile; nothing was changed" not in str(error):
                    raise AssertionError(f"at file {number}: {error}") from error
        if reads[0] < number:
            break
    else:
        pytest.fail("it never ends")
    assert {2, 3} >= seen
    assert 3 in seen or call is index.compact


@POSIX
def test_a_reader_in_another_process_sees_whole_states_only(tmp_path: Path) -> None:
    index.build(tmp_path / "i", outputs(6), {})
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_build, args=(str(tmp_path / "i"), 0))
    worker.start()
    seen = set()
    while worker.is_alive():
        seen.add((Index(tmp_path / "i").counts.ingredients, index.info(tmp_path / "i").counts.ingredients))
    worker.join()
    assert {(6, 6)} == seen
    assert 0 == worker.exitcode
