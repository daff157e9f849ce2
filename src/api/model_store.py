"""The model in use: looked for, checked, warmed, swapped in one move, and kept when anything fails."""

import json
import random
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog

from src.api.metrics import Metrics
from src.api.sources import CARD, ModelCache, Reference, Source
from src.model.artifact import DESCRIPTION, read_description
from src.model.classifier import SentimentClassifier
from src.model.digest import sha256
from src.model.errors import ModelError, ReviewsError, TrackingError
from src.model.text import buckets

_SLOWEST = 8  # a source that fails is asked at least every eighth time
_JITTER = 0.2  # workers and containers do not all ask at the same moment
STOP_MASK = (1 << 16) - 1
_STOP_WORDS = [
    "the",
    "and",
    "is",
    "it",
    "of",
    "this",
    "was",
    "that",
    "with",
    "for",
    "to",
    "have",
    "are",
    "but",
    "not",
    "you",
    "my",
    "they",
    "very",
    "would",
    "i",
    "a",
    "in",
    "on",
    "so",
    "as",
    "be",
]
_WARM = (("", ""), ("Great", "I love it."), ("Broke", "It broke in a day; &quot;quality&quot;, not at all! " * 20))


@dataclass(frozen=True)
class Served:
    """A loaded model and what is known about it; never changed, only replaced."""

    classifier: SentimentClassifier
    reference: Reference
    digest: str
    data_digest: str
    loaded_at: str
    about: str
    stop_words: npt.NDArray[np.bool_]
    card: Path | None = None


def load_served(reference: Reference, folder: Path) -> Served:
    """Load a fetched model, check it and let it judge a few reviews. Raises ModelError where it cannot serve."""
    classifier = SentimentClassifier.load(folder)
    probability = classifier.predict_proba([title for title, _ in _WARM], [text for _, text in _WARM])
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ModelError(f"Version {reference.version} gives no probabilities.", hint="Train again.")
    classifier.explain(*_WARM[1])
    training = read_description(folder).get("training", {})
    digest = sha256(folder / DESCRIPTION)
    about = {"model": reference.name, "version": reference.version, "digest": digest}
    return Served(
        classifier,
        reference,
        digest,
        str(training.get("fingerprint", "")),
        datetime.now(UTC).isoformat(timespec="seconds"),
        json.dumps(about)[1:-1],
        _stop_words(classifier),
        folder / CARD if (folder / CARD).is_file() else None,
    )


def _stop_words(classifier: SentimentClassifier) -> npt.NDArray[np.bool_]:
    """Return which buckets, but for their high bits, are those of English's most frequent words, shape (65,536,).

    A cheap guess at the language: one n-gram in two thousand is taken for such a word by chance.
    """
    found = buckets(_STOP_WORDS, [""] * len(_STOP_WORDS), bits=classifier.shape.bits, n=1)
    marks = np.zeros(STOP_MASK + 1, np.bool_)
    marks[found.indices & STOP_MASK] = True
    return marks


@dataclass
class ModelSlot:
    """One place for a model, `champion` or `challenger`, that follows its source.

    `current` is replaced whole, so a request sees one model from its beginning to its end.
    """

    name: str
    source: Source
    cache: ModelCache
    metrics: Metrics
    poll_seconds: float
    current: Served | None = None
    _failures: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Take what the cache has, look once for what is newer, and go on looking in a thread of its own."""
        self._from_cache()
        self._thread = threading.Thread(target=self._follow, name=f"model-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _follow(self) -> None:
        while True:
            self.look()
            wait = self.poll_seconds * min(2**self._failures, _SLOWEST) if self.current else min(self.poll_seconds, 1.0)
            if self._stop.wait(wait * (1 + _JITTER * (2 * random.random() - 1))):  # noqa: S311 - not for secrets
                return

    def look(self) -> bool:
        """Ask the source once; load what is new. Return whether the model changed. Never raises."""
        try:
            reference = self.source.latest()
            if reference is None:
                return self._note("absent")
            if self.current and reference == self.current.reference:
                return self._note("unchanged")
            folder = self.cache.add(self.source, reference)
            self._use(load_served(reference, folder))
            self.cache.remember(self.name, reference, folder)
        except TrackingError as error:
            return self._note("unreachable", error)
        except (ReviewsError, OSError) as error:
            return self._note("refused", error)
        return self._note("loaded")

    def _note(self, result: str, error: Exception | None = None) -> bool:
        self.metrics.reloads.labels(self.name, result).inc()
        failed = error is not None
        if failed and not self._failures:  # once, not at every turn
            structlog.get_logger().warning("model not changed", slot=self.name, result=result, reason=str(error))
        self._failures = self._failures + 1 if failed else 0
        return result == "loaded"

    def _from_cache(self) -> None:
        """Serve what was served last until the source has answered, or where it does not."""
        found = self.cache.last(self.name)
        if found is None:
            return
        try:
            self._use(load_served(*found))
            self.metrics.reloads.labels(self.name, "cached").inc()
        except (ReviewsError, OSError) as error:
            self._note("refused", error)

    def _use(self, served: Served) -> None:
        before = self.current
        self.current = served
        if before:
            self.metrics.model.labels(self.name, before.reference.version).set(0)
        self.metrics.model.labels(self.name, served.reference.version).set(1)
        structlog.get_logger().info("model in use", slot=self.name, version=served.reference.version)
