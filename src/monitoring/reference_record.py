"""What a version is compared with: its own test rows, as counts. Pure.

Validation rows chose weights and calibration, and training rows flatter; test rows did neither.
A fifth of them, by hash, make the yardstick of words and are not among the m rows compared.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from src.model.core.labels import is_positive
from src.model.core.reading import Readings
from src.model.core.records import Record
from src.model.core.served_model import ServedModel
from src.monitoring.measures import FORMAT, MEASURES, SCORE, Counts, Judged
from src.monitoring.sketch import Sketch
from src.monitoring.yardstick import Yardstick, documents, packed, unpacked

YARDSTICK_SHARE = 0.2

TEST_ROWS = "test rows"
_Numbers = list[Annotated[int, Field(ge=0, lt=2**53)]]


class Reference(Record):
    """A version's reference, as it is kept.

    `digest` is the SHA-256 of the model's description; `of` says in words which reviews were
    counted; `counts` are theirs by measure. Of all labelled test rows: `right` and `positive`, how
    many there were in each bin of the score, and `labelled`, how many fell into it. `words` and
    `documents` are packed counts of the yardstick's tokens and of the reviews with a token, of
    `documents_of` test rows; `sha256` is that of everything else.
    """

    format: Annotated[int, Field(ge=FORMAT, le=FORMAT)] = FORMAT
    model_version: int
    digest: str
    test_sha256: str
    of: str
    counts: dict[str, _Numbers]
    labelled: _Numbers
    right: _Numbers
    positive: _Numbers
    words: str
    documents: str
    documents_of: Annotated[int, Field(ge=0)] = 0
    sha256: str = ""

    @model_validator(mode="after")
    def _has_all_bins(self) -> Self:
        sizes = {measure.name: measure.values.size for measure in MEASURES}
        by_score = (self.labelled, self.right, self.positive)
        if {name: len(found) for name, found in self.counts.items()} != sizes or any(
            len(found) != SCORE.values.size for found in by_score
        ):
            msg = "has other measures or bins"
            raise ValueError(msg)
        if not sum(self.labelled) or self.sketch.rows < 1:
            msg = "holds no reviews"
            raise ValueError(msg)
        return self

    def sealed(self) -> Self:
        """Return the same with the digest of what it holds."""
        return self.model_copy(update={"sha256": self._digest()})

    @property
    def is_whole(self) -> bool:
        """Whether it holds what it held when it was sealed."""
        return self.sha256 == self._digest()

    def _digest(self) -> str:
        content = self.model_dump_json(exclude={"sha256"})
        return hashlib.sha256(content.encode()).hexdigest()

    @cached_property
    def sketch(self) -> Sketch:
        """The counts of the m reviews that windows are compared with."""
        return Sketch({name: np.array(found, np.int64) for name, found in self.counts.items()})

    @cached_property
    def yardstick(self) -> Yardstick:
        return Yardstick(unpacked(self.words))

    @property
    def is_adopted(self) -> bool:
        """Whether a window of the log stands in the place of the test rows."""
        return self.of != TEST_ROWS

    @property
    def accuracy(self) -> float:
        """The version's accuracy on its test rows."""
        return sum(self.right) / sum(self.labelled)

    @property
    def positive_share(self) -> float:
        """The share of truly positive test rows."""
        return sum(self.positive) / sum(self.labelled)

    @property
    def score_gap(self) -> float:
        """The mean score of truly positive test rows less that of negative ones, in points."""
        positive = np.array(self.positive, np.int64)
        negative = np.array(self.labelled, np.int64) - positive
        return SCORE.mean(positive) - SCORE.mean(negative)

    def adopting(self, sketch: Sketch, of: str) -> Self:
        """Return the same with other reviews to compare with; what labels told stays."""
        return type(self)(**{**self.model_dump(), "counts": sketch.lists(), "of": of})


@dataclass
class ReferenceMaker:
    """Makes a reference from blocks of test rows, so that not all are held at once."""

    model: ServedModel
    yardstick: Yardstick
    _sketch: Sketch = field(default_factory=lambda: Sketch.sum([]))
    _documents: npt.NDArray[np.int64] | None = None
    _by_score: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((3, SCORE.values.size), np.int64)
    )

    def add(
        self,
        titles: list[str],
        texts: list[str],
        positive: npt.NDArray[np.bool_],
        compared: npt.NDArray[np.bool_],
    ) -> None:
        """Take n labelled rows; those that are `compared` are not part of the yardstick."""
        readings = self.model.read(titles, texts)
        right = is_positive(readings.probability) == positive
        marks = (np.ones_like(positive), right, positive)
        self._by_score += np.array([SCORE.count(readings.probability[mark]) for mark in marks])
        kept = np.flatnonzero(compared).tolist()
        chosen = [titles[i] for i in kept], [texts[i] for i in kept]
        judged = judged_of(readings, self.yardstick.surprise(titles, texts))
        self._sketch = Sketch.sum([self._sketch, Sketch.of(only(judged, compared))])
        before = self._documents if self._documents is not None else 0
        self._documents = before + documents(*chosen)

    def made(self, **about: Any) -> Reference:
        """Return the reference; `about` are its other fields."""
        labelled, right, positive = self._by_score.tolist()
        words = self._documents if self._documents is not None else documents([], [])
        return Reference(
            counts=self._sketch.lists(),
            labelled=labelled,
            right=right,
            positive=positive,
            words=packed(self.yardstick.counts),
            documents=packed(words),
            documents_of=self._sketch.rows,
            **about,
        )


def judged_of(readings: Readings, surprise: npt.NDArray[np.float64]) -> Judged:
    """Return what a model read of n reviews as it is measured."""
    return Judged(
        readings.probability,
        readings.abstained,
        readings.title_tokens,
        readings.tokens,
        readings.unknown_share,
        readings.language_share,
        surprise,
    )


def only(judged: Judged, chosen: npt.NDArray[Any]) -> Judged:
    """Return some of n reviews, by a mask of shape (n,) or by their places."""
    return Judged(*(getattr(judged, name)[chosen] for name in Judged.__dataclass_fields__))


def yardstick_of(blocks: Iterable[tuple[list[str], list[str]]]) -> Yardstick:
    """Return the yardstick that blocks of titles and texts make together."""
    counts = documents([], [])
    for titles, texts in blocks:
        counts = counts + Yardstick.of(titles, texts).counts
    return Yardstick(counts)


def score_counts(reference: Reference) -> tuple[Counts, Counts]:
    """Return how many labelled test rows fell into each bin of the score, and how many right."""
    return np.array(reference.labelled, np.int64), np.array(reference.right, np.int64)
