"""Model versions and aliases in MLflow."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.types.schema import ColSpec, Schema

from src.model.core.artifact import read_description
from src.model.core.errors import ModelError
from src.model.core.models import reader
from src.model.core.names import ALIASES, FINGERPRINT_TAG
from src.model.core.settings import Settings
from src.model.files.mlflow_database import sqlite_lock
from src.model.tracking.base import Run, Version, refuse_changed
from src.model.tracking.connection import connect, installed, saying_what_failed

_PAGE = 500  # versions that are asked for at a time
_SRC = Path(__file__).resolve().parents[2]
_ABSENT = {ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), ErrorCode.Name(INVALID_PARAMETER_VALUE)}
_SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", "title"), ColSpec("string", "text")]),
    outputs=Schema([ColSpec("string", "label"), ColSpec("double", "probability")]),
)


def _says_it_is_gone(error: Exception) -> bool:
    return (
        isinstance(error, FileNotFoundError)
        or "No such" in str(error)
        or "does not exist" in str(error)
    )


class MlflowRegistry:
    """The registered model the settings name."""

    def __init__(self, settings: Settings, scratch: Path) -> None:
        self._name = settings.mlflow.model_name
        self._uri = settings.mlflow.tracking_uri
        self._client = connect(settings)
        self._scratch = scratch

    def exclusive(self, name: str, wait: float) -> AbstractContextManager[object]:
        """Hold a lock beside a database file; a server has nothing that could be held.

        There, aliases are looked at before and after they are moved.
        """
        return sqlite_lock(self._uri, name, wait)

    def register(self, run: Run, folder: Path, tags: Mapping[str, str]) -> Version:
        """Log the model to the run, which must be the open one, and register it."""
        packages = reader(read_description(folder).kind, str(folder)).KIND.packages
        with saying_what_failed():
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(Path(__file__).with_name("pyfunc_model.py")),
                artifacts={"model": str(folder)},
                code_paths=[str(_SRC)],
                signature=_SIGNATURE,
                pip_requirements=installed("mlflow-skinny", "pandas", *packages),
            )
            self._create_registered_model()
            version = self._client.create_model_version(
                self._name, logged.model_uri, run.id, dict(tags), model_id=logged.model_id
            )
        return self._version(version)

    def _create_registered_model(self) -> None:
        try:
            self._client.get_registered_model(self._name)
        except MlflowException as error:
            if error.error_code not in _ABSENT:
                raise
            description = (
                "Is a review positive or negative? The alias `champion` is the version in use, "
                "`challenger` the one that was trained last, `previous` the champion before."
            )
            self._client.create_registered_model(self._name, description=description)

    def versions(self) -> Sequence[Version]:
        found: list[Version] = []
        token = None
        while token is None or token:
            with saying_what_failed():
                page = self._client.search_model_versions(
                    f"name = '{self._name}'", max_results=_PAGE, page_token=token
                )
            found += map(self._version, page)
            token = page.token or ""
        return sorted(found, key=lambda version: version.number)

    def get(self, number: int) -> Version | None:
        with saying_what_failed():
            try:
                return self._version(self._client.get_model_version(self._name, str(number)))
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return None
                raise

    def by_alias(self, alias: str) -> Version | None:
        with saying_what_failed():
            try:
                return self._version(self._client.get_model_version_by_alias(self._name, alias))
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return None
                raise

    def find(self, fingerprint: str) -> Version | None:
        query = f"name = '{self._name}' AND tag.{FINGERPRINT_TAG} = '{fingerprint}'"
        with saying_what_failed():
            found = self._client.search_model_versions(query, max_results=100)
        numbers = [int(version.version) for version in found]
        return self.get(max(numbers)) if numbers else None

    def set_alias(self, alias: str, number: int) -> None:
        with saying_what_failed():
            self._client.set_registered_model_alias(self._name, alias, str(number))

    def tag(self, number: int, tags: Mapping[str, str]) -> None:
        with saying_what_failed():
            for key, value in tags.items():
                self._client.set_model_version_tag(self._name, str(number), key, value)

    def describe(self, number: int, text: str) -> None:
        with saying_what_failed():
            self._client.update_model_version(self._name, str(number), text)

    def fetch(self, version: Version) -> Path:
        place = self._scratch / f"model-{version.number}"
        with saying_what_failed():
            try:
                uri = f"models:/{self._name}/{version.number}"
                local = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(place)))
            except (MlflowException, OSError) as error:
                if not _says_it_is_gone(error):
                    raise
                local = place
        found = [path.parent for path in local.glob("artifacts/*/model.json")]
        if not found:
            msg = f"The artifact of model version {version.number} is gone or holds no model."
            hint = (
                "Has the project's folder been moved since, or was it logged by another program? "
                "Train again."
            )
            raise ModelError(msg, hint=hint)
        return refuse_changed(found[0], version)

    def _version(self, version: ModelVersion) -> Version:
        # A search leaves aliases out of its answers; asking for one version carries them.
        aliases = tuple(alias for alias in ALIASES if alias in (version.aliases or ()))
        return Version(int(version.version), str(version.run_id), dict(version.tags), aliases)
