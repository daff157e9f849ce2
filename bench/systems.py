"""The systems: each learns from the processed files, saves a model, loads it and scores.

The libraries of each load on use.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bench.rows import Rows, train_parts, train_rows

THREADS = 2
Scores = npt.NDArray[np.float64]
Score = Callable[[Sequence[str], Sequence[str]], Scores]
"""Titles and texts in, probability of positive out, shape (n,)."""


class System(Protocol):
    """What is compared."""

    def train(self, data: Path, model: Path) -> None:
        """Learn from the files below `data` and save into the folder `model`."""

    def load(self, model: Path) -> Score:
        """Return what scores with the saved model."""


@dataclass(frozen=True)
class Hashed:
    """Ours, with its default settings; the validation rows are taken out of the train rows."""

    max_bytes: int = 0

    def train(self, data: Path, model: Path) -> None:
        from src.model.core.settings import load_settings
        from src.model.files.rows import is_validation
        from src.model.learners import make_learner
        from src.model.learners.base import Reviews

        environment = {
            "REVIEWS_HASHED_MAX_BYTES": str(self.max_bytes),
            "REVIEWS_CACHE_DIR": str(model / "cache"),
        }
        settings = load_settings(environment, env_file=None)
        held: list[Rows] = []

        def part(rows: Rows, chosen: npt.NDArray[np.bool_]) -> Reviews:
            places = np.flatnonzero(chosen).tolist()
            return Reviews(
                [rows.titles[i] for i in places],
                [rows.texts[i] for i in places],
                rows.positive[chosen],
            )

        def blocks() -> Iterator[Reviews]:
            for rows in train_parts(data):
                yield part(rows, ~is_validation(rows.ids, settings.validation_share))

        for rows in train_parts(data):
            kept = part(rows, is_validation(rows.ids, settings.validation_share))
            held.append(Rows(rows.ids[:0], list(kept.titles), list(kept.texts), kept.positive))
        validation = Reviews(
            [title for rows in held for title in rows.titles],
            [text for rows in held for text in rows.texts],
            np.concatenate([rows.positive for rows in held]),
        )
        fitted = make_learner(settings).fit(blocks, validation, lambda *_: None)
        fitted.model.save(model / "saved")

    def load(self, model: Path) -> Score:
        from src.model.core.models import load_model

        loaded = load_model(model / "saved")
        return loaded.probabilities


@dataclass(frozen=True)
class ScikitLearn:
    """A vectoriser and a linear model of scikit-learn, saved with joblib.

    They take title and text as one string.
    """

    hashing: bool

    def train(self, data: Path, model: Path) -> None:
        import joblib
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
        from sklearn.linear_model import LogisticRegression, SGDClassifier
        from sklearn.pipeline import make_pipeline

        steps: tuple[Any, Any] = (
            (
                HashingVectorizer(ngram_range=(1, 2), n_features=1 << 22, alternate_sign=False),
                SGDClassifier(loss="log_loss", alpha=1e-6, average=True, random_state=1),
            )
            if self.hashing
            else (
                TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
                LogisticRegression(C=8.0, max_iter=500),
            )
        )
        rows = train_rows(data)
        fitted = make_pipeline(*steps).fit(rows.documents, rows.positive)
        joblib.dump(fitted, model / "pipeline.joblib")

    def load(self, model: Path) -> Score:
        import joblib

        pipeline = joblib.load(model / "pipeline.joblib")

        def score(titles: Sequence[str], texts: Sequence[str]) -> Scores:
            documents = [f"{title} {text}" for title, text in zip(titles, texts, strict=True)]
            return np.asarray(pipeline.predict_proba(documents)[:, 1], np.float64)

        return score


_TOKEN = re.compile(r"[\w']+|[!?.,]")


def _words(title: str, text: str) -> str:
    """Lower-cased words and marks, blank between them.

    This is what people feed to fastText and Vowpal Wabbit.
    """
    return " ".join(_TOKEN.findall(f"{title} {text}".lower()))


class FastText:
    """Bigrams, everything else at its default."""

    def train(self, data: Path, model: Path) -> None:
        import fasttext

        rows = train_rows(data)
        lines = model / "train.txt"
        with lines.open("w", encoding="utf-8") as file:
            labels = rows.positive.tolist()
            for title, text, positive in zip(rows.titles, rows.texts, labels, strict=True):
                file.write(f"__label__{int(positive)} {_words(title, text)}\n")
        fitted = fasttext.train_supervised(str(lines), wordNgrams=2, thread=THREADS, verbose=0)
        fitted.save_model(str(model / "model.bin"))
        lines.unlink()

    def load(self, model: Path) -> Score:
        import fasttext

        loaded = fasttext.load_model(str(model / "model.bin"))

        def score(titles: Sequence[str], texts: Sequence[str]) -> Scores:
            labels, values = loaded.predict(list(map(_words, titles, texts)), k=1)
            pairs = zip(labels, values, strict=True)
            found = [p[0] if name[0] == "__label__1" else 1 - p[0] for name, p in pairs]
            return np.array(found).clip(1e-6, 1 - 1e-6)

        return score


class VowpalWabbit:
    """Bigrams in 2^22 buckets, logistic loss, three passes."""

    def train(self, data: Path, model: Path) -> None:
        from vowpalwabbit import Workspace

        rows = train_rows(data)
        lines = model / "train.txt"
        with lines.open("w", encoding="utf-8") as file:
            labels = rows.positive.tolist()
            for title, text, positive in zip(rows.titles, rows.texts, labels, strict=True):
                file.write(f"{1 if positive else -1} |w {_words(title, text)}\n")
        workspace = Workspace(
            f"-d {lines} --cache_file {model}/cache -k --passes 3 --holdout_off "
            "--loss_function logistic --ngram w2 "
            f"-b 22 -f {model}/model.vw --quiet"
        )
        workspace.finish()
        lines.unlink()
        (model / "cache").unlink(missing_ok=True)

    def load(self, model: Path) -> Score:
        from vowpalwabbit import Workspace

        workspace = Workspace(f"-i {model}/model.vw -t --link logistic --quiet")

        def score(titles: Sequence[str], texts: Sequence[str]) -> Scores:
            lines = (f"|w {_words(title, text)}" for title, text in zip(titles, texts, strict=True))
            return np.array([workspace.predict(line) for line in lines], np.float64)

        return score


SYSTEMS: dict[str, tuple[str, System]] = {
    "hashed": ("ours", Hashed()),
    "pruned": ("ours, pruned to 1 MB", Hashed(max_bytes=1_000_000)),
    "tfidf": ("scikit-learn TF-IDF + logistic regression", ScikitLearn(hashing=False)),
    "fasttext": ("fastText", FastText()),
    "vw": ("Vowpal Wabbit", VowpalWabbit()),
    "hashing-sgd": ("scikit-learn HashingVectorizer + SGD", ScikitLearn(hashing=True)),
}
"""Key: its name in the tables, and the system; the first two are ours."""
