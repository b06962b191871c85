"""Verify an evidence pack with nothing but Python 3.9 or later: no package, no network, no other file.

    python verify.py PACK [--public-key KEY.pem] [--dataset FOLDER]

PACK is the zip file or the folder. Exit code 0: everything that was looked at holds; 1: a part does not, and is named;
2: could not run. What was not verified is said. It does not apply the policy again: that needs the readers and the
rules of the tool (`provenance verify PACK`).

Sources: RFC 8032 section 5.1 (Ed25519), FIPS 186-5 section 6.4.2 (ECDSA, for keys in hardware that have no Ed25519),
RFC 6962 section 2.1 and RFC 9162 section 2.1 (Merkle trees), secure-systems-lab/dsse 1.0.2 (envelopes), in-toto
Statement v1, PKWARE APPNOTE 6.3 (zip). The form of a pack is in docs/format-pack.md.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import io
import json
import os
import re
import stat
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

if sys.version_info < (3, 9):  # noqa: UP036
    sys.exit("verify.py needs Python 3.9 or later")

PACK = 1
PACK_TYPE = "urn:provenance-cleanroom:pack:v1"
LABEL_TYPE = "urn:provenance-cleanroom:label:v1"
VSA_TYPE = "https://slsa.dev/verification_summary/v1"
STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD = "application/vnd.in-toto+json"
CHECKPOINT = "application/vnd.provenance.checkpoint+json"
RECORD = "application/vnd.provenance.record+json"
MANIFEST = "MANIFEST.json"
SUM = "MANIFEST.sha256"
REPORT = "scan/report.json"

LARGEST = (1 << 32) - (1 << 26)
"""Bytes of a zip: beyond it the format needs 64-bit fields, which another reader may not have."""
MOST = 65_000
"""Files of a pack, likewise."""
READ = 1 << 28
"""Bytes of one JSON file that is read whole."""
VALUES = 1 << 23
"""Values in it: each takes some 70 bytes, so that three bytes of it cannot fill the memory."""
CHECKS = 1 << 13
"""Signatures that are tried: each takes some milliseconds, and a pack can name any number of keys."""
LONGEST = 240
"""Characters of a name."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9][A-Za-z0-9_.+-]*)*\Z")
DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z")
"""Names that are no files on Windows."""
SHOWN = 20
"""Faults of one kind that are told one by one."""


class Found(NamedTuple):
    """A file of the pack: where it stands in the zip (-1 in a folder), and what it is."""

    at: int
    size: int
    sha256: str


class Outcome:
    """What a verification found, in its order."""

    def __init__(self) -> None:
        self.verified: list[str] = []
        self.unverified: list[str] = []
        self.faults: list[tuple[str, str]] = []
        self.sealed = ""
        """What is known of the signature of the manifest, and so of the pack."""
        self.checks = 0
        """Signatures that were tried."""
        self._told: set[tuple[str, str]] = set()

    def fault(self, part: str, why: str) -> None:
        """A part does not hold."""
        if (part, why) not in self._told:
            self._told.add((part, why))
            self.faults.append((part, why))


class Pack:
    """An opened pack: its files by name. Whatever it holds is read within bounds."""

    def __init__(self, path: str, outcome: Outcome) -> None:
        self.path = path
        self.is_zip = not os.path.isdir(path)
        self.files: dict[str, Found] = dict(_zip(path, outcome) if self.is_zip else _folder(path, outcome))
        self._kept: dict[str, Any] = {}

    def open(self, name: str) -> BinaryIO:
        """The bytes of a file, from its start; the caller reads no more than its size."""
        found = self.files[name]
        file = open(self.path if self.is_zip else os.path.join(self.path, *name.split("/")), "rb")  # noqa: SIM115
        file.seek(max(found.at, 0))
        return file

    def read(self, name: str, limit: int = READ) -> bytes:
        """A file whole; ValueError where it is too large for that."""
        size = self.files[name].size
        if size > limit:
            raise ValueError(f"it has {size:,} bytes, which no such file has")
        with self.open(name) as file:
            return file.read(size)

    def json(self, name: str) -> Any:
        """A JSON file; ValueError where it is none. What many parts are compared with is parsed once."""
        if name not in ("label.json", REPORT):
            return parsed(self.read(name))
        if name not in self._kept:
            self._kept[name] = parsed(self.read(name))
        return self._kept[name]

    def under(self, folder: str) -> list[str]:
        """The names in a folder, sorted."""
        return sorted(name for name in self.files if name.startswith(folder + "/"))


# The container


def is_name(name: str) -> bool:
    """Whether a pack may have a file of this name, on every system."""
    return (
        len(name) <= LONGEST
        and bool(NAME.match(name))
        and not any(part.endswith(".") or DEVICES.match(part) for part in name.split("/"))
    )


def local_header(name: str, crc: int, size: int) -> bytes:
    """What stands before a file's bytes in a zip: stored, on the first day that the format knows, by Unix."""
    return struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, crc, size, size, len(name), 0) + name.encode()


def directory(entries: Iterable[tuple[str, int, int, int]], at: int) -> bytes:
    """What stands after the files: of each name, CRC, size and place; then the end record, without a comment."""
    made = []
    for name, crc, size, offset in entries:
        head = (b"PK\1\2", 0x0314, 20, 0, 0, 0, 33, crc, size, size, len(name), 0, 0, 0, 0, 0o100644 << 16, offset)
        made.append(struct.pack("<4s6H3I5H2I", *head) + name.encode())
    whole = b"".join(made)
    return whole + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(made), len(made), len(whole), at, 0)


def _zip(path: str, outcome: Outcome) -> Iterator[tuple[str, Found]]:
    """The files of a zip, each byte of which is what packing the same files again gives; the first that is not is
    a fault, and nothing after it is looked at."""
    size = os.path.getsize(path)
    entries: list[tuple[str, int, int, int]] = []
    with open(path, "rb") as file:
        if size > LARGEST:
            outcome.fault("(zip)", f"{size:,} bytes, more than a pack can have")
            return
        at = 0
        while True:
            after = f"after {entries[-1][0]}" if entries else "at its beginning"
            head = file.read(30)
            if head[:4] == b"PK\1\2" and entries:
                break
            if len(head) < 30 or head[:4] != b"PK\3\4" or len(entries) >= MOST:
                outcome.fault("(zip)", f"no header of a file, nor the directory, {after} (byte {at:,})")
                return
            crc, packed, length, extra = struct.unpack("<14xI4xI2H", head)
            raw = file.read(min(length, LONGEST + 1))
            name = raw.decode("latin-1")
            if not is_name(name):
                outcome.fault("(zip)", f"a name that no pack has, {after} (byte {at:,})")
                return
            if extra or head + raw != local_header(name, crc, packed):
                outcome.fault(name, f"its header in the zip (byte {at:,}) is not as packing writes it")
                return
            if entries and name <= entries[-1][0]:
                outcome.fault(name, f"stands in the zip {after}: twice, or out of order")
                return
            start = at + 30 + length
            if start + packed > size:
                outcome.fault(name, "is cut off: the zip ends before it does")
                return
            checksum, digest = _hash(file, packed)
            if checksum != crc:
                outcome.fault(name, "its checksum in the zip is another")
            entries.append((name, crc, packed, at))
            at = start + packed
            yield name, Found(start, packed, digest)
        file.seek(at)
        expected = directory(entries, at)
        rest = file.read(len(expected) + 1)
        if rest != expected:
            size = len(expected)
            same = next((i for i in range(size) if rest[i : i + 1] != expected[i : i + 1]), size)
            outcome.fault("(zip)", f"its directory or end (byte {at + same:,}) is not as packing writes it")


def _hash(file: BinaryIO, size: int) -> tuple[int, str]:
    crc, digest = 0, hashlib.sha256()
    while size:
        piece = file.read(min(size, 1 << 20))
        if not piece:
            break
        size -= len(piece)
        crc = zlib.crc32(piece, crc)
        digest.update(piece)
    return crc, digest.hexdigest()


def _folder(path: str, outcome: Outcome) -> Iterator[tuple[str, Found]]:
    count = 0
    for root, folders, names in os.walk(path):
        folders.sort()
        if len(os.path.relpath(root, path)) > LONGEST:
            outcome.fault(_shown(os.path.relpath(root, path)), "a name that no pack has")
            folders.clear()
            continue
        count += not names
        if not folders and not names and root != path:
            outcome.fault(_shown(os.path.relpath(root, path)), "an empty folder, which no pack has")
        for one in sorted([*names, *(one for one in folders if os.path.islink(os.path.join(root, one)))]):
            full = os.path.join(root, one)
            name = os.path.relpath(full, path).replace(os.sep, "/")
            count += 1
            if count > MOST:
                break
            info = os.lstat(full)
            if not stat.S_ISREG(info.st_mode):
                outcome.fault(_shown(name), "is no regular file")
            elif not is_name(name):
                outcome.fault(_shown(name), "a name that no pack has")
            else:
                with open(full, "rb") as file:
                    yield name, Found(-1, info.st_size, _hash(file, info.st_size + 1)[1])
        if count > MOST:
            outcome.fault("(folder)", f"more than {MOST:,} files")
            return


# JSON and envelopes


def parsed(data: bytes) -> Any:
    """JSON; ValueError for whatever is none, nests too deep, has a key twice (readers disagree on which of the two
    holds), a number without end, or more values than any file of a pack."""
    if sum(map(data.count, (b",", b"[", b"{"))) > VALUES:
        raise ValueError(f"more than {VALUES:,} values, which no such file has")
    try:
        return json.loads(
            data.decode("utf-8"), parse_constant=_no_constant, parse_int=_integer, object_pairs_hook=_once
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


def _integer(digits: str) -> int:
    if len(digits) > 20:  # Python 3.9 takes minutes for a million digits
        raise ValueError("a number without end")
    return int(digits)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def canonical(value: Any) -> bytes:
    """The one line of JSON that says a value, as docs/format-ledger.md has it."""
    try:
        line = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return line.encode("utf-8", "backslashreplace")


def encoding(kind: str, payload: bytes) -> bytes:
    """What is signed of an envelope (DSSE protocol.md: PAE)."""
    raw = kind.encode("utf-8", "surrogatepass")
    return b"DSSEv1 %d %b %d %b" % (len(raw), raw, len(payload), payload)


class Signed(NamedTuple):
    """An envelope as read."""

    kind: str
    payload: bytes
    signatures: list[tuple[str, bytes]]
    """Hints of the keys, and signatures."""


def envelope(data: bytes) -> Signed:
    """A DSSE envelope; ValueError where it is none."""
    raw = _object(parsed(data))
    kind, payload, signatures = raw.get("payloadType"), raw.get("payload"), raw.get("signatures")
    if not isinstance(kind, str) or not isinstance(payload, str) or not isinstance(signatures, list):
        raise ValueError("not an envelope")
    found = []
    for one in signatures[:64]:
        sig, keyid = _object(one).get("sig"), _object(one).get("keyid", "")
        if not isinstance(sig, str) or not isinstance(keyid, str):
            raise ValueError("not an envelope: a signature has no sig")
        found.append((keyid, _base64(sig)))
    return Signed(kind, _base64(payload), found)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/").encode("ascii"), validate=True)
    except (binascii.Error, UnicodeError) as error:
        raise ValueError(f"not Base64: {error}") from None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("not a JSON list")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise ValueError("not a count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _digest(value: Any) -> bytes:
    if not isinstance(value, str) or not re.match(r"[0-9a-f]{64}\Z", value):
        raise ValueError("not a SHA-256 in hexadecimal")
    return bytes.fromhex(value)


def _shown(text: str) -> str:
    """A text from outside, which may steer no terminal."""
    kept = "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text[:LONGEST])
    return kept.encode("utf-8", "backslashreplace").decode()


# Signatures


class Key(NamedTuple):
    """A public key."""

    kind: str
    """ed25519 or p256."""
    data: bytes
    """32 bytes; for p256 the two coordinates."""
    keyid: str
    """SHA-256 of the data, in hexadecimal: a hint only."""


ED25519_HEAD = bytes.fromhex("302a300506032b6570032100")
P256_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
"""What stands before the key in its DER form (RFC 8410 section 4, RFC 5480 section 2)."""
SSH_ED25519_HEAD = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
SSH_P256_HEAD = b"\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\x08nistp256\0\0\0\x41\4"


def public_key(pem: bytes) -> Key:
    """A public key from PEM, or the line of OpenSSH's .pub file; ValueError where it is none, or of another kind."""
    if pem.startswith((b"ssh-", b"ecdsa-")):
        return _ssh_key(pem)
    text = "".join(pem[:4096].decode("ascii", "replace").split())
    found = re.match(r"-----BEGINPUBLICKEY-----([A-Za-z0-9+/=]*)-----ENDPUBLICKEY-----\Z", text)
    if not found:
        raise ValueError("not a public key in PEM (make one with: openssl pkey -in PRIVATE -pubout -out FILE)")
    der = _base64(found.group(1))
    for kind, head, size in (("ed25519", ED25519_HEAD, 32), ("p256", P256_HEAD, 64)):
        if der.startswith(head) and len(der) == len(head) + size:
            return key_of(kind, der[len(head) :])
    raise ValueError("a key of another kind than Ed25519 or ECDSA P-256")


def _ssh_key(line: bytes) -> Key:
    """RFC 4253 section 6.6, RFC 8709 section 4, RFC 5656 section 3.1."""
    words = line.decode("ascii", "replace").split(None, 2)
    data = _base64(words[1]) if len(words) > 1 else b""
    for kind, head, size in (("ed25519", SSH_ED25519_HEAD, 32), ("p256", SSH_P256_HEAD, 64)):
        if data.startswith(head) and len(data) == len(head) + size:
            return key_of(kind, data[len(head) :])
    raise ValueError("a key of another kind than Ed25519 or ECDSA P-256")


def key_of(kind: str, data: bytes) -> Key:
    """A public key from its bytes."""
    return Key(kind, data, hashlib.sha256(data).hexdigest())


def is_signed(key: Key, signature: bytes, message: bytes) -> bool:
    """Whether the signature of the message is by this key."""
    return (_ed25519 if key.kind == "ed25519" else _p256)(key.data, signature, message)


_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]
"""Extended coordinates: x = X/Z, y = Y/Z, xy = T/Z (RFC 8032 section 5.1.4)."""


def _add(a: _Point, b: _Point) -> _Point:
    A, B = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    C, D = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    E, F, G, H = B - A, D - C, D + C, B + A
    return E * F % _P, G * H % _P, F * G % _P, E * H % _P


def _times(n: int, point: _Point) -> _Point:
    sum_: _Point = (0, 1, 1, 0)
    while n:
        if n & 1:
            sum_ = _add(sum_, point)
        point = _add(point, point)
        n >>= 1
    return sum_


def _point(data: bytes) -> _Point | None:
    """The point that 32 bytes are (RFC 8032 section 5.1.3); None where they are none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P


def _ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """RFC 8032 section 5.1.7, with the equation that has no cofactor."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, first = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    base = _point(_BASE_Y.to_bytes(32, "little"))
    if key is None or first is None or base is None or s >= _L:
        return False
    if not _times(8, key)[0]:  # a key of small order: signatures by it hold for messages that nobody signed
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    left, right = _times(s, base), _add(first, _times(k, key))
    return not (left[0] * right[2] - right[0] * left[2]) % _P and not (left[1] * right[2] - right[1] * left[2]) % _P


_Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def _plus(a: tuple[int, int] | None, b: tuple[int, int] | None) -> tuple[int, int] | None:
    """Points of P-256 (SP 800-186 section 3.2.1.3), None at infinity."""
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0]:
        if (a[1] + b[1]) % _Q == 0:
            return None
        slope = 3 * (a[0] * a[0] - 1) * pow(2 * a[1], -1, _Q) % _Q
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, _Q) % _Q
    x = (slope * slope - a[0] - b[0]) % _Q
    return x, (slope * (a[0] - x) - a[1]) % _Q


def _p256(public: bytes, signature: bytes, message: bytes) -> bool:
    """FIPS 186-5 section 6.4.2 over SHA-256; the signature in DER."""
    x, y = int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big")
    pair = _der_pair(signature)
    if pair is None or len(public) != 64 or max(x, y) >= _Q or (y * y - x * x * x + 3 * x - _B) % _Q:
        return False
    r, s = pair
    if not (0 < r < _N and 0 < s < _N):
        return False
    inverse = pow(s, -1, _N)
    hashed = int.from_bytes(hashlib.sha256(message).digest(), "big")
    sum_: tuple[int, int] | None = None
    for n, point in ((hashed * inverse % _N, _G), (r * inverse % _N, (x, y))):
        double: tuple[int, int] | None = point
        while n:
            if n & 1:
                sum_ = _plus(sum_, double)
            double = _plus(double, double)
            n >>= 1
    return sum_ is not None and sum_[0] % _N == r


def _der_pair(data: bytes) -> tuple[int, int] | None:
    """Two positive integers in a DER sequence, in their shortest form."""
    if len(data) > 72 or len(data) < 8 or data[0] != 0x30 or data[1] != len(data) - 2:
        return None
    numbers, at = [], 2
    while at < len(data):
        if data[at] != 2 or at + 2 > len(data) - 1:
            return None
        raw = data[at + 2 : at + 2 + data[at + 1]]
        if len(raw) != data[at + 1] or not raw or raw[0] & 0x80:
            return None
        if len(raw) > 1 and raw[0] == 0 and not raw[1] & 0x80:
            return None
        numbers.append(int.from_bytes(raw, "big"))
        at += 2 + len(raw)
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None


# Merkle trees


def leaf(data: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:  # an odd one out goes up as it is: the same tree as splitting at powers of two
        level = [_node(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return level[0]


def is_included(one: bytes, index: int, size: int, path: Sequence[bytes], top: bytes) -> bool:
    """RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    at, last = index, size - 1
    for beside in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            one = _node(beside, one)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            one = _node(one, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and one == top


def is_consistent(first: int, second: int, old: bytes, new: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2."""
    if not 0 <= first <= second:
        return False
    if first == 0:
        return not path and old == root([]) and (second > 0 or new == old)
    if first == second:
        return not path and old == new
    steps = list(path) if first & (first - 1) else [old, *path]
    if not steps:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    one = two = steps[0]
    for beside in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            one, two = _node(beside, one), _node(beside, two)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            two = _node(two, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and one == old and two == new


# The parts of a pack


def verify(path: str, keys: Sequence[Key] = (), dataset: str = "") -> Outcome:
    """Everything but the judgement. ``keys`` are those that the caller trusts. OSError where the pack cannot be
    read at all."""
    return verify_opened(path, keys, dataset)[1]


def verify_opened(path: str, keys: Sequence[Key] = (), dataset: str = "") -> tuple[Pack, Outcome]:
    """The same, and the pack."""
    outcome = Outcome()
    pack = Pack(path, outcome)
    if not _manifest(pack, outcome):
        return pack, outcome
    every = {key.keyid: key for key in _packed_keys(pack, outcome)}
    trusted = {key.keyid: key for key in keys}
    every.update(trusted)
    steps: Sequence[tuple[str, Callable[[], None]]] = (
        (MANIFEST, lambda: _signatures(pack, every, trusted, outcome)),
        ("ledger", lambda: _ledger(pack, outcome)),
        ("ledger", lambda: _entries(pack, every, trusted, outcome)),
        ("label.json", lambda: _label(pack, outcome)),
        (REPORT, lambda: _report(pack, outcome)),
        ("index/manifest.json", lambda: _index(pack, outcome)),
        ("attestations", lambda: _attestations(pack, outcome)),
        ("openings.json", lambda: _openings(pack, outcome)),
        ("reports", lambda: _reports(pack, outcome)),
        ("label.json", lambda: _dataset(pack, dataset, outcome)),
    )
    for part, step in steps:
        try:
            step()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            outcome.fault(part, f"not as a pack has it: {type(error).__name__} {error}")
    return pack, outcome


def _manifest(pack: Pack, outcome: Outcome) -> bool:
    """The list of files against the files; false where there is none to go by."""
    if MANIFEST not in pack.files:
        outcome.fault(MANIFEST, "is missing, so nothing else could be verified")
        return False
    try:
        data = pack.read(MANIFEST)
        listed = manifest(data)
    except (ValueError, KeyError, TypeError) as error:
        outcome.fault(MANIFEST, f"not a manifest: {error}")
        return False
    summed = f"{pack.files[MANIFEST].sha256}  {MANIFEST}\n".encode()
    if SUM not in pack.files:
        outcome.fault(SUM, "is missing")
    elif pack.files[SUM].size != len(summed) or pack.read(SUM) != summed:
        outcome.fault(SUM, f"is not the checksum of {MANIFEST}: one of the two was changed")
    for name in sorted(set(listed) - set(pack.files)):
        outcome.fault(name, "is missing")
    for name in sorted(set(pack.files) - set(listed) - {MANIFEST, SUM}):
        outcome.fault(name, f"is not listed in {MANIFEST}")
    for name in sorted(set(listed) & set(pack.files)):
        found = pack.files[name]
        if (found.size, found.sha256) != listed[name]:
            outcome.fault(name, f"was changed: its size or SHA-256 is not what {MANIFEST} says")
    if not outcome.faults:
        outcome.verified.append(f"{len(listed):,} files: size and SHA-256 as listed, none added, none missing")
    return True


def manifest(data: bytes) -> dict[str, tuple[int, str]]:
    """The size and SHA-256 of each file that a manifest lists; ValueError where it is none."""
    signed = envelope(data)
    again = {
        "payload": base64.b64encode(signed.payload).decode(),
        "payloadType": signed.kind,
        "signatures": [{"keyid": keyid, "sig": base64.b64encode(sig).decode()} for keyid, sig in signed.signatures],
    }
    if canonical(again) + b"\n" != data:
        raise ValueError("its envelope is not in canonical form")
    said = _object(parsed(signed.payload))
    if canonical(said) != signed.payload:
        raise ValueError("its statement is not in canonical form")
    if signed.kind != PAYLOAD or said.get("_type") != STATEMENT or said.get("predicateType") != PACK_TYPE:
        raise ValueError("it is no statement about a pack of this version")
    predicate = _object(said.get("predicate"))
    if predicate.get("pack") != PACK:
        raise ValueError("a pack of another version (use the verifier inside it)")
    sizes = _object(predicate.get("sizes"))
    listed: dict[str, tuple[int, str]] = {}
    for one in _list(said.get("subject")):
        name = _text(_object(one).get("name"))
        if not is_name(name) or name in (MANIFEST, SUM):
            raise ValueError(f"a name that no pack has: {_shown(name)}")
        if name in listed or set(one) != {"name", "digest"} or set(_object(one["digest"])) != {"sha256"}:
            raise ValueError(f"listed twice, or otherwise than by its SHA-256: {name}")
        listed[name] = _count(sizes.get(name)), _digest(one["digest"]["sha256"]).hex()
    if len({name.lower() for name in listed}) != len(listed) or set(sizes) != set(listed):
        raise ValueError("names that differ in case only, or sizes of other files")
    return listed


def _packed_keys(pack: Pack, outcome: Outcome) -> Iterator[Key]:
    for name in pack.under("keys"):
        try:
            yield public_key(pack.read(name, 1 << 16))
        except ValueError as error:
            outcome.fault(name, str(error))


def _signatures(pack: Pack, every: dict[str, Key], trusted: dict[str, Key], outcome: Outcome) -> None:
    """Every envelope of the pack. One that a known key is said to have signed must be signed by it."""
    names = [MANIFEST, *pack.under("attestations")]
    names += [one for one in ("ledger/checkpoint.json", "ledger/since.json") if one in pack.files]
    told: dict[tuple[str, str], list[str]] = {}
    for name in names:
        try:
            signed = envelope(pack.read(name))
        except ValueError as error:
            outcome.fault(name, str(error))
            continue
        message = encoding(signed.kind, signed.payload)
        by = _signed_by(name, message, signed.signatures, every, outcome)
        known = sorted({keyid for keyid in by if keyid in trusted})
        sealed = OWNER if known else BROUGHT if by else UNKNOWN if signed.signatures else NOBODY
        outcome.sealed = sealed if name == MANIFEST else outcome.sealed
        if trusted and name == MANIFEST and not known:
            outcome.fault(name, "not signed by the key that was named")
        told.setdefault((sealed, ", ".join(known or sorted(set(by)))), []).append(name)
    for (sealed, keyids), some in told.items():
        shown = ", ".join(some[:SHOWN]) + (f" and {len(some) - SHOWN:,} more" if len(some) > SHOWN else "")
        says = outcome.verified if sealed == OWNER else outcome.unverified
        says.append(f"{shown}: {SEALED[sealed].format(keyids)}")


OWNER, BROUGHT, UNKNOWN, NOBODY = "owner", "brought", "unknown", "nobody"
SEALED = {
    OWNER: "signed by the key that was named, {}",
    BROUGHT: "the signature holds by key {}, but the pack itself brings that key; whose it is was not verified "
    "(name the key that you have from its owner: --public-key)",
    UNKNOWN: "signature of an unknown key (name it: --public-key)",
    NOBODY: "not signed, so whoever had the pack could have made it anew",
}


def _signed_by(
    name: str, message: bytes, signatures: Iterable[tuple[str, bytes]], every: dict[str, Key], outcome: Outcome
) -> list[str]:
    """The keys whose signatures of the message hold. One that names a known key and does not hold is a fault."""
    by: list[str] = []
    for keyid, signature in signatures:
        likely = [every[keyid]] if keyid in every else list(every.values())[:64]
        outcome.checks += len(likely)
        if outcome.checks > CHECKS:
            outcome.fault(name, f"more than {CHECKS:,} signatures to try, with this one's")
            break
        holding = [key.keyid for key in likely if is_signed(key, signature, message)]
        if keyid in every and not holding:
            outcome.fault(name, f"the signature does not hold: key {keyid}")
        by.extend(holding)
    return by


class Heads(NamedTuple):
    """What a checkpoint records."""

    time: str
    shards: dict[str, tuple[int, bytes]]
    """The size and root of each."""


def _heads(data: bytes) -> Heads:
    signed = envelope(data)
    said = _object(parsed(signed.payload))
    if signed.kind != CHECKPOINT or said.get("checkpoint") != 1 or canonical(said) != signed.payload:
        raise ValueError("not a checkpoint of version 1")
    heads = {_text(one["shard"]): (_count(one["size"]), _digest(one["root"])) for one in _list(said["shards"])}
    return Heads(_text(said["time"]), heads)


def _ledger(pack: Pack, outcome: Outcome) -> None:
    """Each entry shown stands in the tree that the checkpoint records, and each tree grew from the earlier one."""
    if not pack.under("ledger"):
        outcome.unverified.append("ledger: the pack shows none of it")
        return
    now = _heads(pack.read("ledger/checkpoint.json"))
    before = len(outcome.faults)
    seen: set[tuple[str, int]] = set()
    for name in pack.under("ledger/entries"):
        try:
            one = _object(pack.json(name))
            head = _count(one["size"]), _digest(one["root"])
            line = _text(one["entry"]).encode("utf-8")
            path = [_digest(beside) for beside in _list(one["path"])[:65]]
            place = _text(one["shard"]), _count(one["index"])
            if one.get("proof") != 1 or one.get("kind") != "inclusion":
                raise ValueError("not a proof of version 1")
        except (ValueError, KeyError) as error:
            outcome.fault(name, f"not a proof: {error}")
            continue
        if now.shards.get(place[0]) != head:
            outcome.fault(name, "the tree that it stands in is not the one that ledger/checkpoint.json records")
        elif not is_included(leaf(line), place[1], head[0], path, head[1]):
            outcome.fault(name, "the proof does not show that the entry is in the ledger")
        elif place in seen:
            outcome.fault(name, f"shows {_shown(place[0])}:{place[1]}, which another file shows")
        seen.add(place)
    if len(outcome.faults) == before:
        outcome.verified.append(
            f"ledger: {len(seen):,} entries are in the {len(now.shards):,} shards that the checkpoint of "
            f"{_shown(now.time)} records"
        )
    if "ledger/since.json" not in pack.files:
        outcome.unverified.append("ledger: no earlier checkpoint, so nothing shows that it only grew")
        return
    _growth(pack, now, outcome)


def _growth(pack: Pack, now: Heads, outcome: Outcome) -> None:
    """Every shard of the earlier checkpoint was only added to."""
    old_heads = _heads(pack.read("ledger/since.json"))
    growth = {_text(one["shard"]): one for one in _list(_object(pack.json("ledger/consistency.json"))["shards"])}
    name, before = "ledger/consistency.json", len(outcome.faults)
    if old_heads.time >= now.time:
        outcome.fault("ledger/since.json", "is no earlier checkpoint than ledger/checkpoint.json")
    if set(growth) != set(old_heads.shards):
        outcome.fault(name, "it does not speak of every shard of the earlier checkpoint, and of no other")
    for shard in sorted(set(growth) & set(old_heads.shards)):
        one = growth[shard]
        old = _count(one["first"]), _digest(one["first_root"])
        new = _count(one["second"]), _digest(one["second_root"])
        path = [_digest(beside) for beside in _list(one["path"])[:65]]
        if old != old_heads.shards[shard] or new != now.shards.get(shard):
            outcome.fault(name, f"{_shown(shard)}: not the trees that the two checkpoints record")
        elif not is_consistent(old[0], new[0], old[1], new[1], path):
            outcome.fault(name, f"{_shown(shard)}: does not show that the ledger only grew")
    if len(outcome.faults) == before:
        outcome.verified.append(
            f"ledger: {len(growth):,} shards only grew since the earlier checkpoint, of {_shown(old_heads.time)}"
        )


def entry(line: str) -> dict[str, Any]:
    """An entry of the ledger, as docs/format-ledger.md has it; ValueError where the line is none."""
    said = _object(parsed(line.encode("utf-8")))
    if canonical(said) != line.encode("utf-8"):
        raise ValueError("it is not in canonical form")
    if not all(isinstance(said.get(name), str) for name in ("kind", "time")):
        raise ValueError("it has no kind or no time")
    return said


def _entries(pack: Pack, every: dict[str, Key], trusted: dict[str, Key], outcome: Outcome) -> None:
    """What the entries shown say: signatures of records, and whether one names the judgement that is packed."""
    signed = {OWNER: 0, BROUGHT: 0, UNKNOWN: 0, NOBODY: 0}
    naming = []
    report = pack.files[REPORT].sha256 if REPORT in pack.files else None
    for name in pack.under("ledger/entries"):
        try:
            said = entry(_text(_object(pack.json(name))["entry"]))
        except (ValueError, KeyError) as error:
            outcome.fault(name, f"shows a line that is no entry of the ledger: {error}")
            continue
        if said["kind"] in ("attested", "access"):
            signed[_record(name, said, every, trusted, outcome)] += 1
        elif report is not None and said.get("report") == report:
            naming.append(f"{said['kind']} of {said['time']}")
    for how, told in (
        (OWNER, "signed by a key that was named"),
        (BROUGHT, "signed by a key that the pack itself brings; whose it is was not verified"),
        (UNKNOWN, "signed by a key that is not here (name it with --public-key, or pack it with --bring)"),
        (NOBODY, "not signed by whom they are of"),
    ):
        if signed[how]:
            says = outcome.verified if how == OWNER else outcome.unverified
            says.append(f"records in the ledger: {signed[how]:,} {told}")
    if naming:
        outcome.verified.append(_shown(f"ledger: {REPORT} is what an entry names that is shown: {', '.join(naming)}"))
    elif report is not None and pack.under("ledger"):
        outcome.unverified.append(f"ledger: no entry that is shown names {REPORT}, so it does not say when it was made")


def _record(name: str, said: dict[str, Any], every: dict[str, Key], trusted: dict[str, Key], outcome: Outcome) -> str:
    """By whom a clean-room record is signed. What is signed is all that it says, without the time of the entry."""
    bare = {one: value for one, value in said.items() if one not in ("ledger", "kind", "time", "salt", "signatures")}
    try:
        pairs = [
            (_text(_object(one)["keyid"]), _base64(_text(one["sig"]))) for one in _list(said.get("signatures", []))[:64]
        ]
    except (ValueError, KeyError) as error:
        outcome.fault(name, f"its signatures cannot be read: {error}")
        return NOBODY
    by = _signed_by(name, encoding(RECORD, canonical(bare)), pairs, every, outcome)
    return OWNER if set(by) & set(trusted) else BROUGHT if by else UNKNOWN if pairs else NOBODY


def _label(pack: Pack, outcome: Outcome) -> None:
    """The label's sums, shares and roots, and the files that it names by digest."""
    if "label.json" not in pack.files:
        outcome.unverified.append("label: the pack has none")
        return
    label = _object(pack.json("label.json"))
    before = len(outcome.faults)
    for why in label_faults(label):
        outcome.fault("label.json", why)
    contents = _text(label.get("contents", ""))
    packed = pack.under("contents")
    for name in packed:
        if pack.files[name].sha256 != contents:
            outcome.fault("label.json", f"the contents that it names are not {name}")
    if contents and not packed:
        outcome.unverified.append("label: the contents file that it names is not in the pack")
    _parents(pack, label, outcome)
    if len(outcome.faults) == before:
        outcome.verified.append("label: its sums, shares and roots agree with each other")


def _parents(pack: Pack, label: dict[str, Any], outcome: Outcome) -> None:
    """The labels that it is made from, those of them that are packed: are they labels, and what it says of them?"""
    parents = {_text(one["label"]): one for one in _list(label.get("parents", []))}
    brought = {pack.files[name].sha256: name for name in pack.under("parents")}
    read = {}
    for digest, name in sorted(brought.items()):
        try:
            read[digest] = parent = _object(pack.json(name))
            why = next(iter(label_faults(parent)), "")
            if not why and digest not in parents:
                why = "is no parent of label.json"
            elif not why:
                said, subject = parents[digest], parent["subject"]
                same = (subject["name"], subject["root"], parent["totals"]["records"])
                if same != (said["name"], said["root"], said["records"]):
                    outcome.fault("label.json", f"has another name, root or number of records for {name} than it has")
        except (ValueError, KeyError, TypeError) as error:
            why = f"not a label: {error}"
        if why:
            outcome.fault(name, why)
    merged = {digest for digest, one in parents.items() if one["relation"] == "merge"}
    if merged and merged <= set(read):
        for name, total in label["totals"].items():
            if sum(_count(read[digest]["totals"][name]) for digest in merged) != total:
                outcome.fault("label.json", f"its {name} are not those of the labels that it is merged from")
    if set(parents) - set(brought):
        outcome.unverified.append(f"label: {len(set(parents) - set(brought)):,} of its parents are not in the pack")


def label_faults(label: dict[str, Any]) -> list[str]:
    """What a label says that does not agree with itself."""
    wrong = []
    if label.get("label") != 1:
        return ["not a label of form 1"]
    subject, totals = _object(label["subject"]), _object(label["totals"])
    files = [_object(one) for one in _list(subject["files"])]
    counts = {name: _count(value) for name, value in totals.items()}
    places = [(_text(one["path"]), _text(one["sha256"])) for one in files]
    if places != sorted(set(places)):
        wrong.append("its files are not in order, or one is there twice")
    if len(files) != counts["files"]:
        wrong.append(f"it lists {len(files):,} files and counts {counts['files']:,}")
    records = sum(_count(one["records"]) for one in files)
    if records != counts["records"]:
        wrong.append(f"its files have {records:,} records and it counts {counts['records']:,}")
    if root([leaf(_digest(one["root"])) for one in files]) != _digest(subject["root"]):
        wrong.append("its root is not that over the roots of its files")
    for one in files:
        _digest(one["sha256"])
        _count(one["size"])
    shares = [_object(one) for one in _list(label["shares"])]
    matched = sum(_count(one["records"]) for one in shares)
    if matched != counts["matched"]:
        wrong.append(f"its shares have {matched:,} records and {counts['matched']:,} match")
    if counts["matched"] + counts["unknown"] + counts["skipped"] != counts["records"]:
        wrong.append("matched, unknown and skipped records are not all records")
    skipped = sum(_count(value) for value in _object(label["skipped"]).values())
    if skipped != counts["skipped"]:
        wrong.append(f"{skipped:,} records were skipped for a reason, and it counts {counts['skipped']:,}")
    keys = [tuple(_text(one[name]) for name in SHARE) for one in shares]
    if keys != sorted(keys):
        wrong.append("its shares are not in order")
    digests = {name: _text(value) for name, value in _object(_object(label["judgement"])["digests"]).items()}
    is_merged = any(one["relation"] == "merge" for one in _list(label["parents"]))
    # Parts that were not judged alike have no common digest, nor all of its parts; those that were have both.
    if (not is_merged or "all" in digests) and together(digests) != digests.get("all", ""):
        wrong.append("the digest of all that judged is not that of its parts")
    return wrong


SHARE = ("provider", "model", "tool", "similarity", "evidence", "action")
JUDGED = ("baseline", "index", "policy", "registry", "waivers")
SITUATION = ("day", "use", "team")
COUNTED = (("records", "rows"), ("texts", "texts"), ("bytes", "bytes"), ("tokens", "tokens"))


def together(digests: dict[str, str]) -> str:
    """One digest of all that a judgement rests on: SHA-256 over names and digests, the first 32 hex digits."""
    lines = [f"{name} {digests[name]}\n" for name in JUDGED if digests.get(name)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:32]


def _report(pack: Pack, outcome: Outcome) -> None:
    """The report against label, policy, waivers and baseline: one judgement, named alike by all of them."""
    name = REPORT
    if name not in pack.files:
        outcome.unverified.append("judgement: the pack has no scan")
        return
    report = _object(pack.json(name))
    judged = {one: _text(value) for one, value in _object(report.get("judged") or {}).items()}
    before = len(outcome.faults)
    if together(judged) != judged.get("all", ""):
        outcome.fault(name, "the digest of all that judged is not that of its parts")
    if judged.get("policy") != _object(report["policy"]).get("digest"):
        outcome.fault(name, "it names two policies")
    if judged.get("index") != _object(report["index"]).get("digest"):
        outcome.fault(name, "it names two indexes")
    for part, word in (("policy.yaml", "policy"), ("waivers.yaml", "waivers"), ("baseline.jsonl", "baseline")):
        digest = pack.files[part].sha256[:32] if part in pack.files else ""
        if digest != judged.get(word, ""):
            why = f"is not what {name} was judged by" if digest else f"is missing, and {name} was judged by it"
            outcome.fault(part, why)
    digests = sorted(pack.files[one].sha256 for one in pack.under("terms"))
    if digests and hashlib.sha256("\n".join(digests).encode()).hexdigest()[:32] != judged.get("registry"):
        outcome.fault("terms", f"are not the rows that {name} was judged by")
    elif not digests:
        outcome.unverified.append("judgement: the registry's rows are not in the pack")
    if "label.json" in pack.files:
        label = _object(pack.json("label.json"))
        judgement = _object(label["judgement"])
        if judgement["verdict"] != report["verdict"]:
            outcome.fault("label.json", f"its verdict is not that of {name}")
        if _object(judgement["digests"]).get("all") != judged.get("all"):
            outcome.fault("label.json", f"it was judged by something else than {name}")
        if any(judgement[one] != judged.get(one, "") for one in SITUATION):
            outcome.fault("label.json", f"it was judged for another day, use or team than {name}")
        counts = _object(report["counts"])
        alike = all(label["totals"][ours] == counts[theirs] for ours, theirs in COUNTED)
        if not alike or judgement["verdicts"] != report["verdicts"]:
            for one, other in (("label.json", name), (name, "label.json")):
                outcome.fault(one, f"has other records, texts, bytes, tokens or verdicts than {other}")
    if len(outcome.faults) == before:
        outcome.verified.append(f"judgement: {name}, label and packed policy, waivers, baseline, terms name each other")


def _index(pack: Pack, outcome: Outcome) -> None:
    """The index's manifests give the digest that the report names."""
    name = "index/manifest.json"
    if name not in pack.files:
        if REPORT in pack.files:
            outcome.unverified.append("index: its manifests are not in the pack")
        return
    segments = [_object(one) for one in _list(_object(pack.json(name))["segments"])]
    named = [_text(one["manifest"]) for one in segments]
    digest = hashlib.sha256("\n".join(named).encode()).hexdigest()[:32]
    if digest != _object(_object(pack.json(REPORT))["index"])["digest"]:
        outcome.fault(name, "is not of the index that scan/report.json names")
        return
    for one in segments:
        part = f"index/segments/{_text(one['name'])}/manifest.json"
        if part not in pack.files or pack.files[part].sha256 != one["manifest"]:
            outcome.fault(_shown(part), "is not the manifest that index/manifest.json names")
            return
    outcome.verified.append(f"index: the manifests of {len(segments):,} segments give the digest {digest}")


def _attestations(pack: Pack, outcome: Outcome) -> None:
    """Each statement is about what else is in the pack, and says the same of it."""
    for name in pack.under("attestations"):
        try:
            why = _statement(pack, name, outcome)
        except (ValueError, KeyError, TypeError) as error:
            why = f"not a statement: {error}"
        if why:
            outcome.fault(name, why)


def _statement(pack: Pack, name: str, outcome: Outcome) -> str:
    signed = envelope(pack.read(name))
    if signed.kind != PAYLOAD:
        return f"its payload is no in-toto Statement but {_shown(signed.kind)!r}"
    said = _object(parsed(signed.payload))
    if said.get("_type") != STATEMENT:
        return "not an in-toto Statement of version 1"
    kind, predicate = said.get("predicateType"), _object(said.get("predicate"))
    subjects = {(_text(one["name"]), _digest(_object(one["digest"])["sha256"]).hex()) for one in said["subject"]}
    if kind not in (LABEL_TYPE, VSA_TYPE):
        outcome.unverified.append(f"{name}: a statement of another kind, which only its signature was checked of")
        return ""
    if "label.json" not in pack.files:
        outcome.unverified.append(f"{name}: no label.json in the pack to compare it with")
        return ""
    label = _object(pack.json("label.json"))
    if subjects != {(one["path"], one["sha256"]) for one in label["subject"]["files"]}:
        return "its subjects are not the files of label.json"
    if kind == LABEL_TYPE and predicate != label:
        return "the label in it is not label.json"
    if kind == VSA_TYPE:
        why = _summary(label["judgement"], predicate)
        if why:
            return why
        digests = {found.sha256 for found in pack.files.values()}
        inputs = [_digest(_object(one["digest"])["sha256"]).hex() for one in predicate.get("inputAttestations", [])]
        if set(inputs) - digests:
            outcome.unverified.append(f"{name}: {len(set(inputs) - digests)} attestations it rests on are not packed")
    outcome.verified.append(f"{name}: says of its subjects what label.json says")
    return ""


def _summary(judgement: dict[str, Any], predicate: dict[str, Any]) -> str:
    """Why a verification summary is not of the label's judgement: another policy, situation or verdict."""
    policy = _object(predicate["policy"])
    digests = _object(judgement["digests"])
    if _digest(_object(policy["digest"])["sha256"]).hex()[:32] != digests.get("policy"):
        return "the policy in it is not the one that label.json was judged by"
    judged = _object(_object(policy.get("annotations", {})).get("judged", {}))
    ours = {**digests, **{one: judgement[one] for one in SITUATION}}
    if judged != {one: value for one, value in ours.items() if value}:
        return "it is of another judgement than label.json: other waivers, terms, index or day"
    verdict = _text(judgement["verdict"])
    passed = verdict in ("allow", "warn")
    if predicate["verificationResult"] != ("PASSED" if passed else "FAILED"):
        return f"it says {predicate['verificationResult']}, and the verdict is {verdict}"
    if predicate.get("verifiedLevels") != [f"PROVENANCE_{verdict.upper()}" if passed else "FAILED"]:
        return f"its levels are not those of the verdict {verdict}"
    return ""


def _openings(pack: Pack, outcome: Outcome) -> None:
    if "openings.json" not in pack.files:
        return
    openings = [_object(one) for one in _list(_object(pack.json("openings.json"))["openings"])]
    entries = {}
    for name in pack.under("ledger/entries"):
        one = _object(pack.json(name))
        entries[f"{one['shard']}:{one['index']}"] = _object(parsed(_text(one["entry"]).encode()))
    for one in openings:
        if entries.get(_text(one["entry"]), {}).get(_text(one["field"])) != one["digest"]:
            outcome.fault("openings.json", f"{_shown(one['entry'])} is not in the pack, or has another digest")
    outcome.unverified.append(
        f"openings.json: what {len(openings):,} keyed digests stand for is the packer's word; only who has the "
        "ledger's key can compute them"
    )


def _reports(pack: Pack, outcome: Outcome) -> None:
    for name in pack.under("reports"):
        outcome.unverified.append(f"{name}: written for readers; that it says what scan/report.json says")


def _dataset(pack: Pack, folder: str, outcome: Outcome) -> None:
    if "label.json" not in pack.files:
        return
    files = _list(_object(_object(pack.json("label.json"))["subject"])["files"])
    if not folder:
        outcome.unverified.append(f"dataset: its {len(files):,} files were not read (name their folder: --dataset)")
        return
    before, compared = len(outcome.faults), 0
    for one in files:
        path = _text(one["path"])
        steps = path.replace("\\", "/").split("/")
        if not steps[-1] or not steps[0] or ".." in steps or os.path.isabs(path) or os.path.splitdrive(path)[0]:
            outcome.unverified.append(f"dataset: {_shown(path)}: compared only where it names a file below the folder")
            continue
        full = os.path.join(folder, path)
        compared += 1
        try:
            with open(full, "rb") as file:
                same = _hash(file, _count(one["size"]) + 1)[1] == one["sha256"]
        except (OSError, ValueError) as error:
            outcome.fault(f"dataset {_shown(path)}", f"cannot be read: {error}")
            continue
        if not same:
            outcome.fault(f"dataset {_shown(path)}", "is not the file that label.json names")
    if compared and len(outcome.faults) == before:
        outcome.verified.append(f"dataset: {compared:,} files have the SHA-256 that label.json names")


# The command


def lines(outcome: Outcome) -> Iterator[str]:
    """What to print of an outcome."""
    for one in outcome.verified:
        yield f"verified: {one}"
    for one in outcome.unverified:
        yield f"NOT VERIFIED: {one}"
    for part, why in outcome.faults[:SHOWN]:
        yield f"FAULT {part}: {why}"
    if len(outcome.faults) > SHOWN:
        yield f"FAULT: {len(outcome.faults) - SHOWN:,} more"


def last_line(outcome: Outcome) -> str:
    """The answer in one sentence; without faults it is worth no more than the signature."""
    if outcome.faults:
        return "the pack does not hold"
    if outcome.sealed == OWNER:
        return "the pack holds, signed by a key that was named"
    if outcome.sealed == NOBODY:
        return "the pack holds, but nobody signed it: that shows damage, not forgery"
    return "the pack holds, but by whom it is signed was not verified (name the owner's key: --public-key)"


def main() -> int:
    """The command line of the file inside a pack."""
    parser = argparse.ArgumentParser(description="Verify an evidence pack, offline.")
    parser.add_argument("pack", nargs="?", help="the zip file or folder [default: the folder of this file]")
    parser.add_argument("--public-key", action="append", default=[], help="public key (PEM) to trust; repeatable")
    parser.add_argument("--dataset", default="", help="folder in which the label's files lie, to be compared too")
    given = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        keys = []
        for path in given.public_key:
            with open(path, "rb") as file:
                keys.append(public_key(file.read(1 << 16)))
        outcome = verify(given.pack or os.path.dirname(os.path.abspath(__file__)), keys, given.dataset)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    for line in lines(outcome):
        print(line)  # noqa: T201
    print("NOT VERIFIED: the policy was not applied again (provenance verify does that)")  # noqa: T201
    print(last_line(outcome))  # noqa: T201
    return int(bool(outcome.faults))


if __name__ == "__main__":
    sys.exit(main())
