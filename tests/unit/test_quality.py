"""Counting what is wrong with the data."""

from collections.abc import Iterable

import polars as pl

from src.model.core.language import frequent_words
from src.model.core.languages import english
from src.model.data import quality
from src.model.data.quality import LENGTH_EDGES, SplitStatistics, check, note_overlap
from src.model.files.rows import row_ids


def split_statistics(blocks: Iterable[pl.DataFrame]) -> SplitStatistics:
    return quality.split_statistics(blocks, frequent_words(english()))


def frame(*rows: tuple[int, str, str]) -> pl.DataFrame:
    labels, titles, texts = zip(*rows, strict=True)
    ids = pl.Series("row_id", row_ids(titles, texts), pl.UInt64)
    return pl.DataFrame(
        [ids, pl.Series("polarity", labels), pl.Series("title", titles), pl.Series("text", texts)]
    )


ENGLISH = "this is the best thing that I have bought for my house"
ROWS = frame(
    (2, "Good", ENGLISH),
    (2, "Good", ENGLISH),
    (1, "Good", ENGLISH),
    (1, "", "bad"),
    (1, "x", " "),
    (2, "Hola", "me gusta mucho este libro porque tiene buenas fotos y buena historia"),
    (2, "y", "cafÃ© and â€œquotesâ€\u009d"),
    (2, "y", "a \ufffd in it"),
)


def test_findings_are_counted_across_blocks() -> None:
    """Counting in blocks of any size gives the same counts and the same row numbers."""
    whole = split_statistics([ROWS])
    parts = split_statistics(ROWS.iter_slices(3))

    expected = {
        "empty_title": 1,
        "empty_text": 1,
        "encoding_damage": 2,
        "other_language": 1,
        "duplicates": 2,
        "conflicts": 3,
    }
    assert expected == whole.found == parts.found
    assert {
        "duplicates": [1, 2],
        "conflicts": [0, 1, 2],
        "other_language": [5],
        "encoding_damage": [6, 7],
    } == {
        name: parts.examples[name]
        for name in ("duplicates", "conflicts", "other_language", "encoding_damage")
    }
    assert 8 == parts.lengths.sum()
    assert 5 == parts.positive


def test_lengths_fall_into_their_buckets() -> None:
    """A review of 59 bytes counts in the bucket from 50, an empty one in the bucket of 0."""
    found = split_statistics([frame((1, "", ""), (1, "t" * 9, "x" * 50), (1, "", "x" * 20_000))])

    assert [0, LENGTH_EDGES.index(50), len(LENGTH_EDGES) - 1] == found.lengths.nonzero()[0].tolist()


def test_overlap_is_counted_on_the_test_side() -> None:
    """A test row that stands in train is found, however often it stands there."""
    train, test = (
        split_statistics([ROWS]),
        split_statistics([frame((2, "Good", ENGLISH), (1, "other", "row"))]),
    )
    note_overlap(train, test)

    assert (1, [0]) == (test.found["overlap"], test.examples["overlap"])


def test_checks_hold_shares_against_limits() -> None:
    """Shares over a maximum and a class under its minimum fail; the limit itself passes."""
    names = (
        "quarantined",
        "class",
        "empty_title",
        "empty_text",
        "encoding_damage",
        "other_language",
        "duplicates",
    )
    limits = dict.fromkeys((*names, "conflicts", "overlap"), 0.25)
    train, test = (
        split_statistics([ROWS]),
        split_statistics([frame((2, "Good", ENGLISH), (2, "other", "row"))]),
    )
    note_overlap(train, test)
    verdicts = {
        (c.name, c.split): c.passed for c in check(train, test, limits, quarantined=3, rows_in=10)
    }

    assert not verdicts["quarantined", "both"]
    assert verdicts["duplicates", "train"]
    assert not verdicts["conflicts", "train"]
    assert not verdicts["class", "test"]
    assert not verdicts["overlap", "test"]
    assert verdicts["class", "train"]
