"""The only place that knows where files live: a local folder or an S3 prefix.

Both kinds hand out local paths: S3 objects are fetched before reading and uploaded after writing, so no other
module has to know. A key is a path below the root, with forward slashes.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from pyarrow import fs

from src.model.errors import SettingsError, StorageError, UsageError
from src.model.settings import Settings

_SMALL = 1 << 20


class Storage(Protocol):
    """Where a pipeline's files are read and written."""

    root: str

    def size(self, key: str) -> int | None:
        """Return the file's size in bytes, or None where it does not exist."""

    def path(self, key: str) -> Path:
        """Return a local path to read the file from. Raises StorageError where it cannot be had."""

    def writing(self, key: str) -> AbstractContextManager[Path]:
        """Yield a path to write to; the complete file appears under its key when the block ends well."""

    def remove(self, key: str) -> None:
        """Remove the file, if it exists."""

    def lock(self, name: str, wait: float = 0.0) -> AbstractContextManager[None]:
        """Hold `name` during the block, after at most `wait` seconds.

        Raises:
            UsageError: another process on this machine holds it.
        """


class LocalStorage:
    """Files below a folder; written aside, fsynced and renamed, so a reader never sees half a file."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._root = root

    def size(self, key: str) -> int | None:
        path = self._root / key
        return path.stat().st_size if path.is_file() else None

    def path(self, key: str) -> Path:
        path = self._root / key
        if not path.is_file():
            msg = f"{path} does not exist."
            raise StorageError(msg)
        return path

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        path = self._root / key
        aside = path.with_name(f".{path.name}.tmp")  # one fixed name: what a killed run left is overwritten
        with saying_what_failed(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                yield aside
                _sync(aside)
                aside.replace(path)
                _sync(path.parent)
            except BaseException:
                with suppress(OSError):
                    aside.unlink(missing_ok=True)
                raise

    def remove(self, key: str) -> None:
        path = self._root / key
        with saying_what_failed(path):
            path.unlink(missing_ok=True)

    def lock(self, name: str, wait: float = 0.0) -> AbstractContextManager[None]:
        return file_lock(self._root / ".locks" / f"{name}.lock", name, wait)


class S3Storage:
    """Objects below s3://bucket/prefix, staged through a temporary local folder."""

    def __init__(self, root: str, filesystem: fs.S3FileSystem, scratch: Path) -> None:
        self.root = root.rstrip("/")
        self._prefix = self.root.removeprefix("s3://")
        self._fs = filesystem
        self._stage = scratch
        self._states: dict[str, tuple[int, int]] = {}

    def _info(self, key: str) -> fs.FileInfo:
        with saying_what_failed(f"{self.root}/{key}"):
            return self._fs.get_file_info(f"{self._prefix}/{key}")

    def size(self, key: str) -> int | None:
        info = self._info(key)
        return int(info.size) if info.type == fs.FileType.File else None

    def path(self, key: str) -> Path:
        info = self._info(key)
        if info.type != fs.FileType.File:
            msg = f"{self.root}/{key} does not exist."
            raise StorageError(msg)
        local = self._staged(key)
        state = (int(info.size), int(info.mtime_ns))
        # Times in S3 have whole seconds, so a copy is trusted only where a change would show in the size too.
        if self._states.get(key) != state or info.size < _SMALL:
            fetch_object(self._fs, f"{self._prefix}/{key}", local)
            self._states[key] = state
        return local

    def _staged(self, key: str) -> Path:
        return self._stage / "s3" / key

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._stage) as folder:
            aside = Path(folder) / Path(key).name
            yield aside
            self._states.pop(key, None)
            with saying_what_failed(f"{self.root}/{key}"):
                # Closing Arrow's stream completes an upload even when it was interrupted, so the object gets its
                # name only when all of it is there.
                partial = f"{self._prefix}/{key}.uploading"
                with aside.open("rb") as source, self._fs.open_output_stream(partial) as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                self._fs.move(partial, f"{self._prefix}/{key}")

    def remove(self, key: str) -> None:
        if self.size(key) is not None:
            with saying_what_failed(f"{self.root}/{key}"):
                self._fs.delete_file(f"{self._prefix}/{key}")

    def lock(self, name: str, wait: float = 0.0) -> AbstractContextManager[None]:
        return machine_lock(name, self.root, wait)


def open_storage(settings: Settings, scratch: Path) -> Storage:
    """Return the storage that `REVIEWS_DATA_DIR` names; S3 objects are staged in `scratch`.

    Raises:
        SettingsError: an unknown scheme.
    """
    if settings.data_dir.startswith("s3://"):
        if not settings.data_dir.removeprefix("s3://").strip("/"):
            raise SettingsError("REVIEWS_DATA_DIR=s3:// names no bucket.", hint="Write s3://bucket/prefix.")
        return S3Storage(settings.data_dir, s3_filesystem(settings), scratch)
    if "://" in settings.data_dir:
        msg = f"REVIEWS_DATA_DIR={settings.data_dir!r}: only a folder or s3://bucket/prefix can hold the data."
        raise SettingsError(msg)
    return LocalStorage(Path(settings.data_dir).expanduser())


def s3_filesystem(settings: Settings) -> fs.S3FileSystem:
    """Return Arrow's S3 client for the settings; empty keys leave the choice to the standard AWS chain."""
    endpoint = settings.aws_endpoint_url
    if bool(settings.aws_access_key_id) != bool(settings.aws_secret_access_key.get_secret_value()):
        msg = "Only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set."
        raise SettingsError(msg, hint="Set both, or neither to use a profile or role.")
    return fs.S3FileSystem(
        access_key=settings.aws_access_key_id or None,
        secret_key=settings.aws_secret_access_key.get_secret_value() or None,
        session_token=settings.aws_session_token.get_secret_value() or None,
        region=settings.aws_region,
        endpoint_override=endpoint.split("://", 1)[-1] or None,
        scheme="http" if endpoint.startswith("http://") else "https",
        connect_timeout=5,
        request_timeout=20,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=3),
    )


def fetch_object(filesystem: fs.FileSystem, name: str, target: Path) -> None:
    """Copy one S3 object to `target`, which appears only when complete."""
    aside = target.with_name(f".{target.name}.tmp")
    with saying_what_failed(f"s3://{name}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with filesystem.open_input_stream(name) as source, aside.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        aside.replace(target)


@contextmanager
def saying_what_failed(place: object) -> Iterator[None]:
    """Turn the file system's errors into StorageErrors that name the place and the way out."""
    try:
        yield
    except pa.ArrowInvalid as error:
        raise StorageError(f"{place} is no valid place: {error}.") from error
    except OSError as error:
        text = str(error)
        if error.errno == errno.ENOSPC or "No space left" in text:
            msg, hint = f"The disk is full: {place} could not be written.", "Free space or move REVIEWS_DATA_DIR"
            raise StorageError(msg, hint=f"{hint}, then run the same command again; no half file remains.") from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            msg = f"{place} cannot be written: {os.strerror(error.errno or errno.EACCES).lower()}."
            raise StorageError(msg, hint="Make the folder writable or point REVIEWS_DATA_DIR elsewhere.") from error
        msg = f"{place} could not be read or written: {text.splitlines()[0]}."
        raise StorageError(msg, hint="Check the path, the bucket, the network and the credentials.") from error


@contextmanager
def file_lock(path: Path, name: str, wait: float = 0.0) -> Iterator[None]:
    """Hold an advisory lock on a file; the kernel lets it go even when the process is killed."""
    with saying_what_failed(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + wait
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    msg = f"Another process is running {name} on the same data."
                    hint = "Wait for it to end, or give this run another REVIEWS_DATA_DIR."
                    raise UsageError(msg, hint=hint) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def machine_lock(name: str, what: str, wait: float = 0.0) -> AbstractContextManager[None]:
    """Hold `name` for `what` against every other process of this user and machine, whatever folder it works in."""
    mark = hashlib.sha256(f"{what}|{name}|{os.getuid()}".encode()).hexdigest()[:16]  # other users have other files
    return file_lock(Path(tempfile.gettempdir()) / f"reviews-{mark}.lock", name, wait)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
