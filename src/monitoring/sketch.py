"""Many judged reviews as counts in bins: a few kilobytes, whatever their number. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from src.monitoring.measures import MEASURES, SCORE, SURPRISE, Counts, Judged


@dataclass(frozen=True)
class Sketch:
    """How many reviews fall into each bin of every measure, by the measure's name."""

    counts: Mapping[str, Counts]

    @classmethod
    def of(cls, judged: Judged) -> Self:
        """Return the sketch of n reviews."""
        figures = judged.figures()
        return cls({measure.name: measure.count(figures[measure.name]) for measure in MEASURES})

    @classmethod
    def sum(cls, sketches: Iterable[Self]) -> Self:
        """Return one sketch of all reviews; of none where there are none."""
        total = {measure.name: np.zeros(measure.values.size, np.int64) for measure in MEASURES}
        for sketch in sketches:
            for name, counts in sketch.counts.items():
                total[name] = total[name] + counts
        return cls(total)

    @property
    def rows(self) -> int:
        """How many reviews it holds."""
        return int(self.counts[SCORE.name].sum())

    @property
    def rows_with_text(self) -> int:
        """How many of them had their text beside them."""
        return int(self.counts[SURPRISE.name].sum())

    def lists(self) -> dict[str, list[int]]:
        """Return the counts as JSON has them."""
        return {name: counts.tolist() for name, counts in self.counts.items()}
