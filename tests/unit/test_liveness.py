"""Whose run it is, and whether they still live."""

import os
import subprocess
import sys
import threading

import pytest

from src.model.tracking import liveness
from src.model.tracking.liveness import (
    ALIVE_TAG,
    PROCESS_TAG,
    alive_tag,
    beating,
    is_gone,
    own_tags,
)

NOW = 1_800_000_000.0


def test_a_process_that_lives_is_not_gone() -> None:
    """However long it has not shown itself: on this machine it can be seen."""
    assert not is_gone(own_tags(NOW), NOW + 1e9)


def test_a_process_that_ended_is_gone_at_once() -> None:
    """And so is one whose id now belongs to another process."""
    code = (
        "import time; from src.model.tracking.liveness import own_tags; "
        "print(own_tags(time.time())['process'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    tags = {PROCESS_TAG: done.stdout.strip(), **alive_tag(NOW)}
    machine, pid, began = tags[PROCESS_TAG].rsplit(" ", 2)
    reused = {**tags, PROCESS_TAG: f"{machine} {os.getpid()} {began}"}

    assert int(pid) > 0
    assert is_gone(tags, NOW)
    assert is_gone(reused, NOW)


def test_on_another_machine_time_decides() -> None:
    """A run there is gone when it has not shown itself for ten minutes."""
    there = own_tags(NOW) | {PROCESS_TAG: "elsewhere boot pid:[1] 7 1.00"}

    assert not is_gone(there, NOW + 599)
    assert is_gone(there, NOW + 601)
    assert not is_gone({**there, **alive_tag(NOW + 60)}, NOW + 601)


@pytest.mark.parametrize(
    "tags",
    [{}, {PROCESS_TAG: ""}, {PROCESS_TAG: "x"}, {PROCESS_TAG: "a b c"}, {ALIVE_TAG: "1"}],
)
def test_a_run_of_somebody_else_is_left_alone(tags: dict[str, str]) -> None:
    """Without our tags, or with others of the same names, nothing is known of its process."""
    assert not is_gone(tags, NOW)


def test_a_run_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after a beat that did not arrive; and no longer when the block has ended."""
    monkeypatch.setattr(liveness, "_BEAT_SECONDS", 0.01)
    told: list[dict[str, str]] = []
    arrived = threading.Event()

    def tell(tags: dict[str, str]) -> None:
        told.append(tags)
        if len(told) == 1:
            raise OSError
        arrived.set()

    with beating(tell):
        assert arrived.wait(10)
    for thread in threading.enumerate():
        if thread.name == "run-alive":
            thread.join(10)

    assert {ALIVE_TAG} == set(told[-1])
    assert "run-alive" not in {thread.name for thread in threading.enumerate()}
