"""The ledger: what is appended is read back, whatever else happens to the file, its writers or its key."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import ledger
from provenance.errors import StoreError
from provenance.ledger import Entry, Torn, merkle, verify

GOLDEN = Path(__file__).parent / "golden"
OWN = ("ledger", "kind", "time", "salt")
INTEGERS = st.integers(-ledger.LARGEST, ledger.LARGEST)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FACTS = st.dictionaries(st.text().filter(lambda key: key not in OWN), JSON, max_size=4)
NOON = 1_767_268_800_123_456_789


def shard_path(store: Path) -> Path:
    return Path(ledger.path_of(store, ledger.shard(store)))


def said(store: Path) -> list[tuple[str, dict[str, Any]] | Torn]:
    """What is read: kind and facts of entries, and what was set aside."""
    return [(one.kind, one.facts) if isinstance(one, Entry) else one for one in ledger.read(store)]


def filled(store: Path, count: int = 3) -> bytes:
    """The bytes of a shard of so many entries."""
    ledger.extend(store, [("gate", {"exit": number}) for number in range(count)])
    return shard_path(store).read_bytes()


# What is appended is read back


@given(entries=st.lists(st.tuples(st.text(), FACTS), max_size=3), at_once=st.booleans())
def test_what_is_appended_is_read_back(entries: list[tuple[str, dict[str, Any]]], at_once: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if at_once:
            ledger.extend(folder, entries)
        for kind, facts in () if at_once else entries:
            ledger.append(folder, kind, facts)
        assert entries == said(Path(folder))


def test_an_entry_says_when_it_was_written_and_where_it_stands(tmp_path: Path) -> None:
    for exit_code in range(2):
        ledger.append(tmp_path, "gate", {"exit": exit_code}, clock=lambda: NOON)
    shard = ledger.shard(tmp_path)
    expected = [Entry("gate", {"exit": number}, "2026-01-01T12:00:00.123Z", shard, number) for number in range(2)]
    assert expected == list(ledger.read(tmp_path))


def test_a_store_may_be_a_string_or_a_path_and_a_hook_need_not_wait_for_the_disk(tmp_path: Path) -> None:
    ledger.append(str(tmp_path), "gate", {"exit": 0}, durable=False)
    ledger.append(tmp_path, "gate", {"exit": 1})
    assert [("gate", {"exit": 0}), ("gate", {"exit": 1})] == said(tmp_path)


def test_a_line_is_canonical(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.key(tmp_path)
    monkeypatch.setattr(os, "urandom", lambda size: b"\x5a" * size)
    facts = {"rows": 3, "datasets": ["größe.parquet"], "b": {"y": None, "x": True}, "exit": 0}
    ledger.append(tmp_path, "gate", facts, clock=lambda: NOON)
    expected = (
        '{"b":{"x":true,"y":null},"datasets":["größe.parquet"],"exit":0,"kind":"gate","ledger":2,"rows":3,'
        '"salt":"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a","time":"2026-01-01T12:00:00.123Z"}\n'
    )
    assert expected.encode() == shard_path(tmp_path).read_bytes()


def test_the_same_entry_twice_has_two_salts(tmp_path: Path) -> None:
    ledger.extend(tmp_path, [("gate", {"exit": 0})] * 2, clock=lambda: NOON)
    first, second = shard_path(tmp_path).read_bytes().splitlines()
    assert first != second
    assert len(first) == len(second)


@given(JSON)
def test_canonical_bytes_say_the_value_and_are_the_same_when_said_again(value: object) -> None:
    line = ledger.canonical(value)
    assert b"\n" not in line
    assert value == json.loads(line)
    assert line == ledger.canonical(json.loads(line))


@pytest.mark.parametrize("path", ["a\nb\r\n\u2028c\udcff", "\ud800", "\udc00\ud800", "\x00\x1f\x7f"])
def test_no_path_breaks_a_line_or_is_changed(tmp_path: Path, path: str) -> None:
    ledger.append(tmp_path, "gate", {"path": path, path: 1})
    assert 1 == shard_path(tmp_path).read_bytes().count(b"\n")
    assert [("gate", {"path": path, path: 1})] == said(tmp_path)


def test_two_lone_surrogates_that_make_a_character_are_read_as_it(tmp_path: Path) -> None:
    ledger.append(tmp_path, "gate", {"path": "\ud83d\ude00\udcff"})
    assert [("gate", {"path": "\U0001f600\udcff"})] == said(tmp_path)


@pytest.mark.parametrize("name", OWN)
def test_facts_cannot_take_the_place_of_the_entrys_own_keys(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"facts of the ledger have no key \\['{name}'\\]"):
        ledger.append(tmp_path, "gate", {name: "other"})
    assert [] == list(ledger.read(tmp_path))


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.5, "cannot say float"),
        (float("nan"), "cannot say float"),
        (b"x", "cannot say bytes"),
        ({1: 2}, "no key that is not a string"),
        (1 << 53, "no integer beyond"),
        (nested(32), "not nested deeper than 32"),
        (nested(100_000), "not nested deeper than 32"),
        ("x" * (1 << 24), "has at most 16777216 bytes"),
    ],
    ids=map(str, range(8)),
)
def test_what_a_line_cannot_say_is_refused_before_anything_is_written(
    tmp_path: Path, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ledger.extend(tmp_path, [("gate", {}), ("gate", {"value": value})])
    assert [] == list(tmp_path.glob("ledger*"))


def test_the_deepest_and_largest_that_may_be_said_is_read_back(tmp_path: Path) -> None:
    facts = {"deep": nested(31), "number": -ledger.LARGEST}
    ledger.append(tmp_path, "gate", facts)
    assert [("gate", facts)] == said(tmp_path)


def test_no_ledger_has_no_entries(tmp_path: Path) -> None:
    assert [] == list(ledger.read(tmp_path / "nowhere"))


def test_nothing_to_append_leaves_no_trace(tmp_path: Path) -> None:
    ledger.extend(tmp_path / "store", [])
    assert not (tmp_path / "store").exists()


# Shards


def test_the_shards_of_others_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    ledger.append(tmp_path, "gate", {"exit": 0})
    mine = shard_path(tmp_path)
    for name in ("f" * 16, "0" * 16):
        shutil.copy(mine, mine.with_name(f"{name}.jsonl"))
    shutil.copy(GOLDEN / "ledger-1.jsonl", tmp_path / "ledger.jsonl")
    expected = ["ledger-1"] * 3 + ["0" * 16, mine.stem, "f" * 16]
    assert expected == [one.shard for one in ledger.read(tmp_path)]


def test_a_machine_and_a_user_have_one_shard_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = ledger.shard(tmp_path)
    assert here == ledger.shard(tmp_path)
    assert 16 == len(here)
    shards = {here}
    for writer in (("other", "me"), ("othe", "rme"), ("me", "other")):
        monkeypatch.setattr(ledger, "_writer", lambda writer=writer: writer)
        shards.add(ledger.shard(tmp_path))
    assert 4 == len(shards)
    assert here not in {ledger.shard(tmp_path / "another key")}


@pytest.mark.parametrize("name", ["copy of x.jsonl", "0123456789ABCDEF.jsonl", "0123.jsonl", "0123456789abcdef0.jsonl"])
def test_a_file_that_is_no_shard_by_its_name_is_not_passed_over(tmp_path: Path, name: str) -> None:
    filled(tmp_path)
    (tmp_path / "ledger" / name).write_bytes(b"")
    with pytest.raises(StoreError, match=r"not a shard of this ledger by its name \(move it elsewhere\)"):
        list(ledger.read(tmp_path))


def test_what_other_systems_leave_in_the_folder_is_no_shard(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    for name in ("._0123456789abcdef.jsonl", ".DS_Store", "notes.txt"):
        (tmp_path / "ledger" / name).write_bytes(b"\x00")
    assert [("gate", {"exit": 0})] == said(tmp_path)


# Writers that are cut off


@pytest.mark.parametrize("kept", range(1, 150, 7))
def test_a_torn_tail_is_moved_aside_and_nothing_before_it_is_lost(tmp_path: Path, kept: int) -> None:
    whole = filled(tmp_path, 2)
    path = shard_path(tmp_path)
    start = whole.index(b"\n") + 1
    tail = whole[start : min(start + kept, len(whole) - 2)]
    path.write_bytes(whole[:start] + tail)
    assert [("gate", {"exit": 0}), Torn(path.stem, 1, "cut off, or being written now", True)] == said(tmp_path)

    ledger.append(tmp_path, "gate", {"exit": 9}, clock=lambda: NOON)

    torn = ("torn", {"file": "ledger", "at": start, "bytes": len(tail)})
    assert [("gate", {"exit": 0}), torn, ("gate", {"exit": 9})] == said(tmp_path)
    assert whole[:start] == path.read_bytes()[:start]
    head = b'{"at":%d,"bytes":%d,"time":"2026-01-01T12:00:00.123Z"}\n' % (start, len(tail))
    assert head + tail + b"\n" == path.with_suffix(".torn").read_bytes()


def test_torn_tails_gather_in_one_file(tmp_path: Path) -> None:
    for number in range(3):
        filled(tmp_path, 1)
        with shard_path(tmp_path).open("ab") as file:
            file.write(b'{"half":%d' % number)
    filled(tmp_path, 1)
    assert 3 == sum(one.kind == "torn" for one in ledger.read(tmp_path) if isinstance(one, Entry))
    assert 3 == shard_path(tmp_path).with_suffix(".torn").read_bytes().count(b'{"half":')


@pytest.mark.parametrize("tail", [b"\x00" * 70_000, b"x" * (3 << 20), b'{"kind":"gate"}', b"\xff", b" "])
def test_any_tail_that_is_no_entry_is_moved_aside_whole(tmp_path: Path, tail: bytes) -> None:
    whole = filled(tmp_path, 1)
    path = shard_path(tmp_path)
    path.write_bytes(whole + tail)
    filled(tmp_path, 1)
    assert path.read_bytes().startswith(whole + b'{"at":')
    assert path.with_suffix(".torn").read_bytes().endswith(b"\n" + tail + b"\n")


def test_a_shard_that_is_nothing_but_a_torn_tail_is_begun_again(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    path = shard_path(tmp_path)
    path.write_bytes(path.read_bytes()[:20])
    filled(tmp_path, 1)
    assert [("torn", {"file": "ledger", "at": 0, "bytes": 20}), ("gate", {"exit": 0})] == said(tmp_path)


def test_an_entry_that_lacks_its_line_break_alone_is_an_entry(tmp_path: Path) -> None:
    whole = filled(tmp_path, 2)
    path = shard_path(tmp_path)
    path.write_bytes(whole[:-1])
    assert [("gate", {"exit": 0}), ("gate", {"exit": 1})] == said(tmp_path)
    (before,) = verify.verify(tmp_path)
    ledger.append(tmp_path, "gate", {"exit": 2})
    assert [("gate", {"exit": number}) for number in range(3)] == said(tmp_path)
    assert path.read_bytes().startswith(whole)
    assert (2, merkle.root(map(merkle.leaf, whole.splitlines())).hex()) == (before.head.size, before.head.root)
    assert not path.with_suffix(".torn").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_process_that_is_killed_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    script = (
        "import os, signal\nfrom provenance import ledger\n"
        f"for number in range(5): ledger.append({str(tmp_path)!r}, 'gate', {{'exit': number}}, durable=False)\n"
        "write = os.write\n"
        "def half(file, data):\n    write(file, data[:len(data) // 2])\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.write = half\n"
        f"ledger.append({str(tmp_path)!r}, 'gate', {{'exit': 5}})\n"
    )
    assert -9 == subprocess.run([sys.executable, "-c", script], check=False).returncode
    ledger.append(tmp_path, "gate", {"exit": 6})
    found = said(tmp_path)
    assert [("gate", {"exit": number}) for number in range(5)] == found[:5]
    assert isinstance(found[5], tuple)
    assert ("torn", ("gate", {"exit": 6})) == (found[5][0], found[6])


# Lines that are damaged


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[1]",
        b"null",
        b"\xff",
        b'{"ledger":2}\x00',
        b"\x00" * 300,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b'{"kind":"gate"}',
        b'{"kind":"gate","ledger":1}',
        b'{"kind":"gate","ledger":3,"salt":"","time":""}',
        b'{"kind":"gate","ledger":2.0,"salt":"","time":""}',
        b'{"kind":"gate","ledger":true,"salt":"","time":""}',
        b'{"kind":[],"ledger":2,"salt":"","time":""}',
        b'{"kind":"gate","ledger":2,"salt":"","time":1}',
        b'{"kind":"gate","ledger":2,"time":""}',
        b'{"ledger":2,"kind":"gate","salt":"","time":""}',
        b'{"kind":"gate", "ledger":2,"salt":"","time":""}',
        b'{"kind":"gate","ledger":2,"salt":"","time":"","time":""}',
        b'{"kind":"g\\u0061te","ledger":2,"salt":"","time":""}',
        b'{"kind":"gate","ledger":2,"n":9007199254740993,"salt":"","time":""}',
        b'{"kind":"gate","ledger":2,"n":NaN,"salt":"","time":""}',
        b'{"kind":"gate","ledger":2,"salt":"","time":""}\r',
        b'\xef\xbb\xbf{"kind":"gate","ledger":2,"salt":"","time":""}',
        '{"kind":"gate","ledger":2,"salt":"","time":""}'.encode("utf-16"),
        b'{"a":' + b"[" * 40 + b"]" * 40 + b',"kind":"gate","ledger":2,"salt":"","time":""}',
    ],
    ids=map(str, range(28)),
)
def test_a_line_that_is_no_entry_is_set_aside_and_is_a_fault(tmp_path: Path, line: bytes) -> None:
    filled(tmp_path, 1)
    path = shard_path(tmp_path)
    with path.open("ab") as file:
        file.write(line + b"\n")
    ledger.append(tmp_path, "gate", {"exit": 1})
    first, torn, last = ledger.read(tmp_path)
    assert isinstance(torn, Torn)
    assert (path.stem, 1, False) == (torn.shard, torn.number, torn.is_tail)
    assert (0, 2) == (first.number, last.number)
    (shard,) = verify.verify(tmp_path)
    assert (f"{path.stem}:1 is damaged: {torn.reason}",) == shard.faults
    assert merkle.root(map(merkle.leaf, path.read_bytes().split(b"\n")[:-1])).hex() == shard.head.root


def test_a_line_of_50_megabytes_is_set_aside_unread(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    with shard_path(tmp_path).open("ab") as file:
        file.write(b'{"a":"' + b"x" * (50 << 20) + b'","kind":"gate","ledger":2,"salt":"","time":""}\n')
    filled(tmp_path, 1)
    _, torn, entry = ledger.read(tmp_path)
    assert isinstance(torn, Torn)
    assert "longer than 16777216 bytes" == torn.reason
    assert 2 == entry.number


@given(data=st.data())
def test_whatever_bytes_a_shard_has_it_is_read_verified_and_appended_to(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        whole = bytearray(filled(store))
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(whole) - 1))
            junk = data.draw(st.binary(max_size=4) | st.sampled_from([b"\n", b"}\n{", b"\x00", b'"']))
            whole[at : at + data.draw(st.integers(0, 60))] = junk
        path = shard_path(store)
        path.write_bytes(whole)
        before = bytes(whole[: whole.rfind(b"\n") + 1])
        leaves = list(ledger.lines(store, path.stem))
        found = list(ledger.read(store))
        assert len(leaves) == len([one for one in found if not (isinstance(one, Torn) and one.is_tail)])
        (shard,) = verify.verify(store)
        assert (len(leaves), merkle.root(map(merkle.leaf, leaves)).hex()) == (shard.head.size, shard.head.root)
        assert any(isinstance(one, Torn) and not one.is_tail for one in found) == bool(shard.faults)
        ledger.append(store, "gate", {"exit": 9})
        assert path.read_bytes().startswith(before)
        *_, last = ledger.read(store)
        assert isinstance(last, Entry)
        assert {"exit": 9} == last.facts


# Several writers


WRITER = """
import sys
from pathlib import Path
from provenance import ledger
store, writer = Path(sys.argv[1]), int(sys.argv[2])
for number in range(20):
    ledger.append(store, "gate", {"writer": writer, "number": number, "filling": "x" * 5000}, durable=False)
"""


def test_sixteen_processes_at_once_lose_and_tear_nothing_and_make_one_key(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    processes = [subprocess.Popen([*command, str(writer)]) for writer in range(16)]
    assert [0] * 16 == [process.wait() for process in processes]
    written: dict[Any, list[Any]] = {}
    for entry in ledger.read(tmp_path):
        assert isinstance(entry, Entry)
        written.setdefault(entry.facts["writer"], []).append(entry.facts["number"])
    assert {writer: list(range(20)) for writer in range(16)} == written
    assert [ledger.shard(tmp_path)] == ledger.shards(tmp_path)
    assert [] == [path.name for path in tmp_path.iterdir() if path.name not in ("home", "key", "ledger")]


def test_a_writer_waits_for_another(tmp_path: Path) -> None:
    from threading import Thread

    from provenance import files

    filled(tmp_path, 1)
    late = Thread(target=filled, args=(tmp_path, 1))
    with files.locked(shard_path(tmp_path).with_suffix(".lock")):
        late.start()
        late.join(0.2)
        assert late.is_alive()
        assert 1 == len(said(tmp_path))
    late.join()
    assert 2 == len(said(tmp_path))


def test_entries_that_are_appended_at_once_stand_together(tmp_path: Path) -> None:
    from threading import Thread

    def many(writer: int) -> None:
        for _ in range(5):
            ledger.extend(tmp_path, [("gate", {"writer": writer})] * 7)

    threads = [Thread(target=many, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writers = [one.facts["writer"] for one in ledger.read(tmp_path) if isinstance(one, Entry)]
    assert 4 * 5 * 7 == len(writers)
    assert all(1 == len(set(writers[at : at + 7])) for at in range(0, len(writers), 7))


# Disks that are full, or read-only


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
def test_a_full_disk_leaves_no_half_an_entry(tmp_path: Path) -> None:
    before = filled(tmp_path, 1)
    limit = len(before) + 20
    script = (
        "import resource\nfrom provenance import ledger\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        f"ledger.append({str(tmp_path)!r}, 'gate', {{'exit': 1}})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert f"OSError: [Errno 28] No space left on device: '{shard_path(tmp_path)}'" in done.stderr
    assert before == shard_path(tmp_path).read_bytes()


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_fails_leaves_the_shard_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    before = filled(tmp_path)

    def fails(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fails)
        with pytest.raises(OSError, match="Input/output error") as raised:
            ledger.extend(tmp_path, [("gate", {}), ("gate", {})])
    assert str(shard_path(tmp_path)) == raised.value.filename
    assert before == shard_path(tmp_path).read_bytes()
    filled(tmp_path, 1)
    assert shard_path(tmp_path).read_bytes().startswith(before)


def test_a_torn_tail_that_finds_no_room_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = filled(tmp_path) + b'{"half'
    path = shard_path(tmp_path)
    path.write_bytes(before)
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, data: write(file, data[:3]))
        with pytest.raises(OSError, match="No space left on device"):
            filled(tmp_path, 1)
    assert before == path.read_bytes()
    assert b"" == path.with_suffix(".torn").read_bytes()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_store_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    filled(tmp_path)
    opens = os.open

    def readable(path: str, flags: int, *rest: int, **more: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(code, os.strerror(code), path)
        return opens(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", readable)
    with pytest.raises(StoreError, match=r"cannot be written \(.*\); name another folder"):
        ledger.append(tmp_path, "gate", {})
    assert 3 == len(list(ledger.read(tmp_path)))


def test_a_store_below_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"cannot be (written|read)"):
        ledger.append(tmp_path / "file" / "store", "gate", {})


def test_a_ledger_that_is_no_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be written"):
        ledger.append(tmp_path, "gate", {})
    with pytest.raises(StoreError, match="the ledger cannot be read"):
        list(ledger.read(tmp_path))


# The key, and what is made with it


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    key = ledger.key(tmp_path / "store")
    path = tmp_path / "store" / "key"
    assert (key, key) == (ledger.key(tmp_path / "store"), path.read_bytes())
    assert 32 == len(key)
    if sys.platform != "win32":
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert ["key"] == os.listdir(tmp_path / "store")
    assert key != ledger.key(tmp_path / "another")


def test_a_key_that_another_process_made_meanwhile_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def late(source: str, target: str) -> None:
        Path(target).write_bytes(b"k" * 32)
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert b"k" * 32 == ledger.key(tmp_path)
    assert {"home", "key"} == set(os.listdir(tmp_path))


def test_a_file_system_without_hard_links_has_a_key_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", without)
    key = ledger.key(tmp_path)
    assert (key, key) == (ledger.key(tmp_path), (tmp_path / "key").read_bytes())


def test_a_disk_that_is_full_makes_no_half_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))
    with pytest.raises(StoreError, match=r"key: the key cannot be written \(No space left on device\)"):
        ledger.key(tmp_path)
    assert ["home"] == os.listdir(tmp_path)


def test_an_organisations_key_takes_the_place_of_the_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = tmp_path / "ours.key"
    ours.write_bytes(bytes(range(32)))
    monkeypatch.setenv("PROVENANCE_KEY", str(ours))
    assert bytes(range(32)) == ledger.key(tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("size", [0, 31, 33, 5000])
@pytest.mark.parametrize("named", [True, False])
def test_a_key_of_another_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, named: bool
) -> None:
    (tmp_path / "key").write_bytes(b"k" * size)
    if named:
        monkeypatch.setenv("PROVENANCE_KEY", str(tmp_path / "key"))
    mend = "PROVENANCE_KEY names it" if named else "restore it from a copy"
    with pytest.raises(
        StoreError, match=rf"key: a key has 32 bytes, this file has {size if size < 32 else 'more'} \({mend}"
    ):
        ledger.append(tmp_path, "gate", {})
    assert not (tmp_path / "ledger").exists()


def test_a_key_that_cannot_be_read_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(StoreError, match="key: the key cannot be read"):
        ledger.key(tmp_path)
    monkeypatch.setenv("PROVENANCE_KEY", str(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match="nowhere: the key cannot be read: No such file or directory"):
        ledger.key(tmp_path)


@given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
def test_digests_are_equal_only_if_all_parts_are(first: list[bytes], second: list[bytes]) -> None:
    digests = ledger.keyed(b"k" * 32, *first), ledger.keyed(b"k" * 32, *second)
    assert (first == second) == (digests[0] == digests[1])
    assert ledger.keyed(b"l" * 32, *first) != digests[0]
    assert all(32 == len(one) and int(one, 16) >= 0 for one in digests)


def test_digests_are_the_same_on_every_machine_and_in_every_version() -> None:
    key = bytes(range(32))
    assert "549ce02026b34ff4c9bedaefe9f70646" == ledger.keyed(key, b"hunk", "größe".encode())
    assert "b196c3cab8a9aa9829a00f6d5f678240" == ledger.pseudonym(key, "Ada <ada@example.com>")


def test_a_pseudonym_tells_authors_apart_and_nothing_else() -> None:
    key = b"k" * 32
    assert ledger.pseudonym(key, "Ada") == ledger.pseudonym(key, "Ada") != ledger.pseudonym(key, "ada")
    assert ledger.pseudonym(key, "Ada") != ledger.keyed(key, b"Ada")
    assert ledger.pseudonym(key, "\udcff") != ledger.pseudonym(key, "\udcfe")


# Formats of earlier versions, and the cost of a hook


def test_entries_written_by_format_1_stay_readable(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "ledger-1.jsonl", tmp_path / "ledger.jsonl")
    facts = {
        "engine": "C kernel",
        "first": "2026-01-01T22:00:00.000Z",
        "ingredients": 2,
        "last": "2026-01-02T00:00:00.500Z",
        "providers": {"anthropic": 2},
        "recipe": "p1.k24.w9.d12.s5.m128x5",
    }
    gate = {"datasets": ["größe.parquet", "bad\udcff.parquet"], "exit": 1, "policy": "1f0e", "rows": 3, "share": 0.25}
    expected = [
        Entry("ingest", facts, "", "ledger-1", 0),
        Torn("ledger-1", 1, "not JSON"),
        Entry("gate", gate, "", "ledger-1", 2),
    ]
    assert expected == list(ledger.read(tmp_path))
    before = (tmp_path / "ledger.jsonl").read_bytes()
    ledger.append(tmp_path, "gate", {"exit": 0})
    assert before == (tmp_path / "ledger.jsonl").read_bytes()
    *old, new = ledger.read(tmp_path)
    assert (expected, 0, shard_path(tmp_path).stem) == (old, new.number, new.shard)
    found = {one.head.shard: (one.faults, one.notes) for one in verify.verify(tmp_path)}
    assert ((), ("ledger-1:1 is damaged: not JSON",)) == found["ledger-1"]


@given(st.binary(max_size=60))
def test_whatever_bytes_a_ledger_of_format_1_has_it_is_read_and_verified(junk: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = (GOLDEN / "ledger-1.jsonl").read_bytes()
        (Path(folder) / "ledger.jsonl").write_bytes(whole + junk)
        found = list(ledger.read(Path(folder)))
        assert 2 == sum(isinstance(one, Entry) for one in found)
        (shard,) = verify.verify(Path(folder))
        assert () == shard.faults
        assert shard.head.size >= 3


GOLDEN_SHARD = "5c0e7d1f2ab34896"


def test_a_ledger_of_format_2_stays_readable(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "ledger-2", tmp_path / "store")
    found = list(ledger.read(tmp_path / "store"))
    assert [
        Entry("ingest", {"ingredients": 2, "providers": {"anthropic": 2}}, "2026-01-01T12:00:00.123Z", GOLDEN_SHARD, 0),
        Entry("torn", {"at": 149, "bytes": 9, "file": "ledger"}, "2026-01-01T12:00:01.123Z", GOLDEN_SHARD, 1),
        Entry("ingredient", {"id": "4f" * 16, "path": "größe\udcff.py"}, "2026-01-01T12:00:01.123Z", GOLDEN_SHARD, 2),
    ] == found


def test_a_hook_loads_nothing_heavy_for_the_ledger(tmp_path: Path) -> None:
    script = (
        "import sys\nbefore = set(sys.modules)\nfrom provenance import ledger\n"
        f"ledger.append({str(tmp_path)!r}, 'gate', {{'exit': 0}})\n"
        "heavy = {'pathlib', 'dataclasses', 'subprocess', 'datetime', 'msgspec', 'xxhash', 'uuid', 'inspect'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(ledger.__file__).parents[2])}
    command = [sys.executable, "-S", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "[]" == done.stdout.strip()
