"""Tracking switched off: runs vanish, models live as plain files below the data folder."""

import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from src.model.data.storage import Storage
from src.model.errors import ModelError
from src.model.tracking.base import DataSet, Run, Version

if TYPE_CHECKING:
    from src.model.data.manifest import Manifest

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


class FileRegistry:
    """Versions 1, 2, … as zip files `models/N.zip` and one index of tags and aliases."""

    def __init__(self, storage: Storage, scratch: Path) -> None:
        self._storage = storage
        self._scratch = scratch

    def _read(self) -> dict[str, Any]:
        if self._storage.size(_INDEX) is None:
            return {"versions": {}, "aliases": {}}
        try:
            index: dict[str, Any] = json.loads(self._storage.path(_INDEX).read_text(encoding="utf-8"))
            _ = [(int(number), entry["run_id"], entry["tags"].keys()) for number, entry in index["versions"].items()]
            _ = [index["versions"][str(number)] for number in index["aliases"].values()]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            msg = f"{self._storage.root}/{_INDEX} is damaged: {error}."
            raise ModelError(msg, hint="Restore it from a copy; the models beside it are untouched.") from error
        return index

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        with self._storage.lock("registry", wait=30):
            index = self._read()
            yield index
            with self._storage.writing(_INDEX) as path:
                path.write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def register(self, run: Run, folder: Path, tags: Mapping[str, str]) -> Version:
        with self._changing() as index:
            number = len(index["versions"]) + 1
            while self._storage.size(f"models/{number}.zip") is not None:
                number += 1  # of an index that was lost, or a registration that was killed: never written over
            with self._storage.writing(f"models/{number}.zip") as path:
                made = shutil.make_archive(str(path), "zip", folder)
                Path(made).replace(path)
            index["versions"][str(number)] = {"run_id": run.id, "tags": dict(tags)}
        return Version(number, run.id, dict(tags))

    def get(self, number: int) -> Version | None:
        index = self._read()
        entry = index["versions"].get(str(number))
        if entry is None:
            return None
        aliases = tuple(sorted(alias for alias, n in index["aliases"].items() if n == number))
        return Version(number, entry["run_id"], entry["tags"], aliases)

    def find(self, fingerprint: str) -> Version | None:
        versions = self._read()["versions"]
        found = [int(n) for n, entry in versions.items() if entry["tags"].get("fingerprint") == fingerprint]
        return self.get(max(found)) if found else None

    def by_alias(self, alias: str) -> Version | None:
        number = self._read()["aliases"].get(alias)
        return None if number is None else self.get(number)

    def set_alias(self, alias: str, number: int) -> None:
        with self._changing() as index:
            index["aliases"][alias] = number

    def tag(self, number: int, tags: Mapping[str, str]) -> None:
        with self._changing() as index:
            index["versions"][str(number)]["tags"].update(tags)

    def describe(self, number: int, text: str) -> None:
        with self._changing() as index:
            index["versions"][str(number)]["description"] = text

    def fetch(self, version: Version) -> Path:
        folder = self._scratch / f"model-{version.number}"
        if not folder.exists():
            key = f"models/{version.number}.zip"
            if self._storage.size(key) is None:
                raise ModelError(f"{self._storage.root}/{key} is missing.", hint="Choose another version.")
            archive = self._storage.path(key)
            try:
                shutil.unpack_archive(archive, folder, "zip")
            except (shutil.ReadError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
                raise ModelError(f"{archive} is damaged: {error}.", hint="Choose another version.") from error
        return folder
