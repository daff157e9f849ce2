"""Which predictions a service remembers."""

from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from src.api.metrics import MULTIPROCESS
from src.api.remembered import RemembersPredictions, open_memory


def test_what_was_predicted_is_known() -> None:
    """Requests by their ids, reviews of a batch by theirs; and nothing else."""
    memory = RemembersPredictions()
    memory.add("one-request")
    memory.add("a.dotted.id")

    assert "one-request" in memory
    assert "a.dotted.id" in memory
    assert "one-request.17" in memory
    for other in ("", "one", "one-request.", "one-request.x", "one-request.1.2", "another.0"):
        assert other not in memory


def test_the_last_hundred_thousand_are_mostly_known() -> None:
    """An old one goes when a later one falls into its place, and never takes another's name."""
    memory = RemembersPredictions()
    drawn = Random(7)  # the same ids every time: which ones meet in a place is chance
    ids = [f"{drawn.getrandbits(128):032x}" for _ in range(60_000)]
    for each in ids:
        memory.add(each)

    assert 0.99 < sum(each in memory for each in ids[-1_000:]) / 1_000
    assert 0.5 < sum(each in memory for each in ids[:1_000]) / 1_000
    assert not any(uuid4().hex in memory for _ in range(10_000))


def test_workers_share_what_they_remember(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Feedback need not come to the worker that predicted."""
    monkeypatch.setenv(MULTIPROCESS, str(tmp_path))
    one, other = open_memory(), open_memory()
    one.add("request-1")

    assert "request-1" in other
    monkeypatch.delenv(MULTIPROCESS)
    assert "request-1" not in open_memory()
