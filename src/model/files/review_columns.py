"""Which columns of a table hold a review, for who judges tables as people have them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl
import pyarrow as pa

from src.model.core.errors import DataError
from src.model.core.settings import SourceSettings
from src.model.files.readers import BLOCK_ROWS, format_of
from src.model.files.usual_columns import as_words, look_like_names, usual_settings

ADDED = (
    pa.field("label", pa.large_string()),
    pa.field("probability", pa.float64()),
    pa.field("abstained", pa.bool_()),
    pa.field("model_version", pa.int64()),
)
"""The columns that scoring adds."""


@dataclass(frozen=True)
class Columns:
    """All columns of the input, and which of them hold title and text.

    `missing` are the names of what is not there, title or text, in lower case.
    """

    every: tuple[str, ...]
    title: str | None
    text: str | None
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, frame: pl.DataFrame, place: Path, source: SourceSettings) -> Self:
        """Find title and text among the columns, in any case; the settings' names come first.

        Raises:
            DataError: neither is there, one holds no text, two have the same name in another
                case, or a name we add is taken.
        """
        titles = (source.column_title, "title")
        texts = (source.column_text, "text", "message")
        title, text = (_one_of(names, frame.columns, place) for names in (titles, texts))
        if title is None and text is None:
            msg = f"{place} has no column title, text or message{_others(frame.columns, place)}."
            raise DataError(msg, hint=_hint(frame.columns, place))
        for name in (title, text):
            kind = frame.schema[name] if name else pl.String()
            if kind.is_nested() or kind == pl.Binary:
                msg = f"{place}: the column {name} holds no text but {kind}."
                raise DataError(msg, hint="Write it as text.")
        refuse_taken(frame.columns, place)
        missing = (*(() if title else titles), *(() if text else texts))
        return cls(tuple(frame.columns), title, text, tuple(name.lower() for name in missing))

    @property
    def needed(self) -> list[str]:
        return [name for name in (self.title, self.text) if name]

    @property
    def used(self) -> str:
        """Say, for people, which columns were judged and which were not."""
        unread = [name for name in self.every if name not in self.needed]
        others = f"; not judged: {', '.join(unread)}" if unread else ""
        if self.title and self.text:
            return f"judged by the title in {self.title} and the text in {self.text}{others}"
        alone = f"the title in {self.title}" if self.title else f"the text in {self.text}"
        missing = "text or message" if self.title else "title"
        return f"judged by {alone} alone, as there is no column {missing}{others}"

    def refuse_late(self, keys: Iterable[str], place: Path) -> None:
        """Raise DataError where title or text first stands in a later row than was looked at."""
        if late := sorted(key for key in keys if key.lower() in self.missing):
            msg = (
                f"{place}: {' and '.join(late)} stands in no row of the first {BLOCK_ROWS:,}, "
                "but in a later one."
            )
            raise DataError(msg, hint="Give every object the same keys, empty where unknown.")


def lacks_header(given: Sequence[str], place: Path, source: SourceSettings) -> bool:
    """Say whether a CSV's first line is a row already: a label that is set, and what follows it.

    The files of Kaggle's data set are so: `"2","Great","I love it"`.
    """
    return (
        format_of(place.name) == ".csv"
        and len(given) == len(source.columns)
        and given[0].strip() in source.labels
    )


def _one_of(names: Sequence[str], columns: Sequence[str], place: Path) -> str | None:
    """Return the column of the first of these names that is there, in its own or another case."""
    for name in names:
        if name in columns:
            return name
        found = [column for column in columns if column.lower() == name.lower()]
        if len(found) > 1:
            msg = f"{place} has the columns {' and '.join(found)}; which one is the {names[-1]}?"
            raise DataError(msg, hint=f"Name one of them {name}.")
        if found:
            return found[0]
    return None


def _others(columns: Sequence[str], place: Path) -> str:
    """Return what a table has instead; of CSV only how much, it may be somebody's review."""
    if _are_names(columns, place):
        return f"; it has {', '.join(columns) or 'none'}"
    return f": its first line, {len(columns)} cells, is taken for the header"


def _hint(columns: Sequence[str], place: Path) -> str:
    usual = usual_settings(columns) if _are_names(columns, place) else {}
    names = ("REVIEWS_COLUMN_TITLE", "REVIEWS_COLUMN_TEXT")
    if told := as_words({name: usual[name] for name in names if name in usual}):
        return f"Set {told}, or rename them."
    hint = f"Name them so, or name yours in {' and '.join(names)}."
    if format_of(place.name) != ".csv":
        return hint
    return f"{hint} A file without a header needs one: a first line such as title,text."


def _are_names(columns: Sequence[str], place: Path) -> bool:
    return format_of(place.name) != ".csv" or look_like_names(columns, len(columns))


def refuse_taken(names: Iterable[str], place: Path) -> None:
    """Raise DataError where a name that is added is there already."""
    if taken := [field.name for field in ADDED if field.name in names]:
        msg = f"{place} has the column {' and '.join(taken)} already."
        raise DataError(msg, hint="Rename it: the scored file adds a column of that name.")
