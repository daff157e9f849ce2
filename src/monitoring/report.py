"""A check's answer as a page: one HTML file, readable without a network, light or dark."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, Template, select_autoescape
from markupsafe import Markup

from src.monitoring.answer import CheckResult
from src.monitoring.day import Group
from src.monitoring.decide import Decision
from src.monitoring.measures import SCORE
from src.monitoring.plots import effects_plot, scores_plot, timeline_plot
from src.monitoring.reference_record import Reference
from src.monitoring.texts import distance_text, harm_text
from src.monitoring.verdict import VersionVerdict, Window

_DRAWN = 4  # versions
NEXT: dict[Decision, str] = {
    "wait": "Nothing is to be done.",
    "retrain": "Train on the next batch and let the gate decide: make model-pipeline-train.",
    "route": "Send such reviews to people, or to a model that reads them.",
    "investigate": "Look at the labels and at who sends what before anything is trained on it.",
}
"""What to do about each decision, in a sentence."""


@dataclass(frozen=True)
class _Part:
    verdict: VersionVerdict
    harm: str
    timeline: Markup
    effects: Markup
    scores: Markup


def page(result: CheckResult, window: Window, references: Mapping[str, Reference]) -> str:
    """Return the page."""
    parts = [
        _part(verdict, window, references[verdict.model_version])
        for verdict in result.versions[:_DRAWN]
    ]
    return _template().render(
        result=result, parts=parts, todo=NEXT[result.decision], distance=distance_text
    )


def _part(verdict: VersionVerdict, window: Window, reference: Reference) -> _Part:
    group = Group(verdict.model_version, verdict.digest)
    sketch, nothing = window.sketch(group), Markup()
    drawn = bool(verdict.drift.statistics)
    counts = reference.sketch.counts[SCORE.name], sketch.counts[SCORE.name]
    points = verdict.timeline
    return _Part(
        verdict,
        harm_text(verdict.harm),
        timeline_plot(points, verdict.harm, window.since) if points else nothing,
        effects_plot(verdict.drift.statistics) if drawn else nothing,
        scores_plot(*counts) if drawn else nothing,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("src.monitoring", "."),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
    )
    return environment.get_template("report.html")
