"""Two models on the same requests, as the prediction log has them: which one is better? Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from src.model.core.labels import is_positive
from src.model.core.prediction_row import FeedbackRow, PredictionRow, Row
from src.model.core.records import Record
from src.model.evaluation.compare import Comparison, compare
from src.model.evaluation.intervals import Interval, wilson


class Pair(NamedTuple):
    """The versions of a champion and of the challenger in its shadow."""

    champion: str
    challenger: str


@dataclass(slots=True)
class _Seen:
    """What was said of one request: when, by whom, how sure, and what it really is."""

    time: str
    challenger: str
    shadow: float
    champion: str = ""
    probability: float = 0.5
    truth: str = ""


@dataclass
class ShadowLog:
    """The requests that a shadow was cast on, and what else the log has on them.

    It takes the log twice: the first time the shadows, the second time the rest, so that nothing is
    held of requests without one.
    """

    _requests: dict[str, _Seen] = field(default_factory=dict)

    def add_shadows(self, rows: Iterable[Row]) -> None:
        """Take the challenger's rows."""
        for row in rows:
            if isinstance(row, PredictionRow) and row.role == "shadow":
                self._requests[row.request_id] = _Seen(row.time, row.version, row.probability)

    def add_others(self, rows: Iterable[Row]) -> None:
        """Take the champion's rows and feedback, of which the last one counts."""
        for row in rows:
            seen = self._requests.get(row.request_id)
            if seen is None:
                continue
            if isinstance(row, FeedbackRow):
                seen.truth = row.label
            elif row.role == "champion":
                seen.champion, seen.probability = row.version, row.probability

    def pairs(self) -> dict[Pair, int]:
        """Return how many requests each pair of versions was asked, the latest pair last."""
        counted: dict[Pair, int] = {}
        for seen in self._both():
            pair = Pair(seen.champion, seen.challenger)
            counted[pair] = counted.pop(pair, 0) + 1
        return counted

    def _both(self) -> Iterable[_Seen]:
        return (seen for seen in self._requests.values() if seen.champion)

    def report(self, pair: Pair) -> "ShadowReport":
        """Return what the requests that both were asked say of a pair."""
        asked = [seen for seen in self._both() if (seen.champion, seen.challenger) == pair]
        champion = is_positive(np.array([seen.probability for seen in asked]))
        challenger = is_positive(np.array([seen.shadow for seen in asked]))
        agreed = int((champion == challenger).sum())
        told = [seen for seen in asked if seen.truth]
        return ShadowReport(
            champion=pair.champion,
            challenger=pair.challenger,
            first=min(seen.time for seen in asked),
            last=max(seen.time for seen in asked),
            requests=len(asked),
            agreed=agreed,
            agreement=wilson(agreed, len(asked)),
            only_challenger_positive=int((challenger & ~champion).sum()),
            only_champion_positive=int((champion & ~challenger).sum()),
            feedback=len(told),
            comparison=_compared(told) if told else None,
        )


class ShadowReport(Record):
    """How often both agree, with a 95 % interval; and where people said what is right, who was.

    `first` and `last` are the times of the requests, in ISO 8601.
    """

    champion: str
    challenger: str
    first: str
    last: str
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
