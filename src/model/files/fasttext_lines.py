"""Lines of fastText's training format as reviews: `__label__2 title: text`."""

from src.model.files.csv_records import is_too_long
from src.model.files.sniff import FASTTEXT_LABEL

_MARK = FASTTEXT_LABEL.decode()

FASTTEXT_COLUMNS = ("polarity", "title", "text")
"""What a line holds, where nobody calls it otherwise."""


def fasttext_review(line: bytes) -> tuple[str, str, str] | str:
    r"""Return a line's label, title and text, or the reason why it is no review.

    The title ends at the first colon that a blank follows, as in the distribution of the Amazon
    reviews that has this format; a line without one is all text. A title with such a colon in it
    loses its end to the text: the format does not tell.

    >>> fasttext_review(b"__label__2 A fine lamp: Bright, and it has lasted for years\n")
    ('2', 'A fine lamp', 'Bright, and it has lasted for years')
    >>> fasttext_review(b"no label")
    'invalid_label'
    """
    if is_too_long(line):
        return "line_too_long"
    try:
        label, _, review = line.decode("utf-8-sig").strip().partition(" ")
    except UnicodeDecodeError:
        return "invalid_utf8"
    review = review.strip()
    if not label.startswith(_MARK) or review.startswith(_MARK):  # none, or several
        return "invalid_label"
    title, colon, text = review.partition(": ")
    return label.removeprefix(_MARK), *((title, text) if colon else ("", review))
