"""The same figures for parts of the rows: where a model is worse than its average says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from src.model.core.errors import SettingsError
from src.model.core.labels import is_positive
from src.model.core.language import frequent_words
from src.model.core.languages import LanguagePack
from src.model.evaluation.intervals import Interval, log_losses, wilson

Masks = Mapping[str, npt.NDArray[np.bool_]]
"""Slice name -> which of the n rows belong to it, shape (n,)."""

_LENGTHS = ((0, 20), (21, 60), (61, 120), (121, None))
_MIN_LETTERS = 10
_MOST_VALUES = 20


@dataclass(frozen=True)
class Slice:
    """Figures of one part of the rows.

    One that is not `judged` has too few of them to hold against a model.
    """

    name: str
    rows: int
    positive_share: float
    accuracy: float
    interval: Interval
    log_loss: float
    judged: bool


def text_masks(frame: pl.DataFrame, pack: LanguagePack) -> Masks:
    """Return the slices of n reviews with the columns title and text, in the pack's language.

    They overlap, and some may hold no row.
    """
    both = pl.col("title") + " " + pl.col("text")
    words, letters = both.str.count_matches(r"\S+"), both.str.count_matches(r"\p{L}")
    lengths = {
        _length_name(low, high): words.is_between(low, high or 1 << 40) for low, high in _LENGTHS
    }
    flags = {
        **lengths,
        "title: empty": pl.col("title").str.strip_chars() == "",
        **_with_words("negation: present", both, pack.negation),
        **_with_words("contrast: present", both, pack.contrast),
        "capitals: all": (both == both.str.to_uppercase())
        & (both != both.str.to_lowercase())  # Chinese has no capitals, and Arabic neither
        & (letters >= _MIN_LETTERS),
        "exclamation: present": both.str.contains("!", literal=True),
    }
    found = frame.select(expression.alias(name) for name, expression in flags.items())
    masks = {name: found[name].to_numpy() for name in flags}
    frequent = frequent_words(pack.language)
    other = frequent.lacking(frame["title"].to_list(), frame["text"].to_list())
    return masks | {f"language: not {pack.name}": other}


def _with_words(name: str, both: pl.Expr, words: Sequence[str]) -> dict[str, pl.Expr]:
    """Return the slice of reviews with one of the words, where there are any."""
    pattern = rf"(?i)\b(?:{'|'.join(words)})\b"
    return {name: both.str.contains(pattern)} if words else {}


def refuse_unusable(pack: LanguagePack) -> None:
    """Raise SettingsError where a language's words are no regular expressions for polars.

    It knows no look-around, which Python does.
    """
    for words in filter(None, (pack.negation, pack.contrast)):
        try:
            pl.Series([""]).str.contains("|".join(words))
        except pl.exceptions.ComputeError as error:
            msg = f"The words of {pack.name} cannot be used: {str(error).splitlines()[0]}."
            raise SettingsError(msg, hint="Write them without look-around.") from None


def value_masks(frame: pl.DataFrame) -> Masks:
    """Return a slice for each of the 20 most frequent values of every column.

    Values that occur once have none.
    """
    return {name: mask for column in frame.columns for name, mask in _values(frame[column], column)}


def joined(parts: Sequence[Masks]) -> Masks:
    """Return the slices of consecutive blocks of rows as slices of all rows.

    Those that hold no row are left out.
    """
    names = list(parts[0]) if parts else []
    masks = {name: np.concatenate([part[name] for part in parts]) for name in names}
    return {name: mask for name, mask in masks.items() if mask.any()}


def _length_name(low: int, high: int | None) -> str:
    return f"length: {low} to {high} words" if high else f"length: {low} words and more"


def _values(column: pl.Series, name: str) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    values = column.cast(pl.String).fill_null("")
    for value, count in values.value_counts(sort=True).head(_MOST_VALUES).iter_rows():
        if count > 1:
            yield f"{name} = {value}" if value else f"{name} is empty", (values == value).to_numpy()


def slice_figures(
    masks: Masks,
    positive: npt.NDArray[np.bool_],
    probability: npt.NDArray[np.float64],
    min_rows: int,
) -> list[Slice]:
    """Return each slice's figures; those of at least `min_rows` rows are judged.

    The arrays have shape (n,).
    """
    right, losses = is_positive(probability) == positive, log_losses(positive, probability)
    return [
        Slice(
            name,
            rows := int(mask.sum()),
            float(positive[mask].mean()),
            float(right[mask].mean()),
            wilson(int(right[mask].sum()), rows),
            float(losses[mask].mean()),
            rows >= min_rows,
        )
        for name, mask in masks.items()
    ]
