"""How a review is read, whatever model judges it: its tokens, and how English they are.

Everything is counted on the tokens of the clean text, so a figure means the same in the API's log,
in a slice of the test rows, in the data's quality page and in monitoring, and does not change with
the n-grams a model looks at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from src.model.core.hashing import Tokens, hashed_tokens, token_chunks
from src.model.core.ragged import row_shares

Probabilities = npt.NDArray[np.float64]
"""Probability of `positive`, shape (n,), in [0, 1]."""

_STOP_WORDS = [
    "the",
    "and",
    "is",
    "it",
    "of",
    "this",
    "was",
    "that",
    "with",
    "for",
    "to",
    "have",
    "are",
    "but",
    "not",
    "you",
    "my",
    "they",
    "very",
    "would",
    "i",
    "in",
    "on",
    "be",
    "his",
    "her",
    "she",
    "he",
    "at",
    "we",
]
_MIN_TOKENS, _MIN_ENGLISH = 8, 0.05


@dataclass(frozen=True)
class Readings:
    """What a model makes of n reviews; every array has shape (n,).

    `probability` of positive; `abstained` where that is too close to call; `title_tokens` and
    `tokens`, those of title and text together; `unknown_share`, the share of tokens that the model
    has never learned from; `english_share`, see `english_shares`.
    """

    probability: Probabilities
    abstained: npt.NDArray[np.bool_]
    title_tokens: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    unknown_share: npt.NDArray[np.float64]
    english_share: npt.NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the readings of consecutive reviews as one; of none where there are no parts."""
        if len(parts) == 1:
            return parts[0]
        kinds = (np.float64, np.bool_, np.int64, np.int64, np.float64, np.float64)
        columns = (
            np.concatenate([np.zeros(0, kind), *(getattr(part, field.name) for part in parts)])
            for field, kind in zip(fields(cls), kinds, strict=True)
        )
        return cls(*columns)


def english_shares(tokens: Tokens) -> npt.NDArray[np.float64]:
    """Return the share of each review's tokens that are very frequent English words, shape (n,).

    English prose has about a third of them. Words that are as frequent in other languages (`a`,
    `as`, `me`, `no`, `so`) are not among them.
    """
    shares: npt.NDArray[np.float64] = row_shares(tokens.offsets, stop_words(tokens))[0]
    return shares


def stop_words(tokens: Tokens) -> npt.NDArray[np.bool_]:
    """Return which of t tokens are very frequent English words, shape (t,)."""
    found: npt.NDArray[np.bool_] = _STOP_TABLE.take(tokens.hashes >> _STOP_SHIFT) == tokens.hashes
    return found


def look_foreign(titles: Sequence[str], texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which of n reviews of at least eight tokens are hardly English, shape (n,).

    A cheap guess, for counting and slicing, not for deciding about a single review.

    >>> look_foreign(["Muito bom", ""], ["Gostei muito deste livro, vale a pena ler.", "Good"])
    array([ True, False])
    """
    parts = [np.zeros(0, np.bool_)]
    for tokens in token_chunks(titles, texts):
        long_enough = np.diff(tokens.offsets) >= _MIN_TOKENS
        parts.append(long_enough & (english_shares(tokens) < _MIN_ENGLISH))
    return np.concatenate(parts)


def _stop_table() -> tuple[npt.NDArray[np.uint64], np.uint64]:
    """Return a table in which the stop words' hashes stand at their own highest bits.

    The fewest bits are taken with which no two of them share a place, so one look tells exactly.
    """
    hashes = hashed_tokens(_STOP_WORDS, [""] * len(_STOP_WORDS)).hashes
    for bits in range(8, 20):
        places = hashes >> np.uint64(64 - bits)
        if np.unique(places).size == hashes.size:
            table = np.zeros(1 << bits, np.uint64)
            table[places] = hashes
            return table, np.uint64(64 - bits)
    raise AssertionError("no table of stop words fits")


_STOP_TABLE, _STOP_SHIFT = _stop_table()


def sigmoid(logits: npt.NDArray[np.float64]) -> Probabilities:
    """Return 1 / (1 + exp(-logit)), shape as given; beyond 700 a float64 holds no difference.

    >>> sigmoid(np.array([0.0])).tolist()
    [0.5]
    """
    probability: Probabilities = 1 / (1 + np.exp(-logits.clip(-700, 700)))
    return probability
