"""Champion and shadow, put together from the rows of the log."""

from src.model.core.prediction_row import FeedbackRow, PredictionRow, Role, Row
from src.model.evaluation.shadow import Pair, ShadowLog


def said(number: int, role: Role, version: str, probability: float) -> PredictionRow:
    return PredictionRow(
        f"2026-11-{20 + number % 5}T00:00:00+00:00", f"request-{number}", role, "reviews", version,
        "d" * 64, "positive" if probability > 0.5 else "negative", probability, False, 1, 9,
        0.0, 0.4,
    )  # fmt: skip


def truth(number: int, label: str) -> FeedbackRow:
    return FeedbackRow("2026-11-26T00:00:00+00:00", f"request-{number}", label)  # type: ignore[arg-type]


def of(rows: list[Row]) -> ShadowLog:
    log = ShadowLog()
    log.add_shadows(rows)
    log.add_others(rows)
    return log


def test_requests_that_both_were_asked_are_compared() -> None:
    """In any order of rows; the last feedback counts, and a canary's answer is nobody's shadow."""
    rows: list[Row] = []
    for number in range(200):
        right = 0.9 if number % 2 else 0.1
        rows.append(said(number, "shadow", "2", right))
        rows.append(said(number, "champion", "1", 1 - right if number < 20 else right))
        if number < 100:
            label = "positive" if number % 2 else "negative"
            rows += [truth(number, "positive"), truth(number, label)]
    rows += [said(900, "champion", "1", 0.9), said(901, "canary", "2", 0.9), truth(902, "negative")]
    log = of(rows)
    assert {Pair("1", "2"): 200} == log.pairs()
    report = log.report(Pair("1", "2"))

    assert (200, 180, 100) == (report.requests, report.agreed, report.feedback)
    assert (10, 10) == (report.only_challenger_positive, report.only_champion_positive)
    low, high = report.agreement
    assert 0.84 < low < 0.9 < high < 0.94
    assert report.comparison is not None
    assert (100, 1.0, 0.8) == (
        report.comparison.rows,
        report.comparison.challenger_accuracy,
        report.comparison.champion_accuracy,
    )
    assert report.comparison.better
    assert ("2026-11-20", "2026-11-24") == (report.first[:10], report.last[:10])


def test_the_latest_pair_of_versions_comes_last() -> None:
    """After a promotion there is another champion, and the report is about what is now."""
    rows: list[Row] = []
    for number, (champion, challenger) in enumerate(
        [("1", "2"), ("1", "2"), ("2", "3"), ("1", "2")]
    ):
        rows.append(said(number, "champion", champion, 0.9))
        rows.append(said(number, "shadow", challenger, 0.2))
    log = of(rows)

    assert [Pair("2", "3"), Pair("1", "2")] == list(log.pairs())
    report = log.report(Pair("2", "3"))
    assert report.comparison is None
    assert ("2026-11-22", "2026-11-22") == (report.first[:10], report.last[:10])
    assert {} == ShadowLog().pairs()
