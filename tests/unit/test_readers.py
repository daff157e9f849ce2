"""Tables of every format as blocks of rows."""

import gzip
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.model.core.errors import SourceError
from src.model.files.readers import read_table, table_at

EXPECTED = ("polarity", "title", "text")


def rows(path: Path) -> pl.DataFrame:
    return pl.concat([block.rows for block in read_table(table_at(path), EXPECTED)])


def test_csv_without_header_keeps_its_first_row_and_the_word_none(tmp_path: Path) -> None:
    """The first review is a review, and titles such as None, N/A and null are text."""
    path = tmp_path / "a.csv"
    path.write_text('"1","None","x"\n"2","N/A","null"\n"1","","NaN"\n')

    assert [("1", "None", "x"), ("2", "N/A", "null"), ("1", "", "NaN")] == rows(path).rows()


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet"])
def test_every_format_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    """Formats differ in how they store a review, not in the review."""
    frame = pl.DataFrame(
        {"polarity": ["1", "2"], "title": ["a", 'q"q'], "text": ["é, x", "line\nbreak"]}
    )
    path = tmp_path / f"reviews{ending}"
    content = frame.write_csv().encode() if ".csv" in ending else frame.write_ndjson().encode()
    if ending == ".parquet":
        frame.write_parquet(path)
    else:
        path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)

    assert frame.rows() == rows(path).select(EXPECTED).rows()


def test_numbers_and_nested_columns_of_parquet(tmp_path: Path) -> None:
    """A rating of 5.0 reads 5; lists are ignored by name."""
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {"rating": [5.0, 1.0, None], "price": [1.5, 2.0, 3.0], "images": [["x"], [], ["y"]]}
    ).write_parquet(path)
    (block,) = read_table(table_at(path), ())

    assert [("5", "1.5"), ("1", "2"), (None, "3")] == block.rows.select("rating", "price").rows()
    assert ["images"] == block.ignored


def test_jsonl_sets_broken_lines_aside(tmp_path: Path) -> None:
    """What is no JSON object, or no text, becomes a reject; later keys are named as ignored."""
    path = tmp_path / "a.jsonl"
    good = json.dumps({"rating": 5.0, "title": "a", "text": "b", "images": [1]})
    path.write_bytes(
        good.encode() + b'\n{"title": \n[1]\n"\xff"\n{"title": "\\ud800"}\n\n' + good.encode()
    )
    (block,) = read_table(table_at(path), ("title", "text"))

    assert ["malformed_json", "malformed_json", "invalid_utf8", "invalid_utf8"] == [
        r.reason for r in block.rejects
    ]
    assert [("5", "a", "b"), ("5", "a", "b")] == block.rows.select("rating", "title", "text").rows()
    assert [1, 7] == block.lines.to_list()
    assert ["images"] == block.ignored


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.csv.gz"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    """An empty source is an error, not a data set of no rows."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")

    with pytest.raises(SourceError, match="is empty"):
        rows(path)


def test_an_empty_parquet_is_refused(tmp_path: Path) -> None:
    """Parquet without rows is as empty as a file without bytes."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"title": pl.Series([], dtype=pl.String)}).write_parquet(path)

    with pytest.raises(SourceError, match="is empty"):
        rows(path)


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    """Half a download is no source."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b'"1","a","b"\n' * 10_000)[:-20])

    with pytest.raises(SourceError, match="damaged or cut short"):
        rows(path)


@pytest.mark.parametrize("content", [b"PAR1 but nothing else", b""])
def test_a_damaged_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that only looks like Parquet ends with a sentence."""
    path = tmp_path / "a.parquet"
    path.write_bytes(content)

    with pytest.raises(SourceError, match="not a readable Parquet file"):
        rows(path)


def test_a_repeated_column_is_refused(tmp_path: Path) -> None:
    """Two columns of one name leave open which is meant."""
    path = tmp_path / "a.csv"
    path.write_text("polarity,title,text,title\n1,a,b,c\n")

    with pytest.raises(SourceError, match="more than one column title"):
        rows(path)


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    """The message lists the formats that are read."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"x")

    with pytest.raises(SourceError, match="names no known format"):
        rows(path)


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_names_that_a_library_rewrites_are_given_by_place(tmp_path: Path, ending: str) -> None:
    """The index of pandas, a blank name, a NUL: columns keep their cells under a usable name."""
    path = tmp_path / f"a{ending}"
    names = ["", "polarity", "title", "text", " "]
    if ending == ".csv":
        path.write_text(",polarity,title,text, \n0,1,a,b,\n1,2,c,d,\n")
    else:
        table = pa.table({name: pa.array(["1", "2"]) for name in [*names, "a\0b"]})
        if ending == ".parquet":
            pq.write_table(table, path)
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    found = rows(path)

    assert 2 == sum(name.startswith("unnamed_") for name in found.columns)
    assert len(names) + (ending != ".csv") == len(found.columns)
    assert found.columns == found.to_arrow().schema.names
    assert all(name.strip() and "\0" not in name for name in found.columns)


def test_what_parquet_libraries_panic_at_is_refused(tmp_path: Path) -> None:
    """Decimals of 256 bits and text that is none end with a sentence."""
    wide, broken = tmp_path / "wide.parquet", tmp_path / "broken.parquet"
    pq.write_table(pa.table({"title": ["a"], "price": pa.array([1], pa.decimal256(50, 2))}), wide)
    text = pa.array([b"\xff\xfe"], pa.large_binary()).view(pa.large_string())
    pq.write_table(pa.table({"title": text}), broken)

    with pytest.raises(SourceError, match="price holds decimals of more than 38 digits"):
        rows(wide)
    with pytest.raises(SourceError, match="holds what cannot be read"):
        rows(broken)


def test_cells_of_json_lines_are_not_lost(tmp_path: Path) -> None:
    """A list in a column of text is its JSON; a number beyond float64 is no JSON."""
    path = tmp_path / "a.jsonl"
    lines = [
        '{"title": "a", "tag": "x"}',
        '{"title": "b", "tag": [1]}',
        '{"title": "c", "n": 1e400}',
    ]
    path.write_text("\n".join(lines))
    (block,) = read_table(table_at(path), ("title",))

    assert [("a", "x"), ("b", "[1]")] == block.rows.select("title", "tag").rows()
    assert ["malformed_json"] == [reject.reason for reject in block.rejects]
