"""Where every file of the data folder lives, by its key.

The steps that write and read them share these names.
"""

import re
from dataclasses import dataclass

RAW_TRAIN = "raw/train.parquet"
RAW_TEST = "raw/test.parquet"
QUARANTINE = "raw/quarantine.parquet"
RAW_MANIFEST = "raw/manifest.json"

QUALITY_JSON = "reports/data_quality.json"
QUALITY_PAGE = "reports/data_quality.html"
QUALITY_ROWS = "reports/data_quality_rows.csv"
QUALITY_MANIFEST = "reports/data_quality.manifest.json"

SPLIT_MANIFEST = "batches/manifest.json"

ARRIVALS = "arrivals/"


def batch_key(number: int) -> str:
    """Return the key of a batch's file.

    >>> batch_key(3)
    'batches/train_batch_3.parquet'
    """
    return f"batches/train_batch_{number}.parquet"


def is_batch(key: str) -> bool:
    """Say whether a key is that of a batch's file, whatever its number.

    >>> is_batch(batch_key(12)), is_batch("batches/notes.parquet")
    (True, False)
    """
    return re.fullmatch(r"batches/train_batch_\d+\.parquet", key) is not None


@dataclass(frozen=True)
class Arrival:
    """Where the reviews that were added as the batch of this number lie, as they arrived."""

    number: int

    @property
    def name(self) -> str:
        """How it is called where parts of the data are listed."""
        return f"batch {self.number}"

    @property
    def train(self) -> str:
        """The key of the rows to learn from."""
        return f"{ARRIVALS}{self.number}/train.parquet"

    @property
    def test(self) -> str:
        """The key of the rows that the test set grows by."""
        return f"{ARRIVALS}{self.number}/test.parquet"

    @property
    def quarantine(self) -> str:
        """The key of the rows that could not be used."""
        return f"{ARRIVALS}{self.number}/quarantine.parquet"

    @property
    def manifest(self) -> str:
        """The key of the manifest, without which the arrival is not there."""
        return f"{ARRIVALS}{self.number}/manifest.json"


def arrival_of(key: str) -> int | None:
    """Return the number of the arrival whose manifest has this key, None for other keys.

    >>> arrival_of(Arrival(12).manifest), arrival_of(Arrival(12).test)
    (12, None)
    """
    found = re.fullmatch(rf"{ARRIVALS}(\d+)/manifest\.json", key)
    return int(found[1]) if found else None


@dataclass(frozen=True)
class Cleaning:
    """One file to clean: the step that does it, its split, and the key of what it writes."""

    step: str
    split: str
    target: str

    @property
    def manifest(self) -> str:
        """The key of the manifest beside the target."""
        return self.target.replace(".parquet", ".manifest.json")

    @property
    def quarantine(self) -> str:
        """The key of the rows that were empty once cleaned."""
        return self.target.replace(".parquet", ".quarantine.parquet")


CLEAN_TEST = Cleaning("preprocess_test", "test", "processed/test.parquet")


def clean_batch(number: int) -> Cleaning:
    """Return what there is to clean in one batch.

    >>> clean_batch(0).target
    'processed/train_batch_0.parquet'
    """
    return Cleaning("preprocess_batch", "train", f"processed/train_batch_{number}.parquet")
