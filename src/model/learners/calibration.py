"""From scores to probabilities that mean what they say, and the band in which to say nothing."""

import math

import numpy as np
import numpy.typing as npt

from src.model.core.reading import sigmoid

_STEPS = 50
_RIDGE = 1e-9
_LEAST_DECIDED = 0.75
MIN_ROWS = 100
"""Of fewer validation rows neither line nor band is made: they would say more about those rows."""
_SURE = 0.899  # what is shown as 90 % is decided


def platt(scores: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and intercept of the logistic regression of the labels on the scores.

    Both are of shape (n,). Platt (1999), "Probabilistic outputs for support vector machines", with
    his softened targets, which keep the slope finite where the scores separate the labels; fitted
    by Newton's method with halved steps as in Lin, Lin & Weng (2007). A slope that is not above
    zero, or a single label, tells nothing: then the scores stay as they are.
    """
    positives = int(np.count_nonzero(positive))
    negatives = positive.size - positives
    if not positives or not negatives:
        return 1.0, 0.0
    target = np.where(positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.stack([scores, np.ones_like(scores)])
    line = np.array([1.0, 0.0])
    loss = _cross_entropy(line @ design, target)
    for _ in range(_STEPS):
        fitted = sigmoid(line @ design)
        gradient = design @ (fitted - target)
        curvature = (design * (fitted * (1 - fitted))) @ design.T + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        share = 1.0
        while share > _RIDGE and _cross_entropy((line - share * step) @ design, target) > loss:
            share /= 2
        line = line - share * step
        before, loss = loss, _cross_entropy(line @ design, target)
        if before - loss < _RIDGE * positive.size:
            break
    return (float(line[0]), float(line[1])) if line[0] > 0 else (1.0, 0.0)


def _cross_entropy(logits: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> float:
    return float(np.sum(np.logaddexp(0, logits) - target * logits))


def abstain_band(
    probability: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_], accuracy: float
) -> tuple[float, float]:
    """Return the narrowest band around one half outside of which the decisions reach `accuracy`.

    The least sure rows are given up one after the other (Chow 1970, "On optimum recognition error
    and reject tradeoff"). (0.5, 0.5), no band, where all decisions together reach it. A model that
    gave up too much would be no help: at least three quarters of the rows stay decided, and so does
    every answer that is nine tenths sure, whatever accuracy that makes.
    """
    confidence = np.maximum(probability, 1 - probability)
    order = np.argsort(-confidence, kind="stable")
    right = ((probability >= 0.5) == positive)[order]  # noqa: PLR2004 - where confidence turns
    reached = np.flatnonzero(np.cumsum(right) >= accuracy * np.arange(1, right.size + 1))
    kept = int(reached[-1]) + 1 if reached.size else 0
    if kept == right.size:
        return 0.5, 0.5
    kept = max(kept, math.ceil(_LEAST_DECIDED * right.size))
    edge = min(float(confidence[order][kept - 1]), _SURE)
    return 1 - edge, edge
