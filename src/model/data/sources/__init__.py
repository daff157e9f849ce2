"""Where reviews come from: a source ends as a train table and, if it has one, a test table."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from src.model.core.errors import SourceError, UsageError
from src.model.core.redact import without_secrets
from src.model.core.settings import Settings
from src.model.data.sources.files import Source, source_in
from src.model.data.sources.kaggle import fetch_kaggle
from src.model.data.sources.kept import forget
from src.model.data.sources.public import DATA_SETS, address_of
from src.model.data.sources.s3 import fetch_s3
from src.model.data.sources.web import fetch_web

__all__ = ["SCHEMES", "Source", "open_source"]

SCHEMES = (
    "kaggle:owner/name",
    *(f"public:{name}" for name in DATA_SETS),
    "synthetic:ROWS@SEED",
    "https://…",
    "s3://bucket/key",
    "a local path",
)
_NAMES = {"kaggle", "public", "synthetic", "s3", "http", "https"}


def open_source(spec: str, settings: Settings, progress: Callable[..., None]) -> Source:
    """Return the tables behind `spec`, downloaded where need be.

    `progress(done, total)` counts bytes.

    Raises:
        UsageError: an unknown scheme or public data set.
        SourceError: missing, damaged, or without a train table.
        NetworkError, StorageError: the source cannot be reached.
    """
    scheme, separator, rest = spec.partition(":")
    if scheme == "kaggle" and separator:
        return source_in(fetch_kaggle(rest))
    if scheme == "public" and separator:
        return open_source(address_of(rest), settings, progress)
    if scheme in {"http", "https"} and rest.startswith("//"):
        return _copied(fetch_web(spec, settings.cache_dir, progress))
    if scheme == "s3" and rest.startswith("//"):
        return _copied(fetch_s3(rest.removeprefix("//"), settings))
    if rest.startswith("//"):
        msg = f"{without_secrets(spec)}: the scheme {scheme} is not known."
        raise UsageError(msg, hint=f"Known are {', '.join(SCHEMES)}.")
    if not separator and spec in _NAMES and not Path(spec).exists():
        raise UsageError(f"{spec} alone is no source.", hint=f"Known are {', '.join(SCHEMES)}.")
    return source_in(Path(spec))


def _copied(path: Path) -> Source:
    """Return the tables in a copy of ours, which goes where there are none."""
    try:
        return replace(source_in(path), fetched=True)
    except SourceError:
        for copy in [path] if path.is_file() else path.iterdir():
            forget(copy)
        raise
