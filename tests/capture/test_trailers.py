"""Trailers and marks: which assistant a commit declares, and what declares none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.capture import trailers
from provenance.capture.session import Tally
from provenance.capture.trailers import Mark
from provenance.model import UNKNOWN

ADA = "Ada <ada@example.com>"
ANTHROPIC = Mark("claude-code", "anthropic", UNKNOWN, UNKNOWN)
OPENAI = Mark("codex", "openai", UNKNOWN, UNKNOWN)


def declared(message: str, author: str = ADA) -> list[Mark]:
    return trailers.declared(message, author, Tally())


def tool(name: str, model: str = UNKNOWN, provider: str = UNKNOWN) -> Mark:
    return Mark(name, provider, model, UNKNOWN)


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        ("Co-Authored-By: Claude Opus 4.6 (1M context) <noreply@anthropic.com>", ANTHROPIC),
        ("Co-Authored-By: Claude <noreply@anthropic.com>", ANTHROPIC),
        ("Co-authored-by: Codex <noreply@openai.com>", OPENAI),
        ("Co-Authored-By: codex (GPT-5.4) <noreply@openai.com>", OPENAI),
        ("Co-authored-by: OpenAI GPT 5.5 <noreply@openai.com>", tool(UNKNOWN, UNKNOWN, "openai")),
        ("Co-authored-by: Cursor <cursoragent@cursor.com>", tool("cursor")),
        ("Co-authored-by: Copilot <175728472+Copilot@users.noreply.github.com>", tool("copilot")),
        ("co-authored-by:   aider (openai/gpt-5.2) <aider@aider.chat>", tool("aider", "openai/gpt-5.2", "openai")),
        ("Co-authored-by: aider (openrouter/qwen/qwen3-coder) <noreply@aider.dev>",
         tool("aider", "openrouter/qwen/qwen3-coder", "alibaba")),
        ("Co-authored-by: devin-ai-integration[bot] <1+devin-ai-integration[bot]@users.noreply.github.com>",
         tool("devin")),
        ("Co-authored-by: Amp <amp@ampcode.com>", tool("amp")),
        ("Co-authored-by: opencode <noreply@opencode.ai>", tool("opencode")),
        ("Co-developed-by: Claude claude-opus-4-20250514 <noreply@anthropic.com>",
         tool("claude-code", "claude-opus-4-20250514", "anthropic")),
        ("Assisted-by: Claude:claude-3-opus coccinelle sparse", tool(UNKNOWN, "claude-3-opus", "anthropic")),
        ("Assisted-by: ChatGPTv5", tool(UNKNOWN, UNKNOWN, "openai")),
        ("Assisted-by: Claude Code", ANTHROPIC),
        ("Generated-by: GitHub Copilot", tool("copilot")),
        ("Generated-by: gpt-5-codex", tool(UNKNOWN, "gpt-5-codex", "openai")),
        ("\U0001f916 Generated with [Claude Code](https://claude.com/claude-code)", ANTHROPIC),
        ("Made with [Cursor](https://cursor.com)", tool("cursor")),
        ("Claude-Session: https://claude.ai/code/session_011CU",
         Mark("claude-code", "anthropic", UNKNOWN, "session_011CU")),
    ],
)  # fmt: skip
def test_a_mark_names_its_tool_and_no_more_than_it_says(line: str, mark: Mark) -> None:
    assert [mark] == declared(f"Add a thing\n\nBecause.\n\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "Co-authored-by: Claude Monet <claude@example.com>",
        "Co-authored-by: Bea <bea@example.com>",
        "Co-authored-by: dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
        "Assisted-by: Bea <bea@example.com>",
        "Generated-by: protoc 3.2",
        "Strip the Co-Authored-By: Claude <noreply@anthropic.com> line",
        "    Co-Authored-By: Claude <noreply@anthropic.com>",
        "Reviewed-by: Claude <noreply@anthropic.com>",
        "claude code did this",
        "Generated with [protoc](https://protobuf.dev)",
        "Signed-off-by: Copilot <175728472+Copilot@users.noreply.github.com>",
    ],
)
def test_what_is_no_mark_of_an_assistant_declares_nothing(line: str) -> None:
    assert [] == declared(f"Add a thing\n\n{line}\n")


def test_a_tool_that_is_not_known_is_counted() -> None:
    tally = Tally()
    message = "x\n\nGenerated-by: protoc\nGenerated with [Nobody](https://example.com)\n"
    assert [] == trailers.declared(message, ADA, tally)
    assert {"generated-by": 1, "generated with Nobody": 1} == tally.unknown


@pytest.mark.parametrize(
    ("author", "mark"),
    [
        ("Paul (aider) <paul@example.com>", tool("aider")),
        ("Claude (aider) <c@example.com>", tool("aider")),
        ("copilot-swe-agent[bot] <198982749+Copilot@users.noreply.github.com>", tool("copilot")),
        ("Claude <noreply@anthropic.com>", ANTHROPIC),
        ("Codex <codex@openai.com>", OPENAI),
        ("cursor[bot] <206951365+cursor[bot]@users.noreply.github.com>", tool("cursor")),
    ],
)
def test_an_author_that_is_an_assistant_declares_itself(author: str, mark: Mark) -> None:
    assert [mark] == declared("Add a thing\n", author)


def test_a_persons_name_is_no_assistant() -> None:
    for author in (
        "Claude <claude@example.com>",
        "github-actions[bot] <github-actions[bot]@users.noreply.github.com>",
        "",
    ):
        assert [] == declared("Add a thing\n", author)


def test_marks_of_one_tool_are_one_and_say_together_what_they_say() -> None:
    message = (
        "Add\n\nGenerated with [Claude Code](https://claude.ai/code)\n\n"
        "Claude-Session: https://claude.ai/code/session_01\nCo-Authored-By: Claude <noreply@anthropic.com>\n"
    )
    assert [ANTHROPIC._replace(session="session_01")] == declared(message)
    assert [tool("aider", "gemini/gemini-2.5-pro", "google")] == declared(
        "x\n\nCo-authored-by: aider (gemini/gemini-2.5-pro) <aider@aider.chat>", "Ada (aider) <ada@example.com>"
    )
    assert [ANTHROPIC] == declared("x\n\nAssisted-by: Claude\nCo-Authored-By: Claude <noreply@anthropic.com>")


def test_two_tools_are_two_marks() -> None:
    message = "x\n\nCo-authored-by: Codex <noreply@openai.com>\nCo-Authored-By: Claude <noreply@anthropic.com>\r\n"
    assert [ANTHROPIC, OPENAI] == declared(message)


def test_trailers_in_the_middle_of_a_squashed_message_count() -> None:
    message = "All (#7)\n\n* one\n\nCo-Authored-By: Claude <noreply@anthropic.com>\n\n* two\n\nmore text\n"
    assert [ANTHROPIC] == declared(message)


PIECES = st.sampled_from(
    "Co-authored-by:|Assisted-by:|Generated-by:|Claude-Session:| Claude|<noreply@anthropic.com>|:|[|](https://x)| |"
    "Made with [|aider (|gpt-5|(aider)|\n|\x85|<|>|https://|session_|🤖 ".split("|")
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES | st.text(max_size=6), max_size=12).map("".join), st.text(max_size=30) | st.just(ADA))
def test_any_message_and_author_give_marks_that_can_be_written(message: str, author: str) -> None:
    tally = Tally()
    for mark in trailers.declared(message, author, tally):
        assert all(isinstance(part, str) and part for part in mark)
    assert all(name.isprintable() for name in tally.unknown)


def test_a_long_message_takes_no_long_time() -> None:
    assert [] == declared("Co-authored-by: " + "codex " * 50_000 + "<" * 50_000)
    assert [] == declared("-" * 300_000 + "\nAssisted-by: " + "(<[" * 100_000)
