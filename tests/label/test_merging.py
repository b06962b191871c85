"""The labels of disjoint datasets as one: what adds up, and what is refused."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from provenance.errors import StoreError
from provenance.label import contents, making, merging, reading
from provenance.label.reading import Read
from tests.label.builds import OUTPUTS, POLICY, clean, indexed, jsonl, judged, label, rewritten


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Read, Read]:
    one = jsonl(tmp_path / "one" / "a.jsonl", clean(0), OUTPUTS[0], OUTPUTS[2], b"{")
    two = jsonl(tmp_path / "two" / "b.jsonl", clean(1), f"{clean(2)} {OUTPUTS[0]}", OUTPUTS[1])
    return label(tmp_path, one.parent, "one"), label(tmp_path, two.parent, "two")


def test_a_merged_label_is_that_of_the_datasets_scanned_together(tmp_path: Path, parts: tuple[Read, Read]) -> None:
    merged = merging.merge(parts, "both", tmp_path / "labels" / "both.json")
    (tmp_path / "all").mkdir()
    for name in ("one", "two"):
        (tmp_path / name).rename(tmp_path / "all" / name)
    run = judged(tmp_path, tmp_path / "all", "run-all")
    together = making.make([str(tmp_path / "all")], run, "both", tmp_path / "all.json", (), indexed(tmp_path))
    assert together.subject.root == merged.subject.root
    assert (together.totals, together.shares, together.skipped) == (merged.totals, merged.shares, merged.skipped)
    assert (together.judgement, together.clauses, together.tool) == (merged.judgement, merged.clauses, merged.tool)
    assert totals_of(tmp_path / "all.json") == totals_of(tmp_path / "labels" / "both.json")


def totals_of(path: Path) -> dict[str, tuple[int, int, set[str]]]:
    """Records, tokens and files by output."""
    read = reading.load(path)
    found: dict[str, tuple[int, int, set[str]]] = {}
    for one in contents.read(contents.place(path), read.label):
        for member in one.members:
            records, tokens, files = found.get(member.ingredient, (0, 0, set()))
            names = {read.label.subject.files[number].path.rpartition("/")[2] for number in one.files}
            found[member.ingredient] = records + one.records, tokens + member.tokens, files | names
    return found


def test_it_names_its_parts_and_can_be_read_and_merged_again(tmp_path: Path, parts: tuple[Read, Read]) -> None:
    out = tmp_path / "both.json"
    merged = merging.merge(parts, "both", out)
    assert merged == reading.load(out).label
    assert sorted((one.digest, "merge") for one in parts) == sorted((one.label, one.relation) for one in merged.parents)
    third = label(tmp_path, jsonl(tmp_path / "three" / "c.jsonl", clean(5), OUTPUTS[1] + " x").parent, "three")
    every = merging.merge([reading.load(out), third], "all", tmp_path / "all.json")
    assert 9 == every.totals.records


def test_the_order_of_the_parts_changes_nothing(tmp_path: Path, parts: tuple[Read, Read]) -> None:
    written = set()
    for some in (parts, parts[::-1]):
        merging.merge(some, "both", tmp_path / "both.json")
        written.add(tuple((tmp_path / name).read_bytes() for name in ("both.json", "both.contents.parquet")))
    assert 1 == len(written)


def test_the_same_file_twice_is_refused_packed_or_under_another_name(tmp_path: Path, parts: tuple[Read, Read]) -> None:
    out = tmp_path / "both.json"
    with pytest.raises(StoreError, match="holds the same as"):
        merging.merge([parts[0], parts[0]], "both", out)
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / "z.jsonl"
    copy.write_bytes((tmp_path / "one" / "a.jsonl").read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(StoreError, match=r"z\.jsonl.*the datasets are not disjoint"):
        merging.merge([*parts, label(tmp_path, copy.parent, "copy")], "both", out)
    assert not out.exists()


def test_a_dataset_and_what_was_filtered_from_it_are_refused(tmp_path: Path, parts: tuple[Read, Read]) -> None:
    small = label(tmp_path, jsonl(tmp_path / "small" / "s.jsonl", clean(0)).parent, "small", [(parts[0], "filter")])
    with pytest.raises(StoreError, match="is filtered from"):
        merging.merge([small, parts[0]], "both", tmp_path / "both.json")


def test_parts_judged_or_read_differently_are_refused(tmp_path: Path, parts: tuple[Read, Read]) -> None:
    other = label(
        tmp_path, jsonl(tmp_path / "three" / "c.jsonl", clean(5)).parent, "three", content=POLICY + b"# stricter\n"
    )
    with pytest.raises(StoreError, match="judged by different policies"):
        merging.merge([parts[0], other], "both", tmp_path / "both.json")
    tool = msgspec.structs.replace(parts[1].label.tool, recipe="p2")
    with pytest.raises(StoreError, match="scanned with different recipes"):
        merging.merge([parts[0], rewritten(parts[1], tmp_path / "p2.json", tool=tool)], "both", tmp_path / "both.json")


def test_what_differs_is_left_out_and_missed_captures_of_two_indexes_add_up(
    tmp_path: Path, parts: tuple[Read, Read]
) -> None:
    tools = [
        msgspec.structs.replace(one.label.tool, index=index, missed_captures=missed, promise=index)
        for one, index, missed in zip(parts, ("a", "b"), (3, 4), strict=True)
    ]
    some = [
        rewritten(one, tmp_path / f"{number}.json", tool=tool, contents="")
        for number, (one, tool) in enumerate(zip(parts, tools, strict=True))
    ]
    tool = merging.merge(some, "both", tmp_path / "both.json").tool
    assert ("", 0, 7, "") == (tool.index, tool.ingredients, tool.missed_captures, tool.promise)


def test_without_the_contents_of_every_part_it_has_none(tmp_path: Path, parts: tuple[Read, Read]) -> None:
    contents.place(parts[0].path).unlink()
    assert "" == merging.merge(parts, "both", tmp_path / "both.json").contents
    assert not contents.place(tmp_path / "both.json").exists()


def test_contents_that_were_changed_are_refused(tmp_path: Path, parts: tuple[Read, Read]) -> None:
    beside = contents.place(parts[0].path)
    content = bytearray(beside.read_bytes())
    content[random.Random(3).randrange(len(content))] ^= 1
    beside.write_bytes(content)
    with pytest.raises(StoreError, match=r"one\.contents\.parquet: not the contents that one\.json names"):
        merging.merge(parts, "both", tmp_path / "both.json")
