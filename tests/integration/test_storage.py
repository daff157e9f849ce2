"""Both kinds of storage keep the same promises."""

import pytest

from src.model.data.storage import Storage
from src.model.errors import SettingsError, StorageError, UsageError
from tests.conftest import Workspace


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, workspace: Workspace) -> Storage:
    if request.param == "s3":
        workspace.set(REVIEWS_DATA_DIR=f"s3://{request.getfixturevalue('bucket')}/some/prefix")
    return workspace.context().storage


def put(storage: Storage, key: str, content: str) -> None:
    with storage.writing(key) as path:
        path.write_text(content)


def test_what_is_written_can_be_read(storage: Storage) -> None:
    """A file is there with its content and size once the block has ended, and can be replaced and removed."""
    assert storage.size("a/b.txt") is None
    put(storage, "a/b.txt", "first")
    assert ("first", 5) == (storage.path("a/b.txt").read_text(), storage.size("a/b.txt"))
    put(storage, "a/b.txt", "second")
    assert "second" == storage.path("a/b.txt").read_text()
    storage.remove("a/b.txt")
    storage.remove("a/b.txt")
    assert storage.size("a/b.txt") is None


def test_a_failed_write_leaves_the_former_file(storage: Storage) -> None:
    """An exception in the block changes nothing under the key."""
    put(storage, "x.txt", "former")
    with pytest.raises(RuntimeError), storage.writing("x.txt") as path:
        path.write_text("half")
        raise RuntimeError

    assert "former" == storage.path("x.txt").read_text()


def test_reading_what_is_not_there_names_it(storage: Storage) -> None:
    """The message has the whole place, so that one can look."""
    with pytest.raises(StorageError, match=r"nothing\.txt does not exist"):
        storage.path("nothing.txt")


def test_one_process_holds_a_lock(storage: Storage) -> None:
    """Two runs of a step on the same data exclude each other."""
    with storage.lock("ingest"), pytest.raises(UsageError, match="Another process"), storage.lock("ingest"):
        pass


def test_an_unknown_scheme_is_refused(workspace: Workspace) -> None:
    """Only folders and S3 can hold the data."""
    workspace.set(REVIEWS_DATA_DIR="gs://bucket/prefix")

    with pytest.raises(SettingsError, match="only a folder or s3"):
        _ = workspace.context().storage


def test_an_s3_that_does_not_answer_is_said(workspace: Workspace) -> None:
    """No S3 at the address: exit code 5 and a way out, not a traceback."""
    workspace.set(
        REVIEWS_DATA_DIR="s3://bucket/prefix", AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
    )  # fmt: skip
    result = workspace.run("data.split_batches")

    assert 5 == result.code
    assert "could not be read or written" in result.err
    assert "credentials" in result.err


def test_the_data_pipeline_runs_on_s3(workspace: Workspace, bucket: str) -> None:
    """Ingest to preprocess work with all files in a bucket, and give the bytes they give on a disk."""
    digests = []
    for place in ("data", f"s3://{bucket}/team/reviews"):
        workspace.set(REVIEWS_DATA_DIR=place)
        workspace.ok("data.ingest", "--source", "synthetic:600@3")
        workspace.ok("data.validate")
        workspace.ok("data.split_batches")
        workspace.ok("data.preprocess_batch", "--batch", "all")
        again = workspace.ok("data.preprocess_batch", "--batch", "all")
        assert 10 == again["skipped"]
        storage = workspace.context().storage
        digests.append([storage.path(f"processed/train_batch_{k}.manifest.json").read_bytes() for k in range(10)])

    assert digests[0] == digests[1]
