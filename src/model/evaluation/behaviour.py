"""What a model can and cannot do, case by case.

The method is CheckList (Ribeiro et al. 2020, "Beyond accuracy", section 2). The cases are data, in
`behaviour.toml`: minimum functionality, invariance, and direction.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from src.model.core.labels import LABELS, is_positive
from src.model.core.served_model import ServedModel

Kind = Literal["minimum", "invariance", "directional"]
KINDS: tuple[Kind, ...] = ("minimum", "invariance", "directional")

TOLERANCE = 0.1
"""By how much a probability may move where it should not: CheckList's own.

One that should not fall may fall by this much, and one that should not rise may rise.
"""

_MOVES = {"down", "up", "not down", "not up"}


@dataclass(frozen=True)
class Case:
    """One expectation of one review, or of how the second of two is judged beside the first.

    `reviews` are pairs (title, text).
    """

    kind: Kind
    capability: str
    expected: str
    reviews: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Outcome:
    """A case, the probabilities of positive of its reviews, and whether they are as expected."""

    case: Case
    probabilities: tuple[float, ...]
    passed: bool


@dataclass(frozen=True)
class Rate:
    """How many of a capability's cases passed."""

    kind: Kind
    capability: str
    passed: int
    cases: int

    @property
    def share(self) -> float:
        return self.passed / self.cases


@cache
def cases() -> tuple[Case, ...]:
    """Return the cases of `behaviour.toml`."""
    content = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return tuple(case for kind in KINDS for group in content[kind] for case in _group(kind, group))


def _group(kind: Kind, group: Mapping[str, Any]) -> Iterable[Case]:
    expected = {
        "minimum": group.get("label"),
        "invariance": "the same label",
        "directional": group.get("moves"),
    }[kind]
    if expected not in {*LABELS, "the same label", *_MOVES}:
        msg = f"{group['capability']}: {expected!r} is nothing that can be expected"
        raise ValueError(msg)
    in_title = group.get("field") == "title"
    for entry in group["cases"] if kind == "minimum" else group["pairs"]:
        texts = [entry] if isinstance(entry, str) else entry
        reviews = tuple((text, "") if in_title else ("", text) for text in texts)
        yield Case(kind, group["capability"], expected, reviews)


def examine(model: ServedModel, chosen: Sequence[Case] | None = None) -> list[Outcome]:
    """Return how the model does on every case."""
    chosen = cases() if chosen is None else chosen
    reviews = [review for case in chosen for review in case.reviews]
    titles, texts = [title for title, _ in reviews], [text for _, text in reviews]
    probability = model.probabilities(titles, texts)
    ends = np.cumsum([len(case.reviews) for case in chosen])
    parts = (tuple(map(float, part)) for part in np.split(probability, ends[:-1]))
    return [
        Outcome(case, part, _as_expected(case, part))
        for case, part in zip(chosen, parts, strict=True)
    ]


def _as_expected(case: Case, probability: Sequence[float]) -> bool:
    before, after = probability[0], probability[-1]
    first, second = map(bool, is_positive(np.array([before, after])))
    answers = {
        "negative": not first,
        "positive": first,
        "the same label": first == second,
        "down": after < before,
        "up": after > before,
        "not down": after >= before - TOLERANCE,
        "not up": after <= before + TOLERANCE,
    }
    return answers[case.expected]


def rates(outcomes: Iterable[Outcome]) -> list[Rate]:
    """Return the pass rate of every capability, in the order of the cases."""
    counted: dict[tuple[Kind, str], list[bool]] = {}
    for outcome in outcomes:
        counted.setdefault((outcome.case.kind, outcome.case.capability), []).append(outcome.passed)
    return [
        Rate(kind, capability, sum(passed), len(passed))
        for (kind, capability), passed in counted.items()
    ]


def shares(found: Iterable[Rate]) -> dict[Kind, float]:
    """Return the share of passed cases of each kind."""
    listed = list(found)
    of_kind = {kind: [rate for rate in listed if rate.kind == kind] for kind in KINDS}
    return {
        kind: sum(r.passed for r in group) / sum(r.cases for r in group)
        for kind, group in of_kind.items()
        if group
    }
