"""The text path: raw title and text -> clean fields -> tokens, the same in training and everywhere after.

Every function here is pure and knows only the standard library.
"""

import html
import re
import unicodedata
from typing import NamedTuple

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


def tokens(field: str) -> list[str]:
    """Return the lower-cased tokens of one clean field."""
    return _TOKEN.findall(field.lower())


def document(title: str, text: str) -> str:
    """Return clean title and text as one string with `BORDER` between them."""
    fields = clean(title, text)
    return f"{fields.title}{BORDER}{fields.text}"
