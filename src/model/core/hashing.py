"""The text path for many reviews at once: token hashes and hashed n-grams, by NumPy.

A loop over words in Python costs a microsecond each. Here is none: a *prefix hash* gives the hash
of every token of a chunk of reviews at once. With `P[i] = sum(byte[j] * B**j for j < i) mod 2**64`,
one running sum, the bytes s..e hash to `(P[e] - P[s]) * B**-s`, the polynomial fingerprint of Karp
and Rabin (1987), which is the same wherever the bytes stand. It is exact because an odd B has an
inverse modulo 2**64.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.model.core.folding import SYMBOLS
from src.model.core.text import BORDER, clean_field, folded, is_plain

BASE = 0x9E3779B97F4A7C15
MIX = 0xD6E8FEB86659FD93
"""Odd 64-bit constants of the hash; a model is only valid with the ones it was trained with."""

_CHUNK = 1 << 16  # characters: the arrays of a chunk stay in the processor's cache
_WORD, _MARK = 1, 2
_KIND = bytes(
    _WORD if c >= 128 or chr(c).isalnum() or c == ord("'") else _MARK if chr(c) in "!?.," else 0  # noqa: PLR2004
    for c in range(256)
)
_FOREIGN = re.compile(r"[^\x00-\x7f\w]")
_SYMBOL = re.compile(f"[{SYMBOLS}]")


def _powers(base: int, length: int) -> npt.NDArray[np.uint64]:
    table = np.full(length, base, np.uint64)
    table[0] = 1
    return np.multiply.accumulate(table)


_INVERSE = pow(BASE, -1, 1 << 64)
_LONG = 4 * _CHUNK + 1  # a chunk of characters of up to four bytes
_TABLES = _powers(BASE, _LONG), _powers(_INVERSE, _LONG)


class Tokens(NamedTuple):
    """The tokens of r reviews, title before text, one review after the other.

    `hashes` has one number for each of t tokens, shape (t,); `per_field` says how many of them
    stand in each title and each text in turn, shape (2r,); `offsets`, where each review's tokens
    begin, and where the last one's end, shape (r + 1,).
    """

    hashes: npt.NDArray[np.uint64]
    per_field: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]

    def word_buckets(self, bits: int) -> npt.NDArray[np.uint64]:
        """Return the bucket of every token by itself, shape (t,)."""
        return (self.hashes * np.uint64(MIX)) >> np.uint64(64 - bits)


class Buckets(NamedTuple):
    """The n-grams of r reviews as bucket numbers.

    Review i has `indices[offsets[i]:offsets[i + 1]]`; `offsets` has shape (r + 1,).
    """

    indices: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]


def buckets(titles: Sequence[str], texts: Sequence[str], *, bits: int, n: int) -> Buckets:
    """Return the hashed word 1..n-grams of r raw or clean reviews, in 2**bits buckets.

    A review's buckets depend on nothing but the review: not on its neighbours, their order or
    their number.
    """
    parts = list(bucket_chunks(titles, texts, bits=bits, n=n))
    lengths = [np.zeros(0, np.int64), *(np.diff(part.offsets) for part in parts)]
    indices = [np.zeros(0, np.uint32), *(part.indices for part in parts)]
    return Buckets(np.concatenate(indices), _offsets(np.concatenate(lengths)))


def bucket_chunks(
    titles: Sequence[str], texts: Sequence[str], *, bits: int, n: int
) -> Iterator[Buckets]:
    """Yield `buckets` of the reviews chunk by chunk, in their order, in bounded memory."""
    for tokens in token_chunks(titles, texts):
        yield ngram_buckets(tokens, bits=bits, n=n)


def token_chunks(titles: Sequence[str], texts: Sequence[str]) -> Iterator[Tokens]:
    """Yield the tokens of the reviews, some reviews at a time, in their order."""
    for chunk in review_chunks(titles, texts):
        yield hashed_tokens(titles[chunk], texts[chunk])


def review_chunks(titles: Sequence[str], texts: Sequence[str]) -> Iterator[slice]:
    """Yield slices of reviews of about `_CHUNK` characters, at least one review each."""
    if len(titles) == 1:
        yield slice(0, 1)
        return
    sizes = (np.fromiter(map(len, side), np.int64, len(titles)) for side in (titles, texts))
    ends = np.cumsum(sum(sizes, np.full(len(titles), 2)))
    start = 0
    while start < len(titles):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + _CHUNK, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


def hashed_tokens(titles: Sequence[str], texts: Sequence[str]) -> Tokens:
    """Return the tokens of r reviews at once; takes about 100 bytes for each character."""
    data = _joined(titles, texts)
    starts, hashes = _token_hashes(data)
    (borders,) = (np.frombuffer(data, np.uint8) == ord(BORDER)).nonzero()
    per_field = np.empty(borders.size, np.int64)  # where each field's tokens end, then how many
    per_field[:-1], per_field[-1:] = starts.searchsorted(borders[1:]), starts.size
    per_field[1:] -= per_field[:-1].copy()
    return Tokens(hashes, per_field, _offsets(per_field[0::2] + per_field[1::2]))


def ngram_buckets(tokens: Tokens, *, bits: int, n: int) -> Buckets:
    """Return the hashed 1..n-grams of r tokenised reviews, in 2**bits buckets.

    An n-gram's hash grows from that of its first n - 1 tokens; those that would cross the end of
    their field are left out.
    """
    count = tokens.hashes.size
    field_end = tokens.per_field.cumsum().repeat(tokens.per_field)
    position = np.arange(count)
    numbers = np.empty((count, n), np.uint32)  # of each token: its 1-gram, 2-gram, …
    inside = np.empty((count, n), np.bool_)
    mix, shift = np.uint64(MIX), np.uint64(64 - bits)
    gram = tokens.hashes
    for more in range(n):
        if more:
            gram = gram[:-1] * mix + tokens.hashes[more:]
        numbers[: gram.size, more] = (gram * mix) >> shift
        np.less(position + more, field_end, out=inside[:, more])
    per_length = np.maximum(tokens.per_field[:, None] - np.arange(n), 0)  # (2r, n)
    return Buckets(numbers[inside], _offsets(per_length.reshape(-1, 2 * n).sum(axis=1)))


def _offsets(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return where rows of these lengths begin, and where the last one ends, shape (r + 1,)."""
    offsets = np.zeros(lengths.size + 1, np.int64)
    lengths.cumsum(out=offsets[1:])
    return offsets


def _joined(titles: Sequence[str], texts: Sequence[str]) -> bytes:
    """Return all fields, title and text in turn, in UTF-8 and folded, a border before each.

    What is no token is blanked out. Cleaning changes a field's tokens only where it holds markup,
    an emoticon or a character beyond ASCII; only such fields take the slow way.
    """
    fields = [""] * (2 * len(titles))
    fields[0::2], fields[1::2] = titles, texts
    whole = BORDER.join(["", *fields])
    if whole.isascii() and whole.count(BORDER) == len(fields) and is_plain(whole):
        return whole.encode().lower()
    return BORDER.join(["", *map(_prepared, fields)]).encode().lower()


def _prepared(field: str) -> str:
    if field.isascii() and BORDER not in field and is_plain(field):
        return field
    return _FOREIGN.sub(_symbol_alone, folded(clean_field(field)))


def _symbol_alone(match: re.Match[str]) -> str:
    return f" {match[0]} " if _SYMBOL.match(match[0]) else " "


def _token_hashes(data: bytes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint64]]:
    """Return where each token starts, and its hash, both of shape (tokens,)."""
    kind = np.frombuffer(data.translate(_KIND), np.uint8)
    word, mark = kind == _WORD, kind == _MARK
    turn = word[1:] != word[:-1]  # a word begins or ends between two bytes
    first, final = word | mark, word | mark
    np.logical_and(first[1:], turn | mark[1:], out=first[1:])
    np.logical_and(final[:-1], turn | mark[:-1], out=final[:-1])
    (starts,), (finals,) = first.nonzero(), final.nonzero()
    size = len(data)
    power, inverse = _TABLES if size < _LONG else (_powers(BASE, size), _powers(_INVERSE, size))
    prefix = np.frombuffer(data, np.uint8) * power[:size]
    prefix.cumsum(out=prefix)
    # A border stands before the first token, so there always is a byte before it.
    hashes = (prefix[finals] - prefix[starts - 1]) * inverse[starts]
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(BASE)
    hashes ^= hashes >> np.uint64(29)
    return starts, hashes
