"""From harm in the prediction log to a training: asked for once, and started by the workflow."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from src.monitoring import check, retrain
from tests.conftest import Workspace
from tests.integration.test_monitoring import log, reviews, run, watched  # noqa: F401 - fixtures
from tests.prediction_logs import LogWriter


@pytest.fixture
def harmed(watched: Workspace, log: LogWriter) -> Workspace:  # noqa: F811
    """Today's predictions are of many more positive reviews, and a third of them are wrong."""
    today = datetime.now(UTC).date().isoformat()
    titles, texts, positive = reviews("synthetic:900@77?positive_share=0.85")
    rows = log.predictions(today, titles, texts)
    labels = [not one if place % 3 == 0 else one for place, one in enumerate(positive)]
    log.write(today, rows)
    log.write(today, log.labels(today, rows, labels))
    return watched


def test_harm_asks_until_a_training_comes_of_it(harmed: Workspace) -> None:
    """Again on the same day, and the next one; not where a version was trained in between."""
    before = run(harmed, retrain)
    assert 4 == run(harmed, check).code
    asked, again = run(harmed, retrain, "--json"), run(harmed, retrain, "--json")
    place = harmed.data / "monitoring/asked.json"
    yesterday = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    told = json.loads(place.read_text())
    place.write_text(json.dumps({**told, "day": yesterday}))
    in_vain = run(harmed, retrain)
    place.write_text(json.dumps({**told, "day": yesterday, "newest": 0}))
    later = run(harmed, retrain)
    place.write_text(json.dumps({**told, "model_version": "0", "day": yesterday}))
    of_another = run(harmed, retrain)
    place.write_text("{")
    damaged = run(harmed, retrain)

    assert (2, True) == (before.code, "make monitoring-check" in before.err)
    assert (0, True, "1") == (asked.code, asked.json["wanted"], asked.json["model_version"])
    assert asked.json == again.json
    assert (0, True) == (in_vain.code, "asked for in vain" in in_vain.err)
    assert (4, True) == (later.code, f"it was asked for on {yesterday}, and version 1" in later.out)
    assert 0 == of_another.code
    assert (3, True) == (damaged.code, "asked.json is damaged" in damaged.err)


def test_what_asks_for_none(harmed: Workspace) -> None:
    """Another decision, or a version that is the champion no more."""
    run(harmed, check)
    place = harmed.data / "monitoring/decision.json"
    decided = json.loads(place.read_text())
    assert "retrain" == decided["decision"], decided["reason"]
    place.write_text(json.dumps({**decided, "model_version": "7"}))
    of_old = run(harmed, retrain)
    place.write_text(json.dumps({**decided, "decision": "wait"}))
    waits = run(harmed, retrain)

    assert (4, True) == (of_old.code, "version 7 is the champion no more" in of_old.out)
    assert (4, True) == (waits.code, "the last check decides: wait" in waits.out)
    assert not Path(harmed.data / "monitoring/asked.json").exists()


def test_the_daily_workflow_starts_the_training(harmed: Workspace) -> None:
    """It checks, is asked for one, and goes on with the weekly one under a name of its own."""
    done = harmed.process("src.orchestration.run", "monitoring", "--json")
    today = datetime.now(UTC).date().isoformat()

    assert ["check", "retrain", "next_batch"] == [task["name"] for task in done.json["tasks"]]
    assert "skipped" == done.json["ending"], "every batch has been learned from"
    assert 0 == done.code
    assert f"retrain-{today}" in done.err
