"""The two labels, and how a probability becomes one of them."""

from typing import Literal

import numpy as np
import numpy.typing as npt

Label = Literal["negative", "positive"]
Answer = Literal["negative", "positive", "undecided"]
"""What a model says: a label, or that it knows nothing of the review."""

LABELS: tuple[Label, Label] = ("negative", "positive")
"""Label names, in the order of a probability's columns."""
_ANSWERS: tuple[Answer, ...] = (*LABELS, "undecided")

THRESHOLD = 0.5
"""From this probability of positive on, a review is called positive."""


def is_positive(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return the decision for every probability of positive, shape (n,)."""
    decided: npt.NDArray[np.bool_] = probability >= THRESHOLD
    return decided


def knows_nothing(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return where a model says one half exactly, shape (n,): it knows nothing of such a review."""
    nothing: npt.NDArray[np.bool_] = probability == THRESHOLD
    return nothing


def label_names(probability: npt.NDArray[np.float64]) -> list[Answer]:
    """Return the answer for every probability of positive.

    >>> label_names(np.array([0.49, 0.5, 0.51]))
    ['negative', 'undecided', 'positive']
    """
    places = np.where(knows_nothing(probability), 2, is_positive(probability))
    return [_ANSWERS[place] for place in places.tolist()]
