"""Intervals: their formulas, and that resampling measures the same figures scikit-learn does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.model.evaluation.intervals import (
    _WeightedFigures,
    bootstrap_intervals,
    log_losses,
    mean_interval,
    wilson,
)
from src.model.evaluation.metrics import classification_metrics

RANDOM = np.random.default_rng(3)
TRUTH = RANDOM.random(600) < 0.5
SCORES = np.clip(RANDOM.normal(np.where(TRUTH, 0.7, 0.3), 0.2), 0.01, 0.99)


def test_wilsons_interval_is_the_published_one() -> None:
    """Ten of twenty give 0.299 to 0.701; none of ten is not surely none."""
    assert pytest.approx((0.2993, 0.7007), abs=1e-4) == wilson(10, 20)
    assert pytest.approx((0.0, 0.2775), abs=1e-4) == wilson(0, 10)


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0])),
        min_size=2,
        max_size=40,
    )
)
def test_figures_of_equal_weights_are_the_plain_ones(pairs: list[tuple[bool, float]]) -> None:
    """With every row once, ties and all, the figures are those of `classification_metrics`."""
    truth, scores = np.array([t for t, _ in pairs]), np.array([p for _, p in pairs])
    plain = classification_metrics(truth, scores)
    mine = _WeightedFigures(truth, scores).of(np.ones(truth.size))

    assert pytest.approx({name: plain[name] for name in mine}, abs=1e-9) == dict(mine)
    assert ("roc_auc" in plain) == ("roc_auc" in mine)


def test_figures_of_weights_are_those_of_repeated_rows() -> None:
    """A row of weight three counts like three equal rows."""
    weights = np.random.default_rng(0).integers(0, 4, TRUTH.size)
    repeated = classification_metrics(np.repeat(TRUTH, weights), np.repeat(SCORES, weights))
    mine = _WeightedFigures(TRUTH, SCORES).of(weights.astype(float))

    assert pytest.approx({name: repeated[name] for name in mine}) == dict(mine)


def test_intervals_hold_the_figure_and_agree_with_theory() -> None:
    """For the accuracy of 600 rows the bootstrap comes close to the normal interval."""
    figures = classification_metrics(TRUTH, SCORES)
    found = bootstrap_intervals(TRUTH, SCORES, draws=2_000, seed=1)
    half = 1.96 * np.sqrt(figures["accuracy"] * (1 - figures["accuracy"]) / TRUTH.size)

    assert {"accuracy", "f1_macro", "roc_auc", "pr_auc", "log_loss", "brier"} == set(found)
    assert all(interval.low < figures[name] < interval.high for name, interval in found.items())
    assert (
        pytest.approx((figures["accuracy"] - half, figures["accuracy"] + half), abs=0.006)
        == found["accuracy"]
    )
    assert found == bootstrap_intervals(TRUTH, SCORES, draws=2_000, seed=1)


def test_the_interval_of_a_mean_is_that_of_the_central_limit_theorem() -> None:
    """For many rows the percentile bootstrap and the normal interval are the same."""
    losses = log_losses(TRUTH, SCORES)
    half = 1.96 * losses.std() / np.sqrt(losses.size)

    assert pytest.approx((losses.mean() - half, losses.mean() + half), rel=0.03) == mean_interval(
        losses, draws=4_000
    )


def test_a_certain_mistake_has_a_finite_loss() -> None:
    """A probability of zero for what is true is clipped at machine precision."""
    assert (
        pytest.approx([36.04, 0.0], abs=0.01)
        == log_losses(np.array([True, False]), np.array([0.0, 0.0])).tolist()
    )
