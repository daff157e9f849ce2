"""The text path in words: raw title and text -> clean fields -> tokens -> n-grams.

The same in training and ever after. Every function is pure and knows only the standard library;
`hashing` does the same for many reviews at once, without a loop over words, and a test holds the
two together.
"""

import html
import re
import unicodedata
from typing import NamedTuple

from src.model.core.folding import (
    SYMBOLS,
    has_grave_apostrophe,
    may_have_emoticon,
    with_faces,
    with_plain_signs,
    without_markup,
)

BORDER = "\x1f"
"""Stands between title and text in a document.

`clean` removes it from the input, so it never occurs in a field.
"""

TOKEN_PATTERN = rf"(?:[^\W_]|['\u2019])+|[!?.,]|[{SYMBOLS}]"
"""A run of letters, digits and apostrophes, or one mark or symbol that carries feeling."""

_TOKEN = re.compile(TOKEN_PATTERN)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_DOUBLED_QUOTES = re.compile(r'"{2,}')
_UNNESTED = str.maketrans({"&": " ", "<": " ", "[": " "})
_MAX_PASSES = 4


class Fields(NamedTuple):
    """One review's two fields; n-grams never cross from one into the other."""

    title: str
    text: str


def clean_field(value: str) -> str:
    r"""Undo what stands between a review's words and the model.

    CSV escapes (`\n`, doubled quotes), HTML entities and tags go, NFKC is applied, what looks
    alike becomes one and what nobody sees goes (`folding`), white space collapses.

    Idempotent: `clean_field(clean_field(x)) == clean_field(x)`. Undoing one layer can uncover the
    next (`&amp;lt;`), so passes repeat until nothing changes. Text nested deeper than four layers
    is an attack, not a review: its ampersands and angle brackets go, which leaves nothing to undo
    and keeps the time linear in the length.
    """
    if value.isascii() and '""' not in value and is_plain(value):
        return " ".join(value.split())
    for _ in range(_MAX_PASSES):
        cleaner = _one_pass(value)
        if cleaner == value:
            return value
        value = cleaner
    return clean_field(value.translate(_UNNESTED))


def _one_pass(value: str) -> str:
    if "&" in value:
        value = _ENTITY.sub(lambda match: html.unescape(match[0]), value)
    value = with_plain_signs(value)
    if not value.isascii():
        value = unicodedata.normalize("NFKC", value)
    value = with_faces(without_markup(value))
    value = value.replace("\\n", " ")
    if '""' in value:
        value = _DOUBLED_QUOTES.sub('"', value)
    return " ".join(value.split())


def clean(title: str, text: str) -> Fields:
    """Return the review's fields as training and every later use see them; idempotent.

    >>> clean("Great  value", "It works &amp; lasts")
    Fields(title='Great value', text='It works & lasts')
    """
    return Fields(clean_field(title), clean_field(text))


def folded(field: str) -> str:
    """Return a clean field in lower case, its typographic apostrophes made plain ones."""
    return field.lower().replace("\u2019", "'")


def tokens(field: str) -> list[str]:
    """Return the folded tokens of one clean field.

    >>> tokens("It\u2019s NOT bad!")
    ["it's", 'not', 'bad', '!']
    """
    return _TOKEN.findall(folded(field))


class Place(NamedTuple):
    """Where an n-gram stands: `field` is `title` or `text`, the ends count its characters."""

    field: str
    start: int
    end: int


def token_spans(field: str) -> list[tuple[str, int, int]]:
    """Return the folded tokens of one clean field, each with where it begins and where it ends."""
    if len(field.lower()) == len(field):
        return [(match[0], *match.span()) for match in _TOKEN.finditer(folded(field))]
    # A few capitals have a longer lower case ("\u0130"): every place is traced back to the
    # character it comes from.
    origin = [place for place, character in enumerate(field) for _ in character.lower()]
    origin.append(len(field))
    return [
        (match[0], origin[match.start()], origin[match.end() - 1] + 1)
        for match in _TOKEN.finditer(folded(field))
    ]


def ngrams(title: str, text: str, n: int) -> list[str]:
    """Return the 1..n-grams of one review in the order in which `hashing` numbers them.

    By their first token, and of those with the same one the shorter first.

    >>> ngrams("Not bad", "It works", 2)
    ['not', 'not bad', 'bad', 'it', 'it works', 'works']
    """
    return [
        " ".join(words[start : start + length])
        for words in map(tokens, clean(title, text))
        for start in range(len(words))
        for length in range(1, min(n, len(words) - start) + 1)
    ]


def ngram_places(fields: Fields, n: int) -> list[tuple[str, Place]]:
    """Return the n-grams of a clean review, in the order of `ngrams`, with where each one stands.

    >>> ngram_places(Fields("", "So so"), 1)
    [('so', Place(field='text', start=0, end=2)), ('so', Place(field='text', start=3, end=5))]
    """
    found = []
    for name, spans in zip(Fields._fields, map(token_spans, fields), strict=True):
        for first in range(len(spans)):
            for last in range(first, min(first + n, len(spans))):
                ngram = " ".join(word for word, _, _ in spans[first : last + 1])
                found.append((ngram, Place(name, spans[first][1], spans[last][2])))
    return found


def document(title: str, text: str) -> str:
    """Return clean title and text as one string with `BORDER` between them."""
    fields = clean(title, text)
    return f"{fields.title}{BORDER}{fields.text}"


def is_plain(field: str) -> bool:
    """Say whether an ASCII field surely has the tokens it would have when clean.

    A few looks for single characters, which take a fraction of what one pattern would.
    """
    return not (
        "\\" in field
        or "<" in field
        or ("[" in field and "[[" in field)
        or ("&" in field and _ENTITY.search(field))
        or has_grave_apostrophe(field)
        or may_have_emoticon(field)
    )
