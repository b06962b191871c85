"""What other tools recorded in a git repository about assistants, as the events that the transcript readers give.

git-ai's notes and Agent Trace records name lines: the text is that of the commit's files. Trailers and AIIR's
receipts name a commit: what it adds is declared. Entire keeps whole transcripts. What a commit's files held before is
Shown first, so that a renamed file, a moved function or a stale line claims nothing that was there already.

Nothing is guessed: lines that no key names, that a person's key names, or whose place cannot be proved make no output,
and a commit without a mark is unknown, not a person's. It judges and keeps nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import xxhash

from provenance import git
from provenance.capture import agent_trace, aiir, entire, git_ai, reading, trailers
from provenance.capture.git_ai import Agent, Note
from provenance.capture.origin import channel_of
from provenance.capture.session import Event, Shown, Tally, Wrote
from provenance.errors import CaptureError
from provenance.model import UNKNOWN, Evidence, Origin, Status


class Record(NamedTuple):
    """What one note, commit, session or file records."""

    source: str
    """git-ai, agent-trace, trailer, aiir or entire."""
    name: str
    """Where it stands: a commit, a ref, a path."""
    evidence: Evidence
    events: list[Event]
    tally: Tally
    known: int = 0
    """Outputs left out as an earlier record has them: a rebased commit and its copies."""


GIT_AI_REFS = ("refs/notes/ai", "refs/notes/ai-remote", "refs/notes/ai-stash")
GIT_AI_OLD_REFS = "refs/ai/authorship"
AGENT_TRACE_REF = "refs/notes/agent-trace"
AGENT_TRACE_FILE = ".agent-trace/traces.jsonl"
AIIR_REF = "refs/notes/aiir"
AIIR_FILE = ".aiir/receipts.jsonl"


def read(repository: Path, revisions: Sequence[str] = ()) -> Iterator[Record]:
    """Every record in the repository that a path is in, the better evidence first.

    ``revisions`` (``main..HEAD``) limits the commits whose messages are read; without any, all branches and tags are.
    The last record of each source has no events and counts what made none. CaptureError where git cannot answer.
    """
    root = git.root(repository)
    with git.objects(root) as objects:
        yield from _entire(root, objects)
        yield from _notes(root, objects, git_ai.SOURCE, _git_ai_notes(root), git_ai.parse)
        yield from _notes(root, objects, agent_trace.SOURCE, git.notes(root, AGENT_TRACE_REF), agent_trace.note)
        yield from _traces(root, objects)
        yield from _commits(root, objects, revisions)


def _git_ai_notes(root: Path) -> list[tuple[str, str]]:
    """Commit and note: of each commit the first, in the order of the refs; local ones, fetched ones, the old form."""
    names = [name for ref in GIT_AI_REFS for name, _ in git.refs(root, ref)]
    pairs = [pair for name in names for pair in git.notes(root, name)]
    pairs += [(name.rpartition("/")[2], oid) for name, oid in git.refs(root, GIT_AI_OLD_REFS)]
    return sorted(dict(reversed(pairs)).items())


def _notes(
    root: Path,
    objects: git.Reader,
    source: str,
    pairs: list[tuple[str, str]],
    parse: Callable[[bytes, Tally], Note],
) -> Iterator[Record]:
    """A record for each commit of which a note names lines, and for each talk in it, from the oldest commit."""
    rest = Tally()
    rest.assistant = source
    agents: dict[str, Agent] = {}
    commits: list[git.Commit] = []
    for sha, oid in pairs:
        note = _note(objects, oid, parse, Tally())
        for key, agent in note.agents.items():
            had = agents.setdefault(key, agent)
            agents[key] = Agent(*(one if one == other else UNKNOWN for one, other in zip(had, agent, strict=True)))
        commit = git.commit_of(objects(sha))
        if commit is not None:
            commits.append(commit)
            continue
        # The commit is gone (squashed, not fetched), or what the note is attached to is none.
        rest.records += 1
        rest.unread += any(not git_ai.is_human(one.key) for one in note.named)
    ids = dict(pairs)
    seen: set[str] = set()
    commits.sort(key=lambda one: (one.committer.time, one.sha))
    for commit, changes in git.changes(root, commits):
        tally = Tally()
        tally.assistant = source
        note = _note(objects, ids[commit.sha], parse, tally)
        record = _named(objects, commit, changes or [], note, {**agents, **note.agents}, seen, tally)
        if any(isinstance(event, Wrote) for event in record.events):
            yield record
        else:
            _add(rest, record.tally)
        for key, messages in note.talks.items():
            talk = _talk(note.agents[key], messages, seen)
            if talk is not None:
                yield talk
    if pairs:
        yield Record(source, "(no lines)", Evidence.TOOL_NOTE, [], rest)


def _note(objects: git.Reader, oid: str, parse: Callable[[bytes, Tally], Note], tally: Tally) -> Note:
    found = objects(oid)
    if found is None:
        tally.broken += 1
    return parse(found.data if found else b"", tally)


def _named(
    objects: git.Reader,
    commit: git.Commit,
    changes: list[git.Change],
    note: Note,
    agents: dict[str, Agent],
    seen: set[str],
    tally: Tally,
) -> Record:
    """The lines that a note names, as text from the files of its commit."""
    after = {change.path: change.new for change in changes}
    events = _before(objects, commit, changes) if note.named else []
    known = 0
    for path in dict.fromkeys(one.path for one in note.named):
        named = [one for one in note.named if one.path == path]
        text = git.text_of(objects(after.get(path) or f"{commit.sha}:{path}"))
        if text is None:
            tally.unread += any(not git_ai.is_human(one.key) for one in named)
            continue
        for ordinal, (agent, blocks) in enumerate(git_ai.texts(text, named, agents).items()):
            if _is_known(seen, *agent, path, *blocks):
                known += 1
                continue
            origin = git_ai.origin(agent, commit.author.time or UNKNOWN)
            events.append(_wrote(blocks, path, commit.sha, ordinal, origin, tally))
    return Record(tally.assistant, commit.sha, Evidence.TOOL_NOTE, events, tally, known)


def _talk(agent: Agent, messages: list[dict[str, object]], seen: set[str]) -> Record | None:
    """What a note's talk says that none before it said; prompts that were said before are still shown."""
    tally = Tally()
    tally.assistant = git_ai.SOURCE
    events: list[Event] = []
    known = 0
    for message in messages:
        said = git_ai.conversation([message], agent, tally)
        if _is_known(seen, agent.session, git_ai.digest(message)):
            known += sum(isinstance(event, Wrote) for event in said)
            said = [event for event in said if isinstance(event, Shown)]
        events += said
    tally.records = len(messages)
    tally.wrote.update(event.kind for event in events if isinstance(event, Wrote))
    if not tally.wrote:
        return None
    return Record(git_ai.SOURCE, f"session {agent.session}", Evidence.TOOL_NOTE, events, tally, known)


def _traces(root: Path, objects: git.Reader) -> Iterator[Record]:
    """The Agent Trace records of the work tree and of HEAD, one record a session."""
    tally = Tally()
    tally.assistant = agent_trace.SOURCE
    lines = _lines_of(root, objects, AGENT_TRACE_FILE, tally)
    traces, commands = agent_trace.parse(lines, tally)
    sessions: dict[str, list[Event]] = {}
    for trace in traces:
        wrote = _located(objects, trace, tally)
        if wrote is not None:
            sessions.setdefault(trace.origin.session, []).append(wrote)
    for wrote in commands:
        tally.wrote[wrote.kind] += 1
        sessions.setdefault(wrote.origin.session, []).append(wrote)
    for events in sessions.values():
        about = Tally()
        about.assistant = agent_trace.SOURCE
        about.wrote.update(event.kind for event in events if isinstance(event, Wrote))
        yield Record(agent_trace.SOURCE, AGENT_TRACE_FILE, Evidence.TOOL_NOTE, events, about)
    if lines or tally.cut:
        tally.wrote.clear()
        yield Record(agent_trace.SOURCE, AGENT_TRACE_FILE, Evidence.TOOL_NOTE, [], tally)


def _located(objects: git.Reader, trace: agent_trace.Trace, tally: Tally) -> Wrote | None:
    """The text of a trace, where its hash proves it in the file at the recorded revision or at HEAD."""
    revision = trace.revision if trace.revision.isalnum() else "HEAD"
    before = git.text_of(objects(f"{revision}^:{trace.path}"))
    for name in dict.fromkeys((revision, "HEAD")):
        text = git.text_of(objects(f"{name}:{trace.path}"))
        found = agent_trace.located(text, trace) if text is not None else None
        if found is not None and found.strip():
            wrote = _wrote((found,), trace.path, trace.id, trace.ordinal, trace.origin, tally)
            return wrote._replace(before=(before,) if before else ())
        before = text
    tally.unread += 1
    return None


def _commits(root: Path, objects: git.Reader, revisions: Sequence[str]) -> Iterator[Record]:
    """What the commits add that a trailer, an author or a receipt calls an assistant's."""
    tallies = {trailers.SOURCE: Tally(), aiir.SOURCE: Tally()}
    for source, tally in tallies.items():
        tally.assistant = source
    wanted: dict[str, git.Commit] = {}
    claims: dict[str, list[tuple[str, Evidence, Origin]]] = {}
    for commit in git.commits(root, revisions):
        tallies[trailers.SOURCE].records += 1
        author = f"{commit.author.name} <{commit.author.email}>"
        for mark in trailers.declared(commit.message, author, tallies[trailers.SOURCE]):
            wanted[commit.sha] = commit
            claim = (trailers.SOURCE, Evidence.DECLARED, _origin(mark, commit.author.time))
            claims.setdefault(commit.sha, []).append(claim)
    for receipt in _receipts(root, objects, tallies[aiir.SOURCE]):
        others = {origin.tool for _, _, origin in claims.get(receipt.commit, [])}
        if receipt.origin.tool in {*others, UNKNOWN if others else ""}:
            continue  # it says what the commit's own trailer says
        found = git.commit_of(objects(receipt.commit))
        if found is None:
            tallies[aiir.SOURCE].unread += 1
            continue
        wanted[found.sha] = found
        claims.setdefault(found.sha, []).append((aiir.SOURCE, receipt.evidence, receipt.origin))
    seen: set[str] = set()
    for commit, changes in git.changes(root, wanted.values()):
        for source, evidence, origin in claims[commit.sha]:
            if changes is None:
                tallies[source].unread += 1
                continue
            record = _declared(objects, commit, changes, (source, evidence, origin), seen)
            if any(isinstance(event, Wrote) for event in record.events):
                yield record
            else:
                _add(tallies[source], record.tally)
    for source, tally in tallies.items():
        if tally.records:
            yield Record(source, "(no text)", Evidence.DECLARED, [], tally)


def _declared(
    objects: git.Reader,
    commit: git.Commit,
    changes: list[git.Change],
    claim: tuple[str, Evidence, Origin],
    seen: set[str],
) -> Record:
    """All that a commit adds, by one of the assistants that it names."""
    source, evidence, origin = claim
    tally = Tally()
    tally.assistant = source
    events = _before(objects, commit, changes)
    known = 0
    for change in changes:
        if change.is_binary:
            tally.stranger("binary file")
        blocks = tuple(block for block in ("\n".join(hunk.lines) for hunk in change.hunks) if block.strip())
        if not blocks:
            continue
        if _is_known(seen, commit.author.time, origin.tool, origin.model, change.path, *blocks):
            known += 1
            continue
        events.append(_wrote(blocks, change.path, commit.sha, 0, origin, tally))
    return Record(source, commit.sha, evidence, events, tally, known)


def _receipts(root: Path, objects: git.Reader, tally: Tally) -> list[aiir.Receipt]:
    """AIIR's receipts, one a commit and origin: of the work tree, of HEAD, of the notes."""
    lines = _lines_of(root, objects, AIIR_FILE, tally)
    for _, oid in git.notes(root, AIIR_REF):
        note = objects(oid)
        lines += _json_lines(note.data) if note else []
    return list(dict.fromkeys(aiir.parse(dict.fromkeys(lines), tally)))


def _json_lines(data: bytes) -> list[bytes]:
    """The lines of JSON Lines; of one value over many lines, that value as one."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    return (
        lines if all(line.rstrip().endswith(b"}") and line.startswith(b"{") for line in lines) else [b" ".join(lines)]
    )


def _entire(root: Path, objects: git.Reader) -> Iterator[Record]:
    """The sessions that Entire's checkpoints hold, each read once."""
    branches = (f"refs/heads/{entire.BRANCH}", f"refs/remotes/*/{entire.BRANCH}")
    seen: set[git.Entry] = set()
    sessions: dict[str, list[tuple[str, str, str, tuple[str, ...]]]] = {}
    for ref, _ in git.refs(root, *branches, entire.REFS):
        entries = git.tree(root, ref)
        new = {entry.path: entry.oid for entry in entries if entry not in seen}
        seen.update(entries)  # a branch and its remote copy
        for copy in entire.copies(new):
            metadata = objects(new.get(copy.metadata, f"{ref}:{copy.metadata}"))
            about = entire.described(metadata.data if metadata else b"", copy)
            session = about.session if about.session != copy.name else f"{ref}:{copy.name}"
            parts = tuple(new[part] for part in copy.parts)
            sessions.setdefault(session, []).append((about.time, f"{ref}:{copy.name}", about.agent, parts))
    for session, copies in sessions.items():
        yield from _session(objects, session, sorted(copies))


def _session(
    objects: git.Reader, session: str, copies: list[tuple[str, str, str, tuple[str, ...]]]
) -> Iterator[Record]:
    """The transcript of a session, from its checkpoints."""
    missing = 0
    transcripts: list[bytes] = []
    for _, _, _, parts in copies:
        found = [objects(oid) for oid in parts]
        missing += found.count(None)
        transcripts.append(b"".join(part.data for part in found if part))
    _, name, agent, _ = copies[-1]
    called = f"{name} ({agent or 'unknown agent'}, session {session})"
    for transcript in entire.joined(transcripts):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "transcript")
            file.write_bytes(transcript)
            events, tally = _transcript(file, called)
        tally.unread += missing
        missing = 0
        yield Record(entire.SOURCE, name, Evidence.TRANSCRIPT, events, tally)
    if missing:
        yield Record(entire.SOURCE, name, Evidence.TRANSCRIPT, [], _cut(f"{called}: is not in this clone (fetch it)"))


def _cut(why: str) -> Tally:
    """The tally of a transcript that could not be read."""
    tally = Tally()
    tally.assistant = entire.SOURCE
    tally.cut = why
    return tally


def _transcript(path: Path, name: str) -> tuple[list[Event], Tally]:
    try:
        reader = reading.reader_of(path)
        if reader is not None:
            return reading.read(path, reader)
        why = "no transcript of an assistant that is known here"
    except CaptureError as error:
        why = str(error).replace(str(path), "transcript")
    return [], _cut(f"{name}: {why}")


def _before(objects: git.Reader, commit: git.Commit, changes: Iterable[git.Change]) -> list[Event]:
    """What the files that a commit changes held before it; of a merge, in its other parents too."""
    names: list[str] = []
    for change in changes:
        names += [change.old] if change.old else []
        names += [f"{parent}:{change.path}" for parent in commit.parents[1:]]
    texts = (git.text_of(objects(name)) for name in dict.fromkeys(names))
    return [Shown(text) for text in texts if text]


def _wrote(blocks: tuple[str, ...], path: str, call: str, ordinal: int, origin: Origin, tally: Tally) -> Wrote:
    tally.edit_calls += 1
    tally.wrote["edit"] += 1
    return Wrote(blocks, (), "edit", path, call, ordinal, Status.APPLIED, origin)


def _origin(mark: trailers.Mark, time: str) -> Origin:
    return Origin(
        provider=mark.provider,
        model=mark.model,
        tool=mark.tool,
        channel=channel_of("", mark.model),
        session=mark.session,
        time=time or UNKNOWN,
    )


def _is_known(seen: set[str], *what: str) -> bool:
    """Whether these texts together came before; from now on they did."""
    digest = xxhash.xxh3_128_hexdigest("\0".join(what).encode("utf-8", "surrogatepass"))
    known = digest in seen
    seen.add(digest)
    return known


def _lines_of(root: Path, objects: git.Reader, name: str, tally: Tally) -> list[bytes]:
    """The lines of a file in the work tree and at HEAD, each once; a link is not followed out of the repository."""
    committed = objects(f"HEAD:{name}")
    lines = committed.data.split(b"\n") if committed and committed.kind == "blob" else []
    path = root / name
    try:
        if path.resolve().is_relative_to(root.resolve()) and path.is_file() and path.stat().st_size <= git.LARGEST:
            lines += path.read_bytes().split(b"\n")
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        tally.cut = f"{path}: {error} (check the file and its permissions)"
    return [line for line in dict.fromkeys(lines) if line.strip()]


def _add(rest: Tally, tally: Tally) -> None:
    """Count what made no output with the rest."""
    rest.records += tally.records
    rest.broken += tally.broken
    rest.unread += tally.unread
    rest.unknown.update(tally.unknown)
