"""Who is asked whether a window has drifted: ours, rules of thumb, Evidently, and two that guess.

Each takes the same figures of the same reviews, without any text, and answers yes or no.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import ks_2samp

from src.model.core.settings import MonitoringSettings
from src.monitoring.drift import STATISTICS, drift
from src.monitoring.measures import SCORE, SURPRISE, Judged
from src.monitoring.reference_record import Reference, only
from src.monitoring.sketch import Sketch
from src.monitoring.yardstick import documents, packed

_PYTHON = Path(__file__).resolve().parents[1] / ".venv-evidently/bin/python"
_BINS = 10
_EMPTY = 1e-4  # the share of an empty bin in a population stability index, as is usual
SETTINGS = MonitoringSettings()

Figures = dict[str, npt.NDArray[np.float64]]


class Reviews:
    """n judged reviews and their labels, `positive` of shape (n,)."""

    def __init__(self, judged: Judged, positive: npt.NDArray[np.bool_]) -> None:
        self.judged, self.positive = judged, positive
        figures = judged.figures()
        self.figures: Figures = {n: v for n, v in figures.items() if n != SURPRISE.name}
        self.right = (judged.probability >= 0.5) == positive  # noqa: PLR2004

    def take(self, places: npt.NDArray[Any]) -> "Reviews":
        return Reviews(only(self.judged, places), self.positive[places])

    @property
    def sketch(self) -> Sketch:
        return Sketch.of(self.judged)

    @property
    def reference(self) -> Reference:
        """A reference of these reviews, without their words."""
        probability = self.judged.probability
        marks = (np.ones_like(self.right), self.right, self.positive)
        counts = [SCORE.count(probability[mark]).tolist() for mark in marks]
        nothing = packed(documents([], []))
        return Reference(
            model_version=1, digest="", test_sha256="", of="test rows",
            counts=self.sketch.lists(), labelled=counts[0], right=counts[1], positive=counts[2],
            words=nothing, documents=nothing,
        )  # fmt: skip


def ours(reference: Reviews, window: Reviews) -> bool:
    return drift(reference.reference, window.sketch, SETTINGS).verdict == "yes"


def ours_by_chance_alone(reference: Reviews, window: Reviews) -> bool:
    """Ours with no least difference: what the permutation tests alone say."""
    nothing = {statistic.name: 0.0 for statistic in STATISTICS}
    settings = SETTINGS.model_copy(update={"min_effects": nothing})
    return drift(reference.reference, window.sketch, settings).verdict == "yes"


def stability_index(limit: float) -> Callable[[Reviews, Reviews], bool]:
    """Return a monitor that alarms where a figure's population stability index is over a limit."""

    def monitor(reference: Reviews, window: Reviews) -> bool:
        return any(
            _stability_index(reference.figures[name], window.figures[name]) > limit
            for name in reference.figures
        )

    return monitor


def _stability_index(reference: npt.NDArray[np.float64], window: npt.NDArray[np.float64]) -> float:
    edges = np.unique(np.quantile(reference, np.arange(1, _BINS) / _BINS))
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, one, "right"), minlength=edges.size + 1)
                   / one.size, _EMPTY)
        for one in (reference, window)
    ]  # fmt: skip
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def smirnov(level: float, *, bonferroni: bool) -> Callable[[Reviews, Reviews], bool]:
    """Return a monitor of Kolmogorov and Smirnov's test on every figure."""

    def monitor(reference: Reviews, window: Reviews) -> bool:
        bound = level / len(reference.figures) if bonferroni else level
        return any(
            ks_2samp(reference.figures[name], window.figures[name]).pvalue <= bound
            for name in reference.figures
        )

    return monitor


MONITORS: dict[str, Callable[[Reviews, Reviews], bool]] = {
    "ours": ours,
    "ours, chance alone": ours_by_chance_alone,
    "PSI > 0.1": stability_index(0.1),
    "PSI > 0.25": stability_index(0.25),
    "p < 0.05": smirnov(0.05, bonferroni=False),
    "p < 0.05, Bonferroni": smirnov(0.05, bonferroni=True),
    "always": lambda _reference, _window: True,
    "never": lambda _reference, _window: False,
}
EVIDENTLY = "Evidently, defaults"


def evidently(pairs: Sequence[tuple[Reviews, Reviews]]) -> list[bool]:
    """Ask Evidently about pairs of reference and window, in its own environment."""
    arrays: dict[str, Any] = {
        f"{number}/{side}/{name}": values
        for number, pair in enumerate(pairs)
        for side, reviews in zip(("reference", "window"), pair, strict=True)
        for name, values in reviews.figures.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pairs.npz"
        np.savez(file, **arrays)
        words = [str(_PYTHON), str(Path(__file__).with_name("evidently_peer.py")), str(file)]
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
    answers: list[bool] = json.loads(done.stdout.splitlines()[-1])
    return answers
