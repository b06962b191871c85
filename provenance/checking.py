"""Single texts against the index and a policy: for files in hand, where a dataset is scanned by ``scan``.

It keeps no state, writes nothing and loads no pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provenance import fingerprint, matching, policy
from provenance.index import Index
from provenance.model import Address
from provenance.policy import Finding, Policy


def check(texts: Iterable[tuple[str, bytes]], index: Index, rules: Policy, similar: bool = True) -> Iterator[Finding]:
    """The findings of named texts that match anything, in order; a text is read as UTF-8, whatever it is."""
    import numpy as np

    for name, text in texts:
        _, found = matching.match(text, np.array([0, len(text)], np.int64), index, similar)
        for one in found:
            content = fingerprint.exact_digest(text).hex()
            yield policy.judge(Address(name, 0, ""), content, one.tokens, one.matches, rules)
