"""The pipeline as data: what the Makefile, a scheduler or a container runs, in which order, with which arguments.

An argument in braces is a variable of the caller; one without a value is left out together with its flag.
"""

from dataclasses import dataclass

MODEL_IMAGE = "tutoria-mlops-model"


@dataclass(frozen=True)
class Step:
    """One step: its name everywhere, the module that runs it, its flags, the steps it needs, its image."""

    name: str
    module: str
    arguments: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    image: str = MODEL_IMAGE


STEPS: tuple[Step, ...] = (
    Step("ingest", "src.model.data.ingest", (("--source", "{source}"),)),
    Step("validate", "src.model.data.validate", needs=("ingest",)),
    Step("split_batches", "src.model.data.split_batches", needs=("validate",)),
    Step(
        "preprocess_batch",
        "src.model.data.preprocess_batch",
        (("--batch", "{batches}"),),
        needs=("split_batches",),
    ),
    Step("preprocess_test", "src.model.data.preprocess_test", needs=("ingest",)),
    Step(
        "train",
        "src.model.pipeline.train",
        (("--batches", "{batches}"), ("--warm-start", "{warm_start}")),
        needs=("preprocess_batch",),
    ),
    Step("evaluate", "src.model.pipeline.evaluate", needs=("train", "preprocess_test")),
    Step("promote", "src.model.pipeline.promote", needs=("evaluate",)),
)

PIPELINES: dict[str, tuple[str, ...]] = {
    "ingest": ("ingest", "validate", "split_batches"),
    "train": ("preprocess_batch", "preprocess_test", "train", "evaluate", "promote"),
}


def arguments(step: Step, **variables: str) -> list[str]:
    """Return the step's command-line arguments with the caller's variables filled in."""
    filled = [
        (flag, value.format_map({"source": "", "batches": "", "warm_start": "", **variables}))
        for flag, value in step.arguments
    ]
    return [word for flag, value in filled if value for word in (flag, value)]


def pipeline(name: str) -> list[Step]:
    """Return a pipeline's steps in order."""
    by_name = {step.name: step for step in STEPS}
    return [by_name[step] for step in PIPELINES[name]]
