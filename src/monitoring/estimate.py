"""How often is the model right, as far as that can be told without labels? Pure.

Confidence-based performance estimation (CBPE, as NannyML calls it): how often the version was right
on test rows with such a score, averaged over the window's scores. It holds where a score means what
it meant on the test rows. It cannot see labels that change their meaning, and of inputs such as the
test rows had none it knows nothing: then it says so.
"""

from typing import Literal

import numpy as np

from src.model.core.records import Record
from src.monitoring.measures import OTHER_LANGUAGE, SCORE, UNKNOWN
from src.monitoring.reference_record import Reference, score_counts
from src.monitoring.sketch import Sketch

_PRIOR = 10.0  # a bin's own confidence counts like so many test rows
_MAX_OUTSIDE = 10.0  # points more of reviews unlike any test row
_RARE = 0.005


class EstimateReport(Record):
    """The estimated accuracy, or why there is none; `outside` in points, reference and window."""

    verdict: Literal["estimated", "not_estimable"]
    accuracy: float | None = None
    outside_reference: float
    outside: float


def estimate(reference: Reference, window: Sketch) -> EstimateReport:
    """Return the estimate for a window of at least one review."""
    before, after = outside(reference.sketch, reference.sketch), outside(reference.sketch, window)
    about = {"outside_reference": round(before, 3), "outside": round(after, 3)}
    if after - before > _MAX_OUTSIDE:
        return EstimateReport(verdict="not_estimable", **about)
    labelled, right = score_counts(reference)
    score = SCORE.values / 100
    confidence = np.maximum(score, 1 - score)
    accuracy = (right + _PRIOR * confidence) / (labelled + _PRIOR)
    counts = window.counts[SCORE.name]
    found = float(counts @ accuracy / counts.sum())
    return EstimateReport(verdict="estimated", accuracy=round(found, 6), **about)


def outside(reference: Sketch, sketch: Sketch) -> float:
    """Return the share of reviews, in points, that are unlike nearly all of the reference's.

    They look like another language, or have more unknown words than all but 0.5 % of the
    reference's; where they are not the same reviews, the larger share counts.
    """
    foreign = OTHER_LANGUAGE.mean(sketch.counts[OTHER_LANGUAGE.name])
    known = reference.counts[UNKNOWN.name]
    above = known[::-1].cumsum()[::-1] / max(int(known.sum()), 1)  # a bin's share and all beyond
    rare = above < _RARE
    counts = sketch.counts[UNKNOWN.name]
    return max(foreign, 100 * float(counts[rare].sum()) / max(int(counts.sum()), 1))
