"""The file beside a label that says which outputs are in the dataset: what ``trace`` asks. No text, no rows.

Records that match the same outputs, on the same evidence and with the same similarity, are a set; each record is in one
set at most, so that sums over sets count nothing twice. The file has one row for each output of each set, sets in order
(docs/format-label.md). Idioms are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from provenance.errors import StoreError
from provenance.label.form import Label

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX = ".contents.parquet"
NAMES = ("ingredient", "session", "provider", "model", "tool", "channel", "time", "kind", "evidence", "similarity")
"""What is said of an output, as recorded; an empty ingredient where the dataset only declares it."""
READ_ROWS = 1 << 14


class Member(NamedTuple):
    """An output of a set."""

    ingredient: str
    session: str
    provider: str
    model: str
    tool: str
    channel: str
    time: str
    kind: str
    evidence: str
    similarity: str
    tokens: int
    """Verified tokens: those that the records share with it."""
    others: int
    """How many further outputs have the same text; this one is the earliest."""


class Set(NamedTuple):
    """Records with the same outputs."""

    records: int
    text_tokens: int
    """Tokens of their texts that match: what goes if the records do."""
    files: tuple[int, ...]
    """Which of the label's files they stand in, from 0."""
    members: tuple[Member, ...]


def schema() -> pa.Schema:
    """The columns of the file."""
    import pyarrow as pa

    number = pa.int64()
    kinds: dict[str, Any] = {"set": number, **dict.fromkeys(NAMES, pa.string()), "tokens": number, "others": number}
    kinds |= {"records": number, "text_tokens": number, "files": pa.list_(pa.int32())}
    return pa.schema(list(kinds.items()))


def place(label: Path) -> Path:
    """Where the contents of a label lie."""
    return label.with_name(label.name.removesuffix(".json") + SUFFIX)


def write(file: Any, batches: Iterable[Any]) -> None:
    """Write record batches of ``schema``, one row group for each 64 k rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = schema()
    with pq.ParquetWriter(file, kinds, compression="zstd") as writer:
        waiting: list[Any] = []
        for batch in batches:
            waiting.append(batch)
            if sum(one.num_rows for one in waiting) >= 1 << 16:
                writer.write_table(pa.Table.from_batches(waiting, kinds).combine_chunks())
                waiting = []
        writer.write_table(pa.Table.from_batches(waiting, kinds).combine_chunks())


def digest(path: Path) -> str:
    """SHA-256 of the file; OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_here(path: Path, label: Label) -> bool:
    """Whether the contents of a label lie beside it. Raises StoreError where what lies there is something else."""
    beside = place(path)
    if not label.contents or not beside.is_file():
        return False
    if digest(beside) != label.contents:
        raise StoreError(f"{beside}: not the contents that {path.name} names: changed or of another label (restore it)")
    return True


def batches(path: Path) -> Iterator[Any]:
    """Record batches of the file. Raises StoreError where it is not of the form."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if file.schema_arrow.remove_metadata() != schema():
                raise StoreError(f"{path}: not the contents of a label: other columns (make the label again)")
            for batch in file.iter_batches(READ_ROWS, use_threads=False):
                if any(column.null_count for column in batch.columns) or batch["files"].flatten().null_count:
                    raise StoreError(f"{path}: not the contents of a label: a value is missing (make the label again)")
                yield batch
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read: {str(error)[:200]} (make the label again)") from error


def read(path: Path, label: Label) -> Iterator[Set]:
    """The sets. Raises StoreError where they cannot be those of the label: more records than match, sets that are
    torn apart, files that it has not."""
    left = label.totals.matched
    current = -1
    members: list[Member] = []
    about: tuple[int, int, tuple[int, ...]] = (0, 0, ())
    try:
        for batch in batches(path):
            columns = {name: batch[name].to_pylist() for name in batch.schema.names}
            heads = zip(columns["set"], columns["records"], columns["text_tokens"], columns["files"], strict=True)
            facts = zip(*(columns[name] for name in Member._fields), strict=True)
            for (number, records, text_tokens, files), values in zip(heads, facts, strict=True):
                if number != current:
                    if members:
                        yield Set(*about, tuple(members))
                    if number != current + 1 or records < 1 or text_tokens < 0:
                        raise StoreError(f"{path}: set {number}: out of order or without records")
                    current, members, about = number, [], (records, text_tokens, tuple(files))
                    left -= records
                    if left < 0 or not files or min(files) < 0 or max(files) >= label.totals.files:
                        raise StoreError(f"{path}: set {number}: more records or files than the label has")
                members.append(Member(*values))
    except UnicodeDecodeError as error:
        raise StoreError(f"{path}: cannot be read: {error} (make the label again)") from error
    if members:
        yield Set(*about, tuple(members))
    if left:
        raise StoreError(f"{path}: {left:,} matched records of the label are in no set")
