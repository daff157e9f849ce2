"""The gate's rules, one by one, and the decision they lead to."""

from dataclasses import replace

import numpy as np
import pytest

from src.model.core.models.hashed import KIND
from src.model.core.settings import PromotionSettings, load_settings
from src.model.evaluation.gate import Examined, Judged, Rule, judge

LIMITS = load_settings({}, env_file=None).promotion
RANDOM = np.random.default_rng(0)
TRUTH = np.arange(4_000) % 2 == 0
ON = Judged(TRUTH, {"even hundreds": np.arange(4_000) % 200 < 100, "few": np.arange(4_000) < 10})
FIGURES = {
    "accuracy": 0.9,
    "recall_negative": 0.9,
    "recall_positive": 0.9,
    "roc_auc": 0.95,
    "log_loss": 0.3,
    "ece": 0.02,
    "coverage": 0.85,
}


def scores(wrong: int, *, start: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return probabilities that are wrong on so many rows from a place on, right on the others."""
    right = np.where(TRUTH, 0.9, 0.1)
    at = np.arange(start, start + wrong)
    right[at] = 1 - right[at]
    return right


GOOD = Examined(
    figures=FIGURES,
    behaviour={"minimum": 0.8, "invariance": 0.95, "directional": 0.9},
    model_bytes=8_000_000,
    latency_us=90.0,
    kind=KIND,
    probability=scores(400),
)


def missed(
    challenger: Examined, champion: Examined | None = None, limits: PromotionSettings = LIMITS
) -> list[str]:
    return [rule.name for rule in judge(challenger, champion, ON, limits).missed]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"accuracy": 0.79}, "accuracy"),
        ({"recall_negative": 0.69}, "recall_negative"),
        ({"recall_positive": 0.69}, "recall_positive"),
        ({"roc_auc": 0.84}, "roc_auc"),
        ({"log_loss": 0.61}, "log_loss"),
        ({"ece": 0.16}, "calibration_error"),
        ({"coverage": 0.59}, "coverage"),
    ],
)
def test_each_figure_alone_keeps_a_model_back(change: dict[str, float], rule: str) -> None:
    """One figure over its bound is enough."""
    assert [] == missed(GOOD)
    assert [rule] == missed(replace(GOOD, figures=FIGURES | change))


@pytest.mark.parametrize(
    ("worse", "rule"),
    [
        (replace(GOOD, model_bytes=20_000_001), "model_bytes"),
        (replace(GOOD, latency_us=10_001), "latency_us"),
        (replace(GOOD, behaviour={**GOOD.behaviour, "minimum": 0.5}), "behaviour_minimum"),
        (replace(GOOD, behaviour={**GOOD.behaviour, "invariance": 0.7}), "behaviour_invariance"),
        (replace(GOOD, behaviour={**GOOD.behaviour, "directional": 0.6}), "behaviour_directional"),
    ],
)
def test_size_speed_and_behaviour_count_too(worse: Examined, rule: str) -> None:
    """A model may be right and still be too large, too slow or too strange."""
    assert [rule] == missed(worse)


def test_a_language_without_cases_has_no_rules_on_them() -> None:
    """Where its file has cases of some kinds, those count."""
    assert [] == missed(replace(GOOD, behaviour={}))
    assert ["behaviour_minimum"] == missed(replace(GOOD, behaviour={"minimum": 0.1}))


def test_every_rule_names_the_setting_of_its_bound() -> None:
    """Who wants another bound need not search for its name."""
    named = {rule.setting for rule in judge(GOOD, GOOD, ON, PromotionSettings()).rules}
    settings = {PromotionSettings.variables(field)[0] for field in PromotionSettings.model_fields}

    assert settings - named == {"REVIEWS_SLICE_MIN_ROWS", "REVIEWS_PROMOTE"}
    assert named <= settings


def test_a_kind_of_model_is_held_to_what_it_promises() -> None:
    """Without a bound in the settings that of the kind counts; a bound there counts for all."""
    large = replace(KIND, max_bytes=50_000_000, max_latency_us=20.0)
    strict = PromotionSettings(max_model_bytes=7_999_999, max_latency_us=89.0)

    assert ["latency_us"] == missed(replace(GOOD, kind=large, model_bytes=49_000_000))
    assert ["model_bytes", "latency_us"] == missed(replace(GOOD, kind=large), limits=strict)
    assert [] == missed(GOOD, limits=PromotionSettings(max_model_bytes=8_000_000))


def test_a_figure_that_could_not_be_computed_fails_its_rule() -> None:
    """A test set of one label has no ROC-AUC, and no claim to one."""
    figures = {name: value for name, value in FIGURES.items() if name != "roc_auc"}

    assert ["roc_auc"] == missed(replace(GOOD, figures=figures))


def test_the_first_model_needs_no_champion() -> None:
    """Absolute rules alone decide; there is nothing to compare with."""
    verdict = judge(GOOD, None, ON, LIMITS)

    assert ("promoted", None) == (verdict.decision, verdict.comparison)


def test_better_beyond_chance_is_promoted_and_equal_is_a_tie() -> None:
    """A hundred errors fewer in 4,000 rows are no chance; the same errors are a tie."""
    champion = replace(GOOD, probability=scores(500))

    assert "promoted" == judge(GOOD, champion, ON, LIMITS).decision
    assert "tie" == judge(GOOD, GOOD, ON, LIMITS).decision


def test_worse_beyond_the_bound_is_kept() -> None:
    """At its interval's bad end accuracy may be a point lower, log loss a little higher."""
    worse = replace(GOOD, probability=scores(480))
    unsure = replace(GOOD, probability=np.where(TRUTH, 0.6, 0.4))
    champion = replace(GOOD, probability=scores(0))

    assert {"accuracy_against_champion", "log_loss_against_champion"} <= set(missed(worse, GOOD))
    assert ["log_loss_against_champion"] == missed(unsure, champion)


def test_an_unproven_challenger_is_not_waved_through() -> None:
    """On few rows even an equal model could be a point worse, so it is kept."""
    rows = slice(0, 200)
    few = Judged(TRUTH[rows], {})
    flipped = np.where(np.arange(200) < 10, 1 - scores(0)[rows], scores(0)[rows])
    other = np.where(
        (np.arange(200) >= 10) & (np.arange(200) < 20), 1 - scores(0)[rows], scores(0)[rows]
    )
    verdict = judge(
        replace(GOOD, probability=flipped), replace(GOOD, probability=other), few, LIMITS
    )

    assert 0 == verdict.comparison.accuracy_difference if verdict.comparison else False
    assert "accuracy_against_champion" in [rule.name for rule in verdict.missed]


def test_a_slice_that_got_worse_keeps_a_model_that_is_better_on_the_whole() -> None:
    """Forty errors fewer everywhere else do not excuse a slice that lost four points."""
    in_slice = np.flatnonzero(ON.masks["even hundreds"])
    outside = np.flatnonzero(~ON.masks["even hundreds"])
    champion, challenger = scores(0), scores(0)
    champion[outside[:300]] = 1 - champion[outside[:300]]
    challenger[in_slice[:90]] = 1 - challenger[in_slice[:90]]
    verdict = judge(
        replace(GOOD, probability=challenger), replace(GOOD, probability=champion), ON, LIMITS
    )

    assert ["worst_slice_against_champion"] == [rule.name for rule in verdict.missed]
    assert "few" not in [change.name for change in verdict.slices]
    assert "kept" == verdict.decision


def test_the_callers_veto_counts() -> None:
    """A model that was rolled back once is kept whatever its figures."""
    veto = Rule("not_rolled_back_before", 0.0, 1.0, at_least=True)

    assert [veto] == judge(GOOD, None, ON, LIMITS, [veto]).missed


def test_a_test_set_of_two_rows_promotes_nobody() -> None:
    """However good the figures are: of so few rows they are chance, the first model's too."""
    few = replace(GOOD, probability=GOOD.probability[:2])
    enough = replace(GOOD, probability=GOOD.probability[:100])

    assert ["test_rows"] == missed(few)
    assert [] == missed(enough)
    assert [] == missed(few, limits=LIMITS.model_copy(update={"min_test_rows": 2}))
