"""Every docker- target on a running stack, and the same bytes as without containers."""

import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.conftest import ROOT
from tests.docker.conftest import CANARY, Docker, free_port, output, stack_of_its_own

SOURCE = "synthetic:6000@3"
STEP_TARGETS = (
    ("ingest", f"source={SOURCE}"), ("validate",), ("split-batches",),
    ("preprocess-batch", "batch=0 1"), ("preprocess-test",),
    ("train", "batches=0 1"), ("evaluate",), ("promote",),
)  # fmt: skip


@pytest.fixture(scope="module")
def stack(docker: Docker) -> Iterator[Docker]:
    """MLflow and Postgres up, every step run once, one by one."""
    docker.make("docker-mlflow-up")
    for name, *words in STEP_TARGETS:
        docker.make(f"docker-model-{name}", *words)
    yield docker
    docker.make("docker-down")


def digests(folder: Path, pattern: str) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob(pattern)
    }


def test_the_same_bytes_here_and_there(stack: Docker, tmp_path: Path) -> None:
    """The files of each step, and the model, are those of the same targets without containers."""
    here = Docker(tmp_path, {
        "REVIEWS_DATA_DIR": str(tmp_path / "data"), "REVIEWS_CACHE_DIR": str(tmp_path / "cache"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "REVIEWS_API_MODEL_DIR": str(tmp_path / "data/model"),
    })  # fmt: skip
    for name, *words in STEP_TARGETS:
        here.make(f"model-{name}", *words)
    here.make("model-export")
    stack.make("docker-model-export")
    found = {place: digests(place, "*/*.parquet") for place in (stack.data, tmp_path / "data")}
    weights = {place: digests(place, "model/model.safetensors") for place in found}

    assert len(found[stack.data]) >= 3 + 10 + 3
    assert found[stack.data] == found[tmp_path / "data"]
    assert (
        weights[stack.data]["model/model.safetensors"]
        == weights[tmp_path / "data"]["model/model.safetensors"]
    )


def test_predict_and_score(stack: Docker, tmp_path: Path) -> None:
    """What people type arrives unharmed; a file is read in place, the result is the caller's."""
    nasty = """It's "great"; $(touch pwned) `id` costs $5 & more"""
    predicted = stack.make("docker-model-predict", f"title={nasty}", "message=first\nsecond")
    folder = tmp_path / 'my "reviews", all'
    folder.mkdir()
    (folder / "in.csv").write_text("title,text\nGreat,I love it\nBad,It broke\n")
    stack.make("docker-model-score", f"in={folder}/in.csv", f"out={folder}/out.jsonl")
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]

    assert re.match(r"(undecided, leans )?(positive|negative) \(", predicted.stdout)
    assert ["Great", "Bad"] == [row["title"] for row in rows]
    assert {"label", "probability", "model_version"} <= set(rows[0])
    assert os.getuid() == (folder / "out.jsonl").stat().st_uid
    assert not (ROOT / "pwned").exists()


def test_whole_pipelines_from_a_file_of_this_machine(stack: Docker, tmp_path: Path) -> None:
    """A relative source is mounted; data may be somewhere else than the stack's.

    A gate's no is no failure.
    """
    source = tmp_path / "reviews.csv"
    rows = (
        f'"{1 + i % 2}","title {i}","{"good" if i % 2 else "bad"} thing number {i}"\n'
        for i in range(4000)
    )
    source.write_text("".join(rows))
    elsewhere = str(tmp_path / "data")
    name = os.path.relpath(source, ROOT)
    ingested = stack.make("docker-model-pipeline-ingest", f"source={name}", DOCKER_DATA=elsewhere)
    trained = stack.make("docker-model-pipeline-train", "batches=all", DOCKER_DATA=elsewhere)

    assert "Ingested: " in ingested.stdout
    assert "on all batches" in trained.stdout or "of batches 0" in trained.stdout
    assert (tmp_path / "data/reports/data_quality.html").is_file()


def test_the_api_beside_it(stack: Docker) -> None:
    """It serves the champion, answers on loopback only, logs as the caller, and holds no secret."""
    shown = stack.make("docker-up").stdout
    answer = json.loads(
        stack.make("docker-api-predict", "title=Love it", 'message=Works $5 "perfectly"').stdout
    )
    name = f"{stack.variables['STACK']}-api"
    inspected = json.loads(output("docker", "inspect", name))[0]
    ports = inspected["NetworkSettings"]["Ports"]["8000/tcp"]
    output("docker", "stop", "--time", "30", name)
    parts = list(stack.data.glob("predictions/*/*.jsonl.gz"))

    assert f"The API is at http://127.0.0.1:{stack.variables['API_PORT']}" in shown
    assert answer["label"] in {"positive", "negative"}
    assert {"127.0.0.1"} == {port["HostIp"] for port in ports}
    assert CANARY not in json.dumps(inspected)
    assert parts
    assert {os.getuid()} == {part.stat().st_uid for part in parts}
    assert (
        128 + signal.SIGTERM
        == json.loads(output("docker", "inspect", name))[0]["State"]["ExitCode"]
    )


def test_what_the_api_logged_is_judged_beside_it(stack: Docker) -> None:
    """Monitoring's image finds the reference that the pipeline made, and the API's rows."""
    made = [stack.make("docker-monitoring-reference").stdout for _ in range(2)]
    report = stack.make("docker-monitoring-report").stdout
    answer = json.loads((stack.data / "monitoring/decision.json").read_text())

    assert "Reference of version" in made[0]
    assert "there already" in made[1]
    assert report.startswith("Wait: ")
    assert 1 <= answer["n"]
    assert "insufficient_data" == answer["drift"]
    assert os.getuid() == (stack.data / "monitoring/report.html").stat().st_uid


def test_settings_count_in_the_stack_too(stack: Docker, tmp_path: Path) -> None:
    """A challenger casts its shadow there, a key is asked for, and odd values arrive whole."""
    made = stack.make("api-key", "name=ann")
    (key,) = re.findall(r"shown only now: (\S+)", made.stderr)
    (tmp_path / "keys.txt").write_text(made.stdout)
    odd = '{"it\'s $HOME": "negative", "\\\\ \\"good\\"": "positive"}'
    settings: dict[str, Any] = {
        "REVIEWS_API_CHALLENGER": "shadow", "REVIEWS_API_KEYS_FILE": str(tmp_path / "keys.txt"),
        "REVIEWS_LABELS": odd, "REVIEWS_LOG_SECONDS": "0.5",
    }  # fmt: skip
    stack.make("docker-model-train", "batches=0")  # the challenger is another version
    stack.make("docker-up", **settings)
    name = f"{stack.variables['STACK']}-api"
    probe = "from src.model.core.settings import load_settings as s; print(*s().source.labels)"
    labels = output("docker", "exec", name, "python", "-c", probe)
    base = f"http://127.0.0.1:{stack.variables['API_PORT']}"
    refused = httpx.post(f"{base}/api/v1/predict", json={"title": "x"})
    headers = {"x-api-key": key}
    deadline = time.monotonic() + 60
    while not httpx.get(f"{base}/api/v1/model", headers=headers).json().get("challenger"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    said = httpx.post(f"{base}/api/v1/predict", json={"title": "x"}, headers=headers).json()
    output("docker", "stop", "--time", "30", name)
    rows = [
        json.loads(line)
        for part in stack.data.glob("predictions/*/*.jsonl.gz")
        for line in gzip.decompress(part.read_bytes()).splitlines()
    ]

    assert 401 == refused.status_code
    roles = {row["role"] for row in rows if row["request_id"] == said["request_id"]}
    assert {"champion", "shadow"} == roles
    assert labels.split("\n")[0] == 'it\'s $home \\ "good"'


def test_the_database_password_is_in_files_alone(stack: Docker) -> None:
    """Neither settings nor arguments of any container show it."""
    secret = (stack.data / "secrets/postgres_password").read_text()
    ids = output(
        "docker", "ps", "--all", "--quiet", "--filter", f"name={stack.variables['STACK']}"
    ).split()

    assert len(secret) >= 32
    assert len(ids) >= 2
    assert secret not in output("docker", "inspect", *ids)
    assert secret not in "".join(
        output("docker", "top", i) for i in output("docker", "ps", "-q", *_of(stack)).split()
    )
    assert 0o700 == (stack.data / "secrets").stat().st_mode & 0o777


def _of(stack: Docker) -> tuple[str, str]:
    return "--filter", f"name={stack.variables['STACK']}-"


def test_the_steps_as_jobs_of_compose(stack: Docker, tmp_path: Path) -> None:
    """`docker compose up promote` runs all steps in their order."""
    data = tmp_path / "data"
    (data / "tmp").mkdir(parents=True)
    environment = os.environ | stack.variables | {
        "DOCKER_DATA": str(data), "DOCKER_USER": f"{os.getuid()}:{os.getgid()}",
        "MODEL_IMAGE": stack.image("model"), "MLFLOW_IMAGE": stack.image("mlflow"),
        "API_IMAGE": stack.image("api"), "source": SOURCE, "batches": "0-1",
    }  # fmt: skip
    compose = ("docker", "compose", "--project-name", stack.variables["STACK"])
    command = [*compose, "--file", "docker/compose.yaml"]
    up = ("--profile", "jobs", "up", "--no-color", "--exit-code-from", "evaluate", "evaluate")
    done = subprocess.run(
        [*command, *up], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip

    assert 0 == done.returncode, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Evaluated: version" in done.stdout


def test_the_api_alone(stack: Docker, tmp_path: Path) -> None:
    """docker-api-run serves an exported model without a server, is healthy, ends at SIGTERM."""
    data = tmp_path / "data"
    stack.make("docker-model-export")
    shutil.copytree(stack.data / "model", data / "model")
    own = {
        "STACK": stack.variables["STACK"] + "-alone",
        "DOCKER_DATA": str(data),
        "API_PORT": free_port(),
    }
    alone = Docker(data, stack.variables | own)
    process = subprocess.Popen(
        ["make", "docker-api-run"], cwd=ROOT, env=os.environ | alone.variables
    )
    try:
        _until_ready(alone.variables["API_PORT"])
        again = alone.make("docker-api-run", fails=True)
        answer = json.loads(
            alone.make("docker-api-predict", "title=Great", "message=I love it").stdout
        )
        name = alone.variables["STACK"] + "-api"
        health = _until_healthy(name)
    finally:
        begun = time.monotonic()
        subprocess.run(
            ["docker", "kill", "--signal", "TERM", alone.variables["STACK"] + "-api"], check=False
        )
        process.wait(30)
        took = time.monotonic() - begun
    refused = alone.make("docker-api-predict", "title=Great", fails=True)

    assert {"label", "model", "request_id"} <= set(answer)
    assert "runs already" in again.stderr
    assert "healthy" == health
    assert took < 5
    assert "The API does not run in a container." in refused.stderr


def _until_ready(port: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=2).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail("the API did not become ready")


def _until_healthy(name: str) -> str:
    deadline, state = time.monotonic() + 60, ""
    while time.monotonic() < deadline and state != "healthy":
        state = output("docker", "inspect", "--format", "{{.State.Health.Status}}", name).strip()
        time.sleep(0.2)
    return state


def test_the_demo(docker: Docker, tmp_path: Path) -> None:
    """The whole story begins with nothing and leaves nothing running."""
    name, data = docker.variables["STACK"] + "-demo", tmp_path / "data"
    with stack_of_its_own(name, data, docker.variables) as demo:
        done = demo.make("docker-demo", "source=synthetic:5000@7")
        left = output("docker", "ps", "--all", "--quiet", *_of(demo))

    assert "Promoted: version 1 is the champion" in done.stdout
    assert 2 == done.stdout.count('"label":')
    assert re.search(r"in all +\d+ s", done.stdout)
    assert "" == left


def test_mlflow_down(docker: Docker) -> None:
    """Its containers go, its volumes stay, also for who has lost the password.

    A later step says what is missing.
    """
    docker.make("docker-mlflow-up")
    (docker.data / "secrets/postgres_password").unlink()
    again = docker.make("docker-mlflow-up")
    asked = httpx.get(
        f"http://127.0.0.1:{docker.variables['MLFLOW_PORT']}/ajax-api/2.0/mlflow/experiments/get?experiment_id=0"
    )
    docker.make("docker-mlflow-down")
    left = output("docker", "ps", "--all", "--format", "{{.Names}}", *_of(docker))
    volumes = output(
        "docker", "volume", "ls", "--quiet", "--filter", f"name={docker.variables['STACK']}_"
    )
    refused = docker.make("docker-model-validate", fails=True)

    assert "MLflow is at" in again.stdout
    assert asked.is_success, asked.text
    assert "mlflow" not in left
    assert "_postgres" in volumes
    assert "Error 5" in refused.stderr


def test_the_compose_file(docker: Docker) -> None:
    """Valid with every profile; hardened and limited; no port is open outside."""
    path = "docker/compose.yaml"
    for profiles in ("core", "jobs", "core jobs", "monitoring", "core jobs monitoring"):
        words = [word for profile in profiles.split() for word in ("--profile", profile)]
        output("docker", "compose", "--file", path, *words, "config", "--quiet")
    services = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))["services"]

    for service in services.values():
        assert service["read_only"]
        assert {"mem_limit", "cpus"} <= set(service)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
