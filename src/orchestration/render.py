"""Render: the workflows, as Airflow's DAGs read them and as state machines of Step Functions.

All are files of this repository, written from the list of commands: airflow/dags/workflows.json,
infra/state_machines/NAME.asl.json, and what Terraform makes task definitions, roles and schedules
of: infra/modules/jobs/jobs.json and infra/modules/orchestration/workflows.json. With --check
nothing is written; exit code 3 where a file is not what the list says.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import DataError
from src.orchestration.jobs import fargate, jobs
from src.orchestration.schedules import schedules
from src.orchestration.state_machine import state_machine
from src.orchestration.workflow import (
    ANSWER,
    ASKED_RUN,
    FIRST_PAUSE,
    PAUSE_FACTOR,
    WORKFLOWS,
    Workflow,
)

ROOT = Path(__file__).resolve().parents[2]


class RenderResult(Result):
    """The files, those of them that were written, and whether any was looked at only."""

    step: Literal["render"] = "render"
    files: list[str]
    changed: list[str]
    checked: bool


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "render", "src.orchestration")
    parser.add_argument("--check", action="store_true", help="write nothing; say what would change")
    return parser


def rendered() -> dict[str, str]:
    """Return the content of each file, by its place in the repository."""
    pauses = {"first_seconds": FIRST_PAUSE, "factor": PAUSE_FACTOR}
    for_dags = {
        "pauses": pauses,
        "asked_run": ASKED_RUN,
        "answer": ANSWER,
        "workflows": [_for_dags(one) for one in WORKFLOWS.values()],
    }
    files: dict[str, Any] = {
        "airflow/dags/workflows.json": for_dags,
        "infra/modules/jobs/jobs.json": jobs(),
        "infra/modules/orchestration/workflows.json": schedules(),
    }
    files |= {
        f"infra/state_machines/{name}.asl.json": state_machine(workflow)
        for name, workflow in WORKFLOWS.items()
    }
    return {place: json.dumps(content, indent=2) + "\n" for place, content in files.items()}


def _for_dags(workflow: Workflow) -> dict[str, Any]:
    """Return a workflow as its DAG reads it, each task with what it asks of Fargate."""
    said = asdict(workflow)
    for shown, task in zip(said["tasks"], workflow.tasks, strict=True):
        whole, container = fargate(task)
        shown["fargate"] = {"task": whole, "container": container}
    return said


def run(args: argparse.Namespace, context: Context) -> Outcome:
    del context
    files = rendered()
    changed = [place for place, content in files.items() if _read(ROOT / place) != content]
    if args.check and changed:
        msg = f"{' and '.join(changed)} is not what the list of commands says."
        raise DataError(msg, hint="Run make steps-render.")
    for place in changed:
        (ROOT / place).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / place).write_text(files[place], encoding="utf-8")
    result = RenderResult(files=list(files), changed=changed, checked=args.check)
    what = [f"{'Written' if place in changed else 'Unchanged'}: {place}" for place in files]
    return Outcome(result, "\n".join(what))


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
