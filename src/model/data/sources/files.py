"""Local files, folders and archives as sources."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.model.core.errors import SourceError
from src.model.data.sources.archives import is_archive, tables_in
from src.model.data.sources.kept import forget
from src.model.files.readers import FORMATS, Block, Table, format_of, read_table, table_at
from src.model.files.usual_columns import MissingColumns

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")


@dataclass(frozen=True)
class Source:
    """The tables of a source, several where it comes in shards, and the files they stand in.

    Without `test` some train rows are held out. Where `fetched`, the files are copies of ours.
    `beside` are tables that stand there too and are not read.
    """

    train: tuple[Table, ...]
    test: tuple[Table, ...]
    files: tuple[Path, ...]
    fetched: bool = False
    beside: tuple[str, ...] = ()

    @property
    def size(self) -> int | None:
        """Bytes of all tables, None where that of one is not known."""
        sizes = [table.size for table in (*self.train, *self.test)]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def split(self, name: str, expected: Sequence[str]) -> Iterator[Block]:
        """Yield the blocks of all tables of a split; lines count on from one table to the next."""
        before = last = 0
        for table in self.train if name == "train" else self.test:
            for block in self.blocks(table, expected):
                moved = block.after(before)
                last = max(last, moved.last_line)
                yield moved
            before = last

    def blocks(self, table: Table, expected: Sequence[str]) -> Iterator[Block]:
        """Yield a table's blocks as `read_table` does.

        What it refuses is not kept in the cache, but for a table that only has other columns.
        """
        try:
            yield from read_table(table, expected)
        except MissingColumns:
            raise
        except SourceError:
            self.forget()
            raise

    def forget(self) -> None:
        """Delete the copies of what was fetched, so that they are fetched anew."""
        for path in self.files if self.fetched else ():
            forget(path)


def source_in(path: Path) -> Source:
    """Return the train and the test table of a file, a folder or an archive.

    Folders and archives hold `train.<format>` and may hold `test.<format>`, whole or in shards
    (`train-00000-of-00004.parquet`). A single file is all train, and so is the one table of a
    folder or archive; one folder inside of either makes no difference.

    Raises:
        SourceError: nothing there, not readable, or no train table in it.
    """
    try:
        return _source_in(path.expanduser())
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}."
        raise SourceError(msg, hint="Check the path and its permissions.") from error


def _source_in(path: Path) -> Source:
    if path.is_dir():
        inside = [found for found in sorted(path.iterdir()) if not found.name.startswith(".")]
        if len(inside) == 1 and inside[0].is_dir():
            return _source_in(inside[0])
        tables = {found.name: table_at(found) for found in inside if found.is_file()}
        train, test = _pair(tables, path)
        files = tuple(path / table.name for table in (*train, *test))
        return Source(train, test, files, beside=_beside(tables, (*train, *test)))
    if not path.is_file():
        msg = f"{path} does not exist."
        hint = "Check the path; relative ones start at the project's folder."
        raise SourceError(msg, hint=hint)
    if is_archive(path):
        tables = tables_in(path)
        train, test = _pair(tables, path)
        return Source(train, test, (path,), beside=_beside(tables, (*train, *test)))
    table = table_at(path)
    _ = table.format  # an unknown ending is refused here, before anything is written
    return Source((table,), (), (path,))


def split_of(name: str) -> str | None:
    """Return which split a table's name says it is, `train` or `test`; None for any other file.

    >>> split_of("train.ft.txt.bz2"), split_of("test-00000-of-00001.parquet"), split_of("train.md")
    ('train', 'test', None)
    """
    stem = _SHARD.sub("", name.lower().partition(".")[0])
    return stem if stem in {"train", "test"} and format_of(name) else None


def _pair(tables: dict[str, Table], place: Path) -> tuple[tuple[Table, ...], tuple[Table, ...]]:
    splits: dict[str | None, dict[str, Table]] = {"train": {}, "test": {}}
    for name, table in tables.items():
        splits.setdefault(split_of(name), {})[name] = table
    train, test = (_whole(splits[split], place) for split in ("train", "test"))
    readable = [table for name, table in tables.items() if format_of(name)]
    if not train and not test and len(readable) == 1:
        return (readable[0],), ()
    if not train:
        held = ", ".join(list(tables)[:8]) or "nothing"
        msg = f"{place} has no train.csv; it holds {held}."
        hint = f"Name the files train.* and test.*, or pass a single one; known are {FORMATS}."
        raise SourceError(msg, hint=hint)
    return train, test


def _beside(tables: dict[str, Table], read: tuple[Table, ...]) -> tuple[str, ...]:
    return tuple(name for name, table in tables.items() if format_of(name) and table not in read)


def _whole(tables: dict[str, Table], place: Path) -> tuple[Table, ...]:
    """Return the one table of a split, or all shards in order; raise SourceError for others."""
    shards = [_SHARD.search(name.partition(".")[0]) for name in tables]
    numbered = [(int(found[1]), int(found[2])) for found in shards if found]
    if numbered and len(numbered) == len(tables):
        expected = [(n, numbered[0][1]) for n in range(numbered[0][1])]
        if sorted(numbered) != expected:
            msg = (
                f"{place} holds {', '.join(tables)}: not all shards, or more than one set of them."
            )
            raise SourceError(msg, hint="Download the missing ones, or pass a single file.")
    elif len(tables) > 1:
        names = " and ".join(table.name for table in tables.values())
        msg = f"{place} holds {names}; which one is meant?"
        raise SourceError(msg, hint="Leave one of them, or pass the file itself.")
    return tuple(tables[name] for name in sorted(tables))
