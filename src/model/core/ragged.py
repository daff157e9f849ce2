"""Rows of different lengths in one flat array: row i is `values[offsets[i]:offsets[i + 1]]`."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Float = TypeVar("_Float", np.float32, np.float64)


def row_sums(values: npt.NDArray[_Float], offsets: npt.NDArray[np.int64]) -> npt.NDArray[_Float]:
    """Return the sum of every row, shape (n,), or (k, n) of k arrays; 0 for a row without values.

    >>> row_sums(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 2, 3]))
    array([3., 0., 4.])
    """
    starts = offsets[:-1]
    filled = offsets[1:] > starts  # reduceat gives an empty row its successor's value
    if values.size and filled.all():
        return np.add.reduceat(values, starts, axis=-1)
    sums = np.zeros((*values.shape[:-1], starts.size), values.dtype)
    if filled.any():
        sums[..., filled] = np.add.reduceat(values, starts[filled], axis=-1)
    return sums


def row_shares(
    offsets: npt.NDArray[np.int64], *marks: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return the share of marked values in every row, shape (k, n) for k kinds of marks.

    It is 0 for a row without values.

    >>> row_shares(np.array([0, 2, 2, 3]), np.array([True, False, False]))
    array([[0.5, 0. , 0. ]])
    """
    shares: npt.NDArray[np.float64] = row_sums(np.array(marks, np.float64), offsets)
    shares /= np.maximum(offsets[1:] - offsets[:-1], 1)
    return shares


def inverse_roots(offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return 1 / sqrt(length) of every row, shape (n,); 1 for a row without values."""
    roots: npt.NDArray[np.float64] = 1 / np.sqrt(np.maximum(offsets[1:] - offsets[:-1], 1))
    return roots
