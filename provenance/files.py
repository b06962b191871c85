"""Files and folders that readers see whole or not at all, and the lock that writers take. It knows no format.

What a killed process leaves behind is named ``.<name>.<random>.tmp``: no reader looks at it, no writer trips over
it, and whoever holds the folder's lock may ``sweep`` it away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, BinaryIO

from provenance.errors import StoreError

if TYPE_CHECKING:  # a capture hook loads this module, and pathlib costs it 6 ms
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that becomes ``path`` in one step when the block ends well, and is gone when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill with files that becomes ``path`` in one step when the block ends well, and is gone when it
    does not. FileExistsError where ``path`` exists already."""
    import shutil

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())
        sync_folder(temporary)
        if path.exists():
            raise FileExistsError(f"{path}: exists already")
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _temporary(path: Path) -> Path:
    """A name beside ``path`` that no other thread, process or container (where every process is number 1) takes."""
    return path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder; only for who holds the lock that all its writers take."""
    import shutil

    for left in folder.glob(".*.tmp"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Make a rename durable; a no-op where folders cannot be synced (Windows)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the writers' lock of a folder; a process that ends, however it ends, leaves no lock behind.

    Waits for another writer, or raises StoreError if ``wait`` is false. Who takes a lock twice waits for itself.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror}); name another folder") from error
    with file:
        if not take(file, wait):
            raise StoreError(f"{path.parent}: another run is at work here (wait for it, or name another folder)")
        yield


def take(file: IO[bytes], wait: bool = True) -> bool:
    """Lock an open file until it is closed; false where another holds it and we do not wait."""
    if sys.platform == "win32":
        import msvcrt

        while True:
            try:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
                return True
            except OSError:  # taken; LK_LOCK itself gives up after ten seconds
                if not wait:
                    return False
    else:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True
