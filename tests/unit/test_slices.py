"""Which rows belong to which slice, and the figures of a slice."""

import numpy as np
import polars as pl
import pytest

from src.model.core.languages import language_pack
from src.model.evaluation.slices import joined, slice_figures, text_masks, value_masks

ROWS = [
    ("", "I did not like it, but my wife does."),
    ("GREAT", "BEST BOOK EVER WRITTEN!"),
    ("ok", " ".join(["word"] * 130)),
    ("Hm", "A hardly used one; he didn\u2019t like it. However the rest is nice."),
    ("Muy bueno", "El libro es muy bueno y me gusta mucho leer en casa por la noche"),
    ("A1", "OK"),
]
PACK = language_pack("en")
FRAME = pl.DataFrame(ROWS, schema=["title", "text"], orient="row")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("title: empty", [0]),
        ("negation: present", [0, 3]),
        ("contrast: present", [0, 3]),
        ("capitals: all", [1]),
        ("exclamation: present", [1]),
        ("language: not English", [2, 4]),
        ("length: 0 to 20 words", [0, 1, 3, 4, 5]),
        ("length: 121 words and more", [2]),
    ],
)
def test_slices_hold_the_rows_their_names_say(name: str, rows: list[int]) -> None:
    """Typographic apostrophes count, two letters are no shouting, one word 130 times no English."""
    assert rows == np.flatnonzero(text_masks(FRAME, PACK)[name]).tolist()


def test_blocks_join_to_slices_of_all_rows_and_empty_ones_go() -> None:
    """The blocks a file is read in make no difference."""
    whole = joined([text_masks(FRAME, PACK)])
    parts = joined([text_masks(FRAME[:2], PACK), text_masks(FRAME[2:], PACK)])

    assert {n: m.tolist() for n, m in whole.items()} == {n: m.tolist() for n, m in parts.items()}
    assert "length: 21 to 60 words" not in whole
    assert {} == joined([])


def test_columns_become_slices_of_their_frequent_values() -> None:
    """Missing values are a slice, what occurs once is none; of many only the most frequent are."""
    frame = pl.DataFrame({"kind": ["a", "b", "a", None, None, "c"], "id": list("uvwxyz")})
    many = pl.DataFrame({"x": [str(i // 2) for i in range(100)]})

    assert {"kind = a": [0, 2], "kind is empty": [3, 4]} == {
        name: np.flatnonzero(mask).tolist() for name, mask in value_masks(frame).items()
    }
    assert 20 == len(value_masks(many))


def test_figures_of_a_slice() -> None:
    """Accuracy, interval and loss are of its rows; few rows are not judged, one label can be."""
    truth = np.array([True, True, True, False])
    scores = np.array([0.9, 0.8, 0.3, 0.2])
    masks = {"positive": truth, "one": np.array([False, False, False, True])}
    big, small = slice_figures(masks, truth, scores, min_rows=3)

    assert (3, 1.0, True) == (big.rows, big.positive_share, big.judged)
    assert pytest.approx(2 / 3) == big.accuracy
    assert pytest.approx(-np.log([0.9, 0.8, 0.3]).mean()) == big.log_loss
    assert big.interval.low < big.accuracy < big.interval.high
    assert (1, 1.0, False) == (small.rows, small.accuracy, small.judged)
