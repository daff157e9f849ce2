"""The text path: raw title and text -> clean fields -> tokens -> hashed n-grams, the same in training and ever after.

Every function here is pure and knows only the standard library and NumPy.

A loop over words in Python costs a microsecond each. `buckets` has none: a *prefix hash* gives the hash of every token
of a chunk of reviews at once. With `P[i] = sum(byte[j] * B**j for j < i) mod 2**64`, one running sum, the bytes s..e
hash to `(P[e] - P[s]) * B**-s`, the polynomial fingerprint of Karp and Rabin (1987), which is the same wherever the
bytes stand. It is exact because an odd B has an inverse modulo 2**64.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BORDER = "\x1f"
"""Stands between title and text in a document. `clean` removes it from the input, so it never occurs in a field."""

TOKEN_PATTERN = r"(?:[^\W_]|['\u2019])+|[!?.,]"  # noqa: S105 - a pattern of words
"""A run of letters, digits and apostrophes, or one mark of punctuation that carries feeling."""

_TOKEN = re.compile(TOKEN_PATTERN)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_DOUBLED_QUOTES = re.compile(r'"{2,}')
_MAX_PASSES = 4


class Fields(NamedTuple):
    """One review's two fields; n-grams never cross from one into the other."""

    title: str
    text: str


def clean_field(value: str) -> str:
    r"""Undo CSV escapes (`\n`, doubled quotes) and HTML entities, apply NFKC, collapse white space.

    Idempotent: `clean_field(clean_field(x)) == clean_field(x)`. Undoing one layer can uncover the next
    (`&amp;lt;`), so passes repeat until nothing changes. Text nested deeper than four layers is an attack, not
    a review: its ampersands go, which leaves nothing to undo and keeps the time linear in the length.
    """
    if value.isascii() and "&" not in value and "\\" not in value and '""' not in value:
        return " ".join(value.split())
    for _ in range(_MAX_PASSES):
        cleaner = _one_pass(value)
        if cleaner == value:
            return value
        value = cleaner
    return clean_field(value.replace("&", " "))


def _one_pass(value: str) -> str:
    if "&" in value:
        value = _ENTITY.sub(lambda match: html.unescape(match[0]), value)
    if not value.isascii():
        value = unicodedata.normalize("NFKC", value)
    value = value.replace("\\n", " ")
    if '""' in value:
        value = _DOUBLED_QUOTES.sub('"', value)
    return " ".join(value.split())


def clean(title: str, text: str) -> Fields:
    """Return the review's fields as training and every later use see them; idempotent."""
    return Fields(clean_field(title), clean_field(text))


def folded(field: str) -> str:
    """Return a clean field in lower case, with the plain apostrophe in the place of the typographic one."""
    return field.lower().replace("\u2019", "'")


def tokens(field: str) -> list[str]:
    """Return the folded tokens of one clean field."""
    return _TOKEN.findall(folded(field))


def token_spans(field: str) -> list[tuple[str, int, int]]:
    """Return the folded tokens of one clean field, each with the places in the field where it begins and ends."""
    if len(field.lower()) == len(field):
        return [(match[0], *match.span()) for match in _TOKEN.finditer(folded(field))]
    # A few capitals have a longer lower case ("\u0130"): every place is traced back to the character it comes from.
    origin = [place for place, character in enumerate(field) for _ in character.lower()]
    origin.append(len(field))
    return [(match[0], origin[match.start()], origin[match.end() - 1] + 1) for match in _TOKEN.finditer(folded(field))]


def ngrams(title: str, text: str, n: int) -> list[str]:
    """Return the 1..n-grams of one review in the order of its `buckets`: by first token, the shorter first."""
    return [
        " ".join(words[start : start + length])
        for words in map(tokens, clean(title, text))
        for start in range(len(words))
        for length in range(1, min(n, len(words) - start) + 1)
    ]


def document(title: str, text: str) -> str:
    """Return clean title and text as one string with `BORDER` between them."""
    fields = clean(title, text)
    return f"{fields.title}{BORDER}{fields.text}"


class Buckets(NamedTuple):
    """The n-grams of r reviews as bucket numbers: review i has `indices[offsets[i]:offsets[i + 1]]`."""

    indices: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]


BASE = 0x9E3779B97F4A7C15
MIX = 0xD6E8FEB86659FD93
"""Odd 64-bit constants of the hash; a model is only valid with the ones it was trained with."""

_CHUNK = 1 << 16  # characters: the arrays of a chunk stay in the processor's cache
_WORD, _MARK = 1, 2
_KIND = bytes(
    _WORD if c >= 128 or chr(c).isalnum() or c == ord("'") else _MARK if chr(c) in "!?.," else 0  # noqa: PLR2004
    for c in range(256)
)
_FOREIGN_BLANK = re.compile(r"[^\x00-\x7f\w]")


def _powers(base: int, length: int) -> npt.NDArray[np.uint64]:
    table = np.full(length, base, np.uint64)
    table[0] = 1
    return np.multiply.accumulate(table)


_INVERSE = pow(BASE, -1, 1 << 64)
_LONG = 4 * _CHUNK + 1  # a chunk of characters of up to four bytes
_TABLES = _powers(BASE, _LONG), _powers(_INVERSE, _LONG)


def buckets(titles: Sequence[str], texts: Sequence[str], *, bits: int, n: int) -> Buckets:
    """Return the hashed word 1..n-grams of r raw or clean reviews, in 2**bits buckets.

    A review's buckets depend on nothing but the review: not on its neighbours, their order or their number.
    """
    parts = list(bucket_chunks(titles, texts, bits=bits, n=n))
    lengths = [np.zeros(1, np.int64), *(np.diff(part.offsets) for part in parts)]
    indices = [np.zeros(0, np.uint32), *(part.indices for part in parts)]
    return Buckets(np.concatenate(indices), np.cumsum(np.concatenate(lengths)))


def bucket_chunks(titles: Sequence[str], texts: Sequence[str], *, bits: int, n: int) -> Iterator[Buckets]:
    """Yield `buckets` of the reviews chunk by chunk, in their order, in bounded memory."""
    for chunk in review_chunks(titles, texts):
        yield hashed_chunk(titles[chunk], texts[chunk], bits=bits, n=n)


def review_chunks(titles: Sequence[str], texts: Sequence[str]) -> Iterator[slice]:
    """Yield slices of reviews of about `_CHUNK` characters, at least one review each."""
    if len(titles) == 1:
        yield slice(0, 1)
        return
    size = np.fromiter(map(len, titles), np.int64, len(titles)) + np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(size + 2)
    start = 0
    while start < len(titles):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + _CHUNK, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


def hashed_chunk(titles: Sequence[str], texts: Sequence[str], *, bits: int, n: int) -> Buckets:
    """Return the buckets of some reviews at once; memory grows with their text, about 100 bytes per character."""
    data = _joined(titles, texts)
    starts, hashes = _token_hashes(data)
    borders = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(BORDER))
    last = np.empty(borders.size, np.int64)  # of every field: its last token's number + 1
    last[:-1], last[-1] = np.searchsorted(starts, borders[1:]), starts.size
    per_field = last.copy()
    per_field[1:] -= last[:-1]
    field_end = np.repeat(last, per_field)
    position = np.arange(starts.size)
    numbers = np.empty((starts.size, n), np.uint32)
    valid = np.empty((starts.size, n), np.bool_)
    mix, shift = np.uint64(MIX), np.uint64(64 - bits)
    gram = hashes
    for k in range(n):
        if k:
            gram = gram[:-1] * mix + hashes[k:]
        numbers[: gram.size, k] = (gram * mix) >> shift
        np.less(position + k, field_end, out=valid[:, k])
    grams = np.maximum(per_field[:, None] - np.arange(n), 0).reshape(len(titles), -1).sum(axis=1)
    offsets = np.zeros(len(titles) + 1, np.int64)
    np.cumsum(grams, out=offsets[1:])
    return Buckets(numbers[valid], offsets)


def _joined(titles: Sequence[str], texts: Sequence[str]) -> bytes:
    """Return all fields, title and text in turn, a border before each: UTF-8, folded, what is no token blanked out.

    Cleaning changes a field's tokens only where it holds an entity, an escape or a character beyond ASCII; only such
    fields take the slow way.
    """
    fields = [""] * (2 * len(titles))
    fields[0::2], fields[1::2] = titles, texts
    whole = BORDER.join(["", *fields])
    if whole.isascii() and "&" not in whole and "\\" not in whole and whole.count(BORDER) == len(fields):
        return whole.encode().lower()
    plain = [f if f.isascii() and "\\" not in f and BORDER not in f and not _entity(f) else _foreign(f) for f in fields]
    return BORDER.join(["", *plain]).encode().lower()


def _entity(field: str) -> bool:
    return "&" in field and _ENTITY.search(field) is not None


def _foreign(field: str) -> str:
    return _FOREIGN_BLANK.sub(" ", folded(clean_field(field)))


def _token_hashes(data: bytes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint64]]:
    """Return where each token starts, and its hash, both of shape (tokens,)."""
    kind = np.frombuffer(data.translate(_KIND), np.uint8)
    word, mark = kind == _WORD, kind == _MARK
    turn = word[1:] != word[:-1]
    first, final = word | mark, word | mark
    np.logical_and(first[1:], turn | mark[1:], out=first[1:])
    np.logical_and(final[:-1], turn | mark[:-1], out=final[:-1])
    starts, finals = np.flatnonzero(first), np.flatnonzero(final)
    power, inverse = _TABLES if len(data) < _LONG else (_powers(BASE, len(data)), _powers(_INVERSE, len(data)))
    prefix = np.frombuffer(data, np.uint8) * power[: len(data)]
    np.cumsum(prefix, out=prefix)
    hashes = (prefix[finals] - prefix[starts - 1]) * inverse[starts]  # a border stands before the first token
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(BASE)
    hashes ^= hashes >> np.uint64(29)
    return starts, hashes
