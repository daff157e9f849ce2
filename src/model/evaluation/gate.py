"""The promotion gate: rules on figures, and the decision that follows from them; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from src.model.core import served_model
from src.model.core.settings import PromotionSettings
from src.model.evaluation.behaviour import Kind
from src.model.evaluation.compare import LEVEL, Comparison, SliceChange, compare, slice_changes
from src.model.evaluation.slices import Masks

Decision = Literal["promoted", "kept", "tie", "asked"]

ROLLED_BACK_BEFORE = "not_rolled_back_before"
"""Name of the rule that a version misses which was champion once and was taken back."""


@dataclass(frozen=True)
class Examined:
    """What a model did on the test rows.

    It holds figures, pass rates by kind of case, size, speed, and the n probabilities.
    """

    figures: Mapping[str, float]
    behaviour: Mapping[Kind, float]
    model_bytes: int
    latency_us: float
    kind: served_model.Kind
    probability: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """The n test rows both models saw: the truth, shape (n,), and the slices."""

    positive: npt.NDArray[np.bool_]
    masks: Masks


@dataclass(frozen=True)
class Rule:
    """One condition: a figure, the bound it is held to, and whether it holds.

    `setting` is the name of the bound's setting, where it has one.
    """

    name: str
    figure: float
    bound: float
    at_least: bool
    setting: str = ""

    @property
    def passed(self) -> bool:
        return self.figure >= self.bound if self.at_least else self.figure <= self.bound


@dataclass(frozen=True)
class Verdict:
    """The decision with everything that led to it; without a champion there is no comparison."""

    decision: Decision
    rules: Sequence[Rule]
    comparison: Comparison | None = None
    slices: Sequence[SliceChange] = ()

    @property
    def missed(self) -> list[Rule]:
        return [rule for rule in self.rules if not rule.passed]


def absolute_rules(examined: Examined, limits: PromotionSettings) -> list[Rule]:
    """Return the rules that need no champion.

    A figure that could not be computed fails its rule; a language without behavioural cases of a
    kind has no rule on them. Size and speed are held to what the kind of
    model promises, where the settings name no bound.
    """
    figures, kind = examined.figures, examined.kind
    rules = [
        _rule("test_rows", len(examined.probability), "min_test_rows", limits),
        _rule("accuracy", figures["accuracy"], "min_accuracy", limits),
        _rule("recall_negative", figures["recall_negative"], "min_recall", limits),
        _rule("recall_positive", figures["recall_positive"], "min_recall", limits),
        _rule("roc_auc", figures.get("roc_auc", 0.0), "min_roc_auc", limits),
        _rule("log_loss", figures["log_loss"], "max_log_loss", limits),
        _rule("calibration_error", figures["ece"], "max_ece", limits),
        _rule("coverage", figures.get("coverage", 0.0), "min_coverage", limits),
        _rule("model_bytes", examined.model_bytes, "max_model_bytes", limits, kind.max_bytes),
        _rule("latency_us", examined.latency_us, "max_latency_us", limits, kind.max_latency_us),
    ]
    bounds: dict[Kind, str] = {
        "minimum": "min_functionality",
        "invariance": "min_invariance",
        "directional": "min_directional",
    }
    return rules + [
        _rule(f"behaviour_{cases}", examined.behaviour[cases], field, limits)
        for cases, field in bounds.items()
        if cases in examined.behaviour
    ]


def _rule(
    name: str, figure: float, field: str, limits: PromotionSettings, otherwise: float = 0.0
) -> Rule:
    """Return the rule that holds a figure to the bound in a field, or `otherwise` where it is 0."""
    bound, setting = getattr(limits, field) or otherwise, limits.variables(field)[0]
    return Rule(name, figure, bound, at_least=field.startswith("min_"), setting=setting)


def relative_rules(
    comparison: Comparison, slices: Sequence[SliceChange], limits: PromotionSettings
) -> list[Rule]:
    """Return the rules against the champion.

    Accuracy and log loss must be no worse by more than their bounds at the unfavourable end of the
    95 % interval: a non-inferiority test. A slice counts as down where it lost more than its bound
    and chance alone would not show such a loss in any of the slices, by Holm's adjusted p-value;
    the rule is held to the one that lost most.
    """
    believed = [change.difference for change in slices if change.adjusted_p < LEVEL]
    worst_slice = min([*believed, 0.0])
    accuracy, log_loss = comparison.accuracy_interval.low, comparison.log_loss_interval.high

    def drop(name: str, figure: float, field: str) -> Rule:
        setting = limits.variables(field)[0]
        return Rule(name, figure, -getattr(limits, field), at_least=True, setting=setting)

    return [
        drop("accuracy_against_champion", accuracy, "max_accuracy_drop"),
        _rule("log_loss_against_champion", log_loss, "max_log_loss_rise", limits),
        drop("worst_slice_against_champion", worst_slice, "max_slice_drop"),
    ]


def judge(
    challenger: Examined,
    champion: Examined | None,
    on: Judged,
    limits: PromotionSettings,
    vetoes: Sequence[Rule] = (),
) -> Verdict:
    """Return the decision on a challenger that saw the same test rows as the champion.

    It is `kept` where a rule is missed, `vetoes` being more rules; without a champion `promoted`
    otherwise; against one `promoted` where the challenger is better beyond chance
    (`Comparison.better`) and `tie` where it is not.
    """
    rules = [*absolute_rules(challenger, limits), *vetoes]
    if champion is None:
        return Verdict(_decision(rules, better=True), rules)
    scores = challenger.probability, champion.probability
    comparison = compare(on.positive, *scores)
    changes = slice_changes(on.masks, on.positive, *scores, limits.min_slice_rows)
    rules += relative_rules(comparison, changes, limits)
    return Verdict(_decision(rules, better=comparison.better), rules, comparison, changes)


def _decision(rules: Sequence[Rule], *, better: bool) -> Decision:
    if not all(rule.passed for rule in rules):
        return "kept"
    return "promoted" if better else "tie"
