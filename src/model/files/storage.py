"""The only place that knows where the data's files live: a local folder or an S3 prefix.

Both hand out local paths, which is what Parquet readers and writers take: S3 objects are fetched
before reading and uploaded after writing, each once. A key is a path below the root, with forward
slashes.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from src.model.core.digest import sha256
from src.model.core.disk import atomic_write, saying_what_failed
from src.model.core.errors import DataError, StorageError
from src.model.core.records import first_problem
from src.model.files.lease import file_lock

_Kind = TypeVar("_Kind", bound=BaseModel)


class Stored(NamedTuple):
    """A file's content: its SHA-256, and its size in bytes."""

    sha256: str
    bytes: int


class Storage(Protocol):
    """Where a pipeline's files are read and written."""

    root: str

    def size(self, key: str) -> int | None:
        """Return the file's size in bytes, or None where it does not exist."""

    def path(self, key: str) -> Path:
        """Return a local path to read the file from. Raises StorageError where it cannot be had."""

    def stored(self, key: str) -> Stored:
        """Return the digest of the file; known without reading where this process wrote it."""

    def holds(self, key: str, stored: Stored) -> bool:
        """Say whether the file is there and still what it was.

        S3 keeps its objects whole, so there the size is enough, and nothing is fetched.
        """

    def list(self, prefix: str) -> list[str]:
        """Return the keys that begin with `prefix`, which ends in a slash, sorted."""

    def writing(self, key: str) -> AbstractContextManager[Path]:
        """Yield a path to write to; the complete file appears under its key at the block's end.

        Raises:
            StorageError: the place cannot be written, or a lease that this process held is lost.
        """

    def remove(self, key: str) -> None:
        """Remove the file, if it exists. Raises StorageError as `writing` does."""

    def lease(self, name: str, wait: float = 0.0) -> AbstractContextManager[object]:
        """Hold `name` on these files during the block, after at most `wait` seconds.

        Raises:
            UsageError: another process holds it, on whatever machine.
        """


class LocalStorage:
    """Files below a folder; written aside and renamed, so a reader never sees half a file."""

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

    def stored(self, key: str) -> Stored:
        return digest_of(self.path(key))

    def holds(self, key: str, stored: Stored) -> bool:
        return self.size(key) == stored.bytes and self.stored(key) == stored

    def list(self, prefix: str) -> list[str]:
        found = (path for path in (self._root / prefix).rglob("*") if path.is_file())
        keys = (path.relative_to(self._root).as_posix() for path in found)
        return sorted(key for key in keys if not key.rpartition("/")[2].startswith("."))

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        path = self._root / key
        begun = not path.parent.exists()
        try:
            with saying_what_failed(path), atomic_write(path) as aside:
                yield aside
        except BaseException:
            if begun:  # by the holder of a lease, so nobody else has begun to write there
                with suppress(OSError):
                    path.parent.rmdir()
            raise

    def remove(self, key: str) -> None:
        path = self._root / key
        with saying_what_failed(path):
            path.unlink(missing_ok=True)

    def lease(self, name: str, wait: float = 0.0) -> AbstractContextManager[None]:
        return file_lock(self._root / ".locks" / f"{name}.lock", name, wait)


def read_record(storage: Storage, key: str, kind: type[_Kind], hint: str) -> _Kind | None:
    """Return the record that is kept as JSON, None where there is none.

    Raises:
        DataError: what is there is damaged; `hint` says what to do about it.
    """
    if storage.size(key) is None:
        return None
    try:
        return kind.model_validate_json(storage.path(key).read_bytes())
    except ValidationError as error:
        msg = f"{storage.root}/{key} is damaged: {first_problem(error)}."
        raise DataError(msg, hint=hint) from None


def digest_of(path: Path) -> Stored:
    """Return the digest and the size of a local file."""
    return Stored(sha256(path), path.stat().st_size)
