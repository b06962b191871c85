"""Markup that is safe by its type: whatever is no ``Markup`` is text and is escaped. It knows no page.

Names and texts in datasets and transcripts are others': what a browser would obey or hide is shown as its escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias

from provenance.report.text import plain

NAME = 160
"""Characters of a name that a table shows; a path or a session may be any length."""


class Markup(str):
    """Markup that was made here; never of foreign text."""

    __slots__ = ()


Content: TypeAlias = "str | int | Iterable[Content] | None"

_BREAK = re.compile(r"([\n\t])")
_VOID = frozenset(["meta", "br", "input", "col"])


def el(tag: str, *content: Content, **attributes: str | int | float | bool | None) -> Markup:
    """An element: its content escaped unless it is markup, its attributes always.

    ``class_`` stands for ``class``, ``data_filter`` for ``data-filter``; None and False leave an attribute out.
    """
    given = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{attribute(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in _VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{join(content)}</{tag}>")


def join(content: Content) -> Markup:
    """Several pieces as one."""
    if content is None:
        return Markup()
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(escape(visible(content)))
    if isinstance(content, int):
        return Markup(f"{content:,}")
    return Markup("".join(map(join, content)))


def attribute(value: str | float) -> str:
    """A value between double quotes; numbers with two decimals at most, so that they are the same everywhere."""
    if isinstance(value, str):
        return escape(visible(value))
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def visible(text: str) -> str:
    """A text with its line breaks and tabs; every other character that cannot be seen, or that turns the direction of
    writing, as its escape."""
    if text.isprintable():
        return text
    return "".join(piece if piece in ("\n", "\t") else plain(piece) for piece in _BREAK.split(text))


def short(text: str, limit: int = NAME) -> str:
    """A name of bounded length, on one line; what was cut is said."""
    line = plain(text[: limit + 1])
    return line if len(text) <= limit else f"{plain(text[: limit - 40])}… ({len(text) - limit + 40:,} characters more)"
