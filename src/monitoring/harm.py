"""Is the model wrong more often than it was? Told by late labels. Pure."""

import math
from typing import Literal

from src.model.core.records import Record
from src.model.core.settings import MonitoringSettings
from src.model.evaluation.intervals import Interval, wilson
from src.model.evaluation.reliability import expected_calibration_error
from src.monitoring.detector import EDetector
from src.monitoring.labels import Labels

Verdict = Literal["yes", "no", "unknown"]
_ERRORS = 3.0


class HarmReport(Record):
    """Whether the accuracy has fallen, and what is known of it in the window.

    `labels` came in the window, `watched` in all; `accuracy` with its 95 % interval and
    `calibration_error` (expected, of 15 bins) are of the window. `alarms` are the labels, counted
    from the first one watched, at which the detector gave alarm in the window; `evidence` is where
    it stands now, and an alarm is given at `alarm_at`. `expected` is the accuracy on the test rows
    and `least` what must not be undercut. `loudest` gave most of the window's labels.
    """

    verdict: Verdict
    labels: int
    watched: int
    expected: float
    least: float
    accuracy: float | None = None
    interval: Interval | None = None
    calibration_error: float | None = None
    evidence: float = 0.0
    alarm_at: float
    alarms: list[int] = []
    loudest: str = ""
    loudest_share: float = 0.0


def _is_low(right: int, count: int, least: float) -> bool:
    """Say whether so few right answers are more than three standard errors below `least`."""
    return right / count + _ERRORS * math.sqrt(least * (1 - least) / count) < least


def harm(
    labels: Labels | None, first: int, expected: float, settings: MonitoringSettings
) -> HarmReport:
    """Return what labels say of a version whose accuracy on its test rows is `expected`.

    `first` is the window's first day, as labels count days. The detector watches all labels, those
    before the window too.
    """
    alarm_at = settings.labels_between_alarms
    least = min(max(expected - settings.tolerance, 0.01), 0.99)
    about = {"expected": round(expected, 6), "least": round(least, 6), "alarm_at": alarm_at}
    if labels is None:
        return HarmReport(verdict="unknown", labels=0, watched=0, **about)
    detector = EDetector(least, alarm_at)
    detector.add(labels.right.tolist())
    window = labels.since(first)
    before = labels.day.size - window.day.size
    alarms = [alarm for alarm in detector.alarms if alarm > before]
    count = int(window.day.size)
    right = int(window.right.sum())
    # No alarm yet, and labels that speak against the version, is no "no".
    doubtful = count < settings.min_labels or _is_low(right, count, least)
    verdict: Verdict = "yes" if alarms else "unknown" if doubtful else "no"
    found = HarmReport(
        verdict=verdict,
        labels=count,
        watched=int(labels.day.size),
        evidence=round(detector.evidence, 3),
        alarms=alarms,
        **about,
    )
    if not count:
        return found
    loudest, share = window.loudest
    error = expected_calibration_error(window.positive, window.score)
    measured = {
        "accuracy": round(right / count, 6),
        "interval": wilson(right, count),
        "calibration_error": round(float(error), 6),
        "loudest": loudest,
        "loudest_share": round(share, 6),
    }
    return found.model_copy(update=measured)
