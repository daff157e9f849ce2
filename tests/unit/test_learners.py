"""What every learner keeps to, tfidf and hashed alike; and the tfidf model on disk."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from src.model.data.synthetic import generate, parse
from src.model.errors import DataError, ModelError, UsageError
from src.model.learners import load_model, make_learner
from src.model.learners.base import Fitted, Learner, Reviews
from src.model.learners.descent import Pace
from src.model.learners.hashed import HashedLearner
from src.model.learners.tfidf import TfidfLearner
from src.model.pipeline.inputs import reviews
from src.model.settings import load_settings

TFIDF = TfidfLearner(max_features=5_000, min_df=2, c=4.0, seed=1)
BLOCKS = {split: reviews(frame) for split, frame in generate(parse("synthetic:3000@5"))}


@pytest.fixture(scope="module", params=["tfidf", "hashed"])
def learner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Learner:
    if request.param == "tfidf":
        return TFIDF
    cache = tmp_path_factory.mktemp("features")
    return HashedLearner(16, 3, 1.0, Pace(), abstain_accuracy=0.97, max_bytes=0, seed=1, cache_dir=cache)


def fit(learner: Learner, train: Reviews, validation: Reviews = BLOCKS["test"]) -> Fitted:
    def halves() -> Iterator[Reviews]:
        for part in (slice(0, len(train) // 2), slice(len(train) // 2, None)):
            yield Reviews(train.titles[part], train.texts[part], train.positive[part])

    return learner.fit(halves, validation, lambda *_: None)


@pytest.fixture(scope="module")
def fitted(learner: Learner) -> Fitted:
    return fit(learner, BLOCKS["train"])


@pytest.fixture
def folder(fitted: Fitted, tmp_path: Path) -> Path:
    fitted.model.save(tmp_path / "model", {"batches": "0"})
    return tmp_path / "model"


@pytest.fixture(scope="module")
def tfidf() -> Fitted:
    return fit(TFIDF, BLOCKS["train"])


@pytest.fixture
def tfidf_folder(tfidf: Fitted, tmp_path: Path) -> Path:
    tfidf.model.save(tmp_path / "model", {"batches": "0"})
    return tmp_path / "model"


def test_it_learns(fitted: Fitted) -> None:
    """On reviews it has not seen it is right far more often than by chance."""
    test = BLOCKS["test"]
    predicted = fitted.model.predict_proba(test.titles, test.texts) >= 0.5

    assert (predicted == test.positive).mean() > 0.85


def test_the_learning_curve_grows_by_rows(tfidf: Fitted) -> None:
    """The history has losses of both splits at growing numbers of rows, up to all of them."""
    assert [300, 750, 1500, 3000] == [point.step for point in tfidf.history]
    assert all(point.metrics["validation_log_loss"] > 0 for point in tfidf.history)


def test_learning_twice_gives_the_same_numbers(learner: Learner, fitted: Fitted) -> None:
    """Equal rows and seed make an equal model."""
    again = fit(learner, BLOCKS["train"])
    texts = BLOCKS["test"].texts

    assert (fitted.model.predict_proba(texts, texts) == again.model.predict_proba(texts, texts)).all()


def test_a_saved_model_gives_the_same_numbers(fitted: Fitted, folder: Path) -> None:
    """Loading gives bit-equal probabilities."""
    test = BLOCKS["test"]

    assert (
        fitted.model.predict_proba(test.titles, test.texts) == load_model(folder).predict_proba(test.titles, test.texts)
    ).all()


def test_raw_and_clean_reviews_score_alike(fitted: Fitted) -> None:
    """The model cleans what it is given, so callers need not."""
    raw = fitted.model.predict_proba(["It&#39;s  great"], ["not bad\\nat all"])
    clean = fitted.model.predict_proba(["It's great"], ["not bad at all"])

    assert raw == clean


def test_contributions_add_up_to_the_logit(fitted: Fitted) -> None:
    """The n-grams' weights and the intercept are the whole decision."""
    parts = fitted.model.explain("Great", "It broke, but I still love it")
    score = fitted.model.predict_proba(["Great"], ["It broke, but I still love it"])[0]

    assert np.log(score / (1 - score)) == pytest.approx(sum(part.weight for part in parts), abs=1e-6)
    assert [abs(part.weight) for part in parts] == sorted((abs(part.weight) for part in parts), reverse=True)


def test_ngrams_do_not_cross_from_title_to_text(fitted: Fitted) -> None:
    """`not` at a title's end and `good` at a text's start are no `not good`."""
    crossing = {part.ngram for part in fitted.model.explain("It is not", "good")}

    assert "not good" not in crossing
    assert "not good" in {part.ngram for part in fitted.model.explain("", "It is not good")}


def test_nothing_to_score_scores_nothing(fitted: Fitted) -> None:
    """An empty block is no error."""
    assert (0,) == fitted.model.predict_proba([], []).shape


@pytest.mark.parametrize(
    ("count", "labels", "said"),
    [
        (0, None, "0 training rows are too few"),
        (3, None, "3 training rows are too few"),
        (50, True, "are positive"),
        (50, False, "are negative"),
    ],
)
def test_too_little_to_learn_from_is_refused(learner: Learner, count: int, labels: bool | None, said: str) -> None:  # noqa: FBT001
    """No rows, a handful of rows, or one label end with a sentence."""
    some = BLOCKS["train"]
    positive = some.positive[:count] if labels is None else np.full(count, labels)

    with pytest.raises(DataError, match=said):
        fit(learner, Reviews(some.titles[:count], some.texts[:count], positive))


def test_no_validation_rows_leave_a_shorter_history(learner: Learner) -> None:
    """A tiny set may have no validation row; training still works."""
    some = BLOCKS["train"]
    history = fit(
        learner, Reviews(some.titles[:40], some.texts[:40], some.positive[:40]), Reviews([], [], np.zeros(0, np.bool_))
    ).history

    assert {"train_log_loss", "train_accuracy"} == set(history[-1].metrics)


def _change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _describe(folder: Path, **changes: object) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _foreign(folder: Path) -> None:
    (folder / "pipeline.skops").write_bytes(b"no zip at all")
    _describe(folder, sha256={})


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (lambda f: (f / "model.json").unlink(), ModelError, "model.json is missing"),
        (lambda f: (f / "vocabulary.json").unlink(), ModelError, "vocabulary.json is missing"),
        (lambda f: _change(f / "pipeline.skops"), ModelError, "has changed since it was saved"),
        (lambda f: (f / "model.json").write_text("{"), ModelError, "is damaged"),
        (lambda f: _describe(f, format=99), ModelError, "has format 99"),
        (lambda f: _describe(f, learner="later"), UsageError, "does not know"),
        (_foreign, ModelError, "could not be loaded"),
    ],
)
def test_a_damaged_model_is_refused(tfidf_folder: Path, damage, error: type[Exception], said: str) -> None:  # type: ignore[no-untyped-def]
    """A missing file, a flipped byte, another format or an unknown learner: each has its sentence."""
    damage(tfidf_folder)

    with pytest.raises(error, match=said):
        load_model(tfidf_folder)


def test_settings_choose_the_learner_and_its_parameters() -> None:
    """The learner's parameters are settings, and they are what is logged."""
    learner = make_learner(
        load_settings({"REVIEWS_LEARNER": "tfidf", "REVIEWS_TFIDF_C": "2", "REVIEWS_SEED": "3"}, env_file=None)
    )

    assert ("tfidf", 2.0, 3) == (learner.name, learner.parameters["c"], learner.parameters["seed"])
    hashed = make_learner(load_settings({"REVIEWS_HASHED_BITS": "18", "REVIEWS_HASHED_EPOCHS": "5"}, env_file=None))
    assert ("hashed", 18, 5) == (hashed.name, hashed.parameters["bits"], hashed.parameters["epochs"])
