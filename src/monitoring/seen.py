"""Which numbers were there before: millions of them, in eight bytes each."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_Names = npt.NDArray[np.uint64]


@dataclass
class Seen:
    """A set of 64-bit numbers as a few sorted arrays, each at least twice as long as the next.

    What is added is merged with arrays of about its size, so that every number is merged only a
    logarithmic number of times.
    """

    _runs: list[_Names] = field(default_factory=list)

    def fresh(self, names: _Names) -> npt.NDArray[np.bool_]:
        """Return which of n numbers are new, the first time they occur, shape (n,); add them.

        >>> seen = Seen()
        >>> seen.fresh(np.array([3, 5, 3], np.uint64)).tolist()
        [True, True, False]
        >>> seen.fresh(np.array([5, 7], np.uint64)).tolist()
        [False, True]
        """
        found = np.zeros(names.size, np.bool_)
        found[np.unique(names, return_index=True)[1]] = True
        for run in self._runs:
            places = np.minimum(run.searchsorted(names), run.size - 1)
            found &= run[places] != names
        self._add(np.sort(names[found]))
        return found

    def _add(self, run: _Names) -> None:
        if not run.size:
            return
        while self._runs and self._runs[-1].size < 2 * run.size:
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
