"""Which files, columns and units a dataset has, and what is said of those that cannot be read."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance import dataset
from provenance.errors import DatasetError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*names: str, content: bytes = b'{"t":"a"}\n') -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)


def table(name: str = "train.parquet", **columns: object) -> None:
    pq.write_table(pa.table(columns or {"text": ["a", "b"]}), name)


def test_importing_the_package_imports_neither_numpy_nor_pyarrow() -> None:
    code = "import sys, provenance.dataset as d; d.discover; print({'numpy', 'pyarrow'} & set(sys.modules))"
    env = {**os.environ, "PYTHONPATH": str(Path(dataset.__file__).parents[2])}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert run.stdout.strip() == "set()"


def test_folders_are_searched_and_sorted_and_hidden_names_left_out() -> None:
    touch(
        "d/b.jsonl",
        "d/a/z.ndjson.gz",
        "d/a/y.JSON",
        "d/.hid.jsonl",
        "d/_tmp/x.jsonl",
        "d/README.md",
        "d/c.zst",
    )
    assert dataset.discover(["d"]) == ["d/a/y.JSON", "d/a/z.ndjson.gz", "d/b.jsonl", "d/"]


def test_globs_folders_and_files_together_name_each_file_once() -> None:
    touch("d/a.jsonl", "d/e/b.jsonl", "d/notes.txt", content=b'{"t":1}')
    touch("d/readme.md", content=b"# words")
    expected = ["d/e/b.jsonl", "d/a.jsonl", "d/"]
    assert expected == dataset.discover(["./d/e/b.jsonl", "d/**/*.jsonl", "d", "d/a.jsonl"])
    assert dataset.discover(["d/*"]) == ["d/a.jsonl", "d/e/b.jsonl", "d/notes.txt", "d/readme.md"]
    assert [str(Path("d/a.jsonl").absolute())] == dataset.discover([os.path.abspath("d/a.jsonl")])


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob() -> None:
    touch("a[1].jsonl")
    assert dataset.discover(["a[1].jsonl"]) == ["a[1].jsonl"]


def test_a_link_that_leads_back_up_is_not_followed() -> None:
    touch("d/a.jsonl")
    touch("elsewhere/b.jsonl")
    Path("d/back").symlink_to(".")
    Path("d/link").symlink_to("../elsewhere")
    assert dataset.discover(["d"]) == ["d/a.jsonl", "d/link/b.jsonl"]


def test_an_unknown_suffix_is_recognised_by_content() -> None:
    table("one.bin")
    touch("two.txt", "three.data", content=b'  \n{"t":"a"}\n')
    Path("three.data").write_bytes(gzip.compress(b'{"t":"a"}\n'))
    found = dataset.discover(["one.bin", "two.txt", "three.data"])
    assert [unit.format for unit in dataset.plan(found).units] == ["parquet", "jsonl", "jsonl"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone.jsonl", "gone.jsonl: no such file or folder (check the path)"),
        ("empty", "empty: no dataset files in this folder (expected .parquet,"),
        ("*.parquet", "*.parquet: no dataset files match (expected .parquet,"),
        ("sound.raw", "sound.raw: of no format that is read (convert it, or leave it out)"),
        ("s3://b/k.parquet", "s3://b/k.parquet: remote files are not read (copy or mount them first)"),
        (
            "array.json",
            "array.json: one JSON array, which cannot be streamed (convert it to JSONL or Parquet)",
        ),
        ("array.json.gz", "array.json.gz: one JSON array,"),
    ],
)
def test_what_cannot_be_found_or_used_is_said(path: str, message: str) -> None:
    Path("empty").mkdir()
    touch("sound.raw", content=b"\0\1" * 20)
    touch("array.json", content=b'\xef\xbb\xbf \n[{"t":"a"}]')
    touch("array.json.gz", content=gzip.compress(b"[1]"))
    with pytest.raises(DatasetError) as caught:
        dataset.discover([path])
    assert str(caught.value).startswith(message)


def test_fields_and_unread_columns_are_a_union_over_files() -> None:
    table("a.parquet", id=[1], text=["a"], score=[[1.5]])
    table("b.parquet", id=[1], messages=[[{"role": "u", "content": "c"}]])
    plan = dataset.plan(["a.parquet", "b.parquet"])
    assert plan.fields == ("messages[].content", "messages[].role", "text")
    assert plan.unread == ("id: int64", "score[]: double")
    assert [sorted_(u.columns) for u in plan.units] == [("text",), ("messages[].content", "messages[].role")]


def sorted_(columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(columns))


def test_jsonl_without_a_choice_reads_every_field() -> None:
    touch("a.jsonl")
    assert (dataset.plan(["a.jsonl"]).fields, dataset.plan(["a.jsonl"]).units[0].columns) == (("*",), ())
    assert dataset.plan(["a.jsonl"], ["text"]).fields == ("text",)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("zzz", "train.parquet: no column 'zzz'; it has 'body', 'messages[].content' (choose with --column)"),
        ("boddy", "train.parquet: no column 'boddy' (did you mean 'body'?); it has 'body', "),
        (
            "messages[].contents",
            "train.parquet: no column 'messages[].contents' (did you mean 'messages[].content'",
        ),
        ("message", "train.parquet: no column 'message' (did you mean 'messages'?)"),
        ("id", "train.parquet: column 'id' holds no text but int64; columns with text: 'body', "),
    ],
)
def test_a_wrong_column_is_an_error_that_names_the_right_ones(column: str, message: str) -> None:
    table(body=["b"], id=[1], messages=[[{"content": "c"}]])
    with pytest.raises(DatasetError, match="^" + re.escape(message)):
        dataset.plan(["train.parquet"], [column])


def test_files_that_cannot_be_read_are_problems_and_do_not_stop_the_plan() -> None:
    table()
    whole = Path("train.parquet").read_bytes()
    touch("cut.parquet", content=whole[:-20])
    touch("zero.parquet", content=b"")
    touch("fake.parquet", content=b"id,text\n1,a\n")
    touch("footer.parquet", content=whole[:-40] + b"\xff" * 30 + whole[-10:])
    plan = dataset.plan(
        ["cut.parquet", "zero.parquet", "fake.parquet", "footer.parquet", "gone.parquet", "train.parquet"]
    )
    assert list(plan.problems[:3]) == [
        "cut.parquet: truncated, the Parquet footer is missing (copy or write the file again)",
        "zero.parquet: an empty file, not Parquet (write it again, or leave it out)",
        "fake.parquet: not a Parquet file (convert it, or leave it out)",
    ]
    assert plan.problems[3].startswith("footer.parquet: damaged Parquet footer: ")
    assert plan.problems[4] == "gone.parquet: No such file or directory (make it readable, or leave it out)"
    assert [unit.file for unit in plan.units] == ["train.parquet"]


def test_damaged_size_statistics_in_the_footer_are_a_problem_and_no_abort() -> None:
    """RowGroupMetaData.column aborts the process for these (pyarrow 26)."""
    pq.write_table(pa.table({"t": [["a"], None, [], [None]] * 5}), "t.parquet")
    content = Path("t.parquet").read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8]
    at = footer.index(b"\x19\x26")  # repetition level histogram, a list of two i64: drop the second
    broken = footer[:at] + b"\x19\x16" + footer[at + 2 : at + 3] + footer[at + 4 :]
    tail = len(broken).to_bytes(4, "little") + b"PAR1"
    Path("t.parquet").write_bytes(content[: -8 - size] + broken + tail)
    code = "import provenance.dataset as d; print(*d.plan(['t.parquet']).problems)"
    env = {**os.environ, "PYTHONPATH": str(Path(dataset.__file__).parents[2])}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert run.stdout.startswith("t.parquet: damaged Parquet footer: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_a_problem() -> None:
    touch("a.jsonl")
    Path("a.jsonl").chmod(0)
    expected = ("a.jsonl: Permission denied (make it readable, or leave it out)",)
    assert expected == dataset.plan(["a.jsonl"]).problems


def test_a_file_that_cannot_be_opened_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("a.jsonl")
    table("b.parquet")

    def refuse(path: str) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("provenance.dataset.units.stamp", refuse)
    expected = tuple(
        f"{name}: Permission denied (make it readable, or leave it out)" for name in ("a.jsonl", "b.parquet")
    )
    assert expected == dataset.plan(["a.jsonl", "b.parquet"]).problems


def test_a_column_name_that_is_not_utf8_is_a_problem() -> None:
    table(name_=["a"])
    Path("train.parquet").write_bytes(Path("train.parquet").read_bytes().replace(b"name_", b"name\xac"))
    (problem,) = dataset.plan(["train.parquet"]).problems
    assert problem.startswith("train.parquet: damaged Parquet footer: ")


def test_empty_files_are_legal_where_the_format_allows_them() -> None:
    touch("a.jsonl", content=b"")
    table("b.parquet", text=pa.array([], pa.string()))
    plan = dataset.plan(["a.jsonl", "b.parquet"])
    assert (plan.units, plan.fields, plan.problems) == ((), ("*", "text"), ())


def test_parquet_is_cut_between_row_groups() -> None:
    pq.write_table(pa.table({"t": [os.urandom(500).hex() for _ in range(100)]}), "t.parquet", row_group_size=10)
    units = dataset.plan(["t.parquet"], target_size=25_000).units
    assert [(unit.first, unit.last) for unit in units] == [(0, 3), (3, 6), (6, 9), (9, 10)]
    assert [unit.rows for unit in units] == [30, 30, 30, 10]


def test_jsonl_is_cut_into_byte_ranges_unless_it_is_packed() -> None:
    touch("a.jsonl", content=b'{"t":"a"}\n' * 10)
    touch("b.jsonl.gz", content=gzip.compress(b'{"t":"a"}\n' * 10))
    units = dataset.plan(["a.jsonl", "b.jsonl.gz"], target_size=40).units
    assert [(u.first, u.last) for u in units if u.file == "a.jsonl"] == [(0, 33), (33, 66), (66, 100)]
    assert [(0, Path("b.jsonl.gz").stat().st_size)] == [(u.first, u.last) for u in units if u.file != "a.jsonl"]


def test_field_names_have_their_positions_filled_in() -> None:
    assert dataset.field_name("messages[].content", (2,)) == "messages[2].content"
    assert dataset.field_name("a.b[][].c", (0, 3)) == "a.b[0][3].c"
    assert dataset.field_name("text", ()) == "text"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
@pytest.mark.parametrize("name", ["p.jsonl", "p.json", "p.csv", "p.tar", "p.parquet", "p.arrow", "p.txt", "p"])
def test_a_pipe_is_named_and_never_waited_for(name: str) -> None:
    os.mkfifo(name)
    try:
        plan = dataset.plan(dataset.discover([name]))
        said = "; ".join(plan.problems) or dataset.read(plan.units[0]).__next__().skipped[0].reason
    except DatasetError as error:
        said = str(error)
    assert re.search("no regular file|no file", said)
