"""The model in use: looked for, checked, warmed, swapped in one move, kept when anything fails."""

import random
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from src.api.metrics import Metrics
from src.api.model_cache import ModelCache
from src.api.sources import Contents, Reference, Source
from src.model.core.errors import ModelError, ReviewsError, TrackingError
from src.model.core.models import open_model
from src.model.core.names import EXPORTED_CARD, GENERATED
from src.model.core.served_model import ServedModel

_SLOWEST = 8  # a source that fails is asked at least every eighth time
_JITTER = 0.2  # workers and containers do not all ask at the same moment
_WARM = (
    ("", ""),
    ("Great", "I love it."),
    ("Broke", "It broke in a day; &quot;quality&quot;, not at all! " * 20),
)


@dataclass(frozen=True, eq=False)
class Served:
    """A loaded model and what is known about it; never changed, only replaced.

    `digest` is that of its description, which has the digests of all its files; `language` is the
    name of the one it reads; `card` is its card's page.
    """

    model: ServedModel
    reference: Reference
    digest: str
    data_digest: str
    loaded_at: str
    language: str
    card: bytes | None = None
    of_generated: bool = False


def load_served(reference: Reference, contents: Contents) -> Served:
    """Load a fetched model, check it and let it judge a few reviews.

    Raises:
        ModelError: it cannot serve.
    """
    model, artifact = open_model(f"version {reference.version}", contents)
    if reference.digest and artifact.digest != reference.digest:
        msg = f"The description of version {reference.version} is not the one that was registered."
        raise ModelError(msg, hint="Train again, or run make model-export again.")
    titles, texts = [title for title, _ in _WARM], [text for _, text in _WARM]
    probability = model.read(titles, texts).probability
    if not ((probability >= 0) & (probability <= 1)).all():
        msg = f"Version {reference.version} gives no probabilities."
        raise ModelError(msg, hint="Train again.")
    model.explain(*_WARM[1])
    training = artifact.description.training
    return Served(
        model=model,
        reference=reference,
        digest=artifact.digest,
        data_digest=training.fingerprint if training else "",
        loaded_at=datetime.now(UTC).isoformat(timespec="seconds"),
        language=artifact.language.name,
        card=contents.get(EXPORTED_CARD),
        of_generated=bool(training and training.source.startswith(GENERATED)),
    )


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
    _uncached: bool = False
    _told: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Take what the cache has, and look for what is newer in a thread of its own."""
        self._from_cache()
        name = f"model-{self.name}"
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)
        self._thread.start()

    def why_none(self) -> str:
        """Return why there is no model yet, and what to do about it."""
        if self._told:
            return self.source.missing
        if self._failures:
            return "It cannot be had just now: the log of the service says why."
        return "Try again in a moment, or see /health/ready."

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _follow(self) -> None:
        while True:
            self.look()
            wait = min(self.poll_seconds, 1.0)
            if self.current:
                wait = self.poll_seconds * min(2**self._failures, _SLOWEST)
            spread = 1 + _JITTER * (2 * random.random() - 1)  # noqa: S311 - not for secrets
            if self._stop.wait(wait * spread):
                return

    def look(self) -> bool:
        """Ask the source once; load what is new. Return whether the model changed. Never raises."""
        self.metrics.alive.labels(f"model-{self.name}").set_to_current_time()
        try:
            reference = self.source.latest()
            if reference is None:
                return self._absent()
            if self.current and reference == self.current.reference:
                return self._note("unchanged")
            contents = self.source.fetch(reference)
            self._use(load_served(reference, contents))
            self._keep(reference, contents)
        except TrackingError as error:
            return self._note("unreachable", error)
        except (ReviewsError, OSError) as error:
            return self._note("refused", error)
        # The last resort: without this thread the alias would never be followed again.
        except Exception as error:  # noqa: BLE001
            structlog.get_logger().error("looking for a model failed", exc_info=True)
            return self._note("defect", error)
        return self._note("loaded")

    def _absent(self) -> bool:
        """Say once what is missing, where nothing is served either."""
        if not self.current and not self._told:
            structlog.get_logger().warning("no model", slot=self.name, hint=self.source.missing)
            self._told = True
        return self._note("absent")

    def _note(self, result: str, error: Exception | None = None) -> bool:
        self.metrics.reloads.labels(self.name, result).inc()
        failed = error is not None
        if failed and not self._failures:  # once, not at every turn
            log = structlog.get_logger()
            log.warning("model not changed", slot=self.name, result=result, reason=str(error))
        self._failures = self._failures + 1 if failed else 0
        return result == "loaded"

    def _keep(self, reference: Reference, contents: Contents) -> None:
        """Put the model into the cache; serve it from memory alone where that cannot be."""
        try:
            self.cache.keep(self.name, reference, contents)
            self._uncached = False
        except OSError as error:
            if not self._uncached:
                structlog.get_logger().warning(
                    "model served from memory alone",
                    slot=self.name,
                    reason=f"the cache cannot be written: {error.strerror or error}",
                    hint="a start without its source finds no model; see REVIEWS_API_CACHE_DIR",
                )
            self._uncached = True

    def _from_cache(self) -> None:
        """Serve what was served last until the source has answered, or where it does not."""
        try:
            found = self.cache.last(self.name)
            if found is None:
                return
            self._use(load_served(*found))
            self.metrics.reloads.labels(self.name, "cached").inc()
        except (ReviewsError, OSError) as error:
            self._note("refused", error)
        # The last resort: whatever the cache holds, the model is fetched anew.
        except Exception as error:  # noqa: BLE001
            structlog.get_logger().error("the cached model failed", exc_info=True)
            self._note("defect", error)

    def _use(self, served: Served) -> None:
        before = self.current
        self.current = served
        if before:
            self.metrics.model.labels(self.name, before.reference.version).set(0)
        self.metrics.model.labels(self.name, served.reference.version).set(1)
        structlog.get_logger().info(
            "model in use", slot=self.name, version=served.reference.version
        )
