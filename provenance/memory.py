"""What a session has shown its model and what the model wrote first, from one hook to the next: gram marks, no text.

``STORE/sessions/<digest of the session>.seen``, of this machine alone (native byte order, rebuilt from nothing): frames
of a kind (1 byte), a length (u32) and that many bytes:

    S  marks (u64) of text that the session showed the model      O  marks of what the model produced first
    K  16 bytes that stand for one output, so that two hooks that saw one edit capture it once
    N  a JSON object of what only some hooks say: model, version, transcript

A hook holds the file's lock while it works; a tail that a killed hook left behind is cut off by the next.
"""

from __future__ import annotations

import errno
import itertools
import json
import mmap
import os
import struct
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from provenance import files, fingerprint
from provenance.hashes import sha256

if TYPE_CHECKING:
    from io import FileIO

_HEAD = struct.Struct("<cI")
SHOWN, OWN, KEY, NOTE = b"S", b"O", b"K", b"N"
KEPT = 90 * 86400
_KINDS = {SHOWN: 8, OWN: 8, KEY: 16, NOTE: 1}
"""What the length of a frame is a multiple of."""


class Memory:
    """The memory of one session, open and locked."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        size = file.seek(0, os.SEEK_END)
        self._data = memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b"")
        self._frames: list[tuple[bytes, int, int]] = []
        at = 0
        while at + _HEAD.size <= len(self._data):
            kind, size = _HEAD.unpack_from(self._data, at)
            first = at + _HEAD.size
            if kind not in _KINDS or size % _KINDS[kind] or first + size > len(self._data):
                break  # cut off, or damaged: what follows cannot be told from it
            self._frames.append((kind, first, first + size))
            at = first + size
        if at != len(self._data):
            file.truncate(at)
        self.note: dict[str, Any] = {}
        for data in self._of(NOTE):
            with suppress(ValueError):
                said = json.loads(bytes(data))
                self.note.update(said if isinstance(said, dict) else {})
        self.keys = {bytes(data) for data in self._of(KEY)}
        """The outputs that were captured already."""

    def _of(self, wanted: bytes) -> Iterator[memoryview]:
        return (self._data[first:end] for kind, first, end in self._frames if kind == wanted)

    def recall(self, written: set[int]) -> tuple[set[int], set[int]]:
        """Of these marks, those that were shown before the model wrote them, and those that the model wrote first."""
        marks = array("Q", written)
        shown = own = 0  # a byte for each mark, as one integer: thousands of marks meet hundreds of frames
        for kind, first, end in self._frames:
            if kind in (SHOWN, OWN):
                found = int.from_bytes(fingerprint.engine.among(marks, self._data[first:end]), "little")
                if kind == SHOWN:
                    shown |= found & ~own
                else:
                    own |= found & ~shown
        return _chosen(marks, shown), _chosen(marks, own)

    def add(self, kind: bytes, data: bytes) -> None:
        """One frame more, in one write."""
        if not data:
            return
        frame = _HEAD.pack(kind, len(data)) + data
        size = self._file.seek(0, os.SEEK_END)
        if self._file.write(frame) != len(frame):  # what comes next must not stand behind half a frame
            self._file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)

    def add_marks(self, kind: bytes, marks: array[int]) -> None:
        """The marks of a text that was shown, or that the model produced first."""
        self.add(kind, marks.tobytes())

    def add_note(self, **facts: str) -> None:
        """What a hook says about its session, unless it is known."""
        fresh = {name: value for name, value in facts.items() if value and self.note.get(name) != value}
        if fresh:
            self.note.update(fresh)
            self.add(NOTE, json.dumps(fresh).encode())


def sweep(store: str) -> None:
    """Remove the memory of sessions that no hook has seen for KEPT seconds; one that is taken up again begins anew,
    and its transcript settles what it claims."""
    with suppress(OSError), os.scandir(os.path.join(store, "sessions")) as found:
        for one in found:
            if one.name.endswith(".seen") and one.stat(follow_symlinks=False).st_mtime < time.time() - KEPT:
                os.unlink(one.path)


def _chosen(marks: array[int], flags: int) -> set[int]:
    return set(itertools.compress(marks, flags.to_bytes(len(marks), "little")))


@contextmanager
def opened(store: str, session: str) -> Iterator[Memory]:
    """The memory of a session, locked until the block ends."""
    folder = os.path.join(store, "sessions")
    os.makedirs(folder, exist_ok=True)
    name = sha256(session.encode("utf-8", "surrogatepass")).hexdigest()[:32] + ".seen"
    with open(os.path.join(folder, name), "ab+", buffering=0) as file:
        files.take(file)
        yield Memory(file)
