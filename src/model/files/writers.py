"""Frames of text columns -> one file in the format its name's ending says."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import polars as pl
import pyarrow as pa

from src.model.core.errors import UsageError
from src.model.files.tables import TableWriter, table_writer

ENDINGS = (".csv", ".jsonl", ".parquet")


class FrameWriter(Protocol):
    """Takes frames of one schema, in order.

    `objects` are the same rows as they stood in a JSON Lines source.
    """

    def write(self, frame: pl.DataFrame, objects: Sequence[Mapping[str, Any]] = ()) -> None: ...


class _CsvWriter:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._header = True

    def write(self, frame: pl.DataFrame, objects: Sequence[Mapping[str, Any]] = ()) -> None:
        del objects  # CSV has only text
        frame.write_csv(self._file, include_header=self._header)
        self._header = False


class _JsonLinesWriter:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, frame: pl.DataFrame, objects: Sequence[Mapping[str, Any]] = ()) -> None:
        if not objects:
            frame.write_ndjson(self._file)
        for row in objects:
            self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


class _ParquetWriter:
    def __init__(self, table: TableWriter) -> None:
        self._table = table

    def write(self, frame: pl.DataFrame, objects: Sequence[Mapping[str, Any]] = ()) -> None:
        del objects  # their common columns are in the frame
        self._table.write(frame)


def format_of(name: str) -> str:
    """Return the ending of a file to write. Raises UsageError for one that names no format."""
    for ending in ENDINGS:
        if name.lower().endswith(ending):
            return ending
    msg = f"{name}: the ending names no format to write."
    raise UsageError(msg, hint=f"Known are {', '.join(ENDINGS)}.")


def _is_odd(kind: pa.DataType) -> bool:
    types = pa.types
    binary = (
        types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    )
    return bool(binary or types.is_binary_view(kind) or types.is_duration(kind))


@contextmanager
def frame_writer(path: Path, ending: str, schema: pa.Schema) -> Iterator[FrameWriter]:
    """Open `path` for frames of this schema; what was written is complete when the block ends.

    Raises:
        UsageError: the format cannot hold a column, as CSV cannot hold lists.
    """
    if ending == ".parquet":
        with table_writer(path, schema) as table:
            yield _ParquetWriter(table)
        return
    flat = ending == ".csv"
    odd = [c.name for c in schema if _is_odd(c.type) or (flat and pa.types.is_nested(c.type))]
    if odd:
        kind = "CSV" if flat else "JSON Lines"
        msg = f"{kind} cannot hold the column {' and '.join(odd)}."
        raise UsageError(msg, hint="Name the output .parquet, or leave the column out.")
    with path.open("wb") as file:
        yield _CsvWriter(file) if flat else _JsonLinesWriter(file)
