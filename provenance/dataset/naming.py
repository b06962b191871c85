"""What the names of files say: which format, and what is no data at all. It opens a file only to tell JSON apart."""

from __future__ import annotations

import os


def _packed(*names: str) -> tuple[str, ...]:
    return tuple(name + packing for name in names for packing in ("", ".gz", ".zst"))


SUFFIXES = {
    "parquet": (".parquet", ".pq"),
    "jsonl": _packed(".jsonl", ".ndjson", ".json"),
    "arrow": (".arrow", ".arrows", ".feather", ".ipc"),
    "csv": _packed(".csv", ".tsv", ".tab"),
    "tar": (*_packed(".tar"), ".tgz"),
}
"""The suffixes of each format; whatever else is text is of the format ``text``."""

SIDECARS = ("_SUCCESS", "_metadata", "_common_metadata", ".DS_Store", "Thumbs.db")
"""Files that programs leave beside data: of no format."""
LEFT_OUT = (".git", ".hg", ".svn", ".provenance")


def named(file: str) -> str:
    """The format that a file's suffix names, or nothing."""
    name = file.lower()
    return next((one for one, suffixes in SUFFIXES.items() if name.endswith(suffixes)), "")


def is_dataset(file: str) -> bool:
    """Whether a file in a folder has a dataset's name, and so is no text of a tree.

    JSON counts if its first line is whole: a document of many lines (``package.json``) is a text.
    """
    if os.path.basename(file) in SIDECARS or file.endswith(".crc"):
        return True
    suffix = named(file)
    if suffix != "jsonl" or not file.lower().endswith(".json"):
        return suffix != ""
    from provenance.dataset import packing

    try:
        first, _, rest = packing.head(file).strip().partition(b"\n")
    except OSError:
        return True
    return first[:1] in (b"{", b'"') and (not rest or first.rstrip()[-1:] in (b"}", b'"'))


def is_left_out(folder: str) -> bool:
    """Whether a folder is no part of a tree: version control, a store, a scan's own folder."""
    if os.path.basename(folder) in LEFT_OUT:
        return True
    return os.path.exists(os.path.join(folder, "plan.json")) and os.path.exists(os.path.join(folder, "lock"))
