"""Airflow with ECS as its runner, on what stands in for AWS; a training is made once."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workspace
from tests.docker.conftest import Docker
from tests.docker.machines import CLOUD, REGION, Cloud
from tests.integration.airflow_runs import PROGRAM, SIDE, airflow_environment, ending, migrated

pytestmark = pytest.mark.skipif(
    not (CLOUD.exists() and PROGRAM.exists()), reason="no .venv-cloud or no .venv-airflow"
)
SETTINGS = {"MLFLOW_TRACKING_URI": "", "REVIEWS_BATCHES": "2"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return migrated(tmp_path)


def started(
    aws: Cloud, docker: Docker, home: Path, data: Path, day: str, **more: str
) -> subprocess.Popen[str]:
    """Start a week of weekly_training whose steps are tasks of ECS."""
    images = {name: docker.image(name) for name in ("model", "monitoring")}
    aws.define_all("week", images, data, **SETTINGS)
    return subprocess.Popen(
        [PROGRAM, SIDE, home / "answer.json", "run", "weekly_training", f"{day}T09:00:00+00:00"],
        env=airflow_environment(home) | {
            "WORKFLOW_RUNNER": "ecs", "WORKFLOW_ECS_CLUSTER": "reviews",
            "WORKFLOW_ECS_TASKS": "week",
            "WORKFLOW_ECS_SUBNETS": "subnet-1", "WORKFLOW_ECS_SECURITY_GROUPS": "sg-1",
            "WORKFLOW_ECS_POLL_SECONDS": "1", "AWS_ENDPOINT_URL": aws.address,
            "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", **more,
        },
        cwd=home, stdout=(home / "log").open("a"), stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str], home: Path) -> dict[str, Any]:
    process.wait(timeout=400)
    assert (home / "answer.json").exists(), (home / "log").read_text()[-3000:]
    found: dict[str, Any] = json.loads((home / "answer.json").read_text())
    (home / "answer.json").unlink()
    return found


def tasks_of(aws: Cloud, status: str) -> list[str]:
    """Return the modules of the tasks that are in a state, in no order."""
    client = aws.client("ecs")
    arns = client.list_tasks(cluster="reviews", desiredStatus=status)["taskArns"]
    found = client.describe_tasks(cluster="reviews", tasks=arns)["tasks"] if arns else []
    return [task["overrides"]["containerOverrides"][0]["command"][0] for task in found]


def test_a_training_whose_scheduler_was_killed_is_made_once(
    aws: Cloud, docker: Docker, workspace: Workspace, home: Path
) -> None:
    """Its task ends by itself; the repeated run finds it done. A week later it trains again."""
    data = home / "shop"
    docker.make(
        "docker-model-pipeline-ingest", "source=synthetic:1500@3",
        fails=False, **SETTINGS | {"DOCKER_DATA": str(data)},
    )  # fmt: skip
    first = started(aws, docker, home, data, "2026-01-05")
    deadline = time.monotonic() + 200
    while "src.model.pipeline.train" not in tasks_of(aws, "RUNNING"):
        assert time.monotonic() < deadline, (home / "log").read_text()[-3000:]
        assert first.poll() is None, (home / "log").read_text()[-3000:]
        time.sleep(0.2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    while tasks_of(aws, "RUNNING"):
        time.sleep(0.3)
    workspace.set(REVIEWS_DATA_DIR=str(data), MLFLOW_TRACKING_URI="")
    trained = [one.number for one in workspace.context().registry.versions()]
    again = ended(started(aws, docker, home, data, "2026-01-05"), home)
    promoted = [one.number for one in workspace.context().registry.versions()]
    second = ended(started(aws, docker, home, data, "2026-01-12"), home)
    third = ended(started(aws, docker, home, data, "2026-01-19"), home)
    versions = [one.number for one in workspace.context().registry.versions()]

    assert ("done", "done", "skipped") == (ending(again), ending(second), ending(third))
    assert ([1], [1], [1, 2]) == (trained, promoted, versions)
    assert 3 == tasks_of(aws, "STOPPED").count("src.model.pipeline.train")


def test_a_task_that_cannot_be_started_is_given_up(aws: Cloud, docker: Docker, home: Path) -> None:
    """No such image, and no AWS that answers: repeated, then told."""
    nowhere = dict.fromkeys(("model", "monitoring"), "nowhere.invalid/reviews:1")
    aws.define_all("nowhere", nowhere, home)
    lost = started(aws, docker, home, home, "2026-01-05", WORKFLOW_ECS_TASKS="nowhere")
    missing = ended(lost, home)
    silent = started(aws, docker, home, home, "2026-01-12", AWS_ENDPOINT_URL="http://127.0.0.1:1")

    assert ("alarmed", "alarmed") == (ending(missing), ending(ended(silent, home)))
    assert "was not started on ECS" in (home / "log").read_text()
