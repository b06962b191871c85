"""The report a lawyer reads: one self-contained page, and a PDF of it, from a judged scan or a period of the ledger.

``gathering`` reads, ``facts`` holds what was read, ``sections`` and ``pictures`` show it, ``document`` puts the page
together. Same inputs, same bytes: no clock, no random id.
"""

from provenance.page.document import build
from provenance.page.facts import Edition, Facts, first, partner
from provenance.page.gathering import Sources, gather

__all__ = ["Edition", "Facts", "Sources", "build", "first", "gather", "partner"]
