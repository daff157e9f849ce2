"""Comparing two models: exact tests against sums by hand; how often chance passes for progress."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm

from src.model.core.reading import sigmoid
from src.model.evaluation.compare import compare, holm, mcnemar, slice_changes

SIMULATIONS = 200


def test_mcnemar_against_the_binomial_by_hand() -> None:
    """Eight against two is twice the chance of at most two heads in ten; a draw tells nothing."""
    assert pytest.approx(2 * (1 + 10 + 45) / 1024) == mcnemar(8, 2)
    assert 1.0 == mcnemar(3, 3) == mcnemar(0, 0)


def test_holm_against_hand() -> None:
    """The smallest is multiplied by their number, the next by one less, never below the former."""
    assert pytest.approx([0.04, 0.06, 0.06, 0.9]) == holm([0.01, 0.03, 0.02, 0.9])
    assert [1.0, 1.0] == holm([0.6, 0.9])
    assert [] == holm([])


def test_what_a_comparison_says() -> None:
    """Counts and differences are those of the rows, challenger minus champion."""
    truth = np.array([True] * 6 + [False] * 4)
    champion = np.array([0.9, 0.9, 0.9, 0.4, 0.4, 0.4, 0.1, 0.1, 0.1, 0.6])
    challenger = np.array([0.9, 0.9, 0.4, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1])
    found = compare(truth, challenger, champion)

    assert (4, 1, 10) == (found.only_challenger_right, found.only_champion_right, found.rows)
    assert pytest.approx((0.9, 0.6, 0.3)) == (
        found.challenger_accuracy, found.champion_accuracy, found.accuracy_difference,
    )  # fmt: skip
    assert found.accuracy_interval.low < 0.3 < found.accuracy_interval.high
    assert found.log_loss_difference < 0
    assert pytest.approx(mcnemar(4, 1)) == found.mcnemar_p
    same = compare(truth, champion, champion)
    assert (0.0, 1.0, False) == (same.accuracy_difference, same.mcnemar_p, same.better)


def test_changes_of_slices() -> None:
    """Only slices with enough rows are judged, with p-values corrected for their number."""
    truth = np.ones(300, np.bool_)
    champion = np.full(300, 0.9)
    challenger = np.where(np.arange(300) < 40, 0.1, 0.9)
    masks = {
        "bad": np.arange(300) < 100,
        "good": np.arange(300) >= 100,
        "small": np.arange(300) < 5,
    }
    bad, good = slice_changes(masks, truth, challenger, champion, min_rows=50)

    assert ("bad", 100, -0.4) == (bad.name, bad.rows, bad.difference)
    assert bad.adjusted_p < 1e-9
    assert ("good", 0.0, 1.0) == (good.name, good.difference, good.adjusted_p)


def models(
    rows: int, accuracies: tuple[float, float], seed: int
) -> tuple[npt.NDArray[np.bool_], list[npt.NDArray[np.float64]]]:
    """Return labels and calibrated probabilities of two models of these accuracies.

    Half of their errors are in common.
    """
    random = np.random.default_rng(seed)
    truth = random.random(rows) < 0.5
    common = random.normal(size=rows)
    scores = []
    for accuracy in accuracies:
        strength = norm.ppf(accuracy)
        evidence = (
            strength * np.where(truth, 1, -1)
            + np.sqrt(0.5) * common
            + np.sqrt(0.5) * random.normal(size=rows)
        )
        scores.append(sigmoid(2 * strength * evidence))
    return truth, scores


def test_chance_is_rarely_taken_for_progress() -> None:
    """Of 200 pairs of equal models on 2,500 rows at most 5 % win, give or take counting's noise."""
    better = 0
    for seed in range(SIMULATIONS):
        truth, scores = models(2_500, (0.92, 0.92), seed)
        better += compare(truth, *scores, draws=400, seed=seed).better

    assert better <= SIMULATIONS * (0.05 + 2 * np.sqrt(0.05 * 0.95 / SIMULATIONS))


def test_a_point_of_accuracy_is_found() -> None:
    """Of 200 pairs with a true gain of one point on 40,000 rows at least 95 % are called better."""
    better = 0
    for seed in range(SIMULATIONS):
        truth, scores = models(40_000, (0.93, 0.92), 1_000 + seed)
        better += compare(truth, *scores, draws=100, seed=seed).better

    assert better >= SIMULATIONS * 0.95


def test_a_few_rows_prove_nothing() -> None:
    """Two rows that both models have right do not show which is worse or better."""
    found = compare(np.array([True, False]), np.array([0.99, 0.01]), np.array([0.9, 0.1]))

    assert not found.better
    assert found.accuracy_interval.low < -0.4
