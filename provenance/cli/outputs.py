"""``--output FORMAT=PATH``, of every command that judges. What writes is loaded where it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from provenance.report.collect import Report


def _known(ctx: click.Context, _: click.Parameter, specs: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse an unknown format before anything is read."""
    if specs:
        from provenance.report import formats

        for spec in specs:
            formats.parse(spec)
    return specs


option = click.option(
    "--output",
    "specs",
    metavar="FORMAT[=PATH]",
    multiple=True,
    callback=_known,
    help="Write what a CI system reads, too (repeatable): sarif, junit, github, summary, gitlab or markdown. "
    "Without a path it is printed, and all else goes to standard error.",
)


def printed(specs: tuple[str, ...]) -> bool:
    """Whether standard output is for one of the formats."""
    if not specs:
        return False
    from provenance.report import formats

    return any(formats.parse(spec)[1] == "-" for spec in specs)


def write(report: Report, specs: tuple[str, ...]) -> None:
    """Write the report in each of the formats."""
    if specs:
        from provenance.report import formats

        for spec in specs:
            formats.write(report, report.findings, spec)
