"""Going on from a registered model instead of learning everything anew."""

import pytest

from src.model.core.artifact import read_description
from src.model.learners.counts import COUNTS
from tests.conftest import Workspace


@pytest.fixture
def first(small: Workspace) -> Workspace:
    """A workspace whose version 1 has learned batch 0."""
    small.ok("pipeline.train", "--batches", "0")
    return small


def test_a_warm_start_learns_what_is_new_and_counts_everything(first: Workspace) -> None:
    """Only batch 1 is learned from; counts and record are those of both batches."""
    warm = first.ok("pipeline.train", "--batches", "0 1", "--warm-start", "1")
    cold = first.ok("pipeline.train", "--batches", "0 1")
    again = first.ok("pipeline.train", "--batches", "0 1", "--warm-start", "1")
    registry = first.context().registry
    folders = [registry.fetch(v) for v in map(registry.get, (1, 2, 3)) if v is not None]
    about = [read_description(folder).training for folder in folders]

    assert warm["metrics"]["train.rows"] < cold["metrics"]["train.rows"] * 0.6
    assert warm["metrics"]["validation.rows"] == cold["metrics"]["validation.rows"]
    assert (
        (folders[1] / COUNTS).read_bytes()
        == (folders[2] / COUNTS).read_bytes()
        != (folders[0] / COUNTS).read_bytes()
    )
    first_about, warm_about, cold_about = (found for found in about if found is not None)
    assert (1, first_about.fingerprint) == (
        warm_about.warm_start_version,
        warm_about.parameters["warm_start"],
    )
    assert cold_about.warm_start_version is None
    assert warm_about.inputs == cold_about.inputs
    assert (2, True) == (again["model_version"], again["skipped"])
    assert warm["metrics"]["validation.accuracy"] > 0.8


def test_the_sentence_names_where_it_started(first: Workspace) -> None:
    """People read which version it went on from, and from which batches it learned."""
    shown = first.run("pipeline.train", "--batches", "0 1", "--warm-start", "1").out

    assert "going on from version 1" in shown
    assert "rows of batches 1 in" in shown


@pytest.mark.parametrize(
    ("settings", "words", "said"),
    [
        ({"REVIEWS_LEARNER": "tfidf"}, ("--batches", "0 1"), "The learner tfidf cannot go on"),
        ({"REVIEWS_HASHED_BITS": "20"}, ("--batches", "0 1"), "other settings: bits 22 (now 20)"),
        ({"REVIEWS_HASHED_NGRAMS": "2"}, ("--batches", "0 1"), "other settings: ngrams 3 (now 2)"),
        (
            {"REVIEWS_VALIDATION_SHARE": "0.1"},
            ("--batches", "0 1"),
            "validation_share 0.05 (now 0.1)",
        ),
        ({}, ("--batches", "0"), "has learned from all of these batches already"),
        ({}, ("--batches", "1"), "has learned from processed/train_batch_0.parquet"),
        ({}, ("--batches", "0 1", "--warm-start", "7"), "There is no model version 7"),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused(
    first: Workspace, settings: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    """Exit code 2, the reason, and no new version."""
    first.set(**settings)
    refused = first.run("pipeline.train", "--warm-start", "1", *words)

    assert (2, True) == (refused.code, said in refused.err), refused.err
    assert first.context().registry.get(2) is None


def test_a_pruned_model_is_an_end_product(small: Workspace) -> None:
    """It has no counts to go on from, and says so."""
    small.set(REVIEWS_HASHED_MAX_BYTES="700000")
    small.ok("pipeline.train", "--batches", "0")
    small.set(REVIEWS_HASHED_MAX_BYTES="0")
    refused = small.run("pipeline.train", "--batches", "0 1", "--warm-start", "1")

    assert (2, True) == (refused.code, "saved without its counts" in refused.err)
