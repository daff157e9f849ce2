"""Check: is the input another one, is the model worse, and what is to be done about it?

It looks at the last days of the prediction log (REVIEWS_MONITORING_WINDOW_DAYS) and says for every
version that predicted in them: drift (yes, no, insufficient_data), harm (yes, no, unknown), and a
decision (wait, retrain, route, investigate) with its reason. The answer is also in
monitoring/decision.json, as a page in monitoring/report.html, for Prometheus in
monitoring/metrics.prom, and over time with the version's run in MLflow. Exit code 4 on harm, or as
REVIEWS_MONITORING_FAIL_ON says. The same window always gives the same answer.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from src.model import command
from src.model.command import Outcome
from src.model.context import Context
from src.model.core.errors import ModelError, TrackingError, UsageError
from src.model.core.models import load_model
from src.model.core.names import TEST_DIGEST_TAG
from src.model.core.settings import MonitoringSettings
from src.model.files.prediction_parts import log_parts
from src.monitoring.answer import CheckResult, answer, exit_code
from src.monitoring.day import Group
from src.monitoring.drift import STATISTICS
from src.monitoring.gauges import gauges
from src.monitoring.kept import (
    DECISION,
    GAUGES,
    REPORT,
    Asked,
    Kept,
    days_in,
    days_of,
    total_aside,
)
from src.monitoring.moved import moved
from src.monitoring.recorded import recorded
from src.monitoring.report import page
from src.monitoring.texts import check_text
from src.monitoring.verdict import VersionVerdict, Window, judged
from src.monitoring.yardstick import unpacked


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "check", "src.monitoring")
    parser.add_argument("--until", default="", help="the last day, YYYY-MM-DD (default: today)")
    parser.add_argument(
        "--window", default="", metavar="DAYS", help="another number of days than the setting"
    )
    parser.add_argument(
        "--report", action="store_true", help="exit code 0 whatever is found: the page is wanted"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    settings, now = context.settings.monitoring, datetime.now(UTC)
    _refuse_unknown_effects(settings)
    until = _day(args.until) if args.until else now.date()
    length = days_in(args.window) if args.window else settings.window_days
    since = until - timedelta(days=length - 1)
    earliest = until - timedelta(days=max(settings.label_days, length) - 1)
    window = Asked(since.isoformat(), until.isoformat(), earliest.isoformat(), now)
    with context.storage.lease("monitoring", wait=30):
        result = checked(context, window)
        notes = [] if recorded(context, result) else ["not recorded: MLflow does not answer"]
    return Outcome(
        result,
        check_text(result, f"{context.storage.root}/{REPORT}", notes),
        0 if args.report else exit_code(result, settings),
        check_text(result, f"{context.storage.root}/{REPORT}", notes, verbose=True),
    )


def checked(context: Context, asked: Asked) -> CheckResult:
    """Judge a window, and write down what was found. The caller holds the lease."""
    kept, settings = Kept(context.storage), context.settings.monitoring
    parts = log_parts(context.settings, asked.earliest[:10])
    days = days_of(kept, parts, asked)
    window = Window(
        asked.since,
        asked.until,
        [day for day in days if day.name < asked.since],
        [day for day in days if day.name >= asked.since],
    )
    versions = {group.version for day in days for group in day.groups}
    references = {version: found for version in versions if (found := kept.reference(version))}
    verdicts, unjudged, aside = judged(window, references, settings)
    verdicts = [_with_words(context, window, verdict, kept) for verdict in verdicts]
    unjudged = [
        one.model_copy(update={"why": kept.unusable.get(one.model_version, one.why)})
        for one in unjudged
    ]
    aside += total_aside(window.days)
    result = answer(window, verdicts, unjudged, dict(sorted(aside.items())), settings)
    looked_at = references.get(result.model_version or "")
    looks = _looks(context, looked_at.test_sha256) if looked_at else None
    result = result.model_copy(update={"test_rows_looked_at": looks})
    text = result.model_dump_json(indent=1) + "\n"
    pages = {
        REPORT: page(result, window, references),
        GAUGES: gauges(result),
        DECISION: text,  # last: what an orchestrator reads
    }
    for key, content in pages.items():
        with context.storage.writing(key) as path:
            path.write_text(content, encoding="utf-8")
    return result


def _with_words(
    context: Context, window: Window, verdict: VersionVerdict, kept: Kept
) -> VersionVerdict:
    """Add the words that moved, where texts are logged and the model can be had."""
    group = Group(verdict.model_version, verdict.digest)
    words, reference = window.words(group), kept.reference(group.version)
    if not words.reviews or reference is None:
        return verdict
    try:
        version = context.registry.get(int(group.version))
        model = load_model(context.registry.fetch(version)) if version else None
    except (ModelError, TrackingError) as error:
        context.log.warning("words are ranked without their weights", reason=error.message)
        model = None

    def weight(word: str) -> float:
        return sum(part.weight for part in model.explain("", word).contributions) if model else 0.0

    counted = unpacked(reference.documents)
    found = moved(counted, reference.documents_of, words, weight)
    return verdict.model_copy(update={"words": found})


def _looks(context: Context, test_sha256: str) -> int | None:
    """Return how many versions were evaluated on these test rows, None where nobody can tell."""
    try:
        versions = context.registry.versions()
    except TrackingError:
        return None
    return sum(version.tags.get(TEST_DIGEST_TAG) == test_sha256 for version in versions)


def _refuse_unknown_effects(settings: MonitoringSettings) -> None:
    known = [statistic.name for statistic in STATISTICS]
    if unknown := sorted(set(settings.min_effects) - set(known)):
        msg = f"REVIEWS_MONITORING_MIN_EFFECTS names {', '.join(unknown)}, which is no figure."
        raise UsageError(msg, hint=f"Known are {', '.join(known)}.")


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
        date(found.year - 20, 1, 1)  # windows and labels reach back
    except ValueError:
        raise UsageError(f"--until={text} is no day.", hint="Write YYYY-MM-DD.") from None
    return found


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
