"""The learning curve, the reproduction of a version, and the findings in the data."""

import json

import polars as pl
import pytest

from src.model.core.artifact import DESCRIPTION
from src.model.core.digest import sha256
from src.model.core.names import DIGEST_TAG
from src.model.core.text import clean_field
from tests.conftest import Workspace


def test_the_curve_shows_what_each_batch_added(tracked: Workspace, small: Workspace) -> None:
    """A point per batch, gains, an answer, a plot and a run, and nothing is registered."""
    answer = small.ok("pipeline.curve", "--batches", "0 1")
    shown = small.run("pipeline.curve", "--batches", "0 1").out
    client = tracked.mlflow()
    (experiment,) = (e for e in client.search_experiments() if e.name == "amazon-reviews-training")
    runs = client.search_runs([experiment.experiment_id], "tags.step = 'curve'")
    first, second = answer["points"]

    assert (1, 2, None) == (first["batches"], second["batches"], first["gain"])
    assert first["rows"] < second["rows"]
    assert second["accuracy"] - first["accuracy"] == pytest.approx(
        second["gain"]["accuracy_difference"]
    )
    assert answer["answer"].startswith(("Yes: from", "No: from"))
    assert "Is retraining still worth it?" in shown
    assert 2 == len(client.get_metric_history(runs[0].info.run_id, "curve.accuracy"))
    assert {"curve.json", "plots"} == {
        item.path for item in client.list_artifacts(runs[0].info.run_id)
    }
    assert (small.data / "reports/curve.png").read_bytes().startswith(b"\x89PNG")
    assert small.context().registry.get(1) is None
    assert [] == [path.name for path in (small.path / "cache").glob("tmp*")]


def test_one_batch_makes_no_curve(small: Workspace) -> None:
    """Exit code 2 and an example."""
    refused = small.run("pipeline.curve", "--batches", "0")

    assert (2, True) == (refused.code, "make model-curve batches=0-4" in refused.err)


@pytest.mark.parametrize("learner", ["hashed", "tfidf"])
def test_a_version_can_be_rebuilt_bit_by_bit(small: Workspace, learner: str) -> None:
    """Whatever the settings are now: the version's own parameters decide."""
    small.set(REVIEWS_LEARNER=learner, REVIEWS_SEED="7")
    small.ok("pipeline.train", "--batches", "0")
    small.set(
        REVIEWS_LEARNER="hashed", REVIEWS_SEED="8", REVIEWS_HASHED_EPOCHS="1", REVIEWS_TFIDF_C="2"
    )
    answer = small.ok("pipeline.reproduce", "--model-version", "1")

    assert (True, [], []) == (
        answer["identical"],
        answer["differences"],
        answer["provenance_differences"],
    )


def test_a_warm_start_can_be_rebuilt_too(small: Workspace) -> None:
    """The version it went on from is fetched and gone on from again."""
    small.ok("pipeline.train", "--batches", "0")
    small.ok("pipeline.train", "--batches", "0 1", "--warm-start", "1")

    assert small.ok("pipeline.reproduce", "--model-version", "2")["identical"]


def test_what_differs_is_said_exactly(small: Workspace) -> None:
    """Weights that are not those of the record: exit 4, the files, and how far answers differ."""
    import shutil

    from src.model.core.models import load_artifact
    from src.model.core.models.hashed import SentimentClassifier

    small.ok("pipeline.train", "--batches", "0")
    context = small.context()
    version = context.registry.get(1)
    assert version is not None
    folder = context.registry.fetch(version)
    model, artifact = load_artifact(folder)
    assert isinstance(model, SentimentClassifier)
    training = artifact.training.model_copy(update={"code_sha256": "0" * 64})
    model.pruned(700_000).save(folder, training)
    shutil.make_archive(str(small.data / "models/1"), "zip", folder)
    context.registry.tag(1, {DIGEST_TAG: sha256(folder / DESCRIPTION)})
    result = small.run("pipeline.reproduce", "--model-version", "1", "--json")
    shown = small.run("pipeline.reproduce", "--model-version", "1").out

    assert 4 == result.code, result.err
    assert (False, True) == (result.json["identical"], result.json["retrained"])
    assert {"SHA-256 of model.safetensors", "answers on the test rows", "packing"} <= {
        difference["what"] for difference in result.json["differences"]
    }
    assert ["code_sha256"] == [d["what"] for d in result.json["provenance_differences"]]
    assert "Not identical" in shown
    assert "what may explain it" in shown


def test_other_data_is_not_trained_on(small: Workspace) -> None:
    """Exit 3, the file, both digests, and no training."""
    small.ok("pipeline.train", "--batches", "0")
    small.ok("data.ingest", "--source", "synthetic:2000@4")
    small.ok("data.split_batches")
    small.ok("data.preprocess_batch", "--batch", "0")
    result = small.run("pipeline.reproduce", "--model-version", "1", "--json")
    missing = small.run("pipeline.reproduce", "--model-version", "5")

    assert (3, False) == (result.code, result.json["retrained"])
    assert ["processed/train_batch_0.parquet"] == [d["what"] for d in result.json["differences"]]
    assert (2, True) == (missing.code, "There is no model version 5" in missing.err)


def test_findings_name_near_duplicates_and_suspicious_labels(
    tracked: Workspace, workspace: Workspace
) -> None:
    """Reviews with a changed word or label are among what people are given to look at."""
    workspace.ok("data.ingest", "--source", "synthetic:4000@3?label_noise=0")
    rows = pl.read_parquet(workspace.data / "raw/train.parquet").select("polarity", "title", "text")
    twins = rows.head(20).with_columns(text=pl.col("text") + " Anyway.")
    wrong = rows.tail(40).with_columns(polarity=3 - pl.col("polarity"))
    folder = workspace.path / "reviews"
    folder.mkdir()
    pl.concat([rows.head(-40), twins, wrong]).write_csv(folder / "train.csv")
    pl.read_parquet(workspace.data / "raw/test.parquet").select(
        "polarity", "title", "text"
    ).write_csv(folder / "test.csv")
    workspace.set(REVIEWS_BATCHES="2")
    workspace.ok("data.ingest", "--source", str(folder))
    for words in (("split_batches",), ("preprocess_batch", "--batch", "all"), ("preprocess_test",)):
        workspace.ok(f"data.{words[0]}", *words[1:])
    answer = workspace.ok("pipeline.findings", "--rows", "60")
    suspicious = pl.read_csv(workspace.data / "reports/suspicious_rows.csv")
    near = pl.read_csv(workspace.data / "reports/near_duplicates.csv")
    client = tracked.mlflow()
    (experiment,) = (e for e in client.search_experiments() if e.name == "amazon-reviews-training")
    (run,) = client.search_runs([experiment.experiment_id], "tags.step = 'findings'")

    assert answer["near_duplicate_rows"] >= 40
    assert set(map(clean_field, twins["text"])) <= set(near["text"])
    assert len(set(suspicious["text"]) & set(map(clean_field, wrong["text"]))) >= 30
    assert list(range(1, suspicious.height + 1)) == suspicious["rank"].to_list()
    assert suspicious["probability_of_label"].is_sorted()
    assert {"negative", "positive"} == set(suspicious["label"])
    assert answer["suspicious_labels"] == run.data.metrics["findings.suspicious_labels"]
    assert {k: v for k, v in answer.items() if k != "step"} == json.loads(
        (workspace.data / "reports/findings.json").read_text()
    )
