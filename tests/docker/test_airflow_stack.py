"""Airflow beside the stack, on Postgres: a week in containers, the database gone for a while."""

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.docker.conftest import Docker, output, stack_of_its_own


@pytest.fixture(scope="module")
def stack(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """Airflow beside MLflow and Postgres, and reviews in two batches."""
    name = docker.variables["STACK"] + "-airflow"
    data = tmp_path_factory.mktemp("airflow") / "data"
    with stack_of_its_own(name, data, docker.variables) as found:
        found.make("docker-airflow-up", REVIEWS_BATCHES="2")
        found.make("docker-model-pipeline-ingest", "source=synthetic:1500@3", REVIEWS_BATCHES="2")
        yield found
        found.make("docker-airflow-down")


def week(address: str, day: str) -> str:
    """Ask for a Monday's run, and return its address."""
    at = f"{day}T09:00:00Z"
    runs = f"{address}/api/v2/dags/weekly_training/dagRuns"
    body = {"dag_run_id": day, "logical_date": at, "run_after": at}
    requests.post(runs, json=body, timeout=30).raise_for_status()
    return f"{runs}/{day}"


def said(address: str) -> dict[str, Any]:
    """Return what the API says; nothing while it does not answer."""
    try:
        answer = requests.get(address, timeout=10)
    except requests.RequestException:
        return {}
    found: dict[str, Any] = answer.json() if answer.ok else {}
    return found


def until(address: str, *states: str, seconds: float = 300) -> str:
    deadline = time.monotonic() + seconds
    while (state := said(address).get("state")) not in states:
        assert time.monotonic() < deadline, (address, state)
        time.sleep(0.5)
    return str(state)


def test_a_week_while_postgres_is_gone(stack: Docker) -> None:
    """The training goes on; what happened is told once the database is back; MLflow has it once."""
    address = f"http://127.0.0.1:{stack.variables['AIRFLOW_PORT']}"
    dag = f"{address}/api/v2/dags/weekly_training"
    deadline = time.monotonic() + 90
    while not said(dag):
        assert time.monotonic() < deadline, "the workflows are not there"
        time.sleep(1)
    requests.patch(dag, json={"is_paused": False}, timeout=30).raise_for_status()
    first = week(address, "2026-01-05")
    until(f"{first}/taskInstances/train", "running")
    postgres = output(
        "docker", "ps", "--quiet", "--filter", f"name={stack.variables['STACK']}-postgres"
    ).strip()
    subprocess.run(["docker", "pause", postgres], check=True, capture_output=True)
    time.sleep(60)
    subprocess.run(["docker", "unpause", postgres], check=True, capture_output=True)
    states = [until(first, "success", "failed"), until(week(address, "2026-01-12"), "success")]
    mlflow = f"http://127.0.0.1:{stack.variables['MLFLOW_PORT']}/api/2.0/mlflow"
    versions = requests.get(f"{mlflow}/model-versions/search", timeout=30).json()["model_versions"]
    link = said(f"{first}/taskInstances/train/links")["extra_links"]["MLflow run"]

    assert ["success", "success"] == states
    assert ["1", "2"] == sorted(one["version"] for one in versions)
    assert link.startswith(f"http://127.0.0.1:{stack.variables['MLFLOW_PORT']}/#/runs/")
