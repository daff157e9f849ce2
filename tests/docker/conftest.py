"""A real Docker engine: images by the Makefile, a stack and a data folder of the tests' own."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

IMAGES = ("model", "api", "monitoring", "mlflow", "airflow")
CANARY = "canary-7f3a9"
"""In the environment of every build and run, as a secret of the caller's would be."""


@dataclass
class Docker:
    """Make targets and containers.

    Variables keep them apart from what else runs on this machine.
    """

    data: Path
    variables: dict[str, str] = field(default_factory=dict)

    def make(
        self, *words: str, fails: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run targets; they must succeed, or else fail."""
        not_ours = ("REVIEWS_", "MLFLOW_", "KAGGLE", "AWS_", "MAKE", "MFLAGS")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(not_ours)}
        done = subprocess.run(
            ["make", *words], cwd=ROOT, env=clean | self.variables | environment,
            capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, done.stdout[-3000:] + done.stderr[-6000:]
        return done

    def image(self, name: str) -> str:
        return self.variables[f"{name.upper()}_IMAGE"]

    def run(
        self, name: str, *words: str, options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a container of an image, hardened, and return how it ended."""
        command = [
            "docker",
            "run",
            "--rm",
            "--read-only",
            "--tmpfs",
            "/tmp",
            *options,
            self.image(name),
            *words,
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    def shell(self, name: str, script: str) -> str:
        """Return what a shell script prints in an image."""
        done = self.run(name, "-c", script, options=("--entrypoint", "sh", "--user", "0"))
        assert 0 == done.returncode, done.stderr
        return done.stdout

    def inspect(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(
            output("docker", "image", "inspect", self.image(name))
        )[0]
        return found


def output(*command: str) -> str:
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=300, cwd=ROOT
    ).stdout


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """The engine, with all three images built."""
    if os.environ.get("TEST_DOCKER") != "1":
        pytest.skip("make test-docker runs these")
    installed = shutil.which("docker") is not None
    if (
        not installed
        or subprocess.run(["docker", "version"], check=False, capture_output=True).returncode
    ):
        message = "no Docker engine answers"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    data = tmp_path_factory.mktemp("docker") / "data of containers"
    stack = f"tutoria-test-{os.getpid()}"
    found = Docker(data, {
        "STACK": stack, "DOCKER_DATA": str(data), "IMAGE_TAG": "test", "API_PORT": free_port(),
        "MLFLOW_PORT": free_port(), "AIRFLOW_PORT": free_port(), "AWS_SECRET_ACCESS_KEY": CANARY,
    } | {f"{name.upper()}_IMAGE": f"tutoria-mlops-{name}:test" for name in IMAGES})  # fmt: skip
    for name in IMAGES:
        found.make(f"docker-{name}-build")
    yield found
    found.make("docker-down")
    volumes = output("docker", "volume", "ls", "--quiet", "--filter", f"name={stack}").split()
    subprocess.run(
        ["docker", "volume", "rm", "--force", *volumes], check=False, capture_output=True
    )
