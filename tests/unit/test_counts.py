"""Counts on disk: small, exact, and refused where they are damaged."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.model.errors import ModelError
from src.model.learners.counts import read_counts, write_counts

BITS = 8


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40))
def test_counts_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, values: list[int]) -> None:
    """Any counts below 2**32 are the same after writing and reading."""
    counts = np.zeros((2, 1 << BITS), np.int64)
    counts.ravel()[:: len(counts.ravel()) // len(values)][: len(values)] = values
    path = tmp_path_factory.mktemp("counts") / "counts.zlib"

    assert counts.tolist() == read_counts(path, BITS, write_counts(path, counts)).tolist()


def test_damaged_counts_are_refused(tmp_path: Path) -> None:
    """A missing file, a flipped byte, and counts of another number of buckets: each with the reason."""
    path = tmp_path / "counts.zlib"
    with pytest.raises(ModelError, match="is missing"):
        read_counts(path, BITS, "")
    digest = write_counts(path, np.ones((2, 1 << BITS), np.int64))
    with pytest.raises(ModelError, match="holds no counts of 9 bits"):
        read_counts(path, BITS + 1, digest)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match="has changed"):
        read_counts(path, BITS, digest)
