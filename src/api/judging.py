"""From reviews to verdicts: which model answers, what it says, and what the log is told."""

import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from src.api.metrics import Metrics, observe_all
from src.api.model_store import ModelSlot, Served
from src.api.problems import Problem
from src.api.schemas import Review
from src.model.core.labels import Answer, label_names
from src.model.core.prediction_row import PredictionRow, Role
from src.model.core.settings import ApiSettings

_WHOLE = 1 << 32


class Verdict(NamedTuple):
    """What a model says of one review, and of how it read it; see `core.reading`."""

    label: Answer
    confidence: float
    probability: float
    abstained: bool
    title_tokens: int
    tokens: int
    unknown_share: float
    language_share: float
    other_language: bool


def judge(served: Served, titles: Sequence[str], messages: Sequence[str]) -> list[Verdict]:
    """Return one model's verdict on each review."""
    found = served.model.read(titles, messages)
    columns = (
        np.maximum(found.probability, 1 - found.probability),
        found.probability,
        found.abstained,
        found.title_tokens,
        found.tokens,
        found.unknown_share,
        found.language_share,
        found.other_language,
    )
    listed = (column.tolist() for column in columns)
    return list(map(Verdict._make, zip(label_names(found.probability), *listed, strict=True)))


class Answering(NamedTuple):
    """A model that answers, and as what."""

    served: Served
    role: Role


@dataclass(frozen=True)
class Bench:
    """The champion, perhaps a challenger, and how the second one takes part."""

    champion_slot: ModelSlot
    challenger_slot: ModelSlot | None
    settings: ApiSettings
    metrics: Metrics
    slots: Sequence[ModelSlot] = field(init=False)

    def __post_init__(self) -> None:
        others = [self.challenger_slot] if self.challenger_slot else []
        object.__setattr__(self, "slots", [self.champion_slot, *others])

    @property
    def role(self) -> str:
        """How the challenger takes part: `off`, `shadow` or `canary`."""
        return self.settings.challenger

    @property
    def champion(self) -> Served:
        """The champion. Raises Problem (503) where none is loaded yet."""
        served = self.champion_slot.current
        if served is None:
            detail = f"No model is loaded yet. {self.champion_slot.why_none()}"
            raise Problem(503, detail, headers={"retry-after": "2"})
        return served

    @property
    def challenger(self) -> Served | None:
        """The challenger, where one takes part and is loaded."""
        return self.challenger_slot.current if self.challenger_slot else None

    def for_review(self, review: Review) -> Answering:
        """Return the model that answers a review; the same review always gets the same one.

        Raises Problem (503).
        """
        ((answering, _),) = self.for_reviews({0: review})
        return answering

    def for_reviews(self, reviews: Mapping[int, Review]) -> list[tuple[Answering, list[int]]]:
        """Return each model that answers, and the numbers of its reviews: as if each came alone.

        One batch sees one champion and one challenger from its beginning to its end. Raises
        Problem (503).
        """
        champion = Answering(self.champion, "champion")
        if not reviews:
            return []
        if self.role != "canary" or not (challenger := self.challenger):
            return [(champion, list(reviews))]
        limit = self.settings.canary_share * _WHOLE
        of_canary = {number for number, review in reviews.items() if _place(review) < limit}
        of_champion = [number for number in reviews if number not in of_canary]
        canary = Answering(challenger, "canary")
        both = [(champion, of_champion), (canary, sorted(of_canary))]
        return [(answering, numbers) for answering, numbers in both if numbers]

    def count(self, served: Served, verdicts: Sequence[Verdict]) -> None:
        """Count verdicts of one model."""
        metrics, version = self.metrics, served.reference.version
        for label, times in Counter(verdict.label for verdict in verdicts).items():
            metrics.predictions.labels(label, version).inc(times)
        observe_all(metrics.confidence, [verdict.confidence for verdict in verdicts])
        observe_all(metrics.unknown, [verdict.unknown_share for verdict in verdicts])
        if abstained := sum(verdict.abstained for verdict in verdicts):
            metrics.abstained.inc(abstained)

    def shadow(self, row: PredictionRow, title: str, message: str) -> PredictionRow | None:
        """Return what the challenger says of a review the champion has answered with `row`.

        Nothing where no challenger casts a shadow.
        """
        other = self.challenger if self.role == "shadow" else None
        if other is None:
            return None
        begun = time.perf_counter()
        (verdict,) = judge(other, [title], [message])
        self.metrics.shadow_latency.observe(time.perf_counter() - begun)
        agreement = "agrees" if verdict.label == row.label else "disagrees"
        self.metrics.shadow.labels(agreement).inc()
        return log_row(row.request_id, row.time, other, "shadow", verdict)


def _place(review: Review) -> int:
    """Return where a review falls among all, from 0 to 2**32 - 1, evenly and for ever the same."""
    text = f"{review.title}\x1f{review.message}".encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big")


def answered(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as `schemas.Prediction` and `schemas.BatchItem` have it."""
    return {
        "label": verdict.label,
        "confidence": verdict.confidence,
        "probability": verdict.probability,
        "abstained": verdict.abstained,
        "unknown_share": verdict.unknown_share,
        "other_language": verdict.other_language,
    }


def log_row(
    request_id: str, now: str, served: Served, role: Role, verdict: Verdict
) -> PredictionRow:
    """Return the log's row on a verdict."""
    reference = served.reference
    return PredictionRow(
        now,
        request_id,
        role,
        reference.name,
        reference.version,
        served.digest,
        verdict.label,
        verdict.probability,
        verdict.abstained,
        verdict.title_tokens,
        verdict.tokens,
        verdict.unknown_share,
        verdict.language_share,
    )


def model_name(served: Served) -> dict[str, str]:
    """Return which model answered, as `schemas.ModelName` has it."""
    reference = served.reference
    return {"name": reference.name, "version": reference.version, "run_id": reference.run_id}
