"""Processed files as the learner and the judge read them, refused where they are out of date."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from src.model.command import Context
from src.model.data import ingest, preprocess_batch, preprocess_test, split_batches
from src.model.data.manifest import Manifest, data_code, read_manifest, require_manifest
from src.model.data.preprocess import Job
from src.model.data.storage import Storage
from src.model.data.tables import read_blocks
from src.model.errors import UsageError
from src.model.learners.base import Reviews
from src.model.rows import POSITIVE, is_validation
from src.model.tracking.base import DataSet

_COLUMNS = ("row_id", "polarity", "title", "text")


@dataclass(frozen=True)
class Processed:
    """One processed file: its key, its digest and its number of rows."""

    key: str
    sha256: str
    rows: int

    def data_set(self, storage: Storage, context: str) -> DataSet:
        """Return the file as an MLflow input."""
        name = self.key.rsplit("/", 1)[-1].removesuffix(".parquet")
        return DataSet(name, f"{storage.root}/{self.key}", self.sha256, self.rows, context)


def data_source(context: Context) -> str:
    """Return what the present rows were ingested from, as their manifest has it. Raises UsageError without one."""
    return str(require_manifest(context.storage, ingest.MANIFEST, "ingest").parameters["source"])


def train_files(context: Context, numbers: Sequence[int]) -> list[Processed]:
    """Return the processed batches. Raises UsageError where one is missing or older than its source."""
    split = split_batches.current_split(context)
    sources = {k: split.files[split_batches.batch_key(k)].sha256 for k in numbers}
    return [_processed(context.storage, preprocess_batch.job(k), sources[k], f"batch={k}") for k in numbers]


def evaluation_file(context: Context) -> Processed:
    """Return the processed test file. Raises UsageError where it is missing or older than its source."""
    raw = require_manifest(context.storage, ingest.MANIFEST, "ingest")
    return _processed(context.storage, preprocess_test.JOB, raw.files[ingest.TEST].sha256, "")


def _processed(storage: Storage, job: Job, source: str, argument: str) -> Processed:
    manifest = read_manifest(storage, job.manifest)
    command = f"make model-{job.step.replace('_', '-')} {argument}".strip()
    if manifest is None:
        msg = f"{storage.root}/{job.target} is missing."
        raise UsageError(msg, hint=f"Run {command} first.")
    if not _is_made_from(manifest, job, source):
        msg = f"{storage.root}/{job.target} was made from an older {job.source} or by older code."
        raise UsageError(msg, hint=f"Run {command} again.")
    entry = manifest.files[job.target]
    return Processed(job.target, entry.sha256, entry.rows or 0)


def _is_made_from(manifest: Manifest, job: Job, source: str) -> bool:
    return manifest.parents.get(job.source) == source and manifest.code == data_code()


def reviews(frame: pl.DataFrame) -> Reviews:
    """Return a block of rows as the learner takes them."""
    return Reviews(frame["title"].to_list(), frame["text"].to_list(), (frame["polarity"] == POSITIVE).to_numpy())


def training_blocks(storage: Storage, files: Sequence[Processed], share: float) -> Iterator[Reviews]:
    """Yield the training rows of all files, block by block."""
    for frame in _frames(storage, files):
        yield reviews(frame.filter(~pl.Series(is_validation(frame["row_id"].to_numpy(), share))))


def validation_rows(storage: Storage, files: Sequence[Processed], share: float) -> Reviews:
    """Return the rows of all files that are kept for validation."""
    return joined_reviews(
        reviews(frame.filter(pl.Series(is_validation(frame["row_id"].to_numpy(), share))))
        for frame in _frames(storage, files)
    )


def joined_reviews(parts: Iterable[Reviews]) -> Reviews:
    """Return consecutive blocks as one."""
    blocks = list(parts)
    return Reviews(
        [title for block in blocks for title in block.titles],
        [text for block in blocks for text in block.texts],
        np.concatenate([block.positive for block in blocks]) if blocks else np.zeros(0, np.bool_),
    )


def _frames(storage: Storage, files: Sequence[Processed]) -> Iterator[pl.DataFrame]:
    for file in files:
        yield from read_blocks(storage.path(file.key), _COLUMNS)
