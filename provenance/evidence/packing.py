"""An evidence pack: everything that a verdict rests on, in one zip (or folder), with its verifier.

The form is in docs/format-pack.md. Same inputs, same bytes: files stand in the order of their names, without times.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import msgspec

from provenance import __version__, dsse, files, ledger, scan, standalone, terms
from provenance.dsse import Signer
from provenance.errors import PolicyError, StoreError
from provenance.evidence import statement
from provenance.ledger import checkpoint, merkle, proof
from provenance.policy import schema
from provenance.report import grounds
from provenance.standalone import MANIFEST, SUM, Key

Parts: TypeAlias = dict[str, "Path | bytes"]
"""The files of a pack by name: on the disk, or their bytes."""

DISCLOSED = ("attested", "access", "gate", "judge")
"""Kinds of entries that are shown where none was named: what was decided, and what people declared."""
PIECE = 1 << 20

README = """\
Evidence pack
=============

What is in it: MANIFEST.json lists every file with its SHA-256. The report (reports/, scan/report.json) says what was
found, label.json what is in the dataset, policy.yaml, waivers.yaml, baseline.jsonl and terms/ by what it was judged,
ledger/ what was written down when, attestations/ who signed what.

To verify it, offline, with nothing but Python 3.9 or later:

    python verify.py PACK [--public-key KEY.pem] [--dataset FOLDER]

The program inside a pack is worth as much as whoever gave you the pack. Where that is not enough, take the same file
from the project (provenance/standalone.py; its SHA-256 is in MANIFEST.json), or install the project:

    provenance verify PACK [--public-key KEY.pem]

which applies the policy again, too. Have the signer's public key from the signer, not from the pack (keys/).
"""


class Shown(NamedTuple):
    """A keyed digest of an entry, and what the packer says it stands for."""

    entry: str
    field: str
    digest: str
    value: str


def of_judgement(folder: Path) -> Parts:
    """The facts, findings and report of a judged scan. StoreError where it was not finished, or not judged."""
    done = scan.load(folder)
    parts: Parts = {}
    for name in ("scan.json", "report.json", "findings.parquet"):
        if not (folder / name).is_file():
            raise StoreError(f"{folder}: no {name} (run 'provenance judge' first)")
        parts[f"scan/{name}"] = folder / name
    for unit in done.units:
        name = f"parts/{unit.receipt.unit}.parquet"
        if not standalone.is_name(name):
            raise StoreError(f"{folder / 'scan.json'}: names a part that no scan has (scan again)")
        parts[f"scan/{name}"] = folder / name
    return parts


def report_of(folder: Path) -> dict[str, Any]:
    """The report of a judged scan; StoreError where there is none of this version, or it does not say by what."""
    path = folder / "report.json"
    try:
        report = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror} (run 'provenance judge' first)") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: not a report: {error} (judge again)") from error
    if not (report.get("judged") or {}).get("all"):
        raise StoreError(f"{path}: does not say by what it was judged (judge again with this version)")
    return report


def policy_of(named: str) -> bytes:
    """The bytes of a policy by the name that commands know it by; PolicyError where there is none."""
    schema.load(named)
    path = schema._folder() / f"{named}.yaml" if named in schema.shipped() else Path(named)
    return path.read_bytes()


def of_grounds(
    folder: Path,
    report: Mapping[str, Any],
    store: Path,
    policy_name: str | None = None,
    waivers: Path | None = None,
    baseline: Path | None = None,
    overlays: Sequence[Path] = (),
    root: str | None = None,
) -> tuple[Parts, str]:
    """By what a scan was judged, and the folder that its relative globs start from.

    Each as named, else as the judgement kept it, else (where an early version judged) as it is found now; terms as kept
    first, since overlays may be named for every command. PolicyError where one is not what the report names.
    """
    judged = report["judged"]
    kept = grounds.read(folder, judged)
    parts: Parts = {}
    if policy_name is not None or not kept:
        content = policy_of(policy_name or report["policy"]["source"])
    else:
        content = kept[grounds.POLICY]
    parts[grounds.POLICY] = checked_digest(content, judged.get("policy", ""), "policy")
    for name, path, place in (
        ("waivers", waivers, grounds.WAIVERS),
        ("baseline", baseline, grounds.BASELINE),
    ):
        if judged.get(name):
            named = path or (None if kept else store / place)
            content = kept[place] if named is None else named.read_bytes()
            parts[place] = checked_digest(content, judged[name], str(named))
    parts |= grounds.of_terms(kept) if kept else terms.contents(overlays)
    if root is None:
        root = kept[grounds.ROOT].decode(errors="replace") if grounds.ROOT in kept else os.getcwd()
    return parts, root


def of_index(folder: Path) -> Parts:
    """The manifests of an index, which name what is in it by digest; its grams stay where they are."""
    from provenance import index

    index.info(folder)
    root = msgspec.json.decode((folder / "manifest.json").read_bytes())
    parts: Parts = {"index/manifest.json": folder / "manifest.json"}
    for one in root["segments"]:
        name = f"segments/{one['name']}/manifest.json"
        parts[f"index/{name}"] = folder / name
    return parts


def of_ledger(
    store: Path, until: Path, since: Path | None = None, entries: Sequence[str] = (), opened: Iterable[str] = ()
) -> Parts:
    """Entries with their proofs, the checkpoint that records them, and what shows that the ledger only grew.

    ``entries`` are SHARD:NUMBER; without any, every entry is shown that says what was decided or declared. ``opened``
    are names of people: whose pseudonyms are in the entries shown. Raises StoreError where the ledger is not what the
    checkpoints record.
    """
    now = checkpoint.load(until)
    parts: Parts = {"ledger/checkpoint.json": until}
    named = [proof._find(store, one) for one in entries] or list(_disclosed(store, now))
    shown = {}
    for number, one in enumerate(_proofs(store, now, list(dict.fromkeys(named)))):
        parts[f"ledger/entries/{number:05d}.json"] = ledger.canonical(msgspec.to_builtins(one)) + b"\n"
        shown[f"{one.shard}:{one.index}"] = proof.entry(one)
    if since is not None:
        parts["ledger/since.json"] = since
        grown = proof.of_growth(store, checkpoint.load(since), now)
        parts["ledger/consistency.json"] = ledger.canonical(msgspec.to_builtins(grown)) + b"\n"
    openings = _openings(ledger.key(store), shown, opened) if opened else []
    if openings:
        parts["openings.json"] = ledger.canonical({"openings": [one._asdict() for one in openings]}) + b"\n"
    return parts


def _proofs(store: Path, now: checkpoint.Checkpoint, named: Sequence[tuple[str, int]]) -> Iterable[proof.Inclusion]:
    """The proofs of many entries, by shard and number, each shard read once."""
    found: dict[tuple[str, int], proof.Inclusion] = {}
    for shard in sorted({shard for shard, _ in named}):
        size, root = proof._tree(store, shard, now)
        wanted = {index for one, index in named if one == shard}
        if max(wanted) >= size:
            raise StoreError(f"{shard}:{max(wanted)}: no such entry; the checkpoint of {now.time} has {size:,}")
        lines: dict[int, bytes] = {}
        leaves = []
        for index, line in enumerate(islice(ledger.lines(store, shard), size)):
            leaves.append(merkle.leaf(line))
            if index in wanted:
                lines[index] = line
        levels = _levels(leaves)
        for index, line in lines.items():
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                raise StoreError(f"{shard}:{index}: damaged, it cannot be shown (name others with --entry)") from error
            path = tuple(one.hex() for one in _path(levels, index))
            found[shard, index] = proof.Inclusion(proof.FORMAT, shard, index, size, root, path, text)
    return [found[one] for one in named]


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    """The hashes of a tree from its leaves to its root; an odd one out goes up as it is (RFC 6962 section 2.1)."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        level = levels[-1]
        pairs = [merkle.node(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]
        levels.append(pairs + level[len(pairs) * 2 :])
    return levels


def _path(levels: list[list[bytes]], index: int) -> Iterable[bytes]:
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            yield level[index ^ 1]
        index >>= 1


def _disclosed(store: Path, now: checkpoint.Checkpoint) -> Iterable[tuple[str, int]]:
    for entry in ledger.read(store):
        if isinstance(entry, ledger.Entry) and entry.kind in DISCLOSED:
            head = now.heads.get(entry.shard)
            if head is not None and entry.number < head.size:
                yield entry.shard, entry.number


def _openings(key: bytes, shown: Mapping[str, ledger.Entry | ledger.Torn], names: Iterable[str]) -> list[Shown]:
    """Whose pseudonyms stand in the entries that are shown, and no others."""
    found = []
    for name in sorted(set(names)):
        digest = ledger.pseudonym(key, name)
        for address, entry in sorted(shown.items()):
            if isinstance(entry, ledger.Entry):
                fields = [field for field in ("author", "reviewer", "who") if entry.facts.get(field) == digest]
                found += [Shown(address, field, digest, name) for field in fields]
        if not any(one.value == name for one in found):
            raise StoreError(f"{name}: no entry that is shown has this person's pseudonym (show one with --entry)")
    return found


def verifier() -> bytes:
    """The verifier that every pack brings: one file that needs Python alone."""
    return Path(standalone.__file__).read_bytes()


def run_of(commands: Sequence[str], root: str) -> bytes:
    """By which version and command lines the judgement was made, and the folder that its relative globs start from."""
    return ledger.canonical({"commands": list(commands), "root": root, "tool": __version__}) + b"\n"


def write(out: Path, parts: Parts, signers: Sequence[Signer] = (), keys: Iterable[Key] = ()) -> None:
    """Write a pack: a zip, or a folder where ``out`` does not end in ``.zip``. It appears whole or not at all.

    The public keys of the signers, and ``keys``, are in it. Raises StoreError where it would not be one that verifies
    everywhere: names that some system does not know, too many or too large files; FileExistsError for a folder.
    """
    whole: Parts = {"README.txt": README.encode(), "verify.py": verifier(), **parts}
    whole |= {f"keys/{key.keyid}.pem": dsse.pem(key) for key in [*(one.key for one in signers), *keys]}
    wrong = [name for name in whole if not standalone.is_name(name)]
    if wrong:
        raise StoreError(f"{wrong[0]}: a name that not every system knows (rename the file)")
    if len({name.lower() for name in whole}) != len(whole):
        raise StoreError("two files of the pack would differ in upper and lower case only (rename one)")
    measured = {name: _measured(part) for name, part in whole.items()}
    listed = {name: (size, digest) for name, (size, _, digest) in measured.items()}
    manifest = dsse.sealed(standalone.PAYLOAD, statement.of_pack(listed, __version__), signers)
    for name, data in ((MANIFEST, manifest), (SUM, f"{sha256(manifest).hexdigest()}  {MANIFEST}\n".encode())):
        whole[name], measured[name] = data, _measured(data)
    room = sum(size + 2 * (len(name) + 46) for name, (size, _, _) in measured.items()) + 22
    if out.suffix == ".zip" and (room > standalone.LARGEST or len(whole) > standalone.MOST):
        raise StoreError(f"{out}: {room:,} bytes in {len(whole):,} files is more than a zip takes (name a folder)")
    if len(whole) > standalone.MOST or len(manifest) > standalone.READ:
        raise StoreError(f"{out}: {len(whole):,} files, more than a pack has (pack fewer)")
    if out.suffix == ".zip":
        _zip(out, whole, measured)
    else:
        _folder(out, whole, measured)


def _measured(part: Path | bytes) -> tuple[int, int, str]:
    """Size, CRC and SHA-256."""
    if isinstance(part, bytes):
        return len(part), zlib.crc32(part), sha256(part).hexdigest()
    size, crc, digest = 0, 0, sha256()
    try:
        with part.open("rb") as file:
            while piece := file.read(PIECE):
                size += len(piece)
                crc = zlib.crc32(piece, crc)
                digest.update(piece)
    except OSError as error:
        raise StoreError(f"{part}: cannot be read: {error.strerror}") from error
    return size, crc, digest.hexdigest()


def _copy(name: str, part: Path | bytes, measured: tuple[int, int, str], file: BinaryIO) -> None:
    digest = sha256()
    if isinstance(part, bytes):
        file.write(part)
        return
    with part.open("rb") as source:
        while piece := source.read(PIECE):
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != measured[2]:
        raise StoreError(f"{part}: was changed while it was packed as {name} (pack again)")


def _zip(out: Path, whole: Parts, measured: Mapping[str, tuple[int, int, str]]) -> None:
    entries = []
    with files.replacing(out) as file:
        at = 0
        for name in sorted(whole):
            size, crc, _ = measured[name]
            header = standalone.local_header(name, crc, size)
            entries.append((name, crc, size, at))
            file.write(header)
            _copy(name, whole[name], measured[name], file)
            at += len(header) + size
        file.write(standalone.directory(entries, at))


def _folder(out: Path, whole: Parts, measured: Mapping[str, tuple[int, int, str]]) -> None:
    if out.exists():
        raise StoreError(f"{out}: exists already (name a new folder, or a file that ends in .zip)")
    temporary = out.with_name(f".{out.name}.{os.urandom(6).hex()}.tmp")
    try:
        for name in sorted(whole):
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                _copy(name, whole[name], measured[name], file)
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def checked_digest(content: bytes, digest: str, what: str) -> bytes:
    """The bytes, if they are those that a report was judged by; PolicyError otherwise."""
    found = schema.digest_of(content)
    if found != digest:
        raise PolicyError(f"{what}: not what the scan was judged by (its report names {digest or 'none'}; judge again)")
    return content
