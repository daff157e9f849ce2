"""Reviews as people have them: what a message says to set is what makes them read."""

import csv
import json
import re
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Workspace

TEXTS = ("I love it, it works every day", "It broke after two days, awful")


def table(names: list[str], rows: int = 400) -> list[dict[str, object]]:
    """Rows of reviews whose label, title and text are called by the first three names."""
    made = []
    for n in range(rows):
        good = n % 2 == 0
        label = (5 if good else 1) if names[0] in {"stars", "Rating", "overall"} else int(good)
        review = (label, f"Title {n}", f"{TEXTS[n % 2]}, number {n}")
        made.append(dict(zip(names, (*review, *["more"] * len(names)), strict=False)))
    return made


@pytest.mark.parametrize(
    "names",
    [
        ["stars", "headline", "body", "category", "created_at"],
        ["label", "title", "content"],
        ["Rating", "Summary", "Review Text"],
        ["overall", "summary", "reviewText"],
    ],
)
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_the_settings_that_the_message_names_are_enough(
    workspace: Workspace, names: list[str], ending: str
) -> None:
    """Other names are refused with the settings that fit; with those, everything is read."""
    rows, path = table(names), workspace.path / f"own.{ending}"
    if ending == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    elif ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pl.DataFrame(rows).write_parquet(path)
    said: list[str] = []
    for _ in range(3):  # columns first, then what the labels mean
        result = workspace.run("data.ingest", "--source", str(path))
        if result.code == 0:
            break
        said.append(result.err)
        settings = re.findall(r"(REVIEWS_\w+)=([\w ]*\w)(?= REVIEWS|[. (]|$)", result.err)
        workspace.set(**dict(settings))

    assert 0 == result.code, result.err
    assert sorted(names) == sorted(re.findall(r"it has (.*)\.\n", said[0])[0].split(", "))
    assert len(said) <= 2
    counts = json.loads((workspace.data / "raw/manifest.json").read_text())
    assert len(rows) == sum(
        entry["rows"] for key, entry in counts["files"].items() if "quarantine" not in key
    )


def test_a_header_of_unknown_names_is_not_read_as_a_review(workspace: Workspace) -> None:
    """Names of which only some are usual: the message says which are missing, and what is there."""
    Path("own.csv").write_text("rating,kopf,rumpf,mehr\n" + "5,Gut,Sehr gut,x\n" * 50)
    result = workspace.run("data.ingest", "--source", "own.csv")

    assert 3 == result.code
    assert (
        "has no column polarity and title and text; it has rating, kopf, rumpf, mehr" in result.err
    )
    assert "Perhaps REVIEWS_COLUMN_POLARITY=rating REVIEWS_LABELS=stars" in result.err
    assert "REVIEWS_COLUMN_TITLE and REVIEWS_COLUMN_TEXT" in result.err


def test_a_file_without_header_is_still_one(workspace: Workspace) -> None:
    """Label, title and text in this order, as Kaggle's files are, whatever the first row says."""
    reviews = (f'"{1 + n % 2}","Text {n}","Review {n}: {TEXTS[1 - n % 2]}"' for n in range(400))
    rows = "\n".join(reviews)
    Path("own.csv").write_text('"2","Title","Text"\n' + rows)

    assert 0 == workspace.run("data.ingest", "--source", "own.csv").code


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_read_and_said(workspace: Workspace, separator: str) -> None:
    """As spreadsheets write them in half of the world; what a file was taken for is told."""
    path = workspace.path / f"{ord(separator)}.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(["polarity", "title", "text"])
        for n in range(400):
            writer.writerow([1 + n % 2, f'It is "{n}"', f"{TEXTS[1 - n % 2]};\t,\n{n}"])
    result = workspace.run("data.ingest", "--source", str(path))

    assert 0 == result.code, result.err
    assert f"separated by {'tabs' if separator == chr(9) else 'semicolons'}" in result.err
    texts = pl.read_parquet(workspace.data / "raw/train.parquet")["text"]
    assert all(";\t,\n" in text for text in texts)
