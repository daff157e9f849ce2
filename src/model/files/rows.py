"""A review's row: its columns, its identity, and which split it belongs to."""

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from src.model.core.text import document

NEGATIVE, POSITIVE = 1, 2
"""Values of the `polarity` column; everywhere else labels are the words below."""

FIELDS: tuple[tuple[str, pa.DataType], ...] = (
    ("row_id", pa.uint64()),
    ("polarity", pa.int8()),
    ("title", pa.large_string()),
    ("text", pa.large_string()),
)
COLUMNS = tuple(name for name, _ in FIELDS)

QUARANTINE_SCHEMA = pa.schema(
    [
        ("split", pa.large_string()),
        ("line", pa.uint64()),
        ("reason", pa.large_string()),
        ("raw", pa.large_string()),
        ("raw_bytes", pa.int64()),
    ]
)
"""Rows that were set aside: where they stood, why, and what they held."""

# Different salts keep the decisions below independent of each other for one and the same row.
_SALTS = {
    "batch": 0x9E3779B97F4A7C15,
    "validation": 0xD1B54A32D192ED03,
    "test": 0x8CB92BA72F3D8DD7,
    "fold": 0xE7037ED1A0B428DB,
}


def schema(extra: Iterable[str] = ()) -> pa.Schema:
    """Return the Arrow schema of a review file.

    The `extra` columns of the source are carried along as text.
    """
    return pa.schema([*FIELDS, *((name, pa.large_string()) for name in extra)])


def row_ids(titles: Iterable[str], texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Return one id per row, shape (n,).

    It is the first 8 bytes of BLAKE2b over clean title, border and clean text. Rows that the text
    path makes equal share an id, on every machine and in every version.
    """
    blake = hashlib.blake2b
    documents = map(document, titles, texts)
    digests = b"".join(blake(text.encode(), digest_size=8).digest() for text in documents)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _scatter(ids: npt.NDArray[np.uint64], salt: int) -> npt.NDArray[np.uint64]:
    """Mix ids into independent uniform 64-bit numbers.

    This is the finaliser of SplitMix64 (Steele et al. 2014).
    """
    z = ids ^ np.uint64(salt)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def batch_numbers(ids: npt.NDArray[np.uint64], batches: int) -> npt.NDArray[np.intp]:
    """Return the batch 0..batches-1 of every row, shape (n,)."""
    return (_scatter(ids, _SALTS["batch"]) % np.uint64(batches)).astype(np.intp)


def fold_numbers(ids: npt.NDArray[np.uint64], folds: int) -> npt.NDArray[np.intp]:
    """Return the fold 0..folds-1 of every row, shape (n,); equal rows share a fold."""
    return (_scatter(ids, _SALTS["fold"]) % np.uint64(folds)).astype(np.intp)


def _chosen(ids: npt.NDArray[np.uint64], share: float, salt: int) -> npt.NDArray[np.bool_]:
    parts_per_million = np.uint64(round(share * 1_000_000))
    chosen: npt.NDArray[np.bool_] = _scatter(ids, salt) % np.uint64(1_000_000) < parts_per_million
    return chosen


def is_validation(ids: npt.NDArray[np.uint64], share: float) -> npt.NDArray[np.bool_]:
    """Return which rows are kept for validation.

    A row's answer never changes as batches accumulate.
    """
    return _chosen(ids, share, _SALTS["validation"])


def is_test(ids: npt.NDArray[np.uint64], share: float) -> npt.NDArray[np.bool_]:
    """Return which rows of a source without a test file are held out as its test rows."""
    return _chosen(ids, share, _SALTS["test"])
