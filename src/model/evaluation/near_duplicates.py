"""Reviews that are nearly the same: MinHash signatures of their n-grams, and the clusters that similar ones form.

Two sets agree in one minimum with a probability equal to their Jaccard similarity (Broder 1997, "On the resemblance and
containment of documents"). Only reviews that agree in all four minima of some band are compared (Leskovec, Rajaraman &
Ullman 2014, section 3.4): with 16 bands 99.98 % of the pairs of similarity 0.8 are, and 12 % of those of 0.3. The ones
whose signatures agree in 0.8 of their places are near duplicates: about half of the pairs whose true similarity is 0.8.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from src.model.text import Buckets, bucket_chunks

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


def _minima(found: Buckets, factors: npt.NDArray[np.uint64]) -> Signatures:
    """Return the least of each review's hashed n-grams under every multiplier, by multiply-shift hashing."""
    lengths = np.diff(found.offsets)
    kept = lengths >= _MIN_NGRAMS
    minima = np.full((lengths.size, factors.size), _NONE, np.uint32)
    if not kept.any():
        return minima
    grams = found.indices[np.repeat(kept, lengths)].astype(np.uint64)
    starts = np.append(0, np.cumsum(lengths[kept])[:-1])
    for place, factor in enumerate(factors):
        hashed = ((grams * factor) >> np.uint64(32)).astype(np.uint32)
        minima[kept, place] = np.minimum.reduceat(hashed, starts)
    return minima


def clusters(found: Signatures) -> npt.NDArray[np.int64]:
    """Return the cluster of each of n reviews, shape (n,); -1 for a review without near duplicate.

    In every band a review is compared with the one before it among those that share its minima, and with the first of
    them; clusters are what these links connect.
    """
    pairs = np.zeros(0, np.uint64)
    for band in range(BANDS):
        pairs = np.union1d(pairs, _links(found, band))
    before, after = (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(_NONE)).astype(np.int64)
    alike = np.empty(pairs.size, np.bool_)
    for start in range(0, pairs.size, _COMPARED):
        part = slice(start, start + _COMPARED)
        alike[part] = (found[before[part]] == found[after[part]]).mean(axis=1) >= SIMILAR
    before, after = before[alike], after[alike]
    graph = coo_matrix((np.ones(before.size, np.bool_), (before, after)), shape=(len(found), len(found)))
    _, label = connected_components(graph, directed=False)
    sizes = np.bincount(label)
    return np.where(sizes[label] > 1, label, -1).astype(np.int64)


def _links(found: Signatures, band: int) -> npt.NDArray[np.uint64]:
    """Return pairs of reviews to compare, each as one number: the first in the high half, the second in the low one."""
    part = np.ascontiguousarray(found[:, band * ROWS : (band + 1) * ROWS])
    keys = part.view([("", np.uint32)] * ROWS).ravel()
    candidates = np.flatnonzero(part[:, 0] != _NONE)
    order = candidates[np.argsort(keys[candidates], kind="stable")]
    if not order.size:
        return np.zeros(0, np.uint64)
    fresh = np.append(True, keys[order][1:] != keys[order][:-1])
    first = order[np.maximum.accumulate(np.where(fresh, np.arange(order.size), 0))]
    later = ~fresh
    before = np.append(order[:1], order[:-1])
    high = np.concatenate([before[later], first[later]]).astype(np.uint64) << np.uint64(32)
    return high | np.tile(order[later], 2).astype(np.uint64)
