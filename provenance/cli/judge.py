"""``provenance judge``."""

from __future__ import annotations

from pathlib import Path

import click

from provenance.cli import options


@click.command(name="judge")
@click.argument("scan", type=click.Path(path_type=Path))
@options.policy
@options.store
@options.index
@options.showing
def command(scan: Path, policy_name: str, store: Path, index_path: Path | None, show: int, idioms: bool) -> None:
    """Judge the finished scan in folder SCAN by a policy; the dataset is not read.

    Writes report.json and findings.parquet into the folder. Exit code 1 means the policy blocks.

    \b
    Example:
      provenance judge provenance-scan --policy my-policy.yaml
    """
    code = judge(scan, policy_name, options.index_of(index_path, store), store, show, idioms)
    raise click.exceptions.Exit(code)


def judge(out: Path, policy_name: str, index_path: Path, store: Path, show: int, idioms: bool) -> int:
    """Judge, print, and say the exit code."""
    from provenance import index, policy
    from provenance.errors import StoreError
    from provenance.report import collect, text
    from provenance.scan import load

    loaded = policy.load(policy_name)
    try:
        same = index.info(index_path).digest == load(out).index
    except StoreError:
        same = False
        load(out)
    report = collect.collect(out, loaded, index_path if same else None, store)
    for verdict, lines in text.findings(report, show, idioms):
        click.echo(options.styled(verdict, lines))
    for line in text.summary(report):
        click.echo(line)
    click.echo(report.promise)
    click.echo(f"report: {out / 'report.json'}; every finding: {out / 'findings.parquet'}")
    colour = options.COLOURS[report.verdict]
    click.secho(f"verdict: {report.verdict}", fg=colour, bold=True)
    return 1 if policy.fails(report.verdict) else 0
