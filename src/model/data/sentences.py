"""The grammar of synthetic reviews, spelled out into tables of sentences by category and mood."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

MOODS = (
    "positive",
    "negated+",
    "contrast+",
    "negative",
    "negated-",
    "contrast-",
    "sarcasm",
    "neutral",
)
_TITLE_MOODS = ("negative", "positive", "neutral")
# Spellings of one template at most, spread evenly over all combinations of its slots.
_FILLINGS = 24
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Sentences:
    """All sentences in one series, and where each (category, mood) begins and how many it has.

    `starts` and `counts` have the shape (2, categories, moods); index 1 on the first axis is the
    shifted vocabulary. The `title_` pair has the shape (categories, 3).
    """

    categories: tuple[str, ...]
    texts: pl.Series
    starts: npt.NDArray[np.intp]
    counts: npt.NDArray[np.intp]
    titles: pl.Series
    title_starts: npt.NDArray[np.intp]
    title_counts: npt.NDArray[np.intp]

    def pick(
        self,
        category: npt.NDArray[np.intp],
        mood: npt.NDArray[np.intp],
        shifted: npt.NDArray[np.bool_],
        uniform: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.intp]:
        """Return indices into `texts`, one for each of the given (n,) arrays.

        `uniform` lies in [0, 1).
        """
        where = (shifted.astype(np.intp), category, mood)
        return self.starts[where] + (uniform * self.counts[where]).astype(np.intp)

    def pick_title(
        self,
        category: npt.NDArray[np.intp],
        positive: npt.NDArray[np.bool_],
        neutral: npt.NDArray[np.bool_],
        uniform: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.intp]:
        """Return indices into `titles`, one for each of the given (n,) arrays."""
        where = (category, np.where(neutral, 2, positive.astype(np.intp)))
        return self.title_starts[where] + (uniform * self.title_counts[where]).astype(np.intp)


def spell_out(grammar: Mapping[str, Any]) -> Sentences:
    """Fill every template with the words of every category.

    That is deterministic, and gives about 100,000 sentences.
    """
    everywhere = {slot: grammar[slot] for slot in ("time", "person", "money")}
    shift = grammar["shift"]
    names = tuple(grammar["category"])
    plain: list[list[str]] = []
    titles: list[list[str]] = []
    for name in names:
        own = grammar["category"][name]
        slots = everywhere | {slot: own[slot] for slot in ("item", "part")}
        for mood in MOODS:
            # A category's own opinions are few but weighty: as frequent as the general ones.
            particular = own.get(mood, [])
            general = _fill(_templates(grammar, mood), slots)
            plain.append(general + particular * (len(general) // max(len(particular) * 2, 1)))
        titles.extend(_fill(grammar[mood]["titles"], slots) for mood in _TITLE_MOODS)
    texts, starts, counts = _stack(plain + [_shifted(sentences, shift) for sentences in plain])
    title_texts, title_starts, title_counts = _stack(titles)
    shape = (2, len(names), len(MOODS))
    title_shape = (len(names), len(_TITLE_MOODS))
    return Sentences(
        names,
        texts,
        starts.reshape(shape),
        counts.reshape(shape),
        title_texts,
        title_starts.reshape(title_shape),
        title_counts.reshape(title_shape),
    )


def _templates(grammar: Mapping[str, Any], mood: str) -> Sequence[str]:
    if mood == "sarcasm":
        return list(grammar["negative"]["sarcasm"])
    if mood[-1] in "+-":
        return list(grammar["positive" if mood[-1] == "+" else "negative"][mood[:-1]])
    return list(grammar[mood]["sentences"])


def _fill(templates: Sequence[str], slots: Mapping[str, Sequence[str]]) -> list[str]:
    filled = []
    for template in templates:
        names = list(dict.fromkeys(_SLOT.findall(template)))
        choices = list(product(*(slots[name] for name in names)))
        step = max(len(choices) / _FILLINGS, 1)
        spellings = [choices[int(i * step)] for i in range(min(len(choices), _FILLINGS))]
        # As many copies of a template without slots as of one with: each phrase is equally likely.
        for i in range(_FILLINGS):
            words = dict(zip(names, spellings[i % len(spellings)], strict=True))
            sentence = template.format(**words)
            filled.append(sentence[:1].upper() + sentence[1:])
    return filled


def _shifted(sentences: Sequence[str], shift: Mapping[str, str]) -> list[str]:
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, shift)) + r")\b")
    return [pattern.sub(lambda match: shift[match[1]], sentence) for sentence in sentences]


def _stack(
    tables: Sequence[Sequence[str]],
) -> tuple[pl.Series, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    counts = np.array([len(table) for table in tables], dtype=np.intp)
    texts = pl.Series([sentence for table in tables for sentence in table], dtype=pl.String)
    return texts, np.concatenate([[0], counts.cumsum()[:-1]]).astype(np.intp), counts
