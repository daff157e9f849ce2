"""Airflow: the same graph, the same endings, the same bytes as on this machine without it."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import zip_longest
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from src.orchestration.local import Here, run_workflow
from src.orchestration.workflow import FIRST_PAUSE, PAUSE_FACTOR, WORKFLOWS
from tests.conftest import ROOT, Workspace
from tests.graphs import of_dag
from tests.integration.processes import free_port
from tests.unit.test_workflows import CHANGES

PROGRAM = ROOT / ".venv-airflow/bin/python"
DAY = "2026-01-05T09:00:00+00:00"  # a Monday, of 2026-W02
Side = Callable[..., dict[str, Any]]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.exists(), reason="no .venv-airflow: make airflow-up makes it"),
    pytest.mark.xdist_group("airflow"),
]


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Airflow's database, brought up to date once."""
    home = tmp_path_factory.mktemp("airflow")
    subprocess.run(
        [PROGRAM.with_name("airflow"), "db", "migrate"],
        env=airflow_environment(home), check=True, capture_output=True,
    )  # fmt: skip
    return home


def airflow_environment(home: Path) -> dict[str, str]:
    return os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "airflow/plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "airflow/dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }


@pytest.fixture
def side(airflow_home: Path, tmp_path: Path) -> Side:
    """Run `airflow_side.py` and return its answer."""

    def run(*words: str, **more: str) -> dict[str, Any]:
        answer = tmp_path / "answer.json"
        answer.unlink(missing_ok=True)
        done = subprocess.run(
            [PROGRAM, ROOT / "tests/integration/airflow_side.py", answer, *words],
            env=airflow_environment(airflow_home) | more, cwd=tmp_path,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.exists(), done.stderr[-2000:] + done.stdout[-2000:]
        found: dict[str, Any] = json.loads(answer.read_text())
        return found | {"log": done.stdout}

    return run


def test_the_dags_are_the_graph(side: Side) -> None:
    """Nodes, edges, command, repetitions, pauses, time, resources, meanings; one run at a time."""
    said = side("graph")

    assert set(WORKFLOWS) == set(said["dags"])
    assert [] == said["imported"], "DAG files import nothing of the project's packages"
    for name, workflow in WORKFLOWS.items():
        dag = said["dags"][name]
        assert list(workflow.tasks) == of_dag(dag["tasks"])
        assert [[FIRST_PAUSE, PAUSE_FACTOR]] * len(dag["tasks"]) == [
            task["pause"] for task in dag["tasks"]
        ]
        assert (1, False, "UTC") == (dag["active_runs"], dag["catchup"], dag["timezone"])
        assert [f"{workflow.then}_asked"] * bool(workflow.then) == dag["asks_for"]
        asked = any(one.then == name for one in WORKFLOWS.values())
        assert [f"{name}_asked"] * asked == dag["starts_on"]
        assert (workflow.schedule or None) == (dag["schedule"] or None)
        assert {one.name: f"^({one.pattern})?$" for one in workflow.parameters} == dag["parameters"]


def test_a_change_of_any_field_is_seen_in_the_dag(side: Side, tmp_path: Path) -> None:
    """DAGs of other tasks are never read as those of these: each field is changed by itself."""
    rendered = json.loads((ROOT / "airflow/dags/workflows.json").read_text())
    weekly = next(one for one in rendered["workflows"] if one["name"] == "weekly_training")
    train = next(one for one in weekly["tasks"] if one["name"] == "train")
    folders = []
    for field, other in CHANGES.items():
        before, train[field] = train[field], other
        folder = tmp_path / field
        folder.mkdir()
        shutil.copy(ROOT / "airflow/dags/workflows.py", folder)
        (folder / "workflows.json").write_text(json.dumps(rendered))
        train[field] = before
        folders.append(str(folder))
    said = side("graph", *folders)

    read = [
        of_dag(dags["weekly_training"]["tasks"]) if "weekly_training" in dags else []
        for dags in said["folders"]
    ]
    same = [field for field, tasks in zip(CHANGES, read, strict=True)
            if tasks == list(WORKFLOWS["weekly_training"].tasks)]  # fmt: skip
    assert [] == same


def test_dags_are_parsed_while_mlflow_is_down(side: Side) -> None:
    """Nothing outside of the folder is asked when they are."""
    said = side("graph", MLFLOW_TRACKING_URI="http://127.0.0.1:1")

    assert set(WORKFLOWS) == set(said["dags"])


def test_an_unknown_runner_is_named(side: Side) -> None:
    """In the place where Airflow shows what it cannot read, with those that are known."""
    said = side("graph", WORKFLOW_RUNNER="k8s")

    assert "WORKFLOW_RUNNER=k8s is no runner. Known are local, docker and ecs." in str(said)
    unset = side("graph", WORKFLOW_RUNNER="ecs", WORKFLOW_ECS_CLUSTER="reviews")
    assert "WORKFLOW_RUNNER=ecs needs WORKFLOW_ECS_MODEL_TASK and" in str(unset)


def test_mlflow_that_is_down_is_an_alarm(side: Side, workspace: Workspace, tmp_path: Path) -> None:
    """A step of ours says so with 5, is repeated twice, and given up: under Airflow and without."""
    shop(workspace, tmp_path / "data")
    workspace.set(MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    said = side("run", "weekly_training", DAY)
    here = run_workflow(
        WORKFLOWS["weekly_training"], {"run": "2026-W02", "warm_start": ""},
        Here(tell=lambda _: None, wait=lambda _: None),
    )  # fmt: skip

    assert ("alarmed", "alarmed") == (ending(said), here.ending)
    assert [[5, 5, 5]] == [one.exit_codes for one in here.tasks]


FAULTS = {
    "fine": ("exit 0", "done"),
    "bad usage": ("exit 2", "stopped"),
    "bad data": ("exit 3", "stopped"),
    "said no": ("exit 4", "skipped"),
    "unreachable once": ("[ -e tried ] && exit 0; touch tried; exit 5", "retried"),
    "unreachable always": ("exit 5", "alarmed"),
    "killed once": ("[ -e tried ] && exit 0; touch tried; kill -9 $$", "retried"),
    "too slow": ("exec sleep 60", "stopped"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_how_a_run_ends(side: Side, tmp_path: Path, fault: str) -> None:
    """The same word as for a workflow on this machine, for the same fault of its first task."""
    behaviour, expected = FAULTS[fault]
    program = tmp_path / "python"
    program.write_text(f'#!/bin/bash\ncase "$2" in *next_batch) {behaviour} ;; esac\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    minutes = ["minutes=0.05"] if fault == "too slow" else []
    day = f"2026-02-{list(FAULTS).index(fault) + 2:02d}T09:00:00+00:00"
    said = side(
        "run", "weekly_training", day, *minutes,
        WORKFLOW_PYTHON=str(program), WORKFLOW_FOLDER=str(tmp_path),
    )  # fmt: skip

    assert expected == ending(said)


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


def test_a_program_that_is_not_there(side: Side) -> None:
    """What cannot be started may be there the next time: repeated, and given up."""
    said = side("run", "monitoring", "2026-03-02T06:00:00+00:00", WORKFLOW_PYTHON="/nowhere/python")

    assert "alarmed" == ending(said)
    assert "/nowhere/python was not started" in said["log"]


def test_a_bad_value_is_refused_before_anything_runs(side: Side, tmp_path: Path) -> None:
    """The form's pattern holds for every way in."""
    with pytest.raises(AssertionError, match="warm_start"):
        side("run", "weekly_training", "2026-03-09T09:00:00+00:00", "warm_start=$(reboot)")
    assert not (tmp_path / "data").exists()


WEEKS = {
    "2026-W02": DAY,
    "2026-W03": "2026-01-12T09:00:00+00:00",
    "2026-W04": "2026-01-19T09:00:00+00:00",
}


def shop(workspace: Workspace, folder: Path) -> None:
    """Make `folder` the data of all that follows: three batches, in no process of ours alone."""
    workspace.set(
        REVIEWS_BATCHES="3", MLFLOW_TRACKING_URI="", PYTHONPATH=str(ROOT),
        REVIEWS_DATA_DIR=str(folder), REVIEWS_CACHE_DIR=str(folder / "cache"),
        WORKFLOW_FOLDER=str(ROOT),
    )  # fmt: skip
    workspace.ok("pipeline.run", "ingest", "--source", "synthetic:1500@3")


def by_make(workspace: Workspace, folder: Path, answers: Sequence[str] = ()) -> dict[str, Any]:
    """Three weeks one after the other on this machine, with answers, and what they leave."""
    shop(workspace, folder)
    for week, answer in zip_longest(WEEKS, answers):
        said = workspace.ok("src.orchestration.run", "weekly_training", "--run", week)
        assert "done" == said["ending"]
        if answer:
            words = ("--run", week, "--answer", answer, "--by", PERSON)
            assert workspace.run("pipeline.approve", *words).code in {0, 4}
    found = kept(folder, workspace)
    assert 3 == len(found["versions"])
    assert {"runs/2026-W04.json", "processed/train_batch_2.manifest.json"} <= set(
        found["manifests"]
    )
    return found


def test_three_weeks_give_the_same_bytes_as_make(
    side: Side, workspace: Workspace, tmp_path: Path
) -> None:
    """Manifests, models and tags, under Airflow and without it."""
    expected = by_make(workspace, tmp_path / "make")
    shop(workspace, tmp_path / "airflow")
    for day in WEEKS.values():
        assert "done" == ending(side("run", "weekly_training", day))

    assert expected == kept(tmp_path / "airflow", workspace)


def test_a_training_whose_scheduler_was_killed_is_made_once(
    side: Side, airflow_home: Path, workspace: Workspace, tmp_path: Path
) -> None:
    """Its process goes on alone; the same run, begun again at once, finds its work or waits."""
    shop(workspace, tmp_path / "killed")
    with (tmp_path / "log").open("wb") as log:
        killed = subprocess.Popen(
            [PROGRAM, ROOT / "tests/integration/airflow_side.py", tmp_path / "none", "run",
             "weekly_training", DAY],
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
    assert [1] == [one.number for one in workspace.context().registry.versions()]


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


ANSWERS = {"2026-01-05": ("Reject", "no"), "2026-01-12": ("Leave open", "open"),
           "2026-01-19": ("Approve", "yes")}  # fmt: skip
PERSON = "Anonymous"  # as Airflow calls whoever uses this machine


def test_three_weeks_at_once_under_the_scheduler(workspace: Workspace, tmp_path: Path) -> None:
    """A backfill that asks a person gives what three Mondays give; Airflow is up and well.

    All of its own programs run it, and each of the three answers is given once.
    """
    workspace.set(REVIEWS_PROMOTE="approve")
    expected = by_make(workspace, tmp_path / "make", [answer for _, answer in ANSWERS.values()])
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
            _answer(f"{place}/dagRuns/monday__{day}/taskInstances/ask_approve", answer)
        states = _until_ended(f"{place}/dagRuns", 4)  # and last Monday's, which finds nothing new
        links = requests.get(
            f"{place}/dagRuns/monday__2026-01-05/taskInstances/train/links", timeout=30
        ).json()
        asked_for = _asked_while_paused(f"{up['address']}/api/v2/dags")
    finally:
        down = workspace.ok(*server, "down")
    again = workspace.run(*server, "status")

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
    before = len(requests.get(weekly, timeout=10).json()["dag_runs"])
    switch("weekly_training", on=True)
    requests.post(
        f"{dags}/monitoring/dagRuns", json={"logical_date": None}, timeout=30
    ).raise_for_status()
    _until_ended(weekly, before + 1)
    runs: list[dict[str, Any]] = requests.get(weekly, timeout=10).json()["dag_runs"]
    assert len(runs) == before + 1, "one for the day on which it was on"
    return next(one for one in runs if one["run_type"] == "asset_triggered")


def _answer(task: str, answer: str) -> None:
    """Wait until a task asks, and answer as a person at Airflow's page."""
    deadline = time.monotonic() + 240
    while requests.get(task, timeout=10).json().get("state") != "awaiting_input":
        assert time.monotonic() < deadline, f"{task} does not ask"
        time.sleep(1)
    time.sleep(3)  # a person reads; Airflow 3.3 fails a task that is answered in its last steps
    asked = requests.get(f"{task}/-1/hitlDetails", timeout=10).json()
    assert "make model-approve" in asked["body"], "the gate's words are shown"
    body = {"chosen_options": [answer]}
    requests.patch(f"{task}/-1/hitlDetails", json=body, timeout=10).raise_for_status()


def _until_ended(runs: str, count: int) -> list[str]:
    """Return the states of a workflow's runs once so many have ended, or after some minutes."""
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        found = requests.get(runs, timeout=10).json()["dag_runs"]
        ended = [one["state"] for one in found if one["state"] in {"success", "failed"}]
        if len(ended) >= count:
            break
        time.sleep(2)
    return ended


def test_who_is_told_when_a_task_fails_for_good(side: Side, tmp_path: Path) -> None:
    """Once, with the task and the reason; not for a try that is repeated."""
    program = tmp_path / "python"
    behaviour = "[ -e tried ] && exit 3; touch tried; exit 5"
    program.write_text(f'#!/bin/bash\ncase "$2" in *next_batch) {behaviour} ;; esac\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    told = []

    class _Told(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), _Told) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        side(
            "run", "weekly_training", "2026-02-23T09:00:00+00:00",
            WORKFLOW_PYTHON=str(program), WORKFLOW_FOLDER=str(tmp_path),
            WORKFLOW_ALARM_URL=f"http://127.0.0.1:{listening.server_port}/alarm",
        )  # fmt: skip
        listening.shutdown()

    (said,) = told
    assert ("weekly_training", "next_batch", 2) == (said["workflow"], said["task"], said["tries"])
    assert "ended with 3" in said["reason"]


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
    aliases = {name: getattr(registry.by_alias(name), "number", None) for name in ("champion",)}
    return {"manifests": manifests, "versions": versions, "aliases": aliases}
