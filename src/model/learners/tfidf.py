"""The baseline learner: TF-IDF of word 1-2-grams and logistic regression, by scikit-learn, saved with skops.

It keeps all n-grams of the training rows in memory (about 150 bytes per word), which suits some hundred thousand
rows, not millions.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import skops.io
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline

from src.model.artifact import read_description, write_description
from src.model.classifier import INTERCEPT, Contribution, Probabilities
from src.model.errors import ModelError
from src.model.labels import is_positive
from src.model.learners import skops_file
from src.model.learners.base import Fitted, LearningPoint, Reviews, refuse_too_little
from src.model.text import BORDER, TOKEN_PATTERN, document, folded

_CURVE_SHARES = (0.1, 0.25, 0.5, 1.0)

# In single precision and with scikit-learn's own 1e-4, the solver stops short of the optimum, at a point that depends
# on the processor's arithmetic: two BLAS kernels gave models 0.26 points of validation accuracy apart; now it is 0.02.
_TOLERANCE = 1e-5
_PIPELINE, _VOCABULARY = "pipeline.skops", "vocabulary.json"


@dataclass(frozen=True)
class TfidfLearner:
    """Logistic regression on sublinear TF-IDF; `c` is the inverse regularisation strength."""

    max_features: int
    min_df: int
    c: float
    seed: int
    name: str = "tfidf"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "name"}

    def fit(
        self, train: Callable[[], Iterator[Reviews]], validation: Reviews, on_progress: Callable[..., None]
    ) -> Fitted:
        """Learn the vocabulary from all rows, then fit on growing shares of them: a learning curve by rows.

        Raises:
            DataError: fewer than ten rows, or only one label, in the training rows.
        """
        blocks = list(train())
        positive = np.concatenate([block.positive for block in blocks]) if blocks else np.zeros(0, np.bool_)
        refuse_too_little(positive)
        vectorizer = _counts(max_features=self.max_features, min_df=min(self.min_df, max(positive.size // 100, 1)))
        total = len(_CURVE_SHARES) + 2
        on_progress(0, total)
        tfidf = TfidfTransformer(sublinear_tf=True)
        features = tfidf.fit_transform(vectorizer.fit_transform(_documents(blocks)))
        vocabulary = [str(ngram) for ngram in vectorizer.get_feature_names_out()]
        order = np.random.default_rng(self.seed).permutation(positive.size)
        held_out = tfidf.transform(vectorizer.transform(_documents([validation]))) if len(validation) else None
        on_progress(2, total)
        history = []
        for share in _CURVE_SHARES:
            rows = np.sort(order[: round(share * positive.size)])
            if len(np.unique(positive[rows])) == 2:  # noqa: PLR2004 - a small share of few rows may hold one label
                regression = LogisticRegression(C=self.c, tol=_TOLERANCE, max_iter=500).fit(
                    features[rows], positive[rows]
                )
                history.append(_point(regression, features[rows], positive[rows], held_out, validation))
            on_progress(1, total)
        return Fitted(TfidfModel(vocabulary, make_pipeline(tfidf, regression)), "training rows", history)


def _documents(blocks: Iterable[Reviews]) -> Iterator[str]:
    for block in blocks:
        yield from map(document, block.titles, block.texts)


def _point(
    regression: LogisticRegression,
    features: csr_matrix,
    positive: npt.NDArray[np.bool_],
    held_out: csr_matrix | None,
    validation: Reviews,
) -> LearningPoint:
    train = regression.predict_proba(features)[:, 1]
    metrics = {
        "train_log_loss": float(log_loss(positive, train, labels=[False, True])),
        "train_accuracy": float((is_positive(train) == positive).mean()),
    }
    if held_out is not None:
        valid = regression.predict_proba(held_out)[:, 1]
        metrics |= {
            "validation_log_loss": float(log_loss(validation.positive, valid, labels=[False, True])),
            "validation_accuracy": float((is_positive(valid) == validation.positive).mean()),
        }
    return LearningPoint(positive.size, metrics)


def _counts(**options: Any) -> CountVectorizer:
    """Count 1-2-grams of our tokens. The border is a token too, so no n-gram joins a title's end to a text's start."""
    pattern = f"{TOKEN_PATTERN}|{BORDER}"
    return CountVectorizer(ngram_range=(1, 2), preprocessor=folded, token_pattern=pattern, dtype=np.float64, **options)


class TfidfModel:
    """The fitted baseline."""

    def __init__(self, vocabulary: Sequence[str], pipeline: Pipeline) -> None:
        self._vocabulary = list(vocabulary)
        self._counts = _counts(vocabulary=self._vocabulary)
        self._pipeline = pipeline

    def _count(self, titles: Sequence[str], texts: Sequence[str]) -> csr_matrix:
        return self._counts.transform(map(document, titles, texts))

    def predict_proba(self, titles: Sequence[str], texts: Sequence[str]) -> Probabilities:
        if not len(titles):
            return np.zeros(0)
        return np.asarray(self._pipeline.predict_proba(self._count(titles, texts))[:, 1], dtype=np.float64)

    def explain(self, title: str, text: str) -> list[Contribution]:
        row = self._pipeline[:-1].transform(self._count([title], [text]))
        weights = row.data * self._pipeline[-1].coef_[0][row.indices]
        names = (self._vocabulary[i].replace(BORDER, "|") for i in row.indices)
        found = [Contribution(name, float(weight)) for name, weight in zip(names, weights, strict=True)]
        found.append(Contribution(INTERCEPT, float(self._pipeline[-1].intercept_[0])))
        return sorted(found, key=lambda c: (-abs(c.weight), c.ngram))

    def abstains(self, probability: Probabilities) -> npt.NDArray[np.bool_]:
        return np.zeros(probability.shape, np.bool_)

    def save(self, folder: Path, training: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # skops describes each entry of a dictionary on its own: minutes for a vocabulary, which is a list of words.
        (folder / _VOCABULARY).write_text(json.dumps(self._vocabulary), encoding="utf-8")
        skops_file.dump(self._pipeline, folder / _PIPELINE)
        write_description(folder, "tfidf", [_VOCABULARY, _PIPELINE], {"training": dict(training)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        read_description(folder)
        try:
            vocabulary = json.loads((folder / _VOCABULARY).read_text(encoding="utf-8"))
            return cls(vocabulary, skops.io.load(folder / _PIPELINE, trusted=[]))
        except Exception as error:  # skops and json raise many kinds; the digests matched, so the format is foreign
            msg = f"{folder} could not be loaded: {error}."
            raise ModelError(msg, hint="Was it trained with other library versions? Train again.") from error
