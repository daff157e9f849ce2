"""Kaggle as a source: the real client of Kaggle against a stub of its API on loopback."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kagglesdk import kaggle_env

from tests.conftest import Workspace
from tests.integration.conftest import WebServer
from tests.integration.review_files import kaggle_zip


class KaggleStub:
    """What Kaggle's API answers to a download of one public data set."""

    def __init__(self, web: WebServer) -> None:
        self.web = web
        self.archive = kaggle_zip()
        self.calls: list[str] = []
        self.status = 200


@pytest.fixture
def kaggle(workspace: Workspace, web: WebServer) -> Iterator[KaggleStub]:
    """The real Kaggle client against a stub of its API on loopback."""
    stub = KaggleStub(web)
    web.files["/archive.zip"] = stub.archive
    web.etag = None

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            stub.calls.append(self.path.rsplit("/", 1)[-1])
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if stub.status != 200:
                self.send_response(stub.status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b'{"code": 403, "message": "Permission denied"}')
            elif self.path.endswith("GetDataset"):
                body = json.dumps({"ref": "owner/name", "currentVersionNumber": 7}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            else:
                self.send_response(302)
                self.send_header("Location", f"{web.address}/archive.zip")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    workspace.set(
        KAGGLEHUB_CACHE=str(workspace.path / "kaggle"), KAGGLE_CONFIG_DIR=str(workspace.path)
    )
    workspace.monkeypatch.setitem(
        kaggle_env._env_to_endpoint,
        kaggle_env.KaggleEnv.PROD,
        f"http://127.0.0.1:{server.server_address[1]}",
    )
    yield stub
    server.shutdown()
    server.server_close()
    thread.join()


def test_kaggle_through_its_own_client(workspace: Workspace, kaggle: KaggleStub) -> None:
    """A handle is downloaded, unpacked and cached by kagglehub; stdout stays one JSON object."""
    first = workspace.ok("data.ingest", "--source", "kaggle:owner/name")
    calls = len(kaggle.web.requests)
    second = workspace.ok("data.ingest", "--source", "kaggle:owner/name/versions/7")

    assert (300, 33) == (first["train"], first["test"])
    assert "DownloadDataset" in kaggle.calls
    assert calls == len(kaggle.web.requests)
    assert 300 == second["train"]


def test_a_cut_download_from_kaggle_goes_on(workspace: Workspace, kaggle: KaggleStub) -> None:
    """The first run ends with exit code 5; the second asks Kaggle's store for the rest only."""
    buffer = io.BytesIO(kaggle.archive)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("pictures.bin", bytes(3_000_000))
    kaggle.web.files["/archive.zip"] = buffer.getvalue()
    kaggle.web.cut_after = 2_500_000
    cut = workspace.run("data.ingest", "--source", "kaggle:owner/name")
    kaggle.web.cut_after = None
    whole = workspace.ok("data.ingest", "--source", "kaggle:owner/name")

    assert (5, 300) == (cut.code, whole["train"])
    assert [None, "bytes=2097152-"] == [kaggle.web.requests[0][1], kaggle.web.requests[-1][1]]


def test_kaggle_without_credentials_or_network(workspace: Workspace, kaggle: KaggleStub) -> None:
    """A refusal ends with exit code 5 and the ways out: credentials, a local path, no account."""
    kaggle.status = 403
    refused = workspace.run("data.ingest", "--source", "kaggle:owner/name")

    assert 5 == refused.code
    assert "KAGGLE_API_TOKEN" in refused.err
    assert "make model-ingest source=path/to/archive.zip" in refused.err


def test_kaggle_credentials_that_are_broken(workspace: Workspace, kaggle: KaggleStub) -> None:
    """A credentials file that is no JSON is named, with the same ways out."""
    (workspace.path / "kaggle.json").write_text("{")
    result = workspace.run("data.ingest", "--source", "kaggle:owner/name")

    assert (5, []) == (result.code, kaggle.calls)
    assert "Invalid Kaggle credentials file" in result.err
    assert "a local path" in result.err


def test_a_kaggle_handle_of_another_form(workspace: Workspace) -> None:
    """A handle that names nothing is a mistake of the caller."""
    result = workspace.run("data.ingest", "--source", "kaggle:banana")

    assert 2 == result.code
    assert "kaggle:owner/name" in result.err
