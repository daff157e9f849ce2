"""What an evaluation tells about a version."""

import re
from pathlib import Path

import pytest

from tests.conftest import Workspace


def test_figures_slices_behaviour_and_card(tracked: Workspace, small: Workspace) -> None:
    """Intervals as metrics, slices, pass rates, and a card the version's description leads to."""
    small.ok("pipeline.train", "--batches", "0 1")
    answer = small.ok("pipeline.evaluate")
    client = tracked.mlflow()
    version = client.get_model_version("amazon-reviews-sentiment", "1")
    run = client.get_run(version.run_id)
    low, high = answer["intervals"]["accuracy"]
    names = {part["name"] for part in answer["slices"]}
    page = (small.data / "reports/model_card_1.html").read_text()
    link = re.search(
        r"\[Model card\]\(#/experiments/(\d+)/runs/(\w+)/artifacts/(.+)\)", version.description
    )
    stored = {item.path for item in client.list_artifacts(version.run_id, "card")}

    assert low < answer["metrics"]["accuracy"] < high
    assert pytest.approx((low, high)) == (
        run.data.metrics["test.accuracy_low"],
        run.data.metrics["test.accuracy_high"],
    )
    assert {"negation: present", "exclamation: present"} < names
    assert any(name.startswith("category = ") for name in names)
    assert 284 == sum(rate["cases"] for rate in answer["behaviour"])
    assert {"behaviour.minimum", "behaviour.invariance", "behaviour.directional"} <= set(
        run.data.metrics
    )
    assert link is not None
    assert (run.info.experiment_id, version.run_id) == link.groups()[:2]
    assert {
        "card/model_card.md",
        "card/model_card.html",
        "card/roc.png",
        "card/slices.png",
    } <= stored
    assert link[3] in stored
    assert f"right on {answer['metrics']['accuracy']:.2%}" in page
    assert "make model-reproduce model_version=1" in page


def test_evaluating_a_version_by_number_and_alias(champion: Workspace) -> None:
    """Any version can be evaluated again, with the same figures, intervals and slices."""
    first, second = (
        champion.ok("pipeline.evaluate", "--model-version", v) for v in ("1", "champion")
    )
    timed = {"latency_us"}

    assert {k: v for k, v in first.items() if k not in timed} == {
        k: v for k, v in second.items() if k not in timed
    }


def test_a_version_that_does_not_exist(champion: Workspace) -> None:
    """Exit code 2 and what to do."""
    refused = champion.run("pipeline.evaluate", "--model-version", "9")

    assert (2, True) == (refused.code, "There is no model version 9" in refused.err)


def test_test_rows_of_one_label_or_none(small: Workspace) -> None:
    """One label has no curves and its model is kept back; no rows at all are refused."""
    small.ok("pipeline.train", "--batches", "0 1")
    outcomes = []
    for lines in ('"2","Great","I love it, works well"\n' * 1 + '"2","Good","very nice"\n', ""):
        Path("reviews").mkdir(exist_ok=True)
        Path("reviews/train.csv").write_text(
            "".join(f'"{1 + n % 2}","t{n}","text {n}"\n' for n in range(60))
        )
        Path("reviews/test.csv").write_text(lines)
        ingested = small.run("data.ingest", "--source", "reviews")
        outcomes.append(
            ingested.code
            or small.run("data.preprocess_test").code
            or small.run("pipeline.evaluate").code
        )
    kept = small.run("pipeline.promote", "--json")

    assert [0, 3] == outcomes
    assert 4 == kept.code, kept.err
    assert {"roc_auc", "recall_negative"} <= {
        rule["name"] for rule in kept.json["rules"] if not rule["passed"]
    }
