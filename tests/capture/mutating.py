"""Foreign records made wrong in any place, for the readers of exports and logs; and what no reader may break."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from provenance.capture import novelty
from provenance.capture.session import Event, Tally
from provenance.model import Evidence

Reader = Callable[[Iterable[bytes], Tally], list[Event]]

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    LEAVES | st.sampled_from(["\ud800", "\0", "[", '{"a": [1]}', "²", "<REDACTED>", "9" * 20]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def examples(count: int) -> settings:
    """Settings for so many examples; the reference engine is slow, so no example has a deadline."""
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


def mutated(data: st.DataObject, records: list[Any]) -> list[Any]:
    """The records with a few values replaced by others, taken out, or put elsewhere."""
    session: Any = list(records)
    for _ in range(data.draw(st.integers(1, 4))):
        everywhere = _places(session)
        path = data.draw(st.sampled_from(everywhere))
        new = data.draw(JSON | st.just(...) | st.sampled_from(everywhere).map(functools.partial(_value_at, session)))
        session = _changed(session, path, new)
        if not session:
            break
    return list(session)


def damaged(data: st.DataObject, text: bytes) -> bytes:
    """A text with some bytes replaced, taken out or put in."""
    for _ in range(data.draw(st.integers(1, 4))):
        at, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 40))
        text = text[:at] + data.draw(st.binary(max_size=8)) + text[at + length :]
    return text


def taken(read: Reader, given: Iterable[bytes]) -> None:
    """Read lines to the bytes that the store would hold, and count every record."""
    tally = Tally()
    kept(read(list(given), tally), tally)


def kept(events: list[Event], tally: Tally) -> None:
    """Whether the events can be stored and the tally printed."""
    for item in novelty.added(events):
        one = novelty.ingredient(item, Evidence.TRANSCRIPT)
        if one is not None:
            assert one == msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=type(one))
    assert 0 <= tally.broken <= tally.records
    assert tally.silent in (True, False)
    assert all(name.isprintable() and len(name) <= 80 for name in tally.unknown)


def lines(records: Iterable[Any]) -> list[bytes]:
    """The records, one a line."""
    return [json.dumps(record).encode() + b"\n" for record in records]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found += _places(value[key], (*path, key))
    return found


def _value_at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) > 1:
        copy[path[0]] = _changed(value[path[0]], path[1:], new)
    elif new is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = new
    return copy
