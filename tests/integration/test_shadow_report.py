"""The report on a challenger in the shadow, from a log that a running API wrote."""

import gzip
from pathlib import Path

import pytest

from tests.conftest import Workspace
from tests.integration.api_process import put_model, ready
from tests.integration.processes import until


@pytest.fixture
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of 60 reviews that both models judged, 20 of them with feedback."""
    folder = tmp_path_factory.mktemp("shadow")
    (folder / "model/challenger").mkdir(parents=True)
    put_model(folder / "model", 1, "1")
    put_model(folder / "model/challenger", 2, "2")
    with ready(folder, REVIEWS_API_CHALLENGER="shadow") as api:
        until(lambda: api.client.get("/api/v1/model").json()["challenger"], api.said, 20)
        reviews = [
            {"title": f"Review {n}", "message": f"It is number {n} of them"} for n in range(40)
        ]
        batch = api.batch(reviews).json()
        for n in range(20):
            request = api.predict(title=f"Alone {n}").json()["request_id"]
            told = {"request_id": request, "label": "positive" if n % 3 else "negative"}
            assert api.client.post("/api/v1/feedback", json=told).json()["known"]
        told = {"request_id": f"{batch['request_id']}.39", "label": "positive"}
        assert api.client.post("/api/v1/feedback", json=told).json()["known"]
        until(lambda: len(api.rows()) == 60 * 2 + 21, api.said, 20)
    return folder / "predictions"


def test_which_of_both_is_better_is_said(asked: Path, workspace: Workspace) -> None:
    """Requests, agreement and, on those with feedback, the difference with its interval."""
    workspace.set(REVIEWS_LOG_DIR=str(asked))
    found = workspace.ok("pipeline.shadow")
    assert ("1", "2", 60, 21) == (
        found["champion"], found["challenger"], found["requests"], found["feedback"])  # fmt: skip
    apart = found["only_challenger_positive"] + found["only_champion_positive"]
    assert 60 == found["agreed"] + apart
    assert 21 == found["comparison"]["rows"]
    text = workspace.run("pipeline.shadow").out
    assert "Shadow: version 2 beside version 1, on 60 requests" in text
    assert "on the same 21 rows: accuracy" in text
    assert "McNemar p" in text

    later = workspace.run("pipeline.shadow", "--since", "2999-01-01")
    assert (2, True) == (later.code, "REVIEWS_API_CHALLENGER=shadow" in later.err)
    assert 2 == workspace.run("pipeline.shadow", "--since", "yesterday").code


def test_what_cannot_be_read_is_counted(asked: Path, workspace: Workspace) -> None:
    """A damaged part and a line of another format cost themselves, and are said."""
    workspace.set(REVIEWS_LOG_DIR=str(asked))
    (day,) = asked.iterdir()
    (day / "cut.jsonl.gz").write_bytes(b"\x1f\x8b\x08cut")
    (day / "odd.jsonl.gz").write_bytes(gzip.compress(b'{"kind":"prediction","format":9}\n\n{'))
    found = workspace.ok("pipeline.shadow")

    assert (60, 1, 3) == (found["requests"], found["unread_parts"], found["unread_lines"])
    assert "unread: 1 parts and 3 lines" in workspace.run("pipeline.shadow").out
    workspace.set(REVIEWS_LOG_DIR="off")
    assert 2 == workspace.run("pipeline.shadow").code
