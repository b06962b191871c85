"""``provenance verify``."""

from __future__ import annotations

from pathlib import Path

import click

from provenance.cli.status import plain


@click.command(name="verify")
@click.argument("pack", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--public-key",
    "public_keys",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Public key (PEM, or OpenSSH's .pub) that you have from its owner (repeatable): the pack must be signed by "
    "one of them.",
)
@click.option(
    "--dataset", type=click.Path(path_type=Path, file_okay=False), help="Folder of the label's files, to compare too."
)
def command(pack: Path, public_keys: tuple[Path, ...], dataset: Path | None) -> int:
    """Verify the evidence pack PACK (a zip or a folder), offline.

    Every byte of it, the signatures, the entries of the ledger and that it only grew, that label, report, policy and
    attestations say the same; and the packed policy is applied again to the packed facts. What was not verified is
    said. Exit code 1 names each part that does not hold.

    \b
    Examples:
      provenance verify evidence.zip --public-key theirs.pem
      provenance verify evidence.zip --public-key theirs.pem --dataset /data/train
      unzip -p evidence.zip verify.py > verify.py && python verify.py evidence.zip
    """
    from provenance import dsse, standalone
    from provenance.cli.policy import asking
    from provenance.evidence import verifying

    keys = [dsse.public(path) for path in public_keys]
    outcome = verifying.verify(pack, asking, keys, dataset)
    for line in standalone.lines(outcome):
        click.secho(plain(line), fg="red" if line.startswith("FAULT") else None)
    colour = "red" if outcome.faults else "green" if outcome.sealed == standalone.OWNER else "yellow"
    click.secho(standalone.last_line(outcome), fg=colour, bold=True)
    return int(bool(outcome.faults))
