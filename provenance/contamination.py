"""Assistants' records lying about: transcripts, chat histories and exports among the files of a tree, checkpoints and
notes among the refs of its repositories. It keeps, judges and changes nothing.

A file is told by its name, where a program always calls it so (``.aider.chat.history.md``), and by its content; either
is enough. Names: docs.specstory.com, aider 0.86 ``--help``, code.claude.com/docs/en/sessions, openai/codex
``codex-rs/rollout``, google-gemini/gemini-cli, github/copilot-cli, cline/cline, entireio/cli, agent-trace.dev.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from provenance import git, hints, signals
from provenance.capture import entire, reading
from provenance.errors import CaptureError, ProvenanceError
from provenance.signals import CALLS, HISTORY, NOTE, RECORDS, TRACE, TRANSCRIPT, Signal
from provenance.words import UNKNOWN

CHECKPOINTS = "checkpoints"
RECEIPTS = "receipts"

NAMES = tuple(
    (re.compile(rf"(?:.*/)?{pattern}", re.DOTALL), kind, tool)
    for pattern, kind, tool in (
        # The path's end, kind, assistant.
        (r"\.specstory/history/[^/]+\.md", HISTORY, UNKNOWN),
        (r"\.aider\.(?:chat|input|llm)\.history(?:\.\w+)?", HISTORY, "aider"),
        (r"\.claude/projects/.+\.jsonl", TRANSCRIPT, "claude-code"),
        (r"\.codex/(?:archived_)?sessions/.+\.jsonl(?:\.zst)?", TRANSCRIPT, "codex"),
        (r"rollout-\d{4}-\d\d-\d\dT[\d-]{8}-[0-9a-f-]{36}\.jsonl(?:\.zst)?", TRANSCRIPT, "codex"),
        (r"\.gemini/tmp/.+/chats/.+\.jsonl?", TRANSCRIPT, "gemini-cli"),
        (r"\.copilot/session-state/.+\.jsonl", TRANSCRIPT, "copilot-cli"),
        (r"workspaceStorage/.+/chatSessions/[^/]+\.jsonl?", TRANSCRIPT, "copilot-vscode"),
        (r"\.cursor/chats/.+/store\.db", TRANSCRIPT, "cursor"),
        (r"api_conversation_history\.json", TRANSCRIPT, "cline"),
        (r"\.continue/sessions/[^/]+\.json", TRANSCRIPT, "continue"),
        (r"\.qwen/.+/chats/.+\.jsonl", TRANSCRIPT, "qwen-code"),
        (r"\.entire/metadata/.+/full\.(?:jsonl|log)", TRANSCRIPT, UNKNOWN),
        (r"\.agent-trace/traces\.jsonl", TRACE, UNKNOWN),
        (r"\.aiir/receipts\.jsonl", RECEIPTS, UNKNOWN),
    )
)
"""Files that only these programs write there. Their settings and instructions are no record and are not listed."""

REFS = tuple(
    (re.compile(pattern), kind, tool)
    for pattern, kind, tool in (
        # Ref, kind, the tool that keeps it.
        (r"refs/(?:heads|remotes/[^/]+)/entire/.+|refs/entire/.+", CHECKPOINTS, "entire"),
        (r"refs/notes/ai(?:-(?:remote|stash).*)?|refs/ai/authorship/.+", NOTE, "git-ai"),
        (r"refs/notes/exceeds-ink", NOTE, "exceeds-ink"),
        (r"refs/notes/ai-attribution", NOTE, "qwen-code"),
        (r"refs/notes/agent-trace", TRACE, "agent-trace"),
        (r"refs/notes/aiir", RECEIPTS, "aiir"),
    )
)
FOLDED = re.compile(r"(refs/entire/checkpoints|refs/ai/authorship)/.+")
"""Places with one ref for each checkpoint or note: one line for all of them."""

READERS = {
    **RECORDS,
    "specstory": (HISTORY, UNKNOWN),
    "aider": (HISTORY, "aider"),
}
LARGEST = 32 << 20
"""Bytes of the largest file that is read to its end; of a larger one its first records are asked alone."""
PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xff\xfe", b"\xfe\xff", reading.DATABASE[:4])
"""First bytes of what a reader unpacks: gzip, zstd, UTF-16, SQLite."""
UNPACKED = re.compile(r".*\.(?:jsonl?|ndjson|md|db|vscdb|sqlite3?)(?:\.(?:gz|zst))?", re.IGNORECASE)
"""Names of packed files that may be records; other archives and databases are not opened."""


class Lying(msgspec.Struct, frozen=True):
    """A file or ref that is, or holds, what an assistant wrote or what a tool noted about it."""

    path: str
    """The file; of a ref the repository."""
    ref: str
    """The ref's full name, or the place of many; empty for a file."""
    kind: str
    assistant: str
    """As the name or content says: unknown where neither does. Of a ref the tool that keeps it."""
    provider: str
    told: tuple[str, ...]
    """``name``, ``content``, or both."""
    size: int
    """Bytes of the file; of a ref, the transcripts, notes or checkpoints in it."""


class Found(msgspec.Struct, frozen=True):
    """What lies about in some trees, and what could not be looked into: unread is not clean."""

    files: int
    """Files looked at."""
    repositories: int
    found: tuple[Lying, ...]
    unread: tuple[str, ...]


def find(trees: Iterable[Path]) -> Found:
    """Everything that lies about in files and folders (walked whole, hidden ones too; links are not followed).

    Of a tree inside a repository, that repository's refs are looked at, too, and those of every one below it.
    CaptureError where a tree is not there.
    """
    found: dict[tuple[str, str, str], Lying] = {}
    unread: list[str] = []
    files = 0
    seen: set[Path] = set()
    for tree in trees:
        if not tree.exists():
            raise CaptureError(f"{tree}: no such file or folder (name a folder, a file or a repository)")
        for path in _walk(tree, unread):
            if path.name == ".git" or (path == tree and path.is_dir()):
                _ask(path.parent if path.name == ".git" else path, seen, found, unread)
                continue
            files += 1
            try:
                found.update(((one.path, one.ref, one.kind), one) for one in _told(path))
            except (ProvenanceError, OSError) as error:
                unread.append(str(error))
    return Found(files, len(seen), tuple(found[key] for key in sorted(found)), tuple(sorted(set(unread))))


def _walk(tree: Path, unread: list[str]) -> Iterator[Path]:
    """The tree itself, every file below it, every folder that is one record, and every ``.git``, sorted."""
    yield tree
    if not tree.is_dir():
        return
    for folder, folders, names in os.walk(tree, onerror=lambda error: unread.append(str(error))):
        here = Path(folder)
        folders.sort()
        if ".git" in folders or ".git" in names:
            yield here / ".git"
        if ".git" in folders:
            folders.remove(".git")
        for name in [name for name in folders if reading.folder_reader(here / name)]:
            folders.remove(name)
            yield here / name
        for path in (here / name for name in sorted(names) if name != ".git"):
            try:
                if path.is_file() and not path.is_symlink():
                    yield path
            except OSError as error:
                unread.append(str(error))


def _told(path: Path) -> Iterator[Lying]:
    """What a file is, by its name and by its content: one of each kind."""
    size = 0 if path.is_dir() else path.stat().st_size
    name = path.absolute().as_posix()
    named = next(((kind, tool) for pattern, kind, tool in NAMES if pattern.fullmatch(name)), None)
    said = _said(path, size)
    kinds = {one.kind for one in said}
    for one in said:
        told = ("name", "content") if named and one.kind == named[0] else ("content",)
        tool = named[1] if named and one.kind == named[0] and one.tool == UNKNOWN else one.tool
        yield Lying(str(path), "", one.kind, tool, one.provider, told, size)
    # An empty file is called so and holds nothing.
    if named and named[0] not in kinds and size:
        yield Lying(str(path), "", named[0], named[1], UNKNOWN, ("name",), size)


def _said(path: Path, size: int) -> list[Signal]:
    """What a file's content says."""
    if path.is_dir():
        return _by_reader(path)
    with path.open("rb") as file:
        head = file.read(signals.HEAD)
        if head.startswith(PACKED):
            return _by_reader(path) if UNPACKED.fullmatch(path.name) else []
        if b"\0" in head:
            return []
        text = head + file.read() if size <= LARGEST else head
    said = signals.of(text) if hints.may_declare(text) else []
    if said or not UNPACKED.fullmatch(path.name):
        return said
    return _by_reader(path)


def _by_reader(path: Path) -> list[Signal]:
    """What the readers of transcripts say of a file or folder, which look further than its first words."""
    name = reading.reader_of(path)
    if name is None:
        return []
    kind, tool = READERS.get(name, (CALLS, UNKNOWN))
    return [Signal(kind, tool)]


def _ask(folder: Path, seen: set[Path], found: dict[tuple[str, str, str], Lying], unread: list[str]) -> None:
    """What the refs of the repository that a folder is in hold, once for all of its work trees."""
    try:
        common = git.common_dir(folder)
    except CaptureError as error:
        # Most folders are in none.
        if (folder / ".git").exists():
            unread.append(str(error))
        return
    if common in seen:
        return
    seen.add(common)
    try:
        found.update(((one.path, one.ref, one.kind), one) for one in _refs(folder))
    except CaptureError as error:
        unread.append(str(error))


def _refs(folder: Path) -> Iterator[Lying]:
    root = str(git.root(folder))
    many: dict[str, Lying] = {}
    for ref, _ in git.refs(folder):
        for pattern, kind, tool in REFS:
            if not pattern.fullmatch(ref):
                continue
            place = FOLDED.fullmatch(ref)
            if place:
                before = many.get(place[1])
                count = 1 + (before.size if before else 0)
                many[place[1]] = Lying(root, place[1], kind, tool, UNKNOWN, ("name",), count)
                continue
            count = _count(folder, ref)
            if count:
                yield Lying(root, ref, kind, tool, UNKNOWN, ("name",), count)
    yield from many.values()


def _count(folder: Path, ref: str) -> int:
    """The notes of a notes ref; the transcripts in a branch's files."""
    if ref.startswith("refs/notes/"):
        return len(git.notes(folder, ref))
    return len(entire.copies(entry.path for entry in git.tree(folder, ref)))
