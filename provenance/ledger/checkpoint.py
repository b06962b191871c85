"""A checkpoint: the size and root of every shard at one time, in a DSSE envelope, signed with Ed25519 or unsigned.

Sources: secure-systems-lab/dsse, protocol.md and envelope.md, version 1.0.2; RFC 8032. The form of the payload is in
docs/format-ledger.md.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

import msgspec

from provenance import ledger
from provenance.errors import StoreError

if TYPE_CHECKING:
    from provenance.dsse import Signer
    from provenance.standalone import Key

FORMAT = 1
PAYLOAD_TYPE = "application/vnd.provenance.checkpoint+json"
LARGEST_FILE = 1 << 26
"""Bytes of a checkpoint or proof that are read at most: one entry of the largest size, or half a million shards."""

Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Name = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{16}|ledger-1)\Z")]
Size = Annotated[int, msgspec.Meta(ge=0, le=ledger.LARGEST)]
Time = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z")]
T = TypeVar("T")


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One shard at one time: its tree's number of leaves and root."""

    shard: Name
    size: Size
    root: Hash


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed."""

    checkpoint: int
    shards: tuple[Head, ...]
    time: Time


class Signature(msgspec.Struct, frozen=True):
    """One signature of an envelope; other fields are not ours to judge (DSSE envelope.md)."""

    sig: str
    keyid: str = ""


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """A DSSE envelope; without any signature it is our own unsigned checkpoint, which DSSE does not have."""

    payload: str
    payload_type: str
    signatures: tuple[Signature, ...]


class Checkpoint(NamedTuple):
    """A checkpoint as read: what it says, and what says who signed it."""

    path: str
    time: str
    heads: dict[str, Head]
    payload: bytes
    signatures: tuple[Signature, ...]


def make(heads: Iterable[Head], time: str, signers: Sequence[Signer] = ()) -> bytes:
    """The file of a checkpoint: the same heads, time and Ed25519 keys, the same bytes."""
    from provenance import dsse

    shards = [msgspec.to_builtins(head) for head in sorted(heads, key=lambda head: head.shard)]
    return dsse.sealed(PAYLOAD_TYPE, ledger.canonical({"checkpoint": FORMAT, "shards": shards, "time": time}), signers)


def load(path: Path) -> Checkpoint:
    """A checkpoint from its file, whoever signed it; StoreError where it is none of format 1."""
    envelope = decoded(path, Envelope, "a checkpoint")
    if envelope.payload_type != PAYLOAD_TYPE:
        raise StoreError(f"{path}: not a checkpoint of the ledger but {envelope.payload_type!r} (name another file)")
    try:
        payload = _bytes(envelope.payload)
        said = msgspec.json.decode(payload, type=Payload)
        if said.checkpoint != FORMAT:
            raise StoreError(f"{path}: a checkpoint of format {said.checkpoint} (use the version that wrote it)")
        names = [head.shard for head in said.shards]
        if names != sorted(set(names)):
            raise ValueError("its shards are not in order, each once")
    except (ValueError, RecursionError) as error:  # msgspec's and base64's errors are ValueErrors
        raise StoreError(f"{path}: not a checkpoint that this version reads: {error} (name another file)") from error
    return Checkpoint(str(path), said.time, {head.shard: head for head in said.shards}, payload, envelope.signatures)


def decoded(path: Path, form: type[T], what: str) -> T:
    """A JSON file of a form; StoreError where it cannot be read as one."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror} (name another file)") from error
    if len(data) > LARGEST_FILE:
        raise StoreError(f"{path}: too long for {what} (name another file)")
    try:
        return msgspec.json.decode(data, type=form)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: not {what} that this version reads: {error} (name another file)") from error


def within(store: Path) -> list[Checkpoint]:
    """The checkpoints under STORE/checkpoints, by their names, which begin with their times."""
    return [load(path) for path in sorted((store / "checkpoints").glob("*.json")) if not path.name.startswith(".")]


def name_of(data: bytes, time: str) -> str:
    """What a checkpoint's file is called: by its time, and different for different bytes."""
    return f"{time.replace(':', '')}-{sha256(data).hexdigest()[:8]}.json"


def is_signed_by(checkpoint: Checkpoint, public_key: Key) -> bool:
    """Whether one of the signatures is by this key, over exactly what the checkpoint says."""
    from provenance import standalone

    signed = standalone.encoding(PAYLOAD_TYPE, checkpoint.payload)
    for signature in checkpoint.signatures:
        try:
            if standalone.is_signed(public_key, _bytes(signature.sig), signed):
                return True
        except ValueError:
            pass
    return False


def _bytes(text: str) -> bytes:
    """Base64, standard or URL-safe, as DSSE has readers accept; ValueError where it is neither."""
    try:
        return base64.b64decode(text.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except binascii.Error as error:
        raise ValueError(f"not Base64: {error}") from error


def recording(checkpoints: Sequence[Checkpoint], head: Head) -> bool:
    """Whether one of the checkpoints says the same of the shard."""
    return any(one.heads.get(head.shard) == head for one in checkpoints)
