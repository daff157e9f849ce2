"""Which model the API serves, where it comes from, and what becomes of it when something fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workspace, training
from tests.integration.api_process import (
    Api,
    model_of,
    probability_of,
    put_model,
    ready,
    running,
)
from tests.integration.conftest import MlflowServer
from tests.integration.processes import kill_family, until


def version(api: Api) -> str:
    return str(api.client.get("/api/v1/model").json().get("version", ""))


def warnings(api: Api, event: str) -> list[dict[str, Any]]:
    """The JSON lines of that event in what the API has logged."""
    lines = [json.loads(line) for line in api.said().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def test_a_new_model_is_swapped_in_and_a_damaged_one_is_not(folder: Path) -> None:
    """The API follows its folder, and goes on with the last good model where one is damaged."""
    with ready(folder) as api:
        first = api.predict().json()
        second = put_model(folder / "model", 2, "2")
        until(lambda: version(api) == "2")
        swapped = api.predict().json()
        weights = (folder / "model/model.safetensors").read_bytes()
        description = json.loads((folder / "model/model.json").read_text()) | {"bits": 15}
        (folder / "model/model.json").write_text(json.dumps(description))
        (folder / "model/model.safetensors").write_bytes(weights[:-1])
        until(lambda: api.looks("refused") >= 1)
        kept = api.predict().json()

    assert "1" == first["model"]["version"]
    assert ("2", probability_of(second)) == (swapped["model"]["version"], swapped["probability"])
    assert ("2", swapped["probability"]) == (kept["model"]["version"], kept["probability"])


def test_no_model_is_not_ready_and_says_so(tmp_path: Path) -> None:
    """Alive, not ready, 503 with what to do; ready as soon as a model is exported."""
    (tmp_path / "model").mkdir()
    with running(tmp_path) as api:
        until(lambda: api.looks("absent") >= 2)
        before = api.client.get("/health/ready"), api.predict(), api.client.get("/health/live")
        said = api.said()
        put_model(tmp_path / "model", 1, "1")
        until(api.is_ready)
        after = api.predict()

    assert [503, 503, 200] == [answer.status_code for answer in before]
    assert "No model is loaded yet" in before[1].json()["detail"]
    assert "make model-export" in before[1].json()["detail"]
    assert 1 == said.count("make model-export puts the champion there")
    assert 200 == after.status_code


@pytest.mark.parametrize("kind", ["a file in its place", "below a file"])
def test_a_cache_that_cannot_be_written(folder: Path, kind: str) -> None:
    """The model is served from memory, and so is the next one; one line says it, once."""
    (folder / "file").write_text("no folder")
    place = folder / "file" if kind == "a file in its place" else folder / "file/cache"
    with ready(folder, REVIEWS_API_CACHE_DIR=str(place), REVIEWS_LOG_FORMAT="json") as api:
        until(lambda: warnings(api, "model served from memory alone"))
        first = api.predict().json()
        second = put_model(folder / "model", 2, "2")
        until(lambda: version(api) == "2")
        swapped = api.predict().json()
        until(lambda: api.looks("unchanged") >= 3)
        said = warnings(api, "model served from memory alone")
        refused = api.looks("refused")
        loaded = api.looks("loaded")

    assert [probability_of(model_of(1)), probability_of(second)] == [
        answer["probability"] for answer in (first, swapped)
    ]
    assert (0, 2) == (refused, loaded)
    assert [("warning", "champion")] == [(line["level"], line["slot"]) for line in said]
    assert "the cache cannot be written" in said[0]["reason"]
    assert "REVIEWS_API_CACHE_DIR" in said[0]["hint"]
    assert "no folder" == (folder / "file").read_text()


def test_it_follows_an_alias_in_mlflow_and_outlives_it(
    workspace: Workspace, mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    """It follows a promotion and a rollback, and serves on when MLflow ends and it starts anew."""
    from src.model.learners.counts import COUNTS

    workspace.set(MLFLOW_TRACKING_URI=mlflow_server.address)
    registry, tracker = workspace.context().registry, workspace.context().tracker
    for seed in (1, 2):
        made = tmp_path / f"made{seed}" / "model"
        model_of(seed).save(made, training(fingerprint=f"f{seed}"))
        (made / COUNTS).write_bytes(b"not needed to serve")
        with tracker.start(f"train {seed}", {}) as run:
            registry.register(run, made, {"fingerprint": f"f{seed}", "test.accuracy": "0.9"})
    registry.set_alias("champion", 1)
    expected = [probability_of(model_of(seed)) for seed in (1, 2)]

    with running(tmp_path, MLFLOW_TRACKING_URI=mlflow_server.address) as api:
        until(lambda: version(api) == "1")
        about = api.client.get("/api/v1/model").json()
        first = api.predict().json()["probability"]
        registry.set_alias("champion", 2)
        until(lambda: version(api) == "2")
        second = api.predict().json()["probability"]
        registry.set_alias("champion", 1)
        until(lambda: version(api) == "1")
        kill_family(mlflow_server.process)
        until(lambda: api.looks("unreachable") >= 1)
        alone = api.predict().json()["probability"]
    with ready(tmp_path, MLFLOW_TRACKING_URI=mlflow_server.address) as api:
        restarted = api.predict().json()

    assert ("champion", mlflow_server.address, "f1", {"accuracy": 0.9}) == tuple(
        about[name] for name in ("alias", "source", "data_digest", "metrics")
    )
    assert [expected[0], expected[1], expected[0]] == [first, second, alone]
    assert (expected[0], "1") == (restarted["probability"], restarted["model"]["version"])


def test_a_registered_version_is_exported_for_it(champion: Workspace) -> None:
    """`export` writes model, version and card, of whatever learner, and the API serves them."""
    answer = champion.ok("pipeline.export")
    known = json.loads((champion.data / "model/export.json").read_text())
    written = _names(champion.data / "model")
    champion.set(REVIEWS_LEARNER="tfidf")
    champion.ok("pipeline.train", "--batches", "0")
    other = champion.ok("pipeline.export", "--model-version", "2", "--output", "model")
    expected = champion.ok(
        "pipeline.predict", "--title", "Great", "--message", "I love it", "--model-version", "2"
    )
    with ready(champion.path) as api:
        served = api.predict(title="Great", message="I love it").json()

    assert (1, "data/model") == (answer["model_version"], answer["folder"])
    assert {"card.html", "export.json", "model.json", "model.safetensors"} == written
    assert ("1", True) == (known["version"], known["metrics"]["accuracy"] > 0.5)
    assert (2, "model") == (other["model_version"], other["folder"])
    # Version 2 has not been evaluated, so it has no card.
    assert {"export.json", "model.json", "model.safetensors"} == _names(champion.path / "model")
    assert ("2", expected["probability"]) == (served["model"]["version"], served["probability"])


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}
