"""A check's figures over time, with the run of each version in MLflow."""

from datetime import date

from src.model.context import Context
from src.model.core.errors import TrackingError
from src.monitoring.answer import CheckResult
from src.monitoring.verdict import VersionVerdict


def recorded(context: Context, result: CheckResult) -> bool:
    """Put each version's figures with its run, by day; say whether that could be done."""
    step = date.fromisoformat(result.until[:10]).toordinal() - date(1970, 1, 1).toordinal()
    done = True
    for verdict in result.versions:
        try:
            version = context.registry.get(int(verdict.model_version))
            if version is None:
                continue
            with context.tracker.resume(version.run_id) as record:
                record.metrics(_figures(verdict), step)
                record.tags({"live.decision": verdict.decision, "live.reason": verdict.reason})
        except TrackingError as error:
            context.log.warning("not recorded in MLflow", reason=error.message)
            done = False
    return done


def _figures(verdict: VersionVerdict) -> dict[str, float]:
    found = {
        "live.predictions": float(verdict.n),
        "live.labels": float(verdict.harm.labels),
        "live.drift": float(verdict.drift.verdict == "yes"),
        "live.harm": float(verdict.harm.verdict == "yes"),
        "live.evidence_of_harm": verdict.harm.evidence,
    }
    found |= {f"live.{one.name}": one.distance for one in verdict.drift.statistics}
    if verdict.harm.accuracy is not None:
        found["live.accuracy"] = verdict.harm.accuracy
    if verdict.estimate and verdict.estimate.accuracy is not None:
        found["live.accuracy_estimated"] = verdict.estimate.accuracy
    return found
