"""Signatures out of an index and into a store, as datasketch's ``LeanMinHash`` has them: Parquet, a row each.

The column ``minhash`` holds ``LeanMinHash.serialize`` with byte order ``<`` (datasketch 2.0, scheme affine32): seed
(i64, 1), -128 (i32), 1 (u8), 128 u32. The other columns are the ingredient's id, its tokens and what is known of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any

import msgspec

from provenance import files, store
from provenance.errors import DatasetError
from provenance.fingerprint import RECIPE
from provenance.index import Index
from provenance.model import UNKNOWN, Evidence, Fingerprint, Ingredient, Origin, Status

LEAN = Struct(f"<qiB{RECIPE.permutations}I")
SEED, AFFINE32 = 1, 1
ROWS = 2000
_ORIGIN = tuple(one.name for one in msgspec.structs.fields(Origin))


def to_lean(signature: bytes) -> bytes:
    """A signature as ``LeanMinHash.serialize`` writes it."""
    return LEAN.pack(SEED, -RECIPE.permutations, AFFINE32, *memoryview(signature).cast("I"))


def from_lean(lean: bytes) -> bytes:
    """The signature of a serialized LeanMinHash; ValueError where it has other parameters."""
    if len(lean) != LEAN.size:
        raise ValueError(
            f"{len(lean)} bytes; a LeanMinHash of {RECIPE.permutations} values in affine32 has {LEAN.size}"
        )
    seed, count, scheme, *values = LEAN.unpack(lean)
    if (seed, count, scheme) != (SEED, -RECIPE.permutations, AFFINE32):
        raise ValueError(
            f"seed {seed}, {abs(count)} values, scheme {scheme}; needed: seed {SEED}, {RECIPE.permutations} values, "
            'scheme 1 (MinHash(num_perm=128, seed=1, scheme="affine32"))'
        )
    return b"".join(value.to_bytes(4, "little") for value in values)


def write(index: Index, path: Path) -> int:
    """Write every ingredient of an index, with its signature if it has one; returns how many there are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = {name: pa.string() for name in ("id", *_ORIGIN, "evidence", "kind", "status", "path")}
    schema = pa.schema([*text.items(), ("tokens", pa.uint32()), ("minhash", pa.binary())])
    written = 0
    with files.replacing(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in _batches(index):
            writer.write_table(pa.Table.from_pylist(rows, schema))
            written += len(rows)
    return written


def _batches(index: Index) -> Iterator[list[dict[str, Any]]]:
    import numpy as np

    for part in index.segments:
        signed = part.rows("signed", np.arange(len(part.arrays["signed"])))
        for first in range(0, part.counts.ingredients, ROWS):
            numbers = np.arange(first, min(first + ROWS, part.counts.ingredients))
            sizes = part.rows("tokens", numbers).tolist()
            begin, end = np.searchsorted(signed, [first, first + ROWS])
            signatures = part.rows("signatures", np.arange(begin, end))
            leans = {
                int(number): to_lean(np.ascontiguousarray(one, "<u4").tobytes())
                for number, one in zip(signed[begin:end], signatures, strict=True)
            }
            rows = []
            for number, tokens in zip(numbers.tolist(), sizes, strict=True):
                card = msgspec.structs.asdict(part.card(number))
                origin = msgspec.structs.asdict(card.pop("origin"))
                facts = {name: str(value) for name, value in (card | origin).items()}
                rows.append(facts | {"tokens": tokens, "minhash": leans.get(number)})
            yield rows


def ingest(paths: list[Path], store_path: Path) -> int:
    """Add the signatures of Parquet files to a store, as ingredients that whole texts can be similar to and that have
    nothing else; returns how many were new. DatasetError at the first row that has no sound signature."""
    return store.append(store_path, (one for path in paths for one in _read(path)))


def _read(path: Path) -> Iterator[Ingredient]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = set(file.schema_arrow.names)
            missing = {"id", "tokens", "minhash"} - names
            if missing:
                raise DatasetError(
                    f"{path}: no column {', '.join(sorted(missing))} (needed: id, tokens, minhash; see "
                    "'provenance index signatures export')"
                )
            row = 0
            for batch in file.iter_batches(ROWS):
                for facts in batch.to_pylist():
                    if facts["minhash"] is not None:
                        yield _ingredient(facts, path, row)
                    row += 1
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: cannot be read as Parquet: {error} (write it again)") from error


def _ingredient(facts: dict[str, Any], path: Path, row: int) -> Ingredient:
    try:
        signature = from_lean(facts["minhash"])
        tokens = int(facts["tokens"])
        origin = Origin(**{name: str(facts.get(name) or UNKNOWN) for name in _ORIGIN})
        evidence = Evidence(facts.get("evidence") or Evidence.DECLARED)
        status = Status(facts.get("status") or Status.UNKNOWN)
        if not 0 < tokens < 1 << 32 or not facts["id"]:
            raise ValueError("no id, or no number of tokens")
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{path}: row {row}: not a signature of this recipe: {error}") from error
    whole = Fingerprint(tokens, b"", 0, b"", b"", b"")
    kind = str(facts.get("kind") or "signature")
    where = str(facts.get("path") or "")
    return Ingredient(str(facts["id"]), origin, evidence, kind, status, where, (), (), (), whole, signature)
