"""What providers' terms say about their models' outputs: a dated, append-only registry. It judges nobody."""

from provenance.terms.resolution import Clause, Resolution, Status, resolve, together
from provenance.terms.review import (
    Change,
    Fault,
    Reviewed,
    Seen,
    archived,
    changes,
    lint,
    review,
    stands,
    words,
)
from provenance.terms.rows import Kind, Registry, Row, Use, Verdict, Verification, digest, load, parse

__all__ = [
    "Change",
    "Clause",
    "Fault",
    "Kind",
    "Registry",
    "Resolution",
    "Reviewed",
    "Row",
    "Seen",
    "Status",
    "Use",
    "Verdict",
    "Verification",
    "archived",
    "changes",
    "digest",
    "lint",
    "load",
    "parse",
    "resolve",
    "review",
    "stands",
    "together",
    "words",
]
