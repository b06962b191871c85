"""The verifier inside every pack: its arithmetic against published values, and hostile packs of every kind."""

from __future__ import annotations

import ast
import base64
import contextlib
import functools
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import dsse, ledger, standalone
from provenance.cli.policy import asking
from provenance.errors import ProvenanceError
from provenance.evidence import packing, verifying
from provenance.ledger import merkle
from tests.evidence.making import Made


@pytest.fixture(scope="module", autouse=True)
def _each_signature_is_worked_out_once() -> Iterator[None]:
    """The answer for a key, a signature and a message is always the same: packs are verified hundreds of times here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standalone, "is_signed", functools.cache(standalone.is_signed))
        yield


VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595b"
        "be24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb430"
        "2aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716e"
        "d28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643c"
        "e80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138a"
        "c17ad9bef1177331a704",
    ),
]
"""RFC 8032 section 7.1: tests 1, 2, 3 and SHA(abc)."""


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_published_signatures_hold_and_no_other(public: str, message: str, signature: str) -> None:
    key = standalone.key_of("ed25519", bytes.fromhex(public))
    said, sig = bytes.fromhex(message), bytes.fromhex(signature)
    assert standalone.is_signed(key, sig, said)
    assert not standalone.is_signed(key, sig, said + b"\0")
    for at in range(0, 64, 7):
        assert not standalone.is_signed(key, sig[:at] + bytes([sig[at] ^ 1]) + sig[at + 1 :], said)
    beyond = int.from_bytes(sig[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    assert not standalone.is_signed(key, sig[:32] + beyond.to_bytes(32, "little"), said), "s is below the order"
    for wrong in (b"", sig[:63], sig + b"\0"):
        assert not standalone.is_signed(key, wrong, said)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_it_agrees_with_another_implementation_on_whose_signature_it_is(kind: str) -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    random.seed(5)
    for number in range(12):
        message = random.randbytes(number * 11)
        private = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        key = standalone.public_key(private.public_key().public_bytes(serialization.Encoding.PEM, spki))
        if isinstance(private, ed25519.Ed25519PrivateKey):
            signature = private.sign(message)
        else:
            signature = private.sign(message, ec.ECDSA(hashes.SHA256()))
        assert key.kind == kind
        assert standalone.public_key(dsse.pem(key)) == key
        assert standalone.is_signed(key, signature, message)
        assert not standalone.is_signed(key, signature, message + b"x")
        at = random.randrange(len(signature))
        changed = signature[:at] + bytes([signature[at] ^ 1 << random.randrange(8)]) + signature[at + 1 :]
        assert not standalone.is_signed(key, changed, message)


@given(st.lists(st.binary(max_size=4), max_size=40), st.data())
@settings(max_examples=60, deadline=None)
def test_its_trees_are_those_of_the_ledger(entries: list[bytes], data: st.DataObject) -> None:
    leaves = [standalone.leaf(one) for one in entries]
    assert standalone.root(leaves) == merkle.root(map(merkle.leaf, entries))
    if not leaves:
        return
    index = data.draw(st.integers(0, len(leaves) - 1))
    first = data.draw(st.integers(0, len(leaves)))
    path = merkle.inclusion(leaves, index, len(leaves))
    assert standalone.is_included(leaves[index], index, len(leaves), path, standalone.root(leaves))
    assert not standalone.is_included(leaves[index], index, len(leaves), [*path, b"\0" * 32], standalone.root(leaves))
    grown = merkle.consistency(leaves, first, len(leaves))
    old, new = standalone.root(leaves[:first]), standalone.root(leaves)
    assert standalone.is_consistent(first, len(leaves), old, new, grown)
    assert not first or not standalone.is_consistent(first, len(leaves), old, standalone.leaf(b"other"), grown)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


json_lines = json_values.map(lambda one: json.dumps(one).encode())


@given(json_values)
def test_its_canonical_form_is_that_of_the_ledger(value: object) -> None:
    assert standalone.canonical(value) == ledger.canonical(value)


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | json_values.map(lambda one: json.dumps(one).encode())
)
def test_whatever_the_bytes_they_are_read_or_refused(data: bytes) -> None:
    for read in (standalone.envelope, standalone.manifest, standalone.public_key, standalone.parsed):
        with contextlib.suppress(ValueError):
            read(data)


def test_it_is_one_file_that_needs_the_standard_library_alone() -> None:
    tree = ast.parse(packing.verifier(), feature_version=(3, 9))
    names = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names}


def faults(path: Path) -> dict[str, str]:
    """The parts that do not hold, which both verifiers name alike."""
    alone = standalone.verify(str(path)).faults
    installed = verifying.verify(path, asking).faults
    assert alone == installed or not alone
    return dict(installed)


def test_a_pack_holds_as_zip_and_as_folder(evidence: Made, zipped: Path) -> None:
    assert {} == faults(zipped)
    assert {} == faults(evidence.folder / "evidence")


def test_every_byte_of_the_zip_counts(zipped: Path, tmp_path: Path) -> None:
    whole = zipped.read_bytes()
    rng = random.Random(7)
    # The ends, where zips have fields that nobody reads, and some of everything between.
    places = [*range(48), *range(len(whole) - 72, len(whole)), *(rng.randrange(len(whole)) for _ in range(60))]
    path = tmp_path / "changed.zip"
    for at in places:
        changed = bytearray(whole)
        changed[at] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        assert standalone.verify(str(path)).faults, at


def test_a_changed_file_is_named(evidence: Made, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    shutil.copytree(evidence.folder / "evidence", folder)
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = path.relative_to(folder).as_posix()
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        named = {standalone.SUM, name} if name == standalone.MANIFEST else {name}
        assert named & set(faults(folder)), name
        path.unlink()
        assert name in faults(folder)
        path.write_bytes(before)
    assert {} == faults(folder)


def test_what_was_added_is_named(evidence: Made, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    shutil.copytree(evidence.folder / "evidence", folder)
    (folder / "reports" / "more.html").write_text("more")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "linked").symlink_to("/etc", target_is_directory=True)
    (folder / ".hidden").write_text("x")
    os.mkfifo(folder / "pipe")
    assert {"reports/more.html", "empty", "link", "linked", ".hidden", "pipe"} == set(faults(folder))


def test_zips_that_other_readers_take_for_the_same_are_refused(zipped: Path, tmp_path: Path) -> None:
    whole = zipped.read_bytes()
    path = tmp_path / "hostile.zip"

    def refused(data: bytes, part: str = "(zip)") -> None:
        path.write_bytes(data)
        assert part in faults(path), data[-40:]

    refused(whole + b"\0")
    refused(b"\0" + whole)
    refused(whole[:-2] + b"\1\0x")  # a comment
    refused(whole[:-1])
    refused(b"")
    refused(b"PK\3\4")
    with zipfile.ZipFile(zipped) as source:
        pairs = [(info.filename, source.read(info)) for info in source.infolist()]
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        with zipfile.ZipFile(path, "w") as made:
            for name, data in pairs:
                made.writestr(zipfile.ZipInfo(name), data, compression)
        assert faults(path)


def rezipped(path: Path, pairs: list[tuple[str, bytes]]) -> Path:
    """A zip in canonical form, but for the names."""
    at, made, entries = 0, b"", []
    for name, data in pairs:
        crc = zlib.crc32(data)
        entries.append((name, crc, len(data), at))
        made += standalone.local_header(name, crc, len(data)) + data
        at = len(made)
    path.write_bytes(made + standalone.directory(entries, at))
    return path


@pytest.mark.parametrize(
    "name", ["../out", "/etc/x", "a//b", "a/./b", "a\\b", "C:x", "con.txt", "a/nul", "x.", ".git/config", "a" * 300, ""]
)
def test_names_that_lead_elsewhere_are_refused(zipped: Path, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(zipped) as source:
        pairs = [(info.filename, source.read(info)) for info in source.infolist()]
    found = faults(rezipped(tmp_path / "hostile.zip", [*pairs, (name, b"x")]))
    assert "(zip)" in found
    assert not standalone.is_name(name)


def test_the_same_name_twice_is_refused(zipped: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(zipped) as source:
        pairs = [(info.filename, source.read(info)) for info in source.infolist()]
    assert "waivers.yaml" in faults(rezipped(tmp_path / "twice.zip", [*pairs, ("waivers.yaml", b"x")]))
    assert faults(rezipped(tmp_path / "order.zip", pairs[::-1]))


def test_large_and_deep_json_is_refused_in_words(tmp_path: Path) -> None:
    for number, data in enumerate(
        (b"[" * 100_000, b'{"a":' * 50_000, b"9" * 100_000, b"\xff\xfe", b"NaN", b'"' + b"a" * 10)
    ):
        path = rezipped(tmp_path / f"{number}.zip", [("MANIFEST.json", data)])
        assert standalone.MANIFEST in faults(path)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_random_damage_never_ends_otherwise_than_in_a_fault(evidence: Made, data: st.DataObject) -> None:
    """Damage with a manifest made anew, so that it reaches the readers of every part."""
    source = evidence.folder / "evidence"
    names = sorted(one.relative_to(source).as_posix() for one in source.rglob("*") if one.is_file())
    parts: dict[str, bytes] = {name: (source / name).read_bytes() for name in names}
    name = data.draw(st.sampled_from([one for one in names if one.endswith((".json", ".pem"))]))
    raw = bytearray(parts[name])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    parts[name] = bytes(raw)
    for one in (standalone.MANIFEST, standalone.SUM):
        del parts[one]
    out = evidence.folder / "damaged.zip"
    packing.write(out, dict(parts))
    outcome = standalone.verify(str(out))
    assert all(part and why for part, why in outcome.faults)


def test_the_verifier_in_a_pack_runs_alone(evidence: Made, zipped: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(zipped) as source:
        (tmp_path / "verify.py").write_bytes(source.read("verify.py"))
    shutil.copy(evidence.folder / evidence.public, tmp_path / "theirs.pem")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "verify.py", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    good = run(zipped, "--public-key", "theirs.pem", "--dataset", evidence.folder)
    assert (0, "") == (good.returncode, good.stderr)
    assert "verified: MANIFEST.json, attestations/" in good.stdout
    assert good.stdout.endswith("the pack holds, signed by a key that was named\n")
    assert "dataset: 1 files have the SHA-256" in good.stdout
    assert "the policy was not applied again" in good.stdout
    data = bytearray(zipped.read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "bad.zip").write_bytes(data)
    bad = run("bad.zip")
    assert bad.returncode == 1
    assert "FAULT " in bad.stdout
    assert run("none.zip").returncode == 2
    assert run(zipped, "--public-key", zipped).returncode == 2
    folder = subprocess.run(
        [sys.executable, "-I", str(evidence.folder / "evidence" / "verify.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert folder.returncode == 0, folder.stdout


def test_a_key_that_nobody_used_does_not_verify(evidence: Made, zipped: Path, tmp_path: Path) -> None:
    from tests.evidence.making import keypair

    keypair(tmp_path / "other", tmp_path / "other.pem")
    other = dsse.public(tmp_path / "other.pem")
    assert [(standalone.MANIFEST, "not signed by the key that was named")] == standalone.verify(
        str(zipped), [other]
    ).faults
    assert not standalone.verify(str(zipped), [dsse.public(evidence.folder / evidence.public)]).faults


def test_a_signature_by_a_key_that_is_named_must_hold(evidence: Made, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    shutil.copytree(evidence.folder / "evidence", folder)
    manifest = json.loads((folder / "MANIFEST.json").read_bytes())
    signature = bytearray(base64.b64decode(manifest["signatures"][0]["sig"]))
    signature[0] ^= 1
    manifest["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    data = ledger.canonical(manifest) + b"\n"
    (folder / "MANIFEST.json").write_bytes(data)
    summed = f"{hashlib.sha256(data).hexdigest()}  MANIFEST.json\n"
    (folder / "MANIFEST.sha256").write_text(summed)
    assert "the signature does not hold" in faults(folder)["MANIFEST.json"]


def test_errors_of_the_disk_are_said(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match="cannot be read"):
        verifying.verify(tmp_path / "none.zip", asking)


def test_a_key_in_the_form_of_openssh_is_the_same_key() -> None:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    ours = (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()))
    for private in ours:
        public = private.public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        assert standalone.public_key(pem) == standalone.public_key(line + b" alice@example\n")
    other = rsa.generate_private_key(65537, 2048).public_key()
    line = other.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    for wrong in (line, b"ssh-ed25519", b"ssh-ed25519 AAAA", b"ssh-ed25519 !"):
        with pytest.raises(ValueError, match=r"a key of another kind|not Base64"):
            standalone.public_key(wrong)


def test_a_key_of_small_order_signs_nothing() -> None:
    """With the neutral point as key, [s]B = R holds for whatever message."""
    neutral = (1).to_bytes(32, "little")
    assert not standalone.is_signed(standalone.key_of("ed25519", neutral), neutral + bytes(32), b"anything")


@pytest.mark.parametrize(
    "data",
    [b'{"a":1,"a":2}', b'{"x":[{"b":1,"c":2,"b":1}]}', b"[" + b"1" * 21 + b"]", b"[" + b"[]," * (1 << 23) + b"1]"],
)
def test_json_that_readers_take_differently_or_that_fills_the_memory_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"stands twice|without end|more than 8,388,608 values"):
        standalone.parsed(data)


def test_folders_in_folders_without_end_are_a_fault(tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    folder.joinpath(*["a"] * 200).mkdir(parents=True)
    assert any(why == "a name that no pack has" for _, why in standalone.verify(str(folder)).faults)


def test_signatures_without_number_are_not_all_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standalone, "CHECKS", 100)
    keys = [standalone.key_of("ed25519", bytes([one]) * 32) for one in range(20)]
    sealed = {"payload": "e30=", "payloadType": "x", "signatures": [{"sig": "A" * 86 + "=="}] * 10}
    packing.write(tmp_path / "many.zip", {"attestations/a.json": json.dumps(sealed).encode()}, keys=keys)
    outcome = standalone.verify(str(tmp_path / "many.zip"))
    assert ("attestations/a.json", "more than 100 signatures to try, with this one's") in outcome.faults


def test_the_last_line_says_what_the_signature_is_worth(evidence: Made, zipped: Path, tmp_path: Path) -> None:
    public = dsse.public(evidence.folder / evidence.public)
    assert standalone.last_line(standalone.verify(str(zipped), [public])).endswith("signed by a key that was named")
    assert "was not verified" in standalone.last_line(standalone.verify(str(zipped)))
    packing.write(tmp_path / "plain.zip", {"policy.yaml": b"x"})
    assert "nobody signed it" in standalone.last_line(standalone.verify(str(tmp_path / "plain.zip")))
    (tmp_path / "plain.zip").write_bytes(b"")
    assert "the pack does not hold" == standalone.last_line(standalone.verify(str(tmp_path / "plain.zip"), [public]))
