"""Processed files as the learner and the judge read them, refused where they are out of date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from src.model.context import Context
from src.model.core.errors import UsageError
from src.model.core.records import InputFile
from src.model.files.batches import as_ranges
from src.model.files.counts import CleanCounts
from src.model.files.layout import CLEAN_TEST, Cleaning, clean_batch
from src.model.files.lineage import (
    arrival_manifest,
    arrivals,
    batch_source,
    current_raw,
    evaluation_sources,
    numbers_of,
    step_code,
)
from src.model.files.manifest import read_manifest
from src.model.files.storage import Storage
from src.model.files.tables import Recorded
from src.model.tracking.base import DataSet

_NAMED = 3  # sources that are named beside the first


@dataclass(frozen=True)
class Processed:
    """One processed file: its key, its digest and its number of rows.

    So many of the rows `arrived` after the data were first ingested.
    """

    key: str
    sha256: str
    rows: int
    arrived: int = 0

    @property
    def arrived_text(self) -> str:
        """How many of the rows came later, for people."""
        return f"{self.arrived:,} of the {self.rows:,} test rows came with later batches"

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
    """Return what the present rows were ingested from, and what was added since.

    Raises UsageError where there are none.
    """
    storage = context.storage
    later = [
        str(arrival_manifest(storage, arrival).parameters["source"])
        for arrival in arrivals(storage, context.settings.batches)
    ]
    first = str(current_raw(storage).parameters["source"])
    if not later:
        return first
    others = f" and {len(later) - _NAMED} others" if len(later) > _NAMED else ""
    return f"{first}; added since: {', '.join(later[-_NAMED:])}{others}"


def label_column(context: Context) -> str:
    """Return the column of the source that the label was read from, empty where it had none."""
    columns = current_raw(context.storage).parameters.get("columns") or [""]
    return str(columns[0])


def batch_numbers(context: Context, value: str) -> tuple[int, ...]:
    """Return the batches that a caller's `value` names. Raises UsageError for others."""
    return numbers_of(context.storage, value, context.settings.batches)


def train_files(context: Context, numbers: Sequence[int]) -> list[Processed]:
    """Return the processed batches. Raises UsageError where one is missing or out of date."""
    storage, count = context.storage, context.settings.batches
    sources = {number: dict([batch_source(storage, number, count)]) for number in numbers}
    lacking = [n for n in numbers if read_manifest(storage, clean_batch(n).manifest) is None]
    argument = f"batch={as_ranges(lacking or numbers)}"
    return [
        _processed(storage, clean_batch(number), sources[number], argument) for number in numbers
    ]


def evaluation_file(context: Context, then: str = "") -> Processed:
    """Return the processed test file; `then` are the targets that it has to go through.

    Raises UsageError where it is missing or out of date.
    """
    sources = evaluation_sources(context.storage, context.settings.batches)
    return _processed(context.storage, CLEAN_TEST, sources, then)


def _processed(
    storage: Storage, cleaning: Cleaning, sources: Mapping[str, str], argument: str
) -> Processed:
    manifest = read_manifest(storage, cleaning.manifest)
    command = f"make model-{cleaning.step.replace('_', '-')} {argument}".strip()
    if manifest is None:
        msg = f"{storage.root}/{cleaning.target} is missing."
        raise UsageError(msg, hint=f"Run {command} first.")
    if manifest.parents != sources or manifest.code != step_code(cleaning.step):
        made_from = " or ".join(sources)
        target = f"{storage.root}/{cleaning.target}"
        msg = f"{target} was made from an older {made_from}, or by older code."
        raise UsageError(msg, hint=f"Run {command} again.")
    entry = manifest.files[cleaning.target]
    arrived = manifest.counted(CleanCounts).arrived
    return Processed(cleaning.target, entry.sha256, entry.rows or 0, arrived)
