"""``provenance export``."""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path

import click

from provenance.cli.status import plain

HUGGINGFACE = "huggingface"


@click.command(name="export")
@click.argument("label", required=False, type=click.Path(path_type=Path))
@click.option("--to", "form", metavar="FORM", help="The form to write; --forms lists them.")
@click.option("--forms", is_flag=True, help="List the forms.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file; a README.md that is there is brought up to date in place.  [default: standard output]",
)
@click.option("--date", help="When the dataset was made (RFC 3339).  [default: SOURCE_DATE_EPOCH, else not said]")
@click.option("--issuer", default="unknown", show_default=True, help="Who answers for the dataset.")
@click.option("--purpose", default="unknown", show_default=True, help="What the dataset is for.")
@click.option(
    "--read",
    "form_file",
    type=click.Path(path_type=Path),
    help="Print what a form of others declares of a dataset's origins, instead.",
)
def command(
    label: Path | None,
    form: str | None,
    forms: bool,
    out: Path | None,
    date: str | None,
    issuer: str,
    purpose: str,
    form_file: Path | None,
) -> None:
    """Write LABEL in a form of others: CycloneDX, Croissant, SPDX, a dataset card ...

    Facts come from the label alone, and what nobody recorded stays unknown. The same label and options give the same
    bytes. --read goes the other way: models that a CycloneDX, Croissant, Hugging Face or Data Provenance Initiative
    card declares, as reasons to look. No card shows that a dataset is clean.

    \b
    Examples:
      provenance export label.json --to cyclonedx --out bom.cdx.json
      provenance export label.json --to huggingface --out README.md
      provenance export label.json --to spdx --date 2026-11-21T12:00:00Z
      provenance export --read downloads/README.md
    """
    if forms:
        _list()
        return
    if form_file is not None:
        _read(form_file)
        return
    if label is None or form is None:
        raise click.UsageError("name a LABEL and --to FORM, or --forms, or --read FILE")
    from provenance import exports
    from provenance.label import reading

    chosen = exports.FORMS.get(form)
    if chosen is None:
        raise click.BadParameter(f"{form!r} is none of {', '.join(exports.FORMS)}", param_hint="--to")
    given = exports.Given(_date(date), issuer, purpose)
    if chosen.needs_date and not given.date:
        raise click.UsageError(f"{form} demands a date: name --date or set SOURCE_DATE_EPOCH")
    read = reading.load(label).label
    if form == HUGGINGFACE and out is not None and out.exists():
        from provenance.exports import huggingface

        readme = out.read_bytes()
        content = huggingface.updated(readme, read)
        if advice := huggingface.advice(readme, read):
            click.secho(f"note: {plain(str(out))}: {advice}", fg="yellow", err=True)
    else:
        content = chosen.render(read, given)
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    from provenance import files

    with files.replacing(out) as file:
        file.write(content)
    click.echo(f"{plain(str(out))}: {chosen.about}", err=True)


def _list() -> None:
    from provenance import exports

    for name, one in exports.FORMS.items():
        click.echo(f"{name:12}  {one.about} (usually {one.file}){'; needs --date' if one.needs_date else ''}")


def _date(given: str | None) -> str:
    """The date in the one form that every standard takes: RFC 3339, UTC, to the second; empty where none is given."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        if given is not None:
            moment = datetime.datetime.fromisoformat(given)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=datetime.UTC)
        elif epoch:
            moment = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
        else:
            return ""
        return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError) as error:
        raise click.BadParameter(f"{given or epoch!r} is no date (write it as 2026-11-21T12:00:00Z)") from error


def _read(path: Path) -> None:
    from provenance import importing

    declared = importing.load(path)
    click.echo(f"{plain(str(path))}: {declared.form}")
    for claim in declared.claims:
        count = f", {claim.records:,} records" if claim.records >= 0 else ""
        dataset = f"{claim.dataset}: " if claim.dataset else ""
        click.echo(plain(f"  {dataset}declared: {claim.model} ({claim.provider}){count}, by {claim.where}"))
    for source in declared.sources:
        click.echo(plain(f"  made from: {source}"))
    if not declared.claims:
        click.echo("  declares no model: the origin is unknown, not clean")
    else:
        click.echo("  a declaration of the dataset as a whole: a reason to look, not a proof of any record")
