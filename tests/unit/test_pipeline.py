"""The pipeline as data."""

import importlib

import pytest

from src.model import steps


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
