"""Rows whose label a model that has not seen them confidently contradicts."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Suspicion(NamedTuple):
    """Which of n rows are suspicious, and the confidence in every row's own label.

    Both are of shape (n,).
    """

    suspicious: npt.NDArray[np.bool_]
    self_confidence: npt.NDArray[np.float64]


def suspicion(positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64]) -> Suspicion:
    """Return the off-diagonal rows of confident learning.

    See Northcutt, Jiang & Chuang (2021), section 3.1. `positive` is the given label, `probability`
    of positive comes from a model that did not learn from the row, both of shape (n,). A row is
    suspicious where the other label's probability is at least the mean of that probability over the
    rows that carry the other label, as sure as one usually is of rows that are what they say, and
    the other label is the likelier one.
    """
    own = np.where(positive, probability, 1 - probability)
    if positive.all() or not positive.any():
        return Suspicion(np.zeros(positive.size, np.bool_), own)
    usual = {label: float(own[positive == label].mean()) for label in (False, True)}
    needed = np.where(positive, usual[False], usual[True])
    return Suspicion((1 - own >= needed) & (own < 0.5), own)  # noqa: PLR2004 - of two labels the likelier
