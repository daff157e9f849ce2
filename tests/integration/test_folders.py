"""What each task of a workflow reads and writes in S3: what its role may, and nothing else."""

from collections import defaultdict
from collections.abc import Iterable
from urllib.parse import parse_qs

import pytest

from src.model import steps
from src.orchestration.jobs import jobs
from tests.conftest import Workspace
from tests.integration.a_week import A_WEEK, THE_NEXT
from tests.integration.s3_server import Request, S3Server

pytestmark = pytest.mark.slow
PREFIX = "some/prefix/"
UNUSED = {
    ("reference", "predictions"): "only with a window of days",
}
"""What a task may touch and does not in this week, with the reason."""


@pytest.mark.usefixtures("tracked")
def test_a_task_touches_its_folders_alone(on_s3: Workspace, s3: S3Server, bucket: str) -> None:
    """A week, an answer, a check: each request is in a folder of the task's, and each is used."""
    on_s3.set(
        REVIEWS_BATCHES="3", REVIEWS_PROMOTE="approve",
        REVIEWS_LOG_DIR=f"s3://{bucket}/{PREFIX}predictions",
    )  # fmt: skip
    touched: dict[str, set[tuple[str, bool]]] = defaultdict(set)

    for name, code, words in A_WEEK + THE_NEXT:
        s3.requests.clear()
        result = on_s3.run(steps.COMMANDS[name].module, *words)
        assert code == result.code, result.err
        touched[name] |= set(folders(s3.requests))

    unused = set()
    for name, job in jobs().items():
        used = {folder for folder, _ in touched[name]}
        written = {folder for folder, writes in touched[name] if writes}
        assert used <= {*job["reads"], *job["writes"]}, name
        assert written == set(job["writes"]), name
        unused |= {(name, folder) for folder in {*job["reads"], *job["writes"]} - used}
    assert set(UNUSED) == unused


def folders(requests: Iterable[Request]) -> Iterable[tuple[str, bool]]:
    """Return the folder of each request, and whether it writes."""
    for request in requests:
        _, _, key = request.path.lstrip("/").partition("/")
        asked = parse_qs(request.query, keep_blank_values=True)
        if "delete" in asked:  # of many keys, which stand in its body
            continue
        place = key or asked["prefix"][0]
        assert place.startswith(PREFIX), request
        yield place.removeprefix(PREFIX).partition("/")[0], request.method not in {"GET", "HEAD"}
