"""The images' entry point: what it refuses, what it passes on, how it explains an end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import src.__main__ as entry
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"memory.events": "low 0\noom 1\noom_kill 1\n", "memory.max": "67108864\n"},
            "memory limit of 64 MB",
        ),
        ({"memory.events": "oom_kill 2\n", "memory.max": "max\n"}, "memory limit of the machine"),
        ({"memory.events": "oom_kill 0\n", "memory.max": "67108864\n"}, "killed from outside"),
        (
            {
                "memory/memory.oom_control": "under_oom 0\noom_kill 1\n",
                "memory/memory.limit_in_bytes": "1073741824\n",
            },
            "memory limit of 1,024 MB",
        ),
        ({}, "killed from outside"),
    ],
)
def test_why_a_module_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str], expected: str
) -> None:
    """The memory limit is told from a kill by somebody, by either version of cgroups."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    assert 137 == entry.ended("src.model.pipeline.train", -9, tmp_path)
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (4, 4), (-15, 143), (-2, 130)])
def test_exit_codes_are_passed_on(code: int, expected: int) -> None:
    """A module's own code, or 128 and the signal."""
    assert expected == entry.ended("src.model.pipeline.train", code)


def test_what_keeps_a_module_from_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown names, no mount, no address; help is always given, and S3 needs no mount."""
    monkeypatch.chdir(tmp_path)
    step, s3 = (
        "src.model.data.ingest",
        {"REVIEWS_DATA_DIR": "s3://bucket/data", "MLFLOW_TRACKING_URI": ""},
    )

    assert "no module of this image" in entry.problem("src.model.nothing", [], {})
    assert "no module of this image" in entry.problem("nothing.at.all", [], {})
    assert "no module of this image" in entry.problem("..", [], {})
    assert "nothing is mounted" in entry.problem(step, [], {"MLFLOW_TRACKING_URI": ""})
    assert "MLFLOW_TRACKING_URI is not set" in entry.problem(
        step, [], {"REVIEWS_DATA_DIR": "s3://bucket/data"}
    )
    assert "" == entry.problem(step, [], s3)
    assert "" == entry.problem(step, ["--help"], {})
    assert "" == entry.problem("src.api.ask", [], {})


def test_it_runs_modules() -> None:
    """Arguments and exit code go through; without a module it says what it is for."""
    command = [sys.executable, "-m", "src"]
    environment = os.environ | {"MLFLOW_TRACKING_URI": "", "REVIEWS_DATA_DIR": "s3://bucket/data"}
    helped = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    run = subprocess.run(
        [*command, "src.model.data.ingest", "--no-such-option"], cwd=ROOT, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (0, True) == (helped.returncode, helped.stdout.startswith("usage: docker run"))
    assert (2, True) == (run.returncode, "--no-such-option" in run.stderr)


def test_a_place_for_temporary_files_is_made_or_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TMPDIR on the mounted folder is made where that is possible, else it is forgotten."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    made = entry.environment()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "no/such/tmp"))

    assert str(tmp_path / "tmp") == made["TMPDIR"]
    assert (tmp_path / "tmp").is_dir()
    assert "TMPDIR" not in entry.environment()
