"""The registry's form: one row a clause in one wording, YAML to frozen types. It resolves nothing.

A row is never rewritten: a new wording is a new row that names the one it supersedes, and the old one keeps standing
with its end date. Every error names the file, the line, the key, and for a misspelt word the nearest valid one.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from provenance.errors import PolicyError

VERSION = 1
LARGEST = 1 << 18
"""Bytes; a provider's file is some kilobytes."""
DEEPEST = 6
"""Collections within each other; the form has four."""
ANY = "*"
SHIPPED, OVERLAYS = "terms/shipped/", "terms/overlays/"
"""Where evidence packs have the rows that come with the project, and those beside them."""


class Use(StrEnum):
    """What a text is for; the same words as in policies."""

    PRETRAIN = "pretrain"
    SFT = "sft"
    RL = "rl"
    EVAL = "eval"
    CLASSIFIER = "classifier"
    TOOLING = "tooling"


class Kind(StrEnum):
    """What a clause is about."""

    TRAINING_USE = "training-use"
    """Training any model on outputs."""
    COMPETING_MODEL = "competing-model"
    """Training models that compete with the provider's."""
    COMPETING_PRODUCT = "competing-product"
    """Building products or services that compete with the provider's."""
    OTHER_MODEL = "other-model"
    """Improving models other than the provider's own, competing or not."""
    DISTILLATION = "distillation"
    """Extracting, collecting or distilling outputs in bulk."""
    REVERSE_ENGINEERING = "reverse-engineering"
    THIRD_PARTY_HELP = "third-party-help"
    """Helping others to do what is restricted."""
    OUTPUT_OWNERSHIP = "output-ownership"
    NAMING = "naming"
    """How a model that was trained on outputs has to be named or attributed."""
    LICENCE_INHERITANCE = "licence-inheritance"
    """The licence of the weights reaches models made from outputs."""
    PROVENANCE_MARKS = "provenance-marks"
    """Watermarks and provenance metadata stay where they are."""
    HUMAN_CLAIM = "human-claim"
    """Outputs may not be passed off as a person's work."""
    PASS_THROUGH = "pass-through"
    """The terms of the model's maker apply as well."""
    EXCEPTION = "exception"
    """What another clause restricts and this one lets through."""
    NON_RETROACTIVE = "non-retroactive"
    """Changed terms do not reach back."""


class Verdict(StrEnum):
    """What the words of a clause say of the uses it speaks of."""

    FORBIDS = "forbids"
    CONDITIONS = "conditions"
    """Allowed under a condition, or forbidden for a part of the outputs only."""
    PERMITS = "permits"
    SILENT = "silent"
    """The whole text was searched and says nothing of them."""
    UNREAD = "unread"
    """The text is known to exist and was not read: nobody knows here what it says."""


class Verification(StrEnum):
    """How well the wording is known."""

    VERIFIED = "verified"
    """Read in the provider's own text or in a dated archive of it."""
    SECONDARY = "secondary"
    """As someone quotes it who says to have read it."""
    UNVERIFIED = "unverified"
    """Neither; to be confirmed before anybody relies on it."""


class Dated(StrEnum):
    """What ``from`` rests on."""

    PRINTED = "printed"
    """The text prints it."""
    SEEN = "seen"
    """It is when the wording was first seen: it may have held before."""
    REPORTED = "reported"
    """Someone says so."""


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A text that rows quote from."""

    id: str
    title: str
    url: str = ""
    """The provider's page."""
    archive: tuple[str, ...] = ()
    """Its paths in the version repositories of Open Terms Archive."""


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A row as a file has it. An empty list of models, channels, plans or regions means any."""

    id: str
    """Stable: provider, document, date (or ``undated``), clause."""
    document: str
    clause: str = ""
    kind: Kind
    verdict: Verdict
    uses: tuple[Use, ...] = ()
    """What it speaks of; empty for a clause that speaks of none of them by itself."""
    makers: tuple[str, ...] = ()
    """Whose models' outputs it covers, ``*`` for anybody's; empty: the provider's own."""
    models: tuple[str, ...] = ()
    """Shell-style patterns over model ids."""
    channel: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    since: date | None = msgspec.field(name="from", default=None)
    """The first day on which it holds; None where no day is known."""
    until: date | None = None
    """The first day on which it holds no longer; None while it stands."""
    dated: Dated = Dated.PRINTED
    document_date: date | None = None
    """What the text prints as its own date, where that is not ``from``."""
    repeated: tuple[date, ...] = ()
    """Later dates of the document under which the wording is the same."""
    scope: str = ""
    """What it is worded on: outputs, inputs, the service, weights."""
    exceptions: tuple[str, ...] = ()
    quotation: str = ""
    """At most 25 words of it; `` … `` where words are left out."""
    read: str = ""
    """Where the wording was read, if not on the provider's page."""
    retrieved: date | None = None
    """The last day of which it is known that the wording stood."""
    verification: Verification
    supersedes: str = ""
    """The row that this one replaces."""
    overrides: tuple[str, ...] = ()
    """In an overlay: the clauses that a negotiated contract sets aside."""
    note: str = ""


class Row(Written, frozen=True, kw_only=True):
    """A row with what its file says of all rows."""

    provider: str
    """Whose terms they are; of an assistant or a router that serves others' models, not the models' maker."""
    title: str
    url: str
    archive: tuple[str, ...]
    is_private: bool
    """Whether it comes from an overlay."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: int
    provider: str
    documents: tuple[Document, ...]
    rows: tuple[Written, ...]


class Registry(msgspec.Struct, frozen=True, eq=False):
    """All rows, the shipped and those of overlays. Hashed by identity: answers are remembered for each."""

    rows: tuple[Row, ...]
    digest: str
    """Of the files' bytes, wherever they lie and in whatever order: SHA-256, the first 32 hex digits."""


def load(overlays: Iterable[Path] = ()) -> Registry:
    """The shipped rows and those of the overlays; PolicyError where a file is not in the form, or two do not agree."""
    rows, digests = _shipped()
    for path in overlays:
        content = _read(path)
        rows = (*rows, *parse(content, str(path), is_private=True))
        digests = (*digests, hashlib.sha256(content).hexdigest())
        known = {one.id for one in rows}
        _refuse_twice([one.id for one in rows], str(path))
        for one in rows:
            for name in one.overrides:
                if name not in known:
                    raise PolicyError(f"{path}: {one.id}: overrides: no clause {name!r} ({_nearest(name, known)})")
    return Registry(rows, _together(digests))


def contents(overlays: Iterable[Path] = ()) -> dict[str, bytes]:
    """The files of the registry that ``load`` would give, by the names that evidence packs know them by."""
    found = {f"{SHIPPED}{one.name}": one.read_bytes() for one in _files()}
    return found | {f"{OVERLAYS}{number:03d}.yaml": _read(path) for number, path in enumerate(overlays)}


def registry(contents: Mapping[str, bytes]) -> Registry:
    """The registry whose files these are (``contents``); PolicyError where one is not in the form."""
    names = sorted(contents, key=lambda name: (name.startswith(OVERLAYS), name))
    rows = tuple(row for name in names for row in parse(contents[name], name, name.startswith(OVERLAYS)))
    return Registry(rows, digest(contents))


def digest(contents: Mapping[str, bytes]) -> str:
    """The digest of the registry whose files these are, without parsing: for a report that asks it nothing."""
    return _together(hashlib.sha256(content).hexdigest() for content in contents.values())


def _together(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:32]


@functools.cache
def _shipped() -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The rows of the shipped files and the digest of each."""
    contents = [(one.name, one.read_bytes()) for one in _files()]
    rows = tuple(row for name, content in contents for row in parse(content, f"terms/{name}"))
    _refuse_twice([one.id for one in rows], "terms")
    return rows, tuple(hashlib.sha256(content).hexdigest() for _, content in contents)


def _files() -> list[Traversable]:
    return sorted((one for one in _folder().iterdir() if one.name.endswith(".yaml")), key=lambda one: one.name)


def _folder() -> Traversable:
    """Inside an installed package; beside it in a checkout or an editable install."""
    inside = resources.files("provenance") / "policies" / "terms"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "policies" / "terms"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise PolicyError(f"{path}: cannot be read: {reason} (name a file of terms)") from error


def _refuse_twice(ids: list[str], where: str) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise PolicyError(f"{where}: two rows have the id {name!r} (give each its own)")
        seen.add(name)


def parse(content: bytes, where: str, is_private: bool = False) -> tuple[Row, ...]:
    """The rows of one file; ``where`` names it in errors. Whatever the bytes, rows or a PolicyError."""
    try:
        raw, lines = _plain(content)
        file = _typed(raw, lines)
        documents = {one.id: one for one in file.documents}
        _check_sense(file, documents, lines, is_private)
    except _Wrong as error:
        line = f"line {error.line}: " if error.line else ""
        raise PolicyError(f"{where}: {line}{error.what}") from None
    return tuple(_row(one, file.provider, documents[one.document], is_private) for one in file.rows)


def _row(one: Written, provider: str, document: Document, is_private: bool) -> Row:
    values = {name: getattr(one, name) for name in one.__struct_fields__}
    values["makers"] = one.makers or (provider,)
    if one.document_date is None and one.dated is Dated.PRINTED:
        values["document_date"] = one.since
    return Row(
        **values,
        provider=provider,
        title=document.title,
        url=document.url,
        archive=document.archive,
        is_private=is_private,
    )


class _Wrong(Exception):
    """What is wrong and on which line (0: none in particular); ``parse`` adds the file."""

    def __init__(self, what: str, line: int = 0):
        super().__init__(what)
        self.what = what
        self.line = line


# ---- YAML: plain values and the line of each ----

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""By way of libyaml where it is there: the shipped files in 40 ms instead of 600."""


def _plain(content: bytes) -> tuple[Any, dict[str, int]]:
    """The values of a YAML document and the line of each, by its path (``$.rows[2].quotation``).

    Every scalar is the text as it is written (3.3 is a clause and no is a region), an empty one is None. Refused are
    aliases, tags, a key given twice and a second document.
    """
    if len(content) > LARGEST:
        raise _Wrong(f"larger than {LARGEST:,} bytes, which no file of terms is (name a file of terms)")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Wrong("not text (save it as UTF-8)", content.count(b"\n", 0, error.start) + 1) from None
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = repr(error.problem or error.context)[1:-1]
        raise _Wrong(f"not YAML: {problem[:200]}", mark.line + 1 if mark else 0) from None
    except yaml.reader.ReaderError as error:
        raise _Wrong(f"not text: {error.reason} (take the character out)") from None
    return builder.root, builder.lines


class _Builder:
    """Puts the parser's events together."""

    def __init__(self) -> None:
        self.root: Any = None
        self.lines: dict[str, int] = {"$": 1}
        self._open: list[tuple[Any, str]] = []
        self._keys: list[str | None] = []
        self._documents = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _Wrong("a second document (a file of terms is one)", line)
        elif isinstance(event, yaml.AliasEvent):
            raise _Wrong(f"an alias, {_shown(event.anchor)} (write out what it stands for)", line)
        elif isinstance(event, yaml.ScalarEvent):
            self._put(_scalar(event, line), line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if event.tag not in (None, "!"):
                raise _Wrong(f"a tag, {_shown(event.tag)} (plain values are enough)", line)
            if len(self._open) == DEEPEST:
                raise _Wrong("more lists and mappings within each other than the form has", line)
            new: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._open.append((new, self._put(new, line)))
            self._keys.append(None)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()
            self._keys.pop()

    def _put(self, value: Any, line: int) -> str:
        """Put a value where it belongs, and give its path."""
        if not self._open:
            self.root = value
            return "$"
        holder, path = self._open[-1]
        if isinstance(holder, list):
            at = f"{path}[{len(holder)}]"
            holder.append(value)
        elif self._keys[-1] is None:
            if not isinstance(value, str):
                raise _Wrong(f"{path[2:] or 'the file'}: a key that is no word", line)
            if value in holder:
                raise _Wrong(f"{path[2:] or 'the file'}: key {_shown(value)} twice", line)
            holder[value] = None
            self._keys[-1] = value
            self.lines[f"{path}.{value}"] = line
            return path
        else:
            at = f"{path}.{self._keys[-1]}"
            holder[self._keys[-1]] = value
            self._keys[-1] = None
        self.lines.setdefault(at, line)
        return at


def _scalar(event: Any, line: int) -> str | None:
    if event.tag not in (None, "!"):
        raise _Wrong(f"a tag, {_shown(event.tag)} (plain values are enough)", line)
    text = " ".join(event.value.split())
    if not text.isprintable():
        raise _Wrong(f"{_shown(text)} has characters that cannot be printed (reports print it)", line)
    is_plain = event.style is None or event.style == ""
    return None if is_plain and text in ("", "~", "null") else text


# ---- values to types ----

_AT = re.compile(r"(.*?)(?: - at `(\$.*)`)?", re.DOTALL)
_UNKNOWN_KEY = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING_KEY = re.compile(r"Object missing required field `(.*)`")
_WORDS: dict[str, type[StrEnum]] = {
    "kind": Kind,
    "verdict": Verdict,
    "uses": Use,
    "verification": Verification,
    "dated": Dated,
}


def _typed(raw: Any, lines: dict[str, int]) -> _File:
    if not isinstance(raw, dict):
        raise _Wrong("a file of terms is a mapping with version, provider, documents and rows")
    if raw.get("version") != str(VERSION):
        given = _shown(raw["version"]) if "version" in raw else "missing"
        raise _Wrong(f"version: {given} (this tool reads 'version: {VERSION}')", lines.get("$.version", 0))
    try:
        return msgspec.convert(raw | {"version": VERSION}, _File)
    except msgspec.ValidationError as error:
        found = _AT.fullmatch(str(error))
        assert found is not None
        problem, path = found[1], found[2] or "$"
        at = path[2:] or "the file"
        unknown = _UNKNOWN_KEY.fullmatch(problem)
        if unknown:
            path = f"{path}.{unknown[1]}"
            problem = f"unknown key {_shown(unknown[1])} ({_nearest(unknown[1], _keys(at))})"
        elif missing := _MISSING_KEY.fullmatch(problem):
            problem = f"no key '{missing[1]}' (it has to be given)"
        else:
            words = _WORDS.get(re.sub(r"\[\d+\]$", "", at).rpartition(".")[2])
            given = _at(raw, path)
            if words is not None and isinstance(given, str):
                problem = f"{_shown(given)} is not known ({_nearest(given, list(words))})"
            else:
                problem = f"{_shown(given)}: {problem}"
        raise _Wrong(f"{at}: {problem}", _line(lines, path)) from None


def _keys(at: str) -> list[str]:
    """The keys that are valid there."""
    kind = Written if at.startswith("rows") else Document if at.startswith("documents") else _File
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def _at(raw: Any, path: str) -> Any:
    for name, number in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        raw = raw[name] if name else raw[int(number)]
    return raw


def _line(lines: dict[str, int], path: str) -> int:
    """The line of a path, or of what holds it."""
    while path not in lines:
        path = re.sub(r"(\.[^.\[]*|\[[^\[]*)$", "", path) if len(path) > 1 else "$"
        if not path:
            return 0
    return lines[path]


_ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")


def _check_sense(file: _File, documents: dict[str, Document], lines: dict[str, int], is_private: bool) -> None:
    """The laws that no type states."""
    if not file.provider or not _ID.fullmatch(file.provider):
        raise _Wrong(f"provider: {_shown(file.provider)} (one word in small letters)", lines.get("$.provider", 0))
    if len(documents) < len(file.documents):
        raise _Wrong("documents: two have one id (give each its own)", lines.get("$.documents", 0))
    for i, one in enumerate(file.rows):
        at = f"$.rows[{i}]"

        def wrong(key: str, what: str, at: str = at, i: int = i) -> _Wrong:
            return _Wrong(f"rows[{i}].{key}: {what}", _line(lines, f"{at}.{key}"))

        if not _ID.fullmatch(one.id):
            raise wrong("id", f"{_shown(one.id)} (small letters and digits, joined by dots and hyphens)")
        if one.document not in documents:
            raise wrong("document", f"no document {_shown(one.document)} ({_nearest(one.document, documents)})")
        if one.since and one.until and one.until <= one.since:
            raise wrong("until", f"{one.until} is not after from ({one.since}): it would hold on no day")
        if one.overrides and not is_private:
            raise wrong("overrides", "only a private overlay sets a clause aside (name it with --overlay)")
        for key in ("makers", "models", "channel", "plan", "region"):
            if any(word != word.lower() for word in getattr(one, key)):
                raise wrong(key, "write small letters (what was recorded is compared in small letters)")


def _shown(given: Any) -> str:
    """A value as errors quote it: one short line."""
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _nearest(word: str, valid: Iterable[str]) -> str:
    names = list(valid)
    near = get_close_matches(word.lower()[:80], names, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"valid: {', '.join(names)}" if 0 < len(names) <= 40 else "none is like it"
