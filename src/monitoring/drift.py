"""Is the input another one than the reference's? Several figures, one stated rate of false alarms.

A figure has drifted where both hold: chance hardly explains the difference (a permutation test,
Holm's bound over all figures), and the difference is as large as people would mind.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from src.model.core.records import Record
from src.model.core.settings import MonitoringSettings
from src.monitoring import measures
from src.monitoring.measures import LOG, SCORE, Measure
from src.monitoring.reference_record import Reference
from src.monitoring.resampling import (
    Compared,
    Distance,
    compared,
    draws_for,
    holm,
    mean_distance,
    transport_distance,
)
from src.monitoring.sketch import Sketch

Kind = Literal["label", "score", "shape", "words"]
"""What a figure tells of: labels, the model's answers, the form of the input, its words."""

Verdict = Literal["yes", "no", "insufficient_data"]


@dataclass(frozen=True)
class Statistic:
    """One figure that is compared: its name, what it is in words, and the least that matters."""

    name: str
    says: str
    measure: Measure
    minimum: float
    kind: Kind
    distance: Distance = transport_distance
    weight: float = 1.0

    @property
    def unit(self) -> str:
        return self.measure.unit


STATISTICS = (
    Statistic(
        "label_shift", "share of positive reviews", measures.SCORE, 3.0, "label", mean_distance, 2.0
    ),
    Statistic("scores", "distribution of the scores", measures.SCORE, 3.0, "score"),
    Statistic("abstained", "share of undecided answers", measures.ABSTAINED, 5.0, "score"),
    Statistic("tokens", "length of the reviews", measures.TOKENS, 15.0, "shape"),
    Statistic("title_tokens", "length of the titles", measures.TITLE_TOKENS, 20.0, "shape"),
    Statistic("unknown_share", "share of unknown words", measures.UNKNOWN, 1.0, "words"),
    Statistic("other_language", "share of another language", measures.OTHER_LANGUAGE, 3.0, "words"),
    Statistic("surprise", "surprise of the words", measures.SURPRISE, 0.15, "words"),
)
"""`surprise` is compared only where texts are logged. The mix of labels is what is asked about
most, and has twice the share of the rate of false alarms."""


class StatisticRecord(Record):
    """A figure: means of reference and window, their distance and the bound, and the verdict.

    The distance is in `unit`, as is `at_least`, the least that matters; means of lengths are
    geometric, in tokens. Of `label_shift` all are
    points of the share of truly positive reviews, estimated from the scores. `p_bound` is Holm's.
    """

    name: str
    says: str
    kind: Kind
    unit: str
    reference: float
    window: float
    distance: float
    at_least: float
    p_value: float
    p_bound: float
    drifted: bool


class DriftReport(Record):
    """Whether any figure has drifted, of n reviews in the window and m in the reference.

    Of both there must be `least`.
    """

    verdict: Verdict
    n: int
    m: int
    least: int
    statistics: list[StatisticRecord] = []

    @property
    def drifted(self) -> list[StatisticRecord]:
        return [found for found in self.statistics if found.drifted]


def drift(reference: Reference, window: Sketch, settings: MonitoringSettings) -> DriftReport:
    """Compare a window with a reference; the same counts always give the same answer.

    Where nothing has changed, the verdict is `yes` in at most a share `drift_rate` of windows.
    """
    n, m, least = window.rows, reference.sketch.rows, settings.min_rows
    if min(n, m) < least:
        return DriftReport(verdict="insufficient_data", n=n, m=m, least=least)
    random = np.random.default_rng(_seed(reference.sketch, window))
    draws = draws_for(settings.drift_rate / sum(one.weight for one in STATISTICS))
    found, weights = [], []
    for statistic in STATISTICS:
        name = statistic.measure.name
        counts = reference.sketch.counts[name], window.counts[name]
        if min(int(one.sum()) for one in counts) >= least:
            measure, distance = statistic.measure, statistic.distance
            before, after = counts
            result = compared(before, after, measure, distance, random, draws)
            found.append(_record(statistic, result, reference, window, settings))
            weights.append(statistic.weight)
    rejected, bounds = holm([one.p_value for one in found], settings.drift_rate, weights)
    records = [
        one.model_copy(
            update={
                "p_bound": round(bound, 6),
                "drifted": unlikely and one.distance >= one.at_least,
            }
        )
        for one, bound, unlikely in zip(found, bounds, rejected, strict=True)
    ]
    any_drifted = any(record.drifted for record in records)
    return DriftReport(
        verdict="yes" if any_drifted else "no", n=n, m=m, least=least, statistics=records
    )


def _record(
    statistic: Statistic,
    result: Compared,
    reference: Reference,
    window: Sketch,
    settings: MonitoringSettings,
) -> StatisticRecord:
    """Return a figure whose bound is yet to be found."""
    measure = statistic.measure
    before = measure.mean(reference.sketch.counts[measure.name])
    after = measure.mean(window.counts[measure.name])
    distance = result.distance
    if statistic.unit == LOG:
        before, after = (float(np.expm1(value / 100)) for value in (before, after))
    if statistic.name == "label_shift":
        before, after, distance = _as_labels(reference, after - before, distance)
    return StatisticRecord(
        name=statistic.name,
        says=statistic.says,
        kind=statistic.kind,
        unit=statistic.unit,
        reference=round(before, 4),
        window=round(after, 4),
        distance=round(distance, 4),
        at_least=settings.min_effects.get(statistic.name, statistic.minimum),
        p_value=round(result.p_value, 6),
        p_bound=0.0,
        drifted=False,
    )


def _as_labels(reference: Reference, shift: float, distance: float) -> tuple[float, float, float]:
    """Return shares of truly positive reviews, before and after, and their distance, in points.

    If only the mix of labels has changed, the mean score moves by the change of the share times
    the gap between the mean scores of both labels: black-box shift estimation (Lipton, Wang and
    Smola 2018, section 4) with scores in the place of labels, which vary less.
    """
    scale = 100 / max(reference.score_gap, 1.0)
    before = 100 * reference.positive_share
    if reference.is_adopted:  # whose labels nobody knows: estimated too
        own = SCORE.mean(reference.sketch.counts[SCORE.name])
        before += (own - SCORE.mean(np.array(reference.labelled, np.int64))) * scale
        before = min(max(before, 0.0), 100.0)
    return before, min(max(before + shift * scale, 0.0), 100.0), distance * scale


def _seed(*sketches: Sketch) -> int:
    """Return a number that the counts decide."""
    digest = hashlib.sha256()
    for sketch in sketches:
        for name in sorted(sketch.counts):
            digest.update(sketch.counts[name].tobytes())
    return int.from_bytes(digest.digest()[:8], "big")
