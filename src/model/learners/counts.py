"""How often each bucket occurs by label: what a later training needs beside the weights.

A file of its own, since serving has no use for it. The 32-bit counts are split into their bytes,
all lowest ones first: most counts are small, so all planes but the first are nearly empty, and
zlib makes 4 MB of 34.
"""

import hashlib
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from src.model.core.errors import ModelError

COUNTS = "counts.zlib"
_HINT = "Train without a warm start, or choose another version."

Counts = npt.NDArray[np.int64]
"""Shape (2, 2**bits): negative rows, positive rows."""


def packed_counts(counts: Counts) -> bytes:
    """Return the content of the counts' file."""
    planes = counts.astype("<u4").reshape(-1, 1).view(np.uint8).T
    return zlib.compress(planes.tobytes(), level=1)


def unpacked_counts(content: bytes | None, place: Path, bits: int, digest: str) -> Counts:
    """Return the counts of 2**bits buckets from the content of the file at `place`.

    Raises:
        ModelError: the file is missing, is not the one with this digest, or holds another number
            of buckets.
    """
    if content is None:
        raise ModelError(f"{place} is missing.", hint=_HINT)
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{place} has changed since it was saved.", hint=_HINT)
    try:
        planes = np.frombuffer(zlib.decompress(content), np.uint8).reshape(4, 2 << bits)
    except (zlib.error, ValueError) as error:
        raise ModelError(f"{place} holds no counts of {bits} bits: {error}.", hint=_HINT) from error
    return np.ascontiguousarray(planes.T).view("<u4").reshape(2, 1 << bits).astype(np.int64)
