"""What tests let run in Airflow's own environment; its answer is a JSON file.

    python airflow_side.py ANSWER graph [FOLDER …]
    python airflow_side.py ANSWER run DAG DAY [NAME=VALUE …]

`graph` tells of the DAGs in each folder, and `run` tries tasks again without a pause.
"""

import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag

DAGS = Path(__file__).resolve().parents[2] / "airflow/dags"


def main(answer: str, kind: str, *words: str) -> None:
    begun = time.perf_counter()
    bag = DagBag(str(DAGS))
    seconds = time.perf_counter() - begun
    if bag.import_errors:
        said: Any = {"errors": [str(one) for one in bag.import_errors.values()]}
    elif words and kind == "graph":
        said = {"folders": [_dags(DagBag(folder)) for folder in words]}
    elif kind == "graph":
        told = _dags(bag)
        ours = [
            name for name in sys.modules if name.partition(".")[0] in {"src", "mlflow", "polars"}
        ]
        said = {"dags": told, "seconds": seconds, "imported": ours}
    else:
        said = _run(bag.dags[words[0]], words[1], dict(one.split("=", 1) for one in words[2:]))
    Path(answer).write_text(json.dumps(said), encoding="utf-8")


def _dags(bag: DagBag) -> dict[str, Any]:
    return {name: _told(dag) for name, dag in bag.dags.items()}


def _told(dag: Any) -> dict[str, Any]:
    tasks = [
        {
            "task_id": task.task_id,
            "module": task.step["module"],
            "words": task.words,
            "upstream": _before(task),
            "image": task.step["image"],
            "meanings": task.step["meanings"],
            "retries": task.retries,
            "timeout_seconds": int(task.execution_timeout.total_seconds()),
            "memory_mb": task.step["memory_mb"],
            "cpus": task.step["cpus"],
            "answer_seconds": _answer_seconds(task),
            "pause": [task.retry_delay.total_seconds(), task.retry_exponential_backoff],
        }
        for task in dag.topological_sort()
        if not _is_question(task)
    ]
    clock = getattr(dag.timetable, "timetable", dag.timetable)  # of one that assets start too
    about = {
        "schedule": getattr(clock, "_expression", ""),
        "timezone": str(getattr(getattr(clock, "_timezone", None), "name", "UTC")),
        "starts_on": sorted(one.name for _, one in _assets(dag.timetable)),
        "asks_for": sorted(one.name for task in dag.tasks for one in task.outlets),
        "active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
        "parameters": {name: dag.params.get_param(name).schema["pattern"] for name in dag.params},
    }
    return {"tasks": tasks, **about}


def _is_question(task: Any) -> bool:
    return type(task).__name__ == "AskOperator"


def _before(task: Any) -> list[str]:
    """The steps before a step; what asks a person between the two is no step."""
    found = []
    for one in task.upstream_list:
        if _is_question(one):
            assert {one.asked_by} == one.upstream_task_ids, "it asks for the one before it"
        found += sorted(one.upstream_task_ids) if _is_question(one) else [one.task_id]
    return sorted(found)


def _answer_seconds(task: Any) -> int:
    questions = [one for one in task.upstream_list if _is_question(one)]
    return int(sum(one.response_timeout.total_seconds() for one in questions))


def _assets(timetable: Any) -> list[tuple[Any, Any]]:
    condition = getattr(timetable, "asset_condition", None)
    return list(condition.iter_assets()) if condition else []


def _run(dag: Any, day: str, parameters: dict[str, str]) -> dict[str, Any]:
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
        task.retry_exponential_backoff = 0
        if "minutes" in parameters:
            task.execution_timeout = timedelta(minutes=float(parameters["minutes"]))
    parameters.pop("minutes", None)
    begun = time.perf_counter()
    run = dag.test(logical_date=datetime.fromisoformat(day), run_conf=parameters or None)
    seconds = time.perf_counter() - begun
    tasks = {
        one.task_id: {"state": str(one.state), "tries": one.try_number}
        for one in run.get_task_instances()
    }
    return {"state": str(run.state), "tasks": tasks, "seconds": seconds}


if __name__ == "__main__":
    main(*sys.argv[1:])
