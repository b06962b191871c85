"""Messages of the model APIs in one form, and a log of calls to them as events. It opens no file.

Forms that are read: content blocks of the Anthropic Messages API; messages of OpenAI's Chat Completions and items of
its Responses API, with what LiteLLM adds (``reasoning_content``); contents of Gemini's generateContent; messages of the
OpenTelemetry GenAI conventions (``gen-ai-input-messages.json`` and ``gen-ai-output-messages.json``, 2026-11).

Every request of an agent repeats the conversation so far. So, in a log of calls,

- what the model wrote is what responses hold, each output once: it is known by its session, its tool call or response
  and its place there, so that a second record of a call adds nothing;
- what a request holds under the assistant's name is no output of that request. Where the response of an earlier call
  holds it, it is passed over: the model's own words are not shown text. Where none does, nobody recorded who wrote it
  (another model, an application's example, a call before the log began): the request showed it, and none claims it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import xxhash

from provenance.capture import claude_calls as calls
from provenance.capture import shapes
from provenance.capture.origin import PROVIDERS, channel_of, provider_of
from provenance.capture.session import (
    EDIT_KINDS,
    Event,
    Shown,
    Start,
    Tally,
    Wrote,
    decoded,
    dict_of,
    list_of,
    strings,
    text_of,
)
from provenance.capture.shapes import Piece
from provenance.model import UNKNOWN, Origin, Status

ASSISTANT = frozenset({"assistant", "model"})
TEXTS = frozenset("text input_text output_text refusal voice_note".split())
THOUGHTS = frozenset("thinking reasoning reasoning_text summary_text".split())
CALLS = frozenset(
    """tool_use server_tool_use mcp_tool_use tool_call server_tool_call function_call custom_tool_call local_shell_call
    shell_call apply_patch_call code_interpreter_call mcp_call""".split()
)
RESULTS = frozenset(
    """tool_call_response server_tool_call_response function_call_output custom_tool_call_output local_shell_call_output
    shell_call_output apply_patch_call_output document search_result""".split()
)
"""And every type that ends in ``tool_result``."""
SILENT = frozenset(
    """redacted_thinking image image_url input_image input_audio file input_file blob uri container_upload
    tool_reference fallback web_search_call file_search_call tool_search_call computer_call image_generation_call
    mcp_list_tools item_reference token_budget flag""".split()
)
"""Types that hold no text of the model, or none that can be read."""
GIVEN = ("input", "arguments", "action", "operation", "server_tool_call", "code")
GAVE = ("content", "response", "result", "output", "server_tool_call_response", "source")
EDITING = calls.EDITING | frozenset("apply_patch create_file str_replace str_replace_based_edit_tool".split())
"""Tools that put text into a file by their very name."""
REDACTED = frozenset({"<REDACTED>", "redacted-by-litellm"})
REFUSED = re.compile(r"\s*(?:User rejected tool use|The user doesn't want to)")

# What logs call the service that answered: a maker under another name, or a channel under another name.
MAKERS = {
    "gemini": "google",
    "gcp.gemini": "google",
    "mistral_ai": "mistral",
    "codestral": "mistral",
    "x_ai": "xai",
    "anthropic_text": "anthropic",
    "text-completion-openai": "openai",
    "cohere_chat": "cohere",
    "meta_llama": "meta",
    "zai": "zhipu",
    "bigmodel": "zhipu",
}
SERVICES = {
    "aws.bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "gcp.vertex_ai": "vertex",
    "vertex_ai": "vertex",
    "vertex_ai_beta": "vertex",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_ai": "azure",
    "azure_text": "azure",
}
# "Working directory: /repo" (to 2.0) and " - Primary working directory: /repo" (since).
_CLAUDE_FOLDER = re.compile(r"^[ \t-]*(?:Primary w|W)orking directory: *(\S[^\n]*)", re.MULTILINE)
_CLAUDE_SESSION = re.compile(r"session(?:_id\"\s*:\s*\"|_)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class Part(NamedTuple):
    """One thing in a message."""

    kind: str
    """prose, thinking, summary, call or result."""
    text: str = ""
    """Of prose, thinking and a summary."""
    name: str = ""
    """Of a call, the tool."""
    given: Any = None
    """Of a call, its input; of a result, a value whose strings the model was shown."""
    call: str = ""
    """The id of the call, of a call and its result."""
    status: Status = Status.UNKNOWN
    """Of a result, what it says became of the call."""


class Message(NamedTuple):
    """What one side said in one turn."""

    role: str
    parts: tuple[Part, ...]


class Exchange(NamedTuple):
    """One call of a model as a log recorded it."""

    origin: Origin
    id: str
    """Of the response."""
    context: tuple[str, ...] = ()
    """Instructions and descriptions of tools: what the request showed besides its messages."""
    request: tuple[Message, ...] = ()
    answers: tuple[Message, ...] = ()
    at: str = ""
    """When, as text that sorts; empty where that is not recorded."""
    cwd: str = ""
    kind: str = "prose"
    """What its texts are: prose or summary."""
    relays: bool = False
    """Whether its answers may repeat those of other calls: then only what no other one holds counts."""


def digest(text: str) -> str:
    """A short digest of a text, for outputs that no id was recorded of."""
    return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "replace"))


def origin_of(service: str, model: str) -> tuple[str, str]:
    """The maker and the channel of a model that was called by way of a service, as a log names both.

    The model id says who made it; the service is its maker only where the id says nothing and the service is known to
    serve its own. A maker's name beside another maker's model is a protocol ("openai" for any compatible server).
    """
    service = service.lower()
    named = MAKERS.get(service, service)
    provider = provider_of(model)
    if provider == UNKNOWN and named in PROVIDERS:
        provider = named
    if service in ("", UNKNOWN) or named in PROVIDERS:
        return provider, channel_of("", model)
    return provider, SERVICES.get(service, service)


def claude_session(user: str) -> str:
    """The session that Claude Code writes into ``metadata.user_id`` of its requests; empty where there is none."""
    found = _CLAUDE_SESSION.search(user)
    return found[1] if found else ""


def claude_folder(context: Iterable[str], request: tuple[Message, ...]) -> str:
    """The folder that Claude Code names in the instructions of a request; empty where it names none."""
    first = (part.text for one in request[:2] if one.role not in ASSISTANT for part in one.parts)
    found = (_CLAUDE_FOLDER.search(text) for text in (*context, *first))
    return next((match[1].strip() for match in found if match), "")


def arguments(given: Any) -> Any:
    """The input of a call: an object, or a string that may hold one as JSON."""
    if isinstance(given, str) and given.lstrip()[:1] in ("{", "["):
        value = decoded(given)
        return given if value is None else value
    return given


def parts(content: Any, tally: Tally) -> Iterator[Part]:
    """The parts of a message's content: a text, or a list of blocks. Blocks of unknown types are counted."""
    if isinstance(content, str):
        yield Part("prose", content)
    for block in list_of(content):
        if isinstance(block, str):
            yield Part("prose", block)
        elif isinstance(block, dict):
            yield from _block(block, tally)


def _block(block: dict[str, Any], tally: Tally) -> Iterator[Part]:
    kind = text_of(block.get("type"))
    if kind in TEXTS or (not kind and "text" in block):
        text = next((text for key in ("text", "content", "refusal") if (text := text_of(block.get(key)))), "")
        yield Part("thinking" if block.get("thought") is True else "prose", text)
    elif kind in THOUGHTS:
        found = (block.get(key) for key in ("thinking", "content", "text", "summary"))
        yield from (Part("thinking", text) for value in found for text in _said(value))
    elif kind == "compaction":
        yield Part("summary", text_of(block.get("content")))
    elif kind in CALLS:
        given = next((block[key] for key in GIVEN if block.get(key) is not None), None)
        call = text_of(block.get("call_id")) or text_of(block.get("id"))
        yield Part("call", name=text_of(block.get("name")) or kind, given=arguments(given), call=call)
        if kind in ("code_interpreter_call", "mcp_call"):
            yield Part("result", given=[block.get("outputs"), block.get("output")], call=call)
    elif kind in RESULTS or kind.endswith("tool_result"):
        given = next((block[key] for key in GAVE if block.get(key) is not None), None)
        call = next((id for key in ("tool_use_id", "call_id", "id") if (id := text_of(block.get(key)))), "")
        yield Part("result", given=_readable(given), call=call, status=_status(block, given))
    elif "functionCall" in block:
        one = dict_of(block["functionCall"])
        yield Part("call", name=text_of(one.get("name")), given=one.get("args"), call=text_of(one.get("id")))
    elif "executableCode" in block:
        yield Part("call", name="code", given=dict_of(block["executableCode"]).get("code"))
    elif "functionResponse" in block or "codeExecutionResult" in block:
        yield Part("result", given=[block.get("functionResponse"), block.get("codeExecutionResult")])
    elif kind not in SILENT and not ("inlineData" in block or "fileData" in block):
        tally.stranger(f"block/{kind or '(none)'}")


def _said(value: Any) -> Iterator[str]:
    """A text, or the texts of a list of blocks of text."""
    if isinstance(value, str):
        yield value
    yield from (text for one in list_of(value) if (text := text_of(dict_of(one).get("text"))))


def _readable(given: Any, depth: int = 0) -> Any:
    """A result without its pictures."""
    if isinstance(given, list) and depth < 8:
        return [_readable(one, depth + 1) for one in given]
    if isinstance(given, dict) and text_of(given.get("type")) in SILENT | {"base64"}:
        return None
    return given


def _status(block: dict[str, Any], given: Any) -> Status:
    """What a result says became of its call; only the Messages API says it."""
    if "tool_use_id" not in block:
        return Status.UNKNOWN
    if block.get("is_error") is True:
        return Status.DECLINED if any(map(REFUSED.match, strings(given))) else Status.FAILED
    return Status.APPLIED


def message(value: Any, tally: Tally, role: str = "user") -> Message:
    """A message, or an item of the Responses API; ``role`` is whose it is where it does not say so."""
    given = dict_of(value)
    kind = text_of(given.get("type"))
    recorded = text_of(given.get("role"))
    if isinstance(value, str) or (kind and kind != "message" and not recorded):
        mine = kind in CALLS or kind in THOUGHTS
        return Message("assistant" if mine else role, tuple(parts(value if isinstance(value, str) else [value], tally)))
    content = given.get("content", given.get("parts"))
    if recorded in ("tool", "function") and "parts" not in given:
        return Message(recorded, (Part("result", given=_readable(content), call=text_of(given.get("tool_call_id"))),))
    thoughts = text_of(given.get("reasoning_content")) or text_of(given.get("reasoning"))
    found = [Part("thinking", thoughts)] if thoughts else list(parts(given.get("thinking_blocks"), tally))
    found += parts(content, tally)
    spoken = (given.get("refusal"), dict_of(given.get("audio")).get("transcript"))
    found += (Part("prose", text) for text in spoken if isinstance(text, str))
    functions = [
        (text_of(call.get("id")), dict_of(call.get("function") or call.get("custom")))
        for call in map(dict_of, list_of(given.get("tool_calls")))
    ]
    if given.get("function_call"):
        functions.append(("", dict_of(given["function_call"])))
    for call, one in functions:
        what = one.get("arguments", one.get("input"))
        found.append(Part("call", name=text_of(one.get("name")), given=arguments(what), call=call))
    return Message(recorded or role, tuple(found))


def answers(response: Any, tally: Tally) -> tuple[Message, ...]:
    """The messages of a response, in any of the APIs' forms; one of an unknown form is counted."""
    response = arguments(response)
    if isinstance(response, dict) and response.keys() == {"response"}:
        response = arguments(response["response"])  # a route that LiteLLM passes through
    given = dict_of(response)
    if isinstance(response, str):
        if not response.lstrip().startswith(("data:", "event:")):
            return (message(response, tally, "assistant"),) if response else ()
        tally.stranger("response/stream")
        return ()
    if isinstance(given.get("choices"), list):
        chosen = [dict_of(choice) for choice in given["choices"]]
        return tuple(message(one.get("message") or one.get("text") or {}, tally, "assistant") for one in chosen)
    if given.get("type") == "message":
        return (message(given, tally, "assistant"),)
    if isinstance(given.get("output"), list):
        items = [message(item, tally, "assistant") for item in given["output"]]
        return (Message("assistant", tuple(part for item in items for part in item.parts)),)
    if isinstance(given.get("candidates"), list):
        found = [message(dict_of(one).get("content") or {}, tally, "assistant") for one in given["candidates"]]
        return tuple(found)
    if isinstance(given.get("completion"), str):
        return (message(given["completion"], tally, "assistant"),)
    if response not in (None, {}, []) and "data" not in given:
        tally.stranger(f"response/{text_of(given.get('object')) or text_of(given.get('type')) or '(none)'}")
    return ()


class _Held(NamedTuple):
    """Words of an assistant that a request holds: shown only where no response of an earlier call holds them."""

    mark: str
    texts: tuple[str, ...]
    when: tuple[str, int]


class _Session:
    """The calls of one session: what each newly showed and wrote."""

    def __init__(self) -> None:
        self.turns: list[tuple[str, list[Shown | _Held | Wrote]]] = []
        self.seen: dict[str, str] = {}
        """Digests of what the calls showed, with when that was first."""
        self.last = ""


class Log:
    """The calls of one file, in whatever order they came: by session, and in a session by time, each output once.

    Of the requests it keeps what they do not repeat, so that memory grows with the text and not with its repetitions.
    """

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.sessions: dict[str, _Session] = {}
        self.relays: list[Exchange] = []
        self.said: dict[str, tuple[str, int]] = {}
        """Marks of everything that a response of the log holds, with when that was first: the time and the number of
        the call."""
        self.calls = 0
        self.results: dict[str, Status] = {}
        """What became of tool calls, as later requests say."""
        self.written: dict[tuple[str, str, str, int], str] = {}
        """Digests of the outputs, by what they are known by."""
        self.unread: list[str] = []
        """Calls of editing tools of which no edit was read."""

    def add(self, one: Exchange) -> None:
        """Take in one call."""
        if one.relays:
            self.relays.append(one)
        else:
            self._take(one)

    def events(self) -> Iterator[Event]:
        """The events of all calls; a session begins with ``Start``."""
        for one in self.relays:
            fresh = [
                answer._replace(parts=tuple(part for part in answer.parts if _mark(part) not in self.said))
                for answer in one.answers
            ]
            self._take(one._replace(answers=tuple(fresh)))
        self.tally.unread += sum(self.results.get(call) is Status.APPLIED for call in self.unread)
        for name, session in self.sessions.items():
            yield Start(name)
            for _, items in sorted(session.turns, key=lambda turn: turn[0]):
                for item in items:
                    if isinstance(item, Wrote):
                        yield self._settled(item)
                    elif isinstance(item, Shown):
                        yield item
                    elif self.said.get(item.mark, item.when) >= item.when:
                        yield from map(Shown, item.texts)

    def _settled(self, wrote: Wrote) -> Wrote:
        self.tally.wrote[wrote.kind] += 1
        if wrote.call not in self.results:
            return wrote
        piece = Piece(wrote.blocks, wrote.before, wrote.kind, wrote.path)
        return wrote._replace(status=shapes.status_of(piece, self.results[wrote.call]))

    def _take(self, one: Exchange) -> None:
        # A call of no session shares nothing with another: its request holds all that it was shown.
        name = one.origin.session
        key = name if name != UNKNOWN else f"\0{len(self.sessions)}"
        session = self.sessions.setdefault(key, _Session())
        at = one.at or session.last
        session.last = max(at, session.last)
        self.calls += 1
        items: list[Shown | _Held | Wrote] = []
        for text in one.context:
            items += self._shown(text, session, at)
        for said in one.request:
            for part in said.parts:
                items += self._sent(part, said.role, session, at)
        for number, answer in enumerate(one.answers):
            for place, part in enumerate(answer.parts):
                if part.kind == "result":
                    items += self._sent(part, "tool", session, at)
                elif part.text.strip() in REDACTED:
                    self.tally.stranger("redacted")
                else:
                    self.said[_mark(part)] = min((at, self.calls), self.said.get(_mark(part), (at, self.calls)))
                    items += self._wrote(part, 1000 * number + place, one)
        session.turns.append((at, items))

    def _sent(self, part: Part, role: str, session: _Session, at: str) -> Iterator[Shown | _Held]:
        """What a part of a request shows the model."""
        texts = tuple(_all_texts(part.given)) if part.given is not None else (part.text,)
        if part.kind == "result" and part.call and part.status is not Status.UNKNOWN:
            self.results.setdefault(part.call, part.status)
        if role not in ASSISTANT or part.kind == "result":
            for text in texts:
                yield from self._shown(text, session, at)
        elif part.text.strip() not in REDACTED and self._is_new(_mark(part), session, at):
            yield _Held(_mark(part), texts, (at, self.calls))

    def _shown(self, text: str, session: _Session, at: str) -> Iterator[Shown]:
        if text.strip() and text.strip() not in REDACTED and self._is_new(digest(text), session, at):
            yield Shown(text)

    @staticmethod
    def _is_new(mark: str, session: _Session, at: str) -> bool:
        """Whether the session shows this here for the first time."""
        if session.seen.get(mark, "\uffff") <= at:
            return False
        session.seen[mark] = at
        return True

    def _wrote(self, part: Part, place: int, one: Exchange) -> Iterator[Wrote]:
        if part.kind == "call":
            call = part.call or f"call.{digest(repr(part.given))}"
            pieces = calls.pieces(part.name, part.given, {}, one.cwd)
            kinds = {piece.kind for piece in pieces}
            if not self._is_known(one, call, "", -1, repr(part.given)):
                self.tally.edit_calls += part.name in EDITING or not kinds.isdisjoint(EDIT_KINDS - {"heredoc"})
                self.unread += [call] if part.name in EDITING and kinds.isdisjoint(EDIT_KINDS) else []
            for ordinal, piece in enumerate(pieces):
                yield from self._output(piece, call, ordinal, Status.UNKNOWN, one)
        elif part.text.strip():
            kind = "thinking" if part.kind == "thinking" else "summary" if part.kind == "summary" else one.kind
            call = one.id or f"said.{digest(part.text)}"
            yield from self._output(Piece((part.text,), (), kind, ""), call, place, Status.APPLIED, one)

    def _output(self, piece: Piece, call: str, ordinal: int, status: Status, one: Exchange) -> Iterator[Wrote]:
        text = "\n".join(piece.blocks)
        if self._is_known(one, call, piece.path, ordinal, text):
            return
        if self.written[(one.origin.session, call, piece.path, ordinal)] != digest(text):
            # Some servers give every response the same id.
            call = f"{call}.{digest(text)}"
            if self._is_known(one, call, piece.path, ordinal, text):
                return
        self.tally.deletions += piece.kind in EDIT_KINDS and not any(piece.blocks)
        yield Wrote(piece.blocks, piece.before, piece.kind, piece.path, call, ordinal, status, one.origin)

    def _is_known(self, one: Exchange, call: str, path: str, ordinal: int, text: str) -> bool:
        """Whether the log holds this output already. The first of several texts of one id keeps the id."""
        key = (one.origin.session, call, path, ordinal)
        known = key in self.written and self.written[key] == digest(text)
        self.written.setdefault(key, digest(text))
        return known


def _all_texts(given: Any) -> Iterator[str]:
    """The strings of a value; of a string that is JSON, also those within it, which the model reads without escapes."""
    for text in strings(given):
        yield text
        inner = arguments(text)
        if inner is not text:
            yield from strings(inner)


def _mark(part: Part) -> str:
    """What a part is known by in an answer and in the requests that repeat it."""
    if part.kind == "call":
        return f"call {part.call or digest(repr(part.given))}"
    return f"{part.kind == 'thinking'} {digest(part.text.strip())}"
