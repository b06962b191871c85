"""``provenance pack``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.cli import options
from provenance.cli.attest import keyed, signers
from provenance.cli.status import plain
from provenance.cli.terms import overlay

if TYPE_CHECKING:
    from provenance.evidence.packing import Parts


F = TypeVar("F", bound=Callable[..., Any])


def file(name: str, help: str, multiple: bool = False) -> Callable[[F], F]:
    """An option that names one file, or several."""
    more = " (repeatable)" if multiple else ""
    text, found, default = help.partition("  [")
    told = f"{text}{more}.{found}{default}"
    return click.option(f"--{name}", multiple=multiple, type=click.Path(path_type=Path), help=told)


@click.command(name="pack")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The pack: FILE.zip, or a new folder.")
@file("label", "The dataset's label")
@file("contents", "The contents file beside the label")
@file("parent", "A label that it names as its parent", multiple=True)
@file("scan", "The folder of the judged scan")
@file("report", "A report for readers: HTML, PDF", multiple=True)
@click.option("--policy", "policy_name", help="The policy that judged.  [default: as the judgement kept it]")
@file("waivers", "The waivers that judged  [default: as the judgement kept them]")
@file("baseline", "The baseline that judged  [default: as the judgement kept it]")
@overlay
@options.index
@options.store
@file("checkpoint", "Show entries of the store's ledger, as this checkpoint records it")
@file("since", "Show that the ledger only grew since this earlier checkpoint")
@click.option(
    "--entry",
    "entries",
    multiple=True,
    metavar="SHARD:NUMBER",
    help="An entry to show (repeatable).  [default: what was decided or declared]",
)
@click.option(
    "--open",
    "opened",
    multiple=True,
    metavar="NAME",
    help="A person to name in the entries shown (repeatable).",
)
@file("attestation", "A signed statement", multiple=True)
@click.option("--command", "commands", multiple=True, help="A command line that led here, for the record (repeatable).")
@click.option("--root", help="The folder that the policy's relative globs start from.  [default: where it was judged]")
@file("bring", "A public key (PEM) to put beside what it signed", multiple=True)
@keyed
def command(out: Path, key_uri: str | None, public_key: Path | None, bring: tuple[Path, ...], **given: Any) -> int:
    """Pack the evidence of a verdict for somebody who has nothing else, a year later, offline.

    A pack holds what was found, by what it was judged, what the ledger says of it, who signed, and verify.py: one file
    that needs Python alone. It is verified before it is handed over (exit code 1 where it does not hold). Without --key
    it is unsigned: whoever has it could have made it anew. Same inputs, same bytes.

    \b
    Examples:
      provenance pack --scan provenance-scan --label train.label.json --key signing.pem --out evidence.zip
      provenance pack --scan provenance-scan --label train.label.json --report report.html \\
          --checkpoint 2026-11.json --since 2026-10.json --attestation verdict.json --out evidence.zip
    """
    from hashlib import sha256

    from provenance import dsse, standalone
    from provenance.cli.policy import asking
    from provenance.evidence import packing, verifying

    parts = _parts(**given)
    if not parts:
        raise click.UsageError("nothing to pack: name at least a --label or a --scan")
    by = signers(key_uri, public_key)
    if out.suffix == ".zip" and out.is_dir():
        raise click.UsageError(f"{out} is a folder (name a file, or a folder that does not end in .zip)")
    packing.write(out, parts, by, map(dsse.public, bring))
    outcome = verifying.verify(out, asking, [one.key for one in by])
    for line in standalone.lines(outcome):
        click.echo(plain(line), err=True)
    if outcome.faults:
        (shutil.rmtree if out.is_dir() else os.unlink)(out)
        click.secho(f"no pack written: what would be in {plain(str(out))} does not hold", fg="red", err=True)
        return 1
    shown = "signed by " + by[0].key.keyid if by else "unsigned"
    click.echo(f"{plain(str(out))}: {shown}")
    click.echo(f"its verify.py has SHA-256 {sha256(packing.verifier()).hexdigest()}")
    return 0


def _parts(
    label: Path | None,
    contents: Path | None,
    parent: tuple[Path, ...],
    scan: Path | None,
    report: tuple[Path, ...],
    policy_name: str | None,
    waivers: Path | None,
    baseline: Path | None,
    overlays: tuple[Path, ...],
    index_path: Path | None,
    store: Path,
    checkpoint: Path | None,
    since: Path | None,
    entries: tuple[str, ...],
    opened: tuple[str, ...],
    attestation: tuple[Path, ...],
    commands: tuple[str, ...],
    root: str | None,
) -> Parts:
    from provenance.evidence import packing

    parts: Parts = {}
    if label is not None:
        parts["label.json"] = label
    for folder, paths in (("contents", [contents]), ("parents", parent), ("reports", report)):
        for path in paths:
            if path is not None:
                _add(parts, f"{folder}/{path.name}", path)
    for number, path in enumerate(attestation):
        parts[f"attestations/{number:03d}-{path.name}"] = path
    if scan is not None:
        parts |= packing.of_judgement(scan)
        said = packing.report_of(scan)
        grounds, root = packing.of_grounds(scan, said, store, policy_name, waivers, baseline, overlays, root)
        parts |= grounds
        index_digest = said["judged"].get("index", "")
        parts |= _index(options.index_of(index_path, store), index_digest, index_path is not None)
        parts["run.json"] = packing.run_of(commands, root)
    if checkpoint is not None:
        parts |= packing.of_ledger(store, checkpoint, since, entries, opened)
    elif since is not None or entries or opened:
        raise click.UsageError("entries of the ledger are shown as a --checkpoint records them: name one")
    return parts


def _index(folder: Path, digest: str, is_named: bool) -> Parts:
    """The manifests of the index that the scan used; none where that one is no longer there."""
    from provenance import index
    from provenance.errors import StoreError
    from provenance.evidence import packing

    try:
        same = index.info(folder).digest == digest
    except StoreError:
        if is_named:
            raise
        same = False
    if is_named and not same:
        raise StoreError(f"{folder}: not the index that was scanned with (name that one)")
    return packing.of_index(folder) if same else {}


def _add(parts: Parts, name: str, path: Path) -> None:
    if name in parts:
        raise click.UsageError(f"two files would be {name} in the pack (rename one)")
    parts[name] = path
