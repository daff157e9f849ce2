"""Weights on disk, as safetensors: all of them in float16, or the largest ones in one byte each."""

import mmap
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from src.model.errors import ModelError

WEIGHTS = "model.safetensors"
Packing = Literal["float16", "int8"]

Weights = npt.NDArray[np.float16]
"""Shape (2**bits,)."""


def packed_size(bits: int, kept: int) -> int:
    """Return the bytes of an `int8` file without its header: a bit for every bucket, a byte for every kept one."""
    return (1 << bits) // 8 + kept


def write_weights(path: Path, weights: Weights, packing: Packing, step: float) -> None:
    """Write the weights; `int8` takes whole multiples of `step`, at most 127 of them up or down."""
    if packing == "float16":
        save_file({"weights": weights}, path)
        return
    levels = np.round(weights.astype(np.float32) / step).astype(np.int8)
    save_file({"kept": np.packbits(levels != 0), "levels": levels[levels != 0]}, path)


def read_weights(path: Path, bits: int, packing: Packing, step: float) -> Weights:
    """Return the weights, float16 ones as a read-only view of the mapped file.

    Raises:
        ModelError: the file is no safetensors file, or holds other arrays than it should.
    """
    expected = {"float16": {"weights"}, "int8": {"kept", "levels"}}[packing]
    try:
        with safe_open(path, framework="numpy") as file:
            if set(file.keys()) != expected:
                msg = f"{path} holds {', '.join(sorted(file.keys())) or 'nothing'}, not {', '.join(sorted(expected))}."
                raise ModelError(msg, hint="Train again, or choose another version.")
            if packing == "float16":
                shape, kind = file.get_slice("weights").get_shape(), file.get_slice("weights").get_dtype()
            else:
                return _unpacked(file.get_tensor("kept"), file.get_tensor("levels"), bits, step, path)
    except (SafetensorError, OSError) as error:
        msg = f"{path} cannot be read: {error}."
        raise ModelError(msg, hint="Train again, or choose another version.") from error
    if kind != "F16" or len(shape) != 1:
        msg = f"{path} holds weights of type {kind} and shape {shape}, not a row of F16."
        raise ModelError(msg, hint="Train again, or choose another version.")
    return _mapped(path, shape[0])


def _mapped(path: Path, count: int) -> Weights:
    """Return the file's only tensor, which stands at its end after the header, without reading it."""
    with path.open("rb") as file:
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(whole, np.float16, count, len(whole) - 2 * count)


def _unpacked(kept: npt.NDArray[np.uint8], levels: npt.NDArray[np.int8], bits: int, step: float, path: Path) -> Weights:
    places = np.unpackbits(kept).astype(np.bool_)
    if places.size != 1 << bits or np.count_nonzero(places) != levels.size:
        msg = f"{path} keeps {levels.size:,} weights in {places.size:,} buckets, which does not fit {bits} bits."
        raise ModelError(msg, hint="Train again, or choose another version.")
    weights = np.zeros(1 << bits, np.float16)
    weights[places] = (levels.astype(np.float32) * np.float32(step)).astype(np.float16)
    return weights
