from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from datasketch import LeanMinHash, MinHash

from provenance import index, matching, signatures
from provenance.cli import group
from provenance.fingerprint import engine, reference
from provenance.index import Index
from provenance.model import Similarity
from tests.making import code, ingredient


def theirs(text: bytes) -> LeanMinHash:
    made = MinHash(num_perm=128, seed=1, scheme="affine32", hashfunc=lambda value: value)
    for shingle in reference.shingles(text):
        made.update(shingle)
    return LeanMinHash(made)


def test_a_signature_is_byte_for_byte_a_lean_minhash_of_datasketch() -> None:
    text = " ".join(code(1, 90)).encode()
    ours = signatures.to_lean(engine.signature(text))
    buffer = bytearray(theirs(text).bytesize("<"))
    theirs(text).serialize(buffer, "<")
    assert bytes(buffer) == ours
    assert 1.0 == LeanMinHash.deserialize(ours, "<").jaccard(theirs(text))
    assert engine.signature(text) == signatures.from_lean(ours)


def test_what_an_index_exports_another_store_imports_and_finds_similar_texts(tmp_path: Path) -> None:
    words = code(3, 300)
    index.build(tmp_path / "a", [ingredient(" ".join(words)), ingredient("a b c", call="short")])
    out, store = str(tmp_path / "out.parquet"), str(tmp_path / "store")
    run = CliRunner()
    said = run.invoke(group, ["index", "signatures", "export", "--index", str(tmp_path / "a"), out])
    assert (0, f"2 ingredients written to {out}\n") == (said.exit_code, said.output)
    rows = pq.read_table(out).to_pylist()
    assert [300, 3] == sorted((row["tokens"] for row in rows), reverse=True)
    said = run.invoke(group, ["index", "signatures", "import", "--store", store, out])
    assert (0, f"added 1 signatures to {store}\n") == (said.exit_code, said.output)
    assert 0 == run.invoke(group, ["index", "build", "--store", store]).exit_code
    edited = " ".join("edited" if n % 60 == 7 else word for n, word in enumerate(words)).encode()
    offsets = np.array([0, len(edited)], np.int64)
    (found,) = matching.match(edited, offsets, Index(tmp_path / "store" / "index"))[1]
    (match,) = found.matches
    assert (Similarity.SIMILAR, "claude-opus-4-5") == (match.similarity, match.origin.model)


@pytest.mark.parametrize(
    ("lean", "said"),
    [
        (b"", "0 bytes"),
        (struct.pack("<qi128I", 1, 128, *range(128)), "524 bytes"),
        (struct.pack("<qiB128I", 2, -128, 1, *range(128)), "seed 2"),
        (struct.pack("<qiB128I", 1, -128, 2, *range(128)), "seed 1, 128 values, scheme 2"),
    ],
)
def test_a_signature_of_other_parameters_is_refused_with_the_row(tmp_path: Path, lean: bytes, said: str) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"id": ["a"], "tokens": [9], "minhash": [lean]}), path)
    answer = CliRunner().invoke(group, ["index", "signatures", "import", "--store", str(tmp_path / "s"), str(path)])
    assert f"{path}: row 0: not a signature of this recipe: {said}" in str(answer.exception)


def test_a_file_without_the_columns_or_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"id": ["a"]}), path)
    with pytest.raises(signatures.DatasetError, match="no column minhash, tokens"):
        signatures.ingest([path], tmp_path / "s")
    path.write_bytes(b"hello")
    with pytest.raises(signatures.DatasetError, match="cannot be read as Parquet"):
        signatures.ingest([path], tmp_path / "s")
