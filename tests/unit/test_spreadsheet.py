"""CSV files that people open."""

import csv
from pathlib import Path

import polars as pl
import pytest

from src.model.files.spreadsheet import write_for_people

SAFE = ["plain", "", "1 = 1", "a-b", "5 stars", "'quoted", "ä", '"', "line\nbreak"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1 star", "@SUM(A1)", "\t=1+1", "\r=1+1", "=\n"])
def test_no_cell_is_a_formula(tmp_path: Path, text: str) -> None:
    """What a spreadsheet would run has an apostrophe before it, whatever the column."""
    write_for_people(pl.DataFrame({"a": [text], "b": [f"x{text}"]}), tmp_path / "x.csv")

    assert [[f"'{text}", f"x{text}"]] == _rows(tmp_path / "x.csv")


def test_everything_else_stays_what_it_is(tmp_path: Path) -> None:
    """Text, numbers below zero, and nothing at all."""
    frame = pl.DataFrame({"a": SAFE, "b": [-1.0] * len(SAFE), "c": [None] * len(SAFE)})
    write_for_people(frame, tmp_path / "x.csv")

    assert [[text, "-1.0000", ""] for text in SAFE] == _rows(tmp_path / "x.csv")


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]
