"""Tables of keys: what the writer writes is what the page of the format says, and every key is found in it."""

from __future__ import annotations

import io
import tempfile

import numpy as np
import pytest
from numpy.typing import NDArray

from provenance import fingerprint
from provenance.errors import StoreError
from provenance.fingerprint import reference
from provenance.fingerprint import table as layout
from provenance.fingerprint.table import PAGE, SPREAD, Layout
from provenance.index import table
from tests.fingerprint.plain import table_of, unchecked

SIZES = (0, 1, 63, 64, 65, 5000)


def drawn(count: int, seed: int = 1, high: int = 1 << 64) -> NDArray[np.uint64]:
    return np.random.default_rng(seed).integers(0, high, count, np.uint64)


def written(chunks: list[NDArray[np.uint64]], most: int) -> bytes:
    with tempfile.TemporaryFile() as file:
        writer = table.Writer(file, most)
        for chunk in chunks:
            writer.add(chunk)
        writer.close()
        file.seek(0)
        return file.read()


def difference(a: bytes, b: bytes) -> int | None:
    """The first byte at which they differ."""
    if a == b:
        return None
    return next((at for at, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))


@pytest.mark.parametrize("count", SIZES)
def test_the_places_of_all_keys_come_back_in_order(count: int) -> None:
    keys = drawn(count)
    held = Layout(table.of(keys))
    assert count == held.count
    assert sorted(layout.place(key) for key in keys.tolist()) == held.places


@pytest.mark.parametrize("count", [*SIZES, 127, 128, 4095, 4096])
def test_the_bytes_are_those_of_the_page_of_the_format(count: int) -> None:
    keys = drawn(count)
    assert None is difference(table_of(keys.tolist()), table.of(keys))
    larger = written([np.sort(keys * np.uint64(SPREAD))], count + 900)
    assert None is difference(table_of(keys.tolist(), count + 900), larger)


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("engine", [reference, fingerprint.engine], ids=["reference", "engine in use"])
def test_every_key_is_found_and_equal_ones_are_counted(engine: object, count: int) -> None:
    keys = drawn(count)
    several = np.repeat(keys, np.arange(count) % 3 + 1)
    content = table.of(np.random.default_rng(2).permutation(several))
    absent = drawn(500, seed=3)
    asked = np.concatenate([keys, absent]).tobytes()
    firsts, counts, _ = engine.find(asked, content, *unchecked(content))  # type: ignore[attr-defined]
    places = np.sort(several * np.uint64(SPREAD))
    assert (np.arange(count) % 3 + 1).tolist() + [0] * 500 == np.frombuffer(counts, "<u4").tolist()
    first = np.searchsorted(places, keys * np.uint64(SPREAD)).tolist()
    assert first + [0] * 500 == np.frombuffer(firsts, "<u4").tolist()


@pytest.mark.parametrize("seed", range(20))
def test_chunks_give_the_same_bytes_as_all_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.choice([1, 2, 40, 300, 3000]))
    # Few high values: neighbours share a block of the filter, equal keys are cut apart.
    places = np.sort(rng.choice(drawn(max(1, count // 2), seed), count) >> np.uint64(rng.choice([0, 9])))
    cuts = np.sort(rng.integers(0, count + 1, int(rng.choice([1, 3, 40]))))
    most = count + int(rng.choice([0, 1000]))
    assert None is difference(written([places], most), written(np.split(places, cuts), most))


def test_a_table_in_memory_is_that_in_a_file() -> None:
    keys = drawn(5000)
    chunks = np.array_split(np.sort(keys * np.uint64(SPREAD)), 7)
    assert None is difference(table.of(keys), written(chunks, len(keys)))


@pytest.mark.parametrize(("count", "most"), [(0, 0), (0, 10), (3, 100_000), (5000, 5000), (511, 512)])
def test_sections_begin_at_pages_and_zeros_stand_behind_the_keys(count: int, most: int) -> None:
    content = written([np.sort(drawn(count) * np.uint64(SPREAD))], most)
    held = Layout(content)
    assert {0} == {at % PAGE for at in (held.filter, held.fan, held.keys, held.size)}
    assert held.size == len(content)
    behind = content[held.keys + count * held.width :]
    assert len(behind) >= 8
    assert not any(behind)


def test_a_key_that_was_put_in_is_never_rejected_by_the_filter() -> None:
    keys = drawn(5000)
    held = Layout(table.of(keys))
    assert [] == [key for key in keys.tolist() if not held.passes(key)]


@pytest.mark.parametrize("bits", [64, 62])
def test_about_one_absent_key_in_a_thousand_passes_the_filter(bits: int) -> None:
    """Selected grams are minima, so most keys of an index are small: they must not crowd into few blocks."""
    keys, absent = drawn(20_000, 2, 1 << bits if bits < 64 else 1 << 64), drawn(20_000, 3)
    held = Layout(table.of(keys))
    assert sum(map(held.passes, absent.tolist())) < 100


def test_small_keys_do_not_crowd_into_few_buckets() -> None:
    held = Layout(table.of(drawn(20_000, 2, 1 << 60)))
    fan = np.frombuffer(held.view[held.fan :], "<u4", (1 << held.bits) + 1)
    assert 0 < int(np.diff(fan).min())
    assert int(np.diff(fan).max()) < 150


def test_a_filter_of_nothing_rejects() -> None:
    held = Layout(table.of(np.empty(0, np.uint64)))
    assert not any(map(held.passes, (0, 1, 12345, 2**64 - 1)))
    assert (0, 0) == held.find(12345)


def test_more_keys_than_a_table_counts_are_refused() -> None:
    writer = table.Writer(io.BytesIO(), 10)
    writer.count = 2**32 - 2
    with pytest.raises(StoreError, match="build the index in parts"):
        writer.add(np.arange(2, dtype=np.uint64))


def test_a_damaged_fan_gives_some_answer_and_takes_no_memory() -> None:
    """The reference reads a table before its pages are checked, as the kernel does."""
    content = bytearray(table.of(drawn(200)))
    fan = Layout(bytes(content)).fan
    content[fan + 4 : fan + 8] = (2**21).to_bytes(4, "little")
    assert len(Layout(bytes(content)).places) < 1000
