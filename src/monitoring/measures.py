"""What is measured of every review that was judged, and the bins in which it is counted.

Counts in fixed bins add up: days, machines and versions of a window become one by addition, and a
window of any size takes the same room. Bins and units are part of the format of a sketch.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from src.model.core.language import looks_other

Counts = npt.NDArray[np.int64]
"""How many reviews fall into each bin of a measure, shape (bins,)."""

LOG = "100 ln"
"""The unit of what is counted by its order of magnitude: 100 times the natural logarithm."""

FORMAT = 1
"""Grows when bins, units or measures change: sketches of other formats are made anew."""


@dataclass(frozen=True)
class Measure:
    """One figure of a review: its bins and the value, in `unit`, that stands for each bin.

    Bin i holds the figures from `edges[i - 1]`, which it includes, to `edges[i]`. `edges` has
    shape (bins - 1,), `values` shape (bins,).
    """

    name: str
    unit: str
    edges: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]

    def count(self, figures: npt.NDArray[np.float64]) -> Counts:
        """Return how many of n figures, shape (n,), fall into each bin."""
        places = np.searchsorted(self.edges, figures, side="right")
        return np.bincount(places, minlength=self.values.size)

    def mean(self, counts: Counts) -> float:
        """Return the mean value of what was counted; 0 where nothing was."""
        return float(counts @ self.values / max(int(counts.sum()), 1))


def _shares(name: str, steps: int) -> Measure:
    """A share from 0 to 1, in points of a hundred; bins of equal width."""
    edges = np.arange(1, steps) / steps
    return Measure(name, "points", edges, np.float64(100 / steps) * (np.arange(steps) + 0.5))


def _yes_no(name: str) -> Measure:
    """1 for yes, 0 for no: points of the share of yes."""
    return Measure(name, "points", np.array([0.5]), np.array([0.0, 100.0]))


def _sizes(name: str, unit: str) -> Measure:
    """A number of tokens on the scale 100 ln(1 + tokens), where d apart is e^(d/100) times."""
    edges = np.concatenate([np.arange(1, 16), np.round(16 * 2 ** (np.arange(36) / 4))])
    lows = np.concatenate([[0.0], edges])
    values: npt.NDArray[np.float64] = 100 * np.log1p(lows)
    return Measure(name, unit, edges, values)


SCORE = _shares("score", 100)
ABSTAINED = _yes_no("abstained")
TOKENS = _sizes("tokens", LOG)
TITLE_TOKENS = _sizes("title_tokens", LOG)
OTHER_LANGUAGE = _yes_no("other_language")
_UNKNOWN_EDGES = np.concatenate([[1e-9], np.arange(1, 40) / 100, np.arange(8, 20) / 20])
UNKNOWN = Measure(
    "unknown_share",
    "points",
    _UNKNOWN_EDGES,
    100 * np.concatenate([[0.0], (_UNKNOWN_EDGES + np.append(_UNKNOWN_EDGES[1:], 1.0)) / 2]),
)
SURPRISE = Measure("surprise", "bits", np.arange(4, 24, 0.25), np.arange(3.875, 24, 0.25))

MEASURES = (SCORE, ABSTAINED, TOKENS, TITLE_TOKENS, UNKNOWN, OTHER_LANGUAGE, SURPRISE)
"""Of every review; `surprise` only where its text is known."""


@dataclass(frozen=True)
class Judged:
    """What the log, or a model, says of n reviews; every array has shape (n,).

    As in `core.reading`; `surprise` in bits a token, NaN where no text is known.
    """

    probability: npt.NDArray[np.float64]
    abstained: npt.NDArray[np.bool_]
    title_tokens: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    unknown_share: npt.NDArray[np.float64]
    language_share: npt.NDArray[np.float64]
    surprise: npt.NDArray[np.float64]

    def figures(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return the figures of each measure, by its name."""
        other = looks_other(self.tokens, self.language_share)
        return {
            SCORE.name: self.probability,
            ABSTAINED.name: self.abstained.astype(np.float64),
            TOKENS.name: self.tokens.astype(np.float64),
            TITLE_TOKENS.name: self.title_tokens.astype(np.float64),
            UNKNOWN.name: self.unknown_share,
            OTHER_LANGUAGE.name: other.astype(np.float64),
            SURPRISE.name: self.surprise[~np.isnan(self.surprise)],
        }
