"""One pack, made once: tests copy it and change the copy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.evidence.making import Made, call, made


@pytest.fixture(scope="session")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Everything that a pack holds, with ``evidence.zip`` and the folder ``evidence`` beside it."""
    pytest.importorskip("securesystemslib")
    pytest.importorskip("cryptography")
    before = Path.cwd()
    saved = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PROVENANCE_")}
    try:
        found = made(tmp_path_factory.mktemp("evidence"))
        for out in ("evidence.zip", "evidence"):
            assert call("pack", *found.arguments(), "--out", out) == 0
    finally:
        os.chdir(before)
        os.environ.update(saved)
    return found


@pytest.fixture
def zipped(evidence: Made) -> Path:
    return evidence.folder / "evidence.zip"
