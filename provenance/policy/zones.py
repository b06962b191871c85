"""Which zones of a policy an address lies in. Pure: it looks at names, and never at a disk or a clock."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from provenance.policy.schema import Policy, Zone

NOWHERE = ""
"""The zone of what lies in none."""


def of(policy: Policy, file: str, *, team: str = "", today: date | None = None, root: str = "") -> tuple[str, ...]:
    """The zones that an address may lie in, in the policy's order; the last one is certain.

    It lies in the first zone that holds it. Where a team or day is not known that a zone asks for, it may lie there
    or not: both ways count, and the more severe verdict stands. ``root`` is the folder that relative globs start
    from, for names that are absolute.
    """
    names = tuple(forms(file, root))
    found = []
    for name, zone in policy.zones.items():
        held = _holds(zone, names, team, today)
        if held is False:
            continue
        found.append(name)
        if held:
            return tuple(found)
    return (*found, NOWHERE)


def _holds(zone: Zone, names: tuple[str, ...], team: str, today: date | None) -> bool | None:
    """Whether a zone holds the address; None where nobody can tell."""
    if not _placed(zone, names):
        return False
    sure = True
    if zone.teams:
        if team and team not in zone.teams:
            return False
        sure = bool(team)
    if zone.start or zone.until:
        if today is None:
            return None
        if (zone.start and today < zone.start) or (zone.until and today > zone.until):
            return False
    return True if sure else None


def _placed(zone: Zone, names: tuple[str, ...]) -> bool:
    if not zone.paths and not zone.datasets:
        return True
    paths = [pattern(glob) for glob in zone.paths]
    datasets = [pattern(glob) for glob in zone.datasets]
    for name in names:
        if any(one.fullmatch(name) for one in paths):
            return True
        if datasets and any(one.fullmatch(part) for part in above(name) for one in datasets):
            return True
    return False


def forms(file: str, root: str = "") -> Iterator[str]:
    """The names under which a glob may know a file: as given, and with and without the root."""
    name = _tidy(file)
    yield name
    if root and "://" not in name:
        base = _tidy(root).rstrip("/")
        if not name.startswith("/"):
            yield _tidy(f"{base}/{name}")
        elif name.startswith(base + "/"):
            yield name[len(base) + 1 :]


def _tidy(name: str) -> str:
    """A path with forward slashes and no ``.`` or ``..`` that could hide where it leads."""
    scheme, found, rest = name.partition("://")
    if found:
        return f"{scheme}://{posixpath.normpath(rest)}"
    return posixpath.normpath(name.replace("\\", "/"))


def above(name: str) -> Iterator[str]:
    """A name, and every folder above it."""
    yield name
    while "/" in name.rstrip("/"):
        name = name.rstrip("/").rpartition("/")[0]
        if name and not name.endswith(":/"):
            yield name


@lru_cache(maxsize=4096)
def pattern(glob: str) -> re.Pattern[str]:
    """A glob over whole names: ``*`` and ``?`` stay within a folder, ``**`` is any number of folders, a folder with
    a slash at its end is all that lies in it."""
    text = re.sub(r"(\*\*/)+", "**/", _tidy(glob)) + ("/**" if glob.endswith("/") else "")
    made = ""
    for piece in re.findall(r"\*\*/|/\*\*$|\*+|\?|\[[!^]?[^]/][^]/]*\]|.", text, re.DOTALL):
        if piece == "**/":
            made += "(?:.*/)?"
        elif piece == "/**":
            made += "/.+"
        elif piece == "**":
            made += ".*"
        elif piece[0] == "*":
            made += "[^/]*"
        elif piece == "?":
            made += "[^/]"
        elif len(piece) > 1:
            inner = piece[1:-1]
            negated = inner[0] in "!^"
            inner = re.sub(r"([\\\[\]&~|^])", r"\\\1", inner[1:] if negated else inner)
            made += f"(?!/)[{'^' if negated else ''}{inner}]"
        else:
            made += re.escape(piece)
    try:
        return re.compile(made, re.DOTALL)
    except re.error:  # [z-a]: no glob, so it stands for itself
        return re.compile(re.escape(text))
