"""How surprising a review's words are, in bits a token: one figure for its vocabulary. Pure.

The yardstick is the frequency of tokens in some reviews that serve for nothing else. Reviews that
are compared with each other are both held against it, so both are new to it: frequencies taken
from the reference itself would make every window look more surprising than the reference.
"""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from src.model.core.hashing import token_chunks
from src.model.core.ragged import row_sums

BITS = 16
_NEW = 0.05  # so many tokens are expected to be none of the yardstick's


@dataclass(frozen=True)
class Yardstick:
    """How often tokens fall into each of 65,536 buckets, shape (65536,)."""

    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, titles: Sequence[str], texts: Sequence[str]) -> Self:
        """Return the yardstick that n raw or clean reviews make."""
        counts = np.zeros(1 << BITS, np.int64)
        for tokens in token_chunks(titles, texts):
            buckets = tokens.word_buckets(BITS).astype(np.int64)
            counts += np.bincount(buckets, minlength=counts.size)
        return cls(counts)

    @cached_property
    def bits(self) -> npt.NDArray[np.float64]:
        """How surprising a token of each bucket is: minus the binary logarithm of its share.

        Shares are mixed with a uniform one, so that what is new is not infinitely surprising
        (Jelinek and Mercer 1980).
        """
        seen = self.counts / max(int(self.counts.sum()), 1)
        found: npt.NDArray[np.float64] = -np.log2((1 - _NEW) * seen + _NEW / self.counts.size)
        return found

    def surprise(self, titles: Sequence[str], texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the mean of a review's tokens, shape (n,); NaN for one without tokens."""
        parts = [np.zeros(0)]
        for tokens in token_chunks(titles, texts):
            found = self.bits[tokens.word_buckets(BITS).astype(np.int64)]
            lengths = np.diff(tokens.offsets)
            sums = row_sums(found, tokens.offsets)
            parts.append(np.where(lengths > 0, sums / np.maximum(lengths, 1), np.nan))
        return np.concatenate(parts)


def documents(titles: Sequence[str], texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return how many of n reviews have a token in each bucket, shape (65536,)."""
    counts = np.zeros(1 << BITS, np.int64)
    for tokens in token_chunks(titles, texts):
        buckets = tokens.word_buckets(BITS).astype(np.int64)
        reviews = np.repeat(np.arange(tokens.offsets.size - 1), np.diff(tokens.offsets))
        once = np.unique(reviews << BITS | buckets) & ((1 << BITS) - 1)
        counts += np.bincount(once, minlength=counts.size)
    return counts


def packed(counts: npt.NDArray[np.int64]) -> str:
    """Return counts of buckets as text for JSON.

    >>> unpacked(packed(np.arange(1 << BITS)))[:3].tolist()
    [0, 1, 2]
    """
    return base64.b64encode(zlib.compress(counts.astype("<u4").tobytes(), 9)).decode()


def unpacked(text: str) -> npt.NDArray[np.int64]:
    """Return the counts in a text. Raises ValueError for one that holds none."""
    most = 4 << BITS
    content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), most + 1)
    if len(content) != most:
        msg = f"it holds {len(content)} bytes and not {most}"
        raise ValueError(msg)
    return np.frombuffer(content, "<u4").astype(np.int64)
