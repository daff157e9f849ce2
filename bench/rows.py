"""The rows every system gets: the processed Parquet files, read the same way."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from src.model.files.rows import POSITIVE


@dataclass(frozen=True)
class Rows:
    """n reviews and their labels, `positive` of shape (n,)."""

    ids: npt.NDArray[np.uint64]
    titles: list[str]
    texts: list[str]
    positive: npt.NDArray[np.bool_]

    @property
    def documents(self) -> list[str]:
        """Title and text as one string, which is what the peers take."""
        return [f"{title} {text}" for title, text in zip(self.titles, self.texts, strict=True)]


def read(path: Path) -> Rows:
    """Return a processed file's rows."""
    frame = pl.read_parquet(path, columns=["row_id", "polarity", "title", "text"])
    return Rows(
        frame["row_id"].to_numpy(), frame["title"].to_list(), frame["text"].to_list(),
        (frame["polarity"] == POSITIVE).to_numpy(),
    )  # fmt: skip


def train_parts(data: Path) -> Iterator[Rows]:
    """Yield the train batches one by one."""
    yield from map(read, sorted((data / "processed").glob("train_batch_*[0-9].parquet")))


def train_rows(data: Path) -> Rows:
    """Return all train rows in the order every peer gets them.

    They are shuffled once, since sources group theirs by label.
    """
    parts = list(train_parts(data))
    ids = np.concatenate([part.ids for part in parts])
    order = np.random.default_rng(1).permutation(ids.size)
    titles, texts = (
        [item for part in parts for item in getattr(part, name)] for name in ("titles", "texts")
    )
    positive = np.concatenate([part.positive for part in parts])
    return Rows(ids[order], [titles[i] for i in order], [texts[i] for i in order], positive[order])


def test_rows(data: Path) -> Rows:
    """Return the test rows."""
    return read(data / "processed" / "test.parquet")
