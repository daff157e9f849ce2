"""Files on a disk: written whole or not at all, and failures in words."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from src.model.core.errors import StorageError


@contextmanager
def atomic_write(path: Path, mark: str = "") -> Iterator[Path]:
    """Yield a path to write to; the whole file appears at `path` when the block ends well.

    It is written aside in the same folder, synced to the disk and renamed, and the folder is
    synced after: neither a killed process nor a lost machine leaves half a file. The name aside is
    always the same, so what a killed run left is overwritten by the next one; where several
    processes write one file at once, `mark` keeps their names apart. An OSError passes through.
    """
    aside = path.with_name(f".{path.name}{mark}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield aside
        sync(aside)
        aside.replace(path)
        sync(path.parent)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def saying_what_failed(place: object) -> Iterator[None]:
    """Turn the file system's errors into StorageErrors that name the place and the way out."""
    try:
        yield
    except OSError as error:
        text = str(error)
        if error.errno == errno.ENOSPC or "No space left" in text:
            msg = f"The disk is full: {place} could not be written."
            hint = (
                "Free space or move REVIEWS_DATA_DIR, then run the same command again; no half "
                "file remains."
            )
            raise StorageError(msg, hint=hint) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            reason = os.strerror(error.errno or errno.EACCES).lower()
            hint = "Make the folder writable or point REVIEWS_DATA_DIR elsewhere."
            raise StorageError(f"{place} cannot be written: {reason}.", hint=hint) from error
        msg = f"{place} could not be read or written: {(text or repr(error)).splitlines()[0]}."
        hint = "Check the path, the bucket, the network and the credentials."
        raise StorageError(msg, hint=hint) from error
