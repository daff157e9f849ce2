"""The whole job on real reviews, where `REVIEWS_REAL_DATA` names a zip of them."""

from pathlib import Path

import pytest

from tests.conftest import Workspace


@pytest.fixture
def real(workspace: Workspace, real_data: Path) -> Workspace:
    workspace.ok("pipeline.run", "ingest", "--source", str(real_data))
    return workspace


def test_one_batch_of_real_reviews_is_learned(real: Workspace) -> None:
    """A tenth of the rows gives a champion far above chance."""
    answers = real.ok("pipeline.run", "train", "--batches", "0")
    report = answers["evaluate"]["metrics"]

    assert report["accuracy"] > 0.87
    assert report["roc_auc"] > 0.94
    assert "promoted" == answers["promote"]["decision"]


def test_all_batches_reach_the_published_level(real: Workspace) -> None:
    """All rows give at least 91 % on the test rows, what linear models are known to reach on this many reviews."""
    answers = real.ok("pipeline.run", "train", "--batches", "all")

    assert answers["evaluate"]["metrics"]["accuracy"] >= 0.91
    assert answers["train"]["rows"] == answers["preprocess_batch"]["rows"]
    assert answers["preprocess_batch"]["rows_in"] == answers["preprocess_batch"]["rows"] + sum(
        answers["preprocess_batch"]["quarantined"].values()
    )
