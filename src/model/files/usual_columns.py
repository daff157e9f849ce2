"""What people call the columns of a table of reviews, to tell which settings name theirs."""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from src.model.core.errors import SourceError

_LABELS = (
    "polarity label labels sentiment stars star_rating rating ratings score overall class target"
)
_TITLES = "title headline summary subject review_title reviewtitle heading titulo"
_TEXTS = (
    "text body content review review_text reviewtext review_body reviewbody message comment "
    "comments description texto"
)
_LABEL, _TITLE, _TEXT = (f"REVIEWS_COLUMN_{name}" for name in ("POLARITY", "TITLE", "TEXT"))
_USUAL = {_LABEL: _LABELS.split(), _TITLE: _TITLES.split(), _TEXT: _TEXTS.split()}
_DISTRIBUTIONS = (
    # https://huggingface.co/datasets/fancyzhx/amazon_polarity: 0 is negative, 1 is positive
    ("amazon_polarity", ("label", "title", "content"), "binary"),
)
_STARS = {"stars", "star_rating", "rating", "ratings", "score", "overall"}
_SURE = 2


class MissingColumns(SourceError):  # noqa: N818 - a SourceError by name and by nature
    """A table lacks columns that are needed; `given` are those it has."""

    def __init__(self, message: str, *, hint: str = "", given: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.given = tuple(given)


def distribution(given: Sequence[str]) -> tuple[str, tuple[str, str, str], str] | None:
    """Return the distribution of these reviews that has just these columns.

    That is its name, its columns for label, title and text, and the name of its labels' preset.

    >>> distribution(["label", "title", "content"])[0]
    'amazon_polarity'
    """
    fitting = (found for found in _DISTRIBUTIONS if sorted(found[1]) == sorted(given))
    return next(fitting, None)


def refuse_missing(expected: Sequence[str], given: Sequence[str], place: str) -> None:
    """Refuse a table without the columns for label, title (unless there are none) and text.

    Raises:
        MissingColumns: one is missing; the hint names the settings that fit what is there.
    """
    missing = [name for name in expected if name not in given]
    if missing:
        msg = f"{place} has no column {' and '.join(missing)}; it has {', '.join(given)}."
        raise MissingColumns(msg, hint=_hint(expected, given), given=given)


def look_like_names(cells: Sequence[str], expected: int) -> bool:
    """Say whether the first record of a CSV file is a header, of other names than were expected.

    Two usual names are no accident, and neither is one where there are other columns than expected.
    A number is no name.

    >>> look_like_names(["stars", "headline", "body"], 3), look_like_names(["1", "Good", "Text"], 3)
    (True, False)
    """
    if any(cell.strip().replace(".", "", 1).isdecimal() for cell in cells):
        return False
    usual = {name for names in _USUAL.values() for name in names}
    found = sum(cell.strip().lower().replace(" ", "_") in usual for cell in cells)
    return found >= _SURE or (found == 1 and len(cells) != expected)


def usual_settings(given: Iterable[str]) -> dict[str, str]:
    """Return the settings that name these columns, as far as they are called what is usual.

    >>> usual_settings(["Stars", "headline", "body", "created_at"])["REVIEWS_COLUMN_TITLE"]
    'headline'
    """
    columns = {name.strip().lower().replace(" ", "_"): name for name in given}
    found = {}
    for setting, names in _USUAL.items():
        fitting = [columns[name] for name in names if name in columns]
        if fitting:
            found[setting] = fitting[0]
    label = found.get("REVIEWS_COLUMN_POLARITY", "").strip().lower()
    return {**found, "REVIEWS_LABELS": "stars"} if label in _STARS else found


def as_words(settings: Mapping[str, str]) -> str:
    """Return settings as a shell and a line of .env take them.

    >>> as_words({"REVIEWS_COLUMN_TEXT": "Review Text"})
    "REVIEWS_COLUMN_TEXT='Review Text'"
    """
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())


def _hint(expected: Sequence[str], given: Sequence[str]) -> str:
    settings = usual_settings(given)
    names = list(_USUAL) if len(expected) == len(_USUAL) else [_LABEL, _TEXT]
    own = dict(zip(names, expected, strict=True))
    told = as_words({name: value for name, value in settings.items() if own.get(name) != value})
    if set(names) <= set(settings):
        return f"Set {told}."
    if told:
        others = " and ".join(name for name in _USUAL if name not in settings)
        none = " (none where there are no titles)" if _TITLE in others else ""
        return f"Perhaps {told}; name the rest with {others}{none}."
    return f"Name its columns with {', '.join(_USUAL)} (none where there are no titles)."
