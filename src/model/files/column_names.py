"""Names of columns that every library below takes as they are."""

import re
from collections.abc import Iterable

from src.model.core.errors import SourceError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def column_names(given: Iterable[str], place: str) -> list[str]:
    r"""Return the names of a source's columns, each one that no library rewrites.

    pandas writes its index under an empty name, a trailing comma makes one, and what is empty or
    holds control characters comes back from Arrow or polars as another name: such a column is
    called by its place, or has a blank instead. All others stay as they are.

    >>> column_names(["", "title", " ", "unnamed_1", "a\0b"], "reviews.csv")
    ['unnamed_1_', 'title', 'unnamed_3', 'unnamed_1', 'a b']

    Raises:
        SourceError: two columns have one name, so it is not clear which one is meant.
    """
    cleaned = [_CONTROL.sub(" ", name) for name in given]
    taken = {name for name in cleaned if name.strip()}
    names = [name if name.strip() else _unnamed(n, taken) for n, name in enumerate(cleaned, 1)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        msg = f"{place} has more than one column {' and '.join(repeated)}."
        raise SourceError(msg, hint="Rename the column, so that it is clear which one is meant.")
    return names


def _unnamed(place: int, taken: set[str]) -> str:
    name = f"unnamed_{place}"
    while name in taken:
        name += "_"
    return name
