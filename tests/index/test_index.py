from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from provenance import index
from provenance.errors import StoreError
from provenance.index import Index, commons, segment
from provenance.model import Ingredient
from tests.making import code, ingredient, opened


def outputs() -> list[Ingredient]:
    return [ingredient(" ".join(code(seed, 120)), call=f"c{seed}") for seed in range(6)]


def test_the_same_ingredients_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    made = outputs()
    a = index.build(tmp_path / "a", made)
    b = index.build(tmp_path / "b", reversed(made))
    assert a.segment.files == b.segment.files
    assert a.digest == b.digest


def test_an_index_of_nothing_can_be_built_opened_and_verified(tmp_path: Path) -> None:
    index.build(tmp_path / "i", [])
    assert 0 == len(Index(tmp_path / "i").segment.grams)
    assert 0 == index.verify(tmp_path / "i").segment.ingredients


def test_a_build_replaces_the_index_in_one_step_and_leaves_one_segment(tmp_path: Path) -> None:
    first = opened(tmp_path / "i", *outputs()[:2])
    second = opened(tmp_path / "i", *outputs())
    assert (2, 6) == (first.segment.manifest.ingredients, second.segment.manifest.ingredients)
    assert 1 == len(list((tmp_path / "i" / "segments").iterdir()))
    assert first.segment.card(0).id  # an open reader keeps what it mapped


@pytest.mark.parametrize("name", [*segment.NAMES, "manifest.json"])
def test_a_flipped_byte_in_any_file_is_an_error_that_names_the_file(tmp_path: Path, name: str) -> None:
    opened(tmp_path / "i", *outputs())
    path = next((tmp_path / "i" / "segments").iterdir()) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(StoreError, match=name):
        index.verify(tmp_path / "i")
    with pytest.raises(StoreError, match=name):
        Index(tmp_path / "i")


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_a_truncated_file_is_an_error(tmp_path: Path, cut: int) -> None:
    opened(tmp_path / "i", *outputs())
    path = next((tmp_path / "i" / "segments").iterdir()) / "postings"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(StoreError, match="postings"):
        Index(tmp_path / "i")


def test_an_index_of_another_recipe_says_so_and_what_to_do(tmp_path: Path) -> None:
    opened(tmp_path / "i", *outputs())
    path = tmp_path / "i" / "manifest.json"
    root = json.loads(path.read_text())
    path.write_text(json.dumps(root | {"recipe": "p0.k10"}))
    with pytest.raises(StoreError) as error:
        Index(tmp_path / "i")
    assert "built with recipe p0.k10; this version has" in str(error.value)
    assert "provenance index build" in str(error.value)


def test_a_folder_that_is_no_index_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no index here"):
        Index(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    opened(tmp_path / "i", *outputs())
    (next((tmp_path / "i" / "segments").iterdir()) / "bands").unlink()
    with pytest.raises(StoreError, match="bands: missing"):
        Index(tmp_path / "i")


def test_commons_are_suppressed_before_selection_and_counted(tmp_path: Path) -> None:
    words = code(9, 200)
    licence = commons.keys_of([" ".join(words[40:120]).encode()])
    plain = opened(tmp_path / "a", ingredient(" ".join(words)), common={})
    less = opened(tmp_path / "b", ingredient(" ".join(words)), common={"ours": licence})
    assert 0 == plain.segment.manifest.windows_commons
    assert less.segment.manifest.windows_commons > 0
    assert 0 == len(np.intersect1d(less.segment.grams, licence))
    assert ["ours"] == list(less.segment.manifest.commons)


def test_of_outputs_with_the_same_words_the_earliest_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    text = " ".join(code(3, 60))
    made = [ingredient(text, call=f"c{n}") for n in range(segment.CAP + 10)]
    part = opened(tmp_path / "i", *made).segment
    assert {segment.CAP + 10} == set(part.totals.tolist())
    assert {segment.CAP} == set(np.diff(part.starts).tolist())
    assert segment.CAP - 1 == int(part.postings["ingredient"].max())


def test_the_base_commons_are_of_this_recipe_and_hold_the_common_licences() -> None:
    keys = commons.base()
    assert len(keys) > 50_000
    assert bool((np.diff(keys.astype(np.uint64)) > 0).all())


def test_a_damaged_commons_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.grams"
    commons.write(path, np.arange(100, dtype=np.uint64))
    assert 100 == len(commons.read(path))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(StoreError, match="damaged"):
        commons.read(path)
    path.write_bytes(b"hello\n")
    with pytest.raises(StoreError, match="not a commons file"):
        commons.read(path)


def _build_many(folder: str) -> None:
    for _ in range(5):
        index.build(Path(folder), outputs())


def test_two_processes_that_build_at_once_leave_one_whole_index(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_build_many, args=(str(tmp_path / "i"),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [0, 0] == [worker.exitcode for worker in workers]
    assert 6 == index.verify(tmp_path / "i").segment.ingredients


def test_what_a_killed_build_leaves_behind_does_not_matter(tmp_path: Path) -> None:
    opened(tmp_path / "i", *outputs()[:3])
    segments = tmp_path / "i" / "segments"
    shutil.copytree(next(segments.iterdir()), segments / f".00000002.{os.getpid()}.tmp")
    (segments / "00000007").mkdir()
    assert 3 == Index(tmp_path / "i").segment.manifest.ingredients
    assert 6 == opened(tmp_path / "i", *outputs()).segment.manifest.ingredients
    assert 1 == len(list(segments.iterdir()))
