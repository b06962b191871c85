"""``provenance policy``: test, explain, diff, lint, schema. And what every command that judges has in common."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from provenance.cli import options
from provenance.cli.terms import overlay

if TYPE_CHECKING:
    from provenance.model import Address, Match, Origin
    from provenance.policy import Judging, Loaded, Policy, Terms, Use
    from provenance.policy.baseline import Baseline
    from provenance.policy.judge import Resolve
    from provenance.policy.linting import Seen
    from provenance.policy.waivers import Waivers
    from provenance.terms import Clause, Registry

F = TypeVar("F", bound=Callable[..., Any])
USES = ("pretrain", "sft", "rl", "eval", "classifier", "tooling")
IF_COMPETING = ("competing-model", "competing-product")
"""Kinds of clauses that bind those only who compete."""


class Weighing(NamedTuple):
    """What a command line judges with."""

    judge: Judging
    policy: Loaded
    waivers: Waivers
    baseline: Baseline
    terms: Callable[[], dict[str, bytes]]
    """The registry's files and those beside them, as they were read for this judgement (``terms.contents``)."""
    today: date

    def grounds(self) -> dict[str, bytes]:
        """The files that the judgement rests on, by the names that packs know them by (``report.grounds``)."""
        from provenance.report import grounds

        parts = {
            grounds.POLICY: self.policy.content,
            grounds.WAIVERS: self.waivers.content,
            grounds.BASELINE: self.baseline.content,
            grounds.ROOT: self.judge.root.encode(errors="surrogateescape"),
        }
        return {name: content for name, content in parts.items() if content} | self.terms()

    def judged(self, index: str = "") -> dict[str, str]:
        """What the judgement rests on, as reports name it: the digest of each part, and of all together; the day, use
        and team."""
        from provenance import terms
        from provenance.policy import digest

        digests = {
            "policy": self.policy.digest,
            "waivers": self.waivers.digest,
            "baseline": self.baseline.digest,
            "registry": terms.digest(self.terms()),
            "index": index,
        }
        situation = {"day": str(self.today), "use": str(self.judge.use or ""), "team": self.judge.team}
        return digests | {"all": digest(**digests)} | situation


def weighing(command: F) -> F:
    """The options of every command that judges, beside the policy: what is set aside, for what, whose, and when."""
    return situation(
        click.option(
            "--baseline",
            "baseline_path",
            type=click.Path(path_type=Path),
            help="Findings known since the tool was adopted.  [default: STORE/baseline.jsonl if it is there]",
        )(command)
    )


def situation(command: F) -> F:
    """The same without a baseline."""
    for option in (
        click.option(
            "--at",
            metavar="DAY",
            help="Judge as on this day, such as 2026-11-21.  [default: SOURCE_DATE_EPOCH, else today]",
        ),
        click.option(
            "--team", envvar="PROVENANCE_TEAM", default="", help="Whose texts these are (or set PROVENANCE_TEAM)."
        ),
        overlay,
        click.option("--use", type=click.Choice(USES), help="What the texts are for, where their zone does not say."),
        click.option(
            "--waivers",
            "waivers_path",
            type=click.Path(path_type=Path),
            help="Findings set aside.  [default: STORE/waivers.yaml if it is there]",
        ),
    ):
        command = option(command)
    return command


def day(at: str | None) -> date:
    """The day of the judgement: as said, else SOURCE_DATE_EPOCH, else today (UTC)."""
    if at is not None:
        try:
            return date.fromisoformat(at)
        except ValueError:
            raise click.BadParameter(f"{at!r} is not a day (write it as 2026-11-21)", param_hint="--at") from None
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return now.date()


def weigh(
    loaded: Loaded,
    store: Path,
    waivers_path: Path | None = None,
    baseline_path: Path | None = None,
    overlays: tuple[Path, ...] = (),
    use: str | None = None,
    team: str = "",
    at: str | None = None,
    root: str = "",
) -> Weighing:
    """What a command line judges with: the options of ``weighing``; what they leave out lies in the store, or not.

    ``root`` is the folder that relative globs start from, where it is not the working one. PolicyError where waivers
    or baseline are malformed; where an overlay of terms is, when the registry is asked.
    """
    from provenance.policy import Judging, Use, baseline, waivers

    @functools.cache
    def contents() -> dict[str, bytes]:
        from provenance import terms

        return terms.contents(overlays)

    @functools.cache
    def registry() -> Registry:
        from provenance import terms
        from provenance.errors import PolicyError

        found = terms.load(overlays)
        if found.digest != terms.digest(contents()):
            raise PolicyError(f"{', '.join(map(str, overlays))}: changed while it was read (run again)")
        return found

    waived = waivers.load(waivers_path) if waivers_path is not None else waivers.beside(store)
    known = baseline.load(baseline_path) if baseline_path is not None else baseline.beside(store)
    today = day(at)
    judge = Judging(
        loaded.policy,
        use=Use(use) if use else None,
        team=team,
        today=today,
        root=root or os.getcwd(),
        terms=asking(registry, loaded.policy),
        waivers=waived.waivers,
        baseline=known.entries,
    )
    return Weighing(judge, loaded, waived, known, contents, today)


def asking(registry: Callable[[], Registry], rules: Policy) -> Resolve:
    """How a policy asks a registry of terms: a clause that binds competitors is a condition for everybody else."""

    def ask(origin: Origin, use: Use | None) -> Terms:
        from provenance import terms
        from provenance.model import UNKNOWN
        from provenance.policy import Terms, TermsStatus

        said = terms.resolve(
            registry(),
            origin.provider,
            origin.model,
            origin.channel,
            origin.plan,
            tool=origin.tool,
            date=origin.time,
            use=use or UNKNOWN,
        )
        clauses = [_binding(clause, origin.provider, rules) for clause in said.clauses]
        return Terms(
            TermsStatus(terms.together(clauses, origin.provider)),
            tuple(one.row.id for one in clauses),
            tuple(sorted({str(one.row.kind) for one in clauses})),
            tuple(one.row.id for one in clauses if set(one.assumed) - {"use"}),  # the use is the policy's question
        )

    return ask


def _binding(clause: Clause, provider: str, rules: Policy) -> Clause:
    """A clause as it binds this organisation: one that forbids competitors something is a condition for others; who
    says nothing of itself may compete with all."""
    import msgspec

    from provenance import terms

    row, ours = clause.row, rules.organisation
    if row.verdict is not terms.Verdict.FORBIDS or row.kind not in IF_COMPETING or ours is None:
        return clause
    if not {row.provider, provider}.isdisjoint(map(str.lower, ours.competes_with)):
        return clause
    return msgspec.structs.replace(clause, row=msgspec.structs.replace(row, verdict=terms.Verdict.CONDITIONS))


def texts(folder: Path) -> Iterator[tuple[Address, str, int, tuple[Match, ...]]]:
    """The matched texts of a finished scan, as ``judge`` takes them."""
    from provenance import scan
    from provenance.scan import Hit

    for hit in scan.read(folder, scan.load(folder)):
        if isinstance(hit, Hit):
            yield hit.address, hit.content, hit.tokens, hit.matches


@click.group(name="policy")
def command() -> None:
    """Test, explain, compare and check policies and waivers."""


@command.command()
@click.argument("policy_name", metavar="POLICY")
@click.argument("cases", type=click.Path(path_type=Path))
def test(policy_name: str, cases: Path) -> None:
    """Judge the facts in CASES (YAML) by POLICY, a file or a shipped name, and compare with what they expect.

    Exit code 1: a case came out otherwise, and the line says how.

    \b
    Example:
      provenance policy test ours.yaml ours-cases.yaml
    """
    from provenance import policy
    from provenance.policy import cases as table
    from provenance.report.text import plain

    outcomes = table.run(policy.load(policy_name).policy, table.load(cases))
    for one in outcomes:
        if one.differs:
            click.secho(plain(f"FAILED  {one.case.name}: {'; '.join(one.differs)}"), fg="red")
    failed = sum(bool(one.differs) for one in outcomes)
    click.echo(f"{len(outcomes)} cases, {failed} failed")
    raise click.exceptions.Exit(1 if failed else 0)


@command.command()
@click.argument("finding_id", metavar="FINDING")
@click.argument("folder", metavar="SCAN", type=click.Path(path_type=Path))
@options.policy
@options.store
@weighing
def explain(
    finding_id: str,
    folder: Path,
    policy_name: str,
    store: Path,
    **given: Any,
) -> None:
    """Say why the finding with the id FINDING, in the finished scan in folder SCAN, is judged as it is.

    For every match: each rule of the policy, whether it holds, and if not the first condition that is not met; then
    defaults, waiver and baseline. The first 4 characters of the id are enough where no other begins so.

    \b
    Example:
      provenance policy explain 07cee110d427dcdd provenance-scan --policy ours.yaml
    """
    from provenance import policy
    from provenance.policy import explaining
    from provenance.report.text import plain

    judge = weigh(policy.load(policy_name), store, **given).judge
    found = _find(finding_id, folder)
    _, content, tokens, matches = found[0]
    for address, *_ in found[:20]:
        field = f", {address.field}" if address.field else ""
        click.echo(plain(f"{address.file}, row {address.row}{field}"))
    if len(found) > 20:
        click.echo(f"... and {len(found) - 20:,} more places")
    finding = judge(found[0][0], content, tokens, matches)
    for line in explaining.lines(finding, judge, judge.zones(found[0][0].file)):
        click.echo(plain(line))


def _find(finding_id: str, folder: Path) -> list[tuple[Address, str, int, tuple[Match, ...]]]:
    """Every place of the finding that an id, or the beginning of one, names."""
    from provenance.errors import PolicyError
    from provenance.policy import finding_id as name_of

    wanted = finding_id.lower()
    found: dict[str, list[tuple[Address, str, int, tuple[Match, ...]]]] = {}
    for facts in texts(folder):
        name = name_of(facts[1], (one.ingredient for one in facts[3]))
        if len(wanted) >= 4 and name.startswith(wanted):
            found.setdefault(name, []).append(facts)
    if not found:
        raise PolicyError(f"{folder}: no finding '{finding_id}' (ids stand in report.json and findings.parquet)")
    if len(found) > 1:
        raise PolicyError(f"{folder}: '{finding_id}' begins {len(found)} ids: {', '.join(sorted(found)[:5])}")
    return next(iter(found.values()))


@command.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--on", "folder", metavar="SCAN", type=click.Path(path_type=Path), required=True, help="A finished scan's folder."
)
@options.store
@weighing
def diff(
    old: str,
    new: str,
    folder: Path,
    store: Path,
    **given: Any,
) -> None:
    """Say which findings of a scan would change verdict if the policy NEW took the place of OLD.

    Counted by class, with examples; the dataset is not read. Exit code 1: findings that pass now would fail.

    \b
    Example:
      provenance policy diff audit-only ours.yaml --on provenance-scan
    """
    from provenance import policy
    from provenance.policy import explaining
    from provenance.report.text import plain

    before, after = (weigh(policy.load(name), store, **given).judge for name in (old, new))
    said = explaining.compare(before, after, texts(folder))
    for change, count, examples in said.changes:
        click.secho(
            plain(f"{count:,} {change.old} -> {change.new}: {change.old_rule} -> {change.new_rule}"),
            fg=options.COLOURS[change.new],
        )
        for one in examples:
            click.echo(plain(f"    {one.address.file}, row {one.address.row}  [{one.id}]"))
    changed = said.texts - said.same - said.other_rule
    click.echo(
        f"{said.texts:,} matched texts: {changed:,} change verdict, {said.other_rule:,} keep it by another rule, "
        f"{said.same:,} stay"
    )
    raise click.exceptions.Exit(1 if any(change.newly_fails for change, _, _ in said.changes) else 0)


@command.command()
@options.policy
@options.store
@weighing
@click.option(
    "--on", "folder", metavar="SCAN", type=click.Path(path_type=Path), help="Also: what does nothing in this scan."
)
def lint(
    policy_name: str,
    store: Path,
    folder: Path | None,
    **given: Any,
) -> None:
    """Name what a policy and its waivers say in vain: rules that never decide, zones never reached, waivers that
    expired, soon do, speak of a hard rule, or (with --on) match nothing.

    Exit code 1: something was named.

    \b
    Examples:
      provenance policy lint --policy ours.yaml
      provenance policy lint --policy ours.yaml --on provenance-scan
    """
    from provenance import policy
    from provenance.policy import linting
    from provenance.report.text import plain

    weighed = weigh(policy.load(policy_name), store, **given)
    rules, waivers, today = weighed.policy.policy, weighed.waivers.waivers, weighed.today
    seen = seen_in(folder, weighed) if folder is not None else None
    named = [*linting.policy_lines(rules, today), *linting.waiver_lines(rules, waivers, today, seen)]
    for line in named:
        click.echo(plain(line))
    raise click.exceptions.Exit(1 if named else 0)


def seen_in(folder: Path, weighed: Weighing) -> Seen:
    """What a scan's findings say about waivers and baseline."""
    from provenance.policy.linting import Seen

    seen = Seen(weighed.waivers.waivers, weighed.baseline)
    for facts in texts(folder):
        seen.take(weighed.judge(*facts))
    return seen


@command.command()
def schema() -> None:
    """Print the JSON Schema of policies, by which editors complete and check them.

    \b
    Example:
      provenance policy schema > policy.schema.json
    """
    from provenance.policy import published

    click.echo(published.encode(), nl=False)
