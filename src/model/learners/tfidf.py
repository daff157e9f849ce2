"""The baseline learner: TF-IDF of word 1-2-grams, and logistic regression, by scikit-learn.

It keeps all n-grams of the training rows in memory (about 150 bytes per word), which suits some
hundred thousand rows, not millions. What it learns is served without scikit-learn.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from src.model.core.errors import DataError
from src.model.core.labels import is_positive
from src.model.core.models.tfidf import NGRAMS, TfidfClassifier
from src.model.core.records import Scalar, Training
from src.model.core.settings import Settings, TfidfSettings
from src.model.core.text import ngrams
from src.model.learners.base import (
    Fitted,
    LearningPoint,
    Range,
    Reviews,
    cannot_go_on,
    refuse_too_little,
)

_CURVE_SHARES = (0.1, 0.25, 0.5, 1.0)

# In single precision and with scikit-learn's own 1e-4, the solver stops short of the optimum, at a
# point that depends on the processor's arithmetic: two BLAS kernels gave models 0.26 points of
# validation accuracy apart; now it is 0.02.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class TfidfLearner:
    """Logistic regression on sublinear TF-IDF."""

    shape: TfidfSettings
    seed: int
    name = "tfidf"
    kept: tuple[str, ...] = ()
    packages = ("numpy", "scikit-learn", "scipy")
    code = ("src.model.learners.tfidf",)

    @property
    def parameters(self) -> Mapping[str, Scalar]:
        return {**self.shape.model_dump(), "seed": self.seed}

    @property
    def search(self) -> Mapping[str, Range]:
        return {}

    def going_on(self, folder: Path, training: Training) -> Self:
        del folder, training
        raise cannot_go_on(self.name)

    def fit(
        self,
        train: Callable[[], Iterator[Reviews]],
        validation: Reviews,
        on_progress: Callable[..., None],
    ) -> Fitted:
        """Learn the vocabulary from all rows, then fit on growing shares of them.

        The history is a learning curve by rows.

        Raises:
            DataError: fewer than ten rows, or only one label, in the training rows.
        """
        blocks = list(train())
        positive = np.concatenate([np.zeros(0, np.bool_), *(block.positive for block in blocks)])
        refuse_too_little(positive)
        min_df = min(self.shape.min_df, max(positive.size // 100, 1))
        counts = CountVectorizer(
            analyzer=_ngrams, max_features=self.shape.max_features, min_df=min_df, dtype=np.float64
        )
        tfidf = TfidfTransformer(sublinear_tf=True)
        total = len(_CURVE_SHARES) + 2
        on_progress(0, total)
        try:
            features = tfidf.fit_transform(counts.fit_transform(_reviews(blocks)))
        except ValueError as error:  # scikit-learn's own, where no n-gram is left
            msg = f"There is no vocabulary to learn: {error}."
            hint = "Train on more batches, or lower REVIEWS_TFIDF_MIN_DF."
            raise DataError(msg, hint=hint) from error
        held_out = None
        if len(validation):
            held_out = tfidf.transform(counts.transform(_reviews([validation])))
        on_progress(2, total)
        order = np.random.default_rng(self.seed).permutation(positive.size)
        history = []
        for share in _CURVE_SHARES:
            rows = np.sort(order[: round(share * positive.size)])
            truth = positive[rows]
            if truth.any() and not truth.all():  # a small share of few rows may hold one label
                regression = self._regression().fit(features[rows], truth)
                history.append(_point(regression, features[rows], truth, held_out, validation))
            on_progress(1, total)
        vocabulary = [str(ngram) for ngram in counts.get_feature_names_out()]
        weights, intercept = regression.coef_[0], float(regression.intercept_[0])
        idf = np.asarray(tfidf.idf_, np.float64)
        model = TfidfClassifier(vocabulary, idf, np.asarray(weights, np.float64), intercept)
        return Fitted(model, "training rows", history)

    def _regression(self) -> LogisticRegression:
        return LogisticRegression(C=self.shape.c, tol=_TOLERANCE, max_iter=500)


def make(settings: Settings) -> TfidfLearner:
    """Return the learner that the settings describe."""
    return TfidfLearner(settings.tfidf, settings.seed)


def _ngrams(review: tuple[str, str]) -> list[str]:
    return ngrams(*review, NGRAMS)


def _reviews(blocks: Iterable[Reviews]) -> Iterator[tuple[str, str]]:
    for block in blocks:
        yield from zip(block.titles, block.texts, strict=True)


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
        judged = regression.predict_proba(held_out)[:, 1]
        loss = log_loss(validation.positive, judged, labels=[False, True])
        right = is_positive(judged) == validation.positive
        metrics |= {"validation_log_loss": float(loss), "validation_accuracy": float(right.mean())}
    return LearningPoint(positive.size, metrics)
