"""Runs, versions and aliases: MLflow on SQLite, its server and plain files promise the same."""

import json
import subprocess
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from src.model.core.errors import TrackingError, UsageError
from src.model.core.settings import TfidfSettings
from src.model.data.synthetic import generate, parse
from src.model.files.mlflow_database import refuse_percent
from src.model.learners.base import Reviews
from src.model.learners.tfidf import TfidfLearner
from src.model.tracking.base import DataSet, Version, resolve
from src.model.training.examples import reviews
from tests.conftest import Workspace, training
from tests.integration.conftest import MlflowServer

TRAIN: Reviews = reviews(next(generate(parse("synthetic:400@2")))[1])
SETTINGS = TfidfSettings(max_features=2_000, min_df=2, c=4.0)
MODEL = TfidfLearner(SETTINGS, 1).fit(lambda: iter([TRAIN]), TRAIN, lambda *_: None).model
EXPECTED = MODEL.read(TRAIN.titles, TRAIN.texts).probability


@pytest.fixture(params=["files", "sqlite", "server"])
def place(request: pytest.FixtureRequest, workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace whose registry is one of the three, with a saved model beside it."""
    MODEL.save(tmp_path / "model", training())
    if request.param == "sqlite":
        request.getfixturevalue("tracked")
    elif request.param == "server":
        server: MlflowServer = request.getfixturevalue("mlflow_server")
        workspace.set(MLFLOW_TRACKING_URI=server.address)
    return workspace


def register(place: Workspace, **tags: str) -> Version:
    context = place.context()
    with context.tracker.start("train", {"step": "train"}) as run:
        return context.registry.register(run, place.path / "model", tags)


def test_versions_count_up_and_are_found(place: Workspace) -> None:
    """Versions are numbered from 1, found by number and by fingerprint, and carry their tags."""
    registry = place.context().registry
    assert registry.find("a") is None
    assert registry.get(1) is None
    first, second, third = (register(place, fingerprint=mark) for mark in ("a", "b", "a"))

    assert [1, 2, 3] == [first.number, second.number, third.number]
    found = registry.find("a")
    assert found is not None
    assert 3 == found.number
    registry.tag(2, {"gate": "kept"})
    again = registry.get(2)
    assert again is not None
    assert {"fingerprint": "b", "gate": "kept"} == dict(again.tags)
    assert second.run_id == again.run_id
    assert registry.get(9) is None


def test_aliases_move(place: Workspace) -> None:
    """An alias points to one version at a time, and a version knows its aliases."""
    registry = place.context().registry
    assert registry.by_alias("champion") is None
    register(place)
    register(place)
    registry.set_alias("champion", 1)
    registry.set_alias("champion", 2)
    registry.set_alias("challenger", 2)

    champion = registry.by_alias("champion")
    assert champion is not None
    assert (2, {"champion", "challenger"}) == (champion.number, set(champion.aliases))
    assert 2 == resolve(registry, "champion").number == resolve(registry, "2").number


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("champion", "No model version is the champion yet"),
        ("7", "no model version 7"),
        ("banana", "is no model version"),
    ],
)
def test_what_does_not_resolve_is_explained(place: Workspace, reference: str, said: str) -> None:
    """An alias nobody holds, a number that is not there, a word that is neither."""
    with pytest.raises(UsageError, match=said):
        resolve(place.context().registry, reference)


def test_a_challenger_without_a_champion_is_named(place: Workspace) -> None:
    """Who has a version that was kept back is told how to use it, and how to let it pass."""
    registry = place.context().registry
    register(place)
    registry.set_alias("challenger", 1)

    with pytest.raises(UsageError) as caught:
        resolve(registry, "champion")
    assert "Version 1 is the challenger: targets that read model_version= " in caught.value.hint
    assert "make model-promote" in caught.value.hint


def test_a_fetched_model_is_the_registered_one(place: Workspace) -> None:
    """What comes back has the same files, and gives bit-equal probabilities."""
    from src.model.core.models import load_model

    version = register(place)
    folder = place.context().registry.fetch(version)
    model = load_model(folder)

    assert {"model.json", "model.safetensors"} == {path.name for path in folder.iterdir()}
    assert EXPECTED.tolist() == model.read(TRAIN.titles, TRAIN.texts).probability.tolist()


def test_mlflow_can_load_the_model_itself(tracked: Workspace) -> None:
    """MLflow's own loader gives label and probability for title and text, bit-equal to ours."""
    MODEL.save(tracked.path / "model", training())
    register(tracked)
    loaded = mlflow.pyfunc.load_model("models:/amazon-reviews-sentiment/1")
    frame = pd.DataFrame({"title": list(TRAIN.titles), "text": list(TRAIN.texts)})
    answer = loaded.predict(frame)

    assert ["label", "probability"] == list(answer.columns)
    assert EXPECTED.tolist() == answer["probability"].tolist()
    assert set(answer["label"]) == {"negative", "positive"}
    assert ["title", "text"] == loaded.metadata.signature.inputs.input_names()


def test_a_manifest_is_recorded_once(tracked: Workspace) -> None:
    """A data step is a run with its manifest as artifact; running it again adds no second one."""
    for _ in range(2):
        tracked.ok("data.ingest", "--source", "synthetic:300@1")
    client = tracked.mlflow()
    experiment = client.get_experiment_by_name("amazon-reviews-training")
    (run,) = client.search_runs([experiment.experiment_id])
    stored = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/manifest.json")

    assert ("FINISHED", "ingest", 300.0) == (
        run.info.status,
        run.data.tags["step"],
        run.data.metrics["rows.train"],
    )
    assert stored == json.loads((tracked.data / "raw/manifest.json").read_text())


def test_a_run_that_fails_is_marked_failed(tracked: Workspace) -> None:
    """An exception inside a run ends it as failed, and comes out unchanged."""
    context = tracked.context()
    with pytest.raises(ZeroDivisionError), context.tracker.start("x", {}) as run:
        assert np.isfinite(1 / 0)
    status = tracked.mlflow().get_run(run.id).info.status

    assert "FAILED" == status


def test_a_store_that_is_no_store(workspace: Workspace) -> None:
    """An address MLflow cannot use ends with exit code 5, without the password in it."""
    workspace.set(MLFLOW_TRACKING_URI="postgresql://user:hunter2@127.0.0.1:9/mlflow")
    with pytest.raises(TrackingError) as caught:
        workspace.context().tracker.check()

    assert "hunter2" not in str(caught.value)
    assert "make mlflow-up" in caught.value.hint


def test_a_quote_in_the_name_of_the_data_folder(tracked: Workspace) -> None:
    """What MLflow is told of the data is JSON, whatever the folder is called."""
    context = tracked.context()
    place = 'my "data" \\ folder/processed/train_batch_0.parquet'
    with context.tracker.start("train", {"step": "train"}) as run:
        run.inputs([DataSet("train_batch_0", place, "a" * 64, 7, "training")])
    (entry,) = tracked.mlflow().get_run(run.id).inputs.dataset_inputs

    assert place == json.loads(entry.dataset.source)["uri"]
    assert {"num_rows": 7} == json.loads(entry.dataset.profile)


def test_first_uses_of_one_database_at_once(workspace: Workspace) -> None:
    """Whoever comes first makes the tables; the others wait for them."""
    workspace.set(MLFLOW_TRACKING_URI="sqlite:///mlflow.db")
    started = [
        subprocess.Popen(
            workspace.command("pipeline.predict", "--title", "x"),
            cwd=workspace.path, env=workspace.environment(), stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    said = [process.communicate(timeout=120)[1] for process in started]

    assert [2, 2, 2] == [process.returncode for process in started], said
    assert all("No model version is the champion" in text for text in said), said
    assert not any("Traceback" in text or "cannot be used" in text for text in said), said


def test_mlflow_below_a_folder_with_a_percent_sign(tmp_path: Path) -> None:
    """Its migrations cannot be found there: a sentence says so, in the place of a traceback."""
    with pytest.raises(UsageError, match="there is a % in the path"):
        refuse_percent(tmp_path / "50% off/lib/mlflow/__init__.py")
    refuse_percent(tmp_path / "mlflow/__init__.py")
