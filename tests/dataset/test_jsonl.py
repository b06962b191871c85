"""JSONL as texts: packing, encodings, byte ranges, lines that are not rows."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from provenance import dataset
from provenance.dataset import jsonl, packing, rows
from provenance.errors import DatasetError
from provenance.model import Skipped

Leaf = tuple[int, str, bytes]


def batches_of(path: Path, columns: tuple[str, ...] = (), target_size: int = 1 << 20) -> list[dataset.Batch]:
    units = dataset.plan([str(path)], columns, target_size).units
    return [batch for unit in units for batch in dataset.read(unit)]


def leaves_in(batches: list[dataset.Batch]) -> list[Leaf]:
    """Row, filled-in field name and text of everything; rows as numbered within the unit."""
    found = []
    for batch in batches:
        for texts in batch.texts:
            for i, row in enumerate(texts.rows.tolist()):
                name = dataset.field_name(texts.field, texts.ordinals[i].tolist())
                found.append((row, name, bytes(texts.data[texts.offsets[i] : texts.offsets[i + 1]])))
    return sorted(found)


def leaves_of(path: Path, columns: tuple[str, ...] = ()) -> list[Leaf]:
    return leaves_in(batches_of(path, columns))


def skipped_of(path: Path) -> list[Skipped]:
    return [skipped for batch in batches_of(path) for skipped in batch.skipped]


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def test_every_string_of_a_row_is_a_text(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "text": "flat",
        "conversations": [{"from": "human", "value": "hi"}, {"value": "yo", "n": None}],
        "a.b": "dot",
        "grid": [["x"], [], ["y", "z"]],
    }
    expected = [
        (0, "a.b", b"dot"),
        (0, "conversations[0].from", b"human"),
        (0, "conversations[0].value", b"hi"),
        (0, "conversations[1].value", b"yo"),
        (0, "grid[0][0]", b"x"),
        (0, "grid[2][0]", b"y"),
        (0, "grid[2][1]", b"z"),
        (0, "text", b"flat"),
    ]
    assert expected == leaves_of(write(tmp_path / "t.jsonl", row))


def test_chosen_fields_only(tmp_path: Path) -> None:
    row = {"text": "t", "body": "b", "messages": [{"role": "user", "content": "hi"}]}
    path = write(tmp_path / "t.jsonl", row, {"text": "u"})
    assert leaves_of(path, ("text",)) == [(0, "text", b"t"), (1, "text", b"u")]
    content = [(0, "messages[0].content", b"hi")]
    assert content == leaves_of(path, ("messages[].content",))
    assert content == leaves_of(path, ("messages.content",))
    assert [name for _, name, _ in leaves_of(path, ("messages",))] == ["messages[0].content", "messages[0].role"]
    assert leaves_of(path, ("mess",)) == []


def test_nulls_under_a_chosen_field_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"text": None, "id": None}, {"text": "x"}, {"text": [None, "y"]})
    assert sum(batch.nulls for batch in batches_of(path, ("text",))) == 2


def test_broken_lines_are_skipped_with_their_reason_and_reading_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    lines = [b'{"t":"a"}', b"{oops", b"", b'{"t":"\xff"}', b"[1]", b"3", b"null", b'"bare"', b'{"t":"z"}']
    path.write_bytes(b"\n".join(lines))
    batches = batches_of(path)
    assert leaves_in(batches) == [(0, "t", b"a"), (6, "text", b"bare"), (7, "t", b"z")]
    assert sum(batch.rows for batch in batches) == 8
    skipped = skipped_of(path)
    assert [f"{path} line {n}" for n in (2, 4, 5, 6, 7)] == [each.where for each in skipped]
    assert skipped[0].reason.startswith("not JSON: ")
    assert [each.reason for each in skipped[1:]] == [
        "not UTF-8 at byte 6 of the line",
        "not an object but an array",
        "not an object but a number",
        "not an object but null",
    ]


def test_a_broken_line_in_a_later_unit_is_named_by_its_byte(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"t":"a"}\n' * 5 + b"nope\n" + b'{"t":"b"}\n')
    skipped = [each for batch in batches_of(path, target_size=22) for each in batch.skipped]
    assert [f"{path} byte 50"] == [each.where for each in skipped]


def test_a_row_nested_ten_thousand_deep_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    deep = [b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b'{"a":' + b"[" * 300 + b'"x"' + b"]" * 300 + b"}"]
    path.write_bytes(b"\n".join([*deep, b'{"t":"ok"}']))
    assert leaves_of(path) == [(2, "t", b"ok")]
    assert [each.reason for each in skipped_of(path)] == ["nested more than 256 levels deep"] * 2


def test_what_python_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"x":NaN,"t":"a"}\n{"x":1e999,"t":"b"}\n{"x":' + "1" * 400 + ',"t":"c"}\n')
    assert [text for _, _, text in leaves_of(path)] == [b"a", b"b", b"c"]


def test_lone_surrogates_keep_their_three_bytes(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"t":"a\\ud83db"}\n{"k\\ud83d":"key"}\n{"t":"\\ud83e\\udd8a"}\n')
    expected = [(0, "t", b"a\xed\xa0\xbdb"), (1, "k\\ud83d", b"key"), (2, "t", "🦊".encode())]
    assert expected == leaves_of(path)


def test_nul_bytes_empty_texts_and_duplicate_keys(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"t":"a\\u0000b"}\r\n{"t":""}\r\n\r\n{"t":"first","t":"last"}')
    assert leaves_of(path) == [(0, "t", b"a\0b"), (1, "t", b""), (2, "t", b"last")]


def test_a_field_that_is_text_list_and_literal_brackets_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"a": ["x"], "a[]": "y"}, {"a": "z"})
    texts = [(t.field, t.ordinals.shape) for batch in batches_of(path) for t in batch.texts]
    assert texts == [("a", (1, 0)), ("a[]", (1, 0)), ("a[]", (1, 1))]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-be"])
@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
def test_byte_order_marks_say_the_encoding(tmp_path: Path, codec: str, packing: str) -> None:
    mark = "\ufeff" if codec.endswith("e") else ""
    content = (mark + '{"t":"ünïcode 🦊"}\n{"t":"b"}\n').encode(codec)
    path = tmp_path / "t.jsonl"
    path.write_bytes({"plain": bytes, "gzip": gzip.compress, "zstd": zstd}[packing](content))
    assert [(0, "t", "ünïcode 🦊".encode()), (1, "t", b"b")] == leaves_of(path)


def test_utf16_is_never_cut_and_a_lone_surrogate_costs_its_line_only(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    text = '\ufeff{"t":"a"}\n{"t":"\ud83d"}\n' + '{"t":"b"}\n' * 3
    path.write_bytes(text.encode("utf-16-le", "surrogatepass"))
    (unit,) = dataset.plan([str(path)], target_size=10).units
    batches = list(dataset.read(unit))
    assert [leaf[2] for leaf in leaves_in(batches)] == [b"a", b"b", b"b", b"b"]
    assert [f"{path} line 2"] == [each.where for batch in batches for each in batch.skipped]


def test_packed_files_of_several_members_or_frames_are_read_whole(tmp_path: Path) -> None:
    parts = [b'{"t":"a"}\n{"t":', b'"b"}\n', b'{"t":"c"}']
    skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    packed = {
        "t.jsonl.gz": b"".join(map(gzip.compress, parts)),
        "t.jsonl.zst": zstd(parts[0]) + skippable + zstd(parts[1]) + zstd(parts[2]),
    }
    for name, content in packed.items():
        path = tmp_path / name
        path.write_bytes(content)
        (unit,) = dataset.plan([str(path)], target_size=5).units
        batches = list(dataset.read(unit))
        assert leaves_in(batches) == [(0, "t", b"a"), (1, "t", b"b"), (2, "t", b"c")]
        assert unit.size == sum(batch.size for batch in batches)


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_a_truncated_packed_file_yields_the_whole_lines_before_it_breaks_off(tmp_path: Path, packing: str) -> None:
    lines = [json.dumps({"t": f"{i * 7919:x}" * 5}).encode() + b"\n" for i in range(20_000)]
    content = b"".join(lines)
    packed = gzip.compress(content) if packing == "gz" else zstd(content)
    path = tmp_path / f"t.jsonl.{packing}"
    path.write_bytes(packed[: len(packed) // 2])
    got: list[dataset.Batch] = []
    (unit,) = dataset.plan([str(path)]).units
    with pytest.raises(DatasetError, match=r"t\.jsonl\.\w+: damaged or truncated after \d+ rows: .+\(copy"):
        got.extend(dataset.read(unit))  # keeps what came before the error
    texts = [text for _, _, text in leaves_in(got)]
    assert [json.loads(line)["t"].encode() for line in lines[: len(texts)]] == texts
    assert 5_000 < len(texts) < 20_000
    assert sum(len(batch.skipped) for batch in got) == 0


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_every_cut_of_a_file_yields_each_line_exactly_once(tmp_path: Path, mark: bytes, end: bytes) -> None:
    path = tmp_path / "t.jsonl"
    texts = [b"a", b"bb" * 9, b"", b"c"]
    path.write_bytes(mark + b"\n".join(b'{"t":"' + text + b'"}' for text in texts).replace(b"}", b"}\r", 1) + end)
    (whole,) = dataset.plan([str(path)]).units
    for cuts in itertools.combinations_with_replacement(range(whole.last + 1), 2):
        got, size = [], 0
        for first, last in itertools.pairwise((0, *cuts, whole.last)):
            unit = dataset.WorkUnit(whole.file, "jsonl", first, last, -1, last - first, whole.stamp, ())
            batches = list(dataset.read(unit))
            got += [text for _, _, text in leaves_in(batches)]
            assert [each for batch in batches for each in batch.skipped] == []
            size += sum(batch.size for batch in batches)
        assert (texts, whole.size) == (got, size), cuts


def test_batches_and_pieces_smaller_than_a_line_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "t.jsonl", *[{"t": str(i) * (i % 40), "l": [str(i)]} for i in range(200)])
    packed = tmp_path / "p.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    expected = leaves_of(path)
    for size in (1, 7, 64, 1000):
        for name in ("BATCH_SIZE", "READ_SIZE", "TAIL_SIZE", "UNPACK_SIZE"):
            monkeypatch.setattr(jsonl if hasattr(jsonl, name) else packing, name, size)
        assert expected == leaves_of(path)
        assert expected == leaves_of(packed)


def test_a_row_of_thirty_megabytes_that_spans_units_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"t": "small"}, {"t": "0123456789" * 3_000_000}, {"t": "end"})
    batches = batches_of(path, target_size=4 << 20)
    lengths = [b - a for batch in batches for t in batch.texts for a, b in itertools.pairwise(t.offsets)]
    assert lengths == [5, 30_000_000, 3]
    assert path.stat().st_size == sum(batch.size for batch in batches)


def test_a_file_that_changed_since_it_was_planned_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"t": "a"})
    (unit,) = dataset.plan([str(path)]).units
    write(path, {"t": "a"}, {"t": "b"})
    with pytest.raises(DatasetError, match="changed since it was planned"):
        dataset.read(unit)
    path.unlink()
    with pytest.raises(DatasetError, match="No such file"):
        dataset.read(unit)


@pytest.mark.parametrize("packing", ["", ".gz"])
@pytest.mark.parametrize("target_size", [900, 1 << 20])
@pytest.mark.parametrize("last", [b"\n", b""])
def test_a_line_that_is_too_long_is_skipped_never_held_and_keeps_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str, target_size: int, last: bytes
) -> None:
    monkeypatch.setattr(rows, "MAX_LINE", 1000)
    monkeypatch.setattr(jsonl, "BATCH_SIZE", 300)
    monkeypatch.setattr("provenance.dataset.packing.READ_SIZE", 250)
    lines = [b'{"t": "%s"}' % (b"x" * size) for size in (3, 991, 992, 1400, 5000, 700)]
    lines[3:3] = [b" " * 1000, b" " * 1001, b"", b'{"t": "b"}']
    content = b"\n".join(lines) + last
    path = tmp_path / f"d.jsonl{packing}"
    path.write_bytes(gzip.compress(content) if packing else content)
    batches = batches_of(path, target_size=target_size)
    assert [3, 991, 1, 700] == [len(text) for batch in batches for _, _, text in leaves_in([batch])]
    assert [rows.TOO_LONG] * 4 == [one.reason for batch in batches for one in batch.skipped]
    assert 8 == sum(batch.rows for batch in batches)
    assert max(len(texts.data) for batch in batches for texts in batch.texts) < 1400
    pieces = list(jsonl.pieces(str(path), str(path)))
    assert content == b"".join(part for _, parts in pieces for part in parts)
    assert max(len(part) for _, parts in pieces for part in parts) <= 1001
    numbers = [row for numbers, _ in pieces for row in numbers if row >= 0]
    assert list(range(8)) == list(dict.fromkeys(numbers))
    assert numbers == sorted(numbers)
