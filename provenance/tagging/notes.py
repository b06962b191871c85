"""A tag as it is written down: the note of a commit, and the forms of other tools. It asks no git and reads no store.

Format 1, in docs/format-notes.md: one line of canonical JSON (``ledger.canonical``). Several lines, as ``git notes
merge`` leaves them with the strategy ``cat_sort_uniq``, are one note that says all of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from provenance import fingerprint, ledger
from provenance.capture import git_ai
from provenance.errors import CaptureError
from provenance.fingerprint import RECIPE
from provenance.model import UNKNOWN, Evidence, Similarity
from provenance.tagging.lines import ORIGIN, Known, Tag

REF = "refs/notes/provenance"
VERSION = 1
LEAST = RECIPE.t
"""Tokens of a range from which on its digest stands in a note: that of a shorter one could be guessed."""
MARK = "provenance"
"""The key of ``custom_attributes`` by which a note of ours in git-ai's form is told from git-ai's own."""
MOST_LINES = 1 << 31


class Range(NamedTuple):
    """Neighbouring lines of one output."""

    first: int
    last: int
    ingredient: str
    similarity: Similarity
    tokens: int
    """Verified tokens."""
    digest: str
    """``digest_of`` the lines; empty where they are short."""


class Note(NamedTuple):
    """The tags of a commit."""

    commit: str
    files: dict[str, tuple[Range, ...]]
    ingredients: dict[str, Known]


def digest_of(text: bytes) -> str:
    """SHA-256 (hex) of the normal form of lines: the tokens joined by single spaces."""
    return hashlib.sha256(fingerprint.engine.normal_form(text)).hexdigest()


def ranges(tags: Mapping[int, Tag], data: bytes, lines: Iterable[int]) -> tuple[Range, ...]:
    """The tagged lines as ranges. A line without a token joins those around it, if it is one of ``lines``."""
    rows = data.split(b"\n")
    asked = set(lines)
    found: list[list[Any]] = []
    for line in sorted(tags):
        tag = tags[line]
        if found:
            first, last, one, how, tokens = found[-1]
            blank = all(at in asked and not fingerprint.engine.tokens(rows[at - 1]) for at in range(last + 1, line))
            if (one, how) == (tag.ingredient, tag.similarity) and blank:
                found[-1] = [first, line, one, how, tokens + tag.tokens]
                continue
        found.append([line, line, tag.ingredient, tag.similarity, tag.tokens])
    return tuple(
        Range(first, last, one, how, tokens, _digest(rows, first, last)) for first, last, one, how, tokens in found
    )


def _digest(rows: list[bytes], first: int, last: int) -> str:
    text = b"\n".join(rows[first - 1 : last])
    return digest_of(text) if len(fingerprint.engine.tokens(text)) >= LEAST else ""


def holds(one: Range, data: bytes) -> bool:
    """Whether a file has the lines of a range, as far as its digest tells."""
    rows = data.split(b"\n")
    return one.last <= len(rows) and one.digest == _digest(rows, one.first, one.last)


# ---- our own form ----


def encode(note: Note) -> bytes:
    """The note as bytes: ``parse(encode(note)) == note``, and equal notes have equal bytes."""
    files = {
        path: [
            {
                "first": one.first,
                "last": one.last,
                "ingredient": one.ingredient,
                "similarity": str(one.similarity),
                "tokens": one.tokens,
                **({"digest": one.digest} if one.digest else {}),
            }
            for one in several
        ]
        for path, several in note.files.items()
    }
    known = {
        id_: {
            "evidence": str(one.evidence),
            "origin": {name: one.origin[name] for name in ORIGIN if name in one.origin},
        }
        for id_, one in note.ingredients.items()
    }
    facts = {
        "provenance": VERSION,
        "recipe": str(RECIPE),
        "commit": note.commit,
        "files": files,
        "ingredients": known,
    }
    return ledger.canonical(facts) + b"\n"


def parse(data: bytes) -> Note:
    """The note that these bytes are; CaptureError where they are none of this version."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    if not lines:
        raise CaptureError("a note without a line ('provenance tag --force' replaces it)")
    read = [_parsed(line) for line in lines]
    files: dict[str, list[Range]] = defaultdict(list)
    known: dict[str, Known] = {}
    for note in read:
        known.update(note.ingredients)
        for path, several in note.files.items():
            files[path] += (one for one in several if one not in files[path])
    commits = {note.commit for note in read}
    return Note(commits.pop() if len(commits) == 1 else "", {path: tuple(files[path]) for path in files}, known)


def is_readable(data: bytes) -> bool:
    """Whether the bytes are a note of this version."""
    try:
        parse(data)
    except CaptureError:
        return False
    return True


def _parsed(line: bytes) -> Note:
    try:
        facts = json.loads(line.decode())
        version = facts["provenance"]
        if version != VERSION or isinstance(version, bool):
            raise CaptureError(f"a note of version {version!r:.40}; this program reads {VERSION} (use a newer one)")
        known = {
            _text(id_): Known(
                {_text(name): _text(value) for name, value in one["origin"].items() if name in ORIGIN},
                Evidence(one["evidence"]),
            )
            for id_, one in facts["ingredients"].items()
        }
        files = {path: tuple(map(_range, several)) for path, several in facts["files"].items()}
        if any(one.ingredient not in known for several in files.values() for one in several):
            raise ValueError("an ingredient that is not described")
        return Note(_text(facts["commit"]), files, known)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CaptureError(
            f"no note of this form: {str(error)[:100]!r} ('provenance tag --force' replaces it)"
        ) from error


def _range(one: dict[str, Any]) -> Range:
    first, last, tokens = (one[name] for name in ("first", "last", "tokens"))
    if not all(type(number) is int for number in (first, last, tokens)):
        raise ValueError("a line that is no number")
    if not (0 < first <= last < MOST_LINES and 0 <= tokens):
        raise ValueError("lines that cannot be")
    digest = _text(one.get("digest", ""))
    return Range(first, last, _text(one["ingredient"]), Similarity(one["similarity"]), tokens, digest)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text that is none")
    return value


# ---- the forms of others ----


def trailers(known: Iterable[Known]) -> list[str]:
    """A trailer for each tool and model, sorted: ``Assisted-by: AGENT_NAME:MODEL_VERSION`` as the Linux kernel has it
    (Documentation/process/coding-assistants.rst)."""
    pairs = {(one.origin.get("tool", UNKNOWN), one.origin.get("model", UNKNOWN)) for one in known}
    return [f"Assisted-by: {_word(tool)}:{_word(model)}" for tool, model in sorted(pairs)]


def _word(name: str) -> str:
    return re.sub(r"[^!-~]+", "-", name)[:100] or UNKNOWN


def with_trailers(message: str, wanted: Iterable[str], comment: str = "#") -> str:
    """A commit's message with the trailers that it lacks, behind those that it has and before git's comments."""
    lines = message.split("\n")
    end = next((at for at, line in enumerate(lines) if line.startswith(f"{comment} ---") and ">8" in line), len(lines))
    while end and (lines[end - 1].startswith(comment) or not lines[end - 1].strip()):
        end -= 1
    body, rest = lines[:end], lines[end:]
    there = {line.strip().lower() for line in body}
    missing = [one for one in wanted if one.lower() not in there]
    if not missing:
        return message
    block = next((at for at in range(len(body) - 1, -1, -1) if not body[at].strip()), -1)
    is_block = block >= 0 and all(re.match(r"[A-Za-z0-9-]+\s*:|\s+\S", line) for line in body[block + 1 :])
    body += missing if is_block else ["", *missing]
    return "\n".join([*body, *(rest or [""])])


_TOOLS = {ours: theirs for theirs, ours in git_ai.TOOLS.items()}


def to_git_ai(note: Note) -> bytes:
    """The note in git-ai's form, ``authorship/3.0.0`` (specs/git_ai_standard_v3.0.0.md in git-ai-project/git-ai).

    A path with a line break in it has no place there and is left out. Traces are random there and made of the
    ingredient here, so that equal notes have equal bytes.
    """
    sessions = {}
    attested: list[str] = []
    for path in sorted(note.files):
        if "\n" in path or "\r" in path:
            continue
        by_key: dict[str, list[Range]] = defaultdict(list)
        for one in note.files[path]:
            known = note.ingredients[one.ingredient]
            tool = known.origin.get("tool", UNKNOWN)
            tool = _TOOLS.get(tool, tool)
            talk = known.origin.get("session", UNKNOWN)
            session = f"s_{_sha(f'{tool}:{talk}')}"
            model = known.origin.get("model", UNKNOWN)
            sessions[session] = {
                "agent_id": {"tool": tool, "id": talk, "model": model},
                "custom_attributes": {MARK: str(known.evidence)},
            }
            by_key[f"{session}::t_{_sha(one.ingredient)}"].append(one)
        attested.append(f'"{path}"' if re.search(r"\s", path) else path)
        for key, several in sorted(by_key.items()):
            spans = (str(one.first) if one.first == one.last else f"{one.first}-{one.last}" for one in sorted(several))
            attested.append(f"  {key} {','.join(spans)}")
    about = {
        "schema_version": "authorship/3.0.0",
        "base_commit_sha": note.commit,
        "prompts": {},
        "sessions": dict(sorted(sessions.items())),
    }
    text = "\n".join([*attested, "---", json.dumps(about, indent=2, ensure_ascii=False)])
    return text.encode("utf-8", "surrogateescape")


def is_ours(data: bytes) -> bool:
    """Whether a note in git-ai's form is one that we wrote: all its sessions have our mark, and it has nothing else."""
    head, divider, rest = data.partition(b"\n---\n")
    try:
        about = json.loads(rest.decode("utf-8", "replace")) if divider and head else {}
        sessions = about["sessions"].values()
        bare = not about.get("prompts") and not about.get("humans")
        return bare and all(MARK in one["custom_attributes"] for one in sessions)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:14]


HASHED = "SHA-256 of the lines joined by line feeds, CR LF as LF, without a line feed at the end"


def to_agent_trace(note: Note, time: str, texts: Mapping[str, bytes]) -> Iterator[bytes]:
    """Agent Trace records (version 0.1.0, agent-trace.dev), one a session and line: ``texts`` are the note's files.

    The specification names no hash: ``metadata`` says what ours is of.
    """
    by_session: dict[tuple[str, ...], list[tuple[str, Range]]] = defaultdict(list)
    for path, several in sorted(note.files.items()):
        for one in several:
            origin = note.ingredients[one.ingredient].origin
            key = tuple(origin.get(name, UNKNOWN) for name in ("tool", "version", "session"))
            by_session[key].append((path, one))
    for (tool, version, session), found in sorted(by_session.items()):
        files = []
        for path in dict.fromkeys(path for path, _ in found):
            rows = texts[path].replace(b"\r\n", b"\n").split(b"\n")
            talks: dict[str, list[dict[str, Any]]] = defaultdict(list)
            for at, one in found:
                if at == path:
                    text = b"\n".join(rows[one.first - 1 : one.last]).rstrip(b"\n")
                    proof = f"sha256:{hashlib.sha256(text).hexdigest()}"
                    model = _model_id(note.ingredients[one.ingredient].origin)
                    talks[model].append({"start_line": one.first, "end_line": one.last, "content_hash": proof})
            conversations = [
                {"contributor": {"type": "ai", **({"model_id": model} if model else {})}, "ranges": spans}
                for model, spans in sorted(talks.items())
            ]
            files.append({"path": _utf8(path), "conversations": conversations})
        evidence = sorted({str(note.ingredients[one.ingredient].evidence) for _, one in found})
        record = {
            "version": "0.1.0",
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, "\0".join((note.commit, tool, version, session)))),
            "timestamp": time,
            "vcs": {"type": "git", "revision": note.commit},
            "tool": {"name": tool, "version": version},
            "files": files,
            "metadata": {
                **({"session_id": session} if session != UNKNOWN else {}),
                MARK: {"content_hash": HASHED, "evidence": evidence},
            },
        }
        yield ledger.canonical(record) + b"\n"


def _model_id(origin: dict[str, str]) -> str:
    """``provider/model`` as models.dev has it; empty where the model is unknown."""
    model, provider = origin.get("model", ""), origin.get("provider", "")
    return (f"{provider}/{model}" if model and provider and "/" not in model else model)[:250]


def _utf8(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
