"""The ledger's line for one output, the same for a hook and for a transcript: facts and keyed digests, no text.

A hook loads it: nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from provenance import fingerprint, ledger
from provenance.capture.novelty import encode
from provenance.fingerprint import RECIPE
from provenance.words import Evidence, ingredient_id

KIND = "ingredient"
MISSED = "missed"
LEAST = 3
"""Tokens of a hunk that the ledger knows by its digest; two are a closing bracket and a return."""


def same_key(session: str, blocks: Iterable[str], path: str) -> str:
    """Equal for one text that a session wrote to one path, whatever the record calls the call: a hook, a second hook
    that saw the same edit, and the transcript agree on it."""
    digest = fingerprint.exact_digest(encode("\n".join(blocks))).hex()
    return ingredient_id("same", session, digest, path, 0)


def hunks(key: bytes, blocks: Iterable[str]) -> list[str]:
    """The keyed digest of each block, by which the ledger knows it again however short it is: of its tokens, so white
    space changes nothing."""
    forms = (fingerprint.engine.normal_form(encode(block)) for block in blocks)
    return [hunk(key, form) for form in forms if form.count(b" ") + 1 >= LEAST]


def hunk(key: bytes, form: bytes) -> str:
    """The keyed digest of a text in its normal form."""
    return ledger.keyed(key, b"hunk", form)


def repository(key: bytes, folder: str) -> str:
    """The keyed digest of a repository: of where it was cloned from, else of its place; empty outside of any."""
    at = os.path.abspath(folder) if folder else ""
    while at and not os.path.exists(os.path.join(at, ".git")):
        above = os.path.dirname(at)
        at = above if above != at else ""
    if not at:
        return ""
    name = at
    try:
        with open(os.path.join(at, ".git", "config"), encoding="utf-8", errors="replace") as file:
            urls = [line.partition("=")[2].strip() for line in file if line.strip().startswith("url")]
        name = urls[0] if urls else at
    except OSError:
        pass
    return ledger.keyed(key, b"repository", name.encode("utf-8", "surrogateescape"))


def of(
    key: bytes,
    *,
    identity: str,
    same: str,
    evidence: Evidence,
    what: str,
    status: str,
    path: str,
    tokens: int,
    blocks: Iterable[str],
    origin: dict[str, str],
    novelty: str,
    folder: str = "",
) -> dict[str, Any]:
    """The facts of one output. ``novelty`` says what it was told by: hook, pending (a hook that could not know), or
    transcript."""
    facts = {
        "id": identity,
        "same": same,
        "evidence": str(evidence),
        "what": what,
        "status": status,
        "path": _homeless(path),
        "tokens": tokens,
        "recipe": str(RECIPE),
        "novelty": novelty,
        "hunks": hunks(key, blocks) if path else [],
        "origin": origin,
        "author": ledger.pseudonym(key, user()) if evidence is Evidence.CAPTURED else "",
        "repository": repository(key, folder),
    }
    return {name: value for name, value in facts.items() if value != "" and value != []}


def user() -> str:
    """Who runs this, as the machine names them; it enters the ledger as a pseudonym only."""
    return os.environ.get("USER") or os.environ.get("USERNAME") or str(getattr(os, "getuid", int)())


def _homeless(path: str) -> str:
    """A path without the name of whose home it lies in."""
    home = os.path.expanduser("~").replace("\\", "/").rstrip("/")
    return "~" + path[len(home) :] if home and path.startswith(home + "/") else path


def missed(store: str | os.PathLike[str]) -> int:
    """How many captures the ledger records as missed."""
    mark = f'"kind":"{MISSED}"'.encode()
    return sum(mark in line for shard in ledger.shards(store) for line in ledger.lines(store, shard))
