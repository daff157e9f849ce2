"""What a step made, from what and how: written last, so its presence means the files are whole."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from src.model.data.storage import Storage
from src.model.data.tables import open_table
from src.model.digest import sha256
from src.model.errors import DataError, UsageError

FORMAT = 1
_MODEL_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class FileEntry:
    """One file of a step: content digest, size in bytes and, for tables, rows and column types."""

    sha256: str
    bytes: int
    rows: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The record of one run of a step; holds no time or path, so equal work gives an equal manifest."""

    step: str
    parameters: Mapping[str, Any]
    code: str
    parents: Mapping[str, str]
    files: Mapping[str, FileEntry]
    counts: Mapping[str, Any]
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the manifest's canonical JSON."""
        return hashlib.sha256(to_json(self).encode()).hexdigest()


def to_json(manifest: Manifest) -> str:
    """Return the manifest as canonical JSON: sorted keys, two spaces, one closing newline."""
    return json.dumps(asdict(manifest), indent=2, sort_keys=True) + "\n"


def describe_file(storage: Storage, key: str) -> FileEntry:
    """Return the digest, size and, for Parquet, rows and columns of a stored file."""
    path = storage.path(key)
    rows, columns = None, {}
    if path.suffix == ".parquet":
        with open_table(path) as table:
            rows = table.metadata.num_rows
            columns = {column.name: str(column.type) for column in table.schema_arrow}
    return FileEntry(sha256(path), path.stat().st_size, rows, columns)


def read_manifest(storage: Storage, key: str, *, forgiving: bool = False) -> Manifest | None:
    """Return the manifest under `key`, or None where there is none.

    Raises:
        DataError: it is damaged; a `forgiving` reader takes that for none.
    """
    if storage.size(key) is None:
        return None
    try:
        raw = json.loads(storage.path(key).read_text(encoding="utf-8"))
        files = {name: FileEntry(**entry) for name, entry in raw.pop("files").items()}
        return Manifest(files=files, **raw)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if forgiving:
            return None
        msg = f"{storage.root}/{key} is damaged: {error}."
        raise DataError(msg, hint="Run the step that writes it again with --force.") from error


def require_manifest(storage: Storage, key: str, step: str) -> Manifest:
    """Return the manifest under `key`. Raises UsageError where the step has not been run."""
    found = read_manifest(storage, key)
    if found is None:
        msg = f"{storage.root}/{key} is missing: {step} has not been run, or was stopped midway."
        raise UsageError(msg, hint=f"Run make model-{step.replace('_', '-')} first.")
    return found


@dataclass(frozen=True)
class Inputs:
    """What decides a step's files: its parameters, digests of the files it reads, and the code's version."""

    step: str
    parameters: Mapping[str, Any]
    parents: Mapping[str, str]
    code: str

    def made(self, manifest: Manifest, storage: Storage) -> bool:
        """Say whether the manifest is of these inputs and its files still have their sizes."""
        return (
            manifest.format == FORMAT
            and json.dumps(manifest.parameters, sort_keys=True) == json.dumps(self.parameters, sort_keys=True)
            and (manifest.code, manifest.parents) == (self.code, self.parents)
            and all(storage.size(name) == entry.bytes for name, entry in manifest.files.items())
        )


Work = Callable[[Callable[[], None]], tuple[Sequence[str], Mapping[str, Any]]]
"""Writes a step's files aside, calls what it is given, and puts them in place; returns their keys and its counts."""


def run_once(storage: Storage, key: str, inputs: Inputs, work: Work, *, force: bool) -> tuple[Manifest, bool]:
    """Do a step's work unless the manifest under `key` says it is done; return the manifest and whether it was."""
    now = read_manifest(storage, key, forgiving=force)
    if now is not None and not force and inputs.made(now, storage):
        return now, True
    # The former manifest vouches for the former files until the moment they are replaced, and not longer.
    keys, counts = work(lambda: storage.remove(key))
    files = {name: describe_file(storage, name) for name in keys}
    now = Manifest(inputs.step, inputs.parameters, inputs.code, inputs.parents, files, counts)
    with storage.writing(key) as path:
        path.write_text(to_json(now), encoding="utf-8")
    return now, False


@cache
def code_digest(*modules: str) -> str:
    """Return the SHA-256 of the named source files and folders below `src/model`: a step's code version."""
    digest = hashlib.sha256()
    for name in sorted(modules):
        place = _MODEL_DIR / name
        files: Sequence[Path] = (
            sorted(p for p in place.rglob("*") if p.suffix in {".py", ".toml", ".html"}) if place.is_dir() else [place]
        )
        for path in files:
            digest.update(path.relative_to(_MODEL_DIR).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def data_code() -> str:
    """Return the code version of the data pipeline: everything that decides a data file's bytes."""
    return code_digest("data", "text.py", "rows.py", "language.py")
