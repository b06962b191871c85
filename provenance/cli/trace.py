"""``provenance trace``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.status import plain

if TYPE_CHECKING:
    from provenance.label.tracing import Held, Trace

SHOWN_FILES = 5


@click.command(name="trace")
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--ingredient", default="", help="The id of an output.")
@click.option("--session", default="", help="The id of a session.")
@click.option("--provider", default="", help="The maker of the model: anthropic.")
@click.option("--model", metavar="GLOB", default="", help="The model, or a pattern: 'claude-*'.")
@click.option("--tool", default="", help="The assistant: claude-code.")
@click.option(
    "--models",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Models and the labels of what they were trained on.  [default: LABELS/models.yaml if it is there]",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="Find what only repeated the text of an earlier output, too: the store that knows both.",
)
@click.option("--json", "wants_json", is_flag=True, help="One JSON document instead of lines.")
def command(
    labels: Path,
    ingredient: str,
    session: str,
    provider: str,
    model: str,
    tool: str,
    models: Path | None,
    store: Path | None,
    wants_json: bool,
) -> None:
    """Say which datasets, of the labels in folder LABELS, and which models hold anything of a session or model.

    For each: where it came from, what is made from it, and what it costs to take it out: rows, tokens, share, the
    builds and models that depend on it. What cannot be known, since a contents file or a parent is not there, is
    said. Of several options all must hold. Exit code 0 whatever the answer.

    \b
    Examples:
      provenance trace labels/ --session 0198c3f2-77aa --store .provenance
      provenance trace labels/ --provider anthropic --model 'claude-*' --json
    """
    from provenance.label import tracing

    asked = tracing.Asked(ingredient, session, provider, model, tool)
    if not any(asked):
        raise click.UsageError("say what to look for: --ingredient, --session, --provider, --model or --tool")
    same = tracing.repeated(store, asked) if store is not None else None
    found = tracing.trace(labels, asked, models, same)
    if wants_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    for line in _lines(found):
        click.echo(plain(line.replace("\n", "?")))


def _lines(found: Trace) -> list[str]:
    holding = [one for one in found.labels if one.holds == "yes"]
    asked = ", ".join(f"{name} {value}" for name, value in found.asked.items())
    known = {one.label: one.name for one in found.labels}
    holds = {one.label: one.holds for one in found.labels}
    lines = [f"{asked}: in {len(holding):,} of {found.read:,} labels"]
    for one in found.labels:
        lines.extend(_of(one, known, holds))
    for model in found.models:
        names = ", ".join(f"{known[label]} ({label[:12]})" for label in model.labels)
        said = {"yes": "holds it", "unknown": "may hold it", "no": "of builds that no longer hold it"}[model.holds]
        lines.append(f"model {model.model}: {said}; trained on {names}")
    for what, absent in (
        ("contents missing, so nothing can be said", found.absent_contents),
        ("parent not in the folder", [one[:12] for one in found.absent_parents]),
        ("in the list of models and not in the folder", [one[:12] for one in found.absent_labels]),
    ):
        lines.extend(f"{what}: {one}" for one in absent)
    if found.is_by_text:
        lines.append("outputs with the same text as one of these count as these, as the store knows them")
    else:
        lines.append(
            "a match is with the earliest output that has the text: what only repeated it is not found here by its own "
            "name (--store finds it)"
        )
    return lines


def _of(one: Held, known: dict[str, str], holds: dict[str, str]) -> list[str]:
    head = f"{one.name} ({one.label[:12]})"
    if one.holds == "unknown":
        lines = [f"{head}: unknown, its contents are not there ({one.path})"]
    elif one.holds == "no":
        lines = [f"{head}: nothing of it any more; made from what holds it"]
    else:
        lines = [
            f"{head}: {one.records:,} of {one.of:,} records ({one.share:.3%}) match {one.outputs:,} outputs; taking "
            f"them out costs {one.records:,} rows, {one.tokens:,} tokens of matched texts ({one.shared:,} shared), "
            f"{len(one.models):,} models trained on it, {len(one.dependents):,} builds made from it "
            f"({sum(holds.get(each) != 'no' for each in one.dependents):,} of them hold it or may)"
        ]
        more = f" and {len(one.files) - SHOWN_FILES:,} more" if len(one.files) > SHOWN_FILES else ""
        lines.append(f"    in {', '.join(one.files[:SHOWN_FILES])}{more}")
    for what, digests in (("from", one.sources), ("made from it", one.dependents)):
        if digests:
            lines.append(f"    {what}: " + ", ".join(f"{known.get(each, 'a label')} ({each[:12]})" for each in digests))
    return lines
