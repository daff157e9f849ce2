"""The parts of the data that are looked at one by one: train, test, and each arrival."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from src.model.data.conform import DROPPED
from src.model.data.quality import SplitStatistics
from src.model.files.counts import IngestCounts
from src.model.files.layout import RAW_TEST, RAW_TRAIN
from src.model.files.lineage import arrival_manifest, arrivals, current_raw
from src.model.files.manifest import FileEntry
from src.model.files.storage import Storage
from src.model.files.tables import read_blocks

_COLUMNS = ("row_id", "polarity", "title", "text")


@dataclass(frozen=True)
class DataPart:
    """A part of the data: its files by their keys, in order, as their manifests have them."""

    name: str
    files: Mapping[str, FileEntry]

    @property
    def rows(self) -> int:
        return sum(entry.rows or 0 for entry in self.files.values())

    def blocks(self, storage: Storage) -> Iterator[pl.DataFrame]:
        """Yield its rows. Raises DataError where a file is not what its manifest says."""
        for key, entry in self.files.items():
            yield from read_blocks(storage.path(key), _COLUMNS, entry.sha256)


@dataclass(frozen=True)
class DataParts:
    """All parts: train and test as they were ingested, then what arrived, oldest first.

    `counts` say by their names what was read for them; train and test were read as one, `both`.
    """

    source: str
    ingested: tuple[DataPart, DataPart]
    arrived: Sequence[DataPart]
    counts: Mapping[str, IngestCounts]

    @property
    def all(self) -> list[DataPart]:
        return [*self.ingested, *self.arrived]

    @property
    def sha256(self) -> dict[str, str]:
        """The digest of every file by its key."""
        return {key: entry.sha256 for part in self.all for key, entry in part.files.items()}

    @property
    def quarantined(self) -> dict[str, int]:
        """Rows set aside of all parts together, by reason."""
        reasons: dict[str, int] = {}
        for counts in self.counts.values():
            for reason, rows in counts.quarantined.items():
                reasons[reason] = reasons.get(reason, 0) + rows
        return dict(sorted(reasons.items()))


def data_parts(storage: Storage, batches: int) -> DataParts:
    """Return what is there to look at.

    Raises:
        UsageError: nothing was ingested, or what arrived belongs to other rows or batches.
    """
    raw = current_raw(storage)
    counts = {"both": raw.counted(IngestCounts)}
    train, test = (
        DataPart(name, {key: raw.files[key]})
        for name, key in (("train", RAW_TRAIN), ("test", RAW_TEST))
    )
    arrived = []
    for arrival in arrivals(storage, batches):
        manifest = arrival_manifest(storage, arrival)
        counts[arrival.name] = manifest.counted(IngestCounts)
        files = {key: manifest.files[key] for key in (arrival.train, arrival.test)}
        arrived.append(DataPart(arrival.name, files))
    return DataParts(str(raw.parameters["source"]), (train, test), arrived, counts)


def broken(counts: IngestCounts) -> int:
    """Return how many rows could not be used; dropped ratings were not meant to be."""
    return sum(rows for reason, rows in counts.quarantined.items() if reason != DROPPED)


def example_rows(
    storage: Storage, parts: Sequence[DataPart], statistics: Mapping[str, SplitStatistics]
) -> pl.DataFrame:
    """Return example rows of every finding.

    The columns are finding, split, row (from 1, counted over all files of the part), row_id,
    polarity, title and text.
    """
    frames = []
    for part in parts:
        examples = statistics[part.name].examples
        wanted = [(name, row) for name, rows in examples.items() for row in rows]
        asked = pl.DataFrame(wanted, schema={"finding": pl.String, "row": pl.UInt32}, orient="row")
        offset = 0
        for block in part.blocks(storage):
            numbered = block.with_row_index("row", offset)
            found = asked.join(numbered, on="row", how="inner")
            frames.append(found.with_columns(pl.lit(part.name).alias("split")))
            offset += block.height
    columns = ("finding", "split", pl.col("row") + 1, "row_id", "polarity", "title", "text")
    return pl.concat(frames).select(columns).sort("finding", "split", "row")
