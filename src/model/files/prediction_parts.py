"""The prediction log as it was written by the API, read part by part."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import obstore

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


def logged_rows(settings: Settings, unread: Unread, since: str = "") -> Iterator[Row]:
    """Yield all rows of the prediction log, the parts in the order in which they were written.

    `since` is a day, YYYY-MM-DD: earlier parts are left out. What cannot be read is counted in
    `unread`, with its reasons, and left out.

    Raises:
        UsageError: no log is written.
        StorageError: it cannot be reached.
    """
    place = settings.log.dir
    if place == "off":
        raise UsageError("REVIEWS_LOG_DIR is off: no prediction is logged.", hint="Set a folder.")
    parts = _objects(settings, since) if place.startswith("s3://") else _files(place, since)
    for name, packed in parts:
        try:
            lines = gzip.decompress(packed).splitlines()
        except (OSError, EOFError, zlib.error) as error:
            unread.parts += 1
            unread.reasons.add(f"{name}: {error}")
            continue
        for line in lines:
            try:
                yield decode(line)
            except DataError as error:
                unread.lines += 1
                unread.reasons.add(error.message)


def _files(place: str, since: str) -> Iterator[tuple[str, bytes]]:
    root = Path(place).expanduser()
    for path in sorted(root.glob(f"????-??-??/*{_ENDING}")):
        if path.parent.name >= since:
            yield str(path), path.read_bytes()


def _objects(settings: Settings, since: str) -> Iterator[tuple[str, bytes]]:
    store = s3_store(settings.log.dir, settings.aws)
    with saying_what_s3_said(settings.log.dir):
        names = sorted(str(found["path"]) for batch in obstore.list(store) for found in batch)
    for name in names:
        if name.endswith(_ENDING) and name >= since:
            with saying_what_s3_said(f"{settings.log.dir}/{name}"):
                yield name, bytes(obstore.get(store, name).bytes())
