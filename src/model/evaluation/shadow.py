"""Two models on the same requests, as the prediction log has them: which one is better? Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from src.model.core.labels import is_positive
from src.model.core.prediction_row import FeedbackRow, PredictionRow, Row
from src.model.evaluation.compare import Comparison, compare
from src.model.evaluation.intervals import Interval, wilson


class Pair(NamedTuple):
    """The versions of a champion and of the challenger in its shadow."""

    champion: str
    challenger: str


@dataclass
class _Seen:
    """What was said of one request: by whom, how sure, and what it really is."""

    champion: str = ""
    challenger: str = ""
    probability: float = 0.5
    shadow: float = 0.5
    truth: str = ""


@dataclass
class ShadowLog:
    """The log's rows put together by request; only those that a shadow was cast on are kept."""

    first: str = ""
    last: str = ""
    _requests: dict[str, _Seen] = field(default_factory=dict)

    def add(self, rows: Iterable[Row]) -> None:
        """Take rows in any order; of several feedbacks on one request the last one counts."""
        for row in rows:
            if isinstance(row, FeedbackRow):
                self._requests.setdefault(row.request_id, _Seen()).truth = row.label
            elif isinstance(row, PredictionRow) and row.role != "canary":
                self._take(row)

    def _take(self, row: PredictionRow) -> None:
        seen = self._requests.setdefault(row.request_id, _Seen())
        if row.role == "champion":
            seen.champion, seen.probability = row.version, row.probability
        else:
            seen.challenger, seen.shadow = row.version, row.probability
            self.first = min(self.first or row.time, row.time)
            self.last = max(self.last, row.time)

    def pairs(self) -> dict[Pair, int]:
        """Return how many requests each pair of versions was asked, the latest pair last."""
        counted: dict[Pair, int] = {}
        for seen in self._both():
            pair = Pair(seen.champion, seen.challenger)
            counted[pair] = counted.pop(pair, 0) + 1
        return counted

    def _both(self) -> Iterable[_Seen]:
        return (seen for seen in self._requests.values() if seen.champion and seen.challenger)

    def report(self, pair: Pair) -> "ShadowReport":
        """Return what the requests that both were asked say of a pair."""
        asked = [seen for seen in self._both() if (seen.champion, seen.challenger) == pair]
        champion = is_positive(np.array([seen.probability for seen in asked]))
        challenger = is_positive(np.array([seen.shadow for seen in asked]))
        agreed = int((champion == challenger).sum())
        told = [seen for seen in asked if seen.truth]
        return ShadowReport(
            pair=pair,
            requests=len(asked),
            agreed=agreed,
            agreement=wilson(agreed, len(asked)),
            only_challenger_positive=int((challenger & ~champion).sum()),
            only_champion_positive=int((champion & ~challenger).sum()),
            feedback=len(told),
            comparison=_compared(told) if told else None,
        )


@dataclass(frozen=True)
class ShadowReport:
    """How often both agree, with a 95 % interval; and where people said what is right, who was."""

    pair: Pair
    requests: int
    agreed: int
    agreement: Interval
    only_challenger_positive: int
    only_champion_positive: int
    feedback: int
    comparison: Comparison | None


def _compared(told: Sequence[_Seen]) -> Comparison:
    return compare(
        np.array([seen.truth == "positive" for seen in told]),
        np.array([seen.shadow for seen in told]),
        np.array([seen.probability for seen in told]),
    )
