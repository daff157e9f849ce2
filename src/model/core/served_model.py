"""The port of every model that serves: what the API, scoring, judging and MLflow ask of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from src.model.core.reading import Probabilities, Readings
from src.model.core.text import Fields, Place


@dataclass(frozen=True)
class Kind:
    """What is known of a kind of model before one is loaded.

    `files` stand in the model's folder beside `model.json`; `packages` are the distributions it
    takes to serve one; a model of more than `max_bytes`, or that takes longer than
    `max_latency_us` for one review (the median, in microseconds), is not what this kind promises.
    """

    name: str
    files: tuple[str, ...]
    packages: tuple[str, ...]
    max_bytes: int
    max_latency_us: float


@dataclass(frozen=True)
class Contribution:
    """One n-gram's share of a review's log-odds, and where in the clean review it stands.

    Above 0 speaks for positive, below for negative.
    """

    ngram: str
    weight: float
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Why a review got its probability.

    `review` is the clean text that the places count in; `contributions` have the weightiest first.
    Where `exact`, they and the intercept add up to the log-odds of positive.
    """

    review: Fields
    intercept: float
    contributions: tuple[Contribution, ...]
    exact: bool

    @property
    def log_odds(self) -> float:
        """The sum of everything."""
        return self.intercept + sum(part.weight for part in self.contributions)


class ServedModel(Protocol):
    """A trained model: pure, thread-safe, the same numbers wherever it is loaded."""

    @property
    def kind(self) -> Kind:
        """What kind of model this is."""

    def read(self, titles: Sequence[str], texts: Sequence[str]) -> Readings:
        """Return what the model makes of n raw or clean reviews.

        A review's reading depends on nothing but the review. Of one that the model knows nothing
        of, the probability is one half exactly, and the model abstains.
        """

    def probabilities(self, titles: Sequence[str], texts: Sequence[str]) -> Probabilities:
        """Return `read(titles, texts).probability`, to the bit, at less cost where there is less.

        For who scores whole tables and asks for nothing else.
        """

    def abstains(self, probability: Probabilities) -> npt.NDArray[np.bool_]:
        """Return which of n answers are too close to call, shape (n,), as `read` says it."""

    def explain(self, title: str, text: str) -> Explanation:
        """Return what decided about one raw or clean review."""


def explanation(
    review: Fields, intercept: float, weighed: Sequence[tuple[str, Place, float]], *, exact: bool
) -> Explanation:
    """Return an explanation from every occurrence of every n-gram, in their order.

    Occurrences of one n-gram become one contribution of the sum of their weights; those whose
    weight is 0 are left out.
    """
    weights: dict[str, float] = {}
    places: dict[str, list[Place]] = {}
    for ngram, place, weight in weighed:
        weights[ngram] = weights.get(ngram, 0.0) + weight
        places.setdefault(ngram, []).append(place)
    parts = [Contribution(n, weight, tuple(places[n])) for n, weight in weights.items() if weight]
    parts.sort(key=lambda part: (-abs(part.weight), part.ngram))
    return Explanation(review, intercept, tuple(parts), exact)
