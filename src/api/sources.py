"""Where a served model comes from: a folder that `make model-export` wrote, or MLflow's registry by its REST API."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx

from src.model.artifact import DESCRIPTION
from src.model.digest import sha256
from src.model.errors import ModelError, TrackingError
from src.model.weights import WEIGHTS

EXPORT = "export.json"
"""Beside an exported model: which version it is."""

CARD = "card.html"
"""The model card's page, where there is one."""

_FILES = (DESCRIPTION, WEIGHTS)
_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
_MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class Reference:
    """A model version as its source names it; equal references are the same model."""

    name: str
    version: str
    alias: str
    run_id: str = ""
    source: str = ""
    mark: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict, hash=False)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Reference":
        return cls(**json.loads(text))


class Source(Protocol):
    """Where models are looked for."""

    def latest(self) -> Reference | None:
        """Return the version to serve now, or None where there is none. Raises ModelError or TrackingError."""

    def fetch(self, reference: Reference, folder: Path) -> None:
        """Put the version's files into `folder`. Raises ModelError or TrackingError."""


@dataclass(frozen=True)
class FolderSource:
    """A folder on this machine. What is in it is the model, whatever it was before."""

    folder: Path
    name: str

    def latest(self) -> Reference | None:
        description = self.folder / DESCRIPTION
        if not description.is_file():
            return None
        mark, place = sha256(description), str(self.folder)
        try:
            known = json.loads((self.folder / EXPORT).read_text(encoding="utf-8"))
            name, version, run_id = (str(known[key]) for key in ("name", "version", "run_id"))
            metrics = {str(key): float(value) for key, value in known["metrics"].items()}
        except FileNotFoundError:
            return Reference(self.name, "local", "folder", source=place, mark=mark)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{self.folder / EXPORT} is damaged: {error!r}.", hint="Run make model-export.") from error
        return Reference(name, version, "folder", run_id, place, mark, metrics)

    def fetch(self, reference: Reference, folder: Path) -> None:
        del reference
        for name in (*_FILES, *([CARD] if (self.folder / CARD).is_file() else [])):
            try:
                shutil.copyfile(self.folder / name, folder / name)
            except OSError as error:
                raise ModelError(
                    f"{self.folder / name} cannot be read: {error}.", hint="Run make model-export."
                ) from error


@dataclass(frozen=True)
class MlflowSource:
    """The version an alias of a registered model points to, on an MLflow server."""

    uri: str
    name: str
    alias: str

    def latest(self) -> Reference | None:
        with _asking(self.uri) as client:
            answer = client.get(
                "/api/2.0/mlflow/registered-models/alias", params={"name": self.name, "alias": self.alias}
            )
            if answer.status_code in {400, 404} and _code(answer) in {
                "RESOURCE_DOES_NOT_EXIST",
                "INVALID_PARAMETER_VALUE",
            }:
                return None
            found = _parsed(answer)["model_version"]
        tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
        figures = {key.removeprefix("test."): float(value) for key, value in tags.items() if key.startswith("test.")}
        return Reference(
            name=self.name, version=str(found["version"]), alias=self.alias, run_id=str(found.get("run_id", "")),
            source=self.uri, mark=tags.get("fingerprint", ""), metrics=figures,
        )  # fmt: skip

    def fetch(self, reference: Reference, folder: Path) -> None:
        with _asking(self.uri) as client:
            for name in _FILES:
                query = {"name": self.name, "version": reference.version, "path": f"artifacts/model/{name}"}
                with client.stream("GET", "/model-versions/get-artifact", params=query) as answer:
                    if answer.status_code != httpx.codes.OK:
                        msg = f"MLflow has no {name} of version {reference.version}: it answered {answer.status_code}."
                        raise ModelError(msg, hint="Is it a version of the learner hashed, and are its files there?")
                    _save(answer, folder / name)
            query = {"run_uuid": reference.run_id, "path": "card/model_card.html"}
            with client.stream("GET", "/get-artifact", params=query) as answer:
                if answer.status_code == httpx.codes.OK:
                    _save(answer, folder / CARD)


def _save(answer: httpx.Response, path: Path) -> None:
    size = 0
    with path.open("wb") as file:
        for part in answer.iter_bytes():
            size += len(part)
            if size > _MAX_BYTES:
                raise ModelError(f"{path.name} is larger than {_MAX_BYTES:,} bytes.")
            file.write(part)


def _asking(uri: str) -> "_Client":
    return _Client(uri)


class _Client:
    """An HTTP client whose failures are TrackingErrors."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client = httpx.Client(base_url=uri, timeout=_TIMEOUT)

    def __enter__(self) -> httpx.Client:
        return self._client

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        self._client.close()
        if isinstance(error, httpx.HTTPError | KeyError | ValueError) and not isinstance(error, UnicodeError):
            shown = httpx.URL(self._uri).copy_with(username=None, password=None) if self._uri else self._uri
            msg = f"MLflow at {shown} cannot be used: {type(error).__name__}: {error}"
            raise TrackingError(msg, hint="The model in use goes on being served.") from error


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("error_code", ""))
    except (ValueError, AttributeError):
        return ""


def _parsed(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


class ModelCache:
    """Model folders named by what is in them, and which of them each slot used last."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def last(self, slot: str) -> tuple[Reference, Path] | None:
        """Return what the slot used last, if it is still whole enough to try."""
        try:
            known = json.loads((self._root / f"{slot}.json").read_text(encoding="utf-8"))
            reference, folder = Reference(**known["reference"]), self._root / str(known["folder"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return (reference, folder) if folder.is_dir() else None

    def add(self, source: Source, reference: Reference) -> Path:
        """Fetch a model into the cache and return its folder. Raises ModelError, TrackingError or OSError."""
        self._root.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".fetching-", dir=self._root))
        try:
            source.fetch(reference, aside)
            folder = self._root / sha256(aside / DESCRIPTION)
            if folder.is_dir():  # perhaps damaged: what was fetched just now is known to be as the source has it
                shutil.rmtree(folder)
            aside.replace(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return folder

    def remember(self, slot: str, reference: Reference, folder: Path) -> None:
        """Note what the slot uses, for a start without its source; delete models no slot uses."""
        pointer = self._root / f"{slot}.json"
        aside = pointer.with_name(f".{pointer.name}.{os.getpid()}.tmp")
        aside.write_text(json.dumps({"reference": asdict(reference), "folder": folder.name}), encoding="utf-8")
        aside.replace(pointer)
        used = {found[1].name for path in self._root.glob("*.json") if (found := self.last(path.stem))}
        for old in self._root.iterdir():
            if old.is_dir() and old.name not in used and not old.name.startswith("."):
                shutil.rmtree(old, ignore_errors=True)
