"""What every learner keeps to, tfidf and hashed alike."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from src.model.core.errors import DataError, ModelError
from src.model.core.models import load_artifact
from src.model.core.records import Scalar
from src.model.core.served_model import ServedModel
from src.model.core.settings import HashedSettings, TfidfSettings, load_settings
from src.model.data.synthetic import generate, parse
from src.model.learners import make_learner, recorded_settings
from src.model.learners.base import Fitted, Learner, Reviews
from src.model.learners.hashed import HashedLearner
from src.model.learners.tfidf import TfidfLearner
from src.model.training.examples import reviews
from tests.conftest import training

TFIDF = TfidfLearner(TfidfSettings(max_features=5_000, min_df=2, c=4.0), seed=1)
BLOCKS = {split: reviews(frame) for split, frame in generate(parse("synthetic:3000@5"))}


@pytest.fixture(scope="module", params=["tfidf", "hashed"])
def learner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Learner:
    if request.param == "tfidf":
        return TFIDF
    cache = tmp_path_factory.mktemp("features")
    pace = HashedSettings(bits=16, ngrams=3, smoothing=1.0)
    return HashedLearner(pace, abstain_accuracy=0.97, seed=1, cache_dir=cache)


def fit(learner: Learner, train: Reviews, validation: Reviews = BLOCKS["test"]) -> Fitted:
    def halves() -> Iterator[Reviews]:
        for part in (slice(0, len(train) // 2), slice(len(train) // 2, None)):
            yield Reviews(train.titles[part], train.texts[part], train.positive[part])

    return learner.fit(halves, validation, lambda *_: None)


def read(model: ServedModel, titles: Sequence[str], texts: Sequence[str]) -> dict[str, list[float]]:
    """Return the readings as lists, which can be compared."""
    return {name: found.tolist() for name, found in vars(model.read(titles, texts)).items()}


@pytest.fixture(scope="module")
def fitted(learner: Learner) -> Fitted:
    return fit(learner, BLOCKS["train"])


@pytest.fixture
def folder(fitted: Fitted, tmp_path: Path) -> Path:
    fitted.model.save(tmp_path / "model", training())
    return tmp_path / "model"


@pytest.fixture(scope="module")
def tfidf() -> Fitted:
    return fit(TFIDF, BLOCKS["train"])


def test_it_learns(fitted: Fitted) -> None:
    """On reviews it has not seen it is right far more often than by chance."""
    test = BLOCKS["test"]
    predicted = fitted.model.read(test.titles, test.texts).probability >= 0.5

    assert (predicted == test.positive).mean() > 0.85


def test_the_learning_curve_grows_by_rows(tfidf: Fitted) -> None:
    """The history has losses of both splits at growing numbers of rows, up to all of them."""
    assert [300, 750, 1500, 3000] == [point.step for point in tfidf.history]
    assert all(point.metrics["validation_log_loss"] > 0 for point in tfidf.history)


def test_learning_twice_gives_the_same_numbers(learner: Learner, fitted: Fitted) -> None:
    """Equal rows and seed make an equal model."""
    again = fit(learner, BLOCKS["train"])
    texts = BLOCKS["test"].texts

    assert read(fitted.model, texts, texts) == read(again.model, texts, texts)


def test_a_saved_model_gives_the_same_numbers(fitted: Fitted, folder: Path) -> None:
    """Loading gives bit-equal readings and explanations, of the same kind, with the record."""
    test = BLOCKS["test"]
    model, artifact = load_artifact(folder)
    before, after = (read(m, test.titles, test.texts) for m in (fitted.model, model))

    assert before == after
    assert fitted.model.explain("So so", "not good") == model.explain("So so", "not good")
    assert fitted.model.kind == model.kind
    assert training() == artifact.training


def test_raw_and_clean_reviews_score_alike(fitted: Fitted) -> None:
    """The model cleans what it is given, so callers need not."""
    raw = read(fitted.model, ["It&#39;s  great"], ["not bad\\nat all"])
    clean = read(fitted.model, ["It's great"], ["not bad at all"])

    assert raw == clean


def test_contributions_add_up_to_the_logit(fitted: Fitted) -> None:
    """The n-grams' weights and the intercept are the whole decision."""
    found = fitted.model.explain("Great", "It broke, but I still love it")
    (score,) = fitted.model.read(["Great"], ["It broke, but I still love it"]).probability
    sizes = [abs(part.weight) for part in found.contributions]

    assert np.log(score / (1 - score)) == pytest.approx(found.log_odds, abs=1e-6)
    assert found.exact
    assert sorted(sizes, reverse=True) == sizes


def test_ngrams_do_not_cross_from_title_to_text(fitted: Fitted) -> None:
    """`not` at a title's end and `good` at a text's start are no `not good`."""
    crossing, inside = (
        {part.ngram for part in fitted.model.explain(*review).contributions}
        for review in (("It is not", "good"), ("", "It is not good"))
    )

    assert "not good" not in crossing
    assert "not good" in inside


def test_nothing_to_score_scores_nothing(fitted: Fitted) -> None:
    """An empty block is no error."""
    assert all([] == values for values in read(fitted.model, [], []).values())


@pytest.mark.parametrize(
    ("count", "labels", "said"),
    [
        (0, None, "0 training rows are too few"),
        (3, None, "3 training rows are too few"),
        (50, True, "are positive"),
        (50, False, "are negative"),
    ],
)
def test_too_little_to_learn_from_is_refused(
    learner: Learner,
    count: int,
    labels: bool | None,  # noqa: FBT001
    said: str,
) -> None:
    """No rows, a handful of rows, or one label end with a sentence."""
    some = BLOCKS["train"]
    positive = some.positive[:count] if labels is None else np.full(count, labels)

    with pytest.raises(DataError, match=said):
        fit(learner, Reviews(some.titles[:count], some.texts[:count], positive))


@pytest.mark.parametrize("texts", [["* * *"] * 40, [f"word{n}" for n in range(400)]])
def test_rows_without_a_vocabulary_are_refused(texts: list[str]) -> None:
    """Where no n-gram is there, or none occurs twice, that is a sentence and no traceback."""
    positive = np.arange(len(texts)) % 2 == 0

    with pytest.raises(DataError, match="no vocabulary to learn"):
        fit(TFIDF, Reviews([""] * len(texts), texts, positive))


def test_no_validation_rows_leave_a_shorter_history(learner: Learner) -> None:
    """A tiny set may have no validation row; training still works."""
    some = BLOCKS["train"]
    history = fit(
        learner,
        Reviews(some.titles[:40], some.texts[:40], some.positive[:40]),
        Reviews([], [], np.zeros(0, np.bool_)),
    ).history

    assert {"train_log_loss", "train_accuracy"} == set(history[-1].metrics)


def test_settings_choose_the_learner_and_its_parameters() -> None:
    """The learner's parameters are settings, and they are what is logged."""
    learner = make_learner(
        load_settings(
            {"REVIEWS_LEARNER": "tfidf", "REVIEWS_TFIDF_C": "2", "REVIEWS_SEED": "3"}, env_file=None
        )
    )

    assert ("tfidf", 2.0, 3) == (learner.name, learner.parameters["c"], learner.parameters["seed"])
    hashed = make_learner(
        load_settings({"REVIEWS_HASHED_BITS": "18", "REVIEWS_HASHED_EPOCHS": "5"}, env_file=None)
    )
    assert ("hashed", 18, 5) == (
        hashed.name,
        hashed.parameters["bits"],
        hashed.parameters["epochs"],
    )


def test_a_model_is_trained_anew_from_its_record(learner: Learner) -> None:
    """What is recorded of a learner makes the same learner, whatever the settings are now."""
    mine = {f"{learner.name}.{key}": value for key, value in learner.parameters.items()}
    other = load_settings({"REVIEWS_SEED": "9", "REVIEWS_HASHED_NGRAMS": "1"}, env_file=None)
    again = make_learner(recorded_settings({"learner": learner.name, **mine}, other))

    assert (learner.name, learner.parameters) == (again.name, again.parameters)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "names the learner 'None', which is not known"),
        ({"learner": "later"}, "names the learner 'later', which is not known"),
        ({"learner": "hashed", "hashed.bits": 27}, r"cannot be used: hashed\.bits"),
        ({"learner": "tfidf", "tfidf.c": "many"}, r"cannot be used: tfidf\.c"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(parameters: dict[str, Scalar], said: str) -> None:
    """No learner, another's, or parameters out of their bounds: each has its sentence."""
    with pytest.raises(ModelError, match=said):
        recorded_settings(parameters, load_settings({}, env_file=None))
