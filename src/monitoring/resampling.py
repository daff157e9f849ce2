"""Is a window another sample of what the reference is a sample of? Permutation tests on counts.

If it is, the m reviews of the reference and the n of the window are exchangeable: which of the
m + n went into the window was chance. So the window is drawn again, n of the pooled m + n without
replacement, and what is left is the reference again: both sides change with every draw, as both
were samples. The share of draws that differ at least as much as what was seen is an exact p-value
at any m and n, whatever the figure's distribution (Pitman 1937; Phipson and Smyth 2010 for adding
one to both sides, without which p could be 0).

Of counts in bins, such a draw is multivariate hypergeometric, so nothing but counts is needed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from src.monitoring.measures import Counts, Measure

DRAWS = 999
"""Draws, unless the rate of false alarms is so small that more are needed to go below it."""

_MOST = 10**9
_SAME = 1e-9  # differences below this are rounding

Distance = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""From the difference of two histograms as shares, shape (draws, bins), and the bins' values."""


@dataclass(frozen=True)
class Compared:
    """How far the window is from the reference, in the measure's unit, and how likely by chance."""

    distance: float
    p_value: float


def mean_distance(
    difference: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the absolute difference of the means, shape (draws,)."""
    return np.abs(difference @ values)


def transport_distance(
    difference: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the first Wasserstein distance, shape (draws,): how far the average review moved.

    The area between both distribution functions (Vallender 1974). Of a measure that is yes or no
    it is the difference of the shares.
    """
    found: npt.NDArray[np.float64] = np.abs(difference[:, :-1].cumsum(axis=1)) @ np.diff(values)
    return found


def compared(  # noqa: PLR0913, PLR0917 - what is compared, and how
    reference: Counts,
    window: Counts,
    measure: Measure,
    distance: Distance,
    random: np.random.Generator,
    draws: int = DRAWS,
) -> Compared:
    """Compare a window with a reference, each of at least one review, by their counts."""
    while int(reference.sum()) + int(window.sum()) >= _MOST:  # as far as NumPy can draw
        reference, window = reference // 2, window // 2
    used = (reference + window) > 0
    pooled, values = (reference + window)[used], measure.values[used]
    rows, others = int(window.sum()), int(reference.sum())

    def differences(windows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return distance(windows / rows - (pooled - windows) / others, values)

    seen = float(differences(window[used][None, :])[0])
    drawn = differences(random.multivariate_hypergeometric(pooled, rows, draws, method="marginals"))
    as_far = int((drawn >= seen - _SAME).sum())
    return Compared(seen, (1 + as_far) / (1 + draws))


def draws_for(bound: float) -> int:
    """Return how many draws let a p-value be well below a bound.

    >>> draws_for(0.0055), draws_for(0.0001)
    (999, 49999)
    """
    return max(DRAWS, round(5 / bound) - 1)


def holm(
    p_values: Sequence[float], rate: float, weights: Sequence[float] | None = None
) -> tuple[list[bool], list[float]]:
    """Return which of k hypotheses are rejected, and the bound each p-value was held against.

    The chance that any true one is rejected is at most `rate`, whatever depends on what (Holm
    1979, with weights as in his section 3): a hypothesis of twice the weight has twice the bound.

    >>> holm([0.04, 0.01], 0.05)
    ([True, True], [0.05, 0.025])
    """
    given = np.ones(len(p_values)) if weights is None else np.array(weights, np.float64)
    rejected, bounds, going = [False] * given.size, [0.0] * given.size, True
    left = float(given.sum())
    for number in np.argsort(np.array(p_values) / given, kind="stable").tolist():
        bounds[number] = rate * float(given[number]) / left
        going = going and p_values[number] <= bounds[number]
        rejected[number] = going
        left -= float(given[number])
    return rejected, bounds
