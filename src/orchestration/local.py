"""A workflow on this machine: each task a process of its own, with its limits and repetitions."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from src.model.core.records import Record
from src.orchestration.workflow import LOST, Ending, Task, Workflow, meaning, pause

_GRACE_SECONDS = 20
Start = Callable[[Task, Sequence[str]], Sequence[str]]
"""From a task and its arguments to the command line that runs it."""


class TaskRun(Record):
    """How a task went: its exit codes in order (-1 where there is none), and the seconds it took.

    `timed_out` says whether its last try took longer than it may.
    """

    name: str
    exit_codes: list[int]
    seconds: float
    timed_out: bool = False


@dataclass(frozen=True)
class Ended:
    """How a workflow ended, and its tasks as far as they were begun."""

    ending: Ending
    tasks: list[TaskRun]


def python(task: Task, words: Sequence[str]) -> list[str]:
    """Return the command line of a task in this environment."""
    return [sys.executable, "-m", task.module, *words]


@dataclass(frozen=True)
class Here:
    """How tasks are run on this machine: what starts them, who is told, how a pause is made.

    `answers` is the file descriptor that gets what they print; this process's own unless set.
    `person` says whether somebody is there to be asked.
    """

    tell: Callable[[str], None]
    start: Start = python
    wait: Callable[[float], None] = time.sleep
    answers: int | None = None
    person: bool = False


def run_workflow(workflow: Workflow, parameters: Mapping[str, str], here: Here) -> Ended:
    """Run a workflow's tasks one after the other.

    A task that ends with a code that may pass, or that is killed or cannot be started, is repeated
    as often as it may be. One that wants a person's answer asks for it itself, at the terminal.
    """
    done: list[TaskRun] = []
    asked = False
    for task in workflow.tasks:
        if task.answer_minutes and not (asked and here.person):
            continue
        run = _repeated(task, task.filled(parameters), here)
        done.append(run)
        found = None if run.timed_out else meaning(task, run.exit_codes[-1])
        asked = found == "ask"
        if found in {"done", "ask"}:
            continue
        if found == "over":
            return Ended("skipped", done)
        here.tell(f"{workflow.name} ends at {task.name}")
        return Ended("alarmed" if found == "repeat" else "stopped", done)
    repeated = any(len(run.exit_codes) > 1 for run in done)
    return Ended("retried" if repeated else "done", done)


def _repeated(task: Task, words: Sequence[str], here: Here) -> TaskRun:
    codes: list[int] = []
    begun = time.perf_counter()
    while True:
        code, timed_out = _once(here.start(task, words), 60 * task.minutes, here.answers)
        codes.append(code)
        if timed_out:
            here.tell(f"{task.name} was ended after {task.minutes} minutes")
        if timed_out or meaning(task, code) != "repeat" or len(codes) > task.retries:
            seconds = round(time.perf_counter() - begun, 3)
            return TaskRun(name=task.name, exit_codes=codes, seconds=seconds, timed_out=timed_out)
        seconds_off = pause(len(codes))
        what = "was not started" if code == LOST else f"ended with {code}"
        here.tell(f"{task.name} {what}; again in {seconds_off} s ({len(codes)} of {task.retries})")
        here.wait(seconds_off)


def _once(command: Sequence[str], seconds: float, answers: int | None) -> tuple[int, bool]:
    """Run a command; return its exit code and whether it took longer than it may."""
    try:
        process = subprocess.Popen(command, stdout=answers, start_new_session=True)
    except OSError:
        return LOST, False
    try:
        return process.wait(timeout=seconds), False
    except subprocess.TimeoutExpired:
        _end(process)
        return process.returncode, True
    except BaseException:  # Ctrl-C, or a signal: the child is in a session of its own
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children, gently at first."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
