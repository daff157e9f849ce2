"""How sure a figure is: 95 % intervals by formula and by resampling rows."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.model.core.labels import is_positive

_Z = 1.959964
_PERCENTILES = (2.5, 97.5)
DRAWS = 1_000
_CHUNK = 4_000_000  # row numbers drawn at a time


class Interval(NamedTuple):
    """Both ends of a 95 % interval."""

    low: float
    high: float


def wilson(right: int, rows: int) -> Interval:
    """Return the interval of a share, `right` of `rows`.

    By Wilson (1927), "Probable inference", eq. 3.
    """
    share = right / rows
    centre = (share + _Z**2 / (2 * rows)) / (1 + _Z**2 / rows)
    half = _Z / (1 + _Z**2 / rows) * np.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))
    return Interval(max(float(centre - half), 0.0), min(float(centre + half), 1.0))


def log_losses(
    positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return every row's log loss in nats, shape (n,).

    Probabilities are clipped at machine precision.
    """
    least = np.finfo(np.float64).eps
    given = np.where(positive, probability, 1 - probability)
    losses: npt.NDArray[np.float64] = -np.log(np.clip(given, least, 1))
    return losses


def mean_interval(
    values: npt.NDArray[np.float64], *, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Return the interval of a mean, of n values, by the percentile bootstrap.

    See Efron & Tibshirani (1993), § 13.3.
    """
    random = np.random.default_rng(seed)
    rows, step = values.size, max(_CHUNK // values.size, 1)
    shapes = [(min(step, draws - done), rows) for done in range(0, draws, step)]
    means = [
        values[random.integers(rows, size=shape, dtype=np.uint32)].mean(axis=1) for shape in shapes
    ]
    return Interval(*map(float, np.percentile(np.concatenate(means), _PERCENTILES)))


def bootstrap_intervals(
    positive: npt.NDArray[np.bool_],
    probability: npt.NDArray[np.float64],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    on_progress: Callable[..., None] = lambda *_: None,
) -> dict[str, Interval]:
    """Return the intervals of six figures by the percentile bootstrap.

    They are accuracy, f1_macro, roc_auc, pr_auc, log_loss and brier, those of
    `metrics.classification_metrics`; `positive` and `probability` have shape (n,). A draw of rows
    that holds one label has no area under a curve; it counts for the other figures. The expected
    calibration error has no interval: as a sum of absolute values it grows with every resampling,
    which would shift the interval above the figure itself.
    """
    figures = _WeightedFigures(positive, probability)
    found: dict[str, list[float]] = {}
    for weights in _resampled(positive.size, draws, seed):
        for name, value in figures.of(weights).items():
            found.setdefault(name, []).append(value)
        on_progress(1, draws)
    return {
        name: Interval(*map(float, np.percentile(values, _PERCENTILES)))
        for name, values in found.items()
    }


def _resampled(rows: int, draws: int, seed: int) -> Iterator[npt.NDArray[np.float64]]:
    """Yield, for each draw with replacement, how often every row is in it, shape (rows,)."""
    random = np.random.default_rng(seed)
    for _ in range(draws):
        drawn = random.integers(rows, size=rows, dtype=np.uint32)
        yield np.bincount(drawn, minlength=rows).astype(np.float64)


class _WeightedFigures:
    """The figures of weighted rows.

    What does not depend on the weights, the order above all, is computed once.
    """

    def __init__(
        self, positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64]
    ) -> None:
        self._positive = positive
        self._predicted = is_positive(probability)
        self._losses = log_losses(positive, probability)
        self._squares = (probability - positive) ** 2
        self._order = np.argsort(probability, kind="stable")
        ordered = probability[self._order]
        # Where the next probability begins.
        self._ties = np.append(0, np.flatnonzero(np.diff(ordered)) + 1)
        self._ordered_positive = positive[self._order]

    def of(self, weights: npt.NDArray[np.float64]) -> Mapping[str, float]:
        total = weights.sum()
        kinds = self._positive * 2 + self._predicted
        cells = np.bincount(kinds, weights, minlength=4).reshape(2, 2)
        f1 = 2 * np.diag(cells) / np.maximum(cells.sum(axis=0) + cells.sum(axis=1), 1e-300)
        figures = {
            "accuracy": float(np.trace(cells) / total),
            "f1_macro": float(f1.mean()),
            "log_loss": float(weights @ self._losses / total),
            "brier": float(weights @ self._squares / total),
        }
        return figures | self._areas(weights[self._order])

    def _areas(self, weights: npt.NDArray[np.float64]) -> dict[str, float]:
        """Return roc_auc and average precision.

        The first is the share of ordered pairs, ties by half (Hanley & McNeil 1982).
        """
        positives = np.add.reduceat(weights * self._ordered_positive, self._ties)
        negatives = np.add.reduceat(weights * ~self._ordered_positive, self._ties)
        pairs = positives.sum() * negatives.sum()
        if not pairs:
            return {}
        ordered = float(positives @ (np.cumsum(negatives) - negatives / 2))
        above = np.cumsum(positives[::-1])
        precision = above / np.maximum(above + np.cumsum(negatives[::-1]), 1e-300)
        return {
            "roc_auc": ordered / pairs,
            "pr_auc": float(positives[::-1] @ precision / positives.sum()),
        }
