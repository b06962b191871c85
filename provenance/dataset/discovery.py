"""Which files a dataset consists of, and of what format each is. It plans and reads no rows."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from provenance.errors import DatasetError

PARQUET = (".parquet", ".pq")
JSON = tuple(name + packed for name in (".jsonl", ".ndjson", ".json") for packed in ("", ".gz", ".zst"))
SUFFIXES = PARQUET + JSON


def discover(paths: Sequence[str]) -> list[str]:
    """The dataset files named by paths, folders and globs: no duplicates, each path's files sorted.

    In folders and globs only files that look like a dataset count, and in folders none whose name (or
    folder's name) begins with ``.`` or ``_``; a file named outright must be one.
    """
    found: dict[str, str] = {}
    for path in paths:
        for file in _expand(path):
            _check_name(file)
            found.setdefault(os.path.abspath(file), file)
    files = list(found.values())
    for file in files:
        _refuse_array(file)
    return files


def format_of(file: str) -> str:
    """``parquet`` or ``jsonl``, by the suffix, or by the content where the suffix says nothing."""
    name = file.lower()
    if name.endswith(PARQUET):
        return "parquet"
    if name.endswith(JSON):
        return "jsonl"
    try:
        with open(file, "rb") as stream:
            start = stream.read(4)
        if start == b"PAR1":
            return "parquet"
        if start and _first_byte(file) in (b"{", b'"'):
            return "jsonl"
    except OSError as error:
        raise DatasetError(f"{file}: {error.strerror or error} (make it readable)") from error
    raise DatasetError(f"{file}: neither Parquet nor JSONL (convert it to one of them)")


def _expand(path: str) -> list[str]:
    if os.path.isdir(path):
        files = sorted(_walk(path, (os.path.realpath(path),)))
        if not files:
            raise DatasetError(f"{path}: no dataset files in this folder (expected {', '.join(SUFFIXES)})")
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
        raise DatasetError(f"{path}: no dataset files match (expected {', '.join(SUFFIXES)})")
    return files


def _matched(match: str) -> Iterator[str]:
    if os.path.isdir(match):
        yield from _walk(match, (os.path.realpath(match),))
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
        if name.startswith((".", "_")):
            continue
        if os.path.isdir(path):
            real = os.path.realpath(path)
            if real not in above:
                yield from _walk(path, (*above, real))
        elif name.lower().endswith(SUFFIXES):
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
    from provenance.dataset import jsonl

    return jsonl.head(file).strip()[:1]
