"""Weeks under Airflow: the same bytes as under make, also where a scheduler is killed."""

import json
import os
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.conftest import ROOT, Workspace
from tests.integration.airflow_runs import (
    DAY,
    PROGRAM,
    SIDE,
    WEEKS,
    Side,
    airflow_environment,
    by_make,
    ending,
    kept,
    needs_airflow,
    shop,
)
from tests.integration.processes import free_port, until

pytestmark = [pytest.mark.slow, needs_airflow]
ANSWERS = {"2026-01-05": ("Reject", "no"), "2026-01-12": ("Leave open", "open"),
           "2026-01-19": ("Approve", "yes")}  # fmt: skip


def test_a_training_whose_scheduler_was_killed_is_made_once(
    side: Side, airflow_home: Path, workspace: Workspace, tmp_path: Path
) -> None:
    """Its process goes on alone; the same run, begun again at once, finds its work or waits.

    What it leaves are the bytes of a week under make.
    """
    expected = by_make(workspace, tmp_path / "make", ["2026-W02"])
    shop(workspace, tmp_path / "killed")
    with (tmp_path / "log").open("wb") as log:
        killed = subprocess.Popen(
            [PROGRAM, SIDE, tmp_path / "none", "run", "weekly_training", DAY],
            env=airflow_environment(airflow_home), cwd=tmp_path, stdout=log, stderr=log,
        )  # fmt: skip
    children = psutil.Process(killed.pid).children
    while not any("src.model.pipeline.train" in " ".join(_words(one)) for one in children()):
        assert killed.poll() is None, (tmp_path / "log").read_text()[-3000:]
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    again = side("run", "weekly_training", DAY)

    assert "done" == ending(again)
    assert expected == kept(tmp_path / "killed", workspace)


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def test_three_weeks_at_once_under_the_scheduler(workspace: Workspace, tmp_path: Path) -> None:
    """A backfill that asks a person gives what three Mondays give; Airflow is up and well.

    All of its own programs run it, and each of the three answers is given once. In the second
    week the scheduler is killed while a model is trained, and started again.
    """
    workspace.set(REVIEWS_PROMOTE="approve")
    answers = [answer for _, answer in ANSWERS.values()]
    expected = by_make(workspace, tmp_path / "make", WEEKS, answers)
    shop(workspace, tmp_path / "backfill")
    program = str(PROGRAM.with_name("airflow"))
    server = ("src.orchestration.airflow_server", "--airflow", program)
    workspace.set(WORKFLOW_PYTHON=str(_that_asks_for_a_training(tmp_path)))
    port = free_port()
    try:
        up = workspace.ok(*server, "up", "--port", str(port))
        status = workspace.ok(*server, "status")
        asked = workspace.ok(*server, "backfill", "--since", "2026-01-05", "--until", "2026-01-20")
        twice = workspace.run(*server, "backfill", "--since", "2026-01-05", "--until", "2026-01-11")
        place = f"{up['address']}/api/v2/dags/weekly_training"
        requests.patch(place, json={"is_paused": False}, timeout=30).raise_for_status()
        for day, (answer, _) in ANSWERS.items():
            tasks = f"{place}/dagRuns/monday__{day}/taskInstances"
            if day == "2026-01-12":
                _kill_the_scheduler(f"{tasks}/train")
                ill = workspace.run(*server, "status")
                workspace.set(REVIEWS_PROMOTE="auto")
                other = workspace.run(*server, "up")
                workspace.set(REVIEWS_PROMOTE="approve")
                mended = workspace.ok(*server, "up")
            _answer(f"{tasks}/ask_approve", answer)
        states = _until_ended(f"{place}/dagRuns", 4)  # and last Monday's, which finds nothing new
        links = requests.get(
            f"{place}/dagRuns/monday__2026-01-05/taskInstances/train/links", timeout=30
        ).json()
        trained = requests.get(
            f"{place}/dagRuns/monday__2026-01-12/taskInstances/train", timeout=30
        ).json()
        asked_for = _asked_while_paused(f"{up['address']}/api/v2/dags")
    finally:
        ours = _started()
        down = workspace.ok(*server, "down")
    again = workspace.run(*server, "status")

    assert ("success", 1) == (trained["state"], trained["try_number"]), "it is not repeated"
    assert len(ours) >= 4 + 2, "the four programs, and what the killed one has left"
    assert [] == [one for one in ours if one.is_running() and one.status() != "zombie"]
    assert (2, True) == (other.code, "with another REVIEWS_PROMOTE" in other.err)
    assert (5, True) == (ill.code, "not well: scheduler" in ill.out)
    assert ("running", up["address"]) == (mended["state"], mended["address"])
    assert ("running", up["address"]) == (status["state"], asked["address"])
    assert ["success"] * 4 == states
    assert "Asked for 0 of 1 Mondays" in twice.out
    assert expected == kept(tmp_path / "backfill", workspace)
    assert {"champion": 3} == expected["aliases"]
    gates = [dict(tags)["gate"] for _, tags in expected["versions"]]
    assert ["rejected", "asked", "promoted"] == gates
    assert "MLflow run" in links["extra_links"]
    assert ("asset_triggered", "success") == (asked_for["run_type"], asked_for["state"])
    assert ("stopped", 5) == (down["state"], again.code)


def _that_asks_for_a_training(folder: Path) -> Path:
    """A Python whose monitoring always asks for a training; otherwise the usual one."""
    program = folder / "python"
    usual = f'exec {ROOT / ".venv/bin/python"} "$@"'
    fake = "src.monitoring.check | src.monitoring.retrain"
    program.write_text(f'#!/bin/bash\ncase "$2" in {fake}) exit 0 ;; esac\n{usual}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def _asked_while_paused(dags: str) -> dict[str, Any]:
    """Let monitoring ask while weekly_training is off, which is dropped, and once it is on."""

    def switch(dag: str, *, on: bool) -> None:
        requests.patch(f"{dags}/{dag}", json={"is_paused": not on}, timeout=30).raise_for_status()

    weekly = f"{dags}/weekly_training/dagRuns"
    switch("weekly_training", on=False)
    switch("monitoring", on=True)
    assert ["success"] == _until_ended(f"{dags}/monitoring/dagRuns", 1)
    before = len(requests.get(weekly, timeout=60).json()["dag_runs"])
    switch("weekly_training", on=True)
    requests.post(
        f"{dags}/monitoring/dagRuns", json={"logical_date": None}, timeout=30
    ).raise_for_status()
    _until_ended(weekly, before + 1)
    runs: list[dict[str, Any]] = requests.get(weekly, timeout=60).json()["dag_runs"]
    assert len(runs) == before + 1, "one for the day on which it was on"
    return next(one for one in runs if one["run_type"] == "asset_triggered")


def _kill_the_scheduler(train: str) -> None:
    """Wait until a model is trained, and kill the scheduler alone: its worker goes on."""
    until(
        lambda: "running" == requests.get(train, timeout=60).json().get("state"),
        lambda: f"{train} does not begin", 240,
    )  # fmt: skip
    state = json.loads(Path(".airflow/server.json").read_text(encoding="utf-8"))
    scheduler = psutil.Process(state["programs"]["scheduler"]["pid"])
    scheduler.kill()
    scheduler.wait(20)


def _started() -> list[psutil.Process]:
    """Return the processes of the sessions that `up` began, of programs that were killed too."""
    state = json.loads(Path(".airflow/server.json").read_text(encoding="utf-8"))
    leaders = {one["pid"] for one in [*state["programs"].values(), *state["earlier"]]}
    found = []
    for process in psutil.process_iter():
        with suppress(OSError):
            if os.getsid(process.pid) in leaders:
                found.append(process)
    return found


def _answer(task: str, answer: str) -> None:
    """Wait until a task asks, and answer as a person at Airflow's page."""
    deadline = time.monotonic() + 240
    while (found := requests.get(task, timeout=60).json()).get("state") != "awaiting_input":
        assert time.monotonic() < deadline, f"{task} does not ask"
        time.sleep(1)
    # Airflow 3.3 fails a task that is answered in its last steps; a person reads longer than those.
    until(lambda: not psutil.pid_exists(found["pid"] or -1), lambda: f"{task} goes on", 60)
    time.sleep(3)
    asked = requests.get(f"{task}/-1/hitlDetails", timeout=60).json()
    assert "make model-approve" in asked["body"], "the gate's words are shown"
    body = {"chosen_options": [answer]}
    requests.patch(f"{task}/-1/hitlDetails", json=body, timeout=60).raise_for_status()


def _until_ended(runs: str, count: int) -> list[str]:
    """Return the states of a workflow's runs once so many have ended, or after some minutes."""
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        found = requests.get(runs, timeout=60).json()["dag_runs"]
        ended = [one["state"] for one in found if one["state"] in {"success", "failed"}]
        if len(ended) >= count:
            break
        time.sleep(2)
    return ended
