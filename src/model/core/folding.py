"""What looks alike or carries no words, made one or dropped: one table for the whole text path.

Measured on real reviews (docs/decisions/folding.md): a tag counted as a word, and an apostrophe
from another keyboard made "don't" two words that a model has never seen.
"""

import re

SYMBOLS = "\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001f3fa\U0001f400-\U0001faff"
"""Emoji, dingbats and stars, as a class of a pattern; each is a token. Skin tones are not."""

_TAGS = (
    "a|abbr|b|big|blockquote|br|center|code|dd|del|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|li|ol|p|"
    "pre|s|small|span|strike|strong|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul"
)
_TAG = re.compile(
    rf"<(?:/(?:{_TAGS})\s*|(?:{_TAGS})(?:\s[^<>]*)?/?)>|\[\[(?:VIDEOID|ASIN):[^\[\]]*\]\]",
    re.IGNORECASE,
)
# UTF-8 that was read as Windows-1252 or Latin-1: the signs that are common in reviews.
_MOJIBAKE = {
    sign.encode().decode(wrong, "ignore"): plain
    for sign, plain in (("\u2019", "'"), ("\u2018", "'"), ("\u2013", " - "), ("\u2014", " - "),
                        ("\u201c", '"'), ("\u2026", "..."))
    for wrong in ("cp1252", "latin-1")
}  # fmt: skip
_SIGN = "\u00e2"  # all of them begin so
_DAMAGED = re.compile(
    _SIGN + "(?:" + "|".join(re.escape(sign[1:]) for sign in sorted(_MOJIBAKE, reverse=True)) + ")"
)
# Acute and grave accent, quotation marks, primes and modifier letters.
_LIKE_APOSTROPHES = (
    "\u00b4\u2018\u2019\u201b\u2032\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\ua78c\u055a"
)
# Soft hyphen, zero width, direction marks, joiners, variation selectors, skin tones.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff"
)
_FULL, _HOLLOW = "\u2605\u2b50\u272d-\u272f\U0001f31f", "\u2606\u2729\u2730"
_ANY_SIGN = re.compile(f"[{_SIGN}`{_LIKE_APOSTROPHES}{_UNSEEN}{_FULL}]")
_RATING = re.compile(
    f"(?<![{_FULL}{_HOLLOW}])(?:[{_FULL}][{_HOLLOW}]{{1,4}}|([{_FULL}]{{2,5}})[{_HOLLOW}]*)"
    f"(?![{_FULL}{_HOLLOW}])"
)
_INVISIBLE = re.compile(f"[{_UNSEEN}]")
# Between two letters. Patterns begin with what is rare: looking behind everywhere is slow.
_APOSTROPHE = re.compile(f"[`{_LIKE_APOSTROPHES}](?<=[^\\W\\d_].)(?=[^\\W\\d_])")
_GRAVE = re.compile("`(?<=[A-Za-z].)(?=[A-Za-z])")
_EMOTICON = re.compile(
    r"[:;=](?:'?-?(?:\)+|\(+)|(?<!\w.)-?[DPp](?!\w)|(?<!\w.)-?[/|](?![/\w]))|<3+"
)
_COLON, _SEMICOLON, _EQUALS = (re.compile(rf"{eyes}['\-)(DPp/|]") for eyes in ":;=")
_FACES = {  # by the mouth
    ")": "\U0001f642",
    "D": "\U0001f642",
    "P": "\U0001f642",
    "p": "\U0001f642",
    "(": "\U0001f641",
    "/": "\U0001f615",
    "|": "\U0001f615",
    "3": "\u2764",
}


def without_markup(value: str) -> str:
    """Return the text with a blank for each known tag of HTML and mark of Amazon's own.

    >>> without_markup("Good.<br /><br>It is < 5 cm")
    'Good.  It is < 5 cm'
    """
    return _TAG.sub(" ", value) if "<" in value or "[" in value else value


def with_plain_signs(value: str) -> str:
    """Return the text with one apostrophe for all that look like it, and nothing invisible.

    A rating in stars is written in words, which is how most people write it.

    >>> with_plain_signs("don\u00b4t, don`t; un\u00adhappy; it doesn\u00e2\u20ac\u2122t")
    "don't, don't; unhappy; it doesn't"
    >>> with_plain_signs("\u2605\u2605\u2605\u2605\u2606")
    ' 4 stars '
    """
    if value.isascii():
        return _GRAVE.sub("'", value) if "`" in value else value
    if not _ANY_SIGN.search(value):
        return value
    value = _DAMAGED.sub(lambda match: _MOJIBAKE[match[0]], _INVISIBLE.sub("", value))
    return _APOSTROPHE.sub("'", _RATING.sub(_in_words, value))


def _in_words(rating: re.Match[str]) -> str:
    return f" {len(rating[1])} stars " if rating[1] else " 1 star "


def has_grave_apostrophe(value: str) -> bool:
    """Say whether an ASCII text has an accent in the place of an apostrophe."""
    return "`" in value and _GRAVE.search(value) is not None


def with_faces(value: str) -> str:
    """Return the text with an emoji for each emoticon, so that both are one token.

    >>> with_faces("Broke :-( but <3 the colour :D http://x") == (
    ...     "Broke \U0001f641 but \u2764 the colour \U0001f642 http://x"
    ... )
    True
    """
    if not may_have_emoticon(value):
        return value
    return _EMOTICON.sub(lambda match: _FACES[match[0][-1]], value)


def may_have_emoticon(value: str) -> bool:
    """Say, quickly, whether there are eyes with something of a face behind them, or a heart."""
    return bool(
        (":" in value and _COLON.search(value))
        or (";" in value and _SEMICOLON.search(value))
        or ("=" in value and _EQUALS.search(value))
        or ("<" in value and "<3" in value)
    )
