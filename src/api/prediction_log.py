"""What was predicted, written down beside the requests.

JSON Lines in compressed parts, none of them ever half there.

A request leaves a row and goes on. One thread takes rows, completes those that take time to make,
and writes a part when enough seconds have passed or enough bytes have gathered. Requests must not
wait for Python's lock: it looks by the clock instead of being woken for every row, and rows become
lines where they are made, not thousands at a time in the thread.
"""

import gzip
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import structlog

from src.api.metrics import Metrics
from src.model.core.disk import atomic_write
from src.model.core.errors import SettingsError, StorageError
from src.model.core.prediction_row import Row, encode
from src.model.core.settings import LogSettings, Settings

Waiting = Row | Callable[[], Row | None]
"""A row, or what returns one when it is its turn, or None for no row."""

_LOOK_SECONDS = 0.25
_OURS = re.compile(r"\d{4}-\d\d-\d\d/\d{8}T\d{6}-\d+-[0-9a-f]{8}\.jsonl\.gz")
"""What a part is called; other people's files in the folder are theirs."""

_KEPT_PARTS = 4  # so many parts' bytes are kept for another try when they cannot be written
_CLEAN_SECONDS = 3_600.0
_DAY = 86_400.0


class Sink(Protocol):
    """Where parts go."""

    def write(self, name: str, content: bytes) -> None:
        """Store a part, whole or not at all. Raises OSError where that fails."""

    def clean(self, older_than_seconds: float) -> None:
        """Delete parts of that age, and nothing that this log has not written."""


class FolderSink:
    """Parts below a folder, one folder a day."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, content: bytes) -> None:
        with atomic_write(self._root / name) as path:
            path.write_bytes(content)

    def clean(self, older_than_seconds: float) -> None:
        limit = time.time() - older_than_seconds
        for path in self._root.glob("*/*.jsonl.gz"):
            with suppress(OSError):
                if _is_ours(path.parent, path.name) and path.stat().st_mtime < limit:
                    path.unlink()
        # Left by a process that was killed; those of a living one are never an hour old.
        for leftover in self._root.glob("*/.*.jsonl.gz.tmp"):
            with suppress(OSError):
                name = leftover.name.removeprefix(".").removesuffix(".tmp")
                old = leftover.stat().st_mtime < time.time() - _CLEAN_SECONDS
                if old and _is_ours(leftover.parent, name):
                    leftover.unlink()


def _is_ours(folder: Path, name: str) -> bool:
    return _OURS.fullmatch(f"{folder.name}/{name}") is not None


class ObjectSink:
    """Parts as objects in S3, each put in one request.

    Old ones are the bucket's life cycle's to delete.
    """

    def __init__(self, settings: Settings) -> None:
        from src.model.core.s3 import s3_store

        self._place = settings.log.dir
        self._store = s3_store(self._place, settings.aws)

    def write(self, name: str, content: bytes) -> None:
        import obstore

        from src.model.core.s3 import saying_what_s3_said

        try:
            with saying_what_s3_said(f"{self._place}/{name}"):
                obstore.put(self._store, name, content)
        except StorageError as error:
            raise OSError(error.message) from error

    def clean(self, older_than_seconds: float) -> None:
        """Leave them: buckets have life cycles."""


def open_sink(settings: Settings) -> Sink | None:
    """Return where the settings want parts to go, or None for nowhere.

    Raises SettingsError for another scheme.
    """
    place = settings.log.dir
    if place == "off":
        return None
    if place.startswith("s3://"):
        return ObjectSink(settings)
    if "://" in place:
        msg = f"REVIEWS_LOG_DIR={place!r}: only a folder, s3://bucket/prefix or off can be used."
        raise SettingsError(msg)
    return FolderSink(Path(place).expanduser())


class PredictionLog:
    """The rows that wait, and the thread that writes them."""

    def __init__(self, sink: Sink | None, settings: LogSettings, metrics: Metrics) -> None:
        self._sink = sink
        self._settings = settings
        self._metrics = metrics
        self._waiting: deque[str | Callable[[], Row | None]] = deque()
        self._lines: list[bytes] = []
        self._bytes = 0
        self._written_at = self._cleaned_at = time.monotonic()
        self._failing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, row: Waiting) -> None:
        """Take a row, or count it as dropped where too many wait.

        Never waits, never raises, wakes nobody up.
        """
        if len(self._waiting) < self._settings.queue:
            self._waiting.append(row if callable(row) else encode(row))
        else:
            self._metrics.log_rows.labels("dropped").inc()

    def stop(self) -> None:
        """Write what is waiting and end the thread."""
        self._stop.set()
        self._thread.join(timeout=15)

    def _work(self) -> None:
        ending = False
        while not ending:
            ending = self._stop.wait(min(self._settings.seconds, _LOOK_SECONDS))
            try:
                self._turn(ending=ending)
            # The last resort: without this thread no row would be written any more.
            except Exception:  # noqa: BLE001
                structlog.get_logger().error("the prediction log failed", exc_info=True)

    def _turn(self, *, ending: bool) -> None:
        self._metrics.alive.labels("prediction-log").set_to_current_time()
        self._take(len(self._waiting))
        due = time.monotonic() - self._written_at >= self._settings.seconds
        if self._lines and (due or self._bytes >= self._settings.part_bytes or ending):
            self._write()
        self._metrics.log_waiting.set(len(self._waiting) + len(self._lines))
        self._clean_sometimes()

    def _take(self, rows: int) -> None:
        """Turn waiting rows into lines."""
        for _ in range(rows):
            row = self._waiting.popleft()
            try:
                if callable(row):
                    made = row()
                    if made is None:
                        continue
                    row = encode(made)
                line = row.encode() + b"\n"
            # One odd row must not end the log for all others.
            except Exception as error:  # noqa: BLE001
                self._metrics.log_rows.labels("dropped").inc()
                structlog.get_logger().error("row not logged", error=repr(error))
                continue
            self._lines.append(line)
            self._bytes += len(line)

    def _write(self) -> None:
        self._written_at = time.monotonic()
        if self._sink is None:
            self._lines, self._bytes = [], 0
            return
        now = datetime.now(UTC)
        name = f"{now:%Y-%m-%d}/{now:%Y%m%dT%H%M%S}-{os.getpid()}-{uuid4().hex[:8]}.jsonl.gz"
        try:
            self._sink.write(name, gzip.compress(b"".join(self._lines), 5, mtime=0))
        except OSError as error:
            self._not_written(error)
            return
        self._failing = False
        self._metrics.log_parts.labels("written").inc()
        self._metrics.log_rows.labels("written").inc(len(self._lines))
        self._lines, self._bytes = [], 0

    def _not_written(self, error: OSError) -> None:
        """Keep the rows for another try, the oldest of them only while there is room."""
        self._metrics.log_parts.labels("failed").inc()
        if not self._failing:
            structlog.get_logger().error("prediction log cannot be written", reason=str(error))
        self._failing = True
        dropped = 0
        while self._bytes > _KEPT_PARTS * self._settings.part_bytes:
            self._bytes -= len(self._lines[dropped])
            dropped += 1
        del self._lines[:dropped]
        self._metrics.log_rows.labels("dropped").inc(dropped)

    def _clean_sometimes(self) -> None:
        if self._sink and time.monotonic() - self._cleaned_at >= _CLEAN_SECONDS:
            self._cleaned_at = time.monotonic()
            self._sink.clean(self._settings.days * _DAY)
