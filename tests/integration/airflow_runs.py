"""Workflows in Airflow's own environment, and what a training leaves, to compare them with make."""

import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Workspace

PROGRAM = ROOT / ".venv-airflow/bin/python"
SIDE = ROOT / "tests/integration/airflow_side.py"
PERSON = "Anonymous"  # as Airflow calls whoever uses this machine
DAY = "2026-01-05T09:00:00+00:00"  # a Monday, of 2026-W02
WEEKS = ("2026-W02", "2026-W03", "2026-W04")
Side = Callable[..., dict[str, Any]]
needs_airflow = pytest.mark.skipif(
    not PROGRAM.exists(), reason="no .venv-airflow: make airflow-up makes it"
)


def airflow_environment(home: Path) -> dict[str, str]:
    return os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "airflow/plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "airflow/dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }


def migrated(home: Path) -> Path:
    """Return a folder of Airflow's, its database brought up to date."""
    subprocess.run(
        [PROGRAM.with_name("airflow"), "db", "migrate"],
        env=airflow_environment(home), check=True, capture_output=True,
    )  # fmt: skip
    return home


def ending(said: dict[str, Any]) -> str:
    """Return the word for how a DAG's run went."""
    tasks = said["tasks"].values()
    repeated = any(task["tries"] > 1 for task in tasks)
    if "success" == said["state"]:
        skipped = any(
            "skipped" == task["state"]
            for name, task in said["tasks"].items()
            if name not in {"ask_approve", "approve"}  # nobody had to be asked
        )
        return "skipped" if skipped else "retried" if repeated else "done"
    return "alarmed" if repeated else "stopped"


def shop(workspace: Workspace, folder: Path) -> None:
    """Make `folder` the data of all that follows, in other processes too: three batches."""
    workspace.set(
        REVIEWS_BATCHES="3", MLFLOW_TRACKING_URI="", PYTHONPATH=str(ROOT),
        REVIEWS_DATA_DIR=str(folder), REVIEWS_CACHE_DIR=str(folder / "cache"),
        WORKFLOW_FOLDER=str(ROOT),
    )  # fmt: skip
    workspace.ok("pipeline.run", "ingest", "--source", "synthetic:1500@3")


def by_make(
    workspace: Workspace, folder: Path, weeks: Sequence[str], answers: Sequence[str] = ()
) -> dict[str, Any]:
    """Weeks one after the other on this machine, with answers, and what they leave."""
    shop(workspace, folder)
    for week, answer in zip_longest(weeks, answers):
        said = workspace.ok("src.orchestration.run", "weekly_training", "--run", week)
        assert "done" == said["ending"]
        if answer:
            words = ("--run", week, "--answer", answer, "--by", PERSON)
            assert workspace.run("pipeline.approve", *words).code in {0, 4}
    found = kept(folder, workspace)
    assert len(weeks) == len(found["versions"])
    last = f"processed/train_batch_{len(weeks) - 1}.manifest.json"
    assert {f"runs/{weeks[-1]}.json", last} <= set(found["manifests"])
    return found


def kept(folder: Path, workspace: Workspace) -> dict[str, Any]:
    """What a training leaves: manifests, and each version with its tags but for what it cost."""
    manifests = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for place in ("processed", "batches", "runs")
        for path in sorted((folder / place).glob("*.json"))
    }
    registry = workspace.context().registry
    versions = [
        (one.number, {k: v for k, v in one.tags.items() if k != "train.cost"})
        for one in registry.versions()
    ]
    aliases = {"champion": getattr(registry.by_alias("champion"), "number", None)}
    return {"manifests": manifests, "versions": versions, "aliases": aliases}
