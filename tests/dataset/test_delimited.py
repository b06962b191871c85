"""CSV and TSV as texts: quoting, headers, encodings, ragged rows, and every byte of every record."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance import dataset
from provenance.dataset import delimited
from provenance.errors import DatasetError
from tests.dataset.reading import Leaf, leaves_of, skipped_of, total_of


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def cells(path: Path, columns: Sequence[str] = ()) -> list[Leaf]:
    """What stands below the header."""
    return [leaf for leaf in leaves_of(path, columns=columns) if not leaf[1].startswith("header[")]


def test_quotes_newlines_and_empty_fields(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", 'id,text\r\n1,"a, ""b""\nc"\r\n\r\n2,\r\n3,z')
    assert [(0, "id", b"1"), (0, "text", b'a, "b"\nc'), (1, "id", b"2"), (2, "id", b"3"), (2, "text", b"z")] == (
        cells(path)
    )
    assert (3, 0, 1) == total_of(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("packing", ["", ".gz"])
@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".csv", ";"), (".tsv", "\t")])
def test_encodings_packings_and_delimiters(
    tmp_path: Path, encoding: str, packing: str, suffix: str, delimiter: str
) -> None:
    text = f"näme{delimiter}body\nä{delimiter}b\n".encode(encoding)
    path = write(tmp_path / f"d{suffix}{packing}", gzip.compress(text) if packing else text)
    assert [(0, "body", b"b"), (0, "näme", "ä".encode())] == cells(path)


def test_a_first_row_that_is_no_header_is_read_as_a_row(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "1,first\n2,second\n")
    assert [b"1", b"first", b"2", b"second"] == [text for _, _, text in cells(path)]
    assert ("column_0", "column_1") == dataset.plan([str(path)]).fields
    long = write(tmp_path / "long.csv", f'"{"word " * 60}"\n"b"\n')
    assert 2 == total_of(long)[0]


@pytest.mark.parametrize("packing", ["", ".gz"])
def test_a_texts_first_row_is_read_whether_it_is_taken_for_a_header_or_not(tmp_path: Path, packing: str) -> None:
    def read(text: str) -> list[Leaf]:
        content = gzip.compress(text.encode()) if packing else text.encode()
        return leaves_of(write(tmp_path / f"d.csv{packing}", content))

    assert [(0, "column_0", b"return self.cache.get(key, None)"), (1, "column_0", b"b")] == read(
        '"return self.cache.get(key, None)"\n"b"\n'
    )
    assert [(0, "header[0]", b"How are you?"), (0, "How are you?", b"Well.")] == sorted(
        read('"How are you?"\n"Well."\n'), key=lambda leaf: leaf[1] != "header[0]"
    )
    assert [(0, "header[0]", b"alone")] == read("alone\n")
    path = write(tmp_path / "e.csv", "id,text\n1,x\n")
    assert [(0, "header[1]", b"text"), (0, "text", b"x")] == leaves_of(path, columns=["text"])


def test_a_line_that_never_ends_is_skipped_in_pieces_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "MAX_RECORD", 5000)
    content = b"a,b\n1,2\n" + b"x" * 12_000 + b"\n3,4\n"
    path = write(tmp_path / "d.csv", content)
    assert [(0, "a", b"1"), (0, "b", b"2"), (4, "a", b"3"), (4, "b", b"4")] == cells(path)
    assert [1, 2, 3] == [row for row, _ in skipped_of(path)]
    pieces = list(delimited.pieces(str(path), str(path)))
    assert [-1, 0, 1, 2, 3, 4] == [row for rows, _ in pieces for row in rows]
    assert content == b"".join(part for _, parts in pieces for part in parts)


def test_ragged_rows_are_skipped_with_their_line_and_number(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", 'a,b\n1,"x\ny"\n1\n1,2,3\nlast,row\n')
    found = skipped_of(path)
    assert [1, 2] == [row for row, _ in found]
    assert [f"{path} line 4", f"{path} line 5"] == [one.where for _, one in found]
    assert ["1 fields, not 2", "3 fields, not 2"] == [one.reason for _, one in found]
    assert (4, 2, 0) == total_of(path)


def test_bytes_that_are_not_utf8_are_read_as_they_stand(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", b"a,b\nx,caf\xe9\n")
    assert (0, "b", b"caf\xe9") in cells(path)


def test_a_quote_that_is_never_closed_takes_no_more_than_one_record_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "MAX_RECORD", 1 << 20)
    path = write(tmp_path / "d.csv", 'a,b\n1,"open\n' + "2,fine\n" * 300_000)
    rows, skipped, _ = total_of(path)
    assert skipped == 1
    assert rows > 100_000
    assert "a quote is open" in skipped_of(path)[0][1].reason


def test_a_column_is_chosen_and_a_wrong_one_named(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "id,text\n1,x\n")
    assert [(0, "text", b"x")] == cells(path, columns=["text"])
    with pytest.raises(DatasetError, match=r"no column 'txt' \(did you mean 'text'\?\)"):
        dataset.plan([str(path)], ["txt"])


def test_a_packed_file_that_breaks_off_gives_its_rows_and_then_an_error(tmp_path: Path) -> None:
    rng = random.Random(1)
    packed = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (rng.random() * 1e9, n) for n in range(50_000)))
    path = write(tmp_path / "d.csv.gz", packed[: len(packed) // 2])
    (unit,) = dataset.plan([str(path)]).units
    rows = 0
    with pytest.raises(DatasetError, match=r"d\.csv\.gz: damaged or truncated after \d+ rows"):  # noqa: PT012
        for batch in dataset.read(unit):
            rows += batch.rows
    assert 10_000 < rows < 50_000


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0\ufeff"), max_size=12)


@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=12), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_python_writes_is_read_and_its_pieces_are_the_file(
    tmp_path: Path, rows: list[list[str]], quoting: int
) -> None:
    sink = io.StringIO()
    csv.writer(sink, quoting=quoting).writerows([["first", "second"], *rows])
    path = write(tmp_path / "d.csv", sink.getvalue())
    expected = sorted(
        (n, field, text.encode())
        for n, row in enumerate(rows)
        for field, text in zip(("first", "second"), row, strict=True)
        if text
    )
    assert expected == cells(path)
    pieces = [part for _, parts in delimited.pieces(str(path), str(path)) for part in parts]
    assert path.read_bytes() == b"".join(pieces)


@given(st.binary(max_size=400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_rows_skipped_or_an_error_and_pieces_lose_nothing(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "d.csv", b"a,b\n" + content)
    rows, _, _ = total_of(path)
    numbers = [row for some, _ in delimited.pieces(str(path), str(path)) for row in some if row >= 0]
    assert list(range(rows)) == numbers
    assert path.read_bytes() == b"".join(part for _, parts in delimited.pieces(str(path), str(path)) for part in parts)
