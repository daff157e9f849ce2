"""The trained classifier that everything serves: weights of hashed n-grams, as arrays, without any learning library.

    logit = intercept + slope / sqrt(m) * (w[b1] + ... + w[bm])

for a review whose m n-grams fall into the buckets b1 to bm. Slope and intercept hold the calibration. Weights are
float16 and sums are float64, which adds them without rounding: a review's logit does not depend on the order of its
n-grams, nor on the reviews scored beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from src.model.artifact import read_description, write_description
from src.model.errors import ModelError
from src.model.text import BASE, MIX, Buckets, bucket_chunks, buckets, ngrams
from src.model.weights import WEIGHTS, Packing, packed_size, read_weights, write_weights

Probabilities = npt.NDArray[np.float64]
"""Probability of `positive`, shape (n,), in [0, 1]."""

_Float = TypeVar("_Float", np.float32, np.float64)

INTERCEPT = "(intercept)"
_LEARNER = "hashed"
_RETRAIN = "Train again, or choose another version."
_JSON_BYTES = 16_384  # more than model.json and the header of the weights take


@dataclass(frozen=True)
class Contribution:
    """One n-gram's share of a review's logit: above 0 speaks for positive, below for negative."""

    ngram: str
    weight: float


@dataclass(frozen=True)
class Shape:
    """How text becomes a logit, besides the weights.

    `bits` and `ngrams` choose the features; `slope` and `intercept` are the calibrated line; a probability strictly
    between `band[0]` and `band[1]` is too close to call. `packing` is how the weights are stored; `int8` ones are whole
    multiples of `step`.
    """

    bits: int
    ngrams: int
    slope: float = 1.0
    intercept: float = 0.0
    band: tuple[float, float] = (0.5, 0.5)
    packing: Packing = "float16"
    step: float = 1.0


class SentimentClassifier:
    """Thread-safe: nothing in it changes after it is made."""

    def __init__(self, weights: npt.NDArray[np.float16], shape: Shape) -> None:
        """Take weights of shape (2**bits,). Raises ModelError where they do not fit or are not finite."""
        if weights.shape != (1 << shape.bits,):
            msg = f"There are {weights.size:,} weights where {shape.bits} bits need {1 << shape.bits:,}."
            raise ModelError(msg, hint=_RETRAIN)
        if not np.isfinite(weights).all() or not np.isfinite([shape.slope, shape.intercept]).all():
            raise ModelError("The model holds weights that are no finite numbers.", hint=_RETRAIN)
        self._weights = weights
        self.shape = shape

    def predict_proba(self, titles: Sequence[str], texts: Sequence[str]) -> Probabilities:
        """Return the probability of positive for n raw or clean reviews, shape (n,)."""
        return sigmoid(self.logits(titles, texts))

    def logits(self, titles: Sequence[str], texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the calibrated log-odds of positive for n raw or clean reviews, shape (n,)."""
        chunks = bucket_chunks(titles, texts, bits=self.shape.bits, n=self.shape.ngrams)
        return np.concatenate([np.zeros(0), *(self.logits_of(chunk) for chunk in chunks)])

    def logits_of(self, found: Buckets) -> npt.NDArray[np.float64]:
        """Return the calibrated log-odds of reviews whose buckets are known, shape (n,)."""
        return self._logits(self.weights_of(found), found.offsets)

    def weights_of(self, found: Buckets) -> npt.NDArray[np.float64]:
        """Return the weight of every n-gram of reviews whose buckets are known, before calibration."""
        return self._weights.take(found.indices, mode="clip").astype(np.float64)

    def proba_and_unknown(self, found: Buckets) -> tuple[Probabilities, npt.NDArray[np.float64]]:
        """Return the probability of positive, and the share of n-grams that carry no weight, both of shape (n,)."""
        weights, offsets = self.weights_of(found), found.offsets
        silent = row_sums((weights == 0).astype(np.float64), offsets) / np.maximum(offsets[1:] - offsets[:-1], 1)
        return sigmoid(self._logits(weights, offsets)), silent

    def _logits(self, weights: npt.NDArray[np.float64], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return row_sums(weights, offsets) * (self.shape.slope * row_scale(offsets)) + self.shape.intercept

    def proba_of(self, found: Buckets) -> Probabilities:
        """Return the probability of positive of reviews whose buckets are known, shape (n,)."""
        return sigmoid(self.logits_of(found))

    def explain(self, title: str, text: str) -> list[Contribution]:
        """Return what each distinct n-gram adds to the logit, and the intercept; the weightiest first.

        The contributions add up to the logit: n-grams that share a bucket each bring that bucket's weight, as often
        as they occur.
        """
        found = buckets([title], [text], bits=self.shape.bits, n=self.shape.ngrams)
        scale = self.shape.slope * float(row_scale(found.offsets)[0])
        weights = self._weights[found.indices].astype(np.float64) * scale
        sums = {INTERCEPT: self.shape.intercept}
        for ngram, weight in zip(ngrams(title, text, self.shape.ngrams), weights.tolist(), strict=True):
            sums[ngram] = sums.get(ngram, 0.0) + weight
        parts = [Contribution(ngram, weight) for ngram, weight in sums.items() if weight]
        return sorted(parts, key=lambda part: (-abs(part.weight), part.ngram))

    def abstains(self, probability: Probabilities) -> npt.NDArray[np.bool_]:
        """Return which probabilities are too close to call, shape (n,)."""
        low, high = self.shape.band
        inside: npt.NDArray[np.bool_] = (probability > low) & (probability < high)
        return inside

    def reshaped(self, **changes: Any) -> Self:
        """Return the same weights with another calibration or band."""
        return type(self)(self._weights, replace(self.shape, **changes))

    def line(self) -> tuple[npt.NDArray[np.float32], float]:
        """Return weights of shape (2**bits,) with the slope in them, and the intercept: the same logits, slope 1."""
        return self._weights.astype(np.float32) * np.float32(self.shape.slope), self.shape.intercept

    def pruned(self, max_bytes: int) -> Self:
        """Return a model whose files take at most `max_bytes`: the largest weights, in 255 levels of one byte.

        Raises:
            ModelError: not even an empty model would fit.
        """
        kept = max_bytes - _JSON_BYTES - packed_size(self.shape.bits, 0)
        if kept < 1:
            least = _JSON_BYTES + packed_size(self.shape.bits, 1)
            msg = f"A model of {self.shape.bits} bits cannot be smaller than {least:,} bytes."
            raise ModelError(msg, hint=f"Allow more than {max_bytes:,} bytes, or train with fewer bits.")
        size = np.abs(self._weights).astype(np.float32)
        weights = self._weights.astype(np.float32)
        if kept < np.count_nonzero(size):
            weights[np.argpartition(size, -kept)[:-kept]] = 0
        step = _short(float(size.max()) / 127)
        levels = (np.round(weights / step) * step).astype(np.float16)
        return type(self)(levels, replace(self.shape, packing="int8", step=step))

    def save(self, folder: Path, training: Mapping[str, Any]) -> None:
        """Write `model.safetensors`, then `model.json` with its digest; `training` says what it was made from."""
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / WEIGHTS, self._weights, self.shape.packing, self.shape.step)
        more = {**asdict(self.shape), "hash": {"base": BASE, "mix": MIX}, "training": dict(training)}
        write_description(folder, _LEARNER, [WEIGHTS], more)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a saved model; float16 weights stay on disk, mapped into memory.

        Raises:
            ModelError: a file is missing or damaged, or the model is of a format or hash this version does not know.
        """
        body = read_description(folder, [WEIGHTS])
        if body["learner"] != _LEARNER:
            msg = f"{folder} holds a model of the learner {body['learner']}, not {_LEARNER}."
            raise ModelError(msg, hint=_RETRAIN)
        try:
            if body["hash"] != {"base": BASE, "mix": MIX}:
                msg = f"{folder} was trained with another hash function: {body['hash']}."
                raise ModelError(msg, hint="Use the version of the program that trained it, or train again.")
            low, high = map(float, body["band"])
            shape = Shape(
                int(body["bits"]), int(body["ngrams"]), float(body["slope"]), float(body["intercept"]),
                (low, high), body["packing"], float(body["step"]),
            )  # fmt: skip
            weights = read_weights(folder / WEIGHTS, shape.bits, shape.packing, shape.step)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{folder} describes its model wrongly: {error!r}."
            raise ModelError(msg, hint=_RETRAIN) from error
        return cls(weights, shape)


def _short(step: float) -> float:
    """Return a number of four binary digits not below `step`: 127 times it is still exact in float16."""
    if not step:
        return 1.0
    unit: float = 2.0 ** (np.floor(np.log2(step)) - 3)
    return float(np.ceil(step / unit) * unit)


def sigmoid(logits: npt.NDArray[np.float64]) -> Probabilities:
    """Return 1 / (1 + exp(-logit)), shape as given; beyond 700 a float64 holds no difference."""
    probability: Probabilities = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
    return probability


def row_scale(offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return 1 / sqrt(number of n-grams) of every review, shape (n,); 1 where there is none."""
    scale: npt.NDArray[np.float64] = 1 / np.sqrt(np.maximum(offsets[1:] - offsets[:-1], 1))
    return scale


def row_sums(values: npt.NDArray[_Float], offsets: npt.NDArray[np.int64]) -> npt.NDArray[_Float]:
    """Return the sum of `values[offsets[i]:offsets[i + 1]]` for every review i, shape (n,); 0 for no values."""
    starts = offsets[:-1]
    if values.size and (offsets[1:] > starts).all():
        return np.add.reduceat(values, starts)
    sums = np.zeros(starts.size, values.dtype)
    filled = np.flatnonzero(offsets[1:] > starts)
    if filled.size:
        sums[filled] = np.add.reduceat(values, starts[filled])
    return sums
