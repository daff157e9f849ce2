"""Every foreseeable failure, and the exit code it ends a command with.

ReviewsError
├── UsageError        2   an argument or the order of the steps is wrong
│   └── SettingsError 2   a setting is unknown or has a bad value
├── DataError         3   the data cannot be used
│   ├── SourceError   3   a source cannot be read: truncated, of another layout, empty
│   ├── QualityError  3   the reviews break a limit of the validation
│   └── ModelError    3   a model's files are damaged or of an unknown format
├── GateError         4   the gate said no
│   └── DivergedError 4   training left the finite numbers
└── UnreachableError  5   a service did not answer
    ├── NetworkError  5   Kaggle or a download
    ├── StorageError  5   a disk that is full or read-only, or S3
    └── TrackingError 5   MLflow

A message says what is wrong, where, and what to do next.
"""

from typing import ClassVar

__all__ = [
    "DataError",
    "DivergedError",
    "GateError",
    "ModelError",
    "NetworkError",
    "QualityError",
    "ReviewsError",
    "SettingsError",
    "SourceError",
    "StorageError",
    "TrackingError",
    "UnreachableError",
    "UsageError",
]


class ReviewsError(Exception):
    """Root of the tree; `message` is for people, `hint` says what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(ReviewsError):
    exit_code = 2


class SettingsError(UsageError):
    """A setting is missing, unknown or out of bounds."""


class DataError(ReviewsError):
    exit_code = 3


class SourceError(DataError):
    """The reviews' source cannot be read, or holds no reviews."""


class QualityError(DataError):
    """A check of the data is over its limit."""


class ModelError(DataError):
    """A model is missing, damaged, or does not fit this version."""


class GateError(ReviewsError):
    exit_code = 4


class DivergedError(GateError):
    """A training's weights or loss left the finite numbers."""


class UnreachableError(ReviewsError):
    exit_code = 5


class NetworkError(UnreachableError):
    """A host on the network does not answer."""


class StorageError(UnreachableError):
    """The storage cannot be read or written."""


class TrackingError(UnreachableError):
    """MLflow cannot be reached, or refuses."""
