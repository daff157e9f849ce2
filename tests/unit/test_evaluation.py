"""Figures and plots."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.model.core.errors import DataError
from src.model.evaluation.intervals import Interval
from src.model.evaluation.metrics import classification_metrics, confusion
from src.model.evaluation.plots import confusion_plot, learning_plot, score_plot, slices_plot
from src.model.evaluation.slices import Slice
from src.model.learners.base import LearningPoint

TRUTH = np.array([False, False, False, True, True, True, True, True])
SCORES = np.array([0.1, 0.4, 0.8, 0.2, 0.6, 0.7, 0.9, 0.5])


def test_figures_against_sums_by_hand() -> None:
    """Two of three negatives and four of five positives are right."""
    figures = classification_metrics(TRUTH, SCORES)

    expected = {
        "accuracy": 6 / 8,
        "precision_negative": 2 / 3,
        "recall_negative": 2 / 3,
        "precision_positive": 4 / 5,
        "recall_positive": 4 / 5,
        "f1_positive": 4 / 5,
        "precision_macro": (2 / 3 + 4 / 5) / 2,
        "roc_auc": (5 + 4 + 1) / 15,
        "log_loss": -sum(math.log(p if t else 1 - p) for t, p in zip(TRUTH, SCORES, strict=True))
        / 8,
        "brier": sum((p - t) ** 2 for t, p in zip(TRUTH, SCORES, strict=True)) / 8,
        "rows": 8,
    }
    assert expected == pytest.approx({name: figures[name] for name in expected})


def test_confusion_counts_truth_by_row() -> None:
    """Rows are the truth, columns the prediction, negative first."""
    assert [[2, 1], [1, 4]] == confusion(TRUTH, SCORES).tolist()


def test_one_label_has_no_roc_auc() -> None:
    """Where only one label occurs, what cannot be computed is left out and the rest is there."""
    figures = classification_metrics(np.ones(3, np.bool_), np.array([0.9, 0.8, 0.2]))

    assert "roc_auc" not in figures
    assert figures["accuracy"] == pytest.approx(2 / 3)


def test_no_rows_are_refused() -> None:
    """There is no accuracy of nothing."""
    with pytest.raises(DataError, match="no rows"):
        classification_metrics(np.zeros(0, np.bool_), np.zeros(0))


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=50))
def test_confusion_and_accuracy_agree(pairs: list[tuple[bool, float]]) -> None:
    """The diagonal of the confusion matrix is the accuracy."""
    truth, scores = np.array([t for t, _ in pairs]), np.array([p for _, p in pairs])
    counts = confusion(truth, scores)

    assert len(pairs) == counts.sum()
    assert classification_metrics(truth, scores)["accuracy"] == pytest.approx(
        counts.trace() / len(pairs)
    )


def test_names_from_the_data_are_no_formulas(tmp_path: Path) -> None:
    """A dollar sign in a column's value is drawn as it is."""
    part = Slice(r"price: $\frac{1}$ and $", 10, 0.5, 0.9, Interval(0.8, 0.95), 0.3, judged=True)
    slices_plot([part], 0.9, "x").savefig(tmp_path / "plot.png")

    assert (tmp_path / "plot.png").stat().st_size > 0


def test_plots_show_what_they_are_given() -> None:
    """Counts stand in the cells, and each split has its curve."""
    cells = [
        text.get_text() for text in confusion_plot(confusion(TRUTH, SCORES), "x").axes[0].texts
    ]
    history = [
        LearningPoint(s, {"train_log_loss": 1 / s, "validation_log_loss": 2 / s}) for s in (1, 2)
    ]
    curves = {
        line.get_label(): np.asarray(line.get_ydata()).tolist()
        for line in learning_plot(history, "rows").axes[0].lines
    }

    assert ["2\n66.7%", "1\n33.3%", "1\n20.0%", "4\n80.0%"] == cells
    assert [2.0, 1.0] == curves["validation"]
    assert 2 == len(score_plot(TRUTH, SCORES, "x").axes[0].containers)
