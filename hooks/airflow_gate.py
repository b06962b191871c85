"""Airflow 3: a task that lets what trains on a dataset run only when the policy lets the dataset pass.

PROVENANCE_INDEX names the index; the worker has ``provenance-cleanroom[data]`` installed.
"""

from __future__ import annotations

import subprocess

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.sdk import dag, task

DATASET = "/srv/data/train"
SCAN = "/srv/gates/train"


@task(retries=2)
def gate(dataset: str, out: str) -> str:
    """Gate the dataset; a retry goes on where the last try was cut off."""
    command = ["provenance", "gate", dataset, "--policy", "clean-room", "--out", out]
    command += ["--output", f"junit={out}.xml"]
    code = subprocess.run(command, check=False).returncode
    if code == 1:
        raise AirflowFailException(f"the policy blocks {dataset}: see {out}/report.json")  # so would a retry
    if code != 0:
        raise AirflowException(f"the gate could not run (exit code {code}): this is not a pass")
    return out


@task
def train(scan: str) -> None:
    """What needs the dataset; it runs after the gate has passed."""


@dag(schedule=None)
def training() -> None:
    """Gate, then train."""
    train(gate(DATASET, SCAN))


training()
