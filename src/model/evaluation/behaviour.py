"""What a model can and cannot do, case by case.

The method is CheckList (Ribeiro et al. 2020, "Beyond accuracy", section 2). The cases are data, in
the language's file in `core/languages`: minimum functionality, invariance, and direction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from src.model.core.labels import is_positive
from src.model.core.languages import LabelledCases, LanguagePack, PairedCases
from src.model.core.served_model import ServedModel

Kind = Literal["minimum", "invariance", "directional"]
KINDS: tuple[Kind, ...] = ("minimum", "invariance", "directional")

TOLERANCE = 0.1
"""By how much a probability may move where it should not: CheckList's own.

One that should not fall may fall by this much, and one that should not rise may rise.
"""


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


def cases(pack: LanguagePack) -> tuple[Case, ...]:
    """Return the cases of a language; a language may have none."""
    labelled = [_case("minimum", group, group.label, text)
                for group in pack.minimum for text in group.cases]  # fmt: skip
    paired = [_case("invariance", group, "the same label", *pair)
              for group in pack.invariance for pair in group.pairs]  # fmt: skip
    moved = [_case("directional", group, group.moves, *pair)
             for group in pack.directional for pair in group.pairs]  # fmt: skip
    return (*labelled, *paired, *moved)


def _case(kind: Kind, group: LabelledCases | PairedCases, expected: str, *texts: str) -> Case:
    in_title = group.field == "title"
    reviews = tuple((text, "") if in_title else ("", text) for text in texts)
    return Case(kind, group.capability, expected, reviews)


def examine(model: ServedModel, chosen: Sequence[Case]) -> list[Outcome]:
    """Return how the model does on every case."""
    if not chosen:
        return []
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
