"""Labels for tests: whole ones, and any that the form allows."""

from __future__ import annotations

import hashlib

from hypothesis import strategies as st

from provenance.label import reading
from provenance.label.form import (
    FORM,
    Clause,
    File,
    Judgement,
    Label,
    Parent,
    Share,
    Subject,
    Tool,
    Totals,
    Waived,
)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def label(
    shares: tuple[Share, ...] = (), unknown: int = 7, skipped: int = 0, name: str = "train", paths: tuple[str, ...] = ()
) -> Label:
    """A label of records that match as ``shares`` say, and of others."""
    matched = sum(one.records for one in shares)
    records = matched + unknown + skipped
    files = tuple(
        sorted(
            (
                File(path, 100, sha(f"file {path}"), records if number == 0 else 0, sha(f"root {path}"))
                for number, path in enumerate(paths or ("data/train.parquet",))
            ),
            key=reading.order,
        )
    )
    return Label(
        FORM,
        Subject(name, files, reading.root_of(files)),
        Totals(len(files), records, records, 100, 50, matched, unknown, skipped),
        shares,
        {"not UTF-8": skipped} if skipped else {},
        Judgement(
            "block" if matched else "allow", "clean-room", {"policy": sha("p")}, {"block": matched}, "2026-11-21"
        ),
        (Clause("anthropic-commercial-d4", "verified", matched),) if matched else (),
        (Waived("W-1", "old work", "contract", "counsel", "2027-01-01", 1),) if matched else (),
        Tool("0.1.0", "C", "r1", sha("index"), 12, {"floor": 1}, 2, "every run of 32 tokens"),
        (Parent("input", "raw", sha("parent"), sha("parent root"), 40),),
        "",
    )


def share(model: str = "claude-opus-4-5", provider: str = "anthropic", records: int = 3, **facts: str) -> Share:
    given = {"tool": "claude-code", "similarity": "exact", "evidence": "transcript", "action": "block"} | facts
    return Share(
        provider,
        model,
        given["tool"],
        given["similarity"],
        given["evidence"],
        given["action"],
        records,
        records * 40,
        facts.get("first", "2026-03-25T09:00:00.000Z"),
        facts.get("last", "2026-04-01T09:00:00.000Z"),
    )


MIXED = label(
    (
        share(),
        share(similarity="fragment", records=2, action="quarantine", last="2026-05-01T00:00:00.000Z"),
        share("gpt-5.1-codex", "openai", 4, tool="codex"),
        share("unknown", "unknown", 1, tool="unknown", evidence="declared", similarity="none", first="", last=""),
    ),
    skipped=2,
    paths=("data/a.parquet", "data/b.jsonl"),
)
NOTHING = label(unknown=9)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["</script><b>x", "a|b", "--> <!-- provenance: end -->", "---\nkey: 1\n---", "‮evil", "a\r\nb", "# provenance: end"]
)
shares = st.builds(
    share, names, names, st.integers(0, 1 << 40), tool=names, similarity=names, evidence=names, first=names, last=names
)
labels = st.builds(
    label,
    st.lists(shares, max_size=4).map(tuple),
    st.integers(0, 1 << 40),
    st.integers(0, 3),
    names,
    st.lists(names, max_size=3, unique=True).map(tuple),
)
