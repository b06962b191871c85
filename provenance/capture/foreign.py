"""Values out of foreign JSON, whatever they turn out to be. A capture hook loads it, so the standard library alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def decoded(data: bytes | str) -> Any:
    """The value of a JSON text, or None where it is none.

    JavaScript cuts strings between the halves of a character and writes each half as ``\\ud83d``, which is no
    Unicode; it becomes a question mark here, as bytes that are no UTF-8 become U+FFFD. So every string that is
    read can be written.
    """
    import msgspec  # three times as fast as json, and 25 ms to load: for transcripts, not for hooks

    decode = msgspec.json.decode
    try:
        return decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        value = json.loads(text.lstrip("\ufeff"), parse_constant=lambda name: None)
        return decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None


def text_of(value: Any) -> str:
    """A string out of a foreign value: itself if it is one, else empty."""
    return value if isinstance(value, str) else ""


def dict_of(value: Any) -> dict[str, Any]:
    """A dict out of a foreign value: itself if it is one, else empty."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """A list out of a foreign value: itself if it is one, else empty."""
    return value if isinstance(value, list) else []


def strings(value: Any, depth: int = 0) -> Iterator[str]:
    """Every string leaf of a JSON value, in order; nothing deeper than 32 levels."""
    if isinstance(value, str):
        yield value
    elif depth < 32 and isinstance(value, dict):
        for item in value.values():
            yield from strings(item, depth + 1)
    elif depth < 32 and isinstance(value, list):
        for item in value:
            yield from strings(item, depth + 1)
