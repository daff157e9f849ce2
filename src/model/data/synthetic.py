"""Generated reviews for demos, tests and load.

The source is `synthetic:ROWS@SEED`, with `?name=value&…` to bend them.

They imitate the shape of real reviews (length, mixture of moods, noise), so accuracy on them says
nothing about real ones. A grammar is spelled out once into tables of sentences; a review is a row
of indices into them, drawn and joined in whole blocks. Each block has a random generator of its
own, seeded by (seed, split, block): any block can be made without the others, and equal recipes
give equal rows.
"""

import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt
import polars as pl

from src.model.core.errors import UsageError
from src.model.data.sentences import MOODS, Sentences, spell_out
from src.model.files import rows

BLOCK = 50_000
EXTRA = ("category",)
_GRAMMAR = Path(__file__).with_name("sentences.toml")

# How often a sentence of a (negative, positive) review has each mood, in the order of MOODS.
_MOOD_SHARES = np.array(
    [
        # positive negated+ contrast+ negative negated- contrast- sarcasm neutral
        [0.07, 0.01, 0.01, 0.40, 0.06, 0.07, 0.02, 0.36],
        [0.44, 0.06, 0.06, 0.06, 0.01, 0.01, 0.00, 0.36],
    ]
)
_SENTENCES_LOG_MEAN, _SENTENCES_LOG_SD, _MAX_SENTENCES = 2.37, 0.55, 60
_NEUTRAL_TITLES = 0.25


@dataclass(frozen=True)
class Recipe:
    """What to generate. Shares are of rows, except `vocabulary_shift`: of sentences."""

    rows: int
    seed: int
    positive_share: float = 0.5
    label_noise: float = 0.04
    vocabulary_shift: float = 0.0
    typos: float = 0.02
    categories: Mapping[str, float] = field(default_factory=dict)

    @property
    def test_rows(self) -> int:
        """One test row for nine train rows, as in Kaggle's set."""
        return max(self.rows // 9, 1)


def parse(spec: str) -> Recipe:
    """Read `synthetic:ROWS@SEED[?positive_share=0.8&categories=books:3,toys:1]`.

    It raises UsageError for anything else.
    """
    head, _, query = spec.removeprefix("synthetic:").partition("?")
    number, separator, seed = head.replace("_", "").partition("@")
    if not (separator and _is_count(number) and _is_count(seed) and int(number) >= 1):
        msg = f"{spec} is no recipe for synthetic reviews."
        raise UsageError(msg, hint="Write synthetic:ROWS@SEED, for example synthetic:20000@7.")
    knobs: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        knobs[name] = _weights(value) if name == "categories" else _share(name, value)
    return Recipe(int(number), int(seed), **knobs)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18  # noqa: PLR2004 - fits 64 bits


def _share(name: str, value: str) -> float:
    names = [knob for knob, kind in get_type_hints(Recipe).items() if kind is float]
    if name not in names:
        msg = f"{name} is no knob of synthetic reviews."
        raise UsageError(msg, hint=f"Known are {', '.join(names)} and categories.")
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        msg = f"{name}={value} is no share between 0 and 1."
        raise UsageError(msg)
    return share


def _weights(value: str) -> dict[str, float]:
    known = _sentences().categories
    try:
        parts = [part.partition(":") for part in value.split(",")]
        weights = {name: float(weight) for name, _, weight in parts}
    except ValueError:
        weights = {}
    if not weights or set(weights) - set(known) or not _are_weights(weights.values()):
        msg = f"categories={value} gives no weights to known categories."
        raise UsageError(msg, hint=f"Write books:3,toys:1; known are {', '.join(known)}.")
    return weights


def _are_weights(weights: Iterable[float]) -> bool:
    found = list(weights)
    return all(math.isfinite(weight) and weight >= 0 for weight in found) and sum(found) > 0


@cache
def _sentences() -> Sentences:
    return spell_out(tomllib.loads(_GRAMMAR.read_text(encoding="utf-8")))


def generate(recipe: Recipe) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield ("train" or "test", frame) in blocks of at most `BLOCK` rows.

    A frame has the columns polarity, title, text and category.
    """
    sentences = _sentences()
    for number, (split, total) in enumerate((("train", recipe.rows), ("test", recipe.test_rows))):
        for block in range(0, total, BLOCK):
            seeds = np.random.SeedSequence([recipe.seed, number, block // BLOCK])
            random = np.random.default_rng(seeds)
            yield split, _block(recipe, sentences, min(BLOCK, total - block), random)


def _block(
    recipe: Recipe, sentences: Sentences, count: int, random: np.random.Generator
) -> pl.DataFrame:
    unnamed = 0.0 if recipe.categories else 1.0
    weights = np.array([recipe.categories.get(c, unnamed) for c in sentences.categories])
    category = random.choice(len(weights), count, p=weights / weights.sum())
    positive = random.random(count) < recipe.positive_share
    drawn = random.lognormal(_SENTENCES_LOG_MEAN, _SENTENCES_LOG_SD, count).round()
    lengths = np.clip(drawn, 1, _MAX_SENTENCES).astype(np.intp)
    owner = np.repeat(np.arange(count), lengths)
    mood = _draw(_MOOD_SHARES.cumsum(axis=1)[positive[owner].astype(np.intp)], random)
    shifted = random.random(owner.size) < recipe.vocabulary_shift
    picked = sentences.pick(category[owner], mood, shifted, random.random(owner.size))
    text = _joined(sentences.texts.gather(picked), lengths)
    neutral = random.random(count) < _NEUTRAL_TITLES
    headed = sentences.pick_title(category, positive, neutral, random.random(count))
    title = sentences.titles.gather(headed)
    text = _with_typos(text, random.random(count) < recipe.typos, random)
    labelled = positive ^ (random.random(count) < recipe.label_noise)
    return pl.DataFrame(
        {
            "polarity": pl.Series(np.where(labelled, rows.POSITIVE, rows.NEGATIVE), dtype=pl.Int8),
            "title": title,
            "text": text,
            "category": pl.Series(sentences.categories).gather(category),
        }
    )


def _draw(cumulative: npt.NDArray[np.float64], random: np.random.Generator) -> npt.NDArray[np.intp]:
    """Draw one index per row of cumulative shares, shape (n, k) -> (n,)."""
    drawn = (random.random(len(cumulative))[:, None] >= cumulative).sum(axis=1)
    index: npt.NDArray[np.intp] = np.minimum(drawn, len(MOODS) - 1).astype(np.intp)
    return index


def _joined(sentences: pl.Series, lengths: npt.NDArray[np.intp]) -> pl.Series:
    """Join runs of sentences, `lengths[i]` of them into review i."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    frame = pl.DataFrame({"owner": owner, "sentence": sentences})
    reviews = frame.group_by("owner", maintain_order=True)
    return reviews.agg(pl.col("sentence").str.join(" "))["sentence"]


def _with_typos(
    texts: pl.Series, chosen: npt.NDArray[np.bool_], random: np.random.Generator
) -> pl.Series:
    """Swap two neighbouring characters in about one place of a hundred of each chosen text."""
    where = np.flatnonzero(chosen)
    if not where.size:
        return texts
    mistyped = []
    for text in texts.gather(where):
        letters = list(text)
        for place in random.integers(0, max(len(letters) - 1, 1), max(len(letters) // 100, 1)):
            letters[place : place + 2] = letters[place : place + 2][::-1]
        mistyped.append("".join(letters))
    return texts.scatter(where, mistyped)
