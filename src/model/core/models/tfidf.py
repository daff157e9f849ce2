"""Served model `tfidf`: the baseline's vocabulary, idf and coefficients as arrays, by NumPy alone.

    logit = intercept + sum over n-grams t of  coefficient[t] * x[t] / |x|
    x[t] = (1 + log(count of t in the review)) * idf[t]

the sublinear TF-IDF of scikit-learn's `TfidfTransformer`, rows scaled to length 1; 0 where nothing
of the review is known.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from safetensors.numpy import save_file

from src.model.core.arrays import Row, read_arrays
from src.model.core.artifact import Artifact, write_description
from src.model.core.errors import ModelError
from src.model.core.hashing import token_chunks
from src.model.core.labels import knows_nothing
from src.model.core.language import frequent_words
from src.model.core.languages import english
from src.model.core.reading import Probabilities, Readings, sigmoid
from src.model.core.records import Language, Training, first_problem
from src.model.core.served_model import Explanation, Kind, explanation
from src.model.core.text import Fields, clean, ngram_places, ngrams

MODEL = "model.safetensors"
NGRAMS = 2
KIND = Kind(
    name="tfidf",
    files=(MODEL,),
    packages=("numpy", "pydantic", "safetensors"),
    max_bytes=50_000_000,
    max_latency_us=10_000.0,
)
_RETRAIN = "Train again, or choose another version."


@dataclass(frozen=True, config=ConfigDict(allow_inf_nan=False))
class Line:
    """What `model.json` says of the model besides its files."""

    intercept: float


_LINE = TypeAdapter(Line)


class TfidfClassifier:
    """Thread-safe: nothing in it changes after it is made.

    It abstains only where it knows nothing of a review.
    """

    kind = KIND

    def __init__(
        self,
        vocabulary: Sequence[str],
        idf: npt.NDArray[np.float64],
        coefficients: npt.NDArray[np.float64],
        intercept: float,
        language: Language | None = None,
    ) -> None:
        """Take v n-grams in order, `idf` and `coefficients` of shape (v,), and the intercept.

        The language is English where none is given.

        Raises:
            ModelError: they do not fit each other, or are no finite numbers.
        """
        if not len(vocabulary) == idf.size == coefficients.size:
            sizes = f"{len(vocabulary):,} n-grams, {idf.size:,} idf, {coefficients.size:,} weights"
            raise ModelError(f"The model's arrays do not fit each other: {sizes}.", hint=_RETRAIN)
        if not (np.isfinite(idf).all() and np.isfinite(coefficients).all()):
            msg = "The model holds weights that are no finite numbers."
            raise ModelError(msg, hint=_RETRAIN)
        self._vocabulary = list(vocabulary)
        self._number = {ngram: number for number, ngram in enumerate(self._vocabulary)}
        self._idf, self._coefficients, self._intercept = idf, coefficients, intercept
        self._frequent = frequent_words(language or english())

    def read(self, titles: Sequence[str], texts: Sequence[str]) -> Readings:
        """Return what the model makes of n raw or clean reviews."""
        pairs = zip(titles, texts, strict=True)
        probability = self.probabilities(titles, texts)
        unknown = np.array([self._unknown(*pair) for pair in pairs], np.float64)
        tokens = list(token_chunks(titles, texts))
        per_field = np.concatenate([np.zeros(0, np.int64), *(part.per_field for part in tokens)])
        return Readings(
            probability=probability,
            abstained=self.abstains(probability),
            title_tokens=per_field[0::2],
            tokens=per_field[0::2] + per_field[1::2],
            unknown_share=unknown,
            language_share=np.concatenate([np.zeros(0), *map(self._frequent.shares, tokens)]),
        )

    def probabilities(self, titles: Sequence[str], texts: Sequence[str]) -> Probabilities:
        """Return the probability of positive of n raw or clean reviews, shape (n,)."""
        pairs = zip(titles, texts, strict=True)
        return sigmoid(np.array([self._logit(*pair) for pair in pairs], np.float64))

    def abstains(self, probability: Probabilities) -> npt.NDArray[np.bool_]:
        """Return which of n answers come of nothing, shape (n,)."""
        return knows_nothing(probability)

    def _logit(self, title: str, text: str) -> float:
        _, values = self._weighed(title, text)
        known = float(values.sum())
        return self._intercept + known if known else 0.0

    def _weighed(
        self, title: str, text: str
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return the numbers of a review's known n-grams, and what each adds to the logit."""
        counts = Counter(
            self._number[ngram] for ngram in ngrams(title, text, NGRAMS) if ngram in self._number
        )
        numbers = np.array(sorted(counts), np.int64)
        times = np.array([counts[number] for number in numbers.tolist()], np.float64)
        values = (1 + np.log(times)) * self._idf[numbers]
        length = float(np.sqrt(np.square(values).sum())) or 1.0
        return numbers, values / length * self._coefficients[numbers]

    def _unknown(self, title: str, text: str) -> float:
        words = ngrams(title, text, 1)
        return sum(word not in self._number for word in words) / max(len(words), 1)

    def explain(self, title: str, text: str) -> Explanation:
        """Return what each n-gram adds to the log-odds, shared evenly by its places; exact."""
        review: Fields = clean(title, text)
        numbers, values = self._weighed(title, text)
        share = dict(zip(numbers.tolist(), values.tolist(), strict=True))
        places = [p for p in ngram_places(review, NGRAMS) if p[0] in self._number]
        times = Counter(ngram for ngram, _ in places)
        weighed = [(n, place, share[self._number[n]] / times[n]) for n, place in places]
        intercept = self._intercept if values.sum() else 0.0
        return explanation(review, intercept, weighed, exact=True)

    def save(self, folder: Path, training: Training | None = None) -> None:
        """Write `model.safetensors`, then `model.json` with its digest and the training's record.

        Tokens hold no line break, so one stands between the vocabulary's n-grams.
        """
        folder.mkdir(parents=True, exist_ok=True)
        names = np.frombuffer("\n".join(self._vocabulary).encode(), np.uint8)
        arrays: dict[str, npt.NDArray[Any]] = {
            "vocabulary": names,
            "idf": self._idf,
            "coefficients": self._coefficients,
        }
        save_file(arrays, folder / MODEL)
        more = {"intercept": self._intercept}
        write_description(folder, KIND.name, KIND.files, training, more)


def load(artifact: Artifact) -> TfidfClassifier:
    """Return the model in checked files. Raises ModelError where they make no sense."""
    try:
        line = _LINE.validate_python(artifact.description.more)
    except ValidationError as error:
        msg = f"{artifact.place} describes its model wrongly: {first_problem(error)}."
        raise ModelError(msg, hint=_RETRAIN) from None
    path = f"{artifact.place}/{MODEL}"
    rows = {"vocabulary": Row(np.uint8), "idf": Row(np.float64), "coefficients": Row(np.float64)}
    arrays = read_arrays(artifact.files[MODEL], path, rows)
    try:
        vocabulary = arrays["vocabulary"].tobytes().decode().split("\n")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} holds words that are no text: {error}.", hint=_RETRAIN) from None
    idf, coefficients = arrays["idf"], arrays["coefficients"]
    return TfidfClassifier(vocabulary, idf, coefficients, line.intercept, artifact.language)
