"""Workflows: what each scheduler was given is one graph, and how a local one ends."""

import copy
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import pytest

from src.model import steps
from src.orchestration import render
from src.orchestration.jobs import FOLDERS, jobs, task_definitions
from src.orchestration.local import Ended, Here, run_workflow
from src.orchestration.run import task_line
from src.orchestration.state_machine import state_machine
from src.orchestration.workflow import LOST, WORKFLOWS, Task, Workflow
from tests.conftest import ROOT
from tests.graphs import of_dry_run, of_state_machine, then_of_state_machine

WEEKLY = WORKFLOWS["weekly_training"]
PROMOTE, APPROVE = WEEKLY.tasks[-2:]
SAID = {"run": "2026-W01", "warm_start": "zzz"}
SHOWN = SAID | {"answer": "ANSWER", "by": "NAME"}


def test_the_files_are_what_the_list_says() -> None:
    """`make steps-render` would change nothing."""
    for place, content in render.rendered().items():
        assert content == (ROOT / place).read_text(encoding="utf-8"), place


def test_workflows_take_everything_from_the_list_of_commands() -> None:
    """Names, modules, images, limits and answers; each task comes after all that it needs."""
    for workflow in WORKFLOWS.values():
        seen: set[str] = set()
        for task in workflow.tasks:
            command = steps.COMMANDS[task.name]
            limits = command.resources
            assert (command.module, command.image, command.retries) == (
                task.module,
                task.image,
                task.retries,
            )
            assert (limits.minutes, limits.memory_mb, limits.cpus) == (
                task.minutes,
                task.memory_mb,
                task.cpus,
            )
            of_workflow = {one.name for one in workflow.tasks}
            assert {*command.needs, *command.after} & of_workflow <= seen
            seen.add(task.name)


def made(*words: str) -> str:
    """What `make -n` shows of a workflow."""
    command = ["make", "-n", *words, f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_each_task_has_its_folders() -> None:
    """No more and no fewer tasks than workflows have; what Fargate gives holds what they take."""
    found = {task.name: task for workflow in WORKFLOWS.values() for task in workflow.tasks}

    assert set(found) == set(FOLDERS)
    for name, job in jobs().items():
        assert found[name].memory_mb <= job["memory"]
        assert not set(job["reads"]) & set(job["writes"])


def test_make_and_step_functions_have_the_same_graph() -> None:
    """Nodes, edges, command, repetitions, time, resources, and what exit codes mean."""
    shown = made("model-pipeline-weekly", *(f"{name}={value}" for name, value in SAID.items()))

    assert list(WEEKLY.tasks) == of_dry_run(shown, SHOWN)
    for workflow in WORKFLOWS.values():
        machine = state_machine(workflow)
        assert list(workflow.tasks) == of_state_machine(machine, jobs())
        assert workflow.then == then_of_state_machine(machine, workflow.tasks[-1].name)
    daily = made("monitoring-daily")
    assert list(WORKFLOWS["monitoring"].tasks) == of_dry_run(daily, SHOWN)
    assert "# then weekly_training, where all are done" in daily


CHANGES: dict[str, Any] = {
    "name": "other",
    "module": "src.model.data.other",
    "words": ("--other={run}",),
    "after": ("evaluate",),
    "image": steps.MONITORING_IMAGE,
    "meanings": ((0, "done"), (4, "over"), (5, "repeat")),
    "retries": 7,
    "minutes": 121,
    "memory_mb": 3073,
    "cpus": 2.0,
    "answer_minutes": 7,
}


@pytest.mark.parametrize("field", [one.name for one in fields(Task)])
def test_a_change_of_any_field_is_seen_in_what_step_functions_gets(field: str) -> None:
    """A state machine of other tasks is never read as the one of these."""
    place = [task.name for task in WEEKLY.tasks].index("train")
    other = replace(WEEKLY.tasks[place], **{field: CHANGES[field]})
    tasks = [*WEEKLY.tasks[:place], other, *WEEKLY.tasks[place + 1 :]]
    if field == "after":  # edges are the order of the states
        tasks = [*WEEKLY.tasks[:place], *WEEKLY.tasks[place + 1 :], other]
    machine = state_machine(replace(WEEKLY, tasks=tuple(tasks)))

    assert list(WEEKLY.tasks) != of_state_machine(machine, task_definitions(tasks))


@pytest.mark.parametrize("field", [one.name for one in fields(Task)])
def test_a_change_of_any_field_is_seen_in_what_make_shows(field: str) -> None:
    """A line of other tasks is never read as the one of these."""
    place = [task.name for task in WEEKLY.tasks].index("train")
    line = task_line(replace(WEEKLY.tasks[place], **{field: CHANGES[field]}), SHOWN)

    assert [WEEKLY.tasks[place]] == of_dry_run(task_line(WEEKLY.tasks[place], SHOWN), SHOWN)
    assert [WEEKLY.tasks[place]] != of_dry_run(line, SHOWN)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to every text and number in a state machine."""
    if not isinstance(value, dict | list):
        return [path]
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return [leaf for key, inner in pairs for leaf in leaves(inner, (*path, key))]


def test_a_change_of_any_value_of_a_task_is_seen() -> None:
    """Every leaf below a task's states is changed by itself: refused, or another graph."""
    machine = json.loads((ROOT / "infra/state_machines/weekly_training.asl.json").read_text())
    unseen = []
    names = [name for name in machine["States"] if name.startswith(("train", "ask_"))]
    for path in leaves({name: machine["States"][name] for name in names}):
        changed = copy.deepcopy(machine)
        place = changed["States"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = _other(place[path[-1]])
        try:
            seen = of_state_machine(changed, jobs()) != list(WEEKLY.tasks)
        except (AssertionError, KeyError, ValueError, TypeError):
            seen = True
        if not seen:
            unseen.append(".".join(map(str, path)))

    # Where a task runs is no part of the graph, nor what Fargate rounds its memory to.
    free = ("Cluster", "LaunchType", "NetworkConfiguration", "Overrides.Cpu", "Overrides.Memory",
            "ContainerOverrides.0.Name", "ask_approve.Arguments.Message")  # fmt: skip
    assert [] == [path for path in unseen if not any(part in path for part in free)]


def _other(value: Any) -> Any:
    return value + 1 if isinstance(value, int) else f"{value}x"


EXITS = "import sys; sys.exit(int(sys.argv[1]))"
KILLED = "import os; os.kill(os.getpid(), 9)"


def ended(*commands: Sequence[str], minutes: int = 1, over: bool = False) -> Ended:
    """Run a workflow of one task, whose tries are these commands, one after the other."""
    task = replace(WEEKLY.tasks[0] if over else PROMOTE, minutes=minutes)
    tries = iter(commands)

    def start(_task: Task, _words: Sequence[str]) -> Sequence[str]:
        return next(tries)

    workflow = Workflow("w", "says", "", WEEKLY.parameters, (replace(task, after=()),))
    here = Here(tell=lambda _: None, start=start, wait=lambda _: None)
    return run_workflow(workflow, SAID, here)


def exits(code: int) -> list[str]:
    return [sys.executable, "-c", EXITS, str(code)]


KILL = [sys.executable, "-c", KILLED]
NOWHERE = ["/nowhere/python"]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
FINE = exits(0)


@pytest.mark.parametrize(
    ("commands", "ending", "codes"),
    [
        ((FINE,), "done", [0]),
        ((exits(2),), "stopped", [2]),
        ((exits(3),), "stopped", [3]),
        ((exits(1),), "stopped", [1]),
        ((exits(4),), "done", [4]),
        ((exits(5), FINE), "retried", [5, 0]),
        ((exits(5), exits(5), exits(5)), "alarmed", [5, 5, 5]),
        ((KILL, FINE), "retried", [-9, 0]),
        ((KILL, exits(3)), "stopped", [-9, 3]),
        ((exits(137), FINE), "retried", [137, 0]),
        ((NOWHERE, FINE), "retried", [LOST, 0]),
        ((NOWHERE, NOWHERE, NOWHERE), "alarmed", [LOST] * 3),
    ],
    ids=["fine", "2", "3", "defect", "4", "5", "5 always", "killed", "killed, then 3",
         "killed in a container", "not started", "never started"],
)  # fmt: skip
def test_how_a_workflow_ends(
    commands: Sequence[Sequence[str]], ending: str, codes: list[int]
) -> None:
    """Only what may pass is repeated, and a kept challenger is as good an end as any."""
    found = ended(*commands)

    assert (ending, codes) == (found.ending, found.tasks[0].exit_codes)


def test_nothing_left_to_do_skips_the_rest() -> None:
    """The next batch says so with 4; no other task of the workflow begins."""
    assert "skipped" == ended(exits(4), over=True).ending


@pytest.mark.parametrize(
    ("code", "person", "names"),
    [(6, True, ["promote", "approve"]), (6, False, ["promote"]), (0, True, ["promote"])],
    ids=["asked", "nobody there", "nothing to ask"],
)
def test_a_person_is_asked_only_where_a_task_wants_that(
    code: int, *, person: bool, names: list[str]
) -> None:
    """What waits for an answer begins then, and asks by itself; without a person all is done."""
    codes = {"promote": code, "approve": 0}
    here = Here(
        tell=lambda _: None, start=lambda task, _: exits(codes[task.name]), person=person
    )  # fmt: skip
    found = run_workflow(replace(WEEKLY, tasks=(PROMOTE, APPROVE)), SHOWN, here)

    assert ("done", names) == (found.ending, [one.name for one in found.tasks])


def test_a_task_that_takes_too_long_is_ended_and_not_repeated() -> None:
    """What takes longer than it may is ended with its children."""
    found = ended(SLEEP, minutes=0)

    assert ("stopped", True) == (found.ending, found.tasks[0].timed_out)
    assert 1 == len(found.tasks[0].exit_codes)
    assert found.tasks[0].seconds < 50
