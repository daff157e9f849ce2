"""Sources that are broken: each ends with its sentence or costs only its broken rows."""

import io
import zipfile
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Workspace
from tests.integration.review_files import kaggle_tgz

GOOD = b"".join(
    b'"2","Great","I love it so much %d"\n"1","Bad","It broke in a day %d"\n' % (i, i)
    for i in range(30)
)


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


def damaged_inside() -> bytes:
    content = bytearray(archive(train_csv=GOOD * 300, test_csv=GOOD))
    content[60] ^= 0xFF
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.zip", archive(train_csv=GOOD * 50)[:-300], "damaged or cut short"),
        ("cut.tgz", kaggle_tgz()[:-300], "damaged or cut short"),
        ("none.tar", b"1,title,text", "damaged or cut short"),
        ("flipped.zip", damaged_inside(), "damaged or cut short"),
        ("other.zip", archive(a_csv=GOOD, b_csv=GOOD), "no train.csv; it holds a.csv, b.csv"),
        ("two.zip", archive(train_csv=GOOD, train_jsonl=b"{}"), "which one is meant?"),
        ("empty.csv", b"", "is empty"),
        ("empty.zip", archive(train_csv=b"", test_csv=GOOD), "is empty"),
        (
            "two_columns.csv",
            b'"1","only a title"\n' * 20,
            "20 wrong_number_of_columns. The first: line 1",
        ),
        ("four_columns.csv", b'"1","a","b","c"\n' * 20, "20 wrong_number_of_columns"),
        ("labels.csv", b'"good","a","b"\n' * 20, "20 invalid_label"),
        ("header.csv", b"stars,headline,body\n" + GOOD[:0], "it has stars, headline, body"),
        ("excel.csv", GOOD.decode().encode("utf-16-le"), "UTF-16"),
        ("reviews.xlsx", b"PK", "names no known format"),
    ],
)  # fmt: skip
def test_a_source_without_usable_rows_is_refused(
    workspace: Workspace, name: str, content: bytes, said: str
) -> None:
    """Exit code 3, a sentence about what is wrong, and no data file left behind."""
    (workspace.path / name).write_bytes(content)
    result = workspace.run("data.ingest", "--source", name)

    assert 3 == result.code
    assert said in result.err
    assert [] == [
        path for path in workspace.data.rglob("*") if path.is_file() and path.suffix != ".lock"
    ]


def test_an_empty_folder_is_refused(workspace: Workspace) -> None:
    """A folder without a train table says what it holds."""
    (workspace.path / "empty").mkdir()

    assert "it holds nothing" in workspace.run("data.ingest", "--source", "empty").err


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"polarity,summary,body\n", "invalid_label"),
        (b'"1","stray " quote","t"\n', "unbalanced_quotes"),
        (b'"1","a\0b","t"\n', "nul_byte"),
        (b'"1","caf\xe9","t"\n', "invalid_utf8"),
        (b'"0","a","b"\n', "invalid_label"),
        (b'"3","a","b"\n', "invalid_label"),
        (b'"good","a","b"\n', "invalid_label"),
        (b'"1","a","' + b"x" * 5_000_000 + b'"\n', "field_too_long"),
        (b'"2","",""\n', "empty_review"),
    ],
)
def test_a_broken_row_costs_one_row(workspace: Workspace, broken: bytes, reason: str) -> None:
    """The rows around it are ingested; it is counted with its reason and kept to be looked at."""
    Path("train.csv").write_bytes(GOOD + broken + GOOD.replace(b"it", b"this"))
    counts = workspace.ok("data.ingest", "--source", "train.csv")
    aside = pl.read_parquet(workspace.data / "raw/quarantine.parquet")

    assert {reason: 1} == counts["quarantined"]
    assert 121 == counts["rows_in"]
    assert [("train", 61, reason)] == aside.select("split", "line", "reason").rows()
    assert aside["raw_bytes"][0] > 0
    assert len(aside["raw"][0]) <= 65_536


def test_a_header_with_our_names_is_a_header(workspace: Workspace) -> None:
    """A CSV from a spreadsheet, columns in any order, works without a setting."""
    rows = b"".join(b"I love it %d,7,2,Great\nIt broke %d,8,1,Bad\n" % (i, i) for i in range(40))
    Path("train.csv").write_bytes(b"text,id,polarity,title\n" + rows)
    counts = workspace.ok("data.ingest", "--source", "train.csv")

    assert (80, {}) == (counts["rows_in"], counts["quarantined"])
    assert {"id"} <= set(pl.read_parquet(workspace.data / "raw/train.parquet").columns)


def test_limits_of_the_validation_stop_with_the_rows_file(workspace: Workspace) -> None:
    """Over a limit: exit 3, shares, settings, where the rows are; a second run says the same."""
    Path("train.csv").write_bytes(GOOD * 2)
    workspace.ok("data.ingest", "--source", "train.csv")
    for _ in range(2):
        result = workspace.run("data.validate")
        assert 3 == result.code
        assert "rows that repeat an earlier row exactly (train)" in result.err
        assert "data/reports/data_quality_rows.csv" in result.err
        assert "REVIEWS_MAX_DUPLICATES" in result.err
    examples = pl.read_csv(workspace.data / "reports/data_quality_rows.csv")
    assert "duplicates" in examples["finding"].to_list()

    workspace.set(REVIEWS_MAX_DUPLICATES="1", REVIEWS_MAX_OVERLAP="1", REVIEWS_MIN_CLASS="0")
    assert workspace.ok("data.validate")["passed"]


def test_the_quality_page_needs_nothing_from_outside(workspace: Workspace) -> None:
    """The page holds its plots and names no other address; hostile names are only text in it."""
    Path("<script>.jsonl").write_bytes(
        b'{"polarity": 1, "title": "a", "text": "This is it %d"}\n' * 30
    )
    workspace.set(
        REVIEWS_MAX_DUPLICATES="1",
        REVIEWS_MAX_OVERLAP="1",
        REVIEWS_MIN_CLASS="0",
        REVIEWS_TEST_SHARE="0",
    )
    result = workspace.run("data.ingest", "--source", "<script>.jsonl")
    assert 3 == result.code
    assert "too few to hold out" in result.err

    workspace.ok("data.ingest", "--source", "synthetic:300@1")
    workspace.ok("data.validate")
    page = (workspace.data / "reports/data_quality.html").read_text()
    assert 3 == page.count("<svg")
    assert "http" not in page.replace("http://www.w3.org", "")


def labelled(*labels: str, rows: int = 60) -> bytes:
    return b"".join(
        f'"{labels[i % len(labels)]}","Title {i}","Text of review {i}"\n'.encode()
        for i in range(rows)
    )


@pytest.mark.parametrize(
    ("labels", "setting", "said"),
    [
        (("0", "1"), "polarity", "They fit REVIEWS_LABELS=binary (0: negative, 1: positive)"),
        (("0.0", "1.0"), "polarity", "They fit REVIEWS_LABELS=binary"),
        (("1", "2", "3", "4", "5"), "polarity", "They fit REVIEWS_LABELS=stars"),
        (("Positive", "Negative"), "polarity", "They fit REVIEWS_LABELS=words"),
        (
            ("1", "2"),
            "stars",
            "All 60 usable rows are negative. Labels seen are 1 (30 rows), 2 (30 rows)",
        ),
    ],
)
def test_a_plausible_wrong_reading_of_labels_is_refused(
    workspace: Workspace, labels: tuple[str, ...], setting: str, said: str
) -> None:
    """Which labels are seen, what is set, and which setting fits; the former data stay."""
    Path("reviews.csv").write_bytes(labelled("1", "2", rows=300))
    workspace.ok("data.ingest", "--source", "reviews.csv")
    before = (workspace.data / "raw/train.parquet").read_bytes()
    Path("reviews.csv").write_bytes(labelled(*labels))
    workspace.set(REVIEWS_LABELS=setting)
    result = workspace.run("data.ingest", "--source", "reviews.csv")

    assert 3 == result.code
    assert said in result.err
    assert before == (workspace.data / "raw/train.parquet").read_bytes()


def test_unknown_labels_are_named(workspace: Workspace) -> None:
    """The commonest values without a meaning are in the answer; a text in their place is not."""
    odd = b'"maybe","a","b"\n' * 3 + b'"A long sentence of a customer","a","b"\n'
    Path("reviews.csv").write_bytes(labelled("1", "2", rows=300) + odd)
    answer = workspace.ok("data.ingest", "--source", "reviews.csv")
    said = workspace.run("data.ingest", "--source", "reviews.csv", "--force").out

    assert {"maybe": 3, "a longer text": 1} == answer["unknown_labels"]
    assert "no meaning is set for the label maybe (3 rows), a longer text (1 row)" in said


def test_an_index_column_of_pandas_is_a_column(workspace: Workspace) -> None:
    """An empty name in the header, first or last, does not stop anything."""
    rows = labelled("1", "2", rows=300).splitlines()
    lines = [b"%d,%s,%s" % (i, row, b"") for i, row in enumerate(rows)]
    Path("reviews.csv").write_bytes(b",polarity,title,text,\n" + b"\n".join(lines))
    workspace.ok("data.ingest", "--source", "reviews.csv")
    train = pl.read_parquet(workspace.data / "raw/train.parquet")

    assert {"unnamed_1", "unnamed_5"} <= set(train.columns)
    assert {""} == set(train["unnamed_5"])
