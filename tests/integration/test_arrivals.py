"""Reviews that come later: added as the next batch, beside what is there and never into it."""

import json
import shutil
import zipfile
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Workspace

GOOD, BAD = "I love it, it works every day and I would buy it again", "It broke, what a waste"


def reviews(first: int, last: int) -> list[dict[str, object]]:
    """Reviews number `first` to `last` - 1: each has a text of its own."""
    return [
        {"polarity": 1 + n % 2, "title": f"Number {n}", "text": f"{GOOD if n % 2 else BAD}, {n}"}
        for n in range(first, last)
    ]


def written(name: str, *rows: list[dict[str, object]]) -> str:
    """Write JSON Lines; return their place."""
    lines = [json.dumps(row) + "\n" for part in rows for row in part]
    Path(name).write_text("".join(lines))
    return name


def digests(folder: Path, *names: str) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for name in names for path in sorted((folder / name).rglob("*.parquet"))
    }  # fmt: skip


@pytest.fixture
def begun(workspace: Workspace) -> Workspace:
    """A workspace with 1,000 reviews ingested, split and processed."""
    workspace.set(REVIEWS_BATCHES="5")
    workspace.ok("data.ingest", "--source", written("first.jsonl", reviews(0, 1_000)))
    workspace.ok("data.validate")
    workspace.ok("data.split_batches")
    workspace.ok("data.preprocess_batch", "--batch", "all")
    workspace.ok("data.preprocess_test")
    return workspace


def add(workspace: Workspace, *rows: list[dict[str, object]]) -> dict[str, object]:
    return workspace.ok("data.ingest", "--source", written("week.jsonl", *rows), "--append")


def test_new_rows_become_the_next_batch_and_nothing_else_changes(begun: Workspace) -> None:
    """What is there already is counted and left out, whatever its label; a share joins the test."""
    before = digests(begun.data, "raw", "batches", "processed")
    turned = [row | {"polarity": 3 - int(str(row["polarity"]))} for row in reviews(0, 100)]
    fresh = reviews(1_000, 1_500)
    found = add(begun, turned, fresh, fresh[:50], [{"polarity": 9, "title": "x", "text": "y"}])

    assert (5, 150, 651) == (found["batch"], found["already_there"], found["rows_in"])
    assert {"invalid_label": 1} == found["quarantined"]
    parts = {split: pl.read_parquet(begun.data / f"arrivals/5/{split}.parquet")
             for split in ("train", "test")}  # fmt: skip
    assert (found["train"], found["test"]) == (parts["train"].height, parts["test"].height)
    both = pl.concat(parts.values())
    assert {str(row["text"]) for row in fresh} == set(both["text"])
    assert 500 == both.height
    assert 20 < parts["test"].height < 90
    assert before == digests(begun.data, "raw", "batches", "processed")

    begun.ok("data.validate")
    begun.ok("data.preprocess_batch", "--batch", "all")
    test = pl.read_parquet(begun.data / "processed/test.parquet")
    grown = begun.ok("data.preprocess_test")
    assert (test.height + parts["test"].height, parts["test"].height) == (
        grown["rows"], grown["arrived"])  # fmt: skip
    now = pl.read_parquet(begun.data / "processed/test.parquet")
    assert now.head(test.height).equals(test)
    after = digests(begun.data, "raw", "batches", "processed")
    untouched = {name: digest for name, digest in before.items() if "test" not in name}
    assert untouched.items() <= after.items()
    batch = pl.read_parquet(begun.data / "processed/train_batch_5.parquet")
    assert set(parts["train"]["row_id"]) == set(batch["row_id"])


def test_the_same_again_adds_nothing(begun: Workspace) -> None:
    """The same source is skipped; another one with the same rows makes no batch."""
    first = add(begun, reviews(1_000, 1_100))
    again = add(begun, reviews(1_000, 1_100))
    assert (False, True, 5, 5) == (
        first["skipped"], again["skipped"], first["batch"], again["batch"])  # fmt: skip
    nothing = add(begun, reviews(950, 1_050))
    assert (None, True, 100) == (nothing["batch"], nothing["skipped"], nothing["already_there"])
    result = begun.run("data.ingest", "--source", "week.jsonl", "--append")
    assert "Nothing new: all 100 usable rows of week.jsonl are there already" in result.out
    assert not (begun.data / "arrivals/6").exists()
    assert 6 == add(begun, reviews(1_050, 1_200))["batch"]
    manifest = json.loads((begun.data / "arrivals/6/manifest.json").read_text())
    assert 100 == manifest["files"]["arrivals/6/train.parquet"]["rows"] + manifest["files"][
        "arrivals/6/test.parquet"]["rows"]  # fmt: skip
    assert manifest["parameters"]["arrived"].startswith("20")


def test_an_arrival_is_trained_on_once_it_was_validated_and_passed(begun: Workspace) -> None:
    """Neither its rows nor its test rows are taken before; what to do is said."""
    untitled = [row | {"title": ""} for row in reviews(1_000, 1_200)]
    add(begun, untitled)
    for module, words in (
        ("data.preprocess_batch", ("--batch", "5")),
        ("data.preprocess_test", ()),
    ):
        refused = begun.run(module, *words)
        assert (2, True) == (refused.code, "make model-validate" in refused.err), refused.err
    stopped = begun.run("data.validate")
    assert 3 == stopped.code
    assert "200 rows with an empty title (batch 5): 100.00%, maximum 90.00%" in stopped.err
    assert "rows with an empty title: 100.00% of batch 5, 0.00% of train" in stopped.err
    assert "REVIEWS_MAX_EMPTY_TITLE, REVIEWS_MAX_SHIFT" in stopped.err
    assert "To take back what arrived, delete data/arrivals/5." in stopped.err
    refused = begun.run("data.preprocess_batch", "--batch", "all")
    assert (2, True) == (refused.code, "Delete data/arrivals/5 and what" in refused.err)
    begun.ok("data.preprocess_batch", "--batch", "0-4")

    begun.set(REVIEWS_MAX_EMPTY_TITLE="1", REVIEWS_MAX_SHIFT="1")
    passed = begun.run("data.validate")
    assert 0 == passed.code
    assert "worth a look: rows with an empty title: 100.00% of batch 5" in passed.out
    begun.ok("data.preprocess_batch", "--batch", "all")
    shutil.rmtree(begun.data / "arrivals/5")  # taken back
    begun.ok("data.preprocess_test")


def test_what_was_there_before_an_arrival_cannot_be_replaced_below_it(begun: Workspace) -> None:
    """Neither by another source nor by another number of batches; both are said."""
    add(begun, reviews(1_000, 1_100))
    other = written("other.jsonl", reviews(5_000, 5_500))
    refused = begun.run("data.ingest", "--source", other)
    assert 2 == refused.code
    assert "data/arrivals/ holds 1 arrival," in refused.err
    assert "append=1" in refused.err
    begun.set(REVIEWS_BATCHES="4")
    for module in ("data.split_batches", "data.validate", "data.preprocess_test"):
        refused = begun.run(module)
        assert (2, True) == (refused.code, "set REVIEWS_BATCHES=5" in refused.err), refused.err


def test_nothing_can_arrive_before_anything_was_ingested(workspace: Workspace) -> None:
    """It is said what to run."""
    source = written("week.jsonl", reviews(0, 100))
    refused = workspace.run("data.ingest", "--source", source, "--append")
    assert (2, True) == (refused.code, "make model-ingest" in refused.err)
    assert not (workspace.data / "arrivals").exists()


def test_every_missing_batch_is_named_in_one_command(begun: Workspace) -> None:
    """A hint that is followed once is enough."""
    for number in (1, 2, 4):
        (begun.data / f"processed/train_batch_{number}.manifest.json").unlink()
    refused = begun.run("pipeline.train", "--batches", "all")
    assert (2, True) == (
        refused.code,
        "make model-preprocess-batch batch=1-2,4 first" in refused.err,
    )


def test_a_champion_is_followed_by_one_that_saw_what_arrived(workspace: Workspace) -> None:
    """Two pipelines a week; the older version stays, and the gate says that the test rows grew."""
    workspace.set(REVIEWS_BATCHES="2")
    workspace.ok("pipeline.run", "ingest", "--source", "synthetic:2000@3")
    assert "promoted" == workspace.ok("pipeline.run", "train")["promote"]["decision"]
    workspace.ok("pipeline.run", "ingest", "--source", "synthetic:900@5", "--append", "1")
    asked = workspace.run("pipeline.run", "train", "--warm-start", "champion")

    assert asked.code in {0, 4}, asked.err
    test = pl.read_parquet(workspace.data / "processed/test.parquet").height
    later = pl.read_parquet(workspace.data / "arrivals/2/test.parquet").height
    assert f"({later:,} of the {test:,} test rows came with later batches)" in asked.out
    assert "(version 1 was evaluated on other test rows; both were scored on these)" in asked.out
    assert workspace.ok("pipeline.train", "--batches", "0 1")["skipped"]
    curve = workspace.ok("pipeline.curve", "--batches", "all")
    assert 3 == len(curve["points"])


def test_an_arrival_keeps_the_columns_of_the_first_rows(workspace: Workspace) -> None:
    """A column that is new is named and left out, one that is missing is empty."""
    workspace.set(REVIEWS_BATCHES="5")
    first = [row | {"stars": "5", "kind": "book"} for row in reviews(0, 400)]
    workspace.ok("data.ingest", "--source", written("first.jsonl", first))
    later = [row | {"kind": "game", "shop": "x"} for row in reviews(400, 600)]
    found = add(workspace, later)

    assert ["shop"] == found["ignored_columns"]
    train = pl.read_parquet(workspace.data / "arrivals/5/train.parquet")
    raw = pl.read_parquet(workspace.data / "raw/train.parquet")
    assert raw.columns == train.columns
    assert {"game"} == set(train["kind"])
    assert 0 == train["stars"].count()


def test_what_is_missing_among_arrivals_is_named(begun: Workspace) -> None:
    """Deleted in the middle, or counted with another number of batches: each has its remedy."""
    for first in (1_000, 1_100):
        add(begun, reviews(first, first + 100))
    shutil.rmtree(begun.data / "arrivals/5")
    refused = begun.run("data.validate")
    assert (2, True) == (refused.code, "batch 5 is missing" in refused.err), refused.err
    assert "delete those after it too" in refused.err
    begun.set(REVIEWS_BATCHES="6")
    refused = begun.run("data.validate")
    assert (2, True) == (refused.code, "set REVIEWS_BATCHES=5" in refused.err), refused.err


def test_an_arrival_of_test_rows_alone_is_no_batch(begun: Workspace) -> None:
    """There would be nothing to learn from; it says so."""
    with zipfile.ZipFile("week.zip", "w") as archive:
        old = "".join(json.dumps(row) + "\n" for row in reviews(0, 50))
        archive.writestr("train.jsonl", old)
        archive.writestr(
            "test.jsonl", "".join(json.dumps(row) + "\n" for row in reviews(2_000, 2_050))
        )
    refused = begun.run("data.ingest", "--source", "week.zip", "--append")
    assert (3, True) == (refused.code, "All 50 new rows of week.zip would join" in refused.err)


def test_the_card_names_what_was_added(workspace: Workspace) -> None:
    """The source of a model and of its test rows is all of them."""
    workspace.ok("pipeline.run", "ingest", "--source", "synthetic:2000@3")
    workspace.ok("pipeline.run", "ingest", "--source", "synthetic:900@4", "--append", "1")
    workspace.ok("pipeline.run", "train", "--batches", "all")
    card = (workspace.data / "reports/model_card_1.html").read_text(encoding="utf-8")

    assert 2 <= card.count("synthetic:2000@3; added since: synthetic:900@4")


def test_rows_that_failed_validation_are_not_split(workspace: Workspace) -> None:
    """Not even by hand; once the limit is raised and they pass, they are."""
    untitled = [row | {"title": ""} for row in reviews(0, 400)]
    workspace.ok("data.ingest", "--source", written("a.jsonl", untitled))
    assert 3 == workspace.run("data.validate").code
    for step in ("split_batches", "preprocess_test", "preprocess_batch"):
        words = ["--batch", "0"] if step == "preprocess_batch" else []
        refused = workspace.run(f"data.{step}", *words)
        assert (2, True) == (refused.code, "breaks the limits" in refused.err)
    workspace.set(REVIEWS_MAX_EMPTY_TITLE="1")
    workspace.ok("data.validate")
    workspace.ok("data.split_batches")
