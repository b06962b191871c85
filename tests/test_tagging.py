"""Records and real commits in; which lines are whose out, through all that people do to commits."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import entries, fingerprint, git, ledger, store, tagging
from provenance.capture import agent_trace, git_ai
from provenance.capture.novelty import NEW
from provenance.capture.session import Tally
from provenance.errors import CaptureError
from provenance.model import Evidence, Ingredient, Origin, Similarity
from provenance.tagging import blame, lines, notes
from provenance.tagging.lines import Known
from provenance.tagging.notes import Note, Range
from tests.making import ingredient
from tests.test_git import Repository, made

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")

MODEL = Origin(
    provider="anthropic",
    model="claude-opus-4-5",
    tool="claude-code",
    version="2.1.62",
    session="s1",
    time="2026-03-01T09:00:00.000Z",
)
LATE = Origin(tool="codex", model="gpt-5.2", session="s2", time="2026-03-05T09:00:00.000Z")


TEXTS = {
    1: """def drained(level, limit=4):
    total = limit * 3
    for step in range(level):
        total += drained_of(step, total) - limit
        if total > 90:
            return [drained_as(total, 'key', step) for step in sorted(limit)]
    return total
""",
    2: """class Gauge(Meter, unit="bar"):
    def __init__(self, *pipes: Pipe, floor: float = 0.5) -> None:
        super().__init__({pipe.name: pipe for pipe in pipes})
        self.floor, self.seen = floor, set()
        while not self.seen.issuperset(self.names):
            self.seen |= {self.next().name or "none"}
        assert self.seen, f"no pipe below {floor}"
""",
    3: """try:
    with open(CONFIG, encoding="ascii") as file:
        settings = json.load(file)["valves"]
except (OSError, KeyError) as error:
    raise SystemExit(f"{CONFIG}: {error}") from None
else:
    valves = tuple(Valve(**one) for one in settings if one.get("open"))
""",
}


def code(seed: int) -> str:
    """Seven lines of a program, with more tokens than a window has, like no other of them."""
    return TEXTS[seed]


OWN = "import os\nimport sys\n\nROOT = os.path.dirname(sys.argv[0])\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return made(tmp_path / "repo", monkeypatch)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty store."""
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


def record(place: Path, *texts: str, path: str = "a.py", origin: Origin = MODEL, call: str = "c1") -> Ingredient:
    """What an assistant wrote to a file, as an ingest leaves it."""
    one = ingredient(*texts, path=path, origin=origin, call=call)
    store.append(place, [one])
    line = entries.of(
        ledger.key(place),
        identity=one.id,
        same="",
        evidence=one.evidence,
        what="edit",
        status="applied",
        path=path,
        tokens=one.whole.tokens,
        blocks=texts,
        origin=facts(origin),
        novelty="transcript",
    )
    ledger.append(place, entries.KIND, line)
    return one


def facts(origin: Origin) -> dict[str, str]:
    return lines.origin_of(origin)


def tagged(repo: Repository, place: Path, revision: str = "HEAD") -> tagging.Tagged:
    (found,) = tagging.tag(repo.path, place, tagging.commits_of(repo.path, [revision]))
    return found


def told(note: Note | None, path: str = "a.py") -> list[tuple[int, int, str]]:
    """First and last line and similarity of a file's ranges."""
    return [(one.first, one.last, str(one.similarity)) for one in note.files.get(path, ())] if note else []


def write(repo: Repository, place: Path, revision: str = "HEAD") -> bytes:
    """Tag a commit; the note's bytes, empty where it has none."""
    tagging.write(repo.path, place, tagged(repo, place, revision))
    return noted(repo, revision)


def noted(repo: Repository, revision: str = "HEAD", ref: str = notes.REF) -> bytes:
    attached = dict(git.notes(repo.path, ref)).get(git.resolve(repo.path, revision) or "")
    with git.objects(repo.path) as read:
        found = read(attached) if attached else None
    return found.data if found else b""


# whose lines


def test_the_recorded_lines_of_a_commit_are_tagged_and_the_others_are_not(repo: Repository, place: Path) -> None:
    one = record(place, code(1))
    repo.commit("both", {"a.py": OWN + "\n\n" + code(1) + "\n\n" + code(2)})
    found = tagged(repo, place)
    assert found.note is not None
    assert [(7, 13, "exact")] == told(found.note)
    assert {one.id: Known(facts(MODEL), Evidence.TRANSCRIPT)} == found.note.ingredients
    assert (17, {("claude-code", "claude-opus-4-5"): 7}) == (found.added, dict(found.recorded))


def test_a_file_that_is_the_output_is_exact(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("it", {"a.py": code(1)})
    assert [(1, 7, "exact")] == told(tagged(repo, place).note)


def test_only_what_a_commit_adds_is_tagged_with_it(repo: Repository, place: Path) -> None:
    record(place, code(1))
    record(place, code(2), call="c2")
    repo.commit("one", {"a.py": code(1)})
    repo.commit("two", {"a.py": code(1) + code(2)})
    assert [(8, 14, "exact")] == told(tagged(repo, place).note)


def test_a_commit_with_nothing_recorded_gets_no_note(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("own", {"a.py": code(2)})
    assert tagged(repo, place).note is None
    assert b"" == write(repo, place)


def test_a_renamed_copy_is_found_and_said_to_be_renamed(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("renamed", {"a.py": re.sub(r"\b(total|limit|step|level)\b", r"my_\1", code(1))})
    assert [(1, 7, "renamed")] == told(tagged(repo, place).note)


def test_a_persons_line_behind_a_copy_is_not_the_models_because_it_begins_like_its_own(
    repo: Repository, place: Path
) -> None:
    ours = code(1) + "    pipe = close(total, level, limit)\n"
    record(place, ours)
    theirs = code(1) + "    value = len(names)\n"
    repo.commit("like", {"a.py": theirs})
    assert [(1, 7, "fragment")] == told(tagged(repo, place).note)


def test_what_a_session_had_shown_to_its_model_is_not_the_models(repo: Repository, place: Path) -> None:
    theirs, ours = code(1), code(2)
    one = ingredient(theirs + ours, origin=MODEL)
    alone = len(fingerprint.engine.tokens(theirs.encode()))
    positions = memoryview(one.passages[0].positions).cast("I")
    shown = tuple(at for at, start in enumerate(positions) if start + fingerprint.RECIPE.k < alone + NEW)
    assert shown
    store.append(place, [msgspec.structs.replace(one, shown=(shown,))])
    repo.commit("both", {"a.py": theirs + ours})
    ((first, last, _),) = told(tagged(repo, place).note)
    assert (8, 14) == (first, last)


def test_an_output_that_was_recorded_after_the_commit_is_not_its_source(repo: Repository, place: Path) -> None:
    record(place, code(1), origin=LATE)
    repo.commit("before", {"a.py": code(1)})
    found = tagged(repo, place)
    assert (None, 7) == (found.note, found.later)


def test_of_two_outputs_the_earlier_one_has_the_line(repo: Repository, place: Path) -> None:
    record(place, code(1), origin=Origin(tool="codex", model="m2", session="s9", time="2026-03-02T00:00:00.000Z"))
    first = record(place, code(1), call="c2")
    repo.commit("it", {"a.py": code(1)})
    note = tagged(repo, place).note
    assert note is not None
    assert [first.id] == list(note.ingredients)


def test_an_unknown_model_and_time_stay_unknown(repo: Repository, place: Path) -> None:
    record(place, code(1), origin=Origin(tool="cursor"))
    repo.commit("it", {"a.py": code(1)})
    note = tagged(repo, place).note
    assert note is not None
    ((known,),) = [note.ingredients.values()]
    assert {"tool": "cursor"} == known.origin
    assert ["Assisted-by: cursor:unknown"] == notes.trailers(note.ingredients.values())


# short texts


SHORT = "    gauge.reading = clamp(pressure, floor)\n"


def test_a_short_line_is_known_by_the_ledger_at_its_own_path_alone(repo: Repository, place: Path) -> None:
    record(place, SHORT, path="src/a.py")
    repo.commit("two", {"src/a.py": OWN + SHORT, "src/b.py": OWN + SHORT})
    note = tagged(repo, place).note
    assert [(5, 5, "recorded")] == told(note, "src/a.py")
    assert [] == told(note, "src/b.py")


def test_a_short_line_that_stands_more_often_than_it_was_recorded_is_nobodys(repo: Repository, place: Path) -> None:
    record(place, SHORT)
    repo.commit("twice", {"a.py": OWN + SHORT + "\n" + SHORT})
    assert tagged(repo, place).note is None


def test_what_anybody_writes_is_nobodys(repo: Repository, place: Path) -> None:
    record(place, "    } else {\n")
    repo.commit("else", {"a.py": OWN + "    } else {\n"})
    assert tagged(repo, place).note is None


def test_several_short_lines_are_found_at_any_path(repo: Repository, place: Path) -> None:
    block = SHORT + "    gauge.limit = floor + pressure * 2\n    report(gauge, unit)\n"
    record(place, block, path="src/a.py")
    repo.commit("elsewhere", {"other/b.py": OWN + block})
    assert [(5, 7, "recorded")] == told(tagged(repo, place).note, "other/b.py")


def test_a_short_line_is_found_in_another_quote_as_a_formatter_leaves_it(repo: Repository, place: Path) -> None:
    record(place, "    gauge.name = table['pressure']\n")
    repo.commit("black", {"a.py": OWN + '    gauge.name = table["pressure"]\n'})
    assert [(5, 5, "recorded")] == told(tagged(repo, place).note)


# what people do to commits


def test_lines_are_found_again_when_they_are_indented_wrapped_and_quoted_anew(repo: Repository, place: Path) -> None:
    record(place, code(1))
    text = "if True:\n" + "".join(f"\t{line}\n" for line in code(1).splitlines())
    text = text.replace("'key'", '"key"').replace("(step, total)", "(\n\t\t\t\tstep,\n\t\t\t\ttotal,\n\t\t\t)")
    repo.commit("formatted", {"a.py": text})
    found = {line for first, last, _ in told(tagged(repo, place).note) for line in range(first, last + 1)}
    assert set(range(2, 12)) <= found | {7, 8}


def test_a_squashed_a_picked_and_an_amended_commit_are_tagged_like_the_one_they_come_from(
    repo: Repository, place: Path
) -> None:
    record(place, code(1))
    record(place, code(2), path="b.py", call="c2")
    base = repo.commit("own", {"a.py": OWN})
    one = repo.commit("one", {"a.py": OWN + code(1)})
    repo.commit("two", {"b.py": code(2)})
    before = tagged(repo, place, one).note
    repo.git("checkout", "-q", "-B", "picked", base)
    repo.commit("else", {"c.py": "pass\n"})
    repo.git("cherry-pick", one)
    assert told(before) == told(tagged(repo, place).note)
    repo.git("commit", "-q", "--amend", "-m", "other words")
    assert told(before) == told(tagged(repo, place).note)
    repo.git("checkout", "-q", "-B", "squashed", base)
    repo.git("merge", "-q", "--squash", "main")
    repo.git("commit", "-q", "-m", "all")
    squashed = tagged(repo, place).note
    assert (told(before), [(1, 7, "exact")]) == (told(squashed), told(squashed, "b.py"))


def test_a_file_that_moves_takes_its_short_lines_along(repo: Repository, place: Path) -> None:
    record(place, SHORT)
    repo.commit("one", {"a.py": OWN + SHORT})
    repo.git("mv", "a.py", "b.py")
    repo.commit("move", {"b.py": OWN + SHORT + "\nprint(gauge)\n"})
    assert [(5, 5, "recorded")] == told(tagged(repo, place).note, "b.py")


def test_of_a_merge_only_what_neither_side_has_is_its_own(repo: Repository, place: Path) -> None:
    for number in (1, 2, 3):
        record(place, code(number), path=f"{number}.py", call=f"c{number}")
    repo.commit("base", {"0.py": OWN})
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("side", {"1.py": code(1)})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"2.py": code(2)})
    repo.git("merge", "-q", "--no-ff", "--no-commit", "side")
    repo.commit("merge", {"3.py": code(3)})
    note = tagged(repo, place).note
    assert note is not None
    assert ["3.py"] == list(note.files)


# files of every kind


def test_line_ends_of_windows_change_nothing(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("crlf", {"a.py": (OWN + code(1)).replace("\n", "\r\n").encode()})
    assert [(5, 11, "exact")] == told(notes.parse(write(repo, place)))
    share = tagging.check(repo.path, tagging.commits_of(repo.path, ["HEAD"]))
    assert (7, 0) == (share.recorded.total(), share.unfit)


def test_binary_and_large_files_are_told_and_the_others_are_looked_at(
    repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagging, "LARGEST", 1 << 20)
    record(place, code(1))
    repo.commit("files", {"a.py": code(1), "b.bin": b"\0\1\2" * 50, "c.txt": "word\n" * 300_000})
    found = tagged(repo, place)
    assert [(1, 7, "exact")] == told(found.note)
    assert ("b.bin: binary", "c.txt: larger than 1 MiB") == found.unread


@pytest.mark.skipif(os.name == "nt", reason="paths are text there")
def test_a_name_that_is_no_utf_8_and_one_with_a_line_break_come_through(repo: Repository, place: Path) -> None:
    record(place, code(1))
    names = [os.fsdecode(b"caf\xe9.py"), "two\nlines.py"]
    repo.commit("names", dict.fromkeys(names, code(1)))
    write(repo, place)
    assert sorted(names) == sorted(notes.parse(noted(repo)).files)
    assert b"two" not in notes.to_git_ai(notes.parse(noted(repo))).partition(b"---")[0]


def test_a_commit_of_a_shallow_clone_whose_parent_is_cut_off_is_not_told(
    repo: Repository, place: Path, tmp_path: Path
) -> None:
    record(place, code(1))
    repo.commit("one", {"a.py": OWN})
    repo.commit("two", {"a.py": code(1)})
    repo.git("clone", "-q", "--depth=1", f"file://{repo.path}", str(tmp_path / "shallow"))
    found = tagged(Repository(tmp_path / "shallow"), place)
    assert (None, tagging.CUT, (tagging.CUT,)) == (found.note, found.untold, found.unread)


def test_a_bare_repository_and_a_work_tree_beside_are_tagged_alike(
    repo: Repository, place: Path, tmp_path: Path
) -> None:
    record(place, code(1))
    repo.commit("one", {"a.py": code(1)})
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare"))
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    for folder in (repo.path, tmp_path / "bare", tmp_path / "tree"):
        here = Repository(folder)
        assert [(1, 7, "exact")] == told(notes.parse(write(here, place)))
    assert [(1, 7, "exact")] == [(row.number, 7, "exact") for row in blamed(Repository(tmp_path / "bare"), place)[:1]]


def test_more_files_than_a_caller_waits_for_are_not_looked_at(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("many", {f"{number}.py": code(1) for number in range(9)})
    (found,) = tagging.tag(repo.path, place, tagging.commits_of(repo.path, ["HEAD"]), most=1000)
    assert (None, "it changes files of more than 0 MiB") == (found.note, found.untold)


def test_a_revision_that_is_none_is_said(repo: Repository) -> None:
    repo.commit("one", {"a.py": OWN})
    with pytest.raises(CaptureError, match="'nothing' names no commit"):
        tagging.commits_of(repo.path, ["nothing"])
    with pytest.raises(CaptureError):
        tagging.commits_of(repo.path, ["--output=x"])


# the note


def test_the_same_records_give_the_same_bytes_and_a_second_run_changes_nothing(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("one", {"a.py": OWN + code(1), "b.py": code(1)})
    first = write(repo, place)
    assert first == notes.encode(tagged(repo, place).note)  # type: ignore[arg-type]
    assert not tagging.write(repo.path, place, tagged(repo, place))
    assert first.count(b"\n") == 1


def test_a_note_has_no_text_and_no_digest_that_could_be_guessed(repo: Repository, place: Path) -> None:
    record(place, code(1))
    record(place, SHORT, path="b.py", call="c2")
    repo.commit("one", {"a.py": code(1), "b.py": SHORT})
    note = json.loads(write(repo, place))
    assert not {"total", "gauge", "limit", "drained"}.intersection(re.findall(r"\w+", json.dumps(note)))
    (long,), (short,) = note["files"]["a.py"], note["files"]["b.py"]
    assert notes.digest_of(code(1).encode()) == long["digest"]
    assert "digest" not in short


def test_the_tags_of_another_store_stay_and_those_that_do_not_hold_any_more_go(
    repo: Repository, place: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    record(other, code(1), origin=Origin(tool="codex", model="gpt-5.2", session="x", time="2026-03-01T00:00:00.000Z"))
    record(place, code(2), call="c2")
    repo.commit("both", {"a.py": code(1) + code(2)})
    write(repo, other)
    both = notes.parse(write(repo, place))
    assert [(1, 7), (8, 14)] == [(one.first, one.last) for one in both.files["a.py"]]
    wrong = both._replace(files={"a.py": tuple(one._replace(digest="0" * 64) for one in both.files["a.py"])})
    repo.note(notes.REF, "HEAD", notes.encode(wrong))
    assert [(8, 14)] == [(one.first, one.last) for one in notes.parse(write(repo, place)).files["a.py"]]


def test_the_tags_of_another_store_follow_a_rewritten_commit(repo: Repository, place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    record(other, code(1))
    base = repo.commit("own", {"a.py": OWN})
    old = repo.commit("theirs", {"a.py": OWN + code(1)})
    write(repo, other)
    repo.git("reset", "-q", "--hard", base)
    repo.commit("moved down", {"a.py": OWN + "\n\nLIMIT = ROOT\n" + code(1)})
    commits = tagging.commits_of(repo.path, ["HEAD"])
    (found,) = tagging.tag(repo.path, place, commits, {commits[0].sha: [old]})
    assert [(8, 14)] == [(first, last) for first, last, _ in told(found.note)]


def test_a_note_that_says_nothing_any_more_is_taken_away(repo: Repository, place: Path) -> None:
    one = record(place, code(1))
    repo.commit("own", {"a.py": code(2)})
    digest = notes.digest_of(code(2).encode())
    said = Range(1, 7, one.id, Similarity.EXACT, 60, digest)
    sha = git.resolve(repo.path, "HEAD") or ""
    repo.note(notes.REF, "HEAD", notes.encode(Note(sha, {"a.py": (said,)}, {one.id: Known({}, one.evidence)})))
    assert b"" == write(repo, place)


@pytest.mark.parametrize("data", [b'{"provenance":99,"new":true}\n', b"a person's note\n", b"\n", b"\xff"])
def test_a_note_that_this_version_cannot_read_stays_unless_it_is_forced(
    repo: Repository, place: Path, data: bytes
) -> None:
    record(place, code(1))
    repo.commit("one", {"a.py": code(1)})
    repo.note(notes.REF, "HEAD", data)
    found = tagged(repo, place)
    assert any("its note" in why for why in found.unread)
    assert not tagging.write(repo.path, place, found)
    assert data == noted(repo)
    assert tagging.write(repo.path, place, found, force=True)
    assert [(1, 7, "exact")] == told(notes.parse(noted(repo)))


def a_note(commit: str = "1" * 40, path: str = "a.py", first: int = 1) -> Note:
    said = Range(first, first + 6, "f" * 32, Similarity.FRAGMENT, 60, "a" * 64)
    short = Range(first + 9, first + 9, "e" * 32, Similarity.RECORDED, 5, "")
    known = {"e" * 32: Known({}, Evidence.CAPTURED), "f" * 32: Known(facts(MODEL), Evidence.TRANSCRIPT)}
    return Note(commit, {path: (said, short)}, known)


def test_a_note_is_read_as_it_was_written() -> None:
    for path in ("a.py", "two words.py", "caf\udce9.py", "line\nbreak", '"'):
        assert a_note(path=path) == notes.parse(notes.encode(a_note(path=path)))


def test_lines_that_git_joined_are_one_note() -> None:
    one, two = a_note(first=1), a_note(first=40, path="b.py")
    joined = notes.parse(notes.encode(one) + b"\n" + notes.encode(two) + notes.encode(one))
    assert (one.files | two.files, one.commit) == (joined.files, joined.commit)
    assert "" == notes.parse(notes.encode(one) + notes.encode(a_note("2" * 40))).commit


@given(st.data())
def test_a_damaged_note_is_a_note_or_a_clear_error(data: st.DataObject) -> None:
    whole = bytearray(notes.encode(a_note()))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        end = at + data.draw(st.integers(0, 6))
        whole[at:end] = data.draw(st.sampled_from([b"", b"0", b'"', b"null", b"-1", b"[]", b"{}", b"1e999", b"\xff"]))
        whole = whole or bytearray(b" ")
    try:
        note = notes.parse(bytes(whole))
    except CaptureError:
        return
    assert note == notes.parse(notes.encode(note)) or note.commit == ""
    for several in note.files.values():
        assert all(0 < one.first <= one.last and one.ingredient in note.ingredients for one in several)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_note_or_a_clear_error(data: bytes) -> None:
    with suppress(CaptureError):
        notes.parse(data)
    assert not notes.is_ours(data)


# other tools' forms


def test_git_ai_reads_what_is_written_for_it(repo: Repository, place: Path) -> None:
    record(place, code(1))
    record(place, code(2), path="my file.py", call="c2")
    repo.commit("two", {"a.py": OWN + code(1), "my file.py": code(2)})
    assert tagging.write_git_ai(repo.path, tagged(repo, place))
    assert not tagging.write_git_ai(repo.path, tagged(repo, place))
    tally = Tally()
    note = git_ai.parse(noted(repo, ref="refs/notes/ai"), tally)
    assert [("a.py", ((5, 11),)), ("my file.py", ((1, 7),))] == [(one.path, one.ranges) for one in note.named]
    assert {("claude-code", "claude-opus-4-5", "s1")} == {tuple(one) for one in note.agents.values()}
    assert (0, {}) == (tally.broken, tally.unknown)


def test_a_note_of_git_ais_own_is_not_overwritten_but_by_force(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("one", {"a.py": code(1)})
    own = b'a.py\n  0123456789abcdef 1-7\n---\n{"schema_version":"authorship/3.0.0","prompts":{}}'
    repo.note("refs/notes/ai", "HEAD", own)
    with pytest.raises(CaptureError, match="git-ai's own"):
        tagging.write_git_ai(repo.path, tagged(repo, place))
    assert own == noted(repo, ref="refs/notes/ai")
    assert tagging.write_git_ai(repo.path, tagged(repo, place), force=True)
    assert notes.is_ours(noted(repo, ref="refs/notes/ai"))


def test_agent_trace_records_prove_their_lines(repo: Repository, place: Path) -> None:
    record(place, code(1))
    text = (OWN + code(1)).replace("\n", "\r\n")
    repo.commit("one", {"a.py": text.encode()})
    found = tagged(repo, place)
    assert found.note is not None
    made_of = list(notes.to_agent_trace(found.note, found.commit.committer.time, found.texts))
    tally = Tally()
    (trace,), _ = agent_trace.parse(made_of, tally)
    assert code(1).removesuffix("\n") == (agent_trace.located(text.replace("\r\n", "\n"), trace) or "").rstrip("\n")
    about = json.loads(made_of[0])
    assert ("0.1.0", "2026-03-04T04:06:07.000Z") == (about["version"], about["timestamp"])
    assert made_of == list(notes.to_agent_trace(found.note, found.commit.committer.time, found.texts))


ONE = "Assisted-by: claude-code:claude-opus-4-5"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Fix it\n", f"Fix it\n\n{ONE}\n"),
        ("Fix it\n\nSigned-off-by: Ada <a@b>\n", f"Fix it\n\nSigned-off-by: Ada <a@b>\n{ONE}\n"),
        (f"Fix it\n\n{ONE}\n", f"Fix it\n\n{ONE}\n"),
        (f"Fix it\n\n{ONE.upper()}\n", f"Fix it\n\n{ONE.upper()}\n"),
        ("Fix it\n\n# Please enter\n# a message\n", f"Fix it\n\n{ONE}\n\n# Please enter\n# a message\n"),
        ("Why: because\n", f"Why: because\n\n{ONE}\n"),
    ],
    ids=[
        "new block",
        "behind the others",
        "there already",
        "in other case",
        "before comments",
        "a subject is no block",
    ],
)
def test_a_message_gets_the_trailers_that_it_lacks(message: str, expected: str) -> None:
    done = notes.with_trailers(message, [ONE])
    assert expected.split() == done.split()
    assert done == notes.with_trailers(done, [ONE])
    real = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=done.encode(), capture_output=True, check=True
    )
    assert ONE.lower() in real.stdout.decode().lower()


def test_what_stands_below_the_scissors_stays_below(repo: Repository) -> None:
    message = "Fix it\n# ------------------------ >8 ------------------------\ndiff --git a/a b/a\n+b\n"
    assert message.replace("Fix it\n", f"Fix it\n\n{ONE}\n") == notes.with_trailers(message, [ONE])


def test_the_staged_lines_say_whose_trailer_the_message_gets(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("own", {"a.py": OWN})
    (repo.path / "a.py").write_text(OWN + code(1))
    assert [] == tagging.tag_staged(repo.path, place)
    repo.git("add", "-A")
    assert [ONE] == notes.trailers(tagging.tag_staged(repo.path, place))


# what notes alone say


def test_the_share_of_tagged_lines_is_told_by_the_notes_alone(repo: Repository, place: Path) -> None:
    record(place, code(1))
    base = repo.commit("own", {"a.py": OWN})
    repo.commit("model", {"a.py": OWN + code(1)})
    write(repo, place)
    last = repo.commit("own again", {"b.py": code(2)})
    share = tagging.check(repo.path, tagging.commits_of(repo.path, [f"{base}..{last}"]))
    assert (2, 1, 14, 7, 0) == (share.commits, share.tagged, share.added, share.recorded.total(), share.unfit)


def test_a_note_that_does_not_fit_its_commit_counts_for_nothing(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("model", {"a.py": code(1)})
    data = write(repo, place)
    repo.git("commit", "-q", "--amend", "-m", "changed", "--allow-empty")
    repo.commit("other", {"a.py": code(2)})
    repo.note(notes.REF, "HEAD", data)
    share = tagging.check(repo.path, tagging.commits_of(repo.path, ["HEAD"]))
    assert (0, 1) == (share.recorded.total(), share.unfit)


# blame


def blamed(repo: Repository, place: Path | None, path: str = "a.py", revision: str = "") -> list[blame.Row]:
    return blame.blame(repo.path, path, revision, place).rows


def via(rows: list[blame.Row]) -> list[str]:
    return [row.via for row in rows]


def test_every_line_says_whose_it_is_recorded_as_or_nobodys(repo: Repository, place: Path) -> None:
    one = record(place, code(1))
    sha = repo.commit("both", {"a.py": OWN + code(1)})
    rows = blamed(repo, place)
    assert [""] * 4 + ["store"] * 7 == via(rows)
    assert {(sha, one.id)} == {(row.commit, row.ingredient) for row in rows[4:]}
    assert [None] * 4 == [row.known for row in rows[:4]]
    assert [False, False, True, False] == [row.is_blank for row in rows[:4]]


def test_someone_without_the_store_sees_the_tags_that_travelled(repo: Repository, place: Path, tmp_path: Path) -> None:
    record(place, code(1))
    repo.commit("both", {"a.py": OWN + code(1)})
    write(repo, place)
    repo.commit("later", {"a.py": "# head\n" + OWN + code(1).replace("return total\n", "return 0\n")})
    repo.git("clone", "-q", str(repo.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    assert [""] * 12 == via(blamed(clone, None))
    clone.git("fetch", "-q", "origin", "refs/notes/provenance:refs/notes/provenance")
    rows = blamed(clone, None)
    assert [""] * 5 + ["note"] * 6 + [""] == via(rows)
    assert {Similarity.RECORDED} == {row.similarity for row in rows[5:11]}


def test_a_note_on_the_wrong_commit_tells_nothing(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("model", {"a.py": code(1)})
    data = write(repo, place)
    repo.commit("own", {"a.py": code(2)})
    repo.note(notes.REF, "HEAD", data)
    assert [""] * 7 == via(blamed(repo, None))


def test_lines_that_are_not_committed_are_told_by_the_store(repo: Repository, place: Path) -> None:
    record(place, code(1), origin=LATE)
    repo.commit("own", {"a.py": OWN})
    (repo.path / "a.py").write_text(code(1) + OWN)
    rows = blamed(repo, place)
    assert ["store"] * 7 + [""] * 4 == via(rows)
    assert [""] * 7 == [row.commit for row in rows[:7]]
    assert all(row.commit for row in rows[7:])
    (repo.path / "new.py").write_text(code(1))
    assert ["store"] * 7 == via(blamed(repo, place, "new.py"))
    assert [""] * 4 == via(blamed(repo, place, "a.py", "HEAD"))


def test_a_line_is_not_told_by_what_was_recorded_after_it_was_committed(repo: Repository, place: Path) -> None:
    record(place, code(1), origin=LATE)
    repo.commit("before", {"a.py": code(1)})
    assert [""] * 7 == via(blamed(repo, place))


@pytest.mark.skipif(os.name == "nt", reason="a shell's command")
def test_a_repositorys_configuration_runs_no_command(repo: Repository, place: Path) -> None:
    record(place, code(1))
    repo.commit("own", {"a.py": OWN + code(1), ".gitattributes": "*.py diff=evil filter=evil\n"})
    for key in ("diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge"):
        repo.git("config", key, "touch ran; cat")
    (repo.path / "a.py").write_text("# mine\n" + OWN + code(1))
    assert [""] * 5 + ["store"] * 7 == via(blamed(repo, place))
    tagged(repo, place)
    assert not list(repo.path.rglob("ran"))


def test_a_file_that_cannot_be_blamed_is_said(repo: Repository, place: Path) -> None:
    repo.commit("files", {"a.py": OWN, "b.bin": b"\0\1"})
    for path, revision, why in (
        ("b.bin", "", "binary"),
        ("none.py", "", "is no file of HEAD"),
        ("a.py", "nowhere", "names no commit"),
        ("none.py", "HEAD", "is no file of HEAD"),
    ):
        with pytest.raises(CaptureError, match=why):
            blamed(repo, place, path, revision)
    (repo.path / "link.py").symlink_to("a.py")
    with pytest.raises(CaptureError, match="a link or folder"):
        blamed(repo, place, "link.py")


def test_before_the_first_commit_and_in_an_empty_file_there_is_nothing_to_say(repo: Repository, place: Path) -> None:
    (repo.path / "a.py").write_text("")
    assert [] == blamed(repo, place)
    (repo.path / "a.py").write_text(OWN)
    assert [""] * 4 == via(blamed(repo, place))
