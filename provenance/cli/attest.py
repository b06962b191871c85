"""``provenance attest``: signed statements of labels and verdicts, and clean-room records in the ledger."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.cli import options
from provenance.cli.policy import day as day_of
from provenance.cli.status import plain

if TYPE_CHECKING:
    from provenance.dsse import Signer
    from provenance.evidence.records import Record

F = TypeVar("F", bound=Callable[..., Any])
SHOWN = 12
"""Characters of a pseudonym or digest in a list."""


def keyed(command: F) -> F:
    """The options of everything that signs."""
    for option in (
        click.option(
            "--public-key",
            type=click.Path(path_type=Path),
            help="The key's public half (PEM); needed where the key lies in a service or in hardware.",
        ),
        click.option(
            "--key",
            "key_uri",
            metavar="KEY",
            help="Key to sign with: a file (PEM, OpenSSH), env:NAME, or a URI of securesystemslib (awskms:, hsm: ...).",
        ),
    ):
        command = option(command)
    return command


def signers(key_uri: str | None, public_key: Path | None) -> list[Signer]:
    """The signer that a command line names, if any."""
    if key_uri is None:
        return []
    from provenance import dsse

    return [dsse.signer(key_uri, dsse.public(public_key) if public_key is not None else None)]


@click.group(name="attest")
def command() -> None:
    """Sign what is said of a dataset, and record who stands on which side of the wall."""


@command.command("label")
@click.argument("label", type=click.Path(path_type=Path))
@keyed
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write.")
def label_(label: Path, key_uri: str | None, public_key: Path | None, out: Path) -> None:
    """Say LABEL of the files of its dataset: an in-toto Statement in a DSSE envelope.

    Without --key it is unsigned: worth as much as whoever hands it over.

    \b
    Examples:
      provenance attest label train.label.json --key signing.pem --out train.attestation.json
      provenance attest label train.label.json --key env:SIGNING_KEY --out train.attestation.json
      openssl genpkey -algorithm ed25519 -out signing.pem
    """
    from provenance.evidence import statement

    _, content = _label(label)
    _write(out, statement.of_label(content), signers(key_uri, public_key))


@command.command()
@click.argument("scan", type=click.Path(path_type=Path))
@click.option("--label", type=click.Path(path_type=Path), required=True, help="The label of this scan's dataset.")
@click.option("--policy", "policy_name", help="The policy that judged.  [default: as the judgement kept it]")
@click.option("--uri", default="", help="What the dataset is called, as a URI.  [default: made of the label's root]")
@click.option("--time", "at", metavar="TIME", help="When it was verified.  [default: SOURCE_DATE_EPOCH, or now]")
@click.option(
    "--input", "inputs", multiple=True, type=click.Path(path_type=Path), help="An attestation it rests on (repeatable)."
)
@keyed
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write.")
def verdict(
    scan: Path,
    label: Path,
    policy_name: str | None,
    uri: str,
    at: str | None,
    inputs: tuple[Path, ...],
    key_uri: str | None,
    public_key: Path | None,
    out: Path,
) -> None:
    """Say that the dataset of the judged scan in folder SCAN passed its policy, or failed it.

    An in-toto Statement with a SLSA verification summary, in a DSSE envelope: allow and warn are PASSED.

    \b
    Examples:
      provenance attest verdict provenance-scan --label train.label.json --key signing.pem --out verdict.json
    """
    from provenance.evidence import packing, statement
    from provenance.report import grounds

    report = packing.report_of(scan)
    _, content = _label(label)
    kept = grounds.read(scan, report["judged"]) if policy_name is None else {}
    policy = kept.get(grounds.POLICY) or packing.policy_of(policy_name or report["policy"]["source"])
    made = statement.of_verdict(
        report, content, policy, _time(at), uri, [(path.name, path.read_bytes()) for path in inputs]
    )
    _write(out, made, signers(key_uri, public_key))


def _label(path: Path) -> tuple[bytes, dict[str, Any]]:
    import msgspec

    from provenance.label import reading

    read = reading.load(path)
    return path.read_bytes(), msgspec.to_builtins(read.label)


def _time(at: str | None) -> str:
    """RFC 3339 in UTC: as said, else SOURCE_DATE_EPOCH, else now."""
    if at is not None:
        try:
            found = datetime.fromisoformat(at)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise click.BadParameter(f"{at!r} is not a time (write it as 2026-11-21T09:30:00Z)", param_hint="--time")
        when = found.astimezone(UTC)
    else:
        epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
        when = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(out: Path, payload: bytes, by: list[Signer]) -> None:
    from provenance import dsse, files
    from provenance.standalone import PAYLOAD

    data = dsse.sealed(PAYLOAD, payload, by)
    with files.replacing(out) as file:
        file.write(data)
    click.echo(f"{f'signed by {by[0].key.keyid}' if by else 'unsigned'}: {plain(str(out))}")


def recording(command: F) -> F:
    """The options of every record."""
    for option in (
        keyed,
        options.store,
        click.option("--day", metavar="DAY", help="The day that it is of.  [default: SOURCE_DATE_EPOCH, else today]"),
        click.option("--clause", default="", help="The clause of terms or contract that it rests on."),
        click.option("--reason", default="", help="Why."),
        click.option("--zone", default="", help="The policy's zone that it is about; none given: all of the house."),
    ):
        command = option(command)
    return command


who_option = click.option("--who", default="", help="Whose record this is; kept as a pseudonym.  [default: you]")
name_option = click.option("--name", default="", help="Show this name beside the pseudonym, to all readers.")
side_option = click.option(
    "--side",
    type=click.Choice(["clean", "exposed"]),
    required=True,
    help="Of the wall: may not see outputs, or may.",
)


def _record(
    kind: str,
    store: Path,
    day: str | None,
    key_uri: str | None,
    public_key: Path | None,
    who: str = "",
    side: str | None = None,
    **given: Any,
) -> None:
    from provenance import entries
    from provenance.evidence import records

    author = entries.user()
    facts = records.write(
        store,
        records.Kind(kind),
        author=author,
        who=who or author,
        side=records.Side(side) if side else None,
        day=_day(day),
        signers=signers(key_uri, public_key),
        **given,
    )
    signed = "signed" if facts.get("signatures") else "not signed"
    click.echo(f"recorded, {signed}: {facts['record']} of {facts['day']} by {facts['author'][:SHOWN]}")


def _day(said: str | None) -> date:
    try:
        return day_of(said)
    except click.BadParameter as error:
        raise click.BadParameter(error.message, param_hint="--day") from None


@command.command()
@side_option
@who_option
@name_option
@recording
def join(**given: Any) -> None:
    """Record that a person stands on one side of the wall from a day on.

    \b
    Examples:
      provenance attest join --side clean --zone pretraining --who alice --day 2026-11-01
    """
    _record("join", **given)


@command.command()
@side_option
@who_option
@name_option
@recording
def leave(**given: Any) -> None:
    """Record that a person no longer stands on one side of the wall.

    \b
    Examples:
      provenance attest leave --side clean --zone pretraining --who alice --day 2026-12-01
    """
    _record("leave", **given)


@command.command()
@click.argument("scan", type=click.Path(path_type=Path))
@who_option
@name_option
@recording
def baseline(scan: Path, **given: Any) -> None:
    """Record what the judged scan in folder SCAN found on day 0: its digest, verdict and number of matches.

    It says "clean on day 0" only where nothing matched.

    \b
    Examples:
      provenance attest baseline provenance-scan --zone pretraining --day 2026-11-01
    """
    from hashlib import sha256

    from provenance.evidence import packing

    report = packing.report_of(scan)
    digest = sha256((scan / "scan.json").read_bytes()).hexdigest()
    matched = int(report["counts"]["matched"])
    _record("baseline", subject=digest, verdict=str(report["verdict"]), matched=matched, **given)
    click.echo(f"scan {digest}: {f'{matched:,} texts match' if matched else 'nothing matches: clean on day 0'}")


@command.command()
@click.argument("subject")
@click.option("--reviewer", required=True, help="Who cleared it: somebody else; kept as a pseudonym.")
@who_option
@name_option
@recording
def release(**given: Any) -> None:
    """Record that SUBJECT (a finding's id, a waiver's id) may cross the wall: who cleared it, and why.

    \b
    Examples:
      provenance attest release 0123456789abcdef --reviewer bob --reason "own prior work of 2021" --zone pretraining
    """
    _record("release", **given)


@command.command("statement")
@who_option
@name_option
@recording
def declaration(**given: Any) -> None:
    """Record what a person declares, in the words of --reason.

    \b
    Examples:
      provenance attest statement --zone pretraining --key alice.pem \\
          --reason "In October 2026 I used no assistant in this zone."
    """
    _record("statement", **given)


@command.command()
@click.argument("subject")
@who_option
@name_option
@recording
def access(**given: Any) -> None:
    """Log that somebody read SUBJECT, which is kept apart: a text of the vault, an internal report.

    \b
    Examples:
      provenance attest access vault/3f1c0a9be27d4456 --who alice --reason "review of finding 0123456789abcdef"
    """
    _record("access", **given)


@command.command("list")
@options.store
@click.option("--at", metavar="DAY", help="Who stands where on this day.  [default: SOURCE_DATE_EPOCH, else today]")
def list_(store: Path, at: str | None) -> int:
    """List the clean-room records, who stands where, and who stands on both sides (exit code 1).

    \b
    Examples:
      provenance attest list --at 2026-11-21
    """
    from provenance.evidence import records

    found = records.records(store)
    day = str(day_of(at))
    for one in found:
        click.echo(plain(_line(one)))
    for who, places in records.standing(found, day).items():
        told = ", ".join(f"{side} in {zone or 'every zone'}" for side, zone in sorted(places))
        click.echo(plain(f"on {day}: {who[:SHOWN]} {told}"))
    both = records.on_both_sides(found, day)
    for who, zones in both.items():
        told = ", ".join(zone or "every zone" for zone in zones)
        click.secho(plain(f"on both sides on {day}: {who[:SHOWN]} ({told})"), fg="red")
    click.echo(f"{len(found):,} records")
    return int(bool(both))


def _line(one: Record) -> str:
    told = [one.day or one.time[:10], one.kind, one.name or one.who[:SHOWN], one.side, one.zone]
    told += [one.subject[: 2 * SHOWN], one.verdict, f"cleared by {one.reviewer[:SHOWN]}" if one.reviewer else ""]
    told += [one.clause, one.reason, "signed" if one.signatures else "", f"({one.entry})"]
    return " ".join(piece for piece in told if piece)
