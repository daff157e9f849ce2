"""From reviews to verdicts: which model answers, what it says, and what the log is told."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from src.api.metrics import Metrics, observe_all
from src.api.model_store import ModelSlot, Served
from src.api.problems import Problem
from src.model.core.labels import Label, label_names
from src.model.core.prediction_row import PredictionRow, Role
from src.model.core.settings import ApiSettings

_WHOLE = 1 << 32


class Verdict(NamedTuple):
    """What a model says of one review, and of how it read it; see `core.reading`."""

    label: Label
    confidence: float
    probability: float
    abstained: bool
    title_tokens: int
    tokens: int
    unknown_share: float
    english_share: float


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
        found.english_share,
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
            detail = "No model is loaded yet. Try again in a moment, or see /health/ready."
            raise Problem(503, detail, headers={"retry-after": "2"})
        return served

    @property
    def challenger(self) -> Served | None:
        """The challenger, where one takes part and is loaded."""
        return self.challenger_slot.current if self.challenger_slot else None

    def for_review(self, title: str, message: str) -> Answering:
        """Return the model that answers a review; the same review always gets the same one.

        Raises Problem (503).
        """
        return self._choice()(title, message)

    def for_reviews(self, reviews: Mapping[int, tuple[str, str]]) -> dict[Answering, list[int]]:
        """Return the numbers of the reviews that each model answers, alone as in a batch.

        One batch sees one champion and one challenger from its beginning to its end. Raises
        Problem (503).
        """
        choice = self._choice()
        found: dict[Answering, list[int]] = {}
        for number, review in reviews.items():
            found.setdefault(choice(*review), []).append(number)
        return found

    def _choice(self) -> Callable[[str, str], Answering]:
        """Return what chooses between the models of this moment."""
        champion = Answering(self.champion, "champion")
        if self.role != "canary" or not (challenger := self.challenger):
            return lambda _title, _message: champion
        canary, limit = Answering(challenger, "canary"), self.settings.canary_share * _WHOLE
        return lambda title, message: canary if _place(title, message) < limit else champion

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


def _place(title: str, message: str) -> int:
    """Return where a review falls among all, from 0 to 2**32 - 1, evenly and for ever the same."""
    text = f"{title}\x1f{message}".encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big")


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
        verdict.english_share,
    )


def model_name(served: Served) -> dict[str, str]:
    """Return which model answered, as `schemas.ModelName` has it."""
    reference = served.reference
    return {"name": reference.name, "version": reference.version, "run_id": reference.run_id}
