"""What S3 is asked for: by whom, nothing twice, and never for half a file."""

import hashlib
import signal
import subprocess
import sys
import threading

import pytest

from tests.conftest import Workspace
from tests.integration.lease_holder import put
from tests.integration.processes import kill_family
from tests.integration.s3_server import Request, S3Server


def test_an_s3_that_does_not_answer_is_said(workspace: Workspace) -> None:
    """No S3 at the address: exit code 5 and a way out, not a traceback."""
    workspace.set(
        REVIEWS_DATA_DIR="s3://bucket/prefix",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
    )
    result = workspace.run("data.split_batches")

    assert 5 == result.code
    assert "could not be read or written" in result.err
    assert "credentials" in result.err


@pytest.mark.parametrize(
    ("settings", "signed_by"),
    [
        ({}, "of-default"),
        ({"AWS_PROFILE": "team"}, "of-team"),
        ({"AWS_PROFILE": "team", "AWS_ACCESS_KEY_ID": "set", "AWS_SECRET_ACCESS_KEY": "x"}, "set"),
    ],
)
def test_who_signs_the_requests(
    workspace: Workspace, s3: S3Server, settings: dict[str, str], signed_by: str
) -> None:
    """Keys that are set come first, then those of the profile in the credentials file."""
    profiles = workspace.path / "profiles"
    profiles.write_text(
        "[default]\naws_access_key_id = of-default\naws_secret_access_key = a\n"
        "[team]\naws_access_key_id = of-team\naws_secret_access_key = b\n"
    )
    workspace.set(
        REVIEWS_DATA_DIR="s3://somewhere/prefix",
        AWS_ENDPOINT_URL=s3.address,
        AWS_SHARED_CREDENTIALS_FILE=str(profiles),
        **settings,
    )
    s3.requests.clear()

    assert workspace.context().storage.size("x.txt") is None
    assert {signed_by} == {request.signed_by for request in s3.requests}


def test_a_secret_from_a_file_signs_too(workspace: Workspace, s3: S3Server) -> None:
    """AWS_SECRET_ACCESS_KEY_FILE stands for the value in it; a file that is not there is named."""
    (workspace.path / "secret").write_text("x\n")
    workspace.set(
        REVIEWS_DATA_DIR="s3://somewhere/prefix",
        AWS_ENDPOINT_URL=s3.address,
        AWS_ACCESS_KEY_ID="someone",
        AWS_SECRET_ACCESS_KEY_FILE="secret",
    )
    s3.requests.clear()
    size = workspace.context().storage.size("x.txt")
    workspace.set(AWS_SECRET_ACCESS_KEY_FILE="nowhere")
    refused = workspace.run("data.split_batches")

    assert (None, {"someone"}) == (size, {request.signed_by for request in s3.requests})
    assert (2, True) == (refused.code, "AWS_SECRET_ACCESS_KEY_FILE=nowhere" in refused.err)


def test_a_step_transfers_each_file_once(on_s3: Workspace, s3: S3Server) -> None:
    """No step fetches an object twice, puts one twice, or fetches what it has put itself."""
    steps = {
        "ingest": ("data.ingest", "--source", "synthetic:2000@3"),
        "validate": ("data.validate",),
        "split": ("data.split_batches",),
        "batches": ("data.preprocess_batch", "--batch", "all"),
        "test": ("data.preprocess_test",),
        "again": ("data.preprocess_batch", "--batch", "all"),
    }
    made, fetched = {}, {}
    for name, words in steps.items():
        s3.requests.clear()
        on_s3.ok(*words)
        asked = s3.requests
        made[name] = [_key(request) for request in asked if _is_of_an_object(request, "PUT")]
        made[name] += [_key(request) for request in asked if _is_of_an_object(request, "POST")]
        fetched[name] = [_key(request) for request in asked if _is_of_an_object(request, "GET")]

    batches = [f"batches/train_batch_{k}.parquet" for k in range(10)]
    raw = ["raw/quarantine.parquet", "raw/test.parquet", "raw/train.parquet"]
    assert ["raw/manifest.json", *raw] == sorted(made["ingest"])
    assert ["batches/manifest.json", *batches] == sorted(made["split"])
    assert 3 * 10 == len(made["batches"])
    assert (3, []) == (len(made["test"]), made["again"])
    assert [] == fetched["ingest"]
    # Splitting and preprocessing ask whether validation passed these rows.
    judged = ["raw/manifest.json", "reports/data_quality.manifest.json"]
    assert sorted([*judged, "raw/train.parquet"]) == sorted(fetched["split"])
    assert sorted([*judged, "batches/manifest.json", *batches]) == sorted(fetched["batches"])
    assert sorted([*judged, "raw/test.parquet"]) == sorted(fetched["test"])
    for name in steps:
        assert len(set(made[name])) == len(made[name]), name
        assert len(set(fetched[name])) == len(fetched[name]), name
        assert not set(made[name]) & set(fetched[name]), name
    # A batch that is current is not even looked into.
    assert not [key for key in fetched["again"] if key.endswith(".parquet")]


def test_training_and_judging_fetch_each_file_once(on_s3: Workspace, s3: S3Server) -> None:
    """Rows and models come down once for each command, however often they are read."""
    for words in (
        ("data.ingest", "--source", "synthetic:2000@3"),
        ("data.split_batches",),
        ("data.preprocess_batch", "--batch", "0 1"),
        ("data.preprocess_test",),
    ):
        on_s3.ok(*words)
    rows = [f"processed/train_batch_{k}.parquet" for k in (0, 1)]
    expected: dict[tuple[str, ...], list[str]] = {
        ("pipeline.train", "--batches", "0 1"): rows,
        ("pipeline.evaluate",): ["models/1.zip", "processed/test.parquet"],
        ("pipeline.promote",): ["models/1.zip", "processed/test.parquet"],
        ("pipeline.predict", "--title", "Great"): ["models/1.zip"],
    }
    fetched = {}
    for command in expected:
        s3.requests.clear()
        on_s3.ok(*command)
        keys = [_key(request) for request in s3.requests if _is_of_an_object(request, "GET")]
        fetched[command] = sorted(key for key in keys if key.endswith((".parquet", ".zip")))

    assert expected == fetched


def _is_of_an_object(request: Request, method: str) -> bool:
    """Say whether it asks for a file of the pipeline; a lease is none."""
    place = request.path.partition("/some/prefix/")[2]
    return request.method == method and bool(place) and not place.startswith(".leases/")


def _key(request: Request) -> str:
    return request.path.split("/some/prefix/")[1]


def test_a_large_file_goes_up_in_parts_and_comes_down_once(on_s3: Workspace, s3: S3Server) -> None:
    """Every part is sent once, and a reader gets the bytes of the writer in one request."""
    storage, content = on_s3.context().storage, bytes(range(256)) * 80_000
    s3.requests.clear()
    with storage.writing("large.bin") as path:
        path.write_bytes(content)
    mine = storage.path("large.bin").read_bytes()
    sent = [request for request in s3.requests if "partNumber" in request.query]
    other = on_s3.context().storage
    theirs, again = other.path("large.bin").read_bytes(), other.stored("large.bin")

    assert content == mine == theirs
    assert (hashlib.sha256(content).hexdigest(), len(content)) == again
    assert len(sent) == len(set(sent)) == -(-len(content) // (8 << 20))
    assert [1] == list(s3.times("GET").values())


UPLOAD = """
from src.model.context import Context
from src.model.core.settings import load_settings

with Context(load_settings()) as context, context.storage.writing("x.bin") as path:
    path.write_bytes(b"later" * 4_000_000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_upload_leaves_the_former_object(
    on_s3: Workspace, s3: S3Server, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Stopped in the middle of an upload, a process ends soon, and no half object has the name."""
    storage = on_s3.context().storage
    put(storage, "x.bin", "former")
    uploading, gone = threading.Event(), threading.Event()

    def held_back(request: Request) -> str:
        if "partNumber=2" in request.query:
            uploading.set()
            gone.wait(30)
            return "503 Service Unavailable"
        return ""

    monkeypatch.setattr(s3, "before", held_back)
    process = subprocess.Popen(
        [sys.executable, "-c", UPLOAD], cwd=on_s3.path, env=on_s3.environment(),
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert uploading.wait(20)
        process.send_signal(number)
        ended = process.wait(10)
    finally:
        gone.set()
        kill_family(process)
    fresh = on_s3.context().storage

    assert -number == ended
    assert "former" == fresh.path("x.bin").read_text()
    assert ["x.bin"] == fresh.list("")
