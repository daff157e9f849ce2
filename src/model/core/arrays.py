"""Arrays of a model's file: safetensors in memory, checked for what they should be."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from src.model.core.errors import ModelError

_RETRAIN = "Train again, or choose another version."


class Row(NamedTuple):
    """What an array of one dimension must hold: its NumPy type, and how many if that is known."""

    kind: type[np.generic]
    size: int | None = None


def read_arrays(
    content: bytes, place: str, expected: Mapping[str, Row]
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays in a safetensors file's content; nobody can change them.

    Raises:
        ModelError: it is no safetensors file, or holds other arrays than `expected`.
    """
    try:
        arrays = load(content)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{place} cannot be read: {error}.", hint=_RETRAIN) from error
    if set(arrays) != set(expected):
        held, wanted = (", ".join(sorted(names)) or "nothing" for names in (arrays, expected))
        raise ModelError(f"{place} holds {held}, not {wanted}.", hint=_RETRAIN)
    for name, row in expected.items():
        array = arrays[name]
        if array.ndim != 1 or array.dtype != np.dtype(row.kind):
            msg = (
                f"{place} holds {name} of type {array.dtype} and shape {array.shape}, not a row "
                f"of {np.dtype(row.kind)}."
            )
            raise ModelError(msg, hint=_RETRAIN)
        if row.size is not None and array.size != row.size:
            msg = f"{place} holds {array.size:,} {name} where {row.size:,} are needed."
            raise ModelError(msg, hint=_RETRAIN)
        array.setflags(write=False)
    return arrays
