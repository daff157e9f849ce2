"""Figures as matplotlib objects; saving them is the caller's."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from src.model.core.labels import LABELS
from src.model.evaluation.behaviour import Rate
from src.model.evaluation.intervals import Interval
from src.model.evaluation.reliability import expected_calibration_error, reliability
from src.model.evaluation.slices import Slice
from src.model.learners.base import LearningPoint

# Fonts for formulas, which no plot of ours has, are missing on many machines.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

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
            column,
            row,
            f"{counts[row, column]:,}\n{share:.1%}",
            ha="center",
            va="center",
            fontsize=13,
            color="white" if share > 0.5 else "black",  # noqa: PLR2004
        )
    axes.set_xticks(range(2), LABELS)
    axes.set_yticks(range(2), LABELS, rotation=90, va="center")
    axes.set(xlabel="predicted", ylabel="true", title=title)
    return figure


def learning_plot(history: Sequence[LearningPoint], axis: str) -> Figure:
    """Draw log loss and accuracy against what the learner counts.

    They are those of training and validation rows.
    """
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


def score_plot(
    positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64], title: str
) -> Figure:
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


def calibration_plot(
    positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64], title: str
) -> Figure:
    """Draw how often rows of each probability are truly positive.

    On the diagonal a probability means what it says.
    """
    figure = Figure(**STYLE)
    axes = figure.add_subplot()
    said, true, rows = reliability(positive, probability)
    axes.plot([0, 1], [0, 1], "--", color=GREY, label="perfect")
    axes.plot(said, true, "-", color=BLUE, alpha=0.5)
    sizes = 20 + 220 * rows / rows.max()
    axes.scatter(said, true, s=sizes, color=BLUE, label="bins, by rows", zorder=3)
    error = expected_calibration_error(positive, probability)
    axes.set(
        xlabel="probability of positive",
        ylabel="share truly positive",
        title=f"{title}\nECE {error:.3f}",
    )
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="upper left")
    return figure


def roc_plot(
    positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64], title: str
) -> Figure:
    """Draw true against false positives over all thresholds (Fawcett 2006)."""
    figure = Figure(**STYLE)
    axes = figure.add_subplot()
    false_rate, true_rate, _ = roc_curve(positive, probability)
    axes.plot([0, 1], [0, 1], "--", color=GREY, label="chance")
    axes.plot(false_rate, true_rate, color=BLUE, label="model")
    axes.set(
        xlabel="negative reviews called positive",
        ylabel="positive reviews called positive",
        title=title,
    )
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="lower right")
    return figure


def precision_recall_plot(
    positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64], title: str
) -> Figure:
    """Draw precision against recall of both labels over all thresholds (Davis & Goadrich 2006)."""
    figure = Figure(**STYLE)
    axes = figure.add_subplot()
    for truth, scores, colour, label in (
        (~positive, 1 - probability, ORANGE, LABELS[0]),
        (positive, probability, BLUE, LABELS[1]),
    ):
        precision, recall, _ = precision_recall_curve(truth, scores)
        axes.plot(recall, precision, color=colour, label=label)
    lowest = min(0.5, positive.mean())
    axes.set(xlabel="recall", ylabel="precision", title=title, ylim=(lowest, 1.01))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="lower left")
    return figure


def slices_plot(slices: Sequence[Slice], overall: float, title: str) -> Figure:
    """Draw each slice's accuracy with its interval.

    Slices with too few rows to be judged are grey.
    """
    figure = Figure(figsize=(8, 1.2 + 0.32 * len(slices)), layout="constrained")
    axes = figure.add_subplot()
    for place, part in enumerate(slices):
        colour = BLUE if part.judged else GREY
        axes.plot(part.interval, [place, place], color=colour, alpha=0.6)
        axes.plot(part.accuracy, place, "o", color=colour)
    axes.axvline(overall, linestyle="--", color=GREY, linewidth=1, label="all rows")
    names = [f"{part.name[:60]} ({part.rows:,})" for part in slices]
    for tick in axes.set_yticks(range(len(slices)), names):
        tick.label1.set_parse_math(False)  # names come from the data: a "$" in one is no formula
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set(xlabel="accuracy and its 95 % interval", title=title)
    axes.grid(alpha=0.25, axis="x")
    axes.legend(frameon=False)
    return figure


def behaviour_plot(rates: Sequence[Rate], title: str) -> Figure:
    """Draw the share of passed cases of each capability."""
    figure = Figure(figsize=(8, 1.2 + 0.3 * len(rates)), layout="constrained")
    axes = figure.add_subplot()
    colours = {"minimum": BLUE, "invariance": ORANGE, "directional": GREY}
    for kind, colour in colours.items():
        places = [place for place, rate in enumerate(rates) if rate.kind == kind]
        axes.barh(places, [rates[place].share for place in places], color=colour, label=kind)
    for place, rate in enumerate(rates):
        axes.text(1.01, place, f"{rate.passed} of {rate.cases}", va="center", fontsize=9)
    axes.set_yticks(range(len(rates)), [rate.capability for rate in rates])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set(xlabel="cases passed", title=title)
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, loc="outside lower center", ncols=3)
    return figure


def curve_plot(
    rows: Sequence[int],
    accuracy: Sequence[float],
    intervals: Sequence[Interval],
    gains: Sequence[float],
    gain_intervals: Sequence[Interval],
) -> Figure:
    """Draw accuracy by training rows, and what each batch after the first added.

    All have their intervals.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    low, high = [i.low for i in intervals], [i.high for i in intervals]
    left.fill_between(rows, low, high, color=BLUE, alpha=0.15, linewidth=0)
    left.plot(rows, accuracy, "o-", color=BLUE)
    left.set(
        xlabel="training rows",
        ylabel="accuracy on the test rows",
        title="All batches so far, and 95 % intervals",
    )
    left.xaxis.set_major_formatter("{x:,.0f}")
    left.yaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
    places = range(2, len(gains) + 2)
    colours = [BLUE if interval.low > 0 else GREY for interval in gain_intervals]
    for place, gain, interval, colour in zip(places, gains, gain_intervals, colours, strict=True):
        ends = [100 * interval.low, 100 * interval.high]
        right.plot([place, place], ends, color=colour, alpha=0.7)
        right.plot(place, 100 * gain, "o", color=colour)
    right.axhline(0, color="black", linewidth=0.8)
    right.set_xticks(list(places))
    right.set(
        xlabel="batch added",
        ylabel="gain, points of accuracy",
        title="What each batch added (blue: surely more)",
    )
    for axes in (left, right):
        axes.grid(alpha=0.25)
    return figure
