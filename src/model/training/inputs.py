"""Processed files as the learner and the judge read them, refused where they are out of date."""

from collections.abc import Sequence
from dataclasses import dataclass

from src.model.context import Context
from src.model.core.errors import UsageError
from src.model.core.records import InputFile
from src.model.files.layout import CLEAN_TEST, RAW_TEST, Cleaning, batch_key, clean_batch
from src.model.files.lineage import current_raw, current_split, step_code
from src.model.files.manifest import read_manifest
from src.model.files.storage import Storage
from src.model.files.tables import Recorded
from src.model.tracking.base import DataSet


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

    @property
    def recorded(self) -> InputFile:
        """The file as a model's record names it."""
        return InputFile(key=self.key, sha256=self.sha256, rows=self.rows)


def local_files(storage: Storage, files: Sequence[Processed]) -> list[Recorded]:
    """Return where the files can be read on this machine, and what must be in them."""
    return [Recorded(storage.path(file.key), file.sha256) for file in files]


def data_source(context: Context) -> str:
    """Return what the present rows were ingested from. Raises UsageError where there are none."""
    return str(current_raw(context.storage).parameters["source"])


def train_files(context: Context, numbers: Sequence[int]) -> list[Processed]:
    """Return the processed batches. Raises UsageError where one is missing or out of date."""
    split = current_split(context.storage, context.settings.batches)
    sources = {number: split.files[batch_key(number)].sha256 for number in numbers}
    return [
        _processed(context.storage, clean_batch(number), sources[number], f"batch={number}")
        for number in numbers
    ]


def evaluation_file(context: Context) -> Processed:
    """Return the processed test file. Raises UsageError where it is missing or out of date."""
    raw = current_raw(context.storage)
    return _processed(context.storage, CLEAN_TEST, raw.files[RAW_TEST].sha256, "")


def _processed(storage: Storage, cleaning: Cleaning, source: str, argument: str) -> Processed:
    manifest = read_manifest(storage, cleaning.manifest)
    command = f"make model-{cleaning.step.replace('_', '-')} {argument}".strip()
    if manifest is None:
        msg = f"{storage.root}/{cleaning.target} is missing."
        raise UsageError(msg, hint=f"Run {command} first.")
    current = manifest.parents.get(cleaning.source) == source
    if not current or manifest.code != step_code(cleaning.step):
        msg = (
            f"{storage.root}/{cleaning.target} was made from an older {cleaning.source} or by "
            "older code."
        )
        raise UsageError(msg, hint=f"Run {command} again.")
    entry = manifest.files[cleaning.target]
    return Processed(cleaning.target, entry.sha256, entry.rows or 0)
