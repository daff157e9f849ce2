"""Every command on S3 with a fault at every request: it goes on, or the same command mends it.

A request is answered 500 once, 500 from then on, or 403; its connection is cut before it is carried
out, or after, so that only the answer is lost; or the command is killed. Either the command ends
well all the same, or it says what failed, exit code 5; after the same command once more, every
object is as if nothing had happened. `make test-hostile` does it at every request.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from tests.conftest import Workspace
from tests.hostile.forker import Forker
from tests.hostile.test_kill_matrix import (
    ARRIVED,
    DATA,
    EVALUATE,
    INGEST,
    JUDGED,
    PROMOTE,
    REPLACED,
    SPLIT,
    TEST,
    TRAIN,
    normal,
)
from tests.integration.s3_server import CUT, Request, S3Server, serving_s3

pytestmark = pytest.mark.slow

BUCKET, PREFIX = "reviews", "some/prefix"
FAULTS = ("500 once", "500 for ever", "403", "cut before", "cut after", "killed")
CASES: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "ingest": ((), INGEST),
    "ingest what arrived": ((INGEST,), ARRIVED),
    "validate": ((INGEST,), ("data.validate",)),
    "split": ((INGEST,), SPLIT),
    "preprocess": ((INGEST, SPLIT), ("data.preprocess_batch", "--batch", "0")),
    "preprocess the test rows": ((INGEST,), TEST),
    "train": (DATA, TRAIN),
    "evaluate": ((*DATA, TRAIN), EVALUATE),
    "promote the first": (JUDGED, PROMOTE),
    "promote over a champion": (REPLACED, PROMOTE),
    "roll back": ((*REPLACED, PROMOTE), ("pipeline.promote", "--rollback")),
    "export": ((*JUDGED, PROMOTE), ("pipeline.export", "--output", "exported")),
}


@dataclass
class Fault:
    """What goes wrong at request number `at`, counted from 1; nothing at 0."""

    kind: str = ""
    at: int = 0
    seen: int = 0
    process: int = 0

    def before(self, _request: Request) -> str:
        self.seen += 1
        if self.seen < self.at or not self.at:
            return ""
        if self.kind == "500 for ever":
            return "500 Internal Server Error"
        if self.seen > self.at:
            return ""
        if self.kind == "killed":
            os.kill(self.process, signal.SIGKILL)
            return CUT
        return {
            "500 once": "500 Internal Server Error",
            "403": "403 Forbidden",
            "cut before": CUT,
        }.get(self.kind, "")

    def after(self, _request: Request) -> bool:
        return self.kind == "cut after" and self.seen == self.at


class Bucket:
    """All objects of a server, taken down and put back."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self._client = boto3.client("s3", endpoint_url=server.address, region_name="us-east-1")
        self._client.create_bucket(Bucket=BUCKET)

    def objects(self) -> dict[str, bytes]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def put_back(self, objects: dict[str, bytes]) -> None:
        for key in self.objects().keys() - objects.keys():
            self._client.delete_object(Bucket=BUCKET, Key=key)
        for key, content in objects.items():
            self._client.put_object(Bucket=BUCKET, Key=key, Body=content)


@pytest.fixture
def place(workspace: Workspace) -> Iterator[Bucket]:
    workspace.set(
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        REVIEWS_DATA_DIR=f"s3://{BUCKET}/{PREFIX}",
        REVIEWS_LEASE_SECONDS="1",
        REVIEWS_BATCHES="5",
        REVIEWS_PROMOTE_MIN_ACCURACY="0.5",
    )
    with serving_s3() as server:
        workspace.set(AWS_ENDPOINT_URL=server.address)
        bucket = Bucket(server)
        bucket.put_back({})  # a test that failed leaves its objects in the server's memory
        yield bucket


def ended(
    forked: Forker, workspace: Workspace, server: S3Server, words: tuple[str, ...], fault: Fault
) -> tuple[int, str]:
    """Run a command with a fault; return how it ended and what it said."""
    workspace.set(REVIEWS_CACHE_DIR=str(workspace.path / f"cache-{random.random()}"))
    server.before, server.after = fault.before, fault.after

    def begun(process: int) -> None:
        fault.process = process

    done = forked.run(words, workspace.path, os.environ, begun=begun)
    server.before, server.after = Fault().before, Fault().after
    return done


def normals(objects: dict[str, bytes]) -> dict[str, bytes]:
    """The objects but leases, without what is different in every run."""
    return dict(normal(key, content) for key, content in objects.items() if "/.leases/" not in key)


@pytest.mark.parametrize("case", CASES)
def test_a_fault_of_s3_is_outlived_or_mended_by_the_same_command(
    workspace: Workspace,
    place: Bucket,
    forked: Forker,
    case: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At each request, each fault: what is there afterwards is what would have been there."""
    before, words = CASES[case]
    for done in before:
        code, said = ended(forked, workspace, place.server, done, Fault())
        assert code in {0, 4}, said
    start = place.objects()
    fault = Fault()
    code, said = ended(forked, workspace, place.server, words, fault)
    assert 0 == code, said
    expected, requests = normals(place.objects()), fault.seen

    broken: list[Any] = []
    tried = [(kind, at) for kind in FAULTS for at in range(1, requests + 1)]
    if not os.environ.get("TEST_WHOLE"):
        rng = random.Random(case)
        tried = [(kind, rng.randint(1, requests)) for kind in rng.sample(FAULTS, 2)]
    for kind, at in tried:
        place.put_back(start)
        fault = Fault(kind, at)
        code, said = ended(forked, workspace, place.server, words, fault)
        again, later = (0, "")
        # What ended well needs no mending; nor does a roll-back that was killed when all was done:
        # the same command again is another roll-back.
        finished = case == "roll back" and normals(place.objects()) == expected
        if code != 0 and not finished:
            again, later = ended(forked, workspace, place.server, words, Fault())
        now = normals(place.objects())
        fine = code in {0, 5} and "Traceback" not in said
        if kind == "killed" and fault.seen >= at:  # leases are renewed as time goes by, not always
            fine = code == -9
        if not fine or again != 0 or now != expected:
            odd = [key for key in now.keys() | expected.keys() if now.get(key) != expected.get(key)]
            broken.append((kind, at, code, again, sorted(odd), said[-400:], later[-300:]))

    with capsys.disabled():
        line = {"case": case, "requests": requests, "tried": len(tried), "broken": len(broken)}
        sys.stdout.write(json.dumps(line) + "\n")
    assert requests > 0
    assert [] == broken
