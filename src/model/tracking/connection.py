"""The way to MLflow: short time-outs, and failures in words."""

import errno
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mlflow
import requests
from mlflow.exceptions import MlflowException, RestException
from sqlalchemy.exc import SQLAlchemyError

from src.model.core.errors import StorageError, TrackingError
from src.model.core.redact import without_secrets
from src.model.core.settings import MlflowSettings, Settings
from src.model.files.mlflow_database import refuse_percent, sqlite_lock

# MLflow's own defaults keep a client waiting for minutes when the server is gone, and talk a lot.
# What the caller has set wins.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "2",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

_TABLES_SECONDS = 120.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}

# The model's signature is declared; MLflow would infer one from an example or from type hints.
_NEEDLESS_WARNINGS = ("An input example was not provided", "Any type hint is inferred as AnyType")


def connect(settings: Settings) -> mlflow.MlflowClient:
    """Return a client for the tracking address in the settings.

    Raises:
        TrackingError: the address leads to no MLflow.
        UsageError: MLflow is installed where it cannot work.
    """
    refuse_percent(Path(mlflow.__file__))
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    for noisy in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    for needless in _NEEDLESS_WARNINGS:
        warnings.filterwarnings("ignore", message=f".*{needless}", category=UserWarning)
    _log_in(settings.mlflow)
    uri = settings.mlflow.tracking_uri
    # Two that make the tables at once get in each other's way.
    with saying_what_failed(), sqlite_lock(uri, "tables", _TABLES_SECONDS):
        mlflow.set_tracking_uri(uri)
        return mlflow.MlflowClient(uri)


def _log_in(settings: MlflowSettings) -> None:
    """Hand over how to log in: MLflow's client takes that from the environment alone.

    What came from `.env` or from a file is there only after this.
    """
    secrets = {
        "MLFLOW_TRACKING_USERNAME": settings.tracking_username,
        "MLFLOW_TRACKING_PASSWORD": settings.tracking_password,
        "MLFLOW_TRACKING_TOKEN": settings.tracking_token,
    }
    values = {name: secret.get_secret_value() for name, secret in secrets.items()}
    values["MLFLOW_TRACKING_INSECURE_TLS"] = "true" if settings.tracking_insecure_tls else ""
    values["MLFLOW_TRACKING_SERVER_CERT_PATH"] = str(settings.tracking_server_cert_path or "")
    os.environ.update({name: value for name, value in values.items() if value})


@contextmanager
def saying_what_failed() -> Iterator[None]:
    """Turn whatever MLflow, its HTTP client or its database raise into a TrackingError.

    A disk that is full or read-only is none of MLflow's failures: that is a StorageError.
    """
    try:
        yield
    except (
        MlflowException,
        requests.RequestException,
        SQLAlchemyError,
        OSError,
        ImportError,
        ValueError,  # what an address makes of itself in a database's driver
    ) as error:
        place = _full_disk(error)
        if place:
            msg = f"The disk is full or read-only: {place} could not be written."
            hint = "Free space, or set TMPDIR to another folder, then run the same command again."
            raise StorageError(msg, hint=hint) from error
        address = without_secrets(mlflow.get_tracking_uri())
        reason = without_secrets(" ".join(str(error).split()))[:300]
        msg = f"MLflow at {address} cannot be used: {reason}"
        hint = (
            "Files written so far are kept and the same command goes on from them. "
            "Start a server with make mlflow-up, correct MLFLOW_TRACKING_URI, "
            "or set it empty to work without."
        )
        raise TrackingError(msg, hint=hint) from error


def _full_disk(error: BaseException | None) -> str:
    """Return what could not be written where a full disk is at the root of an error, or nothing."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return str(error.filename or f"the temporary folder {tempfile.gettempdir()}")
        if isinstance(error, RestException):  # the server's disk, in its own words
            return ""
        if "database or disk is full" in str(error):
            return without_secrets(mlflow.get_tracking_uri())
        if any(os.strerror(number) in str(error) for number in _FULL):
            return f"the temporary folder {tempfile.gettempdir()} or MLflow's artifact folder"
        error = error.__cause__ or error.__context__
    return ""


def installed(*names: str) -> list[str]:
    """Return `name==version` for each installed package: what a logged model asks for."""
    found = []
    for name in names:
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return found
