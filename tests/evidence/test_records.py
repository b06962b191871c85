"""Clean-room records: what is written down, by whom it can be read, and what follows from it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from provenance import dsse, ledger
from provenance.errors import StoreError
from provenance.evidence import records
from provenance.evidence.records import Kind, Side
from tests.evidence.making import keypair

STORE = Path(".provenance")
DAY = date(2026, 11, 21)


def join(who: str, side: Side, zone: str = "", day: date = DAY, kind: Kind = Kind.JOIN) -> None:
    records.write(STORE, kind, author="clerk", who=who, side=side, zone=zone, day=day)


def test_a_person_stands_in_the_ledger_under_a_pseudonym() -> None:
    join("alice", Side.CLEAN, "pretraining")
    records.write(
        STORE, Kind.STATEMENT, author="alice", who="alice", name="Alice Example", reason="I did not.", day=DAY
    )
    first, second = records.records(STORE)
    alice = ledger.pseudonym(ledger.key(STORE), "alice")
    assert (alice, "", "clean", "pretraining", "2026-11-21") == (
        first.who,
        first.name,
        first.side,
        first.zone,
        first.day,
    )
    assert (alice, alice, "Alice Example") == (second.who, second.author, second.name)
    raw = b"".join(ledger.lines(STORE, ledger.shard(STORE)))
    assert b"alice" not in raw
    assert b"Alice Example" in raw, "said to be shown"


def test_who_stands_where_follows_from_the_days_and_not_from_the_order_of_entries() -> None:
    join("bob", Side.EXPOSED, "tooling", date(2026, 11, 10), Kind.LEAVE)
    join("bob", Side.EXPOSED, "tooling", date(2026, 11, 1))
    join("bob", Side.CLEAN, "pretraining", date(2026, 11, 11))
    bob = ledger.pseudonym(ledger.key(STORE), "bob")
    found = records.records(STORE)
    assert {bob: {("exposed", "tooling")}} == records.standing(found, "2026-11-05")
    assert {bob: {("clean", "pretraining")}} == records.standing(found, "2026-11-21")
    assert {} == records.standing(found, "2026-10-31")


@pytest.mark.parametrize(
    ("clean", "exposed", "zones"), [("a", "a", ["a"]), ("a", "b", []), ("", "b", ["", "b"]), ("a", "", ["", "a"])]
)
def test_who_stands_on_both_sides_is_named(clean: str, exposed: str, zones: list[str]) -> None:
    join("eve", Side.CLEAN, clean)
    join("eve", Side.EXPOSED, exposed)
    assert zones == records.on_both_sides(records.records(STORE), "2026-11-21").get(
        ledger.pseudonym(ledger.key(STORE), "eve"), []
    )


@pytest.mark.parametrize(
    ("kind", "given", "missing"),
    [
        (Kind.JOIN, {"who": "a"}, "side"),
        (Kind.BASELINE, {}, "subject"),
        (Kind.RELEASE, {"subject": "f", "reason": "r"}, "reviewer"),
        (Kind.RELEASE, {"subject": "f", "reviewer": "b"}, "reason"),
        (Kind.STATEMENT, {"who": "a"}, "reason"),
        (Kind.ACCESS, {"who": "a", "reason": "r"}, "subject"),
    ],
)
def test_a_record_that_says_nothing_is_refused(kind: Kind, given: dict[str, str], missing: str) -> None:
    with pytest.raises(StoreError, match=missing):
        records.write(STORE, kind, author="clerk", day=DAY, **given)  # type: ignore[arg-type]
    assert [] == records.records(STORE)


def test_nobody_clears_their_own_release() -> None:
    with pytest.raises(StoreError, match="another reviewer"):
        records.write(STORE, Kind.RELEASE, author="a", who="a", reviewer="a", subject="f", reason="r", day=DAY)


def test_access_is_logged_as_such() -> None:
    records.access(STORE, "alice", "vault/17", "review of a finding", DAY)
    assert ["access"] == [entry.kind for entry in ledger.read(STORE) if isinstance(entry, ledger.Entry)]
    assert [("access", "vault/17")] == [(one.kind, one.subject) for one in records.records(STORE)]


def test_a_signed_record_is_signed_over_all_that_it_says() -> None:
    pytest.importorskip("securesystemslib")
    keypair(Path("key"), Path("key.pem"))
    keypair(Path("other"), Path("other.pem"))
    by = [dsse.signer("key")]
    records.write(STORE, Kind.STATEMENT, author="a", who="a", reason="I did not.", day=DAY, signers=by)
    entry = next(one for one in ledger.read(STORE) if isinstance(one, ledger.Entry))
    assert records.is_signed_by(entry, dsse.public(Path("key.pem")))
    assert not records.is_signed_by(entry, dsse.public(Path("other.pem")))
    changed = entry._replace(facts={**entry.facts, "reason": "I did."})
    assert not records.is_signed_by(changed, dsse.public(Path("key.pem")))


def test_foreign_entries_of_the_kind_are_left_out() -> None:
    for facts in ({}, {"record": "party"}, {"record": "join", "who": 7}, {"record": "join", "signatures": [1]}):
        ledger.append(STORE, "attested", facts)  # type: ignore[arg-type]
    assert [] == records.records(STORE)
