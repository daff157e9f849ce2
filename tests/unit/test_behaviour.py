"""The behavioural cases as data, and what counts as passed."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from src.model.core.languages import language_pack, shipped
from src.model.core.reading import Probabilities, Readings
from src.model.core.served_model import Contribution, Explanation, Kind
from src.model.core.text import clean
from src.model.evaluation.behaviour import Case, cases, examine, rates, shares


class Words:
    """A model of the port that looks up texts; what it does not know is a coin's toss."""

    kind = Kind("words", files=(), packages=(), max_bytes=0, max_latency_us=0.0)

    def __init__(self, known: Mapping[str, float]) -> None:
        self._known = known

    def read(self, titles: Sequence[str], texts: Sequence[str]) -> Readings:
        pairs = zip(titles, texts, strict=True)
        probability = np.array([self._known.get(title + text, 0.5) for title, text in pairs])
        none, share = np.zeros(probability.size, np.int64), np.zeros(probability.size)
        return Readings(probability, np.equal(probability, 0.5), none, none, share, share)

    def probabilities(self, titles: Sequence[str], texts: Sequence[str]) -> Probabilities:
        return self.read(titles, texts).probability

    def abstains(self, probability: Probabilities) -> npt.NDArray[np.bool_]:
        return np.equal(probability, 0.5)

    def explain(self, title: str, text: str) -> Explanation:
        (weight,) = self.read([title], [text]).probability.tolist()
        parts = (Contribution(title + text, weight),)
        return Explanation(clean(title, text), 0.0, parts, exact=False)


@pytest.mark.parametrize(("language", "least"), [("en", 250), ("pt", 110)])
def test_there_are_many_cases_and_none_twice(language: str, least: int) -> None:
    """They are of every kind, and no review of a minimum is asked for twice."""
    found = cases(language_pack(language))
    single = [case.reviews for case in found if case.kind == "minimum"]

    assert least <= len(found)
    assert {"minimum", "invariance", "directional"} == {case.kind for case in found}
    assert len(single) == len(set(single))
    assert all(case.reviews[0] != case.reviews[1] for case in found if case.kind != "minimum")
    assert all(len(case.reviews) == (1 if case.kind == "minimum" else 2) for case in found)
    assert all(any(review) for case in found for review in case.reviews)


@pytest.mark.parametrize("language", shipped())
def test_both_labels_are_asked_for_alike(language: str) -> None:
    """A model that says one thing to everything passes about half of the minimum."""
    found = cases(language_pack(language))
    labels = [case.expected for case in found if case.kind == "minimum"]

    assert 0.4 < labels.count("positive") / len(labels) < 0.6


@pytest.mark.parametrize(
    ("expected", "before", "after", "passed"),
    [
        ("positive", 0.5, 0.5, True),
        ("positive", 0.49, 0.49, False),
        ("negative", 0.49, 0.49, True),
        ("the same label", 0.6, 0.9, True),
        ("the same label", 0.6, 0.4, False),
        ("down", 0.6, 0.59, True),
        ("down", 0.6, 0.6, False),
        ("up", 0.6, 0.61, True),
        ("not down", 0.6, 0.51, True),
        ("not down", 0.6, 0.49, False),
        ("not up", 0.6, 0.69, True),
        ("not up", 0.6, 0.71, False),
    ],
)
def test_what_counts_as_passed(expected: str, before: float, after: float, passed: bool) -> None:  # noqa: FBT001
    """A label, the same label, a move, or no move against the grain by more than a tenth."""
    case = Case("directional", "x", expected, (("", "a"), ("", "b")))
    (outcome,) = examine(Words({"a": before, "b": after}), [case])

    assert passed == outcome.passed
    assert (before, after) == outcome.probabilities


def test_rates_count_by_capability_and_kind() -> None:
    """A capability's rate is of its cases, a kind's of all its cases."""
    wanted = [("a", "positive"), ("b", "positive"), ("c", "negative")]
    chosen = [
        Case("minimum", "one" if text != "c" else "two", label, (("", text),))
        for text, label in wanted
    ]
    found = rates(examine(Words({"a": 0.9, "b": 0.1, "c": 0.1}), chosen))

    assert [("one", 1, 2, 0.5), ("two", 1, 1, 1.0)] == [
        (r.capability, r.passed, r.cases, r.share) for r in found
    ]
    assert {"minimum": pytest.approx(2 / 3)} == shares(found)
