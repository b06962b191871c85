"""The checks that stand at the same door as the tests: lint, format, strict types, the kernel, the top level."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.fingerprint import ENGINE

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_the_code_passes(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif("CI" not in os.environ, reason="elsewhere a missing compiler is no fault")
def test_the_kernel_was_built() -> None:
    assert ENGINE == "C kernel"


def test_the_package_names_its_version_once() -> None:
    from provenance import __version__

    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
