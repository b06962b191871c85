"""Hooks of every assistant, to capture and to refuse: what to write where, writing it, taking it back, what is there.

``plan`` and ``plan_removal`` read and write nothing; ``apply`` writes what a plan says or nothing at all. Other
people's bytes stay as they are, and ``plan_removal`` after ``plan`` gives the earlier files back.

    change               files to write, all or none
    jsonc, jsonmerge     hooks in and out of JSON settings, byte for byte
    program              the command line of a hook, and how ours is known
    claude_code ...      an assistant each: its files, events, and the versions they were written against
    githooks, exclude    blocks in git's own files; repository asks git
    ownfile, managed     files that are ours alone
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from provenance.errors import ProvenanceError
from provenance.setup import (
    claude_code,
    codex,
    copilot,
    cursor,
    exclude,
    gemini_cli,
    githooks,
    jsonmerge,
    managed,
    opencode,
    ownfile,
    program,
    repository,
)
from provenance.setup.assistant import Assistant, Kind, Place, in_use
from provenance.setup.change import Change, Plan, apply, diff, read, text
from provenance.setup.program import Enforced

__all__ = [
    "ASSISTANTS",
    "NAMES",
    "Change",
    "Enforced",
    "Installed",
    "Kind",
    "Place",
    "Plan",
    "apply",
    "detected",
    "diff",
    "installed",
    "place",
    "plan",
    "plan_removal",
]

T = TypeVar("T")
U = TypeVar("U")

ASSISTANTS: dict[str, Assistant] = {
    one.name: one
    for one in (
        claude_code.ASSISTANT,
        codex.ASSISTANT,
        cursor.ASSISTANT,
        gemini_cli.ASSISTANT,
        copilot.ASSISTANT,
        opencode.ASSISTANT,
    )
}
NAMES = (*ASSISTANTS, "git")
"""What can be installed; ``git`` stands for the hooks that see commits, aider's among them."""


class Installed(NamedTuple):
    """Hooks of ours that a file holds, or a file that cannot be read."""

    assistant: str
    path: Path
    command: str
    """The command line; empty where there is trouble."""
    events: tuple[str, ...]
    """What runs it, in the host's names."""
    runs: bool
    """Whether its program can be found."""
    trouble: str
    """Why the file could not be read; else empty."""
    enforced: Enforced | None = None
    """By which policy it may refuse a call or a commit; None of one that captures."""


def place(kind: Kind, folder: Path, environ: Mapping[str, str]) -> Place:
    """Where ``kind`` means, seen from a folder: the root of its repository, the home folder, or the folder itself.

    Raises ProvenanceError where a repository is meant and there is none.
    """
    match kind:
        case "repository" | "shared":
            return Place(kind, repository.at(folder).root, environ)
        case "user":
            return Place(kind, Path.home(), environ)
        case "managed":
            return Place(kind, folder.absolute(), environ)


def detected(place: Place) -> list[str]:
    """The assistants that are installed here or have been used here; for a fleet all; for a repository git too."""
    found = [one.name for one in ASSISTANTS.values() if place.kind == "managed" or in_use(one, place, Path.home())]
    return [*found, "git"] if place.kind in ("repository", "shared") else found


def plan(
    place: Place, names: Iterable[str], command: str, codex_notify: bool = False, enforced: Enforced | None = None
) -> Plan:
    """What it takes for these assistants to call ``command`` in this place; no changes where they do already.

    With ``enforced`` they ask it, too, before they write, and git before it commits; without, whoever asks already goes
    on asking. Raises ProvenanceError, naming the file, where one cannot be read, parsed or merged into.
    """
    names = list(names)
    changes: list[Change] = []
    notes: list[tuple[str, str]] = []
    asked: dict[str, Enforced] = {}
    for assistant in _assistants(names):
        target = assistant.target(place)
        if _everyones(place, target.path):
            notes.append(
                (assistant.name, f"{target.path} is tracked by git: use --shared (for all) or --user (for you)")
            )
            continue
        rules = enforced or _asked(target.path)
        if rules:
            asked[assistant.name] = rules
        content = assistant.content(command, place, rules)
        if isinstance(content, str):
            changes += _own_file(place, assistant.name, target.path, content)
        else:
            changes += _edit(place, assistant.name, target.path, _adding(content, target.versioned))
        step = assistant.next_step(place, rules)
        notes += [(assistant.name, step)] if step else []
    if codex_notify:
        changes += _edit(place, "codex", codex.config(place), lambda old: codex.with_notify(old, command))
    if place.kind == "managed":
        changes += _own_file(place, "managed", place.root / "README.md", managed.readme(names, command, asked))
    if place.kind in ("repository", "shared"):
        repo = repository.at(place.root)
        if "git" in names:
            more, said, rules = _git_hooks(place, repo, command, enforced)
            changes += more
            notes += [("git", sentence) for sentence in said]
            if rules:
                asked["git"] = rules
        targets = {_pattern(place, one.target(place).path) for one in _assistants(names)}
        made = {_pattern(place, one.path) for one in changes if _needs_exclusion(place, one)}
        changes += _exclusion(place, repo, made, targets if place.kind == "shared" else set())
        store = repo.main / ".provenance"
        if not store.exists():
            changes.append(Change(store / ".gitignore", "store", None, b"*\n"))
    return Plan(tuple(changes), tuple(notes), tuple((who, rules.policy) for who, rules in asked.items()))


def plan_removal(place: Place, names: Iterable[str]) -> Plan:
    """What it takes to have no hooks of ours in this place; the store stays. Raises as ``plan`` does."""
    names = list(names)
    changes: list[Change] = []
    notes: list[tuple[str, str]] = []
    own_files = [place.root / "README.md"] if place.kind == "managed" else []
    for assistant in _assistants(names):
        path = assistant.target(place).path
        if path.suffix != ".json":
            own_files.append(path)
        elif not _everyones(place, path):
            changes += _edit(place, assistant.name, path, _removing(jsonmerge.remove))
    for path in own_files:
        content = None if _everyones(place, path) else text(path)
        if content is not None and ownfile.is_untouched(content):
            changes.append(Change(path, _owner(place, path), content.encode(), None, prune=_prunable(place)))
        elif content is not None and ownfile.is_ours(content):
            notes.append((_owner(place, path), f"{path} was changed by hand since init wrote it: delete it yourself"))
    if place.kind == "user" and "codex" in names:
        changes += _edit(place, "codex", codex.config(place), _removing(codex.without_notify))
    if place.kind in ("repository", "shared"):
        repo = repository.at(place.root)
        if "git" in names:
            changes += _git_hooks(place, repo, None, None)[0]
        changes += _exclusion(
            place, repo, set(), {_pattern(place, one.target(place).path) for one in _assistants(names)}
        )
    return Plan(tuple(changes), tuple(notes))


def installed(places: Iterable[Place]) -> list[Installed]:
    """Every hook of ours that these places hold, by file and command line; a file that cannot be read is listed too.

    A folder that belongs to no repository holds none of a repository's.
    """
    found: dict[tuple[Path, str], Installed] = {}
    for place in places:
        for who, path, holds in _holders(place):
            lines: dict[str, list[str]] = {}
            try:
                for event, line in _named(path, holds, text(path) or ""):
                    lines.setdefault(line, []).append(event)
            except ProvenanceError as error:
                found[path, ""] = Installed(who, path, "", (), False, str(error))
            for line, events in lines.items():
                runs = program.runs(program.of(line), place.environ)
                found[path, line] = Installed(who, path, line, tuple(events), runs, "", program.enforced(line))
    return sorted(found.values(), key=lambda one: (one.assistant, one.path, one.command))


_COMMANDS: dict[str, Callable[[str], list[tuple[str, str]]]] = {
    ".json": lambda content: jsonmerge.commands(content) if content else [],
    ".js": lambda content: [("plugin", line) for line in opencode.commands(content)],
    ".toml": lambda content: [("requirements", line) for line in codex.commands(content)],
}
"""What finds (event, command line) in a file's text, by what the file's name ends in."""


def _asked(path: Path) -> Enforced | None:
    """The policy by which a file's hooks refuse already."""
    lines = _named(path, _COMMANDS[path.suffix], text(path) or "")
    return next((rules for _, line in lines if (rules := program.enforced(line))), None)


def _holders(place: Place) -> Iterator[tuple[str, Path, Callable[[str], list[tuple[str, str]]]]]:
    """(assistant, file, what finds (event, command line) in its text) of every file that can hold hooks of ours."""
    for assistant in ASSISTANTS.values():
        path = assistant.target(place).path
        if path.suffix in _COMMANDS:
            yield assistant.name, path, _COMMANDS[path.suffix]
    if place.kind == "user":
        yield "codex", codex.config(place), lambda content: [("notify", line) for line in codex.notified(content)]
    if place.kind in ("repository", "shared") and (repo := repository.around(place.root)):
        for name in (*githooks.NAMES, githooks.CHECK):
            for folder in {repo.hooks, repo.root / ".husky"}:
                yield (
                    "git",
                    folder / name,
                    lambda content, name=name: [  # type: ignore[misc]
                        (name, line) for line in githooks.commands(content)
                    ],
                )


def _named(path: Path, function: Callable[[T], U], argument: T) -> U:
    """The function's result; its errors name the file."""
    try:
        return function(argument)
    except ProvenanceError as error:
        raise ProvenanceError(f"{path}: {error}") from error


def _assistants(names: list[str]) -> list[Assistant]:
    return [assistant for name, assistant in ASSISTANTS.items() if name in names]


def _adding(hooks: jsonmerge.Hooks, versioned: bool) -> Callable[[str | None], str | None]:
    return lambda old: jsonmerge.create(hooks, versioned) if old is None else jsonmerge.add(old, hooks, versioned)


def _removing(remove: Callable[[str], str | None]) -> Callable[[str | None], str | None]:
    return lambda old: None if old is None else remove(old)


def _edit(place: Place, who: str, path: Path, new: Callable[[str | None], str | None]) -> list[Change]:
    """The change of one text file, if it is one."""
    old = text(path)
    after = _named(path, new, old)
    if after == old:
        return []
    encoded = [content if content is None else content.encode() for content in (old, after)]
    return [Change(path, who, encoded[0], encoded[1], prune=_prunable(place))]


def _own_file(place: Place, who: str, path: Path, content: str) -> list[Change]:
    """The change of a file that is ours alone. Raises ProvenanceError where it is not, or not any more."""
    old = text(path)
    if old is not None and old != content and not ownfile.is_untouched(old):
        why = "was changed by hand since init wrote it" if ownfile.is_ours(old) else "is there already, and not ours"
        raise ProvenanceError(f"{path}: {why} (move it away first)")
    return _edit(place, who, path, lambda _: content)


def _owner(place: Place, path: Path) -> str:
    return next((one.name for one in ASSISTANTS.values() if one.target(place).path == path), "managed")


def _prunable(place: Place) -> Path | None:
    """Where emptied folders may go: not in somebody's home, where assistants keep theirs."""
    return None if place.kind == "user" else place.root


def _everyones(place: Place, path: Path) -> bool:
    """Whether a file is no place for one person's own hooks."""
    return place.kind == "repository" and path.exists() and repository.tracked(place.root, path)


def _git_hooks(
    place: Place, repo: repository.Repository, command: str | None, enforced: Enforced | None
) -> tuple[list[Change], list[str], Enforced | None]:
    """The changes of git's own hooks, to call ``command`` or, with None, not to; what cannot be done; and by which
    policy commits are then judged, if they are."""
    folder, husky = repo.hooks, repo.hooks in (repo.root / ".husky" / "_", repo.root / ".husky")
    mine = repo.git in folder.parents
    if husky:
        folder = repo.root / ".husky"
    known = (*githooks.NAMES, githooks.CHECK) if enforced else githooks.NAMES
    by_hand = _by_hand(command, enforced, known)
    if not mine and repo.root not in folder.parents:
        return [], [f"core.hooksPath is {folder}, for more than this repository: {by_hand}"], None
    if not mine and place.kind == "repository":
        return [], [f"{folder} holds hooks for everyone: use --shared to add to them, or {by_hand}"], None
    changes: list[Change] = []
    notes: list[str] = []
    checked: Enforced | None = None
    for name in (*githooks.NAMES, githooks.CHECK):
        path = folder / name
        raw = read(path)
        old = None if raw is None else raw.decode("utf-8", "surrogateescape")
        rules = (enforced or githooks.checks(old or "")) if name == githooks.CHECK and command is not None else None
        if name == githooks.CHECK and command is not None and rules is None:
            continue
        if old is not None and command is not None and not githooks.commands(old):
            why = _unfit(path, old, husky)
            if why:
                notes.append(f"{path} {why}: {_by_hand(command, rules, (name,) if rules else githooks.NAMES)}")
                continue
            if "generated by pre-commit" in old:
                notes.append(f"{path} is written anew whenever pre-commit is installed: run init again then")
        if command is None:
            after = None if old is None else githooks.remove(old)
        else:
            after = githooks.create(name, command, rules) if old is None else githooks.add(old, name, command, rules)
            checked = rules or checked
        if after != old:
            new = None if after is None else after.encode("utf-8", "surrogateescape")
            changes.append(Change(path, "git", raw, new, executable=True))
    return changes, notes, checked


def _unfit(path: Path, content: str, husky: bool) -> str:
    """Why a block cannot go into an existing hook."""
    if path.is_symlink():
        return "is a symbolic link"
    if not githooks.is_shell(content):
        return "is no shell script"
    return "" if husky or os.access(path, os.X_OK) else "is not executable, so git does not run it"


def _by_hand(command: str | None, rules: Enforced | None, names: Iterable[str]) -> str:
    lines = " and ".join(f"`{githooks.line(name, command or program.SHARED, rules)}`" for name in names)
    return f"call {lines} from your own hooks"


def _exclusion(place: Place, repo: repository.Repository, made: set[str], dropped: set[str]) -> list[Change]:
    """The change of the clone's own list of files that git does not show."""
    kept = set(exclude.patterns(text(repo.exclude))) - dropped
    return _edit(place, "git", repo.exclude, lambda old: exclude.with_patterns(old, kept | made))


def _needs_exclusion(place: Place, change: Change) -> bool:
    """Whether one person's installation makes a file that everyone's ``git status`` would show."""
    new = place.kind == "repository" and change.who in ASSISTANTS and change.before is None
    return new and not repository.ignored(place.root, change.path)


def _pattern(place: Place, path: Path) -> str:
    return f"/{path.relative_to(place.root).as_posix()}"
