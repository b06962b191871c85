"""What a text declares about itself: that it is an assistant's record, or that a model had a hand in it. Bytes in,
signals out; it looks nothing up, takes nothing away and knows no index.

A signal is a form that programs write: a record of a transcript, the head of a chat history, a trailer that closes a
commit message, a manifest. A text that only speaks of an assistant has none. A declaration is somebody's word: it can
be missing, and it can be typed by hand.

Where a declaration counts is part of its form: a record is the whole text; trailers and "Generated with [...]" lines
close it (or a message of a git log); front matter and a page's head are at its beginning; a C2PA manifest (C2PA 2.4,
appendix A.7 to A.9) is in a page's head, at the beginning or end, or, written in variation selectors, anywhere.
"""

from __future__ import annotations

import binascii
import itertools
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from provenance.capture import aider, git_ai, reading, specstory, trailers
from provenance.capture.origin import provider_of
from provenance.capture.session import Tally, decoded, dict_of, list_of, text_of
from provenance.model import UNKNOWN, Evidence, Grade, Match, Origin, Similarity, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VERSION = 1
"""Goes up with every change of what counts: a scan is done again."""
HEAD = 64 << 10
"""Bytes at the beginning in which a record, a history, front matter or a page's head names itself."""
TAIL = 1 << 10
"""Bytes at the end in which a text can close with trailers or a C2PA block."""
OPENING = 128
"""Bytes at the beginning in which a C2PA block begins, behind a comment's sign or a line of front matter."""
LONGEST = 64 << 20
"""Bytes of the largest JSON document that is read to tell what it is."""
HIDDEN = 16
"""Variation selectors in a row that no writing has: they hide as many bytes."""

TRANSCRIPT = "transcript"
HISTORY = "chat history"
EXPORT = "chat export"
CALLS = "log of model calls"
NOTE = "authorship note"
TRACE = "agent trace"
TRAILER = "commit trailer"
C2PA = "C2PA manifest"
SOURCE_TYPE = "digital source type"
HIDDEN_BYTES = "hidden bytes"

RECORDS = {
    # Reader of capture/: kind, assistant.
    "claude_code": (TRANSCRIPT, "claude-code"),
    "codex": (TRANSCRIPT, "codex"),
    "copilot": (TRANSCRIPT, "copilot-cli"),
    "gemini": (TRANSCRIPT, "gemini-cli"),
    "opencode": (TRANSCRIPT, "opencode"),
    "vscode_copilot": (TRANSCRIPT, "copilot-vscode"),
    "claude_ai": (EXPORT, "claude.ai"),
    "chatgpt": (EXPORT, "chatgpt"),
    "api_bodies": (CALLS, UNKNOWN),
    "litellm": (CALLS, UNKNOWN),
    "otel": (CALLS, UNKNOWN),
}


class Signal(NamedTuple):
    """What a text says of itself, and where."""

    kind: str
    tool: str = UNKNOWN
    provider: str = UNKNOWN
    model: str = UNKNOWN
    session: str = UNKNOWN
    start: int = 0
    end: int = 0
    """First and last byte (end exclusive) of the text in which it says so."""
    names_a_model: bool = True
    """Whether it says that a model wrote text here: a manifest or note can be there and say nothing of that."""


def of(text: bytes) -> list[Signal]:
    """Every signal of a text, the record that it is first; one for each kind, assistant and model."""
    lead = _lead(text)
    record = record_of(text)
    found = [record] if record else [*_closing(text), *_logged(text, lead), *_note(text)]
    found += [*_page(text, lead), *_block(text), *_selectors(text)]
    first: dict[tuple[Any, ...], Signal] = {}
    for one in found:
        first.setdefault((one.kind, one.tool, one.model, one.names_a_model), one)
    return list(first.values())


def record_of(text: bytes) -> Signal | None:
    """What record the text is, or begins to be: a transcript, an export, a log, a chat history."""
    lead = _lead(text)
    return _record(text, lead) or _history(text[lead:HEAD], len(text))


def _lead(text: bytes) -> int:
    """Where a text begins behind a byte order mark and blank lines."""
    return len(text) - len(text.lstrip(_BLANK))


def matches(text: bytes) -> tuple[Match, ...]:
    """The signals of a text as matches without an ingredient: similarity ``none``, evidence ``declared``.

    What names no model has the grade idiom, so that it is counted and nothing is due for it.
    """
    return tuple(as_match(one, text) for one in of(text))


def as_match(signal: Signal, text: bytes) -> Match:
    """One signal of a text as a match."""
    return Match(
        ingredient="",
        origin=Origin(provider=signal.provider, model=signal.model, tool=signal.tool, session=signal.session),
        evidence=Evidence.DECLARED,
        kind=signal.kind,
        status=Status.UNKNOWN,
        path="",
        similarity=Similarity.NONE,
        # No token is verified, so that it is no copy.
        grade=Grade.NEAR_COPY if signal.names_a_model else Grade.IDIOM,
        tokens=0,
        verbatim=0,
        run=0,
        rarity=0,
        unit_coverage=0.0,
        ingredient_coverage=0.0,
        jaccard=0.0,
        start=signal.start,
        end=signal.end,
        first_line=text.count(b"\n", 0, signal.start) + 1,
        last_line=text.count(b"\n", 0, signal.end) + 1,
        ingredient_start=0,
        ingredient_end=0,
        others=0,
    )


# Candidates of a batch -----------------------------------------------------------------------------------------------

_BLANK = b"\r\n\xef\xbb\xbf"
_OPENERS = frozenset(bytes([one]) for one in b"{[#<" + _BLANK)
"""First bytes of what may be a record, a history or a page."""
_STREAMS = (b"data", b"even")
_STARTS = (b"TO L", b"comm", b"From", b"---\n", b"---\r", *_STREAMS)
_HISTORY = re.compile(
    rb"# aider chat started at|TO LLM |(?:event|data): ?|(?:#{1,2} [^\n]{1,300}\s+)?<!-- "
    rb"(?:Generated by SpecStory|[^\n]{1,60} Session )"
)
_BEGINS = re.compile(
    rb"[\r\n\xef\xbb\xbf]*(" + _HISTORY.pattern + rb"|(?:commit|From) [0-9a-f]{40}|[\[{<]|---(?=\r?\n))", re.DOTALL
)
_KEYS = b"|".join(
    sorted({key.removesuffix("-by").rpartition("-")[2].encode() for key in trailers.PEOPLE | trailers.TOOLS})
)
_END = re.compile(
    rb"(?i:" + _KEYS + rb")-[bB][yY]:|-Session: |-Checkpoint: |-END C2PA MANIFEST-|"
    rb"(?:with|by) \[[^\]]{1,60}\]\(https?://"
)
"""What a text has in its last lines if they declare anything."""
_NEAR_END = (
    re.compile(rb"-(?:[bB][yY]:|Session: |Checkpoint: |END C2PA MANIFEST-)"),
    re.compile(rb"\](?:\(https?://)"),
)
"""The same more loosely: a pattern that begins with one byte is searched six times as fast."""
SIGNS = (
    # Bytes, and the two that follow one in anything that is told by what stands at a text's end or within it.
    (b"-]", (b"by", b"bY", b"By", b"BY", b"Se", b"Ch", b"\n{", b"\r\n", b"BE", b"EN", b"(h")),
    (b"\xf3", (b"\xa0\x84", b"\xa0\x85", b"\xa0\x86", b"\xa0\x87")),
)
RARE = SIGNS[1:]
PIECE = 1 << 20
"""Bytes that are searched at a time: what fits into a processor's cache."""
BEFORE, AFTER = 80, 24
"""Bytes around such a sign in which all of it stands."""
LONG = 4 << 10
"""Where the texts of a batch are longer than this in the mean, it is cheaper to look at both ends of each."""


def candidates(data: Any, offsets: NDArray[np.int64]) -> list[int]:
    """The texts of a batch that may have a signal, ascending: every one for which ``of`` gives any, and few others.

    Text i is ``data[offsets[i]:offsets[i + 1]]``.
    """
    import numpy as np

    count = len(offsets) - 1
    size = int(offsets[-1] - offsets[0]) if count > 0 else 0
    if not size:
        return []
    view = memoryview(data)
    content = np.frombuffer(view, np.uint8)
    found = np.zeros(count, np.bool_)
    if size < LONG * count:
        found[_by_signs(view, content, offsets, SIGNS)] = True
    else:
        found[_by_signs(view, content, offsets, RARE)] = True
        found[_by_ends(view, offsets)] = True
    for unit in np.flatnonzero(_by_start(content, offsets)).tolist():
        found[unit] = found[unit] or _may_begin(view, int(offsets[unit]), int(offsets[unit + 1]))
    return np.flatnonzero(found).tolist()


def _by_signs(
    view: memoryview,
    content: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    signs: tuple[tuple[bytes, tuple[bytes, ...]], ...],
) -> list[int]:
    """The texts that, by signs in them, may close with a declaration, be a note, hold a C2PA block or hidden bytes."""
    import numpy as np

    tables = [(sign, np.zeros(1 << 16, np.bool_)) for sign, _ in signs]
    for (_, table), (_, pairs) in zip(tables, signs, strict=True):
        table[np.frombuffer(b"".join(pairs), "<u2")] = True
    buffers = np.empty((2, PIECE), np.bool_)
    places = []
    last = len(content) - 1
    for start in range(int(offsets[0]), int(offsets[-1]), PIECE):
        piece = content[start : min(start + PIECE, int(offsets[-1]))]
        same, other = buffers[:, : len(piece)]
        for sign, table in tables:
            np.equal(piece, sign[0], out=same)
            for byte in sign[1:]:
                np.logical_or(same, np.equal(piece, byte, out=other), out=same)
            if same.any():
                at = np.flatnonzero(same) + start
                pair = content[np.minimum(at + 1, last)].astype(np.uint16)
                pair |= content[np.minimum(at + 2, last)].astype(np.uint16) << np.uint16(8)
                places.append(at[table[pair]])
    if not places:
        return []
    sure = np.sort(np.concatenate(places))
    units = np.searchsorted(offsets, sure, "right") - 1
    bounds = zip(sure.tolist(), units.tolist(), offsets[units].tolist(), offsets[units + 1].tolist(), strict=True)
    found: list[int] = []
    for place, unit, first, end in bounds:
        if not (found and found[-1] == unit) and _may_hold(view, place, first, end):
            found.append(unit)
    return found


def _may_hold(view: memoryview, place: int, first: int, end: int) -> bool:
    """Whether what stands around a sign, and where in its text, can be a signal's."""
    start = max(first, place - BEFORE)
    around, at = bytes(view[start : min(end, place + AFTER)]), place - start
    if around[at] == _SELECTOR or around.startswith((b"-\n{", b"-\r\n{"), at):
        return True
    if around.startswith(_BEGIN_BLOCK[4:AFTER], at):
        return place - first < OPENING
    return end - place <= TAIL and _END.search(around) is not None


def _by_ends(view: memoryview, offsets: NDArray[np.int64]) -> list[int]:
    """The texts that may close with a declaration, or begin as a note or a C2PA block does."""
    found = []
    (closes, made), sure = (one.search for one in _NEAR_END), _END.search
    begins, notes = _BLOCK.search, _NOTE.match
    for unit, (first, end) in enumerate(itertools.pairwise(offsets.tolist())):
        tail = max(first, end - TAIL)
        if (
            ((closes(view, tail, end) or made(view, tail, end)) and sure(view, tail, end))
            or begins(view, first, min(end, first + OPENING))
            or notes(view, first, min(end, first + OPENING))
        ):
            found.append(unit)
    return found


def _by_start(content: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The texts whose first bytes are those of a record or page."""
    import numpy as np

    first, length = offsets[:-1], np.diff(offsets)
    table = np.zeros(256, np.bool_)
    table[np.frombuffer(b"".join(_OPENERS), np.uint8)] = True
    last = len(content) - 1
    found = table[content[np.minimum(first, last)]]
    word = np.zeros(len(first), np.uint32)
    for at in range(4):
        word |= content[np.minimum(first + at, last)].astype(np.uint32) << np.uint32(8 * at)
    found |= np.isin(word, np.frombuffer(b"".join(_STARTS), "<u4"))
    found &= length > 0
    return found


def _may_begin(view: memoryview, first: int, end: int) -> bool:
    """Whether a text with telling first bytes has the words of what they may begin."""
    found = _BEGINS.match(view, first, end)
    if found is None:
        return False
    lead = found.start(1)
    if found[1] in (b"{", b"["):
        return _TELLING.search(view, lead, min(end, lead + RECORD_HEAD)) is not None
    if found[1] in (b"<", b"---"):
        return _may_be_page(bytes(view[lead : min(end, first + HEAD)]))
    return True


def _may_be_page(head: bytes) -> bool:
    """Whether front matter or a page's head has the words of a mark."""
    if head.startswith(b"---"):
        return b"lgorithmicMedia" in head[:FRONT]
    top = _top_of_page(head)
    return b"c2pa" in top or b"lgorithmicMedia" in top


# Records and histories -----------------------------------------------------------------------------------------------

RECORD_HEAD = 384
"""Bytes at the beginning in which a record has one of these words, as the programs that write it order its keys."""
_TELLING = re.compile(
    rb'"(?:p(?:arent|ayload"|rojectHash)|s(?:ession|chema_version"|es_|top_reason")|c(?:all_|hat_messages"|reate_time"'
    rb'|onversation)|type"\s*:\s*"(?:assistant|user|message|gemini|session\.|tool\.|system)|i(?:sSidechain|nstructions'
    rb'|nputState)|re(?:cord_type|que|spo|source)|leafUuid|m(?:apping"|essageId)|uuid"|usage"|kind"\s*:\s*[0-3]\s*,)'
)
_MODEL = re.compile(rb'"(?:model|model_?[sS]lug|model_?[iI][dD]|gen_ai\.response\.model)"\s*:\s*"([^"\\]{1,100})"')
_SESSION = re.compile(rb'"(?:sessionId|session_id|sessionID|conversation_id)"\s*:\s*"([^"\\]{1,100})"')
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MODELS_IN = 256 << 10
"""Bytes in which a record is asked for its model: the first message may be long, the others name the same."""

Record = dict[str, Any]


def _record(text: bytes, lead: int) -> Signal | None:
    """What JSON record, or lines of them, a text is."""
    if text[lead : lead + 1] not in (b"{", b"[") or not _TELLING.search(text, lead, lead + RECORD_HEAD):
        return None
    for record in _first_records(text, lead):
        for name, (kind, tool) in RECORDS.items():
            if reading.module_of(name).recognise(record) and CONFIRMED.get(name, _is_sure)(record):
                return _named(kind, tool, text)
        if _is_trace(record):
            return _traced(record, text)
        if text_of(record.get("schema_version")).startswith("authorship/") and "files" in record:
            return next(_noted(text[lead:]))._replace(end=len(text))
    return None


def _first_records(text: bytes, lead: int) -> Iterator[Record]:
    """The first objects of JSON Lines or of one list, or the one object that the text is."""
    end = text.find(b"\n", lead)
    value = decoded(text[lead : end if end >= 0 else len(text)])
    if isinstance(value, dict):
        yield value
        for _ in range(reading.HEAD - 1):
            if not 0 <= end < reading.HEAD_BYTES:
                return
            start, end = end + 1, text.find(b"\n", end + 1)
            value = decoded(text[start : end if end >= 0 else len(text)])
            if isinstance(value, dict):
                yield value
    elif len(text) <= LONGEST:
        value = decoded(text[lead:]) if value is None else value
        yield from (one for one in [value, *list_of(value)[: reading.HEAD]] if isinstance(one, dict))


def _named(kind: str, tool: str, text: bytes) -> Signal:
    """The signal of a record, with the model and session that it names first."""
    models = [one.decode("utf-8", "replace") for one in _MODEL.findall(text, 0, MODELS_IN)]
    model = next((one for one in models if provider_of(one) != UNKNOWN), UNKNOWN)
    session = _SESSION.search(text, 0, MODELS_IN)
    return Signal(
        kind,
        tool,
        provider_of(model),
        model,
        session[1].decode("utf-8", "replace") if session else UNKNOWN,
        0,
        len(text),
    )


def _is_sure(record: Record) -> bool:
    return True


def _is_claude_code(record: Record) -> bool:
    """Logs of other programs have a type and a session, too: here both ids, or a message of a role in a session."""
    ids = {"parentUuid", "sessionId"} <= record.keys() or {"leafUuid", "summary"} <= record.keys()
    has_role = bool(text_of(dict_of(record.get("message")).get("role")))
    return ids or (has_role and not {"sessionId", "session_id"}.isdisjoint(record))


def _is_codex(record: Record) -> bool:
    if isinstance(record.get("payload"), dict) or "call_id" in record:
        return True
    # The head of the bare form, before 0.32.
    return bool(_UUID.fullmatch(text_of(record.get("id")))) and record.keys() <= {
        "id", "timestamp", "instructions", "git", "record_type",
    }  # fmt: skip


def _is_vscode(record: Record) -> bool:
    requests = [dict_of(one) for one in list_of(record.get("requests"))]
    known = "responderUsername" in record or any({"requestId", "message", "response"} <= one.keys() for one in requests)
    return "requests" not in record or known


def _is_chatgpt(record: Record) -> bool:
    nodes = [dict_of(one) for one in list(dict_of(record.get("mapping")).values())[:3]]
    return bool(nodes) and all({"id", "children"} <= one.keys() for one in nodes)


CONFIRMED: dict[str, Callable[[Record], bool]] = {
    "claude_code": _is_claude_code,
    "codex": _is_codex,
    "vscode_copilot": _is_vscode,
    "chatgpt": _is_chatgpt,
}
"""What a record must be beside what its reader asks of it: a reader is given files that may well be transcripts, a row
of a dataset can be any program's log."""


def _is_trace(record: Record) -> bool:
    """Agent Trace 0.1.0: version, id, files with conversations that have ranges."""
    if not (text_of(record.get("version")) and text_of(record.get("id")) and text_of(record.get("timestamp"))):
        return False
    files = [dict_of(one) for one in list_of(record.get("files"))]
    talks = [
        dict_of(talk) for file in files if text_of(file.get("path")) for talk in list_of(file.get("conversations"))
    ]
    return any(isinstance(talk.get("ranges"), list) for talk in talks)


def _traced(record: Record, text: bytes) -> Signal:
    tool = text_of(dict_of(record.get("tool")).get("name")) or UNKNOWN
    return Signal(TRACE, tool, end=len(text), names_a_model=False)


def _history(head: bytes, size: int) -> Signal | None:
    """What chat history, log or stream a text is, by its first lines."""
    if not _HISTORY.match(head):
        return None
    if head.startswith(_STREAMS):
        is_stream = reading.module_of("api_bodies").recognise_text(head[:OPENING].decode("utf-8", "replace"))
        return _named(CALLS, UNKNOWN, head)._replace(end=size) if is_stream else None
    text = head.decode("utf-8", "replace")
    if aider.recognise_text(text):
        model = next((found[2] for line in text.split("\n")[:200] if (found := aider.MODEL.match(line[2:]))), UNKNOWN)
        return Signal(HISTORY, aider.TOOL, provider_of(model), model, end=size)
    if specstory.recognise_text(text):
        about = specstory.SESSION.search(text)
        name = about[1].lower() if about else ""
        tool = specstory.TOOLS.get(name, name.replace(" ", "-")) or UNKNOWN
        said = (found[3] or "" for found in specstory.MARKER.finditer(text) if found[1] != "User")
        models = (word.strip("(),") for one in said for word in one.split()[:1])
        model = next((one for one in models if provider_of(one) != UNKNOWN), UNKNOWN)
        return Signal(HISTORY, tool, provider_of(model), model, about[2] if about else UNKNOWN, 0, size)
    return None


# Trailers and notes --------------------------------------------------------------------------------------------------

_LINE = re.compile(
    rb"[A-Za-z][A-Za-z-]*[ \t]*:[ \t]*\S.*|\W{0,12}\w+ (?:with|by) \[[^\]]{1,60}\]\(https?://[^)\s]+\)\W*"
)
_MADE_AT = re.compile(r"\]\(https?://(?:www\.)?([^/)\s:]+)([^)\s]*)\)")
_CHECKPOINT = re.compile(r"Entire-Checkpoint: ?(?:[0-9a-f]{12}|[0-9A-HJKMNP-TV-Z]{26})")
"""Two forms of an id (docs.entire.io, checkpoints; entireio/cli 2026)."""
_LOG = re.compile(rb"^(?:commit [0-9a-f]{40}(?:[0-9a-f]{24})?\b[^\n]*|From [0-9a-f]{40} [^\n]*)\n", re.MULTILINE)
_MESSAGE = re.compile(rb"((?:[A-Z][A-Za-z-]*:[^\n]*\n(?: [^\n]*\n)*)+)\r?\n((?:(?: {4}[^\n]*)?\n)*(?: {4}[^\n]*)?)")
_AUTHOR = re.compile(rb"^(?:Author|From): *([^\n]{1,300}?)\r?$", re.MULTILINE)
HOSTS = (
    "claude.com", "claude.ai", "anthropic.com", "openai.com", "chatgpt.com", "cursor.com", "cursor.sh", "aider.chat",
    "github.com/features/copilot", "github.com/copilot", "github.com/openai/codex",
    "github.com/google-gemini/gemini-cli",
    "github.com/anthropics/claude-code", "geminicli.com", "gemini.google.com", "devin.ai", "opencode.ai", "ampcode.com",
    "windsurf.com", "codeium.com", "firebender.com",
)  # fmt: skip
"""Where the link of a "Generated with [...]" line must lead: a page of the assistant, not any that shares its name."""


def _closing(text: bytes) -> Iterator[Signal]:
    """The trailers and "Generated with [...]" lines that a text ends with, whatever stands before them."""
    body = text.rstrip()
    start = max(0, len(text) - TAIL)
    if start:
        start = body.find(b"\n", start) + 1 or len(body)
    tail = body[start:]
    if not _END.search(tail):
        return
    lines = tail.split(b"\n")
    first = len(lines)
    while first and (not lines[first - 1].strip() or _LINE.fullmatch(lines[first - 1].strip())):
        first -= 1
    begins = start + sum(len(line) + 1 for line in lines[:first])
    for one in _declared(b"\n".join(lines[first:]).decode("utf-8", "replace"), ""):
        yield one._replace(start=begins, end=len(body))


def _declared(message: str, author: str) -> list[Signal]:
    """The assistants that a message's lines or its author name; a checkpoint says there was one."""
    lines = [line.strip() for line in message.split("\n")]
    kept = [line for line in lines if (made := _MADE_AT.search(line)) is None or _is_home(made[1] + made[2])]
    marks = trailers.declared("\n".join(kept), author, Tally())
    found = [Signal(TRAILER, one.tool, one.provider, one.model, one.session) for one in marks]
    if not found and any(map(_CHECKPOINT.fullmatch, kept)):
        found = [Signal(TRAILER)]
    return found


def _is_home(place: str) -> bool:
    place = place.lower().rstrip("/")
    host = place.partition("/")[0]
    return any(
        place == home or place.startswith(f"{home}/") or host.endswith(f".{home}") for home in HOSTS
    )  # "app.devin.ai"


def _logged(text: bytes, lead: int) -> Iterator[Signal]:
    """What the messages of a ``git log`` or of mailed patches declare, each by its own last lines."""
    if not _LOG.match(text, lead):
        return
    starts = [found.span() for found in _LOG.finditer(text, lead)]
    for (begins, at), end in zip(starts, [*(first for first, _ in starts[1:]), len(text)], strict=True):
        if text[begins : begins + 5] == b"From ":
            header, _, body = text[at:end].replace(b"\r", b"").partition(b"\n\n")
            message = re.split(rb"^---$", body, maxsplit=1, flags=re.MULTILINE)[0]
        else:
            entry = _MESSAGE.match(text, at, end)
            header, message = entry.groups() if entry else (b"", b"")
        author = _AUTHOR.search(header)
        lines = [line.strip() for line in message.rstrip().split(b"\n")]
        first = len(lines)
        while first and (not lines[first - 1] or _LINE.fullmatch(lines[first - 1])):
            first -= 1
        closing = b"\n".join(lines[first:]).decode("utf-8", "replace")
        for one in _declared(closing, author[1].decode("utf-8", "replace") if author else ""):
            yield one._replace(start=begins, end=end)


_NOTE = re.compile(rb"[^\n]{1,100}\n {2}\w|---\r?\n\{")
_DIVIDER = re.compile(rb"^---\r?\n(?=\{)", re.MULTILINE)


def _note(text: bytes) -> Iterator[Signal]:
    """A note of git-ai (authorship/3): it names the sessions that wrote lines of other texts."""
    if not _NOTE.match(text, 0, OPENING) or len(text) > LONGEST:
        return
    divider = _DIVIDER.search(text)
    about = decoded(text[divider.end() :]) if divider else None
    if text_of(dict_of(about).get("schema_version")).startswith("authorship/"):
        yield from _noted(text)


def _noted(text: bytes) -> Iterator[Signal]:
    """A signal for each session that a note describes, or one where it describes none."""
    agents = git_ai.parse(text, Tally()).agents.values()
    for one in agents or [git_ai.Agent(UNKNOWN, UNKNOWN, UNKNOWN)]:
        yield Signal(NOTE, one.tool, provider_of(one.model), one.model, one.session, 0, len(text), names_a_model=False)


# Marks ---------------------------------------------------------------------------------------------------------------

FRONT = 4 << 10
"""Bytes of front matter."""
OPENING_TAG = 1 << 10
"""Bytes in which a page's first tag stands."""
_MADE_BY_MODEL = re.compile(r"(?:.*[/:])?(?:compositeWith)?trainedAlgorithmicMedia(?:DigitalSource)?/?", re.IGNORECASE)
"""IPTC digital source types, as URI, CURIE or word, and schema.org's names of them."""
_IN_MANIFEST = b"rainedAlgorithmicMedia"
_SCRIPT = re.compile(rb"<script\b([^>]*)>(.*?)</script", re.IGNORECASE | re.DOTALL)
_LD_JSON = re.compile(rb"\btype\s*=\s*[\"']?application/ld\+json", re.IGNORECASE)
_C2PA_SCRIPT = re.compile(rb"\btype\s*=\s*[\"']?application/c2pa\b", re.IGNORECASE)
_C2PA_LINK = re.compile(rb"<link\b[^>]*\brel\s*=\s*[\"']?[^\"'>]*\bc2pa-manifest\b[^>]*>", re.IGNORECASE)
_META = re.compile(rb"<meta\b[^>]*>", re.IGNORECASE)
_META_NAME = re.compile(
    r"\b(?:name|property|itemprop)\s*=\s*[\"'](?:[\w.]+[:.])?digital-?source-?type[\"']", re.IGNORECASE
)
_META_CONTENT = re.compile(r"\b(?:content|href)\s*=\s*[\"']([^\"']{1,200})[\"']", re.IGNORECASE)
_FRONT = re.compile(
    rb"^digital_?-?source_?-?type[ \t]*[:=][ \t]*[\"']?([^\s\"']{1,200})[\"']?[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_MEDIA = ("image", "video", "audio", "media", "photo")
_NESTED = 10_000


def _top_of_page(head: bytes) -> bytes:
    """The head of a page, and nothing of what is no page."""
    if b"<html" not in head[:OPENING_TAG].lower():
        return b""
    end = head.find(b"</head")
    return head[:end] if end >= 0 else head


def _page(text: bytes, lead: int) -> Iterator[Signal]:
    """What a page's head or front matter says: a digital source type of this text, a C2PA manifest."""
    head = text[lead:HEAD]
    if head.startswith(b"---"):
        front = re.split(rb"^(?:---|\.\.\.)[ \t]*\r?$", head[:FRONT], maxsplit=2, flags=re.MULTILINE)
        for found in _FRONT.finditer(front[1]) if len(front) > 2 else ():
            if _MADE_BY_MODEL.fullmatch(found[1].decode("utf-8", "replace")):
                at = lead + head.find(found[0])
                yield Signal(SOURCE_TYPE, start=at, end=at + len(found[0]))
        return
    if not head.startswith(b"<"):
        return
    top = _top_of_page(head)
    if b"c2pa" in top:
        link = _C2PA_LINK.search(top)
        if link:
            yield Signal(C2PA, start=lead + link.start(), end=lead + link.end(), names_a_model=False)
        for script in _SCRIPT.finditer(top):
            if _C2PA_SCRIPT.search(script[1]):
                by_model = _IN_MANIFEST in _unpacked(script[2])
                yield Signal(C2PA, start=lead + script.start(), end=lead + script.end(), names_a_model=by_model)
    if b"lgorithmicMedia" in top:
        for script in _SCRIPT.finditer(top):
            if _LD_JSON.search(script[1]) and _says_model(decoded(script[2].strip())):
                yield Signal(SOURCE_TYPE, start=lead + script.start(), end=lead + script.end())
        for meta in _META.finditer(top):
            tag = meta[0].decode("utf-8", "replace")
            content = _META_CONTENT.search(tag)
            if _META_NAME.search(tag) and content and _MADE_BY_MODEL.fullmatch(content[1]):
                yield Signal(SOURCE_TYPE, start=lead + meta.start(), end=lead + meta.end())


def _says_model(value: Any) -> bool:
    """Whether linked data give a text, not a picture or film in it, the source type of a model's work."""
    todo = [value]
    for _ in range(_NESTED):
        if not todo:
            return False
        one = todo.pop()
        if isinstance(one, list):
            todo += one
        elif isinstance(one, dict):
            kinds = [text_of(kind).lower() for kind in [one.get("@type"), *list_of(one.get("@type"))]]
            said = [one.get("digitalSourceType"), *list_of(one.get("digitalSourceType"))]
            said += [dict_of(each).get("@id") for each in said]
            if any(_MADE_BY_MODEL.fullmatch(text_of(each)) for each in said) and not any(
                word in kind for kind in kinds for word in _MEDIA
            ):
                return True
            todo += one.values()
    return False


_BEGIN_BLOCK, _END_BLOCK = b"-----BEGIN C2PA MANIFEST-----", b"-----END C2PA MANIFEST-----"
_BLOCK = re.compile(_BEGIN_BLOCK)
_REFERENCE = re.compile(rb"data:application/c2pa;base64,[A-Za-z0-9+/=\s]+|[a-z][a-z0-9+.-]{1,20}://\S+")


def _block(text: bytes) -> Iterator[Signal]:
    """A C2PA block of structured text (A.9), at the beginning or the end: a store or where it is."""
    start = text.find(_BEGIN_BLOCK, 0, OPENING)
    if start < 0 and text.find(_END_BLOCK, max(0, len(text) - TAIL)) >= 0:
        start = text.rfind(_BEGIN_BLOCK)
    end = text.find(_END_BLOCK, start) if start >= 0 else -1
    if end < 0:
        return
    reference = text[start + len(_BEGIN_BLOCK) : end].strip()
    if _REFERENCE.fullmatch(reference):
        by_model = _IN_MANIFEST in _unpacked(reference.partition(b"base64,")[2])
        yield Signal(C2PA, start=start, end=end + len(_END_BLOCK), names_a_model=by_model)


def _unpacked(base64: bytes) -> bytes:
    try:
        return binascii.a2b_base64(base64)
    except binascii.Error:
        return b""


_SELECTOR = 0xF3
"""The first byte of every character in the planes from U+C0000 on, and so of most variation selectors."""
_RUN = re.compile(rb"(?:\xf3\xa0(?:[\x84-\x86][\x80-\xbf]|\x87[\x80-\xaf])|\xef\xb8[\x80-\x8f]){%d,}" % HIDDEN)
_MAGIC = b"C2PATXT\0"


def _selectors(text: bytes) -> Iterator[Signal]:
    """Bytes written in variation selectors: a C2PA manifest (A.8, ``C2PATextManifestWrapper``), or who knows what."""
    if bytes([_SELECTOR]) not in text:
        return
    for run in _RUN.finditer(text):
        # A byte below 16 is U+FE00 and so many, any other U+E0100 and so many less 16.
        points = map(ord, run[0].decode())
        hidden = bytes(point - 0xFE00 if point < 0xE0100 else point - 0xE0100 + 16 for point in points)
        kind = C2PA if hidden.startswith(_MAGIC) else HIDDEN_BYTES
        yield Signal(kind, start=run.start(), end=run.end(), names_a_model=kind == C2PA and _IN_MANIFEST in hidden)
