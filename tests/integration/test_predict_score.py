"""Predicting one review and scoring files of them by the champion."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Workspace


def test_predicting_one_review(champion: Workspace) -> None:
    """Label, confidence, version and the deciding words; nothing to judge is refused."""
    bad = champion.ok(
        "pipeline.predict", "--title", "Broke in a day", "--message", 'Waste of money; "garbage" $5'
    )
    good = champion.run(
        "pipeline.predict", "--title=Love it", "--message=Works perfectly, I love it"
    )
    empty = champion.run("pipeline.predict", "--title", " ")

    assert ("negative", 1) == (bad["label"], bad["model_version"])
    assert 0.5 <= bad["confidence"] <= 1
    assert good.out.startswith("positive (")
    assert bad["words"][0]["weight"] < 0
    assert (2, True) == (empty.code, "nothing to judge" in empty.err)
    assert 'message="I love it".' in empty.err
    of_one = champion.run("pipeline.predict", "--model-version", "1")
    assert 'message="I love it" model_version=1.' in of_one.err


def test_a_review_of_unknown_words_and_odd_bytes(champion: Workspace) -> None:
    """Words never seen and bytes that are no text still get an answer."""
    assert "undecided" == champion.ok("pipeline.predict", "--title", "zzz")["label"]
    assert champion.ok("pipeline.predict", "--message", "caf\udce9 \0 " + "x" * 100_000)["label"]


INPUTS = {
    "in.csv": b'id,message,title\n1,"I love it,\nreally",Great\n2,Waste of money,Bad\n3,"oops,x\n',
    "in.csv.gz": gzip.compress(b"title,text\nGreat,I love it\nBad,Waste of money\n"),
    "in.jsonl": b'{"id": 1, "title": "Great", "text": "I love it", "tags": ["a"]}\n'
    b'{"id": 2, "text": "Waste of money"}\n',
}


def test_scoring_the_files_of_the_data_set(champion: Workspace) -> None:
    """Label, title and text without a header; another file without one is told what it lacks."""
    Path("in.csv").write_text('"2","Great","I love it"\n"1","Bad","It broke"\n', encoding="utf-8")
    Path("two.csv").write_text('"Great","I love it"\n"Bad","It broke"\n', encoding="utf-8")

    scored = champion.run("pipeline.score", "in.csv", "out.csv")
    refused = champion.run("pipeline.score", "two.csv", "no.csv")

    lines = Path("out.csv").read_text(encoding="utf-8").splitlines()
    assert "there is no header: its columns are polarity, title, text" in scored.out
    assert lines[0].startswith("polarity,title,text,label,")
    assert ["2,Great,I love it", "1,Bad,It broke"] == [line.rsplit(",", 4)[0] for line in lines[1:]]
    assert 3 == refused.code
    assert "a first line such as title,text" in refused.err


@pytest.mark.parametrize("source", [*INPUTS, "in.parquet"])
@pytest.mark.parametrize("target", ["out.csv", "out.jsonl", "out.parquet"])
def test_scoring_keeps_rows_and_order(champion: Workspace, source: str, target: str) -> None:
    """The same rows in order with three more columns, in any format; broken rows beside them."""
    if source in INPUTS:
        Path(source).write_bytes(INPUTS[source])
    else:
        pl.DataFrame(
            {"id": [1, 2], "title": ["Great", None], "text": ["I love it", "Waste of money"]}
        ).write_parquet(source)
    answer = champion.ok("pipeline.score", source, target)
    readers = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}
    read = readers[target.rpartition(".")[2]]
    scored: pl.DataFrame = read(target)  # type: ignore[operator]

    counts = (answer["rows"], answer["rejected"], answer["model_version"])
    assert (2, 1 if source == "in.csv" else 0, 1) == counts
    assert ["positive", "negative"] == scored["label"].to_list()
    assert [1, 1] == scored["model_version"].to_list()
    assert (source == "in.csv") == Path(f"{target}.rejected.jsonl").exists()
    text = "message" if source == "in.csv" else "text"
    assert "Waste of money" == scored[text][1]


def test_scoring_json_lines_keeps_types(champion: Workspace) -> None:
    """Numbers and lists of a JSON Lines source are the same in a JSON Lines result."""
    Path("in.jsonl").write_bytes(INPUTS["in.jsonl"])
    champion.ok("pipeline.score", "in.jsonl", "out.jsonl")
    first = json.loads(Path("out.jsonl").read_text().splitlines()[0])

    assert (1, ["a"], "positive") == (first["id"], first["tags"], first["label"])


def test_scores_do_not_depend_on_the_block(champion: Workspace) -> None:
    """Thirty thousand rows in one file have the scores they have one by one."""
    frame = pl.DataFrame(
        {"title": ["Great", "Bad"] * 15_000, "text": ["I love it", "Waste of money"] * 15_000}
    )
    frame.write_parquet("in.parquet")
    champion.ok("pipeline.score", "in.parquet", "out.parquet")
    scored = pl.read_parquet("out.parquet")
    alone = champion.ok("pipeline.predict", "--title", "Great", "--message", "I love it")

    assert frame.rows() == scored.select("title", "text").rows()
    assert {alone["probability"]} == set(scored["probability"][::2])


@pytest.mark.parametrize(
    ("source", "content", "target", "code", "said"),
    [
        (
            "in.csv",
            b"a,b\n1,2\n",
            "out.csv",
            3,
            "text or message: its first line, 2 cells, is taken for the header",
        ),
        ("in.csv", b"title,label\n1,2\n", "out.csv", 3, "has the column label already"),
        ("in.csv", b"title\nx\n", "out.xlsx", 2, "names no format"),
        ("in.csv", b"title\nx\n", "in.csv", 2, "would replace its own input"),
        ("in.csv", None, "out.csv", 2, "in.csv does not exist"),
        ("in.csv", b"", "out.csv", 3, "is empty"),
        ("in.csv", b"title\nx\n", "nowhere/out.csv", 2, "The folder nowhere does not exist"),
        ("in.csv", b"title\nx\n", "", 2, "An input and an output file are needed"),
        ("out.csv.rejected.jsonl", b'{"title": "x"}', "out.csv", 2, "would replace its own input"),
        (
            "in.jsonl",
            b'{"title": "x"}\n{"title": "y", "label": []}\n',
            "out.csv",
            3,
            "has the column label already",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused(
    champion: Workspace, source: str, content: bytes | None, target: str, code: int, said: str
) -> None:
    """Nothing is written where the input or the output makes no sense."""
    if content is not None:
        Path(source).write_bytes(content)
    result = champion.run("pipeline.score", source, target)

    assert (code, True) == (result.code, said in result.err), result.err
    assert content is None or Path(source).read_bytes() == content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"title,text\n", "has no row"),
        (b'title,text\n"a\nb,"c\n', "has no row that could be read: 2 "),
        (b"Terrible phone,It broke\nGreat,I love it\n", "2 cells, is taken for the header"),
        (b"Title,title,text\na,b,c\n", "has more than one column title"),
        (b"Headline,Review Text,stars\na,b,5\n", "it has Headline, Review Text, stars"),
        (
            b"Headline,Review Text,stars\na,b,5\n",
            "Set REVIEWS_COLUMN_TITLE=Headline REVIEWS_COLUMN_TEXT='Review Text', or rename them.",
        ),
    ],
)
def test_nothing_to_judge_is_no_success(champion: Workspace, content: bytes, said: str) -> None:
    """Exit code 3 and a reason; no customer's words, and no empty result."""
    Path("in.csv").write_bytes(content)
    result = champion.run("pipeline.score", "in.csv", "out.csv")

    assert (3, True) == (result.code, said in result.err), result.err
    assert "Terrible" not in result.err
    assert not Path("out.csv").exists()


def test_which_columns_were_judged_is_said(champion: Workspace) -> None:
    """A file judged by its title alone says so, and names what was not looked at."""
    Path("in.csv").write_bytes(b",title,content\n0,Great,I hate it\n")
    answer = champion.ok("pipeline.score", "in.csv", "out.parquet")
    said = champion.run("pipeline.score", "in.csv", "out.csv").out

    assert ("title", None) == (answer["title_column"], answer["text_column"])
    assert "judged by the title in title alone, as there is no column text or message" in said
    assert "not judged: unnamed_1, content" in said
    assert ["unnamed_1", "title", "content"] == pl.read_parquet("out.parquet").columns[:3]


def test_a_key_that_comes_late_is_not_passed_over(champion: Workspace) -> None:
    """A text that first stands in a late object stops the scoring instead of being ignored."""
    early = '{"title": "Great"}\n' * 20_000
    Path("in.jsonl").write_text(early + '{"title": "Bad", "text": "It broke"}\n')
    result = champion.run("pipeline.score", "in.jsonl", "out.jsonl")

    assert 3 == result.code
    assert "text stands in no row of the first 20,000, but in a later one" in result.err
