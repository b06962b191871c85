"""What a judgement rests on, kept beside its report: the very bytes of policy, waivers, baseline and terms.

A year and an upgrade later they can be packed, shown and applied again, whatever has become of the files they were.
The form is in docs/format-report.md. They are checked by the digests in the report whenever they are read.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from provenance import files, terms
from provenance.errors import StoreError
from provenance.policy import baseline, schema
from provenance.terms import Registry
from provenance.terms.rows import OVERLAYS, SHIPPED

PLACE = "judged.zip"
POLICY, WAIVERS, BASELINE = "policy.yaml", "waivers.yaml", "baseline.jsonl"
ROOT = "root"
"""The folder that relative globs of zones start from."""
LARGEST = (1 << 28) + baseline.LIMIT
"""Bytes, unpacked, of all together: a baseline may be large."""


def write(out: Path, grounds: Mapping[str, bytes]) -> None:
    """Keep the grounds of the report in the folder ``out``; without any, none are left there. Same grounds, same
    bytes."""
    if not grounds:
        (out / PLACE).unlink(missing_ok=True)
        return
    with files.replacing(out / PLACE) as file, zipfile.ZipFile(file, "w") as pack:
        for name in sorted(grounds):
            entry = zipfile.ZipInfo(name)  # of 1980-01-01
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            pack.writestr(entry, grounds[name])


def read(out: Path, judged: Mapping[str, str]) -> dict[str, bytes]:
    """The grounds kept beside a report that names them so (its ``judged``); none where none were kept. ROOT, which no
    report names, is taken as it is.

    Raises StoreError where they are damaged, or not those.
    """
    path = out / PLACE
    if not path.is_file():
        return {}
    try:
        with zipfile.ZipFile(path) as pack:
            if sum(one.file_size for one in pack.infolist()) > LARGEST:
                raise StoreError(f"{path}: would unpack to more than {LARGEST:,} bytes (judge again)")
            found = {one.filename: pack.read(one) for one in pack.infolist() if _is_ours(one)}
            if len(found) != len(pack.infolist()):
                raise StoreError(f"{path}: has parts that no judgement keeps (judge again)")
    except (OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise StoreError(f"{path}: cannot be read: {str(error)[:200]} (judge again)") from error
    registry = of_terms(found)
    digests = {
        "policy": schema.digest_of(found.get(POLICY, b"")),
        "waivers": schema.digest_of(found[WAIVERS]) if WAIVERS in found else "",
        "baseline": schema.digest_of(found[BASELINE]) if BASELINE in found else "",
        "registry": terms.digest(registry) if registry else "",
    }
    for name, digest in digests.items():
        if digest != judged.get(name, ""):
            raise StoreError(f"{path}: its {name} is not what the report was judged by (judge again)")
    return found


def _is_ours(part: zipfile.ZipInfo) -> bool:
    name = part.filename
    known = name in (POLICY, WAIVERS, BASELINE, ROOT) or name.startswith((SHIPPED, OVERLAYS))
    return known and part.compress_type in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)


def registry(out: Path, judged: Mapping[str, str], overlays: Sequence[Path] = ()) -> Registry:
    """The registry of terms for a report: as the judgement kept it, else as it is now, with these overlays."""
    kept = of_terms(read(out, judged))
    return terms.registry(kept) if kept else terms.load(overlays)


def of_terms(grounds: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of the registry of terms, in their order."""
    return {name: grounds[name] for start in (SHIPPED, OVERLAYS) for name in sorted(grounds) if name.startswith(start)}
