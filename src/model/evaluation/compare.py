"""Two models on the same rows: is one better, and by how much?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from src.model.core.labels import is_positive
from src.model.evaluation.intervals import DRAWS, Interval, log_losses, mean_interval
from src.model.evaluation.slices import Masks

_MIN_ROWS = 100
FEW = f"With fewer than {_MIN_ROWS} test rows an interval of the log loss proves nothing"
LEVEL = 0.05
"""The share of comparisons in which chance alone may show a difference.

One is believed where chance would show it in fewer of them.
"""


@dataclass(frozen=True)
class Comparison:
    """Challenger minus champion: above 0 is better for accuracy, worse for log loss."""

    rows: int
    challenger_accuracy: float
    champion_accuracy: float
    only_challenger_right: int
    only_champion_right: int
    mcnemar_p: float
    accuracy_difference: float
    accuracy_interval: Interval
    log_loss_difference: float
    log_loss_interval: Interval

    @property
    def more_accurate(self) -> bool:
        """Whether the challenger is right more often, beyond chance."""
        return self.accuracy_difference > 0 and self.mcnemar_p < LEVEL

    @property
    def enough(self) -> bool:
        """Whether there are rows enough to believe an interval of the log loss."""
        return self.rows >= _MIN_ROWS

    @property
    def better_calibrated(self) -> bool:
        """Whether the challenger's probabilities have a smaller log loss, beyond chance.

        A bootstrap of few rows is too sure of itself: under 100 they tell nothing.
        """
        return self.enough and self.log_loss_interval.high < 0

    @property
    def better(self) -> bool:
        """Whether it is better in one of both ways.

        Each errs in 2.5 % of equal pairs, so at most 5 % together.
        """
        return self.more_accurate or self.better_calibrated


def compare(
    positive: npt.NDArray[np.bool_],
    challenger: npt.NDArray[np.float64],
    champion: npt.NDArray[np.float64],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Comparison:
    """Return how two models differ on the same n rows.

    `positive` is the truth, the others are both models' probabilities, all of shape (n,).
    Differences and their 95 % intervals are of rows, resampled in pairs (Efron & Tibshirani 1993,
    section 13.3), which takes out what makes a row hard for both.
    """
    right, other = (is_positive(scores) == positive for scores in (challenger, champion))
    gained, lost = int((right & ~other).sum()), int((~right & other).sum())
    losses = log_losses(positive, challenger) - log_losses(positive, champion)
    return Comparison(
        rows=positive.size,
        challenger_accuracy=float(right.mean()),
        champion_accuracy=float(other.mean()),
        only_challenger_right=gained,
        only_champion_right=lost,
        mcnemar_p=mcnemar(gained, lost),
        accuracy_difference=(gained - lost) / positive.size,
        accuracy_interval=_difference_interval(gained, lost, positive.size, draws, seed),
        log_loss_difference=float(losses.mean()),
        log_loss_interval=mean_interval(losses, draws=draws, seed=seed),
    )


def mcnemar(gained: int, lost: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    That is the binomial one with 1/2 (McNemar 1947). `gained` rows only the one model has right,
    `lost` rows only the other; rows on which both agree tell nothing.
    """
    from scipy.stats import binomtest  # half a second to load, which a rollback need not wait for

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def _difference_interval(gained: int, lost: int, rows: int, draws: int, seed: int) -> Interval:
    """Return the paired bootstrap's interval of (gained - lost) / rows.

    Resampling rows with replacement draws how many of each kind there are from a multinomial, which
    needs no rows. Half a row is added to each of the four kinds, as Agresti & Min (2005) do for
    matched pairs: without it a few rows on which both models agree would be a proof that they
    always do.
    """
    total = rows + 2
    shares = [(gained + 0.5) / total, (lost + 0.5) / total, 1 - (gained + lost + 1) / total]
    counts = np.random.default_rng(seed).multinomial(rows, shares, size=draws)
    low, high = np.percentile((counts[:, 0] - counts[:, 1]) / rows, (2.5, 97.5))
    return Interval(float(low), float(high))


@dataclass(frozen=True)
class SliceChange:
    """How much more often the challenger is right in a slice.

    `adjusted_p` is corrected for looking at many.
    """

    name: str
    rows: int
    difference: float
    adjusted_p: float


def slice_changes(
    masks: Masks,
    positive: npt.NDArray[np.bool_],
    challenger: npt.NDArray[np.float64],
    champion: npt.NDArray[np.float64],
    min_rows: int,
) -> list[SliceChange]:
    """Return the change of accuracy in all slices of at least `min_rows` rows.

    The p-values are adjusted by `holm`.
    """
    right, other = (is_positive(scores) == positive for scores in (challenger, champion))
    judged = [(name, mask) for name, mask in masks.items() if mask.sum() >= min_rows]
    pairs = [
        (int((right & ~other & mask).sum()), int((~right & other & mask).sum()))
        for _, mask in judged
    ]
    adjusted = holm([mcnemar(*pair) for pair in pairs])
    return [
        SliceChange(name, int(mask.sum()), (gained - lost) / int(mask.sum()), p)
        for (name, mask), (gained, lost), p in zip(judged, pairs, adjusted, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, in the same order.

    See Holm (1979), "A simple sequentially rejective…".
    """
    order = np.argsort(p_values, kind="stable")
    stepped = np.asarray(p_values)[order] * (len(p_values) - np.arange(len(p_values)))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return adjusted.tolist()
