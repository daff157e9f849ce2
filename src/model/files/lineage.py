"""Which files are there, and whether they were made from what is there now."""

from src.model.core.errors import UsageError
from src.model.files.code_version import code_digest
from src.model.files.layout import RAW_MANIFEST, RAW_TRAIN, SPLIT_MANIFEST
from src.model.files.manifest import Manifest, require_manifest
from src.model.files.storage import Storage


def current_raw(storage: Storage) -> Manifest:
    """Return the manifest of the raw rows. Raises UsageError where nothing was ingested."""
    return require_manifest(storage, RAW_MANIFEST, "ingest")


def current_split(storage: Storage, batches: int) -> Manifest:
    """Return the manifest of the split.

    Raises:
        UsageError: there is none, or it is older than the raw rows or the number of batches.
    """
    raw = current_raw(storage)
    split = require_manifest(storage, SPLIT_MANIFEST, "split_batches")
    if split.parents.get(RAW_TRAIN) != raw.files[RAW_TRAIN].sha256:
        msg = f"{storage.root}/batches was made from an older {RAW_TRAIN}."
        raise UsageError(msg, hint="Run make model-split-batches again.")
    if len(split.files) != batches:
        msg = (
            f"{storage.root}/batches holds {len(split.files)} batches, and REVIEWS_BATCHES is "
            f"{batches}."
        )
        raise UsageError(msg, hint="Run make model-split-batches again.")
    return split


def step_code(step: str) -> str:
    """Return the version of the code that decides what a data step writes."""
    return code_digest(f"src.model.data.{step}")
