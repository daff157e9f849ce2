"""A cheap guess at what is not English, for counting and slicing, not for deciding about a single row."""

import polars as pl

_STOP_WORDS = r"(?i)\b(?:the|and|is|it|of|this|was|that|with|for|to|have|are|but|not|you|my|they|very|would)\b"
_MIN_WORDS, _MIN_STOP_SHARE = 8, 0.05


def looks_non_english(text: pl.Expr) -> pl.Expr:
    """Return whether a text of at least eight words has hardly any of English's most frequent ones."""
    words = text.str.count_matches(r"\S+")
    return (words >= _MIN_WORDS) & (text.str.count_matches(_STOP_WORDS) < words * _MIN_STOP_SHARE)
