"""Weekly training: the next batch, found once for a run's name, and trained on once."""

import json
from pathlib import Path

import pytest

from src.model.core.names import DIGEST_TAG, FINGERPRINT_TAG, RAW_DIGEST_TAG
from src.model.pipeline.next_batch import first_not_learned
from src.model.tracking.base import Version
from src.orchestration.workflow import WORKFLOWS, meaning
from tests.conftest import Workspace

WEEKS = ("2026-W01", "2026-W02", "2026-W03")


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """A workspace with three batches, none of them cleaned."""
    workspace.set(REVIEWS_BATCHES="3")
    workspace.ok("data.ingest", "--source", "synthetic:1500@3")
    workspace.ok("data.split_batches")
    return workspace


def weekly(workspace: Workspace, week: str, warm_start: str = "") -> dict[str, dict[str, object]]:
    """Run the workflow's tasks in this process, and return their answers by their names."""
    parameters = {"run": week, "warm_start": warm_start}
    answers = {}
    for task in WORKFLOWS["weekly_training"].tasks:
        if task.answer_minutes:
            continue  # nobody is asked
        done = workspace.run(task.module, *task.filled(parameters), "--json")
        assert "done" == meaning(task, done.code), done.err
        answers[task.name] = done.json
    return answers


def digests(workspace: Workspace) -> list[tuple[str, str]]:
    """The fingerprint of each version, and its batches."""
    versions = workspace.context().registry.versions()
    return [(v.tags[FINGERPRINT_TAG], v.tags["batches"]) for v in versions]


def test_three_weeks_one_by_one_and_a_fourth_without_news(shop: Workspace) -> None:
    """Each learns from one batch more; the models are those of the same batches named by hand."""
    weeks = [weekly(shop, week) for week in WEEKS]
    last = shop.process("src.orchestration.run", "weekly_training", "--run", "2026-W04")
    alone = shop.run("pipeline.next_batch", "--run", "2026-W04")
    by_hand = [shop.ok("pipeline.train", "--batches", batches) for batches in ("0", "0 1", "0 1 2")]

    assert ["0", "0-1", "0-2"] == [week["next_batch"]["batches"] for week in weeks]
    assert [1, 2, 3] == [week["train"]["model_version"] for week in weeks]
    assert ["0", "0 1", "0 1 2"] == [batches for _, batches in digests(shop)]
    assert [(1, True), (2, True), (3, True)] == [
        (one["model_version"], one["skipped"]) for one in by_hand
    ]
    assert (0, 4) == (last.code, alone.code)
    assert "Nothing new: each of the 3 batches has been learned from" in last.out
    assert "Workflow weekly_training: skipped, nothing left to do after next_batch" in last.out
    assert not (shop.data / "runs/2026-W04.json").exists()


def test_a_run_that_is_started_again_trains_nothing_twice(shop: Workspace) -> None:
    """Cut off after training, after promotion, or long done: the same version, and no other."""
    shop.ok("pipeline.next_batch", "--run", WEEKS[0])
    shop.ok("data.preprocess_batch", "--batch", f"run:{WEEKS[0]}")
    shop.ok("pipeline.train", "--batches", f"run:{WEEKS[0]}")
    cut_off = weekly(shop, WEEKS[0])
    done = weekly(shop, WEEKS[0])
    second = weekly(shop, WEEKS[1], "champion")
    again = weekly(shop, WEEKS[1], "champion")
    old = weekly(shop, WEEKS[0])

    for found in (cut_off, done, old):
        assert (True, "0") == (found["next_batch"]["skipped"], found["next_batch"]["batches"])
        assert (True, 1) == (found["train"]["skipped"], found["train"]["model_version"])
    assert (False, 2) == (second["train"]["skipped"], second["train"]["model_version"])
    assert (True, 2) == (again["train"]["skipped"], again["train"]["model_version"])
    assert 2 == len(digests(shop))
    assert 1 == json.loads((shop.data / "runs/2026-W02.json").read_text())["warm_start"]


def test_what_makes_no_run_is_refused(shop: Workspace) -> None:
    """Odd names, runs nobody has begun, begun otherwise, of other rows, or damaged."""
    weekly(shop, WEEKS[0])
    said = {
        "names a path": shop.run("pipeline.next_batch", "--run", "../../x"),
        "is not begun": shop.run("pipeline.train", "--batches", "run:2026-W09"),
        "is warm now": shop.run("pipeline.next_batch", "--run", WEEKS[0], "--warm-start", "1"),
        "was not": shop.run("pipeline.train", "--batches", f"run:{WEEKS[0]}", "--warm-start", "1"),
    }
    (shop.data / "runs/2026-W05.json").write_text(
        json.dumps({"name": "2026-W05", "batches": "many", "raw_sha256": "0"})
    )
    damaged = shop.run("pipeline.next_batch", "--run", "2026-W05")
    shop.ok("data.ingest", "--source", "synthetic:1500@4")
    shop.ok("data.split_batches")
    other = shop.run("pipeline.next_batch", "--run", WEEKS[0])
    fresh = shop.ok("pipeline.next_batch", "--run", "2026-W06")

    assert dict.fromkeys(said, 2) == {name: found.code for name, found in said.items()}
    assert "cannot name a run" in said["names a path"].err
    assert "Run make model-next-batch run=2026-W09 first." in said["is not begun"].err
    assert "was begun from scratch" in said["is warm now"].err
    assert "was begun without a warm start" in said["was not"].err
    assert (3, True) == (damaged.code, "runs/2026-W05.json is damaged" in damaged.err)
    assert (2, True) == (other.code, "other ingested rows" in other.err)
    assert "0" == fresh["batches"], "what was learned from other rows does not count"
    assert not Path("x.json").exists()


def test_the_first_batch_that_nobody_has_learned_from() -> None:
    """Gaps come first; versions of other rows do not count, those that say nothing do."""
    versions = [
        Version(1, "a", {"batches": "0 1", RAW_DIGEST_TAG: "now"}),
        Version(2, "b", {"batches": "3"}),
        Version(3, "c", {"batches": "2", RAW_DIGEST_TAG: "before"}),
        Version(4, "d", {DIGEST_TAG: "of nothing"}),
    ]

    assert 2 == first_not_learned(versions, "now", range(5))
    assert 4 == first_not_learned([*versions, Version(5, "e", {"batches": "2"})], "now", range(5))
    assert first_not_learned(versions, "now", [0, 1, 3]) is None


def test_mlflow_lists_all_versions(shop: Workspace, tracked: Workspace) -> None:
    """The registry in MLflow gives what the files give, oldest first; none where there is none."""
    assert tracked is shop
    assert [] == list(shop.context().registry.versions())
    weekly(shop, WEEKS[0])
    weekly(shop, WEEKS[1])

    versions = shop.context().registry.versions()
    assert [(1, "0"), (2, "0 1")] == [(v.number, v.tags["batches"]) for v in versions]
