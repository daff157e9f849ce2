"""Airflow with containers as its runner: the same workflow, each task in its image."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.docker.conftest import Docker, output
from tests.integration.airflow_runs import (
    PROGRAM,
    SIDE,
    airflow_environment,
    ending,
    migrated,
    needs_airflow,
)

pytestmark = needs_airflow


def week(docker: Docker, home: Path, day: str, *words: str, **more: str) -> dict[str, Any]:
    """Run a week of weekly_training in containers, and return how it went."""
    answer = home / "answer.json"
    done = subprocess.run(
        [PROGRAM, SIDE, answer, "run", "weekly_training", f"{day}T09:00:00+00:00", *words],
        env=airflow_environment(home) | docker.variables | {
            "WORKFLOW_RUNNER": "docker", "DOCKER_DATA": str(docker.data),
            "MLFLOW_TRACKING_URI": "", "REVIEWS_BATCHES": "2", **more,
        },
        cwd=home, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert answer.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    found: dict[str, Any] = json.loads(answer.read_text())
    answer.unlink()
    return found | {"log": done.stdout}


def test_a_week_in_containers(docker: Docker, tmp_path: Path) -> None:
    """Two weeks train two versions, a third one finds nothing new, a lost image is given up."""
    migrated(tmp_path)
    docker.make(
        "docker-model-pipeline-ingest", "source=synthetic:1500@3",
        MLFLOW_TRACKING_URI="", REVIEWS_BATCHES="2", DOCKER_DATA=str(docker.data),
    )  # fmt: skip
    days = ("2026-01-05", "2026-01-12", "2026-01-19")
    weeks = [week(docker, tmp_path, day) for day in days]
    lost = week(docker, tmp_path, "2026-01-26", MODEL_IMAGE="nowhere.invalid/reviews:1")
    late = week(docker, tmp_path, "2026-02-02", "minutes=0.01")
    left = output("docker", "ps", "--quiet", "--filter", f"volume={docker.data}")
    runs = sorted(path.name for path in (docker.data / "runs").glob("*.json"))

    assert ["done", "done", "skipped"] == [ending(one) for one in weeks], weeks[0]["log"][-3000:]
    assert ["2026-W02.json", "2026-W03.json"] == runs
    assert os.getuid() == (docker.data / "runs/2026-W02.json").stat().st_uid
    assert "alarmed" == ending(lost)
    assert ("stopped", "") == (ending(late), left), "nothing runs on after its time"
