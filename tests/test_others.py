"""What other tools recorded in a repository: which text becomes whose, and what is nobody's."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance import others
from provenance.capture import novelty
from provenance.capture.session import Shown, Wrote
from provenance.errors import CaptureError
from provenance.model import UNKNOWN, Evidence
from provenance.others import Record
from tests.capture.test_git_ai import CLAUDE, CURSOR, note, session
from tests.test_git import Repository, made

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")

CLAUDES = "\n\nCo-Authored-By: Claude Opus 4.6 <noreply@anthropic.com>\n"
KEY = "s_c9883b05a2487d"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return made(tmp_path / "work", monkeypatch)


def code(name: str, size: int = 12) -> str:
    """A function of so many lines, unlike every other one."""
    body = "".join(
        f"    {name}_{n} = compute_{name}({n}, left_{name} + {n * 7}, other={name!r})\n" for n in range(size)
    )
    return f"def {name}(left_{name}):\n{body}    return {name}_{size - 1}\n"


def read(repository: Repository, *sources: str) -> list[Record]:
    return [one for one in others.read(repository.path) if not sources or one.source in sources]


def wrote(records: list[Record]) -> list[Wrote]:
    return [event for one in records for event in one.events if isinstance(event, Wrote)]


def claimed(records: list[Record]) -> list[tuple[str, str]]:
    """The path and text of each output that adds something, after what was shown is taken out."""
    return [
        (one.wrote.path, "\n".join(passage.new.decode() for passage in one.passages))
        for record in records
        for one in novelty.added(record.events)
        if novelty.ingredient(one, record.evidence) is not None
    ]


def rest(records: list[Record], source: str) -> Any:
    """The tally of what made no output."""
    (last,) = [one for one in records if one.source == source and not one.events]
    return last.tally


def test_lines_that_a_git_ai_note_names_are_its_sessions(repository: Repository) -> None:
    sha = repository.commit("one", {"src/a.py": "a\nb\nc\nd\ne\nf\n", "b c": "x\n"})
    repository.note(
        "refs/notes/ai",
        sha,
        note(
            f'src/a.py\n  {KEY}::t_1 1-2\n  {KEY}::t_2 3,6\n  h_31dce776f88375 5\n"b c"\n  s_dead::t_1 1\n',
            sessions={KEY: session(CLAUDE)},
        ),
    )
    records = read(repository, "git-ai")
    assert [("src/a.py", ("a\nb\nc", "f")), ("b c", ("x",))] == [(one.path, one.blocks) for one in wrote(records)]
    first, second = wrote(records)
    assert ("edit", sha, 0, "claude-code", "anthropic", CLAUDE.session, "2026-03-04T04:06:07.000Z") == (
        first.kind, first.call, first.ordinal, first.origin.tool, first.origin.provider, first.origin.session,
        first.origin.time,
    )  # fmt: skip
    assert (UNKNOWN, "s_dead") == (second.origin.tool, second.origin.session)
    assert Evidence.TOOL_NOTE == records[0].evidence
    assert {"edit": 2} == records[0].tally.wrote
    assert (0, 0) == (rest(records, "git-ai").unread, rest(records, "git-ai").broken)


def test_a_session_that_only_another_note_describes_is_known(repository: Repository) -> None:
    one = repository.commit("one", {"a": "x\n"})
    two = repository.commit("two", {"b": "y\n"})
    repository.note("refs/notes/ai", one, note("", sessions={KEY: session(CLAUDE)}))
    repository.note("refs/notes/ai", two, note(f"b\n  {KEY}::t_1 1\n"))
    assert [(CLAUDE.tool, CLAUDE.session)] == [
        (one.origin.tool, one.origin.session) for one in wrote(read(repository, "git-ai"))
    ]


def test_two_descriptions_of_a_key_that_differ_leave_open_where_they_do(repository: Repository) -> None:
    described = [CLAUDE, CLAUDE._replace(model="claude-haiku-4-5")]
    for n, agent in enumerate(described):
        sha = repository.commit(str(n), {f"file{n}": "x\n"})
        repository.note("refs/notes/ai", sha, note("", sessions={KEY: session(agent)}))
    sha = repository.commit("last", {"a": "y\n"})
    repository.note("refs/notes/ai", sha, note(f"a\n  {KEY}::t_1 1\n"))
    (one,) = wrote(read(repository, "git-ai"))
    assert (CLAUDE.tool, UNKNOWN) == (one.origin.tool, one.origin.model)


def test_lines_that_were_there_before_the_commit_are_shown_and_not_claimed(repository: Repository) -> None:
    person, model = code("person"), code("model")
    repository.commit("one", {"old.py": person})
    sha = repository.commit("two", {"old.py": None, "new.py": person + "\n\n" + model})
    lines = len((person + "\n\n" + model).split("\n"))
    repository.note("refs/notes/ai", sha, note(f"new.py\n  {KEY}::t_1 1-{lines}\n", sessions={KEY: session(CLAUDE)}))
    records = read(repository, "git-ai")
    assert [Shown(person)] == records[0].events[:1]
    ((path, text),) = claimed(records)
    assert path == "new.py"
    assert "compute_model(11" in text
    assert "compute_person(3" not in text


def test_the_copy_of_a_rebased_commit_is_read_once_and_under_the_older_id(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = repository.commit("one", {"a": "x\ny\n"})
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-04-01T00:00:00Z")
    repository.git("commit", "-q", "--amend", "-m", "one again" + CLAUDES)
    second = repository.git("rev-parse", "HEAD")
    for sha in (second, first):
        repository.note("refs/notes/ai", sha, note(f"a\n  {KEY}::t_1 1-2\n", sessions={KEY: session(CLAUDE)}))
    records = read(repository, "git-ai")
    assert [first] == [one.call for one in wrote(records)]
    assert 1 == sum(len(one.events) > 0 for one in records)


def test_a_note_of_a_commit_or_file_that_is_gone_is_counted(repository: Repository) -> None:
    here = repository.commit("one", {"b": "y\n"})
    persons = repository.commit("two", {"c": "z\n"})
    repository.git("checkout", "-q", "--detach")
    gone = repository.commit("three", {"a": "x\n"})
    repository.git("checkout", "-q", "main")
    repository.note("refs/notes/ai", gone, note(f"a\n  {KEY}::t_1 1\n"))
    repository.note("refs/notes/ai", here, note(f"nowhere\n  {KEY}::t_1 1\n../../etc/passwd\n  {KEY}::t_1 1\n"))
    repository.note("refs/notes/ai", persons, note("nowhere\n  h_1 1\n"))
    (repository.path / ".git/objects" / gone[:2] / gone[2:]).unlink()
    found = read(repository, "git-ai")
    assert ([], 3, 3) == (wrote(found), rest(found, "git-ai").unread, rest(found, "git-ai").records)


def test_fetched_notes_and_the_older_refs_are_read_after_the_local_ones(repository: Repository) -> None:
    shas = [repository.commit(str(n), {f"file{n}": "x\n", "both": f"{n}\n"}) for n in range(3)]
    repository.note(
        "refs/notes/ai-remote/origin", shas[0], note("file0\n  s_1::t 1\n", sessions={"s_1": session(CURSOR)})
    )
    repository.note(
        "refs/notes/ai-remote/origin", shas[1], note("both\n  s_1::t 1\n", sessions={"s_1": session(CURSOR)})
    )
    repository.note("refs/notes/ai", shas[1], note("file1\n  s_2::t 1\n", sessions={"s_2": session(CLAUDE)}))
    old = {"files": {"file2": [{"lines": [1], "author_key": "ada", "prompt_session_id": "chat-7"}]},
           "prompts": {"chat-7": session(CURSOR)}}  # fmt: skip
    oid = repository.git("hash-object", "-w", "--stdin", given=json.dumps(old).encode())
    repository.git("update-ref", f"refs/ai/authorship/{shas[2]}", oid)
    assert {("file0", "cursor"), ("file1", "claude-code"), ("file2", "cursor")} == {
        (one.path, one.origin.tool) for one in wrote(read(repository, "git-ai"))
    }


def test_a_talk_that_grows_from_note_to_note_is_read_once(repository: Repository) -> None:
    talk = [{"type": "user", "text": "Add it."}, {"type": "assistant", "text": "I add it."}]
    more = [*talk, {"type": "user", "text": "Now test it."}, {"type": "assistant", "text": "I test it."}]
    for n, messages in enumerate((talk, more)):
        sha = repository.commit(str(n), {f"file{n}": "x\n"})
        repository.note("refs/notes/ai", sha, note("", prompts={"p": session(CLAUDE, messages=messages)}))
    first, second, _ = read(repository, "git-ai")
    assert ["Add it.", "I add it."] == [_text(event) for event in first.events]
    assert ["Add it.", "Now test it.", "I test it."] == [_text(event) for event in second.events]
    assert (0, 1) == (first.known, second.known)


def _text(event: Any) -> str:
    return event.text if isinstance(event, Shown) else event.blocks[0]


def test_a_commits_note_of_agent_trace_cli_names_lines(repository: Repository) -> None:
    sha = repository.commit("one", {"a": "x\ny\nz\n"})
    lines = {"start_line": 2, "end_line": 3, "trace_id": "t-1", "type": "ai", "model_id": "openai/gpt-5"}
    ledger = {"files": {"a": {"line_attributions": [lines]}}}
    repository.note("refs/notes/agent-trace", sha, json.dumps({"version": "2.0", "ledger": ledger}))
    records = read(repository, "agent-trace")
    (one,) = wrote(records)
    assert ("a", ("y\nz",), sha, "openai", "t-1") == (
        one.path,
        one.blocks,
        one.call,
        one.origin.provider,
        one.origin.session,
    )
    assert Evidence.TOOL_NOTE == records[0].evidence


def trace(revision: str, text: str, first: int, path: str = "a.py") -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    lines = {"start_line": first, "end_line": first + text.count("\n"), "content_hash": f"sha256:{digest}"}
    talk = {"contributor": {"type": "ai", "model_id": "openai/gpt-5"}, "ranges": [lines]}
    files = [{"path": path, "conversations": [talk]}]
    return json.dumps({"version": "0.1.0", "id": f"id {first}", "tool": {"name": "cursor"}, "files": files,
                       "vcs": {"type": "git", "revision": revision}, "metadata": {"session_id": "s"}})  # fmt: skip


def test_agent_trace_ranges_are_used_where_their_hash_proves_them(repository: Repository) -> None:
    base = repository.commit("base", {"a.py": "one\n"})
    made_by = repository.commit("two", {"a.py": "one\ntwo\nthree\n", ".agent-trace/traces.jsonl": ""})
    records = [
        trace(made_by, "two\nthree", 2),  # at its revision
        trace(base, "three", 9),  # at HEAD only, elsewhere: the revision is the one before the edit
        trace(base, "nowhere", 1),
        trace(base, "two", 2, "../a.py"),
        trace("--output=x", "two", 2),
    ]
    (repository.path / ".agent-trace/traces.jsonl").write_text("\n".join(records))
    found = read(repository, "agent-trace")
    assert [("two\nthree",), ("three",), ("two",)] == [one.blocks for one in wrote(found)]
    assert [("one\n",), ("one\n",)] == [one.before for one in wrote(found)[:2]]
    assert (5, 2) == (rest(found, "agent-trace").records, rest(found, "agent-trace").unread)


def test_a_trace_file_that_is_a_link_out_of_the_repository_is_not_followed(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit("one", {"a.py": "two\n"})
    (tmp_path / "outside").write_text(trace("HEAD", "two", 1))
    (repository.path / ".agent-trace").mkdir()
    (repository.path / ".agent-trace/traces.jsonl").symlink_to(tmp_path / "outside")
    assert [] == read(repository, "agent-trace")


def test_all_that_a_declared_commit_adds_is_declared(repository: Repository) -> None:
    repository.commit("one", {"old": "a\nb\nc\n", "mine": "m\n"})
    sha = repository.commit("two" + CLAUDES, {"old": "a\nx\ny\nc\nz\n", "new": "n\n", "raw": b"\0", "blank": "\n \n"})
    repository.commit("three", {"old": "a\nmine\n"})
    records = read(repository, "trailer")
    assert [("new", ("n",)), ("old", ("x\ny", "z"))] == [(one.path, one.blocks) for one in wrote(records)]
    assert {(sha, "claude-code", "anthropic", UNKNOWN, UNKNOWN)} == {
        (one.call, one.origin.tool, one.origin.provider, one.origin.model, one.origin.session) for one in wrote(records)
    }
    assert (Evidence.DECLARED, {"binary file": 1}) == (records[0].evidence, dict(records[0].tally.unknown))
    assert 3 == rest(records, "trailer").records


def test_a_declared_rename_and_a_declared_move_between_files_claim_nothing_of_it(repository: Repository) -> None:
    person, model = code("person"), code("model")
    repository.commit("one", {"old.py": person, "helper.py": person.replace("person", "other")})
    repository.commit(
        "two" + CLAUDES,
        {"old.py": None, "new.py": person, "helper.py": model, "b.py": person.replace("person", "other")},
    )
    ((path, text),) = claimed(read(repository, "trailer"))
    assert ("helper.py", True) == (path, "compute_model(3" in text)


def test_a_declared_merge_claims_nothing_of_what_it_merges(repository: Repository) -> None:
    repository.commit("base", {"base": "x\n"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("side", {"person.py": code("person")})
    repository.git("checkout", "-q", "main")
    repository.commit("main", {"other": "y\n"})
    repository.git("merge", "-q", "--no-ff", "-m", "merge" + CLAUDES, "side")
    assert [] == claimed(read(repository, "trailer"))


def test_an_author_that_is_an_assistant_declares_its_commit_and_two_tools_both_do(repository: Repository) -> None:
    repository.commit("one", {"a": "x\n"}, "Ada (aider) <ada@example.com>")
    repository.commit("two" + CLAUDES + "Co-authored-by: Codex <noreply@openai.com>\n", {"b": "y\n"})
    assert [("a", "aider"), ("b", "claude-code"), ("b", "codex")] == [
        (one.path, one.origin.tool) for one in wrote(read(repository, "trailer"))
    ]


def test_of_a_shallow_clones_first_commit_nothing_is_claimed(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", {"person.py": code("person")})
    repository.commit("two" + CLAUDES, {"b": "y\n"})
    repository.git("clone", "-q", "--depth=1", f"file://{repository.path}", str(tmp_path / "shallow"))
    records = read(Repository(tmp_path / "shallow"), "trailer")
    assert ([], 1) == (wrote(records), rest(records, "trailer").unread)


def test_revisions_limit_whose_messages_are_read(repository: Repository) -> None:
    first = repository.commit("one" + CLAUDES, {"a": "x\n"})
    repository.commit("two" + CLAUDES, {"b": "y\n"})
    assert ["b"] == [one.path for one in wrote(list(others.read(repository.path, [f"{first}..HEAD"])))]
    with pytest.raises(CaptureError, match="git could not answer"):
        list(others.read(repository.path, ["nowhere..HEAD"]))


def receipt(sha: str, *signals: str, **attested: str) -> str:
    claim = {"is_ai_authored": bool(signals), "signals_detected": signals}
    return json.dumps({"type": "aiir.commit_receipt", "commit": {"sha": sha}, "ai_attestation": claim,
                       "extensions": {"agent_attestation": attested} if attested else {}})  # fmt: skip


def test_receipts_declare_or_guess_and_add_nothing_to_what_a_trailer_says(repository: Repository) -> None:
    guessed = repository.commit("with claude code", {"a": "x\n"})
    attested = repository.commit("two", {"b": "y\n"})
    trailed = repository.commit("three" + CLAUDES, {"c": "z\n"})
    persons = repository.commit("four", {"d": "d\n"})
    lines = [
        receipt(guessed, "message_match:claude code"),
        receipt(attested, "message_match:claude code", tool_id="cursor", confidence="declared"),
        receipt(trailed, "message_match:co-authored-by: claude"),
        receipt(persons),
        receipt("b" * 40, "trailer:assisted-by"),
        "broken",
    ]
    (repository.path / ".aiir").mkdir()
    (repository.path / ".aiir/receipts.jsonl").write_text("\n".join(lines))
    repository.note("refs/notes/aiir", guessed, json.dumps(json.loads(lines[0]), indent=2))
    records = read(repository, "aiir")
    assert [("a", Evidence.HEURISTIC, UNKNOWN), ("b", Evidence.DECLARED, "cursor")] == [
        (one.path, record.evidence, one.origin.tool) for record in records for one in wrote([record])
    ]
    tally = rest(records, "aiir")
    assert (1, 1) == (tally.unread, tally.broken)
    assert ["c"] == [one.path for one in wrote(read(repository, "trailer"))]


def claude(uuid: str, kind: str, content: Any) -> dict[str, Any]:
    message = {
        "role": kind,
        "content": content,
        **({"id": f"msg_{uuid}", "model": "claude-opus-4-6"} if kind != "user" else {}),
    }
    return {"type": kind, "uuid": uuid, "sessionId": "0cf3db51", "version": "2.1.12", "cwd": "/w", "message": message}


SAID = [
    claude("u1", "user", "Write it."),
    claude("a1", "assistant", [{"type": "text", "text": "I write the first part."}]),
    claude("u2", "user", "Go on."),
    claude("a2", "assistant", [{"type": "text", "text": "I write the second part."}]),
]


def jsonl(*rows: Any) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def metadata(time: str, agent: str = "Gemini CLI") -> str:
    return json.dumps({"session_id": "2026-01-21-0cf3db51", "agent": agent, "created_at": f"2026-01-21T{time}Z"})


def on_branch(repository: Repository, ref: str, files: dict[str, str | bytes | None]) -> None:
    """A commit with these files alone, on a ref of its own."""
    repository.git("checkout", "-q", "--orphan", "records")
    repository.git("rm", "-q", "-r", "-f", "--ignore-unmatch", ".")
    repository.commit("checkpoint", files)
    repository.git("update-ref", ref, "HEAD")
    repository.git("checkout", "-q", "main")
    repository.git("branch", "-q", "-D", "records")


def prose(records: list[Record]) -> list[str]:
    return [one.blocks[0] for one in wrote(records)]


@pytest.mark.parametrize("second", [SAID, SAID[2:]], ids=["the whole again", "what came since"])
def test_a_session_in_several_checkpoints_is_read_once_by_its_own_reader(repository: Repository, second: Any) -> None:
    repository.commit("code", {"a": "x\n"})
    files = {
        "ff/0000000001/metadata.json": "{}",
        "ff/0000000001/0/metadata.json": metadata("10:00:00"),
        "ff/0000000001/0/full.jsonl": jsonl(*SAID[:2]),
        "aa/0000000002/0/metadata.json": metadata("11:00:00"),
        "aa/0000000002/0/full.jsonl": jsonl(*second),
        "aa/0000000002/1/metadata.json": metadata("12:00:00"),
        "aa/0000000002/1/full.jsonl": "",
    }
    on_branch(repository, "refs/heads/entire/checkpoints/v1", {**files})
    repository.git("update-ref", "refs/remotes/origin/entire/checkpoints/v1", "refs/heads/entire/checkpoints/v1")
    records = read(repository, "entire")
    assert ["I write the first part.", "I write the second part."] == prose(records)
    assert [(Evidence.TRANSCRIPT, "claude-code")] == [(one.evidence, one.tally.assistant) for one in records]
    assert {"0cf3db51"} == {one.origin.session for one in wrote(records)}


def test_a_transcript_in_parts_and_one_in_a_ref_of_its_own_are_read(repository: Repository) -> None:
    repository.commit("code", {"a": "x\n"})
    text = jsonl(*SAID)
    cut = len(text) // 2
    files = {"0/metadata.json": metadata("10:00:00"), "0/full.jsonl": text[:cut], "0/full.jsonl.001": text[cut:]}
    on_branch(repository, "refs/entire/checkpoints/0D/01KXGTTNGCEACC83QZEJ5YAF0D", {**files})
    assert ["I write the first part.", "I write the second part."] == prose(read(repository, "entire"))


def test_a_transcript_that_nobody_here_reads_is_said_to_be_one(repository: Repository) -> None:
    repository.commit("code", {"a": "x\n"})
    files = {"ff/0000000001/0/metadata.json": metadata("10:00:00", "Novel"), "ff/0000000001/0/full.jsonl": '{"x": 1}\n'}
    on_branch(repository, "refs/heads/entire/checkpoints/v1", {**files})
    (record,) = read(repository, "entire")
    assert [] == record.events
    assert "ff/0000000001/0/full.jsonl (Novel, session 0cf3db51): no transcript of an assistant" in record.tally.cut


def test_a_transcript_that_a_partial_clone_lacks_is_said_to_be_missing(repository: Repository) -> None:
    repository.commit("code", {"a": "x\n"})
    files = {"ff/0000000001/0/metadata.json": metadata("10:00:00"), "ff/0000000001/0/full.jsonl": jsonl(*SAID[:2])}
    on_branch(repository, "refs/heads/entire/checkpoints/v1", {**files})
    oid = repository.git("rev-parse", "entire/checkpoints/v1:ff/0000000001/0/full.jsonl")
    (repository.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    (record,) = read(repository, "entire")
    assert ([], True) == (record.events, record.tally.cut.endswith("is not in this clone (fetch it)"))


def test_two_readings_are_the_same_and_so_in_a_bare_clone_and_from_a_folder_within(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit("one" + CLAUDES, {"dir/a": "x\n"})
    sha = repository.commit("two", {"dir/b": "y\n"})
    repository.note("refs/notes/ai", sha, note(f"dir/b\n  {KEY}::t_1 1\n", sessions={KEY: session(CLAUDE)}))
    repository.git("clone", "-q", "--mirror", str(repository.path), str(tmp_path / "bare"))
    first = wrote(read(repository))
    assert 2 == len(first)
    for path in (repository.path, repository.path / "dir", tmp_path / "bare"):
        assert first == wrote(list(others.read(path)))


def test_a_repository_without_records_and_one_without_commits_have_none(repository: Repository) -> None:
    assert [] == read(repository)
    repository.commit("one", {"a": "x\n"})
    (only,) = read(repository)
    assert ("trailer", [], 1) == (only.source, only.events, only.tally.records)


def test_what_is_no_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="is in no git repository"):
        list(others.read(tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file names")
def test_hostile_names_are_read(repository: Repository) -> None:
    name = "-x\n" + os.fsdecode(b"\xff")
    repository.commit("one" + CLAUDES, {name: code("model")})
    ((path, _),) = claimed(read(repository, "trailer"))
    assert path == name


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=60), st.binary(max_size=60), st.text(max_size=40).filter(lambda text: "\0" not in text))
def test_any_bytes_in_any_record_are_read_or_counted(
    repository: Repository, first: bytes, second: bytes, message: str
) -> None:
    sha = repository.commit(
        "x" + message + CLAUDES, {".aiir/receipts.jsonl": first, ".agent-trace/traces.jsonl": second}
    )
    for ref in ("refs/notes/ai", "refs/notes/agent-trace", "refs/notes/aiir"):
        repository.note(ref, sha, first)
    on_branch(
        repository,
        "refs/heads/entire/checkpoints/v1",
        {"ff/0000000001/0/metadata.json": first, "ff/0000000001/0/full.jsonl": second},
    )
    for record in read(repository):
        list(novelty.added(record.events))
        assert 0 <= record.tally.broken <= max(record.tally.records, 1)
        assert all(name.isprintable() for name in record.tally.unknown)
