"""Reviews that are nearly the same, by MinHash, and the clusters that similar ones form.

A signature is made of a review's n-grams. Two sets agree in one minimum with a probability equal to
their Jaccard similarity (Broder 1997, "On the resemblance and containment of documents"). Only
reviews that agree in all four minima of some band are compared (Leskovec, Rajaraman & Ullman 2014,
section 3.4): with 16 bands 99.98 % of the pairs of similarity 0.8 are, and 12 % of those of 0.3.
The ones whose signatures agree in 0.8 of their places are near duplicates: about half of the pairs
whose true similarity is 0.8.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from src.model.core.hashing import Buckets, bucket_chunks

BANDS, ROWS = 16, 4
SIZE = BANDS * ROWS
SIMILAR = 0.8
"""From this estimated similarity on, two reviews are near duplicates."""

_NGRAMS, _BITS = 3, 32
_MIN_NGRAMS = 20  # about eight words: shorter reviews are alike by chance
_NONE = np.iinfo(np.uint32).max
_COMPARED = 1 << 18  # pairs at a time: 134 MB of signatures

Signatures = npt.NDArray[np.uint32]
"""Shape (n, 64); a review that is too short to compare has all bits set in every place."""


def signatures(titles: Sequence[str], texts: Sequence[str], seed: int) -> Signatures:
    """Return the MinHash signatures of n raw or clean reviews, shape (n, 64)."""
    random = np.random.default_rng(seed)
    factors = random.integers(1 << 63, size=SIZE, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    chunks = bucket_chunks(titles, texts, bits=_BITS, n=_NGRAMS)
    parts = [np.zeros((0, SIZE), np.uint32), *(_minima(chunk, factors) for chunk in chunks)]
    return np.concatenate(parts)


def _minima(reviews: Buckets, factors: npt.NDArray[np.uint64]) -> Signatures:
    """Return the least hash of each review's n-grams under every multiplier, shape (n, 64).

    Multiply-shift hashing: the high half of the product. Every one of the odd `factors`, shape
    (64,), orders the n-grams in another way, and each way has its first.
    """
    lengths = np.diff(reviews.offsets)
    long_enough = lengths >= _MIN_NGRAMS
    minima = np.full((lengths.size, factors.size), _NONE, np.uint32)
    if not long_enough.any():
        return minima
    ngrams = reviews.indices[np.repeat(long_enough, lengths)].astype(np.uint64)
    starts = np.append(0, np.cumsum(lengths[long_enough])[:-1])
    for place, factor in enumerate(factors):
        hashed = ((ngrams * factor) >> np.uint64(32)).astype(np.uint32)
        minima[long_enough, place] = np.minimum.reduceat(hashed, starts)
    return minima


def clusters(marks: Signatures) -> npt.NDArray[np.int64]:
    """Return the cluster of each of n reviews, shape (n,); -1 for a review without near duplicate.

    In every band a review is compared with the one before it among those that share its minima, and
    with the first of them; clusters are what these links connect.
    """
    pairs = np.zeros(0, np.uint64)  # shape (pairs,), without repetitions
    for band in range(BANDS):
        pairs = np.union1d(pairs, _links(marks, band))
    one = (pairs >> np.uint64(32)).astype(np.int64)
    other = (pairs & np.uint64(_NONE)).astype(np.int64)
    alike = np.empty(pairs.size, np.bool_)
    for start in range(0, pairs.size, _COMPARED):
        part = slice(start, start + _COMPARED)
        alike[part] = (marks[one[part]] == marks[other[part]]).mean(axis=1) >= SIMILAR
    one, other = one[alike], other[alike]
    links = np.ones(one.size, np.bool_)
    graph = coo_matrix((links, (one, other)), shape=(len(marks), len(marks)))
    _, label = connected_components(graph, directed=False)
    sizes = np.bincount(label)
    return np.where(sizes[label] > 1, label, -1).astype(np.int64)


def _links(marks: Signatures, band: int) -> npt.NDArray[np.uint64]:
    """Return pairs of reviews to compare, each as one number.

    The first review's number is in the high half, the second's in the low one: one number is
    sorted and compared much faster than two.
    """
    part = np.ascontiguousarray(marks[:, band * ROWS : (band + 1) * ROWS])  # (n, ROWS)
    keys = part.view([("", np.uint32)] * ROWS).ravel()  # (n,), the band's minima as one value
    candidates = np.flatnonzero(part[:, 0] != _NONE)
    order = candidates[np.argsort(keys[candidates], kind="stable")]  # equal keys side by side
    if not order.size:
        return np.zeros(0, np.uint64)
    begins = np.append(True, keys[order][1:] != keys[order][:-1])  # a new key begins here
    first = order[np.maximum.accumulate(np.where(begins, np.arange(order.size), 0))]
    before = np.append(order[:1], order[:-1])
    high = np.concatenate([before[~begins], first[~begins]]).astype(np.uint64) << np.uint64(32)
    return high | np.tile(order[~begins], 2).astype(np.uint64)
