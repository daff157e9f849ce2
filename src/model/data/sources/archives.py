"""What is in an archive: the tables of a zip, or of a tar that may be compressed."""

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from src.model.core.errors import SourceError
from src.model.files.readers import Table, format_of

ENDINGS = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2")
"""How the names of archives end."""

_Member = tuple[str, int, Callable[[], BinaryIO]]  # its name, its bytes, and how to open it


def is_archive(path: Path) -> bool:
    """Say by its name whether a file is an archive.

    >>> is_archive(Path("reviews.TGZ")), is_archive(Path("reviews.csv.gz"))
    (True, False)
    """
    return path.name.lower().endswith(ENDINGS)


def tables_in(path: Path) -> dict[str, Table]:
    """Return the tables of an archive by their names without folders.

    Nothing is unpacked to disk; links and devices in a tar are passed over.

    Raises:
        SourceError: damaged, or with two tables of one name.
    """
    try:
        members = list(_zip(path) if path.suffix.lower() == ".zip" else _tar(path))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError) as error:
        msg = f"{path} is damaged or cut short: {error}."
        raise SourceError(msg, hint="Download or copy it again; nothing of it was kept.") from error
    places: dict[str, str] = {}
    tables: dict[str, Table] = {}
    for member, size, opener in members:
        name = Path(member).name
        if name.startswith("."):  # a Mac packs its own notes beside each file
            continue
        if name in tables and format_of(name):
            msg = f"{path} holds {name} twice, as {places[name]} and {member}."
            raise SourceError(msg, hint="Unpack it and pass the folder that is meant.")
        places[name] = member
        tables[name] = Table(f"{path.name}:{member}", opener, size)
    return tables


def _zip(path: Path) -> Iterator[_Member]:
    archive = zipfile.ZipFile(path)
    for found in archive.infolist():
        if not found.is_dir():
            yield found.filename, found.file_size, _zip_opener(archive, found)


def _zip_opener(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    return lambda: cast("BinaryIO", archive.open(member))


def _tar(path: Path) -> Iterator[_Member]:
    archive = tarfile.open(path)  # noqa: SIM115 (its tables are read as long as the process runs)
    for found in archive:
        if found.isfile():
            yield found.name, found.size, _tar_opener(archive, found)


def _tar_opener(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], BinaryIO]:
    return lambda: cast("BinaryIO", archive.extractfile(member))
