"""What decides a model, and the fit itself: data, learner and parameters in, model files out."""

import hashlib
import json
import resource
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.model.context import Context
from src.model.core.artifact import DESCRIPTION, read_description
from src.model.core.disk import saying_what_failed
from src.model.core.records import Language, Record, Scalar, Training
from src.model.files.code_version import code_digest
from src.model.learners.base import Fitted, Learner, LearningPoint, Reviews
from src.model.training.examples import training_blocks, validation_rows
from src.model.training.inputs import Processed, local_files
from src.model.training.provenance import package_versions
from src.model.training.warm_start import WarmStart

HISTORY = "history.json"


@dataclass(frozen=True)
class Plan:
    """Everything that decides a model.

    Equal plans have equal fingerprints and make equal models.
    """

    learner: Learner
    batches: tuple[int, ...]
    files: Sequence[Processed]
    validation_share: float
    language: Language
    warm: WarmStart | None = None

    @property
    def parameters(self) -> dict[str, Scalar]:
        """Everything that decides the model besides its rows and the code, as it is recorded."""
        name = self.learner.name
        own = {f"{name}.{key}": value for key, value in self.learner.parameters.items()}
        common: dict[str, Scalar] = {
            "learner": name,
            "batches": " ".join(map(str, self.batches)),
            "validation_share": self.validation_share,
            "language": self.language.code,
        }
        start = {"warm_start": self.warm.version.tags["fingerprint"]} if self.warm else {}
        return common | own | start

    @property
    def fresh(self) -> Sequence[Processed]:
        """The files to learn from."""
        return self.warm.fresh if self.warm else self.files

    @property
    def learned(self) -> list[int]:
        """The numbers of the batches to learn from."""
        pairs = zip(self.batches, self.files, strict=True)
        return [number for number, file in pairs if file in self.fresh]

    @property
    def code(self) -> str:
        """The version of the code that picks and orders the rows and learns from them."""
        return code_digest(*self.learner.code, "src.model.training.examples")

    @property
    def packages(self) -> dict[str, str]:
        """The versions of the libraries that take part in learning."""
        return package_versions(self.learner.packages)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the model."""
        inputs = [file.sha256 for file in self.files]
        language = self.language.model_dump(mode="json")
        decisive = [self.parameters, self.code, self.packages, inputs, language]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def record(self, provenance: Mapping[str, str]) -> Training:
        """Return the plan as it is kept with the model, beside where it comes from."""
        return Training(
            **provenance,
            packages=self.packages,
            parameters=self.parameters,
            inputs=tuple(file.recorded for file in self.files),
            warm_start_version=self.warm.version.number if self.warm else None,
            language=self.language,
        )

    def validation(self, context: Context) -> Reviews:
        """Return the rows the model is validated on."""
        return validation_rows(local_files(context.storage, self.files), self.validation_share)


class Story(Record):
    """How learning went, see `Fitted`; rows learned from, and the most memory held, in MB."""

    axis: str
    history: tuple[LearningPoint, ...]
    seconds: float
    rows: int
    peak_mb: float


def read_story(folder: Path) -> Story:
    """Return how the model in `folder` was learned."""
    return Story.model_validate_json((folder / HISTORY).read_bytes())


def fit_into(
    folder: Path, plan: Plan, context: Context, record: Training, validation: Reviews
) -> None:
    """Learn, and write model and history to `folder`, which appears when they are whole.

    Raises:
        DataError: the rows cannot be learned from.
        DivergedError: training left the finite numbers.
        StorageError: the disk is full, or a file cannot be read.
    """
    rows = 0

    def blocks() -> Iterator[Reviews]:
        nonlocal rows
        rows = 0
        paths = local_files(context.storage, plan.fresh)
        for block in training_blocks(paths, plan.validation_share):
            rows += len(block)
            yield block

    begun = time.perf_counter()
    with saying_what_failed(folder), context.progress(f"Training {plan.learner.name}") as advance:
        fitted = plan.learner.fit(blocks, validation, advance)
    seconds = time.perf_counter() - begun
    story = Story(
        axis=fitted.axis,
        history=tuple(fitted.history),
        seconds=seconds,
        rows=rows,
        peak_mb=_peak_mb(),
    )
    with saying_what_failed(folder):
        tidy(folder)
        _write(_aside(folder), fitted, record, story)
        _aside(folder).replace(folder)


def tidy(folder: Path) -> None:
    """Remove what `fit_into` wrote, whole or not at all, and what a killed run left of it."""
    with saying_what_failed(folder):
        shutil.rmtree(_aside(folder), ignore_errors=True)
        if folder.exists():
            folder.replace(_aside(folder))
            shutil.rmtree(_aside(folder), ignore_errors=True)


def _aside(folder: Path) -> Path:
    """Return where a folder is made and unmade; always the same, so nothing is left behind."""
    return folder.with_name(f".{folder.name}.aside")


def _write(folder: Path, fitted: Fitted, record: Training, story: Story) -> None:
    model = folder / "model"
    model.mkdir(parents=True)
    digests = {}
    for name, packed in fitted.state.items():
        content = packed()
        (model / name).write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
    fitted.model.save(model, record.model_copy(update={"state": digests}))
    (folder / HISTORY).write_text(story.model_dump_json(), encoding="utf-8")


def _peak_mb() -> float:
    """Return the most memory this process has held, in MB.

    macOS counts in bytes, others in kibibytes.
    """
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def serving_bytes(folder: Path) -> int:
    """Return the size of a model's files without those that only a later training needs."""
    served = [DESCRIPTION, *read_description(folder).sha256]
    return sum((folder / name).stat().st_size for name in served)
