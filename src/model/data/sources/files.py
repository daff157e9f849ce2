"""Local files, folders and zip archives as sources."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from src.model.core.errors import SourceError
from src.model.data.sources.kept import forget
from src.model.files.readers import FORMATS, Block, Table, read_table, table_at


@dataclass(frozen=True)
class Source:
    """The tables of a source and the files they come from.

    Without `test` some train rows are held out. Where `fetched`, the files are copies of ours.
    """

    train: Table
    test: Table | None
    files: tuple[Path, ...]
    fetched: bool = False

    def blocks(self, table: Table, expected: Sequence[str]) -> Iterator[Block]:
        """Yield a table's blocks as `read_table` does; what it refuses is not kept in the cache."""
        try:
            yield from read_table(table, expected)
        except SourceError:
            self.forget()
            raise

    def forget(self) -> None:
        """Delete the copies of what was fetched, so that they are fetched anew."""
        for path in self.files if self.fetched else ():
            forget(path)


def source_in(path: Path) -> Source:
    """Return the train and the test table of a file, a folder or a zip archive.

    Folders and archives must hold `train.<format>` and may hold `test.<format>`; a single file is
    all train.

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
        files = [found for found in sorted(path.iterdir()) if found.is_file()]
        train, test = _pair({found.name: table_at(found) for found in files}, path)
        return Source(train, test, tuple(path / table.name for table in (train, test) if table))
    if not path.is_file():
        msg = f"{path} does not exist."
        hint = "Check the path; relative ones start at the folder you run make in."
        raise SourceError(msg, hint=hint)
    if path.suffix.lower() == ".zip":
        return Source(*_pair(_members(path), path), (path,))
    table = table_at(path)
    _ = table.format  # an unknown ending is refused here, before anything is written
    return Source(table, None, (path,))


def _members(path: Path) -> dict[str, Table]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        msg = f"{path} is damaged or cut short: {error}."
        raise SourceError(msg, hint="Download or copy it again; nothing of it was kept.") from error
    tables: dict[str, Table] = {}
    for member in archive.infolist():
        name = Path(member.filename).name
        if name in tables and name.partition(".")[0] in {"train", "test"}:
            msg = (
                f"{path} holds {name} twice, as {tables[name].name.partition(':')[2]} and "
                f"{member.filename}."
            )
            raise SourceError(msg, hint="Unpack it and pass the folder that is meant.")
        if not member.is_dir():
            called = f"{path.name}:{member.filename}"
            tables[name] = Table(called, _opener(archive, member), member.file_size)
    return tables


def _opener(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    return lambda: cast("BinaryIO", archive.open(member))


def _pair(tables: dict[str, Table], place: Path) -> tuple[Table, Table | None]:
    def one(stem: str) -> Table | None:
        found = [tables[stem + ending] for ending in FORMATS if stem + ending in tables]
        if len(found) > 1:
            msg = (
                f"{place} holds {' and '.join(table.name for table in found)}; which one is meant?"
            )
            raise SourceError(msg, hint="Leave one of them, or pass the file itself.")
        return found[0] if found else None

    train = one("train")
    if train is None:
        held = ", ".join(list(tables)[:8]) or "nothing"
        msg = f"{place} has no train.csv (or {', '.join(FORMATS[1:])}); it holds {held}."
        raise SourceError(msg, hint="Name the files train.* and test.*, or pass a single file.")
    return train, one("test")
