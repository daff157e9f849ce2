"""The list of all commands: what runs them, what they need, and how they end.

The Makefile, compose, the images' entry point, the docs and every scheduler follow this list; where
they are not written from it, a test holds them to it. It knows nothing of what the commands do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter

MODEL_IMAGE, API_IMAGE = "tutoria-mlops-model", "tutoria-mlops-api"
MONITORING_IMAGE = "tutoria-mlops-monitoring"

DONE, BAD_USAGE, BAD_DATA, SAID_NO, UNREACHABLE, ASKS = 0, 2, 3, 4, 5, 6
"""Exit codes, see `core.errors`; after `ASKS` a person has to answer.

Only after `UNREACHABLE` can the same command end otherwise.
"""


@dataclass(frozen=True)
class Argument:
    """A flag and the variable of the caller that fills it; without a value both are left out.

    `flag` is empty where the value stands alone. `default` is what make and compose give.
    """

    flag: str
    variable: str
    default: str = ""


@dataclass(frozen=True)
class Resources:
    """What a run may take, with 3.6 million train rows: memory in MB, processors, minutes."""

    memory_mb: int
    cpus: float
    minutes: int


@dataclass(frozen=True)
class Command:
    """One command: its name everywhere, the module that runs it, and what a caller must know.

    `target` is its make target. `needs` are the commands whose files or versions it reads; where a
    pipeline has those of `after`, it comes after them too. With `forced` it takes `--force`, and
    without it does nothing twice. `answers` are the exit codes that are answers and no failures;
    after one of `ends` a pipeline has nothing left to do, and after one of `asks` a person is
    asked. Where `answer_minutes` is set, a pipeline has the command only after such an answer, for
    which it waits that long. `retries` says how often a run may be repeated that ended with
    `UNREACHABLE` or was lost with its machine; whatever was done by then is found done.
    """

    name: str
    module: str
    arguments: tuple[Argument, ...] = ()
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    forced: bool = False
    answers: tuple[int, ...] = (DONE,)
    ends: tuple[int, ...] = ()
    asks: tuple[int, ...] = ()
    answer_minutes: int = 0
    retries: int = 2
    resources: Resources = Resources(memory_mb=1024, cpus=1, minutes=30)
    image: str = MODEL_IMAGE

    @property
    def target(self) -> str:
        """The make target that runs it on this machine."""
        room = "monitoring" if self.image == MONITORING_IMAGE else "model"
        return f"{room}-{self.name.replace('_', '-')}"


_RUN = Argument("--run", "run")
_WINDOW = Argument("--window", "window")
_VERSION = Argument("--model-version", "model_version")
_BATCHES = Argument("--batches", "batches", "0")
_REVIEW = (Argument("--title", "title"), Argument("--message", "message"))
_ASKED_FOR = (DONE, SAID_NO)

STEPS: tuple[Command, ...] = (
    Command(
        "ingest",
        "src.model.data.ingest",
        (Argument("--source", "source"), Argument("--append", "append")),
        forced=True,
        resources=Resources(memory_mb=1024, cpus=1, minutes=120),  # a download may take its time
    ),
    Command("validate", "src.model.data.validate", needs=("ingest",), forced=True),
    Command(
        "split_batches",
        "src.model.data.split_batches",
        needs=("validate",),
        forced=True,
        resources=Resources(memory_mb=1536, cpus=1, minutes=30),
    ),
    Command(
        "next_batch",
        "src.model.pipeline.next_batch",
        (_RUN, Argument("--warm-start", "warm_start")),
        needs=("split_batches",),
        answers=_ASKED_FOR,
        ends=(SAID_NO,),
    ),
    Command(
        "preprocess_batch",
        "src.model.data.preprocess_batch",
        (Argument("--batch", "batches", "0"),),
        needs=("split_batches",),
        after=("next_batch",),
        forced=True,
    ),
    Command(
        "preprocess_test",
        "src.model.data.preprocess_test",
        needs=("ingest",),
        after=("next_batch",),
        forced=True,
    ),
    Command(
        "train",
        "src.model.pipeline.train",
        (_BATCHES, Argument("--warm-start", "warm_start")),
        needs=("preprocess_batch",),
        forced=True,
        resources=Resources(memory_mb=3072, cpus=1, minutes=120),
    ),
    Command(
        "evaluate",
        "src.model.pipeline.evaluate",
        (_VERSION,),
        needs=("train", "preprocess_test"),
        resources=Resources(memory_mb=2048, cpus=1, minutes=60),
    ),
    Command(
        "reference",
        "src.monitoring.reference",
        (_VERSION, _WINDOW),
        needs=("evaluate",),
        resources=Resources(memory_mb=1536, cpus=1, minutes=30),
        image=MONITORING_IMAGE,
    ),
    Command(
        "promote",
        "src.model.pipeline.promote",
        (Argument("--ignore-champion", "ignore_champion"), _RUN),
        needs=("evaluate",),
        answers=(*_ASKED_FOR, ASKS),
        asks=(ASKS,),
        resources=Resources(memory_mb=2048, cpus=1, minutes=60),
    ),
)
"""The pipeline: what a scheduler runs."""

TOOLS: tuple[Command, ...] = (
    Command(
        "tune",
        "src.model.pipeline.tune",
        (Argument("--batches", "batches", "all"), Argument("--trials", "trials", "20")),
        needs=("preprocess_batch",),
        resources=Resources(memory_mb=3072, cpus=1, minutes=720),
    ),
    Command(
        "curve",
        "src.model.pipeline.curve",
        (Argument("--batches", "batches", "all"),),
        needs=("preprocess_batch", "preprocess_test"),
        resources=Resources(memory_mb=3072, cpus=1, minutes=240),
    ),
    Command(
        "findings",
        "src.model.pipeline.findings",
        (Argument("--batches", "batches", "all"),),
        needs=("preprocess_batch", "preprocess_test"),
        resources=Resources(memory_mb=4096, cpus=1, minutes=240),
    ),
    Command(
        "reproduce",
        "src.model.pipeline.reproduce",
        (_VERSION,),
        needs=("train", "preprocess_test"),
        answers=_ASKED_FOR,
        resources=Resources(memory_mb=3072, cpus=1, minutes=120),
    ),
    Command(
        "approve",
        "src.model.pipeline.approve",
        (_VERSION, _RUN, Argument("--answer", "answer"), Argument("--by", "by")),
        needs=("promote",),
        answers=_ASKED_FOR,
        answer_minutes=3 * 24 * 60,  # less than a week, in which nothing else is trained
    ),
    Command("export", "src.model.pipeline.export", (_VERSION,), needs=("promote",)),
    Command(
        "shadow",
        "src.model.pipeline.shadow",
        (Argument("--since", "since"),),
        resources=Resources(memory_mb=2048, cpus=1, minutes=30),
    ),
    Command("predict", "src.model.pipeline.predict", (*_REVIEW, _VERSION), needs=("promote",)),
    Command(
        "score",
        "src.model.pipeline.score",
        (_VERSION, Argument("", "in"), Argument("", "out")),
        needs=("promote",),
        resources=Resources(memory_mb=2048, cpus=1, minutes=120),
    ),
)
"""What people run beside it; a scheduler runs `approve` too, with a person's answer."""

MONITORING: tuple[Command, ...] = (
    Command(
        "check",
        "src.monitoring.check",
        (_WINDOW, Argument("--until", "until")),
        needs=("reference",),
        answers=_ASKED_FOR,
        resources=Resources(memory_mb=1024, cpus=1, minutes=30),
        image=MONITORING_IMAGE,
    ),
    Command(
        "retrain",
        "src.monitoring.retrain",
        needs=("check",),
        answers=_ASKED_FOR,
        ends=(SAID_NO,),
        image=MONITORING_IMAGE,
    ),
)
"""What a scheduler runs beside the pipeline, every day."""

_TRAINING = ("preprocess_batch", "preprocess_test", "train", "evaluate", "reference", "promote")
PIPELINES: dict[str, tuple[str, ...]] = {
    "ingest": ("ingest", "validate", "split_batches"),
    "train": _TRAINING,
}
"""Steps that are often run together; in which order, their needs say."""

WEEKLY = ("next_batch", *_TRAINING, "approve")
"""What a scheduler runs every week."""

COMMANDS: dict[str, Command] = {command.name: command for command in (*STEPS, *MONITORING, *TOOLS)}

OTHERS = (
    "src.model.pipeline.run",
    "src.model.pipeline.demo",
    "src.model.mlflow_server",
    "src.orchestration.run",
)
"""Modules that run several of them, or MLflow's server on this machine."""

API_MODULES = ("src.api", "src.api.ask", "src.api.probe")
"""Modules of the API's image."""


def arguments(command: Command, **variables: str) -> list[str]:
    """Return the command-line arguments with the caller's variables filled in.

    >>> arguments(COMMANDS["train"], batches="0 1")
    ['--batches=0 1']
    """
    given = [
        (argument.flag, variables.get(argument.variable, "")) for argument in command.arguments
    ]
    return [f"{flag}={value}" if flag else value for flag, value in given if value]


def in_order(names: Iterable[str]) -> list[Command]:
    """Return commands in an order in which each comes after those it needs.

    >>> [command.name for command in in_order(["promote", "train", "evaluate"])]
    ['train', 'evaluate', 'promote']
    """
    wanted = set(names)
    chosen = [name for name in COMMANDS if name in wanted]
    before = {name: {*COMMANDS[name].needs, *COMMANDS[name].after} for name in chosen}
    needed = {name: before[name] & wanted for name in chosen}
    return [COMMANDS[name] for name in TopologicalSorter(needed).static_order()]


def pipeline(name: str) -> list[Command]:
    """Return a pipeline's steps in order."""
    return in_order(PIPELINES[name])
