"""Served model `hashed`: weights of hashed n-grams, as arrays, without any learning library.

    logit = intercept + slope / sqrt(m) * (w[b1] + ... + w[bm])

for a review whose m n-grams fall into the buckets b1 to bm, and 0 where the sum is 0: then nothing
of the review is known, and the intercept alone is no answer. Slope and intercept hold the
calibration. Weights are float16 and sums are float64, which adds them without rounding: a review's
logit does not depend on the order of its n-grams, nor on the reviews scored beside it.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from safetensors.numpy import save_file

from src.model.core.arrays import Row, read_arrays
from src.model.core.artifact import Artifact, write_description
from src.model.core.errors import ModelError
from src.model.core.hashing import (
    BASE,
    MIX,
    Buckets,
    Tokens,
    bucket_chunks,
    buckets,
    ngram_buckets,
    token_chunks,
)
from src.model.core.labels import knows_nothing
from src.model.core.language import frequent_words
from src.model.core.languages import english
from src.model.core.ragged import inverse_roots, row_shares, row_sums
from src.model.core.reading import Probabilities, Readings, sigmoid
from src.model.core.records import Language, Training, first_problem
from src.model.core.served_model import Explanation, Kind, explanation
from src.model.core.text import clean, ngram_places

WEIGHTS = "model.safetensors"
KIND = Kind(
    name="hashed",
    files=(WEIGHTS,),
    packages=("numpy", "pydantic", "safetensors"),
    max_bytes=20_000_000,
    max_latency_us=10_000.0,
)

_RETRAIN = "Train again, or choose another version."
_JSON_BYTES = 16_384  # more than model.json and the header of the weights take
_WORD_BYTES = 16  # a word's quotes, comma and blanks in model.json
_HASH = {"base": BASE, "mix": MIX}

Weights = npt.NDArray[np.float16]
"""One weight for each bucket, shape (2**bits,)."""


@dataclass(frozen=True, config=ConfigDict(allow_inf_nan=False))
class Shape:
    """How text becomes a logit, besides the weights.

    `bits` and `ngrams` choose the features; `slope` and `intercept` are the calibrated line; a
    probability strictly between `band[0]` and `band[1]` is too close to call. `packing` is how the
    weights are stored; `int8` ones are whole multiples of `step`.
    """

    bits: Annotated[int, Field(ge=1, le=26)]
    ngrams: Annotated[int, Field(ge=1, le=4)]
    slope: float = 1.0
    intercept: float = 0.0
    band: tuple[float, float] = (0.5, 0.5)
    packing: Literal["float16", "int8"] = "float16"
    step: Annotated[float, Field(gt=0)] = 1.0

    def __post_init__(self) -> None:
        """Raise ValueError where the band is none."""
        low, high = self.band
        if not 0 <= low <= high <= 1:
            msg = f"band is {low} to {high}, which is no part of 0 to 1"
            raise ValueError(msg)


_SHAPE = TypeAdapter(Shape)


class SentimentClassifier:
    """Thread-safe: nothing in it changes after it is made."""

    kind = KIND

    def __init__(self, weights: Weights, shape: Shape, language: Language | None = None) -> None:
        """Take the weights, and the language of the reviews: English where none is given.

        Raises:
            ModelError: the weights do not fit or are not finite.
        """
        if weights.shape != (1 << shape.bits,):
            needed = f"{shape.bits} bits need {1 << shape.bits:,}"
            msg = f"There are {weights.size:,} weights where {needed}."
            raise ModelError(msg, hint=_RETRAIN)
        if not np.isfinite(weights).all():
            msg = "The model holds weights that are no finite numbers."
            raise ModelError(msg, hint=_RETRAIN)
        self._weights = weights
        self.shape = shape
        self._language = language or english()
        self._frequent = frequent_words(self._language)

    def read(self, titles: Sequence[str], texts: Sequence[str]) -> Readings:
        """Return what the model makes of n raw or clean reviews."""
        return Readings.joined([self._read(tokens) for tokens in token_chunks(titles, texts)])

    def _read(self, tokens: Tokens) -> Readings:
        ngrams = ngram_buckets(tokens, bits=self.shape.bits, n=self.shape.ngrams)
        probability = sigmoid(self.logits_of(ngrams))
        words = self._weights.take(tokens.word_buckets(self.shape.bits), mode="clip")
        unknown, frequent = row_shares(tokens.offsets, words == 0, self._frequent.among(tokens))
        return Readings(
            probability=probability,
            abstained=self.abstains(probability),
            title_tokens=tokens.per_field[0::2],
            tokens=tokens.offsets[1:] - tokens.offsets[:-1],
            unknown_share=unknown,
            language_share=frequent,
        )

    def probabilities(self, titles: Sequence[str], texts: Sequence[str]) -> Probabilities:
        """Return the probability of positive of n raw or clean reviews, shape (n,)."""
        return sigmoid(self.logits(titles, texts))

    def abstains(self, probability: Probabilities) -> npt.NDArray[np.bool_]:
        """Return which of n answers lie in the band, or come of nothing, shape (n,)."""
        low, high = self.shape.band
        return (probability > low) & (probability < high) | knows_nothing(probability)

    def logits(self, titles: Sequence[str], texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the calibrated log-odds of positive for n raw or clean reviews, shape (n,)."""
        chunks = bucket_chunks(titles, texts, bits=self.shape.bits, n=self.shape.ngrams)
        return np.concatenate([np.zeros(0), *(self.logits_of(chunk) for chunk in chunks)])

    def logits_of(self, ngrams: Buckets) -> npt.NDArray[np.float64]:
        """Return the calibrated log-odds of n reviews whose buckets are known, shape (n,)."""
        # Every index is below 2**bits, so clipping changes none; it spares a second look at each.
        weights = self._weights.take(ngrams.indices, mode="clip").astype(np.float64)
        scales = self.shape.slope * inverse_roots(ngrams.offsets)
        sums = row_sums(weights, ngrams.offsets)
        return np.where(sums == 0, 0.0, sums * scales + self.shape.intercept)

    def explain(self, title: str, text: str) -> Explanation:
        """Return what each distinct n-gram adds to the log-odds; exact.

        N-grams that share a bucket each bring that bucket's weight, as often as they occur.
        """
        review = clean(title, text)
        ngrams = buckets([title], [text], bits=self.shape.bits, n=self.shape.ngrams)
        scale = self.shape.slope * float(inverse_roots(ngrams.offsets)[0])
        weights = self._weights[ngrams.indices].astype(np.float64)
        places = ngram_places(review, self.shape.ngrams)
        scaled = (weights * scale).tolist()
        weighed = [(*named, weight) for named, weight in zip(places, scaled, strict=True)]
        intercept = self.shape.intercept if weights.sum() else 0.0
        return explanation(review, intercept, weighed, exact=True)

    def reshaped(self, **changes: Any) -> Self:
        """Return the same weights with another calibration or band."""
        return type(self)(self._weights, replace(self.shape, **changes), self._language)

    def line(self) -> tuple[npt.NDArray[np.float32], float]:
        """Return the same logits as weights with the slope in them, and the intercept."""
        return self._weights.astype(np.float32) * np.float32(self.shape.slope), self.shape.intercept

    def pruned(self, max_bytes: int) -> Self:
        """Return a model whose files take at most `max_bytes`.

        It keeps the largest weights, in 255 levels of one byte.

        Raises:
            ModelError: not even an empty model would fit.
        """
        described = _JSON_BYTES + sum(
            len(word.encode()) + _WORD_BYTES for word in self._language.frequent_words
        )
        kept = max_bytes - described - _packed_size(self.shape.bits, 0)
        if kept < 1:
            least = described + _packed_size(self.shape.bits, 1)
            msg = f"A model of {self.shape.bits} bits cannot be smaller than {least:,} bytes."
            hint = f"Allow more than {max_bytes:,} bytes, or train with fewer bits."
            raise ModelError(msg, hint=hint)
        size = np.abs(self._weights).astype(np.float32)
        weights = self._weights.astype(np.float32)
        if kept < np.count_nonzero(size):
            weights[np.argpartition(size, -kept)[:-kept]] = 0
        step = _short(float(size.max()) / 127)
        levels = (np.round(weights / step) * step).astype(np.float16)
        return type(self)(levels, replace(self.shape, packing="int8", step=step), self._language)

    def save(self, folder: Path, training: Training | None = None) -> None:
        """Write the weights, then `model.json` with their digest and the training's record."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.shape.packing == "float16":
            arrays: dict[str, npt.NDArray[Any]] = {"weights": self._weights}
        else:
            levels = np.round(self._weights.astype(np.float32) / self.shape.step).astype(np.int8)
            arrays = {"kept": np.packbits(levels != 0), "levels": levels[levels != 0]}
        save_file(arrays, folder / WEIGHTS)
        more = {**asdict(self.shape), "hash": _HASH}
        write_description(folder, KIND.name, KIND.files, training, more)


def load(artifact: Artifact) -> SentimentClassifier:
    """Return the model in checked files.

    Raises:
        ModelError: it is of another hash, or what it says of itself makes no sense.
    """
    more, place = artifact.description.more, artifact.place
    if more.get("hash") != _HASH:
        msg = f"{place} was trained with another hash function: {more.get('hash')}."
        hint = "Use the version of the program that trained it, or train again."
        raise ModelError(msg, hint=hint)
    try:
        shape = _SHAPE.validate_python({name: more.get(name) for name in asdict(Shape(1, 1))})
    except ValidationError as error:
        msg = f"{place} describes its model wrongly: {first_problem(error)}."
        raise ModelError(msg, hint=_RETRAIN) from None
    content, path = artifact.files[WEIGHTS], f"{place}/{WEIGHTS}"
    if shape.packing == "float16":
        weights = read_arrays(content, path, {"weights": Row(np.float16)})["weights"]
        return SentimentClassifier(weights, shape, artifact.language)
    arrays = read_arrays(content, path, {"kept": Row(np.uint8), "levels": Row(np.int8)})
    weights = _unpacked(arrays["kept"], arrays["levels"], shape, path)
    return SentimentClassifier(weights, shape, artifact.language)


def _unpacked(
    kept: npt.NDArray[np.uint8], levels: npt.NDArray[np.int8], shape: Shape, place: str
) -> Weights:
    """Return all weights from a bit for every bucket and a level for every bucket that is kept."""
    places = np.unpackbits(kept).astype(np.bool_)
    if places.size != 1 << shape.bits or np.count_nonzero(places) != levels.size:
        msg = (
            f"{place} keeps {levels.size:,} weights in {places.size:,} buckets, which does not fit "
            f"{shape.bits} bits."
        )
        raise ModelError(msg, hint=_RETRAIN)
    weights = np.zeros(1 << shape.bits, np.float16)
    weights[places] = (levels.astype(np.float32) * np.float32(shape.step)).astype(np.float16)
    return weights


def _packed_size(bits: int, kept: int) -> int:
    """Return the bytes of an `int8` file without its header: a bit a bucket, a byte a weight."""
    return (1 << bits) // 8 + kept


def _short(step: float) -> float:
    """Return a number of four binary digits not below `step`: 127 times it is exact in float16."""
    if not step:
        return 1.0
    unit: float = 2.0 ** (np.floor(np.log2(step)) - 3)
    return float(np.ceil(step / unit) * unit)
