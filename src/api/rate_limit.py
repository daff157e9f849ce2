"""How often who may ask: token buckets, shared by all workers of a service."""

import fcntl
import hashlib
import mmap
import os
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from src.api.metrics import MULTIPROCESS

_MOST = 10_000
_SLOTS = 1 << 14
_SLOT = struct.Struct("<Qdd")


class Bucket(NamedTuple):
    """Tokens a caller has left, below 0 where it owes some, and when that was, in seconds."""

    tokens: float
    seen: float


class Buckets(Protocol):
    """Where the callers' buckets are. Only those seen last are remembered."""

    def turn(self) -> AbstractContextManager[None]:
        """Keep all others from the buckets during the block."""

    def get(self, caller: str) -> Bucket | None: ...
    def put(self, caller: str, bucket: Bucket) -> None: ...


class OwnBuckets:
    """Buckets of a process that serves alone."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    @contextmanager
    def turn(self) -> Iterator[None]:
        yield

    def get(self, caller: str) -> Bucket | None:
        return self._buckets.get(caller)

    def put(self, caller: str, bucket: Bucket) -> None:
        self._buckets[caller] = bucket
        self._buckets.move_to_end(caller)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)


class SharedBuckets:
    """Buckets of all workers, in a file that each of them maps into its memory.

    A caller has the slot that its name's hash says; two that fall into one take it from each other.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._file, _SLOTS * _SLOT.size)
        self._memory = mmap.mmap(self._file, _SLOTS * _SLOT.size)

    @contextmanager
    def turn(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def get(self, caller: str) -> Bucket | None:
        name = _hash(caller)
        owner, tokens, seen = _SLOT.unpack_from(self._memory, name % _SLOTS * _SLOT.size)
        return Bucket(tokens, seen) if owner == name else None

    def put(self, caller: str, bucket: Bucket) -> None:
        name = _hash(caller)
        _SLOT.pack_into(self._memory, name % _SLOTS * _SLOT.size, name, *bucket)


def _hash(caller: str) -> int:
    text = caller.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") or 1


def open_buckets() -> Buckets:
    """Return the buckets that all workers share, or a process's own where it serves alone."""
    shared = os.environ.get(MULTIPROCESS)
    return SharedBuckets(Path(shared) / "rate-limit.bin") if shared else OwnBuckets()


@dataclass
class RateLimit:
    """A token bucket for each caller: `rate` tokens a second, at most `burst` of them.

    A rate of 0 lets everything pass. The clock counts the same seconds in every process.
    """

    rate: float
    burst: int
    buckets: Buckets = field(default_factory=OwnBuckets)
    clock: Callable[[], float] = time.monotonic

    def wait(self, caller: str) -> float:
        """Take a token; return 0.0, or the seconds after which there will be one."""
        if not self.rate:
            return 0.0
        with self.buckets.turn():
            bucket = self._now(caller)
            allowed = bucket.tokens >= 1
            self.buckets.put(caller, bucket._replace(tokens=bucket.tokens - allowed))
        return 0.0 if allowed else (1 - bucket.tokens) / self.rate

    def charge(self, caller: str, tokens: int) -> None:
        """Take this many tokens more, owed where they are not there."""
        if self.rate and tokens > 0:
            with self.buckets.turn():
                bucket = self._now(caller)
                self.buckets.put(caller, bucket._replace(tokens=bucket.tokens - tokens))

    def _now(self, caller: str) -> Bucket:
        now = self.clock()
        tokens, seen = self.buckets.get(caller) or Bucket(float(self.burst), now)
        return Bucket(min(self.burst, tokens + (now - seen) * self.rate), now)
