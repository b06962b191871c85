"""Folders of text files: which files are texts, which are skipped and why, and how they are addressed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provenance import dataset
from provenance.dataset import trees, units
from provenance.errors import DatasetError
from tests.dataset.reading import leaves_of, skipped_of


def touch(root: Path, **files: bytes) -> None:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_every_text_file_is_a_row_and_known_by_its_path(tmp_path: Path) -> None:
    touch(
        tmp_path / "src", aDOTpy=b"import a\n", sub__bDOTmd="\ufeffnäh".encode("utf-16"), Makefile=b"\xef\xbb\xbfall:"
    )
    found = leaves_of(tmp_path / "src")
    assert [(0, "Makefile", b"all:"), (1, "a.py", b"import a\n"), (2, "sub/b.md", "\ufeffnäh".encode())] == found
    assert (f"{tmp_path}/src/a.py", "") == units.address_of(f"{tmp_path}/src/", "a.py")
    assert ("a.py", "") == units.address_of("./", "a.py")


def test_what_is_of_another_format_or_no_data_is_no_text(tmp_path: Path) -> None:
    touch(
        tmp_path / "d",
        aDOTjsonl=b'{"t": "x"}\n',
        oneDOTjson=b'{"t": "x"}\n',
        packageDOTjson=b'{\n  "name": "x"\n}\n',
        listDOTjson=b"[\n1]\n",
        _SUCCESS=b"",
        DOTgit__config=b"[core]",
        DOTprovenance__log=b"x",
        run__planDOTjson=b"{\n}",
        run__lock=b"",
    )
    found = dataset.discover([str(tmp_path / "d")])
    assert ["a.jsonl", "one.json", ""] == [one.removeprefix(f"{tmp_path}/d/") for one in found]
    assert ["list.json", "package.json"] == [entry.name for entry in trees.listing(f"{tmp_path}/d/")]


def test_binary_large_and_broken_files_are_skipped_and_pictures_are_nulls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "MAX_TEXT", 1 << 20)
    root = tmp_path / "d"
    touch(root, a=b"\0\1", b=b"x" * ((1 << 20) + 1), cDOTpng=b"\x89PNG\0", d=b"fine", e=b"\xff\xfea")
    (root / "f").symlink_to("nowhere")
    os.mkfifo(root / "g")
    found = {one.where.removeprefix(f"{root}/"): one.reason for _, one in skipped_of(root)}
    assert found["a"] == "binary, not text"
    assert found["b"].startswith("larger than 1 MB")
    assert found["e"].startswith("not UTF-16-LE")
    assert found["f"] == "a broken link"
    assert found["g"] == "no file"
    assert [(3, "d", b"fine")] == leaves_of(root)
    assert (7, 5, 1) == counts(root)


def counts(root: Path) -> tuple[int, int, int]:
    batches = [batch for unit in dataset.plan([f"{root}/"]).units for batch in dataset.read(unit)]
    return (
        sum(batch.rows for batch in batches),
        sum(len(batch.skipped) for batch in batches),
        sum(batch.nulls for batch in batches),
    )


def test_links_are_followed_but_not_back_up(tmp_path: Path) -> None:
    touch(tmp_path, d__a=b"a", elsewhere__b=b"b")
    (tmp_path / "d" / "back").symlink_to(".")
    (tmp_path / "d" / "out").symlink_to("../elsewhere")
    assert [(0, "a", b"a"), (1, "out/b", b"b")] == leaves_of(tmp_path / "d")


def test_a_tree_is_cut_into_units_and_rows_go_on(tmp_path: Path) -> None:
    touch(tmp_path / "d", **{f"f{n:02}": b"x" * 100 for n in range(10)})
    plan = dataset.plan([f"{tmp_path}/d/"], (), 250)
    assert [(0, 3), (3, 6), (6, 9), (9, 10)] == [(unit.first, unit.last) for unit in plan.units]
    assert list(range(10)) == [row for row, _, _ in leaves_of(tmp_path / "d", target_size=250)]


def test_a_tree_that_changed_since_it_was_planned_is_not_read(tmp_path: Path) -> None:
    touch(tmp_path / "d", a=b"a")
    (unit,) = dataset.plan([f"{tmp_path}/d/"]).units
    touch(tmp_path / "d", b=b"b")
    with pytest.raises(DatasetError, match="changed since it was planned"):
        dataset.read(unit)


def test_a_text_file_named_outright_is_a_text(tmp_path: Path) -> None:
    touch(tmp_path, notes=b"# words\n")
    assert [(0, "", b"# words\n")] == leaves_of(tmp_path / "notes")


def test_a_tree_in_a_tree_is_read_once(tmp_path: Path) -> None:
    touch(tmp_path / "d", a=b"a", sub__b=b"b")
    assert [f"{tmp_path}/d/"] == dataset.discover([str(tmp_path / "d" / "sub"), str(tmp_path / "d")])


def test_names_with_control_characters_and_other_bytes_are_shown_escaped(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name in (b"a\nb", b"c\xff"):
        (Path(os.fsdecode(bytes(tmp_path / "d"))) / os.fsdecode(name)).write_bytes(b"x")
    assert [(0, "a\\nb", b"x"), (1, "c\\udcff", b"x")] == leaves_of(tmp_path / "d")
