"""REVIEWS_PROMOTE=approve: what passes the gate waits for a person, and three answers end that."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator

import pytest

from src.model import steps
from tests.conftest import Workspace
from tests.integration.test_promotion import aliases, challenged


@pytest.fixture
def asking(weak: Workspace) -> Workspace:
    """A workspace whose champion is version 1 and whose version 2 waits for an answer."""
    challenged(weak, REVIEWS_PROMOTE="approve")
    asked = weak.run("pipeline.promote", "--run", "2026-W02", "--json")
    assert (steps.ASKS, "asked") == (asked.code, asked.json["decision"])
    assert 1 == aliases(weak)["champion"]
    return weak


def gate(place: Workspace, number: int = 2) -> dict[str, str]:
    version = place.context().registry.get(number)
    assert version
    return {name: value for name, value in version.tags.items() if name.startswith("gate")}


def test_yes_makes_it_the_champion(tracked: Workspace, asking: Workspace) -> None:
    """The tags and the run say who said so; said again, nothing changes."""
    answer = asking.ok("pipeline.approve", "--run", "2026-W02", "--answer", "yes", "--by", "Ana")
    again = asking.ok("pipeline.approve", "--run", "2026-W02", "--answer", "yes")
    found = aliases(asking)
    version = asking.context().registry.get(2)

    assert version
    assert ("promoted", 2, "Ana") == tuple(
        answer[name] for name in ("decision", "model_version", "answered_by")
    )
    assert "unchanged" == again["decision"]
    assert {"champion": 2, "challenger": 2, "previous": 1} == found
    expected = {"gate": "promoted", "gate.answered_by": "Ana", "gate.run": "2026-W02"}
    assert expected.items() <= gate(asking).items()
    assert "promoted" == tracked.mlflow().get_run(version.run_id).data.tags["gate"]
    report = json.loads((asking.data / "reports/promotion_2.json").read_text())
    assert ("promoted", "Ana", 1) == tuple(
        report[name] for name in ("decision", "answered_by", "former_champion")
    )
    assert report["rules"], "what the gate said stays"


def test_no_keeps_it_back_until_a_person_says_otherwise(asking: Workspace) -> None:
    """Another promotion does not ask again; the challenger stays the challenger."""
    said = asking.run("pipeline.approve", "--answer", "no", "--by", "Ana")
    promoted = asking.run("pipeline.promote")
    tags = gate(asking)
    champion = aliases(asking)["champion"]
    changed = asking.ok("pipeline.approve", "--model-version", "2", "--answer", "yes")

    assert (4, 4) == (said.code, promoted.code)
    assert "Kept back: version 2 was rejected by Ana" in promoted.out
    assert ("rejected", 1) == (tags["gate"], champion)
    assert ("promoted", 2) == (changed["decision"], aliases(asking)["champion"])


def test_open_leaves_it_waiting(asking: Workspace) -> None:
    """As if nobody had been asked; nothing was decided for a version that is judged again."""
    said = asking.run("pipeline.approve", "--run", "2026-W02", "--answer", "open", "--json")
    again = asking.run("pipeline.promote", "--run", "2026-W02")

    assert (4, "open") == (said.code, said.json["decision"])
    assert ("asked", steps.ASKS) == (gate(asking)["gate"], again.code)
    assert "make model-approve model_version=2 [answer=yes|no]" in again.out


def test_an_answer_for_what_does_not_wait_is_refused(asking: Workspace) -> None:
    """Kept by the gate, unknown, nobody at a terminal, another champion by now."""
    said = {
        "no version of that run": asking.run("pipeline.approve", "--run", "2026-W09"),
        "nobody there": asking.run("pipeline.approve"),
        "the champion's own": asking.run("pipeline.approve", "--model-version", "9"),
    }
    asking.set(REVIEWS_PROMOTE="auto", REVIEWS_SEED="7")
    challenged(asking)
    third = asking.ok("pipeline.promote")
    late = asking.run("pipeline.approve", "--run", "2026-W02", "--answer", "yes")
    kept = asking.run("pipeline.approve", "--model-version", "1", "--answer", "yes")

    assert dict.fromkeys(said, 2) == {name: found.code for name, found in said.items()}
    assert "No version of the run 2026-W09 waits" in said["no version of that run"].err
    assert "answer=yes" in said["nobody there"].err
    assert ("promoted", 3) == (third["decision"], third["model_version"])
    assert (4, "asked") == (late.code, gate(asking)["gate"]), "judged against version 1"
    assert "Version 3 became the champion meanwhile" in late.err
    assert (2, True) == (kept.code, "does not wait for an answer" in kept.err)
    assert 3 == aliases(asking)["champion"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A pseudo-terminal: the side of a person, and that of a program."""
    pair = pty.openpty()
    yield pair
    for end in pair:
        os.close(end)


@pytest.mark.parametrize(
    ("typed", "state", "code"),
    [("what?\nyes\n", "promoted", 0), ("n\n", "rejected", 4), ("\n", "asked", 4)],
    ids=["yes", "no", "enter"],
)
def test_who_sits_at_the_terminal_is_asked(
    asking: Workspace, terminal: tuple[int, int], typed: str, state: str, code: int
) -> None:
    """It shows how the two compare, and asks until the answer is one."""
    person, program = terminal
    os.write(person, typed.encode())
    done = subprocess.run(
        asking.command("pipeline.approve"), cwd=asking.path, env=asking.environment(),
        stdin=program, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (code, state) == (done.returncode, gate(asking)["gate"]), done.stderr
    assert "against the champion, version 1:" in done.stderr
    assert typed.count("\n") == done.stderr.count("Make it the champion?")
