"""Which rows a model learns from, in which order, and which ones it is validated on.

Part of every model's code version: a change here makes other models.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import polars as pl

from src.model.files.rows import POSITIVE, is_validation
from src.model.files.tables import Recorded, read_blocks
from src.model.learners.base import Reviews

COLUMNS = ("row_id", "polarity", "title", "text")


def reviews(frame: pl.DataFrame) -> Reviews:
    """Return a block of rows as the learner takes them."""
    positive = (frame["polarity"] == POSITIVE).to_numpy()
    return Reviews(frame["title"].to_list(), frame["text"].to_list(), positive)


def joined_reviews(parts: Iterable[Reviews]) -> Reviews:
    """Return consecutive blocks as one."""
    blocks = list(parts)
    return Reviews(
        [title for block in blocks for title in block.titles],
        [text for block in blocks for text in block.texts],
        np.concatenate([np.zeros(0, np.bool_), *(block.positive for block in blocks)]),
    )


def training_blocks(files: Sequence[Recorded], validation_share: float) -> Iterator[Reviews]:
    """Yield the training rows of all files, block by block, in their order."""
    for frame in _frames(files):
        held = pl.Series(is_validation(frame["row_id"].to_numpy(), validation_share))
        yield reviews(frame.filter(~held))


def validation_rows(files: Sequence[Recorded], validation_share: float) -> Reviews:
    """Return the rows of all files that are kept for validation."""
    return joined_reviews(
        reviews(
            frame.filter(pl.Series(is_validation(frame["row_id"].to_numpy(), validation_share)))
        )
        for frame in _frames(files)
    )


def _frames(files: Sequence[Recorded]) -> Iterator[pl.DataFrame]:
    for file in files:
        yield from read_blocks(file.path, COLUMNS, file.sha256)
