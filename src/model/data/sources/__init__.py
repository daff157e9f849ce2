"""Where reviews come from: a source ends as a train table and, if it has one, a test table."""

from collections.abc import Callable
from pathlib import Path

from src.model.core.errors import UsageError
from src.model.core.settings import Settings
from src.model.data.sources.files import Source, source_in
from src.model.data.sources.kaggle import fetch_kaggle
from src.model.data.sources.s3 import fetch_s3
from src.model.data.sources.web import fetch_web

__all__ = ["SCHEMES", "Source", "open_source"]

SCHEMES = (
    "kaggle:owner/name",
    "synthetic:ROWS@SEED",
    "https://…",
    "s3://bucket/key",
    "a local path",
)


def open_source(spec: str, settings: Settings, progress: Callable[..., None]) -> Source:
    """Return the tables behind `spec`, downloaded where need be.

    `progress(done, total)` counts bytes.

    Raises:
        UsageError: an unknown scheme.
        SourceError: missing, damaged, or without a train table.
        NetworkError, StorageError: the source cannot be reached.
    """
    scheme, separator, rest = spec.partition(":")
    if scheme == "kaggle" and separator:
        path = fetch_kaggle(rest)
    elif scheme in {"http", "https"} and rest.startswith("//"):
        path = fetch_web(spec, settings.cache_dir, progress)
    elif scheme == "s3" and rest.startswith("//"):
        path = fetch_s3(rest.removeprefix("//"), settings)
    elif rest.startswith("//"):
        msg = f"{spec}: the scheme {scheme} is not known."
        raise UsageError(msg, hint=f"Known are {', '.join(SCHEMES)}.")
    else:
        path = Path(spec)
    return source_in(path)
