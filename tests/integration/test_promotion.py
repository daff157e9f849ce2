"""The gate between a challenger and the champion, and the way back."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from src.model.core.errors import GateError
from src.model.tracking.aliases import move_champion
from src.model.tracking.off import FileRegistry
from tests.conftest import Workspace

OUTCOME = ("decision", "model_version", "former_champion")


def challenged(place: Workspace, **settings: str) -> int:
    """Train and evaluate a version on batches 0 and 1; return its number."""
    place.set(**settings)
    version: int = place.ok("pipeline.train", "--batches", "0 1")["model_version"]
    place.ok("pipeline.evaluate")
    return version


def aliases(place: Workspace) -> dict[str, int]:
    registry = place.context().registry
    found = {alias: registry.by_alias(alias) for alias in ("champion", "challenger", "previous")}
    return {alias: version.number for alias, version in found.items() if version}


def test_a_better_model_is_promoted_and_the_decision_recorded(
    tracked: Workspace, weak: Workspace
) -> None:
    """Rules, comparison and slices are on the run and in the reports, the outcome in the tags."""
    challenged(weak)
    answer = weak.ok("pipeline.promote")
    client = tracked.mlflow()
    version = client.get_model_version("amazon-reviews-sentiment", "2")
    path = client.download_artifacts(version.run_id, "promotion.json", str(weak.path))

    assert ("promoted", 2, 1) == tuple(answer[key] for key in OUTCOME)
    assert answer["comparison"]["accuracy_difference"] > 0
    assert 16 == len(answer["rules"])
    assert all(rule["passed"] for rule in answer["rules"])
    assert answer | {"step": ""} == json.loads(Path(path).read_text()) | {"step": ""}
    assert answer == json.loads((weak.data / "reports/promotion_2.json").read_text())
    assert ("promoted", "none", "1") == tuple(
        version.tags[k] for k in ("gate", "gate.rules_missed", "gate.against")
    )
    assert {"champion": 2, "challenger": 2, "previous": 1} == aliases(weak)


def test_a_model_like_the_champion_is_a_tie(weak: Workspace) -> None:
    """The same model again passes every wide rule, but is not better: exit 4, aliases untouched."""
    weak.set(REVIEWS_HASHED_BITS="8", REVIEWS_SEED="43", REVIEWS_PROMOTE_MAX_ACCURACY_DROP="1")
    weak.set(REVIEWS_PROMOTE_MAX_LOG_LOSS_RISE="9", REVIEWS_PROMOTE_MAX_SLICE_DROP="1")
    weak.ok("pipeline.train", "--batches", "0")
    weak.ok("pipeline.evaluate")
    tie = weak.run("pipeline.promote", "--json")
    shown = weak.run("pipeline.promote").out

    missed = [rule for rule in tie.json["rules"] if not rule["passed"]]
    assert (4, "tie", []) == (tie.code, tie.json["decision"], missed)
    assert "not better beyond chance; version 1 stays the champion" in shown
    assert "McNemar p" in shown
    assert {"champion": 1, "challenger": 2} == aliases(weak)


def test_the_gate_keeps_a_bad_model_back(champion: Workspace) -> None:
    """A model that misses a rule is kept: exit 4, every rule with its figure, aliases untouched."""
    challenged(champion, REVIEWS_PROMOTE_MIN_ACCURACY="0.999")
    kept = champion.run("pipeline.promote", "--json")
    shown = champion.run("pipeline.promote")

    assert (4, "kept", 1) == (kept.code, kept.json["decision"], kept.json["former_champion"])
    assert "accuracy" in [rule["name"] for rule in kept.json["rules"] if not rule["passed"]]
    assert "MISSED accuracy " in shown.out
    assert "version 1 stays the champion" in shown.out
    assert "with other bounds: REVIEWS_PROMOTE_" in shown.out
    assert "REVIEWS_PROMOTE_MIN_ACCURACY=… " in shown.out
    assert {"champion": 1, "challenger": 2} == aliases(champion)


def test_promotion_and_rollback(weak: Workspace) -> None:
    """The next champion follows, and a rollback brings the former back, as often as one likes."""
    weak.ok("pipeline.train", "--batches", "0 1")
    unjudged = weak.run("pipeline.promote")
    weak.ok("pipeline.evaluate")
    promoted = weak.ok("pipeline.promote")
    unchanged = weak.ok("pipeline.promote")
    versions = [weak.ok("pipeline.promote", "--rollback")["model_version"] for _ in range(2)]

    assert (2, True) == (unjudged.code, "has not been evaluated" in unjudged.err)
    assert ("promoted", 2, 1) == tuple(promoted[key] for key in OUTCOME)
    assert "unchanged" == unchanged["decision"]
    assert [1, 2] == versions


def test_a_model_that_was_rolled_back_is_not_promoted_again(weak: Workspace) -> None:
    """The next unchanged run of the pipeline does not undo a rollback; another rollback does."""
    weak.ok("pipeline.run", "train", "--batches", "0 1")
    weak.ok("pipeline.promote", "--rollback")
    again = weak.ok("pipeline.run", "train", "--batches", "0 1")["promote"]

    assert ("kept", 2) == (again["decision"], again["model_version"])
    missed = [rule["name"] for rule in again["rules"] if not rule["passed"]]
    assert ["not_rolled_back_before"] == missed
    assert 2 == weak.ok("pipeline.promote", "--rollback")["model_version"]


def test_other_test_rows_than_the_champions(weak: Workspace) -> None:
    """After another ingest both models are scored on the present rows, and the answer says so."""
    weak.ok("data.ingest", "--source", "synthetic:2000@8")
    weak.ok("data.split_batches")
    weak.ok("data.preprocess_batch", "--batch", "0 1")
    unprocessed = weak.run("pipeline.promote")
    weak.ok("data.preprocess_test")
    challenged(weak)
    result = weak.run("pipeline.promote", "--json")
    again = weak.ok("pipeline.evaluate", "--model-version", "1")["metrics"]["accuracy"]

    # The only version is the champion: there is nothing to judge.
    assert "unchanged" in unprocessed.out.lower()
    assert result.json["champion_evaluated_on_other_rows"]
    assert again == result.json["comparison"]["champion_accuracy"]


def test_a_challenger_judged_on_older_rows_is_evaluated_first(weak: Workspace) -> None:
    """Its figures and card are of rows that are no longer there: exit 2 and the command."""
    challenged(weak)
    weak.ok("data.ingest", "--source", "synthetic:2000@8")
    not_cleaned = weak.run("pipeline.promote")
    weak.ok("data.preprocess_test")
    refused = weak.run("pipeline.promote")

    assert "make model-preprocess-test model-evaluate model-promote again" in not_cleaned.err
    assert (2, True) == (refused.code, "was evaluated on other test rows" in refused.err)
    assert "make model-evaluate again" in refused.err


@pytest.mark.parametrize("damage", ["gone", "corrupt"])
@pytest.mark.parametrize("tracking", ["mlflow", "off"])
def test_a_champion_whose_artifact_cannot_be_read(
    request: pytest.FixtureRequest, workspace: Workspace, tracking: str, damage: str
) -> None:
    """Exit 3, both ways out named, aliases untouched; without it, the challenger can follow."""
    if tracking == "mlflow":
        request.getfixturevalue("tracked")
    weak: Workspace = request.getfixturevalue("weak")
    challenged(weak)
    _damage(weak, damage, tracking)
    refused = weak.run("pipeline.promote")
    before = aliases(weak)
    ignored = weak.ok("pipeline.promote", "--ignore-champion")

    assert 3 == refused.code, refused.err
    assert "The champion, version 1, cannot be compared with" in refused.err
    assert "make model-rollback" in refused.err
    assert "ignore_champion=1" in refused.err
    assert {"champion": 1, "challenger": 2} == before
    assert ("promoted", 1, None) == tuple(
        ignored[key] for key in ("decision", "former_champion", "comparison")
    )
    assert {"champion": 2, "challenger": 2, "previous": 1} == aliases(weak)


def _damage(place: Workspace, damage: str, tracking: str) -> None:
    if tracking == "off":
        archive = place.data / "models/1.zip"
        archive.unlink() if damage == "gone" else archive.write_bytes(archive.read_bytes()[:1000])
        return
    version = place.mlflow().get_model_version("amazon-reviews-sentiment", "1")
    folder = version.source.rsplit("/", 1)[-1]
    (weights,) = (p for p in Path("mlruns").rglob("model.safetensors") if folder in str(p))
    if damage == "gone":
        shutil.rmtree(weights.parents[2])
    else:
        weights.write_bytes(weights.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize("words", [(), ("--rollback",)])
def test_a_registry_without_versions(workspace: Workspace, words: tuple[str, ...]) -> None:
    """There is nothing to promote or to go back to: exit 2 and the command that comes first."""
    refused = workspace.run("pipeline.promote", *words)

    assert (2, True) == (refused.code, "yet" in refused.err)
    assert "make " in refused.err


def test_two_promotions_on_one_machine_come_one_after_the_other(weak: Workspace) -> None:
    """Started together, one promotes and the other finds it done; both say the same champion."""
    challenged(weak)
    started = [
        subprocess.Popen(
            weak.command("pipeline.promote", "--json"), cwd=weak.path, env=weak.environment(),
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in started]

    assert ["promoted", "unchanged"] == sorted(answer["decision"] for answer in answers)
    assert {2} == {answer["model_version"] for answer in answers}


class RivalRegistry(FileRegistry):
    """A registry in which another machine promotes version `rival` at a moment the test chooses."""

    rival, when = 0, ""

    def set_alias(self, alias: str, number: int) -> None:
        super().set_alias(alias, number)
        if alias == self.when:
            super().set_alias("champion", self.rival)


@pytest.mark.parametrize(
    ("when", "said"),
    [("previous", "was promoted at the same time"), ("champion", "was promoted at the same time")],
)
def test_a_promotion_elsewhere_at_the_same_time_is_noticed(
    weak: Workspace, when: str, said: str
) -> None:
    """Whoever loses the race says so and does not claim to have won, unless it came last."""
    challenged(weak)
    third = challenged(weak, REVIEWS_SEED="43")
    context = weak.context()
    registry = RivalRegistry(context.storage, context.scratch)
    registry.rival, registry.when = 2, when
    versions: dict[str, Any] = {"challenger": registry.get(third), "champion": registry.get(1)}
    if when == "previous":  # the rival came before our own move, which then is the last one
        move_champion(registry, **versions)
        assert 3 == aliases(weak)["champion"]
        return
    with pytest.raises(GateError, match=said):
        move_champion(registry, **versions)
    assert 2 == aliases(weak)["champion"]


def test_a_way_back_that_leads_nowhere_is_refused(weak: Workspace) -> None:
    """A previous version whose files are gone, or that is the champion itself: nothing moves."""
    challenged(weak)
    weak.ok("pipeline.promote")
    (weak.data / "models/1.zip").unlink()
    gone = weak.run("pipeline.promote", "--rollback")
    weak.context().registry.set_alias("previous", 2)
    same = weak.run("pipeline.promote", "--rollback")

    assert (3, 2) == (gone.code, same.code)
    assert "a promotion was stopped" in same.err
    assert 2 == aliases(weak)["champion"]


def test_a_lost_index_does_not_cost_a_model(weak: Workspace) -> None:
    """Models the index does not know are not written over; an index of another shape is refused."""
    before = (weak.data / "models/1.zip").read_bytes()
    (weak.data / "models/index.json").unlink()
    number = weak.ok("pipeline.train", "--batches", "0 1")["model_version"]
    (weak.data / "models/index.json").write_text('{"versions": {"1": {}}, "aliases": {}}')
    refused = weak.run("pipeline.promote")

    assert 2 == number
    assert before == (weak.data / "models/1.zip").read_bytes()
    assert (3, True) == (refused.code, "is damaged" in refused.err)


def test_a_champion_that_changed_while_it_was_judged_is_noticed(weak: Workspace) -> None:
    """The challenger was compared with a former champion: nothing moves, exit code 4."""
    challenged(weak)
    registry = weak.context().registry
    first, second = registry.get(1), registry.get(2)
    assert first is not None
    assert second is not None
    registry.set_alias("champion", 2)
    with pytest.raises(GateError, match="Version 2 became the champion meanwhile") as caught:
        move_champion(registry, second, first)

    assert 4 == caught.value.exit_code
    assert "previous" not in aliases(weak)
