"""Tracking switched off: runs vanish, models live as plain files below the data folder."""

import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from pydantic import ValidationError, model_validator

from src.model.core.artifact import DESCRIPTION, parse_description
from src.model.core.errors import ModelError
from src.model.core.names import FINGERPRINT_TAG
from src.model.core.records import Record, first_problem
from src.model.files.storage import Storage
from src.model.tracking.base import DataSet, Run, Version, refuse_changed

if TYPE_CHECKING:
    from src.model.files.manifest import Manifest

_INDEX = "models/index.json"


class NullRun:
    """A run that keeps nothing but its id."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id

    def params(self, values: Mapping[str, Any]) -> None:
        """Forget."""

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Forget."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Forget."""

    def inputs(self, data_sets: Sequence[DataSet]) -> None:
        """Forget."""

    def rename(self, name: str) -> None:
        """Forget."""

    def describe(self, text: str) -> None:
        """Forget."""

    def text(self, content: str, name: str) -> None:
        """Forget."""

    def file(self, path: Path, folder: str = "") -> None:
        """Forget."""

    def link(self, artifact: str) -> str:
        """Return nowhere."""
        del artifact
        return ""


class NullTracker:
    """Records nothing."""

    def check(self) -> None:
        """Find nothing to check."""

    @contextmanager
    def start(self, name: str, tags: Mapping[str, str], *, nested: bool = False) -> Iterator[Run]:
        del name, tags, nested
        yield NullRun(uuid4().hex)

    @contextmanager
    def resume(self, run_id: str) -> Iterator[Run]:
        yield NullRun(run_id)

    def record_manifest(self, manifest: "Manifest", files: Sequence[Path] = ()) -> None:
        """Forget."""


class _Entry(Record):
    """One version in the index."""

    run_id: str
    tags: dict[str, str]
    description: str | None = None


class _Index(Record):
    """All versions by number, and where the aliases point."""

    versions: dict[int, _Entry] = {}
    aliases: dict[str, int] = {}

    @model_validator(mode="after")
    def _aliases_lead_somewhere(self) -> Self:
        if lost := set(self.aliases.values()) - set(self.versions):
            msg = f"an alias points to version {min(lost)}, which is not there"
            raise ValueError(msg)
        return self


class FileRegistry:
    """Versions 1, 2, … as zip files `models/N.zip` and one index of tags and aliases."""

    def __init__(self, storage: Storage, scratch: Path) -> None:
        self._storage = storage
        self._scratch = scratch

    def exclusive(self, name: str, wait: float) -> AbstractContextManager[object]:
        """Do nothing: these files lie in the data folder, whose lease a step holds already."""
        del name, wait
        return nullcontext()

    def _read(self) -> _Index:
        if self._storage.size(_INDEX) is None:
            return _Index()
        try:
            return _Index.model_validate_json(self._storage.path(_INDEX).read_bytes())
        except ValidationError as error:
            msg = f"{self._storage.root}/{_INDEX} is damaged: {first_problem(error)}."
            hint = "Restore it from a copy; the models beside it are untouched."
            raise ModelError(msg, hint=hint) from error

    @contextmanager
    def _changing(self) -> Iterator[_Index]:
        """Yield the index to change, its dictionaries that is, and write it at the block's end."""
        with self._storage.lease("registry", wait=30):
            index = self._read()
            yield index
            body = index.model_dump(mode="json", exclude_none=True)
            with self._storage.writing(_INDEX) as path:
                path.write_text(json.dumps(body, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def register(self, run: Run, folder: Path, tags: Mapping[str, str]) -> Version:
        with self._changing() as index:
            # The file of a lost index is never written over; that of this very registration, which
            # was killed before the index knew of it, is.
            there = {Path(key).stem for key in self._storage.list("models/")}
            number = len(index.versions) + 1
            while str(number) in there and not self._is_of(number, tags.get(FINGERPRINT_TAG)):
                number += 1
            with self._storage.writing(f"models/{number}.zip") as path:
                made = shutil.make_archive(str(path), "zip", folder)
                Path(made).replace(path)
            index.versions[number] = _Entry(run_id=run.id, tags=dict(tags))
        return Version(number, run.id, dict(tags))

    def _is_of(self, number: int, fingerprint: str | None) -> bool:
        """Say whether the file of a number holds the model with this fingerprint."""
        path = self._storage.path(f"models/{number}.zip")
        try:
            with zipfile.ZipFile(path) as archive:
                found = parse_description(archive.read(DESCRIPTION), str(path)).training
        except (ModelError, zipfile.BadZipFile, zlib.error, KeyError, OSError):
            return False
        return found is not None and found.fingerprint == fingerprint

    def versions(self) -> Sequence[Version]:
        found = sorted(self._read().versions.items())
        return [Version(number, entry.run_id, entry.tags) for number, entry in found]

    def get(self, number: int) -> Version | None:
        index = self._read()
        entry = index.versions.get(number)
        if entry is None:
            return None
        aliases = tuple(sorted(alias for alias, n in index.aliases.items() if n == number))
        return Version(number, entry.run_id, entry.tags, aliases)

    def find(self, fingerprint: str) -> Version | None:
        versions = self._read().versions
        found = [n for n, e in versions.items() if e.tags.get(FINGERPRINT_TAG) == fingerprint]
        return self.get(max(found)) if found else None

    def by_alias(self, alias: str) -> Version | None:
        number = self._read().aliases.get(alias)
        return None if number is None else self.get(number)

    def set_alias(self, alias: str, number: int) -> None:
        with self._changing() as index:
            index.aliases[alias] = number

    def tag(self, number: int, tags: Mapping[str, str]) -> None:
        with self._changing() as index:
            index.versions[number].tags.update(tags)

    def describe(self, number: int, text: str) -> None:
        with self._changing() as index:
            changed = index.versions[number].model_copy(update={"description": text})
            index.versions[number] = changed

    def fetch(self, version: Version) -> Path:
        folder = self._scratch / f"model-{version.number}"
        if not folder.exists():
            key = f"models/{version.number}.zip"
            if self._storage.size(key) is None:
                msg = f"{self._storage.root}/{key} is missing."
                raise ModelError(msg, hint="Choose another version.")
            archive = self._storage.path(key)
            try:
                shutil.unpack_archive(archive, folder, "zip")
            except (
                shutil.ReadError,
                zipfile.BadZipFile,
                zlib.error,
                EOFError,
                NotImplementedError,
            ) as error:
                msg = f"{archive} is damaged: {error}."
                raise ModelError(msg, hint="Choose another version.") from error
        return refuse_changed(folder, version)
