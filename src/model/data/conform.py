"""Blocks as they stand in a source -> rows of the one schema.

Every row that is not one gets a reason.
"""

from collections.abc import Sequence

import polars as pl

from src.model.core.errors import SourceError
from src.model.core.settings import SourceSettings
from src.model.files import rows
from src.model.files.csv_records import Reject
from src.model.files.readers import Block

RAW_BYTES = 65_536
"""A rejected row is kept up to this many bytes; `raw_bytes` says how long it was."""

DROPPED = "dropped_rating"
"""Reason of rows whose label is mapped to `drop`, such as three stars.

They are set aside on purpose, not broken.
"""


def conform(
    block: Block, source: SourceSettings, extra: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split a block into (reviews, quarantined rows).

    Every row of the block is in exactly one of the two.

    Raises:
        SourceError: a needed column is missing.
    """
    given = block.rows
    if missing := [name for name in source.columns if name not in given.columns]:
        msg = (
            f"The source has no column {' and '.join(missing)}; it has {', '.join(given.columns)}."
        )
        hint = (
            "Name its columns with REVIEWS_COLUMN_POLARITY, REVIEWS_COLUMN_TITLE and "
            "REVIEWS_COLUMN_TEXT."
        )
        raise SourceError(msg, hint=hint)
    polarity = {"negative": str(rows.NEGATIVE), "positive": str(rows.POSITIVE), "drop": "drop"}
    label = given[source.column_polarity].fill_null("").str.strip_chars()
    meaning = {value: polarity[name] for value, name in source.labels.items()}
    # Columns are taken by name, never through pl.col, which would read `*` and `^…$` as patterns.
    reviews = pl.DataFrame(
        [
            label.replace_strict(meaning, default=None, return_dtype=pl.String).alias("polarity"),
            given[source.column_title].fill_null("").alias("title"),
            given[source.column_text].fill_null("").alias("text"),
            *(given[name] for name in extra),
        ]
    )
    reason = reviews.select(_reason(source.max_field_bytes)).to_series().cast(pl.String)
    bad = reason.is_not_null()
    kept = reviews.filter(~bad).with_columns(pl.col("polarity").cast(pl.Int8))
    ids = pl.Series("row_id", rows.row_ids(kept["title"], kept["text"]), pl.UInt64)
    broken = _aside(block.lines.filter(bad), reason.filter(bad), _as_json(given.filter(bad)))
    return kept.insert_column(0, ids), pl.concat([broken, _unread(block.rejects)])


def _reason(max_field_bytes: int) -> pl.Expr:
    """The first thing wrong with a row, or null."""
    longest = pl.max_horizontal(pl.col("title").str.len_bytes(), pl.col("text").str.len_bytes())
    both = pl.col("title") + pl.col("text")
    return (
        pl.when(pl.col("polarity").is_null()).then(pl.lit("invalid_label"))
        .when(pl.col("polarity") == "drop").then(pl.lit(DROPPED))
        .when(longest > max_field_bytes).then(pl.lit("field_too_long"))
        .when(both.str.contains("\0", literal=True)).then(pl.lit("nul_byte"))
        .when(both.str.strip_chars() == "").then(pl.lit("empty_review"))
    )  # fmt: skip


def _as_json(given: pl.DataFrame) -> pl.Series:
    """Readable rows that are set aside, as the JSON text of their source columns."""
    if given.is_empty():
        return pl.Series(dtype=pl.String)
    return given.select(pl.struct(pl.all()).struct.json_encode()).to_series()


def _unread(rejects: Sequence[Reject]) -> pl.DataFrame:
    r"""Rows that could not be read, as their own bytes; what is not UTF-8 is written as \xNN."""
    raw = pl.Series(
        [reject.raw[:RAW_BYTES].decode("utf-8", "backslashreplace") for reject in rejects],
        dtype=pl.String,
    )
    lines = pl.Series([reject.line for reject in rejects], dtype=pl.UInt64)
    reasons = pl.Series([reject.reason for reject in rejects], dtype=pl.String)
    size = pl.Series("raw_bytes", [len(reject.raw) for reject in rejects], pl.Int64)
    return _aside(lines, reasons, raw).with_columns(size)


def _aside(lines: pl.Series, reasons: pl.Series, raw: pl.Series) -> pl.DataFrame:
    size = raw.str.len_bytes().cast(pl.Int64)
    return pl.DataFrame(
        {"line": lines, "reason": reasons, "raw": raw.str.slice(0, RAW_BYTES), "raw_bytes": size}
    )
