from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.capture.shell import Written, command_text, written

LONG = "a text of forty characters, or a few more"

HEREDOCS = {
    "cat > a.py <<'EOF'\nx = 1\ny = 2\nEOF\n": ("a.py", "x = 1\ny = 2"),
    "cat <<'EOF' > a.py\nx = 1\nEOF": ("a.py", "x = 1"),
    'cat <<"EOF" >> "my dir/a.py"\nx = 1\nEOF\nls': ("my dir/a.py", "x = 1"),
    "cat <<\\EOF >'my dir'/a.py\nx = 1\nEOF\n": ("my dir/a.py", "x = 1"),
    'cat > "$tmp/a.yaml" << EOF\nx: $y\nEOF\n': ("$tmp/a.yaml", "x: $y"),
    "cat <<-END > f\n\t\tone\n\ttwo\n\tEND\nls": ("f", "one\ntwo"),
    "tee f <<E\ntext\nE\n": ("f", "text"),
    "sudo tee -a /etc/f >/dev/null <<E\ntext\nE\n": ("/etc/f", "text"),
    "cat <<E | tee f\ntext\nE\n": ("f", "text"),
    "cat <<E |\ntext\nE\ntee f\n": ("f", "text"),
    "cat <<E | sed s/a/b/ > f\ntext\nE\n": ("f", "text"),
    "mkdir -p d && if true; then cat > d/f <<E\ntext\nE\nfi": ("d/f", "text"),
    "> f <<E cat\ntext\nE\n": ("f", "text"),
    "cat > f <<EOF\nno end": ("f", "no end"),
    "cat > f <<EOF\r\ntext\r\nEOF\r\nls": ("f", "text\r"),
    "psql db <<E > out\nselect 1\nE\n": ("", "select 1"),
    "python3 -m json.tool <<E\n{}\nE\n": ("", "{}"),
    "python3 load.py <<E\ndata\nE\n": ("", "data"),
    "git commit -m \"$(cat <<'EOF'\nDon't (break)\n\nit\nEOF\n)\"": ("", "Don't (break)\n\nit"),
    'gh pr create --body "$(cat <<EOF\nbody\nEOF)" && ls': ("", "body"),
    "BODY=$(cat <<'EOF'\nbody\nEOF\n)": ("", "body"),
    "diff <(cat <<E\ntext\nE\n) other": ("", "text"),
}

NO_HEREDOC = [
    "echo $((1<<2))\nE",
    "((x = 1 << y))\ny",
    "echo '<<E'\ntext\nE",
    'echo "<<E"\ntext\nE',
    "ls # <<E\ntext\nE",
    "rg -n '<<<<<<<|=======|>>>>>>>' README.md",
    "echo ${x:-<<E}\ntext\nE",
    "cat \\<\\<E\ntext\nE",
    "cat <<\ntext",
    "",
]

INLINE = {
    "python - <<'PY'\nprint(1)\nPY\n": ["print(1)"],
    "cd d && uv run python3.12 - a b <<PY\nprint(1)\nPY\n": ["print(1)"],
    "node <<JS\nf()\nJS\n": ["f()"],
    "cat <<PY | python3\nprint(1)\nPY\n": ["print(1)"],
    "python3 <<< 'print(1)'": ["print(1)"],
    "echo 'print(1)' | python3 -": ["print(1)"],
    '/usr/bin/python3 -c \'print(1)\' \\\n  && node -e "f(\\"x\\")"': ["print(1)", 'f("x")'],
    "perl -0pi -e 's/a/b/' f; ruby -e 'puts 1'": ["s/a/b/", "puts 1"],
    "python -c $'a\\n\\'b\\''": ["a\n'b'"],
    "python -c \"$(cat <<'E'\nprint(1)\nE\n)\"": ["print(1)"],
    'python -c "$CODE"': [],
}

PATCH = "*** Begin Patch\n*** Add File: f\n+it's\n*** End Patch"
IN_QUOTES = PATCH.replace("'", "'\\''")
PATCHES = [
    f"apply_patch <<'EOF'\n{PATCH}\nEOF\n",
    f"cd x && apply_patch << 'EOF'\n{PATCH}\nEOF",
    f"cat <<'EOF' | apply_patch\n{PATCH}\nEOF\n",
    f'apply_patch "{PATCH}"',
    f"apply_patch \"$(cat <<'EOF'\n{PATCH}\nEOF\n)\"",
    f"p=$(cat <<'EOF'\n{PATCH}\nEOF\n)\napply_patch \"$p\"",
    f"git apply --index - <<'EOF'\n{PATCH}\nEOF\n",
    f"bash -lc 'apply_patch <<\"EOF\"\n{IN_QUOTES}\nEOF\n'",
]

HOSTILE = [
    "<<",
    "'",
    '"',
    "$(",
    '"$(',
    "((",
    "$((",
    "`",
    "<<a\n",
    "<<a ",
    "<<a\na\n",
    "cat<<a|",
    "${",
    "\\",
    "<(",
]
HOSTILE += [
    "|",
    ">",
    "(()",
    "$(()",
    "$(<<a\na)",
    "bash -c '",
    "echo 'a' >f|",
    "$'\\",
    "<<'",
    "sudo a;",
    "<<<",
]

pieces = st.sampled_from(
    "<< <<- <<< EOF 'EOF' ' \" ` $( ) (( ${ } \\ | ; && > >> # $' cat tee f".split()
) | st.sampled_from(["\n", " ", "\t", "bash -c ", "python -", "apply_patch", "echo -e ", "printf "])


@pytest.mark.parametrize(("command", "expected"), HEREDOCS.items())
def test_a_heredoc_is_told_with_the_file_it_goes_to(command: str, expected: tuple[str, str]):
    assert [Written(*expected, "heredoc")] == written(command)


@pytest.mark.parametrize("command", NO_HEREDOC)
def test_what_only_looks_like_a_heredoc_is_none(command: str):
    assert [] == written(command)


def test_several_heredocs_of_one_command_line_keep_their_order_and_files():
    command = "cat <<A > a; cat > b <<'B'\none\nA\ntwo\nB\ncat > c <<C\nthree\nC\n"
    expected = [Written(path, text, "heredoc") for path, text in (("a", "one"), ("b", "two"), ("c", "three"))]
    assert expected == written(command)


def test_an_unquoted_heredoc_loses_the_backslashes_the_shell_takes():
    assert [Written("f", "$HOME `x` \\n $y", "heredoc")] == written("cat > f <<E\n\\$HOME \\`x\\` \\n $y\nE\n")
    assert [Written("f", "\\$HOME \\`x\\`", "heredoc")] == written("cat > f <<'E'\n\\$HOME \\`x\\`\nE\n")


@pytest.mark.parametrize(("command", "scripts"), INLINE.items())
def test_scripts_handed_to_interpreters_are_told(command: str, scripts: list[str]):
    assert [Written("", script, "inline script") for script in scripts] == written(command)


@pytest.mark.parametrize("command", PATCHES)
def test_patches_are_told_however_they_reach_the_patch_program(command: str):
    assert [Written("", PATCH, "apply_patch")] == written(command)


def test_of_an_inner_shell_what_it_writes_is_told():
    inner = "cat > f <<'E'\ntext\nE\n"
    assert [Written("f", "text", "heredoc")] == written(f'bash -lc "{inner}"')
    assert [
        Written("", inner.strip(), "inline script"),
        Written("f", "text", "heredoc"),
    ] == written(f"bash <<'OUTER'\n{inner}OUTER\n")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (f"echo '{LONG}' > f", LONG),
        (f'echo -n "{LONG}" >> f', LONG),
        ("echo 'two\nlines' > f", "two\nlines"),
        ("echo -e 'two\\nlines' | tee f", "two\nlines"),
        ("printf 'two\\nlines\\n' > f", "two\nlines\n"),
        ("printf '%s\\n' 'two' 'lines' > f", "two\nlines"),
        (f"cat > f <<< '{LONG}'", LONG),
        (f"echo \"$(cat <<'E'\n{LONG}\nE\n)\" > f", LONG),
    ],
)
def test_quoted_text_sent_to_a_file_is_told(command: str, text: str):
    assert [Written("f", text, "here-string")] == written(command)


@pytest.mark.parametrize(
    "command",
    [
        "echo 'short' > f",
        f"echo '{LONG}'",
        f"echo '{LONG}' >&2",
        f"echo '{LONG}' 2> f",
        "echo $x > f",
        "cat <<<'foo'",
    ],
)
def test_short_or_shown_text_is_not_told(command: str):
    assert [] == written(command)


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_is_read_in_linear_time(piece: str):
    # Under a second where it is linear; a quadratic reading of this size takes an hour.
    assert all(isinstance(item, Written) for item in written(piece * (100_000 // len(piece))))


@given(st.text() | st.lists(pieces, max_size=40).map("".join))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_as_a_command_without_raising(text: str):
    for item in written(text):
        assert item.text.strip()
        assert item.form in {"heredoc", "here-string", "inline script", "apply_patch"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("ls -l", "ls -l"),
        (["bash", "-lc", "ls | wc"], "ls | wc"),
        (["/bin/zsh", "-c", "ls", "zero"], "ls"),
        (["powershell.exe", "-Command", "dir"], "dir"),
        (["git", "commit", "-m", "two words"], "git commit -m 'two words'"),
        ({"cmd": "ls", "workdir": "/"}, "ls"),
        ({"command": ["bash", "-lc", "ls"]}, "ls"),
        ({"script": "ls"}, "ls"),
        ({"cmd": "", "command": "ls"}, "ls"),
        ({"input": "ls"}, None),
        (["ls", 1], None),
        ([], None),
        (" ", None),
        (None, None),
        (7, None),
    ],
)
def test_the_command_line_is_found_in_whatever_shape_it_comes(arguments: object, expected: str | None):
    assert expected == command_text(arguments)
