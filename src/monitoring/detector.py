"""Has the accuracy fallen? Watched label by label, for ever, with a stated rate of false alarms.

An e-detector (Shin, Ramdas and Rinaldo 2024, "E-detectors: a nonparametric framework for
sequential change detection"): the Shiryaev-Roberts sum of betting e-processes.
For labels x that are 1 where the model was right, and the hypothesis that it is right in at least
a share `least` of them whatever came before,

    L = 1 + bet * (least - x),  0 <= bet < 1 / (1 - least)

has an expectation of at most 1. M = L * (M + 1), begun at 0, sums the e-processes that begin at
each label; the average of several such M with other bets does so too. If the accuracy never falls,
M is at most n in expectation after n labels, so the mean number of labels until M reaches c is at
least c, wherever one stops, looks or waits. What is assumed is that no label, given those before
it, is less likely to be right than `least`: so labels must not come sorted by what they say.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_DROPS = np.array([0.02, 0.03, 0.05, 0.1, 0.3])
"""Falls of the accuracy, as shares, for each of which one bet is best."""


def bets(least: float) -> npt.NDArray[np.float64]:
    """Return the bets that grow fastest where the accuracy has fallen by each of the drops.

    By Kelly (1956): with accuracy q, (least - q) / (least * (1 - least)).
    """
    possible = np.minimum(_DROPS, 0.99 * least)
    found: npt.NDArray[np.float64] = possible / (least * (1 - least))
    return np.minimum(found, 0.99 / (1 - least))


@dataclass
class EDetector:
    """Takes labels one by one; begins anew after an alarm.

    `least` is the accuracy that must not be undercut, above 0 and below 1; `alarm_at` the mean
    number of labels between false alarms, at least.
    """

    least: float
    alarm_at: float
    labels: int = 0
    alarms: list[int] = field(default_factory=list)
    evidence: float = 0.0

    def __post_init__(self) -> None:
        found = bets(self.least)
        self._if_right, self._if_wrong = 1 - found * (1 - self.least), 1 + found * self.least
        self._sums = np.zeros(found.size)

    def add(self, right: Iterable[bool]) -> None:
        """Take labels in their order; `alarms` has the number of the label at each alarm."""
        for one in right:
            self.labels += 1
            self._sums = (self._sums + 1) * (self._if_right if one else self._if_wrong)
            self.evidence = float(self._sums.mean())
            if self.evidence >= self.alarm_at:
                self.alarms.append(self.labels)
                self._sums = np.zeros_like(self._sums)
