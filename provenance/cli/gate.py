"""``provenance gate``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from provenance.cli import judge, options, outputs
from provenance.cli.policy import weigh, weighing
from provenance.cli.scan import share, sharing


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
@sharing
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
    from provenance import index, policy, scan

    if shard is not None and (split_out is not None or specs or others):
        raise click.UsageError("--shard only scans: give --split, --output and --join to the run that joins the shards")
    if split_out is not None:
        _check_apart(datasets, out, split_out)
    weighed = weigh(policy.load(policy_name), store, **given)
    folder = options.index_of(index_path, store)
    opened = index.Index(folder)
    if shard is not None:
        share(datasets, opened, out, shard, columns, no_similar, jobs, quiet)
        return
    with options.progress("scanning", quiet) as tell:
        rows = scan.run(datasets, opened, out, columns, not no_similar, jobs, tell, others).total("rows")
    code, digest = judge.judge(out, weighed, folder, store, 0 if quiet else show, idioms, specs)
    if split_out is not None:
        code = _split(out, split_out, quiet, code, outputs.printed(specs), jobs)
    judge.record(store, "gate", weighed, code, digest, datasets=list(datasets), rows=rows)
    raise click.exceptions.Exit(code)


def _check_apart(datasets: tuple[str, ...], run: Path, out: Path) -> None:
    """Refuse, before anything is scanned, a place for the split that the next run would read or that is the run's."""
    from provenance import splitting

    if out.resolve() == run.resolve():
        raise click.UsageError("--split and --out need two folders: one is for the rows, the other for the scan")
    folders = [one if os.path.isdir(one) else one.partition("**")[0] or "." for one in datasets]
    splitting.check_place(out, [os.path.join(one, "") for one in folders if os.path.isdir(one)])


def _split(run: Path, out: Path, quiet: bool, code: int, aside: bool, jobs: int) -> int:
    """Split, and the exit code then due: a quarantine passes where the split holds all that it is for."""
    import msgspec

    from provenance.cli import split
    from provenance.model import Action
    from provenance.policy import fails
    from provenance.policy.runs import SKIPPED

    split.split(run, out, quiet, aside, jobs)
    report = msgspec.json.decode((run / "report.json").read_bytes())
    # A budget, or captures that were missed, are due for the run as a whole: no row can be held back for them.
    for_run = any(one["rule"] != SKIPPED and fails(Action(one["action"])) for one in report["due"])
    return 0 if report["verdict"] == Action.QUARANTINE and not for_run else code
