"""A check's answer as text for people."""

import math
from collections import Counter
from collections.abc import Sequence

from src.monitoring.answer import CheckResult
from src.monitoring.drift import StatisticRecord
from src.monitoring.harm import HarmReport
from src.monitoring.measures import LOG
from src.monitoring.verdict import VersionVerdict


def check_text(
    result: CheckResult, report: str, notes: Sequence[str] = (), *, verbose: bool = False
) -> str:
    """Return the answer, with every figure where `verbose`."""
    lines = [f"{result.decision.capitalize()}: {result.reason}"]
    lines.append(f"  predictions from {result.since} to {result.until}: {_shares(result)}")
    for verdict in result.versions:
        lines += _version_lines(verdict, verbose=verbose)
    lines += [f"  version {one.model_version} not judged: {one.why}" for one in result.unjudged]
    alarms = result.false_alarms
    lines.append(
        f"  false alarms a year, at most: {alarms.drift:.1f} of drift, {alarms.harm:.2f} of harm"
    )
    if result.aside:
        aside = ", ".join(f"{count:,} {reason}" for reason, count in result.aside.items())
        lines.append(f"  set aside: {aside}")
    lines += [f"  {note}" for note in notes]
    lines.append(f"  {report}")
    return "\n".join(lines)


def _shares(result: CheckResult) -> str:
    rows = Counter[str]()  # two models may have one number, where the registry was begun anew
    for verdict in result.versions:
        rows[verdict.model_version] += verdict.n
    for unjudged in result.unjudged:
        rows[unjudged.model_version] += unjudged.n
    return ", ".join(f"{count:,} of version {number}" for number, count in rows.items()) or "none"


def _version_lines(verdict: VersionVerdict, *, verbose: bool) -> list[str]:
    drift = verdict.drift
    shown = drift.statistics if verbose else drift.drifted
    what = {"yes": "yes", "no": "no", "insufficient_data": "cannot be told"}[drift.verdict]
    lines = [
        f"  version {verdict.model_version}, compared with {verdict.m:,} {verdict.reference}",
        f"    drift: {what}",
        *(f"      {statistic_text(statistic)}" for statistic in shown),
        f"    harm: {harm_text(verdict.harm)}",
    ]
    if verdict.estimate and verdict.estimate.accuracy is not None:
        lines.append(f"    without labels the accuracy is estimated at {_percent(verdict)}")
    elif verdict.estimate:
        lines.append(
            "    without labels the accuracy cannot be estimated: "
            f"{verdict.estimate.outside:.0f} % of the reviews are unlike the reference's"
        )
    if verdict.words and drift.verdict == "yes":
        words = ", ".join(f"{one.word} ({one.weight:+.1f})" for one in verdict.words[:8])
        lines.append(f"    words that moved most, with their weight: {words}")
    return lines


def _percent(verdict: VersionVerdict) -> str:
    found = verdict.estimate.accuracy if verdict.estimate else None
    return f"{found:.1%}" if found is not None else "nothing"


def statistic_text(statistic: StatisticRecord) -> str:
    """Return a figure and its bound as a line.

    >>> print(statistic_text(StatisticRecord(
    ...     name="unknown_share", says="unknown words", kind="words", unit="points",
    ...     reference=0.3, window=4.1, distance=3.8, at_least=2.0, p_value=0.001, p_bound=0.00625,
    ...     drifted=True)))
    unknown words: 0.3 to 4.1, moved 3.80 points (from 2.00 points on counts; p 0.001, bound 0.0063)
    """
    moved = f"moved {distance_text(statistic, statistic.distance)}"
    bound = f"from {distance_text(statistic, statistic.at_least)} on counts"
    values = f"{statistic.reference:,.1f} to {statistic.window:,.1f}"
    chance = f"p {statistic.p_value:.2g}, bound {statistic.p_bound:.2g}"
    return f"{statistic.says}: {values}, {moved} ({bound}; {chance})"


def distance_text(statistic: StatisticRecord, distance: float) -> str:
    """Return a figure's distance with its unit, rounded down: what is below a bound looks so.

    >>> of_words = StatisticRecord.model_construct(unit="points")
    >>> of_lengths = StatisticRecord.model_construct(unit="100 ln")
    >>> distance_text(of_words, 0.9988), distance_text(of_lengths, 80.4)
    ('0.99 points', '2.23-fold')
    """
    if statistic.unit == LOG:
        return f"{_down(math.exp(distance / 100))}-fold"
    return f"{_down(distance)} {statistic.unit}"


def _down(figure: float) -> str:
    return f"{math.floor(round(100 * figure, 6)) / 100:,.2f}"


def harm_text(harm: HarmReport) -> str:
    """Return what labels say, as a line."""
    if harm.accuracy is None or harm.interval is None:
        return f"{harm.verdict}, no labels in the window"
    low, high = harm.interval
    found = f"{harm.accuracy:.1%} of {harm.labels:,} labels (95 % {low:.1%} to {high:.1%})"
    return f"{harm.verdict}, right in {found}, on the test rows in {harm.expected:.1%}"
