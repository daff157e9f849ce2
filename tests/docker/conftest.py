"""A real Docker engine: images by the Makefile, a stack and a data folder of the tests' own."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.docker.machines import Cloud, cloud
from tests.integration import processes

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
    """Return a port of 127.0.0.1 that nobody listens on, as make takes it."""
    return str(processes.free_port())


@contextmanager
def stack_of_its_own(name: str, data: Path, variables: Mapping[str, str]) -> Iterator[Docker]:
    """Give a stack that shares neither containers, volumes, ports nor files with another.

    What it leaves is removed.
    """
    own = {"STACK": name, "DOCKER_DATA": str(data)}
    ports = {f"{port}_PORT": free_port() for port in ("API", "MLFLOW", "AIRFLOW")}
    found = Docker(data, {**variables, **own, **ports})
    try:
        yield found
    finally:
        found.make("docker-down")
        volumes = output("docker", "volume", "ls", "--quiet", "--filter", f"name={name}_").split()
        subprocess.run(
            ["docker", "volume", "rm", "--force", *volumes], check=False, capture_output=True
        )


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """The engine, with every image built, and a stack."""
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
    images = {f"{name.upper()}_IMAGE": f"tutoria-mlops-{name}:test" for name in IMAGES}
    known = {"IMAGE_TAG": "test", "AWS_SECRET_ACCESS_KEY": CANARY, **images}
    with stack_of_its_own(f"tutoria-test-{os.getpid()}", data, known) as found:
        for name in IMAGES:
            found.make(f"docker-{name}-build")
        yield found


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """What stands in for AWS, with nothing in it yet."""
    with cloud(tmp_path_factory.mktemp("cloud")) as made:
        yield made
