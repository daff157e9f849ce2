"""What tests let run in Airflow's own environment; its answer is a JSON file.

    python airflow_side.py ANSWER graph
    python airflow_side.py ANSWER run DAG DAY [NAME=VALUE …]

`run` tries tasks again without a pause.
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
    elif kind == "graph":
        told = {name: _told(dag) for name, dag in bag.dags.items()}
        ours = [
            name for name in sys.modules if name.partition(".")[0] in {"src", "mlflow", "polars"}
        ]
        said = {"dags": told, "seconds": seconds, "imported": ours}
    else:
        said = _run(bag.dags[words[0]], words[1], dict(one.split("=", 1) for one in words[2:]))
    Path(answer).write_text(json.dumps(said), encoding="utf-8")


def _told(dag: Any) -> dict[str, Any]:
    tasks = [
        {
            "task_id": task.task_id,
            "module": task.step["module"],
            "words": task.words,
            "upstream": sorted(task.upstream_task_ids),
            "image": task.step["image"],
            "meanings": task.step["meanings"],
            "retries": task.retries,
            "timeout_seconds": int(task.execution_timeout.total_seconds()),
            "memory_mb": task.step["memory_mb"],
            "cpus": task.step["cpus"],
            "pause": [task.retry_delay.total_seconds(), task.retry_exponential_backoff],
        }
        for task in dag.topological_sort()
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
