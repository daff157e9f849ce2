"""A week of the API's log, written under load and judged while it runs: `python -m bench.week`.

The API runs with a clock that is faster than ours (libfaketime), so that seven days pass in minutes
and every midnight comes under load. Clients send single reviews and batches as fast as they are
answered, and labels some hours later by the API's clock; checks run one after the other all the
time. In the end each prediction that was answered must be in the log once, on its day, each label
must have been counted once, and the same check twice must give the same bytes.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import requests

from src.model.core.errors import ReviewsError
from src.monitoring.live_api import Client, served
from src.monitoring.own_place import API, run_command, settings_below, train_and_export
from src.monitoring.simulator import PHASES, reviews_of

_DAYS, _SPARE = 7, 2  # the last check may end later, and no row may be of our future
_CLIENTS, _BATCH, _LABELLED, _LATE = 6, 500, 20, 3.0
_OWN = {"REVIEWS_LOG_SECONDS": "1", "REVIEWS_MONITORING_FAIL_ON": "never"}
_CHECK = ("src.monitoring.check", "--json", "--window", str(_DAYS + _SPARE + 1))
_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


@dataclass
class Sent:
    """What the clients have had answered."""

    predictions: int = 0
    labels: int = 0
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def measured(seconds: float) -> dict[str, Any]:
    """Return what was sent, what the checks said meanwhile, and what is counted in the end."""
    library = _library()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        settings = settings_below(place) | _OWN
        train_and_export(settings, "synthetic:12000@7")
        begun = datetime.now(UTC) - timedelta(days=_DAYS + _SPARE)
        clock = {
            "LD_PRELOAD": str(library), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
            "FAKETIME": f"@{begun:%Y-%m-%d %H:%M:%S} x{_DAYS * 86_400 / seconds:.0f}", "TZ": "UTC",
        }  # fmt: skip
        sent, ended = Sent(), threading.Event()
        with served(API, settings | clock, place) as client:
            load = [
                threading.Thread(target=_load, args=(client.another(), sent, ended, number))
                for number in range(_CLIENTS)
            ]
            for thread in load:
                thread.start()
            checks = _judged_meanwhile(settings, seconds)
            ended.set()
            for thread in load:
                thread.join()
        last, again = (run_command(settings, *_CHECK) for _ in range(2))
        answer = json.loads(last)
        parts = list(place.glob("log/*/*.gz"))
        return {
            "predictions": sent.predictions, "labels": sent.labels, "failures": sent.failures[:5],
            "checks": len(checks), "check_seconds": median(took for took, _ in checks),
            "seen_by_checks": [found["n"] for _, found in checks],
            "drift": sorted({found["drift"] for _, found in checks}),
            "harm": sorted({found["harm"] for _, found in checks}),
            "days": len({part.parent.name for part in parts}), "parts": len(parts),
            "n": answer["n"],
            "labels_counted": sum(one["harm"]["labels"] for one in answer["versions"]),
            "aside": answer["aside"], "same_bytes": last == again,
            "report_bytes": (place / "monitoring/report.html").stat().st_size,
        }  # fmt: skip


def _library() -> Path:
    for pattern in _LIBRARIES:
        if found := next(Path("/").glob(pattern[1:]), None):
            return found
    raise SystemExit("error: libfaketime is missing.\n  Install the package faketime.")


def _load(client: Client, sent: Sent, ended: threading.Event, number: int) -> None:
    """Send reviews until the end; every twentieth is labelled a few seconds later."""
    reviews = reviews_of(PHASES[0], number, 4_000)
    size = 1 if number % 2 else _BATCH
    owed: list[tuple[float, str, bool]] = []
    starts = cycle(range(0, len(reviews), size))
    while not ended.is_set() or owed:
        try:
            while owed and (ended.is_set() or owed[0][0] < time.monotonic()):
                _, request_id, positive = owed.pop(0)
                client.label(request_id, positive=positive)
                with sent.lock:
                    sent.labels += 1
            if ended.is_set():
                continue
            at = next(starts)
            some = reviews[at : at + size]
            ids = client.predict(some)
        except requests.RequestException as error:
            with sent.lock:
                sent.failures.append(repr(error))
            continue
        with sent.lock:
            sent.predictions += len(ids)
        owed += [
            (time.monotonic() + _LATE, request_id, review.positive)
            for place, (request_id, review) in enumerate(zip(ids, some, strict=True), at)
            if place % _LABELLED == 0
        ]


def _judged_meanwhile(settings: dict[str, str], seconds: float) -> list[tuple[float, Any]]:
    """Check again and again for so long; return how long each took, and its answer."""
    found = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        begun = time.perf_counter()
        answer = json.loads(run_command(settings, *_CHECK))
        found.append((time.perf_counter() - begun, answer))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m bench.week", None, __doc__, formatter_class=form)
    parser.add_argument("--seconds", type=float, default=180.0, help="real time (default: 180)")
    args = parser.parse_args(argv)
    try:
        result = measured(args.seconds)
    except ReviewsError as error:
        raise SystemExit(f"error: {error}") from error
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    whole = (result["n"], result["labels_counted"]) == (result["predictions"], result["labels"])
    return 0 if whole and result["same_bytes"] and not result["failures"] else 1


if __name__ == "__main__":
    sys.exit(main())
