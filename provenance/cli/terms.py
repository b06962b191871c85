"""``provenance terms``: resolve, diff, list, lint, import. It judges nothing: policies do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from provenance.git import Commit, Reader
    from provenance.terms import Change, Clause, Registry, Resolution, Reviewed, Row, Seen

F = TypeVar("F", bound=Callable[..., Any])
USES = ("pretrain", "sft", "rl", "eval", "classifier", "tooling", "unknown")
COLOURS = {"forbids": "red", "conditions": "yellow", "permits": "green", "unknown_terms": "magenta"}
LEGAL = "A reading of public texts for building a tool, and no legal advice."

overlay = click.option(
    "--overlay",
    "overlays",
    multiple=True,
    envvar="PROVENANCE_TERMS",
    type=click.Path(path_type=Path),
    help="Negotiated terms beside the shipped registry (repeatable, or set PROVENANCE_TERMS).",
)
as_json = click.option("--json", "wants_json", is_flag=True, help="One JSON document instead of lines.")
of_provider = click.option("--provider", help="The terms of this provider only.")


@click.group(name="terms")
def command() -> None:
    """Look up what providers' terms say of using outputs for training: by provider, channel, plan, day and use.

    A reading of public texts for building a tool, and no legal advice.
    """


@command.command()
@click.option("--provider", required=True, help="The maker of the model, or whose service it was called through.")
@click.option("--model", default="unknown", help="The model's id.  [default: unknown]")
@click.option("--channel", default="unknown", help="How it was called: api, app, cli, bedrock, cursor ...")
@click.option("--plan", default="unknown", help="Under which plan: consumer, pro, team, enterprise, api ...")
@click.option("--region", default="unknown", help="Where the account is: a country's two letters, eea, uk, row.")
@click.option("--tool", default="unknown", help="The assistant: where the channel is unknown it leaves others' out.")
@click.option("--date", "day", default="unknown", help="The day on which the output was generated: 2026-03-25.")
@click.option("--use", type=click.Choice(USES), default="unknown", show_default=True, help="What it is to be used for.")
@overlay
@as_json
def resolve(overlays: tuple[Path, ...], wants_json: bool, **asked: str) -> None:
    """Say which clauses were in force for an output on the day it was generated, the most specific first.

    What is unknown leaves no clause out: each that could apply is listed, and says what it is listed for. Where the
    registry has no clause the answer is unknown_terms, which is no permission. Exit code 0 whatever the answer.

    \b
    Examples:
      provenance terms resolve --provider anthropic --channel api --date 2026-03-25 --use sft
      provenance terms resolve --provider openai --plan pro --region de --date 2025-06-01 --json
    """
    from provenance import terms

    if asked["day"] != "unknown":
        asked["day"] = _day(asked["day"], "--date").isoformat()
    registry = terms.load(overlays)
    said = terms.resolve(registry, date=asked.pop("day"), **asked)
    if wants_json:
        return _print_json({"registry": registry.digest, **_builtins(said)})
    for line in _resolution(said):
        click.echo(line)


@command.command()
@click.option("--from", "since", required=True, metavar="DATE", help="The day to compare with.")
@click.option("--to", "until", required=True, metavar="DATE", help="The last day that counts.")
@of_provider
@overlay
@as_json
def diff(since: str, until: str, provider: str | None, overlays: tuple[Path, ...], wants_json: bool) -> None:
    """Say which clauses began, changed, ended or were repeated after one day and up to another.

    \b
    Example:
      provenance terms diff --from 2026-01-01 --to 2026-11-21 --provider xai
    """
    from provenance import terms

    first, last = _day(since, "--from"), _day(until, "--to")
    if last <= first:
        raise click.BadParameter(f"{until} is not after {since}", param_hint="--to")
    changes = terms.changes(_of(terms.load(overlays), provider), first, last)
    if wants_json:
        return _print_json([_builtins(one) for one in changes])
    for one in changes:
        for line in _change(one):
            click.echo(line)
    click.echo(f"{len(changes)} changes after {first} and up to {last}")


@command.command("list")
@of_provider
@click.option("--on", "on", metavar="DATE", help="Only what is in force on this day, or could be.")
@overlay
@as_json
def list_(provider: str | None, on: str | None, overlays: tuple[Path, ...], wants_json: bool) -> None:
    """List the rows of the registry: id, verdict, kind, days, verification.

    \b
    Example:
      provenance terms list --provider openai --on 2025-06-01
    """
    from provenance import terms

    registry = terms.load(overlays)
    rows = _of(registry, provider)
    if on is not None:
        day = _day(on, "--on")
        rows = [row for row in rows if not (row.since and row.since > day) and not (row.until and row.until <= day)]
    if wants_json:
        return _print_json({"registry": registry.digest, "rows": [_builtins(row) for row in rows]})
    for row in rows:
        click.echo(f"{row.id}  {_verdict(row)} {row.kind}, {_days(row)}, {_known(row)}")
    click.echo(f"{len(rows)} rows, registry {registry.digest}")


@command.command()
@overlay
def lint(overlays: tuple[Path, ...]) -> None:
    """Name what a person should mend: overlaps, gaps, long quotations, missing sources, odd ids and orders.

    Exit code 1: something was named. What is not in the form at all is refused when it is read (exit code 2).

    \b
    Example:
      provenance terms lint --overlay ours.yaml
    """
    from provenance import terms

    rows = terms.load(overlays).rows
    faults = terms.lint(rows)
    for fault in faults:
        click.secho(_plain(f"{fault.row}: {fault.kind}: {fault.what}"), fg="red")
    click.echo(f"{len(rows)} rows, {len(faults)} faults")
    raise click.exceptions.Exit(1 if faults else 0)


@command.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@of_provider
@overlay
@as_json
def import_(path: Path, provider: str | None, overlays: tuple[Path, ...], wants_json: bool) -> None:
    """Say what to read again, by a clone of a version repository of Open Terms Archive at PATH.

    For each document of the registry that the archive has: the versions since the wording was last read, and the rows
    in force whose quotation no longer stands in the newest one. A list for a person; the registry is not changed.

    \b
    Example:
      git clone https://github.com/OpenTermsArchive/genai-eu-versions
      provenance terms import genai-eu-versions
    """
    from provenance import terms

    rows = _of(terms.load(overlays), provider)
    found = terms.review(rows, _archive(path, terms.archived(rows)))
    if wants_json:
        return _print_json([_builtins(one) for one in found])
    for one in found:
        for line in _reviewed(one):
            click.echo(line)
    there = [one for one in found if one.path]
    gone = sum(len(one.gone) for one in there)
    click.echo(
        f"{len(there)} of {len(found)} documents are in this archive: {sum(one.later > 0 for one in there)} have later "
        f"versions, {gone} quotations no longer stand"
    )


def _day(given: str, option: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(f"{given!r} is not a day (write it as 2026-11-21)", param_hint=option) from None


def _of(registry: Registry, provider: str | None) -> list[Row]:
    """The rows of a provider's terms, or all; an unknown provider is an error that names the known ones."""
    known = sorted({row.provider for row in registry.rows})
    if provider is not None and provider.lower() not in known:
        raise click.BadParameter(f"no terms of {provider!r} (there are: {', '.join(known)})", param_hint="--provider")
    return [row for row in registry.rows if provider is None or row.provider == provider.lower()]


# ---- what an archive has ----


def _archive(path: Path, wanted: dict[str, date | None]) -> dict[str, Seen]:
    """The newest version of each document that a version repository has, and those since the last reading.

    The archive's layout (its engine 14, 2026): ``<service>/<type of terms>.md``, one commit a version, whose first
    line ends with service and type.
    """
    from provenance import git

    commits = list(git.commits(path, ["HEAD"]))
    by_name: dict[str, list[Commit]] = {}
    names = {name.removesuffix(".md").replace("/", " "): name for name in wanted}
    for commit in commits:
        subject = commit.message.split("\n", 1)[0].strip()
        for name, file in names.items():
            if subject.endswith(f" {name}"):
                by_name.setdefault(file, []).append(commit)
    found = {}
    with git.objects(path) as read:
        for file, since in wanted.items():
            seen = _seen(read, file, by_name.get(file) or commits[-1:], since)
            if seen is not None:
                found[file] = seen
    return found


def _seen(read: Reader, file: str, commits: list[Commit], since: date | None) -> Seen | None:
    """What the commits of a document say of it; None where the newest does not have it."""
    from provenance import terms

    versions: list[tuple[date, str]] = []
    text = last = ""
    for place, commit in enumerate(commits):
        day = date.fromisoformat(commit.author.time[:10]) if commit.author.time else date.min
        is_newest = place == len(commits) - 1
        if not is_newest and since is not None and day < since:
            continue
        found = read(f"{commit.sha}:{file}")
        if found is None or found.kind != "blob":
            text = ""
            continue
        text = found.data.decode("utf-8", "replace")
        if found.oid != last:
            versions.append((day, commit.sha))
            last = found.oid
    return terms.Seen(*versions[-1], text, tuple(versions)) if text and versions else None


# ---- how it is said ----


def _plain(text: str) -> str:
    from provenance.report.text import plain

    return plain(text)


def _builtins(said: Any) -> Any:
    """Structs and named tuples as mappings."""
    import msgspec

    return msgspec.to_builtins(said._asdict() if hasattr(said, "_asdict") else said)


def _print_json(said: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(said), indent=2).decode())


def _resolution(said: Resolution) -> Iterable[str]:
    sure = sum(not one.assumed for one in said.clauses)
    yield click.style(str(said.status), fg=COLOURS.get(said.status), bold=True) + (
        f": {len(said.clauses)} clause{'s' * (len(said.clauses) != 1)}, {sure} sure to apply" if said.clauses else ""
    )
    if said.status == "unknown_terms":
        yield "The registry does not know what the terms say of this. That is no permission."
    if said.status != "forbids" and any(one.row.verdict == "forbids" for one in said.clauses):
        yield "Clauses that forbid are listed, but could only apply: that depends on what was not recorded."
    if said.is_unverified:
        yield "Not all of it is verified: look at the rows marked so before relying on them."
    for one in said.clauses:
        yield from _clause(one)
    for label, names in (
        ("Set aside by a private overlay", said.overridden),
        ("In force, of other uses", said.other_uses),
        ("No row for the day", said.gaps),
    ):
        if names:
            yield f"{label}:"
            yield from (f"    {_plain(name)}" for name in names)
    yield LEGAL


def _clause(one: Clause) -> Iterable[str]:
    row = one.row
    yield f"{_verdict(row)}  {row.id}  {row.kind}, {_known(row)}"
    if row.quotation:
        yield f'    "{_plain(row.quotation)}"'
    place = ", ".join(part for part in (row.clause, row.title, _days(row)) if part)
    yield f"    {_plain(place)}{f', {row.url}' if row.url else ''}"
    if row.exceptions:
        yield f"    except: {_plain('; '.join(row.exceptions))}"
    if row.note:
        yield f"    {_plain(row.note)}"
    if one.via:
        yield f"    by way of {one.via}"
    if one.assumed:
        yield f"    listed because not recorded or not known: {', '.join(one.assumed)}"
    if one.is_past_reading and row.retrieved:
        yield f"    last read on {row.retrieved}: that it still stood is assumed"


def _change(one: Change) -> Iterable[str]:
    row = one.row
    yield f"{one.day}  {one.what:8}  {row.id}  {_verdict(row)} {row.kind}, {_known(row)}"
    if one.before is not None:
        yield f"    before: {_verdict(one.before)} {_plain(_quoted(one.before))}"
    if one.what in ("began", "changed"):
        yield f"    now:    {_verdict(row)} {_plain(_quoted(row))}"


def _reviewed(one: Reviewed) -> Iterable[str]:
    if not one.path:
        yield f"{one.document}: not in this archive"
        return
    read = f"last read {one.read}" if one.read else "never read"
    yield (
        f"{one.document}: {read}, newest version {one.newest} ({one.commit[:12]}, {_plain(one.path)}), "
        f"{one.later} later, {one.standing} quotations stand"
        + (f", {one.older} were read after this version" if one.older else "")
    )
    for name in one.gone:
        yield click.style(f"    no longer there: {name}", fg="red")


def _verdict(row: Row) -> str:
    return click.style(str(row.verdict), fg=COLOURS.get(row.verdict))


def _known(row: Row) -> str:
    """Its verification; what is not verified says so loudly."""
    private = "private, " if row.is_private else ""
    return private + (str(row.verification) if row.verification == "verified" else f"NOT VERIFIED ({row.verification})")


def _days(row: Row) -> str:
    began = f"from {row.since}{'' if row.dated == 'printed' else f' ({row.dated})'}" if row.since else "of unknown date"
    return f"{began} until {row.until}" if row.until else began


def _quoted(row: Row) -> str:
    return f'"{row.quotation}"' if row.quotation else "(nothing quoted)"
