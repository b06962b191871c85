"""A README.md that is there already: brought up to date in place, every byte that is not ours kept."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import DatasetError
from provenance.exports import huggingface
from tests.exports.samples import MIXED, NOTHING

CARD = b"---\nlicense: mit # ours\ntags:   [a,  b]\n---\n\n# Data\n\nText.\n"


def front_of(card: bytes) -> dict[str, object]:
    value = yaml.safe_load(card.decode().replace("\r\n", "\n").split("---\n")[1])
    assert isinstance(value, dict)
    return value


def stripped(card: bytes) -> bytes:
    """The card without the lines that are ours."""
    kept, inside = [], False
    for line in card.splitlines(keepends=True):
        text = line.strip().decode()
        if text in (huggingface.KEYS[0], huggingface.SECTION[0]):
            inside = True
        if not inside:
            kept.append(line)
        if text in (huggingface.KEYS[1], huggingface.SECTION[1]):
            inside = False
    return b"".join(kept)


def test_every_other_byte_stays() -> None:
    assert CARD + b"\n" == stripped(huggingface.updated(CARD, MIXED))


@pytest.mark.parametrize("card", [CARD, CARD.replace(b"\n", b"\r\n"), b"", b"# Data\n", b"---\n---\n", b"no newline"])
def test_twice_is_once_and_the_newer_label_replaces_the_older(card: bytes) -> None:
    once = huggingface.updated(card, MIXED)
    assert once == huggingface.updated(once, MIXED)
    assert huggingface.updated(card, NOTHING) == huggingface.updated(once, NOTHING)
    assert 10 == front_of(once)["provenance_label"]["matched"]  # type: ignore[index]


def test_windows_line_breaks_stay_so() -> None:
    card = huggingface.updated(CARD.replace(b"\n", b"\r\n"), MIXED)
    assert card.count(b"\n") == card.count(b"\r\n")


def test_a_byte_order_mark_stays_in_front() -> None:
    assert huggingface.updated(b"\xef\xbb\xbf" + CARD, MIXED).startswith(b"\xef\xbb\xbf---\nlicense")


def test_a_key_of_the_cards_own_is_not_changed_but_told() -> None:
    card = CARD.replace(b"license", b"language_creators: [found]\nlicense")
    updated = huggingface.updated(card, MIXED)
    assert ["found"] == front_of(updated)["language_creators"]
    assert "machine-generated" in huggingface.advice(card, MIXED)
    assert "" == huggingface.advice(card.replace(b"found", b"machine-generated"), MIXED)
    assert "" == huggingface.advice(card, NOTHING)


@pytest.mark.parametrize(
    "card",
    [
        b"---\nlicense: mit\n",
        b"---\n- a\n- b\n---\n",
        b"---\nkey: [\n---\n",
        CARD + b"<!-- provenance: begin -->\n",
        CARD + b"<!-- provenance: end -->\n<!-- provenance: begin -->\n",
    ],
)
def test_a_card_that_is_not_whole_is_refused(card: bytes) -> None:
    with pytest.raises(DatasetError):
        huggingface.updated(card, MIXED)


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from([*"-\n\r a:[]#<!>{}", "---\n", "\n", *huggingface.KEYS, *huggingface.SECTION]), max_size=12
    ).map(lambda pieces: "".join(pieces).encode())
)
def test_any_bytes_are_kept_or_refused(card: bytes) -> None:
    try:
        once = huggingface.updated(card, MIXED)
    except DatasetError:
        return
    assert once == huggingface.updated(once, MIXED)
    if b"provenance:" not in card and not card.startswith((b"---", b"\xef\xbb\xbf")):
        assert card in once
