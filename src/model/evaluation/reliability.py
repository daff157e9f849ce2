"""Whether probabilities mean what they say."""

import numpy as np
import numpy.typing as npt


def reliability(
    positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64], bins: int = 15
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return mean probability, share of truly positive rows, and rows of each bin that has any.

    The bins divide [0, 1] into equal widths: the reliability diagram of DeGroot & Fienberg (1983).
    """
    number = np.minimum((probability * bins).astype(np.int64), bins - 1)
    rows = np.bincount(number, minlength=bins)
    used = rows > 0
    said = np.bincount(number, probability, bins)[used] / rows[used]
    true = np.bincount(number, positive, bins)[used] / rows[used]
    return said, true, rows[used].astype(np.int64)


def expected_calibration_error(
    positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64], bins: int = 15
) -> float:
    """Return the mean distance of probability and truth over the bins.

    The bins are weighed by their rows (Naeini et al. 2015).
    """
    said, true, rows = reliability(positive, probability, bins)
    return float(np.average(np.abs(said - true), weights=rows))
