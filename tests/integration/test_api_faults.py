"""Load on the API while its registry is killed, its disk read-only and then full; and its log in S3."""

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from tests.conftest import ROOT
from tests.integration.test_api import REVIEW, Api, put_model, running, until


def may_mount() -> bool:
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(probe, check=False, capture_output=True).returncode == 0
    )


def test_no_request_fails_and_every_fault_is_counted() -> None:
    """Every answer is the named version's; each fault shows in the metrics; each log row is on the disk or counted."""
    if not may_mount():
        pytest.skip("this machine lets nobody mount a file system of his own (unshare -rm)")
    done = subprocess.run(
        [sys.executable, "-m", "bench.faults", "--seconds", "30", "--json"], cwd=ROOT, capture_output=True, text=True,
        timeout=480, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    after = found["after"]

    assert {"failed requests": 0, "wrong answers": 0, "sums that do not match": 0} == found["problems"]
    assert found["load"]["requests"] > 1000
    assert min(after["loaded"], found["moves"]) >= 2
    assert min(after["unreachable"], after["refused"], after["parts_failed"]) >= 1
    assert after["rows_dropped"] >= 1
    assert 0 == after["rows_waiting"]


def test_the_log_in_s3(folder: Path, bucket: str, s3_address: str) -> None:
    """Parts are objects below the prefix; while there is no bucket requests are answered and rows wait."""
    storage = boto3.client("s3", endpoint_url=s3_address, region_name="us-east-1")
    with running(
        folder, REVIEWS_LOG_DIR=f"s3://{bucket}/predictions", AWS_ENDPOINT_URL=s3_address, AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test",
    ) as api:  # fmt: skip
        until(lambda: api.client.get("/health/ready").is_success)
        storage.delete_bucket(Bucket=bucket)
        codes = {api.predict().status_code for _ in range(20)}
        until(lambda: api.metric("reviews_log_parts_total", result="failed") >= 1)
        storage.create_bucket(Bucket=bucket)
        until(lambda: api.metric("reviews_log_rows_total", result="written") == 20)
    keys = [found["Key"] for found in storage.list_objects_v2(Bucket=bucket)["Contents"]]
    parts = [gzip.decompress(storage.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]

    assert {200} == codes
    assert all(key.startswith("predictions/20") and key.endswith(".jsonl.gz") for key in keys)
    assert 20 == sum(json.loads(line)["kind"] == "prediction" for part in parts for line in part.splitlines())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    put_model(tmp_path / "model", 1, "1")
    return tmp_path


def test_requests_made_from_its_own_openapi_document(folder: Path) -> None:
    """schemathesis sends what the document allows and what it forbids: statuses, types and bodies are as documented."""
    with running(folder) as api:
        until(lambda: api.client.get("/health/ready").is_success)
        done = _schemathesis(api, folder)
        after = api.client.post("/api/v1/predict", json=REVIEW)

    assert 0 == done.returncode, done.stdout[-4000:]
    assert "No issues found" in done.stdout
    assert 200 == after.status_code


def _schemathesis(api: Api, folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "schemathesis"
    words = [
        "run", f"{api.client.base_url}/openapi.json", "--max-examples", "15", "--checks", "all", "--seed", "1",
        "--phases", "examples,coverage,fuzzing", "--no-color",
    ]  # fmt: skip
    return subprocess.run([str(program), *words], cwd=folder, capture_output=True, text=True, timeout=240, check=False)
