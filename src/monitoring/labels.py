"""Late labels, each with the predictions it belongs to. Pure.

A label counts once: where a request was labelled several times, the last word counts. It counts
for every version that judged the request. Within a day labels stand in the order of their ids'
hashes, which has nothing to do with what they say: people complain in bursts, and a pile of
complaints at once is no fall of the accuracy.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from src.monitoring.day import Day, Group

AGAIN, CHANGED = "label said again", "label taken back"
UNKNOWN = "label on an unknown prediction"


@dataclass(frozen=True)
class Labels:
    """n labels, day by day, and what the model had said; shape (n,) each.

    `day` are places in the days that were joined; `score` is the probability of positive; `client`
    are places in `clients`.
    """

    day: npt.NDArray[np.int64]
    positive: npt.NDArray[np.bool_]
    score: npt.NDArray[np.float64]
    client: npt.NDArray[np.int64]
    clients: Sequence[str]

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Where the model was right; a score of one half and more is positive."""
        found: npt.NDArray[np.bool_] = (self.score >= 0.5) == self.positive  # noqa: PLR2004
        return found

    def since(self, day: int) -> "Labels":
        """Return those from a day on."""
        kept = self.day >= day
        return Labels(
            self.day[kept], self.positive[kept], self.score[kept], self.client[kept], self.clients
        )

    @property
    def loudest(self) -> tuple[str, float]:
        """The client that gave most of them, and its share; clients without a name are none."""
        counts = Counter(self.client.tolist())
        named = [(count, place) for place, count in counts.items() if self.clients[place]]
        if not named:
            return "", 0.0
        count, place = max(named)
        return self.clients[place], count / self.day.size


def joined(days: Sequence[Day]) -> tuple[dict[Group, Labels], Counter[str]]:
    """Return the labels of all days by group, and what was set aside, by reason."""
    clients: list[str] = []
    told, aside = _last_words(days, clients)
    order = np.argsort(told["id"], kind="stable")
    told = told[order]
    known = np.zeros(told.size, np.bool_)
    found: dict[Group, list[npt.NDArray[Any]]] = defaultdict(list)
    for day in days:
        if not told.size:
            break
        said = day.said()
        places = np.minimum(told["id"].searchsorted(said["id"]), told.size - 1)
        hit = told["id"][places] == said["id"]
        known[places[hit]] = True
        for number, group in enumerate(day.groups):
            own = hit & (said["group"] == number)
            found[group].append(_pairs(told[places[own]], said["score"][own]))
    aside[UNKNOWN] += int((~known).sum())
    labels = {group: _labels(np.concatenate(parts), clients) for group, parts in found.items()}
    return {group: one for group, one in labels.items() if one.day.size}, +aside


_PAIR = np.dtype([("id", "<u8"), ("time", "<i8"), ("day", "<i8"), ("positive", "?"),
                  ("client", "<i8"), ("score", "<f8")])  # fmt: skip


def _last_words(days: Sequence[Day], clients: list[str]) -> tuple[npt.NDArray[Any], Counter[str]]:
    """Return the last label of each request, and how many came before; fill `clients`."""
    numbers: dict[str, int] = {}
    parts = [np.zeros(0, _PAIR)]
    for place, day in enumerate(days):
        own = [numbers.setdefault(name, len(numbers)) for name in day.clients]
        told = np.zeros(day.told.size, _PAIR)
        for name in ("id", "time", "positive"):
            told[name] = day.told[name]
        told["day"] = place
        if told.size:
            told["client"] = np.array(own, np.int64)[day.told["client"]]
        parts.append(told)
    clients += list(numbers)
    told = np.concatenate(parts)
    told = told[np.lexsort((told["positive"], told["time"], told["id"]))]
    same = told["id"][1:] == told["id"][:-1]
    changed = same & (told["positive"][1:] != told["positive"][:-1])
    last = np.append(~same, np.ones(min(told.size, 1), np.bool_))
    counted = {AGAIN: int((same & ~changed).sum()), CHANGED: int(changed.sum())}
    return told[last], Counter(counted)


def _pairs(told: npt.NDArray[Any], score: npt.NDArray[Any]) -> npt.NDArray[Any]:
    pairs = told.copy()
    pairs["score"] = score
    return pairs


def _labels(pairs: npt.NDArray[Any], clients: Sequence[str]) -> Labels:
    _, first = np.unique(pairs["id"], return_index=True)  # an id that was used again: the first
    pairs = pairs[first]
    pairs = pairs[np.lexsort((pairs["id"], pairs["day"]))]
    return Labels(pairs["day"], pairs["positive"], pairs["score"], pairs["client"], clients)
