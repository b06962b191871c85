from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from provenance.errors import StoreError
from provenance.index import commons
from provenance.index.commons import Source
from tests.making import code

GOLDEN = Path(__file__).parents[1] / "golden"
KEYS = np.array([1, 2, 1 << 40, (1 << 64) - 1], np.uint64)
SOURCES = (
    Source("folder", "templates", 3, 1234, {"binary": 2, "large": 1}),
    Source("dataset", "*.parquet", 10, 98765, {"rows": 1}, ("messages[].content",)),
    Source(
        "git", "product", 7, 4321, until="2021-06-30T23:59:59Z", commits=5, head="0123456789abcdef" * 2 + "01234567"
    ),
)

keys = st.integers(0, (1 << 64) - 1) | st.integers(0, 40)


def texts(count: int) -> list[bytes]:
    """Texts that repeat one another's grams, some too short for any."""
    return [" ".join(code(seed % 5, 10 * (seed % 13))).encode() for seed in range(count)]


def runs_of(folder: Path, lists: list[list[int]]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    made = []
    for number, one in enumerate(lists):
        path = folder / str(number)
        np.unique(np.array(one, np.uint64)).tofile(path)
        made.append(path)
    return made


@given(lists=st.lists(st.lists(keys, max_size=60), max_size=8), room=st.integers(1, 50))
def test_merged_runs_are_the_distinct_keys_in_order_and_in_bounded_pieces(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[int]], room: int
) -> None:
    runs = runs_of(tmp_path_factory.getbasetemp() / "runs", lists)
    pieces = list(commons.merged(runs, room)) if runs else []
    expected = np.unique(np.array([key for one in lists for key in one], np.uint64))
    assert expected.tolist() == [key for piece in pieces for key in piece.tolist()]
    assert all(0 < len(piece) <= max(room, len(runs)) for piece in pieces)


@pytest.mark.parametrize("chunk", [1, 2, 3, 64, 1000, 1 << 20])
def test_gathering_in_any_chunk_gives_the_same_file(tmp_path: Path, chunk: int) -> None:
    made = texts(40 if chunk > 3 else 13)  # each of these chunks is a file
    commons.write(tmp_path / "whole", commons.keys_of(made), "ours")
    with commons.gathering(tmp_path / "gathered", chunk) as into:
        for text in made:
            into.add(text)
        said = into.write("ours", ())
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "gathered").read_bytes()
    assert commons.info(tmp_path / "gathered") == said
    assert ["gathered", "home", "whole"] == sorted(path.name for path in tmp_path.iterdir())


def test_what_was_gathered_often_is_kept_in_memory_once(tmp_path: Path) -> None:
    text = " ".join(code(1, 120)).encode()
    with commons.gathering(tmp_path / "x", 1000) as into:
        for _ in range(200):
            into.add(text)
        assert [] == list(into.folder.iterdir())
        assert into.grams > 10_000
        assert len(commons.keys_of([text])) == into.write("x", ()).grams


def test_a_set_of_nothing_can_be_written_and_read(tmp_path: Path) -> None:
    commons.write(tmp_path / "none.grams", np.empty(0, np.uint64))
    assert 0 == len(commons.read(tmp_path / "none.grams"))
    assert ("none", 0, 4096) == (lambda i: (i.name, i.grams, i.size))(commons.info(tmp_path / "none.grams"))


def test_the_golden_file_is_written_byte_for_byte_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/golden/commons-2.grams is never changed: a new format gets a new file. Its recipe is a name."""
    monkeypatch.setattr(commons, "RECIPE", "golden")
    commons.write(tmp_path / "x.grams", KEYS, "ours", SOURCES)
    golden = GOLDEN / "commons-2.grams"
    assert golden.read_bytes() == (tmp_path / "x.grams").read_bytes()
    info, found = commons.load(golden)
    assert KEYS.tolist() == found.tolist()
    assert ("ours", SOURCES, "golden", 4, 2) == (info.name, info.sources, info.recipe, info.grams, info.format)


def test_the_keys_are_mapped_aligned_and_read_only(tmp_path: Path) -> None:
    many = [Source("folder", f"folder {number}") for number in range(200)]
    commons.write(tmp_path / "x.grams", KEYS, sources=many)
    content = (tmp_path / "x.grams").read_bytes()
    start = len(content) - 8 * len(KEYS)
    assert (0, b"\n") == (start % 4096, content[start - 1 : start])
    assert start == 8192
    found = commons.read(tmp_path / "x.grams")
    assert type(found) is np.ndarray
    assert (False, False, True) == (found.flags.owndata, found.flags.writeable, found.flags.aligned)


def test_the_digest_is_of_the_keys_alone(tmp_path: Path) -> None:
    one = commons.write(tmp_path / "a.grams", KEYS, "a", SOURCES)
    other = commons.write(tmp_path / "b.grams", KEYS, "b")
    assert one.digest == other.digest
    assert (tmp_path / "a.grams").read_bytes() != (tmp_path / "b.grams").read_bytes()


def as_format_1(path: Path, values: NDArray[np.uint64]) -> None:
    import xxhash

    body = values.astype("<u8").tobytes()
    path.write_bytes(
        f"provenance commons 1 {commons.RECIPE} {len(values)} {xxhash.xxh3_128_hexdigest(body)}\n".encode() + body
    )


def test_format_1_is_still_read(tmp_path: Path) -> None:
    as_format_1(tmp_path / "old.grams", KEYS)
    commons.write(tmp_path / "new.grams", KEYS)
    info, found = commons.load(tmp_path / "old.grams")
    assert KEYS.tolist() == found.tolist()
    assert ("old", (), 1) == (info.name, info.sources, info.format)
    assert commons.info(tmp_path / "new.grams").digest == info.digest


def cut(size: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:size]


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] if at >= 0 else flip_end(content)


def flip_end(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def replace(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old, new, 1)


RECIPE = str(commons.RECIPE).encode()
DAMAGES = {
    "empty": (cut(0), "not a commons file"),
    "cut in the first line": (cut(40), "damaged|made with recipe"),
    "cut in the second line": (cut(1000), "damaged"),
    "cut after the head": (cut(4096), "damaged .4,096 bytes instead of 4,128"),
    "cut in the keys": (cut(4100), "damaged .4,100 bytes instead of 4,128"),
    "a byte too many": (lambda content: content + b"x", "damaged"),
    "the last byte": (flip(-1), "damaged .the digest of its keys"),
    "the first key": (flip(4096), "damaged .the digest of its keys"),
    "the end of the head": (flip(4095), "damaged"),
    "the padding": (flip(4000), "damaged .the digest of its second line"),
    "the name": (replace(b'"ours"', b'"ouro"'), "damaged .the digest of its second line"),
    "a newline in the padding": (lambda content: content[:3000] + b"\n" + content[3001:], "damaged"),
    "the count": (replace(b" 4 ", b" 5 "), "damaged"),
    "no count": (replace(b" 4 ", b" x "), "damaged .its first line"),
    "a field less": (replace(b" 4 ", b" "), "damaged .its first line"),
    "another format": (replace(b"commons 2", b"commons 3"), "commons format 3; this version reads 1 and 2"),
    "format 1 is claimed": (replace(b"commons 2", b"commons 1"), "damaged"),
    "another recipe": (replace(RECIPE, b"p0.k10"), "made with recipe p0.k10; this version has .*make it again"),
    "another file": (lambda _: b"\x7fELF" + bytes(5000), "not a commons file"),
    "another file of ours": (lambda _: b"provenance store 1 p1 0\n", "not a commons file"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_or_foreign_file_is_an_error_that_names_it(tmp_path: Path, what: str) -> None:
    change, message = DAMAGES[what]
    path = tmp_path / "x.grams"
    commons.write(path, KEYS, "ours", SOURCES)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(StoreError, match=rf"x\.grams: .*({message})") as error:
        commons.read(path)
    assert "(" in str(error.value)


@pytest.mark.parametrize("at", range(0, 4128, 97))
def test_no_flipped_byte_passes(tmp_path: Path, at: int) -> None:
    path = tmp_path / "x.grams"
    commons.write(path, KEYS, "ours", SOURCES)
    path.write_bytes(flip(at)(path.read_bytes()))
    with pytest.raises(StoreError, match=r"x\.grams"):
        commons.info(path)


@pytest.mark.parametrize("size", [0, 1, 70, 90])
def test_a_cut_file_of_format_1_is_an_error(tmp_path: Path, size: int) -> None:
    path = tmp_path / "old.grams"
    as_format_1(path, KEYS)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(StoreError, match=r"old\.grams"):
        commons.read(path)


def test_a_file_that_is_not_there_or_a_folder_says_what_to_name(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(StoreError, match="name a commons file"):
            commons.read(path)


def test_a_set_is_not_written_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("x = 1\n")
    (tmp_path / "folder").mkdir()
    for name, message in (("work.py", "something else"), ("folder", "is a folder")):
        with pytest.raises(StoreError, match=message), commons.gathering(tmp_path / name):
            raise AssertionError("not reached")
    assert "x = 1\n" == (tmp_path / "work.py").read_text()
    assert ["folder", "home", "work.py"] == sorted(path.name for path in tmp_path.iterdir())


def test_an_older_set_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.grams"
    commons.write(path, KEYS)
    before = path.read_bytes()

    def interrupted() -> None:
        with commons.gathering(path, 10) as into:
            into.add(texts(13)[12])
            assert list(into.folder.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert before == path.read_bytes()
    assert ["home", "x.grams"] == sorted(one.name for one in tmp_path.iterdir())
