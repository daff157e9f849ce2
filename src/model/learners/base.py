"""The two ports every learner fills: learning, and the model that comes of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from src.model.classifier import Contribution, Probabilities
from src.model.errors import DataError

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


class SentimentModel(Protocol):
    """A trained model: pure, thread-safe, the same numbers wherever it is loaded."""

    def predict_proba(self, titles: Sequence[str], texts: Sequence[str]) -> Probabilities:
        """Return the probability of positive for n raw or clean reviews, shape (n,)."""

    def explain(self, title: str, text: str) -> list[Contribution]:
        """Return every n-gram's and the intercept's contribution, the weightiest first; their sum is the logit."""

    def abstains(self, probability: Probabilities) -> npt.NDArray[np.bool_]:
        """Return which probabilities are too close to call, shape (n,)."""

    def save(self, folder: Path, training: Mapping[str, Any]) -> None:
        """Write the model's files; `training` is kept with them, as the record of what it was made from."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a saved model. Raises ModelError where a file is missing, damaged or of an unknown format."""


@dataclass(frozen=True)
class Fitted:
    """A model and how learning went; `axis` names what the history's steps count.

    `counts` are what a later training can go on from, of shape (2, buckets), where the learner knows how to.
    """

    model: SentimentModel
    axis: str
    history: Sequence[LearningPoint] = field(default=())
    counts: npt.NDArray[np.int64] | None = None


class Learner(Protocol):
    """Something that learns from blocks of reviews."""

    @property
    def name(self) -> str:
        """Return the name it is chosen by."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything that decides the result besides the data."""

    def fit(
        self,
        train: Callable[[], Iterator[Reviews]],
        validation: Reviews,
        on_progress: Callable[..., None],
    ) -> Fitted:
        """Learn; `train` can be called for another pass over the same blocks. Raises DataError."""


def refuse_too_little(positive: npt.NDArray[np.bool_]) -> None:
    """Raise DataError where the labels, shape (n,), are too few or all the same."""
    if positive.size < _MIN_ROWS:
        msg = f"{positive.size} training rows are too few; at least {_MIN_ROWS} are needed."
        raise DataError(msg, hint="Train on more batches, or ingest more reviews.")
    if positive.all() or not positive.any():
        msg = f"All {positive.size:,} training rows are {'positive' if positive.all() else 'negative'}."
        raise DataError(msg, hint="A classifier needs both labels: check REVIEWS_LABELS and the source.")
