"""Load on the API while its registry is killed, and its disk is read-only and then full."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def may_mount() -> bool:
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(probe, check=False, capture_output=True).returncode == 0
    )


def test_no_request_fails_and_every_fault_is_counted() -> None:
    """Answers are the named version's, metrics show each fault, and each log row is accounted."""
    if not may_mount():
        pytest.skip("this machine lets nobody mount a file system of his own (unshare -rm)")
    done = subprocess.run(
        [sys.executable, "-m", "bench.faults", "--seconds", "30", "--json"], cwd=ROOT,
        capture_output=True, text=True, timeout=480, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    after = found["after"]

    assert {"failed requests": 0, "wrong answers": 0, "sums that do not match": 0} == found[
        "problems"
    ]
    assert found["load"]["requests"] > 1000
    assert min(after["loaded"], found["moves"]) >= 2
    assert min(after["unreachable"], after["parts_failed"]) >= 1
    assert after["rows_dropped"] >= 1
    # A cache that cannot be written refuses no model: it is served from memory.
    assert 0 == after["refused"]
    assert 0 == after["rows_waiting"]
