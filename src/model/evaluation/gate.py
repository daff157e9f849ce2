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

Decision = Literal["promoted", "kept", "tie"]

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
    """One condition: a figure, the bound it is held to, and whether it holds."""

    name: str
    figure: float
    bound: float
    at_least: bool

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

    A figure that could not be computed fails its rule. Size and speed are held to what the kind of
    model promises, where the settings name no bound.
    """
    figures = examined.figures
    max_bytes = limits.max_model_bytes or examined.kind.max_bytes
    max_latency = limits.max_latency_us or examined.kind.max_latency_us
    rules = [
        Rule("test_rows", len(examined.probability), limits.min_test_rows, at_least=True),
        Rule("accuracy", figures["accuracy"], limits.min_accuracy, at_least=True),
        Rule("recall_negative", figures["recall_negative"], limits.min_recall, at_least=True),
        Rule("recall_positive", figures["recall_positive"], limits.min_recall, at_least=True),
        Rule("roc_auc", figures.get("roc_auc", 0.0), limits.min_roc_auc, at_least=True),
        Rule("log_loss", figures["log_loss"], limits.max_log_loss, at_least=False),
        Rule("calibration_error", figures["ece"], limits.max_ece, at_least=False),
        Rule("coverage", figures.get("coverage", 0.0), limits.min_coverage, at_least=True),
        Rule("model_bytes", examined.model_bytes, max_bytes, at_least=False),
        Rule("latency_us", examined.latency_us, max_latency, at_least=False),
    ]
    bounds: dict[Kind, float] = {
        "minimum": limits.min_functionality,
        "invariance": limits.min_invariance,
        "directional": limits.min_directional,
    }
    return rules + [
        Rule(f"behaviour_{kind}", examined.behaviour.get(kind, 0.0), bound, at_least=True)
        for kind, bound in bounds.items()
    ]


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
    return [
        Rule("accuracy_against_champion", accuracy, -limits.max_accuracy_drop, at_least=True),
        Rule("log_loss_against_champion", log_loss, limits.max_log_loss_rise, at_least=False),
        Rule("worst_slice_against_champion", worst_slice, -limits.max_slice_drop, at_least=True),
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
