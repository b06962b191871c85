from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from provenance import index
from provenance.cli import group
from tests.making import code, ingredient


def run(folder: Path, *arguments: str, given: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(group, ["check", "--index", str(folder / "index"), *arguments], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def known(folder: Path) -> str:
    text = " ".join(code(5, 150))
    index.build(folder / "index", [ingredient(text)])
    return text


def test_a_copy_is_named_with_its_lines_and_blocked(tmp_path: Path) -> None:
    text = known(tmp_path)
    file = tmp_path / "a.py"
    file.write_text("x = 1\n\n" + text + "\n\ny = 2\n")
    status, said = run(tmp_path, str(file))
    assert 1 == status
    assert f"BLOCK  {file}  [" in said
    assert "line 3: fragment, copied" in said


def test_clean_text_passes_and_says_nothing(tmp_path: Path) -> None:
    known(tmp_path)
    (tmp_path / "b.py").write_text(" ".join(code(77, 150)))
    assert (0, "") == run(tmp_path, str(tmp_path / "b.py"))


def test_standard_input_is_read_and_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    text = known(tmp_path)
    status, said = run(tmp_path, "-", given=text)
    assert 1 == status
    assert "BLOCK  standard input  [" in said
    (tmp_path / "c.bin").write_bytes(bytes(range(256)) * 9)
    assert (0, "") == run(tmp_path, str(tmp_path / "c.bin"))
