"""The pipeline as data, and the gate as a function."""

import importlib

import pytest

from src.model import steps
from src.model.pipeline.promote import judge
from src.model.settings import load_settings

SETTINGS = load_settings({}, env_file=None)
GOOD = {"accuracy": 0.9, "recall_negative": 0.9, "recall_positive": 0.9, "roc_auc": 0.95, "log_loss": 0.3}


def missed(figures: dict[str, float], champion: dict[str, float] | None = None) -> list[str]:
    return [rule.name for rule in judge(figures, champion, SETTINGS) if not rule.passed]


def test_steps_come_after_what_they_need() -> None:
    """The list is in an order in which it can be run, and names are unique."""
    seen: set[str] = set()
    for step in steps.STEPS:
        assert set(step.needs) <= seen
        assert step.name not in seen
        seen.add(step.name)


@pytest.mark.parametrize("step", steps.STEPS, ids=lambda step: step.name)
def test_every_step_is_a_command_that_takes_its_arguments(step: steps.Step) -> None:
    """Module, flags and name agree with the code."""
    module = importlib.import_module(step.module)
    words = steps.arguments(step, source="synthetic:10@1", batches="0 1")

    assert step.module.endswith(step.name)
    assert module.build_parser().parse_args(words)


def test_variables_without_a_value_are_left_out() -> None:
    """No source means the step's own default."""
    assert [] == steps.arguments(steps.STEPS[0])
    assert ["--source", "a b;$c"] == steps.arguments(steps.STEPS[0], source="a b;$c")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"accuracy": 0.79}, "accuracy"),
        ({"recall_negative": 0.69}, "recall_negative"),
        ({"recall_positive": 0.69}, "recall_positive"),
        ({"roc_auc": 0.84}, "roc_auc"),
        ({"log_loss": 0.61}, "log_loss"),
    ],
)
def test_each_rule_alone_keeps_a_model_back(change: dict[str, float], rule: str) -> None:
    """One figure over its bound is enough."""
    assert [] == missed(GOOD)
    assert [rule] == missed(GOOD | change)


def test_a_figure_that_could_not_be_computed_fails_its_rule() -> None:
    """A test set of one label has no ROC-AUC, and no claim to one."""
    figures = dict(GOOD)
    del figures["roc_auc"]

    assert ["roc_auc"] == missed(figures)


def test_the_challenger_may_be_a_little_worse_but_not_more() -> None:
    """Half a point of accuracy against the champion is tolerated by default."""
    assert [] == missed(GOOD, {"accuracy": 0.9049})
    assert ["accuracy_against_champion"] == missed(GOOD, {"accuracy": 0.9051})
