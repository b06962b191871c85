"""AIIR receipts: that a commit was declared, or is guessed, to be an assistant's work. It reads no repository.

Form: ``aiir.commit_receipt`` (schema ``aiir/commit_receipt.v2`` and before), one JSON object a line in
``.aiir/receipts.jsonl`` and in notes (refs/notes/aiir), after the PyPI package aiir 1.7.0 (aiir/_receipt.py,
_detect.py). A receipt says what the commit's message and author said: it holds no text and no lines, and signing it
proves no more than that it was said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from provenance.capture.origin import channel_of, instant, provider_of
from provenance.capture.session import Tally, dict_of, list_of, records, text_of
from provenance.capture.trailers import by_name
from provenance.model import UNKNOWN, Evidence, Origin

SOURCE = "aiir"

DECLARED = ("trailer:", "message_match:co-authored-by:")
"""Signals that rest on a trailer; all others are AIIR's own guesses (a name anywhere in the message or the author)."""
TYPES = frozenset({"aiir.commit_receipt", "aiir.review_receipt", "aiir.commitment_receipt"})


class Receipt(NamedTuple):
    """A commit that a receipt calls an assistant's, and how it knows."""

    commit: str
    evidence: Evidence
    origin: Origin


def parse(lines: Iterable[bytes], tally: Tally) -> list[Receipt]:
    """The receipts that call a commit an assistant's; one that does not says nothing about who wrote it."""
    found: list[Receipt] = []
    for record in records(lines, tally):
        kind = text_of(record.get("type"))
        if kind not in TYPES:
            tally.stranger(kind or text_of(record.get("contract_version")) or "no receipt")
        commit = dict_of(record.get("commit"))
        claim = dict_of(record.get("ai_attestation"))
        sha = text_of(commit.get("sha")).lower()
        if kind != "aiir.commit_receipt" or claim.get("is_ai_authored") is not True:
            continue
        if not (40 <= len(sha) <= 64 and set(sha) <= set("0123456789abcdef")):
            tally.broken += 1
            continue
        about = dict_of(dict_of(record.get("extensions")).get("agent_attestation"))
        signals = [signal for signal in map(text_of, list_of(claim.get("signals_detected"))) if signal]
        declared = [signal for signal in signals if signal.startswith(DECLARED)]
        named = by_name(declared[0].rpartition(":")[2]) if declared else None
        is_declared = bool(declared) or (bool(about) and about.get("confidence", "declared") == "declared")
        model = text_of(about.get("model_class"))
        origin = Origin(
            provider=provider_of(model) if model else named.provider if named else UNKNOWN,
            model=model or UNKNOWN,
            tool=text_of(about.get("tool_id")) or (named.tool if named else UNKNOWN),
            version=text_of(about.get("tool_version")) or UNKNOWN,
            channel=channel_of("", model),
            session=text_of(about.get("session_id")) or UNKNOWN,
            time=instant(dict_of(commit.get("author")).get("date")),
        )
        found.append(Receipt(sha, Evidence.DECLARED if is_declared else Evidence.HEURISTIC, origin))
    return found
