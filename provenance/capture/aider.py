"""aider chats (``.aider.chat.history.md`` and ``--llm-history-file``, 0.47 to 0.86): Markdown to events.

Shapes after Aider-AI/aider ``aider/io.py`` (what is appended to the file) and ``aider/coders`` (how an answer is taken
apart). ``# aider chat started at`` begins a session; a line that begins with ``#### `` is the person's, one with ``> ``
is aider's, and both end in two blanks, which tells them from headings and quotes of the model (in a session where no
line ends so, an editor took them away, and the prefix alone decides). All else is the model's.

What the file cannot tell:

- times are local and without a zone, and are read as UTC;
- the files in the chat are not in it: an answer in the ``whole`` format repeats lines of a person that no reader can
  know for such, and a SEARCH text or the context of a diff is all there is of a pre-image;
- the format of a one-off ``/code`` is not named, so that a file listing counts as a write where the last named format
  is ``whole`` or aider says it was applied; else it is prose. The JSON of the old ``func`` formats is prose too;
- in an architect's session, answers of which it is not told whether architect or editor gave them have no model;
- commit messages stand in aider's own lines, whether a model or the person wrote them: they are not claimed.

``--llm-history-file`` names no model and no session, and says nothing of what became of an edit.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import xxhash

from provenance.capture import patch, shapes
from provenance.capture.origin import PROVIDERS, channel_of, instant, provider_of
from provenance.capture.session import Event, Shown, Start, Tally, Wrote
from provenance.capture.shapes import PATCH_MARK, Piece
from provenance.model import UNKNOWN, Origin, Status

TOOL = "aider"

STARTED = re.compile(r"# aider chat started at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*")
SENT = re.compile(r"TO LLM \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\n-------\n(?:SYSTEM|USER)(?: |\n)")
LOGGED = re.compile(r"(TO LLM|LLM RESPONSE) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")

MODEL = re.compile(r"(Model|Models|Main model|Editor model): (\S+?)⚡? with (?:♾️ ?)?(?:⚡ ?)?(\S+) edit format\b")
VERSION = re.compile(r"Aider v(\d\S*)")
APPLIED = re.compile(r"Applied edit to (.+)")
REFUSED = re.compile(r"(?:Skipping edits to (.+?)|Did not apply edit to (.+) \(--dry-run\))(?: that matches .*)?")
MISMATCH = re.compile(r"# \d+ SEARCH/REPLACE blocks? failed to match!|#* ?SearchReplaceNoExactMatch|Can't edit ")
NOT_APPLIED = re.compile(
    r"The LLM did not conform to the edit format|Malformed edit response|Exception while updating files"
    r"|UnifiedDiffNo|Can't edit "
)

HEAD = re.compile(r"<{5,9} (?:SEARCH>?|ORIGINAL)")
DIVIDER = re.compile(r"={5,9}")
END = re.compile(r"(?:>{5,9}|(?:> ){4,8}>) (?:REPLACE|UPDATED)")
"""What ends an edit block; a formatter of Markdown takes the signs for nested quotes."""
FENCES = {"````": "````", "```": "```"} | {
    f"<{name}>": f"</{name}>" for name in ("source", "code", "pre", "codeblock", "sourcecode")
}
"""The fences that aider lets a model use, and what closes them."""
WHOLE = frozenset({"whole", "editor-whole"})
FORMATS = WHOLE | frozenset(
    "diff diff-fenced udiff udiff-simple patch architect ask help context editor-diff editor-diff-fenced func".split()
)
THOUGHT = re.compile(r"\s*<(thinking-content-\w{32}|think)>(.*?)(?:</\1>|\Z)", re.DOTALL)

Lines = list[str]


class Part(NamedTuple):
    """Consecutive lines of one speaker: ``person``, ``aider`` or ``model``; without their prefixes."""

    who: str
    lines: Lines


class Edit(NamedTuple):
    """One edit of an answer, and its texts as aider repeats them where it fails (white space aside)."""

    piece: Piece
    repeated: str


def recognise_text(head: str) -> bool:
    """Whether a file that begins so is a chat or a log of aider: its first line says so, or it names two sessions."""
    start = head.lstrip("\ufeff \t\r\n").replace("\r\n", "\n")
    if STARTED.match(start) or SENT.match(start):
        return True
    return len(re.findall(rf"^{STARTED.pattern}> ", start, re.MULTILINE)) > 1


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of all sessions of one file, in its order."""
    tally.assistant = TOOL
    text = [line.decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r\n") for line in lines]
    first = next((line for line in text if line.strip()), "")
    events = list(_logged(text, tally) if LOGGED.fullmatch(first) else _chats(text, tally))
    for event in events:
        if isinstance(event, Wrote):
            tally.wrote[event.kind] += 1
            tally.edit_calls += event.kind in ("edit", "write", "patch")
            tally.deletions += event.kind in ("edit", "patch") and not event.blocks and bool(event.before)
    return events


def _chats(text: Lines, tally: Tally) -> Iterator[Event]:
    starts = [at for at, line in enumerate(text) if STARTED.fullmatch(line)]
    if not starts or any(map(str.strip, text[: starts[0]])):
        yield from _chat("", text[: starts[0]] if starts else text, tally)
    for first, end in itertools.pairwise([*starts, len(text)]):
        found = STARTED.fullmatch(text[first])
        yield from _chat(found[1] if found else "", text[first + 1 : end], tally)


def _chat(started: str, text: Lines, tally: Tally) -> Iterator[Event]:
    """The events of one session; an answer is followed by what aider says of it."""
    parts = list(_parts(text))
    tally.records += len(parts)
    # What aider says first names folder, model and repository, and is there from the beginning.
    head = "\n".join(parts[0].lines) if parts and parts[0].who == "aider" else ""
    session = f"{started.replace(' ', 'T')}.{_digest(head)}" if started else UNKNOWN
    yield Start(session)
    said: Counter[str] = Counter()
    speaker = _Speaker(session, instant(started), tally)
    for at, part in enumerate(parts):
        if part.who == "model":
            notes = parts[at + 1].lines if at + 1 < len(parts) and parts[at + 1].who == "aider" else []
            call = _digest("\n".join(part.lines).strip())
            said[call] += 1
            call = f"{call}.{said[call]}" if said[call] > 1 else call
            yield from _answer(part.lines, notes, speaker.form, call, speaker.origin("\n".join(part.lines)), tally)
        else:
            speaker.hears(part)
            yield Shown("\n".join(part.lines))
            if part.who == "aider" and not (at and parts[at - 1].who == "model"):
                # An edit whose text is not in the file: ``--apply``, or a file that was cut.
                tally.unread += any(map(APPLIED.fullmatch, part.lines))


class _Speaker:
    """Which model answers: the one that aider's lines named last, and in an architect's session its editor."""

    def __init__(self, session: str, time: str, tally: Tally) -> None:
        self.session = session
        self.time = time
        self.tally = tally
        self.version = UNKNOWN
        self.models = {"main": UNKNOWN, "editor": UNKNOWN, "": UNKNOWN}
        self.form = ""
        self.role = "main"
        self.said = ""

    def hears(self, part: Part) -> None:
        if part.who == "person":
            # The architect's answer is put to the editor as if a person had typed it.
            editor = bool(self.said) and _normal("\n".join(part.lines)) == self.said
            self.role = "editor" if editor and self.models["editor"] != UNKNOWN else "main"
            return
        for line in part.lines:
            if named := MODEL.fullmatch(line.split(",")[0].strip()):
                role = "editor" if named[1] == "Editor model" else "main"
                self.models[role] = named[2]
                if role == "main":
                    self.models["editor"] = UNKNOWN
                    self.form = named[3]
                    if self.form not in FORMATS:
                        self.tally.stranger(f"edit format/{self.form}")
            elif named := VERSION.fullmatch(line.strip()):
                self.version = named[1]

    def origin(self, answer: str) -> Origin:
        model = self.models[self.role]
        self.said = _normal(answer)
        if self.role == "main" and self.models["editor"] != UNKNOWN:
            # A second answer to one prompt: the architect's or the editor's.
            self.role = "" if self.models["editor"] != self.models["main"] else "main"
        return _origin(model, self.session, self.time, self.version)


def _origin(model: str, session: str, time: str, version: str = UNKNOWN) -> Origin:
    """The origin of an answer; what stands before the first ``/`` of a model is litellm's name of the channel."""
    route = model.split("/")[0] if "/" in model else ""
    return Origin(
        provider=provider_of(model),
        model=model,
        tool=TOOL,
        version=version,
        channel={"": channel_of("", model), "vertex_ai": "vertex"}.get(route, UNKNOWN if route in PROVIDERS else route),
        session=session,
        time=time,
    )


def _parts(text: Lines) -> Iterator[Part]:
    """The speakers of one session in turn.

    A message of aider's of many lines (``tool_output``) has the prefix before its first line and the two blanks after
    its last. In an edit block that is closed, every line is the block's.
    """
    marked = any(line.startswith(("> ", "#### ")) and line.endswith("  ") for line in text)
    whose = [_whose(line, marked) for line in text]
    closed, ended = _outlook(text, whose)
    who, lines = "", list[str]()
    in_block = goes_on = False
    for at, line in enumerate(text):
        before, after = text[at - 1] if at else "", text[at + 1] if at + 1 < len(text) else ""
        if in_block and closed[at]:
            now = "model"
        elif goes_on:
            now, goes_on = "aider", ended[at] != at
        elif whose[at]:
            now = whose[at]
        elif marked and line.startswith("> Tokens: "):
            now, goes_on = "aider", after.startswith("Cost: ") and ended[at] >= 0
        elif marked and line.startswith("> ") and who == "aider" and before.strip():
            now, goes_on = "aider", ended[at] >= 0
        else:
            now = who if who != "model" and not line.strip() else "model"
        if now == "model":
            bare = line.strip()
            in_block = (in_block or bool(HEAD.fullmatch(bare))) and not END.fullmatch(bare)
        else:
            in_block = False
        if now != who:
            if lines:
                yield Part(who, lines)
            who, lines = now, []
        if line.strip() or now == "model":
            lines.append(_bare(line, now))
    if any(map(str.strip, lines)):
        yield Part(who, lines)


def _whose(line: str, marked: bool) -> str:
    """The speaker that a line's prefix names, if any."""
    if marked and not line.endswith("  "):
        return ""
    if line.rstrip() == "####" or line.startswith("#### "):
        return "person"
    return "aider" if line.startswith("> ") or line == ">" else ""


def _outlook(text: Lines, whose: list[str]) -> tuple[list[bool], list[int]]:
    """For each line: whether the next mark of an edit block closes one, and where a message of aider's that is open
    there ends (a line that ends in two blanks, before a blank line or a prefix), or -1."""
    closed, ended = [False] * len(text), [-1] * len(text)
    closes, end = False, -1
    for at in range(len(text) - 1, -1, -1):
        line, bare = text[at], text[at].strip()
        last = at + 1 == len(text) or not text[at + 1].strip() or bool(whose[at + 1])
        if whose[at]:
            end = -1
        elif line.endswith("  ") and bare and last:
            end = at
        if HEAD.fullmatch(bare) or whose[at] == "person":
            closes = False
        elif END.fullmatch(bare):
            closes = True
        closed[at], ended[at] = closes, end
    return closed, ended


def _bare(line: str, who: str) -> str:
    if who == "person":
        return line.removeprefix("####").removeprefix(" ").rstrip()
    return line.removeprefix("> ").rstrip() if who == "aider" else line


def _answer(lines: Lines, notes: Lines, form: str, call: str, origin: Origin, tally: Tally) -> Iterator[Wrote]:
    """What one answer wrote: thinking, prose and edits, with what aider's lines after it say of them."""
    text = "\n".join(lines)
    thought = THOUGHT.match(text)
    if thought:
        lines = text[thought.end() :].split("\n")
        if thought[2].strip():
            yield Wrote((thought[2].strip(),), (), "thinking", "", call, 0, Status.APPLIED, origin)
    applied = {found[1].strip() for line in notes if (found := APPLIED.fullmatch(line))}
    edits, prose = _taken_apart(lines, form, applied)
    if prose:
        yield Wrote(tuple(prose), (), "prose", "", call, 1, Status.APPLIED, origin)
    for ordinal, (edit, status) in enumerate(zip(edits, _statuses(edits, notes, applied), strict=True), 2):
        piece = edit.piece
        yield Wrote(piece.blocks, piece.before, piece.kind, piece.path, call, ordinal, status, origin)
    if applied:
        tally.changed += 1
        tally.unread += not edits


def _statuses(edits: list[Edit], notes: Lines, applied: set[str]) -> Iterator[Status]:
    """What became of each edit, by aider's lines after the answer.

    Of an answer with blocks that did not match, aider repeats those, and says that it applied the others.
    """
    refused = {found[1] or found[2] for line in notes if (found := REFUSED.fullmatch(line.strip()))}
    mismatch = any(map(MISMATCH.match, notes))
    others = any("were applied successfully" in line or "was applied successfully" in line for line in notes)
    repeated = _repeated(notes) if mismatch else set()
    failed = mismatch or any(map(NOT_APPLIED.match, notes))
    names = {path.rsplit("/", 1)[-1] for path in applied}
    for edit in edits:
        path = edit.piece.path
        if mismatch and repeated:
            rest = Status.APPLIED if others else Status.UNKNOWN
            yield Status.FAILED if edit.repeated in repeated else rest
        elif path in refused:
            yield Status.DECLINED
        elif failed:
            yield Status.FAILED
        else:
            yield Status.APPLIED if path in applied or path.rsplit("/", 1)[-1] in names else Status.UNKNOWN


def _repeated(notes: Lines) -> set[str]:
    """The edit blocks in aider's lines."""
    found: set[str] = set()
    block: Lines | None = None
    for line in map(str.strip, notes):
        if HEAD.fullmatch(line):
            block = []
        elif block is not None and END.fullmatch(line):
            found.add(_normal(" ".join(block)))
            block = None
        elif block is not None:
            block.append(line)
    return found


def _taken_apart(lines: Lines, form: str, applied: set[str]) -> tuple[list[Edit], Lines]:
    """The edits of an answer in order, and the stretches of prose around them."""
    edits: list[Edit] = []
    prose: list[Lines] = [[]]
    heads = [at for at, line in enumerate(lines) if HEAD.fullmatch(line.strip())]
    closings = {mark: [at for at, line in enumerate(lines) if line.startswith(mark)] for mark in FENCES.values()}
    path, at = "", 0
    while at < len(lines):
        line, end = lines[at], at
        found: list[Edit] = []
        fence = next((fence for fence in FENCES if line.startswith(fence)), "")
        if HEAD.fullmatch(line.strip()):
            path = _name_before(prose[-1]) or path
            edit, end = _block(lines, at, path)
            found = [edit]
        elif line.startswith(PATCH_MARK):
            end = next((i for i in range(at, len(lines)) if lines[i].startswith("*** End Patch")), len(lines) - 1)
            pieces = shapes.of_patch("\n".join(lines[at : end + 1]), "")
            found = [Edit(piece, "") for piece in pieces]
        elif fence:
            end = _after(closings[FENCES[fence]], at, len(lines))
            if _after(heads, at, len(lines)) < end:
                end = at  # the fence of an edit block
            else:
                found = _fenced(line, lines[at + 1 : end], prose[-1], form, applied)
                end = min(end, len(lines) - 1)
        if found:
            edits += found
            prose.append([])
        else:
            prose[-1] += lines[at : end + 1]
        at = end + 1
    stretches = ("\n".join(one).strip() for one in prose)
    return edits, [text for text in stretches if text.strip("`\n ")]


def _after(places: list[int], at: int, end: int) -> int:
    """The first of the sorted places that is past a place, else the end."""
    found = bisect.bisect_right(places, at)
    return places[found] if found < len(places) else end


def _block(lines: Lines, at: int, path: str) -> tuple[Edit, int]:
    """The edit block that begins at a line, and its last line. One that was cut has what there is of it."""
    divider = end = len(lines)
    for i in range(at + 1, len(lines)):
        bare = lines[i].strip()
        if HEAD.fullmatch(bare) and divider == len(lines):
            end = divider = i  # the model began anew
            break
        if DIVIDER.fullmatch(bare) and divider == len(lines):
            divider = i
        elif divider < i and (END.fullmatch(bare) or DIVIDER.fullmatch(bare)):
            end = i
            break
    search, replace = "\n".join(lines[at + 1 : divider]), "\n".join(lines[divider + 1 : end])
    cut = end == len(lines) or end == divider
    blocks = tuple(patch.added_blocks(search, replace))
    piece = Piece(blocks, (search,) if search.strip() else (), "edit", path)
    repeated = _normal(f"{search} {lines[divider] if not cut else ''} {replace}")
    if cut:
        return Edit(piece, repeated), end - 1
    # A second divider may end a block; its real end and its fence say nothing more.
    for mark in (END.fullmatch, _closing):
        if end + 1 < len(lines) and mark(lines[end + 1].strip()):
            end += 1
    return Edit(piece, repeated), end


def _closing(line: str) -> bool:
    return line in FENCES.values()


def _fenced(fence: str, inside: Lines, prose: Lines, form: str, applied: set[str]) -> list[Edit]:
    """What a fenced text writes: a diff where the format is ``udiff``, a file where its name stands before it."""
    content = "\n".join(inside)
    name = _name(prose[-1]) if prose else ""
    if fence.startswith("```diff"):
        pieces = _diffs(inside)
        return [Edit(piece, "") for piece in pieces if form.startswith("udiff") or piece.path in applied]
    if name and (name in applied or (form in WHOLE and not re.search(r"\s", name) and re.search(r"[./]", name))):
        prose.pop()
        return [Edit(Piece((content,) if content.strip() else (), (), "write", name), "")]
    return []


def _diffs(lines: Lines) -> list[Piece]:
    """The change of each file that a diff names."""
    heads = [at for at in range(len(lines) - 1) if lines[at].startswith("--- ") and lines[at + 1].startswith("+++ ")]
    pieces: list[Piece] = []
    for first, end in itertools.pairwise([*heads, len(lines)]):
        old, new = lines[first][4:].strip(), lines[first + 1][4:].strip()
        path = new[2:] if new.startswith("b/") and (old.startswith("a/") or old == "/dev/null") else new
        pieces += shapes.of_diff("\n".join(lines[first:end]) + "\n", path, "")
    return pieces


def _name_before(prose: Lines) -> str:
    """The file name before an edit block, taken out of the prose: past a fence, or written on it."""
    for back in range(1, min(3, len(prose)) + 1):
        line = prose[-back]
        fence = line.strip().startswith(tuple(FENCES))
        name = _name(line)
        if name:
            del prose[-back:]
            return name
        if not fence:
            break
    return ""


def _name(line: str) -> str:
    """The file name that a line is, by aider's own rules (``strip_filename``)."""
    name = line.strip()
    fence = next((fence for fence in FENCES if name.startswith(fence)), "")
    if fence:
        name = name[len(fence) :]
        return name if re.search(r"[./]", name) and not re.search(r"[\s`]", name) else ""
    name = name.rstrip(":").lstrip("#").strip().strip("`").strip("*")
    return name if name != "..." and len(name) <= 250 else ""


def _logged(text: Lines, tally: Tally) -> Iterator[Event]:
    """The events of ``--llm-history-file``: all that was sent, each text once, and the answers."""
    starts = [at for at, line in enumerate(text) if LOGGED.fullmatch(line)]
    session = _digest("\n".join(text[:20]))
    yield Start(session)
    sent: set[str] = set()
    said: Counter[str] = Counter()
    for first, end in itertools.pairwise([*starts, len(text)]):
        found = LOGGED.fullmatch(text[first])
        body = text[first + 1 : end]
        tally.records += 1
        if found and found[1] == "LLM RESPONSE":
            lines = [re.sub(r"^ASSISTANT ?", "", line) for line in body]
            call = _digest("\n".join(lines).strip())
            said[call] += 1
            call = f"{call}.{said[call]}" if said[call] > 1 else call
            yield from _answer(lines, [], "", call, _origin(UNKNOWN, session, instant(found[2])), tally)
            continue
        for message in re.split(r"^-------$", "\n".join(body), flags=re.MULTILINE):
            shown = re.sub(r"^(?:SYSTEM|USER|ASSISTANT) ?", "", message, flags=re.MULTILINE)
            if shown.strip() and (digest := _digest(shown)) not in sent:
                sent.add(digest)
                yield Shown(shown)


def _normal(text: str) -> str:
    return " ".join(text.split())


def _digest(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "replace"))
