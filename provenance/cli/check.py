"""``provenance check``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from provenance.cli import options


@click.command(name="check")
@options.store
@options.index
@options.policy
@click.option("--no-similar", is_flag=True, help="Leave out whole-text similarity (MinHash).")
@click.option("--idioms", is_flag=True, help="List texts too that share idioms only.")
@click.argument("texts", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
def command(
    store: Path, index_path: Path | None, policy_name: str, no_similar: bool, idioms: bool, texts: tuple[Path, ...]
) -> None:
    """Check single text files (- is standard input): exit code 0 lets them pass, 1 blocks them.

    Each file is one text, whatever it holds; folders are not descended. Nothing to say, nothing printed. Datasets with
    rows are for 'provenance gate'.

    \b
    Examples:
      provenance check src/parser.py
      git show HEAD:src/parser.py | provenance check -
    """
    from provenance import index, policy
    from provenance.checking import check
    from provenance.report import text

    rules = policy.load(policy_name).policy
    opened = index.Index(options.index_of(index_path, store))
    blocked = False
    for finding in check(_read(texts), opened, rules, not no_similar):
        blocked |= policy.fails(finding.verdict)
        if idioms or not text.is_idiom(finding):
            click.echo(options.styled(finding.verdict, list(text.finding_lines(finding))))
    raise click.exceptions.Exit(1 if blocked else 0)


def _read(paths: tuple[Path, ...]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if str(path) == "-":
            yield "standard input", sys.stdin.buffer.read()
        else:
            yield str(path), path.read_bytes()
