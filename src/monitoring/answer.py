"""What a check answers, and which exit code that is."""

from typing import Literal

from pydantic import ConfigDict, Field

from src.model.command import Result
from src.model.core.errors import GateError
from src.model.core.records import Record
from src.model.core.settings import MonitoringSettings
from src.monitoring.decide import Decision
from src.monitoring.drift import Verdict as DriftVerdict
from src.monitoring.harm import Verdict as HarmVerdict
from src.monitoring.verdict import Unjudged, VersionVerdict, Window


class FalseAlarms(Record):
    """How often a year there is an alarm where nothing is wrong, over all versions judged.

    Of drift at most; of harm at most where the accuracy on the test rows is the true one.
    """

    drift: float
    harm: float


class CheckResult(Result):
    """The verdict on the version most in need of something, and on all others.

    `since` and `until` are the first and the last day; n predictions in the window, m reviews in
    the reference. `aside` counts log rows, parts and labels that were set aside, by reason.
    `test_rows_looked_at` says how many versions were evaluated on the test rows of the reference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    schema_version: Literal[1] = Field(1, serialization_alias="schema")
    step: Literal["check"] = "check"
    since: str
    until: str
    model_version: str | None
    n: int
    m: int
    drift: DriftVerdict
    harm: HarmVerdict
    decision: Decision
    reason: str
    false_alarms_per_year: float
    false_alarms: FalseAlarms
    versions: list[VersionVerdict]
    unjudged: list[Unjudged]
    aside: dict[str, int]
    test_rows_looked_at: int | None = None


def answer(
    window: Window,
    verdicts: list[VersionVerdict],
    unjudged: list[Unjudged],
    aside: dict[str, int],
    settings: MonitoringSettings,
) -> CheckResult:
    """Put the answer together."""
    first = verdicts[0] if verdicts else None
    n = first.n if first else sum(one.n for one in unjudged)
    why = f"; {unjudged[0].why}" if unjudged else ""
    days = max(len({day.name for day in window.days}), 1)
    labels = sum(verdict.harm.labels for verdict in verdicts)
    alarms = FalseAlarms(
        drift=round(settings.drift_rate * settings.checks_per_year * max(len(verdicts), 1), 4),
        harm=round(labels / days * 365 / settings.labels_between_alarms, 4),
    )
    return CheckResult(
        since=window.since,
        until=window.until,
        model_version=first.model_version if first else None,
        n=n,
        m=first.m if first else 0,
        drift=first.drift.verdict if first else "insufficient_data",
        harm=first.harm.verdict if first else "unknown",
        decision=first.decision if first else "wait",
        reason=first.reason if first else f"No predictions that can be judged in the window{why}.",
        false_alarms_per_year=round(alarms.drift + alarms.harm, 4),
        false_alarms=alarms,
        versions=verdicts,
        unjudged=unjudged,
        aside=aside,
    )


def exit_code(result: CheckResult, settings: MonitoringSettings) -> int:
    """Return 4 where the settings take the verdict for a no."""
    harmed = any(verdict.harm.verdict == "yes" for verdict in result.versions)
    drifted = any(verdict.drift.verdict == "yes" for verdict in result.versions)
    said_no = {"never": False, "harm": harmed, "drift": harmed or drifted}[settings.fail_on]
    return GateError.exit_code if said_no else 0
