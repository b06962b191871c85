"""Whether a text can declare anything about itself at all: a first look that costs microseconds and loads nothing, for
the hook of a commit, to which loading ``signals`` is dear (0.08 s). It never says no where ``signals.of`` finds any.
"""

from __future__ import annotations

BLANK = b"\r\n\xef\xbb\xbf"
HEAD = 64 << 10
"""Bytes in which front matter or a page's head names itself,"""
RECORD_HEAD = 400
"""... a JSON record,"""
TAIL = 1 << 10
"""... and at the end, trailers or a C2PA block."""
KEYS = (
    b'"parent', b'"payload', b'"projectHash', b'"session', b'"schema_version', b'"ses_', b'"stop_reason', b'"call_',
    b'"chat_messages', b'"create_time', b'"conversation', b'"isSidechain', b'"instructions', b'"inputState',
    b'"record_type', b'"reque', b'"respo', b'"resource', b'"leafUuid', b'"mapping', b'"messageId', b'"uuid', b'"usage',
)  # fmt: skip
KINDS = (b'"assistant', b'"user', b'"message', b'"gemini', b'"session.', b'"tool.', b'"system')
STARTS = (b"TO LLM ", b"event:", b"data:", b"commit ", b"From ")
CLOSING = (b"authored-by:", b"developed-by:", b"assisted-by:", b"generated-by:", b"-session: ", b"-checkpoint: ")
MADE = (b"with [", b"by [")


def may_declare(text: bytes) -> bool:
    """Whether ``signals.of`` may find anything in a text."""
    return _begins(text.lstrip(BLANK)[:HEAD]) or _ends(text[-TAIL:]) or _holds(text)


def _begins(head: bytes) -> bool:
    if head.startswith((b"{", b"[")):
        first = head[:RECORD_HEAD]
        typed = b'"type"' in first and any(kind in first for kind in KINDS)
        return typed or b'"kind"' in first or any(key in first for key in KEYS)
    if head.startswith((b"<", b"---", b"#")):
        marked = b"lgorithmicMedia" in head or b"c2pa" in head
        return marked or b"aider chat started" in head[:RECORD_HEAD] or _is_exported(head[:RECORD_HEAD])
    return head.startswith(STARTS)


def _is_exported(first: bytes) -> bool:
    """Whether a comment stands near the beginning that names a session or SpecStory."""
    return b"<!-- " in first and (b" Session " in first or b"SpecStory" in first)


def _ends(tail: bytes) -> bool:
    low = tail.lower()
    return any(key in low for key in CLOSING) or (b"](http" in tail and any(word in tail for word in MADE))


def _holds(text: bytes) -> bool:
    return b"C2PA MANIFEST-" in text or b'"authorship/' in text or b"\xf3\xa0" in text
