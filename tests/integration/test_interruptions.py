"""Killed processes, full disks, read-only folders, two runs at once."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import pytest

from tests.conftest import Workspace

pytestmark = pytest.mark.slow


def files(folder: Path) -> dict[str, str]:
    """Return the digest of every file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def visible(folder: Path) -> dict[str, str]:
    """Return the digest of every file that is not one written aside."""
    return {
        name: digest
        for name, digest in files(folder).items()
        if not name.rpartition("/")[2].startswith(".")
    }


def kill_while_writing(workspace: Workspace, folder: Path, *words: str) -> None:
    """Start a command and kill it -9 as soon as it has begun to write its files aside."""
    process = subprocess.Popen(
        workspace.command(*words),
        cwd=workspace.path,
        env=workspace.environment(),
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if any(path.stat().st_size > 100_000 for path in folder.glob(".*.tmp")):
            process.send_signal(signal.SIGKILL)
            break
    assert -signal.SIGKILL == process.wait(30), "the command ended before it could be killed"


def test_a_killed_ingest(workspace: Workspace) -> None:
    """After kill -9 no half file is visible, and the same command gives byte-identical files."""
    words = ("data.ingest", "--source", "synthetic:200000@5")
    kill_while_writing(workspace, workspace.data / "raw", *words)
    half = visible(workspace.data)
    assert workspace.process(*words).code == 0
    again = files(workspace.data)
    workspace.set(REVIEWS_DATA_DIR="whole")
    assert workspace.process(*words).code == 0

    assert {} == half
    assert files(workspace.path / "whole") == again


def test_a_killed_preprocess(workspace: Workspace) -> None:
    """Killed at first nothing is visible; killed later, the former files stay vouched for."""
    workspace.set(REVIEWS_BATCHES="1")
    workspace.ok("data.ingest", "--source", "synthetic:150000@5")
    workspace.ok("data.split_batches")
    words, folder = ("data.preprocess_batch", "--batch", "0"), workspace.data / "processed"
    kill_while_writing(workspace, folder, *words)
    first = visible(folder)
    repaired = workspace.process(*words, "--json")
    whole = visible(folder)
    kill_while_writing(workspace, folder, *words, "--force")
    between = visible(folder)
    forced = workspace.process(*words, "--json", "--force")

    assert {} == first
    assert [(0, 0)] * 2 == [(r.code, r.json["skipped"]) for r in (repaired, forced)]
    assert whole == between == visible(folder)
    assert not list(folder.glob(".*.tmp"))


def test_a_full_disk(workspace: Workspace) -> None:
    """On a disk of 4 MB the ingest ends with exit code 5, a sentence, and nothing half-written."""
    code, out, err = on_small_disk(workspace, "size=4m", "data.ingest --source synthetic:60000@5")

    assert 5 == code, err
    assert "The disk is full" in err, err
    assert "no half file remains" in err
    assert "Traceback" not in err
    assert [".locks/ingest.lock"] == out.split()


def test_a_read_only_folder(workspace: Workspace) -> None:
    """A folder that cannot be written ends with exit code 5 and what to do."""
    code, _, err = on_small_disk(workspace, "ro", "data.ingest --source synthetic:100@5")

    assert 5 == code, err
    assert "cannot be written" in err
    assert "REVIEWS_DATA_DIR" in err
    assert "Traceback" not in err


def test_a_disk_that_fills_up_in_training(small: Workspace) -> None:
    """Without room for the features it ends with exit code 5 and a sentence, the data untouched."""
    before = files(small.data)
    code, out, err = on_small_disk(
        small, "size=64k", "pipeline.train --batches 0", "REVIEWS_CACHE_DIR"
    )

    assert 5 == code, err
    assert "The disk is full" in err, err
    assert "Traceback" not in err
    assert "fitted" not in out
    assert before == files(small.data)


def test_a_temporary_folder_that_fills_up(tracked: Workspace) -> None:
    """It is the disk that is full, and not MLflow that cannot be used."""
    tracked.ok("data.ingest", "--source", "synthetic:2000@3")
    tracked.ok("data.split_batches")
    tracked.ok("data.preprocess_batch", "--batch", "0")
    code, _, err = on_small_disk(tracked, "size=64k", "pipeline.train --batches 0", "TMPDIR")

    assert 5 == code, err
    assert "The disk is full" in err, err
    assert "TMPDIR" in err
    assert "MLflow at" not in err
    assert "Traceback" not in err


def on_small_disk(
    workspace: Workspace, options: str, command: str, variable: str = "REVIEWS_DATA_DIR"
) -> tuple[int, str, str]:
    """Run a command with its data on a tmpfs of its own mount namespace.

    It returns the exit code, the files left, and stderr.
    """
    disk = workspace.path / "disk"
    disk.mkdir()
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", str(disk)]
    if (
        shutil.which("unshare") is None
        or subprocess.run(probe, capture_output=True, check=False).returncode
    ):
        pytest.skip("mount namespaces are not allowed here")
    workspace.set(**{variable: str(disk)})
    script = (
        f"mount -t tmpfs -o {options} tmpfs {disk} && cd {workspace.path} && "
        f"{{ {sys.executable} -m src.model.{command} >/dev/null; code=$?; "
        f"(cd {disk}; find . -type f -printf '%P\\n'); exit $code; }}"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        env=workspace.environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_two_runs_at_once(workspace: Workspace) -> None:
    """The second of two ingests is told that the first is running; the first is not disturbed."""
    with workspace.context().storage.lease("ingest"):
        second = workspace.process("data.ingest", "--source", "synthetic:100@1")
    first = workspace.process("data.ingest", "--source", "synthetic:100@1")

    assert (2, True) == (second.code, "Another process is running ingest" in second.err)
    assert 0 == first.code


def test_an_interrupt_from_the_keyboard(workspace: Workspace) -> None:
    """Ctrl-C ends with a sentence, exit code 130, and nothing half-written."""
    process = subprocess.Popen(
        workspace.command("data.ingest", "--source", "synthetic:2000000@5"),
        cwd=workspace.path, env=workspace.environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    raw = workspace.data / "raw"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(raw.glob(".*.tmp")):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert 130 == process.returncode
    assert "Stopped" in err
    assert "Traceback" not in err
    assert [] == list(raw.glob(".*.tmp"))


def test_a_terminated_step(tracked: Workspace) -> None:
    """SIGTERM is Ctrl-C: exit code 143, a sentence, no version, and a run marked as killed."""
    tracked.set(REVIEWS_BATCHES="1", REVIEWS_HASHED_EPOCHS="100", REVIEWS_HASHED_PATIENCE="100")
    for module in (
        "data.ingest --source=synthetic:20000@5",
        "data.split_batches",
        "data.preprocess_batch --batch=0",
    ):
        tracked.ok(*module.split())
    process = subprocess.Popen(
        tracked.command("pipeline.train", "--batches", "0"), cwd=tracked.path,
        env=tracked.environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "RUNNING" not in _statuses(tracked):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]

    assert 128 + signal.SIGTERM == process.returncode, said
    assert "Stopped. Nothing half-written remains" in said
    assert "KILLED" in _statuses(tracked)
    assert "RUNNING" not in _statuses(tracked)
    assert [] == tracked.mlflow().search_model_versions()


def _statuses(tracked: Workspace) -> list[str]:
    client = tracked.mlflow()
    return [
        run.info.status
        for run in client.search_runs([e.experiment_id for e in client.search_experiments()])
    ]


@pytest.mark.parametrize("by_then_active", [True, False])
def test_a_start_that_is_stopped_leaves_no_open_run(
    tracked: Workspace, monkeypatch: pytest.MonkeyPatch, *, by_then_active: bool
) -> None:
    """The signal comes when the store has the run, and MLflow's start_run has not returned it."""
    start_run = mlflow.start_run

    def stopped(**words: Any) -> None:
        if by_then_active:
            start_run(**words)
        else:
            tracked.mlflow().create_run(words["experiment_id"], tags=words["tags"])
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow, "start_run", stopped)
    with pytest.raises(KeyboardInterrupt), tracked.context().tracker.start("train", {}):
        pytest.fail("it did not start")

    assert ["KILLED"] == _statuses(tracked)
    assert mlflow.active_run() is None
