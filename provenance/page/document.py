"""The whole page: one file with its style, its script and its data, under a policy that lets it load nothing else."""

from __future__ import annotations

import gzip
from base64 import b64encode
from hashlib import sha256
from importlib import resources

import msgspec

from provenance.page import sections, wording
from provenance.page.facts import Facts
from provenance.page.html import Content, Markup, el, join


def build(facts: Facts, is_printed: bool = False) -> str:
    """The page as HTML. Same facts, same text; ``is_printed`` leaves out what only a screen needs."""
    style, script = _resource("page.css"), _resource("page.js")
    body = [one for one in _sections(facts) if one is not None]
    has_data = facts.findings is not None and facts.findings.count > 0 and not is_printed
    title = "Clean-room report" + (f": {facts.name}" if facts.name else "")
    rules = [
        "default-src 'none'",
        f"style-src {_hash(style)}",
        f"script-src {_hash(script)}" if has_data else "script-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    ]
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content="; ".join(rules)),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title[:200]),
        el("style", Markup(style)),
    )
    page = el(
        "body",
        None if is_printed else el("a", "Skip to the statement", href="#statement", class_="skip"),
        None if is_printed else _contents(facts),
        el("main", body),
        el("footer", el("p", f"{facts.tool}, {facts.edition} edition. Made from "
"the files whose digests it names; the same "
                        "files give the same page.")),
        _data(facts) if has_data else None,
        el("script", Markup(script)) if has_data else None,
    )  # fmt: skip
    return f"<!doctype html>\n{el('html', head, page, lang='en-GB')}\n"


def _sections(facts: Facts) -> list[Markup | None]:
    return [
        sections.statement(facts),
        sections.composition(facts),
        sections.terms(facts),
        sections.policy(facts),
        sections.findings(facts),
        sections.waivers(facts),
        sections.volume(facts),
        sections.coverage(facts),
        sections.ledger(facts),
        sections.records(facts),
        sections.method(facts),
    ]


def _contents(facts: Facts) -> Markup:
    names: list[tuple[str, str, bool]] = [
        ("statement", "Statement", True),
        ("composition", "Composition", facts.is_scan),
        ("terms", "Terms", True),
        ("policy", "Policy", facts.policy is not None),
        ("findings", "Findings", facts.is_scan),
        ("waivers", "Waivers", facts.is_scan),
        ("volume", "Volume", facts.captured is not None),
        ("coverage", "Coverage", True),
        ("ledger", "Ledger", True),
        ("records", "Records", facts.captured is not None),
        ("method", "Method", True),
    ]
    links: Content = [el("li", el("a", title, href=f"#{name}")) for name, title, is_there in names if is_there]
    return el("nav", el("ul", links), class_="contents", aria_label="Sections")


def _data(facts: Facts) -> Markup:
    """The findings: JSON, compressed, in a block that no browser runs. Base64 has no character that ends it."""
    found = facts.findings
    assert found is not None
    content = msgspec.json.encode(
        {**found.columns, "texts": {str(number): pairs for number, pairs in sorted(found.texts.items())},
         "evidence": wording.EVIDENCE, "standing": wording.STANDING}
    )  # fmt: skip
    packed = b64encode(gzip.compress(content, 6, mtime=0)).decode()
    return join([el("script", Markup(packed), type="application/octet-stream", id="data")])


def _resource(name: str) -> str:
    return (resources.files("provenance.page") / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
