"""One model, four ways to ask it: the same bits come out."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import polars as pl
import pytest

from src.model.core.models import load_model
from src.model.core.models.hashed import SentimentClassifier
from src.model.core.reading import sigmoid
from src.model.learners import make_learner
from src.model.learners.hashed import HashedLearner
from src.model.tracking.base import resolve
from src.model.training.examples import reviews
from tests.conftest import Workspace

ROWS = 1_000


@pytest.fixture
def trained(tracked: Workspace, real_data: Path) -> Workspace:
    """A model of one batch of real reviews, registered in MLflow."""
    tracked.ok("pipeline.run", "ingest", "--source", str(real_data))
    tracked.ok("data.preprocess_batch", "--batch", "0 1")
    tracked.ok("data.preprocess_test")
    tracked.ok("pipeline.train", "--batches", "0")
    return tracked


def test_training_scoring_serving_and_mlflow_agree_bit_for_bit(trained: Workspace) -> None:
    """1,000 real rows: training's features, `score`, the classifier alone and MLflow's pyfunc."""
    raw = pl.read_parquet(trained.data / "raw/test.parquet").head(ROWS)
    clean = reviews(pl.read_parquet(trained.data / "processed/test.parquet").head(ROWS))
    context = trained.context()
    folder = context.registry.fetch(resolve(context.registry, "challenger"))
    titles, texts = raw["title"].to_list(), raw["text"].to_list()

    classifier = load_model(folder)
    assert isinstance(classifier, SentimentClassifier)
    served = classifier.read(titles, texts).probability
    learner = make_learner(context.settings)
    assert isinstance(learner, HashedLearner)
    in_training = sigmoid(classifier.logits_of(learner._features(clean).buckets))
    raw.select("title", "text").write_parquet("reviews.parquet")
    trained.ok("pipeline.score", "reviews.parquet", "scored.csv", "--model-version", "challenger")
    scored = pl.read_csv("scored.csv")["probability"].to_numpy()
    logged = mlflow.pyfunc.load_model("models:/amazon-reviews-sentiment@challenger")
    frame = logged.predict(pd.DataFrame({"title": titles, "text": texts}))
    one_by_one = [
        float(classifier.read([title], [text]).probability[0])
        for title, text in zip(titles, texts, strict=True)
    ]

    assert ROWS == served.size
    assert served.tolist() == in_training.tolist()
    assert served.tolist() == scored.tolist()
    assert served.tolist() == frame["probability"].tolist()
    assert served.tolist() == one_by_one
    assert 100 < np.unique(served).size


def test_a_second_training_gives_bit_identical_weights(trained: Workspace) -> None:
    """Same rows, same seed: the weights' file is the same, byte for byte."""
    trained.ok("pipeline.train", "--batches", "0", "--force")
    registry = trained.context().registry
    folders: list[Path] = [registry.fetch(resolve(registry, number)) for number in "12"]

    assert (folders[0] / "model.safetensors").read_bytes() == (
        folders[1] / "model.safetensors"
    ).read_bytes()


def test_explanations_of_real_reviews_add_up(trained: Workspace) -> None:
    """On 200 real rows the contributions give the logit to a millionth."""
    context = trained.context()
    classifier = load_model(context.registry.fetch(resolve(context.registry, "challenger")))
    assert isinstance(classifier, SentimentClassifier)
    rows = pl.read_parquet(trained.data / "raw/test.parquet").head(200)
    titles, texts = rows["title"].to_list(), rows["text"].to_list()
    explained = [classifier.explain(title, text) for title, text in zip(titles, texts, strict=True)]
    sums = [found.log_odds for found in explained]

    assert all(found.exact for found in explained)
    assert classifier.logits(titles, texts).tolist() == pytest.approx(sums, abs=1e-6)
