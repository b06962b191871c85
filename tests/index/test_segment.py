"""A damaged byte is an error that names the file, or changes nothing: never another answer."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provenance import index
from provenance.errors import StoreError
from provenance.fingerprint.table import PAGE, Layout
from provenance.index import Index, segment
from provenance.model import Match
from tests.index.samples import COPIES, answers, everything, only_segment, questions

FILES = (*segment.NAMES, "sums", "manifest.json")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with something in every file. Tests put back what they change."""
    folder = tmp_path_factory.mktemp("segment") / "i"
    index.build(folder, everything(), {}, ["00000001.pvs:17"])
    assert [] == [name for name in FILES if not (only_segment(folder) / name).stat().st_size]
    return folder


@pytest.fixture(scope="module")
def sound(built: Path) -> list[tuple[Match, ...]]:
    """The answers of the undamaged index."""
    found = answers(Index(built), questions())
    assert [True] * 7 + [False] == [bool(one) for one in found]
    return found


@contextmanager
def changed(path: Path, content: bytes | None) -> Iterator[None]:
    """A file with other content, or gone, for a while."""
    before = path.read_bytes()
    try:
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        yield
    finally:
        path.write_bytes(before)


def flipped(path: Path, at: int, by: int = 1) -> bytes:
    content = bytearray(path.read_bytes())
    content[at] ^= by
    return bytes(content)


def asked(folder: Path) -> list[tuple[Match, ...]]:
    """The answers of an index, and every card of it."""
    opened = Index(folder)
    found = answers(opened, questions())
    for number in range(opened.counts.ingredients):
        opened.card(number)
    return found


@pytest.mark.parametrize("name", FILES)
def test_verify_names_the_file_in_which_any_byte_is_flipped(built: Path, name: str) -> None:
    path = only_segment(built) / name
    rng = random.Random(name)
    size = path.stat().st_size
    for at in {0, size - 1, *(rng.randrange(size) for _ in range(6))}:
        damage = changed(path, flipped(path, at, 1 << rng.randrange(8)))
        with damage, pytest.raises(StoreError, match=f"{name}: "):
            index.verify(built)
    index.verify(built)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_in_any_page_is_an_error_that_names_the_file_or_changes_no_answer(
    built: Path, sound: list[tuple[Match, ...]], name: str
) -> None:
    path = only_segment(built) / name
    rng = random.Random(name)
    raised = []
    for first in range(0, path.stat().st_size, PAGE):
        end = min(path.stat().st_size, first + PAGE)
        # The first bytes of a page of the fan or of the keys are where most answers come from.
        for at in {first, min(first + 7, end - 1), end - 1, rng.randrange(first, end)}:
            with changed(path, flipped(path, at, 1 << rng.randrange(8))):
                try:
                    assert sound == asked(built), f"{name}, byte {at}"
                except StoreError as error:
                    raised.append(str(error))
    assert raised, f"no question reaches {name}"
    assert [] == [said for said in raised if f"{path}: " not in said]
    assert sound == asked(built)


def test_a_page_that_no_question_needs_is_not_read(built: Path, tmp_path: Path) -> None:
    """Checks are lazy: opening a large index costs nothing, and a scan checks what it depends on."""
    path = only_segment(built) / "postings"
    with changed(path, flipped(path, 3)):
        assert [()] == answers(Index(built), questions()[-1:])
        with pytest.raises(StoreError, match=r"postings: damaged in bytes 0 to 4095 \(build the index again\)"):
            answers(Index(built), questions())


def test_an_index_that_is_made_ready_for_a_long_scan_answers_the_same(
    built: Path, sound: list[tuple[Match, ...]]
) -> None:
    opened = Index(built)
    opened.settle(1 << 40)
    assert sound == answers(opened, questions())
    held = Layout((only_segment(built) / "grams").read_bytes())
    checked = opened.segments[0].checked["grams"]
    assert checked[: held.fan // PAGE].all()
    path = only_segment(built) / "grams"
    for at in (held.filter, held.fan - 1):
        with changed(path, flipped(path, at)):
            Index(built).settle(0)
            with pytest.raises(StoreError, match="grams: damaged"):
                Index(built).settle(1 << 40)


def test_a_card_in_a_damaged_block_is_an_error(built: Path) -> None:
    for name in ("cards", "card_starts", "origin", "origins", "origin_starts"):
        path = only_segment(built) / name
        with changed(path, flipped(path, 0)), pytest.raises(StoreError, match=f"{name}: damaged"):
            Index(built).card(0)


def test_a_segment_is_merged_only_if_every_byte_of_it_is_sound(built: Path, tmp_path: Path) -> None:
    two = tmp_path / "two"
    for number in range(2):
        (index.build if not number else index.add)(two, everything()[number : number + 1], {})
    before = index.info(two)
    for name in segment.NAMES:
        path = two / "segments" / "00000001" / name
        if not path.stat().st_size:
            continue
        with changed(path, flipped(path, path.stat().st_size - 1)):
            with pytest.raises(StoreError, match=f"{name}: damaged"):
                index.compact(two)
            assert before == index.info(two)
    assert 1 == index.compact(two).segments


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("cut", ["empty", "half", "a byte less", "a byte more", "gone"])
def test_a_truncated_or_missing_file_is_an_error_that_names_it(built: Path, name: str, cut: str) -> None:
    path = only_segment(built) / name
    held = path.read_bytes()
    left = {"empty": b"", "half": held[: len(held) // 2], "a byte less": held[:-1], "a byte more": held + b"\n"}
    with changed(path, left.get(cut)):
        for call in (Index, index.verify):
            with pytest.raises(StoreError, match=f"{name}: "):
                call(built)
    index.verify(built)


def test_no_flipped_bit_of_the_index_manifest_passes(built: Path) -> None:
    path = built / "manifest.json"
    size = path.stat().st_size
    passed = []
    for at in range(size):
        with changed(path, flipped(path, at, 1 << at % 7)):
            try:
                index.verify(built)
                passed.append(path.read_bytes()[max(0, at - 9) : at + 9])
            except StoreError:
                pass
    assert [] == passed


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": 2}', b'{"format": "2"}'])
@pytest.mark.parametrize("which", ["of the index", "of a segment"])
def test_what_is_no_manifest_is_an_error(built: Path, which: str, content: bytes) -> None:
    path = built / "manifest.json" if which == "of the index" else only_segment(built) / "manifest.json"
    with changed(path, content):
        for call in (Index, index.info, index.verify):
            with pytest.raises(StoreError, match=r"manifest\.json: not an? (index )?manifest"):
                call(built)


@pytest.mark.parametrize("format_", [1, 3])
def test_an_index_of_another_format_says_to_build_it_again(built: Path, format_: int) -> None:
    for path in (built / "manifest.json", only_segment(built) / "manifest.json"):
        root = json.loads(path.read_text())
        with changed(path, json.dumps(root | {"format": format_}).encode()):
            for call in (Index, index.info, index.verify, index.compact):
                if call is index.compact and path != built / "manifest.json":
                    continue  # one segment: nothing to open
                with pytest.raises(StoreError, match=f"format {format_}; this version reads 2 .build the index again"):
                    call(built)


FORMAT_1 = b"""{
  "format": 1,
  "recipe": "p1.k24.w9.d12.s5.m128x5",
  "segments": [{"name": "00000001", "manifest": "9a3cd2d1b9d6a7f9ff1d7d6c3dbb1a0c0d2ab3f4ce81fa4ab2ee84a0bc5b6b52"}]
}
"""


def test_an_index_of_format_1_says_to_build_it_again(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(FORMAT_1)
    for call in (Index, index.info, index.verify, index.compact, index.sources):
        with pytest.raises(StoreError, match=r"format 1; this version reads 2 \(build the index again"):
            call(tmp_path)


def test_all_postings_that_were_dropped_are_known_by_their_number(built: Path) -> None:
    (part,) = Index(built).segments
    assert {COPIES} == set(part.arrays["crowded"]["total"].tolist())
    for entry, total in part.arrays["crowded"].tolist():
        assert total == part.total(entry, segment.CAP)
        assert 7 == part.total(entry + 1, 7)
