"""The few addresses of an MLflow server that the API asks, for whoever logs in."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.conftest import training
from tests.integration.api_process import model_of

CARD = b"<!doctype html><title>card</title>"


def basic(user: str, password: str) -> str:
    """The header of somebody who logs in with a name and a password."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


@dataclass
class MlflowStub:
    """Version 1 is the champion; whoever sends another header than `expected` is answered 401."""

    files: dict[str, bytes]
    expected: str
    port: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, query: dict[str, list[str]]) -> bytes | None:
        """The content at an address, or None where there is nothing."""
        if path == "/api/2.0/mlflow/registered-models/alias" and query["alias"] == ["champion"]:
            tags = [{"key": "test.accuracy", "value": "0.9"}]
            version = {"version": "1", "run_id": "run1", "tags": tags}
            return json.dumps({"model_version": version}).encode()
        if path == "/model-versions/get-artifact":
            return self.files.get(query["path"][0].removeprefix("artifacts/model/"))
        return CARD if path == "/get-artifact" else None


@contextmanager
def mlflow_stub(folder: Path, expected: str) -> Iterator[MlflowStub]:
    """Serve a model that is saved in `folder` to whoever sends the `expected` header."""
    model_of(1).save(folder, training(fingerprint="f1"))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    state = MlflowStub(files, expected)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            given = self.headers.get("Authorization", "")
            state.seen.append((address.path, given))
            content = state.answer(address.path, parse_qs(address.query))
            status = 401 if given != state.expected else 404 if content is None else 200
            body = content if status == 200 and content is not None else b"{}"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
