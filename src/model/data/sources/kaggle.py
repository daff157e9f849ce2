"""Kaggle data sets through kagglehub: resumed, checked and cached by it."""

from pathlib import Path

from src.model.core.errors import NetworkError, SourceError, UsageError

WAYS_OUT = """Three ways out:
  - credentials: KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, or ~/.kaggle/kaggle.json;
  - a local path: download the zip in a browser, then make model-ingest source=path/to/archive.zip;
  - the same reviews without an account: make model-ingest source=public:amazon-polarity (688 MB).
  A download that was cut goes on where it stopped when the same command runs again."""


def fetch_kaggle(handle: str) -> Path:
    """Return the folder of the data set, from the cache where possible.

    The handle is `owner/name` or `owner/name/versions/N`.

    Raises:
        UsageError: the handle has another form.
        NetworkError: no network, no credentials, or no such data set for these credentials.
        SourceError: the download does not match its checksum.
    """
    import kagglehub
    import requests
    from kagglehub import exceptions
    from kagglehub.handle import parse_dataset_handle

    try:
        parse_dataset_handle(handle)
    except ValueError as error:
        msg = f"kaggle:{handle} does not name a data set: {error}"
        hint = "Write kaggle:owner/name or kaggle:owner/name/versions/N."
        raise UsageError(msg, hint=hint) from error
    try:
        return Path(kagglehub.dataset_download(handle))
    except exceptions.DataCorruptionError as error:
        msg = f"Kaggle's download of {handle} is damaged: {error}"
        raise SourceError(msg, hint="Run the same command again.") from error
    except (
        requests.RequestException,
        exceptions.BackendError,
        exceptions.CredentialError,
        exceptions.NotFoundError,
        exceptions.UnauthenticatedError,
        OSError,
        ValueError,  # a credentials file that is no JSON
    ) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        if "connect" in type(error).__name__.lower():  # whichever library it is of
            reason = f"it cannot be reached ({reason})"
        msg = f"Kaggle did not give {handle}: {reason}"
        raise NetworkError(msg, hint=WAYS_OUT) from error
