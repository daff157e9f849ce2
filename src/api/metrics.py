"""What Prometheus reads at /metrics."""

import os
import re
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""Where workers share their counts.

The launcher sets it before anything imports prometheus_client.
"""

_MAX_MONITORING = 1 << 20
_MONITORING = re.compile(rb"(# (HELP|TYPE) )?reviews_monitoring_[a-z_]+[ {]")
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_CONFIDENCE = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass
class Metrics:
    """All metrics of one application; each application has its own registry."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    monitoring_file: Path | None = None

    def __post_init__(self) -> None:
        registry = self.registry
        self.requests = Counter(
            "reviews_requests", "Requests answered", ["path", "status"], registry=registry
        )
        self.latency = Histogram(
            "reviews_request_seconds",
            "From the request to its answer",
            ["path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.predictions = Counter(
            "reviews_predictions", "Reviews judged", ["label", "version"], registry=registry
        )
        self.abstained = Counter(
            "reviews_abstained", "Reviews too close to call", registry=registry
        )
        self.confidence = Histogram(
            "reviews_confidence",
            "Probability of the label given",
            buckets=_CONFIDENCE,
            registry=registry,
        )
        self.unknown = Histogram(
            "reviews_unknown_share",
            "N-grams without weight",
            buckets=(0.1, 0.2, 0.3, 0.5, 0.7, 1.0),
            registry=registry,
        )
        self.model = Gauge(
            "reviews_model",
            "1 for the model in use",
            ["slot", "version"],
            registry=registry,
            multiprocess_mode="max",
        )
        self.reloads = Counter(
            "reviews_model_reloads",
            "Looks for another model",
            ["slot", "result"],
            registry=registry,
        )
        self.alive = Gauge(
            "reviews_thread_seen_seconds",
            "When a thread beside the requests last took its turn, as Unix time",
            ["thread"],
            registry=registry,
            multiprocess_mode="min",
        )
        self.feedback = Counter(
            "reviews_feedback", "Feedback taken down", ["prediction"], registry=registry
        )
        self.log_waiting = Gauge(
            "reviews_log_waiting",
            "Rows waiting to be logged",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.log_rows = Counter(
            "reviews_log_rows", "Rows of the prediction log", ["result"], registry=registry
        )
        self.log_parts = Counter(
            "reviews_log_parts", "Parts of the prediction log", ["result"], registry=registry
        )
        self.shadow = Counter(
            "reviews_shadow", "Reviews the challenger judged too", ["agreement"], registry=registry
        )
        self.shadow_latency = Histogram(
            "reviews_shadow_seconds",
            "The challenger's time for one review",
            buckets=_SECONDS,
            registry=registry,
        )

    def page(self) -> bytes:
        """Return everything in Prometheus' text format, of all workers where there are several."""
        if os.environ.get(MULTIPROCESS):
            together = CollectorRegistry()
            MultiProcessCollector(together)  # type: ignore[no-untyped-call]
            return generate_latest(together) + self._monitoring()
        return generate_latest(self.registry) + self._monitoring()

    def _monitoring(self) -> bytes:
        """Return the gauges that the last monitoring check wrote; nothing where that is no such."""
        try:
            with (self.monitoring_file or Path(os.devnull)).open("rb") as file:
                content = file.read(_MAX_MONITORING + 1)
        except OSError:
            return b""
        ours = all(_MONITORING.match(line) for line in content.splitlines())
        return content if ours and len(content) <= _MAX_MONITORING else b""


def observe_all(histogram: Histogram, values: Iterable[float]) -> None:
    """Observe many values at once.

    prometheus_client observes one by one; for a batch that took longer than judging it. These
    attributes are what its own `observe` adds to.
    """
    listed = list(values)
    histogram._sum.inc(sum(listed))  # noqa: SLF001
    bounds = histogram._upper_bounds  # noqa: SLF001
    for place, times in Tally(bisect_left(bounds, value) for value in listed).items():
        histogram._buckets[place].inc(times)  # noqa: SLF001
