"""Tables of text in any format -> blocks of rows as they stand in the source.

The rows that cannot be read come with them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from src.model.core.errors import DataError, SourceError
from src.model.files.column_names import column_names
from src.model.files.csv_records import CsvRecords, Reject, read_line
from src.model.files.fasttext_lines import FASTTEXT_COLUMNS, fasttext_review
from src.model.files.json_cells import SCALARS, as_text, json_object
from src.model.files.opened import PACKED, opened, tell, without_packing
from src.model.files.sniff import HEAD_BYTES, kind_of, refuse_disguised, separator_of
from src.model.files.tables import open_table
from src.model.files.usual_columns import look_like_names, refuse_missing

BLOCK_ROWS, BLOCK_BYTES = 20_000, 32 << 20
_TEXT = dict.fromkeys((".csv", ".tsv", ".txt"), ".csv")
_TEXT |= dict.fromkeys((".jsonl", ".ndjson", ".json"), ".jsonl")
_KINDS = _TEXT | {".parquet": ".parquet"}
FORMATS = f"{', '.join(_TEXT)} (each also with {' or '.join(PACKED)}) and .parquet"
"""The endings of names that can be read, for people."""
_Item = TypeVar("_Item")
_EXACT = 2.0**53  # up to here a float is exactly its whole number


@dataclass(frozen=True)
class Table:
    """A table somewhere: how people call it and how to open its bytes as they are stored.

    `size` is that of the table in bytes, where it is known: not of one that is compressed.
    """

    name: str
    open: Callable[[], BinaryIO]
    size: int | None = None
    path: Path | None = None

    @property
    def format(self) -> str:
        """`.csv`, `.jsonl` or `.parquet`, by the ending. Raises SourceError for an unknown one."""
        if found := format_of(self.name):
            return found
        msg = f"{self.name}: the ending names no known format."
        raise SourceError(msg, hint=f"Known are {FORMATS}, and a folder, .zip or .tgz of them.")


@dataclass(frozen=True)
class Block:
    """Rows with the source's columns, and the line (from 1) of each.

    `rejects` could not be read as rows. `objects` are the whole rows of a JSON Lines source,
    `ignored` its keys that became no column.
    """

    rows: pl.DataFrame
    lines: pl.Series
    rejects: Sequence[Reject] = ()
    bytes_read: int = 0
    ignored: Sequence[str] = ()
    objects: Sequence[Mapping[str, Any]] = ()

    @property
    def last_line(self) -> int:
        """The last line of which the block has something, 0 where it has nothing."""
        rejected = (reject.line for reject in self.rejects)
        return max(cast("int", self.lines.max() or 0), *rejected, 0)

    def after(self, lines: int) -> "Block":
        """Return the block with its lines counted on from so many."""
        moved = [replace(reject, line=reject.line + lines) for reject in self.rejects]
        return replace(self, lines=self.lines + lines, rejects=moved) if lines else self


def format_of(name: str) -> str | None:
    """Return `.csv`, `.jsonl` or `.parquet` for the name of a table, None for any other.

    >>> format_of("train.ft.txt.bz2"), format_of("reviews.parquet.gz")
    ('.csv', None)
    """
    plain = without_packing(name)
    found = _KINDS.get(Path(plain).suffix)
    return None if found == ".parquet" and plain != name.lower() else found


def table_at(path: Path) -> Table:
    """Return the table in a local file."""
    size = None if path.name.lower().endswith(PACKED) else path.stat().st_size
    return Table(path.name, lambda: path.open("rb"), size, path)


def read_table(table: Table, expected: Sequence[str], *, as_text: bool = True) -> Iterator[Block]:
    """Yield the table's blocks in order; memory is bounded by `BLOCK_ROWS` and `BLOCK_BYTES`.

    A CSV file has a header where its first record names all of `expected`; otherwise its columns
    are `expected`. Columns of Parquet become text and nested ones are ignored, unless `as_text` is
    false.

    Raises:
        SourceError: empty, truncated, or not what its ending says.
    """
    if table.format == ".parquet":
        yield from _read_parquet(table, as_text=as_text)
        return
    with opened(table.name, table.open) as stream:
        head = stream.read(HEAD_BYTES)
        kind = kind_of(head, table.format)
        refuse_disguised(head, table.name, kind)
        stream.seek(0)
        if kind == ".ft":
            tell(table.name, "read as fastText: label, title up to the first colon, text")
            yield from _read_fasttext(stream, expected)
        elif kind == ".csv":
            yield from _read_csv(stream, table.name, expected, separator_of(head))
        else:
            if table.format != kind:
                tell(table.name, "read as JSON Lines")
            yield from _read_jsonl(stream, table.name, expected)


def _empty(name: str) -> SourceError:
    return SourceError(f"{name} is empty: it has no row.", hint="Pass a file with reviews in it.")


def _bounded(items: Iterable[_Item], size: Callable[[_Item], int]) -> Iterator[list[_Item]]:
    """Cut a stream into blocks of at most `BLOCK_ROWS` items and about `BLOCK_BYTES` bytes."""
    block: list[_Item] = []
    held = 0
    for item in items:
        block.append(item)
        held += size(item)
        if len(block) == BLOCK_ROWS or held >= BLOCK_BYTES:
            yield block
            block, held = [], 0
    if block:
        yield block


def _read_csv(
    stream: BinaryIO, name: str, expected: Sequence[str], separator: str
) -> Iterator[Block]:
    if separator != ",":
        tell(name, f"cells are separated by {'tabs' if separator == chr(9) else 'semicolons'}")
    records = CsvRecords(stream, separator=separator)
    header = records.header(expected)
    if header is None and expected and look_like_names(records.first, len(expected)):
        refuse_missing(expected, records.first, name)
    columns = column_names(header or expected, name)
    done = 0
    for chunk in _bounded(records, lambda item: item.size):
        good = [record for record in chunk if not isinstance(record, Reject)]
        rows = [record.cells for record in good]
        cells = zip(*rows, strict=True) if rows else [()] * len(columns)
        data = {
            column: pl.Series(column, values, pl.String)
            for column, values in zip(columns, cells, strict=True)
        }
        lines = pl.Series([record.line for record in good], dtype=pl.UInt64)
        rejects = [item for item in chunk if isinstance(item, Reject)]
        yield Block(pl.DataFrame(data), lines, rejects, records.bytes_read - done)
        done = records.bytes_read
    if not done:
        raise _empty(name)


def _read_fasttext(stream: BinaryIO, expected: Sequence[str]) -> Iterator[Block]:
    columns = expected if len(expected) == len(FASTTEXT_COLUMNS) else FASTTEXT_COLUMNS
    number = 0
    for lines in _bounded(iter(lambda: read_line(stream), b""), len):
        numbers, cells, rejects = [], [], []
        for number, line in enumerate(lines, number + 1):  # noqa: B020 - counts on across blocks
            found = fasttext_review(line) if line.strip() else None
            if isinstance(found, str):
                rejects.append(Reject(number, found, line.rstrip()))
            elif found is not None:
                numbers.append(number)
                cells.append(found)
        rows = pl.DataFrame(cells, dict.fromkeys(columns, pl.String), orient="row")
        yield Block(rows, pl.Series(numbers, dtype=pl.UInt64), rejects, sum(map(len, lines)))


def _read_jsonl(stream: BinaryIO, name: str, expected: Sequence[str]) -> Iterator[Block]:
    columns: list[str] = []
    names: list[str] = []
    number = 0
    for lines in _bounded(iter(lambda: read_line(stream), b""), len):
        numbers, objects, rejects = [], [], []
        for number, line in enumerate(lines, number + 1):  # noqa: B020 - counts on across blocks
            parsed = json_object(line, expected) if line.strip() else None
            if isinstance(parsed, str):
                rejects.append(Reject(number, parsed, line.rstrip()))
            elif parsed is not None:
                numbers.append(number)
                objects.append(parsed)
        if not columns:  # the first block decides which columns the source has
            entries = (entry for found in objects for entry in found.items())
            seen = dict.fromkeys(key for key, cell in entries if isinstance(cell, SCALARS))
            columns = list(dict.fromkeys([*(name for name in expected if name in seen), *seen]))
            names = column_names(columns, name)
        ignored = sorted({key for found in objects for key in found} - set(columns))
        data = {
            called: pl.Series(called, [as_text(found.get(key)) for found in objects], pl.String)
            for called, key in zip(names, columns, strict=True)
        }
        at = pl.Series(numbers, dtype=pl.UInt64)
        yield Block(pl.DataFrame(data), at, rejects, sum(map(len, lines)), ignored, objects)
    if number == 0:
        raise _empty(name)


def _read_parquet(table: Table, *, as_text: bool) -> Iterator[Block]:
    if table.path is None:
        msg = f"{table.name}: Parquet inside an archive is not read."
        raise SourceError(msg, hint="Unpack the archive and pass the folder.")
    try:
        with table.path.open("rb") as start:
            refuse_disguised(start.read(HEAD_BYTES), table.name, ".parquet")
        file = open_table(table.path)
    except DataError as error:
        raise SourceError(error.message, hint=error.hint) from error
    with file:
        flat = [f.name for f in file.schema_arrow if not (as_text and pa.types.is_nested(f.type))]
        ignored = sorted(set(file.schema_arrow.names) - set(flat))
        _refuse_unreadable(file.schema_arrow, flat, table.name)
        rows = max(file.metadata.num_rows, 1)
        done = 0
        for frame in _batches(file, flat, table.name):
            lines = pl.int_range(done + 1, done + frame.height + 1, dtype=pl.UInt64, eager=True)
            done += frame.height
            share = (table.size or 0) * frame.height // rows
            texts = [_text_of(column, table.name) for column in frame] if as_text else ()
            shown = pl.DataFrame(texts) if as_text else frame
            yield Block(shown, lines, (), share, ignored)
        if not done:
            raise _empty(table.name)


def _refuse_unreadable(schema: pa.Schema, columns: Sequence[str], name: str) -> None:
    """Raise SourceError for columns of types at which the libraries below give up."""
    wide = [column for column in columns if "decimal256" in str(schema.field(column).type)]
    if wide:
        msg = f"{name}: the column {' and '.join(wide)} holds decimals of more than 38 digits."
        raise SourceError(msg, hint="Write it as decimal128, float or text, or leave it out.")


def _batches(file: pq.ParquetFile, columns: Sequence[str], name: str) -> Iterator[pl.DataFrame]:
    names = column_names(columns, name)
    try:
        for batch in file.iter_batches(BLOCK_ROWS, columns=list(columns)):
            batch.validate(full=True)  # text that is none, before polars trusts it
            yield pl.DataFrame(pl.from_arrow(batch.rename_columns(names)))
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError) as error:
        msg = f"{name} is damaged or holds what cannot be read: {str(error).splitlines()[0]}."
        raise SourceError(msg, hint="Write the file again, or leave the column out.") from error


def _text_of(column: pl.Series, name: str) -> pl.Series:
    """Return a column as text.

    Whole numbers have no decimal point, so that a rating of 5.0 reads 5.
    """
    try:
        text = column.cast(pl.String)
        if column.dtype.is_float():
            whole = (column == column.round()) & (column.abs() < _EXACT)
            digits = column.cast(pl.Int64, strict=False).cast(pl.String)
            text = digits.zip_with(whole.fill_null(value=False), text)
    except pl.exceptions.PolarsError as error:
        msg = f"{name}: the column {column.name} ({column.dtype}) cannot be read as text."
        raise SourceError(msg, hint="Convert it to text or numbers, or leave it out.") from error
    return text
