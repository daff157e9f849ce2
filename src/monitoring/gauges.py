"""A check's answer for Prometheus: a text file that its node exporter, or the API, hands on."""

from collections.abc import Iterator
from datetime import UTC, datetime

from src.monitoring.answer import CheckResult
from src.monitoring.decide import DECISIONS
from src.monitoring.verdict import VersionVerdict

_HELP = {
    "reviews_monitoring_predictions": "Predictions in the window",
    "reviews_monitoring_labels": "Labels in the window",
    "reviews_monitoring_drift": "1 where the input is another than the reference's",
    "reviews_monitoring_harm": "1 where the accuracy has fallen",
    "reviews_monitoring_distance": "How far a figure is from the reference's, in its unit",
    "reviews_monitoring_at_least": "From where on that counts as drift",
    "reviews_monitoring_accuracy": "Share of labels in the window that the model got right",
    "reviews_monitoring_accuracy_expected": "The same on the test rows",
    "reviews_monitoring_accuracy_estimated": "Accuracy as the scores alone let it expect",
    "reviews_monitoring_evidence": "Evidence of harm, as the detector has gathered it",
    "reviews_monitoring_evidence_alarm": "Where it gives alarm",
    "reviews_monitoring_decision": "1 for the decision",
    "reviews_monitoring_false_alarms_per_year": "False alarms a year, at most",
    "reviews_monitoring_until_seconds": "The last day of the window that was judged",
    "reviews_monitoring_aside": "Log rows, parts and labels that were set aside",
}


def gauges(result: CheckResult) -> str:
    """Return the answer in Prometheus's text format; labels hold no free text of requests."""
    samples: dict[str, list[str]] = {}
    for name, value, labels in _samples(result):
        full = f"reviews_monitoring_{name}"
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        name_of = f"{full}{{{inner}}}" if inner else full
        samples.setdefault(full, []).append(f"{name_of} {value:.12g}")
    lines = []
    for name, found in samples.items():
        lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge", *found]
    return "\n".join(lines) + "\n"


def _samples(result: CheckResult) -> Iterator[tuple[str, float, dict[str, str]]]:
    for verdict in result.versions:
        version = {"version": verdict.model_version}
        for name, value in _of_version(verdict).items():
            if value is not None:
                yield name, value, version
        for one in verdict.drift.statistics:
            yield "distance", one.distance, {**version, "figure": one.name}
            yield "at_least", one.at_least, {**version, "figure": one.name}
    for decision in DECISIONS:
        yield "decision", float(decision == result.decision), {"decision": decision}
    until = datetime.fromisoformat(result.until[:10]).replace(tzinfo=UTC)
    yield "until_seconds", until.timestamp(), {}
    yield "false_alarms_per_year", result.false_alarms.drift, {"axis": "drift"}
    yield "false_alarms_per_year", result.false_alarms.harm, {"axis": "harm"}
    for reason, count in result.aside.items():
        yield "aside", count, {"reason": reason}


def _of_version(verdict: VersionVerdict) -> dict[str, float | None]:
    harm, estimated = verdict.harm, verdict.estimate
    return {
        "predictions": verdict.n,
        "labels": harm.labels,
        "drift": float(verdict.drift.verdict == "yes"),
        "harm": float(harm.verdict == "yes"),
        "accuracy": harm.accuracy,
        "accuracy_expected": harm.expected,
        "accuracy_estimated": estimated.accuracy if estimated else None,
        "evidence": harm.evidence,
        "evidence_alarm": harm.alarm_at,
    }


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
