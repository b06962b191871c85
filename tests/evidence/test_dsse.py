"""Signing: every kind of key that a command line can name, and what goes wrong in words."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from provenance import dsse, standalone
from provenance.errors import StoreError
from tests.evidence.making import keypair

pytest.importorskip("cryptography")
sslib = pytest.importorskip("securesystemslib.signer")

KIND = "application/vnd.in-toto+json"


@pytest.fixture(autouse=True)
def _keys() -> None:
    keypair(Path("key.pem"), Path("public.pem"))


def envelope(*signers: dsse.Signer) -> bytes:
    return dsse.sealed(KIND, b'{"a":1}', signers)


def is_by(data: bytes, key: standalone.Key) -> bool:
    signed = standalone.envelope(data)
    message = standalone.encoding(signed.kind, signed.payload)
    return any(standalone.is_signed(key, signature, message) for _, signature in signed.signatures)


def test_files_environment_and_openssh_keys_sign_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives import serialization

    pem = Path("key.pem").read_bytes()
    monkeypatch.setenv("SIGNING_KEY", pem.decode())
    private = serialization.load_pem_private_key(pem, None)
    form, plain = serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    Path("id_ed25519").write_bytes(private.private_bytes(serialization.Encoding.PEM, form, plain))
    made = {envelope(dsse.signer(named)) for named in ("key.pem", "file:key.pem", "env:SIGNING_KEY", "id_ed25519")}
    assert len(made) == 1
    assert is_by(made.pop(), dsse.public(Path("public.pem")))


def test_the_envelope_is_one_that_securesystemslib_verifies() -> None:
    from securesystemslib.dsse import Envelope

    by = dsse.signer("key.pem")
    found = Envelope.from_dict(json.loads(envelope(by)))
    key = sslib.SSlibKey(by.key.keyid, "ed25519", "ed25519", {"public": by.key.data.hex()})
    assert [by.key.keyid] == list(found.verify([key], 1))


def test_a_key_in_a_service_signs_by_its_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a key service of the cloud does it: ECDSA P-256, the public half named beside it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public = standalone.public_key(private.public_key().public_bytes(serialization.Encoding.PEM, spki))

    class Service(sslib.CryptoSigner):  # type: ignore[misc,name-defined]
        @classmethod
        def from_priv_key_uri(cls, uri: str, public_key: object, secrets: object = None) -> Service:
            assert uri == "test-kms:one"
            return cls(private, public_key)

    monkeypatch.setitem(sslib.SIGNER_FOR_URI_SCHEME, "test-kms", Service)
    assert is_by(envelope(dsse.signer("test-kms:one", public)), public)
    with pytest.raises(StoreError, match="public key too"):
        dsse.signer("test-kms:one")
    other = dsse.public(Path("public.pem"))
    with pytest.raises(StoreError):
        envelope(dsse.signer("test-kms:one", other))


def test_without_a_key_the_list_of_signatures_is_empty() -> None:
    assert {"payload", "payloadType", "signatures"} == set(found := json.loads(envelope()))
    assert ([], b'{"a":1}') == (found["signatures"], base64.b64decode(found["payload"]))


@pytest.mark.parametrize("named", ["none.pem", "env:NOT_THERE", "public.pem", "words.txt", "locked.pem", "rsa.pem"])
def test_what_is_no_usable_key_is_refused_in_words(named: str) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    form, pem = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    Path("words.txt").write_text("not a key")
    locked = serialization.BestAvailableEncryption(b"secret")
    Path("locked.pem").write_bytes(Ed25519PrivateKey.generate().private_bytes(pem, form, locked))
    plain = serialization.NoEncryption()
    Path("rsa.pem").write_bytes(rsa.generate_private_key(65537, 2048).private_bytes(pem, form, plain))
    with pytest.raises(StoreError, match=named.replace(".", r"\.")):
        dsse.signer(named)


def test_a_public_key_is_the_whole_file() -> None:
    text = Path("public.pem").read_bytes()
    for data in (b"", b"words", text + b"more", b"PK\3\4" + text, Path("key.pem").read_bytes()):
        Path("wrong.pem").write_bytes(data)
        with pytest.raises(StoreError, match=r"wrong\.pem"):
            dsse.public(Path("wrong.pem"))
