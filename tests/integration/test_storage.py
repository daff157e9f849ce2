"""Both kinds of storage keep the same promises."""

import hashlib

import pytest

from src.model.core.errors import SettingsError, StorageError
from src.model.files.storage import Storage, Stored
from tests.conftest import Workspace
from tests.integration.lease_holder import put


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, workspace: Workspace) -> Storage:
    if request.param == "s3":
        workspace.set(REVIEWS_DATA_DIR=f"s3://{request.getfixturevalue('bucket')}/some/prefix")
    return workspace.context().storage


def test_what_is_written_can_be_read(storage: Storage) -> None:
    """A file is there, whole, once the block has ended, and can be replaced and removed."""
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


def test_a_file_is_known_by_its_content(storage: Storage, workspace: Workspace) -> None:
    """The digest and the size of a file are those of its bytes, for writer and reader alike."""
    content = "café\n" * 1000
    put(storage, "a/b.txt", content)
    expected = Stored(hashlib.sha256(content.encode()).hexdigest(), len(content.encode()))
    other = workspace.context().storage
    before = storage.stored("a/b.txt"), other.stored("a/b.txt")
    put(other, "a/b.txt", "other")
    with pytest.raises(StorageError, match=r"nothing\.txt does not exist"):
        storage.stored("nothing.txt")

    assert (expected, expected) == before
    assert 5 == storage.stored("a/b.txt").bytes == other.stored("a/b.txt").bytes


def test_keys_are_listed_below_a_prefix(storage: Storage) -> None:
    """All of them, sorted, none of its neighbours; nothing where there is nothing."""
    for key in ("models/2.zip", "models/10.zip", "models/old/1.zip", "models.txt", "raw/a.csv"):
        put(storage, key, key)
    storage.remove("raw/a.csv")

    assert ["models/10.zip", "models/2.zip", "models/old/1.zip"] == storage.list("models/")
    assert [] == storage.list("raw/") == storage.list("nowhere/")


def test_an_unknown_scheme_is_refused(workspace: Workspace) -> None:
    """Only folders and S3 can hold the data."""
    workspace.set(REVIEWS_DATA_DIR="gs://bucket/prefix")

    with pytest.raises(SettingsError, match="only a folder or s3"):
        _ = workspace.context().storage


def test_the_data_pipeline_runs_on_s3(workspace: Workspace, bucket: str) -> None:
    """Ingest to preprocess work with all files in a bucket, and give the bytes of a disk."""
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
        digests.append(
            [
                storage.path(f"processed/train_batch_{k}.manifest.json").read_bytes()
                for k in range(10)
            ]
        )

    assert digests[0] == digests[1]
