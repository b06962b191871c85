"""Which files a dataset consists of, and of what format each is. It plans and reads no rows."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from provenance.dataset import naming
from provenance.dataset.naming import SIDECARS, is_dataset, is_left_out
from provenance.errors import DatasetError

EXPECTED = ".parquet, .jsonl, .arrow, .csv, .tar, or text"


def discover(paths: Sequence[str]) -> list[str]:
    """The dataset files named by paths, folders and globs: no duplicates, each path's files sorted.

    In folders none counts whose name (or folder's name) begins with ``.`` or ``_``. What else a folder holds is a tree
    of texts, named as the folder with ``/`` at its end, unless it lies in another such tree.
    """
    found: dict[str, str] = {}
    for path in paths:
        for file in _expand(path):
            _check_name(file)
            found.setdefault(os.path.abspath(file) + ("/" if file.endswith("/") else ""), file)
    trees = [real for real in found if real.endswith("/")]
    files = [
        file
        for real, file in found.items()
        if not any(real != tree and real.startswith(tree) and format_of(file) == "text" for tree in trees)
    ]
    for file in files:
        _refuse_array(file)
    return files


def format_of(file: str) -> str:
    """A key of ``dataset.FORMATS``, by the suffix, or by the content where the suffix says nothing."""
    if file.endswith("/"):
        return "text"
    if os.path.exists(file) and not os.path.isfile(file):
        raise DatasetError(f"{file}: no regular file (leave it out)")  # a pipe would be waited for
    suffix = naming.named(file)
    if suffix:
        return suffix
    try:
        with open(file, "rb") as stream:
            start = stream.read(8)
        if start.startswith(b"PAR1"):
            return "parquet"
        if start.startswith((b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")):
            return "arrow"
        return _format_of_text(file)
    except OSError as error:
        raise DatasetError(f"{file}: {error.strerror or error} (make it readable)") from error


def _format_of_text(file: str) -> str:
    from provenance.dataset import packing

    text = packing.head(file)
    if text[257:262] == b"ustar":
        return "tar"
    if text.strip()[:1] in (b"{", b'"'):
        return "jsonl"
    if b"\0" in text[:8192]:
        raise DatasetError(f"{file}: of no format that is read (convert it, or leave it out)")
    return "text"


def _expand(path: str) -> list[str]:
    if os.path.isdir(path):
        files = _in_folder(path)
        if not files:
            raise DatasetError(f"{path}: no dataset files in this folder (expected {EXPECTED})")
        return files
    if os.path.lexists(path):
        file = PurePath(path).as_posix()
        format_of(file)
        return [file]
    if "://" in path:
        raise DatasetError(f"{path}: remote files are not read (copy or mount them first)")
    if not glob.has_magic(path):
        raise DatasetError(f"{path}: no such file or folder (check the path)")
    files = sorted({file for match in glob.iglob(path, recursive=True) for file in _matched(match)})
    if not files:
        raise DatasetError(f"{path}: no dataset files match (expected {EXPECTED})")
    return files


def _in_folder(folder: str) -> list[str]:
    from provenance.dataset import trees

    files = sorted(_walk(folder, (os.path.realpath(folder),)))
    tree = PurePath(folder).as_posix().rstrip("/") + "/"
    try:
        return [*files, tree] if trees.listing(tree) else files
    except OSError as error:
        raise DatasetError(f"{folder}: {error.strerror} (make the folder readable)") from error


def _matched(match: str) -> Iterator[str]:
    if os.path.isdir(match):
        yield from _in_folder(match)
    else:
        file = PurePath(match).as_posix()
        try:
            format_of(file)
        except DatasetError:
            return
        yield file


def _walk(folder: str, above: tuple[str, ...]) -> Iterator[str]:
    """Files below, through links too, except where a link leads back up."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise DatasetError(f"{folder}: {error.strerror} (make the folder readable)") from error
    for name in names:
        path = (PurePath(folder) / name).as_posix()
        if name.startswith((".", "_")) or name in SIDECARS or name.endswith(".crc"):
            continue
        if os.path.isdir(path):
            real = os.path.realpath(path)
            if real not in above and not is_left_out(path):
                yield from _walk(path, (*above, real))
        elif is_dataset(path):
            yield path


def _check_name(file: str) -> None:
    try:
        file.encode()
    except UnicodeEncodeError as error:
        raise DatasetError(f"{file!r}: the file name is not UTF-8 (rename it)") from error


def _refuse_array(file: str) -> None:
    """A .json file may hold JSON lines, but not one array: that could not be streamed."""
    if not file.lower().endswith((".json", ".json.gz", ".json.zst")):
        return
    try:
        first = _first_byte(file)
    except (OSError, DatasetError):
        return  # plan reports a file that cannot be read
    if first == b"[":
        raise DatasetError(f"{file}: one JSON array, which cannot be streamed (convert it to JSONL or Parquet)")


def _first_byte(file: str) -> bytes:
    """The first byte that is not white space, of the decompressed text as UTF-8."""
    from provenance.dataset import packing

    return packing.head(file).strip()[:1]
