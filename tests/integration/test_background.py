"""Programs that go on by themselves: one of them killed, its orphan, and numbers of others."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from src.model.background import Background, Launch
from src.model.core.errors import StorageError, TrackingError
from tests.integration.processes import until

SLEEPS = (sys.executable, "-c", "import time; time.sleep(300)")
STARTS_ONE = """
import subprocess, sys, time
subprocess.Popen([sys.executable, *sys.argv[1:]])
time.sleep(300)
"""
HAS_A_CHILD = (sys.executable, "-c", STARTS_ONE, *SLEEPS[1:])
FAILS = (sys.executable, "-c", "raise SystemExit('no such thing')")
LEAVES_ONE = ("bash", "-c", "trap 'sleep 277 & exit 0' TERM; while :; do sleep 0.1; done")
TWO = {"one": SLEEPS, "two": HAS_A_CHILD}


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    made = Background("Two programs", tmp_path / "state")
    yield made
    made.end()


def begun(background: Background, programs: Mapping[str, tuple[str, ...]]) -> list[str]:
    launch = Launch(programs, "http://127.0.0.1:1", os.environ, {"SAID": "once"})
    return background.start(launch, lambda: True, 20)


def living(background: Background) -> Mapping[str, psutil.Process]:
    found = background.running()
    return found.processes if found else {}


def has_ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_one_that_was_killed_is_started_again(background: Background) -> None:
    """The other goes on; what the killed one has left behind is ended with all."""
    begun(background, TWO)
    first = living(background)
    until(first["two"].children)
    (orphan,) = first["two"].children()
    first["two"].kill()
    first["two"].wait()
    found = background.running()
    again = begun(background, TWO)
    mended = background.running()
    assert not has_ended(orphan)
    ended = background.end()

    assert found is not None
    assert mended is not None
    assert (["one"], ["two"], {"SAID": "once"}) == (list(found.processes), found.gone, found.about)
    assert (["two"], []) == (again, mended.gone)
    assert first["one"] == mended.processes["one"]
    assert ended
    assert all(map(has_ended, [orphan, *mended.processes.values()]))
    assert (None, False, False) == (background.running(), background.leftovers(), background.end())


def test_what_a_killed_program_left_is_known(background: Background) -> None:
    """Nothing of it runs by its name, and still something is to be ended."""
    begun(background, {"two": HAS_A_CHILD})
    (process,) = living(background).values()
    until(process.children)
    process.kill()
    process.wait()

    assert (None, True) == (background.running(), background.leftovers())
    assert background.end()
    assert not background.leftovers()


def test_what_is_started_while_all_is_ended_ends_too(background: Background) -> None:
    begun(background, {"one": LEAVES_ONE})
    (process,) = living(background).values()
    until(process.children)
    background.end()

    left = [
        one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "277"]
    ]
    assert [] == left


def test_nothing_of_somebody_else_is_ended(background: Background) -> None:
    """A number that another process has by now is passed over, and so is its session."""
    begun(background, {"one": SLEEPS})
    state = json.loads(background.state.read_text())
    background.end()
    other = subprocess.Popen(SLEEPS, start_new_session=True)
    try:
        state["programs"]["one"] = {"pid": other.pid, "began": 1.0}
        background.state.write_text(json.dumps(state))
        found, ended = background.running(), background.end()

        assert (None, False) == (found, ended)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_nothing_of_an_earlier_boot_is_ended(background: Background) -> None:
    """Not even where the numbers, and the seconds since the boot, are the same."""
    begun(background, {"one": SLEEPS})
    (process,) = living(background).values()
    kept = background.state.read_text()
    state = json.loads(kept)
    assert state["boot"], "this system names its boots"
    background.state.write_text(json.dumps(state | {"boot": "another"}))
    found, ended = background.running(), background.end()
    alive = not has_ended(process)
    background.state.write_text(kept)

    assert (None, False, True) == (found, ended, alive)


DAMAGED: list[Any] = [
    "", "[]", "{", "[" * 5000, '{"programs": []}', '{"pid": 1}', '{"programs": {"a": 5}}',
    '{"programs": {"a": {}}, "address": "x"}', '{"boot": "", "programs": {"a": {"pid": "x"}}}',
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_state_is_none(background: Background, content: str) -> None:
    background.folder.mkdir()
    background.state.write_text(content)

    assert (None, False) == (background.running(), background.end())


def test_one_that_ends_at_once_takes_what_was_started_with_it(background: Background) -> None:
    """Its log is shown; what ran before goes on. Ready or not, it has not started."""
    others = set(psutil.Process().children())
    begun(background, {"one": SLEEPS})
    (first,) = living(background).values()
    with pytest.raises(TrackingError, match="no such thing"):
        background.start(
            Launch({"one": SLEEPS, "three": HAS_A_CHILD, "two": FAILS}, "", os.environ),
            lambda: has_ended(started(background, "two")), 20,
        )  # fmt: skip

    assert {"one": first} == living(background)
    left = set(psutil.Process().children()) - others
    assert [first] == [one for one in left if not has_ended(one)]


def started(background: Background, name: str) -> psutil.Process:
    state = json.loads(background.state.read_text())
    return psutil.Process(state["programs"][name]["pid"])


def test_one_that_cannot_be_started_leaves_nothing(background: Background) -> None:
    programs = {"one": SLEEPS, "two": ("/nowhere/program",)}
    with pytest.raises(StorageError, match="/nowhere/program"):
        background.start(Launch(programs, "", os.environ), lambda: True, 20)

    assert {} == living(background)
    assert not background.leftovers()


def test_who_is_interrupted_leaves_nothing(background: Background) -> None:
    def interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        background.start(Launch(TWO, "", os.environ), interrupted, 20)

    assert not background.leftovers()


def test_two_starts_at_once_are_one(background: Background) -> None:
    """The second waits for the first, and finds its programs."""
    started: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: started.append(begun(background, TWO))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [[], [], ["one", "two"]] == sorted(started)
    assert background.end()
