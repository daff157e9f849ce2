"""What people get wrong with containers ends in a sentence, a hint and the project's exit codes."""

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.docker.conftest import Docker

NOWHERE = {"MLFLOW_TRACKING_URI": ""}
INGEST = ("src.model.data.ingest", "--source=synthetic:2000@1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o777)
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    return tmp_path / "data"


def mounted(folder: Path, *more: str) -> tuple[str, ...]:
    return ("--mount", f"type=bind,source={folder},target=/app/data", *more)


def explained(done: subprocess.CompletedProcess[str]) -> bool:
    """One error, no traceback."""
    return (
        1 == len(re.findall("^error: ", done.stderr, re.MULTILINE))
        and "Traceback" not in done.stderr
    )


@pytest.mark.parametrize(
    ("options", "words", "code", "message"),
    [
        ((), ("src.model.data.nothing",), 2, "src.model.data.nothing is no module of this image"),
        (("--env", "MLFLOW_TRACKING_URI="), INGEST, 2, "nothing is mounted at /app/data"),
        (("MOUNT",), INGEST, 2, "MLFLOW_TRACKING_URI is not set"),
        (
            ("MOUNT", "--env", "MLFLOW_TRACKING_URI=", "--env", "REVIEWS_BANANA=1"),
            INGEST,
            2,
            "REVIEWS_BANANA",
        ),
        (
            ("MOUNT", "--env", "MLFLOW_TRACKING_URI=http://127.0.0.1:9"),
            INGEST,
            5,
            "http://127.0.0.1:9",
        ),
        (("READONLY", "--env", "MLFLOW_TRACKING_URI="), INGEST, 5, "data"),
    ],
)
def test_a_container_that_cannot_do_its_work(
    docker: Docker,
    folder: Path,
    options: tuple[str, ...],
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    """Unknown module, no mount, no MLflow address, bad setting, MLflow away, unwritable mount."""
    places = {
        "MOUNT": mounted(folder),
        "READONLY": ("--mount", f"type=bind,source={folder},target=/app/data,readonly"),
    }
    done = docker.run(
        "model", *words, options=tuple(word for o in options for word in places.get(o, (o,)))
    )

    assert (code, True) == (done.returncode, explained(done)), done.stderr
    assert message in done.stderr


def test_a_mount_of_somebody_else(docker: Docker, folder: Path) -> None:
    """A folder closed to the container's user is exit code 5; one open to him is written as him."""
    words = mounted(
        folder, "--env", "MLFLOW_TRACKING_URI=", "--user", "54321:54321", "--cap-drop", "ALL"
    )
    written = docker.run("model", *INGEST, options=words)
    owner = (folder / "raw/train.parquet").stat().st_uid
    folder.chmod(0o555)
    refused = docker.run("model", "src.model.data.validate", options=words)

    assert (0, 54321) == (written.returncode, owner), written.stderr
    assert (5, True) == (refused.returncode, explained(refused)), refused.stderr


@pytest.mark.parametrize(
    ("variables", "code", "message"),
    [
        ({"DOCKER_HOST": "unix:///nowhere.sock"}, 5, "No Docker engine answers"),
        (
            {"MODEL_IMAGE": "tutoria-mlops-nothing:1"},
            2,
            "There is no image tutoria-mlops-nothing:1 here.",
        ),
        ({}, 5, "MLflow's server is not up."),
        ({"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}, 2, "names no http address"),
        ({"MLFLOW_TRACKING_URI": "http://localhost:9"}, 5, "host.docker.internal:9"),
        (NOWHERE | {"source": "no/such/file.csv"}, 3, "no/such/file.csv"),
    ],
)
def test_a_target_that_cannot_do_its_work(
    docker: Docker, variables: dict[str, str], code: int, message: str
) -> None:
    """No engine, no image, no server, this machine's own address, a server away, no such file."""
    source = variables.get("source", "synthetic:2000@1")
    wrong = {"STACK": "tutoria-test-nothing"} | variables
    done = docker.make("docker-model-ingest", f"source={source}", fails=True, **wrong)

    assert explained(done), done.stderr
    assert f"Error {code}" in done.stderr
    assert message in done.stderr


@pytest.mark.parametrize("target", ["docker-model-validate", "docker-up", "docker-api-run"])
def test_a_data_folder_that_cannot_be_made(docker: Docker, tmp_path: Path, target: str) -> None:
    """A file is in its place."""
    (tmp_path / "taken").write_text("")
    done = docker.make(target, fails=True, DOCKER_DATA=str(tmp_path / "taken"))

    assert explained(done), done.stderr
    assert f"{tmp_path}/taken cannot be written." in done.stderr
    assert "Error 5" in done.stderr


def test_an_image_for_another_processor(docker: Docker, tmp_path: Path) -> None:
    """It is refused before it starts, with both names."""
    (tmp_path / "empty.tar").write_bytes(bytes(10_240))
    mine = docker.inspect("model")["Architecture"]
    other = "arm64" if mine == "amd64" else "amd64"
    image = "tutoria-mlops-other:test"
    command = [
        "docker",
        "import",
        "--platform",
        f"linux/{other}",
        str(tmp_path / "empty.tar"),
        image,
    ]
    subprocess.run(command, check=True, capture_output=True)
    done = docker.make("docker-model-validate", fails=True, MODEL_IMAGE=image, **NOWHERE)
    subprocess.run(["docker", "image", "rm", image], check=True, capture_output=True)

    assert f"{image} is for {other}, and this engine runs {mine}." in done.stderr
    assert "Error 2" in done.stderr


def test_the_memory_limit_is_named(docker: Docker) -> None:
    """A step that needs more than it may have ends with a sentence, not in silence."""
    done = docker.make(
        "docker-model-ingest",
        "source=synthetic:20000@1",
        fails=True,
        DOCKER_MEMORY="64m",
        **NOWHERE,
    )

    assert "src.model.data.ingest was ended at the memory limit of 64 MB." in done.stderr
    assert "Error 137" in done.stderr


def test_a_stopped_container_ends_at_once(docker: Docker, folder: Path) -> None:
    """SIGTERM ends a step within five seconds; nothing half-written stays."""
    name = f"{docker.variables['STACK']}-stopped"
    words = mounted(
        folder, "--env", "MLFLOW_TRACKING_URI=", "--name", name, "--read-only", "--tmpfs", "/tmp"
    )
    command = [
        "docker",
        "run",
        "--detach",
        *words,
        docker.image("model"),
        INGEST[0],
        "--source=synthetic:3000000@1",
    ]
    subprocess.run(command, check=True, capture_output=True)
    try:
        deadline = time.monotonic() + 60
        while not list(folder.glob("raw/.*.tmp")) and time.monotonic() < deadline:
            time.sleep(0.1)
        begun = time.monotonic()
        subprocess.run(["docker", "stop", "--time", "60", name], check=True, capture_output=True)
        took = time.monotonic() - begun
        form = "{{.State.ExitCode}}"
        code = subprocess.run(
            ["docker", "inspect", "--format", form, name],
            check=True,
            capture_output=True,
            text=True,
        )
        said = subprocess.run(
            ["docker", "logs", name], check=True, capture_output=True, text=True
        ).stderr
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)

    assert took < 5
    assert f"{128 + signal.SIGTERM}" == code.stdout.strip()
    assert "Stopped. Nothing half-written remains" in said
    assert not list(folder.glob("raw/*.parquet"))
    assert not list(folder.glob("raw/.*.tmp"))
