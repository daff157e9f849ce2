"""The benchmark's arithmetic and page."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from bench.report import judged, ratios, summarised, table, write_page
from tests.conftest import ROOT


def round_(wall: float, speed: float, right: int = 90) -> dict[str, object]:
    positive = [1] * 100
    return {
        "train": {"wall_seconds": wall, "cpu_seconds": 2 * wall, "peak_mb": 100.0},
        "score": {
            "positive": positive,
            "probability": [0.9] * right + [0.2] * (100 - right),
            "load_seconds": 0.1,
            "reviews_per_second": speed,
            "one_review_us": 50.0,
            "peak_mb": 90.0,
        },
        "model_bytes": 2_000_000,
    }


ABOUT = {
    "source": "a.zip",
    "rounds": 3,
    "threads": 2,
    "processor": "P",
    "cores": 2,
    "system": "Linux",
    "python": "3.12.1",
    "packages": {"numpy": "2"},
    "date": "2026-01-01",
}
FEATURES = [{"ours_mb_per_second": 60.0, "sklearn_mb_per_second": 4.0, "wall_seconds": 1.0}]


@pytest.fixture
def result() -> dict[str, object]:
    rounds = {
        "hashed": [round_(5, 100_000), round_(9, 90_000), round_(4, 80_000)],
        "tfidf": [round_(50, 3_000)] * 3,
        "fasttext": [round_(20, 9_000, right=80)] * 3,
    }
    return summarised(rounds, FEATURES, ABOUT)


def test_medians_over_the_rounds_are_reported(result) -> None:  # type: ignore[no-untyped-def]
    """One slow round does not move the figures."""
    ours = result["systems"]["hashed"]

    assert (5, 90_000, 2.0) == (
        ours["train_wall_seconds"],
        ours["reviews_per_second"],
        ours["model_mb"],
    )


def test_ratios_compare_within_the_run(result) -> None:  # type: ignore[no-untyped-def]
    """Features, training against fastText, scoring against TF-IDF."""
    said = " ".join(ratios(result))

    assert "15.0 times" in said
    assert "0.25 of fastText" in said
    assert "30.0 times" in said


def test_log_loss_is_bounded_where_a_system_is_sure_and_wrong() -> None:
    """A probability of exactly 0 costs much, but not infinitely much."""
    score = {"positive": [1, 0], "probability": [0.0, 0.0]}

    assert np.isfinite(judged({"score": score})["log_loss"][0])


def test_the_page_holds_every_system(result, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Table, ratios, machine and plot are written."""
    write_page(result, tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()

    assert table(result) in page
    assert "2026-01-01, P, 2 cores" in page
    assert result == json.loads((tmp_path / "benchmarks.json").read_text(), object_hook=_tuples)
    assert (tmp_path / "benchmarks.svg").read_text().count("fastText") >= 1


def _tuples(found: dict[str, object]) -> dict[str, object]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}


@pytest.mark.parametrize(
    ("module", "name"), [("report", ""), ("api", "-api"), ("images", "-docker")]
)
def test_the_committed_pages_are_those_of_their_figures(module: str, name: str) -> None:
    """Each docs/benchmarks*.md says what its .json holds."""
    page = importlib.import_module(f"bench.{module}").page
    measured = json.loads((ROOT / f"docs/benchmarks{name}.json").read_text())

    assert page(measured) == (ROOT / f"docs/benchmarks{name}.md").read_text()
