"""The ledger: an append-only record of what was captured, indexed, scanned and decided. No text enters it.

Format 2, in docs/format-ledger.md: one shard a machine and user, one canonical JSON line an entry, appended under
a lock in one write. Each shard is one RFC 6962 Merkle tree: ``merkle``, ``verify``, ``checkpoint``, ``proof``.

A capture hook loads this module, within a budget of milliseconds: pathlib, dataclasses or msgspec would each cost it
more than the append itself.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

from provenance import files
from provenance.errors import StoreError
from provenance.hashes import blake2b

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Store: TypeAlias = "str | os.PathLike[str]"

FORMAT = 2
OLD = "ledger-1"
"""What names STORE/ledger.jsonl, which version 1 wrote, among the shards."""

KEY_BYTES = 32
LIMIT = 1 << 24
"""Bytes of the longest entry: more than any command line that an entry repeats."""
DEPTH = 32
"""Lists and objects inside each other, at most; every JSON parser reads as many."""
LARGEST = (1 << 53) - 1
"""RFC 7493 section 2.2: beyond it parsers disagree on integers."""
OWN = {"ledger", "kind", "time", "salt"}
"""The keys that an entry has besides its facts."""

_BINARY = getattr(os, "O_BINARY", 0)


class Entry(NamedTuple):
    """One line: what happened, with its particulars, and where it stands."""

    kind: str
    facts: dict[str, Any]
    time: str = ""
    """ISO 8601, UTC, milliseconds; empty in format 1, which had none."""
    shard: str = OLD
    number: int = 0
    """Counted from 0: the leaf's index in the tree of its shard."""


class Torn(NamedTuple):
    """A line that is no entry: cut off, damaged, or of another format. It is set aside, and what stands before and
    after it is still read."""

    shard: str
    number: int
    reason: str
    is_tail: bool = False
    """Whether it is the unfinished end of a shard, which the next append moves aside: not a leaf of the tree."""


def append(
    store: Store, kind: str, facts: dict[str, Any], *, durable: bool = True, clock: Callable[[], int] = time.time_ns
) -> None:
    """Add one entry in one write, whole or not at all; ``read`` gives back the same kind and facts.

    See ``extend``.
    """
    extend(store, [(kind, facts)], durable=durable, clock=clock)


def extend(
    store: Store,
    entries: Iterable[tuple[str, dict[str, Any]]],
    *,
    durable: bool = True,
    clock: Callable[[], int] = time.time_ns,
) -> None:
    """Add entries under one lock in one write, all or none of them, next to each other in the order given.

    Facts are what JSON can say without floats and with integers up to 2**53, and have none of the keys ``ledger``,
    ``kind``, ``time``, ``salt``: ValueError otherwise, before anything is written. ``clock`` gives nanoseconds since
    1970. With ``durable`` the entries are on the disk when this returns. Without it they are in the system's hands: a
    process that is killed loses nothing then either, a power cut may lose the last seconds.

    Raises StoreError where the store or its key cannot be used, OSError (no entry is added) where the disk is full.
    """
    now = timestamp(clock())
    data = b"".join(_line(kind, facts, now) for kind, facts in entries)
    if not data:
        return
    name = shard(store)
    path = path_of(store, name)
    with _locked(path.removesuffix(".jsonl") + ".lock"):
        file = _open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            size = os.lseek(file, 0, os.SEEK_END)
            if size and _bytes_at(file, size - 1, 1) != b"\n":
                size, mended = _mend(file, path, size, now)
                data = mended + data
            _write(file, data, size, path)
            if durable:
                _sync(file, path, size)
        finally:
            os.close(file)


def _line(kind: str, facts: dict[str, Any], now: str) -> bytes:
    if taken := facts.keys() & OWN:
        raise ValueError(f"facts of the ledger have no key {sorted(taken)}")
    # A proof shows the hashes of neighbouring entries: without a salt short ones could be guessed from them.
    line = canonical({"ledger": FORMAT, "kind": kind, "time": now, "salt": os.urandom(16).hex(), **facts})
    if len(line) > LIMIT:
        raise ValueError(f"an entry of the ledger has at most {LIMIT} bytes, this one of kind {kind!r} {len(line)}")
    return line + b"\n"


def timestamp(nanoseconds: int) -> str:
    """A time since 1970 as entries and checkpoints say it: ISO 8601, UTC, milliseconds."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 1_000_000_000))
    return f"{whole}.{nanoseconds // 1_000_000 % 1000:03d}Z"


def canonical(value: Any) -> bytes:
    """The one line of JSON, without line break, that says a value: equal values have equal bytes.

    RFC 8785 but for three things: no floats; keys in the order of code points; a lone surrogate (a file name that is
    no UTF-8) as an escape. ValueError for what it cannot say.
    """
    _check(value, DEPTH)
    line = _dumps(value)
    try:
        return line.encode()
    except UnicodeEncodeError:
        # Two lone surrogates side by side would be read as one character.
        joined = json.loads(line.encode("utf-8", "backslashreplace"))
        return _dumps(joined).encode("utf-8", "backslashreplace")


def _dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _check(value: Any, depth: int) -> None:
    if value is None or isinstance(value, (str, bool)):
        return
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError("an entry of the ledger has no integer beyond 2**53")
    elif isinstance(value, (dict, list, tuple)):
        if not depth:
            raise ValueError(f"an entry of the ledger is not nested deeper than {DEPTH}")
        if isinstance(value, dict):
            if not all(isinstance(name, str) for name in value):
                raise ValueError("an entry of the ledger has no key that is not a string")
            value = value.values()
        for one in value:
            _check(one, depth - 1)
    else:
        raise ValueError(f"an entry of the ledger cannot say {type(value).__name__}")


def _mend(file: int, path: str, size: int, now: str) -> tuple[int, bytes]:
    """Make room for the next line where the last one has no line break; its size then, and what comes first.

    An entry that lacks its line break alone gets it. Anything else is the rest of a write that was cut off: it is
    moved to SHARD.torn, after a line that says when, and where it stood.
    """
    start = size
    while start:
        step = min(start, 1 << 16)
        if (found := _bytes_at(file, start - step, step).rfind(b"\n")) >= 0:
            start += found + 1 - step
            break
        start -= step
    length = size - start
    if length <= LIMIT and isinstance(parse(_bytes_at(file, start, length), "", 0), Entry):
        return size, b"\n"
    aside = path.removesuffix(".jsonl") + ".torn"
    torn = _open(aside, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        before = os.lseek(torn, 0, os.SEEK_END)
        _write(torn, canonical({"at": start, "bytes": length, "time": now}) + b"\n", before, aside)
        for at in range(start, size, 1 << 20):
            _write(torn, _bytes_at(file, at, min(1 << 20, size - at)), before, aside)
        _write(torn, b"\n", before, aside)
        os.fsync(torn)
    finally:
        os.close(torn)
    os.ftruncate(file, start)
    return start, _line("torn", {"file": "ledger", "at": start, "bytes": length}, now)


def _bytes_at(file: int, at: int, length: int) -> bytes:
    os.lseek(file, at, os.SEEK_SET)
    pieces = []
    while length and (piece := os.read(file, length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _write(file: int, data: bytes, size: int, path: str) -> None:
    """Append in one write, or leave the file as it was when it had ``size`` bytes and raise OSError."""
    try:
        if os.write(file, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        os.ftruncate(file, size)
        raise OSError(error.errno, error.strerror, path) from error


def _sync(file: int, path: str, size: int) -> None:
    try:
        os.fsync(file)
    except OSError as error:
        os.ftruncate(file, size)
        raise OSError(error.errno, error.strerror, path) from error
    if not size and sys.platform != "win32":
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _open(path: str, flags: int, mode: int = 0o666) -> int:
    """Open a file to be written, its folder made if there is none; StoreError where that cannot be."""
    try:
        try:
            return os.open(path, flags | _BINARY, mode)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            return os.open(path, flags | _BINARY, mode)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror}); name another folder") from error


def _locked(path: str) -> BinaryIO:
    """An open file that no other process or thread has locked; closing it, or ending however, gives the lock back."""
    file = os.fdopen(_open(path, os.O_RDWR | os.O_CREAT), "rb+", buffering=0)
    try:
        files.take(file)
    except OSError as error:
        file.close()
        raise StoreError(f"{path}: cannot be locked ({error.strerror}); name a folder on another disk") from error
    return file


def key(store: Store) -> bytes:
    """The 32 secret bytes that digests in this ledger are made with, the same for every caller and process.

    The environment variable PROVENANCE_KEY names an organisation's key file; else it is STORE/key, made when it is
    first asked for. StoreError where the file cannot be read or is of another size.
    """
    if named := os.environ.get("PROVENANCE_KEY"):
        mend = "PROVENANCE_KEY names it; restore it from a copy, or make a first one: head -c 32 /dev/urandom > FILE"
        return _read_key(named, mend)
    path = os.path.join(store, "key")
    if not os.path.lexists(path):
        _make_key(path)
    return _read_key(path, "restore it from a copy; without it a new key is made, and old digests stay unexplained")


def _read_key(path: str, mend: str) -> bytes:
    try:
        with open(path, "rb") as file:
            found = file.read(KEY_BYTES + 1)
    except OSError as error:
        raise StoreError(f"{path}: the key cannot be read: {error.strerror} ({mend})") from error
    if len(found) != KEY_BYTES:
        size = len(found) if len(found) < KEY_BYTES else "more"
        raise StoreError(f"{path}: a key has {KEY_BYTES} bytes, this file has {size} ({mend})")
    return found


def _make_key(path: str) -> None:
    """Make a key, unless another process is first; nobody sees half of one."""
    temporary = os.path.join(os.path.dirname(path), f".key.{os.urandom(6).hex()}.tmp")
    file = _open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            _write(file, os.urandom(KEY_BYTES), 0, temporary)
            os.fsync(file)
        finally:
            os.close(file)
        _name(temporary, path)
    except OSError as error:
        raise StoreError(f"{path}: the key cannot be written ({error.strerror}); name another folder") from error
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)


def _name(temporary: str, path: str) -> None:
    """Give a file its name, if no file has it yet."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links: FAT, some network shares
        with _locked(path + ".lock"):
            if not os.path.lexists(path):
                os.replace(temporary, path)


def keyed(key: bytes, *parts: bytes) -> str:
    """A digest (32 hex digits) that nobody can make, or find the parts of by guessing, without the key.

    BLAKE2b with a key, over each part after its length: other parts, other digest, wherever they are cut. The first
    part says what the digest is of.
    """
    digest = blake2b(key=key, digest_size=16, person=b"provenance")
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def pseudonym(key: bytes, name: str) -> str:
    """What stands for an author's name: the same for the same name and key, and meaningless without the key."""
    return keyed(key, b"author", name.encode("utf-8", "surrogatepass"))


def shard(store: Store) -> str:
    """The name of the shard that this machine and user write: 16 hex digits of a keyed digest of the two."""
    return keyed(key(store), b"shard", *(part.encode("utf-8", "surrogateescape") for part in _writer()))[:16]


def _writer() -> tuple[str, str]:
    if sys.platform == "win32":
        return os.environ.get("COMPUTERNAME", ""), os.environ.get("USERNAME", "")
    import pwd

    user = os.getuid()
    try:
        return os.uname().nodename, pwd.getpwuid(user).pw_name
    except KeyError:  # a container that runs as a number
        return os.uname().nodename, str(user)


def path_of(store: Store, shard: str) -> str:
    """The file of a shard, by its name."""
    return os.path.join(store, "ledger.jsonl") if shard == OLD else os.path.join(store, "ledger", f"{shard}.jsonl")


def shards(store: Store) -> list[str]:
    """The names of the shards, that of version 1 first; StoreError where a file is none by its name."""
    found = [OLD] if os.path.isfile(path_of(store, OLD)) else []
    try:
        names = sorted(os.listdir(os.path.join(store, "ledger")))
    except FileNotFoundError:
        return found
    except OSError as error:
        raise StoreError(f"{error.filename}: the ledger cannot be read: {error.strerror}") from error
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix != ".jsonl" or stem.startswith("."):
            continue
        if len(stem) != 16 or not set(stem) <= set("0123456789abcdef"):
            raise StoreError(f"{path_of(store, stem)}: not a shard of this ledger by its name (move it elsewhere)")
        if not os.path.isfile(path_of(store, stem)):  # a pipe would be waited for
            raise StoreError(
                f"{path_of(store, stem)}: not a shard of this ledger but no regular file (move it elsewhere)"
            )
        found.append(stem)
    return found


def read(store: Store) -> Iterator[Entry | Torn]:
    """The entries, shard after shard and in order in each, with torn lines in their place."""
    for name in shards(store):
        for line, found in scan(store, name):
            if name != OLD or line.strip():
                yield found


def scan(store: Store, shard: str) -> Iterator[tuple[bytes, Entry | Torn]]:
    """Each line of a shard as it stood when this began, without its line break, and the entry that it is."""
    for number, raw in enumerate(_raw(store, shard)):
        line = raw.removesuffix(b"\n")
        found = parse(line, shard, number)
        if not raw.endswith(b"\n") and isinstance(found, Torn):
            found = found._replace(reason="cut off, or being written now", is_tail=True)
        yield line, found


def lines(store: Store, shard: str) -> Iterator[bytes]:
    """The leaves of the shard's tree: its lines without their line breaks, but for a torn tail."""
    for raw in _raw(store, shard):
        if raw.endswith(b"\n"):
            yield raw[:-1]
        elif isinstance(parse(raw, shard, 0), Entry):
            yield raw


def _raw(store: Store, shard: str) -> Iterator[bytes]:
    with open(path_of(store, shard), "rb") as file:
        # No further: beyond the last line break of now a writer may be moving a torn tail aside.
        left = os.fstat(file.fileno()).st_size
        while left and (line := file.readline(left)):
            left -= len(line)
            yield line


def parse(line: bytes, shard: str, number: int) -> Entry | Torn:
    """The entry that a line, without its line break, is in a shard."""
    if shard == OLD:
        return _entry_1(line, shard, number)
    if len(line) > LIMIT:
        return Torn(shard, number, f"longer than {LIMIT} bytes")
    try:
        facts = json.loads(line.decode())
        if not isinstance(facts, dict) or facts.get("ledger") != FORMAT:
            return Torn(shard, number, f"not an entry of format {FORMAT}")
        if canonical(facts) != line:
            return Torn(shard, number, "not in canonical form")
    except (ValueError, RecursionError):  # a JSONDecodeError and a UnicodeDecodeError are ValueErrors
        return Torn(shard, number, "not JSON as an entry has it")
    del facts["ledger"]
    kind, when, salt = (facts.pop(name, None) for name in ("kind", "time", "salt"))
    if not (isinstance(kind, str) and isinstance(when, str) and isinstance(salt, str)):
        return Torn(shard, number, "without a kind, a time or a salt")
    return Entry(kind, facts, when, shard, number)


def _entry_1(line: bytes, shard: str, number: int) -> Entry | Torn:
    """An entry of format 1: without time and salt, and with floats."""
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        return Torn(shard, number, "not JSON")
    if not isinstance(facts, dict) or facts.pop("ledger", None) != 1 or not isinstance(facts.get("kind"), str):
        return Torn(shard, number, "not an entry of format 1")
    return Entry(facts.pop("kind"), facts, "", shard, number)
