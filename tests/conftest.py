"""Guards and small tools for every test: no test reaches the user's home, the network, or a store it did not choose."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings


class Ran(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


def pytest_configure() -> None:
    """A shell that starts the tests in the background has them ignore SIGINT, and every child would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.register_profile("a loaded machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    if settings.get_current_profile_name() == "default":
        settings.load_profile("a loaded machine")


@pytest.fixture(autouse=True)
def _a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    for name in [name for name in os.environ if name.startswith("PROVENANCE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a command line in this process, through the same door as a user: ``run("scan", path)``."""
    from provenance.cli import main

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["provenance", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Ran(left.value.code, said.out, said.err)

    return call
