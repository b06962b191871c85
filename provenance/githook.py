"""``provenance capture git EVENT``: what git's own hooks call. It tags what was committed and captures aider's commits.

aider has no hooks of its own, but commits what it wrote, alone and at once, and signs it (``capture.trailers``). A
commit is tagged by content (``tagging``); its tags follow it through amend, rebase and cherry-pick, since git calls the
hook again. A hook must not fail the commit: 0, or 1 with one line on standard error, and the miss is recorded.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from provenance import captures, entries, fingerprint, git, hook, ledger, store, tagging
from provenance.capture import novelty, trailers
from provenance.capture.origin import channel_of
from provenance.capture.session import Tally
from provenance.errors import CaptureError
from provenance.words import UNKNOWN, Evidence, Status, ingredient_id

EVENTS = ("post-commit", "post-rewrite")
MOST = 16 << 20
"""Bytes of standard input: a rebase of 190,000 commits."""
MOST_FILES = 2 << 20
"""Bytes of the files that a commit changes: looking at more takes longer than a commit should (0.6 to 1.2 s a MiB)."""
TOOL = "aider"
_PAIR = re.compile(r"([0-9a-f]{40,64}) ([0-9a-f]{40,64})(?: .*)?")


def main(event: str) -> int:
    """Do what a hook's event asks for, in the repository of the working folder."""
    place = ""
    try:
        place = hook.store_of(os.getcwd())
        if event not in EVENTS:
            raise CaptureError(f"unknown event {event[:40]!r} of git (it is one of {', '.join(EVENTS)})")
        given = sys.stdin.buffer.read(MOST + 1) if event == "post-rewrite" else b""
        if len(given) > MOST:
            raise CaptureError(f"more than {MOST >> 20} MiB on standard input")
        if not os.path.isdir(place):
            return 0
        root = git.root(Path.cwd())
        if event == "post-commit":
            post_commit(root, Path(place))
        else:
            post_rewrite(root, Path(place), given)
        return 0
    except BaseException as error:  # whatever happens, the commit is made
        reason = _reason(error)
        noted = False
        if place and os.path.isdir(place):
            with suppress(Exception):
                ledger.append(place, entries.MISSED, {"assistant": "git", "reason": f"{event[:40]}: {reason}"})
                noted = True
        where = f"recorded as missed in {place}" if noted else "and it could not be recorded as missed"
        with suppress(OSError):
            sys.stderr.write(f"provenance: not tagged: {reason} ({where}; 'provenance tag' does it again)\n")
        return 1


def post_commit(root: Path, place: Path) -> None:
    """Capture HEAD if aider wrote it just now, and tag it."""
    commits = tagging.commits_of(root, ["HEAD"])
    capture(root, place, commits[0])
    _tag(root, place, commits, {})


def post_rewrite(root: Path, place: Path, given: bytes) -> None:
    """Tag the commits that others have become; ``given`` are lines of old and new id (githooks(5))."""
    rewritten: dict[str, list[str]] = {}
    for line in given.decode("ascii", "replace").splitlines():
        pair = _PAIR.fullmatch(line.strip())
        if pair is None and line.strip():
            raise CaptureError("standard input is not what git gives to post-rewrite")
        if pair:
            rewritten.setdefault(pair[2], []).append(pair[1])
    with git.objects(root) as read:
        commits = [commit for sha in rewritten if (commit := git.commit_of(read(sha)))]
    _tag(root, place, commits, rewritten)


def _tag(root: Path, place: Path, commits: list[git.Commit], rewritten: dict[str, list[str]]) -> None:
    """Tag the commits; CaptureError, at the end, where one is too large or not here as a whole."""
    left = []
    for tagged in tagging.tag(root, place, commits, rewritten, MOST_FILES):
        tagging.write(root, place, tagged)
        if tagged.untold:
            left.append(f"{tagged.commit.sha[:12]}: {tagged.untold}")
    if left:
        raise CaptureError(f"{left[0]}{f' and {len(left) - 1:,} more' if left[1:] else ''}")


def capture(root: Path, place: Path, commit: git.Commit) -> int:
    """Keep what a commit of aider's adds as ingredients, one a file; how many there were.

    Only a commit that is made now: one whose author's date is older was amended, picked or rebased, and was captured
    when it was made, or only declares its origin.
    """
    author = f"{commit.author.name} <{commit.author.email}>"
    marks = [one for one in trailers.declared(commit.message, author, Tally()) if one.tool == TOOL]
    if not marks or len(commit.parents) > 1 or commit.author.time != commit.committer.time:
        return 0
    changes = next(found for _, found in git.changes(root, [commit]))
    known = {*store.copies(place), *(one.same for one in captures.waiting(place))}
    lines: list[tuple[str, dict[str, Any]]] = []
    payloads: list[bytes] = []
    with git.objects(root) as read:
        texts = (git.text_of(read(change.old)) for change in changes or () if change.old)
        before = tuple(text for text in texts if text)
    for change in changes or ():
        blocks = tuple(block for block in ("\n".join(hunk.lines) for hunk in change.hunks) if block.strip())
        found = _captured(place, commit, marks[0], change.path, blocks, before, str(root))
        if found and found[0]["same"] not in known:
            lines.append((entries.KIND, found[0]))
            payloads.append(found[1])
    if payloads:
        if captures.append(str(place), ledger.shard(place), payloads):
            lines.insert(0, ("torn", {"file": "captures"}))
        ledger.extend(place, lines, durable=False)
    return len(payloads)


def _captured(
    place: Path,
    commit: git.Commit,
    mark: trailers.Mark,
    path: str,
    blocks: tuple[str, ...],
    before: tuple[str, ...],
    folder: str,
) -> tuple[dict[str, Any], bytes] | None:
    """The ledger's line and the capture of what a commit adds to a file, unless that is nothing new."""
    passages = novelty.passages_of(blocks, before, set(), set())
    text = b"\n".join(passage.new for passage in passages)
    tokens, stream, _, _, _ = fingerprint.engine.measure(text)
    if not tokens:
        return None
    path = novelty.encode(path).decode()
    same = entries.same_key(mark.session, blocks, path)
    identity = ingredient_id(TOOL, mark.session, commit.sha, path, 0)
    facts = {
        "provider": mark.provider,
        "model": mark.model,
        "tool": TOOL,
        "channel": channel_of("", mark.model),
        "session": mark.session,
        "time": commit.author.time or UNKNOWN,
    }
    origin = {name: value for name, value in facts.items() if value != UNKNOWN}
    head = {
        "id": identity,
        "origin": origin,
        "kind": "edit",
        "status": str(Status.APPLIED),
        "path": path,
        "same": same,
        "transcript": "",
        "verbatim": [passage.verbatim for passage in passages],
        "shown": [passage.shown for passage in passages],
        "whole": [tokens, fingerprint.exact_digest(text).hex(), stream],
    }
    grams = []
    for passage in passages:
        count, of_stream, keys, checks, positions = fingerprint.engine.measure(passage.text)
        grams.append((count, fingerprint.exact_digest(passage.text), of_stream, keys, checks, positions))
    line = entries.of(
        ledger.key(place),
        identity=identity,
        same=same,
        evidence=Evidence.CAPTURED,
        what="edit",
        status=str(Status.APPLIED),
        path=path,
        tokens=tokens,
        blocks=blocks,
        origin=origin,
        novelty="hook",
        folder=folder,
    )
    return line, captures.payload(head, grams, fingerprint.engine.signature(text))


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError):
        text = f"{error.filename or 'the store'}: {error.strerror or error}"
    elif isinstance(error, KeyboardInterrupt):
        text = "interrupted"
    else:
        text = str(error) or type(error).__name__
    return "".join(char if char.isprintable() else "?" for char in text[:300])
