"""One model, four ways to ask it: the same bits come out."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import polars as pl
import pytest

from src.model.classifier import SentimentClassifier
from src.model.learners import make_learner
from src.model.learners.hashed import HashedLearner
from src.model.pipeline.inputs import reviews
from src.model.tracking.base import resolve
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
    """1,000 real rows: the features of training, `score`, the classifier alone and MLflow's pyfunc."""
    raw = pl.read_parquet(trained.data / "raw/test.parquet").head(ROWS)
    clean = reviews(pl.read_parquet(trained.data / "processed/test.parquet").head(ROWS))
    context = trained.context()
    folder = context.registry.fetch(resolve(context.registry, "challenger"))
    titles, texts = raw["title"].to_list(), raw["text"].to_list()

    classifier = SentimentClassifier.load(folder)
    served = classifier.predict_proba(titles, texts)
    learner = make_learner(context.settings)
    assert isinstance(learner, HashedLearner)
    in_training = classifier.proba_of(learner._features(clean).buckets)
    raw.select("title", "text").write_parquet("reviews.parquet")
    trained.ok("pipeline.score", "reviews.parquet", "scored.csv", "--model-version", "challenger")
    scored = pl.read_csv("scored.csv")["probability"].to_numpy()
    logged = mlflow.pyfunc.load_model("models:/amazon-reviews-sentiment@challenger")
    frame = logged.predict(pd.DataFrame({"title": titles, "text": texts}))
    one_by_one = [classifier.predict_proba([title], [text])[0] for title, text in zip(titles, texts, strict=True)]

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

    assert (folders[0] / "model.safetensors").read_bytes() == (folders[1] / "model.safetensors").read_bytes()


def test_explanations_of_real_reviews_add_up(trained: Workspace) -> None:
    """On 200 real rows the contributions give the logit to a millionth."""
    context = trained.context()
    classifier = SentimentClassifier.load(context.registry.fetch(resolve(context.registry, "challenger")))
    rows = pl.read_parquet(trained.data / "raw/test.parquet").head(200)
    titles, texts = rows["title"].to_list(), rows["text"].to_list()
    sums = [
        sum(part.weight for part in classifier.explain(title, text)) for title, text in zip(titles, texts, strict=True)
    ]

    assert classifier.logits(titles, texts).tolist() == pytest.approx(sums, abs=1e-6)
