"""Parquet files of reviews, written and read in blocks of bounded size."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from src.model.core.digest import sha256_of
from src.model.core.errors import DataError

_MEND = "Run the step that writes it again with --force."
_OTHER = "it was changed, swapped or restored, or another run is replacing it."

ROW_GROUP = 50_000
"""Rows per row group: about 22 MB of reviews, which bounds each reader's and writer's memory."""


class TableWriter:
    """Collects frames into row groups of exactly `ROW_GROUP` rows: equal rows, equal bytes."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self.rows = 0

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows; columns are matched by name and cast to the file's schema."""
        schema = self._writer.schema
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        table = table.select(schema.names).cast(schema)
        self.rows += table.num_rows
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        while self._waiting_rows >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def _flush(self, rows: int) -> None:
        table = pa.concat_tables(self._waiting)
        self._writer.write_table(table.slice(0, rows), row_group_size=ROW_GROUP)
        rest = table.slice(rows)
        self._waiting = [rest] if rest.num_rows else []
        self._waiting_rows = rest.num_rows

    def finish(self) -> None:
        """Write what is waiting."""
        if self._waiting_rows:
            self._flush(self._waiting_rows)


@contextmanager
def table_writer(path: Path, schema: pa.Schema) -> Iterator[TableWriter]:
    """Open a Parquet file for writing.

    The footer, and so a readable file, is there after the block.
    """
    varied = {"row_id", "title", "text", "raw"}
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in schema.names if name not in varied],
        write_statistics=["row_id", "polarity"],
        write_page_checksum=True,
        store_schema=True,
    ) as file:
        writer = TableWriter(file)
        yield writer
        writer.finish()


class Recorded(NamedTuple):
    """A file on this machine, and the SHA-256 that the manifest it was named by has of it."""

    path: Path
    sha256: str


def open_table(path: Path, sha256: str = "") -> pq.ParquetFile:
    """Open a Parquet file; where `sha256` is given, make sure first that it is that very file.

    It is hashed and read through one descriptor, so a file that takes its place meanwhile changes
    nothing.

    Raises:
        DataError: it is damaged, something else, or another file than the one recorded.
    """
    try:
        source = pa.OSFile(str(path), "rb")
        if sha256 and sha256_of(source) != sha256:
            raise DataError(f"{path} is not the file that its manifest names: {_OTHER}", hint=_MEND)
        source.seek(0)
        return pq.ParquetFile(source, page_checksum_verification=True)
    except (pa.ArrowInvalid, OSError) as error:
        msg = f"{path} is not a readable Parquet file: {str(error).splitlines()[0]}."
        raise DataError(msg, hint=_MEND) from error


def read_blocks(
    path: Path, columns: Sequence[str] | None = None, sha256: str = ""
) -> Iterator[pl.DataFrame]:
    """Yield the file's row groups in order, each as one frame.

    Raises:
        DataError: one is damaged, or the file is not the one with that SHA-256.
    """
    with open_table(path, sha256) as file:
        for group in range(file.num_row_groups):
            try:
                table = file.read_row_group(group, columns=list(columns) if columns else None)
            except (pa.ArrowInvalid, OSError) as error:
                msg = f"{path}, row group {group}, is damaged: {str(error).splitlines()[0]}."
                raise DataError(msg, hint=_MEND) from error
            frame = pl.from_arrow(table)
            assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table never becomes a series
            yield frame
