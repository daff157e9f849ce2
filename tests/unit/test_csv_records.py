"""CSV record by record: one broken row costs one row."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.model.files.csv_records import CsvRecords, Record, Reject

GOOD = b'"2","Great","I love it"\n'


def read(content: bytes, columns: int | None = 3) -> list[Record | Reject]:
    return list(CsvRecords(io.BytesIO(content), columns))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'"1","stray " quote","t"\n', "unbalanced_quotes"),
        (b'"1","never closed,"t"\n', "unbalanced_quotes"),
        (b'"1","a"b","c"d"\n', "malformed_csv"),
        (b'"1","only two"\n', "wrong_number_of_columns"),
        (b'"1","a","b","c"\n', "wrong_number_of_columns"),
        (b'"1","\xff\xfe","b"\n', "invalid_utf8"),
        (b'"1","a\0","b"\n', "nul_byte"),
    ],
)
def test_a_broken_row_is_set_aside_and_its_neighbours_are_kept(broken: bytes, reason: str) -> None:
    """The rows around a broken one come through; it keeps its line, reason and bytes."""
    before, found, after = read(GOOD + broken + GOOD)

    assert Reject(2, reason, broken.rstrip(b"\n")) == found
    assert [
        Record(1, 1, ["2", "Great", "I love it"]),
        Record(3, 1, ["2", "Great", "I love it"]),
    ] == [before, after]


def test_a_field_may_hold_line_breaks() -> None:
    """A quoted field over three lines is one record; the next record's line number counts them."""
    first, second = read(b'"1","a","x\ny\r\nz"\n' + GOOD)

    assert Record(1, 3, ["1", "a", "x\ny\r\nz"]) == first
    assert isinstance(second, Record)
    assert 4 == second.line


def test_two_stray_quotes_do_not_swallow_what_stands_between() -> None:
    """Ten good rows between two stray quotes stay ten good rows."""
    stray = b'"1","oops " here","t"\n'
    found = read(stray + GOOD * 10 + stray)

    assert 10 == sum(isinstance(item, Record) for item in found)
    assert ["unbalanced_quotes"] * 2 == [item.reason for item in found if isinstance(item, Reject)]


def test_a_quote_left_open_at_the_end_costs_one_row() -> None:
    """An open quote in the last row is no reason to lose the file."""
    assert [Record, Reject] == [type(item) for item in read(GOOD + b'"1","a","open')]


def test_a_quote_left_open_early_does_not_read_the_whole_file() -> None:
    """Five thousand rows after an open quote are all kept."""
    found = read(b'"1","a","open\n' + GOOD * 5_000)

    assert 5_000 == sum(isinstance(item, Record) for item in found)


def test_a_byte_order_mark_and_blank_lines_are_no_data() -> None:
    """Excel's mark and empty lines are passed over."""
    assert [["2", "Great", "I love it"]] * 2 == [
        item.cells
        for item in read(b"\xef\xbb\xbf" + GOOD + b"\n  \r\n" + GOOD)
        if isinstance(item, Record)
    ]


def test_a_header_is_taken_only_if_it_names_the_columns() -> None:
    """The first row of a file without header is data."""
    headed = CsvRecords(io.BytesIO(b"id, title ,text\n1,a,b\n"))
    plain = CsvRecords(io.BytesIO(GOOD))

    assert ["id", "title", "text"] == headed.header(("title", "text"))
    assert [Record(2, 1, ["1", "a", "b"])] == list(headed)
    assert plain.header(("polarity", "title", "text")) is None
    assert [Record(1, 1, ["2", "Great", "I love it"])] == list(plain)


LINES = st.one_of(
    st.just(GOOD),
    st.just(b'"1","stray " quote","t"\n'),
    st.just(b'"1","two\nlines","t"\n'),
    st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"") + b"\n"),
    st.text(alphabet='",\n\\1a ', max_size=20).map(lambda text: text.encode() + b"\n"),
)


@given(st.lists(LINES, max_size=30).map(b"".join))
@settings(max_examples=500, deadline=None)
def test_every_line_is_accounted_for(content: bytes) -> None:
    """Lines in == lines in records + rejects + blank ones, whatever the bytes."""
    records = CsvRecords(io.BytesIO(content), 3)
    spanned = sum(item.lines if isinstance(item, Record) else 1 for item in records)

    assert (
        content.removeprefix(b"\xef\xbb\xbf").count(b"\n")
        + (not content.endswith(b"\n") and bool(content))
        == spanned + records.blank_lines
    )


def test_a_line_that_was_cut_is_never_part_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quoted field whose second line is too long is set aside, not kept without its end."""
    monkeypatch.setattr("src.model.files.csv_records.MAX_LINE_BYTES", 100)
    content = b'"2","a","first\n' + b"x" * 150 + b' last"\n' + GOOD
    first, second, third = read(content)

    assert isinstance(first, Reject)
    assert isinstance(second, Reject)
    assert ["unbalanced_quotes", "line_too_long"] == [first.reason, second.reason]
    assert isinstance(third, Record)
