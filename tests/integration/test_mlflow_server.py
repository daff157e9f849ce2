"""make mlflow-up, mlflow-status, mlflow-down."""

import socket
import subprocess
import sys
from pathlib import Path

import psutil
import requests

from tests.conftest import ROOT, Workspace
from tests.integration.processes import free_port

PROGRAM = ("--mlflow", str(ROOT / ".venv-mlflow/bin/mlflow"))


def test_up_status_down(tracked: Workspace) -> None:
    """It comes up over the same store, says so, shows earlier runs, goes down with its children."""
    tracked.ok("data.ingest", "--source", "synthetic:100@1")
    port = str(free_port())
    stopped = tracked.run("mlflow_server", "status")
    up = tracked.ok("mlflow_server", "up", "--port", port, *PROGRAM)
    again = tracked.ok("mlflow_server", "up", "--port", port, *PROGRAM)
    status = tracked.ok("mlflow_server", "status")
    tracked.set(MLFLOW_TRACKING_URI=up["address"])
    experiment = tracked.mlflow().get_experiment_by_name("amazon-reviews-training")
    (run,) = tracked.mlflow().search_runs([experiment.experiment_id])
    artifact = tracked.mlflow().list_artifacts(run.info.run_id)
    page = requests.get(up["address"], timeout=10)
    family = [
        p.pid
        for p in (psutil.Process(up["pid"]), *psutil.Process(up["pid"]).children(recursive=True))
    ]
    down = tracked.ok("mlflow_server", "down")

    assert (5, True) == (stopped.code, "is not running" in stopped.out)
    assert ("running", up["address"]) == (again["state"], again["address"])
    assert ("running", up["pid"]) == (status["state"], status["pid"])
    assert up["runs"] == again["runs"] == status["runs"]
    assert "ingest" == run.data.tags["step"]
    assert ["manifest.json"] == [item.path for item in artifact]
    assert "<title>MLflow</title>" in page.text
    assert up["runs"].startswith(f"{up['address']}/#/experiments/{experiment.experiment_id}/runs?")
    assert up["trainings"] == f"{up['runs']}tags.step%20%3D%20%27train%27"
    assert up["versions"].startswith(f"{up['address']}/#/models/amazon-reviews-sentiment?")
    assert "stopped" == down["state"]
    assert not [
        pid for pid in family if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"
    ]
    assert "stopped" == tracked.ok("mlflow_server", "down")["state"]


def test_clean_data_stops_the_server(tracked: Workspace) -> None:
    """Nobody is left with a page over a database that is gone."""
    up = tracked.ok("mlflow_server", "up", "--port", str(free_port()), *PROGRAM)
    for name in (".venv", "Makefile", "pyproject.toml", "src", "tools"):
        (tracked.path / name).symlink_to(ROOT / name)
    words = ["make", "clean-data", "yes=1", f"PYTHON={sys.executable}"]
    done = subprocess.run(words, cwd=tracked.path, capture_output=True, text=True, check=False)

    assert (0, True) == (done.returncode, "Deleted." in done.stderr), done.stderr
    assert not psutil.pid_exists(up["pid"]) or "zombie" == psutil.Process(up["pid"]).status()
    assert not Path(".mlflow").exists()


def test_a_port_that_is_taken(tracked: Workspace) -> None:
    """Another program on the port is left alone and named as the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = tracked.run("mlflow_server", "up", "--port", str(taken.getsockname()[1]), *PROGRAM)

    assert (2, True) == (result.code, "is taken by another program" in result.err)


def test_a_server_that_does_not_start(tracked: Workspace) -> None:
    """The end of its log is shown; a missing program says how to get it."""
    tracked.set(MLFLOW_TRACKING_URI="nothing://nowhere")
    failed = tracked.run("mlflow_server", "up", "--port", str(free_port()), *PROGRAM)
    missing = tracked.run("mlflow_server", "up", "--port", str(free_port()), "--mlflow", "nothing")

    assert (5, True) == (failed.code, "did not start; the log of server ends" in failed.err)
    assert (2, True) == (missing.code, "nothing is missing" in missing.err)
