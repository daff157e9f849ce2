"""Reviews as people have them: what a message says to set is what makes them read."""

import bz2
import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Workspace
from tests.own_files import avaliacoes

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
        ["label", "headline", "content"],
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
        settings = re.findall(r"(REVIEWS_\w+)=('[^'\n]+'|\w+)(?= REVIEWS|[. (]|$)", result.err)
        workspace.set(**{name: value.strip("'") for name, value in settings})

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


def test_reviews_without_titles_need_one_setting(workspace: Workspace) -> None:
    """The refusal names it; empty titles are then no finding, and the model trains."""
    rows = pl.DataFrame(table(["stars", "headline", "body"], 1_000))
    rows.select(nota="stars", texto="body").write_csv(workspace.path / "no_titles.csv")
    workspace.set(REVIEWS_COLUMN_POLARITY="nota", REVIEWS_COLUMN_TEXT="texto")
    workspace.set(REVIEWS_LABELS="stars")
    refused = workspace.run("data.ingest", "--source", "no_titles.csv")
    workspace.set(REVIEWS_COLUMN_TITLE="none")
    workspace.ok("pipeline.run", "ingest", "--source", "no_titles.csv")
    again = workspace.run("data.ingest", "--source", "no_titles.csv", "--force")

    assert (3, True) == (refused.code, "none where there are no titles" in refused.err)
    assert {""} == set(pl.read_parquet(workspace.data / "raw/train.parquet")["title"])
    assert "in the place of" in again.out


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


def lines_of_fasttext(rows: int = 400) -> bytes:
    """Lines as the distribution for fastText has them; the first two have no title, or a colon."""
    lines = ["__label__2 I love it", "__label__1 Bad: it broke: twice"]
    lines += [
        f"__label__{1 + n % 2} Title {n}: {TEXTS[1 - n % 2]}, number {n}" for n in range(rows - 2)
    ]
    return ("\n".join(lines) + "\n").encode()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


def kaggle_csv(rows: int = 400) -> bytes:
    reviews = (f'"{1 + n % 2}","Title {n}","{TEXTS[1 - n % 2]}, {n}"\n' for n in range(rows))
    return "".join(reviews).encode()


def json_lines(rows: int = 400) -> bytes:
    found = table(["polarity", "title", "text"], rows)
    return "".join(json.dumps(row | {"polarity": 1 + n % 2}) + "\n" for n, row in enumerate(found)
    ).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("train.ft.txt", lines_of_fasttext, "read as fastText"),
        ("train.ft.txt.bz2", lambda: bz2.compress(lines_of_fasttext()), "read as fastText"),
        ("train.ft.txt.gz", lambda: gzip.compress(lines_of_fasttext()), "read as fastText"),
        ("reviews.csv", lines_of_fasttext, "read as fastText"),
        ("archive.zip", lambda: zipped(train_ft_txt_bz2=bz2.compress(lines_of_fasttext())), "fast"),
        ("reviews.csv.bz2", lambda: bz2.compress(kaggle_csv()), "Ingested"),
        ("reviews.csv", lambda: gzip.compress(kaggle_csv()), "read through gz"),
        ("reviews.csv", lambda: kaggle_csv().decode().encode("utf-16"), "read as UTF-16"),
        ("reviews.txt", lambda: kaggle_csv().replace(b'","', b'"\t"'), "separated by tabs"),
        ("reviews.tsv", lambda: kaggle_csv().replace(b'","', b'"\t"'), "separated by tabs"),
        ("reviews.csv", json_lines, "read as JSON Lines"),
        ("reviews.json", json_lines, "Ingested"),
        ("reviews.json.gz", lambda: gzip.compress(json_lines()), "Ingested"),
        ("archive.zip", lambda: zipped(folder__train_csv=kaggle_csv()), "Ingested"),
        ("archive.zip", lambda: zipped(folder__reviews_csv=kaggle_csv(), readme_md=b"x"), "Ingest"),
    ],
)
def test_the_formats_people_have_are_read_for_what_they_are(
    workspace: Workspace, name: str, content: Callable[[], bytes], said: str
) -> None:
    """By content, whatever they are called; what a file was taken for is said, and no row lost."""
    Path(name).write_bytes(content())
    result = workspace.run("data.ingest", "--source", name)

    assert 0 == result.code, result.err
    assert said in result.err + result.out
    frame = pl.concat(pl.read_parquet(workspace.data / f"raw/{split}.parquet")
                      for split in ("train", "test"))  # fmt: skip
    assert 400 == frame.height
    assert {1: 200, 2: 200} == dict(frame["polarity"].value_counts().iter_rows())


def test_where_a_title_ends_in_lines_of_fasttext(workspace: Workspace) -> None:
    """At the first colon that a blank follows; broken lines are set aside with their reason."""
    odd = b"no label: at all\n__label__1 __label__2 two: labels\n__label__7 Odd: one\n\n"
    Path("a.txt").write_bytes(lines_of_fasttext() + b"__label__1 caf\xe9: x\n" + odd)
    Path("b.txt").write_bytes(b"\xef\xbb\xbf" + lines_of_fasttext())

    assert 0 == workspace.run("data.ingest", "--source", "b.txt").code
    counts = workspace.ok("data.ingest", "--source", "a.txt")
    assert {"invalid_label": 3, "invalid_utf8": 1} == counts["quarantined"]
    titles = dict(
        pl.concat(
            pl.read_parquet(workspace.data / f"raw/{split}.parquet") for split in ("train", "test")
        ).select("text", "title").iter_rows()
    )  # fmt: skip
    assert ("", "Bad") == (titles["I love it"], titles["it broke: twice"])


def test_a_spreadsheets_utf16_loses_only_the_row_that_is_damaged(workspace: Workspace) -> None:
    """Half a surrogate and half a character at the end cost the rows they stand in."""
    good, bad = kaggle_csv().decode(), '"1","half \ud83d","x"\n'
    content = (good + bad + '"2","last","cut').encode("utf-16", "surrogatepass") + b"\x41"
    Path("a.csv").write_bytes(content)
    counts = workspace.ok("data.ingest", "--source", "a.csv")

    assert 400 == counts["train"] + counts["test"]
    assert {"invalid_utf8": 1, "unbalanced_quotes": 1} == counts["quarantined"]


@pytest.mark.parametrize("shards", [1, 3])
def test_amazon_polarity_is_recognised(workspace: Workspace, shards: int) -> None:
    """Hugging Face's distribution, as it is downloaded: shards in a folder, labels of 0 and 1."""
    folder = workspace.path / "amazon_polarity/amazon_polarity"
    folder.mkdir(parents=True)
    frame = pl.DataFrame(table(["label", "title", "content"], 300))
    for n in range(shards):
        part = frame[n * 300 // shards : (n + 1) * 300 // shards]
        part.write_parquet(folder / f"train-{n:05}-of-{shards:05}.parquet")
    frame.with_columns(title=pl.lit("Test")).write_parquet(folder / "test-00000-of-00001.parquet")
    result = workspace.run("data.ingest", "--source", "amazon_polarity")

    assert 0 == result.code, result.err
    assert "taken for amazon_polarity" in result.err
    read = pl.read_parquet(workspace.data / "raw/train.parquet")
    assert frame["content"].to_list() == read["text"].to_list()
    assert (frame["label"] + 1).to_list() == read["polarity"].to_list()
    assert 300 == pl.read_parquet(workspace.data / "raw/test.parquet").height


def test_settings_are_not_overruled_by_a_distribution(workspace: Workspace) -> None:
    """Who names the columns means them."""
    pl.DataFrame(table(["label", "title", "content"])).write_parquet("own.parquet")
    workspace.set(REVIEWS_COLUMN_TEXT="content")
    result = workspace.run("data.ingest", "--source", "own.parquet")

    assert 3 == result.code
    assert "has no column polarity" in result.err


def test_a_missing_shard_is_missed(workspace: Workspace) -> None:
    """Half a data set is no data set; lines of a second shard count on from the first."""
    Path("whole").mkdir()
    for n in range(2):
        (Path("whole") / f"train-{n:05}-of-00002.csv").write_bytes(kaggle_csv() + b"broken\n")
    counts = workspace.ok("data.ingest", "--source", "whole")
    lines = pl.read_parquet(workspace.data / "raw/quarantine.parquet")["line"]
    Path("whole/train-00000-of-00002.csv").unlink()
    result = workspace.run("data.ingest", "--source", "whole")

    assert (802, [401, 802]) == (counts["rows_in"], lines.to_list())
    assert 3 == result.code
    assert "not all shards" in result.err


def test_a_table_with_other_columns_is_not_fetched_anew(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its copy waits for the settings that the message names."""
    from src.model.core.errors import SourceError
    from src.model.data.sources.files import Source
    from src.model.files.readers import table_at

    Path("own.csv").write_text("stars,headline,body\n" + "5,Good,Really good\n" * 9)
    own = Source((table_at(Path("own.csv")),), (), (Path("own.csv"),), fetched=True)
    with pytest.raises(SourceError):
        next(own.blocks(own.train[0], ("polarity", "title", "text")))
    assert Path("own.csv").exists()


def test_portuguese_reviews_go_all_the_way(workspace: Workspace) -> None:
    """Refused as English; with the language set they are validated, judged and described in it."""
    Path("avaliacoes.csv").write_text(avaliacoes(), encoding="utf-8")
    workspace.set(REVIEWS_COLUMN_POLARITY="nota", REVIEWS_COLUMN_TITLE="titulo",
                  REVIEWS_COLUMN_TEXT="texto", REVIEWS_LABELS="stars")  # fmt: skip
    refused = workspace.run("pipeline.run", "ingest", "--source", "avaliacoes.csv")
    assert 3 == refused.code
    assert "rows that look like another language" in refused.err
    assert "REVIEWS_LANGUAGE" in refused.err

    workspace.set(REVIEWS_LANGUAGE="pt")
    workspace.ok("pipeline.run", "ingest", "--source", "avaliacoes.csv")
    trained = workspace.run("pipeline.run", "train")
    assert trained.code in {0, 4}, trained.err
    card = (workspace.data / "reports/model_card_1.html").read_text()
    assert "product reviews in Portuguese" in card
    if trained.code:
        assert "the behavioural cases are those of Portuguese" in trained.out
        assert "to use it all the same: make model-predict model_version=1" in trained.out
    text = "Não gostei nada do livro, veio rasgado e a loja não respondeu."
    words = ("--message", text, "--model-version", "1")
    found = workspace.ok("pipeline.predict", *words)
    assert ("negative", False) == (found["label"], found["other_language"])
    english = "I did not like the book at all and the shop never answered."
    words = ("--message", english, "--model-version", "1")
    assert "does not look Portuguese" in workspace.run("pipeline.predict", *words).out

    workspace.set(REVIEWS_LANGUAGE="en")
    again = workspace.run("pipeline.evaluate", "--model-version", "1")
    assert (2, True) == (again.code, "The model reads Portuguese" in again.err)
    assert "REVIEWS_LANGUAGE to pt" in again.err


def test_two_tables_of_one_name_are_not_one(workspace: Workspace) -> None:
    """In folders of a zip the last one would win; a Mac's own notes beside a file are no table."""
    rows = kaggle_csv()
    for names in (("en/reviews.csv", "de/reviews.csv"), ("en/Train.csv", "de/Train.csv"),
                  ("a/train-00000-of-00001.csv", "b/train-00000-of-00001.csv")):  # fmt: skip
        with zipfile.ZipFile("a.zip", "w") as archive:
            for name in names:
                archive.writestr(name, rows)
        refused = workspace.run("data.ingest", "--source", "a.zip")
        assert (3, True) == (refused.code, "twice" in refused.err), refused.err
    with zipfile.ZipFile("mac.zip", "w") as archive:
        archive.writestr("reviews.csv", rows)
        archive.writestr("__MACOSX/._reviews.csv", b"\0\5\x16\7")
    assert 400 == workspace.ok("data.ingest", "--source", "mac.zip")["rows_in"]
