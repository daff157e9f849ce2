"""Every kind of source, over real HTTP, S3 and files."""

import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from src.model.data.sources.public import DATA_SETS
from tests.conftest import Workspace
from tests.integration.conftest import WebServer
from tests.integration.review_files import EVERY_TITLE, REVIEWS, kaggle_csv, kaggle_tgz, kaggle_zip
from tests.integration.s3_server import S3Server


def raw(workspace: Workspace, split: str) -> pl.DataFrame:
    return pl.read_parquet(workspace.data / f"raw/{split}.parquet")


def raw_titles(workspace: Workspace) -> list[str]:
    both = pl.concat([raw(workspace, "train"), raw(workspace, "test")])
    return sorted(both["title"].to_list())


@pytest.mark.parametrize("kind", ["zip", "tgz", "folder", "csv", "csv.gz", "parquet", "jsonl"])
def test_local_files(workspace: Workspace, kind: str) -> None:
    """An archive or folder keeps its test rows; a single file gives up a tenth of its rows."""
    both = pl.concat(REVIEWS.values()).select("polarity", "title", "text", "category")
    place = workspace.path / f"reviews.{kind}"
    if kind in {"zip", "tgz"}:
        place.write_bytes(kaggle_zip() if kind == "zip" else kaggle_tgz())
    elif kind == "folder":
        place.mkdir()
        for split, frame in REVIEWS.items():
            (place / f"{split}.csv").write_bytes(kaggle_csv(frame))
    elif kind == "parquet":
        both.write_parquet(place)
    elif kind == "jsonl":
        both.write_ndjson(place)
    else:
        content = kaggle_csv(both)
        place.write_bytes(gzip.compress(content) if kind.endswith("gz") else content)
    counts = workspace.ok("data.ingest", "--source", str(place))

    assert EVERY_TITLE == raw_titles(workspace)
    assert counts["rows_in"] == counts["train"] + counts["test"] == 333
    assert (
        (counts["test"] == 33) if kind in {"zip", "tgz", "folder"} else (15 < counts["test"] < 55)
    )
    assert ("category" in raw(workspace, "train").columns) == (kind in {"parquet", "jsonl"})


def test_stars_of_another_source_need_one_line_of_settings(workspace: Workspace) -> None:
    """Of `rating` three stars are dropped and counted, and duplicates are on one side."""
    path = workspace.path / "Toys.jsonl"
    lines = [
        {
            "rating": float(i % 5 + 1),
            "title": f"t{i % 60}",
            "text": "x",
            "images": [],
            "helpful_vote": i % 3,
        }
        for i in range(300)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    workspace.set(REVIEWS_COLUMN_POLARITY="rating", REVIEWS_LABELS="stars")
    counts = workspace.ok("data.ingest", "--source", str(path))
    train, test = raw(workspace, "train"), raw(workspace, "test")

    assert {"dropped_rating": 60} == counts["quarantined"]
    assert ["images"] == counts["ignored_columns"]
    assert {"rating", "helpful_vote"} <= set(train.columns)
    assert not set(train["row_id"]) & set(test["row_id"])
    polarities = dict(train.select("rating", "polarity").unique().rows())
    assert {"1": 1, "2": 1, "4": 2, "5": 2} == polarities


def test_a_download_is_fetched_once(workspace: Workspace, web: WebServer) -> None:
    """An address is a source; the second run needs no network."""
    web.files["/reviews.zip"] = kaggle_zip()
    first = workspace.ok("data.ingest", "--source", f"{web.address}/reviews.zip")
    second = workspace.ok("data.ingest", "--source", f"{web.address}/reviews.zip")

    assert (300, False, True) == (first["train"], first["skipped"], second["skipped"])
    assert [("/reviews.zip", None)] == web.requests


def test_a_digest_in_the_address_says_which_file_is_meant(
    workspace: Workspace, web: WebServer
) -> None:
    """The file with it is read; another is not kept, and a copy of another is fetched anew."""
    web.files["/reviews.tgz"] = kaggle_tgz()
    digest = hashlib.sha256(web.files["/reviews.tgz"]).hexdigest()
    place = f"{web.address}/reviews.tgz"
    other = workspace.run("data.ingest", "--source", f"{place}#sha256={'0' * 64}")
    none = workspace.run("data.ingest", "--source", f"{place}#sha256=abc")
    before = list((workspace.path / "cache/web").glob("*/*"))
    first = workspace.ok("data.ingest", "--source", f"{place}#sha256={digest}")
    web.files["/reviews.tgz"] = kaggle_zip()
    again = workspace.run("data.ingest", "--source", f"{place}#sha256={'0' * 64}")

    assert (3, True) == (other.code, f"its SHA-256 is {digest}" in other.err)
    assert (2, True) == (none.code, "64 hexadecimal digits" in none.err)
    assert [] == before
    assert (300, 33) == (first["train"], first["test"])
    assert (3, True) == (again.code, hashlib.sha256(kaggle_zip()).hexdigest() in again.err)


def test_public_data_sets_have_address_and_digest(workspace: Workspace) -> None:
    """Each is https with a digest; an unknown one names those that are known."""
    unknown = workspace.run("data.ingest", "--source", "public:books")

    assert all(
        re.fullmatch(r"https://\S+#sha256=[0-9a-f]{64}", address) for address in DATA_SETS.values()
    )
    assert (2, True) == (unknown.code, "public:amazon-polarity" in unknown.err)


def test_a_cut_download_goes_on_where_it_stopped(workspace: Workspace, web: WebServer) -> None:
    """The first run ends with exit code 5, keeps what it has, and the second asks for the rest."""
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
def test_a_file_that_changed_meanwhile_is_fetched_anew(
    workspace: Workspace, web: WebServer, etag: str | None
) -> None:
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

    client = boto3.client(
        "s3", endpoint_url=workspace.context().settings.aws.endpoint_url, region_name="us-east-1"
    )
    client.put_object(Bucket=bucket, Key="zips/reviews.zip", Body=kaggle_zip())
    for split, frame in REVIEWS.items():
        client.put_object(Bucket=bucket, Key=f"tables/{split}.csv", Body=kaggle_csv(frame))

    for key in ("zips/reviews.zip", "tables/"):
        counts = workspace.ok("data.ingest", "--source", f"s3://{bucket}/{key}", "--force")
        assert 33 == counts["test"]
    missing = workspace.run("data.ingest", "--source", f"s3://{bucket}/nothing")
    assert 3 == missing.code
    assert "holds no object" in missing.err


def test_an_object_in_s3_is_fetched_once_in_each_version(
    workspace: Workspace, bucket: str, s3: S3Server
) -> None:
    """A copy is used again as long as the object has the version it was made from."""
    import boto3

    client = boto3.client("s3", endpoint_url=s3.address, region_name="us-east-1")
    place = f"s3://{bucket}/reviews.zip"
    client.put_object(Bucket=bucket, Key="reviews.zip", Body=kaggle_zip())
    s3.requests.clear()
    first = workspace.ok("data.ingest", "--source", place)
    second = workspace.ok("data.ingest", "--source", place)
    once = s3.times("GET")
    folder = workspace.path / "cache/s3"
    copies = len(list(folder.glob("*/reviews.zip")))
    client.put_object(Bucket=bucket, Key="reviews.zip", Body=kaggle_zip("test", "train"))
    third = workspace.ok("data.ingest", "--source", place)

    assert ([(300, False), (300, True)], 1) == (
        [(counts["train"], counts["skipped"]) for counts in (first, second)],
        copies,
    )
    assert {f"/{bucket}/reviews.zip": 1} == once
    assert (33, False) == (third["train"], third["skipped"])
    assert {f"/{bucket}/reviews.zip": 2} == s3.times("GET")


def test_the_digest_of_a_local_source_is_its_parent(workspace: Workspace) -> None:
    """The manifest says which bytes were read."""
    path = workspace.path / "reviews.zip"
    path.write_bytes(kaggle_zip())
    workspace.ok("data.ingest", "--source", str(path))
    manifest = json.loads((workspace.data / "raw/manifest.json").read_text())

    assert {"reviews.zip": hashlib.sha256(path.read_bytes()).hexdigest()} == manifest["parents"]


def test_what_stands_beside_the_tables_is_named(workspace: Workspace) -> None:
    """A folder with a train table may hold others; none is passed over in silence."""
    folder = workspace.path / "own"
    folder.mkdir()
    for name in ("train.csv", "more.csv", "notes.md"):
        lines = (f"2,Good,I love it {n}\n1,Bad,It broke {n}\n" for n in range(100))
        (folder / name).write_text("".join(lines))
    done = workspace.run("data.ingest", "--source", str(folder))

    assert 0 == done.code
    assert "files beside train and test are not read" in done.err
    assert ("more.csv" in done.err, "notes.md" in done.err) == (True, False)


def test_unknown_schemes_and_missing_paths(workspace: Workspace) -> None:
    """What is no source is refused by name."""
    for source, code, said in (
        ("ftp://host/x.csv", 2, "the scheme ftp is not known"),
        ("nowhere.zip", 3, "nowhere.zip does not exist"),
        (
            "synthetic",
            2,
            "Known are kaggle:owner/name, public:amazon-polarity, synthetic:ROWS@SEED",
        ),
    ):
        result = workspace.run("data.ingest", "--source", source)
        assert code == result.code
        assert said in result.err
    assert not Path("data/raw").exists()


def test_a_web_page_is_not_kept_as_data(workspace: Workspace, web: WebServer) -> None:
    """Neither a page that says it is one nor one under another type stays in the cache."""
    page = b"<!doctype html><html>Please log in</html>"
    web.files["/reviews.csv"] = page
    for kind in ("text/html; charset=utf-8", "text/csv"):
        web.kind = kind
        refused = workspace.run("data.ingest", "--source", f"{web.address}/reviews.csv")
        assert 3 == refused.code
        assert "a web page" in refused.err
    web.files["/reviews.csv"] = kaggle_csv(REVIEWS["train"])

    assert 300 == workspace.ok("data.ingest", "--source", f"{web.address}/reviews.csv")["rows_in"]


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: c[:-9] + b"x" * 9, lambda _: b""])
def test_a_copy_is_used_only_while_it_is_what_was_fetched(
    workspace: Workspace, web: WebServer, damage: Callable[[bytes], bytes]
) -> None:
    """A copy that was cut short or changed on this disk is fetched anew."""
    web.files["/reviews.zip"] = kaggle_zip()
    workspace.ok("data.ingest", "--source", f"{web.address}/reviews.zip")
    (copy,) = (path for path in workspace.path.rglob("reviews.zip") if path.is_file())
    copy.write_bytes(damage(copy.read_bytes()))
    again = workspace.ok("data.ingest", "--source", f"{web.address}/reviews.zip", "--force")

    assert (300, 2) == (again["train"], len(web.requests))
