"""The drift demo, as make runs it: the real API, the real pipeline, three weeks of reviews."""

import json
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from tests.conftest import ROOT, Workspace


@pytest.mark.slow
def test_what_changes_is_seen_and_what_harms_is_mended(workspace: Workspace) -> None:
    """Each kind of change is seen where it belongs, and only what retraining mends is retrained."""
    words = [sys.executable, "-m", "src.monitoring.drift_demo", "--json"]
    environment = workspace.environment() | {"REVIEWS_DATA_DIR": str(workspace.data)}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert 0 == done.returncode, done.stderr[-3000:]
    days = json.loads(done.stdout)["days"]
    phases = {name: list(of) for name, of in groupby(days, key=lambda day: day["phase"])}
    seen = {name: {figure for day in of for figure in day["figures"]}
            for name, of in phases.items()}  # fmt: skip
    decided = {name: [day["decision"] for day in of] for name, of in phases.items()}
    cut = phases["words cut short by an app"]
    after = [day for day in cut if day["version"] == "2" and day["labels"]]

    assert {"wait"} == set(decided["as usual"] + decided["more positive"] + decided["typos"])
    assert not seen["as usual"]
    assert "label_shift" in seen["more positive"]
    assert "unknown_share" in seen["typos"]
    assert "title_tokens" in seen["title, text swapped"]
    assert ["route", "route"] == decided["Portuguese"]
    assert "other_language" in seen["Portuguese"]
    assert not seen["wrong labels"]
    assert "investigate" == decided["wrong labels"][-1]
    assert "yes" == phases["wrong labels"][-1]["harm"]
    assert ["version 2 promoted"] == [day["done"] for day in cut if day["done"]]
    assert {"no"} == {day["harm"] for day in after}
    assert min(day["accuracy"] for day in after) > 0.85
    assert (Path(workspace.data) / "drift-demo/timeline.png").stat().st_size > 20_000
