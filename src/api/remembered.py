"""Which predictions were made lately, so that feedback on one that never was can be told."""

import hashlib
import mmap
import os
from pathlib import Path

from src.api.metrics import MULTIPROCESS

_SLOTS = 1 << 17
_HASH_BYTES = 8


class RemembersPredictions:
    """The hashes of request ids, in a table that all workers share.

    An id has the slot that its hash says; a later one that falls into it takes its place. So about
    the last hundred thousand are known; a megabyte, and no time of requests to speak of.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Take the file that the workers share, or memory of this process where there is none."""
        size = _SLOTS * _HASH_BYTES
        if path is None:
            memory = mmap.mmap(-1, size)
        else:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(file, size)
            memory = mmap.mmap(file, size)
            os.close(file)
        self._table = memoryview(memory).cast("Q")

    def add(self, request_id: str) -> None:
        """Remember a request that was answered with predictions."""
        name = _hash(request_id)
        self._table[name % _SLOTS] = name

    def __contains__(self, request_id: str) -> bool:
        """Say whether a request is remembered; the reviews of a batch have `.0`, `.1`, … behind."""
        batch, dot, number = request_id.rpartition(".")
        return self._has(request_id) or (bool(dot) and number.isdecimal() and self._has(batch))

    def _has(self, request_id: str) -> bool:
        name = _hash(request_id)
        return self._table[name % _SLOTS] == name


def _hash(request_id: str) -> int:
    """Return a hash that is the same in every process, and never 0."""
    digest = hashlib.blake2b(request_id.encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest, "big") or 1


def open_memory() -> RemembersPredictions:
    """Return what all workers share, or a process's own where it serves alone."""
    shared = os.environ.get(MULTIPROCESS)
    return RemembersPredictions(Path(shared) / "predictions.bin" if shared else None)
