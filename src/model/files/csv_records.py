"""CSV read record by record, so that one broken row costs one row.

A record normally is one line. A quoted field may hold line breaks, so a line that ends inside
quotes is joined with the ones below it. A stray quote looks the same at first and would swallow
every row up to the next quote: a joined record therefore counts only if it is perfectly quoted and
has the expected number of columns; otherwise its first line alone is set aside and reading goes on
with the second.
"""

import csv
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

MAX_JOINED_LINES = 1_000
MAX_JOINED_BYTES = 4 << 20
MAX_LINE_BYTES = 16 << 20
"""Of a longer line only this much is read and the rest passed over: memory stays bounded."""


def read_line(stream: BinaryIO) -> bytes:
    """Return the next line, cut at `MAX_LINE_BYTES`; empty at the end."""
    line = stream.readline(MAX_LINE_BYTES)
    if is_too_long(line):
        while (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
    return line


def is_too_long(line: bytes) -> bool:
    """Say whether `read_line` cut the line."""
    return len(line) == MAX_LINE_BYTES and not line.endswith(b"\n")


@dataclass(frozen=True, slots=True)
class Record:
    """One good row: its first line's number (from 1), how many lines it spans, and its cells."""

    line: int
    lines: int
    cells: list[str]

    @property
    def size(self) -> int:
        """Characters of all cells."""
        return sum(map(len, self.cells))


@dataclass(frozen=True, slots=True)
class Reject:
    """One row set aside: its line, the reason's name, and its bytes as they stood in the source."""

    line: int
    reason: str
    raw: bytes

    @property
    def size(self) -> int:
        """Bytes of the row."""
        return len(self.raw)


class _Broken(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, reason: str) -> None:
        self.reason = reason


class CsvRecords:
    """Iterate over the records and rejects of a binary CSV stream, in order.

    Every line that is not blank ends up in exactly one Record or Reject. `columns` is the number of
    cells a record must have; None takes it from the header or the first good record.
    """

    def __init__(self, stream: BinaryIO, columns: int | None = None, separator: str = ",") -> None:
        self.columns = columns
        self.separator = separator
        self.bytes_read = 0
        self.blank_lines = 0
        self.first: list[str] = []
        self._stream = stream
        self._ahead: deque[bytes] = deque()
        self._number = 0
        csv.field_size_limit(MAX_LINE_BYTES + 1)

    def header(self, expected: Collection[str]) -> list[str] | None:
        """Take the first line as a header if it names all of `expected`, in any case.

        Else it is left as a row, its cells in `first`, and a record must have as many cells as
        there are names in `expected`.
        """
        line = self._next()
        while line and not line.strip():
            self.blank_lines += 1
            line = self._next()
        before = self._number - 1
        try:
            cells = [cell.strip() for cell in self._parse(line)]
        except (_Broken, StopIteration):
            cells = []
        known = {name.lower(): name for name in expected}
        named = [known.get(cell.lower(), cell) for cell in cells]
        if cells and set(named) >= set(expected):
            return named
        self.first = cells
        if line:
            self._ahead.appendleft(line)
        self._number = before
        self.columns = len(expected)
        return None

    def __iter__(self) -> Iterator[Record | Reject]:
        while line := self._next():
            # In a single column an empty line is an empty cell.
            if not line.strip() and self.columns != 1:
                self.blank_lines += 1
                continue
            yield self._record(line)

    def _next(self) -> bytes:
        if self._ahead:
            line = self._ahead.popleft()
        else:
            line = read_line(self._stream)
            if self._number == 0:
                line = line.removeprefix(b"\xef\xbb\xbf")
            self.bytes_read += len(line)
        self._number += bool(line)
        return line

    def _record(self, line: bytes) -> Record | Reject:
        number = self._number
        try:
            if is_too_long(line):
                raise _Broken("line_too_long")  # noqa: TRY301 - every reason takes the same way out
            if line.count(b'"') % 2:
                return self._join(line, number)
            return Record(number, 1, self._parse(line))
        except _Broken as broken:
            return Reject(number, broken.reason, line.rstrip(b"\r\n"))

    def _join(self, first: bytes, number: int) -> Record:
        """Read on until the quotes are closed.

        Put the further lines back where that makes no record.
        """
        lines, size, quotes = [first], len(first), first.count(b'"')
        while (
            quotes % 2
            and len(lines) < MAX_JOINED_LINES
            and size < MAX_JOINED_BYTES
            and (more := self._next())
        ):
            lines.append(more)
            if is_too_long(more):  # it was cut, so no record can be made of it
                break
            size += len(more)
            quotes += more.count(b'"')
        if quotes % 2 == 0:
            with suppress(_Broken):
                return Record(number, len(lines), self._parse(b"".join(lines)))
        self._ahead.extendleft(reversed(lines[1:]))
        self._number = number
        raise _Broken("unbalanced_quotes")

    def _parse(self, raw: bytes) -> list[str]:
        if b"\0" in raw:
            raise _Broken("nul_byte")
        try:
            cells = next(
                csv.reader([raw.decode("utf-8")], delimiter=self.separator, strict=True)
            ) or [""]
        except UnicodeDecodeError:
            raise _Broken("invalid_utf8") from None
        except csv.Error:
            raise _Broken("malformed_csv") from None
        if self.columns is None:
            self.columns = len(cells)
        if len(cells) != self.columns:
            raise _Broken("wrong_number_of_columns")
        return cells
