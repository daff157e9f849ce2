"""What is in the images, and what is not."""

import hashlib
import json
import re
import subprocess
import time
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from src.model.core.models.hashed import SentimentClassifier, Shape
from tests.conftest import ROOT
from tests.docker.conftest import CANARY, IMAGES, Docker, output


@pytest.mark.parametrize("name", IMAGES)
def test_what_an_image_says_of_itself(docker: Docker, name: str) -> None:
    """A fixed user without rights, a stop signal, and labels.

    The labels are the commit, the version and the digest of its lock.
    """
    config = docker.inspect(name)["Config"]
    lock = hashlib.sha256((ROOT / f"requirements/{name}.txt").read_bytes()).hexdigest()
    labels = config["Labels"]

    assert ("10001:10001", "SIGTERM") == (config["User"], config["StopSignal"])
    assert f"tutoria-mlops-{name}" == labels["org.opencontainers.image.title"]
    assert "test" == labels["org.opencontainers.image.version"]
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["org.opencontainers.image.revision"])
    assert lock == labels["tutoria-mlops.lock"]
    of_itself = {"api", "mlflow"}  # the others are steps, or one of several programs
    assert ("CMD" if name in of_itself else "NONE") == config["Healthcheck"]["Test"][0]


@pytest.mark.parametrize("name", IMAGES)
def test_nothing_is_in_an_image_that_is_not_needed_to_run_it(docker: Docker, name: str) -> None:
    """No compilers, curl, git or installers' caches, no tests of ours or of packages, no data."""
    programs = docker.shell(
        name, "for p in gcc cc g++ make ld curl wget git uv; do command -v $p || true; done"
    )
    files = docker.shell(
        name, "find /venv /app /mlflow /root /tmp /build -type f 2>/dev/null || true"
    ).splitlines()
    site = re.compile(r"/(?:numpy|scipy|pandas|sklearn|pyarrow|matplotlib|src)/(?:.*/)?tests?/")

    assert "" == programs
    assert len(files) > 500
    assert not [f for f in files if ".cache" in f or site.search(f) or f.startswith("/build/")]
    assert not [f for f in files if f.endswith((".parquet", ".sqlite", ".db", ".env", ".pyo"))]


def test_the_api_holds_nothing_that_trains(docker: Docker) -> None:
    """Of the model's code only what serving imports, and none of its heavy libraries."""
    loaded = output(
        ".venv-api/bin/python", "-c",
        "import sys, src.api.app, src.api.__main__, src.api.ask, src.api.probe\n"
        "print(*(name for name in sys.modules if name.startswith('src.model')))",
    ).split()  # fmt: skip
    held = docker.shell("api", "cd /app && find src/model -name '*.py'").split()
    packages = docker.shell("api", "ls /venv/lib/python3*/site-packages")

    mine = {path.relative_to(ROOT).as_posix() for path in (ROOT / "src/model/core").rglob("*.py")}

    assert {"src/model/__init__.py", *mine} == set(held)
    assert [] == [n for n in loaded if n != "src.model" and not n.startswith("src.model.core")]
    assert not {"polars", "pandas", "sklearn", "scipy", "mlflow", "pyarrow", "boto3"} & set(
        packages.split()
    )


def test_monitoring_holds_nothing_that_serves_or_trains(docker: Docker) -> None:
    """It judges what was logged: no API, no learner, no pipeline."""
    held = docker.shell("monitoring", "cd /app && find src -name '*.py'").split()
    packages = docker.shell("monitoring", "ls /venv/lib/python3*/site-packages").split()

    assert not [n for n in held if n.startswith(("src/api", "src/model/pipeline"))]
    assert not [n for n in held if n.startswith("src/model/learners")]
    assert not {"sklearn", "scipy", "optuna", "kagglehub"} & set(packages)


def test_the_model_holds_no_api(docker: Docker) -> None:
    """What serves has an image of its own."""
    assert "" == docker.shell("model", "ls -d /app/src/api 2>/dev/null || true")


def test_the_api_serves_without_any_place_to_write(docker: Docker, tmp_path: Path) -> None:
    """A read-only root, no volume and no temporary folder: the model is served from memory."""
    model = tmp_path / "model"
    weights = np.random.default_rng(1).normal(size=1 << 12).astype(np.float16)
    SentimentClassifier(weights, Shape(12, 2)).save(model)
    for path in model.iterdir():  # for the image's own user
        path.chmod(0o644)
    name = f"api-{uuid4().hex[:8]}"
    options = [
        "--read-only", "--env", "MLFLOW_TRACKING_URI=", "--env", "REVIEWS_LOG_DIR=off",
        "--env", "REVIEWS_API_MODEL_DIR=/model", "--volume", f"{model}:/model:ro",
    ]  # fmt: skip
    output("docker", "run", "--detach", "--name", name, *options, docker.image("api"))
    try:
        deadline = time.monotonic() + 60
        health = ("docker", "inspect", "--format", "{{.State.Health.Status}}", name)
        while output(*health).strip() != "healthy":
            assert time.monotonic() < deadline
            time.sleep(0.5)
        said = subprocess.run(
            ["docker", "logs", name], capture_output=True, text=True, check=True
        ).stderr
    finally:
        output("docker", "rm", "--force", name)

    assert "model in use" in said
    assert "served from memory alone" in said


@pytest.mark.parametrize("name", IMAGES)
def test_no_secret_of_the_caller_is_in_an_image(docker: Docker, name: str) -> None:
    """Neither history nor settings hold the environment of the build, nor a package index."""
    history = output(
        "docker",
        "history",
        "--no-trunc",
        "--format",
        "{{.CreatedBy}} {{.Comment}}",
        docker.image(name),
    )

    assert not re.search(
        rf"{CANARY}|index-url|://[^/\s]+:[^/\s]+@|password=|secret=|token=", history, re.IGNORECASE
    )
    assert CANARY not in json.dumps(docker.inspect(name))


def test_the_same_inputs_give_the_same_layers(docker: Docker) -> None:
    """Built again without any cache, the image has the same layers, digest by digest."""
    again = docker.image("api") + "-again"
    command = [
        "docker",
        "build",
        "--no-cache",
        "--quiet",
        "--file",
        "docker/api.Dockerfile",
        "--tag",
        again,
        ".",
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    layers = json.loads(
        output("docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", again)
    )
    output("docker", "image", "rm", again)

    assert docker.inspect("api")["RootFS"]["Layers"] == layers


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_as_anybody_on_a_read_only_root(docker: Docker, name: str) -> None:
    """A user id nobody has heard of imports everything, and can write nothing of the image's."""
    modules = {
        "model": "src.model.pipeline.train", "api": "src.api.app", "mlflow": "mlflow.server",
        "monitoring": "src.monitoring.check", "airflow": "airflow.sdk",
    }  # fmt: skip
    code = (
        f"import os, {modules[name]}\n"
        "open('/tmp/place', 'w').close()\n"
        "print(os.getuid(), any(os.access(f, os.W_OK) for f in ('/', '/venv', '/app', '/usr/bin')))"
    )
    done = docker.run(name, "-c", code, options=("--entrypoint", "python", "--user", "54321:54321"))

    assert (0, "54321 False\n") == (done.returncode, done.stdout), done.stderr
