"""Drawings of a check for its page: SVG that takes the page's own colours, light or dark."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from src.monitoring.drift import StatisticRecord
from src.monitoring.harm import HarmReport
from src.monitoring.measures import Counts
from src.monitoring.texts import distance_text
from src.monitoring.verdict import Point

BLUE, ORANGE, GREY, RED = "#3182ce", "#dd6b20", "#8a94a6", "#e53e3e"
_INK = "#010203"  # replaced by the colour of the text around the drawing
_STYLE: Any = {
    "svg.hashsalt": "reviews",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color",
         "ytick.color"), _INK),
}  # fmt: skip


def svg(figure: Figure, says: str) -> Markup:
    """Return a drawing as SVG for a page; `says` is what it shows, for who cannot see it."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    text = buffer.getvalue().replace(_INK, "currentColor")
    drawing = text[text.index("<svg") :]
    label = Markup.escape(says)
    return Markup(drawing.replace("<svg", f'<svg role="img" aria-label="{label}"', 1))  # noqa: S704


def effects_plot(statistics: Sequence[StatisticRecord]) -> Markup:
    """Draw how far each figure is from the reference, in times of the least that matters."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.4, 0.42 * len(statistics) + 0.9), layout="constrained")
        axes = figure.add_subplot()
        times = [min(one.distance / max(one.at_least, 1e-9), 5.0) for one in statistics]
        colours = [ORANGE if one.drifted else GREY for one in statistics]
        axes.barh([one.says for one in statistics], times, color=colours)
        for place, one in enumerate(statistics):
            text = distance_text(one, one.distance)
            axes.text(times[place] + 0.06, place, text, va="center", fontsize=9)
        axes.axvline(1, color=_INK, linewidth=1, linestyle="--")
        axes.set_xlim(0, max(*times, 1.2) + 1.3)
        axes.invert_yaxis()
        axes.set(xlabel="distance, in times of the least that matters (dashed)")
    return svg(figure, "Distance of each figure from the reference")


def scores_plot(reference: Counts, window: Counts) -> Markup:
    """Draw how the scores of reference and window are distributed."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.4, 2.6), layout="constrained")
        axes = figure.add_subplot()
        for counts, colour, name in ((reference, GREY, "reference"), (window, BLUE, "window")):
            grouped = counts.reshape(25, -1).sum(axis=1) / max(int(counts.sum()), 1)
            edges = np.linspace(0, 1, 26)
            axes.stairs(grouped, edges, color=colour, label=name, linewidth=1.8)
        axes.set_yscale("log")
        axes.set(xlabel="score of positive", ylabel="share of reviews (log)")
        legend = axes.legend(frameon=False, loc="upper center", ncols=2)
        for text in legend.get_texts():
            text.set_color(_INK)
    return svg(figure, "Distribution of the scores, reference and window")


def timeline_plot(points: Sequence[Point], harm: HarmReport, since: str) -> Markup:
    """Draw a version's days: predictions, mean score, foreign words, accuracy by labels."""
    places = np.arange(len(points))
    names = [point.day[5:].replace("T", " ") for point in points]
    begins = next((n for n, point in enumerate(points) if point.day >= since), 0)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.4, 5.6), layout="constrained")
        above, middle, below = figure.subplots(3, 1, sharex=True)
        seen = [n for n, point in enumerate(points) if point.n]
        positive, unknown, other = (
            [getattr(points[n], name) for n in seen]
            for name in ("positive", "unknown", "other_language")
        )
        above.plot(seen, positive, "o-", color=BLUE, markersize=4)
        above.set(ylabel="mean score\n(points)", ylim=(0, 100))
        middle.plot(seen, unknown, "o-", color=ORANGE, markersize=4)
        middle.plot(seen, other, "s-", color=RED, markersize=4)
        middle.set(ylabel="unknown words (○)\nother language (□)\n(points)")
        middle.set_ylim(bottom=0)
        told = [n for n, point in enumerate(points) if point.labels]
        right = [100 * points[n].right / points[n].labels for n in told]
        below.plot(told, right, "o", color=BLUE, markersize=5)
        below.axhline(100 * harm.expected, color=GREY, linewidth=1)
        below.axhline(100 * harm.least, color=RED, linewidth=1, linestyle="--")
        lowest = min([*right, 100 * harm.least, 60.0]) - 3
        below.set(ylabel="right, by labels\n(%)", ylim=(lowest, 101))
        for axes in (above, middle, below):
            axes.axvspan(begins - 0.5, len(points) - 0.5, color=BLUE, alpha=0.07)
            axes.grid(axis="y", alpha=0.2)
        shown = places[:: max(len(points) // 10, 1)]
        below.set_xticks(shown, [names[n] for n in shown], rotation=30, ha="right")
    return svg(figure, "The version's days: score, unknown words, accuracy by labels")
