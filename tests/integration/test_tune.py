"""The search for parameters: resumable, recorded, and used by train."""

import json

import pytest

from tests.conftest import Workspace


def test_a_search_is_recorded_resumed_and_used(tracked: Workspace, small: Workspace) -> None:
    """Two trials, then one more; nested runs in MLflow; `train` takes the best parameters, settings win over them."""
    first = small.ok("pipeline.tune", "--batches", "0 1", "--trials", "2")
    second = small.ok("pipeline.tune", "--batches", "0 1", "--trials", "3")
    client = tracked.mlflow()
    (experiment,) = (e for e in client.search_experiments() if e.name == "amazon-reviews-training")
    runs = client.search_runs([experiment.experiment_id])
    trials = [run for run in runs if run.data.tags.get("step") == "tune_trial"]
    parents = [run.info.run_id for run in runs if run.data.tags.get("step") == "tune"]
    best = json.loads((small.data / "tuning/best.json").read_text())
    small.set(REVIEWS_HASHED_NGRAMS="1")
    trained = client.get_run(small.ok("pipeline.train", "--batches", "0")["run_id"])

    assert [(2, 0), (3, 2)] == [(answer["trials"], answer["resumed"]) for answer in (first, second)]
    assert 3 == len({json.dumps(run.data.params, sort_keys=True) for run in trials})
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == set(parents)
    assert {"22", "3"} <= {run.data.params[name] for run in trials for name in ("hashed_bits", "hashed_ngrams")}
    losses = [run.data.metrics["validation.log_loss"] for run in trials]
    assert pytest.approx(min(losses)) == best["log_loss"]
    assert str(best["settings"]["hashed_bits"]) == trained.data.params["hashed.bits"]
    assert "1" == trained.data.params["hashed.ngrams"]


def test_an_ended_search_is_not_begun_again(small: Workspace) -> None:
    """As many trials as were asked for are there: nothing is trained, the same best is answered."""
    answers = [small.ok("pipeline.tune", "--batches", "0 1", "--trials", "1") for _ in range(2)]

    assert [(0, 1, 0), (0, 1, 1)] == [(a["trial"], a["trials"], a["resumed"]) for a in answers]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is damaged"),
        (
            '{"learner":"hashed","study":"s","trial":0,"log_loss":1,"settings":{"banana":1}}',
            "banana, which is",
        ),
        ('{"learner":"hashed","study":"s","trial":0,"log_loss":1,"settings":{"hashed_bits":99}}', "hashed_bits"),
    ],
)
def test_a_damaged_result_is_refused(small: Workspace, content: str, said: str) -> None:
    """Training says what is wrong with the file, and what to do."""
    (small.data / "tuning").mkdir()
    (small.data / "tuning/best.json").write_text(content)
    refused = small.run("pipeline.train", "--batches", "0")

    assert 2 == refused.code
    assert said in refused.err
    assert "make model-tune" in refused.err


@pytest.mark.parametrize(
    ("variables", "words", "code", "said"),
    [
        ({"REVIEWS_LEARNER": "tfidf"}, ("--batches", "0"), 2, "Only the learner hashed"),
        ({"REVIEWS_TUNE_STORAGE": "sqlite:////nowhere/at/all.db"}, ("--batches", "0 1"), 5, "cannot be used"),
        ({"REVIEWS_TUNE_STORAGE": "banana"}, ("--batches", "0 1"), 5, "cannot be used"),
    ],
)
def test_what_cannot_be_tuned_is_refused(
    small: Workspace, variables: dict[str, str], words: tuple[str, ...], code: int, said: str
) -> None:
    """Another learner, and a store that is not there."""
    small.set(**variables)
    refused = small.run("pipeline.tune", *words, "--trials", "1")

    assert code == refused.code
    assert said in refused.err
