"""Where a served model comes from: a folder that `make model-export` wrote, or MLflow's registry.

A model is handed over as the content of its files, bounded in size, so that what serves it depends
on no file that somebody else could change.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import httpx
from pydantic import Field, ValidationError

from src.model.core.artifact import DESCRIPTION, MAX_DESCRIPTION_BYTES, parse_description
from src.model.core.digest import sha256
from src.model.core.errors import ModelError, TrackingError
from src.model.core.models import reader
from src.model.core.names import (
    CARD_FOLDER,
    CARD_PAGE,
    CHALLENGER,
    DIGEST_TAG,
    EXPORT,
    EXPORTED_CARD,
    FINGERPRINT_TAG,
    MODEL_ARTIFACT,
)
from src.model.core.proxies import is_near
from src.model.core.records import Exported, Record, first_problem, test_figures
from src.model.core.redact import without_secrets
from src.model.core.settings import MlflowSettings

Contents = Mapping[str, bytes]
"""The content of a model's files by their names, its card among them where it has one."""

Text = Annotated[str, Field(max_length=2_000)]

_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
_MAX_MODEL_BYTES = 256 << 20
_MAX_ANSWER_BYTES = 4 << 20
_ANSWER_SECONDS = 120.0
_BY_ALIAS = "/api/2.0/mlflow/registered-models/alias"
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


class Reference(Record):
    """A model version as its source names it; equal references are the same model.

    `source` is where it came from, without anything secret: it is shown to everybody. `digest` is
    the SHA-256 of the description that was registered; empty where nobody noted it.
    """

    name: Text
    version: Text
    alias: Text
    run_id: Text = ""
    source: Text = ""
    mark: Text = ""
    digest: Text = ""
    metrics: dict[str, float] = Field(default_factory=dict)


class Source(Protocol):
    """Where models are looked for."""

    @property
    def missing(self) -> str:
        """What is not there where `latest` returns None, and what to type then."""

    def latest(self) -> Reference | None:
        """Return the version to serve now, or None. Raises ModelError or TrackingError."""

    def fetch(self, reference: Reference) -> Contents:
        """Return the version's files. Raises ModelError or TrackingError."""


@dataclass(frozen=True)
class FolderSource:
    """A folder on this machine. What is in it is the model, whatever it was before."""

    folder: Path
    name: str

    @property
    def missing(self) -> str:
        none = f"There is no model in {self.folder} yet: "
        if self.folder.name == CHALLENGER:
            export = (
                f"REVIEWS_API_MODEL_DIR={self.folder} make model-export model_version=challenger"
            )
            return f"{none}{export} puts one there."
        return f"{none}make model-export puts the champion there, and make demo makes one."

    def latest(self) -> Reference | None:
        description = self.folder / DESCRIPTION
        if not description.is_file():
            return None
        mark, place = sha256(description), str(self.folder)
        try:
            known = Exported.model_validate_json((self.folder / EXPORT).read_bytes())
        except FileNotFoundError:
            return Reference(
                name=self.name, version="local", alias="folder", source=place, mark=mark
            )
        except (OSError, ValidationError) as error:
            reason = first_problem(error) if isinstance(error, ValidationError) else str(error)
            msg = f"{self.folder / EXPORT} is damaged: {reason}."
            raise ModelError(msg, hint="Run make model-export.") from error
        return Reference(alias="folder", source=place, mark=mark, **known.model_dump())

    def fetch(self, reference: Reference) -> Contents:
        del reference
        contents = {DESCRIPTION: self._content(DESCRIPTION)}
        contents |= {name: self._content(name) for name in _files(contents, str(self.folder))}
        if (self.folder / EXPORTED_CARD).is_file():
            contents[EXPORTED_CARD] = self._content(EXPORTED_CARD)
        return contents

    def _content(self, name: str) -> bytes:
        path = self.folder / name
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_MODEL_BYTES + 1)
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror or error}."
            raise ModelError(msg, hint="Run make model-export.") from error
        return _bounded(content, name, _MAX_MODEL_BYTES)


@dataclass(frozen=True)
class MlflowSource:
    """The version an alias of a registered model points to, on an MLflow server."""

    settings: MlflowSettings
    alias: str

    @property
    def missing(self) -> str:
        place = without_secrets(self.settings.tracking_uri)
        return (
            f"No version of {self.settings.model_name} has the alias {self.alias} at {place} yet: "
            "make model-promote gives it, and make demo makes one."
        )

    def latest(self) -> Reference | None:
        name = self.settings.model_name
        with _Client(self.settings) as client:
            query = {"name": name, "alias": self.alias}
            with client.stream("GET", _BY_ALIAS, params=query) as answer:
                content = _read(answer, "MLflow's answer", _MAX_ANSWER_BYTES)
            if answer.status_code in {400, 404} and _code(content) in _ABSENT:
                return None
            answer.raise_for_status()
            found = json.loads(content)["model_version"]
            tags = {str(tag["key"]): str(tag["value"]) for tag in found.get("tags") or []}
            return Reference(
                name=name,
                version=str(found["version"]),
                alias=self.alias,
                run_id=str(found.get("run_id", "")),
                source=without_secrets(self.settings.tracking_uri),
                mark=tags.get(FINGERPRINT_TAG, ""),
                digest=tags.get(DIGEST_TAG, ""),
                metrics=test_figures(tags),
            )

    def fetch(self, reference: Reference) -> Contents:
        place = f"version {reference.version}"
        with _Client(self.settings) as client:
            contents = {DESCRIPTION: self._file(client, reference, DESCRIPTION)}
            for name in _files(contents, place):
                contents[name] = self._file(client, reference, name)
            query = {"run_uuid": reference.run_id, "path": f"{CARD_FOLDER}/{CARD_PAGE}"}
            with client.stream("GET", "/get-artifact", params=query) as answer:
                if answer.status_code == httpx.codes.OK:
                    contents[EXPORTED_CARD] = _read(answer, CARD_PAGE, _MAX_MODEL_BYTES)
        return contents

    def _file(self, client: httpx.Client, reference: Reference, name: str) -> bytes:
        query = {
            "name": reference.name,
            "version": reference.version,
            "path": f"{MODEL_ARTIFACT}/{name}",
        }
        with client.stream("GET", "/model-versions/get-artifact", params=query) as answer:
            if answer.status_code != httpx.codes.OK:
                status = answer.status_code
                msg = f"MLflow has no {name} of version {reference.version}: it answered {status}."
                raise ModelError(msg, hint="Was it logged by this project, and is it still there?")
            return _read(answer, name, _MAX_MODEL_BYTES)


def _files(contents: Contents, place: str) -> tuple[str, ...]:
    """Return the names of the files that the described kind of model needs."""
    content = _bounded(contents[DESCRIPTION], DESCRIPTION, MAX_DESCRIPTION_BYTES)
    return reader(parse_description(content, place).kind, place).KIND.files


def _bounded(content: bytes, name: str, limit: int) -> bytes:
    if len(content) > limit:
        raise ModelError(f"{name} is larger than {limit:,} bytes.")
    return content


def _read(answer: httpx.Response, name: str, limit: int) -> bytes:
    """Return a streamed answer's body.

    Raises:
        ModelError: it goes beyond the limit.
        TrackingError: it takes longer than any model of that size should.
    """
    parts, size = [], 0
    until = time.monotonic() + _ANSWER_SECONDS
    for part in answer.iter_bytes():
        size += len(part)
        if time.monotonic() > until:
            msg = f"{name} did not arrive within {_ANSWER_SECONDS:g} s: {size:,} bytes are there."
            raise TrackingError(msg, hint="The model in use goes on being served.")
        if size > limit:
            raise ModelError(f"{name} is larger than {limit:,} bytes.")
        parts.append(part)
    return b"".join(parts)


class _Client:
    """An HTTP client that logs in as MLflow's own does, and whose failures are TrackingErrors."""

    def __init__(self, settings: MlflowSettings) -> None:
        self._shown = without_secrets(settings.tracking_uri)
        token = settings.tracking_token.get_secret_value()
        user, password = settings.tracking_username, settings.tracking_password
        pair = user.get_secret_value(), password.get_secret_value()
        certificates = settings.tracking_server_cert_path
        try:
            self._client = httpx.Client(
                base_url=settings.tracking_uri,
                timeout=_TIMEOUT,
                headers={"authorization": f"Bearer {token}"} if token and not pair[0] else {},
                auth=pair if pair[0] else None,
                verify=str(certificates) if certificates else not settings.tracking_insecure_tls,
                trust_env=not is_near(settings.tracking_uri),
            )
        # What stands in the proxy variables may need a package that is not here.
        except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
            msg = f"MLflow at {self._shown} cannot be used: {type(error).__name__}"
            hint = "Check MLFLOW_TRACKING_URI, its certificate and the proxy variables."
            raise TrackingError(msg, hint=hint) from None

    def __enter__(self) -> httpx.Client:
        return self._client

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        self._client.close()
        failures = (
            httpx.HTTPError | KeyError | TypeError | AttributeError | ValueError | RecursionError
        )
        if isinstance(error, failures):
            reason = without_secrets(str(error))
            msg = f"MLflow at {self._shown} cannot be used: {type(error).__name__}: {reason}"
            raise TrackingError(msg, hint="The model in use goes on being served.") from None


def _code(content: bytes) -> str:
    """Return the error code in an answer of MLflow; empty where it has none."""
    try:
        return str(json.loads(content)["error_code"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
