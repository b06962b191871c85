"""What the readers of transcripts miss: edit calls counted in the raw files against edits read, by version.

    python tests/benchmarks/capture_coverage.py [FOLDER...] [--shortfalls N]

Without FOLDER it takes ``../shared/data/transcripts`` beside the repository, where there is one. The files are counted
by code of its own, which knows of each format only where a call, its id and its texts stand: JSON walks for tool calls,
patterns for patches in command lines and scripts, for edit blocks and for fences of diffs. It does not import the
readers. Prints Markdown tables:

- per assistant and version: files, edit calls, those that add text, those of which every added line is in an edit that
  the readers yield for this call (``read``), their share, ingredients, records of unknown type, calls the readers
  themselves count as unread; then the rows that fall below 99 %;
- by assistant and version, the edit calls that are not among those read, with their tools and the cause: with text, or
  because they add none;
- writes by command lines: heredocs and here-strings, ``echo`` and ``printf`` into files, ``sed -i`` and scripts given
  to an interpreter; of how many the readers yield an edit, and of how many they keep the text at all, be it as a
  command (three quarters of its words and more: what is too short for a gram is left out);
- every edit that was not read, with the cause as far as it shows.

A line counts by its letters and digits alone, so that quoting does not matter; a line without any is left out.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from provenance.capture import novelty, reading
from provenance.capture.session import EDIT_KINDS, Wrote
from provenance.errors import CaptureError
from provenance.words import Evidence

DEFAULT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "transcripts"
HEAD = ["assistant", "version", "files", "edit calls", "that add text", "read", "share"]
HEAD += ["ingredients", "unknown records", "unread"]

TARGET = 0.99
NO_TEXT = (
    "adds no line: it only deletes, or repeats what it replaces",
    "of the edit, the history holds the answer alone",
)
ANSWERED = ("Edit", "MultiEdit", "NotebookEdit", "search_replace", "delete_file")

NEW = ("new_string", "newString", "new_str", "newText", "new_source", "newCode", "new_text", "insert_text", "code_edit")
OLD = ("old_string", "oldString", "old_str", "oldText", "old_text")
WHOLE = ("content", "file_text", "contents", "text")
PLACES = ("file_path", "filePath", "path", "notebook_path", "target_file", "absolute_path", "uri", "filename")
EDITORS = re.compile(
    r"(?i)^(?:.*__)?(?:multi_?)?(?:str_?replace(?:_editor|_based_edit_tool)?|(?:search_?)?replace(?:_string_in_file)?"
    r"|replace_string_in_file|(?:smart_)?edit(?:_file|_files|_notebook_file)?|write(?:_file|_to_file)?|create(?:_file)?"
    r"|insert(?:_edit_into_file)?|multiedit|notebookedit|apply_?patch|patch)$"
)
PATCH = re.compile(r"\*\*\* Begin Patch(.*?)(?:\*\*\* End Patch|\Z)", re.DOTALL)
FILE_LINE = re.compile(r"\*\*\* (?:Add|Update|Delete) File: ")
UNICODE = re.compile(r"\\+u\{?[0-9a-fA-F]{4,5}\}?|\\+x[0-9a-fA-F]{2}|\\+[trbf]")
NEWLINE = re.compile(r"\\+n|\r?\n")

# An answer that was interrupted has no end of its last block.
BLOCK = re.compile(
    r"^<{5,9} (?:SEARCH|ORIGINAL)[^\n]*\n((?:(?!={5,9}\s*$|#### |> ).*\n)*+)={5,9}\s*\n"
    r"((?:(?!>{5,9} (?:REPLACE|UPDATED)|={5,9}\s*$|#### |> |<{5,9} (?:SEARCH|ORIGINAL)).*\n)*)",
    re.MULTILINE,
)

LISTING = r"(`{3,}|<source>)[^\n]*\n(.*?)^(?:\1|</source>)"
APPLIED = re.compile(r"^> Applied edit to (.+?)\s*$", re.MULTILINE)

BLOCK_OF_TOOL = re.compile(
    r'^<tool-use data-tool-type="write" data-tool-name="([^"]*)">(.*?)^(?:</details>)?</tool-use>',
    re.DOTALL | re.MULTILINE,
)

PATCH_AS_TEXT = re.compile(r"^\*\*(?:Add|Update): `[^`\n]+`\*\*\n\n(```diff\n.*?^```$)", re.DOTALL | re.MULTILINE)

SHELL_WRITES = {
    "PowerShell here-string": re.compile(r"@(['\"])\r?\n(?s:.*)\n\1@"),
    "heredoc": re.compile(r"<<-?\s*\\?['\"]?\w+"),
    "echo or printf": re.compile(r"\b(?:echo|printf)\b[^|;&\n]*['\"][^|;&]*>>?\s*(?!/dev/|&)[\w./~$\"'-]+"),
    "sed -i": re.compile(r"\bsed\s+(?:-[a-zA-Z]+\s+)*-[a-zA-Z]*i|\bperl\s+-[a-zA-Z0-9]*i"),
    "script": re.compile(r"\b(?:python[\d.]*|node|perl|ruby)\s+(?:-\w+\s+)*-(?:c|e|pe|0pe|ne)\b"),
}
SHELL_TOOLS = re.compile(
    r"(?i)^(?:bash|powershell|shell|shell_command|exec_command|local_shell|container\.exec|exec"
    r"|run_shell_command|run_in_terminal|runinterminal|run_command|execute_command)$"
)


class Call(NamedTuple):
    """A call that edits, as it stands in a file: its id, its tool, and the lines it adds (bare, see ``bare``)."""

    id: str
    tool: str
    adds: frozenset[str]


class Shell(NamedTuple):
    """A call of a command line that writes: how, and its words."""

    how: str
    words: frozenset[str]


class Raw(NamedTuple):
    """What the raw file holds."""

    assistant: str
    version: str
    edits: dict[str, Call]
    shell: dict[str, Shell]


def bare(line: str) -> str:
    """The letters and digits of a line, without what escapes stand for."""
    return re.sub(r"[^A-Za-z0-9]+", "", UNICODE.sub("", line))


def bare_lines(text: str) -> set[str]:
    """The bare lines of a text; one with an escaped newline is several."""
    return {found for line in NEWLINE.split(text) if (found := bare(line))}


def words(text: str) -> frozenset[str]:
    """The words of a text that have three letters and more."""
    return frozenset(re.findall(r"[A-Za-z0-9]{3,}", text))


def leaves(value: Any) -> Iterator[str]:
    """Every string of a JSON value; one that is JSON itself is taken apart."""
    if isinstance(value, str):
        inner = parsed(value) if value.lstrip()[:1] in ("{", "[") else None
        if isinstance(inner, dict | list):
            yield from leaves(inner)
        else:
            yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)


def parsed(text: str) -> Any:
    """The JSON value of a text, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object within a value, itself first."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            yield one
            stack.extend(reversed(one.values()))
        elif isinstance(one, list):
            stack.extend(reversed(one))


# What a call adds ----------------------------------------------------------------------------------------------------


def patched(text: str) -> set[str]:
    """The added lines of every patch in a text, be it plain, a string of JavaScript, or an array of such strings."""
    added: set[str] = set()
    for patch in PATCH.findall(text):
        elements = "join(" in text
        for line in NEWLINE.split(patch):
            line = line.lstrip(" \t,'\"`") if elements else line
            if line.startswith("+") and "${" not in line:
                added |= bare_lines(line.rstrip(",'\"`") if elements else line)
    return added


def plus_lines(diff: str) -> set[str]:
    """The added lines of a unified diff."""
    lines = [line for line in diff.split("\n") if line.startswith("+") and not line.startswith("+++ ")]
    return set().union(*map(bare_lines, lines))


def replaced(given: dict[str, Any]) -> set[str] | None:
    """The lines that the input of an editing call adds, or None where it is none."""
    added: set[str] = set()
    is_edit = False
    for one in objects(given):
        new = next((one[key] for key in NEW if isinstance(one.get(key), str | list)), None)
        if new is None and any(isinstance(one.get(key), str) for key in PLACES):
            new = next((one[key] for key in WHOLE if isinstance(one.get(key), str)), None)
        if new is not None:
            is_edit = True
            old = next((one[key] for key in OLD if isinstance(one.get(key), str)), "")
            text = new if isinstance(new, str) else "\n".join(map(str, new))
            added |= bare_lines(text) - bare_lines(old)
    return added if is_edit else None


def edit_of(use: str, tool: str, given: Any) -> Call | None:
    """The edit that a call makes, if it makes one."""
    given = parsed(given) if isinstance(given, str) and given.lstrip()[:1] == "{" else given
    texts = list(leaves(given))
    patches = [text for text in texts if "*** Begin Patch" in text and FILE_LINE.search(text)]
    if EDITORS.match(tool) or "patch" in tool.lower():
        added = replaced(given) if isinstance(given, dict) else None
        for text in patches:
            added = (added or set()) | patched(text)
        is_view = isinstance(given, dict) and given.get("command") in ("view", "undo_edit")
        return None if is_view else Call(use, tool, frozenset(added or ()))
    if patches and (SHELL_TOOLS.match(tool) or not isinstance(given, dict)):
        return Call(use, tool, frozenset().union(*map(patched, patches)))
    return None


def shell_of(tool: str, given: Any) -> Shell | None:
    """The command line of a call, if it is one that writes."""
    if not SHELL_TOOLS.match(tool):
        return None
    given = parsed(given) if isinstance(given, str) and given.lstrip()[:1] == "{" else given
    named = given if isinstance(given, dict) else {"command": given}
    command = "\n".join(leaves([named.get(key) for key in ("command", "cmd", "script", "input")]))
    how = next((name for name, pattern in SHELL_WRITES.items() if pattern.search(command)), "")
    return Shell(how, words(command)) if how else None


# The formats ---------------------------------------------------------------------------------------------------------


def calls(record: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """The id, name and input of every tool call in a record, whatever the assistant."""
    for one in objects(record):
        ids = [one.get(key) for key in ("callID", "call_id", "id")]
        use = next((found for found in ids if found and found != "REDACTED"), None)
        kind = one.get("type")
        if kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            yield str(use), str(one.get("name")), one.get("input")
        elif kind in ("custom_tool_call", "function_call", "local_shell_call"):
            given = one.get("input") or one.get("arguments") or one.get("action")
            yield str(one.get("call_id") or use), str(one.get("name") or "local_shell"), given
        elif kind == "tool" and isinstance(one.get("state"), dict):
            # Ids that were struck out are all the same: the call's own text tells them apart.
            yield str(use or json.dumps(one)), str(one.get("tool")), one["state"].get("input")
        elif isinstance(one.get("toolCallId"), str) and (one.get("toolName") or "arguments" in one):
            yield one["toolCallId"], str(one.get("name") or one.get("toolName")), one.get("arguments")
        elif isinstance(one.get("args"), dict) and isinstance(one.get("name"), str):
            yield str(use), one["name"], one["args"]
        elif isinstance(one.get("arguments"), str) and isinstance(one.get("name"), str) and not kind:
            yield str(use), one["name"], one["arguments"]


def records(path: Path) -> Iterator[Any]:
    """The JSON values of a file: its lines, or the file itself."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    text = data.decode("utf-8", "replace").lstrip("\ufeff")
    lines = [line for line in text.splitlines() if line.strip()]
    if text[:1] == "[" or (
        lines and parsed(lines[0]) is None
    ):  # one value over several lines, whatever the file's name
        whole = parsed(text)
        if whole is not None:
            yield from whole if isinstance(whole, list) else [whole]
            return
    yield from (value for line in lines if (value := parsed(line)) is not None)


def counted(path: Path) -> Raw | None:
    """What a file holds, or None where it holds no tool call that is known here."""
    text = "" if path.suffix in (".json", ".jsonl", ".gz") else path.read_text("utf-8", "replace")
    if re.search(r"^# aider chat started at", text[: 64 << 10], re.M):
        return of_aider(text)
    if "SpecStory" in text[:500] or ("<!-- " in text[:500] and "_**User" in text):
        return of_specstory(text)
    if path.suffix not in (".json", ".jsonl", ".gz"):
        return None
    edits: dict[str, Call] = {}
    shell: dict[str, Shell] = {}
    names: Counter[str] = Counter()
    versions: Counter[str] = Counter()
    applied: dict[str, set[str]] = {}
    for record in records(path):
        if not isinstance(record, dict):
            continue
        names[named(record)] += 1
        versions.update(version_of(record))
        applied.update(results(record))
        for use, tool, given in calls(record):
            edit = edit_of(use, tool, given)
            if edit and (use not in edits or edit.adds):
                edits.setdefault(use, edit)
            elif written := shell_of(tool, given):
                shell[use] = written
    for use, added in applied.items():
        if use in edits and edits[use].tool == "Write":
            edits[use] = edits[use]._replace(adds=edits[use].adds & added)
    del names[""]
    if not names:
        return None
    (assistant, _), *_ = names.most_common(1)
    version = versions.most_common(1)[0][0] if versions else ""
    return Raw(assistant, version, edits, {use: one for use, one in shell.items() if use not in edits})


def named(record: dict[str, Any]) -> str:
    """The assistant whose record this looks like."""
    if isinstance(record.get("payload"), dict) or record.get("type") in ("function_call", "local_shell_call"):
        return "codex"
    if ("sessionId" in record and "projectHash" in record) or record.get("type") == "gemini":
        return "gemini-cli"
    if isinstance(record.get("requests"), list) or isinstance(record.get("kind"), int):
        return "copilot-vscode"
    if isinstance(record.get("data"), dict) and "parentId" in record:
        return "copilot-cli"
    if isinstance(record.get("message"), dict) and record.get("type") in ("user", "assistant"):
        return "claude-code"
    return "opencode" if isinstance(record.get("messages"), list) and "info" in record else ""


def version_of(record: dict[str, Any]) -> list[str]:
    """The versions of the program that a record names."""
    inner = [record, record.get("payload"), record.get("data"), record.get("info")]
    keys = ("version", "cli_version", "copilotVersion", "claude_code_version")
    found = [one.get(key) for one in inner if isinstance(one, dict) for key in keys]
    return [version for version in found if isinstance(version, str)]


def results(record: dict[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """Of a file that Claude Code wrote over, the lines that its own patch says were added."""
    details = record.get("toolUseResult")
    hunks = details.get("structuredPatch") if isinstance(details, dict) else None
    if not hunks or details.get("userModified"):
        return
    lines = [line for hunk in hunks if isinstance(hunk, dict) for line in hunk.get("lines", [])]
    added = plus_lines("\n".join(line for line in lines if isinstance(line, str)))
    for one in objects(record.get("message")):
        if one.get("type") == "tool_result":
            yield str(one.get("tool_use_id")), added


def of_aider(text: str) -> Raw:
    """Edit blocks, and fenced diffs where the format is one, of an aider chat."""
    found = BLOCK.findall(text)
    edits = [bare_lines(new) - bare_lines(old) for old, new in found]
    if re.search(r"with udiff\S* edit format", text):
        edits += map(plus_lines, re.findall(r"^```diff\n(--- .*?)^```", text, re.DOTALL | re.MULTILINE))
    # In the format "whole" a listing under a file's name is an edit where aider says that it applied one to the file.
    text = re.sub(r"(?s)<(thinking-content-\w+|think)>.*?</\1>", "", text)
    for turn in re.split(r"^(?:#### |# aider chat started at )", text, flags=re.MULTILINE):
        for name in () if BLOCK.search(turn) else dict.fromkeys(APPLIED.findall(turn)):
            named = re.compile(rf"^\W*{re.escape(name)}\W*\n{LISTING}", re.DOTALL | re.MULTILINE)
            edits += [bare_lines(found[2]) for found in named.finditer(turn)]
    version = Counter(re.findall(r"^> Aider v(\d[\d.]*)", text, re.MULTILINE)).most_common(1)
    calls = {f"#{at}": Call("", "block", frozenset(lines)) for at, lines in enumerate(edits)}
    return Raw("aider", version[0][0] if version else "", calls, {})


def of_specstory(text: str) -> Raw:
    """The blocks of writing tools of a history (v2), or the fenced diffs of one of 2025."""
    edits: dict[str, Call] = {}
    blocks = BLOCK_OF_TOOL.findall(text)
    for at, (tool, body) in enumerate(blocks):
        body = html.unescape(body) if body.startswith("\n") else body  # of the Cursor extension
        fences = re.findall(r"^(`{3,})(\w*)\n(.*?)^\1\s*$", body.replace("\\```", "```"), re.DOTALL | re.M)
        added: set[str] = set()
        for _, language, inside in fences:
            if language == "diff":
                added |= plus_lines(inside)
            elif language not in ("", "text") and tool not in ("Edit", "MultiEdit", "NotebookEdit"):
                added |= bare_lines(inside)
        for new in re.findall(r"^- Replace: `.*?` → `(.*?)`$", body, re.DOTALL | re.M):
            added |= bare_lines(new)
        edits[f"#{at}"] = Call("", tool, frozenset(added))
    said = text if "<tool-use " not in text else "\n".join(PATCH_AS_TEXT.findall(text))
    if said:
        for at, inside in enumerate(re.findall(r"^```diff\n(.*?)^```", said, re.DOTALL | re.M), len(blocks)):
            edits[f"#{at}"] = Call("", "diff", frozenset(plus_lines(inside)))
    version = re.search(r"Generated by SpecStory, Markdown (v[\d.]+)", text)
    return Raw("specstory", version[1] if version else "2025", edits, {})


# What the readers read -----------------------------------------------------------------------------------------------


class Read(NamedTuple):
    """What the readers made of a file."""

    reader: str
    lines: dict[str, set[str]]
    """Bare lines of the edits, their pre-images included, by call."""
    said: dict[str, set[str]]
    """Words of all that was read, by call."""
    spoken: set[str]
    """Bare lines of all that was read."""
    ingredients: int
    unknown: Counter[str]
    unread: int


def read(path: Path) -> Read | None:
    """What the readers make of a file, or None where none takes it."""
    try:
        reader = reading.reader_of(path)
        if reader is None:
            return None
        events, tally = reading.read(path, reader)
    except CaptureError as error:
        return Read(f"({error})", {}, {}, set(), 0, Counter(), 0)
    lines: dict[str, set[str]] = {}
    said: dict[str, set[str]] = {}
    spoken: set[str] = set()
    for event in events:
        if isinstance(event, Wrote):
            spoken.update(*map(bare_lines, event.blocks))
            said.setdefault(event.call, set()).update(*map(words, event.blocks))
            if event.kind in EDIT_KINDS:
                lines.setdefault(event.call, set()).update(*map(bare_lines, (*event.blocks, *event.before)))
    made = sum(novelty.ingredient(item, Evidence.TRANSCRIPT) is not None for item in novelty.added(events))
    return Read(reader, lines, said, spoken, made, tally.unknown, tally.unread)


def keeps(found: Read, use: str, written: Shell) -> bool:
    """Whether the readers kept the text of a command line."""
    return len(written.words & found.said.get(use, set())) >= 0.75 * len(written.words)


def missing(call: Call, use: str, found: Read | None) -> str:
    """Why an edit counts as not read, or nothing where it was read."""
    if found is None:
        return "no reader takes the file"
    if found.reader.startswith("("):
        return found.reader
    everything = set().union(*found.lines.values()) if found.lines else set()
    own = found.lines.get(use, set())
    if call.adds <= own or call.adds <= everything:
        return ""
    if not own and call.adds <= found.spoken:
        return "read as what the model said, not as an edit"
    return f"{len(call.adds - everything)} of {len(call.adds)} lines are in no edit"


class Row(NamedTuple):
    """Sums for one assistant and version."""

    counts: Counter[str]
    unknown: Counter[str]


def files(folders: Iterable[Path]) -> Iterator[Path]:
    """Every file below the folders; below a folder that has one named ``transcripts``, below that."""
    for named in folders:
        folder = named / "transcripts" if (named / "transcripts").is_dir() else named
        yield from sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else [folder]


def table(head: list[str], rows: Iterable[list[object]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def main(folders: list[Path], most: int) -> None:
    """Count, read, compare and print."""
    rows: dict[tuple[str, str], Row] = {}
    shell: dict[tuple[str, str], Counter[str]] = {}
    short: list[list[object]] = []
    causes: dict[tuple[str, str, str], Counter[str]] = {}
    for path in files(folders):
        raw, found = counted(path), read(path)
        if raw is None and found is None:
            continue
        name, version = (raw.assistant, raw.version) if raw else (found.reader if found else "", "")
        row = rows.setdefault((name, version), Row(Counter(), Counter()))
        row.counts["files"] += 1
        for use, call in raw.edits.items() if raw else ():
            row.counts["calls"] += 1
            row.counts["adds"] += bool(call.adds)
            why = missing(call, use, found) if call.adds else NO_TEXT[name == "specstory" and call.tool in ANSWERED]
            row.counts["read"] += bool(call.adds) and not why
            if why:
                causes.setdefault((name, version, why), Counter())[call.tool] += 1
            if why and call.adds:
                short.append([path, use, call.tool, why])
        for use, written in raw.shell.items() if raw else ():
            sums = shell.setdefault((name, written.how), Counter())
            sums["all"] += 1
            sums["edit"] += bool(found and found.lines.get(use))
            sums["said"] += bool(found and keeps(found, use, written))
        if found:
            row.counts.update(ingredients=found.ingredients, unread=found.unread)
            row.unknown.update(found.unknown)
    totals: dict[tuple[str, str], Row] = {}
    for (name, _), row in rows.items():
        for key in ((name, "(all)"), ("(all)", "")):
            total = totals.setdefault(key, Row(Counter(), Counter()))
            total.counts.update(row.counts)
            total.unknown.update(row.unknown)
    every = rows | totals
    order = sorted(every, key=lambda key: (key[0] == "(all)", key[0], key[1] == "(all)", numbers(key[1])))
    table(HEAD, [line(key, every[key]) for key in order])
    below = [" ".join(key) for key in order if every[key].counts["read"] < TARGET * every[key].counts["adds"]]
    print(f"Below {TARGET:.0%}: {', '.join(below) or 'none'}.\n")
    head = ["assistant", "version", "edit calls not in *read*", "tools", "cause"]
    named = sorted(causes.items(), key=lambda one: (one[0][0], numbers(one[0][1]), one[0][2]))
    told = [[name, version, sums.total(), ", ".join(sorted(sums)), why] for (name, version, why), sums in named]
    table(head, told)
    head = ["assistant", "written by a command line", "calls", "read as an edit", "kept as text"]
    table(head, [[*key, sums["all"], sums["edit"], sums["said"]] for key, sums in sorted(shell.items())])
    unknown = Counter({f"{key[0]} {kind}": count for key, row in totals.items() for kind, count in row.unknown.items()})
    table(["unknown", "records"], [[kind, n] for kind, n in unknown.most_common() if not kind.startswith("(all)")])
    print(f"{len(short)} edits that add text were not read.\n")
    table(["file", "call", "tool", "cause"], short[:most])


def numbers(version: str) -> list[int]:
    """The numbers of a version, to sort by."""
    return [int(number) for number in re.findall(r"\d{1,9}", version)]


def line(key: tuple[str, str], row: Row) -> list[object]:
    """A row of the main table."""
    counts = row.counts
    share = f"{100 * counts['read'] / counts['adds']:.1f} %" if counts["adds"] else "-"
    sums = [counts[name] for name in ("files", "calls", "adds", "read")]
    return [*key, *sums, share, counts["ingredients"], sum(row.unknown.values()), counts["unread"]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="*", type=Path, help="transcripts")
    parser.add_argument("--shortfalls", type=int, default=100, metavar="N", help="name at most N edits not read")
    given = parser.parse_args()
    if not given.folder and not DEFAULT.is_dir():
        print(
            "No folder was named, and there is no ../shared/data/transcripts beside the repository: nothing to count."
        )
        sys.exit(0)
    started = time.process_time()
    main(given.folder or [DEFAULT], given.shortfalls)
    print(f"{time.process_time() - started:.1f} CPU s, Python {sys.version.split()[0]}")
