"""Served model of the toy learner: words and their log odds in a JSON file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from src.model.core.artifact import Artifact, write_description
from src.model.core.hashing import hashed_tokens
from src.model.core.language import frequent_words
from src.model.core.languages import english
from src.model.core.reading import Probabilities, Readings, sigmoid
from src.model.core.records import Language, Training
from src.model.core.served_model import Explanation, Kind, explanation
from src.model.core.text import clean, ngram_places, tokens

KIND = Kind("toy", ("words.json",), ("numpy",), max_bytes=1_000_000, max_latency_us=10_000.0)


class ToyClassifier:
    """A sum over words."""

    kind = KIND

    def __init__(self, odds: Mapping[str, float], language: Language | None = None) -> None:
        self._odds, self._frequent = dict(odds), frequent_words(language or english())

    def read(self, titles: Sequence[str], texts: Sequence[str]) -> Readings:
        words = [
            [w for f in clean(*pair) for w in tokens(f)] for pair in zip(titles, texts, strict=True)
        ]
        hashed = hashed_tokens(titles, texts) if len(titles) else hashed_tokens([""], [""])
        count = len(titles)
        logits = np.array([sum(self._odds.get(w, 0.0) for w in found) for found in words])
        unknown = [sum(w not in self._odds for w in f) / max(len(f), 1) for f in words]
        return Readings(
            probability=sigmoid(logits.astype(np.float64)),
            abstained=np.zeros(count, np.bool_),
            title_tokens=hashed.per_field[0::2][:count],
            tokens=np.diff(hashed.offsets)[:count],
            unknown_share=np.array(unknown, np.float64),
            language_share=self._frequent.shares(hashed)[:count],
        )

    def probabilities(self, titles: Sequence[str], texts: Sequence[str]) -> Probabilities:
        return self.read(titles, texts).probability

    def abstains(self, probability: Probabilities) -> npt.NDArray[np.bool_]:
        return np.zeros(len(probability), np.bool_)

    def explain(self, title: str, text: str) -> Explanation:
        review = clean(title, text)
        places = ngram_places(review, 1)
        weighed = [(word, place, self._odds.get(word, 0.0)) for word, place in places]
        return explanation(review, 0.0, weighed, exact=True)

    def save(self, folder: Path, training: Training | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "words.json").write_text(json.dumps(self._odds), encoding="utf-8")
        write_description(folder, KIND.name, KIND.files, training, {})


def load(artifact: Artifact) -> ToyClassifier:
    return ToyClassifier(json.loads(artifact.files["words.json"]), artifact.language)
