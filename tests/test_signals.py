"""What a text declares about itself: every form that programs write is told, and talk about them is not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import hints, signals
from provenance.capture import trailers
from provenance.model import UNKNOWN, Evidence, Grade, Similarity
from provenance.signals import C2PA, CALLS, EXPORT, HIDDEN_BYTES, HISTORY, NOTE, SOURCE_TYPE, TRACE, TRAILER, TRANSCRIPT
from tests.capture.mutating import JSON, damaged, examples, mutated

FIXTURES = Path(__file__).parent / "fixtures"
MESSAGE = "Mend the parser\n\nIt read one line too many.\n\n"
CLAUDES = "Co-Authored-By: Claude Opus 4.6 <noreply@anthropic.com>"
MADE = "🤖 Generated with [Claude Code](https://claude.com/claude-code)"
SHA = "0123456789abcdef0123456789abcdef01234567"

CLAUDE: dict[str, Any] = {
    "parentUuid": None,
    "isSidechain": False,
    "type": "assistant",
    "sessionId": "s-1",
    "uuid": "u-1",
    "message": {"role": "assistant", "model": "claude-opus-4-5", "content": [{"type": "text", "text": "Done."}]},
}
CODEX: dict[str, Any] = {
    "timestamp": "2026-01-01T00:00:00Z",
    "type": "response_item",
    "payload": {"type": "message", "role": "assistant", "content": []},
}
COPILOT: dict[str, Any] = {
    "type": "assistant.message",
    "id": "e1",
    "timestamp": "2026-01-01T00:00:00Z",
    "parentId": None,
    "data": {"content": "Done.", "model": "gpt-5"},
}
GEMINI: dict[str, Any] = {
    "sessionId": "s-2",
    "projectHash": "h",
    "startTime": "2026-01-01T00:00:00Z",
    "messages": [{"id": "m", "type": "gemini", "content": "Done.", "model": "gemini-2.5-pro"}],
}
OPENCODE: dict[str, Any] = {
    "info": {"id": "ses_1", "directory": "/src", "time": {}},
    "messages": [{"info": {"id": "msg_1", "role": "assistant", "modelID": "claude-sonnet-4"}, "parts": []}],
}
VSCODE: dict[str, Any] = {
    "version": 3,
    "responderUsername": "GitHub Copilot",
    "requests": [{"requestId": "r", "message": {"text": "Mend it"}, "response": [], "modelId": "copilot/gpt-5"}],
}
CLAUDE_AI: dict[str, Any] = {
    "uuid": "c-1",
    "name": "Parser",
    "chat_messages": [{"uuid": "m", "sender": "assistant", "text": "Done."}],
}
CHATGPT: dict[str, Any] = {
    "title": "Parser",
    "create_time": 1.0,
    "current_node": "n",
    "mapping": {
        "n": {"id": "n", "message": {"metadata": {"model_slug": "gpt-5"}}, "parent": None, "children": []},
    },
}
BODY: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-5",
    "content": [{"type": "text", "text": "Done."}],
    "stop_reason": "end_turn",
}
TRACED: dict[str, Any] = {
    "version": "0.1.0",
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "timestamp": "2026-01-25T10:00:00Z",
    "tool": {"name": "cursor"},
    "files": [{"path": "a.ts", "conversations": [{"contributor": {"type": "ai"}, "ranges": [{"start_line": 1}]}]}],
}
OLD_NOTE: dict[str, Any] = {
    "schema_version": "authorship/2.0.0",
    "files": {"a.py": []},
    "prompts": {"k": {"agent_id": {"tool": "cursor", "id": "t", "model": "gpt-5"}}},
}
RECORDS = [CLAUDE, CODEX, COPILOT, GEMINI, OPENCODE, VSCODE, CLAUDE_AI, CHATGPT, BODY, TRACED, OLD_NOTE]
ABOUT = {
    "schema_version": "authorship/3.0.0",
    "sessions": {"s_c9883b05a2487d": {"agent_id": {"tool": "cursor", "id": "t", "model": "claude-opus-4-5"}}},
}
NOTED = "src/a.py\n  s_c9883b05a2487d::t_9f8e7d6c5b4a32 1-10,15-20\n---\n" + json.dumps(ABOUT)


def selectors(data: bytes) -> str:
    """Bytes as variation selectors, as C2PA 2.4 A.8 has it."""
    return "".join(chr(0xFE00 + byte) if byte < 16 else chr(0xE0100 + byte - 16) for byte in data)


def wrapper(store: bytes) -> str:
    return "\ufeff" + selectors(b"C2PATXT\0\x01" + len(store).to_bytes(4, "big") + store)


def block(reference: str) -> str:
    return f"-----BEGIN C2PA MANIFEST-----\n{reference}\n-----END C2PA MANIFEST-----\n"


STORE = b"jumb c2pa.actions.v2 digitalSourceType trainedAlgorithmicMedia"
DATA = "data:application/c2pa;base64," + base64.b64encode(STORE).decode()
LINKED = {"@type": "Article", "digitalSourceType": "https://schema.org/TrainedAlgorithmicMediaDigitalSource"}


def page(head: str) -> str:
    return f"<!DOCTYPE html>\n<html><head><title>x</title>{head}</head><body>Words.</body></html>\n"


def said(text: str | bytes) -> list[tuple[str, str, str]]:
    found = signals.of(text.encode() if isinstance(text, str) else text)
    return [(one.kind, one.tool, one.provider) for one in found]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (CLAUDE, (TRANSCRIPT, "claude-code", "anthropic")),
        (CODEX, (TRANSCRIPT, "codex", UNKNOWN)),
        (COPILOT, (TRANSCRIPT, "copilot-cli", "openai")),
        (GEMINI, (TRANSCRIPT, "gemini-cli", "google")),
        (OPENCODE, (TRANSCRIPT, "opencode", "anthropic")),
        (VSCODE, (TRANSCRIPT, "copilot-vscode", "openai")),
        (CLAUDE_AI, (EXPORT, "claude.ai", UNKNOWN)),
        (CHATGPT, (EXPORT, "chatgpt", "openai")),
        (BODY, (CALLS, UNKNOWN, "anthropic")),
        (TRACED, (TRACE, "cursor", UNKNOWN)),
        (OLD_NOTE, (NOTE, "cursor", "openai")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("form", ["line", "lines", "list", "indented", "with a mark"])
def test_one_record_is_enough_to_tell_what_a_text_is(
    record: dict[str, Any], expected: tuple[str, str, str], form: str
) -> None:
    line = json.dumps(record)
    text = {
        "line": line,
        "lines": f"{line}\n{line}\n",
        "list": json.dumps([record]),
        "indented": json.dumps(record, indent=2),
        "with a mark": f"\ufeff\r\n{line}",
    }[form]
    if record is OLD_NOTE and form in ("lines", "list"):
        pytest.skip("a note is one object")
    assert [expected] == said(text)


def test_a_transcript_whose_first_line_is_bookkeeping_is_told_by_the_next() -> None:
    first = {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}}
    assert [(TRANSCRIPT, "claude-code", "anthropic")] == said(f"{json.dumps(first)}\n{json.dumps(CLAUDE)}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("claude-code.jsonl", (TRANSCRIPT, "claude-code", "anthropic")),
        ("codex.jsonl", (TRANSCRIPT, "codex", "openai")),
        ("codex-bare.jsonl", (TRANSCRIPT, "codex", UNKNOWN)),
        ("aider.chat.history.md", (HISTORY, "aider", "anthropic")),
        ("specstory-2025.md", (HISTORY, UNKNOWN, UNKNOWN)),
        ("specstory-v2.md", (HISTORY, "claude-code", "anthropic")),
    ],
)
def test_sessions_are_told_with_their_assistant_and_maker(name: str, expected: tuple[str, str, str]) -> None:
    assert [expected] == said((FIXTURES / name).read_bytes())


def test_the_session_that_a_record_names_is_kept() -> None:
    (one,) = signals.of(json.dumps(CLAUDE).encode())
    assert ("s-1", "claude-opus-4-5") == (one.session, one.model)


def test_a_stream_of_an_answer_is_a_log_of_model_calls() -> None:
    start = json.dumps({"type": "message_start", "message": {"model": "claude-opus-4-5"}})
    assert [(CALLS, UNKNOWN, "anthropic")] == said(f"event: message_start\ndata: {start}\n\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{MESSAGE}{CLAUDES}\n", ("claude-code", "anthropic")),
        (f"{MESSAGE}{MADE}\n\n{CLAUDES}\n", ("claude-code", "anthropic")),
        (f"{MESSAGE}{MADE}", ("claude-code", "anthropic")),
        (f"{MESSAGE}Made with [Cursor](https://cursor.com)\n", ("cursor", UNKNOWN)),
        (f"{MESSAGE}{CLAUDES}\nSigned-off-by: A Person <a@example.org>\n\n", ("claude-code", "anthropic")),
        (f"{MESSAGE}Assisted-by: Claude:claude-opus-4-6 sparse", (UNKNOWN, "anthropic")),
        (f"{MESSAGE}Claude-Session: https://claude.ai/code/session_0123abcd", ("claude-code", "anthropic")),
        (f"{MESSAGE}Entire-Checkpoint: a3b2c4d5e6f7", (UNKNOWN, UNKNOWN)),
        (f"{MESSAGE}Entire-Checkpoint: 01M1TET4N33VMY0DTHNZKV5HT9\n", (UNKNOWN, UNKNOWN)),
        ("x" * 9000 + f"\n\n{CLAUDES}\n", ("claude-code", "anthropic")),
    ],
)
def test_trailers_that_close_a_text_declare(text: str, expected: tuple[str, str]) -> None:
    assert [(TRAILER, *expected)] == said(text)
    assert [(TRAILER, *expected)] == said(text.replace("\n", "\r\n"))


def test_a_declaration_says_where_it_stands() -> None:
    text = f"{MESSAGE}{CLAUDES}\n".encode()
    (one,) = signals.of(text)
    assert CLAUDES.encode() == text[one.start : one.end].strip()
    (match,) = signals.matches(text)
    assert (5, 5) == (match.last_line, text[: match.end].count(b"\n") + 1)


def test_in_a_log_every_message_declares_for_itself() -> None:
    log = (
        f"commit {SHA}\nAuthor: A <a@example.org>\nDate:   Thu\n\n    Mend\n    \n    {CLAUDES}\n\n"
        f"commit {SHA[::-1]} (tag: v1)\nAuthor: B (aider) <b@example.org>\nDate:   Fri\n\n    Tidy\n\n"
        "diff --git a/x b/x\n"
    )
    assert [(TRAILER, "claude-code", "anthropic"), (TRAILER, "aider", UNKNOWN)] == said(log)
    header = f"From {SHA} Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nSubject: x\n\n"
    mail = f"{header}Mend\n\n{CLAUDES}\n---\n a | 1 +\n"
    assert [(TRAILER, "claude-code", "anthropic")] == said(f"{mail}\n--\n2.40\n")


def test_a_note_names_the_sessions_that_it_gives_lines_to_and_says_nothing_of_itself() -> None:
    assert [(NOTE, "cursor", "anthropic")] == said(NOTED)
    assert [False] == [one.names_a_model for one in signals.of(NOTED.encode())]


@pytest.mark.parametrize(
    ("text", "names_a_model"),
    [
        (f"Some words.{wrapper(STORE)}", True),
        (f"Some words.{wrapper(b'jumb c2pa.actions.v2')}", False),
        (f"Before.{wrapper(STORE)} After, for {'long ' * 2000}.", True),
        (f"Cut off.{wrapper(STORE)[:40]}", False),
        (f"# {block(DATA).replace(chr(10), ' ')}\nx = 1\n", True),
        (f"---\n{block('https://example.org/m.c2pa')}---\nWords.\n", False),
        ("Words.\n" * 1000 + f"<!-- {block(DATA)} -->", True),
        (page(f'<script type="application/c2pa">{DATA.partition(",")[2]}</script>'), True),
        (page('<link rel="c2pa-manifest" href="https://example.org/m.c2pa">'), False),
    ],
)
def test_manifests_of_c2pa_are_named_and_say_a_model_only_where_they_do(text: str, names_a_model: bool) -> None:
    assert [(C2PA, names_a_model)] == [(one.kind, one.names_a_model) for one in signals.of(text.encode())]


def test_bytes_hidden_in_variation_selectors_are_named_whatever_they_say() -> None:
    text = f"An emoji ☃\ufe0f, a character 葛\U000e0100, and{selectors(bytes(range(200, 232)))} more."
    (one,) = signals.of(text.encode())
    assert (HIDDEN_BYTES, False) == (one.kind, one.names_a_model)
    assert selectors(bytes(range(200, 232))) == text.encode()[one.start : one.end].decode()


@pytest.mark.parametrize(
    "text",
    [
        page(f'<script type="application/ld+json">{json.dumps(LINKED)}</script>'),
        page(f'<script type="application/ld+json">{json.dumps({"@graph": [LINKED]})}</script>'),
        page('<meta name="digitalSourceType" content="trainedAlgorithmicMedia">'),
        page(
            '<meta content="http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia" '
            'property="Iptc4xmpExt:DigitalSourceType"/>'
        ),
        "---\ntitle: x\ndigitalSourceType: trainedAlgorithmicMedia\n---\nWords.\n",
    ],
)
def test_a_page_or_front_matter_can_declare_its_digital_source_type(text: str) -> None:
    assert [(SOURCE_TYPE, UNKNOWN, UNKNOWN)] == said(text)


@pytest.mark.parametrize(
    "text",
    [
        "We use Claude Code, Codex, aider and SpecStory; ChatGPT and Copilot wrote nothing here.",
        "# Claude Code\n\nRun `claude` and ask. Transcripts lie in ~/.claude/projects.\n",
        f"Add this trailer to every commit:\n\n```\n{CLAUDES}\n```\n",
        f"The trailer `{CLAUDES}` is added.\n",
        f"{CLAUDES}\n\nis what it writes at the end of a message.\n",
        f'TRAILER = "{CLAUDES}"\n',
        "Mend the parser\n\nCo-Authored-By: Claude Monet <monet@example.org>\n",
        "Built for the web\n\nMade with [AMP](https://amp.dev)\n",
        "Thanks\n\nSigned-off-by: A Person <a@example.org>\n",
        "# Notes\n\n# aider chat started at 2026-01-01 00:00:00 is how a history begins.\n",
        "<!-- Copyright Session Music Ltd. -->\n<html></html>\n",
        json.dumps({"type": "user", "name": "x", "session": "s"}),
        json.dumps({"id": 7, "timestamp": "t", "instructions": "Write a poem"}),
        json.dumps({"type": "system", "session_id": "s", "message": "started"}),
        json.dumps({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}),
        json.dumps({"mapping": {}, "create_time": 1}),
        json.dumps({"requests": [{"requestId": "r", "response": 200}]}),
        json.dumps({"version": "1", "id": "x", "timestamp": "t", "files": [{"path": "a"}]}),
        page(f'<script type="application/ld+json">{json.dumps(LINKED | {"@type": "ImageObject"})}</script>'),
        page("<p>digitalSourceType is trainedAlgorithmicMedia for such pictures; c2pa-manifest links say more.</p>"),
        "---\ntitle: x\n---\ndigitalSourceType: trainedAlgorithmicMedia\n",
        "key = '-----BEGIN C2PA MANIFEST-----'\nend = '-----END C2PA MANIFEST-----'\n",
        "name: x\nfiles:\n---\n{}\n",
        "",
        "\ufeff",
        "☃\ufe0f" * 20,
    ],
)  # fmt: skip
def test_talk_about_assistants_and_look_alikes_declare_nothing(text: str) -> None:
    assert [] == signals.of(text.encode())


@pytest.mark.parametrize("key", sorted(trailers.PEOPLE | trailers.TOOLS))
@pytest.mark.parametrize("size", [0, 9000])
def test_no_trailer_that_is_known_is_missed_in_long_or_short_batches(key: str, size: int) -> None:
    text = ("word " * size + f"\n\n{key.title()}: Claude <noreply@anthropic.com>\n").encode()
    assert [(TRAILER, "claude-code", "anthropic")] == said(text)
    assert [0] == signals.candidates(*batch([text]))


def test_the_first_look_passes_over_ordinary_texts() -> None:
    ordinary = [
        "x = 1\n", "# Title\n\nWords with [a link](https://example.org/x).\n" + "More.\n" * 300,
        '{"name": "x", "version": "1.0.0", "dependencies": {}}', "<!DOCTYPE html><html><head></head></html>",
        "---\ntitle: x\n---\nWords.\n", "Mend\n\nSigned-off-by: A <a@example.org>\n", "",
    ]  # fmt: skip
    assert [] == [text for text in ordinary if hints.may_declare(text.encode())]


def test_a_note_longer_than_a_texts_end_is_told() -> None:
    about = {**ABOUT, "prompts": {f"{n:016x}": {"messages": ["words " * 20]} for n in range(40)}}
    text = "src/a.py\n  s_c9883b05a2487d::t_9f8e7d6c5b4a32 1-10\n---\n" + json.dumps(about)
    assert {NOTE} == {kind for kind, _, _ in said(text)}
    assert [0] == signals.candidates(*batch([text.encode()]))
    assert [0] == signals.candidates(*batch([text.encode(), *[b""] * 30]))


def test_a_signal_becomes_a_declared_match_without_text_and_only_a_named_model_counts() -> None:
    (sure,) = signals.matches(f"{MESSAGE}{CLAUDES}".encode())
    (mark,) = signals.matches(f"Words.{wrapper(b'jumb')}".encode())
    assert {(Similarity.NONE, Evidence.DECLARED, 0, "")} == {
        (one.similarity, one.evidence, one.tokens, one.ingredient) for one in (sure, mark)
    }
    assert (Grade.NEAR_COPY, Grade.IDIOM) == (sure.grade, mark.grade)
    assert (TRAILER, C2PA) == (sure.kind, mark.kind)


TEXTS = [
    *(json.dumps(record) for record in RECORDS),
    *((FIXTURES / name).read_text() for name in ("specstory-v2.md", "aider.chat.history.md", "codex.jsonl")),
    f"{MESSAGE}{MADE}\n\n{CLAUDES}\n",
    f"commit {SHA}\nAuthor: Claude <noreply@anthropic.com>\nDate: x\n\n    Mend\n",
    NOTED,
    f"Words.{wrapper(STORE)}",
    f"// {block(DATA)}",
    page(f'<script type="application/ld+json">{json.dumps(LINKED)}</script>'),
    "---\ndigitalSourceType: trainedAlgorithmicMedia\n---\n",
    "nothing at all\n" * 40,
    "",
]


def batch(texts: list[bytes], before: bytes = b"", after: bytes = b"") -> tuple[memoryview, Any]:
    lengths = [len(before), *map(len, texts)]
    return memoryview(before + b"".join(texts) + after), np.cumsum(lengths, dtype=np.int64)


@pytest.mark.parametrize("filler", [0, 100, 5000])
def test_the_candidates_of_a_batch_are_all_that_declare_anything_and_few_others(filler: int) -> None:
    plain = ("x = compute(1)\n" * 400).encode()[:filler]
    texts = [text for each in TEXTS for text in (each.encode(), plain, plain)]
    data, offsets = batch(texts, b"Co-Authored-By: before the first", b'{"parentUuid": 1} behind the last')
    found = signals.candidates(data, offsets)
    assert {unit for unit, text in enumerate(texts) if signals.of(text)} <= set(found)
    assert found == sorted(set(found))
    assert all(texts[unit] not in (b"", plain) for unit in found)


@examples(150)
@given(st.data())
def test_no_candidate_is_missed_whatever_was_done_to_the_texts(data: st.DataObject) -> None:
    texts = [damaged(data, data.draw(st.sampled_from(TEXTS)).encode()) for _ in range(data.draw(st.integers(1, 5)))]
    filler = [b"word " * data.draw(st.integers(0, 1500))] * data.draw(st.integers(0, 3))
    view, offsets = batch([*texts, *filler])
    told = {unit for unit, text in enumerate([*texts, *filler]) if check(text)}
    assert told <= set(signals.candidates(view, offsets))


@examples(150)
@given(st.data())
def test_records_made_wrong_in_any_place_are_told_or_not_and_never_an_error(data: st.DataObject) -> None:
    records = mutated(data, [data.draw(st.sampled_from(RECORDS))])
    check(b"\n".join(json.dumps(record).encode() for record in records))


@examples(200)
@given(st.binary(max_size=400) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_signals_and_no_error(text: bytes) -> None:
    check(text)


def check(text: bytes) -> list[signals.Signal]:
    """The signals of a text, within it and fit to be kept."""
    found = signals.of(text)
    assert hints.may_declare(text) or not found
    assert all(0 <= one.start <= one.end <= len(text) for one in found)
    assert len({(one.kind, one.tool, one.model, one.names_a_model) for one in found}) == len(found)
    assert found[:1] == [one for one in [signals.record_of(text)] if one] or signals.record_of(text) is None
    for match in signals.matches(text):
        assert 1 <= match.first_line <= match.last_line
        json.dumps([match.kind, match.origin.tool, match.origin.model, match.origin.session]).encode()
    return found
