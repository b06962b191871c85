"""``provenance gate``."""

from __future__ import annotations

from pathlib import Path

import click

from provenance.cli import judge, options, scan


@click.command(name="gate")
@options.scanning
@options.policy
@options.showing
def command(
    datasets: tuple[str, ...],
    store: Path,
    index_path: Path | None,
    out: Path,
    columns: tuple[str, ...],
    no_similar: bool,
    jobs: int,
    quiet: bool,
    policy_name: str,
    show: int,
    idioms: bool,
) -> None:
    """Scan DATASETS and judge what was found: exit code 0 lets them pass, 1 blocks them.

    \b
    Examples:
      provenance gate train.parquet
      provenance gate data/ --policy policies/ours.yaml --out gate-run --quiet
    """
    from provenance import ledger, policy
    from provenance.errors import StoreError

    loaded = policy.load(policy_name)
    folder = options.index_of(index_path, store)
    rows, _ = scan.run(datasets, folder, out, columns, no_similar, jobs, quiet)
    code = judge.judge(out, policy_name, folder, store, 0 if quiet else show, idioms)
    if store.is_dir():
        facts = {"datasets": list(datasets), "rows": rows, "policy": loaded.digest, "exit": code}
        try:
            ledger.append(store, "gate", facts)
        except (StoreError, OSError) as error:
            click.secho(f"warning: this run is not in the ledger: {error}", fg="yellow", err=True)
    raise click.exceptions.Exit(code)
