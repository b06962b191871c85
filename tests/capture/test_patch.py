from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.capture.patch import (
    MOST_LINES,
    FileChange,
    added_blocks,
    parse_apply_patch,
    parse_unified_diff,
)

ENVELOPE = """\
*** Begin Patch
*** Add File: docs/new.md
+# Title
+
+Text
*** Update File: src/a.py
@@ def first():
 kept
-old
+new one
+new two

+after the gap
@@
-gone
*** Update File: src/b.py
*** Move to: lib/b.py
@@
-x
+y
*** End of File
*** Delete File: old.py
*** End Patch
"""

CHANGES = [
    FileChange("docs/new.md", "add", ("# Title\n\nText",), ()),
    FileChange("src/a.py", "update", ("new one\nnew two", "after the gap"), ("kept\nold\n", "gone")),
    FileChange("lib/b.py", "move", ("y",), ("x",)),
    FileChange("old.py", "delete", (), ()),
]

MARKERS = ["Begin Patch", "Add File: p", "Update File: p", "Move to: q", "Delete File: p", "End of File", "End Patch"]
HEADERS = ["@@", "@@ -1,2 +1,2 @@", "@@ -0,0 +1 @@", "--- a/f", "+++ b/f", "\\ No newline", "diff --git a/f b/f"]
BODY = ["+a", "-b", " c", "", "*** ", "prose", "+*** End Patch", "\r"]
line = st.sampled_from(MARKERS).map("*** {}".format) | st.sampled_from(HEADERS) | st.sampled_from(BODY)
texts = st.text() | st.lists(line).map("\n".join)


def update(*lines: str) -> FileChange:
    [change] = parse_apply_patch("\n".join(["*** Begin Patch", "*** Update File: f", *lines, "*** End Patch"]))
    return change


def test_an_envelope_gives_each_file_with_what_it_adds_and_replaces():
    assert CHANGES == parse_apply_patch(ENVELOPE)


def test_windows_line_ends_make_no_difference():
    assert CHANGES == parse_apply_patch(ENVELOPE.replace("\n", "\r\n"))


def test_the_markers_around_an_envelope_may_be_missing():
    bare = ENVELOPE.removeprefix("*** Begin Patch\n").removesuffix("*** End Patch\n")
    assert CHANGES == parse_apply_patch(bare)


def test_text_around_envelopes_is_ignored_and_every_envelope_is_read():
    text = f"Here it is:\n+ a list item\n{ENVELOPE}and again\n+ another item\n{ENVELOPE}done"
    assert CHANGES * 2 == parse_apply_patch(text)


def test_text_that_is_no_patch_gives_nothing():
    assert [] == parse_apply_patch("+ just\n- a list\n*** starred ***\n")


def test_a_removed_line_does_not_part_lines_that_end_up_as_neighbours():
    assert ("a\nc",) == update("+a", "-b", "+c").added


def test_a_context_line_parts_added_lines():
    assert ("a", "c") == update("+a", " b", "+c").added


def test_an_empty_line_in_a_hunk_is_context():
    change = update("@@", "+a", "", "+c")
    assert ("a", "c") == change.added
    assert ("",) == change.removed


def test_a_new_hunk_parts_added_lines():
    assert ("a", "b") == update("@@", "+a", "@@", "+b").added


def test_added_blank_lines_alone_are_no_block():
    assert () == update("@@", " a", "+", "+  ", " b").added


def test_an_added_line_that_looks_like_a_marker_is_text():
    [change] = parse_apply_patch("*** Add File: notes\n+*** Delete File: x\n+*** End Patch\n*** End Patch")
    assert ("*** Delete File: x\n*** End Patch",) == change.added


def test_a_line_that_forgets_its_sign_parts_added_lines_and_is_not_lost_track_of():
    assert ("a", "b") == update("@@", "+a", "unsigned", "+b").added


def test_a_unified_diff_gives_blocks_and_the_text_before():
    diff = "--- a/f\n+++ b/f\n@@ -1,4 +1,4 @@ def f():\n one\n-two\n+2\n three\n-four\n+4\n"
    diff += "\\ No newline at end of file\n@@ -9 +9,2 @@\n nine\n+ten\n"
    expected = FileChange("f", "update", ("2", "4", "ten"), ("one\ntwo\nthree\nfour", "nine"))
    assert expected == parse_unified_diff(diff, "f")


def test_added_and_removed_lines_that_look_like_file_headers_are_counted_by_the_hunk():
    diff = "@@ -1,2 +1,2 @@\n--- old comment\n+++ new counter\n same\n"
    assert FileChange("f", "update", ("++ new counter",), ("-- old comment\nsame",)) == parse_unified_diff(diff, "f")


def test_the_missing_newline_mark_does_not_part_added_lines():
    diff = "@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+b\n+c\n\\ No newline at end of file\n"
    assert ("b\nc",) == parse_unified_diff(diff, "f").added


def test_lines_beyond_a_miscounted_header_still_count():
    diff = "@@ -1,1 +1,1 @@\n-a\n+b\n+c\n d\n+e\n--- a/g\n+++ b/g\n@@ -1 +1 @@\n-x\n+y\n"
    assert ("b\nc", "e", "y") == parse_unified_diff(diff, "f").added


def test_a_hunk_without_numbers_is_read_to_the_next_header():
    diff = "@@ ... @@\n-a\n+b\n--- a/g\n+++ b/g\n@@ @@\n+y\n"
    assert ("b", "y") == parse_unified_diff(diff, "f").added


def test_nothing_between_files_of_a_git_diff_is_added_text():
    diff = "@@ -0,0 +1 @@\n+a\ndiff --git a/g b/g\nindex 1..2\n+not in a hunk\n@@ -0,0 +1 @@\n+b\n"
    assert ("a", "b") == parse_unified_diff(diff, "f").added


def test_a_diff_from_or_to_nothing_adds_or_deletes_the_file():
    assert "add" == parse_unified_diff("--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n", "f").operation
    assert "delete" == parse_unified_diff("--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", "f").operation


def test_all_of_a_new_text_is_added_as_it_stands():
    assert ["a\r\n\n b\n"] == added_blocks("", "a\r\n\n b\n")


def test_a_blank_text_adds_nothing():
    assert [] == added_blocks("", " \n\n")
    assert [] == added_blocks("a\n", "a\n\n \n")


def test_only_new_lines_are_added():
    assert ["1\n2", "3"] == added_blocks("a\nb\nc\nd\n", "a\n1\n2\nc\nd\n3\n")


def test_line_ends_and_trailing_blanks_are_no_difference():
    assert ["new"] == added_blocks("a  \r\nb\r\n", "a\nnew\nb\n")


def test_texts_too_long_to_align_give_the_lines_that_are_more_than_before():
    size = MOST_LINES + 1
    old = [f"old {i}" for i in range(size)] + ["same"] + [f"older {i}" for i in range(size)]
    new = [f"new {i}" for i in range(size)] + ["same"] + [f"newer {i}" for i in range(size)]
    expected = ["\n".join(new[:size]), "\n".join(new[size + 1 :])]
    assert expected == added_blocks("\n".join(old), "\n".join(new))


def test_long_runs_of_equal_lines_are_not_aligned_one_by_one():
    old = [text for i in range(2_000) for text in ("}", f"old {i}")]
    new = [text for i in range(2_000) for text in ("}", f"new {i}")]
    blocks = added_blocks("\n".join(old), "\n".join(new))
    assert [f"new {i}" for i in range(2_000)] == blocks


@given(texts)
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_as_a_patch_without_raising(text: str):
    for change in parse_apply_patch(text):
        assert change.operation in {"add", "update", "delete", "move"}
        assert all(block.strip() for block in change.added)


@given(texts)
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_as_a_diff_without_raising(text: str):
    change = parse_unified_diff(text, "f")
    assert "f" == change.path
    assert all(block.strip() for block in change.added)


@given(st.text("ab \n\r") | st.text(), st.text("ab \n\r") | st.text())
@settings(max_examples=100, deadline=None)
def test_added_blocks_are_lines_of_the_new_text_in_order(before: str, after: str):
    lines = iter(after.replace("\r\n", "\n").removesuffix("\r").split("\n"))
    if before:
        for block in added_blocks(before, after):
            assert all(any(text == own for own in lines) for text in block.split("\n"))


def test_a_text_adds_nothing_to_itself():
    shuffled = random.Random(7).choices(["a", "b", "", "}"], k=500)
    assert [] == added_blocks("\n".join(shuffled), "\n".join(shuffled))
