"""A file's content as UTF-8 bytes: decompressed, and decoded where a spreadsheet wrote UTF-16.

What a file is, is told by its first bytes; its name need not say it.
"""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, BinaryIO, cast

import structlog

from src.model.core.errors import SourceError
from src.model.files.sniff import BZIP2, GZIP, HEAD_BYTES, UTF_16, UTF_32, refuse_plain

PACKED = (".gz", ".bz2")
"""Endings of files that hold another one, compressed."""

_UNPACKERS: tuple[tuple[bytes, str, Callable[[BinaryIO], BinaryIO]], ...] = (
    (GZIP, ".gz", lambda stored: cast("BinaryIO", gzip.GzipFile(fileobj=stored))),
    (BZIP2, ".bz2", lambda stored: cast("BinaryIO", bz2.BZ2File(stored))),
)
_PIECE = 1 << 16


def without_packing(name: str) -> str:
    """Return a file's name without the ending of its compression, in lower case.

    >>> without_packing("Train.ft.txt.BZ2")
    'train.ft.txt'
    """
    name = name.lower()
    for ending in PACKED:
        name = name.removesuffix(ending)
    return name


@contextmanager
def opened(name: str, opener: Callable[[], BinaryIO]) -> Iterator[BinaryIO]:
    """Open the content of the file `name`, whose stored bytes `opener` opens; it can be rewound.

    Raises:
        SourceError: its name says that it is compressed, and it is not; or what it holds is
            damaged, which may show only while it is read.
    """
    with saying_what_broke(name), opener() as stored, _unpacked(name, stored) as content:
        start = content.read(max(map(len, UTF_32)))
        content.seek(0)
        if start.startswith(UTF_16) and not start.startswith(UTF_32):
            tell(name, "read as UTF-16")
            yield cast("BinaryIO", io.BufferedReader(_Recoded(content)))
        else:
            yield content


@contextmanager
def saying_what_broke(name: str) -> Iterator[None]:
    """Turn what the libraries below raise on a damaged file into a SourceError."""
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError) as error:
        msg = f"{name} is damaged or cut short: {error}."
        raise SourceError(msg, hint="Download or copy it again; nothing of it was kept.") from error
    except (RuntimeError, OSError) as error:
        # The one is zipfile's: a password, or a compression that it lacks.
        msg = f"{name} cannot be read: {error}."
        raise SourceError(msg, hint="Unpack it and pass the files.") from error


@cache
def tell(name: str, what: str) -> None:
    """Say once what a file was taken for."""
    structlog.get_logger().info(what, table=name)


@contextmanager
def _unpacked(name: str, stored: BinaryIO) -> Iterator[BinaryIO]:
    head = stored.read(HEAD_BYTES)
    stored.seek(0)
    for magic, ending, unpack in _UNPACKERS:
        if head.startswith(magic):
            if not name.lower().endswith(ending):
                tell(name, f"read through {ending.removeprefix('.')}")
            with unpack(stored) as stream:
                yield stream
            return
    refuse_plain(head, name, PACKED)
    yield stored


class _Recoded(io.RawIOBase):
    """UTF-16 with its byte-order mark, read as UTF-8.

    What is no UTF-16 becomes bytes that are no UTF-8, so that it costs the row it stands in.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._start()

    def _start(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-16")("surrogatepass")
        self._ready = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go back to the start, the one place it can go to."""
        if offset or whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only the start can be sought")
        self._stream.seek(0)
        self._start()
        return 0

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            piece = self._stream.read(_PIECE)
            self._ended = not piece
            self._ready = self._recode(piece)
        view = memoryview(buffer).cast("B")
        given = self._ready[: len(view)]
        view[: len(given)] = given
        self._ready = self._ready[len(given) :]
        return len(given)

    def _recode(self, piece: bytes) -> bytes:
        try:
            text = self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError:  # half a character at the end
            return b"\xff"
        return text.encode("utf-8", "surrogatepass")
