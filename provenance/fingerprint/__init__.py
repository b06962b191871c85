"""Text to Fingerprint: the one place that chooses the engine. It knows nothing of commons, selection or indexes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import xxhash

from provenance.fingerprint import reference
from provenance.fingerprint.recipe import RECIPE, Recipe

if TYPE_CHECKING:
    from provenance.model import Fingerprint

__all__ = ["ENGINE", "RECIPE", "Recipe", "blind", "engine", "exact_digest", "fingerprint", "outline"]


def _choose() -> tuple[Any, str]:
    try:
        kernel: Any = importlib.import_module("provenance.fingerprint._kernel")
    except ImportError:
        return reference, "reference (no C kernel: slow)"
    kernel.setup(*reference.kernel_tables())
    return kernel, "C kernel"


engine, ENGINE = _choose()
"""The engine in use, a module with the functions of ``reference``, and its name; every report states it."""


def fingerprint(text: bytes) -> Fingerprint:
    """Fingerprint one passage: the same text and recipe give the same bytes on every engine and machine."""
    from provenance.model import Fingerprint  # a capture hook fingerprints without the types (msgspec: 25 ms)

    tokens, stream, keys, checks, positions = engine.measure(text)
    return Fingerprint(tokens, exact_digest(text), stream, keys, checks, positions)


def outline(text: bytes) -> Fingerprint:
    """The fingerprint of a text without its grams: tokens, digest and stream."""
    from provenance.model import Fingerprint

    tokens, stream, _, _, _ = engine.measure(text)
    return Fingerprint(tokens, exact_digest(text), stream, b"", b"", b"")


def blind(token: bytes) -> bytes:
    """A token without its name: what is left when every name and every number is blotted out."""
    kind, _ = reference.classify(token, reference.token_hash(token))
    return b"name" if kind == reference.NAME else b"0" if kind == reference.NUMERIC else token


def exact_digest(text: bytes) -> bytes:
    """xxh3-128 of the normal form: equal exactly for texts whose tokens are equal."""
    return xxhash.xxh3_128_digest(engine.normal_form(text))
