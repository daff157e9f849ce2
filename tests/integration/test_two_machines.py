"""Two machines on one bucket: never two writers, never a mixed state, and a lost one is replaced.

`make test-machines` runs 20 rounds; otherwise TEST_ROUNDS of them, or one.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.integration.machines import Cluster, Machine, cluster

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("TEST_ROUNDS") or 1)
EASY = {
    "REVIEWS_PROMOTE_MIN_ACCURACY": "0.5",
    "REVIEWS_PROMOTE_MIN_RECALL": "0.3",
    "REVIEWS_PROMOTE_MIN_ROC_AUC": "0.5",
    "REVIEWS_PROMOTE_MAX_LOG_LOSS": "5",
    "REVIEWS_PROMOTE_MAX_ECE": "1",
    "REVIEWS_PROMOTE_MIN_FUNCTIONALITY": "0",
    "REVIEWS_PROMOTE_MIN_INVARIANCE": "0",
    "REVIEWS_PROMOTE_MIN_DIRECTIONAL": "0",
    "REVIEWS_PROMOTE_MAX_ACCURACY_DROP": "1",
    "REVIEWS_PROMOTE_MAX_LOG_LOSS_RISE": "5",
    "REVIEWS_PROMOTE_MAX_SLICE_DROP": "1",
}


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path) as found:
        yield found


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """Wait for a command; return its exit code, its answer and what it said."""
    out, err = process.communicate(timeout=300)
    return process.returncode, json.loads(out.splitlines()[-1]) if out.strip() else {}, err


def both(two: Cluster, module: str, *words: list[str]) -> list[tuple[int, dict[str, Any], str]]:
    """Run a command on both machines at the same time, with a gate that few models miss."""
    started = [
        machine.start(module, *own, settings=EASY)
        for machine, own in zip(two.machines, words, strict=True)
    ]
    return [ended(process) for process in started]


def alone(machine: Machine, module: str, *words: str) -> dict[str, Any]:
    """Run a command on one machine; it must succeed."""
    code, answer, err = ended(machine.start(module, *words))
    assert code == 0, err
    return answer


def writers(two: Cluster, prefix: str) -> list[str]:
    """Return who changed objects below a prefix since the last look, one entry for each turn."""
    changes = [
        who
        for who, method, key in two.requests()
        if method in {"PUT", "DELETE", "POST"} and key.startswith(f"team/{prefix}")
    ]
    return [who for who, _ in groupby(changes)]


def content(machine: Machine, key: str) -> bytes:
    """Return an object's content, asked for from one of the machines."""
    code = (
        "import sys; from pathlib import Path; from src.model.core.settings import load_settings\n"
        "from src.model.files.stores import open_storage\n"
        "storage = open_storage(load_settings(), Path(sys.argv[2]))\n"
        "sys.stdout.buffer.write(storage.path(sys.argv[1]).read_bytes())"
    )
    scratch = str(machine.home / "tmp/look")
    command = ["ip", "netns", "exec", machine.namespace, sys.executable, "-c", code, key, scratch]
    done = subprocess.run(
        command, cwd=machine.home, env=machine.environment(), capture_output=True, check=True
    )
    return done.stdout


def assert_whole(machine: Machine, manifest: str) -> dict[str, Any]:
    """Every file is the one its manifest names; return the manifest."""
    found: dict[str, Any] = json.loads(content(machine, manifest))
    for key, entry in found["files"].items():
        assert entry["sha256"] == hashlib.sha256(content(machine, key)).hexdigest(), key
    return found


def test_rounds_of_two_at_once(two: Cluster) -> None:
    """Ingest, train and promote at the same time on both: one goes first, the other is told."""
    first, second = two.machines
    said = {0: 0, 2: 0, 4: 0}
    for number in range(ROUNDS):
        two.requests()
        sources = [f"--source=synthetic:1500@{number * 2 + n}" for n in (1, 2)]
        ingested = both(two, "data.ingest", [sources[0]], [sources[1]])
        turns = writers(two, "raw/")
        manifest = assert_whole(first, "raw/manifest.json")
        for words in (("data.split_batches",), ("data.preprocess_batch", "--batch=0 1"),
                      ("data.preprocess_test",)):  # fmt: skip
            alone(second, *words)
        two.requests()
        trained = both(two, "pipeline.train", ["--batches=0"], ["--batches=0 1"])
        model_turns = writers(two, "models/")
        alone(first, "pipeline.evaluate")
        before = json.loads(content(first, "models/index.json"))
        promoted = both(two, "pipeline.promote", [], [])
        after = json.loads(content(second, "models/index.json"))

        assert {code for code, _, _ in ingested} <= {0, 2}, ingested
        assert len(turns) == sum(code == 0 for code, _, _ in ingested) >= 1
        assert manifest["parameters"]["source"] in {s.removeprefix("--source=") for s in sources}
        assert {code for code, _, _ in trained} <= {0, 2}, trained
        assert len(model_turns) == sum(code == 0 for code, _, _ in trained) >= 1
        assert_promotion(before, after, [answer for _, answer, _ in promoted])
        assert {code for code, _, _ in promoted} <= {0, 4}, promoted
        for code, _, _ in (*ingested, *trained, *promoted):
            said[code] += 1
    print(f"{ROUNDS} rounds, exit codes: {said}")  # noqa: T201 - the figures of a long run


def assert_promotion(
    before: dict[str, Any], after: dict[str, Any], answers: list[dict[str, Any]]
) -> None:
    """At most one of two promotions moved the champion, and the aliases say so."""
    decisions = sorted(answer["decision"] for answer in answers)
    champion, former = after["aliases"].get("champion"), before["aliases"].get("champion")
    if "promoted" in decisions:
        assert decisions == ["promoted", "unchanged"]
        assert champion == before["aliases"]["challenger"]
        assert former is None or former == after["aliases"]["previous"]
        assert "promoted" == after["versions"][str(champion)]["tags"]["gate"]
    else:
        assert former == champion


def test_a_killed_machine_is_replaced_after_its_time(two: Cluster) -> None:
    """kill -9 in the middle of an ingest: the other goes on after the lease's time, not before."""
    first, second = two.machines
    settings = {"REVIEWS_LEASE_SECONDS": "6"}
    doomed = first.start("data.ingest", "--source=synthetic:400000@1", settings=settings)
    deadline = time.monotonic() + 60
    while not any(".leases/ingest" in key for _, _, key in two.requests()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    refused = ended(second.start("data.ingest", "--source=synthetic:1500@2", settings=settings))
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.communicate(timeout=30)
    killed_at = time.monotonic()
    code, _, err = ended(
        second.start("data.ingest", "--source=synthetic:1500@2", settings=settings)
    )
    waited = time.monotonic() - killed_at
    manifest = assert_whole(second, "raw/manifest.json")

    assert (2, True) == (refused[0], "Another process is running ingest" in refused[2])
    assert 0 == code, err
    assert 4 < waited < 60
    assert "synthetic:1500@2" == manifest["parameters"]["source"]
