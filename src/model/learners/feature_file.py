"""Buckets of the training rows, kept on disk between passes.

At 3.6 M reviews they are 4 GB, and dear to make again.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from src.model.core.hashing import Buckets


@dataclass(frozen=True)
class FeatureBlock:
    """The buckets of r rows and their labels, `positive`, shape (r,)."""

    buckets: Buckets
    positive: npt.NDArray[np.bool_]


class FeatureFile:
    """Blocks of features in an unnamed file, which vanishes with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._blocks: list[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.bool_]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._blocks)

    def append(self, block: FeatureBlock) -> None:
        """Write a block at the end. Raises OSError where the disk is full."""
        place = self._file.seek(0, 2)
        self._file.write(block.buckets.indices.data)
        self._blocks.append((place, block.buckets.offsets, block.positive))

    def block(self, number: int) -> FeatureBlock:
        """Return a block, in the order in which they were appended."""
        place, offsets, positive = self._blocks[number]
        indices = np.empty(int(offsets[-1]), np.uint32)
        self._file.seek(place)
        self._file.readinto(indices.data)
        return FeatureBlock(Buckets(indices, offsets), positive)

    def blocks(self) -> Iterator[FeatureBlock]:
        """Yield all blocks in order."""
        yield from map(self.block, range(len(self)))

    @property
    def positive(self) -> npt.NDArray[np.bool_]:
        """The labels of all rows, shape (rows,)."""
        parts = (positive for _, _, positive in self._blocks)
        return np.concatenate([np.zeros(0, np.bool_), *parts])
