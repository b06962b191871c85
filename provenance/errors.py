"""The error tree. Every message says where, what, and what to do next.

    ProvenanceError          anything the user can act on; the command line exits 2
    ├── CaptureError         a transcript or hook payload that is not what it claims to be
    ├── StoreError           the store, the ledger or the index: damaged, foreign, of another recipe
    ├── DatasetError         a dataset that is missing, truncated, or lacks the column asked for
    └── PolicyError          a policy that does not parse, or names what does not exist

The library raises these and never prints or exits. Trouble with a single row is no error: it is a
``model.Skipped``, which is counted.
"""


class ProvenanceError(Exception):
    """Something could not run, and the message says what to do about it."""


class CaptureError(ProvenanceError):
    """A transcript or hook payload could not be read."""


class StoreError(ProvenanceError):
    """The store, ledger or index is missing, damaged, or of another recipe or format."""


class DatasetError(ProvenanceError):
    """A dataset is missing, unreadable, or has no such column."""


class PolicyError(ProvenanceError):
    """A policy is malformed."""
