"""Entire's checkpoints: the transcripts that its CLI keeps in a repository. It reads no repository and no transcript.

Layouts: branch ``entire/checkpoints/v1`` (``<2>/<10>/<n>/full.jsonl`` with ``metadata.json``, before 2026 without
``<n>``), one ref a checkpoint (``refs/entire/checkpoints/<2>/<id>``, CLI 0.10: the same from the checkpoint's folder
down), the withdrawn v2 (``raw_transcript``); long transcripts are cut into ``full.jsonl``, ``full.jsonl.001`` ... and
those of subagents stand in ``tasks/<call>/agent-<id>.jsonl``. Sources: entireio/cli cmd/entire/cli/checkpoint,
docs.entire.io/guides/checkpoints/checkpoint-storage.

A checkpoint has its session's transcript up to then, or only what came since the last one, so that one session stands
in many. Who the agent was, the transcript itself says: metadata call Claude Code's sessions "Gemini CLI" or "Agent".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from provenance.capture.origin import instant
from provenance.capture.session import decoded, dict_of, text_of

SOURCE = "entire"

BRANCH = "entire/checkpoints/v1"
REFS = "refs/entire/checkpoints"

_TRANSCRIPT = re.compile(r"(.*/)?(full\.jsonl|full\.log|raw_transcript|agent-[^/]+\.jsonl)(?:\.(\d{1,6}))?", re.DOTALL)
_DATE = re.compile(r"\d{4}-\d\d-\d\d-(?=.)")


class Copy(NamedTuple):
    """A transcript in one checkpoint."""

    name: str
    """Where it stands: folder and file."""
    metadata: str
    """The path of the file that describes it."""
    parts: tuple[str, ...]
    """The paths of its parts, in order."""


def copies(paths: Iterable[str]) -> list[Copy]:
    """The transcripts among the files of a checkpoint tree, sorted by name."""
    found: dict[str, list[tuple[int, str]]] = {}
    for path in paths:
        if match := _TRANSCRIPT.fullmatch(path):
            found.setdefault((match[1] or "") + match[2], []).append((int(match[3] or 0), path))
    return [
        Copy(name, f"{name.rpartition('/')[0]}/metadata.json".lstrip("/"), tuple(path for _, path in sorted(parts)))
        for name, parts in sorted(found.items())
    ]


class Described(NamedTuple):
    """What a checkpoint's metadata say of a transcript."""

    session: str
    """The session's id as its agent has it; where there is none, the transcript's name."""
    agent: str
    time: str


def described(metadata: bytes, copy: Copy) -> Described:
    """The session, agent and time of a transcript; a subagent's is a session of its own."""
    about = dict_of(decoded(metadata))
    # Until 2026-02 the day of the checkpoint stood before the id.
    session = _DATE.sub("", text_of(about.get("session_id")), count=1)
    file = copy.name.rpartition("/")[2]
    if not session or file.startswith("agent-"):
        session = file if file.startswith("agent-") else copy.name
    return Described(session, text_of(about.get("agent")), instant(about.get("created_at")))


def joined(transcripts: Iterable[bytes]) -> Iterator[bytes]:
    """The transcripts of one session, given from the oldest, each line of them once.

    JSON Lines become one transcript: what an earlier checkpoint has is not said again. A JSON document stands for
    itself; one that is equal to another is left out.
    """
    said: Counter[bytes] = Counter()
    session: list[bytes] = []
    documents: list[bytes] = []
    for transcript in transcripts:
        lines = [line for line in transcript.split(b"\n") if line.strip()]
        if not lines:
            continue
        if not isinstance(decoded(lines[0]), dict):
            documents += [transcript] if transcript not in documents else []
            continue
        here: Counter[bytes] = Counter()
        for line in lines:
            here[line] += 1
            if here[line] > said[line]:
                session.append(line)
        said |= here
    if session:
        yield b"\n".join(session) + b"\n"
    yield from documents
