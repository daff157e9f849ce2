"""The statistics of monitoring: how rare false alarms are, and that what is there is seen."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.model.core.hashing import hashed_tokens
from src.model.core.settings import MonitoringSettings
from src.monitoring.answer import answer
from src.monitoring.decide import Decision, decide
from src.monitoring.detector import EDetector, bets
from src.monitoring.drift import STATISTICS, DriftReport, StatisticRecord
from src.monitoring.estimate import EstimateReport
from src.monitoring.gauges import _HELP
from src.monitoring.harm import HarmReport, harm
from src.monitoring.labels import Labels
from src.monitoring.measures import ABSTAINED, LOG, MEASURES, SCORE, TOKENS, UNKNOWN, Measure
from src.monitoring.resampling import (
    DRAWS,
    Distance,
    compared,
    holm,
    mean_distance,
    transport_distance,
)
from src.monitoring.seen import Seen
from src.monitoring.texts import check_text
from src.monitoring.verdict import Unjudged, VersionVerdict, Window
from src.monitoring.yardstick import Yardstick, documents, packed, unpacked
from tests.conftest import ROOT


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_every_figure_falls_into_one_bin(measure: Measure) -> None:
    """Bins are in order, there is one more than edges, and nothing falls outside of them."""
    assert measure.edges.size + 1 == measure.values.size
    assert (np.diff(measure.edges) > 0).all()
    assert (np.diff(measure.values) > 0).all()
    assert 4 == measure.count(np.array([0.0, 1.0, 1e9, measure.edges[0]])).sum()


def test_the_value_of_a_bin_stands_for_it() -> None:
    """Means of what was counted are means of what is, as far as bins are narrow."""
    random = np.random.default_rng(0)
    share = random.beta(0.5, 8, 10_000)

    assert abs(SCORE.mean(SCORE.count(share)) - 100 * share.mean()) < 0.1
    assert abs(UNKNOWN.mean(UNKNOWN.count(share)) - 100 * share.mean()) < 0.5
    assert 0.0 == UNKNOWN.mean(UNKNOWN.count(np.zeros(9)))
    assert 25.0 == ABSTAINED.mean(ABSTAINED.count(np.array([1.0, 0, 0, 0])))


def test_distances_are_what_they_are_called() -> None:
    """Of a yes or no both are the difference of shares; a spread moves reviews and not the mean."""
    values = np.array([0.0, 50.0, 100.0])
    shifted, spread = np.array([[-0.5, 0.0, 0.5]]), np.array([[0.25, -0.5, 0.25]])

    assert [50.0] == mean_distance(shifted, values).tolist()
    assert [50.0] == transport_distance(shifted, values).tolist()
    assert [0.0] == mean_distance(spread, values).tolist()
    assert [25.0] == transport_distance(spread, values).tolist()


@pytest.mark.parametrize(("m", "n"), [(300, 40), (40, 300), (200, 200)])
@pytest.mark.parametrize("distance", [mean_distance, transport_distance])
def test_without_drift_p_values_are_as_rare_as_they_say(m: int, n: int, distance: Distance) -> None:
    """Reference and window drawn anew each time: p <= 0.1 in a tenth of them, whatever m and n.

    Of 600 draws, 0.1 plus four standard errors is 0.149.
    """
    random = np.random.default_rng(m + n)
    found = []
    for _ in range(600):
        figures = random.lognormal(4, 1, m + n)
        counts = TOKENS.count(figures[:m]), TOKENS.count(figures[m:])
        found.append(compared(*counts, TOKENS, distance, random).p_value)

    assert np.mean(np.array(found) <= 0.1) <= 0.149
    assert min(found) >= 1 / (1 + DRAWS)


def test_a_shift_has_the_smallest_p_value_there_is() -> None:
    """No draw is as far as a shift of twenty points of 2,000 reviews."""
    random = np.random.default_rng(1)
    before, after = random.random(5_000) < 0.2, random.random(2_000) < 0.4
    shares = [ABSTAINED.count(marked.astype(np.float64)) for marked in (before, after)]
    found = compared(shares[0], shares[1], ABSTAINED, transport_distance, random)

    assert 1 / (1 + DRAWS) == found.p_value
    assert 15 < found.distance < 25


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0.001, 0.5))
def test_holm_rejects_the_smallest_first(p_values: list[float], rate: float) -> None:
    """Who is rejected has no larger p than who is not, and all hold Bonferroni's bound or more."""
    rejected, bounds = holm(p_values, rate)
    for p, bound, out in zip(p_values, bounds, rejected, strict=True):
        assert rate / len(p_values) <= bound <= rate
        assert not out or p <= bound
    kept = [p for p, out in zip(p_values, rejected, strict=True) if not out]
    gone = [p for p, out in zip(p_values, rejected, strict=True) if out]

    assert not kept or not gone or max(gone) <= min(kept)
    assert [True, False, False] == holm([0.01, 0.04, 0.03], 0.05)[0]
    assert [0.05 * 2 / 3, 0.05] == holm([0.03, 0.04], 0.05, [2, 1])[1]


@pytest.mark.parametrize("least", [0.02, 0.5, 0.9, 0.99])
def test_a_bet_is_fair_at_best(least: float) -> None:
    """Where the model is right as often as it must be, a bet neither wins nor loses."""
    found = bets(least)

    assert np.allclose(least * (1 - found * (1 - least)) + (1 - least) * (1 + found * least), 1)
    assert (found > 0).all()
    assert (1 - found * (1 - least) > 0).all()


def test_false_alarms_are_as_rare_as_they_are_meant_to_be() -> None:
    """At 200 labels between false alarms, 40,000 labels give at most 200, and here far fewer."""
    random = np.random.default_rng(2)
    detector = EDetector(least=0.9, alarm_at=200)
    detector.add((random.random(40_000) < 0.9).tolist())

    assert 0 < len(detector.alarms) <= 200
    assert 40_000 == detector.labels


def test_a_fall_is_found_and_the_watch_goes_on() -> None:
    """After an alarm the evidence begins anew, so a fall that stays is found again."""
    random = np.random.default_rng(3)
    detector = EDetector(least=0.92, alarm_at=100_000)
    detector.add((random.random(2_000) < 0.93).tolist())
    before = list(detector.alarms)
    detector.add((random.random(2_000) < 0.8).tolist())

    assert [] == before
    assert len(detector.alarms) > 3
    assert 2_000 < detector.alarms[0] < 2_300


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=12))
def test_seen_is_a_set(parts: list[list[int]]) -> None:
    """It tells what a set tells, in whatever portions numbers come."""
    seen, known = Seen(), set()
    for part in parts:
        expected = []
        for number in part:
            expected.append(number not in known)
            known.add(number)
        assert expected == seen.fresh(np.array(part, np.uint64)).tolist()


def test_surprise_is_low_for_words_of_the_yardstick() -> None:
    """Known words surprise less than unknown ones; without words there is nothing to measure."""
    known = ["the book was good and the story was long"] * 50
    yardstick = Yardstick.of([""] * 50, known)
    usual, odd, none = yardstick.surprise(["", "", ""], [known[0], "xylograph quokka zymurgy", ""])

    assert usual + 5 < odd
    assert np.isnan(none)


def test_documents_count_reviews_and_not_words() -> None:
    """A word said thrice in a review counts once for it."""
    counts = documents(["", "good"], ["good good good", "bad"])
    (good,) = hashed_tokens(["good"], [""]).word_buckets(16).tolist()

    assert (2, 3) == (counts[good], counts.sum())
    assert (unpacked(packed(counts)) == counts).all()
    with pytest.raises(ValueError, match="bytes"):
        unpacked(packed(counts[:5]))


def _drift(*kinds: str) -> DriftReport:
    records = [
        StatisticRecord(
            name=kind, says=f"the {kind}", unit="points", reference=0, window=19,
            kind="words" if kind == "other_language" else kind,
            distance=9, at_least=3, p_value=0.001, p_bound=0.01, drifted=True,
        )
        for kind in kinds
    ]  # fmt: skip
    return DriftReport(
        verdict="yes" if kinds else "no", n=500, m=500, least=200, statistics=records
    )


def _harm(verdict: str, loudest: float = 0.0) -> HarmReport:
    return HarmReport(
        verdict=verdict, labels=50 if verdict == "unknown" else 500, watched=500, expected=0.9,
        least=0.8975, accuracy=0.7, alarm_at=1e5, loudest="key x", loudest_share=loudest,
    )  # fmt: skip


SURE = EstimateReport(verdict="estimated", accuracy=0.9, outside_reference=0, outside=1)
LOW = SURE.model_copy(update={"accuracy": 0.8})
STRANGE = EstimateReport(verdict="not_estimable", outside_reference=0, outside=80)


_TOO_FEW = DriftReport(verdict="insufficient_data", n=1, m=9, least=200)


@pytest.mark.parametrize(
    ("drift", "harm", "estimated", "expected", "says"),
    [
        (_drift(), _harm("no"), SURE, "wait", "500 labels show no harm"),
        (_drift("label"), _harm("no"), SURE, "wait", "the label"),
        (_drift("label"), _harm("unknown"), SURE, "wait", "neither show harm"),
        (_drift("words"), _harm("unknown"), LOW, "investigate", "estimated at 80.0%"),
        (_drift(), _harm("unknown"), LOW, "wait", "Nothing has drifted"),
        (_drift("words"), _harm("unknown"), STRANGE, "investigate", "cannot be estimated"),
        (_drift("other_language"), _harm("no"), STRANGE, "route", "look like another language"),
        (_drift("other_language"), _harm("yes"), STRANGE, "route", "look like another language"),
        (_drift("words"), _harm("no"), STRANGE, "wait", "500 labels show no harm"),
        (_drift("words"), _harm("yes"), SURE, "retrain", "the words"),
        (_drift("shape"), _harm("yes"), SURE, "investigate", "only in form"),
        (_drift(), _harm("yes"), SURE, "investigate", "has not changed"),
        (_drift("words"), _harm("yes", 0.8), SURE, "investigate", "80% of them are from key x"),
        (_TOO_FEW, _harm("no"), None, "wait",
         "9 reviews in the reference are too few to tell drift: 200 are needed. A reference of"),
        (_TOO_FEW.model_copy(update={"m": 900}), _harm("no"), None, "wait",
         "1 prediction is too few to tell drift: 200 are needed."),
        (_TOO_FEW, _harm("yes"), None, "investigate", "fallen"),
    ],
)  # fmt: skip
def test_every_rule_decides(
    drift: DriftReport, harm: HarmReport, estimated: EstimateReport | None, expected: Decision,
    says: str,
) -> None:  # fmt: skip
    """Drift without harm waits; what harm asks for depends on what has drifted."""
    found = decide(drift, harm, estimated, MonitoringSettings().max_client_share)

    assert expected == found.decision
    assert says in found.reason
    assert found.reason.endswith(".")


def test_two_models_of_one_number_are_both_counted() -> None:
    """Where a registry was begun anew, the log has another version 2 beside the judged one."""
    verdict = VersionVerdict(
        model_version="2", digest="new", n=305, m=900, reference="test rows", drift=_drift(),
        harm=_harm("no"), estimate=None, decision="wait", reason="Nothing has drifted.",
    )  # fmt: skip
    other = Unjudged(model_version="2", digest="old", n=1, why="it has no reference")
    window = Window("2026-11-22", "2026-11-28", [], [])
    said = check_text(
        answer(window, [verdict], [other], {}, MonitoringSettings()), "data/report.html"
    )

    assert "from 2026-11-22 to 2026-11-28: 306 of version 2" in said


def test_every_figure_has_a_unit_people_know() -> None:
    """Points, logarithms and bits, and a least difference above 0."""
    assert {"points", LOG, "bits"} == {statistic.unit for statistic in STATISTICS}
    assert all(statistic.minimum > 0 for statistic in STATISTICS)


def test_the_monitoring_dashboard_shows_gauges_that_exist() -> None:
    """Every gauge in Grafana's second dashboard is one that a check writes."""
    path = ROOT / "docker/grafana/dashboards/monitoring.json"
    board = json.loads(path.read_text(encoding="utf-8"))
    shown = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    used = set(re.findall(r"\breviews_monitoring_[a-z_]+", shown))

    assert used <= set(_HELP)
    assert {"reviews_monitoring_drift", "reviews_monitoring_harm"} <= used


@pytest.mark.parametrize(
    ("right", "count", "expected"),
    [
        (90, 100, "no"),
        (84, 100, "unknown"),
        (60, 80, "unknown"),
        (0, 100, "yes"),
        (75, 80, "unknown"),
    ],
)
def test_labels_that_speak_against_a_version_are_no_proof_that_it_is_well(
    right: int, count: int, expected: str
) -> None:
    """Without an alarm: too few labels, or far too many wrong ones, leave it open."""
    said = np.random.default_rng(0).permutation(np.arange(count) < right)
    labels = Labels(
        np.zeros(count, np.int64), said, np.ones(count), np.zeros(count, np.int64), [""]
    )
    found = harm(labels, 0, 0.925, MonitoringSettings())

    assert expected == found.verdict
