"""What to do: stated rules, from both axes to one of four decisions. Pure.

The rules in order; the first that fits decides:

1. Many more reviews than in the reference look like another language, and that is drift: `route`.
   Send them to people or to a model that reads them; retraining on usual reviews would not help.
2. Harm, and most labels came from one client: `investigate`. One client is no witness.
3. Harm, and labels, answers or words have drifted: `retrain`. The input has changed, and the model
   has to follow.
4. Harm, and nothing or only the form of the input has drifted: `investigate`. Either labels or
   their meaning changed, or a client sends something broken; retraining would learn that.
5. Drift, no labels to tell whether it harms, and the estimate is below what must not be undercut,
   or there can be none: `investigate`. Ask for labels.
6. Anything else: `wait`. Drift without harm is no reason to act.
"""

from typing import Literal, NamedTuple

from src.monitoring.drift import DriftReport
from src.monitoring.estimate import EstimateReport
from src.monitoring.harm import HarmReport
from src.monitoring.measures import OTHER_LANGUAGE

Decision = Literal["wait", "retrain", "route", "investigate"]
DECISIONS: tuple[Decision, ...] = ("wait", "retrain", "route", "investigate")


_MANY = 10.0  # points more of another language


class Decided(NamedTuple):
    """A decision and its reason, a sentence."""

    decision: Decision
    reason: str


def decide(
    drift: DriftReport,
    harm: HarmReport,
    estimated: EstimateReport | None,
    max_client_share: float,
) -> Decided:
    """Return what to do about a version."""
    moved = ", ".join(found.says for found in drift.drifted)
    harmed = harm.verdict == "yes"
    foreign = next((one for one in drift.drifted if one.name == OTHER_LANGUAGE.name), None)
    if foreign and foreign.window - foreign.reference > _MANY:
        return Decided(
            "route",
            f"{foreign.window:.0f} % of the reviews look like another language "
            f"({foreign.reference:.0f} % of the reference's do).",
        )
    if harmed and harm.loudest_share > max_client_share and harm.labels:
        return Decided(
            "investigate",
            f"The labels say harm, but {harm.loudest_share:.0%} of them are from {harm.loudest}.",
        )
    if harmed and any(found.kind != "shape" for found in drift.drifted):
        return Decided("retrain", f"{_fallen(harm)}, and the input has changed: {moved}.")
    if harmed:
        return Decided(
            "investigate",
            f"{_fallen(harm)}, and {_input(drift, moved)}: labels or what they mean may have "
            "changed, or a client is broken.",
        )
    return _without_harm(drift, harm, estimated, moved)


def _too_few(drift: DriftReport) -> str:
    """Return what is missing to tell drift, a sentence or two."""
    if drift.m >= drift.least:
        predictions = f"{drift.n:,} prediction{'s are' if drift.n != 1 else ' is'}"
        return f"{predictions} too few to tell drift: {drift.least:,} are needed."
    return (
        f"{drift.m:,} reviews in the reference are too few to tell drift: {drift.least:,} are "
        "needed. A reference of the log is made with make monitoring-reference window=7."
    )


def _without_harm(
    drift: DriftReport, harm: HarmReport, estimated: EstimateReport | None, moved: str
) -> Decided:
    if drift.verdict == "insufficient_data":
        return Decided("wait", _too_few(drift))
    if drift.verdict == "no":
        return Decided("wait", f"Nothing has drifted, and {_labels_say(harm)}.")
    if harm.verdict == "unknown" and estimated and _doubtful(estimated, harm):
        told = (
            f"is estimated at {estimated.accuracy:.1%}"
            if estimated.accuracy is not None
            else "cannot be estimated"
        )
        return Decided(
            "investigate",
            f"Drift ({moved}), and without labels the accuracy {told}: ask for labels.",
        )
    return Decided("wait", f"Drift ({moved}), and {_labels_say(harm)}.")


def _input(drift: DriftReport, moved: str) -> str:
    if drift.verdict == "insufficient_data":
        return "too little is there to say whether the input has changed"
    return f"the input has changed only in form ({moved})" if moved else "the input has not changed"


def _doubtful(estimated: EstimateReport, harm: HarmReport) -> bool:
    return estimated.accuracy is None or estimated.accuracy < harm.least


def _fallen(harm: HarmReport) -> str:
    found = f"{harm.accuracy:.1%}" if harm.accuracy is not None else "unknown"
    return f"The accuracy has fallen below {harm.least:.1%} (in the window {found})"


def _labels_say(harm: HarmReport) -> str:
    if harm.verdict == "no":
        return f"{harm.labels:,} labels show no harm"
    return f"{harm.labels:,} labels neither show harm nor rule it out"
