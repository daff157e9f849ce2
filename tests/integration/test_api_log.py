"""The prediction log: whole rows, on a disk or in S3, whatever happens to the API or the disk."""

import gzip
import json
import re
import shutil
import signal
from pathlib import Path

import boto3
import pytest

from tests.integration.api_process import REVIEW, model_of, ready
from tests.integration.processes import until

MODEL_ROW = {
    "format", "kind", "time", "request_id", "role", "model", "version", "digest", "label",
    "probability", "abstained", "title_tokens", "tokens", "unknown_share", "language_share",
}  # fmt: skip


def test_predictions_and_feedback_are_logged_without_the_text(folder: Path) -> None:
    """A prediction's row has what drift needs, and feedback the id of the prediction it is on."""
    with ready(folder) as api:
        said = api.predict().json()
        api.batch([REVIEW, {"x": 1}, REVIEW])
        feedback = api.client.post(
            "/api/v1/feedback", json={"request_id": said["request_id"], "label": "negative"}
        )
        until(lambda: len(api.rows()) == 4)
        until(lambda: api.metric("reviews_log_rows_total", result="written") == 4)  # after they are
        rows, log = api.rows(), api.said()
        digest = api.client.get("/api/v1/model").json()["digest"]
    read = model_of(1).read([REVIEW["title"]], [REVIEW["message"]])
    first = rows[0]

    assert 202 == feedback.status_code
    assert ["prediction"] * 3 + ["feedback"] == [row["kind"] for row in rows]
    assert {3} == {row["format"] for row in rows}
    assert [MODEL_ROW] * 3 == [set(row) for row in rows[:3]]
    assert {"format", "kind", "time", "request_id", "label", "client"} == set(rows[3])
    assert re.fullmatch(r"client [0-9a-f]{8}", rows[3]["client"])
    assert said["request_id"] == first["request_id"] == rows[3]["request_id"]
    assert [".0", ".2"] == [row["request_id"][-2:] for row in rows[1:3]]
    assert ("champion", "reviews", "1", digest) == tuple(
        first[name] for name in ("role", "model", "version", "digest")
    )
    assert (said["label"], said["probability"], said["abstained"]) == tuple(
        first[name] for name in ("label", "probability", "abstained")
    )
    counts = first["title_tokens"], first["tokens"]
    assert (4, 17) == (read.title_tokens[0], read.tokens[0]) == counts
    assert pytest.approx((read.unknown_share[0], read.language_share[0]), abs=5e-5) == (
        first["unknown_share"],
        first["language_share"],
    )
    assert not any("waste of money" in json.dumps(row) for row in rows)
    assert "waste of money" not in log


def test_texts_are_logged_where_that_was_asked_for(folder: Path) -> None:
    """With REVIEWS_LOG_TEXT a row has title and message as they were sent."""
    with ready(folder, REVIEWS_LOG_TEXT="true") as api:
        api.predict()
        until(lambda: len(api.rows()) == 1)
        (row,) = api.rows()

    assert MODEL_ROW | {"title", "message"} == set(row)
    assert REVIEW == {name: row[name] for name in ("title", "message")}


def test_sigterm_drains_and_writes_the_log(folder: Path) -> None:
    """Rows that had not been written when the service was told to end are written then."""
    with ready(folder, REVIEWS_LOG_SECONDS="3600") as api:
        for _ in range(20):
            assert api.predict().is_success
        api.process.send_signal(signal.SIGTERM)
        api.process.wait(20)
        rows = api.rows()

    assert 20 == len(rows)
    assert 128 + signal.SIGTERM == api.process.returncode


def test_a_read_only_log_folder_fails_no_request(folder: Path) -> None:
    """Where the log cannot be written every request is answered, and the metrics tell of it."""
    (folder / "predictions").write_text("a file where the folder should be")
    with ready(folder) as api:
        codes = {api.predict().status_code for _ in range(30)}
        until(lambda: api.metric("reviews_log_parts_total", result="failed") >= 1)
        (folder / "predictions").unlink()
        until(lambda: api.metric("reviews_log_rows_total", result="written") == 30)

    assert {200} == codes


def test_killed_while_it_writes_it_leaves_only_whole_parts(folder: Path) -> None:
    """After kill -9 every part can be read to its end."""
    with ready(folder, REVIEWS_LOG_SECONDS="0.05") as api:
        reviews = [{"title": str(n), "message": "text " * 50} for n in range(1000)]
        for _ in range(5):
            assert api.batch(reviews).is_success
        until(lambda: bool(list((folder / "predictions").glob("*/*.gz"))))
        api.process.kill()
        api.process.wait(10)
        rows = api.rows()

    assert rows
    assert all(row["kind"] == "prediction" for row in rows)
    shutil.rmtree(folder / "predictions")


def test_the_log_in_s3(folder: Path, bucket: str, s3_address: str) -> None:
    """Parts are objects below the prefix, and rows wait while there is no bucket."""
    storage = boto3.client("s3", endpoint_url=s3_address, region_name="us-east-1")
    with ready(
        folder, REVIEWS_LOG_DIR=f"s3://{bucket}/predictions", AWS_ENDPOINT_URL=s3_address,
        AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test",
    ) as api:  # fmt: skip
        storage.delete_bucket(Bucket=bucket)
        codes = {api.predict().status_code for _ in range(20)}
        until(lambda: api.metric("reviews_log_parts_total", result="failed") >= 1)
        storage.create_bucket(Bucket=bucket)
        until(lambda: api.metric("reviews_log_rows_total", result="written") == 20)
    keys = [found["Key"] for found in storage.list_objects_v2(Bucket=bucket)["Contents"]]
    parts = [
        gzip.decompress(storage.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys
    ]

    assert {200} == codes
    assert all(key.startswith("predictions/20") and key.endswith(".jsonl.gz") for key in keys)
    assert 20 == sum(
        json.loads(line)["kind"] == "prediction" for part in parts for line in part.splitlines()
    )
