"""``provenance report``."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from provenance.cli import options
from provenance.cli.terms import overlay


@click.command(name="report")
@click.argument("scan", required=False, type=click.Path(path_type=Path))
@click.option("--label", type=click.Path(path_type=Path), help="The dataset's label.")
@click.option(
    "--edition",
    type=click.Choice(["internal", "partner"]),
    default="internal",
    show_default=True,
    help="internal: evidence and names. partner: counts and clauses, no name and no text.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, help="The page."
)
@click.option("--pdf", type=click.Path(path_type=Path), help="Write it as PDF, too (needs the pdf extra).")
@click.option("--from", "start", metavar="DAY", help="The first day of the period, such as 2026-01-01.")
@click.option("--to", "end", metavar="DAY", help="Its last day.")
@options.store
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    help="Where the dataset lies now: its texts are shown beside the findings (repeatable; internal edition only).",
)
@click.option(
    "--vault",
    type=click.Path(path_type=Path),
    help="A folder with the texts of outputs; each one that is opened is logged (internal edition only).",
)
@overlay
def command(
    scan: Path | None,
    label: Path | None,
    edition: str,
    out: Path,
    pdf: Path | None,
    start: str | None,
    end: str | None,
    store: Path,
    datasets: tuple[str, ...],
    vault: Path | None,
    overlays: tuple[Path, ...],
) -> None:
    """Write a report that a lawyer reads, and can hand on: one page in one file, and a PDF of it.

    SCAN is the folder of a judged scan. Without it the report is of the store's ledger: what was captured in a period.
    Exit code 0 whatever the verdict: the report shows it.

    \b
    Examples:
      provenance report provenance-scan
      provenance report provenance-scan --label train.label.json --dataset data/ --pdf report.pdf
      provenance report provenance-scan --edition partner --out for-partner.html
      provenance report --from 2026-01-01 --to 2026-03-31 --out quarter.html
    """
    from provenance import files, page
    from provenance.page import gathering

    chosen = page.Edition(edition)
    if chosen is page.Edition.PARTNER and (datasets or vault is not None):
        raise click.UsageError("--dataset and --vault show texts: the partner edition has none")
    if scan is None and (datasets or vault is not None):
        raise click.UsageError("--dataset and --vault show texts beside the findings of a scan (name one)")
    sources = page.Sources(
        scan=scan,
        store=store if store.is_dir() or scan is None else None,
        label=label,
        start=_day(start, "--from"),
        end=_day(end, "--to"),
        datasets=datasets,
        vault=vault,
        overlays=overlays,
        listed=gathering.PRINTED if pdf is not None else gathering.STATIC,
    )
    facts = page.gather(sources, chosen)
    written = page.build(page.first(facts, gathering.STATIC)).encode()
    with files.replacing(out) as file:
        file.write(written)
    click.echo(f"{out}: {edition} edition, {len(written):,} bytes")
    if pdf is not None:
        from provenance.page import printing

        content = printing.pdf(page.build(facts, is_printed=True))
        with files.replacing(pdf) as file:
            file.write(content)
        click.echo(f"{pdf}: {len(content):,} bytes")
    for one in facts.missing:
        click.echo(f"note: {one}", err=True)


def _day(given: str | None, name: str) -> str:
    if given is None:
        return ""
    try:
        return str(date.fromisoformat(given))
    except ValueError:
        raise click.BadParameter(f"{given!r} is not a day (write it as 2026-11-21)", param_hint=name) from None
