"""An MLflow server that is down, answers 500, hangs, or dies in the middle of a run."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from src.model.tracking.connection import _DEFAULTS
from tests.conftest import Workspace
from tests.integration.conftest import MlflowServer

pytestmark = pytest.mark.slow

_OF_ONE_HOP = {"host", "content-length", "transfer-encoding", "connection"}


@dataclass
class Proxy:
    """Stands before a real MLflow server; once a path has `breaks_at`, it does as `fault` says."""

    behind: str
    fault: str = ""
    breaks_at: str = ""
    broken: bool = False
    address: str = ""
    seen: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def heal(self) -> None:
        self.fault, self.broken = "", False


@pytest.fixture
def proxy(mlflow_server: MlflowServer) -> Iterator[Proxy]:
    state = Proxy(mlflow_server.address)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            state.seen.append(self.path)
            state.broken = state.broken or bool(state.fault and state.breaks_at in self.path)
            body = self._body()
            if state.broken and state.fault == "hangs":
                state.released.wait(60)
            if state.broken and state.fault in {"dies", "hangs"}:
                self.close_connection = True
                return
            if state.broken:
                self._answer(
                    500,
                    b'{"error_code": "INTERNAL_ERROR", "message": "the database is on fire"}',
                    {},
                )
                return
            answer = requests.request(
                self.command, state.behind + self.path, data=body, timeout=60,
                headers={k: v for k, v in self.headers.items() if k.lower() not in _OF_ONE_HOP},
            )  # fmt: skip
            self._answer(answer.status_code, answer.content, dict(answer.headers))

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    state.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_nobody_waits_longer_than_half_a_minute() -> None:
    """What the client is told: each try's time, how many, and the pauses between, doubled."""
    told = {name.rpartition("REQUEST_")[2]: float(value) for name, value in _DEFAULTS.items()
            if "REQUEST_" in name}  # fmt: skip
    tries = int(told["MAX_RETRIES"]) + 1
    pauses = sum(told["BACKOFF_FACTOR"] * 2**n for n in range(1, tries))

    assert tries * told["TIMEOUT"] + pauses < 30


def test_a_server_that_is_down(small: Workspace) -> None:
    """Every tracked step ends with exit code 5 and says what to do."""
    small.set(MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    for words in (
        ("data.ingest", "--source", "synthetic:100@1"),
        ("pipeline.train", "--batches", "0"),
    ):
        result = small.process(*words)

        assert 5 == result.code
        assert "MLflow at http://127.0.0.1:9 cannot be used" in result.err
        assert "make mlflow-up" in result.err
        assert "Traceback" not in result.err


@pytest.mark.parametrize("fault", ["answers 500", "hangs"])
def test_a_server_that_is_ill(small: Workspace, proxy: Proxy, fault: str) -> None:
    """500 to everything, or no answer at all: exit code 5, and no waiting for ever."""
    proxy.fault = fault
    small.set(MLFLOW_TRACKING_URI=proxy.address)
    result = small.process("pipeline.train", "--batches", "0")

    assert 5 == result.code
    assert fault == "hangs" or "500" in result.err or "on fire" in result.err


@pytest.mark.parametrize("fault", ["dies", "answers 500"])
def test_a_server_that_dies_in_the_middle_of_a_run(
    small: Workspace, proxy: Proxy, fault: str
) -> None:
    """The fitted model is kept, and registered without training again once the server is back."""
    small.set(MLFLOW_TRACKING_URI=proxy.address)
    proxy.fault, proxy.breaks_at = fault, "logged-models"
    broken = small.process("pipeline.train", "--batches", "0")
    kept = list((small.path / "cache/fitted").glob("*/model/model.safetensors"))
    stamp = kept[0].stat().st_mtime_ns
    proxy.heal()
    before = [path.stat().st_mtime_ns for path in kept]
    healed = small.process("pipeline.train", "--batches", "0", "--json")

    assert (5, 1) == (broken.code, len(kept)), broken.err
    assert [stamp] == before
    assert 0 == healed.code, healed.err
    assert 1 == healed.json["model_version"]
    assert [] == list((small.path / "cache/fitted").glob("*"))
    assert 1 == small.ok("pipeline.evaluate")["model_version"]


def test_data_that_was_ingested_while_mlflow_failed_is_recorded_later(
    workspace: Workspace, proxy: Proxy
) -> None:
    """The files are kept, and the next run records them although there is nothing left to do."""
    workspace.set(MLFLOW_TRACKING_URI=proxy.address)
    proxy.fault, proxy.breaks_at = "dies", "runs/create"
    broken = workspace.process("data.ingest", "--source", "synthetic:200@1")
    kept = (workspace.data / "raw/manifest.json").exists()
    proxy.heal()
    again = workspace.process("data.ingest", "--source", "synthetic:200@1", "--json")
    experiment = workspace.mlflow().get_experiment_by_name("amazon-reviews-training")
    runs = workspace.mlflow().search_runs([experiment.experiment_id], "tags.step = 'ingest'")

    assert (5, True) == (broken.code, kept)
    assert (0, True) == (again.code, again.json["skipped"])
    assert ["FINISHED"] == [run.info.status for run in runs if "manifest_sha256" in run.data.tags]
