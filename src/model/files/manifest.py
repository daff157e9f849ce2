"""What a step made, from what and how: written last, so its presence means the files are whole."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from src.model.core.errors import DataError, UsageError
from src.model.core.records import Record, first_problem
from src.model.files.storage import Storage, Stored, read_record
from src.model.files.tables import open_table

FORMAT = 1
_Counts = TypeVar("_Counts", bound=Record)


class FileEntry(Record):
    """One file of a step: content digest, size in bytes and, for tables, rows and column types."""

    sha256: str
    bytes: int
    rows: int | None = None
    columns: dict[str, str] = {}


class Manifest(Record):
    """The record of one run of a step.

    Holds no time or path, so equal work gives an equal manifest. `parameters` and `parents` are
    those of `Inputs`; `counts` are what the step counted, see `counted`.
    """

    step: str
    parameters: dict[str, Any]
    code: str
    parents: dict[str, str]
    files: dict[str, FileEntry]
    counts: dict[str, Any]
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the manifest's canonical JSON."""
        return hashlib.sha256(to_json(self).encode()).hexdigest()

    def counted(self, kind: type[_Counts]) -> _Counts:
        """Return the counts as the step's own class. Raises DataError where they are others."""
        try:
            return kind.model_validate(self.counts)
        except ValidationError as error:
            msg = f"The manifest of {self.step} has other counts: {first_problem(error)}."
            raise DataError(msg, hint="Run the step again with --force.") from None


def to_json(manifest: Manifest) -> str:
    """Return the manifest as canonical JSON: sorted keys, two spaces, one closing newline."""
    return json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


def describe_file(storage: Storage, key: str) -> FileEntry:
    """Return the digest, size and, for Parquet, rows and columns of a stored file."""
    stored, rows, columns = storage.stored(key), None, {}
    if key.endswith(".parquet"):
        with open_table(storage.path(key)) as table:
            rows = table.metadata.num_rows
            columns = {column.name: str(column.type) for column in table.schema_arrow}
    return FileEntry(sha256=stored.sha256, bytes=stored.bytes, rows=rows, columns=columns)


def read_manifest(storage: Storage, key: str, *, forgiving: bool = False) -> Manifest | None:
    """Return the manifest under `key`, or None where there is none.

    Raises:
        DataError: it is damaged; a `forgiving` reader takes that for none.
    """
    try:
        hint = "Run the step that writes it again with --force."
        return read_record(storage, key, Manifest, hint)
    except DataError:
        if forgiving:
            return None
        raise


def require_manifest(storage: Storage, key: str, step: str) -> Manifest:
    """Return the manifest under `key`. Raises UsageError where the step has not been run."""
    found = read_manifest(storage, key)
    if found is None:
        msg = f"{storage.root}/{key} is missing: {step} has not been run, or was stopped midway."
        raise UsageError(msg, hint=f"Run make model-{step.replace('_', '-')} first.")
    return found


@dataclass(frozen=True)
class Inputs:
    """What decides a step's files.

    Its parameters, the digests of the files it reads by their keys, and the code's version.
    """

    step: str
    parameters: Mapping[str, Any]
    parents: Mapping[str, str]
    code: str

    def made(self, manifest: Manifest, storage: Storage) -> bool:
        """Say whether the manifest is of these inputs and its files are still what it says."""
        then, now = (
            json.dumps(parameters, sort_keys=True)
            for parameters in (manifest.parameters, self.parameters)
        )
        return (
            manifest.format == FORMAT
            and then == now
            and (manifest.code, manifest.parents) == (self.code, self.parents)
            and all(
                storage.holds(name, Stored(entry.sha256, entry.bytes))
                for name, entry in manifest.files.items()
            )
        )


Work = Callable[[Callable[[], None]], tuple[Sequence[str], Record]]
"""Writes a step's files aside, calls what it is given, and puts them in place.

Returns their keys and its counts.
"""


def run_once(
    storage: Storage, key: str, inputs: Inputs, work: Work, *, force: bool
) -> tuple[Manifest, bool]:
    """Do a step's work unless the manifest under `key` says it is done.

    Return the manifest and whether it was.
    """
    now = read_manifest(storage, key, forgiving=force)
    if now is not None and not force and inputs.made(now, storage):
        return now, True
    # The former manifest vouches for the former files until the moment they are replaced, and not
    # longer; the new one is written last. That write is what makes the step done.
    keys, counts = work(lambda: storage.remove(key))
    now = Manifest(
        step=inputs.step,
        parameters=dict(inputs.parameters),
        code=inputs.code,
        parents=dict(inputs.parents),
        files={name: describe_file(storage, name) for name in keys},
        counts=counts.model_dump(mode="json"),
    )
    with storage.writing(key) as path:
        path.write_text(to_json(now), encoding="utf-8")
    return now, False
