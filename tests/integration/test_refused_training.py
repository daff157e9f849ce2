"""Training that cannot work ends in a sentence and the right exit code, and changes no data."""

from pathlib import Path

import pytest

from tests.conftest import Workspace


def prepare(workspace: Workspace, lines: list[str]) -> None:
    Path("reviews").mkdir()
    Path("reviews/train.csv").write_text("".join(lines))
    Path("reviews/test.csv").write_text('"1","t","bad"\n"2","t","good"\n')
    workspace.set(REVIEWS_BATCHES="1")
    workspace.ok("data.ingest", "--source", "reviews")
    workspace.ok("data.split_batches")
    workspace.ok("data.preprocess_batch", "--batch", "0")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([f'"{1 + n % 2}","t","text {n}"\n' for n in range(3)], "training rows are too few"),
        ([f'"2","t","text {n}"\n' for n in range(60)], "training rows are positive"),
    ],
)
def test_too_few_rows_or_one_label_is_bad_data(
    workspace: Workspace, lines: list[str], said: str
) -> None:
    """Exit 3, a sentence, no model."""
    prepare(workspace, lines)
    refused = workspace.run("pipeline.train", "--batches", "0")

    assert 3 == refused.code
    assert said in refused.err
    assert workspace.context().registry.get(1) is None


def test_diverging_training_stops_and_keeps_the_data(small: Workspace) -> None:
    """Exit 4, the way out named, nothing registered, no file left; a lower rate works at once."""
    before = {path.name: path.read_bytes() for path in (small.data / "processed").iterdir()}
    small.set(REVIEWS_HASHED_LEARNING_RATE="1e30")
    stopped = small.run("pipeline.train", "--batches", "0 1")

    assert 4 == stopped.code
    assert "Lower REVIEWS_HASHED_LEARNING_RATE" in stopped.err
    assert "Traceback" not in stopped.err
    assert small.context().registry.get(1) is None
    assert before == {path.name: path.read_bytes() for path in (small.data / "processed").iterdir()}
    assert [] == list((small.path / "cache/features").iterdir())
    small.set(REVIEWS_HASHED_LEARNING_RATE="20")
    assert 1 == small.ok("pipeline.train", "--batches", "0 1")["model_version"]


def test_a_pruned_model_is_trained_on_demand(small: Workspace) -> None:
    """REVIEWS_HASHED_MAX_BYTES bounds the model; too small a bound is refused with the least."""
    small.set(REVIEWS_HASHED_MAX_BYTES="700000")
    answer = small.ok("pipeline.train", "--batches", "0 1")
    small.set(REVIEWS_HASHED_MAX_BYTES="1000")
    refused = small.run("pipeline.train", "--batches", "0 1")

    assert answer["metrics"]["model.bytes"] <= 700_000
    assert 3 == refused.code
    assert "cannot be smaller than" in refused.err
