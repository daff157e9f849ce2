"""Reviews that change from day to day, and the labels that come a day later. Pure.

What a service gets in a year, in three weeks: other mixes of labels, typos, a client that is
broken, another language, an app that cuts words short, and labels that are wrong.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import polars as pl

from src.model.data.synthetic import generate, parse
from src.model.files.rows import NEGATIVE, POSITIVE

_WORD, _LETTERS = re.compile(r"[^\W\d_]+"), 3
_PRAISE = (
    "Gostei muito, chegou antes do prazo", "Produto excelente, recomendo a todos",
    "Funciona perfeitamente e é muito bonito", "Vale cada centavo, comprarei de novo",
    "Adorei, superou as minhas expectativas", "Ótima qualidade, minha filha amou",
)  # fmt: skip
_BLAME = (
    "Não gostei, veio com defeito", "Produto péssimo, não recomendo a ninguém",
    "Parou de funcionar em dois dias", "Muito caro para o que oferece",
    "Decepcionante, pedi o meu dinheiro de volta", "Qualidade ruim, quebrou logo",
)  # fmt: skip


@dataclass(frozen=True)
class Review:
    """A review as a client sends it, and what it really is."""

    title: str
    message: str
    positive: bool


@dataclass(frozen=True)
class Phase:
    """Some days of the same kind: what people read of them, and how their reviews are made.

    `knobs` bend generated reviews, see `data.synthetic`. `swapped`: title and message change
    places; `shortened`: words are cut; `portuguese`: another language; `labels_flipped`: labels
    say the opposite.
    """

    name: str
    days: int
    knobs: str = ""
    swapped: bool = False
    shortened: bool = False
    portuguese: bool = False
    labels_flipped: bool = False


PHASES = (
    Phase("as usual", 3),
    Phase("more positive", 2, "positive_share=0.75"),
    Phase("only books", 2, "categories=books:1"),
    Phase("typos", 2, "typos=0.6"),
    Phase("title, text swapped", 2, swapped=True),
    Phase("Portuguese", 2, portuguese=True),
    Phase("wrong labels", 2, labels_flipped=True),
    Phase("usual again", 2),
    Phase("words cut short by an app", 6, shortened=True),
)
SHORTENED = PHASES[-1]
"""The days of the demo; retraining happens in the last phase."""


def schedule(phases: tuple[Phase, ...] = PHASES) -> Iterator[tuple[int, Phase]]:
    """Yield each day's number and its phase."""
    days = [phase for phase in phases for _ in range(phase.days)]
    yield from enumerate(days)


def reviews_of(phase: Phase, day: int, count: int) -> list[Review]:
    """Return a day's reviews, other ones every day."""
    if phase.portuguese:
        return _portuguese(Random(day), count)  # noqa: S311 - no secret
    spec = f"synthetic:{count}@{1_000 + day}"
    (*_, (_, frame)) = [
        part for part in generate(parse(f"{spec}?{phase.knobs}" if phase.knobs else spec))
        if part[0] == "train"
    ]  # fmt: skip
    return [_review(row, phase) for row in _rows(frame)][:count]


def write_csv(reviews: list[Review], path: Path) -> None:
    """Write labelled reviews as a CSV that `ingest` reads."""
    polarity = [POSITIVE if review.positive else NEGATIVE for review in reviews]
    titles, texts = [review.title for review in reviews], [review.message for review in reviews]
    pl.DataFrame({"polarity": polarity, "title": titles, "text": texts}).write_csv(path)


def _rows(frame: pl.DataFrame) -> Iterator[tuple[str, str, bool]]:
    positive = [label == POSITIVE for label in frame["polarity"].to_list()]
    yield from zip(frame["title"].to_list(), frame["text"].to_list(), positive, strict=True)


def _review(row: tuple[str, str, bool], phase: Phase) -> Review:
    title, text, positive = row
    if phase.shortened:
        title, text = (_WORD.sub(lambda word: word[0][:_LETTERS], field) for field in (title, text))
    return Review(text, title, positive) if phase.swapped else Review(title, text, positive)


def _portuguese(random: Random, count: int) -> list[Review]:
    found = []
    for number in range(count):
        positive = random.random() < 0.5  # noqa: PLR2004
        first, second = random.sample(_PRAISE if positive else _BLAME, 2)
        found.append(Review(first.split(",")[0], f"{first}. {second}, pedido {number}.", positive))
    return found
