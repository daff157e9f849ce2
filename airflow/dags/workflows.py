"""The project's workflows as DAGs of Airflow, from workflows.json beside this file.

`make steps-render` writes that file from the project's own list of commands. What runs a task is
the project's environment, .venv of the folder above, or WORKFLOW_PYTHON in WORKFLOW_FOLDER; with
WORKFLOW_RUNNER=docker it is a container, with WORKFLOW_RUNNER=ecs a task of Amazon ECS.
"""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, BaseOperator, Param
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable
from alarm import tell
from ask_operator import AskOperator
from step_operator import StepOperator

_HERE = Path(__file__).resolve().parent
_FOLDER = os.environ.get("WORKFLOW_FOLDER") or str(_HERE.parents[1])
_EPOCH = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
_HOLE = re.compile(r"\{(\w+)\}")
_RENDERED = json.loads((_HERE / "workflows.json").read_text(encoding="utf-8"))


def _param(one: dict[str, str]) -> Param:
    """Return a field of the form that may stay empty."""
    return Param(
        None, type=["null", "string"], pattern=f"^({one['pattern']})?$", title=one["name"],
        description=f"{one['says']} {one['form']}",
    )  # fmt: skip


def _template(word: str, question: str) -> str:
    """Return an argument as Airflow renders it: empty where its parameter is.

    What a person answers is taken from the task `question`.

    >>> _template("--warm-start={warm_start}", "")
    "{% if params.warm_start %}--warm-start={{ params.warm_start }}{% endif %}"
    """
    names = [name for name in _HOLE.findall(word) if name not in _RENDERED["answer"]]
    filled = _HOLE.sub(lambda hole: f"{{{{ {_value(hole[1], question)} }}}}", word)
    given = " and ".join(f"params.{name}" for name in names if name != "run")
    return f"{{% if {given} %}}{filled}{{% endif %}}" if given else filled


def _value(name: str, question: str) -> str:
    if name in _RENDERED["answer"]:
        return f"ti.xcom_pull(task_ids='{question}')['{name}']"
    if name != "run":
        return f"params.{name}"
    asked = "dag_run.run_type == 'asset_triggered'"
    day = f"dag_run.run_after.strftime('{_RENDERED['asked_run']}%Y-%m-%d')"
    week = "(dag_run.logical_date or dag_run.run_after).strftime('%G-W%V')"
    return f"params.run or ({day} if {asked} else {week})"


def _operator(task: dict[str, Any], pauses: dict[str, float]) -> BaseOperator:
    return _runner()(
        task_id=task["name"],
        step=task,
        words=[_template(word, _ask_id(task)) for word in task["words"]],
        folder=_FOLDER,
        retries=task["retries"],
        retry_delay=timedelta(seconds=pauses["first_seconds"]),
        retry_exponential_backoff=float(pauses["factor"]),
        execution_timeout=timedelta(minutes=task["minutes"]),
        on_failure_callback=tell,
    )


def _ask_id(task: dict[str, Any]) -> str:
    return f"ask_{task['name']}"


def _ask(task: dict[str, Any], before: BaseOperator) -> BaseOperator:
    """Return what asks a person between a task and the one before it."""
    ask = AskOperator(
        task_id=_ask_id(task),
        asked_by=before.task_id,
        minutes=task["answer_minutes"],
        on_failure_callback=tell,
    )
    ask.set_upstream(before)
    return ask


def _runner() -> type[BaseOperator]:
    """Return what runs a task. Raises ValueError where WORKFLOW_RUNNER names nothing known."""
    name = os.environ.get("WORKFLOW_RUNNER") or "local"
    if name == "local":
        return StepOperator
    if name == "docker":
        from docker_step import DockerStepOperator

        return DockerStepOperator
    if name == "ecs":
        from ecs_step import EcsStepOperator

        return EcsStepOperator
    raise ValueError(f"WORKFLOW_RUNNER={name} is no runner. Known are local, docker and ecs.")


def _schedule(workflow: dict[str, Any]) -> Any:
    """Return when a workflow starts: by the clock, and where another one asks for it."""
    if not workflow["schedule"]:
        return None
    clock = CronTriggerTimetable(workflow["schedule"], timezone="UTC")
    asked = any(one["then"] == workflow["name"] for one in _RENDERED["workflows"])
    return AssetOrTimeSchedule(timetable=clock, assets=_asked(workflow["name"])) if asked else clock


def _asked(workflow: str) -> Asset:
    """Return the asset whose update asks for a workflow."""
    return Asset(name=f"{workflow}_asked", uri=f"reviews://asked/{workflow}")


def _dag(workflow: dict[str, Any], pauses: dict[str, float]) -> DAG:
    with DAG(
        workflow["name"],
        description=workflow["says"],
        schedule=_schedule(workflow),
        start_date=_EPOCH,
        catchup=False,
        max_active_runs=1,
        params={one["name"]: _param(one) for one in workflow["parameters"]},
        tags=["reviews"],
    ) as dag:
        operators = {task["name"]: _operator(task, pauses) for task in workflow["tasks"]}
        for task in workflow["tasks"]:
            before = [operators[name] for name in task["after"]]
            operators[task["name"]].set_upstream(
                [_ask(task, *before)] if task["answer_minutes"] else before
            )
        if workflow["then"]:
            operators[workflow["tasks"][-1]["name"]].add_outlets([_asked(workflow["then"])])
    return dag


for _workflow in _RENDERED["workflows"]:
    globals()[_workflow["name"]] = _dag(_workflow, _RENDERED["pauses"])
