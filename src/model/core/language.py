"""Which language reviews are in, told by the words that are most frequent in it.

A guess that is good enough for counting and slicing many reviews, and for a hint about one.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from src.model.core.hashing import Tokens, hashed_tokens, token_chunks
from src.model.core.ragged import row_shares
from src.model.core.records import Language

_MIN_TOKENS, _MIN_SHARE = 8, 0.05


class FrequentWords:
    """A language's most frequent words, each found by one look into a table."""

    def __init__(self, words: Sequence[str]) -> None:
        """Take words of one token each."""
        self._table, self._shift = _table(words)

    def among(self, tokens: Tokens) -> npt.NDArray[np.bool_]:
        """Return which of t tokens are such words, shape (t,)."""
        found: npt.NDArray[np.bool_] = (
            self._table.take(tokens.hashes >> self._shift) == tokens.hashes
        )
        return found

    def shares(self, tokens: Tokens) -> npt.NDArray[np.float64]:
        """Return the share of each of r reviews' tokens that are such words, shape (r,).

        English prose has about a third of them.
        """
        shares: npt.NDArray[np.float64] = row_shares(tokens.offsets, self.among(tokens))[0]
        return shares

    def lacking(self, titles: Sequence[str], texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return which of n reviews of at least eight tokens hardly have any, shape (n,).

        >>> english = FrequentWords(["the", "was", "it", "and", "of", "is", "this", "to"])
        >>> english.lacking(["Muito bom", ""], ["Gostei muito deste livro, vale a pena.", "Good"])
        array([ True, False])
        """
        parts = [
            looks_other(np.diff(tokens.offsets), self.shares(tokens))
            for tokens in token_chunks(titles, texts)
        ]
        return np.concatenate([np.zeros(0, np.bool_), *parts])


def looks_other(
    tokens: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Return which of n reviews look like another language, by tokens and `shares`, shape (n,)."""
    return (tokens >= _MIN_TOKENS) & (shares < _MIN_SHARE)


@lru_cache(16)
def frequent_words(language: Language) -> FrequentWords:
    """Return the table of a language."""
    return FrequentWords(language.frequent_words)


def _table(words: Sequence[str]) -> tuple[npt.NDArray[np.uint64], np.uint64]:
    """Return a table in which the words' hashes stand at their own highest bits.

    The fewest bits are taken with which no two of them share a place, so one look tells exactly.
    """
    hashes = np.unique(hashed_tokens(words, [""] * len(words)).hashes)
    for bits in range(8, 24):
        places = hashes >> np.uint64(64 - bits)
        if np.unique(places).size == hashes.size:
            table = np.zeros(1 << bits, np.uint64)
            table[places] = hashes
            return table, np.uint64(64 - bits)
    raise AssertionError("no table of frequent words fits")
