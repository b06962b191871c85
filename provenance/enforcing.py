"""Whether an assistant may write where it is about to: the question its pre-tool hook asks, answered from the policy.

A restricted zone is one that a blocking rule of the policy names: what an assistant writes there would be blocked once
recorded, so it is refused beforehand. In such a zone, and nowhere else, it fails closed: a call that cannot be
understood, or names no path while the assistant works inside the zone, is refused. It is a guard rail and no wall: a
command can make up a path while it runs, and capture and the check of commits see what it wrote.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from provenance.capture.origin import provider_of
from provenance.capture.payloads import host_of
from provenance.errors import ProvenanceError
from provenance.policy import load, shipped, zones
from provenance.policy.judge import CONDITIONS, Facts, Terms
from provenance.policy.schema import Level, Policy, Rule, TermsStatus
from provenance.words import UNKNOWN, Action, Evidence, Grade, Similarity

REFUSED = 2
"""What Claude Code, Codex, Gemini CLI and Cursor take for a refusal, with the reason on standard error; Copilot CLI
takes any failure of a preToolUse hook for one."""
MOST = 64 << 20
"""Bytes of a payload."""
PATHS = frozenset(
    "file_path path paths notebook_path absolute_path target_file dest destination source workdir cwd dir_path "
    "directory filename uri file files old_path new_path".split()
)
"""Keys of a tool's input that name files, in lower case and without a dash; of the assistants' own tools and MCP's."""
COMMANDS = frozenset(("command", "cmd", "script", "code", "input", "patch"))
"""... that hold a command line or a patch, in which any word can be a path."""
TEXTS = frozenset(
    "content contents text new_string old_string new_str old_str file_text new_source ai_proposed_content description "
    "prompt instruction instructions explanation query old_source message replacement diff".split()
)
"""... that hold text, which may speak of a path without meaning it."""
READING = frozenset(
    "read readfile readfiles readmanyfiles view viewimage grep grepsearch search searchfilecontent searchfiles "
    "codebasesearch semanticsearch semsearch glob globfilesearch filesearch findfiles ls list listdir listdirectory "
    "listfiles readlints readbash readpowershell listbash listpowershell webfetch websearch fetchwebpage lsp "
    "task agent skill todo todowrite todoread updateplan updatetodos askuser askquestion question reportintent".split()
)
"""The assistants' own tools that write no file, in lower case, without dashes; whoever asks about all tools (Cursor,
Copilot, opencode) asks about these too. What a subagent does is asked for itself."""
PROJECTS = ("CLAUDE_PROJECT_DIR", "GEMINI_PROJECT_DIR", "CURSOR_PROJECT_DIR")
"""Where assistants tell their hooks which folder they were started for."""
MOST_WORDS = 20_000
"""Of a call, beyond which it is not understood."""
_WORDS = re.compile(r"[^\s;|&<>()\"'`=,{}]+")
_CONTENT = re.compile(
    r"(^[^\n]*?(?:\bcat\b|\btee\b)[^\n]*<<-?[ \t]*(['\"]?)(\w+)\2[^\n]*\n).*?(?:^[ \t]*\3[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
"""A here-document that becomes a file's content: the command's line stays, the text goes."""
_WHERE = frozenset(("workdir", "cwd", "directory", "dir_path"))
_FOLDERS = frozenset(("cd", "pushd", "-C"))
_LEADS = frozenset((">", ">>", ">|", "&>", "&>>", "<", "<>"))
_MESSAGES = frozenset(("-m", "-am", "--message"))
_STOPS = frozenset((";", "&&", "||", "|", "&", "(", ")", ";;", "|&")) | _LEADS
_ENDS = _STOPS - _LEADS
_IF_THERE = "\0"
"""Before a word that is a path only if something is there by this name."""
_PATCHED = re.compile(r"^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)\s*$", re.MULTILINE)
_INSIDE = "(any)"
"""A name in a folder: whoever may not write it there may not write there at all."""


class Denial(NamedTuple):
    """Why an assistant may not write."""

    rule: str
    zone: str
    path: str
    """Relative to the repository where it lies in one."""
    message: str
    """The rule's own."""


class Unclear(Exception):
    """A call of which nobody can say where it writes."""


def main(assistant: str, policy_name: str, team: str) -> int:
    """Answer the payload on standard input in the assistant's own form; the exit code.

    Whatever happens, a call that nobody judged does not go ahead.
    """
    import json

    try:
        rules = load(policy_file(policy_name, os.getcwd(), os.environ)).policy
        if sys.stdin is None:
            raise Unclear("there is no standard input to read the payload from")
        data = sys.stdin.buffer.read(MOST + 1)
        if len(data) > MOST:
            raise Unclear(f"the payload has more than {MOST >> 20} MiB")
        payload = json.loads(data.decode("utf-8", "replace").lstrip("\ufeff") or "null")
        denied = denial_of(payload, assistant, rules, folder=os.getcwd(), team=team, today=date.today())
    except BaseException as error:
        reason = f"provenance: refused, for it cannot be told whether this is a restricted zone: {_reason(error)}"
        return _refused(f"{reason} (mend it, or ask who keeps the policy; nothing was written)")
    if denied is None:
        if assistant == "cursor":  # with failClosed its editor takes silence for a refusal
            return _answered(json.dumps({"permission": "allow"}))
        return 0
    reason = plain(f"provenance: refused by rule {denied.rule}: {why(denied)}")
    if assistant == "cursor":
        return _answered(json.dumps({"permission": "deny", "user_message": reason, "agent_message": reason}))
    if assistant == "copilot":
        return _answered(json.dumps({"permissionDecision": "deny", "permissionDecisionReason": reason}))
    return _refused(reason)


def _answered(said: str) -> int:
    """Exit code 0 with an answer in the assistant's own form; a refusal where nobody can read it."""
    try:
        sys.stdout.write(said + "\n")
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):  # closed, or none
        return REFUSED
    return 0


def _refused(reason: str) -> int:
    with suppress(OSError, ValueError, AttributeError):  # refused all the same
        sys.stderr.write(plain(reason) + "\n")
        sys.stderr.flush()
    return REFUSED


def why(denied: Denial) -> str:
    """Why, in words for whoever asked."""
    said = f" {denied.message}" if denied.message else ""
    return plain(f"{denied.path} lies in the restricted zone {denied.zone}.{said}")


def plain(text: str) -> str:
    """The text with all that could steer a terminal shown as ``?``."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _reason(error: BaseException) -> str:
    import json

    if isinstance(error, json.JSONDecodeError):
        return f"the payload is no JSON ({error.msg} at character {error.pos:,})"
    if isinstance(error, RecursionError):
        return "the payload is nested too deeply"
    known = isinstance(error, ProvenanceError | Unclear)
    return str(error) if known and str(error) else f"{type(error).__name__}: {error}"


def restricted(policy: Policy) -> dict[str, list[Rule]]:
    """The restricted zones of a policy, each with the rules that make it one."""
    found: dict[str, list[Rule]] = {}
    for rule in policy.rules:
        if rule.action is Action.BLOCK and rule.level is not Level.ADVISORY:
            for zone in rule.zones:
                found.setdefault(zone, []).append(rule)
    return found


def denial_of(
    payload: Any, assistant: str, policy: Policy, *, folder: str = "", team: str = "", today: date | None = None
) -> Denial | None:
    """Why the tool call of a pre-tool payload is refused; None where it may go ahead.

    Raises Unclear where the payload does not tell what is called, and the policy has restricted zones.
    """
    if not restricted(policy):
        return None
    if not isinstance(payload, dict):
        raise Unclear("the payload is no JSON object")
    if payload.get("host") == "opencode":  # the plugin hands on what opencode gives its hooks, as two objects
        inner = [payload[key] for key in ("output", "input") if isinstance(payload.get(key), dict)]
        payload = {name: value for part in (payload, *inner) for name, value in part.items()}
    tool = next((payload[key] for key in ("tool_name", "toolName", "tool") if isinstance(payload.get(key), str)), "")
    given = next((payload[key] for key in ("tool_input", "toolArgs", "args") if key in payload), None)
    if given is None:  # Cursor's own events have the fields of the call at the top
        given = {key: value for key, value in payload.items() if key in ("file_path", "command", "edits", "tool_input")}
    if isinstance(given, str) and given.lstrip()[:1] == "{":
        given = _json(given)
    if not tool and not given:
        raise Unclear("the payload names no tool")
    if payload.get("hook_event_name") != "beforeMCPExecution" and re.sub(r"[-_]", "", tool.lower()) in READING:
        return None
    cwd = _cwd(payload) or folder
    model = payload.get("model")
    if isinstance(model, dict):
        model = model.get("modelID")
    model = model if isinstance(model, str) and model else UNKNOWN
    paths = [os.path.join(cwd, path) for path in paths_of(given, cwd)]
    if not _is_definite(given):
        paths.append(os.path.join(cwd, _INSIDE))
    return denial(paths, host_of(payload, assistant), model, policy, team=team, today=today)


def _cwd(payload: dict[str, Any]) -> str:
    """Where the assistant stands; where it does not say, the folder that it was opened in."""
    roots = payload.get("workspace_roots")
    named = [payload.get(key) for key in ("cwd", "workingDirectory", "directory")]
    named += roots if isinstance(roots, list) else []
    return next((one for one in named if one and isinstance(one, str)), "")


def policy_file(name: str, folder: str, environ: Mapping[str, str]) -> str:
    """The policy that a hook's command line names: a relative path starts at the root of the project, wherever in it
    the assistant stands, so that no file in a subfolder takes its place; else at ``folder``."""
    if os.path.isabs(name) or name in shipped():
        return name
    places = [environ[variable] for variable in PROJECTS if environ.get(variable)]
    for place in (*places, folder):
        for base in (_root(os.path.abspath(place)), place):
            if base and os.path.isfile(os.path.join(base, name)):
                return os.path.join(base, name)
    return name


def denial(
    paths: Iterable[str],
    assistant: str,
    model: str,
    policy: Policy,
    *,
    team: str = "",
    today: date | None = None,
) -> Denial | None:
    """Why an assistant may not write one of these paths; the first rule that says so, of the first path.

    A model that nobody named counts as anyone's.
    """
    places = restricted(policy)
    roots: dict[str, str] = {}
    for path in paths:
        for form in _forms(path):
            above = os.path.dirname(form)
            if above not in roots:
                roots[above] = _root(above)
            root = roots[above]
            for zone in zones.of(policy, form, team=team, today=today, root=root):
                for rule in places.get(zone, ()):
                    if _speaks(rule, zone, assistant, model, policy):
                        shown = os.path.relpath(form, root) if root else form
                        return Denial(rule.id, zone, shown.removesuffix(os.sep + _INSIDE), rule.message)
    return None


def paths_of(given: Any, cwd: str) -> list[str]:
    """The paths that a tool's input names, and those among the words of its commands, each once, in their order.

    Raises Unclear where a command has more words than anyone would look at.
    """
    found: dict[str, None] = {}
    for path in _paths(given, 0):
        if not path.startswith(_IF_THERE) or _is_there(os.path.join(cwd, path.removeprefix(_IF_THERE))):
            found[path.removeprefix(_IF_THERE)] = None
        if len(found) > MOST_WORDS:
            raise Unclear(f"the call names more than {MOST_WORDS:,} words that may be paths")
    return list(found)


def _is_definite(given: Any) -> bool:
    """Whether the input says by a key of its own which file is meant, and runs nothing."""
    keys = {_name(key) for key in given} if isinstance(given, dict) else set()
    return bool(keys & (PATHS - _WHERE)) and not keys & COMMANDS


def _name(key: Any) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(key)).lower().replace("-", "_")


def _paths(value: Any, depth: int) -> Iterator[str]:
    if depth > 20:
        raise Unclear("the tool's input is nested too deeply")
    if isinstance(value, str):
        yield from _words(value)
    elif isinstance(value, list):
        for one in value:
            yield from _paths(one, depth + 1)
    elif isinstance(value, dict):
        for key, one in value.items():
            name = _name(key)
            if name in TEXTS:
                continue
            if isinstance(one, str) and name not in COMMANDS:
                # A path key, or one that nobody knows: its value may be a path, spaces and all.
                if name in PATHS or ("\n" not in one and len(one) < 4096):
                    yield (_IF_THERE if name not in PATHS and "/" not in one else "") + one.removeprefix("file://")
            else:
                yield from _paths(one, depth + 1)


def _words(command: str) -> Iterator[str]:
    """What in a command or patch may be a path: where a redirection or ``cd`` leads, each word with a slash in it, and
    each other word that is the name of something there; but no text that is only said (a message, a file's content)."""
    patched = _PATCHED.findall(command)
    yield from patched
    if "*** Begin Patch" in command[:200]:
        return
    folder, before = "", ""
    for token in _tokens(_CONTENT.sub(r"\1", command)):
        if before in _MESSAGES or token in _STOPS:
            before = token if token not in _ENDS else ""
            continue
        leads = before in _LEADS
        is_text = any(char.isspace() for char in token)
        for word in _WORDS.findall(token):
            place = os.path.join(folder, os.path.expandvars(word.removeprefix("file://")))
            if before in _FOLDERS:
                folder = place
                yield os.path.join(folder, _INSIDE)
            elif leads or "/" in word or os.sep in word:
                yield place
            elif not is_text:
                yield _IF_THERE + place
        before = token


def _tokens(command: str) -> list[str]:
    """A command's words as a shell would split them; where its quotes do not close, as they stand."""
    import shlex

    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        return command.split()


def _forms(path: str) -> Iterator[str]:
    """A path as written, as a folder, and where symlinks lead it; absolute."""
    path = path.replace("\0", "?")
    absolute = os.path.abspath(os.path.expanduser(path))
    yield absolute
    yield os.path.join(absolute, _INSIDE)
    try:
        real = os.path.realpath(absolute)
    except (OSError, ValueError):
        return
    if real != absolute:
        yield real
        yield os.path.join(real, _INSIDE)


def _is_there(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:
        return False


def _root(folder: str) -> str:
    """The repository's root, from which a policy's relative globs start; empty outside of any."""
    at = Path(folder)
    return next((str(one) for one in (at, *at.parents) if os.path.lexists(one / ".git")), "")


def _speaks(rule: Rule, zone: str, assistant: str, model: str, policy: Policy) -> bool:
    """Whether a rule would block what this assistant writes there, once it is recorded."""
    place = policy.zones[zone]
    facts = Facts(
        zone,
        place.use or policy.defaults.use,
        provider_of(model),
        model,
        assistant,
        Similarity.RECORDED,
        Grade.COPIED,
        Evidence.CAPTURED,
        1 << 30,
        1.0,
        1.0,
        Terms(TermsStatus.UNKNOWN),
    )
    anyone = model == UNKNOWN
    # What the terms say is known once it is written; until then a rule that asks for them counts as holding.
    left = {"terms", "kinds", "clauses"} | ({"origins"} if anyone else set())
    return all(name in left or met(rule, facts, policy) for name, met in CONDITIONS.items())


def _json(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unclear("the tool's arguments are no JSON") from error
