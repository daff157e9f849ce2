"""The verdict on a window: every version that predicted in it, judged apart. Pure.

Versions are never mixed: each is held against its own reference.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from src.model.core.records import Record
from src.model.core.settings import MonitoringSettings
from src.monitoring.day import Day, Group, Words
from src.monitoring.decide import Decision, decide
from src.monitoring.drift import DriftReport, drift
from src.monitoring.estimate import EstimateReport, estimate
from src.monitoring.harm import HarmReport, harm
from src.monitoring.labels import Labels, joined
from src.monitoring.measures import OTHER_LANGUAGE, SCORE, UNKNOWN
from src.monitoring.moved import MovedWord
from src.monitoring.reference_record import Reference
from src.monitoring.sketch import Sketch

NO_REFERENCE = "it has no reference: make monitoring-reference model_version={}"
OTHER_MODEL = "its predictions are of another model of that number than its reference"


class Point(Record):
    """A version on one day: predictions, labels and how many right, and shares in points."""

    day: str
    n: int
    labels: int
    right: int
    positive: float
    unknown: float
    other_language: float


class VersionVerdict(Record):
    """All that is said of a version; `reference` says which reviews it was compared with."""

    model_version: str
    digest: str
    n: int
    m: int
    reference: str
    drift: DriftReport
    harm: HarmReport
    estimate: EstimateReport | None
    decision: Decision
    reason: str
    words: list[MovedWord] = []
    timeline: list[Point] = []


class Unjudged(Record):
    """A version that predicted in the window and could not be judged, and why."""

    model_version: str
    digest: str
    n: int
    labels: int = 0
    why: str


@dataclass(frozen=True)
class Window:
    """The days of a window, and the earlier ones whose labels are watched too."""

    since: str
    until: str
    earlier: Sequence[Day]
    days: Sequence[Day]

    def groups(self) -> list[Group]:
        """The versions that predicted, the one with the most predictions first."""
        counted: Counter[Group] = Counter()
        for day in self.days:
            for group, sketch in zip(day.groups, day.sketches, strict=True):
                counted[group] += sketch.rows
        return sorted(+counted, key=lambda group: (-counted[group], group))

    def sketch(self, group: Group) -> Sketch:
        return Sketch.sum(
            day.sketches[day.groups.index(group)] for day in self.days if group in day.groups
        )

    def words(self, group: Group) -> Words:
        """What was counted of a version's texts."""
        total = Words()
        for day in self.days:
            if group in day.groups:
                own = day.words[day.groups.index(group)]
                total.reviews += own.reviews
                total.counts += own.counts
                total.examples += own.examples
        return total


def judged(
    window: Window, references: Mapping[str, Reference], settings: MonitoringSettings
) -> tuple[list[VersionVerdict], list[Unjudged], Counter[str]]:
    """Judge every version in a window; return what labels were set aside for, too.

    `references` are by version; the first verdict is on the version most in need of something.
    """
    labels, aside = joined([*window.earlier, *window.days])
    verdicts, unjudged = [], []
    first = len(window.earlier)
    told = {group: one.since(first).day.size for group, one in labels.items()}
    groups = window.groups()
    groups += sorted(group for group, count in told.items() if count and group not in groups)
    for group in groups:
        reference = references.get(group.version)
        if reference is None or reference.digest != group.digest:
            why = NO_REFERENCE.format(group.version) if reference is None else OTHER_MODEL
            n, given = window.sketch(group).rows, told.get(group, 0)
            unjudged.append(
                Unjudged(
                    model_version=group.version, digest=group.digest, n=n, labels=given, why=why
                )
            )
            continue
        verdicts.append(_verdict(window, group, reference, labels.get(group), settings))
    verdicts.sort(key=lambda verdict: verdict.decision == "wait")
    return verdicts, unjudged, aside


def _verdict(
    window: Window,
    group: Group,
    reference: Reference,
    labels: Labels | None,
    settings: MonitoringSettings,
) -> VersionVerdict:
    sketch = window.sketch(group)
    drifted = drift(reference, sketch, settings)
    harmed = harm(labels, len(window.earlier), reference.accuracy, settings)
    enough = drifted.verdict != "insufficient_data"
    estimated = estimate(reference, sketch) if enough else None
    decided = decide(drifted, harmed, estimated, settings.max_client_share)
    return VersionVerdict(
        model_version=group.version,
        digest=group.digest,
        n=sketch.rows,
        m=reference.sketch.rows,
        reference=reference.of,
        drift=drifted,
        harm=harmed,
        estimate=estimated,
        decision=decided.decision,
        reason=decided.reason,
        timeline=_timeline(window, group, labels),
    )


def _timeline(window: Window, group: Group, labels: Labels | None) -> list[Point]:
    found = []
    for place, day in enumerate((*window.earlier, *window.days)):
        given, right = _labels_of(place, labels)
        known = group in day.groups
        if not known and not given:
            continue
        sketch = day.sketches[day.groups.index(group)] if known else Sketch.sum([])
        means = [m.mean(sketch.counts[m.name]) for m in (SCORE, UNKNOWN, OTHER_LANGUAGE)]
        found.append(
            Point(
                day=day.name,
                n=sketch.rows,
                labels=given,
                right=right,
                positive=round(means[0], 3),
                unknown=round(means[1], 3),
                other_language=round(means[2], 3),
            )
        )
    return found


def _labels_of(day: int, labels: Labels | None) -> tuple[int, int]:
    """Return how many labels came on a day, and how many of them say that the model was right."""
    if labels is None:
        return 0, 0
    own = labels.day == day
    return int(own.sum()), int((own & labels.right).sum())
