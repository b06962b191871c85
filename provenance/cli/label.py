"""``provenance label``: make, merge."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli import options
from provenance.cli.terms import overlay

if TYPE_CHECKING:
    from provenance.label.form import Label
    from provenance.label.reading import Read

RELATIONS = ("filter", "join", "input")
SUBCOMMANDS = ("make", "merge")


class _Group(click.Group):
    """``label DATASET`` is ``label make DATASET``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in that may be left out."""
        if args and args[0] not in (*SUBCOMMANDS, "-h", "--help"):
            args = ["make", *args]
        return super().parse_args(ctx, args)


out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("label.json"),
    show_default=True,
    help="The label's file; its contents are written beside it (NAME.contents.parquet).",
)


@click.group(name="label", cls=_Group)
def command() -> None:
    """Write the ingredient label of a dataset: what is in it, by whom, on what evidence, judged by what.

    'label DATASET' is 'label make DATASET'; a dataset that is called merge is ./merge.
    """


@command.command(name="make")
@click.argument("datasets", nargs=-1, required=True)
@click.option(
    "--scan",
    "run",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=Path("provenance-scan"),
    show_default=True,
    help="The finished scan of these datasets, judged.",
)
@click.option("--name", help="What the dataset is called.  [default: the last part of the first DATASET]")
@click.option(
    "--parent",
    "parents",
    metavar="LABEL[:RELATION]",
    multiple=True,
    help=f"The label of a dataset that this one is made from (repeatable), and how: {', '.join(RELATIONS)}.  "
    "[default: input]",
)
@out_option
@options.store
@options.index
@overlay
@click.option(
    "--jobs",
    type=click.IntRange(1, 1024),
    default=os.cpu_count() or 1,
    show_default="cores",
    help="Threads; a file's bytes and its records are read by one each.",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def make(
    datasets: tuple[str, ...],
    run: Path,
    name: str | None,
    parents: tuple[str, ...],
    out: Path,
    store: Path,
    index_path: Path | None,
    overlays: tuple[Path, ...],
    jobs: int,
    quiet: bool,
) -> None:
    """Write the label of DATASETS, which were scanned and judged: one JSON document, the same bytes each time.

    The datasets are read once more, for a digest of every file and record, and have to be as they were scanned. What
    was cut off goes on where it stopped. The clean part of a split has a scan of its own, and the input's label as its
    parent.

    \b
    Examples:
      provenance label data/ --scan gate-run --name web-code-2026-11
      provenance label checked/clean --scan clean-run --parent label.json:filter --out clean.json
    """
    from provenance.label import making

    read = [_parent(one) for one in parents]
    folder = options.index_of(index_path, store)
    title = _valid(name or Path(os.path.abspath(datasets[0])).name or datasets[0])
    with options.counted() as counted:

        def tell(done: int, all_: int) -> None:
            if counted is not None and not quiet:
                counted("digests, MB", done >> 20, all_ >> 20)

        label = making.make(datasets, run, title, out, read, folder, overlays, jobs, tell)
    _say(out, label)


@command.command(name="merge")
@click.argument("labels", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What the datasets are called together.")
@out_option
def merge(labels: tuple[Path, ...], name: str, out: Path) -> None:
    """Write one label for the datasets of LABELS together, which have no file in common.

    The parts have to be judged by the same policy and scanned with the same recipe. A digest that differs between them
    (index, waivers, terms) is left out of the merged label and stands in theirs, which it names as its parents.

    \b
    Example:
      provenance label merge web.json code.json --name corpus-2026-11 --out corpus.json
    """
    from provenance.label import merging, reading

    label = merging.merge([reading.load(one) for one in labels], _valid(name), out)
    _say(out, label)
    if not label.contents:
        click.echo("no contents file: not every label has its own beside it, so trace cannot look into this one")


def _valid(name: str) -> str:
    """A name as JSON can hold it: bytes of a command line that are not UTF-8 are written out."""
    return name.encode("utf-8", "backslashreplace").decode()


def _parent(spec: str) -> tuple[Read, str]:
    from provenance.label import reading

    path, colon, relation = spec.rpartition(":")
    if not colon or os.path.exists(spec):
        path, relation = spec, "input"
    elif relation not in RELATIONS:
        raise click.BadParameter(f"{relation!r} is none of {', '.join(RELATIONS)}", param_hint="--parent")
    return reading.load(Path(path)), relation


def _say(out: Path, label: Label) -> None:
    totals = label.totals
    click.echo(
        f"label: {out}: {totals.records:,} records in {totals.files:,} files, {totals.matched:,} match, "
        f"{totals.unknown:,} of unknown origin, {totals.skipped:,} not read; verdict: {label.judgement.verdict}"
    )
    click.echo(f"root: {label.subject.root}")
