"""The two labels, and how a probability becomes one of them."""

from typing import Literal

import numpy as np
import numpy.typing as npt

Label = Literal["negative", "positive"]

LABELS: tuple[Label, Label] = ("negative", "positive")
"""Label names, in the order of a probability's columns."""

THRESHOLD = 0.5
"""From this probability of positive on, a review is called positive."""


def is_positive(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return the decision for every probability of positive, shape (n,)."""
    decided: npt.NDArray[np.bool_] = probability >= THRESHOLD
    return decided


def label_names(probability: npt.NDArray[np.float64]) -> list[Label]:
    """Return `negative` or `positive` for every probability of positive.

    >>> label_names(np.array([0.49, 0.5]))
    ['negative', 'positive']
    """
    return [LABELS[int(positive)] for positive in is_positive(probability)]
