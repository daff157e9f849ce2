"""Figures as matplotlib objects; saving them is the caller's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from src.model.evaluation.metrics import expected_calibration_error, reliability
from src.model.labels import LABELS
from src.model.learners.base import LearningPoint

BLUE, ORANGE, GREY = "#2b6cb0", "#dd6b20", "#718096"
STYLE: dict[str, Any] = {"figsize": (5.5, 4.2), "layout": "constrained"}


def confusion_plot(counts: npt.NDArray[np.int64], title: str) -> Figure:
    """Draw a 2 x 2 confusion matrix with counts and the share of each true label."""
    figure = Figure(**STYLE)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column, row, f"{counts[row, column]:,}\n{share:.1%}", ha="center", va="center", fontsize=13,
            color="white" if share > 0.5 else "black",  # noqa: PLR2004
        )  # fmt: skip
    axes.set_xticks(range(2), LABELS)
    axes.set_yticks(range(2), LABELS, rotation=90, va="center")
    axes.set(xlabel="predicted", ylabel="true", title=title)
    return figure


def learning_plot(history: Sequence[LearningPoint], axis: str) -> Figure:
    """Draw log loss and accuracy of training and validation rows against what the learner counts."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    steps = [point.step for point in history]
    for place, (name, label) in enumerate((("log_loss", "log loss"), ("accuracy", "accuracy"))):
        axes = figure.add_subplot(1, 2, place + 1)
        for split, colour in (("train", ORANGE), ("validation", BLUE)):
            values = [point.metrics.get(f"{split}_{name}", np.nan) for point in history]
            axes.plot(steps, values, "o-", color=colour, label=split)
        axes.set(xlabel=axis, ylabel=label)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlim(left=0)
        axes.tick_params(axis="x", labelrotation=20)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    return figure


def score_plot(positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64], title: str) -> Figure:
    """Draw how the probabilities of truly negative and truly positive rows are distributed."""
    figure = Figure(**STYLE)
    axes = figure.add_subplot()
    bins = list(np.linspace(0, 1, 41))
    axes.hist(probability[~positive], bins, color=ORANGE, alpha=0.65, label=f"truly {LABELS[0]}")
    axes.hist(probability[positive], bins, color=BLUE, alpha=0.65, label=f"truly {LABELS[1]}")
    axes.set_yscale("log")
    axes.set(xlabel="probability of positive", ylabel="rows (log scale)", title=title)
    axes.legend(frameon=False, loc="upper center")
    return figure


def calibration_plot(positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64], title: str) -> Figure:
    """Draw how often rows of each probability are truly positive; on the diagonal a probability means what it says."""
    figure = Figure(**STYLE)
    axes = figure.add_subplot()
    said, true, rows = reliability(positive, probability)
    axes.plot([0, 1], [0, 1], "--", color=GREY, label="perfect")
    axes.plot(said, true, "-", color=BLUE, alpha=0.5)
    axes.scatter(said, true, s=20 + 220 * rows / rows.max(), color=BLUE, label="bins, by rows", zorder=3)
    error = expected_calibration_error(positive, probability)
    axes.set(xlabel="probability of positive", ylabel="share truly positive", title=f"{title}\nECE {error:.3f}")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="upper left")
    return figure
