"""Packed counts: small, exact, and refused where they are damaged."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.model.core.errors import ModelError
from src.model.learners.counts import packed_counts, unpacked_counts

BITS, PLACE = 8, Path("model/counts.zlib")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40))
def test_counts_come_back_exactly(values: list[int]) -> None:
    """Any counts below 2**32 are the same after packing and unpacking."""
    counts = np.zeros((2, 1 << BITS), np.int64)
    counts.ravel()[:: len(counts.ravel()) // len(values)][: len(values)] = values
    content = packed_counts(counts)

    assert counts.tolist() == unpacked_counts(content, PLACE, BITS, digest(content)).tolist()


def test_small_counts_take_little_room() -> None:
    """Of counts of a few bits the planes of the higher bytes pack to nearly nothing."""
    counts = np.random.default_rng(0).poisson(0.5, (2, 1 << 16))

    assert len(packed_counts(counts)) < counts.size / 2


def test_damaged_counts_are_refused() -> None:
    """A missing file, a flipped byte, counts of other bits, no zlib: each with place and reason."""
    content = packed_counts(np.ones((2, 1 << BITS), np.int64))
    cases: list[tuple[bytes | None, int, str, str]] = [
        (None, BITS, "", "is missing"),
        (content, BITS + 1, digest(content), "holds no counts of 9 bits"),
        (content[:-1] + b"?", BITS, digest(content), "has changed since it was saved"),
        (b"junk", BITS, digest(b"junk"), "holds no counts of 8 bits"),
    ]

    for damaged, bits, expected, said in cases:
        with pytest.raises(ModelError, match=rf"^model/counts\.zlib {said}"):
            unpacked_counts(damaged, PLACE, bits, expected)
