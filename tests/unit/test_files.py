"""Tables, manifests and scored files on a local disk."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from src.model.core.errors import DataError, StorageError, UsageError
from src.model.core.records import Record
from src.model.files import rows
from src.model.files.counts import CleanCounts, SplitCounts
from src.model.files.manifest import Inputs, Manifest, read_manifest, require_manifest, run_once
from src.model.files.storage import LocalStorage
from src.model.files.tables import ROW_GROUP, open_table, read_blocks, table_writer
from src.model.files.writers import format_of, frame_writer

INPUTS = Inputs("step", {"batches": 2}, {"raw": "abc"}, "code-1")
COUNTS = SplitCounts(rows_in=1, rows=[1])


def reviews(count: int) -> pl.DataFrame:
    ids = pl.Series("row_id", range(count), pl.UInt64)
    text = pl.Series("text", [f"review {i}" for i in range(count)])
    return pl.DataFrame(
        [ids, pl.Series("polarity", [1] * count, pl.Int8), text.alias("title"), text]
    )


def write(path: Path, frame: pl.DataFrame, step: int) -> None:
    with table_writer(path, rows.schema()) as table:
        for part in frame.iter_slices(step):
            table.write(part)


def test_equal_rows_give_equal_bytes_however_they_arrive(tmp_path: Path) -> None:
    """Blocks of 7,001 and of 60,000 rows make the same file, in row groups of one size."""
    frame = reviews(ROW_GROUP * 2 + 5)
    write(tmp_path / "a", frame, 7_001)
    write(tmp_path / "b", frame, 60_000)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with open_table(tmp_path / "a") as table:
        assert 3 == table.num_row_groups
    assert pl.concat(read_blocks(tmp_path / "a")).equals(frame.select(rows.COLUMNS))


def test_a_flipped_byte_is_found_on_reading(tmp_path: Path) -> None:
    """Page checksums turn silent damage into a sentence."""
    path = tmp_path / "a.parquet"
    write(path, reviews(2_000), 2_000)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"a\.parquet"):
        list(read_blocks(path))


def test_a_step_runs_once_for_its_inputs(tmp_path: Path) -> None:
    """Unchanged inputs and whole files mean done; a change of anything means again."""
    storage, done = LocalStorage(tmp_path), []

    def work(replacing: Callable[[], None]) -> tuple[list[str], Record]:
        done.append(1)
        replacing()
        with storage.writing("out.txt") as path:
            path.write_text("content")
        return ["out.txt"], COUNTS

    def once(inputs: Inputs = INPUTS, *, force: bool = False) -> bool:
        return run_once(storage, "m.json", inputs, work, force=force)[1]

    assert [False, True, False] == [once(), once(), once(force=True)]
    assert not once(Inputs("step", {"batches": 3}, INPUTS.parents, INPUTS.code))
    assert not once(Inputs("step", INPUTS.parameters, {"raw": "other"}, INPUTS.code))
    assert not once(Inputs("step", INPUTS.parameters, INPUTS.parents, "code-2"))
    assert not once()
    (tmp_path / "out.txt").write_text("cut")
    assert not once()
    assert 7 == len(done)


def test_no_manifest_vouches_for_files_in_change(tmp_path: Path) -> None:
    """Failing before files are replaced keeps the former manifest; while they are leaves none."""
    storage = LocalStorage(tmp_path)
    run_once(storage, "m.json", INPUTS, lambda _: ([], COUNTS), force=False)

    def broken(early: bool, replacing: Callable[[], None]) -> tuple[list[str], Record]:  # noqa: FBT001
        if not early:
            replacing()
        raise DataError("no")

    with pytest.raises(DataError):
        run_once(storage, "m.json", INPUTS, partial(broken, True), force=True)
    assert read_manifest(storage, "m.json") is not None
    with pytest.raises(DataError):
        run_once(storage, "m.json", INPUTS, partial(broken, False), force=True)
    assert read_manifest(storage, "m.json") is None
    with pytest.raises(UsageError, match="has not been run"):
        require_manifest(storage, "m.json", "step")


@pytest.mark.parametrize("content", ["{", "[]", '{"files": 3}', '{"files": {}}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, content: str) -> None:
    """A manifest that is no manifest ends with its path, and --force makes it anew."""
    (tmp_path / "m.json").write_text(content)
    storage = LocalStorage(tmp_path)

    with pytest.raises(DataError, match=r"m\.json is damaged"):
        read_manifest(storage, "m.json")
    assert not run_once(storage, "m.json", INPUTS, lambda _: ([], COUNTS), force=True)[1]
    assert read_manifest(storage, "m.json") is not None


def test_equal_manifests_have_equal_digests() -> None:
    """A manifest holds no time or place."""
    given: dict[str, Any] = {"step": "s", "code": "c", "parents": {}, "files": {}}
    first, second = (
        Manifest(parameters=parameters, counts={"rows": 3}, **given)
        for parameters in ({"b": 1, "a": 2}, {"a": 2, "b": 1})
    )

    assert first.digest == second.digest
    assert first.digest != second.model_copy(update={"counts": {"rows": 4}}).digest


def test_counts_come_back_as_the_steps_own(tmp_path: Path) -> None:
    """A manifest read again has the counts of its step, and says so where they are another's."""
    storage = LocalStorage(tmp_path)
    run_once(storage, "m.json", INPUTS, lambda _: ([], COUNTS), force=False)
    manifest = require_manifest(storage, "m.json", "step")

    assert COUNTS == manifest.counted(SplitCounts)
    with pytest.raises(DataError, match=r"The manifest of step has other counts: rows"):
        manifest.counted(CleanCounts)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Reading what is not there names the path."""
    with pytest.raises(StorageError, match=r"x\.parquet does not exist"):
        LocalStorage(tmp_path).path("x.parquet")


def test_a_lease_is_held_by_one(tmp_path: Path) -> None:
    """A second run on the same files is told who has it, and may start when the first has ended."""
    storage = LocalStorage(tmp_path)
    said = f"Another process is running ingest on the same data .process {os.getpid()} on "
    with storage.lease("ingest"), pytest.raises(UsageError, match=said):
        storage.lease("ingest").__enter__()
    with storage.lease("ingest"), storage.lease("validate"):
        pass


def test_a_lease_can_be_waited_for(tmp_path: Path) -> None:
    """Who waits takes over as soon as the holder lets go."""
    storage = LocalStorage(tmp_path)
    holder = ExitStack()
    holder.enter_context(storage.lease("ingest"))
    release = threading.Timer(0.2, holder.close)
    release.start()
    begun = time.monotonic()
    with storage.lease("ingest", wait=20):
        waited = time.monotonic() - begun
    release.join()

    assert 0.1 < waited < 15


def test_stored_files_are_known_and_listed(tmp_path: Path) -> None:
    """A file's digest and size are those of its bytes; what is being written is not listed."""
    storage = LocalStorage(tmp_path)
    for key in ("a/two", "a/b/one", "c/three"):
        with storage.writing(key) as path:
            path.write_text(key)
    (tmp_path / "a/.two.tmp").write_text("half")
    with storage.lease("ingest"):
        listed = storage.list("a/")

    assert ["a/b/one", "a/two"] == listed
    assert [] == storage.list("nothing/")
    assert (hashlib.sha256(b"a/two").hexdigest(), 5) == storage.stored("a/two")


SCHEMA = pa.schema([("title", pa.large_string()), ("label", pa.large_string())])
FRAME = pl.DataFrame({"title": ['a "b"', "c,\nd"], "label": ["positive", "negative"]})


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "X.PARQUET"])
def test_scored_files_can_be_read_back(tmp_path: Path, name: str) -> None:
    """Each format holds the rows in order."""
    path, ending = tmp_path / name, format_of(name)
    with frame_writer(path, ending, SCHEMA) as writer:
        for part in FRAME.iter_slices(1):
            writer.write(part)

    read = {".csv": pl.read_csv, ".jsonl": pl.read_ndjson, ".parquet": pl.read_parquet}[ending]
    assert FRAME.rows() == read(path).rows()  # type: ignore[operator]


def test_json_lines_keep_the_objects_as_they_were(tmp_path: Path) -> None:
    """Numbers stay numbers and lists stay lists where the source was JSON Lines too."""
    path = tmp_path / "x.jsonl"
    with frame_writer(path, ".jsonl", SCHEMA) as writer:
        writer.write(FRAME.head(1), [{"id": 7, "tags": ["é"], "label": "positive"}])

    assert {"id": 7, "tags": ["é"], "label": "positive"} == json.loads(
        path.read_text(encoding="utf-8")
    )


def test_csv_refuses_nested_columns_and_unknown_endings(tmp_path: Path) -> None:
    """What a format cannot hold is said before anything is scored."""
    nested = pa.schema([("tags", pa.list_(pa.string()))])
    with (
        pytest.raises(UsageError, match="CSV cannot hold the column tags"),
        frame_writer(tmp_path / "x.csv", ".csv", nested),
    ):
        pass
    with pytest.raises(UsageError, match="names no format"):
        format_of("x.xlsx")
