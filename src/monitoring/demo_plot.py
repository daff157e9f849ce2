"""The demo's days in one picture."""

import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.monitoring.drift import STATISTICS

_COLOURS = {"wait": "#cbd5e0", "retrain": "#2f855a", "route": "#6b46c1", "investigate": "#dd6b20"}
_BLUE, _RED = "#2b6cb0", "#c53030"


class PictureDay(Protocol):
    """What is drawn of a day."""

    @property
    def phase(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def figures(self) -> list[str]: ...
    @property
    def harm(self) -> str: ...
    @property
    def accuracy(self) -> float | None: ...
    @property
    def decision(self) -> str: ...


def timeline(days: Sequence[PictureDay]) -> Figure:
    """Draw accuracy, drift by figure, and the decision of each day, phase by phase."""
    figure = Figure(figsize=(14, 7.6), layout="constrained")
    above, middle, below = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": [3, 3.2, 0.8]}
    )
    _accuracy(above, days)
    _drift(middle, days)
    _decisions(below, days)
    start = 0
    for name, members in groupby(days, key=lambda day: day.phase):
        width = len(list(members))
        for axes in (above, middle, below):
            axes.axvline(start - 0.5, color="#718096", linewidth=0.8, linestyle=":")
        words = "\n".join(textwrap.wrap(name, 6 * width))
        above.text(start + (width - 1) / 2, 1.03, words, ha="center", va="bottom", fontsize=10,
                   transform=above.get_xaxis_transform())  # fmt: skip
        start += width
    below.set_xticks(range(len(days)), [str(number + 1) for number in range(len(days))])
    below.set(xlabel="day", xlim=(-0.5, len(days) - 0.5))
    return figure


def _accuracy(axes: Axes, days: Sequence[PictureDay]) -> None:
    told = [n for n, day in enumerate(days) if day.accuracy is not None]
    axes.plot(told, [100 * (days[n].accuracy or 0.0) for n in told], "o-", color=_BLUE)
    harmed = [n for n in told if days[n].harm == "yes"]
    values = [100 * (days[n].accuracy or 0.0) for n in harmed]
    axes.plot(harmed, values, "o", color=_RED, markersize=11, label="harm")
    for number, day in enumerate(days):
        if number and day.version != days[number - 1].version:
            axes.axvline(number - 0.5, color=_COLOURS["retrain"], linewidth=2)
            axes.text(number - 0.4, 8, f"version {day.version}", color=_COLOURS["retrain"])
    axes.set(ylabel="right, by the labels that came\nthat day (%)", ylim=(0, 104))
    axes.grid(axis="y", alpha=0.25)
    axes.legend(frameon=False, loc="lower left")


def _drift(axes: Axes, days: Sequence[PictureDay]) -> None:
    names: list[Any] = [statistic.name for statistic in STATISTICS]
    for place, name in enumerate(names):
        drifted = [n for n, day in enumerate(days) if name in day.figures]
        axes.plot(range(len(days)), [place] * len(days), "o", color="#e2e8f0", markersize=7)
        axes.plot(drifted, [place] * len(drifted), "o", color="#dd6b20", markersize=9)
    axes.set_yticks(range(len(names)), [statistic.says for statistic in STATISTICS])
    axes.set(ylabel="drift", ylim=(len(names) - 0.5, -0.5))


def _decisions(axes: Axes, days: Sequence[PictureDay]) -> None:
    for number, day in enumerate(days):
        axes.barh(0, 0.96, left=number - 0.48, height=0.9, color=_COLOURS[day.decision])
        colour = "#1a202c" if day.decision == "wait" else "white"
        axes.text(number, 0, day.decision, ha="center", va="center", fontsize=6.2, color=colour)
    axes.set_yticks([])
    axes.set(ylabel="decision")
