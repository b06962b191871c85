"""``provenance ledger`` as a user meets it: what was changed, cut or reordered since a checkpoint is seen and said."""

from __future__ import annotations

import base64
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provenance import cli, ledger, standalone
from provenance.errors import StoreError
from provenance.ledger import checkpoint, merkle, proof
from tests.conftest import Ran

Run = Callable[..., Ran]
GOLDEN = Path(__file__).parents[1] / "golden"
STORE = Path(".provenance")
ID = "0f" * 16


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``provenance ledger ...``"""
    monkeypatch.setitem(cli.COMMANDS, "ledger", "")
    return lambda *arguments: run("ledger", *arguments)


@pytest.fixture
def shard() -> Path:
    """A shard of ten entries, of which 4 is an ingredient's."""
    entries: list[tuple[str, dict[str, Any]]] = [("gate", {"exit": number}) for number in range(10)]
    entries[4] = ("ingredient", {"id": ID, "tokens": 70})
    ledger.extend(STORE, entries)
    return Path(ledger.path_of(STORE, ledger.shard(STORE)))


@pytest.fixture
def keys() -> tuple[Path, Path]:
    """An Ed25519 key pair as openssl writes it: private, public."""
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    Path("private.pem").write_bytes(private.private_bytes(serialization.Encoding.PEM, form, plain))
    Path("public.pem").write_bytes(private.public_key().public_bytes(serialization.Encoding.PEM, spki))
    return Path("private.pem"), Path("public.pem")


def more(count: int) -> None:
    ledger.extend(STORE, [("gate", {"more": number}) for number in range(count)])


def written() -> list[Path]:
    return sorted((STORE / "checkpoints").iterdir()) if (STORE / "checkpoints").exists() else []


def payload(path: Path) -> dict[str, Any]:
    found = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
    assert isinstance(found, dict)
    return found


# verify


def test_a_ledger_that_nobody_touched_agrees(ask: Run, shard: Path) -> None:
    done = ask("verify")
    assert 0 == done.code
    root = merkle.root(map(merkle.leaf, shard.read_bytes().splitlines())).hex()
    assert [f"{shard.stem}: 10 entries, root {root}, no checkpoint", "1 shards, 0 at fault"] == done.out.splitlines()


def test_without_a_ledger_nothing_could_be_verified(ask: Run) -> None:
    done = ask("verify")
    assert 2 == done.code
    assert "no ledger here (run 'provenance ingest PATH...' first, or name one with --store)" in done.err


def test_a_damaged_line_fails_by_its_place(ask: Run, shard: Path) -> None:
    shard.write_bytes(shard.read_bytes().replace(b'"exit":7', b'"exit": 7'))
    done = ask("verify")
    assert 1 == done.code
    assert f"FAULT: {shard.stem}:7 is damaged: not in canonical form" in done.out


def test_of_many_damaged_lines_the_first_are_named_and_all_counted(ask: Run, shard: Path) -> None:
    with shard.open("ab") as file:
        file.write(b"x\n" * 50)
    done = ask("verify")
    assert 11 == done.out.count("FAULT: ")
    assert "40 more lines are damaged" in done.out


def test_what_a_killed_writer_left_is_told_and_is_no_fault(ask: Run, shard: Path) -> None:
    with shard.open("ab") as file:
        file.write(b'{"half":')
    before = ask("verify")
    more(1)
    after = ask("verify")
    assert (0, 0) == (before.code, after.code)
    assert "note: its last line is cut off, or being written now" in before.out
    assert f"note: 1 torn lines were moved to {shard.stem}.torn" in after.out
    assert "10 entries" in before.out
    assert "12 entries" in after.out


CHANGES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "cut": (lambda lines: lines[:9], "cut: it has 9 entries, the checkpoint of"),
    "emptied": (lambda lines: [], "cut: it has 0 entries, the checkpoint of"),
    "reordered": (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "changed: of its first 10 entries"),
    "one changed": (
        lambda lines: [line.replace(b'"exit":7', b'"exit":0') for line in lines],
        "changed: of its first 10 entries",
    ),
    "one removed, one added": (lambda lines: [*lines[1:], lines[0]], "changed: of its first 10 entries"),
    "one put in": (lambda lines: [lines[5], *lines], "changed: of its first 10 entries"),
    "one said twice": (lambda lines: [*lines[:5], lines[4], *lines[5:]], "changed: of its first 10 entries"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_since_a_checkpoint_is_seen(ask: Run, shard: Path, change: str) -> None:
    assert 0 == ask("checkpoint").code
    how, message = CHANGES[change]
    shard.write_bytes(b"".join(line + b"\n" for line in how(shard.read_bytes().splitlines())))
    done = ask("verify")
    assert 1 == done.code
    assert f"FAULT: {message}" in done.out
    assert str(written()[0]) in done.out
    assert "1 shards, 1 at fault" in done.out


def test_a_shard_that_is_gone_is_seen(ask: Run, shard: Path) -> None:
    ask("checkpoint")
    shard.unlink()
    done = ask("verify")
    assert 1 == done.code
    assert f"{shard.stem}: 0 entries" in done.out
    assert "cut: it has 0 entries" in done.out


def test_growth_is_no_change_and_a_change_is_placed_between_checkpoints(ask: Run, shard: Path) -> None:
    for _ in range(4):
        assert 0 == ask("checkpoint").code
        more(10)
    done = ask("verify")
    assert (0, True) == (done.code, "agrees with 4 of 4 checkpoints" in done.out)
    shard.write_bytes(
        shard.read_bytes().replace(b'{"kind":"gate","ledger":2,"more":3,', b'{"kind":"gate","ledger":2,"more":4,', 2)
    )
    done = ask("verify")
    assert "agrees with 1 of 4 checkpoints" in done.out
    assert "changed: of its first 20 entries, those from 10 on are not what the checkpoint of" in done.out


def test_every_shard_is_told_apart(ask: Run, shard: Path) -> None:
    other = shard.with_name("0" * 16 + ".jsonl")
    shutil.copy(shard, other)
    shutil.copy(GOLDEN / "ledger-1.jsonl", STORE / "ledger.jsonl")
    assert 0 == ask("checkpoint").code
    other.write_bytes(b"".join(other.read_bytes().splitlines(keepends=True)[:3]))
    (STORE / "ledger.jsonl").write_bytes((STORE / "ledger.jsonl").read_bytes().replace(b'"rows":3', b'"rows":4'))
    done = ask("verify")
    assert 1 == done.code
    lines = done.out.splitlines()
    assert f"{'0' * 16}: 3 entries" in "\n".join(lines)
    assert "3 shards, 2 at fault" == lines[-1]
    assert "agrees with 1 of 1 checkpoints" in next(line for line in lines if line.startswith(shard.stem))


def test_only_the_checkpoints_that_are_named_count(ask: Run, shard: Path, tmp_path: Path) -> None:
    ask("checkpoint", "--out", tmp_path / "mine.json")
    ask("checkpoint")
    shutil.copy(written()[0], tmp_path / "stolen.json")
    shard.write_bytes(b"")
    written()[0].unlink()
    assert 0 == ask("verify").code
    assert 1 == ask("verify", "--checkpoint", tmp_path / "mine.json").code
    assert 1 == ask("verify", "--checkpoint", tmp_path / "mine.json", "--checkpoint", tmp_path / "stolen.json").code


# checkpoint


def test_a_checkpoint_says_every_shard_and_its_root(ask: Run, shard: Path) -> None:
    shutil.copy(GOLDEN / "ledger-1.jsonl", STORE / "ledger.jsonl")
    done = ask("checkpoint")
    (path,) = written()
    assert f"unsigned checkpoint of 2 shards: {path}" in done.out
    envelope = json.loads(path.read_bytes())
    assert ([], "application/vnd.provenance.checkpoint+json") == (envelope["signatures"], envelope["payloadType"])
    said = payload(path)
    roots = {
        name: merkle.root(map(merkle.leaf, file.read_bytes().splitlines())).hex()
        for name, file in ((shard.stem, shard), ("ledger-1", STORE / "ledger.jsonl"))
    }
    expected = [
        {"root": roots[name], "shard": name, "size": size} for name, size in ((shard.stem, 10), ("ledger-1", 3))
    ]
    assert (1, expected) == (said["checkpoint"], said["shards"])
    assert path.name.startswith(said["time"].replace(":", ""))


def test_a_ledger_that_was_changed_gets_no_new_checkpoint(ask: Run, shard: Path) -> None:
    ask("checkpoint")
    shard.write_bytes(shard.read_bytes().replace(b'"exit":7', b'"exit":0'))
    done = ask("checkpoint")
    assert 1 == done.code
    assert "no checkpoint written: the ledger is not what an earlier one records" in done.err
    assert 1 == len(written())


def test_a_damaged_line_is_recorded_as_it_stands(ask: Run, shard: Path) -> None:
    with shard.open("ab") as file:
        file.write(b"x\n")
    done = ask("checkpoint")
    assert (0, True) == (done.code, "warning: damaged lines are recorded as they stand" in done.err)
    assert 11 == payload(written()[0])["shards"][0]["size"]
    more(1)
    done = ask("verify")
    assert (1, True) == (done.code, "agrees with 1 of 1 checkpoints" in done.out)


def test_a_checkpoint_is_not_written_where_none_can_be(ask: Run, shard: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert 2 == ask("checkpoint", "--out", tmp_path / "file" / "checkpoint.json").code


def test_a_signed_checkpoint_is_a_dsse_envelope_that_others_can_check(
    ask: Run, shard: Path, keys: tuple[Path, Path]
) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    private, public = keys
    done = ask("checkpoint", "--key", private)
    (path,) = written()
    assert f"signed checkpoint of 1 shards: {path}" in done.out
    envelope = json.loads(path.read_bytes())
    body = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 " + str(len(kind)).encode() + b" " + kind + b" " + str(len(body)).encode() + b" " + body
    (signature,) = envelope["signatures"]
    load_pem_public_key(public.read_bytes()).verify(base64.b64decode(signature["sig"]), signed)
    done = ask("verify", "--public-key", public)
    assert (0, True) == (done.code, f"signed by {public}" in done.out)
    assert "signature not checked (name the key with --public-key)" in ask("verify").out


def test_a_checkpoint_that_another_made_or_nobody_signed_is_a_fault_where_a_key_is_asked_for(
    ask: Run, shard: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    private, public = keys
    ask("checkpoint", "--out", tmp_path / "unsigned.json")
    ask("checkpoint", "--key", private, "--out", tmp_path / "signed.json")
    envelope = json.loads((tmp_path / "signed.json").read_bytes())
    changed = {**payload(tmp_path / "signed.json"), "time": "2000-01-01T00:00:00.000Z"}
    envelope["payload"] = base64.b64encode(json.dumps(changed).encode()).decode()
    (tmp_path / "changed.json").write_text(json.dumps(envelope))
    envelope["signatures"] = [{"sig": "AAAA"}, {"sig": "not base64!", "keyid": "x"}]
    (tmp_path / "nonsense.json").write_text(json.dumps(envelope))
    for name in ("unsigned", "changed", "nonsense"):
        done = ask("verify", "--public-key", public, "--checkpoint", tmp_path / f"{name}.json")
        assert 1 == done.code
        assert f"FAULT: checkpoint {tmp_path / name}.json: not signed by {public}" in done.out
    assert ", unsigned" in ask("verify", "--checkpoint", tmp_path / "unsigned.json").out
    assert 0 == ask("verify", "--public-key", public, "--checkpoint", tmp_path / "signed.json").code


def test_a_key_of_another_kind_is_refused(ask: Run, shard: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = keys
    (tmp_path / "noise.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    for key in (public, tmp_path / "noise.pem", tmp_path / "nowhere.pem"):
        done = ask("checkpoint", "--key", key)
        assert (2, True) == (done.code, "openssl genpkey -algorithm ed25519" in done.err)
    for key in (private, tmp_path / "noise.pem", tmp_path / "nowhere.pem"):
        done = ask("verify", "--public-key", key)
        assert (2, True) == (done.code, "openssl pkey -in PRIVATE -pubout" in done.err)
    assert [] == written()


def test_without_cryptography_the_command_says_what_to_install(
    ask: Run, shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for name in [name for name in sys.modules if name.startswith("cryptography.")]:
        monkeypatch.delitem(sys.modules, name)
    Path("private.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    done = ask("checkpoint", "--key", "private.pem")
    assert 2 == done.code
    assert "cryptography is not installed (pip install 'provenance-cleanroom[sign]')" in done.err


def test_what_is_signed_is_what_the_dsse_specification_says() -> None:
    """The test vector of protocol.md, version 1.0.2."""
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert expected == standalone.encoding("http://example.com/HelloWorld", b"hello world")


# proof


def test_an_entry_is_shown_without_the_ledger(ask: Run, shard: Path, tmp_path: Path) -> None:
    lines = shard.read_bytes().splitlines()
    for number, line in enumerate(lines):
        done = ask("proof", f"{shard.stem}:{number}")
        assert 0 == done.code
        (tmp_path / "proof.json").write_text(done.out)
        found = json.loads(done.out)
        assert (line.decode(), number, 10, shard.stem) == tuple(
            found[name] for name in ("entry", "index", "size", "shard")
        )
        checked = ask("verify", "--store", "nowhere", "--proof", tmp_path / "proof.json")
        assert (0, line.decode()) == (checked.code, checked.out.splitlines()[0])
        assert "by its own root alone: name a --checkpoint to trust it" in checked.out


def test_a_proof_is_of_what_a_checkpoint_records(ask: Run, shard: Path, tmp_path: Path) -> None:
    ask("checkpoint", "--out", tmp_path / "then.json")
    more(5)
    ask("checkpoint", "--out", tmp_path / "now.json")
    (tmp_path / "proof.json").write_text(ask("proof", ID, "--checkpoint", tmp_path / "then.json").out)
    assert 10 == json.loads((tmp_path / "proof.json").read_bytes())["size"]
    shutil.rmtree(STORE)
    right = ask("verify", "--proof", tmp_path / "proof.json", "--checkpoint", tmp_path / "then.json")
    wrong = ask("verify", "--proof", tmp_path / "proof.json", "--checkpoint", tmp_path / "now.json")
    assert (0, 1) == (right.code, wrong.code)
    assert f"is {shard.stem}:4 of 10 entries with root" in right.out
    assert "no checkpoint named here records 10 entries with root" in wrong.out


def test_an_ingredient_is_found_by_its_id(ask: Run, shard: Path) -> None:
    assert 4 == json.loads(ask("proof", ID).out)["index"]
    ledger.append(STORE, "gate", {"id": ID})
    done = ask("proof", ID)
    assert 2 == done.code
    assert f"several entries have this id (name one of {shard.stem}:4, {shard.stem}:10)" in done.err
    assert "no entry has this id" in ask("proof", "70").err


def test_an_entry_of_format_1_is_shown_too(ask: Run, tmp_path: Path) -> None:
    STORE.mkdir()
    shutil.copy(GOLDEN / "ledger-1.jsonl", STORE / "ledger.jsonl")
    (tmp_path / "proof.json").write_text(ask("proof", "ledger-1:2").out)
    assert 0 == ask("verify", "--proof", tmp_path / "proof.json").code


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("SHARD:10", "no such entry; the shard has 10 (numbers begin at 0)"),
        ("SHARD:9999999999999999", "no such entry"),
        ("0000000000000000:0", "no such shard"),
        ("ledger-1:0", "no such shard"),
        ("SHARD:-1", "no entry has this id"),
        ("\udcff", "no entry has this id"),
        ("", "no entry has this id"),
    ],
)
def test_what_is_not_in_the_ledger_has_no_proof(ask: Run, shard: Path, entry: str, message: str) -> None:
    done = ask("proof", "--", entry.replace("SHARD", shard.stem))
    assert 2 == done.code
    assert message in done.err


def test_a_damaged_line_is_not_shown(ask: Run, shard: Path) -> None:
    with shard.open("ab") as file:
        file.write(b"\xff\n")
    done = ask("proof", f"{shard.stem}:10")
    assert (2, True) == (done.code, "damaged, so it cannot be shown" in done.err)


def test_either_an_entry_or_a_checkpoint_is_named(ask: Run, shard: Path) -> None:
    for arguments in ((), (ID, "--since", "x.json")):
        done = ask("proof", *arguments)
        assert (2, True) == (done.code, "name either an ENTRY or --since CHECKPOINT" in done.err)


def test_growth_between_two_checkpoints_is_shown_without_the_ledger(ask: Run, shard: Path, tmp_path: Path) -> None:
    shutil.copy(shard, shard.with_name("0" * 16 + ".jsonl"))
    ask("checkpoint", "--out", tmp_path / "then.json")
    more(7)
    shutil.copy(shard, shard.with_name("1" * 16 + ".jsonl"))
    ask("checkpoint", "--out", tmp_path / "now.json")
    more(3)
    done = ask("proof", "--since", tmp_path / "then.json", "--checkpoint", tmp_path / "now.json")
    (tmp_path / "growth.json").write_text(done.out)
    shutil.rmtree(STORE)
    both = ("--checkpoint", tmp_path / "then.json", "--checkpoint", tmp_path / "now.json")
    checked = ask("verify", "--proof", tmp_path / "growth.json", *both)
    assert 0 == checked.code
    assert f"{shard.stem}: 10 entries grew to 17, as the checkpoint records it" in checked.out

    found = json.loads((tmp_path / "growth.json").read_bytes())
    (tmp_path / "empty.json").write_text(json.dumps({**found, "shards": []}))
    assert 2 == ask("verify", "--proof", tmp_path / "empty.json").code
    found["shards"].pop()
    (tmp_path / "growth.json").write_text(json.dumps(found))
    checked = ask("verify", "--proof", tmp_path / "growth.json", *both)
    assert 1 == checked.code
    assert f"{shard.stem}: the proof leaves it out" in checked.out


def test_a_ledger_that_did_not_only_grow_has_no_proof_that_it_did(ask: Run, shard: Path, tmp_path: Path) -> None:
    ask("checkpoint", "--out", tmp_path / "then.json")
    more(4)
    whole = shard.read_bytes()
    cut = b"".join(whole.splitlines(keepends=True)[:9])
    for changed in (cut, whole.replace(b'"exit":7', b'"exit":0')):
        shard.write_bytes(changed)
        for arguments in (("--since",), (f"{shard.stem}:0", "--checkpoint")):
            done = ask("proof", *arguments, tmp_path / "then.json")
            assert (2, True) == (done.code, "run 'provenance ledger verify'" in done.err)


def test_a_proof_that_was_changed_does_not_hold(ask: Run, shard: Path, tmp_path: Path) -> None:
    found = json.loads(ask("proof", f"{shard.stem}:6").out)
    other = json.loads(ask("proof", f"{shard.stem}:7").out)
    changes: list[dict[str, Any]] = [
        {"entry": found["entry"].replace('"exit":6', '"exit":0')},
        {"entry": other["entry"]},
        {"entry": "\ud800"},
        {"index": 7},
        {"size": 0},
        {"size": 8},
        {"root": other["path"][0]},
        {"path": found["path"][:-1]},
        {"path": [*found["path"], found["root"]]},
        {"path": found["path"][::-1]},
        {"path": []},
    ]
    for change in changes:
        (tmp_path / "proof.json").write_text(json.dumps({**found, **change}))
        assert ask("verify", "--proof", tmp_path / "proof.json").code in (1, 2), change
        if "\ud800" not in change.values():
            assert "FAULT: " in ask("verify", "--proof", tmp_path / "proof.json").out, change


@pytest.mark.parametrize("change", [{"size": 11}, {"shard": "0" * 16}])
def test_what_the_root_does_not_cover_the_checkpoint_does(
    ask: Run, shard: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    """RFC 6962: a root alone does not say of how many leaves, or of which tree, it is."""
    ask("checkpoint", "--out", tmp_path / "then.json")
    found = json.loads(ask("proof", f"{shard.stem}:6").out)
    (tmp_path / "proof.json").write_text(json.dumps({**found, **change}))
    done = ask("verify", "--proof", tmp_path / "proof.json", "--checkpoint", tmp_path / "then.json")
    assert (1, True) == (done.code, "FAULT: " in done.out)


def test_a_tree_over_other_bytes_proves_no_entry(ask: Run, tmp_path: Path) -> None:
    """A proof holds of any leaf: that the leaf is an entry is checked too."""
    line = "no entry"
    said = {"entry": line, "index": 0, "kind": "inclusion", "path": [], "proof": 1, "shard": "0" * 16, "size": 1}
    (tmp_path / "proof.json").write_text(json.dumps({**said, "root": merkle.leaf(line.encode()).hex()}))
    done = ask("verify", "--proof", tmp_path / "proof.json")
    assert (1, True) == (done.code, "the entry is no entry of the ledger" in done.out)


# Files from elsewhere


def test_whatever_bytes_a_checkpoint_or_proof_has_it_is_judged_or_refused(
    ask: Run, shard: Path, tmp_path: Path
) -> None:
    ask("checkpoint", "--out", tmp_path / "then.json")
    more(5)
    (tmp_path / "entry.json").write_text(ask("proof", ID).out)
    (tmp_path / "growth.json").write_text(ask("proof", "--since", tmp_path / "then.json").out)
    ask("checkpoint", "--out", tmp_path / "now.json")
    checkpoints = [checkpoint.load(tmp_path / "then.json"), checkpoint.load(tmp_path / "now.json")]
    wholes = {name: (tmp_path / f"{name}.json").read_bytes() for name in ("then", "entry", "growth")}
    refused = held = 0
    chance = random.Random(6962)
    path = tmp_path / "fuzzed.json"
    for _ in range(1500):
        name = chance.choice(list(wholes))
        data = bytearray(wholes[name])
        if name == "then" and chance.random() < 0.7:
            inner = bytearray(base64.b64decode(json.loads(data)["payload"]))
            inner[chance.randrange(len(inner))] = chance.randrange(256)
            data = bytearray(json.dumps({**json.loads(data), "payload": base64.b64encode(inner).decode()}).encode())
        else:
            at = chance.randrange(len(data))
            data[at : at + chance.choice([0, 1, 1, 30])] = chance.randbytes(chance.choice([0, 1, 1, 3]))
        path.write_bytes(data)
        try:
            if name == "then":
                checkpoint.load(path)
            else:
                found = proof.load(path)
                faults = proof.faults(found, checkpoints)
                whole = json.loads(wholes[name])
                assert faults or json.loads(data) == whole, "a changed proof holds"
            held += 1
        except StoreError as error:
            refused += str(path) in str(error)
    assert 1500 == refused + held
    assert refused > 300
    assert held > 50


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"payload":' * 50_000,
        b"\xff\xfe",
        b'{"payload":"!","payloadType":"x","signatures":[]}',
    ],
    ids=map(str, range(7)),
)
def test_a_file_that_is_neither_checkpoint_nor_proof_could_not_be_verified(
    ask: Run, shard: Path, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "file.json").write_bytes(data)
    for arguments in (("--checkpoint",), ("--proof",)):
        done = ask("verify", *arguments, tmp_path / "file.json")
        assert (2, True) == (done.code, f"{tmp_path / 'file.json'}: not " in done.err)
    assert 2 == ask("verify", "--checkpoint", tmp_path / "nowhere.json").code
    (STORE / "checkpoints").mkdir()
    shutil.copy(tmp_path / "file.json", STORE / "checkpoints" / "file.json")
    assert 2 == ask("verify").code


@pytest.mark.parametrize(
    "change",
    [
        {"checkpoint": 2},
        {"extra": 1},
        {
            "shards": [
                {"root": "0" * 64, "shard": "f" * 16, "size": 1},
                {"root": "0" * 64, "shard": "0" * 16, "size": 1},
            ]
        },
        {"shards": [{"root": "0" * 64, "shard": "f" * 16, "size": 1}] * 2},
        {"shards": [{"root": "0" * 63, "shard": "f" * 16, "size": 1}]},
        {"shards": [{"root": "0" * 64, "shard": "../../etc/passwd", "size": 1}]},
        {"shards": [{"root": "0" * 64, "shard": "f" * 16, "size": -1}]},
        {"shards": [{"root": "0" * 64, "shard": "f" * 16, "size": 1.5}]},
        {"time": 1},
        {"time": "\x1b[2J"},
    ],
)
def test_a_checkpoint_of_another_form_is_refused(ask: Run, shard: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    ask("checkpoint", "--out", tmp_path / "then.json")
    envelope = json.loads((tmp_path / "then.json").read_bytes())
    body = json.dumps({**payload(tmp_path / "then.json"), **change}).encode()
    (tmp_path / "then.json").write_text(json.dumps({**envelope, "payload": base64.b64encode(body).decode()}))
    assert 2 == ask("verify", "--checkpoint", tmp_path / "then.json").code


def test_an_envelope_may_be_in_url_safe_base64_and_say_more(ask: Run, shard: Path, tmp_path: Path) -> None:
    ask("checkpoint", "--out", tmp_path / "then.json")
    envelope = json.loads((tmp_path / "then.json").read_bytes())
    envelope["payload"] = envelope["payload"].replace("+", "-").replace("/", "_")
    (tmp_path / "then.json").write_text(json.dumps({**envelope, "note": "of another tool"}))
    assert 0 == ask("verify", "--checkpoint", tmp_path / "then.json").code


def test_a_file_that_is_too_long_is_not_read(ask: Run, shard: Path, tmp_path: Path) -> None:
    with (tmp_path / "long.json").open("wb") as file:
        file.truncate((1 << 26) + 1)
    done = ask("verify", "--proof", tmp_path / "long.json")
    assert (2, True) == (done.code, "too long for a proof" in done.err)


def test_what_version_2_wrote_is_still_verified(ask: Run, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(GOLDEN / "ledger-2", store)
    done = ask("verify", "--store", store)
    assert 0 == done.code
    assert "agrees with 1 of 1 checkpoints" in done.out
    done = ask("verify", "--proof", store / "entry.json", "--checkpoint", *(store / "checkpoints").iterdir())
    assert 0 == done.code
    pytest.importorskip("cryptography")
    assert 0 == ask("verify", "--store", store, "--public-key", store / "public.pem").code


def test_the_command_runs_as_a_program_of_its_own(shard: Path) -> None:
    script = (
        "import sys\nfrom provenance import cli\ncli.COMMANDS['ledger'] = ''\n"
        "sys.argv = ['provenance', 'ledger', 'verify']\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    assert f"{shard.stem}: 10 entries" in done.stdout
