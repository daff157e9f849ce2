"""Blocks as they stand in a source -> rows of the one schema, and a reason for every row that is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from src.model import rows
from src.model.data.csv_records import Reject
from src.model.data.readers import Block
from src.model.errors import SourceError

RAW_BYTES = 65_536
"""A rejected row is kept up to this many bytes; `raw_bytes` says how long it was."""

QUARANTINE = pa.schema(
    [
        ("split", pa.large_string()),
        ("line", pa.uint64()),
        ("reason", pa.large_string()),
        ("raw", pa.large_string()),
        ("raw_bytes", pa.int64()),
    ]
)

DROPPED = "dropped_rating"
"""Reason of rows whose label is mapped to `drop`, such as three stars: set aside on purpose, not broken."""


@dataclass(frozen=True)
class Columns:
    """Which source columns hold a review, what its labels mean, and how long a field may be, in bytes."""

    polarity: str
    title: str
    text: str
    labels: Mapping[str, str]
    max_field_bytes: int

    @property
    def names(self) -> tuple[str, str, str]:
        """The three source columns, in the order of a file without a header."""
        return (self.polarity, self.title, self.text)


def conform(block: Block, columns: Columns, extra: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split a block into (reviews, quarantined rows); every row of the block is in exactly one of the two.

    Raises:
        SourceError: a needed column is missing.
    """
    found = block.rows
    if missing := [name for name in columns.names if name not in found.columns]:
        have = ", ".join(name for name in found.columns if name != "line")
        msg = f"The source has no column {' and '.join(missing)}; it has {have}."
        raise SourceError(
            msg, hint="Name its columns with REVIEWS_COLUMN_POLARITY, REVIEWS_COLUMN_TITLE and REVIEWS_COLUMN_TEXT."
        )
    polarity = {"negative": str(rows.NEGATIVE), "positive": str(rows.POSITIVE), "drop": "drop"}
    label = pl.col(columns.polarity).fill_null("").str.strip_chars()
    frame = found.select(
        pl.col("line"),
        label.replace_strict({k: polarity[v] for k, v in columns.labels.items()}, default=None).alias("polarity"),
        pl.col(columns.title).fill_null("").alias("title"),
        pl.col(columns.text).fill_null("").alias("text"),
        *(pl.col(name) for name in extra),
    ).with_columns(_reason(columns.max_field_bytes).alias("reason"))
    bad = frame["reason"].is_not_null()
    kept = frame.filter(~bad).drop("reason", "line").with_columns(pl.col("polarity").cast(pl.Int8))
    ids = pl.Series("row_id", rows.row_ids(kept["title"], kept["text"]), pl.UInt64)
    broken = found.filter(bad).with_columns(frame.filter(bad)["reason"])
    return kept.insert_column(0, ids), pl.concat([_shown(broken, found.columns), _raw(block.rejects)])


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


def _shown(broken: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Readable rows that are set aside, as the JSON text of their source columns."""
    cells = broken.select(pl.col(columns).exclude("line"))
    raw = cells.select(pl.struct(pl.all()).struct.json_encode().alias("raw"))["raw"] if broken.height else pl.Series()
    return broken.select("line", "reason").with_columns(
        raw=raw.cast(pl.String).str.slice(0, RAW_BYTES), raw_bytes=raw.cast(pl.String).str.len_bytes().cast(pl.Int64)
    )


def _raw(rejects: Sequence[Reject]) -> pl.DataFrame:
    r"""Rows that could not be read, as their own bytes; what is not UTF-8 is written as \\xNN."""
    return pl.DataFrame(
        {
            "line": [reject.line for reject in rejects],
            "reason": [reject.reason for reject in rejects],
            "raw": [reject.raw[:RAW_BYTES].decode("utf-8", "backslashreplace") for reject in rejects],
            "raw_bytes": [len(reject.raw) for reject in rejects],
        },
        schema={"line": pl.UInt64, "reason": pl.String, "raw": pl.String, "raw_bytes": pl.Int64},
    )
