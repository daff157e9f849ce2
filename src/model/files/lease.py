"""One writer at a time: leases in S3 that machines respect, and locks of one machine.

A lease is an object that its holder writes anew every third of its time. Every write names the
version it replaces (`If-Match`, or `If-None-Match: *` for the first), so of two that try at once
one fails. A lease is free where its holder said so, or where its version has not changed for the
whole time *by the clock of whoever waits*: clocks of different machines are never compared. A
holder that was stopped for longer finds out by its own next write, and changes nothing after that.
"""

import fcntl
import hashlib
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from src.model.core.disk import saying_what_failed
from src.model.core.errors import StorageError, UsageError
from src.model.core.s3 import saying_what_s3_said

_POLL = 0.02
_BEATS = 3  # a holder shows itself so often in its time
_FRESH = 1.0  # seconds for which a beat is proof enough
_TAKEN = (AlreadyExistsError, PreconditionError)
_MAX_NAME = 200
_MAX_SECONDS = 3600.0


def _me() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _busy(name: str, holder: str) -> UsageError:
    who = f" ({holder})" if holder else ""
    msg = f"Another process is running {name} on the same data{who}."
    return UsageError(msg, hint="Wait for it to end, or give this run another REVIEWS_DATA_DIR.")


class _Seen(NamedTuple):
    """What an object of a lease says.

    Its version, who holds it (nobody if empty), their id, and for how many seconds each beat is
    good: the holder's own measure, not that of whoever waits.
    """

    tag: str = ""
    holder: str = ""
    id: str = ""
    seconds: float = 0.0


class S3Lease:
    """One lease that this process tries to take, holds, or has lost."""

    def __init__(self, store: S3Store, root: str, name: str, seconds: float) -> None:
        self._store, self._name, self._seconds = store, name, seconds
        self._key = f".leases/{name}.json"
        self._place = f"{root}/{self._key}"
        self._id = uuid4().hex
        self._tag = ""
        self._beat_at = 0.0
        self._lost = False
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._abandoned = False

    @contextmanager
    def held(self, wait: float) -> Iterator["S3Lease"]:
        """Hold the lease during the block.

        Raises:
            UsageError: somebody else holds it, and still did after `wait` seconds.
            StorageError: S3 cannot be used.
        """
        self._take(wait)
        keeper = threading.Thread(target=self._keep, name=f"lease-{self._name}", daemon=True)
        keeper.start()
        try:
            yield self
        finally:
            self._stop.set()
            keeper.join()
            self._give_back()

    def confirm(self) -> None:
        """Make sure that the lease is still ours, as S3 sees it, before something is changed.

        Raises:
            StorageError: it is not, or S3 does not answer.
        """
        with self._turn:
            if not self._lost and time.monotonic() - self._beat_at > _FRESH:
                self._beat()
            if self._lost:
                msg = f"{self._place} was lost: this run was stopped for too long."
                hint = "Another run may have taken over; nothing was changed after that. Run again."
                raise StorageError(msg, hint=hint)

    def abandon(self) -> None:
        """Let the lease run out instead of giving it back: something of ours may still arrive."""
        self._abandoned = True

    def _take(self, wait: float) -> None:
        begun = time.monotonic()
        seen, since = self._look(), begun
        while not self._try(seen, stale=time.monotonic() - since >= self._patience(seen)):
            time.sleep(min(self._seconds / 20, _FRESH))
            now = self._look()
            if now.tag != seen.tag:
                # Our own, where a write was repeated after a lost answer: the next try takes it.
                shows_life = bool(seen.tag and now.holder) and now.id != self._id
                if shows_life and time.monotonic() - begun >= wait:
                    raise _busy(self._name, now.holder)
                seen, since = now, time.monotonic()

    def _patience(self, seen: _Seen) -> float:
        """Return for how long a lease must not have changed to be free."""
        return max(self._seconds, min(seen.seconds, _MAX_SECONDS))

    def _look(self) -> _Seen:
        """Return what the object says and its version."""
        with saying_what_s3_said(self._place):
            try:
                found = obstore.get(self._store, self._key)
                content = bytes(found.bytes())
            except FileNotFoundError:
                return _Seen()
        tag = str(found.meta["e_tag"])
        try:
            said = json.loads(content)
            holder = str(said["holder"])[:_MAX_NAME]
            return _Seen(tag, holder, str(said["id"]), float(said["seconds"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return _Seen(tag, "somebody unknown")

    def _try(self, seen: _Seen, *, stale: bool) -> bool:
        """Take the lease if nobody has it."""
        if not seen.tag:
            return self._put("create")
        if stale or not seen.holder or seen.id == self._id:
            return self._put({"e_tag": seen.tag})
        return False

    def _put(self, mode: Any, holder: str | None = None) -> bool:
        """Write the object, if it is still the version that `mode` names; say whether it was."""
        body = {
            "holder": _me() if holder is None else holder,
            "id": self._id,
            "seconds": self._seconds,
            "beat": uuid4().hex,
        }
        sent_at = time.monotonic()
        with saying_what_s3_said(self._place):
            try:
                put = obstore.put(self._store, self._key, json.dumps(body).encode(), mode=mode)
            except _TAKEN:
                return False
        self._tag, self._beat_at = str(put["e_tag"]), sent_at
        return True

    def _beat(self) -> None:
        """Show that we live; find out if somebody took over."""
        if self._put({"e_tag": self._tag}):
            return
        # A write that was repeated after a lost answer meets its own first success.
        now = self._look()
        if now.id == self._id and now.holder:
            self._tag, self._beat_at = now.tag, time.monotonic()
        else:
            self._lost = True

    def _keep(self) -> None:
        while not self._stop.wait(self._seconds / _BEATS):
            with self._turn:
                try:
                    self._beat()
                except (
                    StorageError
                ):  # S3 may answer the next time; confirm() says it where it counts
                    continue
                if self._lost:
                    return

    def _give_back(self) -> None:
        """Say that the lease is free; where that fails, its time runs out."""
        with self._turn:
            if not self._lost and not self._abandoned:
                try:
                    self._put({"e_tag": self._tag}, holder="")
                except (StorageError, BaseError):
                    return


@contextmanager
def file_lock(path: Path, name: str, wait: float = 0.0) -> Iterator[None]:
    """Hold an advisory lock on a file; the kernel lets it go even when the process is killed.

    Containers that share the folder respect it, and machines do on a network file system that
    carries locks, such as NFS 4.

    Raises:
        UsageError: somebody else holds it, and still did after `wait` seconds.
    """
    with saying_what_failed(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + wait
    try:
        while not _locked(descriptor):
            if time.monotonic() >= deadline:
                raise _busy(name, os.pread(descriptor, _MAX_NAME, 0).decode("utf-8", "replace"))
            time.sleep(_POLL)
        with saying_what_failed(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, _me().encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def machine_lock(name: str, what: str, wait: float = 0.0) -> AbstractContextManager[None]:
    """Hold `name` for `what` against every other process of this user and machine.

    Whatever data folder those work in. Other users have other files.
    """
    mark = hashlib.sha256(f"{what}|{name}|{os.getuid()}".encode()).hexdigest()[:16]
    return file_lock(Path(tempfile.gettempdir()) / f"reviews-{mark}.lock", name, wait)
