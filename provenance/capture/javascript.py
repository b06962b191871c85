"""Reads the string literals in JavaScript source, and which of them reach a call. It runs nothing.

Codex's ``exec`` tool takes a script such as ``text(await tools.apply_patch(patch))``; what the model wrote
stands in its strings. The reading is of tokens, not of a grammar: a name holds what was last assigned to it
above (or first below), whatever the scope, and what cannot be told this way is left out. Any text gives an
answer, in about linear time.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass, field


def string_literals(source: str) -> list[str]:
    """The values of all string and template literals, in order of their beginnings.

    In a template each ``${...}`` is replaced by a newline; the literals within it follow on their own.
    """
    return [token.text for token in _tokens(source) if token.kind == "string"]


def calls(source: str, names: Collection[str]) -> list[tuple[str, list[str]]]:
    """Each call of one of the names, as ``name(...)`` or ``x.name(...)``, with the strings that reach it.

    These are the literals between its parentheses and the values of the variables named there, after
    ``+`` and ``[...].join(...)``.
    """
    return _Reading(_tokens(source), len(source)).calls(names)


_SPACE = re.compile(r"\s+|//[^\n]*")
_WORD = re.compile(r"[\w$]+")
_QUOTED = {quote: re.compile(rf"[^{quote}\\\n]*+(?:\\(?:\r\n|[\s\S])[^{quote}\\\n]*+)*+") for quote in ("'", '"')}
_CHUNK = re.compile(r"[^`\\$]*+(?:(?:\\[\s\S]|\$(?!\{))[^`\\$]*+)*+")
_REGEX = re.compile(r"/(?:[^/\\\[\n]|\\[^\n]|\[(?:[^\]\\\n]|\\[^\n])*+\])++/\w*")
_BEFORE_REGEX = frozenset(
    {"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "await", "yield"}
)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,8})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|[\s\S]))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_ESCAPES |= dict.fromkeys(("\n", "\r\n", "\r", "\u2028", "\u2029"), "")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CLOSES = {")": "(", "]": "[", "}": "{"}
_SAME_TEXT = frozenset({"trim", "trimStart", "trimEnd", "toString"})


@dataclass(slots=True)
class _Token:
    kind: str
    """word, string or mark."""
    text: str
    """As it stands; of a string, its value."""
    parts: list[str] = field(default_factory=list)
    """Of a template, the literal parts."""
    holes: list[tuple[int, int]] = field(default_factory=list)
    """Of a template, the tokens (from, to) of each substitution."""
    after: int = 0
    """Of a template, the next token that is not within it."""


_END = _Token("mark", "")


def _tokens(source: str) -> list[_Token]:
    tokens: list[_Token] = []
    templates: list[tuple[_Token, bool]] = []  # those we are in, and whether they are raw
    braces: list[int] = []  # for each of them, the braces open in its substitution
    at = no_regex_before = 0
    in_text = False
    while at < len(source):
        char = source[at]
        before = tokens[-1] if tokens else _END
        if in_text:
            template, raw = templates[-1]
            chunk = _CHUNK.match(source, at)
            text = chunk[0] if chunk else ""
            at += len(text)
            template.parts.append(_value(text, raw))
            in_text = False
            if source.startswith("${", at):
                at += 2
                braces.append(0)
                tokens.append(_Token("mark", "{"))
                template.holes.append((len(tokens), 0))
            else:  # its end, or the end of the source
                at += 1
                templates.pop()
                template.text = "\n".join(template.parts)
                template.after = len(tokens)
        elif blank := _SPACE.match(source, at):
            at = blank.end()
        elif source.startswith("/*", at):
            end = source.find("*/", at + 2)
            at = end + 2 if end >= 0 else len(source)
        elif char in _QUOTED:
            quoted = _QUOTED[char].match(source, at + 1)
            end = quoted.end() if quoted else at + 1
            if source[end : end + 1] != "\n":  # else it has no end, and is not a string
                tokens.append(_Token("string", _value(source[at + 1 : end], raw=False)))
            at = end + 1
        elif char == "`":
            raw = [token.text for token in tokens[-3:]] == ["String", ".", "raw"]
            templates.append((_Token("string", ""), raw))
            tokens.append(templates[-1][0])
            at, in_text = at + 1, True
        elif word := _WORD.match(source, at):
            tokens.append(_Token("word", word[0]))
            at = word.end()
        elif char == "}" and braces and braces[-1] == 0:
            template = templates[-1][0]
            template.holes[-1] = (template.holes[-1][0], len(tokens))
            braces.pop()
            tokens.append(_Token("mark", "}"))
            at, in_text = at + 1, True
        elif char == "/" and at >= no_regex_before and _may_start_regex(before):
            if literal := _REGEX.match(source, at):
                tokens.append(_Token("mark", "/"))
                at = literal.end()
            else:
                no_regex_before = source.find("\n", at) % (len(source) + 1)
        else:
            if braces and char in "{}":
                braces[-1] += 1 if char == "{" else -1
            tokens.append(_Token("mark", char))
            at += 1
    for template, _ in templates:
        template.text = "\n".join(template.parts)
        template.after = len(tokens)
    return tokens


def _may_start_regex(before: _Token) -> bool:
    if before.kind == "word":
        return before.text in _BEFORE_REGEX
    return before.kind == "mark" and before.text not in {")", "]", "}"}


def _value(literal: str, raw: bool) -> str:
    """What a literal stands for. It can be written as UTF-8: half a surrogate pair becomes U+FFFD."""
    text = literal.replace("\r\n", "\n")
    if not raw:
        text = _ESCAPE.sub(_unescape, text)
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _unescape(escape: re.Match[str]) -> str:
    if escape[4] is not None:
        return _ESCAPES.get(escape[4], escape[4])
    code = int(escape[1] or escape[2] or escape[3], 16)
    return chr(code) if code <= 0x10FFFF else "\ufffd"


class _Reading:
    """Tokens with what is known of their brackets and variables.

    Two budgets keep hostile sources from more than linear time: tokens visited within brackets (calls
    within calls) and characters taken from variables (``b = a + a``, again and again).
    """

    def __init__(self, tokens: list[_Token], length: int) -> None:
        self.tokens = tokens
        self.visits = 2 * len(tokens) + 1000
        self.characters = 16 * length + 1000
        self.closing = _closing(tokens)
        self.assigned: dict[str, tuple[list[int], list[list[str]]]] = {}
        for at, token in enumerate(tokens):
            if token.kind == "word" and not self.is_mark(at - 1, "."):
                self.assign(at, token.text)

    def calls(self, names: Collection[str]) -> list[tuple[str, list[str]]]:
        found = []
        for at, token in enumerate(self.tokens):
            if token.text not in names or token.kind == "mark" or self.token(at - 1).text == "function":
                continue
            start = at + 1
            if token.kind == "string":  # tools["name"](...)
                if not (self.is_mark(at - 1, "[") and self.is_mark(at + 1, "]")):
                    continue
                start = at + 2
            if self.is_mark(start, "?") and self.is_mark(start + 1, "."):
                start += 2
            if self.is_mark(start, "("):
                found.append((token.text, self.strings(start)))
        return found

    def token(self, at: int) -> _Token:
        return self.tokens[at] if 0 <= at < len(self.tokens) else _END

    def is_mark(self, at: int, text: str) -> bool:
        token = self.token(at)
        return token.kind == "mark" and token.text == text

    def assign(self, at: int, name: str) -> None:
        """Notes the value if the name at this token is assigned one; no strings, if it is not literal."""
        more = self.is_mark(at + 1, "+")
        start = at + 3 if more else at + 2
        if not self.is_mark(start - 1, "=") or self.is_mark(start, "=") or self.is_mark(start, ">"):
            return
        value, _ = self.concatenation(start, arrays=True)
        if value is not None:
            texts = [value]
        elif self.token(start).kind == "mark" and self.token(start).text in {"{", "["}:
            texts = self.strings(start)
        else:
            texts = []
        if more:
            texts = ["".join(self.variable(at) + texts)]
        places, values = self.assigned.setdefault(name, ([], []))
        places.append(at)
        values.append(texts)

    def variable(self, at: int) -> list[str]:
        """The strings held by the variable this token names: last assigned above, else first below."""
        places, values = self.assigned.get(self.tokens[at].text, ([], []))
        is_property = self.is_mark(at - 1, ".") and not self.is_mark(at - 2, ".")  # x.name, not ...name
        if not places or is_property or self.characters <= 0:
            return []
        texts = values[max(0, bisect_right(places, at) - 1)]
        self.characters -= sum(map(len, texts)) + len(texts)
        return texts

    def strings(self, opening: int) -> list[str]:
        """The strings between a bracket and its counterpart."""
        found: list[str] = []
        at, end = opening + 1, self.closing.get(opening, len(self.tokens))
        while at < end and self.visits > 0:
            self.visits -= 1
            is_key = self.is_mark(at + 1, ":") and (self.is_mark(at - 1, "{") or self.is_mark(at - 1, ","))
            value, after = (None, at) if is_key else self.concatenation(at, arrays=True)
            if value is not None:
                found.append(value)
            elif not is_key and self.token(at).kind == "word" and self.is_plain(at):
                found.extend(self.variable(at))
            at = max(after, at + 1)
        return found

    def concatenation(self, at: int, arrays: bool) -> tuple[str | None, int]:
        """The string ``a + b + ...`` makes from here on, as far as it is known, and the token after it."""
        parts: list[str] = []
        end = at
        while True:
            text, after = self.term(at, arrays)
            if text is None:
                break
            parts.append(text)
            end, at = after, after + 1
            if not self.is_mark(end, "+"):
                break
        return ("".join(parts) if parts else None), end

    def term(self, at: int, arrays: bool) -> tuple[str | None, int]:
        token = self.token(at)
        if token.kind == "string":
            return self.filled(token), token.after or at + 1
        if token.text == "String" and self.token(at + 2).text == "raw" and self.token(at + 3).after:
            return self.term(at + 3, arrays)
        if token.text == "[" and arrays and at in self.closing:
            separator, after = self.join(self.closing[at] + 1)
            return (None, at) if separator is None else (separator.join(self.elements(at)), after)
        if token.kind == "word":
            separator, after = self.join(at + 1)
            if separator is not None:
                texts = self.variable(at)
                return (separator.join(texts) if texts else None), after
            if self.is_plain(at):
                texts = self.variable(at)
                return (texts[0] if len(texts) == 1 else None), at + 1
        return None, at

    def is_plain(self, at: int) -> bool:
        """Whether the word stands for its value: it is not called, indexed, assigned or looked into."""
        if self.is_mark(at + 1, ".") and self.token(at + 2).text in _SAME_TEXT:
            return True
        return not any(self.is_mark(at + 1, mark) for mark in (".", "(", "[", "="))

    def filled(self, token: _Token) -> str:
        """The value of a string, with the variables and literals that a template names put in."""
        if not token.holes:
            return token.text
        pieces = [token.parts[0]]
        for (start, end), part in zip(token.holes, token.parts[1:], strict=False):
            inner = self.token(start)
            known: list[str] = []
            if end == start + 1:
                known = [inner.text] if inner.kind == "string" else self.variable(start)
            pieces += [known[0] if len(known) == 1 else "\n", part]
        return "".join(pieces)

    def join(self, at: int) -> tuple[str | None, int]:
        """The separator of a ``.join(...)`` with a literal or nothing that stands here, and what follows."""
        if not (self.is_mark(at, ".") and self.token(at + 1).text == "join" and self.is_mark(at + 2, "(")):
            return None, at
        if self.is_mark(at + 3, ")"):
            return ",", at + 4
        separator = self.token(at + 3)
        known = separator.kind == "string" and self.is_mark(at + 4, ")")
        return (separator.text, at + 5) if known else (None, at)

    def elements(self, opening: int) -> list[str]:
        """The elements of an array as far as they are known."""
        found = []
        at, end = opening + 1, self.closing[opening]
        while at < end:
            value, after = self.concatenation(at, arrays=False)
            if value is not None:
                found.append(value)
            elif self.is_mark(at, ".") and self.token(at + 3).kind == "word":
                found.extend(self.variable(at + 3))
            at = after
            while at < end and not self.is_mark(at, ","):
                at = self.closing.get(at, at) + 1
            at += 1
        return found


def _closing(tokens: list[_Token]) -> dict[int, int]:
    """For each opening bracket its closing one; what has none is skipped."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    counts = dict.fromkeys(_CLOSES.values(), 0)
    for at, token in enumerate(tokens):
        if token.kind != "mark":
            continue
        if token.text in counts:
            opened.append(at)
            counts[token.text] += 1
        elif counts.get(_CLOSES.get(token.text, ""), 0):
            while True:
                start = opened.pop()
                counts[tokens[start].text] -= 1
                if tokens[start].text == _CLOSES[token.text]:
                    closing[start] = at
                    break
    return closing
