"""``provenance capture ASSISTANT``: a hook's payload on standard input to the ledger, at a cost that nobody feels.

It never blocks and never fails the assistant: exit code 0, or 1 with one line on standard error, and what could not be
captured is recorded as missed. It loads the standard library's lightest parts and the kernel; everything that can wait
(novelty against the whole transcript, the store, the index) waits in ``captures``.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from provenance import captures, entries, fingerprint, ledger, memory
from provenance.capture import novelty, payloads
from provenance.words import UNKNOWN, Evidence, Status, ingredient_id

if TYPE_CHECKING:
    from provenance.capture.payloads import Call, Heard
    from provenance.capture.shapes import Piece

MOST = 64 << 20
"""Bytes of a payload; a longer one is missed."""
LARGE = 4 << 20
"""Bytes of text that are shown or written in one call, from which on the session's memory is left out: marking them
takes longer than a hook may, and the transcript settles it."""
PRE_IMAGE = 4 << 20
PATIENCE = 20
"""Seconds after which a capture gives up and is missed: hosts kill a hook after 30, and nothing would tell."""
LAST_WORD = 3
"""Seconds that recording the miss may take."""
GATES = {payloads.BEFORE: '{"permission":"allow"}\n', payloads.PROMPT: '{"continue":true}\n'}
"""What Cursor has to be told lest it block: its editor takes silence before a call for a refusal
(aovestdipaperino/tokensave issue 187, awslabs/aidlc-workflows issue 743)."""
TAIL = 256 << 10
"""Bytes at the end of a transcript in which a hook looks for the model and version of the call."""


def main(arguments: list[str]) -> int:
    """Capture one payload; the exit code is 0, or 1 with one line on standard error."""
    named = arguments[0] if arguments else ""
    store = ""
    event = payloads.BEFORE
    waited = _give_up_after(PATIENCE)
    try:
        data = sys.stdin.buffer.read(MOST + 1) if named != "codex-notify" else os.fsencode(arguments[-1])
        named = "codex" if named == "codex-notify" else named
        store = store_of(_here())
        if len(data) > MOST:
            while sys.stdin.buffer.read(1 << 20):
                pass  # a host whose pipe breaks may fail of it
            raise payloads.Unreadable(f"the payload has more than {MOST >> 20} MiB")
        payload = json.loads(data.decode("utf-8", "replace").lstrip("\ufeff") or "null")
        heard = payloads.hear(payload, named, arguments[1] if len(arguments) > 1 else "")
        store, event = store_of(heard.cwd or _here()), heard.event
        capture(heard, store)
        return 0
    except BaseException as error:  # a hook must not fail the assistant, whatever happens
        reason = _reason(error)
        _give_up_after(LAST_WORD)
        noted = _miss(store, named, reason)
        where = f"recorded as missed in {store}" if noted else "and it could not be recorded as missed"
        _say(f"provenance: not captured: {reason} ({where}; 'provenance doctor' tells more)")
        return 1
    finally:
        _give_up_after(0, waited)
        if named == "cursor" and event in GATES:
            with suppress(OSError):
                sys.stdout.write(GATES[event])
                sys.stdout.flush()


def _give_up_after(seconds: int, otherwise: Any = None) -> Any:
    """Have the capture end as missed after so many seconds (0: never) or when the host terminates it, whatever it waits
    for: an open pipe, a lock. What came of SIGTERM before; ``otherwise`` restores it."""
    if sys.platform == "win32":
        return None
    signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return signal.signal(signal.SIGTERM, _too_long if otherwise is None else otherwise)


def _too_long(number: int, _: object) -> None:
    why = f"it took longer than {PATIENCE} seconds" if number == signal.SIGALRM else "the host ended it"
    raise payloads.Unreadable(why)


def _here() -> str:
    """The working folder, or the root where it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return os.sep


def store_of(folder: str) -> str:
    """The store that a folder's captures go to: as PROVENANCE_STORE says, else the ``.provenance`` of the repository
    around it (of a worktree, the main one's), else the user's own."""
    named = os.environ.get("PROVENANCE_STORE")
    if named:
        return named
    at = os.path.abspath(folder)
    while True:
        if os.path.isdir(os.path.join(at, ".provenance")):
            return os.path.join(at, ".provenance")
        main_folder = _main_of_worktree(os.path.join(at, ".git"))
        if main_folder and os.path.isdir(os.path.join(main_folder, ".provenance")):
            return os.path.join(main_folder, ".provenance")
        above = os.path.dirname(at)
        if above == at:
            break
        at = above
    home = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(home, "provenance")


def _main_of_worktree(git: str) -> str:
    """The main work tree of a linked one, whose ``.git`` is a file ``gitdir: MAIN/.git/worktrees/NAME``."""
    if not os.path.isfile(git):
        return ""
    with open(git, encoding="utf-8", errors="surrogateescape") as file:
        pointed = file.read(4096).removeprefix("gitdir:").strip()
    head, _, _ = pointed.replace("\\", "/").partition("/.git/worktrees/")
    return head if head != pointed.replace("\\", "/") else ""


def capture(heard: Heard, store: str) -> None:
    """Keep what the model wrote, remember what it was shown; what another hook captured is not captured again."""
    with memory.opened(store, heard.session) as known:
        known.add_note(
            transcript=heard.transcript,
            model=heard.model if heard.model != UNKNOWN else "",
            version=heard.version if heard.version != UNKNOWN else "",
            begun="yes" if heard.event == payloads.START else "",
        )
        for target in heard.targets:
            _remember(known, _pre_image(target, heard.cwd))
        found = [one for call in heard.calls for one in _captured(heard, call, known, store)]
        if found:
            lines: list[tuple[str, dict[str, Any]]] = [(entries.KIND, line) for line, _ in found]
            if captures.append(store, ledger.shard(store), [payload for _, payload in found]):
                lines.insert(0, ("torn", {"file": "captures"}))
            ledger.extend(store, lines, durable=False)
            for line, _ in found:
                known.add(memory.KEY, bytes.fromhex(line["same"]))
        for text in heard.shown:
            _remember(known, text)


def _remember(known: memory.Memory, text: str | None) -> None:
    """Mark what was shown; of what is too long (None: too long to be read), that something was shown unmarked."""
    if text is None or len(text) > LARGE:
        known.add_note(forgot="yes")
    elif text:
        known.add_marks(memory.SHOWN, novelty.shown_forms(text))


def _captured(heard: Heard, call: Call, known: memory.Memory, store: str) -> list[tuple[dict[str, Any], bytes]]:
    """The ledger's line and the capture of each piece that adds something and that no other hook captured."""
    found = []
    key = ledger.key(store)
    model, version = _model_of(heard, call, known)
    origin = _origin(heard, model, version)
    is_complete = known.note.get("begun") == "yes" and "forgot" not in known.note
    for ordinal, piece in enumerate(call.pieces, call.first):
        same = entries.same_key(heard.session, piece.blocks, piece.path)
        if bytes.fromhex(same) in known.keys:
            continue
        known.keys.add(bytes.fromhex(same))
        is_large = sum(map(len, piece.blocks)) > LARGE
        passages = _passages(piece, known, is_large)
        text = b"\n".join(passage.new for passage in passages)
        tokens, stream, _, _, _ = fingerprint.engine.measure(text)
        if not tokens:
            continue
        name = call.call or f"said.{same[:16]}"
        identity = ingredient_id(heard.host, heard.session, name, piece.path, ordinal)
        status = str(Status.UNKNOWN if piece.kind == "heredoc" and call.status is Status.FAILED else call.status)
        path = novelty.encode(piece.path).decode()
        head = {
            "id": identity,
            "origin": origin,
            "kind": piece.kind,
            "status": status,
            "path": path,
            "same": same,
            "transcript": novelty.encode(heard.transcript).decode(),
            "verbatim": [passage.verbatim for passage in passages],
            "shown": [passage.shown for passage in passages],
            "whole": [tokens, fingerprint.exact_digest(text).hex(), stream],
        }
        grams = []
        for passage in passages:
            count, of_stream, keys, checks, positions = fingerprint.engine.measure(passage.text)
            grams.append((count, fingerprint.exact_digest(passage.text), of_stream, keys, checks, positions))
        line = entries.of(
            key,
            identity=identity,
            same=same,
            evidence=Evidence.CAPTURED,
            what=piece.kind,
            status=status,
            path=path,
            tokens=tokens,
            blocks=piece.blocks,
            origin=origin,
            novelty="hook" if is_complete and not is_large else "pending",
            folder=heard.cwd,
        )
        found.append((line, captures.payload(head, grams, fingerprint.engine.signature(text))))
    return found


def _passages(piece: Piece, known: memory.Memory, is_large: bool) -> tuple[novelty.Passage, ...]:
    if is_large:
        return tuple(novelty.Passage(text, text, (), ()) for text in map(novelty.encode, piece.blocks))
    written = {form for block in piece.blocks for form in novelty.forms(novelty.encode(block))}
    shown, own = known.recall(written)
    before = set(own)
    passages = novelty.passages_of(piece.blocks, piece.before, shown, own)
    for text in piece.before:
        known.add_marks(memory.SHOWN, novelty.forms(novelty.encode(text)))
    known.add_marks(memory.OWN, array("Q", own - before))
    return passages


def _model_of(heard: Heard, call: Call, known: memory.Memory) -> tuple[str, str]:
    """The model and version of a call, from the best record: the payload, the transcript's own row of the call, what an
    earlier hook of the session said."""
    model, version = heard.model, heard.version
    if not call.named:
        return UNKNOWN, version if version != UNKNOWN else known.note.get("version", UNKNOWN)
    if UNKNOWN in (model, version) and heard.transcript:
        row = _row_of(heard.transcript, call.call)
        model = _field(row, b'"model":"') or model if model == UNKNOWN else model
        version = _field(row, b'"version":"') or version if version == UNKNOWN else version
    return (
        known.note.get("model", UNKNOWN) if model in (UNKNOWN, "<synthetic>") else model,
        known.note.get("version", UNKNOWN) if version == UNKNOWN else version,
    )


def _row_of(transcript: str, call: str) -> bytes:
    """The transcript's row that holds a call, if it is written already and near the end."""
    data = _tail(transcript)
    at = data.rfind(call.encode("utf-8", "replace")) if call else -1
    if at < 0:
        return b""
    end = data.find(b"\n", at)
    return data[data.rfind(b"\n", 0, at) + 1 : end if end >= 0 else len(data)]


def _field(row: bytes, name: bytes) -> str:
    _, found, rest = row.partition(name)
    value = rest[: rest.find(b'"')] if found else b""
    return value.decode("utf-8", "replace") if len(value) < 200 else ""


def _tail(path: str) -> bytes:
    return _regular(path, TAIL, from_end=True)


def _pre_image(target: str, cwd: str) -> str | None:
    """What a file holds that is about to be written; None where that is too long."""
    path = os.path.join(cwd, target) if cwd else target
    data = _regular(path, PRE_IMAGE + 1)
    return data.decode("utf-8", "replace") if len(data) <= PRE_IMAGE else None


def _regular(path: str, most: int, from_end: bool = False) -> bytes:
    """The bytes of a regular file, at most so many, or none where there is no such file: no pipe, no device is waited
    for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError):
        return b""
    with open(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            return b""
        file.seek(max(0, state.st_size - most) if from_end else 0)
        return file.read(most)


def _origin(heard: Heard, model: str, version: str) -> dict[str, str]:
    from provenance.capture.origin import channel_of, provider_of

    now = time.time()
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}Z"
    facts = {
        "provider": provider_of(model),
        "model": model,
        "tool": heard.host,
        "version": version,
        "channel": channel_of("", model),
        "session": heard.session,
        "time": moment,
    }
    return {name: novelty.encode(value).decode() for name, value in facts.items() if value != UNKNOWN}


def _reason(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        text = f"the payload is no JSON ({error.msg} at character {error.pos:,})"
    elif isinstance(error, RecursionError):
        text = "the payload is nested too deeply"
    elif isinstance(error, OSError):
        text = f"{error.filename or 'the store'}: {error.strerror or error}"
    elif isinstance(error, KeyboardInterrupt):
        text = "interrupted"
    else:
        text = str(error) or type(error).__name__
        if not isinstance(error, payloads.Unreadable):
            text = f"{type(error).__name__}: {text}"
    return "".join(char if char.isprintable() else "?" for char in text[:300])


def _miss(store: str, named: str, reason: str) -> bool:
    """Whether the miss could be recorded."""
    try:
        ledger.append(store or store_of(_here()), entries.MISSED, {"assistant": named[:40], "reason": reason})
    except Exception:
        return False
    return True


def _say(line: str) -> None:
    with suppress(OSError):
        sys.stderr.write(line + "\n")
