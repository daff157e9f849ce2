"""What the tasks of workflows are on Amazon ECS (Fargate), one task definition each. Pure.

Terraform makes them of the file that this is written to, and gives each a role that may read and
write the folders of the data which it needs, and nothing else.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from src.orchestration.workflow import WORKFLOWS, Task

_REVIEWS = ("raw", "arrivals")  # what was ingested at first, and added since
_LEASES = ".leases"
_MOST = 8  # MB for a CPU unit


class Folders(NamedTuple):
    """Folders of the data; what a task writes, it may read too, and remove where it has to.

    A task that runs alone writes a lease.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()
    removes: bool = False
    alone: bool = True


FOLDERS = {
    "ingest": Folders((), _REVIEWS, removes=True),
    "validate": Folders((*_REVIEWS, "batches"), ("reports",), removes=True),
    "split_batches": Folders((*_REVIEWS, "reports"), ("batches",), removes=True),
    "next_batch": Folders((*_REVIEWS, "batches"), ("runs",)),
    "preprocess_batch": Folders((*_REVIEWS, "reports", "batches", "runs"), ("processed",), True),
    "preprocess_test": Folders((*_REVIEWS, "batches", "reports"), ("processed",), True),
    "train": Folders((*_REVIEWS, "batches", "processed", "runs", "tuning")),
    "evaluate": Folders((*_REVIEWS, "batches", "processed"), ("reports",), alone=False),
    "reference": Folders(
        (*_REVIEWS, "batches", "processed", "predictions", "reports"), ("monitoring",)
    ),
    "promote": Folders((*_REVIEWS, "batches", "processed"), ("reports",), True),
    "approve": Folders((), ("reports",), removes=True),
    "check": Folders(("predictions",), ("monitoring",)),
    "retrain": Folders(("monitoring",)),
}
"""What each task touches."""


def jobs() -> dict[str, dict[str, Any]]:
    """Return the task definition of each task of the workflows, and its folders."""
    tasks = [task for workflow in WORKFLOWS.values() for task in workflow.tasks]
    return {
        name: {
            **definition,
            "reads": sorted(FOLDERS[name].reads),
            "removes": FOLDERS[name].removes,
            "writes": sorted((*FOLDERS[name].writes, *[_LEASES] * FOLDERS[name].alone)),
        }
        for name, definition in task_definitions(tasks).items()
    }


def task_definitions(tasks: Iterable[Task]) -> dict[str, dict[str, Any]]:
    """Return each task's image, command, CPU units, memory in MB and minutes, by its name."""
    found = {}
    for task in tasks:
        whole, _ = fargate(task)
        found[task.name] = {
            "image": task.image.rpartition("-")[2],
            "command": [task.module],
            "cpu": int(whole["cpu"]),
            "memory": int(whole["memory"]),
            "minutes": task.minutes,
        }
    return found


def fargate(task: Task) -> tuple[dict[str, str], dict[str, int]]:
    """Return what a task of ECS asks for, and its container, as RunTask names it.

    CPU is in units of 1/1024 processor, memory in MB.
    """
    cpu = int(1024 * task.cpus)
    whole = {"cpu": str(cpu), "memory": str(_fargate_memory(cpu, task.memory_mb))}
    return whole, {"cpu": cpu, "memory": task.memory_mb}


def _fargate_memory(cpu: int, memory_mb: int) -> int:
    """Return the least memory in MB that Fargate gives beside so many CPU units.

    From two to eight GB a processor, in whole ones:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html

    >>> _fargate_memory(1024, 1024), _fargate_memory(1024, 2500)
    (2048, 3072)

    Raises ValueError where so much memory is not given beside so few.
    """
    memory = max(2 * cpu, 1024 * math.ceil(memory_mb / 1024))
    if memory > _MOST * cpu:
        msg = f"Fargate gives no {memory} MB beside {cpu} CPU units."
        raise ValueError(msg)
    return memory
