"""The port every learner fills, and what goes in and out of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from src.model.core.errors import DataError, UsageError
from src.model.core.records import Scalar, Training
from src.model.core.served_model import ServedModel

COLD = "Train without --warm-start."
_MIN_ROWS = 10


@dataclass(frozen=True)
class Reviews:
    """A block of clean reviews: n titles, n texts, and `positive`, shape (n,)."""

    titles: Sequence[str]
    texts: Sequence[str]
    positive: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.titles)


@dataclass(frozen=True)
class LearningPoint:
    """Metrics somewhere along the way; `step` counts what the learner's `axis` names."""

    step: int
    metrics: Mapping[str, float]


class TrainedModel(ServedModel, Protocol):
    """A model that serves and can be saved."""

    def save(self, folder: Path, training: Training | None = None) -> None:
        """Write the model's files; `training` is kept with them, as the record of its making."""


@dataclass(frozen=True)
class Fitted:
    """A model and how learning went; `axis` names what the history's steps count.

    `state` are files that only a later training needs, by name, each with what returns its content:
    they stand beside the model's own where it is saved, and cost nothing where it is not, as in a
    search's trials.
    """

    model: TrainedModel
    axis: str
    history: Sequence[LearningPoint] = ()
    state: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)


class Range(NamedTuple):
    """Where a search looks for a parameter; a whole number where both ends are."""

    low: float
    high: float
    log: bool = False


class Learner(Protocol):
    """Something that learns from blocks of reviews.

    `parameters` decide the result besides the data; those named in `kept` cannot change when a
    training goes on from a model. `packages` are the distributions that take part in learning, and
    `code` the modules that, with all they import, decide the model. `search` is what a search for
    better parameters may change; empty where there is nothing to gain.
    """

    @property
    def name(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Scalar]: ...
    @property
    def kept(self) -> tuple[str, ...]: ...
    @property
    def packages(self) -> tuple[str, ...]: ...
    @property
    def code(self) -> tuple[str, ...]: ...
    @property
    def search(self) -> Mapping[str, Range]: ...

    def fit(
        self,
        train: Callable[[], Iterator[Reviews]],
        validation: Reviews,
        on_progress: Callable[..., None],
    ) -> Fitted:
        """Learn; `train` can be called for another pass over the same blocks.

        Raises:
            DataError: the rows cannot be learned from.
            DivergedError: training left the finite numbers.
        """

    def going_on(self, folder: Path, training: Training) -> Self:
        """Return a learner that goes on from the model in `folder`, made as `training` says.

        Raises:
            UsageError: this learner, or that model, has nothing to go on from.
            ModelError: the model's files are damaged.
        """


def cannot_go_on(learner: str) -> UsageError:
    """Return the error of a learner that always begins anew."""
    return UsageError(f"The learner {learner} cannot go on from a model.", hint=COLD)


def refuse_too_little(positive: npt.NDArray[np.bool_]) -> None:
    """Raise DataError where the labels, shape (n,), are too few or all the same."""
    if positive.size < _MIN_ROWS:
        msg = f"{positive.size} training rows are too few; at least {_MIN_ROWS} are needed."
        raise DataError(msg, hint="Train on more batches, or ingest more reviews.")
    if positive.all() or not positive.any():
        label = "positive" if positive.all() else "negative"
        msg = f"All {positive.size:,} training rows are {label}."
        hint = "A classifier needs both labels: check REVIEWS_LABELS and the source."
        raise DataError(msg, hint=hint)
