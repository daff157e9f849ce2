"""The API as a process: how it starts and does not, its workers, and what it needs to run."""

import os
import signal
import socket
import subprocess
from importlib.metadata import distribution, files
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import ROOT
from tests.integration.api_process import PROGRAM, REVIEW, ready
from tests.integration.processes import until

ITS_TESTS = sorted(str(path) for path in (ROOT / "tests/unit").glob("test_api_*.py"))
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


def test_two_workers_count_together(folder: Path) -> None:
    """Whichever process answers /metrics, it tells of all requests."""
    with ready(folder, REVIEWS_API_WORKERS="2") as api:
        for _ in range(60):
            # A connection of its own: any worker may take it.
            with httpx.Client(base_url=api.client.base_url) as other:
                until(lambda other=other: other.post("/api/v1/predict", json=REVIEW).is_success)  # type: ignore[misc]
        seen = {
            api.metric("reviews_requests_total", path="/api/v1/predict", status="200")
            for _ in range(6)
        }

    assert {60.0} == seen


def test_a_port_that_is_taken_and_settings_that_make_no_sense(folder: Path) -> None:
    """The start ends with exit code 2 and a sentence."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environments: list[tuple[dict[str, str], str]] = [
            ({"REVIEWS_API_PORT": str(taken.getsockname()[1])}, "cannot be listened on"),
            ({"REVIEWS_LOG_DIR": "gopher://x"}, "can be used"),
            ({"REVIEWS_API_PRT": "1"}, "Did you mean REVIEWS_API_PORT?"),
            ({"REVIEWS_API_KEYS_FILE": "nowhere"}, "make api-key"),
        ]
        named, unnamed = (
            subprocess.run(
                [str(PROGRAM), "-m", "src.api", f"--new-key={name}"], cwd=folder, env=ENVIRONMENT,
                capture_output=True, text=True, timeout=60, check=False,
            )
            for name in ("ann smith", "")
        )  # fmt: skip
        ended = [
            subprocess.run(
                [str(PROGRAM), "-m", "src.api"], cwd=folder, env=ENVIRONMENT | settings,
                capture_output=True, text=True, timeout=60, check=False,
            )
            for settings, _ in environments
        ]  # fmt: skip

    assert (2, "", True) == (named.returncode, named.stdout, "cannot name a key" in named.stderr)
    assert (2, True) == (unnamed.returncode, "cannot name a key" in unnamed.stderr)
    for done, (_, said) in zip(ended, environments, strict=True):
        assert (2, True) == (done.returncode, said in done.stderr), done.stderr


def test_only_the_apis_own_libraries_are_loaded() -> None:
    """It is made where nothing is installed that trains, from `src.api` and the core alone."""
    code = (
        "import importlib.util as u, sys, src.api.app\n"
        "from src.model.core.settings import load_settings\n"
        "src.api.app.create_app(load_settings({}, env_file=None))\n"
        "names = ('sklearn', 'pandas', 'polars', 'pyarrow', 'mlflow', 'scipy', 'boto3')\n"
        "print(*(n for n in names if u.find_spec(n)))\n"
        "print(*(n for n in sys.modules if n.startswith('src.model.')))\n"
        "print('obstore' in sys.modules)"
    )
    done = subprocess.run(
        [str(PROGRAM), "-c", code], cwd=ROOT, env=ENVIRONMENT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    absent, ours, s3 = done.stdout.splitlines()
    expected = """
        core core.artifact core.digest core.disk core.errors core.folding core.hashing core.labels
        core.language core.languages core.logs core.proxies
        core.models core.names core.prediction_row core.ragged core.reading core.records
        core.redact core.served_model core.settings core.settings.data core.settings.group
        core.settings.monitoring core.settings.services core.settings.serving core.settings.training
        core.text
    """

    assert "" == absent
    assert set(expected.split()) == {name.removeprefix("src.model.") for name in ours.split()}
    assert "False" == s3


def test_the_apis_own_tests_pass_in_its_environment(tmp_path: Path) -> None:
    """What is tested in process passes with the packages of requirements/api.txt and pytest's."""
    for name in (
        "pytest",
        "pluggy",
        "iniconfig",
        "packaging",
        "pygments",
        "hypothesis",
        "sortedcontainers",
    ):
        for top in {file.parts[0] for file in files(name) or ()} - {".."}:
            (tmp_path / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    pytest_ = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    done = subprocess.run(
        [str(PROGRAM), *pytest_, *ITS_TESTS],
        cwd=ROOT, env=ENVIRONMENT | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip

    assert 0 == done.returncode, done.stdout[-4000:]
    assert "skipped" not in done.stdout


def test_workers_share_limits_and_end_with_their_parent(folder: Path) -> None:
    """Four workers let as many pass as one; where their parent is killed none of them stays."""
    with ready(
        folder, REVIEWS_API_WORKERS="4", REVIEWS_API_RATE="0.001", REVIEWS_API_BURST="5"
    ) as api:
        passed = 0
        for _ in range(40):
            with httpx.Client(base_url=api.client.base_url) as other:  # any worker may take it
                passed += other.post("/api/v1/predict", json=REVIEW).is_success
        family = psutil.Process(api.process.pid).children(recursive=True)
        api.process.kill()
        api.process.wait(20)
        _, alive = psutil.wait_procs(family, timeout=20)

    assert 5 == passed
    assert [] == alive


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_it_with_a_sentence(folder: Path, workers: str) -> None:
    """No traceback, and the rows are written."""
    with ready(folder, REVIEWS_API_WORKERS=workers, REVIEWS_LOG_SECONDS="3600") as api:
        assert api.predict().is_success
        api.process.send_signal(signal.SIGINT)
        api.process.wait(20)
        said, rows = api.said(), api.rows()

    assert "Traceback" not in said
    assert "Stopped: no request was cut off" in said
    assert 1 == len(rows)
    assert 128 + signal.SIGINT == api.process.returncode


def test_nothing_stays_in_the_temporary_folder(folder: Path) -> None:
    """SIGTERM and SIGHUP end the service in order: rows written, folders gone."""
    temporary = folder / "tmp"
    temporary.mkdir()
    for number in (signal.SIGTERM, signal.SIGHUP):
        workers = "2" if number == signal.SIGTERM else "1"
        with ready(
            folder, REVIEWS_API_WORKERS=workers, TMPDIR=str(temporary), REVIEWS_LOG_SECONDS="3600"
        ) as api:
            before = len(api.rows())
            assert api.predict().is_success
            api.process.send_signal(number)
            api.process.wait(20)
            assert before + 1 == len(api.rows())

        assert [] == list(temporary.iterdir())
