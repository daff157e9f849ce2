"""The demo: what a newcomer sees first."""

import pytest

from tests.conftest import Workspace


@pytest.fixture
def demo(tracked: Workspace) -> Workspace:
    tracked.set(REVIEWS_BATCHES="6")
    return tracked


def test_the_story_of_the_demo(demo: Workspace) -> None:
    """Two models, the second promoted, predictions, what to type next; again it does no harm."""
    first = demo.run("pipeline.demo", "--source", "synthetic:12000@7")
    data = demo.ok("pipeline.demo", "--source", "synthetic:12000@7")
    rounds = list(data["rounds"].values())

    assert 0 == first.code, first.err
    assert "version 1" in first.out
    assert "version 2" in first.out
    assert "make model-predict title=" in first.out
    assert "accuracy says nothing about real ones" in first.out
    assert ["0", "0-4"] == list(data["rounds"])
    assert all(found["train"]["skipped"] for found in rounds)
    assert (
        rounds[1]["evaluate"]["metrics"]["accuracy"]
        > rounds[0]["evaluate"]["metrics"]["accuracy"] - 0.02
    )
    assert ["positive", "negative"] == [found["label"] for found in data["predictions"][:2]]
    assert 2 == int(
        demo.mlflow().get_model_version_by_alias("amazon-reviews-sentiment", "champion").version
    )


def test_the_demo_does_not_replace_real_reviews(workspace: Workspace) -> None:
    """Where somebody has ingested reviews, the demo asks before generated ones replace them."""
    lines = "".join(f'"{i % 2 + 1}","title {i}","text {i}"\n' for i in range(200))
    (workspace.path / "mine.csv").write_text(lines)
    workspace.ok("data.ingest", "--source", "mine.csv")
    refused = workspace.run("pipeline.demo")

    assert 2 == refused.code
    assert "data holds reviews of mine.csv; the demo would replace them" in refused.err
    assert "REVIEWS_DATA_DIR=data/demo" in refused.err


def test_pipelines_in_one_process(workspace: Workspace) -> None:
    """`run` answers with every step's object, and skips everything a second time."""
    for skipped in (False, True):
        ingested = workspace.ok("pipeline.run", "ingest", "--source", "synthetic:2000@3")
        trained = workspace.ok("pipeline.run", "train", "--batches", "0-1")
        assert ["ingest", "validate", "split_batches"] == list(ingested)
        steps = "preprocess_batch preprocess_test train evaluate reference promote"
        assert steps.split() == list(trained)
        assert [skipped] * 4 == [ingested[name]["skipped"] for name in ingested] + [
            trained["train"]["skipped"]
        ]
    forced = workspace.ok("pipeline.run", "train", "--batches", "0-1", "--force")
    assert 2 == forced["train"]["model_version"]


def test_a_pipeline_stops_at_the_step_that_fails(workspace: Workspace) -> None:
    """Data over its limits is not split."""
    workspace.set(REVIEWS_MAX_EMPTY_TITLE="0")
    result = workspace.run("pipeline.run", "ingest", "--source", "synthetic:500@3")

    assert 3 == result.code
    assert "REVIEWS_MAX_EMPTY_TITLE" in result.err
    assert not (workspace.data / "batches").exists()
