"""Every kind of source, over real HTTP, S3 and files."""

import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from src.model.data.synthetic import generate, parse
from tests.conftest import Workspace
from tests.integration.conftest import WebServer

REVIEWS = dict(generate(parse("synthetic:300@9")))


def kaggle_csv(frame: pl.DataFrame) -> bytes:
    return frame.select("polarity", "title", "text").write_csv(include_header=False, quote_style="always").encode()


def kaggle_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for split, frame in REVIEWS.items():
            archive.writestr(f"{split}.csv", kaggle_csv(frame))
    return buffer.getvalue()


def raw_titles(workspace: Workspace) -> list[str]:
    frames = [pl.read_parquet(workspace.data / f"raw/{split}.parquet") for split in ("train", "test")]
    return sorted(pl.concat(frames)["title"].to_list())


EVERY_TITLE = sorted(title for frame in REVIEWS.values() for title in frame["title"])


@pytest.mark.parametrize("kind", ["zip", "folder", "csv", "csv.gz", "parquet", "jsonl"])
def test_local_files(workspace: Workspace, kind: str) -> None:
    """A zip or folder keeps its own test rows; a single file gives up a tenth of its rows."""
    both = pl.concat(REVIEWS.values()).select("polarity", "title", "text", "category")
    place = workspace.path / f"reviews.{kind}"
    if kind == "zip":
        place.write_bytes(kaggle_zip())
    elif kind == "folder":
        place.mkdir()
        for split, frame in REVIEWS.items():
            (place / f"{split}.csv").write_bytes(kaggle_csv(frame))
    elif kind == "parquet":
        both.write_parquet(place)
    elif kind == "jsonl":
        both.write_ndjson(place)
    else:
        place.write_bytes(gzip.compress(kaggle_csv(both)) if kind.endswith("gz") else kaggle_csv(both))
    counts = workspace.ok("data.ingest", "--source", str(place))

    assert EVERY_TITLE == raw_titles(workspace)
    assert counts["rows_in"] == counts["train"] + counts["test"] == 333
    assert (counts["test"] == 33) if kind in {"zip", "folder"} else (15 < counts["test"] < 55)
    assert ("category" in pl.read_parquet(workspace.data / "raw/train.parquet").columns) == (
        kind in {"parquet", "jsonl"}
    )


def test_stars_of_another_source_need_one_line_of_settings(workspace: Workspace) -> None:
    """Amazon Reviews 2023: `rating` as the label, three stars dropped and counted, duplicates on one side."""
    path = workspace.path / "Toys.jsonl"
    lines = [
        {"rating": float(i % 5 + 1), "title": f"t{i % 60}", "text": "x", "images": [], "helpful_vote": i % 3}
        for i in range(300)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    workspace.set(REVIEWS_COLUMN_POLARITY="rating", REVIEWS_LABELS="stars")
    counts = workspace.ok("data.ingest", "--source", str(path))
    train, test = (pl.read_parquet(workspace.data / f"raw/{split}.parquet") for split in ("train", "test"))

    assert {"dropped_rating": 60} == counts["quarantined"]
    assert ["images"] == counts["ignored_columns"]
    assert {"rating", "helpful_vote"} <= set(train.columns)
    assert not set(train["row_id"]) & set(test["row_id"])
    assert {"1": 1, "2": 1, "4": 2, "5": 2} == dict(train.select("rating", "polarity").unique().rows())


def test_a_download_is_fetched_once(workspace: Workspace, web: WebServer) -> None:
    """An address is a source; the second run needs no network."""
    web.files["/reviews.zip"] = kaggle_zip()
    first = workspace.ok("data.ingest", "--source", f"{web.address}/reviews.zip")
    second = workspace.ok("data.ingest", "--source", f"{web.address}/reviews.zip")

    assert (300, False, True) == (first["train"], first["skipped"], second["skipped"])
    assert [("/reviews.zip", None)] == web.requests


def test_a_cut_download_goes_on_where_it_stopped(workspace: Workspace, web: WebServer) -> None:
    """The first run ends with exit code 5 and keeps what it has; the second asks for the rest only."""
    web.files["/reviews.csv"] = kaggle_csv(REVIEWS["train"])
    web.cut_after = 100_000
    cut = workspace.run("data.ingest", "--source", f"{web.address}/reviews.csv")
    web.cut_after = None
    whole = workspace.ok("data.ingest", "--source", f"{web.address}/reviews.csv")

    assert 5 == cut.code
    assert "65,536 bytes are kept" in cut.err
    assert ("/reviews.csv", "bytes=65536-") == web.requests[-1]
    assert 300 == whole["rows_in"]


@pytest.mark.parametrize("etag", ['"v2"', None])
def test_a_file_that_changed_meanwhile_is_fetched_anew(workspace: Workspace, web: WebServer, etag: str | None) -> None:
    """Halves of two versions are never joined, with or without the server's help."""
    web.files["/reviews.zip"] = kaggle_zip()
    web.cut_after = 5_000
    if etag is None:
        web.etag = None
    workspace.run("data.ingest", "--source", f"{web.address}/reviews.zip")
    web.cut_after, web.etag = None, etag

    assert 300 == workspace.ok("data.ingest", "--source", f"{web.address}/reviews.zip")["train"]


@pytest.mark.parametrize(
    ("path", "status", "code", "said"),
    [
        ("/reviews.zip", 403, 5, "the server answered 403"),
        ("/missing.csv", None, 5, "the server answered 404"),
        ("/", None, 3, "names no file"),
    ],
)
def test_a_server_that_refuses_is_quoted(
    workspace: Workspace, web: WebServer, path: str, status: int | None, code: int, said: str
) -> None:
    """The status is in the message; a signature in the address is not."""
    web.status = status
    result = workspace.run("data.ingest", "--source", f"{web.address}{path}?signature=secret")

    assert code == result.code
    assert said in result.err
    assert path == "/" or "secret" not in result.err


def test_no_server_at_all(workspace: Workspace) -> None:
    """A refused connection ends with exit code 5 and the way out."""
    result = workspace.run("data.ingest", "--source", "http://127.0.0.1:9/reviews.csv")

    assert 5 == result.code
    assert "pass a local path" in result.err


def test_objects_and_prefixes_in_s3(workspace: Workspace, bucket: str) -> None:
    """An object or a prefix with train and test tables is a source."""
    import boto3

    client = boto3.client("s3", endpoint_url=workspace.context().settings.aws_endpoint_url, region_name="us-east-1")
    client.put_object(Bucket=bucket, Key="zips/reviews.zip", Body=kaggle_zip())
    for split, frame in REVIEWS.items():
        client.put_object(Bucket=bucket, Key=f"tables/{split}.csv", Body=kaggle_csv(frame))

    for key in ("zips/reviews.zip", "tables/"):
        assert 33 == workspace.ok("data.ingest", "--source", f"s3://{bucket}/{key}", "--force")["test"]
    missing = workspace.run("data.ingest", "--source", f"s3://{bucket}/nothing")
    assert 3 == missing.code
    assert "holds no object" in missing.err


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
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    from kagglesdk import kaggle_env

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
    workspace.set(KAGGLEHUB_CACHE=str(workspace.path / "kaggle"), KAGGLE_CONFIG_DIR=str(workspace.path))
    workspace.monkeypatch.setitem(
        kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, f"http://127.0.0.1:{server.server_address[1]}"
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
    """A refusal ends with exit code 5 and both ways out: credentials, or a local path."""
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


def test_the_digest_of_a_local_source_is_its_parent(workspace: Workspace) -> None:
    """The manifest says which bytes were read."""
    path = workspace.path / "reviews.zip"
    path.write_bytes(kaggle_zip())
    workspace.ok("data.ingest", "--source", str(path))
    manifest = json.loads((workspace.data / "raw/manifest.json").read_text())

    assert {"reviews.zip": hashlib.sha256(path.read_bytes()).hexdigest()} == manifest["parents"]


def test_unknown_schemes_and_missing_paths(workspace: Workspace) -> None:
    """What is no source is refused by name."""
    for source, code, said in (
        ("ftp://host/x.csv", 2, "the scheme ftp is not known"),
        ("nowhere.zip", 3, "nowhere.zip does not exist"),
    ):
        result = workspace.run("data.ingest", "--source", source)
        assert code == result.code
        assert said in result.err
    assert not Path("data/raw").exists()
