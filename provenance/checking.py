"""Single texts against the index and a policy: for files in hand, where a dataset is scanned by ``scan``.

It keeps no state, writes nothing and loads no pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provenance import fingerprint, hints, matching
from provenance.index import Index
from provenance.model import Address, Match
from provenance.policy import Finding, Judging


def check(texts: Iterable[tuple[str, bytes]], index: Index, judge: Judging, similar: bool = True) -> Iterator[Finding]:
    """The findings of named texts that match anything or declare themselves, in order; a text is read as UTF-8,
    whatever it is."""
    import numpy as np

    for name, text in texts:
        _, found = matching.match(text, np.array([0, len(text)], np.int64), index, similar)
        matches = tuple(match for one in found for match in one.matches) + _declared(text)
        if matches:
            content, tokens = fingerprint.exact_digest(text).hex(), len(fingerprint.engine.tokens(text))
            yield judge(Address(name, 0, ""), content, tokens, matches)


def _declared(text: bytes) -> tuple[Match, ...]:
    """What a text says of itself."""
    if not hints.may_declare(text):
        return ()
    from provenance import signals

    return signals.matches(text)
