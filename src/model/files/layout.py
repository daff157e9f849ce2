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
class Cleaning:
    """One file to clean: the step that does it, its split, the keys of source and target."""

    step: str
    split: str
    source: str
    target: str

    @property
    def manifest(self) -> str:
        """The key of the manifest beside the target."""
        return self.target.replace(".parquet", ".manifest.json")

    @property
    def quarantine(self) -> str:
        """The key of the rows that were empty once cleaned."""
        return self.target.replace(".parquet", ".quarantine.parquet")


CLEAN_TEST = Cleaning("preprocess_test", "test", RAW_TEST, "processed/test.parquet")


def clean_batch(number: int) -> Cleaning:
    """Return what there is to clean in one batch.

    >>> clean_batch(0).target
    'processed/train_batch_0.parquet'
    """
    return Cleaning(
        "preprocess_batch", "train", batch_key(number), f"processed/train_batch_{number}.parquet"
    )
