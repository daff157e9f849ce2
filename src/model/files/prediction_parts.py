"""The prediction log as it was written by the API, read part by part."""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import obstore

from src.model.core.disk import saying_what_failed
from src.model.core.errors import DataError, UsageError
from src.model.core.prediction_row import Row, decode
from src.model.core.s3 import s3_store, saying_what_s3_said
from src.model.core.settings import Settings

_ENDING = ".jsonl.gz"


@dataclass
class Unread:
    """What could not be read: parts that are damaged, and lines that are no rows."""

    parts: int = 0
    lines: int = 0
    reasons: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class LogPart:
    """A part of the log: `YYYY-MM-DD/name.jsonl.gz`, its size in bytes, and how to read it.

    `read` returns the compressed content; it raises StorageError, or OSError of a local file.
    """

    name: str
    size: int
    read: Callable[[], bytes]

    @property
    def day(self) -> str:
        """The day on which it was written, in UTC."""
        return self.name[:10]

    def lines(self) -> list[bytes]:
        """Return its lines; none where it has been deleted since it was listed.

        Raises:
            DataError: it is damaged.
            StorageError: it cannot be read now.
        """
        try:
            with saying_what_failed(self.name):
                packed = self.read()
        except FileNotFoundError:
            return []
        try:
            return gzip.decompress(packed).splitlines()
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{self.name}: {error}") from None


def log_parts(settings: Settings, since: str = "") -> list[LogPart]:
    """Return the parts of the prediction log in the order in which they were written.

    `since` is a day, YYYY-MM-DD: earlier parts are left out. Other files in the place are others'.

    Raises:
        UsageError: no log is written.
        StorageError: it cannot be reached.
    """
    place = settings.log.dir
    if place == "off":
        raise UsageError("REVIEWS_LOG_DIR is off: no prediction is logged.", hint="Set a folder.")
    found = _objects(settings) if place.startswith("s3://") else _files(place)
    return sorted((p for p in found if p.day >= since), key=lambda part: part.name)


def logged_rows(settings: Settings, unread: Unread, since: str = "") -> Iterator[Row]:
    """Yield all rows of the prediction log, the parts in the order in which they were written.

    What cannot be read is counted in `unread`, with its reasons, and left out.

    Raises:
        UsageError, StorageError: as `log_parts` does.
    """
    for part in log_parts(settings, since):
        try:
            lines = part.lines()
        except DataError as error:
            unread.parts += 1
            unread.reasons.add(error.message)
            continue
        for line in lines:
            try:
                yield decode(line)
            except DataError as error:
                unread.lines += 1
                unread.reasons.add(error.message)


def _files(place: str) -> Iterator[LogPart]:
    root = Path(place).expanduser()
    for path in root.glob(f"????-??-??/*{_ENDING}"):
        name = path.relative_to(root).as_posix()
        with suppress(FileNotFoundError):  # deleted by age meanwhile
            if not path.name.startswith("."):
                yield LogPart(name, path.stat().st_size, path.read_bytes)


def _objects(settings: Settings) -> Iterator[LogPart]:
    store, place = s3_store(settings.log.dir, settings.aws), settings.log.dir

    def reading(name: str) -> Callable[[], bytes]:
        def read() -> bytes:
            with saying_what_s3_said(f"{place}/{name}"):
                return bytes(obstore.get(store, name).bytes())

        return read

    with saying_what_s3_said(place):
        listed = [found for batch in obstore.list(store) for found in batch]
    for found in listed:
        name = str(found["path"])
        if re.fullmatch(rf"\d{{4}}-\d\d-\d\d/[^/.][^/]*{re.escape(_ENDING)}", name):
            yield LogPart(name, int(found["size"]), reading(name))
