"""Files are written all or none, through links, with the modes they had."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from provenance import files
from provenance.errors import ProvenanceError
from provenance.setup.change import Change, Plan, apply, diff, read, text


def plan(*changes: Change) -> Plan:
    return Plan(changes, ())


def test_a_file_that_cannot_be_written_takes_the_others_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (tmp_path / name for name in "abc")
    first.write_bytes(b"one")
    third.write_bytes(b"three")
    real = files.replacing

    def full(path: Path) -> object:
        if path.name == "c":
            raise OSError(28, "No space left on device", str(path))
        return real(path)

    monkeypatch.setattr(files, "replacing", full)
    changes = [
        Change(first, "x", b"one", b"ONE"),
        Change(second, "x", None, b"TWO"),
        Change(third, "x", b"three", b"THREE"),
    ]
    with pytest.raises(OSError, match="No space left"):
        apply(plan(*changes))
    assert (b"one", None, b"three") == (read(first), read(second), read(third))
    assert ["a", "c", "home"] == sorted(os.listdir(tmp_path))


def test_a_file_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"new")
    with pytest.raises(ProvenanceError, match="changed while init was at work"):
        apply(plan(Change(path, "x", b"old", b"ours")))
    assert b"new" == read(path)


def test_links_stay_links_and_modes_stay(tmp_path: Path) -> None:
    real, link, hook = tmp_path / "dotfiles.json", tmp_path / "settings.json", tmp_path / "hook"
    real.write_bytes(b"{}")
    real.chmod(0o600)
    link.symlink_to(real.name)
    apply(plan(Change(link, "x", b"{}", b"[]"), Change(hook, "x", None, b"#!/bin/sh\n", executable=True)))
    assert (True, b"[]", 0o600) == (link.is_symlink(), read(real), stat.S_IMODE(real.stat().st_mode))
    assert os.access(hook, os.X_OK)


def test_a_link_to_nothing_gets_its_file_and_loses_it_again(tmp_path: Path) -> None:
    link = tmp_path / "settings.json"
    link.symlink_to("later/file.json")
    apply(plan(Change(link, "x", None, b"{}")))
    assert b"{}" == read(tmp_path / "later" / "file.json")
    apply(plan(Change(link, "x", b"{}", None)))
    assert (True, None) == (link.is_symlink(), read(link))


def test_read_only_files_and_folders_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    first, locked = tmp_path / "first", tmp_path / "locked"
    locked.mkdir()
    (locked / "file").write_bytes(b"{}")
    (locked / "file").chmod(0o444)
    create = Change(first, "x", None, b"1")
    with pytest.raises(ProvenanceError, match="file: is read-only"):
        apply(plan(create, Change(locked / "file", "x", b"{}", b"[]")))
    locked.chmod(0o555)
    try:
        with pytest.raises(ProvenanceError, match="locked: may not be written to"):
            apply(plan(create, Change(locked / "new", "x", None, b"[]")))
    finally:
        locked.chmod(0o755)
    assert not first.exists()


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / ".claude").write_text("a file")
    with pytest.raises(ProvenanceError, match=r"settings.json: cannot be read \(Not a directory\)"):
        text(tmp_path / ".claude" / "settings.json")
    with pytest.raises(ProvenanceError, match=r"cannot be read \(Is a directory\)"):
        read(tmp_path)


def test_what_is_no_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ProvenanceError, match="a: byte 8 is no UTF-8"):
        text(tmp_path / "a")


def test_emptied_folders_go_up_to_the_place_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "repo" / ".github" / "hooks" / "provenance.json"
    apply(plan(Change(path, "x", None, b"1")))
    apply(plan(Change(path, "x", b"1", None, prune=tmp_path / "repo")))
    assert [] == os.listdir(tmp_path / "repo")


def test_a_diff_shows_creation_deletion_and_missing_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert f"--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+one\n" == diff(Change(path, "x", None, b"one\n"))
    missing = "\\ No newline at end of file\n"
    assert f"--- {path}\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n{missing}" == diff(Change(path, "x", b"one", None))
