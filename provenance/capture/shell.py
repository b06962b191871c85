"""Finds the literal text that a shell command line writes or runs. It runs nothing and expands nothing.

A reading of sh and bash as assistants write them, not a shell: variables stay as they are, and text that a
program makes (sed, a generator, a download) is not here. Any text gives an answer, in linear time:
substitutions nest to ``_DEEPEST``, scripts within scripts to ``_INNERMOST``, and further ones are plain text.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple


class Written(NamedTuple):
    """Literal text in a command line, and where it goes."""

    path: str
    """The file as the command names it; empty if unknown."""
    text: str
    """Without a final newline."""
    form: str
    """heredoc; here-string (``<<<``, or quoted text of echo and printf); inline script; apply_patch."""


def written(command: str) -> list[Written]:
    """What the command line writes to files, hands to an interpreter or applies as a patch, in order.

    A script fed to a shell by heredoc is one item, and what it writes follows it; of ``bash -c`` only
    what it writes is told. Quoted text of echo, printf and ``<<<`` counts from two lines or 40 characters.
    """
    return list(_written(command, 0))


def command_text(arguments: object) -> str | None:
    """The command line in a tool's arguments: a string, an argv, or either under cmd, command or script."""
    if isinstance(arguments, dict):
        found = (arguments[key] for key in ("cmd", "command", "script") if arguments.get(key))
        arguments = next(found, None)
    if isinstance(arguments, list | tuple) and all(isinstance(part, str) for part in arguments):
        argv = [str(part) for part in arguments]
        if len(argv) > 2 and _base(argv[0]) in _SHELLS and _INLINE["sh"].fullmatch(argv[1]):
            arguments = argv[2]
        else:
            arguments = shlex.join(argv)
    return arguments if isinstance(arguments, str) and arguments.strip() else None


_DEEPEST = 16
_INNERMOST = 4
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "powershell", "pwsh"})
_PASSES = frozenset({"", "cat", "echo", "printf", "sed", "envsubst"})
"""Programs that hand the text they get on to their output, more or less as it is."""
_KEYWORDS = frozenset({"then", "do", "else", "{", "!", "if", "elif", "while", "until"})
_WRAPPERS = frozenset(
    {"sudo", "env", "command", "exec", "time", "timeout", "nohup", "nice", "xargs", "ssh"}
    | {"uv", "poetry", "pipenv", "pdm", "npx", "docker", "podman", "rtk"}
)
"""Programs that run the program named among their arguments."""
_INLINE = {
    "sh": re.compile(r"-[a-z]*c|-Command"),
    "python": re.compile(r"-[A-Za-z]*c"),
    "node": re.compile(r"-e|-p|-pe|--eval|--print"),
    "bun": re.compile(r"-e|--eval"),
    "perl": re.compile(r"-[0-9acFilnpswW]*[eE]"),
    "ruby": re.compile(r"-[0-9acFilnpswW]*e"),
    "php": re.compile(r"-r"),
    "Rscript": re.compile(r"-e"),
}
"""Per interpreter, the option whose argument is a script. All shells are ``sh``."""

_PLAIN = re.compile(r"[^ \t\r\n'\"`$\\;&|()<>]+")
_IN_QUOTES = re.compile(r'[^"\\$`]+')
_REDIRECT = re.compile(r"(\d{0,3})(<<<|<<-?|&>>?|>>|>\||<>|[<>]&|[<>](?!\())")
_DELIMITER = re.compile(r"[ \t]*((?:'[^'\n]*'|\"[^\"\n]*\"|\\.|[^\s'\"\\;&|()<>])++)")
_PARAMETER = re.compile(r"\$\{[^{}'\"\n]*\}")
_ANSI = re.compile(r"\$'((?:[^'\\]|\\[\s\S])*+)'")
_ESCAPE = re.compile(r"\\([abfnrtv\\'\"])")
_ESCAPES = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_VARIABLE = re.compile(r"\s*\$\{?\w+\}?\s*")
_ASSIGNMENT = re.compile(r"\w+\+?=")


class _Heredoc:
    def __init__(self, end: str, quoted: bool, tabs: bool) -> None:
        self.end = end
        self.quoted = quoted
        self.tabs = tabs
        self.text = ""


class _Script:
    def __init__(self) -> None:
        self.source = ""
        self.pipelines = [[_Command()]]

    def value(self) -> str:
        """The text of ``$(cat <<EOF ...)``; any other substitution as it stands."""
        if len(self.pipelines) == 1 and len(self.pipelines[0]) == 1:
            command = self.pipelines[0][0]
            lone = len(command.words) == len(command.heredocs) == 1 and not command.outputs
            if lone and command.words[0].pieces == ["cat"]:
                return command.heredocs[0].text
        return self.source

    def end_pipeline(self) -> None:
        """Begins a new pipeline, unless the last one has nothing in it yet."""
        *others, last = self.pipelines[-1]
        if others or last.words or last.outputs or last.strings or last.heredocs:
            self.pipelines.append([_Command()])


class _Word:
    def __init__(self, *pieces: str | _Script) -> None:
        self.pieces = list(pieces)
        self.quoted = False

    def value(self) -> str:
        return "".join(piece if isinstance(piece, str) else piece.value() for piece in self.pieces)


class _Command:
    def __init__(self) -> None:
        self.words: list[_Word] = []
        self.outputs: list[_Word] = []
        self.strings: list[_Word] = []
        self.heredocs: list[_Heredoc] = []


class _Reader:
    """Reads a command line into pipelines of commands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.pending: list[_Heredoc] = []
        self.parentheses: dict[int, int] | None = None

    def script(self, close: str, depth: int) -> _Script:
        text, start = self.text, self.at
        script = _Script()
        groups = 0
        while self.at < len(text):
            char = text[self.at]
            pipeline = script.pipelines[-1]
            command = pipeline[-1]
            if char == close and not groups:
                break
            if char in " \t\r":
                self.at += 1
            elif char == "\n":
                self.at += 1
                self.bodies(depth > 0)
                if command.words or len(pipeline) == 1:  # after "|" the pipeline goes on
                    script.end_pipeline()
            elif char == "#":
                end = text.find("\n", self.at)
                self.at = end if end >= 0 else len(text)
            elif redirect := _REDIRECT.match(text, self.at):
                self.at = redirect.end()
                self.redirect(command, redirect[1], redirect[2], depth)
            elif char == "(" and (end := self.arithmetic(self.at)):
                self.at = end
            elif char in ";&()" or text.startswith("||", self.at):
                self.at += 2 if char == "|" else 1
                groups = max(0, groups + (char == "(") - (char == ")"))
                script.end_pipeline()
            elif char == "|":
                self.at += 1
                pipeline.append(_Command())
            else:
                word = self.word(depth)
                if word.quoted or any(word.pieces):  # a line continuation is no word
                    command.words.append(word)
        script.end_pipeline()
        script.pipelines.pop()
        script.source = text[start : self.at]
        self.at += len(close)
        return script

    def redirect(self, command: _Command, number: str, operator: str, depth: int) -> None:
        if operator in {"<<", "<<-"}:
            if end := _DELIMITER.match(self.text, self.at):
                self.at = end.end()
                bare = re.sub(r"['\"\\]", "", end[1])
                heredoc = _Heredoc(bare, quoted=bare != end[1], tabs=operator == "<<-")
                command.heredocs.append(heredoc)
                self.pending.append(heredoc)
            return
        while self.text.startswith((" ", "\t"), self.at):
            self.at += 1
        target = self.word(depth)
        if operator == "<<<":
            command.strings.append(target)
        elif operator in {">", ">>", ">|", "&>", "&>>"} and number in {"", "1"}:
            command.outputs.append(target)

    def bodies(self, nested: bool) -> None:
        """Reads the bodies of the heredocs opened so far; the last one may lack its end."""
        for heredoc in self.pending:
            lines = []
            while self.at < len(self.text):
                newline = self.text.find("\n", self.at)
                end = newline if newline >= 0 else len(self.text)
                line = self.text[self.at : end]
                if heredoc.tabs:
                    line = line.lstrip("\t")
                if nested and line.startswith(heredoc.end + ")"):
                    self.at = end - len(line) + len(heredoc.end)
                    break
                self.at = end + 1
                if line.removesuffix("\r") == heredoc.end:
                    break
                lines.append(line)
            heredoc.text = "\n".join(lines)
            if not heredoc.quoted:
                heredoc.text = re.sub(r"\\(?:\n|([$`\\]))", r"\1", heredoc.text)
        self.pending = []

    def word(self, depth: int) -> _Word:
        """The word that starts here; it may be empty, but the reading always goes on."""
        text, word = self.text, _Word()
        while self.at < len(text):
            char = text[self.at]
            if plain := _PLAIN.match(text, self.at):
                word.pieces.append(plain[0])
                self.at = plain.end()
            elif char == "'":
                end = text.find("'", self.at + 1)
                end = end if end >= 0 else len(text)
                word.pieces.append(text[self.at + 1 : end])
                word.quoted = True
                self.at = end + 1
            elif char == '"':
                self.double_quotes(word, depth)
            elif char == "\\":
                word.pieces.append(text[self.at + 1 : self.at + 2].strip("\n"))
                self.at += 2
            elif char in "$`" or (char in "<>" and text.startswith("(", self.at + 1)):
                self.substitution(word, depth, in_quotes=False)
            else:
                break
        return word

    def double_quotes(self, word: _Word, depth: int) -> None:
        self.at += 1
        word.quoted = True
        while self.at < len(self.text):
            char = self.text[self.at]
            if plain := _IN_QUOTES.match(self.text, self.at):
                word.pieces.append(plain[0])
                self.at = plain.end()
            elif char == '"':
                self.at += 1
                return
            elif char == "\\":
                pair = self.text[self.at : self.at + 2]
                word.pieces.append(pair[1:].strip("\n") if pair[1:] in {'"', "$", "`", "\\", "\n"} else pair)
                self.at += 2
            else:
                self.substitution(word, depth, in_quotes=True)

    def substitution(self, word: _Word, depth: int, in_quotes: bool) -> None:
        """``$(...)``, backquotes, ``<(...)``, ``$((...))``, ``${...}``, ``$'...'``, or a lone dollar sign."""
        text, start = self.text, self.at
        piece: str | _Script = text[start]
        if text.startswith("$((", start) and (end := self.arithmetic(start + 1)):
            piece, self.at = text[start:end], end
        elif text.startswith(("$(", "<(", ">("), start) and depth < _DEEPEST:
            self.at = start + 2
            piece = self.script(")", depth + 1)
            piece.source = text[start : self.at]
        elif text[start] == "`" and depth < _DEEPEST and (end := text.find("`", start + 1)) >= 0:
            piece = _Reader(text[start + 1 : end]).script("", depth + 1)
            piece.source, self.at = text[start : end + 1], end + 1
        elif parameter := _PARAMETER.match(text, start):
            piece, self.at = parameter[0], parameter.end()
        elif not in_quotes and (ansi := _ANSI.match(text, start)):
            piece, self.at = _unescape(ansi[1]), ansi.end()
            word.quoted = True
        else:
            self.at = start + 1
        word.pieces.append(piece)

    def arithmetic(self, at: int) -> int:
        """Where ``((...))`` ends that starts here, or 0. The pairs are sought once, to stay linear."""
        if not self.text.startswith("((", at):
            return 0
        if self.parentheses is None:
            self.parentheses = {}
            opened: list[int] = []
            for parenthesis in re.finditer(r"[()]", self.text):
                if parenthesis[0] == "(":
                    opened.append(parenthesis.start())
                elif opened:
                    self.parentheses[opened.pop()] = parenthesis.start()
        outer = self.parentheses.get(at, 0)
        return outer + 1 if outer and self.parentheses.get(at + 1) == outer - 1 else 0


def _written(command: str, inner: int) -> Iterator[Written]:
    if inner <= _INNERMOST:
        yield from _of_script(_Reader(command).script("", 0), inner)


def _of_script(script: _Script, inner: int) -> Iterator[Written]:
    for pipeline in script.pipelines:
        programs = [_program(command) for command in pipeline]
        targets = [("", "")]
        for command, (name, args) in zip(reversed(pipeline), reversed(programs), strict=True):
            targets.append(_target(command, name, args) or (targets[-1] if name in _PASSES else ("", "")))
        targets.reverse()
        for command, program, target in zip(pipeline, programs, targets, strict=False):
            yield from _of_command(command, *program, *target, inner)


def _of_command(command: _Command, name: str, args: list[str], path: str, form: str, inner: int) -> Iterator[Written]:
    """What one command writes, given where its output (or input, for an interpreter) ends up."""
    for heredoc in command.heredocs:
        yield from _literal(path, heredoc.text, form or "heredoc")
        if form == "inline script" and _family(name) == "sh":
            yield from _written(heredoc.text, inner + 1)
    for string in command.strings:
        text = string.value()
        if string.quoted and (form or _is_long(text)):
            yield from _literal(path, text, form or "here-string")
    option = _INLINE.get(_family(name))
    scripts = [text for flag, text in pairwise(args) if option and option.fullmatch(flag)]
    if _patches(name, args):
        scripts = [arg for arg in args if "\n" in arg]
    for text in scripts:
        if _family(name) == "sh":
            yield from _written(text, inner + 1)
        else:
            yield from _literal("", text, "apply_patch" if _patches(name, args) else "inline script")
    if name in {"echo", "printf"} and (path or form) and any(word.quoted for word in command.words):
        text = _printed(name, args)
        if form or _is_long(text):
            scripts.append(text)
            yield from _literal(path, text, form or "here-string")
    if not scripts:
        for word in (*command.words, *command.outputs, *command.strings):
            for piece in word.pieces:
                if isinstance(piece, _Script):
                    yield from _of_script(piece, inner)


def _literal(path: str, text: str, form: str) -> Iterator[Written]:
    """The item, unless there is nothing to see in it or it is a bare variable."""
    if not path and text.lstrip().startswith("*** Begin Patch"):
        form = "apply_patch"
    if text.strip() and not _VARIABLE.fullmatch(text):
        yield Written(path, text, form)


def _program(command: _Command) -> tuple[str, list[str]]:
    """The program a command runs and its arguments, without keywords, assignments and wrappers like sudo."""
    words = [word.value() for word in command.words]
    start = 0
    while start < len(words) and (words[start] in _KEYWORDS or _ASSIGNMENT.match(words[start])):
        start += 1
    if start < len(words) and _base(words[start]) in _WRAPPERS:
        known = (i for i in range(start + 1, len(words)) if _is_known(_base(words[i])))
        start = next(known, start)
    return (_base(words[start]), words[start + 1 :]) if start < len(words) else ("", [])


def _target(command: _Command, name: str, args: list[str]) -> tuple[str, str] | None:
    """The path or the form of the text a command gets or says; None: ask the next in the pipeline."""
    if _patches(name, args):
        return "", "apply_patch"
    if _family(name) in _INLINE:
        return "", "inline script" if _runs_input(args) else ""
    if name == "tee":
        return next((arg for arg in args if not arg.startswith("-")), ""), ""
    paths = [word.value() for word in command.outputs] if name in _PASSES else []
    return next(((path, "") for path in reversed(paths) if path and not path.startswith("/dev/")), None)


def _runs_input(args: list[str]) -> bool:
    """Whether an interpreter with these arguments reads its script from the standard input."""
    for arg in args:
        if arg in {"-", "-s", "/dev/stdin"}:
            return True
        if not arg.startswith("-") and arg != "run":
            return False
        if re.fullmatch(r"-\w*[cempr]|--eval|--print", arg):
            return False
    return True


def _patches(name: str, args: list[str]) -> bool:
    return name in {"apply_patch", "applypatch", "patch"} or (name == "git" and "apply" in args[:3])


def _printed(name: str, args: list[str]) -> str:
    """What echo or printf says, as far as it is literal."""
    if name == "printf":
        shape, *rest = args or [""]
        return "\n".join(rest) if re.fullmatch(r"(%[sb](\\n)?)+", shape) else _unescape(shape)
    options = [arg for arg in args[:2] if re.fullmatch(r"-[neE]+", arg)]
    text = " ".join(args[len(options) :])
    return _unescape(text) if any("e" in option for option in options) else text


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), text)


def _is_long(text: str) -> bool:
    return len(text) >= 40 or "\n" in text.strip("\n")


def _base(word: str) -> str:
    return re.split(r"[/\\]", word)[-1].removesuffix(".exe")


def _family(name: str) -> str:
    return "sh" if name in _SHELLS else name.rstrip("0123456789.")


def _is_known(name: str) -> bool:
    return _family(name) in _INLINE or name in {"tee", "cat", "apply_patch", "patch", "echo", "printf"}
