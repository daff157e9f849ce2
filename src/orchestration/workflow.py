"""Workflows in the one form that every scheduler's rendering comes from and is held against. Pure.

A workflow is a chain of tasks: each runs one command of `src.model.steps` as a process or container
of its own, with the limits and the meaning of exit codes that stand there. Nothing here is said
twice: names, modules, arguments, resources, retries and answers are all of that list.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from src.model import steps
from src.model.files.runs import NAME, NAME_FORM, PREFIX

Meaning = Literal["done", "over", "ask", "repeat"]
"""What an exit code means: go on; nothing is left to do; a person has to answer before the next
task; the same command may end otherwise.

Every other code stops the workflow: repeating would not help.
"""

Ending = Literal["done", "retried", "skipped", "stopped", "alarmed"]
"""How a workflow ends: as it should; so too, but something had to be repeated; at a task that had
nothing left to do; at one that repeating would not mend, or that took too long; at one that was
repeated in vain."""

LOST = -1
"""Stands for the exit code of what never told one: not started, or gone with its machine."""

SIGNALLED = 128
"""Codes above it are of what a signal has ended, as shells and containers count."""

ASKED_RUN = "retrain-"
ANSWER = ("answer", "by")
"""What a person's answer fills in: yes or no, and who said so."""

FIRST_PAUSE, PAUSE_FACTOR = 30, 2
"""Seconds before the first repetition, and how much longer each further pause is."""

_HOLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Parameter:
    """What who starts a workflow may say.

    `pattern` is of the whole value, and "" fits too; `form` is the same in words.
    """

    name: str
    says: str
    pattern: str
    form: str


@dataclass(frozen=True)
class Task:
    """One command of a workflow, and all a scheduler must know of it.

    `words` are its arguments, with parameters in braces; one whose parameter is empty is left out.
    `after` is the task before it. `meanings` are of exit codes. At most `minutes` for one try,
    and `retries` more tries. Where `answer_minutes` is set, the task is run only if the one before
    it asks for a person and one answers within that time; a workflow that goes without is done.
    """

    name: str
    module: str
    words: tuple[str, ...]
    after: tuple[str, ...]
    image: str
    meanings: tuple[tuple[int, Meaning], ...]
    retries: int
    minutes: int
    memory_mb: int
    cpus: float
    answer_minutes: int = 0

    def filled(self, parameters: Mapping[str, str]) -> list[str]:
        """Return the arguments with the parameters' values.

        >>> task = WORKFLOWS["weekly_training"].tasks[0]
        >>> task.filled({"run": "2026-W48", "warm_start": ""})
        ['--run=2026-W48']
        """
        return [
            _HOLE.sub(lambda hole: parameters[hole[1]], word)
            for word in self.words
            if all(parameters.get(name) for name in holes(word))
        ]


@dataclass(frozen=True)
class Workflow:
    """A chain of tasks, its parameters, and when it starts: a cron expression in UTC, or never.

    Where all of its tasks are done, and none said that nothing is left to do, the workflow `then`
    is started, under the name of its run that `asked_run` gives.
    """

    name: str
    says: str
    schedule: str
    parameters: tuple[Parameter, ...]
    tasks: tuple[Task, ...]
    then: str = ""


def asked_run(day: str) -> str:
    """Return the name of a run that a workflow has asked for on a day.

    >>> asked_run("2026-11-28")
    'retrain-2026-11-28'
    """
    return f"{ASKED_RUN}{day}"


def holes(word: str) -> list[str]:
    """Return the parameters that an argument needs.

    >>> holes("--batches=run:{run}")
    ['run']
    """
    return _HOLE.findall(word)


def meaning(task: Task, code: int) -> Meaning | None:
    """Return what an exit code means for a task; None where the workflow has to stop.

    Codes below 0 and above 128 are those of processes that were killed, or never started.
    """
    if code < 0 or code > SIGNALLED:
        return "repeat"
    return dict(task.meanings).get(code)


def pause(tries: int) -> int:
    """Return the seconds to wait after so many tries.

    >>> pause(1), pause(2)
    (30, 60)
    """
    return int(FIRST_PAUSE * PAUSE_FACTOR ** (tries - 1))


def _task(command: steps.Command, before: str, values: Mapping[str, str]) -> Task:
    meanings: dict[int, Meaning] = dict.fromkeys(command.answers, "done")
    meanings.update(dict.fromkeys(command.ends, "over"))
    meanings.update(dict.fromkeys(command.asks, "ask"))
    meanings[steps.UNREACHABLE] = "repeat"
    limits = command.resources
    return Task(
        name=command.name,
        module=command.module,
        words=tuple(steps.arguments(command, **values)),
        after=(before,) if before else (),
        image=command.image,
        meanings=tuple(sorted(meanings.items())),
        retries=command.retries,
        minutes=limits.minutes,
        memory_mb=limits.memory_mb,
        cpus=limits.cpus,
        answer_minutes=command.answer_minutes,
    )


def _chain(commands: list[steps.Command], **values: str) -> tuple[Task, ...]:
    names = ["", *(command.name for command in commands)]
    return tuple(
        _task(command, before, values) for command, before in zip(commands, names, strict=False)
    )


_RUN = Parameter(
    "run",
    "Name of the run; this week's unless set.",
    NAME,
    f"{NAME_FORM[0].upper()}{NAME_FORM[1:]}; for example 2026-W48.",
)
_WARM = Parameter(
    "warm_start",
    "Version to go on from; from scratch unless set.",
    r"[a-z]+|[0-9]{1,9}",
    "A number or an alias, such as champion.",
)
_SOURCE = Parameter(
    "source",
    "Where the reviews are; REVIEWS_SOURCE unless set.",
    r"[^\s'\"]{1,500}",
    "As for make model-ingest, without blanks and quotes.",
)
_APPEND = Parameter(
    "append", "Whether the new ones are added as the next batch.", r"yes|no|1|0", "yes or no."
)

WORKFLOWS: dict[str, Workflow] = {
    one.name: one
    for one in (
        Workflow(
            "ingest",
            "Fetch reviews, check them and split them into batches.",
            "",
            (_SOURCE, _APPEND),
            _chain(steps.pipeline("ingest"), source="{source}", append="{append}"),
        ),
        Workflow(
            "weekly_training",
            "Train on the next batch and let the gate decide.",
            "0 9 * * 1",
            (_RUN, _WARM),
            _chain(
                steps.in_order(steps.WEEKLY),
                run="{run}",
                batches=f"{PREFIX}{{run}}",
                warm_start="{warm_start}",
                **{name: f"{{{name}}}" for name in ANSWER},
            ),
        ),
        Workflow(
            "monitoring",
            "Tell drift from harm in the prediction log, and train where that is asked for.",
            "0 6 * * *",
            (),
            _chain(list(steps.MONITORING)),
            then="weekly_training",
        ),
    )
}
