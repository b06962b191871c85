"""Envelopes: what is signed, by which key. Keys are reached through securesystemslib (the ``[sign]`` extra).

Source: secure-systems-lab/dsse, protocol.md and envelope.md, version 1.0.2; securesystemslib 1.x, signer URIs.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from provenance import standalone
from provenance.errors import StoreError

if TYPE_CHECKING:
    from provenance.standalone import Key

SIGN = "the package securesystemslib or cryptography is not installed (pip install 'provenance-cleanroom[sign]')"
MEND = "make one with: openssl genpkey -algorithm ed25519 -out FILE"
SCHEMES = {"ed25519": "ed25519", "p256": "ecdsa-sha2-nistp256"}


class Signer(NamedTuple):
    """A key that can sign, and its public half."""

    sign: Callable[[bytes], bytes]
    key: Key


def signer(named: str, public: Key | None = None) -> Signer:
    """What signs with a key; the key itself is not read out where it lies in hardware or a service.

    ``named`` is a file (PEM, PKCS #8, or OpenSSH's), ``file:PATH``, ``env:NAME`` (the PEM is the variable's value), or
    a URI of securesystemslib (``awskms:``, ``azurekms:``, ``gcpkms:``, ``hsm:``, ``hv:`` ...), for which ``public`` is
    needed. Raises StoreError where it cannot be used, or is neither an Ed25519 nor an ECDSA P-256 key.
    """
    try:
        schemes = _sslib().SIGNER_FOR_URI_SCHEME
    except ImportError as error:
        raise StoreError(f"{named}: {SIGN}") from error
    scheme, found, rest = named.partition(":")
    try:
        if found and scheme == "env":
            pem = os.environ.get(rest)
            if pem is None:
                raise StoreError(f"{named}: the environment has no such variable (put the key's PEM there)")
            made = _of_pem(pem.encode(), named)
        elif found and scheme in schemes and scheme != "file2":
            made = _of_uri(named, public)
        else:
            path = rest if found and scheme in ("file", "file2") else named
            try:
                made = _of_pem(Path(path).read_bytes(), path)
            except OSError as error:
                raise StoreError(f"{path}: cannot be read: {error.strerror} ({MEND})") from error
    except ImportError as error:
        raise StoreError(f"{named}: {SIGN}") from error
    if public is not None and public.keyid != made.key.keyid:
        raise StoreError(f"{named}: not the private half of the public key that was named")
    return made


def _sslib() -> Any:
    """securesystemslib.signer, which does not mark what it exports for type checkers."""
    return importlib.import_module("securesystemslib.signer")


def _of_pem(pem: bytes, named: str) -> Signer:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    read = serialization.load_pem_private_key
    if b"BEGIN OPENSSH PRIVATE KEY" in pem:
        read = serialization.load_ssh_private_key
    try:
        private: Any = read(pem, password=None)
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        key = standalone.public_key(private.public_key().public_bytes(serialization.Encoding.PEM, spki))
        inner = _sslib().CryptoSigner(private)
    except TypeError as error:
        raise StoreError(f"{named}: a private key with a password, which cannot be asked for here ({MEND})") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StoreError(f"{named}: not a private key that this tool signs with: {error} ({MEND})") from error
    return Signer(_signing(inner, named), key)


def _of_uri(uri: str, public: Key | None) -> Signer:
    if public is None:
        raise StoreError(f"{uri}: name its public key too (--public-key), so that signatures can be checked")
    scheme = SCHEMES[public.kind]
    kind = "ed25519" if public.kind == "ed25519" else "ecdsa"
    value = public.data.hex() if kind == "ed25519" else pem(public).decode()
    try:
        sslib = _sslib()
        inner = sslib.Signer.from_priv_key_uri(uri, sslib.SSlibKey(public.keyid, kind, scheme, {"public": value}))
    except ImportError:
        raise
    except Exception as error:  # "Signer implementations may raise errors that are not documented" (securesystemslib)
        raise StoreError(f"{uri}: cannot be signed with: {error}") from error
    return Signer(_signing(inner, uri), public)


def _signing(inner: Any, named: str) -> Callable[[bytes], bytes]:
    def sign(message: bytes) -> bytes:
        try:
            return bytes.fromhex(inner.sign(message).signature)
        except Exception as error:  # as above
            raise StoreError(f"{named}: did not sign: {error}") from error

    return sign


def pem(key: Key) -> bytes:
    """A public key in PEM."""
    head = standalone.ED25519_HEAD if key.kind == "ed25519" else standalone.P256_HEAD
    text = base64.b64encode(head + key.data).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]).encode()


def public(path: Path) -> Key:
    """A public key from its PEM file; StoreError where it is none."""
    try:
        return standalone.public_key(path.read_bytes()[: 1 << 16])
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be read: {error.strerror} (make one with: openssl pkey -in PRIVATE -pubout -out FILE)"
        ) from error
    except ValueError as error:
        raise StoreError(f"{path}: {error}") from error


def sealed(kind: str, payload: bytes, signers: Sequence[Signer]) -> bytes:
    """The file of an envelope, canonical: the same payload and Ed25519 keys, the same bytes.

    Every signature is checked before it is handed on. Without signers the list of signatures is empty, which DSSE does
    not have: such a file is called unsigned.
    """
    message = standalone.encoding(kind, payload)
    signatures = []
    for one in signers:
        signature = one.sign(message)
        if not standalone.is_signed(one.key, signature, message):
            raise StoreError(
                f"key {one.key.keyid}: its signature does not verify (name the public key that belongs to it)"
            )
        signatures.append({"keyid": one.key.keyid, "sig": base64.b64encode(signature).decode()})
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": signatures}
    return json.dumps(envelope, sort_keys=True, separators=(",", ":")).encode() + b"\n"
