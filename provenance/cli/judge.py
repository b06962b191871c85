"""``provenance judge``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance.cli import options, outputs
from provenance.cli.policy import weigh, weighing

if TYPE_CHECKING:
    from provenance.cli.policy import Weighing


@click.command(name="judge")
@click.argument("scan", type=click.Path(path_type=Path))
@options.policy
@weighing
@options.store
@options.index
@options.showing
@outputs.option
def command(
    scan: Path,
    policy_name: str,
    store: Path,
    index_path: Path | None,
    show: int,
    idioms: bool,
    specs: tuple[str, ...],
    **given: Any,
) -> None:
    """Judge the finished scan in folder SCAN by a policy; the dataset is not read.

    Writes report.json and findings.parquet into the folder. Exit code 1 means the policy blocks.

    \b
    Examples:
      provenance judge provenance-scan --policy my-policy.yaml
      provenance judge provenance-scan --output sarif=provenance.sarif --output github
    """
    from provenance import policy

    weighed = weigh(policy.load(policy_name), store, **given)
    code, digest = judge(scan, weighed, options.index_of(index_path, store), store, show, idioms, specs)
    record(store, "judge", weighed, code, digest)
    raise click.exceptions.Exit(code)


def record(store: Path, kind: str, weighed: Weighing, code: int, digest: str, **facts: object) -> None:
    """Write a decision down in the store's ledger, if there is a store; ``digest`` is the SHA-256 of its report."""
    from provenance import ledger
    from provenance.errors import StoreError

    if not store.is_dir():
        return
    try:
        ledger.append(store, kind, {**facts, "policy": weighed.policy.digest, "exit": code, "report": digest})
    except (StoreError, OSError) as error:
        click.secho(f"warning: this run is not in the ledger: {error}", fg="yellow", err=True)


def judge(
    out: Path,
    weighed: Weighing,
    index_path: Path,
    store: Path,
    show: int,
    idioms: bool,
    specs: tuple[str, ...] = (),
) -> tuple[int, str]:
    """Judge, print, write the outputs: the exit code, and the SHA-256 of the report."""
    from provenance import index, policy
    from provenance.errors import StoreError
    from provenance.hashes import sha256
    from provenance.report import collect, text
    from provenance.scan import load

    found = load(out).index
    try:
        same = index.info(index_path).digest == found
    except StoreError:
        same = False
    report = collect.collect(
        out,
        weighed.policy,
        index_path if same else None,
        store,
        weighed.judge,
        weighed.judged(found),
        weighed.grounds(),
    )
    aside = outputs.printed(specs)
    for verdict, lines in text.findings(report, show, idioms):
        click.echo(options.styled(verdict, lines), err=aside)
    for line in text.summary(report):
        click.echo(line, err=aside)
    click.echo(report.promise, err=aside)
    click.echo(f"report: {out / 'report.json'}; every finding: {out / 'findings.parquet'}", err=aside)
    colour = options.COLOURS[report.verdict]
    click.secho(f"verdict: {report.verdict}", fg=colour, bold=True, err=aside)
    outputs.write(report, specs)
    return 1 if policy.fails(report.verdict) else 0, sha256(collect.encode(report)).hexdigest()
