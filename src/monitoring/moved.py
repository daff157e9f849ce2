"""What moved: words that became more or less frequent, by what they weigh in the model. Pure."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from src.model.core.hashing import hashed_tokens
from src.model.core.records import Record
from src.monitoring.day import Words
from src.monitoring.yardstick import BITS

SHOWN = 20
_MIN_TIMES = 5

Weight = Callable[[str], float]
"""A word's weight in the model, in log-odds of positive."""


class MovedWord(Record):
    """A word, its share of reviews in reference and window, its weight, and reviews with it.

    A bucket of the reference may hold other words too, so `before` is an upper bound.
    """

    word: str
    before: float
    after: float
    weight: float
    examples: list[str] = []


def moved(
    documents: npt.NDArray[np.int64], rows: int, words: Words, weight: Weight
) -> list[MovedWord]:
    """Return the words whose change of frequency times weight is largest, the largest first.

    `documents` are the reference's counts of reviews by bucket, of `rows` reviews. Without a weight
    in the model the change alone ranks a word, far behind.
    """
    if not words.reviews or not rows:
        return []
    frequent = [(w, n) for w, n in sorted(words.counts.items()) if n >= _MIN_TIMES and w.isalpha()]
    if not frequent:
        return []
    names, counts = zip(*frequent, strict=True)
    tokens = hashed_tokens(names, [""] * len(names))
    buckets = tokens.word_buckets(BITS).astype(np.int64)[tokens.offsets[:-1]]
    before = documents[buckets] / rows
    after = np.array(counts) / words.reviews
    change = after - before
    likely = np.argsort(-np.abs(change), kind="stable")[: 20 * SHOWN].tolist()
    weights = {place: weight(names[place]) for place in likely}
    ranked = sorted(likely, key=lambda p: -abs(change[p]) * (abs(weights[p]) + 0.01))
    return [
        MovedWord(
            word=names[p],
            before=round(float(before[p]), 5),
            after=round(float(after[p]), 5),
            weight=round(weights[p], 4),
            examples=_examples(names[p], words),
        )
        for p in ranked[:SHOWN]
    ]


def _examples(word: str, words: Words) -> list[str]:
    found = (f"{title}. {text}" if title else text for title, text in words.examples)
    return [text[:200] for text in found if word in text.lower().split()][:2]
