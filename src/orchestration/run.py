"""Run: a workflow on this machine, as Airflow and Step Functions run it elsewhere.

Each task is a process of its own, with its time limit. What ends with exit code 5, is killed or
cannot be started is repeated after a pause; what is wrong with the data or the settings is not.
Started again under the same name of its run, a workflow finds done what was done. --dry-run shows
the tasks and runs none, and so does make -n.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import UnreachableError, UsageError
from src.model.files.runs import this_week
from src.orchestration.local import Ended, Here, TaskRun, run_workflow
from src.orchestration.workflow import WORKFLOWS, Ending, Task, Workflow, asked_run

_STDERR = 2  # where tasks print when stdout is for the answer alone
_PARAMETERS = {one.name: one for workflow in WORKFLOWS.values() for one in workflow.parameters}


class WorkflowResult(Result):
    """How a workflow ended, its parameters, and its tasks as far as they were begun.

    Where it has started another one, those of that one come after its own.
    """

    step: Literal["run"] = "run"
    workflow: str
    ending: Ending | None
    parameters: dict[str, str]
    tasks: list[TaskRun]


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "run", "src.orchestration")
    parser.add_argument("workflow", choices=sorted(WORKFLOWS), help="which workflow")
    for name, parameter in _PARAMETERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", default="", help=parameter.says)
    parser.add_argument("--dry-run", action="store_true", help="show the tasks and run none")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    workflow = WORKFLOWS[args.workflow]
    parameters = _parameters(workflow, args)
    if args.dry_run:
        shown = {"answer": "ANSWER", "by": "NAME"} | parameters
        lines = [task_line(task, shown) for task in workflow.tasks]
        lines += [f"# then {workflow.then}, where all are done"] if workflow.then else []
        result = WorkflowResult(
            workflow=workflow.name, ending=None, parameters=parameters, tasks=[]
        )
        return Outcome(result, "\n".join(lines))
    answers, person = _STDERR if args.json else None, sys.stdin.isatty()
    here = Here(tell=context.log.warning, answers=answers, person=person)
    ended = run_workflow(workflow, parameters, here)
    if workflow.then and ended.ending in {"done", "retried"}:
        asked = {"run": asked_run(datetime.now(UTC).date().isoformat()), "warm_start": ""}
        context.log.info("starts another workflow", workflow=workflow.then, run=asked["run"])
        more = run_workflow(WORKFLOWS[workflow.then], asked, here)
        ending = ended.ending if more.ending == "done" else more.ending
        ended = Ended(ending, [*ended.tasks, *more.tasks])
    result = WorkflowResult(
        workflow=workflow.name, ending=ended.ending, parameters=parameters, tasks=ended.tasks
    )
    return Outcome(result, _text(workflow, ended), _exit_code(ended))


def _parameters(workflow: Workflow, args: argparse.Namespace) -> dict[str, str]:
    """Return the workflow's parameters. Raises UsageError for others, and for bad values."""
    own = {one.name: one for one in workflow.parameters}
    found = {}
    for name in _PARAMETERS:
        value = getattr(args, name)
        if value and name not in own:
            known = ", ".join(own) or "none"
            raise UsageError(f"{workflow.name} takes no {name}.", hint=f"Its parameters: {known}.")
        if name in own:
            found[name] = value
    if "run" in found:
        found["run"] = found["run"] or this_week()
    for name, value in found.items():
        if value and not re.fullmatch(own[name].pattern, value):
            raise UsageError(f"{name}={value!r} cannot be taken.", hint=own[name].form)
    return found


def task_line(task: Task, parameters: dict[str, str]) -> str:
    r"""Return a task as a line of shell, with what else a scheduler knows of it behind a hash.

    >>> line = task_line(WORKFLOWS["weekly_training"].tasks[0], {"run": "2026-W48"})
    >>> print(line.replace("  # ", "\n").replace(", 0 ", "\n0 "))
    python -m src.model.pipeline.next_batch --run=2026-W48
    next_batch: after nothing, image tutoria-mlops-model, 30 min, 1024 MB, 1 cpu
    0 done, 4 over, 5 repeat, 2 more tries
    """
    words = shlex.join(["python", "-m", task.module, *task.filled(parameters)])
    after = " and ".join(task.after) or "nothing"
    meanings = ", ".join(f"{code} {what}" for code, what in task.meanings)
    limits = f"{task.minutes} min, {task.memory_mb} MB, {task.cpus:g} cpu"
    about = f"after {after}, image {task.image}, {limits}, {meanings}, {task.retries} more tries"
    if task.answer_minutes:
        about += f", with a person's answer within {task.answer_minutes} min"
    return f"{words}  # {task.name}: {about}"


def _text(workflow: Workflow, ended: Ended) -> str:
    last = ended.tasks[-1].name
    how = {
        "done": "done",
        "retried": "done, retried on the way",
        "skipped": f"skipped, nothing left to do after {last}",
        "stopped": f"stopped at {last}, see above",
        "alarmed": f"alarmed, given up at {last}, see above",
    }[ended.ending]
    head = f"Workflow {workflow.name}: {how}"
    return "\n".join([head, *map(_task_text, ended.tasks)])


def _task_text(run: TaskRun) -> str:
    tries = f", {len(run.exit_codes)} tries" if len(run.exit_codes) > 1 else ""
    late = ", ended at its time limit" if run.timed_out else ""
    return f"  {run.name:18} {run.seconds:8.1f} s  exit code {run.exit_codes[-1]}{tries}{late}"


def _exit_code(ended: Ended) -> int:
    """Return 0 where the workflow ended as it should, and otherwise its last task's code.

    That is 5 where it was repeated in vain, or ended at its time limit.
    """
    if ended.ending in {"done", "retried", "skipped"}:
        return 0
    last = ended.tasks[-1]
    in_vain = ended.ending == "alarmed" or last.timed_out
    return UnreachableError.exit_code if in_vain else last.exit_codes[-1]


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
