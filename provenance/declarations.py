"""What the columns beside a text say of its origin: the name of a model, and whose turn of a chat it is. Batches of
texts in, signals out; it reads no file and knows no index.

A model's name in its own column or key (``model``, ``generator``, ``chosen_model``, ``model_a``) declares the answers
of the same record: the turns of an assistant's role, or the fields that hold answers (``response``, ``output`` ...);
where there are none, the name itself is what declares. A role alone names nobody: an assistant may be anyone's own.
Keys and roles as public datasets have them: WildChat, LMSYS-Chat-1M, UltraFeedback, Magpie, ShareGPT, AlpacaEval.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from provenance.capture.origin import provider_of
from provenance.model import UNKNOWN
from provenance.signals import Signal

if TYPE_CHECKING:
    from provenance.dataset import Texts

KIND = "model column"

NAMING = frozenset({"model", "generator", "teacher", "llm"})
"""Words of a key whose value names a model,"""
ASIDE = frozenset("name id slug version used generation generator teacher response completion assistant llm".split())
"""... words that say no more than that, and ``by``, as in ``generated_by``. Any other word (``chosen``, ``a``) is
looked for in the keys beside it, so that a judge's or an embedding's model declares nothing that it did not write."""
ANSWERS = frozenset(
    "response responses output outputs completion completions answer answers generation generations reply "
    "generated_text model_output model_response reasoning reasoning_content thinking".split()
)
ROLES = ("role", "from", "sender")
SPEAKERS = frozenset({b"assistant", b"gpt", b"chatgpt", b"bot", b"chatbot", b"model", b"ai"})
TURNS = frozenset("content value text message parts reasoning reasoning_content".split())
LONGEST = 200

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
# Words that are nothing else than the name of a model; families with everyday names (Command, Nova, Phi) need a digit.
_FAMILY = re.compile(
    r"(?:.*[/:.])?(?:(?:chat)?gpt|claude|gemini|llama|mi[sx]tral|codestral|qwen|deepseek|grok|text-davinci)"
    r"(?:-[\w.:@+-]+)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?=\D*\d)[A-Za-z0-9][\w./:@+-]*")
_SPOKEN = re.compile(
    r"(?:chatgpt|gpt|claude|gemini|llama|mistral|qwen|deepseek|grok)[ -]v?\d[\w. -]*|chatgpt", re.IGNORECASE
)

Places = dict[tuple[int, ...], Signal]


def of(columns: Sequence[Texts]) -> dict[int, dict[int, Signal]]:
    """The signals of a batch: for the number of a column, for the number of a text in it.

    The columns are all leaf fields that were read of the same rows.
    """
    found: dict[int, dict[int, Signal]] = {}
    for number, column in enumerate(columns):
        affix = _affix(_last(column.field))
        if affix is None or column.names:
            continue
        named = _named(column)
        if not named:
            continue
        depth = column.ordinals.shape[1]
        told: set[tuple[int, ...]] = set()
        for other, unit, key in _answers(columns, column, affix, depth):
            if key in named:
                found.setdefault(other, {}).setdefault(unit, named[key])
                told.add(key)
        for unit, key in enumerate(_keys(column, depth)):
            if key in named and key not in told and not affix:
                found.setdefault(number, {}).setdefault(unit, named[key])
    return found


def model_of(value: bytes) -> tuple[str, str] | None:
    """Maker and model that a value names; None for anything else, and for a model whose maker nobody knows."""
    return _model_of(value) if len(value) <= LONGEST else None


@lru_cache(1 << 14)
def _model_of(value: bytes) -> tuple[str, str] | None:
    name = value.decode("utf-8", "replace").strip()
    if not (_FAMILY.fullmatch(name) or _NUMBERED.fullmatch(name) or _SPOKEN.fullmatch(name)):
        return None
    provider = provider_of(name.replace(" ", "-"))
    return (provider, name) if provider != UNKNOWN else None


def _named(column: Texts) -> Places:
    """The records, by row and positions, whose model a column names."""
    view = memoryview(column.data)
    bounds = column.offsets.tolist()
    found: Places = {}
    for unit, key in enumerate(_keys(column, column.ordinals.shape[1])):
        if bounds[unit + 1] - bounds[unit] <= LONGEST:
            model = model_of(bytes(view[bounds[unit] : bounds[unit + 1]]))
            if model:
                found[key] = Signal(KIND, UNKNOWN, *model)
    return found


def _answers(
    columns: Sequence[Texts], column: Texts, affix: str, depth: int
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """The answers in the records of a model's column: column, text, and the record's row and positions."""
    record = column.field[: len(column.field) - len(_last(column.field))]
    for number, other in enumerate(columns):
        inner = other.field[len(record) :]
        if other is column or not other.field.startswith(record) or other.ordinals.shape[1] < depth:
            continue
        last = _last(other.field)
        if _affix(last) is not None or (affix and affix not in _words(inner.partition(".")[0])):
            continue
        roles = _roles(columns, other)
        if roles and last not in TURNS:
            continue
        if not roles and not affix and last.removesuffix("[]") not in ANSWERS:
            continue
        spoken = set().union(*map(_spoken, roles))
        whole = other.field[: len(other.field) - len(last)].count("[]")
        for unit, (key, turn) in enumerate(zip(_keys(other, depth), _keys(other, whole), strict=True)):
            if not roles or turn in spoken:
                yield number, unit, key


def _roles(columns: Sequence[Texts], content: Texts) -> list[Texts]:
    """The columns that say whose turn a text beside them is."""
    record = content.field[: len(content.field) - len(_last(content.field))]
    return [one for one in columns if one.field in [record + role for role in ROLES]]


def _spoken(roles: Texts) -> set[tuple[int, ...]]:
    """The turns that are an assistant's."""
    view, bounds = memoryview(roles.data), roles.offsets.tolist()
    return {
        key
        for unit, key in enumerate(_keys(roles, roles.ordinals.shape[1]))
        if bytes(view[bounds[unit] : min(bounds[unit + 1], bounds[unit] + LONGEST)]).lower() in SPEAKERS
    }


def _keys(column: Texts, depth: int) -> Iterator[tuple[int, ...]]:
    """Row and first positions of each text."""
    return (
        (row, *ordinals)
        for row, ordinals in zip(column.rows.tolist(), column.ordinals[:, :depth].tolist(), strict=True)
    )


def _last(field: str) -> str:
    """The last key of a field's path."""
    return field.rpartition(".")[2]


@lru_cache(1 << 12)
def _words(key: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(key))


@lru_cache(1 << 12)
def _affix(key: str) -> str | None:
    """Which of several models a key names: empty for the one, None where it names no model."""
    words = _words(key)
    if key.endswith("[]") or key in ANSWERS or (NAMING.isdisjoint(words) and words != ("generated", "by")):
        return None
    rest = [word for word in words if word not in NAMING | ASIDE and words != ("generated", "by")]
    return None if len(rest) > 1 else "".join(rest)
