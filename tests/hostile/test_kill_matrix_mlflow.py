"""Every command that tells MLflow something, killed at every point: the same command mends it.

Points are every rename and deletion of a file and every commit of MLflow's database. Afterwards
aliases and versions are as if nothing had happened, and no run is left open: that of the process
that was killed is marked so, and keeps what it had logged by then.
"""

import json
import re
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workspace
from tests.hostile.forker import Forker
from tests.hostile.test_kill_matrix import (
    DATA,
    EVALUATE,
    INGEST,
    JUDGED,
    MORE,
    PROMOTE,
    REPLACED,
    SPLIT,
    TRAIN,
    chosen,
    command,
    state,
)

pytestmark = pytest.mark.slow

TUNE = ("pipeline.tune", "--batches", "0", "--trials", "1")
CASES: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "ingest": ((), INGEST),
    "validate": ((INGEST,), ("data.validate",)),
    "split": ((INGEST,), SPLIT),
    "tune": (DATA, TUNE),
    "train": (DATA, TRAIN),
    "train another": ((*DATA, TRAIN), MORE),
    "evaluate": ((*DATA, TRAIN), EVALUATE),
    "promote the first": (JUDGED, PROMOTE),
    "promote over a champion": (REPLACED, PROMOTE),
    "roll back": ((*REPLACED, PROMOTE), ("pipeline.promote", "--rollback")),
}
_FEW = {"train": 3, "promote over a champion": 2}
_ODD = re.compile(r"\b[0-9a-f]{32}\b|[0-9.]+e-?\d+|\d+\.\d+|\d{4}-\d\d-\d\d[T ][\d:.+]+")
_DATABASES = ("mlruns", "mlflow.db", "o.db")
_TIMED = (
    "latency",
    "seconds",
    "peak_mb",
    "train.cost",
    "evaluated",
    "promoted_at",
    "code",
    "gate.",
    "rolled",
)


def registry(folder: Path) -> dict[str, Any]:
    """What MLflow's database holds of versions, aliases and runs, without what chance makes."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:

        def rows(query: str) -> list[tuple[Any, ...]]:
            return database.execute(query).fetchall()

        tags = [
            (version, key, "" if any(word in key for word in _TIMED) else _ODD.sub("~", value))
            for version, key, value in rows("SELECT version, key, value FROM model_version_tags")
        ]
        steps = (
            "SELECT r.status, t.value FROM runs r JOIN tags t USING (run_uuid) WHERE t.key='step'"
        )
        return {
            "aliases": sorted(rows("SELECT alias, version FROM registered_model_aliases")),
            "versions": sorted(rows("SELECT version, status FROM model_versions")),
            "tags": sorted(tags),
            "open": rows("SELECT run_uuid FROM runs WHERE status = 'RUNNING'"),
            "steps": sorted({step for status, step in rows(steps) if status != "RUNNING"}),
        }


def files(folder: Path) -> dict[str, bytes]:
    """What lies beside the databases of MLflow and Optuna, and beside MLflow's own files."""
    found = state(folder)
    return {name: found[name] for name in found if not name.startswith(_DATABASES)}


@pytest.mark.parametrize("case", CASES)
def test_a_killed_command_is_mended_in_mlflow_too(
    workspace: Workspace,
    forked: Forker,
    migrated_store: Path,
    case: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At each point: same files, same versions and aliases, no run that is open for ever."""
    before, words = CASES[case]
    place, start = workspace.path / "place", workspace.path / "start"
    place.mkdir()
    shutil.copy(migrated_store, place / "mlflow.db")
    workspace.set(MLFLOW_TRACKING_URI="sqlite:///mlflow.db", REVIEWS_TUNE_STORAGE="sqlite:///o.db")
    for done in before:
        found = command(forked, place, 0, done)
        assert found.returncode in {0, 4}, found.stderr
    place.rename(start)

    def from_start(at: int) -> tuple[int, str]:
        """Run the command on a fresh copy, in one place: MLflow notes the whole path."""
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(start, place)
        done = command(forked, place, at, words)
        return done.returncode, done.stderr

    code, said = from_start(0)
    assert 0 == code, said
    expected, made, points = registry(place), files(place), int(said.split()[-1])
    broken = []
    for at in chosen(points, case, _FEW.get(case, 1)):
        killed, _ = from_start(at)
        again = command(forked, place, 0, words)
        now, there = registry(place), files(place)
        odd = {name for name in now if now[name] != expected[name]}
        odd |= {name for name in made.keys() | there.keys() if made.get(name) != there.get(name)}
        if (killed, again.returncode) != (-9, 0) or odd:
            broken.append((at, killed, again.returncode, sorted(odd), again.stderr[-300:], now))

    with capsys.disabled():
        sys.stdout.write(json.dumps({"case": case, "points": points, "broken": len(broken)}) + "\n")
    assert points > 0
    assert [] == broken
