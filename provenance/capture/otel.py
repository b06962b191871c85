"""OpenTelemetry exports of calls of models (OTLP/JSON documents or lines): spans and log records to events.

- GenAI conventions (open-telemetry/semantic-conventions-genai, docs/gen-ai, read 2026-11): ``gen_ai.input.messages``,
  ``gen_ai.output.messages`` and ``gen_ai.system_instructions``, as structures or as JSON text, on spans, their events
  and the event ``gen_ai.client.inference.operation.details``; tool calls on ``execute_tool`` spans.
- Conventions to v1.36: one event a message (``gen_ai.user.message``, ``gen_ai.assistant.message``, ``gen_ai.choice``
  ...), joined by their span; and ``gen_ai.content.prompt`` and ``gen_ai.content.completion`` before.
- Events of Claude Code (code.claude.com/docs/en/monitoring-usage, 2.1.329): ``user_prompt``, ``assistant_response``,
  ``api_request_body`` and ``api_response_body`` with the body inline. One that was cut, or that names a file
  (``body_ref``), is counted; the folder of those files is read by ``api_bodies``.

The model is ``gen_ai.response.model``, else ``gen_ai.request.model``; its maker is told by the model id, else by
``gen_ai.provider.name`` where that names a maker. The tool is ``service.name``. The session is the conversation, else
the trace. A span of an agent repeats what the calls under it wrote: of it counts what no call holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from provenance.capture import api_bodies, messages
from provenance.capture.messages import Exchange, Log, Message, Part, arguments
from provenance.capture.origin import channel_of, instant, provider_of
from provenance.capture.session import Event, Tally, dict_of, list_of, records, strings, text_of
from provenance.model import UNKNOWN, Origin, Status

TOOL = "otel"
"""What the reader is called; ``Origin.tool`` is the service that sent the telemetry."""

TOOLS = {"codex_cli_rs": "codex", "codex-cli": "codex", "codex_exec": "codex", "claude_code": "claude-code"}
"""Services whose name is not that of their tool."""
CALLING = frozenset({"chat", "text_completion", "generate_content"})
CONTENT = ("gen_ai.input.messages", "gen_ai.output.messages")
PER_MESSAGE = frozenset(
    """gen_ai.system.message gen_ai.user.message gen_ai.assistant.message gen_ai.tool.message gen_ai.choice
    gen_ai.content.prompt gen_ai.content.completion""".split()
)
DETAILS = "gen_ai.client.inference.operation.details"
WITHOUT_TEXT = frozenset({"gen_ai.evaluation.result", "gen_ai.client.operation.exception"})
CLAUDE = "claude_code."
CLAUDE_EVENTS = frozenset(
    """user_prompt assistant_response api_request api_error api_refusal api_request_body api_response_body tool_result
    tool_decision internal_error plugin_installed plugin_loaded skill_activated mcp_server_connection auth compaction
    permission_mode_changed at_mention hook_execution_start hook_execution_complete api_retries_exhausted
    feedback_survey""".split()
)
DEEPEST = 32


class _Entry(NamedTuple):
    """A span, an event on a span, or a log record."""

    name: str
    body: Any
    attributes: dict[str, Any]
    resource: dict[str, Any]
    time: str
    span: tuple[str, str]
    """The ids of its trace and its span."""


def recognise(record: dict[str, Any]) -> bool:
    """Whether a record is an export that has to do with models."""
    return any(_is_ours(one) for one in _entries(record))


def _is_ours(one: _Entry) -> bool:
    return one.name.startswith(("gen_ai.", CLAUDE)) or any(key.startswith("gen_ai.") for key in one.attributes)


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of an export: by session, and in a session by time."""
    tally.assistant = TOOL
    reader = _Reader(tally)
    for record in records(lines, tally):
        if not {"resourceSpans", "resourceLogs", "resourceMetrics"} & record.keys():
            tally.stranger("record")
        for one in _entries(record):
            reader.take(one)
    return list(reader.events())


def _entries(record: dict[str, Any]) -> Iterator[_Entry]:
    for group in map(dict_of, list_of(record.get("resourceSpans"))):
        resource = _attributes(dict_of(group.get("resource")))
        for scope in map(dict_of, list_of(group.get("scopeSpans", group.get("instrumentationLibrarySpans")))):
            for span in map(dict_of, list_of(scope.get("spans"))):
                place = (text_of(span.get("traceId")), text_of(span.get("spanId")))
                yield _Entry("", None, _attributes(span), resource, _time(span.get("startTimeUnixNano")), place)
                for event in map(dict_of, list_of(span.get("events"))):
                    name, time = text_of(event.get("name")), _time(event.get("timeUnixNano"))
                    yield _Entry(name, None, _attributes(event), resource, time, place)
    for group in map(dict_of, list_of(record.get("resourceLogs"))):
        resource = _attributes(dict_of(group.get("resource")))
        for scope in map(dict_of, list_of(group.get("scopeLogs", group.get("instrumentationLibraryLogs")))):
            for log in map(dict_of, list_of(scope.get("logRecords"))):
                attributes, body = _attributes(log), _value(log.get("body"))
                names = (log.get("eventName"), attributes.get("event.name"), body)
                name = next((name for name in map(text_of, names) if name), "")
                is_claude = text_of(body) == CLAUDE + name or resource.get("service.name") == "claude-code"
                if is_claude and name in CLAUDE_EVENTS:
                    name = CLAUDE + name
                place = (text_of(log.get("traceId")), text_of(log.get("spanId")))
                time = _time(log.get("timeUnixNano")) or _time(log.get("observedTimeUnixNano"))
                yield _Entry(name, body, attributes, resource, time, place)


def _attributes(owner: dict[str, Any]) -> dict[str, Any]:
    return {
        text_of(pair.get("key")): _value(pair.get("value")) for pair in map(dict_of, list_of(owner.get("attributes")))
    }


def _value(given: Any, depth: int = 0) -> Any:
    """The value of an ``AnyValue``; of bytes and of what lies too deep, None."""
    value = dict_of(given)
    if depth > DEEPEST:
        return None
    for key in ("stringValue", "boolValue", "doubleValue", "intValue"):
        if key in value:
            return value[key]
    if "arrayValue" in value:
        return [_value(one, depth + 1) for one in list_of(dict_of(value["arrayValue"]).get("values"))]
    if "kvlistValue" in value:
        pairs = map(dict_of, list_of(dict_of(value["kvlistValue"]).get("values")))
        return {text_of(pair.get("key")): _value(pair.get("value"), depth + 1) for pair in pairs}
    return None


def _time(nanoseconds: Any) -> str:
    try:
        number = int(nanoseconds)
    except (TypeError, ValueError, OverflowError):
        return ""
    time = instant(number / 1e9) if 0 < number < 1 << 63 else UNKNOWN
    return "" if time == UNKNOWN else time


class _Reader:
    """What entries say about one another: the model of a span, the messages of a span, the response of a request."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.log = Log(tally)
        self.spans: dict[tuple[str, str], dict[str, Any]] = {}
        self.whole: set[tuple[str, str]] = set()
        """Spans whose messages were read in one piece."""
        self.single: dict[tuple[str, str], list[_Entry]] = {}
        """The events of one message each, by span."""
        self.responses: list[_Entry] = []
        self.bodies: set[str] = set()
        """Requests of Claude Code whose response body was read."""
        self.folders: dict[str, str] = {}
        """Sessions of Claude Code and the folder that they work in."""

    def take(self, one: _Entry) -> None:
        if not one.name and _is_ours(one):
            kept = {key: value for key, value in one.attributes.items() if key not in CONTENT}
            self.spans.setdefault(one.span, {}).update(kept)
        if one.name in PER_MESSAGE:
            self.single.setdefault(one.span, []).append(one)
        elif one.name.startswith(CLAUDE):
            self.claude(one, one.name.removeprefix(CLAUDE))
        elif text_of(one.attributes.get("gen_ai.operation.name")) == "execute_tool":
            self.tool(one)
        elif any(key in one.attributes for key in CONTENT):
            self.whole.add(one.span)
            self.details(one)
        elif any(key.startswith(("gen_ai.prompt.", "gen_ai.completion.")) for key in one.attributes):
            self.tally.stranger("span with gen_ai.completion.<n>")
        elif one.name.startswith("gen_ai.") and one.name != DETAILS and one.name not in WITHOUT_TEXT:
            self.tally.stranger(one.name)

    def events(self) -> Iterator[Event]:
        for span, entries in self.single.items():
            if span not in self.whole:
                self.messages(entries)
        for span, attributes in self.spans.items():
            is_call = text_of(attributes.get("gen_ai.operation.name")) in CALLING
            if is_call and span not in self.whole and span not in self.single:
                self.tally.stranger("span without its messages")
        for one in self.responses:
            if text_of(one.attributes.get("request_id")) not in self.bodies:
                self.response(one)
        yield from self.log.events()

    def origin(self, one: _Entry) -> Origin:
        known = {**self.spans.get(one.span, {}), **one.attributes}
        names = ("gen_ai.response.model", "gen_ai.request.model", "model")
        model = next((model for name in names if (model := text_of(known.get(name)))), UNKNOWN)
        services = ("gen_ai.provider.name", "gen_ai.system")
        service = next((name for key in services if (name := text_of(known.get(key)))), "")
        provider, channel = messages.origin_of(service, model)
        tool = text_of(one.resource.get("service.name"))
        sessions = (known.get("gen_ai.conversation.id"), known.get("session.id"), one.span[0])
        return Origin(
            provider=provider,
            model=model,
            tool=UNKNOWN if not tool or tool.startswith("unknown_service") else TOOLS.get(tool, tool),
            version=text_of(one.resource.get("service.version")) or UNKNOWN,
            channel=channel,
            session=next((text for text in map(text_of, sessions) if text), UNKNOWN),
            time=one.time or UNKNOWN,
        )

    def exchange(self, one: _Entry, **fields: Any) -> Exchange:
        known = {**self.spans.get(one.span, {}), **one.attributes}
        shown = (known.get("gen_ai.system_instructions"), known.get("gen_ai.tool.definitions"))
        context = tuple(text for value in shown for text in strings(arguments(value)))
        id = text_of(known.get("gen_ai.response.id")) or one.span[1]
        return Exchange(**{"origin": self.origin(one), "id": id, "context": context, "at": one.time, **fields})

    def details(self, one: _Entry) -> None:
        """A call whose messages stand in one place; of a span of an agent, they are those of the calls under it."""
        sent, got = (list_of(arguments(one.attributes.get(key))) for key in CONTENT)
        operation = text_of(one.attributes.get("gen_ai.operation.name"))
        self.log.add(
            self.exchange(
                one,
                request=tuple(messages.message(value, self.tally) for value in sent),
                answers=tuple(messages.message(value, self.tally, "assistant") for value in got),
                relays=bool(operation) and operation not in CALLING,
            )
        )

    def tool(self, one: _Entry) -> None:
        """A tool that was run: its result was shown; its arguments are in the call, unless nobody recorded that."""
        call = text_of(one.attributes.get("gen_ai.tool.call.id"))
        given = arguments(one.attributes.get("gen_ai.tool.call.arguments"))
        result = arguments(one.attributes.get("gen_ai.tool.call.result"))
        name = text_of(one.attributes.get("gen_ai.tool.name"))
        ran = Message("tool", (Part("result", given=result, call=call),))
        self.log.add(self.exchange(one, request=(ran,)))
        if given is not None:
            called = Message("assistant", (Part("call", name=name, given=given, call=call),))
            self.log.add(self.exchange(one, answers=(called,), relays=True))

    def messages(self, entries: list[_Entry]) -> None:
        """A call whose messages are an event each."""
        sent: list[Message] = []
        got: list[tuple[int, Message]] = []
        for one in entries:
            body = dict_of(arguments(one.body)) or one.attributes
            if one.name == "gen_ai.choice":
                index = body.get("index")
                value = arguments(body.get("message")) or body
                choice = messages.message(value, self.tally, "assistant")
                got.append((index if isinstance(index, int) else len(got), choice._replace(role="assistant")))
            elif one.name == "gen_ai.content.completion":
                found = _listed(arguments(one.attributes.get("gen_ai.completion")))
                said = [messages.message(value, self.tally, "assistant") for value in found]
                got += enumerate(said, len(got))
            elif one.name == "gen_ai.content.prompt":
                found = _listed(arguments(one.attributes.get("gen_ai.prompt")))
                sent += (messages.message(value, self.tally) for value in found)
            else:
                role = one.name.split(".")[1]
                call = {"tool_call_id": body.get("id")} if role == "tool" else {}
                sent.append(messages.message({**body, **call, "role": role}, self.tally))
        ordered = tuple(choice for _, choice in sorted(got, key=lambda pair: pair[0]))
        self.log.add(self.exchange(entries[-1], request=tuple(sent), answers=ordered))

    def claude(self, one: _Entry, name: str) -> None:
        """An event of Claude Code."""
        given = one.attributes
        session = text_of(given.get("session.id"))
        if name == "user_prompt":
            self.log.add(self.exchange(one, context=(text_of(given.get("prompt")),)))
        elif name == "assistant_response":
            self.responses.append(one)
        elif name in ("api_request_body", "api_response_body"):
            body = arguments(given.get("body"))
            if not isinstance(body, dict):
                # 60 KB are kept, so a longer body is no JSON.
                self.tally.stranger(f"{name} {'in a file' if given.get('body_ref') else 'cut'}")
            elif name == "api_request_body":
                sent = api_bodies.request_of(body, self.tally)
                self.folders[session] = sent.cwd or self.folders.get(session, "")
                self.log.add(self.exchange(one, context=sent.context, request=sent.messages))
            else:
                self.bodies.add(text_of(given.get("request_id")))
                id = text_of(body.get("id"))
                model = text_of(body.get("model")) or text_of(given.get("model")) or UNKNOWN
                answer = messages.answers(body, self.tally)
                origin = self.claude_origin(one, model, id)
                cwd = self.folders.get(session, "")
                kind = api_bodies.kind_of(given.get("query_source"))
                self.log.add(self.exchange(one, origin=origin, id=id, answers=answer, cwd=cwd, kind=kind))
        elif name == "tool_result":
            call = text_of(given.get("tool_use_id"))
            if call:
                failed = given.get("success") in ("false", False)
                self.log.results.setdefault(call, Status.FAILED if failed else Status.APPLIED)
        elif name not in CLAUDE_EVENTS:
            self.tally.stranger(CLAUDE + name)

    def response(self, one: _Entry) -> None:
        """The text of an answer of which the body was not logged; its row in the transcript has the same id."""
        text = text_of(one.attributes.get("response"))
        length = str(one.attributes.get("response_length"))[:9]
        if length.isdecimal() and len(text) < int(length) and text not in messages.REDACTED:
            self.tally.stranger("assistant_response cut")
        model = text_of(one.attributes.get("model")) or UNKNOWN
        id = text_of(one.attributes.get("message.uuid")) or text_of(one.attributes.get("request_id"))
        said = (Message("assistant", (Part("prose", text),)),)
        self.log.add(self.exchange(one, origin=self.claude_origin(one, model, ""), id=id, answers=said))

    def claude_origin(self, one: _Entry, model: str, id: str) -> Origin:
        known = self.origin(one)
        return Origin(
            provider=provider_of(model),
            model=model,
            tool=known.tool,
            version=known.version,
            channel=channel_of(id, model),
            session=known.session,
            time=known.time,
        )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
