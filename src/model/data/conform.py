"""Blocks as they stand in a source -> rows of the one schema.

Every row that is not one gets a reason.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from src.model.core.settings import SourceSettings
from src.model.core.settings.data import WHOLE_NUMBER
from src.model.files import rows
from src.model.files.csv_records import Reject
from src.model.files.readers import Block
from src.model.files.usual_columns import refuse_missing

RAW_BYTES = 65_536
"""A rejected row is kept up to this many bytes; `raw_bytes` says how long it was."""

_COMMONEST = 50

DROPPED = "dropped_rating"
"""Reason of rows whose label is mapped to `drop`, such as three stars.

They are set aside on purpose, not broken.
"""


class Conformed(NamedTuple):
    """A block's reviews, its quarantined rows, and how often it has which label, the commonest.

    Every row of the block is in exactly one of the first two.
    """

    kept: pl.DataFrame
    aside: pl.DataFrame
    labels: Mapping[str, int]


def conform(block: Block, source: SourceSettings, extra: Sequence[str]) -> Conformed:
    """Return the block's rows as reviews, and what is none.

    Raises:
        SourceError: a needed column is missing.
    """
    given = block.rows
    refuse_missing(source.columns, given.columns, "The source")
    polarity = {"negative": str(rows.NEGATIVE), "positive": str(rows.POSITIVE), "drop": "drop"}
    label = _labels(given[source.column_polarity]).alias("label")
    meaning = {value: polarity[name] for value, name in source.labels.items()}
    # Columns are taken by name, never through pl.col, which would read `*` and `^…$` as patterns.
    reviews = pl.DataFrame(
        [
            label.replace_strict(meaning, default=None, return_dtype=pl.String).alias("polarity"),
            _titles(given, source),
            given[source.column_text].fill_null("").alias("text"),
            *(given[name] for name in extra),
        ]
    )
    reason = reviews.select(_reason(source.max_field_bytes)).to_series().cast(pl.String)
    bad = reason.is_not_null()
    kept = reviews.filter(~bad).with_columns(pl.col("polarity").cast(pl.Int8))
    ids = pl.Series("row_id", rows.row_ids(kept["title"], kept["text"]), pl.UInt64)
    broken = _aside(block.lines.filter(bad), reason.filter(bad), _as_json(given.filter(bad)))
    aside = pl.concat([broken, _unread(block.rejects)])
    counted = label.value_counts(sort=True, name="rows").head(_COMMONEST)
    return Conformed(kept.insert_column(0, ids), aside, dict(counted.iter_rows()))


def _titles(given: pl.DataFrame, source: SourceSettings) -> pl.Series:
    if not source.has_titles:
        return pl.Series("title", [""] * given.height, pl.String)
    return given[source.column_title].fill_null("").alias("title")


def _labels(given: pl.Series) -> pl.Series:
    """Return labels as `settings.data.label_key` has them: one rule for every format."""
    plain = given.fill_null("").str.strip_chars().str.to_lowercase()
    return plain.str.replace(WHOLE_NUMBER, "$1")


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
