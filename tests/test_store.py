"""The store: what is added is kept once, whole, and a damaged shard is an error, never a wrong answer."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import fingerprint, store
from provenance.errors import StoreError
from provenance.fingerprint import RECIPE
from provenance.model import Evidence, Ingredient, Origin, Status
from tests.making import code, ingredient

GOLDEN = Path(__file__).parent / "golden"
POOL = [ingredient(" ".join(code(seed, 40)), call=f"c{seed}") for seed in range(6)]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and resource limits are POSIX")


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """The one shard of a store of two ingredients."""
    store.append(tmp_path, POOL[:2])
    return tmp_path / "store" / "00000001.pvs"


def error_of(folder: Path) -> str:
    """What reading says; looking for ids and adding say the same."""
    said = set()
    for call in (lambda: list(store.read(folder)), lambda: list(store.ids(folder)), lambda: store.append(folder, POOL)):
        with pytest.raises(StoreError) as error:
            call()
        said.add(str(error.value))
    (only,) = said
    return only


@given(batches=st.lists(st.lists(st.sampled_from(POOL)), max_size=3))
def test_a_store_holds_each_ingredient_once_in_order_of_capture(batches: list[list[Ingredient]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        added = [store.append(folder, batch) for batch in batches]
        once = list(store.unique(one for batch in batches for one in batch))
        assert sum(added) == len(once)
        assert [one.id for one in once] == list(store.ids(folder))
        if batches:
            (folder / "store").mkdir(exist_ok=True)
            assert once == list(store.read(folder))
        assert [0 for _ in batches] == [store.append(folder, batch) for batch in batches]


def test_what_is_known_adds_no_shard(tmp_path: Path) -> None:
    assert 2 == store.append(tmp_path, POOL[:2])
    assert 0 == store.append(tmp_path, POOL[:2])
    assert 1 == store.append(tmp_path, POOL[:3])
    assert ["00000001.pvs", "00000002.pvs"] == [path.name for path in store.shards(tmp_path)]


def test_a_shard_is_never_changed_once_written(tmp_path: Path, shard: Path) -> None:
    before = shard.read_bytes()
    store.append(tmp_path, POOL)
    assert before == shard.read_bytes()


def test_the_same_ingredients_give_the_same_bytes(tmp_path: Path) -> None:
    store.append(tmp_path / "a", POOL)
    store.append(tmp_path / "b", POOL)
    assert (tmp_path / "a/store/00000001.pvs").read_bytes() == (tmp_path / "b/store/00000001.pvs").read_bytes()


def test_ingredients_that_cannot_all_be_made_add_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[Ingredient]:
        yield POOL[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.append(tmp_path, failing())
    assert [] == list(store.ids(tmp_path))


def test_no_store_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        list(store.read(tmp_path / "s"))
    expected = f"{tmp_path / 's'}: no store here (run 'provenance ingest PATH...' first, or name one with --store)"
    assert expected == str(error.value)


def _append(folder: Path, names: list[int]) -> None:
    for number in names:
        store.append(folder, [POOL[number % len(POOL)], ingredient(" ".join(code(number, 40)), call=f"n{number}")])


def test_processes_at_once_add_nothing_twice_and_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    shares = [list(range(first, first + 12)) for first in (100, 106, 112, 118)]  # each overlaps with the next
    processes = [context.Process(target=_append, args=(tmp_path, share)) for share in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    made = [one.id for one in POOL] + [ingredient("", call=f"n{number}").id for number in range(100, 130)]
    assert sorted(made) == sorted(store.ids(tmp_path))


def unnoticed(shard: Path, contents: Iterable[bytes]) -> list[int]:
    """Which of these contents of a shard are read without a StoreError that names the shard."""
    silent = []
    for number, content in enumerate(contents):
        shard.write_bytes(content)
        try:
            list(store.read(shard.parents[1]))
        except StoreError as error:
            if str(error).startswith(f"{shard}: "):
                continue
        silent.append(number)
    return silent


def test_a_flipped_bit_anywhere_in_a_shard_is_an_error_that_names_it(shard: Path) -> None:
    whole = shard.read_bytes()
    flipped = (whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :] for at in range(len(whole)))
    assert [] == unnoticed(shard, flipped)


def test_a_shard_cut_off_anywhere_is_an_error_that_names_it(shard: Path) -> None:
    whole = shard.read_bytes()
    assert [] == unnoticed(shard, (whole[:size] for size in range(len(whole))))


def test_damage_after_the_ids_were_read_is_noticed(tmp_path: Path, shard: Path) -> None:
    assert [one.id for one in POOL[:2]] == list(store.ids(tmp_path))
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    assert "damaged at byte" in error_of(tmp_path)


def test_damage_is_named_with_its_place_and_what_to_do(tmp_path: Path, shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    header = content.index(b"\n") + 1
    content[header + 100] ^= 1
    shard.write_bytes(content)
    expected = f"{shard}: damaged at byte {header} ({store.MEND})"
    assert expected == error_of(tmp_path)


def test_a_length_of_gigabytes_is_damage_and_not_a_lack_of_memory(tmp_path: Path, shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    header = content.index(b"\n") + 1
    content[header : header + 4] = b"\xff\xff\xff\xff"
    shard.write_bytes(content)
    assert f"{shard}: damaged at byte {header} ({store.MEND})" == error_of(tmp_path)


def test_a_shard_that_lost_whole_ingredients_is_damaged(tmp_path: Path, shard: Path) -> None:
    store.append(tmp_path / "one", POOL[:1])
    frame = (tmp_path / "one/store/00000001.pvs").read_bytes().partition(b"\n")[2]
    content = shard.read_bytes()
    header = content.partition(b"\n")[0] + b"\n"
    shard.write_bytes(header + frame)
    assert f"{shard}: damaged at byte {len(header + frame)} ({store.MEND})" == error_of(tmp_path)
    shard.write_bytes(content + frame)
    assert f"{shard}: damaged at byte {len(content)}, where it should end ({store.MEND})" == error_of(tmp_path)


def test_a_foreign_file_is_an_error(tmp_path: Path, shard: Path) -> None:
    shard.write_bytes(b"PAR1")
    expected = f"{shard}: not a store shard of format 1 ({store.MEND}; a newer version may have written it)"
    assert expected == error_of(tmp_path)


def test_a_file_with_a_foreign_name_is_an_error(tmp_path: Path, shard: Path) -> None:
    copy = shard.with_name("00000001 (copy).pvs")
    copy.write_bytes(shard.read_bytes())
    assert f"{copy}: not a shard of this store by its name (move it elsewhere)" == error_of(tmp_path)


def test_a_shard_of_another_recipe_is_an_error_that_names_both(tmp_path: Path, shard: Path) -> None:
    shard.write_bytes(shard.read_bytes().replace(str(RECIPE).encode(), b"p0.k9", 1))
    expected = (
        f"{shard}: written with recipe p0.k9; this version has {RECIPE} (ingest the transcripts again into a new "
        "store, or use the version that wrote it)"
    )
    assert expected == error_of(tmp_path)


def test_an_ingredient_that_this_version_does_not_know_is_an_error(tmp_path: Path) -> None:
    class Other(msgspec.Struct):
        id: str
        copy: str = ""

    store.append(tmp_path, [Other("x")])  # type: ignore[list-item]
    with pytest.raises(StoreError) as error:
        list(store.read(tmp_path))
    shard = tmp_path / "store" / "00000001.pvs"
    at = shard.read_bytes().index(b"\n") + 1
    assert str(error.value).startswith(f"{shard}: the ingredient at byte {at} is not one that this version reads: ")


@POSIX
def test_a_full_disk_adds_nothing_and_a_later_run_adds_all(tmp_path: Path) -> None:
    store.append(tmp_path, POOL[:1])
    script = (
        "import resource\nfrom pathlib import Path\nfrom provenance import store\nfrom tests.test_store import POOL\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        f"store.append(Path({str(tmp_path)!r}), POOL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1]
    )
    assert "OSError: [Errno 27] File too large" in done.stderr
    assert ["00000001.pvs"] == os.listdir(tmp_path / "store")
    assert 5 == store.append(tmp_path, POOL)


@POSIX
def test_a_killed_writer_leaves_a_store_that_the_next_one_goes_on_with(tmp_path: Path) -> None:
    store.append(tmp_path, POOL[:1])
    script = (
        "import time\nfrom pathlib import Path\nfrom provenance import files\n"
        f"at = Path({str(tmp_path)!r})\n"
        "with files.locked(at / 'lock'), files.replacing(at / 'store' / '00000002.pvs') as shard:\n"
        "    shard.write(b'half')\n    shard.flush()\n    print('here', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert "here\n" == process.stdout.readline()
        process.kill()
    process.wait()
    assert 2 == len(os.listdir(tmp_path / "store"))
    assert POOL[:1] == list(store.read(tmp_path))
    assert 5 == store.append(tmp_path, POOL)
    assert ["00000001.pvs", "00000002.pvs"] == sorted(os.listdir(tmp_path / "store"))


def golden() -> list[Ingredient]:
    """What tests/golden/store-1.pvs was written from. Never change it: write a new file for a new format."""
    text = b"".join(b"def step_%d(left, right):\n    return left[%d] + right.total\n" % (n, n) for n in range(4))
    whole = Ingredient(
        id="0123456789abcdef0123456789abcdef",
        origin=Origin(provider="anthropic", model="claude-opus-4-5", tool="claude-code", time="2026-03-25T09:00:00Z"),
        evidence=Evidence.TRANSCRIPT,
        kind="write",
        status=Status.APPLIED,
        path="größe.py",
        passages=(fingerprint.fingerprint(text),),
        verbatim=((0, 3),),
        shown=((1,),),
        whole=fingerprint.outline(text),
        signature=fingerprint.engine.signature(text),
    )
    short = Ingredient(
        id="fedcba9876543210fedcba9876543210",
        origin=Origin(),
        evidence=Evidence.CAPTURED,
        kind="prose",
        status=Status.DECLINED,
        path="",
        passages=(fingerprint.fingerprint(b"yes"),),
        verbatim=((),),
        shown=((),),
        whole=fingerprint.outline(b"yes"),
        signature=b"",
    )
    return [whole, short]


def test_a_store_written_by_format_1_stays_readable(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "00000001.pvs").write_bytes((GOLDEN / "store-1.pvs").read_bytes())
    assert golden() == list(store.read(tmp_path))


def test_format_1_is_still_written_byte_for_byte(tmp_path: Path) -> None:
    store.append(tmp_path, golden())
    assert (GOLDEN / "store-1.pvs").read_bytes() == (tmp_path / "store" / "00000001.pvs").read_bytes()
