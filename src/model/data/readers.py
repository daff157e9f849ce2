"""Tables of text in any format -> blocks of rows as they stand in the source, plus the rows that cannot be read."""

import gzip
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa

from src.model.data.csv_records import MAX_LINE_BYTES, CsvRecords, Reject
from src.model.data.tables import open_table
from src.model.errors import DataError, SourceError

BLOCK_ROWS = 20_000
FORMATS = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
_SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Table:
    """A table somewhere: how people call it, how to open it, its size in bytes where that is known."""

    name: str
    open: Callable[[], BinaryIO]
    size: int | None = None
    path: Path | None = None

    @property
    def format(self) -> str:
        """The ending that names the format. Raises SourceError for an unknown one."""
        for ending in FORMATS:
            if self.name.lower().endswith(ending):
                return ending
        msg = f"{self.name}: the ending names no known format."
        raise SourceError(msg, hint=f"Known are {', '.join(FORMATS)} and a .zip or folder of them.")


@dataclass(frozen=True)
class Block:
    """Rows with the source's columns plus `line` (from 1); `rejects` are what could not be read as rows.

    `objects` are the whole rows of a JSON Lines source, `ignored` its keys that became no column.
    """

    rows: pl.DataFrame
    rejects: Sequence[Reject] = ()
    bytes_read: int = 0
    ignored: Sequence[str] = ()
    objects: Sequence[Mapping[str, Any]] = ()


def table_at(path: Path) -> Table:
    """Return the table in a local file, opened through gzip where its name ends in .gz."""
    if path.name.lower().endswith(".gz"):
        return Table(path.name, lambda: gzip.open(path, "rb"))  # type: ignore[arg-type, return-value]
    return Table(path.name, lambda: path.open("rb"), path.stat().st_size, path)


def read_table(table: Table, expected: Sequence[str], *, as_text: bool = True) -> Iterator[Block]:
    """Yield the table's blocks in order; memory is bounded by `BLOCK_ROWS` rows.

    A CSV file has a header where its first record names all of `expected`; otherwise its columns are `expected`.
    Columns of Parquet become text and nested ones are ignored, unless `as_text` is false.

    Raises:
        SourceError: empty, truncated, or not what its ending says.
    """
    kind = table.format.removesuffix(".gz")
    if kind == ".parquet":
        yield from _read_parquet(table, as_text=as_text)
        return
    with _saying_what_broke(table.name), table.open() as stream:
        yield from (_read_csv if kind == ".csv" else _read_jsonl)(stream, table.name, expected)


@contextmanager
def _saying_what_broke(name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as error:
        msg = f"{name} is damaged or cut short: {error}."
        raise SourceError(msg, hint="Download or copy it again; nothing of it was kept.") from error


def _empty(name: str) -> SourceError:
    return SourceError(f"{name} is empty: it has no row.", hint="Pass a file with reviews in it.")


def _read_csv(stream: BinaryIO, name: str, expected: Sequence[str]) -> Iterator[Block]:
    records = CsvRecords(stream)
    columns = records.header(expected) or list(expected)
    if len(set(columns)) < len(columns) or "line" in columns:
        msg = f"{name}: the header {columns} repeats a name or uses `line`, which is ours."
        raise SourceError(msg, hint=f"Rename the column; needed are {', '.join(expected)}.")
    items, done = iter(records), 0
    while chunk := list(islice(items, BLOCK_ROWS)):
        good = [record for record in chunk if not isinstance(record, Reject)]
        cells = zip(*(record.cells for record in good), strict=True) if good else [()] * len(columns)
        data = {column: pl.Series(column, values, pl.String) for column, values in zip(columns, cells, strict=True)}
        rows = pl.DataFrame({**data, "line": pl.Series([record.line for record in good], dtype=pl.UInt64)})
        yield Block(rows, [r for r in chunk if isinstance(r, Reject)], records.bytes_read - done)
        done = records.bytes_read
    if not done:
        raise _empty(name)


def _read_jsonl(stream: BinaryIO, name: str, expected: Sequence[str]) -> Iterator[Block]:
    columns: list[str] = []
    number = 0
    source = iter(lambda: stream.readline(MAX_LINE_BYTES), b"")
    while lines := list(islice(source, BLOCK_ROWS)):
        objects, rejects, size = [], [], 0
        for line in lines:
            number += 1
            size += len(line)
            if line.strip():
                parsed = _json_object(line)
                if isinstance(parsed, str):
                    rejects.append(Reject(number, parsed, line.rstrip()))
                else:
                    objects.append((number, parsed))
        if not columns:  # the first block decides which columns the source has
            seen = {key: None for _, found in objects for key, cell in found.items() if isinstance(cell, _SCALARS)}
            columns = list(dict.fromkeys([*(e for e in expected if e in seen), *seen]))
            columns = [column for column in columns if column != "line"]
        ignored = sorted({key for _, found in objects for key in found} - set(columns))
        data = {c: pl.Series(c, [_as_text(found.get(c)) for _, found in objects], pl.String) for c in columns}
        rows = pl.DataFrame({**data, "line": pl.Series([number for number, _ in objects], dtype=pl.UInt64)})
        yield Block(rows, rejects, size, ignored, [found for _, found in objects])
    if number == 0:
        raise _empty(name)


def _json_object(line: bytes) -> dict[str, object] | str:
    """Return the object on a line, or the reason why there is none."""
    try:
        parsed = json.loads(line)
        line.decode("utf-8")
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")  # finds lone surrogates, which are no text
    except UnicodeError:
        return "invalid_utf8"
    except (ValueError, RecursionError):
        return "malformed_json"
    return parsed if isinstance(parsed, dict) else "malformed_json"


def _as_text(value: object) -> str | None:
    if value is None or not isinstance(value, _SCALARS):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _read_parquet(table: Table, *, as_text: bool) -> Iterator[Block]:
    if table.path is None:
        msg = f"{table.name}: Parquet inside an archive is not read."
        raise SourceError(msg, hint="Unpack the archive and pass the folder.")
    try:
        file = open_table(table.path)
    except DataError as error:
        raise SourceError(error.message) from error
    with file:
        flat = [f.name for f in file.schema_arrow if not (as_text and pa.types.is_nested(f.type))]
        kept = [name for name in flat if name != "line"]
        ignored = sorted(set(file.schema_arrow.names) - set(kept))
        rows = max(file.metadata.num_rows, 1)
        done = 0
        for batch in file.iter_batches(BLOCK_ROWS, columns=kept):
            frame = pl.DataFrame(pl.from_arrow(batch))
            lines = pl.int_range(done + 1, done + frame.height + 1, dtype=pl.UInt64, eager=True)
            done += frame.height
            share = (table.size or 0) * frame.height // rows
            shown = frame.with_columns(map(_text_of, frame)) if as_text else frame
            yield Block(shown.with_columns(lines.alias("line")), (), share, ignored)
        if not done:
            raise _empty(table.name)


def _text_of(column: pl.Series) -> pl.Series:
    """Return a column as text; whole numbers without a decimal point, so that a rating of 5.0 reads 5."""
    if column.dtype.is_float() and bool((column.drop_nulls() == column.drop_nulls().round()).all()):
        return column.cast(pl.Int64, strict=False).cast(pl.String)
    return column.cast(pl.String)
