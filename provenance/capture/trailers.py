"""What a commit declares about the assistants that worked on it: trailers, marks and authors. It reads no repository.

A declaration is somebody's word: it may be missing, and it stands in commits that a person typed
(github/copilot-cli#1455). It says which tool, sometimes which session, seldom which model: a marketing name
("Claude Opus 4.6") is no model id. Sources of the forms are named in the tables.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from provenance.capture.origin import provider_of
from provenance.capture.session import Tally
from provenance.model import UNKNOWN

SOURCE = "trailer"


class Mark(NamedTuple):
    """An assistant that a commit names."""

    tool: str
    provider: str
    model: str
    """A model id where the commit spells one, else unknown."""
    session: str


IDENTITIES = (
    # Tool, and the "name <address>" by which it signs; the address where it has one of its own, as anybody may be
    # called Claude. Public histories; git-ai-project/git-ai src/authorship/agent_detection.rs, attribution_recovery.rs.
    ("claude-code", r".*<(?:noreply|claude)@anthropic\.com>|.*<(?:\d+\+)?claude\[bot\]@users\.noreply\.github\.com>"),
    ("codex", r".*codex.*<[\w.+-]+@openai\.com>|.*<codex@openai\.com>|chatgpt-codex-connector\[bot\] <.*"),
    (UNKNOWN, r".*<noreply@openai\.com>"),
    ("cursor", r".*<cursoragent@cursor\.com>|cursor\[bot\] <.*"),
    (
        "copilot",
        r".*<(?:\d+\+)?copilot@users\.noreply\.github\.com>|.*<copilot@github\.com>|copilot-swe-agent\[bot\] <.*",
    ),
    ("aider", r"aider\b.*<[\w.+-]+@aider\.(?:chat|dev)>"),  # aider 0.86 repo.py
    ("devin", r".*<(?:\d+\+)?devin-ai-integration\[bot\]@users\.noreply\.github\.com>"),
    ("gemini-cli", r".*<(?:\d+\+)?gemini-cli(?:\[bot\])?@users\.noreply\.github\.com>"),
    ("gemini-code-assist", r".*<(?:\d+\+)?gemini-code-assist\[bot\]@users\.noreply\.github\.com>"),
    ("jules", r".*<(?:\d+\+)?google-labs-jules\[bot\]@users\.noreply\.github\.com>"),
    ("droid", r".*<(?:\d+\+)?factory-droid\[bot\]@users\.noreply\.github\.com>"),
    ("opencode", r".*<noreply@opencode\.ai>"),
    ("amp", r".*<amp@ampcode\.com>"),
    ("qwen-code", r".*<qwen-coder@alibabacloud\.com>"),
    ("windsurf", r".*<noreply@(?:windsurf|codeium)\.com>"),
    ("roo-code", r".*<roomote@roocode\.com>"),
    ("firebender", r".*<help@firebender\.com>"),
    ("warp", r".*<oz-agent@warp\.dev>"),
)
AUTHORS = (
    *IDENTITIES,
    # aider writes so where it authored the change; a committer "(aider)" alone may be the user's own /commit.
    ("aider", r".* \(aider\) <.*"),
)
NAMES = (
    # Tool, and how trailers without an address and "Generated with [...]" lines call it.
    ("claude-code", r"claude[- ]code"),
    ("codex", r"(?:openai )?codex"),
    ("cursor", r"cursor"),
    ("copilot", r"(?:github )?copilot"),
    ("gemini-cli", r"gemini[- ]cli"),
    ("aider", r"aider"),
    ("devin", r"devin"),
    ("opencode", r"opencode"),
    ("amp", r"amp"),
    ("windsurf", r"windsurf"),
    ("firebender", r"firebender"),
    # Models, which any tool may have called.
    (UNKNOWN, r"(chatgpt|gpt|claude|gemini|deepseek|grok|qwen|mistral|llama|kimi|glm)(?:[ -]?v?\d.*|[ -].*)?"),
)
PEOPLE = frozenset({"co-authored-by", "co-developed-by"})
"""Trailers whose value is "name <address>"."""
TOOLS = frozenset({"assisted-by", "generated-by", "ai-assisted-by", "ai-generated-by"})
"""Trailers whose value is a tool: ``AGENT_NAME:MODEL_VERSION`` in the Linux kernel (Documentation/process/
coding-assistants.rst), free text in Fedora and at the ASF, and sometimes a person all the same."""

_TRAILER = re.compile(r"([A-Za-z][A-Za-z-]*)[ \t]*:[ \t]*(\S.*)")
# "🤖 Generated with [Claude Code](https://claude.com/claude-code)", "Made with [Cursor](https://cursor.com)"
_LINE = re.compile(r"\W{0,4}(?:generated|made|created|written) (?:with|by) \[([^\]]{1,60})\]\(https?://[^)\s]+\)", re.I)
_SESSION = re.compile(r"(?:.*/)?(session_\w+|[\w-]{8,})")
# Lower case, without a space, with a digit: "claude-opus-4-6", "openrouter/qwen/qwen3-coder"; not "GPT-5".
_MODEL = re.compile(r"(?=[^\s]*\d)[a-z][a-z0-9]*(?:[._:/@-][a-z0-9]+)+")
_IDENTITIES, _AUTHORS, _NAMES = (
    tuple((tool, re.compile(pattern, re.IGNORECASE)) for tool, pattern in table)
    for table in (IDENTITIES, AUTHORS, NAMES)
)


def declared(message: str, author: str, tally: Tally) -> list[Mark]:
    """The assistants that a commit's message or author (``name <address>``) names, one mark a tool and model, sorted.

    Trailers count wherever a line of the message is one: a squashed commit has them in the middle.
    """
    marks = [mark for mark in (_by(author, _AUTHORS),) if mark]
    sessions: list[str] = []
    for line in message.splitlines():
        if found := _LINE.match(line):
            mark = by_name(found[1])
            if mark is None:
                tally.stranger(f"generated with {found[1]}")
            marks += [mark] if mark else []
        elif trailer := _TRAILER.fullmatch(line.rstrip()):
            key, value = trailer[1].lower(), trailer[2]
            if key == "claude-session":
                session = _SESSION.match(value)
                sessions += [session[1]] if session else []
            elif key in PEOPLE:
                mark = _by(value, _IDENTITIES)
                marks += [mark] if mark else []
            elif key in TOOLS:
                mark = _by(value, _IDENTITIES) or _by_tool(value)
                if mark is None:
                    tally.stranger(key)
                marks += [mark] if mark else []
    if sessions:
        marks.append(Mark("claude-code", "anthropic", UNKNOWN, sessions[0]))
    return _merged(marks)


def by_name(name: str) -> Mark | None:
    """The assistant that goes by a name; None where we know of none."""
    name = " ".join(name.split())
    for tool, pattern in _NAMES:
        if found := pattern.fullmatch(name):
            makers = (provider_of(name), *map(provider_of, found.groups()))
            provider = next((maker for maker in makers if maker != UNKNOWN), UNKNOWN)
            return Mark(tool, provider, name if _MODEL.fullmatch(name) else UNKNOWN, UNKNOWN)
    return None


def _by(person: str, table: tuple[tuple[str, re.Pattern[str]], ...]) -> Mark | None:
    person = " ".join(person.split())[:400]
    for tool, pattern in table:
        if pattern.fullmatch(person):
            name = person.rpartition(" <")[0]
            # aider (openai/gpt-5.2), Claude claude-opus-4-6
            model = next((word for word in re.split(r"[\s()]+", name) if _MODEL.fullmatch(word)), UNKNOWN)
            model = model if provider_of(model) != UNKNOWN or tool == "aider" else UNKNOWN
            return Mark(tool, _provider(tool, model, name, person), model, UNKNOWN)
    return None


def _provider(tool: str, model: str, name: str, person: str) -> str:
    """The maker of the model that is named, or of the address; a person's name before "(aider)" names none."""
    maker = provider_of(model if model != UNKNOWN or tool == "aider" else name)
    own = next((maker for maker in ("anthropic", "openai") if person.lower().endswith(f"@{maker}.com>")), UNKNOWN)
    return maker if maker != UNKNOWN else own


def _by_tool(value: str) -> Mark | None:
    """``Claude:claude-opus-4-6 sparse``, ``Claude Code``, ``ChatGPTv5``."""
    agent, colon, rest = value.partition(":")
    model = rest.split()[0] if colon and rest.split() else ""
    if colon and not rest.startswith("//") and (provider_of(model) != UNKNOWN or by_name(agent.strip())):
        mark = by_name(agent.strip())
        known = model if _MODEL.fullmatch(model) else UNKNOWN
        provider = provider_of(model) if provider_of(model) != UNKNOWN else mark.provider if mark else UNKNOWN
        return Mark(mark.tool if mark else agent.strip()[:60], provider, known, UNKNOWN)
    return by_name(re.sub(r"\s*[(<[].*", "", value))


def _merged(marks: list[Mark]) -> list[Mark]:
    """One mark a tool and model: what one of them leaves open, another may say."""
    found: dict[tuple[str, str], Mark] = {}
    models = {mark.tool: mark.model for mark in reversed(marks) if mark.model != UNKNOWN}
    for mark in marks:
        model = mark.model if mark.model != UNKNOWN else models.get(mark.tool, UNKNOWN)
        had = found.get((mark.tool, model), Mark(mark.tool, UNKNOWN, model, UNKNOWN))
        provider = had.provider if had.provider != UNKNOWN else mark.provider
        session = had.session if had.session != UNKNOWN else mark.session
        found[mark.tool, model] = Mark(mark.tool, provider, model, session)
    tools = {tool for tool, _ in found} - {UNKNOWN}
    makers = {mark.provider for mark in found.values() if mark.tool in tools}
    # A bare "Claude" beside "Claude Code" is the same.
    bare = {mark for mark in found.values() if mark[::2] == (UNKNOWN, UNKNOWN) and mark.provider in makers}
    return sorted(set(found.values()) - bare)
