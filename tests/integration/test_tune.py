"""The search for parameters: resumable, recorded, and used by train."""

import json

import pytest

from src.model.core.artifact import read_description
from tests.conftest import Workspace


def test_a_search_is_recorded_resumed_and_used(tracked: Workspace, small: Workspace) -> None:
    """Two trials, then one more, as nested runs; `train` takes the best, settings win over them."""
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
    assert {"22", "3"} <= {
        run.data.params[name] for run in trials for name in ("hashed.bits", "hashed.ngrams")
    }
    losses = [run.data.metrics["validation.log_loss"] for run in trials]
    assert pytest.approx(min(losses)) == best["log_loss"]
    searched = {name.removeprefix("hashed.") for name in trials[0].data.params}
    assert searched == set(best["settings"])
    set_by_hand = {"ngrams": 1}
    assert {name: str(value) for name, value in (best["settings"] | set_by_hand).items()} == {
        name: trained.data.params[f"hashed.{name}"] for name in searched
    }


def test_an_ended_search_is_not_begun_again(small: Workspace) -> None:
    """As many trials as were asked for are there: nothing is trained, the same best is answered."""
    answers = [small.ok("pipeline.tune", "--batches", "0 1", "--trials", "1") for _ in range(2)]

    assert [(0, 1, 0), (0, 1, 1)] == [(a["trial"], a["trials"], a["resumed"]) for a in answers]


def best_of(learner: str, **settings: int) -> str:
    """The content of `best.json`."""
    found = {"study": "s", "trial": 0, "log_loss": 1, "settings": settings}
    return json.dumps({"learner": learner, **found})


@pytest.mark.parametrize("name", ["bits", "hashed_bits"])
def test_a_result_is_taken_over_with_names_of_before_too(small: Workspace, name: str) -> None:
    """What an earlier search found under the learner's own name is used as well."""
    (small.data / "tuning").mkdir()
    (small.data / "tuning/best.json").write_text(best_of("hashed", **{name: 12}))
    answer = small.ok("pipeline.train", "--batches", "0")
    registry = small.context().registry
    version = registry.get(1)
    assert version is not None
    made = read_description(registry.fetch(version)).training

    assert answer["tuned"]
    assert made is not None
    assert 12 == made.parameters["hashed.bits"]


def test_a_result_of_another_learner_is_left_alone(small: Workspace) -> None:
    """What was found for one learner says nothing about another."""
    (small.data / "tuning").mkdir()
    (small.data / "tuning/best.json").write_text(best_of("tfidf", c=1))

    assert not small.ok("pipeline.train", "--batches", "0")["tuned"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is damaged"),
        (best_of("hashed", banana=1), "banana, which is"),
        (best_of("hashed", bits=99), "bits: Input should be less than or equal to 26"),
        (best_of("hashed", hashed_bits=99), "bits: Input should be less than or equal to 26"),
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
        (
            {"REVIEWS_LEARNER": "tfidf"},
            ("--batches", "0"),
            2,
            "tfidf has no parameters to search",
        ),
        (
            {"REVIEWS_TUNE_STORAGE": "sqlite:////nowhere/at/all.db"},
            ("--batches", "0 1"),
            5,
            "cannot be used",
        ),
        ({"REVIEWS_TUNE_STORAGE": "banana"}, ("--batches", "0 1"), 5, "cannot be used"),
        ({}, ("--batches", "0", "--trials", "0"), 2, "--trials=0 is no number of trials"),
        ({}, ("--batches", "0", "--banana"), 2, "--help says what is taken"),
    ],
)
def test_what_cannot_be_tuned_is_refused(
    small: Workspace, variables: dict[str, str], words: tuple[str, ...], code: int, said: str
) -> None:
    """Another learner, and a store that is not there."""
    small.set(**variables)
    refused = small.run("pipeline.tune", "--trials", "1", *words)

    assert code == refused.code
    assert said in refused.err
