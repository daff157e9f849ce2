"""Every command killed at every point at which others could see a half: the same command mends it.

The points are found by intercepting the calls, not by a list. After the kill the same command is
run again; then every file, alias and record is as if nothing had happened. `make test-hostile` does
it at every point, `make test` at a few of each command.
"""

import json
import os
import random
import re
import shutil
import sys
from pathlib import Path, PurePosixPath

import pytest

from tests.conftest import Workspace
from tests.hostile.forker import Ended, Forker

pytestmark = pytest.mark.slow

_IDS = re.compile(rb"\b[0-9a-f]{32}\b|\d{4}-\d\d-\d\dT[0-9:.+]+")
# What takes as long, or as much memory, as it takes.
_TIMES = re.compile(rb'\d+\.\d+(e-?\d+)?|\b\d{13}\b|"train.cost": "[^"]*"')
_FEW = 5
INGEST = ("data.ingest", "--source", "synthetic:2000@3")
OTHER = ("data.ingest", "--source", "synthetic:2000@4")
ARRIVED = ("data.ingest", "--source", "synthetic:600@5", "--append")
VALIDATE = ("data.validate",)
SPLIT = ("data.split_batches",)
PREPROCESS = ("data.preprocess_batch", "--batch", "0 1")
TEST = ("data.preprocess_test",)
TRAIN = ("pipeline.train", "--batches", "0")
MORE = ("pipeline.train", "--batches", "0 1")
EVALUATE = ("pipeline.evaluate",)
PROMOTE = ("pipeline.promote", "--ignore-champion")
DATA = (INGEST, SPLIT, PREPROCESS, TEST)
JUDGED = (*DATA, TRAIN, EVALUATE)
REPLACED = (*JUDGED, PROMOTE, MORE, EVALUATE)

CASES = {
    "ingest": ((), INGEST),
    "ingest over another": ((INGEST,), OTHER),
    "ingest what arrived": ((INGEST,), ARRIVED),
    "preprocess what arrived": ((INGEST, SPLIT, ARRIVED, VALIDATE), (*PREPROCESS[:-1], "4 5")),
    "preprocess grown test rows": ((INGEST, ARRIVED, VALIDATE), TEST),
    "validate": ((INGEST,), VALIDATE),
    "split": ((INGEST,), SPLIT),
    "split into fewer": ((INGEST, SPLIT), (*SPLIT, "batches=3")),
    "preprocess a batch": ((INGEST, SPLIT), PREPROCESS),
    "preprocess the test rows": ((INGEST,), TEST),
    "train": (DATA, TRAIN),
    "train another": ((*DATA, TRAIN), MORE),
    "evaluate": ((*DATA, TRAIN), EVALUATE),
    "promote the first": (JUDGED, PROMOTE),
    "promote over a champion": (REPLACED, PROMOTE),
    "roll back": ((*REPLACED, PROMOTE), ("pipeline.promote", "--rollback")),
    "export": ((*JUDGED, PROMOTE), ("pipeline.export", "--output", "exported")),
    "score": ((*JUDGED, PROMOTE), ("pipeline.score", "in.csv", "out.csv")),
}


def command(forked: Forker, folder: Path, at: int, words: tuple[str, ...]) -> Ended:
    """Run a command in the folder, killed before its change number `at`."""
    words, batches = (words[:-1], "3") if words[-1] == "batches=3" else (words, "5")
    temporary = folder.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | {
        "REVIEWS_BATCHES": batches, "TMPDIR": str(temporary),
        "REVIEWS_DATA_DIR": "data", "REVIEWS_CACHE_DIR": "cache",
        "REVIEWS_PROMOTE_MIN_ACCURACY": "0.5",
    }  # fmt: skip
    return forked.run(words, folder, environment, at)


def state(folder: Path) -> dict[str, bytes]:
    """Every file but locks, with names and contents free of what is different in every run."""
    return dict(
        normal(str(path.relative_to(folder)), path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".locks" not in path.parts and not path.name.endswith(".lock")
    )


def normal(name: str, content: bytes) -> tuple[str, bytes]:
    """Return a file's name and content without what is different in every run."""
    return _IDS.sub(b"ID", name.encode()).decode(), _said(PurePosixPath(name), content)


def _said(path: PurePosixPath, content: bytes) -> bytes:
    if path.suffix == ".zip":  # holds times
        return str(len(content) // 1_000).encode()
    if path.suffix == ".html":  # a card shows how long things took
        return b"a page"
    timed = path.suffix == ".json" and path.parent.name in {"models", "reports"}
    without = _IDS.sub(b"ID", content) if path.suffix == ".json" else content
    return _TIMES.sub(b"T", without) if timed else without


def chosen(points: int, case: str, few_of_them: int = _FEW) -> list[int]:
    """All points with TEST_WHOLE, else a few of them, always the same."""
    every = range(1, points + 1)
    few = random.Random(case).sample(every, min(few_of_them, points))
    return list(every) if os.environ.get("TEST_WHOLE") else sorted(few)


@pytest.mark.parametrize("case", CASES)
def test_a_killed_command_is_mended_by_the_same_command(
    workspace: Workspace, forked: Forker, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At each point: same files, same registry, nothing left behind."""
    before, words = CASES[case]
    start = workspace.path / "start"
    start.mkdir()
    (start / "in.csv").write_text("title,text\nGreat,I love it\n")
    for done in before:
        found = command(forked, start, 0, done)
        assert found.returncode in {0, 4}, found.stderr
    whole = workspace.path / "whole"
    shutil.copytree(start, whole)
    finished = command(forked, whole, 0, words)
    assert 0 == finished.returncode, finished.stderr
    expected, points = state(whole), int(finished.stderr.split()[-1])

    broken = []
    for at in chosen(points, case):
        place = workspace.path / f"killed-{at}"
        shutil.copytree(start, place)
        killed = command(forked, place, at, words)
        again = command(forked, place, 0, words)
        now = state(place)
        if (killed.returncode, again.returncode) != (-9, 0) or now != expected:
            odd = {
                name for name in now.keys() | expected.keys() if now.get(name) != expected.get(name)
            }
            broken.append(
                (at, killed.returncode, again.returncode, sorted(odd), again.stderr[-300:])
            )
        shutil.rmtree(place)

    with capsys.disabled():
        sys.stdout.write(json.dumps({"case": case, "points": points, "broken": len(broken)}) + "\n")
    assert points > 0
    assert [] == broken
