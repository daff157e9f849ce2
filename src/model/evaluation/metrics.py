"""Figures of a binary classifier on labelled rows."""

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from src.model.core.errors import DataError
from src.model.core.labels import LABELS, is_positive
from src.model.evaluation.reliability import expected_calibration_error


def classification_metrics(
    positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64]
) -> dict[str, float]:
    """Return the standard figures of predictions against labels.

    Args:
        positive: the truth, shape (n,).
        probability: predicted probability of positive, shape (n,), in [0, 1].

    Returns:
        accuracy; precision, recall and f1 of each label (`precision_negative`, …) and their
        unweighted means (`precision_macro`, …); roc_auc, the area under the receiver operating
        characteristic (Fawcett 2006), and pr_auc, the average precision of positive (Davis &
        Goadrich 2006), both where both labels occur; log_loss in nats, probabilities clipped at
        machine precision; brier, the mean squared error of the probability (Brier 1950); ece, the
        expected calibration error; rows.

    Raises:
        DataError: no rows.
    """
    if not positive.size:
        msg = "There are no rows to evaluate."
        raise DataError(msg)
    predicted = is_positive(probability)
    figures = {"accuracy": float((predicted == positive).mean())}
    by_label = precision_recall_fscore_support(
        positive, predicted, labels=[False, True], zero_division=0.0
    )
    for name, values in zip(("precision", "recall", "f1"), by_label[:3], strict=True):
        figures |= {
            f"{name}_{label}": float(value) for label, value in zip(LABELS, values, strict=True)
        }
        figures[f"{name}_macro"] = float(values.mean())
    if positive.any() and not positive.all():
        figures["roc_auc"] = float(roc_auc_score(positive, probability))
        figures["pr_auc"] = float(average_precision_score(positive, probability))
    figures["log_loss"] = float(log_loss(positive, probability, labels=[False, True]))
    figures["brier"] = float(brier_score_loss(positive, probability))
    figures["ece"] = expected_calibration_error(positive, probability)
    figures["rows"] = float(positive.size)
    return figures


def decided_figures(
    positive: npt.NDArray[np.bool_],
    probability: npt.NDArray[np.float64],
    abstained: npt.NDArray[np.bool_],
) -> dict[str, float]:
    """Return how much a model decides, and how well; every array has shape (n,).

    `coverage` is the share of rows it does not abstain from, `accuracy_decided` the accuracy on
    those, where there are any (El-Yaniv & Wiener 2010, "On the foundations of noise-free selective
    classification").
    """
    decided = ~abstained
    figures = {"coverage": float(decided.mean())}
    if decided.any():
        right = is_positive(probability) == positive
        figures["accuracy_decided"] = float(right[decided].mean())
    return figures


def confusion(
    positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Return counts, shape (2, 2): true label by row, predicted label by column, negative first."""
    cells = positive.astype(np.int64) * 2 + is_positive(probability)
    return np.bincount(cells, minlength=4).reshape(2, 2).astype(np.int64)
