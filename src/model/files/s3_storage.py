"""Files below s3://bucket/prefix: every object is fetched once and put whole."""

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import obstore
from obstore.store import S3Store

from src.model.core.disk import atomic_write, saying_what_failed
from src.model.core.errors import StorageError
from src.model.core.s3 import s3_store, saying_what_s3_said
from src.model.core.settings import AwsSettings
from src.model.files.lease import S3Lease
from src.model.files.storage import Stored, digest_of

_CHUNK = 8 << 20
_HEARING, _GRACE = 0.1, 3.0  # seconds


class _Copy(NamedTuple):
    """An object as it lies on this machine: which version of it, and what is in it."""

    tag: str
    stored: Stored


class S3Storage:
    """Objects below a prefix, staged through a temporary local folder.

    A copy is used again as long as the object still has the version (ETag) it was made from. While
    this process holds a lease, nothing is written or removed before S3 has confirmed that lease.
    """

    def __init__(
        self, root: str, aws: AwsSettings, scratch: Path, lease_seconds: float = 30.0
    ) -> None:
        self.root = root.rstrip("/")
        self._store: S3Store = s3_store(self.root, aws)
        self._stage = scratch / "s3"
        self._copies: dict[str, _Copy] = {}
        self._lease_seconds = lease_seconds
        self._held: list[S3Lease] = []

    def _head(self, key: str) -> "obstore.ObjectMeta | None":
        with saying_what_s3_said(f"{self.root}/{key}"):
            try:
                return obstore.head(self._store, key)
            except FileNotFoundError:
                return None

    def size(self, key: str) -> int | None:
        meta = self._head(key)
        return None if meta is None else meta["size"]

    def path(self, key: str) -> Path:
        meta, local = self._head(key), self._stage / key
        if meta is None:
            raise StorageError(f"{self.root}/{key} does not exist.")
        copy = self._copies.get(key)
        if copy is None or copy.tag != meta["e_tag"]:
            self._copies[key] = fetch(self._store, f"{self.root}/{key}", key, local)
        return local

    def stored(self, key: str) -> Stored:
        self.path(key)
        return self._copies[key].stored

    def holds(self, key: str, stored: Stored) -> bool:
        return self.size(key) == stored.bytes

    def list(self, prefix: str) -> list[str]:
        with saying_what_s3_said(f"{self.root}/{prefix}"):
            pages = obstore.list(self._store, prefix)
            return sorted(meta["path"] for page in pages for meta in page)

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        local = self._stage / key
        with saying_what_failed(local):
            local.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=local.parent) as folder:
                aside = Path(folder) / local.name
                yield aside
                stored = digest_of(aside)
                self._confirm()
                with saying_what_s3_said(f"{self.root}/{key}"):
                    self._upload(key, aside)
                aside.replace(local)  # what was written is not fetched again
                self._copies[key] = _Copy(self._tag(key), stored)

    def _tag(self, key: str) -> str:
        """Return the version of an object that was just put; empty where S3 does not say.

        The object is there whether it says so or not: a step that has done its work has not failed.
        """
        with suppress(StorageError):
            meta = self._head(key)
            return str(meta["e_tag"]) if meta else ""
        return ""

    def _upload(self, key: str, path: Path) -> None:
        """Put a file, in parts where it is large; the object has its name when all are there.

        The work is done beside the main thread, which would hear no signal while it waits for S3.
        """
        upload = _Upload(self._store, key, path)
        upload.start()
        try:
            while upload.is_alive():
                upload.join(_HEARING)
        except BaseException:
            if not upload.cancelled():  # what is on its way may still arrive
                for lease in self._held:
                    lease.abandon()
            raise
        if upload.error is not None:
            raise upload.error

    def remove(self, key: str) -> None:
        if self._head(key) is not None:
            self._confirm()
            with saying_what_s3_said(f"{self.root}/{key}"):
                obstore.delete(self._store, key)
        self._copies.pop(key, None)

    def _confirm(self) -> None:
        for lease in self._held:
            lease.confirm()

    @contextmanager
    def lease(self, name: str, wait: float = 0.0) -> Iterator[S3Lease]:
        lease = S3Lease(self._store, self.root, name, self._lease_seconds)
        with lease.held(wait):
            self._held.append(lease)
            try:
                yield lease
            finally:
                self._held.remove(lease)


class _Upload(threading.Thread):
    """One file on its way to S3."""

    def __init__(self, store: S3Store, key: str, path: Path) -> None:
        super().__init__(name=f"upload-{key}", daemon=True)
        self.error: BaseException | None = None
        self._store, self._key, self._path = store, key, path
        self._ended = threading.Event()

    def run(self) -> None:
        try:
            writer = obstore.open_writer(self._store, self._key, buffer_size=_CHUNK)
            with self._path.open("rb") as file:
                while not self._ended.is_set() and (chunk := file.read(_CHUNK)):
                    writer.write(chunk)
            if not self._ended.is_set():
                writer.close()  # before, nothing has the name; without, nothing ever will
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.error = error

    def cancelled(self) -> bool:
        """Stop after the part that is under way; say whether it has stopped."""
        self._ended.set()
        self.join(_GRACE)
        return not self.is_alive()


def fetch(store: S3Store, place: str, key: str, target: Path) -> _Copy:
    """Copy one object to `target`, hashing it on the way; the file appears when it is complete.

    Raises:
        StorageError: it does not exist, S3 breaks off, or the disk is full.
    """
    digest, size = hashlib.sha256(), 0
    with saying_what_failed(target), saying_what_s3_said(place):
        try:
            found = obstore.get(store, key)
        except FileNotFoundError:
            raise StorageError(f"{place} does not exist.") from None
        with atomic_write(target) as aside, aside.open("wb") as file:
            for chunk in found.stream(_CHUNK):
                content = bytes(chunk)
                file.write(content)
                digest.update(content)
                size += len(content)
    return _Copy(str(found.meta["e_tag"]), Stored(digest.hexdigest(), size))
