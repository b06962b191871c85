"""The terms registry: what is shipped, which clauses are in force for an output, and what is refused."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import terms
from provenance.errors import PolicyError
from provenance.terms import Kind, Registry, Resolution, Row, Seen, Status, Verification

PROVIDERS = (
    "alibaba amazon anthropic bytedance cognition cohere cursor deepseek fireworks github google lovable meta "
    "microsoft minimax mistral moonshot openai opencode openrouter perplexity tencent together xai zhipu"
).split()
SHIPPED = sorted((Path(__file__).parents[1] / "policies" / "terms").glob("*.yaml"))
FILE = """\
version: 1
provider: acme
documents:
  - id: terms
    title: Terms
    url: https://acme.example/terms
    archive: [Acme/Terms of Service.md]
rows:
  - id: acme.terms.2025-01-01.models
    document: terms
    clause: 3.3
    kind: competing-model
    verdict: forbids
    uses: [pretrain, sft, rl]
    channel: [api]
    from: 2025-01-01
    quotation: use Output to develop models that compete
    retrieved: 2025-06-30
    verification: verified
"""


def rows_of(text: str, is_private: bool = False) -> tuple[Row, ...]:
    return terms.parse(text.encode(), "acme.yaml", is_private)


def registry_of(text: str) -> Registry:
    return Registry(rows_of(text), "")


def said(registry: Registry | None = None, **asked: str) -> Resolution:
    return terms.resolve(registry or terms.load(), **asked)


def ids(resolution: Resolution) -> list[str]:
    return [one.row.id for one in resolution.clauses]


# ---- what is shipped ----


def test_every_provider_has_its_file_and_its_rows() -> None:
    assert PROVIDERS == [path.stem for path in SHIPPED]
    assert set(PROVIDERS) == {row.provider for row in terms.load().rows}


def test_the_shipped_rows_have_no_fault() -> None:
    assert [] == terms.lint(terms.load().rows)


def test_no_quotation_has_more_than_25_words() -> None:
    assert [] == [row.id for row in terms.load().rows if terms.words(row.quotation) > 25]


def test_every_row_names_a_source_or_says_that_none_was_read() -> None:
    unread = [row.id for row in terms.load().rows if not row.read and row.verdict != "unread"]
    assert [] == unread


def test_what_is_not_confirmed_is_not_verified() -> None:
    rows = {row.id: row.verification for row in terms.load().rows}
    unsure = ["cohere.saas", "amazon.service-terms", "microsoft.product-terms", "google.cloud", "alibaba.qwen-research"]
    for document in (*unsure, "anthropic.usage-policy.2026-11-12"):
        found = {verification for name, verification in rows.items() if name.startswith(f"{document}.")}
        assert {Verification.UNVERIFIED} == found, document


def test_the_rows_are_package_data() -> None:
    tool = tomllib.loads((SHIPPED[0].parents[2] / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "terms/*.yaml" in tool["package-data"]["provenance.policies"]
    assert {"provenance.terms", "provenance.policies"} <= set(tool["packages"])


# ---- which clauses are in force ----


def test_the_wording_of_the_day_counts() -> None:
    found = {
        day: [one.row.since for one in said(provider="anthropic", channel="api", date=day, use="sft").clauses]
        for day in ("2024-06-05", "2024-06-06", "2025-06-17", "2025-09-14", "2025-09-15")
    }
    older, newer, commercial = date(2024, 6, 6), date(2025, 9, 15), date(2025, 6, 17)
    assert {
        "2024-06-05": [],
        "2024-06-06": [older],
        "2025-06-17": [commercial, commercial, older],
        "2025-09-14": [commercial, commercial, older],
        "2025-09-15": [commercial, commercial, newer],
    } == found


@pytest.mark.parametrize(
    ("day", "status"),
    [
        ("2024-02-07", Status.UNKNOWN),
        ("2024-02-08", Status.FORBIDS),
        ("2024-02-26T23:59:59.999Z", Status.FORBIDS),
        ("2024-02-27", Status.UNKNOWN),
        ("2025-12-11", Status.CONDITIONS),
    ],
)
def test_a_clause_that_was_dropped_binds_no_later_output(day: str, status: Status) -> None:
    assert status == said(provider="mistral", channel="api", date=day, use="sft").status


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        # Its own terms permit; that it came through a service whose terms forbid is only a thought.
        ({"provider": "deepseek", "tool": "aider"}, Status.CONDITIONS),
        ({"provider": "deepseek", "channel": "cursor"}, Status.FORBIDS),
        ({"provider": "deepseek", "channel": "api"}, Status.PERMITS),
        # Whichever of the maker's own documents binds: each forbids.
        ({"provider": "anthropic", "tool": "claude-code"}, Status.FORBIDS),
        ({"provider": "openai", "model": "gpt-5", "tool": "codex"}, Status.FORBIDS),
        ({"provider": "google", "model": "gemini-3-pro", "tool": "gemini-cli"}, Status.FORBIDS),
        # By its API or from its weights, whose licence is silent: nobody recorded which.
        ({"provider": "openai", "model": "gpt-oss-120b"}, Status.CONDITIONS),
        # Nothing of the maker is known; that some service could have served it is no answer.
        ({"provider": "unknown"}, Status.UNKNOWN),
        ({"provider": "nobody", "tool": "cursor"}, Status.UNKNOWN),
        ({"provider": "unknown", "channel": "cursor"}, Status.FORBIDS),
    ],
)
@pytest.mark.parametrize("use", ["sft", "unknown"])
def test_a_clause_that_could_only_apply_forbids_where_no_other_way_is_open(
    asked: dict[str, str], status: Status, use: str
) -> None:
    assert status == said(date="2026-07-20", use=use, **asked).status


def test_an_unknown_channel_lists_every_row_that_could_apply_and_says_so() -> None:
    found = said(provider="anthropic", tool="claude-code", date="2025-12-01", use="sft")
    listed = {one.row.document: one.assumed for one in found.clauses if one.row.provider == "anthropic"}
    assert {"commercial": ("channel", "plan"), "consumer": ("channel", "plan"), "usage-policy": ("channel",)} == listed


def test_a_recorded_channel_and_plan_leave_the_other_plans_out() -> None:
    found = said(provider="anthropic", channel="app", plan="max", date="2025-12-01", use="sft")
    assert {"consumer", "usage-policy"} == {one.row.document for one in found.clauses}
    assert not any(one.assumed for one in found.clauses)


def test_who_calls_the_api_is_on_its_plan() -> None:
    found = said(provider="openai", channel="api", date="2026-02-01", use="sft")
    assert not any(one.assumed for one in found.clauses)
    assert {"services-agreement"} == {one.row.document for one in found.clauses}


def test_the_tool_leaves_out_other_assistants_services_where_the_channel_is_unknown() -> None:
    def providers(tool: str, channel: str = "unknown") -> set[str]:
        found = said(provider="anthropic", channel=channel, tool=tool, date="2026-08-20", use="sft")
        return {one.row.provider for one in found.clauses}

    assistants = {"cursor", "cognition", "lovable", "github", "opencode", "perplexity"}
    assert assistants & providers("unknown") == assistants
    assert set() == assistants & providers("claude-code")
    assert {"cursor"} == assistants & providers("cursor")
    assert {"github"} == assistants & providers("copilot-cli")
    assert {"cursor"} == providers("claude-code", channel="cursor")


def test_a_missing_row_is_unknown_terms_and_never_a_permission() -> None:
    for asked in ({"provider": "nobody"}, {"provider": "unknown"}, {"provider": "xai", "date": "2020-01-01"}):
        found = said(**{"channel": "api", "use": "sft", **asked})
        assert (Status.UNKNOWN, ()) == (found.status, found.clauses)


def test_a_text_that_nobody_read_is_unknown_terms_and_unverified() -> None:
    found = said(provider="cohere", channel="api", date="2026-01-01", use="sft")
    assert (Status.UNKNOWN, True, 1) == (found.status, found.is_unverified, len(found.clauses))


def test_a_text_that_was_searched_in_vain_is_silent() -> None:
    found = said(provider="anthropic", channel="copilot", plan="pro", date="2026-05-01", use="sft")
    assert (Status.SILENT, ["github.terms.2026-04-27.training"]) == (found.status, ids(found))


def test_a_clause_permits_what_it_names() -> None:
    found = said(provider="deepseek", channel="api", date="2026-05-01", use="sft")
    assert Status.PERMITS == found.status


def test_an_exception_for_a_use_is_what_that_use_is_judged_by() -> None:
    openai = {"provider": "openai", "channel": "api", "date": "2026-02-01"}
    assert Status.FORBIDS == said(use="sft", **openai).status
    assert Status.CONDITIONS == said(use="classifier", **openai).status
    meta = {"provider": "meta", "channel": "api", "date": "2026-08-06"}
    assert Status.FORBIDS == said(use="sft", **meta).status
    assert Status.PERMITS == said(use="eval", **meta).status


def test_clauses_on_other_uses_are_named_apart() -> None:
    found = said(provider="xai", channel="api", date="2026-08-20", use="tooling")
    assert ((), Status.UNKNOWN) == (found.clauses, found.status)
    assert "xai.usage-policy.2026-06-26.marks" in found.other_uses


def test_a_router_passes_the_makers_terms_through() -> None:
    found = said(provider="anthropic", channel="openrouter", date="2026-06-01", use="sft")
    assert {"openrouter.terms.2026-05-06.5-1"} == {one.via for one in found.clauses}
    assert {()} == {one.assumed for one in found.clauses}


def test_what_an_unverified_clause_passes_through_is_assumed() -> None:
    found = said(provider="anthropic", channel="bedrock", date="2026-06-01", use="sft")
    makers = [one for one in found.clauses if one.row.provider == "anthropic"]
    assert makers
    assert all("pass-through" in one.assumed for one in makers)
    assert found.is_unverified


@pytest.mark.parametrize(("region", "document"), [("de", "terms-of-use-europe"), ("us", "terms-of-use")])
def test_the_edition_of_the_region_counts(region: str, document: str) -> None:
    found = said(provider="openai", channel="app", plan="pro", region=region, date="2025-06-01", use="sft")
    assert [document] == [one.row.document for one in found.clauses]
    assert () == found.gaps


def test_the_model_decides_between_licences() -> None:
    def licences(model: str) -> list[str]:
        found = said(provider="meta", model=model, channel="weights", date="2025-06-01", use="sft")
        return [one.row.document for one in found.clauses]

    assert ["llama-2-and-3"] == licences("meta-llama/Llama-2-70b-hf")
    assert ["llama-2-and-3"] == licences("meta-llama/Meta-Llama-3-8B-Instruct")
    assert ["llama-3-1-and-later"] == licences("meta-llama/Llama-3.3-70B-Instruct")
    assert ["llama-3-1-and-later"] == licences("llama3.2:1b")
    assert ["llama-2-and-3", "llama-3-1-and-later"] == sorted(licences("unknown"))


def test_an_output_younger_than_the_last_reading_says_so() -> None:
    def past(day: str) -> list[bool]:
        found = said(provider="anthropic", channel="cursor", date=day, use="sft")
        return [one.is_past_reading for one in found.clauses]

    assert [False, False] == past("2025-09-18")
    assert [True, True] == past("2025-09-19")


@pytest.mark.parametrize("day", ["unknown", "", "yesterday", "2026-13-01"])
def test_without_a_day_every_wording_is_listed_and_says_so(day: str) -> None:
    found = said(provider="mistral", channel="api", date=day, use="sft")
    assert {"mistral.commercial.2025-12-11.3-3", "mistral.la-plateforme.2024-02-08.compete"} == set(ids(found))
    assert {("date",)} == {one.assumed for one in found.clauses}


def test_an_unknown_use_lists_every_clause_that_speaks_of_one() -> None:
    found = said(provider="meta", channel="api", date="2026-08-06")
    assert {Kind.COMPETING_MODEL, Kind.COMPETING_PRODUCT, Kind.DISTILLATION, Kind.EXCEPTION} == {
        one.row.kind for one in found.clauses
    }
    assert {("use",)} == {one.assumed for one in found.clauses}


def test_a_clause_that_speaks_of_no_use_is_only_named_whatever_the_use() -> None:
    for use in ("unknown", "sft"):
        found = said(provider="xai", channel="api", date="2026-08-20", use=use)
        assert "xai.usage-policy.2026-06-26.marks" in found.other_uses
        assert "xai.usage-policy.2026-06-26.marks" not in ids(found)


def test_a_day_before_the_first_row_is_named_as_a_gap() -> None:
    found = said(provider="anthropic", channel="api", date="2023-01-01", use="sft")
    expected = ("anthropic.commercial: none before 2025-06-17", "anthropic.usage-policy: none before 2024-06-06")
    assert expected == found.gaps


def test_the_more_specific_row_comes_first() -> None:
    wide = FILE.partition("rows:\n")[2].replace("    channel: [api]\n", "").replace("models\n", "wide\n")
    found = said(registry_of(FILE + wide), provider="acme", channel="api", date="2025-02-01", use="sft")
    assert ["acme.terms.2025-01-01.models", "acme.terms.2025-01-01.wide"] == ids(found)


def test_letters_and_names_of_channels_make_no_difference() -> None:
    plain = said(provider="google", channel="vertex", date="2026-02-01", use="sft")
    assert plain == said(provider=" Google", channel="vertex_ai", date="2026-02-01", use="SFT")


def test_a_question_is_answered_once() -> None:
    asked = {"provider": "xai", "channel": "api", "date": "2026-08-20", "use": "sft"}
    first, second = terms.load(), terms.load()
    assert said(first, **asked) is said(first, **asked)
    assert said(first, **asked) is not said(second, **asked)


# ---- private overlays ----

OVERLAY = """\
version: 1
provider: anthropic
documents: [{id: contract, title: Master agreement}]
rows:
  - id: ours.2026.training
    document: contract
    kind: training-use
    verdict: permits
    uses: [sft]
    plan: [enterprise]
    from: 2026-01-01
    until: 2027-01-01
    verification: verified
    overrides: [anthropic.usage-policy.2025-09-15.training]
"""


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    path = tmp_path / "ours.yaml"
    path.write_text(OVERLAY)
    return path


def test_a_negotiated_contract_sets_the_clauses_aside_that_it_names(overlay: Path) -> None:
    asked = {"provider": "anthropic", "channel": "api", "plan": "enterprise", "use": "sft"}
    found = said(terms.load([overlay]), date="2026-02-01", **asked)
    assert "ours.2026.training" == found.clauses[0].row.id
    assert ("anthropic.usage-policy.2025-09-15.training",) == found.overridden
    assert Status.FORBIDS == found.status, "what it does not name keeps standing"
    assert () == said(terms.load([overlay]), date="2025-12-31", **asked).overridden


def test_a_contract_that_may_not_apply_sets_nothing_aside(overlay: Path) -> None:
    found = said(terms.load([overlay]), provider="anthropic", channel="app", date="2026-02-01", use="sft")
    assert () == found.overridden
    assert ["plan"] == [word for one in found.clauses if one.row.is_private for word in one.assumed]


def test_a_contract_that_may_not_apply_makes_nothing_milder(overlay: Path) -> None:
    found = said(terms.load([overlay]), provider="anthropic", tool="claude-code", date="2026-02-01", use="sft")
    assert any(one.row.is_private and one.assumed for one in found.clauses)
    assert Status.FORBIDS == found.status


def test_an_overlay_changes_the_digest_and_no_other_registry(overlay: Path) -> None:
    shipped = terms.load()
    ours = terms.load([overlay])
    assert shipped.digest == terms.load().digest == terms.digest(terms.contents())
    assert ours.digest == terms.digest(terms.contents([overlay])) != shipped.digest
    assert len(ours.rows) == len(shipped.rows) + 1


def test_an_overlay_that_names_no_clause_is_refused(overlay: Path) -> None:
    overlay.write_text(OVERLAY.replace("2025-09-15.training]", "2025-09-51.training]"))
    with pytest.raises(PolicyError, match=re.escape("did you mean 'anthropic.usage-policy.2025-09-15.training'?")):
        terms.load([overlay])


def test_two_overlays_may_not_share_an_id(overlay: Path) -> None:
    with pytest.raises(PolicyError, match=r"two rows have the id 'ours\.2026\.training'"):
        terms.load([overlay, overlay])


def test_an_overlay_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"none\.yaml: cannot be read"):
        terms.load([tmp_path / "none.yaml"])


# ---- what is refused ----


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1", "version: 2", "line 1: version: '2'"),
        ("version: 1\n", "", "version: missing"),
        ("verdict: forbids", "verdict: forbid", "line 13: rows[0].verdict: 'forbid' is not known (did you mean 'forb"),
        ("kind: competing-model", "kind: x", "line 12: rows[0].kind: 'x' is not known (valid: training-use,"),
        (
            "[pretrain, sft, rl]",
            "[pretrain, stf]",
            "line 14: rows[0].uses[1]: 'stf' is not known (did you mean 'sft'?)",
        ),
        ("channel:", "chanel:", "line 15: rows[0]: unknown key 'chanel' (did you mean 'channel'?)"),
        ("channel: [api]", "channel: [API]", "line 15: rows[0].channel: write small letters"),
        ("    kind: competing-model\n", "", "line 9: rows[0]: no key 'kind'"),
        ("from: 2025-01-01", "from: soon", "line 16: rows[0].from: 'soon'"),
        ("from: 2025-01-01", "from: 2025-02-30", "line 16: rows[0].from: '2025-02-30'"),
        ("from: 2025-01-01", "from: 2025-01-01\n    until: 2025-01-01", "line 17: rows[0].until: 2025-01-01 is not"),
        ("document: terms", "document: term", "line 10: rows[0].document: no document 'term' (did you mean 'terms'?)"),
        ("id: acme.terms", "id: Acme terms", "line 9: rows[0].id: 'Acme terms.2025-01-01.models'"),
        ("    clause: 3.3", "    overrides: [a.b]", "rows[0].overrides: only a private overlay"),
        ("    clause: 3.3", "    clause: &x 3.3", ""),
        ("    clause: 3.3", "    clause: !!str 3.3", "line 11: a tag"),
        ("    clause: 3.3", "    clause: *x", "line 11: "),
        ("    clause: 3.3", "    clause: 3.3\n    clause: 3.4", "line 12: rows[0]: key 'clause' twice"),
        ("    clause: 3.3", "    clause: {a: {b: {c: {d: 1}}}}", "line 11: more lists and mappings"),
        ("    clause: 3.3", '    clause: "a\\u202eb"', "line 11: "),
        ("    clause: 3.3", "  clause: 3.3", "line 11: not YAML"),
        ("provider: acme", "provider: Acme Inc", "line 2: provider: 'Acme Inc'"),
        ("rows:", "---\nrows:", "a second document"),
        ("title: Terms", "title: [Terms]", "line 5: documents[0].title"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(old: str, new: str, message: str) -> None:
    assert old in FILE
    text = FILE.replace(old, new, 1)
    if not message:
        assert rows_of(text) == rows_of(FILE)
        return
    with pytest.raises(PolicyError) as refused:
        rows_of(text)
    assert str(refused.value).startswith("acme.yaml: ")
    assert message in str(refused.value)


def test_a_number_stays_as_it_is_written() -> None:
    text = FILE.replace("clause: 3.3", "clause: 3.10").replace("channel: [api]", "region: [no, on]")
    assert ("3.10", ("no", "on")) == (rows_of(text)[0].clause, rows_of(text)[0].region)


def test_a_file_that_is_too_large_or_no_text_is_refused() -> None:
    for content in (b"#" * (1 << 19), b"version: 1\n\xff\xfe\x00", b"\x00", b"[]", b"", b"a: b: c"):
        with pytest.raises(PolicyError, match=r"^x\.yaml: "):
            terms.parse(content, "x.yaml")


def reads_or_refuses(content: bytes) -> None:
    error = ""
    try:
        terms.parse(content, "x.yaml")
    except PolicyError as refused:
        error = str(refused)
    assert error.startswith("x.yaml: ") or not error
    assert error.isprintable()


@given(st.binary(max_size=400))
def test_any_bytes_are_rows_or_a_clear_error(content: bytes) -> None:
    reads_or_refuses(content)


@settings(deadline=None)
@given(st.sampled_from(SHIPPED), st.integers(0), st.integers(1, 12), st.binary(max_size=6))
def test_a_damaged_file_is_rows_or_a_clear_error(path: Path, at: int, length: int, new: bytes) -> None:
    content = path.read_bytes()[:3000]
    at %= len(content)
    reads_or_refuses(content[:at] + new + content[at + length :])


@given(st.sampled_from(FILE.splitlines()), st.sampled_from("[]{}:&*!|>'\"%@`#-?,\t\\\x07\u2028é"), st.integers(0, 40))
def test_a_file_with_an_odd_character_is_rows_or_a_clear_error(line: str, char: str, at: int) -> None:
    reads_or_refuses(FILE.replace(line, line[:at] + char + line[at:]).encode())


# ---- diff, lint, review ----


def test_changes_are_what_happened_after_one_day_and_up_to_another() -> None:
    rows = [row for row in terms.load().rows if row.id.startswith("anthropic.usage-policy.20")]
    found = terms.changes(rows, date(2024, 6, 6), date(2025, 9, 15))
    assert [("changed", date(2025, 9, 15), "anthropic.usage-policy.2024-06-06.training")] == [
        (one.what, one.day, one.before.id if one.before else "") for one in found
    ]
    assert ["began"] == [one.what for one in terms.changes(rows, date(2024, 6, 5), date(2025, 9, 14))]
    assert [] == terms.changes(rows, date(2025, 9, 15), date(2026, 11, 11))


def test_a_clause_that_ends_without_another_in_its_place_is_a_change() -> None:
    rows = [row for row in terms.load().rows if row.provider == "mistral"]
    found = terms.changes(rows, date(2024, 2, 8), date(2026, 3, 12))
    assert ("ended", date(2024, 2, 27)) == found[0][:2]
    assert {"ended", "began", "repeated"} == {one.what for one in found}


@pytest.mark.parametrize(
    ("change", "kind", "what"),
    [
        (lambda row: row.replace("that compete", "that compete" + " word" * 19), "quotation", "26 words"),
        (lambda row: row.replace("use Output to develop models that compete", "''"), "quotation", "quotes nothing"),
        (lambda row: row.replace("    retrieved: 2025-06-30\n", ""), "source", "no day on which it was retrieved"),
        (lambda row: row.replace("verification: verified", "verification: secondary"), "source", "no note says"),
        (lambda row: row.replace("verdict: forbids", "verdict: unread"), "source", "cannot be verified"),
        (lambda row: row.replace("id: acme.terms.2025", "id: acme.terms.2024"), "id", "does not begin with"),
        (lambda row: row.replace("clause: 3.3", "repeated: [2024-01-01]"), "order", "days after from"),
        (lambda row: row.replace("clause: 3.3", "until: 2025-02-01\n    repeated: [2025-03-01]"), "order", "has ended"),
        (lambda row: row.replace("clause: 3.3", "supersedes: acme.terms.x"), "order", "which is not there"),
    ],
)
def test_a_fault_is_named(change: Callable[[str], str], kind: str, what: str) -> None:
    assert [] == terms.lint(rows_of(FILE))
    found = terms.lint(rows_of(change(FILE)))
    assert any(kind == one.kind and what in one.what for one in found), found


def test_a_document_without_address_and_reading_is_a_fault() -> None:
    assert ["source"] == [
        one.kind for one in terms.lint(rows_of(FILE.replace("    url: https://acme.example/terms\n", "")))
    ]


@pytest.mark.parametrize(
    ("ends", "begins", "chained", "kinds"),
    [
        ("2025-03-01", "2025-03-01", True, []),
        ("2025-03-01", "2025-03-02", True, ["gap"]),
        ("2025-03-02", "2025-03-01", True, ["overlap"]),
        ("2025-03-02", "2025-03-01", False, ["overlap"]),
        ("2025-03-01", "2025-03-02", False, []),
    ],
)
def test_an_overlap_or_gap_between_wordings_is_a_fault(ends: str, begins: str, chained: bool, kinds: list[str]) -> None:
    row = FILE.partition("rows:\n")[2]
    first = FILE.replace("from: 2025-01-01", f"from: 2025-01-01\n    until: {ends}")
    second = row.replace("2025-01-01", begins)
    if chained:
        second += "    supersedes: acme.terms.2025-01-01.models\n"
    assert kinds == [one.kind for one in terms.lint(rows_of(first + second))]


def test_an_unconfirmed_wording_beside_a_verified_one_is_no_fault() -> None:
    row = FILE.partition("rows:\n")[2].replace("2025-01-01", "2025-05-01")
    unsure = row.replace("verification: verified", "verification: unverified\n    note: as someone says")
    assert [] == terms.lint(rows_of(FILE + unsure))
    assert ["overlap"] == [one.kind for one in terms.lint(rows_of(FILE + row))]


@pytest.mark.parametrize(
    ("quotation", "count"),
    [("", 0), ("one two", 2), ("one … two — three", 3), ("有竞争可能性的", 7), ("don't (e.g., x)", 3)],
)
def test_words_are_counted_in_every_script(quotation: str, count: int) -> None:
    assert count == terms.words(quotation)


@pytest.mark.parametrize(
    ("quotation", "text", "is_there"),
    [
        ("use Output", "You may not *use*\n   **Output** to", True),
        ("OpenAI's products", "OpenAI’s\u00a0products", True),
        ("the Terms", 'see [the Terms](https://x.example/a_(b) "t") now', True),
        ("4.2(3) any", r"4\.2\(3\) any", True),
        ("use … models", "use Output to develop models", True),
        ("models … use", "use Output to develop models", False),
        ("use Outputs", "use Output", False),
    ],
)
def test_a_quotation_stands_whatever_the_marks(quotation: str, text: str, is_there: bool) -> None:
    assert is_there == terms.stands(quotation, text)


PATH = "Acme/Terms of Service.md"
READ = date(2025, 6, 30)


def reviewed(text: str, *versions: date) -> terms.Reviewed:
    rows = rows_of(FILE)
    assert {PATH: READ} == terms.archived(rows)
    seen = Seen(versions[-1], "c1", text, tuple((day, "c1") for day in versions))
    return terms.review(rows, {PATH: seen})[0]


def test_a_later_version_and_a_quotation_that_is_gone_are_for_review() -> None:
    found = reviewed("nothing of the kind", READ, date(2025, 7, 1), date(2025, 8, 1))
    assert (2, ("acme.terms.2025-01-01.models",), 0, 0) == (found.later, found.gone, found.standing, found.older)


def test_a_quotation_that_stands_is_counted() -> None:
    found = reviewed("not **use Output** to develop\nmodels that compete with us", READ)
    assert (0, (), 1, 0) == (found.later, found.gone, found.standing, found.older)


def test_a_copy_older_than_the_reading_shows_nothing_gone() -> None:
    found = reviewed("nothing of the kind", date(2024, 1, 1))
    assert (0, (), 0, 1) == (found.later, found.gone, found.standing, found.older)


def test_a_document_that_the_archive_lacks_is_said_so() -> None:
    assert ("acme.terms", "", READ) == terms.review(rows_of(FILE), {})[0][:3]


def test_what_is_not_verified_makes_no_reading_newer() -> None:
    row = FILE.partition("rows:\n")[2].replace("2025-01-01", "2025-05-01").replace("2025-06-30", "2025-12-31")
    unsure = row.replace("verification: verified", "verification: unverified\n    note: as someone says")
    assert {PATH: READ} == terms.archived(rows_of(FILE + unsure))
