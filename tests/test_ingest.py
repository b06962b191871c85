from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provenance import ingest, ledger, store
from provenance.errors import CaptureError
from provenance.model import Evidence, Ingredient
from tests.capture import recording
from tests.capture.recording import (
    BARE,
    CLAUDE,
    CODEX,
    assistant,
    call,
    custom,
    line,
    load,
    meta,
    output,
    patched,
    prompt,
    result,
    row,
    save,
    tool,
    turn,
)
from tests.making import code

USE = "toolu_01AbCdEfGhJkLmNpQrStUvWx"
UUID = "9b2f6d1c-7a3e-4c58-8f10-2d4e6a8b0c1d"


def text(seed: int, tokens: int = 60) -> str:
    words = code(seed, tokens)
    return "\n".join(" ".join(words[at : at + 8]) for at in range(0, tokens, 8))


def run(*paths: Path, target: Path | None = None) -> ingest.Report:
    return ingest.run(paths, target or Path("store"))


def kept(target: Path | None = None) -> list[Ingredient]:
    return list(store.read(target or Path("store")))


def test_every_record_output_and_ingredient_is_in_the_report(tmp_path: Path) -> None:
    report = run(CLAUDE, CODEX, BARE)
    assert {"claude-code": 1, "codex": 2} == report.files
    records = sum(len(load(path)) for path in (CLAUDE, CODEX, BARE))
    assert (records, 0, 6, 8) == (report.records, report.broken, report.edit_calls, report.edits)
    outputs = sum(report.outputs.values())
    assert outputs == sum(report.added.values()) + report.known + report.nothing_added
    assert {"anthropic": 8, "openai": 4, "unknown": 2} == report.added
    assert report.tokens == sum(one.whole.tokens for one in kept())
    assert [] == report.silent + report.strangers + report.unreadable


def test_a_second_run_adds_nothing() -> None:
    first = run(CLAUDE, CODEX)
    again = run(CLAUDE, CODEX)
    assert (0, sum(first.added.values())) == (sum(again.added.values()), again.known)
    assert len(store.shards(Path("store"))) == 1


def test_a_checkpoint_and_the_whole_session_are_one(tmp_path: Path) -> None:
    records = load(CLAUDE)
    save(tmp_path / "a" / "checkpoint.jsonl", *records[: len(records) // 2])
    save(tmp_path / "b" / "session.jsonl", *records)
    save(tmp_path / "c" / "twice.jsonl", *records, *records)
    run(tmp_path / "a", tmp_path / "b", tmp_path / "c", target=tmp_path / "many")
    run(CLAUDE, target=tmp_path / "one")
    assert {one.id for one in kept(tmp_path / "one")} == {one.id for one in kept(tmp_path / "many")}


def test_a_compressed_second_copy_adds_nothing(tmp_path: Path) -> None:
    (tmp_path / "copy.jsonl.gz").write_bytes(gzip.compress(CODEX.read_bytes()))
    run(CODEX)
    assert {} == run(tmp_path / "copy.jsonl.gz").added


def test_a_resumed_session_that_copies_its_history_under_its_own_id_adds_only_its_own(tmp_path: Path) -> None:
    old = [assistant(text(1), uuid=UUID), assistant(call("Write", {"file_path": "a", "content": text(2)}, use=USE))]
    new = [*({**record, "sessionId": "s2"} for record in old), assistant(text(3), sessionId="s2")]
    report = run(save(tmp_path / "1.jsonl", *old), save(tmp_path / "2.jsonl", *new))
    assert (3, 2) == (sum(report.added.values()), report.known)
    again = run(tmp_path / "1.jsonl", tmp_path / "2.jsonl")
    assert (0, 5) == (sum(again.added.values()), again.known)


def test_a_fork_names_its_parent_and_adds_only_its_own_even_in_a_later_run(tmp_path: Path) -> None:
    old = assistant(text(1), uuid=UUID)
    parent = {"sessionId": "s1", "messageUuid": UUID}
    copy = {**old, "sessionId": "s2", "uuid": "c0ffee00-0000-4000-8000-000000000000", "forkedFrom": parent}
    run(save(tmp_path / "1.jsonl", old))
    report = run(save(tmp_path / "2.jsonl", copy, assistant(text(2), sessionId="s2")))
    assert (1, 1) == (sum(report.added.values()), report.known)


def test_a_fork_of_a_rollout_adds_only_its_own(tmp_path: Path) -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text(1)}]}
    use = "call_AbCdEfGhJkLmNpQrStUvWxYz"
    body = [
        turn(),
        line("response_item", said),
        custom("apply_patch", patched(("a.py", text(2))), use),
        output("ok", use),
    ]
    copied = [{**record, "timestamp": "2026-05-05T05:05:05.000Z"} for record in body]
    parent = save(tmp_path / "1.jsonl", meta("parent"), *body)
    fork = save(tmp_path / "2.jsonl", meta("child", forked_from_id="parent"), meta("parent"), *copied)
    report = run(parent, fork)
    assert (2, 2) == (sum(report.added.values()), report.known)


def test_a_copy_in_another_session_adds_nothing_in_a_later_run_either(tmp_path: Path) -> None:
    use = "call_AbCdEfGhJkLmNpQrStUvWxYz"
    body = [turn(), custom("apply_patch", patched(("a.py", text(2))), use), output("ok", use)]
    first = run(save(tmp_path / "1.jsonl", meta("parent"), *body))
    second = run(save(tmp_path / "2.jsonl", meta("child"), *body))
    assert [(1, 0), (0, 1)] == [(sum(report.added.values()), report.known) for report in (first, second)]


def test_the_same_words_in_two_sessions_are_two_outputs(tmp_path: Path) -> None:
    for session in ("s1", "s2"):
        given = {"file_path": "a", "content": text(2)}
        save(tmp_path / f"{session}.jsonl", *({**record, "sessionId": session} for record in tool("Write", given)))
    assert 2 == sum(run(tmp_path).added.values())


@pytest.mark.parametrize("names", [("parent", "sub"), ("sub", "parent")], ids=" first, then ".join)
def test_a_subagents_answer_is_kept_once_with_its_own_model(names: tuple[str, str], tmp_path: Path) -> None:
    answer = [{"type": "text", "text": text(1)}]
    sessions = {
        "parent": tool("Agent", {"prompt": "look"}, {"status": "completed", "content": answer}, answer),
        "sub": [assistant(text(1), isSidechain=True, model="claude-haiku-4-5")],
    }
    for number, name in enumerate(names):
        save(tmp_path / f"{number}.jsonl", *sessions[name])
    report = run(tmp_path)
    assert [("prose", "claude-haiku-4-5")] == [(one.kind, one.origin.model) for one in kept()]
    assert 1 == report.known


def test_a_subagents_answer_whose_own_transcript_is_missing_is_kept(tmp_path: Path) -> None:
    answer = [{"type": "text", "text": text(1)}]
    run(save(tmp_path / "p.jsonl", assistant("hi"), *tool("Agent", {"prompt": "look"}, None, answer)))
    assert [("subagent", "anthropic", "unknown")] == [
        (one.kind, one.origin.provider, one.origin.model) for one in kept() if one.kind != "prose"
    ]


def test_what_a_person_typed_is_no_ingredient(tmp_path: Path) -> None:
    quoted = tool("Write", {"file_path": "/repo/a.py", "content": f"{text(1)}\n{text(2)}"})
    run(save(tmp_path / "s.jsonl", prompt(f"Put this into a file:\n{text(1)}"), *quoted))
    (one,) = kept()
    assert 60 == one.whole.tokens


def test_folders_are_walked_and_strangers_listed(tmp_path: Path) -> None:
    shutil.copy(CODEX, tmp_path / "rollout.jsonl")
    (tmp_path / "notes.md").write_text("# Notes\n")
    (tmp_path / "empty.jsonl").touch()
    save(tmp_path / "rows.jsonl", {"text": "a"})
    report = run(tmp_path)
    assert ["empty.jsonl", "notes.md", "rows.jsonl"] == sorted(Path(path).name for path in report.strangers)
    assert {"codex": 1} == report.files


@pytest.mark.parametrize("data", [b"", b"{}\n", b"no transcript", b"\x1f\x8b\x08"])
def test_a_file_given_by_name_that_is_no_transcript_is_an_error(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "named"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match="named: "):
        run(path)


def test_what_was_read_before_an_error_stays(tmp_path: Path) -> None:
    with pytest.raises(CaptureError):
        run(CODEX, tmp_path / "absent")
    assert 4 == len(kept())


def test_a_damaged_file_in_a_folder_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    shutil.copy(CODEX, tmp_path / "a.jsonl")
    data = gzip.compress(CLAUDE.read_bytes())
    (tmp_path / "b.jsonl.gz").write_bytes(data[:-20])
    (tmp_path / "c.jsonl.gz").write_bytes(data[:12])
    report = run(tmp_path)
    assert 2 == len(report.unreadable)
    assert all("could not be read" in trouble for trouble in report.unreadable)
    assert {"codex": 1, "claude-code": 1} == report.files


def test_broken_lines_unknown_records_and_silent_files_are_in_the_report(tmp_path: Path) -> None:
    snapshot = {"messageId": "m", "snapshot": {"trackedFileBackups": {"a.py": {}}}}
    path = save(tmp_path / "s.jsonl", prompt("hi"), row("dream"), row("file-history-snapshot", **snapshot))
    path.write_bytes(path.read_bytes() + b'{"type":"assist')
    report = run(path)
    assert (4, 1, {"claude-code: dream": 1}, [str(path)]) == (
        report.records,
        report.broken,
        report.unknown,
        report.silent,
    )


def test_a_transcript_with_half_characters_in_every_field_is_kept(tmp_path: Path) -> None:
    given = {"file_path": "/repo/HALF.py", "content": f"{text(1)} HALF"}
    records = [
        assistant(call("Write", given), model="claude-HALF", version="HALF", sessionId="HALF"),
        result("HALF"),
        custom("apply_patch", patched(("HALF.py", "x HALF"))),
    ]
    path = tmp_path / "s.jsonl"
    path.write_text("\n".join(json.dumps(record).replace("HALF", "\\udc00") for record in records))
    assert {"anthropic": 1} == run(path).added


def test_the_ledger_states_the_span_of_known_times(tmp_path: Path) -> None:
    times = ["2026-01-02T00:00:00.5Z", None, "2026-01-02T00:00:00Z", "2026-01-01T23:00:00-01:00", "never"]
    path = save(tmp_path / "s.jsonl", *(assistant(text(n), timestamp=time) for n, time in enumerate(times)))
    run(path)
    *lines, entry = ledger.read(Path("store"))
    assert isinstance(entry, ledger.Entry)
    assert ("ingest", 5) == (entry.kind, sum(line.kind == "ingredient" for line in lines))
    assert ("2026-01-02T00:00:00.000Z", "2026-01-02T00:00:00.500Z", 5) == (
        entry.facts["first"],
        entry.facts["last"],
        entry.facts["ingredients"],
    )


def test_no_text_of_a_session_enters_the_store() -> None:
    run(CLAUDE, CODEX)
    data = b"".join(path.read_bytes() for path in sorted(Path("store").rglob("*")) if path.is_file())
    assert not [word for word in (b"perimeter", b"rsync", b"intercept", b"filter_map") if word in data]


def test_a_transcript_in_pieces_gives_the_same_ids_as_in_one(tmp_path: Path) -> None:
    records = recording.load(CODEX)
    run(save(tmp_path / "whole" / "r.jsonl", *records), target=tmp_path / "one")
    for count in range(3, len(records) + 1):
        run(save(tmp_path / "growing.jsonl", *records[:count]), target=tmp_path / "daily")
    assert {one.id for one in kept(tmp_path / "one")} == {one.id for one in kept(tmp_path / "daily")}


def test_what_other_tools_recorded_in_a_repository_is_read_on_its_own_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    who = ["-c", "user.name=P", "-c", "user.email=p@example.com"]
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "a.py").write_text(text(1))
    message = "Add it\n\nCo-Authored-By: Claude Opus 4.5 <noreply@anthropic.com>"
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", message]):
        subprocess.run(["git", "-C", str(tmp_path / "repo"), *command], check=True)
    report = ingest.run([], Path("store"), repositories=[tmp_path / "repo"])
    (one,) = store.read(Path("store"))
    assert (Evidence.DECLARED, "claude-code", "a.py") == (one.evidence, one.origin.tool, one.path)
    assert 1 == report.files["trailer"]
    again = ingest.run([], Path("store"), repositories=[tmp_path / "repo"])
    assert (0, 1) == (sum(again.added.values()), again.known)


def test_a_small_file_that_unpacks_to_more_than_any_record_is_named_and_not_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb.json.gz", "wb") as file:
        file.write(b'[{"type":"user"}')
        for _ in range(70):
            file.write(b',""' * (1 << 20 >> 1))
    report = ingest.run([tmp_path], tmp_path / "store")
    assert [True] == ["is compressed more than 100 times" in one for one in report.unreadable]
