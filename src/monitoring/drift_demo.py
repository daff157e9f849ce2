"""Drift demo: reviews that change are replayed through the real API, day by day.

A champion is trained on generated reviews and served. Three weeks follow, each day with reviews of
its own kind (see monitoring/simulator.py) and the labels of the day before, and each is checked as
monitoring-check does it: what is seen, on which axis, what is decided. On `retrain`, reviews of the
new kind are added as the next batch, a challenger is trained and judged, and the service takes it
up once it is promoted. A table, and one picture: data/drift-demo/timeline.png.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import DataError, UsageError
from src.model.core.records import Record
from src.model.core.settings import load_settings
from src.model.files.prediction_parts import LogPart, log_parts
from src.monitoring.check import checked
from src.monitoring.demo_plot import timeline
from src.monitoring.kept import Asked
from src.monitoring.live_api import Client, served
from src.monitoring.own_place import API, settings_below, train_and_export
from src.monitoring.simulator import SHORTENED, Phase, reviews_of, schedule, write_csv

_FIRST = date(2026, 1, 1)  # days of the demo are called as days of a calendar
_BASE, _NEXT_REVIEWS = "synthetic:12000@7", 9_000
_FLUSH_SECONDS = 20.0


class DemoDay(Record):
    """A day of the demo: what came, what was seen, what was decided and done."""

    day: str
    phase: str
    version: str
    n: int
    labels: int
    drift: str
    figures: list[str]
    harm: str
    accuracy: float | None
    decision: str
    reason: str
    done: str = ""


class DriftDemoResult(Result):
    """All days, and how long they took."""

    step: Literal["drift_demo"] = "drift_demo"
    days: list[DemoDay]
    picture: str
    seconds: float


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "drift_demo", "src.monitoring")
    parser.add_argument("--reviews", type=int, default=400, help="reviews a day (default: 400)")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    if not API.exists():
        raise UsageError(f"{API} is missing.", hint="make drift-demo installs it.")
    begun = time.perf_counter()
    data = "data" if "://" in context.settings.data_dir else context.settings.data_dir
    place = Path(data).absolute() / "drift-demo"
    shutil.rmtree(place, ignore_errors=True)
    (place / "log").mkdir(parents=True)
    settings = _settings(place)
    context.tell("Training a champion on generated reviews …")
    train_and_export(settings, _BASE)
    story = Story(context, settings, place, args.reviews)
    with served(API, settings, place) as client:
        story.tell_days(client)
    picture = place / "timeline.png"
    timeline(story.days).savefig(picture, dpi=110)
    seconds = time.perf_counter() - begun
    result = DriftDemoResult(days=story.days, picture=str(picture), seconds=seconds)
    text = (
        f"{len(story.days)} days in {seconds:.0f} s\n  {picture}\n  {place}/monitoring/report.html"
    )
    return Outcome(result, text)


def _settings(root: Path) -> dict[str, str]:
    """Return the settings of everything in the demo: its own place, and quick parts."""
    return settings_below(root) | {
        "REVIEWS_API_POLL_SECONDS": "0.5",
        "REVIEWS_LOG_SECONDS": "0.5",
        "REVIEWS_LOG_TEXT": "true",
        "REVIEWS_ARRIVAL_TEST_SHARE": "0.3",
        "REVIEWS_BATCHES": "4",
        "REVIEWS_MONITORING_WINDOW_DAYS": "1",
    }


@dataclass
class Story:
    """The days as they pass."""

    context: Context
    settings: dict[str, str]
    place: Path
    count: int
    days: list[DemoDay] = field(default_factory=list)
    _slots: dict[str, str] = field(default_factory=dict)
    _owed: list[tuple[str, bool]] = field(default_factory=list)

    def tell_days(self, client: Client) -> None:
        """Live through all days."""
        retrained = False
        with Context(load_settings(self.settings, None), self.context.err) as own:
            for number, phase in schedule():
                found = self._day(number, phase, client, own)
                if found.decision == "retrain" and not retrained:
                    retrained = True
                    found = found.model_copy(update={"done": self._retrain(client)})
                self.days.append(found)
                self.context.tell(_line(found))

    def _day(self, number: int, phase: Phase, client: Client, own: Context) -> DemoDay:
        """Send a day's reviews and the labels of the day before, and check the day."""
        name = (_FIRST + timedelta(days=number)).isoformat()
        version = client.version()
        reviews = reviews_of(phase, number, self.count)
        ids = client.predict(reviews)
        for request_id, positive in self._owed:
            client.label(request_id, positive=positive)
        expected = sum(map(bool, ids)) + len(self._owed)
        self._owed = [
            (request_id, review.positive != phase.labels_flipped)
            for request_id, review in zip(ids, reviews, strict=True)
            if request_id
        ]
        self._wait_for(expected, name)
        earliest = _FIRST.isoformat()
        asked = Asked(name, name, earliest, datetime.now(UTC), self._slot)
        with own.storage.lease("monitoring", wait=30):
            result = checked(own, asked)
        first = next(iter(result.versions), None)
        return DemoDay(
            day=name,
            phase=phase.name,
            version=version,
            n=result.n,
            labels=first.harm.labels if first else 0,
            drift=result.drift,
            figures=[one.name for one in first.drift.drifted] if first else [],
            harm=result.harm,
            accuracy=first.harm.accuracy if first else None,
            decision=result.decision,
            reason=result.reason,
        )

    def _wait_for(self, rows: int, day: str) -> None:
        """Wait until the API has written so many rows; what it has written is of this day.

        Raises DataError where they do not come.
        """
        until = time.monotonic() + _FLUSH_SECONDS
        while True:
            fresh = [
                part
                for part in log_parts(load_settings(self.settings, None))
                if part.name not in self._slots
            ]
            if sum(len(part.lines()) for part in fresh) >= rows:
                self._slots |= {part.name: day for part in fresh}
                return
            if time.monotonic() > until:
                raise DataError(
                    f"The API has not written {rows:,} rows.", hint=f"{self.place}/api.log"
                )
            time.sleep(0.1)

    def _slot(self, part: LogPart) -> str:
        return self._slots.get(part.name, part.day)

    def _retrain(self, client: Client) -> str:
        """Add labelled reviews of the new kind, train on all, let the gate decide, serve it."""
        labelled = self.place / "labelled.csv"
        write_csv(reviews_of(SHORTENED, -1, _NEXT_REVIEWS), labelled)
        before = client.version()
        train_and_export(self.settings, str(labelled), "--append", "1")
        until = time.monotonic() + _FLUSH_SECONDS
        while client.version() == before and time.monotonic() < until:
            time.sleep(0.1)
        now = client.version()
        return f"version {now} promoted" if now != before else "a challenger, kept back"


def _line(day: DemoDay) -> str:
    """Return a day as a line for people."""
    accuracy = f"{day.accuracy:.1%}" if day.accuracy is not None else "–"  # noqa: RUF001
    drift = ", ".join(day.figures) or ("none" if day.drift == "no" else day.drift)
    done = f": {day.done}" if day.done else ""
    return (
        f"{day.day}  {day.phase:25} version {day.version}  right {accuracy:>6}  "
        f"harm {day.harm:7}  {day.decision}{done}\n            drift: {drift}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
