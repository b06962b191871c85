"""Dagster: an asset check that keeps whatever depends on a dataset from being made until the policy lets it pass.

PROVENANCE_INDEX names the index; the code location has ``provenance-cleanroom[data]`` installed.
"""

from __future__ import annotations

import subprocess

from dagster import AssetCheckResult, Failure, asset_check

DATASET = "/srv/data/train"
SCAN = "/srv/gates/train"


@asset_check(asset="train", blocking=True)
def clean_room() -> AssetCheckResult:
    """Gate the dataset; a new run goes on where the last was cut off."""
    command = ["provenance", "gate", DATASET, "--policy", "clean-room", "--out", SCAN]
    command += ["--output", f"markdown={SCAN}.md"]
    code = subprocess.run(command, check=False).returncode
    if code not in (0, 1):
        raise Failure(f"the gate could not run (exit code {code}): this is not a pass")
    return AssetCheckResult(passed=code == 0, metadata={"report": f"{SCAN}/report.json", "summary": f"{SCAN}.md"})
