"""The page: what it counts, what it leaves out, what can not break it, and that it is the same each time."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import re
from datetime import date
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance import ledger, page
from provenance.errors import StoreError
from provenance.evidence import records as evidence
from provenance.page import gathering, html, pictures, rows, sections, wording
from provenance.page.facts import Edition, Facts
from tests.making import CLAUDE
from tests.page import samples

ROOT = Path(__file__).parents[2]


class Reader(HTMLParser):
    """What a browser makes of a page: elements with attributes, and the text in each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.broken: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append((tag, given))
        if tag not in ("meta", "br", "input", "col"):
            self.open.append(tag)
        self.wanted = given.get("data-filter") if tag == "a" else None

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.broken.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)
        if self.open and self.open[-1] == "a" and self.wanted:
            self.links.append((self.wanted, data))


def made(run: Path, edition: Edition = Edition.INTERNAL, **sources: Any) -> tuple[Facts, str]:
    facts = page.gather(page.Sources(scan=run, **sources), edition)
    return facts, page.build(facts)


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/octet-stream" id="data">([A-Za-z0-9+/=]*)</script>', text)
    assert found is not None
    held: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return held


def chosen(data: dict[str, Any], query: str) -> list[int]:
    """The findings that a link leads to, as the script chooses them."""

    def fits(column: dict[str, Any], at: int, value: str) -> bool:
        held = column["values"][column["index"][at]]
        return held != value[1:] if value.startswith("!") else held == value

    asked = dict(parse_qsl(query))
    on_finding = {key: value for key, value in asked.items() if key in data["finding"]}
    on_match = {key: value for key, value in asked.items() if key not in on_finding}

    def match_fits(one: int) -> bool:
        for key, value in on_match.items():
            if key == "lead":
                if str(data["numbers"]["lead"][one]) != value:
                    return False
            elif key == "clause":
                column = data["match"]["clauses"]
                if value not in column["values"][column["index"][one]].split():
                    return False
            elif not fits(data["match"][key], one, value):
                return False
        return True

    return [
        number
        for number in range(data["count"])
        if all(fits(data["finding"][key], number, value) for key, value in on_finding.items())
        and (not on_match or any(match_fits(one) for one in range(data["first"][number], data["first"][number + 1])))
    ]


def test_it_counts_records_and_says_what_is_unknown(tmp_path: Path) -> None:
    facts, text = made(samples.mixed(tmp_path))
    assert (4, 3, 1, 0) == (facts.records, facts.matched, facts.unknown, facts.skipped)
    assert {"openai", "anthropic"} == {one.origin.provider for one in facts.shares}
    said = " ".join(Reader(text).texts)
    assert "which is not to say that a person wrote them" in said
    assert 3 == sum(one.records for one in facts.shares) == sum(facts.actions.values())


def test_every_number_that_links_leads_to_as_many_rows(tmp_path: Path) -> None:
    _, text = made(samples.mixed(tmp_path), store=samples.stored(tmp_path))
    data = data_of(text)
    links = Reader(text).links
    assert len(links) >= 10
    assert [] == [(query, said) for query, said in links if len(chosen(data, query)) != int(said.replace(",", ""))]


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    run, store = samples.mixed(tmp_path), samples.stored(tmp_path)
    given = {"store": store, "datasets": (str(tmp_path / "train.jsonl"),)}
    assert made(run, **given)[1] == made(run, **given)[1]


def test_only_its_own_style_and_script_run_and_nothing_is_loaded(tmp_path: Path) -> None:
    _, text = made(samples.mixed(tmp_path))
    reader = Reader(text)
    rules = next(about["content"] for tag, about in reader.elements if about.get("http-equiv")) or ""
    assert "default-src 'none'" in rules
    for tag in ("style", "script"):
        inner = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert 1 == len(inner)
        assert f"{tag}-src 'sha256-{base64.b64encode(sha256(inner[0].encode()).digest()).decode()}'" in rules
    for tag, about in reader.elements:
        assert not {"src", "style", "srcset", "action", "data"} & about.keys()
        assert not [name for name in about if name.startswith("on")]
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert (about.get("href") or "#").startswith(("#", "https://"))


def test_what_a_reader_with_no_eyes_needs_is_there(tmp_path: Path) -> None:
    _, text = made(samples.mixed(tmp_path), store=samples.stored(tmp_path))
    reader = Reader(text)
    assert [] == reader.broken
    assert ("html", {"lang": "en-GB"}) in reader.elements
    assert 1 == sum(tag == "h1" for tag, _ in reader.elements)
    for tag, about in reader.elements:
        if tag == "svg":
            assert about["role"] == "img"
            assert about["aria-label"]
        if tag == "th":
            assert about["scope"] in ("row", "col")
    ids = [about["id"] for _, about in reader.elements if "id" in about]
    assert len(ids) == len(set(ids))
    targets = {about["href"][1:] for tag, about in reader.elements if tag == "a" and str(about["href"]).startswith("#")}
    assert set() == targets - set(ids)
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_a_partner_sees_no_name_and_no_text(tmp_path: Path) -> None:
    secret = "Canary-7731"
    origin = msgspec.structs.replace(CLAUDE, session=f"session {secret}")
    folder = tmp_path / f"folder {secret}"
    folder.mkdir()
    run = samples.mixed(folder, origin)
    report = json.loads((run / "report.json").read_bytes())
    report["waivers"] = [
        {
            "waiver": secret,
            "standing": "waived",
            "reason": secret,
            "basis": "licensed",
            "approver": secret,
            "expires": "2027-01-01",
            "texts": 1,
        }
    ]
    report["due"] = [{"rule": secret, "action": "warn", "level": "soft", "count": 1, "why": secret}]
    report["zones"] = {secret: 4}
    report["judged"] = {**report["judged"], "team": secret}
    report["clauses"] = [{"id": secret, "texts": 1}]
    report["promise"] += f" Of 3 windows in this index 1 are suppressed by commons ({secret})."
    report["policy"] = {"name": secret, "source": secret, "digest": "ab"}
    report["skipped"] = {
        "count": 1,
        "action": "warn",
        "reasons": {secret: 1},
        "first": [{"where": secret, "reason": secret}],
    }
    report["dataset"]["fields"] = report["dataset"]["unread"] = [secret]
    (run / "report.json").write_bytes(json.dumps(report).encode())
    table = pq.read_table(run / "findings.parquet")
    for name in ("path", "rule", "zone", "waiver", "reason", "approver"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array([secret] * len(table)))
    place = table.schema.get_field_index("clauses")
    table = table.set_column(place, "clauses", pa.array([[secret]] * len(table)))
    pq.write_table(table, run / "findings.parquet")
    store = samples.stored(folder)
    ledger.append(store, "gate", {"policy": "d", "exit": 0, "datasets": [secret]})
    evidence.write(
        store,
        evidence.Kind.STATEMENT,
        author="a",
        day=date(2026, 1, 1),
        who="w",
        name=secret,
        zone=secret,
        reason=secret,
        subject=secret,
    )
    label = folder / "label.json"
    label.write_bytes(msgspec.json.encode(samples.label(name=secret)))
    inside = made(run, store=store, label=label)[1]
    assert inside.count(secret) > 10
    facts, outside = made(run, Edition.PARTNER, store=store, label=label)
    assert secret not in outside
    assert "CLAUDE" not in outside
    assert facts.findings is None
    assert samples.SCAN_OUTPUTS[0][:40] not in outside
    assert f">{facts.matched:,}<" in outside
    assert samples.label().subject.root in outside


@pytest.fixture
def plain(tmp_path: Path) -> tuple[Facts, str, set[str]]:
    facts, text = made(samples.mixed(tmp_path))
    return facts, text, {tag for tag, _ in Reader(text).elements}


HOSTILE = st.lists(
    st.sampled_from(
        [*"<>&\"'/=!-[]{}\\`\0\a\x1b\x7f\u202e\u2066\u2028\ufeff\ud800\U000e0041 aé漢", "</script>", "<!--", "]]>"]
    ),
    max_size=120,
).map("".join)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(HOSTILE)
def test_no_name_is_ever_markup_nor_turns_the_writing(plain: tuple[Facts, str, set[str]], name: str) -> None:
    pieces, usual, known = plain
    found = pieces.findings
    assert found is not None
    one = {**found.listed[0], "file": name, "field": name, "rule": name, "zone": name}
    one["matches"] = [
        {
            **match,
            "session": name,
            "path": name,
            "model": name,
            "provider": name,
            "kind": name,
            "waiver": name,
            "clauses": [name],
        }
        for match in one["matches"]
    ]
    one["texts"] = [{"match": 0, "ours": dict.fromkeys(("before", "matched", "after"), name)}]
    shares = tuple(
        msgspec.structs.replace(share, origin=msgspec.structs.replace(share.origin, model=name, provider=name))
        for share in pieces.shares
    )
    facts = msgspec.structs.replace(
        pieces,
        name=name,
        team=name,
        files=(name,),
        fields=(name,),
        skipped_reasons={name: 1},
        skipped_first=((name, name),),
        shares=shares,
        zones={name: 1},
        missing=(name,),
        declared=((name, name, name, 1),),
        parts=tuple(msgspec.structs.replace(part, name=name) for part in pieces.parts),
        clauses=tuple(msgspec.structs.replace(clause, channels=(name,)) for clause in pieces.clauses),
        findings=msgspec.structs.replace(found, listed=(one,)),
    )
    text = page.build(facts)
    text.encode()
    tags = known | {"a", "q", "mark", "pre"}
    reader = Reader(text)
    assert [] == reader.broken
    assert {tag for tag, _ in reader.elements} <= tags
    assert text.count("<script") == usual.count("<script")
    outside = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)
    assert all(c.isprintable() or c in "\n\t" for c in outside)


@given(HOSTILE)
def test_what_is_no_markup_is_shown_as_it_is(name: str) -> None:
    made_of = html.el("p", name, title=name)
    reader = Reader(made_of)
    assert [("p", {"title": html.visible(name).replace("\r", "")})] == reader.elements
    assert html.visible(name) == "".join(reader.texts)


def test_a_long_name_says_how_much_was_cut() -> None:
    assert len(html.short("x" * 100_000)) < 200
    assert "99,880 characters more" in html.short("x" * 100_000)
    assert html.short("x" * html.NAME) == "x" * html.NAME


def test_texts_stand_side_by_side_and_each_look_into_the_vault_is_logged(tmp_path: Path) -> None:
    run, store = samples.mixed(tmp_path), samples.stored(tmp_path)
    vault = tmp_path / "vault"
    vault.mkdir()
    found = samples.outputs()
    (vault / found[1].id).write_text(samples.SCAN_OUTPUTS[1])
    (vault / f"{found[0].id}.txt").write_text(samples.SCAN_OUTPUTS[0] + " and more")
    facts, text = made(run, store=store, datasets=(str(tmp_path / "train.jsonl"),), vault=vault)
    assert facts.findings is not None
    pairs = {one["matches"][0]["ingredient"]: one["texts"][0] for one in facts.findings.listed}
    both = pairs[found[1].id]
    assert both["verified"]
    assert samples.SCAN_OUTPUTS[1] == both["ours"]["matched"].strip()
    assert samples.SCAN_OUTPUTS[1] == both["theirs"]["matched"]
    assert not pairs[found[0].id]["verified"]
    assert "theirs" not in pairs[found[2].id]
    logged = [one for one in ledger.read(store) if isinstance(one, ledger.Entry) and one.kind == "access"]
    assert {found[0].id, found[1].id} == {one.facts["subject"] for one in logged}
    assert data_of(text)["texts"]


def test_no_text_is_shown_that_is_not_the_one_that_was_scanned(tmp_path: Path) -> None:
    run = samples.mixed(tmp_path)
    data = tmp_path / "train.jsonl"
    data.write_text(data.read_text().replace(samples.SCAN_OUTPUTS[2], "somebody's secret"))
    facts, _ = made(run, datasets=(str(data),))
    assert facts.findings is not None
    assert 2 == len(facts.findings.texts)
    assert "secret" not in json.dumps(facts.findings.texts)


def test_a_vault_is_not_opened_without_a_ledger_that_logs_it(tmp_path: Path) -> None:
    run = samples.mixed(tmp_path)
    (tmp_path / "vault").mkdir()
    with pytest.raises(StoreError, match="--store"):
        made(run, vault=tmp_path / "vault")


def test_what_earlier_versions_did_not_write_is_named(tmp_path: Path) -> None:
    run = samples.mixed(tmp_path)
    report = json.loads((run / "report.json").read_bytes())
    for key in ("judged", "due", "waivers", "clauses", "zones", "baseline"):
        report.pop(key)
    (run / "report.json").write_bytes(json.dumps(report).encode())
    table = pq.read_table(run / "findings.parquet").drop_columns(list(rows.SINCE))
    pq.write_table(table, run / "findings.parquet")
    (run / "scan.json").unlink()
    facts, _ = made(run)
    said = " ".join(facts.missing)
    assert "earlier version" in said
    assert "clauses" in said
    assert "scan.json" in said
    assert facts.clauses  # the registry is asked for the days of generation
    assert 3 == facts.matched


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"report": 2}', b'{"report": 1}', b'{"report":1,"verdict":"maybe"}']
)
def test_a_report_that_is_none_is_an_error(tmp_path: Path, content: bytes) -> None:
    run = samples.mixed(tmp_path)
    (run / "report.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"report\.json"):
        made(run)


def test_findings_that_are_none_are_an_error(tmp_path: Path) -> None:
    run = samples.mixed(tmp_path)
    (run / "findings.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(StoreError, match=r"findings\.parquet"):
        made(run)


def test_a_label_of_another_judgement_is_said(tmp_path: Path) -> None:
    run = samples.mixed(tmp_path)
    path = tmp_path / "label.json"
    path.write_bytes(msgspec.json.encode(samples.label("allow")))
    assert any("different judgements" in one for one in made(run, label=path)[0].missing)
    path.write_bytes(b"{}")
    with pytest.raises(StoreError, match="label"):
        made(run, label=path)


def test_a_period_of_the_ledger(tmp_path: Path) -> None:
    store = samples.stored(tmp_path)
    facts = page.gather(page.Sources(store=store, start="2026-03-01", end="2026-03-31"), Edition.INTERNAL)
    assert facts.captured is not None
    assert (2, 1) == (facts.captured.outputs, len(facts.captured.volumes))
    assert "anthropic" == facts.captured.volumes[0].provider
    assert facts.clauses
    text = page.build(facts)
    assert 'id="findings"' not in text
    assert "2 outputs" in " ".join(Reader(text).texts)


def test_a_ledger_that_was_changed_is_said(tmp_path: Path) -> None:
    run, store = samples.mixed(tmp_path), samples.stored(tmp_path)
    shard = next((store / "ledger").glob("*.jsonl"))
    shard.write_bytes(shard.read_bytes().replace(b'"exit":1', b'"exit": 0'))
    assert "does not agree" in made(run, store=store)[1]


def test_measured_rates_are_those_of_the_benchmarks_page() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    names = {
        "copied verbatim": "verbatim",
        "names changed": "renamed",
        "a fragment of 10 lines": "10-line fragment",
        "a fragment of 6 lines": "6-line fragment",
        "a fragment of 6 lines, names changed": "renamed 6-line fragment",
    }
    for name, first, second in wording.MEASURED:
        head = f"| {names.get(name, name)} |"
        line = next(line for line in text.splitlines() if line.startswith(head) and line.count("|") == 8)
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert (first, second) == (cells[1], cells[4])
    assert wording.FALSE_ALARMS in text


def test_no_page_accuses(tmp_path: Path) -> None:
    text = made(samples.mixed(tmp_path), store=samples.stored(tmp_path))[1].replace(str(tmp_path), "")
    outside = re.sub(r"<(script|style)[^>]*>.*?</\1>|<q>.*?</q>", "", text, flags=re.DOTALL).lower()
    assert [] == [word for word in ("infring", "breach", "ai-written", "guilt", "violat", "stolen") if word in outside]


@given(st.integers(0, 10**9))
def test_ticks_are_few_round_and_within(most: int) -> None:
    found = pictures.ticks(most)
    assert found[0] == 0
    assert len(found) <= 5
    assert found[-1] <= most


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_a_share_is_nothing_or_all_only_when_it_is(part: int, whole: int) -> None:
    part = min(part, whole)
    said = wording.percent(part, whole)
    assert (said == "0 %") == (part == 0)
    assert (said == "100 %") == (part == whole)


def test_a_dataset_that_moved_is_found_by_the_end_of_its_path() -> None:
    from provenance.page.texts import nearest

    assert "b/x/train.jsonl" == nearest("/a/x/train.jsonl", ["b/y/train.jsonl", "b/x/train.jsonl"])
    assert nearest("a/x.jsonl", ["a/y.jsonl"]) is None


def test_a_page_without_a_match_says_so(tmp_path: Path) -> None:
    facts, text = made(samples.judged(tmp_path, [{"text": samples.clean(1)}]))
    assert (0, "allow") == (facts.matched, facts.verdict)
    assert "No record matches" in text
    assert gathering.STATIC >= 1
    assert sections.findings(facts) is not None
