"""From reviews to verdicts: which model answers, what it says, and what the log is told."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from src.api.metrics import Metrics, observe_all
from src.api.model_store import STOP_MASK, ModelSlot, Served
from src.api.problems import Problem
from src.model.classifier import row_sums
from src.model.labels import label_names
from src.model.text import hashed_chunk

_STEP = 100  # reviews judged together: their n-grams stay in the processor's cache
_WHOLE = 1 << 32


class Verdict(NamedTuple):
    """What a model says of one review, and of how it read it."""

    label: str
    confidence: float
    probability: float
    abstained: bool
    ngrams: int
    unknown_share: float
    english_share: float


def judge(served: Served, titles: Sequence[str], messages: Sequence[str]) -> list[Verdict]:
    """Return the verdict on each review."""
    classifier, verdicts = served.classifier, list[Verdict]()
    for start in range(0, len(titles), _STEP):
        some = slice(start, start + _STEP)
        found = hashed_chunk(titles[some], messages[some], bits=classifier.shape.bits, n=classifier.shape.ngrams)
        probability, unknown = classifier.proba_and_unknown(found)
        ngrams = found.offsets[1:] - found.offsets[:-1]
        common = served.stop_words.take(found.indices & STOP_MASK).astype(np.float64)
        english = row_sums(common, found.offsets) / np.maximum(ngrams, 1)
        confidence = np.maximum(probability, 1 - probability)
        columns = confidence, probability, classifier.abstains(probability), ngrams, unknown, english
        listed = (column.tolist() for column in columns)
        verdicts += map(Verdict._make, zip(label_names(probability), *listed, strict=True))
    return verdicts


@dataclass(frozen=True)
class Bench:
    """The champion, perhaps a challenger, and how the second one takes part: `off`, `shadow` or `canary`."""

    champion: ModelSlot
    challenger: ModelSlot | None
    role: str
    canary_share: float
    metrics: Metrics
    slots: Sequence[ModelSlot] = field(init=False)

    def __post_init__(self) -> None:
        slots = [self.champion, *([self.challenger] if self.challenger else [])]
        object.__setattr__(self, "slots", slots)

    def for_review(self, title: str, message: str) -> Served:
        """Return the model that answers a review; the same review always gets the same one. Raises Problem (503)."""
        served = self.champion.current
        if self.role == "canary" and self.challenger and self.challenger.current and served:
            place = hashlib.blake2b(f"{title}\x1f{message}".encode("utf-8", "replace"), digest_size=4).digest()
            if int.from_bytes(place, "big") < self.canary_share * _WHOLE:
                return self.challenger.current
        if served is None:
            detail = "No model is loaded yet. Try again in a moment, or see /health/ready."
            raise Problem(503, detail, headers={"retry-after": "2"})
        return served

    def count(self, served: Served, verdicts: Sequence[Verdict]) -> None:
        """Count verdicts of one model."""
        metrics, version = self.metrics, served.reference.version
        for label, times in Counter(verdict.label for verdict in verdicts).items():
            metrics.predictions.labels(label, version).inc(times)
        observe_all(metrics.confidence, [verdict.confidence for verdict in verdicts])
        observe_all(metrics.unknown, [verdict.unknown_share for verdict in verdicts])
        if abstained := sum(verdict.abstained for verdict in verdicts):
            metrics.abstained.inc(abstained)

    def shadowed(self, title: str, message: str, label: str) -> str:
        """Return what the challenger says of a review, as the end of a log line; empty where nothing casts a shadow."""
        other = self.challenger.current if self.challenger and self.role == "shadow" else None
        if other is None:
            return ""
        begun = time.perf_counter()
        (verdict,) = judge(other, [title], [message])
        self.metrics.shadow_latency.observe(time.perf_counter() - begun)
        self.metrics.shadow.labels("agrees" if verdict.label == label else "disagrees").inc()
        said = {"version": other.reference.version, "label": verdict.label, "probability": verdict.probability}
        return f',"shadow":{json.dumps(said)}'


def log_line(request_id: str, now: str, served: Served, verdict: Verdict, lengths: tuple[int, int]) -> str:
    """Return the log's line on a prediction, without the closing brace.

    Put together by hand, which takes a fifth of what `json` takes: no value needs escaping, and `served.about` is JSON.
    """
    return (
        f'{{"kind":"prediction","time":"{now}","request_id":"{request_id}",{served.about},"label":"{verdict.label}",'
        f'"probability":{verdict.probability!r},"abstained":{"true" if verdict.abstained else "false"},'
        f'"ngrams":{verdict.ngrams},"unknown_share":{verdict.unknown_share:.4f},'
        f'"english_share":{verdict.english_share:.4f},"title_chars":{lengths[0]},"message_chars":{lengths[1]}'
    )


def model_name(served: Served) -> dict[str, Any]:
    """Return which model answered."""
    reference = served.reference
    return {"name": reference.name, "version": reference.version, "run_id": reference.run_id}
