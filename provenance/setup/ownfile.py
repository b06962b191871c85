"""Files that are ours alone: their first line says so, and tells whether somebody has changed the rest."""

from __future__ import annotations

import hashlib

MARK = "Written by provenance init; sha256 of what follows: "


def signed(body: str, comment: str = "#", end: str = "") -> str:
    """The body under its first line, a comment between ``comment`` and ``end``."""
    return f"{comment} {MARK}{_digest(body)}{end}\n{body}"


def is_ours(text: str) -> bool:
    """Whether the file was written by ``signed``, changed since or not."""
    return MARK in text.partition("\n")[0]


def is_untouched(text: str) -> bool:
    """Whether the file stands as ``signed`` wrote it."""
    first, _, body = text.partition("\n")
    return f"{MARK}{_digest(body)}" in first


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()
