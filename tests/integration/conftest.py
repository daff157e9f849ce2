"""Real services on loopback: an S3 API, a web server that can break off, MLflow's own server."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import ROOT, Workspace
from tests.integration.airflow_runs import PROGRAM, SIDE, Side, airflow_environment, migrated
from tests.integration.api_process import Api, put_model, ready
from tests.integration.lease_holder import SECONDS, Holder
from tests.integration.processes import free_port, kill_family
from tests.integration.s3_server import S3Server, serving_s3

__all__ = ["MlflowServer", "WebServer", "free_port", "kill_family"]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """The S3 API of moto, in this process, and what it was asked for."""
    with serving_s3() as server:
        yield server


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Airflow's database, brought up to date once."""
    return migrated(tmp_path_factory.mktemp("airflow"))


@pytest.fixture
def side(airflow_home: Path, tmp_path: Path) -> Side:
    """Run `airflow_side.py` and return its answer."""

    def run(*words: str, **more: str) -> dict[str, Any]:
        answer = tmp_path / "answer.json"
        answer.unlink(missing_ok=True)
        done = subprocess.run(
            [PROGRAM, SIDE, answer, *words],
            env=airflow_environment(airflow_home) | more, cwd=tmp_path,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.exists(), done.stderr[-2000:] + done.stdout[-2000:]
        found: dict[str, Any] = json.loads(answer.read_text())
        return found | {"log": done.stdout}

    return run


@pytest.fixture(scope="session")
def s3_address(s3: S3Server) -> str:
    return s3.address


@pytest.fixture
def bucket(workspace: Workspace, s3_address: str, request: pytest.FixtureRequest) -> str:
    """An empty bucket, and the settings to reach it."""
    import boto3

    workspace.set(
        AWS_ENDPOINT_URL=s3_address,
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )
    name = f"bucket-{abs(hash(request.node.nodeid))}"
    boto3.client("s3", endpoint_url=s3_address, region_name="us-east-1").create_bucket(Bucket=name)
    return name


@pytest.fixture
def on_s3(workspace: Workspace, bucket: str) -> Workspace:
    """A workspace whose data lies in S3, with leases of few seconds."""
    workspace.set(REVIEWS_DATA_DIR=f"s3://{bucket}/some/prefix", REVIEWS_LEASE_SECONDS=str(SECONDS))
    return workspace


@pytest.fixture
def holder(workspace: Workspace) -> Iterator[Callable[[], Holder]]:
    """Starts a process that holds the lease, and ends it with the test."""
    started: list[Holder] = []

    def start() -> Holder:
        started.append(Holder(workspace))
        return started[-1]

    yield start
    for one in started:
        kill_family(one.process)
        for pipe in (one.process.stdin, one.process.stdout):
            assert pipe is not None
            pipe.close()


@dataclass
class WebServer:
    """Serves bytes by path, with ETag and Range.

    It can break off after some bytes, and answer with a status.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: int | None = None
    status: int | None = None
    etag: str | None = '"v1"'
    kind: str = "application/octet-stream"
    requests: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[WebServer]:
    state = WebServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.requests.append((self.path, asked))
            content = state.files.get(self.path.partition("?")[0])
            if state.status or content is None:
                self.send_error(state.status or 404)
                return
            begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            if self.headers.get("If-Range") != state.etag:
                begin = 0
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(content) - begin))
            self.send_header("Content-Type", state.kind)
            self.send_header("Accept-Ranges", "bytes")
            if state.etag:
                self.send_header("ETag", state.etag)
            self.end_headers()
            end = len(content) if state.cut_after is None else begin + state.cut_after
            self.wfile.write(content[begin:end])

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class MlflowServer:
    """A real MLflow server over a store of its own."""

    address: str
    process: subprocess.Popen[bytes]


def start_mlflow(folder: Path, store: Path, port: int) -> MlflowServer:
    program = ROOT / ".venv-mlflow" / "bin" / "mlflow"
    if not program.exists():
        pytest.fail(f"{program} is missing; run the tests with make test")
    process = subprocess.Popen(
        [
            str(program), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{store}",
            "--artifacts-destination", str(folder / "artifacts"),
        ],
        cwd=folder,
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    server = MlflowServer(f"http://127.0.0.1:{port}", process)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{server.address}/health", timeout=2).ok:
                return server
        except requests.RequestException:
            time.sleep(0.2)
    kill_family(process)
    pytest.fail("MLflow's server did not start")


@pytest.fixture
def mlflow_server(tmp_path: Path, migrated_store: Path) -> Iterator[MlflowServer]:
    folder = tmp_path / "server"
    folder.mkdir()
    store = folder / "mlflow.db"
    store.write_bytes(migrated_store.read_bytes())
    server = start_mlflow(folder, store, free_port())
    yield server
    kill_family(server.process)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for an API: version 1 is the model in it."""
    (tmp_path / "model").mkdir()
    put_model(tmp_path / "model", 1, "1")
    return tmp_path


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One API for the tests that only ask."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "model").mkdir()
    put_model(folder / "model", 1, "1")
    with ready(folder) as started:
        yield started


NO_FLOORS = {
    "REVIEWS_PROMOTE_MIN_ACCURACY": "0.5",
    "REVIEWS_PROMOTE_MIN_RECALL": "0.3",
    "REVIEWS_PROMOTE_MIN_ROC_AUC": "0.5",
    "REVIEWS_PROMOTE_MAX_LOG_LOSS": "2",
    "REVIEWS_PROMOTE_MAX_ECE": "1",
    "REVIEWS_PROMOTE_MIN_FUNCTIONALITY": "0",
    "REVIEWS_PROMOTE_MIN_DIRECTIONAL": "0",
    "REVIEWS_PROMOTE_MIN_INVARIANCE": "0",
}


@pytest.fixture
def weak(small: Workspace) -> Workspace:
    """A workspace whose champion, version 1, has too few buckets; its gate asks for little."""
    small.set(**NO_FLOORS, REVIEWS_HASHED_BITS="8")
    small.ok("pipeline.train", "--batches", "0")
    small.ok("pipeline.evaluate")
    small.ok("pipeline.promote")
    small.set(REVIEWS_HASHED_BITS="20")
    return small
