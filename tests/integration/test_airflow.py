"""Airflow: the same graph and the same endings as on this machine without it."""

import json
import shutil
import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from src.orchestration.local import Here, run_workflow
from src.orchestration.workflow import FIRST_PAUSE, PAUSE_FACTOR, WORKFLOWS
from tests.conftest import ROOT, Workspace
from tests.graphs import of_dag
from tests.integration.airflow_runs import DAY, Side, ending, needs_airflow, shop
from tests.unit.test_workflows import CHANGES

pytestmark = [pytest.mark.slow, needs_airflow]


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
    assert "WORKFLOW_RUNNER=ecs needs WORKFLOW_ECS_TASKS and" in str(unset)


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
