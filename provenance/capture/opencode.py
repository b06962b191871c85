"""opencode sessions (``opencode export`` and ``run --format json``, its database and its older storage folder, of the
first releases to 1.19): records to events.

Shapes after anomalyco/opencode (earlier sst/opencode) ``packages/opencode/src/session`` (``message.ts``,
``message-v2.ts``, ``session.sql.ts``), ``packages/core/src/session-message.ts`` and ``src/storage``. A session is one
record, as ``opencode export`` writes it: ``{info, messages: [{info, parts}]}``. ``lines_of_database`` and
``lines_of_storage`` give one such record a line; ``read`` takes the lines of either, of an export and of a run.

A subagent's prompt stands in its own session as if a person had typed it, and is shown there; in the session that
called it, it is the calling model's. ``metadata.diff`` of an edit is taken after the formatter ran, so that the added
text is the one of the call. Titles are not claimed.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import xxhash

from provenance.capture import patch, shapes
from provenance.capture.origin import PROVIDERS, channel_of, instant, provider_of
from provenance.capture.session import (
    EDIT_KINDS,
    Event,
    Shown,
    Start,
    Tally,
    Wrote,
    decoded,
    dict_of,
    list_of,
    records,
    strings,
    text_of,
)
from provenance.capture.shapes import SHORT_INPUT, Piece
from provenance.errors import CaptureError
from provenance.model import UNKNOWN, Origin, Status

TOOL = "opencode"

PARTS = frozenset(
    """text reasoning tool file step-start step-finish snapshot patch agent retry compaction subtask
    source-url""".split()
)
MESSAGES = frozenset({"user", "assistant"})
NEW_MESSAGES = frozenset({"user", "assistant", "synthetic", "shell", "compaction", "agent-switched", "model-switched"})
"""Types of ``session_message``; the last two carry no text."""
STREAM = frozenset({"text", "reasoning", "tool_use", "step_start", "step_finish"})
EDITING = frozenset({"edit", "write", "multiedit", "patch", "apply_patch"})
SUBAGENTS = frozenset({"task"})
CHANNELS = {"amazon-bedrock": "bedrock", "google-vertex": "vertex", "google-vertex-anthropic": "vertex"}
BY_PERSON = "The following tool was executed by the user"
"""The text of a message under which a person's own command stands as a call of the model."""
REFUSED = re.compile(
    r"(?:Error: )?(?:The user (?:rejected|has specified a rule|dismissed)|.{0,80}rejected by (?:the )?user)", re.I
)
ANSWERED = re.compile(r"<task_result>\n?(.*?)\n?</task_result>", re.DOTALL)
NOTES = re.compile(r"<task_metadata>.*", re.DOTALL)

SQLITE = b"SQLite format 3\0"
TABLES = ("session", "message", "part")
LARGEST = 256 << 20
"""Bytes of the largest value or file that is read."""

STRUCK = "REDACTED"
"""What Entire leaves of an id that looks like a secret."""


def recognise(record: dict[str, Any]) -> bool:
    """Whether a first record is of this format: an exported session, or an event of a run."""
    info = dict_of(record.get("info"))
    if isinstance(record.get("messages"), list):
        # What keeps an export may have struck out its id; the project's is opencode's own field.
        named = text_of(info.get("id")).startswith("ses") or {"id", "projectID", "slug"} <= info.keys()
        return named and ("time" in info or "directory" in info or "projectID" in info)
    part = dict_of(record.get("part"))
    named = text_of(record.get("sessionID")).startswith("ses") and text_of(part.get("messageID")).startswith("msg")
    return named and record.get("type") in STREAM


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of every session of the lines, in their order; sessions are apart by ``Start``."""
    tally.assistant = TOOL
    events: list[Event] = []
    last = None
    for record in records(lines, tally):
        if "messages" in record:
            info, messages = dict_of(record.get("info")), list_of(record.get("messages"))
        else:
            info, messages = _streamed(record, tally)
        session = _id(info)
        if session != last or "messages" in record:
            events.append(Start(session))
        last = session
        events += _Session(info, tally).events(messages)
    for event in events:
        if isinstance(event, Wrote):
            tally.wrote[event.kind] += 1
            tally.deletions += event.kind in EDIT_KINDS and not event.blocks
    return events


def _id(info: dict[str, Any]) -> str:
    """A session's id."""
    return _kept(info.get("id")) or UNKNOWN


def _kept(value: Any) -> str:
    """An id; one that was struck out is none, as many would share it."""
    named = text_of(value)
    return "" if named == STRUCK else named


def _streamed(record: dict[str, Any], tally: Tally) -> tuple[dict[str, Any], list[Any]]:
    """An event of ``run --format json`` as a session of one message; it does not name the model."""
    kind = text_of(record.get("type"))
    part = dict_of(record.get("part"))
    if kind not in STREAM and kind != "error":
        tally.stranger(f"event/{kind or '(none)'}")
    info = {"id": part.get("messageID"), "role": "assistant", "time": {"created": record.get("timestamp")}}
    return {"id": record.get("sessionID")}, [{"info": info, "parts": [part]}] if part else []


class _Session:
    """One session: what its head says of every message, and which messages a person's own command made."""

    def __init__(self, info: dict[str, Any], tally: Tally) -> None:
        self.tally = tally
        self.id = _id(info)
        self.version = text_of(info.get("version")) or UNKNOWN
        self.cwd = text_of(info.get("directory"))
        self.created = instant(dict_of(info.get("time")).get("created"))
        self.commands: set[str] = set()

    def origin(self, info: dict[str, Any], time: str, model: dict[str, Any] | None = None) -> Origin:
        """The origin of what a message says, or of what another model says in it."""
        named = info if model is None else model
        name = text_of(named.get("modelID")) or text_of(named.get("id") if model is not None else "") or UNKNOWN
        recorded = text_of(named.get("providerID"))
        maker = provider_of(name)
        provider = maker if maker != UNKNOWN else recorded if recorded in PROVIDERS else UNKNOWN
        route = CHANNELS.get(recorded, recorded)
        return Origin(
            provider=provider,
            model=name,
            tool=TOOL,
            version=self.version,
            channel=channel_of("", name) if not route or route == provider else route,
            session=self.id,
            time=time,
        )

    def events(self, messages: list[Any]) -> Iterator[Event]:
        for message in messages:
            info, parts = _message(dict_of(message), self.tally)
            role = text_of(info.get("role"))
            if role not in MESSAGES and (info or parts):
                self.tally.stranger(f"message/{role or '(none)'}")
            for part in parts:
                kind = text_of(part.get("type"))
                if kind not in PARTS:
                    self.tally.stranger(f"part/{kind or '(none)'}")
                self.tally.changed += kind == "patch"
            if role == "assistant":
                yield from self.assistant(info, parts)
            elif role == "user":
                yield from self.user(info, parts)

    def user(self, info: dict[str, Any], parts: list[dict[str, Any]]) -> Iterator[Event]:
        for part in parts:
            text = text_of(part.get("text"))
            if text == BY_PERSON and info.get("id"):
                self.commands.add(text_of(info.get("id")))
            source = dict_of(part.get("source"))
            shown = (text, text_of(part.get("prompt")), *strings(source.get("text")), *strings(part.get("shown")))
            yield from (Shown(one) for one in shown if one)
        # Written by a model that is not named, for the list of sessions.
        body = text_of(dict_of(info.get("summary")).get("body"))
        if body.strip():
            call = f"{text_of(info.get('id')) or _digest(body)}.summary"
            yield Wrote((body,), (), "summary", "", call, 0, Status.APPLIED, self.origin({}, self.time(info, {})))

    def time(self, info: dict[str, Any], part: dict[str, Any]) -> str:
        state = dict_of(part.get("state"))
        for times, key in ((part, "start"), (state, "start"), (info, "created")):
            recorded = instant(dict_of(times.get("time")).get(key))
            if recorded != UNKNOWN:
                return recorded
        return self.created

    def assistant(self, info: dict[str, Any], parts: list[dict[str, Any]]) -> Iterator[Event]:
        person = text_of(info.get("parentID")) in self.commands
        for part in parts:
            kind = text_of(part.get("type"))
            origin = self.origin(info, self.time(info, part))
            text = text_of(part.get("text"))
            if kind == "tool":
                yield from self.tool(info, part, origin, person)
            elif kind == "text" and part.get("synthetic") is True:
                yield Shown(text)
            elif kind in ("text", "reasoning") and text.strip():
                # The summary of a compaction is a message of its own.
                said = "summary" if info.get("summary") is True else "prose"
                call = text_of(part.get("id")) or f"{text_of(info.get('id')) or 'said'}.{_digest(text)}"
                name = "thinking" if kind == "reasoning" else said
                yield Wrote((text,), (), name, "", call, 0, Status.APPLIED, origin)

    def tool(self, info: dict[str, Any], part: dict[str, Any], origin: Origin, person: bool) -> Iterator[Event]:
        name = text_of(part.get("tool"))
        state = dict_of(part.get("state"))
        given = state.get("input")
        given = decoded(given) or given if isinstance(given, str) else given
        details = dict_of(state.get("metadata"))
        call = _kept(part.get("callID")) or _kept(part.get("id")) or _digest(repr(given))
        if person:
            yield from map(Shown, strings(given))
        else:
            cwd = text_of(dict_of(info.get("path")).get("cwd")) or self.cwd
            pieces = [_refined(piece, details) for piece in shapes.of_input(given, cwd)]
            status = _status(state)
            kinds = {piece.kind for piece in pieces}
            self.tally.edit_calls += name in EDITING or not kinds.isdisjoint(EDIT_KINDS - {"heredoc"})
            self.tally.unread += name in EDITING and status is Status.APPLIED and kinds.isdisjoint(EDIT_KINDS)
            for ordinal, piece in enumerate(pieces):
                own = shapes.status_of(piece, status)
                yield Wrote(piece.blocks, piece.before, piece.kind, piece.path, call, ordinal, own, origin)
        output = text_of(state.get("output"))
        answer = _answer(output) if name in SUBAGENTS and state.get("status") == "completed" else ""
        if answer:
            by = self.origin({}, origin.time, dict_of(details.get("model")))
            yield Wrote((answer,), (), "subagent", "", call, 1000, Status.APPLIED, by)
        else:
            interrupted = text_of(details.get("output")) if state.get("status") == "error" else ""
            yield from (Shown(text) for text in (output, *strings(state.get("error")), interrupted) if text)


def _message(message: dict[str, Any], tally: Tally) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A message of any version as its head and its parts, in the shapes of ``message-v2.ts``."""
    parts = [part for part in list_of(message.get("parts")) if isinstance(part, dict)]
    if isinstance(message.get("info"), dict):
        return message["info"], parts
    if "role" in message:
        return _message_of_0(message, parts)
    kind = text_of(message.get("type"))
    head = {"id": message.get("id"), "role": kind, "time": message.get("time")}
    if kind == "assistant":
        model = dict_of(message.get("model"))
        named = {"modelID": model.get("id"), "providerID": model.get("providerID")}
        content = [part for part in list_of(message.get("content")) if isinstance(part, dict)]
        return {**head, **named}, list(map(_part_of_new, content))
    if kind == "compaction":
        text = {"type": "text", "text": message.get("summary"), "id": message.get("id")}
        return {**head, "role": "assistant", "summary": True}, [text]
    if kind in NEW_MESSAGES:
        shown = [message.get("text"), message.get("command"), message.get("output")]
        return {**head, "role": "user"}, [{"type": "text", "shown": shown}]
    if kind:
        tally.stranger(f"message/{kind}")
    return {}, []


def _part_of_new(part: dict[str, Any]) -> dict[str, Any]:
    """A part of ``session_message`` in the shape of ``message-v2.ts``."""
    if part.get("type") != "tool":
        return part
    state = dict_of(part.get("state"))
    output = "\n".join(strings([dict_of(one).get("text") for one in list_of(state.get("content"))]))
    error = dict_of(state.get("error")).get("message")
    told = {**state, "output": output, "error": error, "metadata": state.get("structured")}
    return {"type": "tool", "callID": part.get("id"), "tool": part.get("name"), "state": told}


def _message_of_0(message: dict[str, Any], parts: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A message of ``message.ts``, the form of the first releases."""
    details = dict_of(message.get("metadata"))
    info = {**message, **dict_of(details.get("assistant"))}
    info["time"] = message.get("time") or details.get("time")
    told = dict_of(details.get("tool"))
    found: list[dict[str, Any]] = []
    for part in parts:
        use = dict_of(part.get("toolInvocation"))
        if part.get("type") == "tool-invocation":
            call = text_of(use.get("toolCallId"))
            result = dict_of(told.get(call))
            status = "error" if result.get("error") else "completed" if use.get("state") == "result" else "running"
            output = text_of(use.get("result"))
            state = {"status": status, "input": use.get("args"), "metadata": result, "time": result.get("time")}
            state["error" if status == "error" else "output"] = output
            part = {"type": "tool", "callID": call, "tool": use.get("toolName"), "state": state}
        found.append(part)
    return info, found


def _status(state: dict[str, Any]) -> Status:
    """What became of a call."""
    status = state.get("status")
    if status == "error":
        said = next((text for text in strings(state.get("error"))), "")
        return Status.DECLINED if REFUSED.match(said) else Status.FAILED
    return Status.APPLIED if status == "completed" else Status.UNKNOWN


def _answer(output: str) -> str:
    """What a subagent said, without the notes that the tool puts around it; empty where it is a label."""
    found = ANSWERED.search(output)
    text = (found[1] if found else NOTES.sub("", output)).strip()
    return text if len(text.split()) >= SHORT_INPUT else ""


def _refined(piece: Piece, details: dict[str, Any]) -> Piece:
    """A piece with the pre-image that its result recorded: the whole file, or the lines around the change."""
    change = dict_of(details.get("filediff"))
    whole = text_of(change.get("before"))
    if piece.kind == "edit" and whole:
        return piece._replace(before=(*piece.before, whole))
    if piece.kind == "write" and whole:
        return piece._replace(blocks=tuple(patch.added_blocks(whole, "".join(piece.blocks))), before=(whole,))
    told = patch.parse_unified_diff(text_of(details.get("diff")) or text_of(change.get("patch")), piece.path)
    if piece.kind == "write" and told.removed:
        return piece._replace(blocks=told.added, before=told.removed)
    return piece


def _digest(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "replace"))


def _line(info: dict[str, Any], messages: list[dict[str, Any]]) -> bytes:
    """An exported record; of one that is nested too deep, a line that the reader counts as broken."""
    try:
        return json.dumps({"info": info, "messages": messages}).encode()
    except RecursionError:
        return b"(nested too deep)"


# The storage folder -------------------------------------------------------------------------------------------------


def is_storage(path: Path) -> bool:
    """Whether a folder is the older storage: it has sessions and messages, one JSON file each."""
    return (path / "session").is_dir() and any((path / name).is_dir() for name in ("message", "session/message"))


def lines_of_storage(path: Path) -> Iterator[bytes]:
    """The sessions of a storage folder (``~/.local/share/opencode/storage``), one exported record a line.

    Layouts: ``session/<project>/<session>.json``, ``message/<session>/<message>.json``,
    ``part/<message>/<part>.json``, and in the first releases the same below ``session/info``, ``session/message`` and
    ``session/part/<session>``. Messages whose session's file is missing make a session of their own. A file that
    cannot be read is a part or message of type ``(unreadable)``, which the reader counts. Raises CaptureError where
    the folder cannot be listed.
    """
    old = path / "session"
    heads = {file.stem: file for folder in _listed(old) if folder.is_dir() for file in _listed(folder, ".json")}
    places = [folder for name in ("message", "session/message") for folder in _listed(path / name) if folder.is_dir()]
    messages: dict[str, list[Path]] = {}
    for folder in places:
        messages.setdefault(folder.name, []).extend(_listed(folder, ".json"))
    sessions = {
        name: {"id": name, **_json(heads[name])} if name in heads else {"id": name} for name in heads | messages
    }
    for name in sorted(sessions, key=lambda name: _created(sessions[name], name)):
        found = []
        for file in messages.get(name, []):
            info = {"id": file.stem, **_json(file)}
            parts = [
                {"id": one.stem, **_json(one)}
                for folder in (path / "part" / file.stem, old / "part" / name / file.stem)
                for one in _listed(folder, ".json")
            ]
            inside = [part for part in list_of(info.pop("parts", None)) if isinstance(part, dict)]
            # In the first releases the parts stand in the message.
            found.append({**info, "parts": inside} if inside else {"info": info, "parts": parts})
        yield _line(sessions[name], found)


def _listed(folder: Path, ending: str = "") -> list[Path]:
    try:
        return sorted(Path(entry) for entry in os.scandir(folder) if entry.name.endswith(ending))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise CaptureError(f"{folder}: {error.strerror or error} (check the folder and its permissions)") from error


def _json(file: Path) -> dict[str, Any]:
    try:
        value = decoded(file.read_bytes()) if file.is_file() and file.stat().st_size <= LARGEST else None
    except OSError:
        value = None
    return value if isinstance(value, dict) else {"type": "(unreadable)", "role": "(unreadable)"}


def _created(info: dict[str, Any], name: str) -> tuple[float, str]:
    time = dict_of(info.get("time")).get("created")
    return (float(time) if isinstance(time, int | float) and abs(time) < 1e18 else 0.0), name


# The database ---------------------------------------------------------------------------------------------------------


def is_database(path: Path) -> bool:
    """Whether a file is a SQLite database with opencode's tables."""
    try:
        with path.open("rb") as file:
            if file.read(len(SQLITE)) != SQLITE:
                return False
        with closing(_connected(path)) as database:
            return TABLES[0] in (tables := _tables(database)) and not set(TABLES[1:]).isdisjoint(tables)
    except (OSError, CaptureError, sqlite3.Error):
        return False


def lines_of_database(path: Path) -> Iterator[bytes]:
    """The sessions of a database (``~/.local/share/opencode/opencode.db``), one exported record a line, oldest first.

    Nothing is written, and the database is not locked longer than a read takes. A write-ahead log beside it is read
    with it. Raises CaptureError where it cannot be opened, is damaged, lacks the tables ``session``, ``message`` and
    ``part``, or yields more than it can hold. Rows whose session is gone make a session of their own.
    """
    try:
        with closing(_connected(path)) as database:
            yield from _sessions(database, path)
    except (sqlite3.Error, OverflowError, MemoryError, ValueError) as error:
        raise CaptureError(f"{path}: {error} (the database is damaged, or in use; try a copy of it)") from error


def _connected(path: Path) -> sqlite3.Connection:
    log = Path(f"{path}-wal")
    try:
        # Without a log nobody writes it and it can be read as it lies, even in a folder that cannot be written to.
        mode = "mode=ro" if log.is_file() and log.stat().st_size else "mode=ro&immutable=1"
        database = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=5)
    except (OSError, sqlite3.Error, ValueError) as error:
        raise CaptureError(f"{path}: {error} (check the file and its permissions)") from error
    database.text_factory = bytes
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST)
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON", "mmap_size=0"):
        database.execute(f"PRAGMA {pragma}")
    return database


def _tables(database: sqlite3.Connection) -> set[str]:
    """The plain tables: a view or a virtual table of such a name is somebody's trap."""
    rows = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    return {_text(name) for name, sql in rows if _text(sql).upper().startswith("CREATE TABLE")}


def _sessions(database: sqlite3.Connection, path: Path) -> Iterator[bytes]:
    tables = _tables(database)
    missing = [name for name in TABLES if name not in tables]
    if missing:
        raise CaptureError(f"{path}: has no table {' or '.join(missing)} (is it the opencode.db of opencode?)")
    left = _Left(sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.is_file()), path)
    parts: dict[str, list[tuple[str, int]]] = {}
    for row, one, message in left.rows(database, "SELECT rowid, id, message_id FROM part"):
        parts.setdefault(_text(message), []).append((_text(one), row))
    messages: dict[str, list[tuple[float, str, int]]] = {}
    owners: set[str] = set()
    for row, one, session, time in left.rows(database, "SELECT rowid, id, session_id, time_created FROM message"):
        messages.setdefault(_text(session), []).append((_number(time), _text(one), row))
        owners.add(_text(one))
    newer: dict[str, list[tuple[float, str, int, str]]] = {}
    if "session_message" in tables:
        asked = "SELECT rowid, id, session_id, time_created, type FROM session_message"
        for row, one, session, time, kind in left.rows(database, asked):
            newer.setdefault(_text(session), []).append((_number(time), _text(one), row, _text(kind)))
    heads = _heads(database, left)
    for name in {*messages, *newer} - heads.keys():
        heads[name] = {"id": name}
    for name in sorted(heads, key=lambda name: _created(heads[name], name)):
        found: list[dict[str, Any]] = []
        for _, one, row in sorted(messages.get(name, [])):
            info = left.data(database, "message", row)
            held = [{**left.data(database, "part", at), "id": part} for part, at in sorted(parts.get(one, []))]
            found.append({"info": {**info, "id": one}, "parts": held})
        # A session that both tables have is in both with the same text.
        for _, one, row, kind in sorted(newer.get(name, []) if name not in messages else []):
            found.append({**left.data(database, "session_message", row), "id": one, "type": kind})
        yield _line(heads[name], found)
    for one in sorted(parts.keys() - owners):
        rows = [{**left.data(database, "part", at), "id": part} for part, at in sorted(parts[one])]
        yield _line({"id": UNKNOWN}, [{"info": {"id": one, "role": "(lost)"}, "parts": rows}])


def _heads(database: sqlite3.Connection, left: _Left) -> dict[str, dict[str, Any]]:
    """What the table of sessions says of each; columns come and go with versions."""
    columns = {_text(row[1]) for row in database.execute("PRAGMA table_info(session)")}
    wanted = [name for name in ("id", "parent_id", "directory", "version", "time_created") if name in columns]
    heads: dict[str, dict[str, Any]] = {}
    for row in left.rows(database, f"SELECT {', '.join(wanted)} FROM session"):
        held = dict(zip(wanted, row, strict=True))
        name = _text(held.get("id"))
        heads[name] = {
            "id": name,
            "parentID": _text(held.get("parent_id")),
            "directory": _text(held.get("directory")),
            "version": _text(held.get("version")),
            "time": {"created": _number(held.get("time_created"))},
        }
    return heads


class _Left:
    """How much a database may still yield: no sound one holds more rows or bytes than its file has, a crooked one can
    give the same page again and again."""

    def __init__(self, size: int, path: Path) -> None:
        self.size = size
        self.bytes = size
        self.path = path

    def rows(self, database: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
        for count, row in enumerate(database.execute(query)):
            # A row takes four bytes and more.
            self.takes(sum(len(value) for value in row if isinstance(value, bytes)))
            if count > self.size // 4:
                raise CaptureError(f"{self.path}: has more rows than it can hold (the database is damaged)")
            yield row

    def takes(self, size: int) -> None:
        self.bytes -= size
        if self.bytes < 0:
            raise CaptureError(f"{self.path}: yields more than it can hold (the database is damaged)")

    def data(self, database: sqlite3.Connection, table: str, row: int) -> dict[str, Any]:
        """The JSON of a row; of a row without any, ``{"type": "(unreadable)"}``, which the reader counts."""
        found = database.execute(f"SELECT data FROM {table} WHERE rowid = ?", (row,)).fetchone()
        data = found[0] if found and isinstance(found[0], bytes) else b""
        self.takes(len(data))
        value = decoded(data)
        return value if isinstance(value, dict) else {"type": "(unreadable)", "role": "(unreadable)"}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) if value is not None else ""


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e18 else 0.0
