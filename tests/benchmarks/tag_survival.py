"""How tags survive what people do to commits: rebase with squash, cherry-pick, git mv, a formatter, amend.

    python tests/benchmarks/tag_survival.py [--seeds 4] [--commits 20]

Makes, for each seed, a repository of Python files in which an assistant (through the capture hook, as Claude Code would
call it) and a person take turns: new files, new functions, single statements inside each other's functions, lines
changed by hand.
Git's hooks are installed and tag every commit. Texts are real: functions and statements of the standard library's
modules, some modules for the assistant and others for the person. Then the history is rewritten in real git.

Prints a Markdown table. "Found again" is the share of lines tagged before that are tagged after; "falsely tagged" are
the person's lines with a tag. Lines are followed through each change by their words, of which every one has an owner.
Lines of the assistant that the person then changed are left out of both.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import keyword
import os
import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

from provenance import git, hook
from provenance.capture import payloads
from provenance.setup import githooks
from provenance.tagging import notes

ASSISTANTS = (
    "tarfile zipfile textwrap shelve statistics string subprocess tempfile threading tokenize trace traceback types "
    "typing uuid warnings weakref webbrowser xmlrpc.client http.cookiejar imaplib mailbox nntplib plistlib poplib"
).split()
PERSONS = (
    "argparse ast calendar cmd configparser csv difflib dis doctest email.message fileinput fractions ftplib getopt "
    "gettext glob gzip heapq http.client inspect ipaddress locale logging.handlers optparse pdb pickle pprint"
).split()
SESSION = "5e55104a-0000-4000-8000-00000000abcd"
ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
TABLE: defaultdict[str, Counter[str]] = defaultdict(Counter)
"""The rows, over all repositories."""
LEAVES = (*ENDS, ast.Yield, ast.Await, ast.Nonlocal, ast.Global)


class Line(NamedTuple):
    """A line of a file: whose it is (``model``, ``person``, ``both``), and a number of its own."""

    text: str
    owner: str
    number: int


class Pool(NamedTuple):
    """What one of the two writes."""

    functions: list[str]
    statements: list[str]


def pool(modules: list[str], rng: random.Random) -> Pool:
    """The functions and the statements of modules, in the order of chance, each once."""
    functions: dict[str, None] = {}
    statements: dict[str, None] = {}
    for name in modules:
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            continue
        if found is None or not found.origin or not found.origin.endswith(".py"):
            continue
        source = Path(found.origin).read_text("utf-8")
        rows = source.split("\n")
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.FunctionDef):
                continue
            text = lines_of(rows, node)
            if 5 <= text.count("\n") <= 40 and is_python(text):
                functions[text] = None
            for one in node.body:
                piece = lines_of(rows, one)
                fits = isinstance(one, ast.Assign | ast.If | ast.For) and piece.count("\n") < 6
                if fits and is_python(piece) and not any(isinstance(part, LEAVES) for part in ast.walk(one)):
                    statements[piece] = None
    listed = list(functions), list(statements)
    for one in listed:
        rng.shuffle(one)
    return Pool(*listed)


def lines_of(rows: list[str], node: ast.stmt) -> str:
    """The lines of a function or statement, as at the margin."""
    return textwrap.dedent("\n".join(rows[node.lineno - 1 : node.end_lineno]))


def is_python(text: str) -> bool:
    """Whether it stands by itself, and a formatter would take it."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


class Workshop:
    """The repository, what is in its files, and who wrote each line."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.rng = rng
        self.files: dict[str, list[Line]] = {}
        self.number = 0
        self.calls = 0
        self.model, self.person = pool(ASSISTANTS, rng), pool(PERSONS, rng)

    def git(self, *arguments: str, **environment: str) -> str:
        """What git says."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, **environment},
        )
        if done.returncode:
            raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.decode()}{done.stdout.decode()}")
        return done.stdout.decode().strip()

    def lines(self, text: str, owner: str) -> list[Line]:
        """New lines."""
        made = []
        for line in text.rstrip("\n").split("\n"):
            self.number += 1
            made.append(Line(line, owner, self.number))
        return made

    def put(self, path: str) -> None:
        """Write a file as it is known."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{line.text}\n" for line in self.files[path]))

    def tell(self, tool: str, path: str, given: dict[str, Any], original: str) -> None:
        """The payload of Claude Code's hook after a tool."""
        self.calls += 1
        payload = {
            "session_id": SESSION,
            "transcript_path": "",
            "cwd": str(self.folder),
            "hook_event_name": "PostToolUse",
            "tool_name": tool,
            "tool_use_id": f"toolu_{self.calls:024d}",
            "tool_input": {"file_path": str(self.folder / path), **given},
            "tool_response": {"originalFile": original} if original else {},
        }
        hook.capture(payloads.hear(payload, "claude-code"), str(self.folder / ".provenance"))

    def write(self, path: str, owner: str) -> None:
        """A new file of two to four functions."""
        functions = (self.model if owner == "model" else self.person).functions
        text = "\n\n\n".join(functions.pop() for _ in range(self.rng.randrange(2, 5)))
        self.files[path] = self.lines(text, owner)
        if owner == "model":
            self.tell("Write", path, {"content": text + "\n"}, "")
        self.put(path)

    def insert(self, path: str, owner: str, text: str, at: int) -> None:
        """Lines into a file before line ``at`` (from 0), by an edit that repeats the line before."""
        before = self.files[path]
        old = "".join(f"{line.text}\n" for line in before)
        added = self.lines(text, owner)
        if owner == "model":
            anchor = before[at - 1].text
            self.tell("Edit", path, {"old_string": anchor, "new_string": f"{anchor}\n{text}"}, old)
        self.files[path] = [*before[:at], *added, *before[at:]]
        self.put(path)

    def add_function(self, path: str, owner: str) -> None:
        """A function at the end."""
        functions = (self.model if owner == "model" else self.person).functions
        self.insert(path, owner, "\n\n" + functions.pop(), len(self.files[path]))

    def add_statement(self, path: str, owner: str) -> None:
        """A statement of a few lines somewhere inside a function."""
        source = "".join(f"{line.text}\n" for line in self.files[path])
        bodies = [node.body for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        places = [one for body in bodies for one in body if not isinstance(one, ENDS)]
        if not places:
            return
        place = self.rng.choice(places)
        statement = (self.model if owner == "model" else self.person).statements.pop()
        self.insert(path, owner, textwrap.indent(statement, " " * place.col_offset), place.end_lineno or 1)

    def amend_by_hand(self, path: str) -> None:
        """The person gives another name to something on one line."""
        rows = self.files[path]
        source = [line.text for line in rows]
        for at in self.rng.sample(range(len(rows)), len(rows)):
            words = source[at].split("(")[0].strip()
            if words.isidentifier() and not keyword.iskeyword(words) and "(" in source[at]:
                changed = source[at].replace(words, f"{words}_by_hand", 1)
                owner = "person" if rows[at].owner == "person" else "both"
                self.number += 1
                self.files[path] = [*rows[:at], Line(changed, owner, self.number), *rows[at + 1 :]]
                self.put(path)
                return

    def commit(self, message: str) -> str:
        """Commit everything; the hook tags it."""
        self.git("add", "-A", ".")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


def history(shop: Workshop, count: int) -> Iterator[tuple[str, dict[str, list[Line]]]]:
    """Commits in which the two take turns: the id, and the files as they stand."""
    for number in range(count):
        paths = sorted(shop.files)
        if number % 4 == 0 or not paths:
            shop.write(f"src/part{number}.py", "model")
        if number % 7 == 1:
            shop.write(f"src/own{number}.py", "person")
        for _ in range(3):
            path = shop.rng.choice(sorted(shop.files))
            for owner in shop.rng.sample(["model", "person"], 2):
                shop.rng.choice([shop.add_function, shop.add_statement, shop.add_statement])(path, owner)
        shop.amend_by_hand(shop.rng.choice(sorted(shop.files)))
        yield shop.commit(f"change {number}"), {path: list(lines) for path, lines in shop.files.items()}


class Seen(NamedTuple):
    """What the tags say of the lines that commits add: their owners and numbers, and which have a tag."""

    lines: dict[int, str]
    tagged: set[int]


def seen(shop: Workshop, commits: list[str], files: dict[str, dict[str, list[Line]]]) -> Seen:
    """By the notes of the commits; ``files`` are those of the commits' trees, by commit."""
    root = shop.folder
    attached = dict(git.notes(root, notes.REF))
    lines: dict[int, str] = {}
    tagged: set[int] = set()
    with git.objects(root) as read:
        for commit, changes in git.changes(root, [git.commit_of(read(sha)) for sha in commits]):  # type: ignore[misc]
            found = read(attached[commit.sha]) if commit.sha in attached else None
            note = notes.parse(found.data) if found else None
            for change in changes or ():
                known = files[commit.sha].get(change.path)
                if not change.new or known is None:
                    continue
                blob = read(change.new)
                assert blob is not None
                owners = aligned(blob.data.decode().split("\n"), known)
                spans = note.files.get(change.path, ()) if note else ()
                named = {line for one in spans for line in range(one.first, one.last + 1)}
                for hunk in change.hunks:
                    for at in range(hunk.first, hunk.first + len(hunk.lines)):
                        for line in owners.get(at, ()):
                            lines[line.number] = line.owner
                            if at in named:
                                tagged.add(line.number)
    return Seen(lines, tagged)


def words(text: str) -> list[str]:
    """The names and numbers of a line: what no formatter changes."""
    return "".join(char if char.isalnum() or char == "_" else " " for char in text).split()


def aligned(new: list[str], known: list[Line]) -> dict[int, list[Line]]:
    """For each line of a file, from 1, the known lines whose words it has most of."""
    if [line.text for line in known] == new[: len(known)]:
        return {at: [line] for at, line in enumerate(known, 1) if words(line.text)}
    ours = [(word, line) for line in known for word in words(line.text)]
    theirs = [(word, at) for at, text in enumerate(new, 1) for word in words(text)]
    matcher = SequenceMatcher(None, [word for word, _ in ours], [word for word, _ in theirs], autojunk=False)
    sizes: dict[int, int] = {}
    for _, line in ours:
        sizes[line.number] = sizes.get(line.number, 0) + 1
    counts: dict[tuple[int, int], int] = {}
    by_number = {line.number: line for line in known}
    for block in matcher.get_matching_blocks():
        for step in range(block.size):
            key = (theirs[block.b + step][1], ours[block.a + step][1].number)
            counts[key] = counts.get(key, 0) + 1
    owners: dict[int, list[Line]] = {}
    for (at, number), count in counts.items():
        if 2 * count > sizes[number]:
            owners.setdefault(at, []).append(by_number[number])
    return owners


def count(name: str, commits: int, before: Seen, after: Seen, seconds: float) -> None:
    """Add to a row of the table."""
    there = {number for number in before.tagged if number in after.lines and after.lines[number] == "model"}
    model = [number for number, owner in after.lines.items() if owner == "model"]
    person = [number for number, owner in after.lines.items() if owner == "person"]
    TABLE[name] += Counter(
        commits=commits,
        model=len(model),
        tagged=len(after.tagged.intersection(model)),
        there=len(there),
        again=len(there & after.tagged),
        person=len(person),
        wrong=len(after.tagged.intersection(person)),
        milliseconds=round(1e3 * seconds),
    )


def report() -> None:
    """The table."""
    print("| | commits | assistant's lines | tagged | found again | person's lines | falsely tagged | s a commit |")
    print("|---|---|---|---|---|---|---|---|")
    for name, row in TABLE.items():
        print(
            f"| {name} | {row['commits']} | {row['model']:,} | {row['tagged'] / max(1, row['model']):.3f} "
            f"| {row['again'] / max(1, row['there']):.3f} | {row['person']:,} | {row['wrong']} "
            f"| {row['milliseconds'] / 1e3 / max(1, row['commits']):.2f} |"
        )


def main() -> None:
    """Make the history, rewrite it in each way, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--commits", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "HOME": folder,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_EDITOR": "true",
        }
        for who in ("AUTHOR", "COMMITTER"):
            os.environ |= {f"GIT_{who}_NAME": "Ada", f"GIT_{who}_EMAIL": "ada@example.com"}
        for seed in range(1, given.seeds + 1):
            measure(Path(folder) / "work", random.Random(seed), given.commits)
    report()


def measure(folder: Path, rng: random.Random, wanted: int) -> None:
    """One repository, rewritten in each way from the same state."""
    shop = Workshop(folder, rng)
    (folder / ".provenance").mkdir(parents=True)
    (folder / ".provenance" / ".gitignore").write_text("*\n")
    shop.git("init", "-q", "-b", "main")
    for name in githooks.NAMES:
        file = folder / ".git" / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(githooks.create(name, f"'{sys.executable}' -m provenance"))
        file.chmod(0o755)
    (folder / "README.md").write_text("# Work\n")
    root = shop.commit("begin")
    begun = time.perf_counter()
    made = list(history(shop, wanted))
    first = seen(shop, [sha for sha, _ in made], dict(made))
    count("as committed", len(made), first, first, time.perf_counter() - begun)
    last = made[-1][1]

    def fresh(name: str) -> None:
        shop.git("checkout", "-q", "-B", name, "main")

    def done(name: str, start: str, begun: float, of: Callable[[int, str], dict[str, list[Line]]]) -> None:
        shas = shop.git("rev-list", "--reverse", f"{start}..HEAD").split()
        files = {sha: of(at, sha) for at, sha in enumerate(shas)}
        count(name, len(shas), first, seen(shop, shas, files), time.perf_counter() - begun)

    fresh("squashed")
    begun = time.perf_counter()
    script = "sed -i -e '2~4s/^pick/squash/' -e '3~4s/^pick/fixup/' -e '4~4s/^pick/squash/'"
    shop.git("rebase", "-q", "-i", root, GIT_SEQUENCE_EDITOR=script)
    ends = [min(at + 3, wanted - 1) for at in range(0, wanted, 4)]
    done("rebase -i, four commits into one", root, begun, lambda at, sha: made[ends[at]][1])

    shop.git("checkout", "-q", "-B", "other", root)
    (folder / "NOTES.md").write_text("Something else.\n")
    shop.commit("other")
    begun = time.perf_counter()
    other = shop.git("rev-parse", "HEAD")
    shop.git("cherry-pick", f"{root}..main")
    done("cherry-pick onto another branch", other, begun, lambda at, sha: made[at][1])

    shop.git("checkout", "-q", "-B", "merged", root)
    begun = time.perf_counter()
    shop.git("merge", "-q", "--squash", "main")
    shop.git("commit", "-q", "-m", "all")
    done("merge --squash", root, begun, lambda at, sha: last)

    fresh("moved")
    begun = time.perf_counter()
    shop.git("mv", "src", "lib")
    shop.git("commit", "-q", "-m", "move")
    done("git mv", "main", begun, lambda at, sha: {path.replace("src/", "lib/"): lines for path, lines in last.items()})

    fresh("amended")
    begun = time.perf_counter()
    shop.git("commit", "-q", "--amend", "-m", "again")
    done("commit --amend", "main~1", begun, lambda at, sha: last)

    fresh("indented")
    begun = time.perf_counter()
    for path in last:
        file = folder / path
        file.write_text("if True:\n" + textwrap.indent(file.read_text(), "\t"))
    shop.git("commit", "-q", "-am", "indent")
    done("all indented", "main", begun, lambda at, sha: last)

    black = [sys.executable, "-m", "black", "-q", "-l", "79"]
    if subprocess.run([*black, "--version"], capture_output=True, check=False).returncode == 0:
        fresh("black")
        begun = time.perf_counter()
        subprocess.run([*black, *(str(folder / path) for path in last)], check=True)
        shop.git("commit", "-q", "-am", "black")
        done("black: the lines that it changed", "main", begun, lambda at, sha: last)
        shop.git("checkout", "-q", "-B", "black-all", root)
        begun = time.perf_counter()
        shop.git("merge", "-q", "--squash", "black")
        shop.git("commit", "-q", "-m", "all, formatted")
        done("black, and everything in one commit", root, begun, lambda at, sha: last)
    else:
        print("black is not installed: its rows are left out", file=sys.stderr)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
