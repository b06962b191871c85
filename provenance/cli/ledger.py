"""``provenance ledger``: verify, proof, checkpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli import options
from provenance.cli.attest import keyed, signers
from provenance.cli.status import plain

if TYPE_CHECKING:
    from provenance.ledger.checkpoint import Checkpoint
    from provenance.ledger.verify import Shard

checkpoints_option = click.option(
    "--checkpoint",
    "checkpoint_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A checkpoint to compare with (repeatable).  [default: all in STORE/checkpoints]",
)


@click.group(name="ledger")
def command() -> None:
    """Verify the ledger, show single entries of it, and record its state so that a later change is seen."""


@command.command()
@options.store
@checkpoints_option
@click.option(
    "--public-key",
    type=click.Path(path_type=Path),
    help="Public key (PEM, or OpenSSH's .pub) that every checkpoint must be signed with.",
)
@click.option(
    "--proof", "proof_file", type=click.Path(path_type=Path), help="Check this proof instead, without any store."
)
def verify(store: Path, checkpoint_files: tuple[Path, ...], public_key: Path | None, proof_file: Path | None) -> int:
    """Read every line of the ledger and compare each shard with what checkpoints record of it.

    Exit code 1 where a line is damaged, or a shard is not what a checkpoint records: cut, changed, reordered, gone. A
    change that no checkpoint is older than cannot be seen. Keep checkpoints where the ledger's writers cannot write.

    With --proof the store is not read. A proof alone only agrees with itself: name the checkpoint whose root you
    trust.

    \b
    Examples:
      provenance ledger verify
      provenance ledger verify --checkpoint /mnt/audit/2026-11.json --public-key audit.pem
      provenance ledger verify --proof entry.json --checkpoint /mnt/audit/2026-11.json
    """
    from provenance.ledger import checkpoint

    named = [checkpoint.load(path) for path in checkpoint_files]
    if proof_file is not None:
        return max(_signatures(named, public_key), _proof(proof_file, named))
    from provenance.ledger import verify

    against = named or checkpoint.within(store)
    shards = verify.verify(store, against)
    return max(_signatures(against, public_key), _say(shards, len(against)))


@command.command()
@click.argument("entry", required=False)
@options.store
@click.option("--since", type=click.Path(path_type=Path), help="Prove that the ledger only grew since this checkpoint.")
@click.option(
    "--checkpoint",
    "checkpoint_file",
    type=click.Path(path_type=Path),
    help="Prove it of the ledger as this checkpoint records it.  [default: as it is now]",
)
def proof(entry: str | None, store: Path, since: Path | None, checkpoint_file: Path | None) -> None:
    """Print a proof, as JSON, that ENTRY is in the ledger; 'verify --proof' checks it without the ledger.

    ENTRY is SHARD:NUMBER (numbers begin at 0) or the id of an ingredient. The proof shows that entry and hashes of
    others, which are salted: nothing in them can be guessed.

    \b
    Examples:
      provenance ledger proof 3f1c0a9be27d4456:120 --checkpoint 2026-11.json > entry.json
      provenance ledger proof --since 2026-10.json --checkpoint 2026-11.json > growth.json
    """
    from provenance import ledger
    from provenance.ledger import checkpoint, proof

    if (entry is None) == (since is None):
        raise click.UsageError("name either an ENTRY or --since CHECKPOINT")
    import msgspec

    until = checkpoint.load(checkpoint_file) if checkpoint_file is not None else None
    found: proof.Proof
    if since is not None:
        found = proof.of_growth(store, checkpoint.load(since), until)
    else:
        found = proof.of_entry(store, entry or "", until)
    click.echo(_escaped(ledger.canonical(msgspec.to_builtins(found)).decode()))


@command.command("checkpoint")
@options.store
@keyed
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: a new one in STORE/checkpoints]",
)
def make(store: Path, key_uri: str | None, public_key: Path | None, out: Path | None) -> int:
    """Record the size and Merkle root of every shard, so that a later change of what is there now is seen.

    A ledger that is not what its earlier checkpoints record gets no new one (exit code 1). Without --key the
    checkpoint is unsigned: it shows a change only to whoever kept it out of others' reach.

    \b
    Examples:
      provenance ledger checkpoint --key audit-private.pem --out /mnt/audit/2026-11.json
      openssl genpkey -algorithm ed25519 -out audit-private.pem
    """
    import time

    from provenance import files, ledger
    from provenance.ledger import checkpoint, verify

    by = signers(key_uri, public_key)
    earlier = checkpoint.within(store)
    shards = verify.verify(store, earlier)
    code = _say(shards, len(earlier))
    if any(shard.agreeing < sum(shard.head.shard in one.heads for one in earlier) for shard in shards):
        click.echo("no checkpoint written: the ledger is not what an earlier one records", err=True)
        return 1
    if code:
        click.echo("warning: damaged lines are recorded as they stand", err=True)
    now = ledger.timestamp(time.time_ns())
    data = checkpoint.make([shard.head for shard in shards], now, by)
    path = out or store / "checkpoints" / checkpoint.name_of(data, now)
    with files.replacing(path) as file:
        file.write(data)
    click.echo(f"{'signed' if by else 'unsigned'} checkpoint of {len(shards)} shards: {plain(str(path))}")
    return 0


def _say(shards: Sequence[Shard], checkpoints: int) -> int:
    """Print what was found; 1 where anything is at fault."""
    for shard in shards:
        head = shard.head
        told = f"agrees with {shard.agreeing} of {checkpoints} checkpoints" if checkpoints else "no checkpoint"
        click.echo(f"{head.shard}: {head.size:,} entries, root {head.root}, {told}")
        for note in shard.notes:
            click.echo(plain(f"  note: {note}"))
        for fault in shard.faults:
            click.secho(plain(f"  FAULT: {fault}"), fg="red")
    at_fault = sum(bool(shard.faults) for shard in shards)
    click.echo(f"{len(shards)} shards, {at_fault} at fault")
    return int(at_fault > 0)


def _signatures(checkpoints: Sequence[Checkpoint], public_key: Path | None) -> int:
    """Print how far the checkpoints themselves can be trusted; 1 where one is not signed as asked."""
    from provenance import dsse
    from provenance.ledger import checkpoint

    key = dsse.public(public_key) if public_key is not None else None
    code = 0
    for one in checkpoints:
        if key is not None and not checkpoint.is_signed_by(one, key):
            click.secho(f"FAULT: checkpoint {plain(one.path)}: not signed by {public_key}", fg="red")
            code = 1
        elif key is not None:
            click.echo(f"checkpoint {plain(one.path)}: of {one.time}, signed by {public_key}")
        elif one.signatures:
            click.echo(
                f"checkpoint {plain(one.path)}: of {one.time}, signature not checked (name the key with --public-key)"
            )
        else:
            click.echo(f"checkpoint {plain(one.path)}: of {one.time}, unsigned")
    return code


def _proof(path: Path, checkpoints: Sequence[Checkpoint]) -> int:
    from provenance.ledger import proof

    found = proof.load(path)
    faults = proof.faults(found, checkpoints)
    for fault in faults:
        click.secho(plain(f"FAULT: {fault}"), fg="red")
    if faults:
        return 1
    where = "as the checkpoint records it" if checkpoints else "by its own root alone: name a --checkpoint to trust it"
    if isinstance(found, proof.Inclusion):
        click.echo(_escaped(found.entry))
        click.echo(f"is {found.shard}:{found.index} of {found.size:,} entries with root {found.root}, {where}")
    for one in found.shards if isinstance(found, proof.Consistency) else ():
        click.echo(f"{one.shard}: {one.first:,} entries grew to {one.second:,}, {where}")
    return 0


def _escaped(line: str) -> str:
    """A line of JSON with what could steer a terminal as escapes: other bytes, the same value."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)
