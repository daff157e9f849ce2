"""Programs that go on by themselves: one of them killed, its orphan, and numbers of others."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from src.model.background import Background
from src.model.core.errors import TrackingError
from tests.integration.processes import until

SLEEPS = (sys.executable, "-c", "import time; time.sleep(300)")
STARTS_ONE = """
import subprocess, sys, time
subprocess.Popen([sys.executable, *sys.argv[1:]])
time.sleep(300)
"""
HAS_A_CHILD = (sys.executable, "-c", STARTS_ONE, *SLEEPS[1:])
TWO: Mapping[str, tuple[str, ...]] = {"one": SLEEPS, "two": HAS_A_CHILD}


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    made = Background("Two programs", tmp_path / "state")
    yield made
    made.end()


def begun(background: Background, programs: Mapping[str, tuple[str, ...]] = TWO) -> list[int]:
    return background.start(programs, "http://127.0.0.1:1", os.environ, lambda: True, 20)


def test_one_that_was_killed_is_started_again(background: Background) -> None:
    """The other goes on; what the killed one has left behind is ended with all."""
    one, two = begun(background)
    parent = psutil.Process(two)
    until(parent.children)
    (orphan,) = parent.children()
    parent.kill()
    parent.wait()
    found = background.running()
    again = begun(background)
    mended = background.running()
    ended = background.end()

    assert found is not None
    assert mended is not None
    assert (["one"], ["two"]) == (list(found.processes), found.gone)
    assert (1, [], one) == (len(again), mended.gone, mended.processes["one"].pid)
    assert ended
    assert not orphan.is_running()
    assert not psutil.pid_exists(again[0]) or "zombie" == psutil.Process(again[0]).status()


def test_nothing_of_somebody_else_is_ended(background: Background) -> None:
    """A number that another process has by now is passed over, and so is its session."""
    other = subprocess.Popen(SLEEPS, start_new_session=True)
    try:
        background.folder.mkdir()
        told = {"one": {"pid": other.pid, "created": 1.0}}
        background.state.write_text(json.dumps({"programs": told, "address": ""}))
        found, ended = background.running(), background.end()

        assert (None, False) == (found, ended)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("content", ["", "[]", '{"programs": []}', '{"pid": 1}', "{"])
def test_a_damaged_state_is_none(background: Background, content: str) -> None:
    background.folder.mkdir()
    background.state.write_text(content)

    assert (None, False) == (background.running(), background.end())


def test_one_that_ends_at_once_takes_all_with_it(background: Background) -> None:
    """Its log is shown."""
    fails = (sys.executable, "-c", "raise SystemExit('no such thing')")
    with pytest.raises(TrackingError, match="no such thing"):
        background.start(
            {"one": SLEEPS, "two": fails}, "http://127.0.0.1:1", os.environ, lambda: False, 20
        )

    assert background.running() is None
