"""Whole or not at all: files, folders and the writers' lock, also when a process is killed."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from provenance import files
from provenance.errors import StoreError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and resource limits are POSIX")


def entries(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.name != "home")


@pytest.fixture
def killed(tmp_path: Path) -> Callable[[str], None]:
    """Run a script in a process of its own until it prints, then kill it where it stands."""

    def run(script: str) -> None:
        head = (
            f"import sys, time\nfrom pathlib import Path\nfrom provenance import files\nat = Path({str(tmp_path)!r})\n"
        )
        tail = "    print('here', flush=True)\n    time.sleep(60)\n"
        process = subprocess.Popen([sys.executable, "-c", head + script + tail], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        with process.stdout:
            assert "here\n" == process.stdout.readline()
            process.kill()
        process.wait()

    return run


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "deep" / "a") as file:
        file.write(b"new")
        assert not (tmp_path / "deep" / "a").exists()
    assert b"new" == (tmp_path / "deep" / "a").read_bytes()
    assert ["a"] == entries(tmp_path / "deep")


def test_readers_of_a_file_that_is_replaced_see_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with files.replacing(tmp_path / "a") as file:
        file.write(b"n")
        file.flush()
        assert b"old" == (tmp_path / "a").read_bytes()
        file.write(b"ew")
    assert b"new" == (tmp_path / "a").read_bytes()


def fail_while_writing(path: Path, error: type[BaseException]) -> None:
    with files.replacing(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(error):
        fail_while_writing(tmp_path / "a", error)
    assert b"old" == (tmp_path / "a").read_bytes()
    assert ["a"] == entries(tmp_path)


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "a") as first, files.replacing(tmp_path / "a") as second:
        first.write(b"1" * 100)
        second.write(b"2" * 50)
    assert b"1" * 100 == (tmp_path / "a").read_bytes()  # the block that ended last
    assert ["a"] == entries(tmp_path)


def test_a_folder_appears_when_the_block_ends_and_not_before(tmp_path: Path) -> None:
    with files.new_folder(tmp_path / "f") as folder:
        (folder / "x").write_bytes(b"x")
        assert not (tmp_path / "f").exists()
    assert ["x"] == entries(tmp_path / "f")
    assert ["f"] == entries(tmp_path)


def fail_while_filling(path: Path) -> None:
    with files.new_folder(path) as folder:
        (folder / "x").write_bytes(b"half")
        raise RuntimeError


def test_a_folder_whose_block_fails_is_gone(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        fail_while_filling(tmp_path / "f")
    assert [] == entries(tmp_path)


def test_a_folder_that_exists_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(FileExistsError, match="f: exists already"), files.new_folder(tmp_path / "f") as folder:
        (folder / "x").write_bytes(b"x")
    assert ["f"] == entries(tmp_path)
    assert [] == entries(tmp_path / "f")


@POSIX
def test_what_a_killed_writer_leaves_is_hidden_tolerated_and_swept(
    tmp_path: Path, killed: Callable[[str], None]
) -> None:
    killed("with files.replacing(at / 'a') as file:\n    file.write(b'half')\n    file.flush()\n")
    killed("with files.new_folder(at / 'f') as folder:\n    (folder / 'x').write_text('half')\n")
    left = entries(tmp_path)
    assert [True, True] == [name.startswith(".") and name.endswith(".tmp") for name in left]
    with files.replacing(tmp_path / "a") as file:
        file.write(b"whole")
    with files.new_folder(tmp_path / "f"):
        pass
    assert sorted([*left, "a", "f"]) == entries(tmp_path)
    files.sweep(tmp_path)
    assert ["a", "f"] == entries(tmp_path)


def test_a_lock_that_is_held_is_an_error_for_who_does_not_wait(tmp_path: Path) -> None:
    with (
        files.locked(tmp_path / "run" / "lock"),
        pytest.raises(StoreError) as error,
        files.locked(tmp_path / "run" / "lock", wait=False),
    ):
        raise AssertionError("two hold the lock")
    expected = f"{tmp_path / 'run'}: another run is at work here (wait for it, or name another folder)"
    assert expected == str(error.value)


def test_a_lock_is_free_again_after_the_block_however_it_ended(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), files.locked(tmp_path / "lock"):
        raise RuntimeError
    with files.locked(tmp_path / "lock", wait=False):
        pass


@POSIX
def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path, killed: Callable[[str], None]) -> None:
    killed("with files.locked(at / 'lock'):\n")
    with files.locked(tmp_path / "lock", wait=False):
        pass


def _count(folder: Path, times: int) -> None:
    for _ in range(times):
        with files.locked(folder / "lock"):
            number = int((folder / "n").read_text())
            (folder / "n").write_text(str(number + 1))


def test_the_lock_keeps_processes_apart(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("0")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count, args=(tmp_path, 100)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert "400" == (tmp_path / "n").read_text()


def test_a_lock_in_a_place_that_is_a_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    lock = tmp_path / "store" / "lock"
    with pytest.raises(StoreError) as error, files.locked(lock):
        pass
    assert f"{lock}: cannot be written (File exists); name another folder" == str(error.value)


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_lock_in_a_folder_that_is_not_ours_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o500)
    lock = tmp_path / "store" / "lock"
    with pytest.raises(StoreError) as error, files.locked(lock):
        pass
    assert f"{lock}: cannot be written (Permission denied); name another folder" == str(error.value)


@POSIX
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    script = (
        "import resource\nfrom pathlib import Path\nfrom provenance import files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"with files.replacing(Path({str(tmp_path)!r}) / 'a') as file:\n    file.write(b'x' * 5000)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "OSError: [Errno 27] File too large" in done.stderr
    assert [] == entries(tmp_path)
