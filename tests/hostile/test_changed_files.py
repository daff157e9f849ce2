"""Files that are not what a manifest says: nothing is made from them, and one command mends them.

Swapped, restored, replaced or flipped in one bit: every file that a later step reads, in every
step that reads it.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from src.model.core.artifact import DESCRIPTION
from tests.conftest import Workspace

pytestmark = pytest.mark.slow

READERS: dict[str, list[tuple[str, ...]]] = {
    "raw/train.parquet": [("data.split_batches", "--force"), ("data.validate", "--force")],
    "raw/test.parquet": [("data.preprocess_test", "--force"), ("data.validate", "--force")],
    "batches/train_batch_0.parquet": [("data.preprocess_batch", "--batch", "0", "--force")],
    "processed/train_batch_0.parquet": [
        ("pipeline.train", "--batches", "0", "--force"),
        ("pipeline.findings", "--batches", "0"),
    ],
    "processed/test.parquet": [("pipeline.evaluate",)],
}
MENDERS = {
    "raw": ("data.ingest", "--source", "synthetic:2000@3"),
    "batches": ("data.split_batches",),
    "processed/train": ("data.preprocess_batch", "--batch", "0"),
    "processed/test": ("data.preprocess_test",),
}


@pytest.fixture
def trained(small: Workspace) -> Workspace:
    small.ok("pipeline.train", "--batches", "0")
    return small


def flipped(content: bytes) -> Iterator[bytes]:
    """The content with one bit changed, at places spread over all of it."""
    chosen = random.Random(7)
    for part in range(10):
        place = len(content) * part // 10 + chosen.randrange(max(len(content) // 10, 1))
        changed = bytearray(content)
        changed[place] ^= 1 << chosen.randrange(8)
        yield bytes(changed)


@pytest.mark.parametrize("key", READERS)
def test_one_flipped_bit_stops_every_reader(trained: Workspace, key: str) -> None:
    """Exit code 3 and the file's name, wherever in the file the bit is; nothing is made of it."""
    path = trained.data / key
    whole = path.read_bytes()
    for content in flipped(whole):
        path.write_bytes(content)
        for words in READERS[key]:
            result = trained.run(*words)
            assert (3, True) == (result.code, path.name in result.err), result.err
    mender = next(words for place, words in MENDERS.items() if key.startswith(place))
    again = trained.ok(*mender)

    assert not again["skipped"]
    assert whole == path.read_bytes()


def swap(data: Path, one: str, other: str) -> None:
    (data / one).rename(data / "aside")
    (data / other).rename(data / one)
    (data / "aside").rename(data / other)


def copy(data: Path, source: str, target: str) -> None:
    shutil.copyfile(data / source, data / target)


BATCHES = [f"{step}/train_batch_{n}.parquet" for step in ("batches", "processed") for n in (0, 1)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda data: swap(data, BATCHES[0], BATCHES[1]),
            ("data.preprocess_batch", "--batch", "0", "--force"),
        ),
        (
            lambda data: swap(data, BATCHES[2], BATCHES[3]),
            ("pipeline.train", "--batches", "0 1", "--force"),
        ),
        (
            lambda data: copy(data, "processed/train_batch_0.parquet", "processed/test.parquet"),
            ("pipeline.evaluate",),
        ),
        (
            lambda data: copy(data, "raw/train.parquet", "raw/test.parquet"),
            ("data.preprocess_test", "--force"),
        ),
    ],
)
def test_swapped_files_are_not_read(
    trained: Workspace, change: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    """A whole and readable file in another one's place is not taken for it."""
    change(trained.data)
    result = trained.run(*words)

    assert 3 == result.code
    assert "is not the file that its manifest names" in result.err


def test_a_file_of_a_former_ingest_is_not_read(trained: Workspace) -> None:
    """Restored from a backup, it is older than the manifest beside it."""
    former = (trained.data / "raw/train.parquet").read_bytes()
    trained.ok("data.ingest", "--source", "synthetic:2000@4")
    (trained.data / "raw/train.parquet").write_bytes(former)

    assert 3 == trained.run("data.split_batches").code
    assert not trained.ok("data.ingest", "--source", "synthetic:2000@4")["skipped"]
    assert trained.ok("data.split_batches")["rows_in"]


@pytest.mark.parametrize("place", range(8))
def test_a_changed_description_is_not_served(trained: Workspace, place: int) -> None:
    """One digit of `model.json` in the registry, and every command refuses the version."""
    archive = trained.data / "models/1.zip"
    folder = trained.path / "opened"
    shutil.unpack_archive(archive, folder, "zip")
    (description,) = folder.rglob(DESCRIPTION)
    said = json.loads(description.read_text())
    changes = [
        {"slope": said["slope"] + 0.1}, {"intercept": said["intercept"] - 1},
        {"band": [0.0, 1.0]}, {"training": None}, {"labels": ["positive", "negative"]},
        {"bits": said["bits"] - 1}, {"learner": "tfidf"}, {"hash": {"base": 1, "mix": 3}},
    ]  # fmt: skip
    description.write_text(json.dumps(said | changes[place], indent=2, sort_keys=True) + "\n")
    shutil.make_archive(str(archive.with_suffix("")), "zip", folder)

    for words in (
        ("pipeline.predict", "--title", "Great", "--model-version", "1"),
        ("pipeline.evaluate", "--model-version", "1"),
        ("pipeline.export", "--model-version", "1"),
    ):
        result = trained.run(*words)
        assert (3, True) == (result.code, "model version 1" in result.err), result.err


def test_a_model_whose_files_are_gone_is_trained_again(trained: Workspace) -> None:
    """The registry still knows it; "unchanged, skipped" would leave nobody a model."""
    (trained.data / "models/1.zip").unlink()
    again = trained.ok("pipeline.train", "--batches", "0")

    assert (False, 2) == (again["skipped"], again["model_version"])
    assert trained.ok("pipeline.train", "--batches", "0")["skipped"]
