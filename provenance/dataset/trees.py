"""Plain text: a folder of files, each a text and a row of its own, or one file. It follows no listing but its own.

A tree is a folder's name with ``/`` at its end: all files below it that are of no other format. Left out: version
control (``.git``), stores (``.provenance``) and the folders of scans. Links are followed unless they lead back up.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import xxhash

from provenance.dataset import packing
from provenance.dataset.naming import is_dataset, is_left_out
from provenance.dataset.packing import BROKEN
from provenance.dataset.units import BATCH_SIZE, Batch, FilePlan, Texts, WorkUnit, printable
from provenance.hashes import sha256
from provenance.model import Skipped

MAX_TEXT = 64 << 20
"""Bytes of the largest text; a larger one is skipped."""
MAX_FILES = 20_000
"""Files in a work unit."""
SNIFFED = 8 << 10
"""Bytes at the beginning in which a NUL says that a file is no text (as git has it)."""
FIELD = "text"

PICTURES = frozenset(
    (
        "png jpg jpeg gif webp bmp ico icns tif tiff psd avif heic jxl mp3 mp4 m4a wav flac ogg opus webm avi mov mkv "
        "pyc pyo so o a lib dll dylib exe class jar wasm npy npz pt pth bin safetensors onnx pkl pickle gguf h5 hdf5 "
        "woff woff2 ttf otf eot zip gz bz2 xz zst 7z rar whl egg pdf docx xlsx pptx sqlite db mo"
    ).split()
)
"""Suffixes of files that hold no text as it stands: they count as nulls."""


class Entry(NamedTuple):
    """A file of a tree."""

    name: str
    """Its path below the tree, as the file system has it."""
    size: int
    changed: int
    """Nanoseconds."""
    problem: str


def plan(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    """Ranges of the listing that hold about ``target_size`` bytes; none with a choice of columns: a text has none."""
    try:
        entries = listing(file)
    except OSError as error:
        return FilePlan(problem=f"{file}: {error.strerror or error} (make it readable, or leave it out)")
    if columns or not entries:
        return FilePlan()
    stamp = stamp_of(entries)
    plans: list[WorkUnit] = []
    first = size = 0
    for number, entry in enumerate(entries, 1):
        size += entry.size
        if size >= target_size or number - first >= MAX_FILES or number == len(entries):
            plans.append(WorkUnit(file, "text", first, number, number - first, size, stamp, ()))
            first, size = number, 0
    return FilePlan(tuple(plans), (FIELD,))


def read(unit: WorkUnit) -> Iterator[Batch]:
    """The files' texts; what cannot be read, is too large or no text is skipped, or a null by its name."""
    texts: list[bytes] = []
    rows: list[int] = []
    names: list[str] = []
    skipped: list[Skipped] = []
    skipped_rows: list[int] = []
    first = size = read_size = nulls = 0
    entries = listing(unit.file)[unit.first : unit.last]
    for row, entry in enumerate(entries):
        text, problem = _text_of(unit.file, entry)
        if problem:
            skipped.append(Skipped(unit.file + printable(entry.name), problem))
            skipped_rows.append(row)
        elif text is None:
            nulls += 1
        else:
            texts.append(text)
            rows.append(row)
            names.append(printable(entry.name))
            size += len(text)
        read_size += entry.size
        if size >= BATCH_SIZE or row == len(entries) - 1:
            found = (_texts(texts, rows, names),) if texts else ()
            yield Batch(row + 1 - first, nulls, tuple(skipped), found, read_size, tuple(skipped_rows))
            texts, rows, names, skipped, skipped_rows = [], [], [], [], []
            first, size, read_size, nulls = row + 1, 0, 0, 0


def listing(file: str) -> list[Entry]:
    """The files of a tree, sorted; of a file that was named itself, that file. OSError where it cannot be listed."""
    if not file.endswith("/"):
        status = os.stat(file)
        return [Entry("", status.st_size, status.st_mtime_ns, "")]
    return sorted(_walk(file, "", (os.path.realpath(file),)))


def stamp_of(entries: list[Entry]) -> str:
    """Changes when any file of a listing does."""
    return sha256(repr(entries).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def digest_of(file: str) -> bytes:
    """XXH3-128 of a file's bytes."""
    found = xxhash.xxh3_128()
    with open(file, "rb") as raw:
        while chunk := raw.read(packing.READ_SIZE):
            found.update(chunk)
    return found.digest()


def is_picture(name: str) -> bool:
    """Whether the name says that a file holds no text as it stands: pictures, sound, compiled code, archives."""
    return name.rpartition(".")[2].lower() in PICTURES and "." in name


def text_in(data: bytes) -> tuple[bytes | None, str]:
    """The text of a file's bytes as UTF-8, or why there is none."""
    wide = packing.codec_of(data[:4])
    if wide != "utf-8":
        try:
            return b"".join(packing.as_utf8(iter([data]))), ""
        except BROKEN as error:
            return None, f"not {wide.upper()}: {error}"
    if b"\0" in data[:SNIFFED]:
        return None, "binary, not text"
    return data.removeprefix(b"\xef\xbb\xbf"), ""


def _text_of(folder: str, entry: Entry) -> tuple[bytes | None, str]:
    if entry.problem:
        return None, entry.problem
    if is_picture(entry.name):
        return None, ""
    if entry.size > MAX_TEXT:
        return None, f"larger than {MAX_TEXT >> 20} MB (cut it, or write it as JSONL or Parquet)"
    try:
        with open(folder + entry.name, "rb") as raw:
            return text_in(raw.read(MAX_TEXT + 1))
    except OSError as error:
        return None, error.strerror or str(error)


def _texts(texts: list[bytes], rows: list[int], names: list[str]) -> Texts:
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    places = np.empty((len(texts), 0), np.int64)
    return Texts(FIELD, b"".join(texts), offsets, np.array(rows, np.int64), places, tuple(names))


def _walk(root: str, below: str, above: tuple[str, ...]) -> Iterator[Entry]:
    for name in os.listdir(root + below):
        path = root + below + name
        try:
            status = os.stat(path)
        except OSError as error:
            yield Entry(below + name, 0, 0, "a broken link" if os.path.islink(path) else error.strerror or str(error))
            continue
        if stat.S_ISDIR(status.st_mode):
            real = os.path.realpath(path) if os.path.islink(path) else f"{above[-1]}/{name}"
            if real in above or is_left_out(path):
                continue
            try:
                yield from _walk(root, f"{below}{name}/", (*above, real))
            except OSError as error:
                yield Entry(below + name, 0, 0, error.strerror or str(error))
        elif not is_dataset(path):
            regular = stat.S_ISREG(status.st_mode)
            yield Entry(
                below + name, status.st_size if regular else 0, status.st_mtime_ns, "" if regular else "no file"
            )
