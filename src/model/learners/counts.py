"""How often each bucket occurs by label, on disk: what a later training needs beside the weights to go on from them.

A file of its own, since serving has no use for it. The 32-bit counts are split into their bytes, all lowest ones first:
most counts are small, so all planes but the first are nearly empty, and zlib makes 4 MB of 34.
"""

import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from src.model.digest import sha256
from src.model.errors import ModelError

COUNTS = "counts.zlib"
_HINT = "Train without a warm start, or choose another version."

Counts = npt.NDArray[np.int64]
"""Shape (2, 2**bits): negative rows, positive rows."""


def write_counts(path: Path, counts: Counts) -> str:
    """Write the counts; return the file's SHA-256."""
    planes = counts.astype("<u4").reshape(-1, 1).view(np.uint8).T
    path.write_bytes(zlib.compress(planes.tobytes(), level=1))
    return sha256(path)


def read_counts(path: Path, bits: int, digest: str) -> Counts:
    """Return the counts of 2**bits buckets.

    Raises:
        ModelError: the file is missing, is not the one with this digest, or holds another number of buckets.
    """
    if not path.is_file():
        raise ModelError(f"{path} is missing.", hint=_HINT)
    if sha256(path) != digest:
        raise ModelError(f"{path} has changed since it was saved.", hint=_HINT)
    try:
        planes = np.frombuffer(zlib.decompress(path.read_bytes()), np.uint8).reshape(4, 2 << bits)
    except (zlib.error, ValueError) as error:
        raise ModelError(f"{path} holds no counts of {bits} bits: {error}.", hint=_HINT) from error
    return np.ascontiguousarray(planes.T).view("<u4").reshape(2, 1 << bits).astype(np.int64)
