"""What an evaluation tells about a version."""

import json
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
        r"\[Model card\]\(#/experiments/(\d+)/runs/(\w+)/artifacts/(.+)"
        r"\?workflowType=machine_learning\)",
        version.description,
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


def test_what_a_person_sees_in_mlflow(tracked: Workspace, small: Workspace) -> None:
    """Runs are named by version, figure and decision; few tags; the card's first part with them."""
    small.ok("pipeline.train", "--batches", "0 1")
    client = tracked.mlflow()
    version = client.get_model_version("amazon-reviews-sentiment", "1")

    def name() -> str:
        return str(client.get_run(version.run_id).info.run_name)

    assert "version 1 (hashed, batches 0-1)" == name()
    accuracy = small.ok("pipeline.evaluate")["metrics"]["accuracy"]
    assert f"version 1: {accuracy:.2%} (hashed, batches 0-1)" == name()
    small.ok("pipeline.promote")
    assert f"version 1: {accuracy:.2%}, promoted (hashed, batches 0-1)" == name()

    run = client.get_run(version.run_id)
    assert "| truly negative |" in run.data.tags["mlflow.note.content"]
    version = client.get_model_version("amazon-reviews-sentiment", "1")
    assert "| truly negative |" in version.description
    assert {
        "batches", "fingerprint", "gate", "gate.against", "gate.rules_missed", "learner",
        "model_sha256", "raw_sha256", "test.figures", "test_sha256", "train.cost",
    } == set(version.tags)  # fmt: skip
    experiment = client.get_experiment(run.info.experiment_id)
    assert "custom_model_development" == experiment.tags["mlflow.experimentKind"]


def test_the_labels_own_column_is_no_slice(workspace: Workspace) -> None:
    """A rating is carried along, and says of its rows nothing but what their label is."""
    rows = [
        {"rating": 1 + 4 * (n % 2), "title": "T", "text": f"{'good' if n % 2 else 'bad'} {n}",
         "shop": "a" if n % 3 else "b"}
        for n in range(900)
    ]  # fmt: skip
    Path("own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    workspace.set(REVIEWS_COLUMN_POLARITY="rating", REVIEWS_LABELS="stars", REVIEWS_BATCHES="1")
    workspace.ok("pipeline.run", "ingest", "--source", "own.jsonl")
    workspace.ok("data.preprocess_batch", "--batch", "all")
    workspace.ok("data.preprocess_test")
    workspace.ok("pipeline.train", "--batches", "0")
    names = {part["name"] for part in workspace.ok("pipeline.evaluate")["slices"]}

    assert {"shop = a", "shop = b"} <= names
    assert not any(name.startswith("rating") for name in names)


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
