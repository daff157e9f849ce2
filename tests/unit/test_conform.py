"""Rows of the one schema, and a reason for every other row."""

import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.model.core.errors import SourceError
from src.model.core.settings import SourceSettings
from src.model.data.conform import conform
from src.model.files.readers import Block, Table, read_table
from src.model.files.sniff import disguise

KAGGLE = SourceSettings(max_field_bytes=1_000)
STARS = SourceSettings.model_validate(
    {"column_polarity": "rating", "labels": "stars", "max_field_bytes": 1_000}
)


def block(
    source: SourceSettings, *cells: tuple[str | None, ...], extra: tuple[str, ...] = ()
) -> Block:
    names = [*source.columns, *extra]
    data = {
        name: pl.Series(name, [row[i] for row in cells], pl.String) for i, name in enumerate(names)
    }
    return Block(pl.DataFrame(data), pl.Series(range(1, len(cells) + 1), dtype=pl.UInt64))


@pytest.mark.parametrize(
    ("label", "title", "text", "reason"),
    [
        ("0", "a", "b", "invalid_label"),
        ("3", "a", "b", "invalid_label"),
        ("good", "a", "b", "invalid_label"),
        ("", "a", "b", "invalid_label"),
        (None, "a", "b", "invalid_label"),
        ("1", "", " \t", "empty_review"),
        ("1", None, None, "empty_review"),
        ("1", "a", "b" * 1_001, "field_too_long"),
        ("1", "é" * 501, "b", "field_too_long"),
        ("1", "a\0", "b", "nul_byte"),
    ],
)
def test_each_fault_has_its_reason(
    label: str | None, title: str | None, text: str | None, reason: str
) -> None:
    """A row that cannot be used is set aside under one name, with its content."""
    kept, aside, _ = conform(block(KAGGLE, (label, title, text)), KAGGLE, ())

    assert 0 == kept.height
    assert [(1, reason)] == aside.select("line", "reason").rows()
    assert '"polarity"' in aside["raw"][0]


def test_stars_become_labels_and_three_is_dropped() -> None:
    """One and two stars are negative, four and five positive, three is dropped on purpose."""
    ratings = block(
        STARS,
        *[(str(stars), "t", f"x{stars}", f"shop{stars}") for stars in range(1, 6)],
        extra=("shop",),
    )
    kept, aside, _ = conform(ratings, STARS, ("rating", "shop"))

    assert [
        (1, "1", "shop1"),
        (1, "2", "shop2"),
        (2, "4", "shop4"),
        (2, "5", "shop5"),
    ] == kept.select("polarity", "rating", "shop").rows()
    assert [(3, "dropped_rating")] == aside.select("line", "reason").rows()


def test_a_missing_column_is_named() -> None:
    """The message says which column is missing and which there are."""
    with pytest.raises(SourceError, match="no column polarity; it has rating, title, text"):
        conform(block(STARS, ("1", "a", "b")), KAGGLE, ())


ROWS = st.one_of(
    st.tuples(
        st.sampled_from(["1", "2", "0", "good"]), st.text(max_size=10), st.text(max_size=30)
    ).map(
        lambda cells: ",".join('"' + cell.replace('"', '""') + '"' for cell in cells).encode(
            "utf-8", "replace"
        )
    ),
    st.sampled_from(
        [
            b'"1","stray " quote","t"',
            b'"1","two"',
            b'"1","\xff","x"',
            b'"1","a\0b","c"',
            b"1,,",
            b'"',
        ]
    ),
    st.binary(max_size=40),
)


@given(st.lists(ROWS, min_size=1, max_size=40))
@settings(max_examples=300, deadline=None)
def test_rows_in_are_rows_out_plus_quarantined(lines: list[bytes]) -> None:
    """Whatever the bytes, a row is kept or set aside with a reason, and no line is lost.

    A file that is something else altogether is refused whole.
    """
    content = b'"1","first","row"\n' + b"\n".join(lines) + b"\n"
    if disguise(content, ".csv"):
        with pytest.raises(SourceError, match="not what its ending says"):
            list(read_table(Table("x.csv", lambda: io.BytesIO(content)), KAGGLE.columns))
        return
    seen = kept_rows = aside_rows = 0
    found: list[int] = []
    for part in read_table(Table("x.csv", lambda: io.BytesIO(content)), KAGGLE.columns):
        kept, aside, _ = conform(part, KAGGLE, ())
        seen += part.rows.height + len(part.rejects)
        kept_rows += kept.height
        aside_rows += aside.height
        found += aside["line"].to_list()
        assert aside["reason"].null_count() == 0
        assert set(kept["polarity"].to_list()) <= {1, 2}

    assert seen == kept_rows + aside_rows
    assert len(found) == len(set(found))
    assert kept_rows >= 1


def test_a_label_means_the_same_in_every_form() -> None:
    """Capitals, blanks and a decimal point make no difference, in the data and in the setting."""
    said = SourceSettings.model_validate({"labels": '{"Good": "positive", "0.0": "negative"}'})
    forms = block(said, *[(label, "t", "x") for label in ("good", " GOOD", "0", "0.0", "0.5")])
    kept, aside, labels = conform(forms, said, ())
    stars = block(STARS, ("5.0", "t", "x"), ("1", "t", "x"))

    assert [2, 2, 1, 1] == kept["polarity"].to_list()
    assert ["invalid_label"] == aside["reason"].to_list()
    assert {"good": 2, "0": 2, "0.5": 1} == labels
    assert [2, 1] == conform(stars, STARS, ()).kept["polarity"].to_list()
