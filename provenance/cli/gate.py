"""``provenance gate``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from provenance.cli import judge, options, outputs
from provenance.cli.policy import weigh, weighing


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """``i/n`` as (i, n), 1 <= i <= n."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", value)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"{value!r} is no shard (write 2/8 for the second of eight)", ctx, param)
    return int(found[1]), int(found[2])


@click.command(name="gate")
@options.scanning
@options.policy
@weighing
@options.showing
@outputs.option
@click.option(
    "--split",
    "split_out",
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="Write the clean rows to OUT/clean and those held back to OUT/quarantined, in the input's own form.",
)
@click.option(
    "--shard",
    metavar="I/N",
    callback=_shard,
    help="Scan the I-th of N shares of the work, and judge nothing; a run without --shard joins them.",
)
@click.option(
    "--join",
    "others",
    metavar="FOLDER",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Take what another folder of the same scan has finished (repeatable).",
)
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
    specs: tuple[str, ...],
    split_out: Path | None,
    shard: tuple[int, int] | None,
    others: tuple[Path, ...],
    **given: Any,
) -> None:
    """Scan DATASETS and judge what was found: exit code 0 lets them pass, 1 blocks them.

    With --split a verdict of quarantine passes too, for the clean rows are then apart. A run that was cut off, at any
    point, goes on where it stopped when the same command is given again.

    \b
    Examples:
      provenance gate train.parquet
      provenance gate data/ --policy policies/ours.yaml --out gate-run --quiet
      provenance gate data/ --split checked --out gate-run
      provenance gate data/ --shard 2/8 --out /mnt/gate-run
    """
    from provenance import index, ledger, policy, scan
    from provenance.errors import StoreError

    if shard is not None and (split_out is not None or specs or others):
        raise click.UsageError("--shard only scans: give --split, --output and --join to the run that joins the shards")
    weighed = weigh(policy.load(policy_name), store, **given)
    folder = options.index_of(index_path, store)
    opened = index.Index(folder)
    if shard is not None:
        with options.progress("scanning", quiet) as tell:
            done, all_ = scan.share(datasets, opened, out, shard, columns, not no_similar, jobs, tell)
        click.echo(
            f"shard {shard[0]}/{shard[1]} is scanned: {done:,} of {all_:,} work units are in {out}; no verdict yet "
            "(the same command without --shard joins and judges)"
        )
        return
    with options.progress("scanning", quiet) as tell:
        rows = scan.run(datasets, opened, out, columns, not no_similar, jobs, tell, others).total("rows")
    code = judge.judge(out, weighed, folder, store, 0 if quiet else show, idioms, specs)
    if split_out is not None:
        code = _split(out, split_out, quiet, code, outputs.printed(specs))
    if store.is_dir():
        facts = {"datasets": list(datasets), "rows": rows, "policy": weighed.policy.digest, "exit": code}
        try:
            ledger.append(store, "gate", facts)
        except (StoreError, OSError) as error:
            click.secho(f"warning: this run is not in the ledger: {error}", fg="yellow", err=True)
    raise click.exceptions.Exit(code)


def _split(run: Path, out: Path, quiet: bool, code: int, aside: bool) -> int:
    """Split, and the exit code then due: a quarantine passes where the split holds all that it is for."""
    import msgspec

    from provenance.cli import split
    from provenance.model import Action
    from provenance.policy import fails
    from provenance.policy.runs import SKIPPED

    split.split(run, out, quiet, aside)
    report = msgspec.json.decode((run / "report.json").read_bytes())
    # A budget, or captures that were missed, are due for the run as a whole: no row can be held back for them.
    for_run = any(one["rule"] != SKIPPED and fails(Action(one["action"])) for one in report["due"])
    return 0 if report["verdict"] == Action.QUARANTINE and not for_run else code
