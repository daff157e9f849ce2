"""Parts of the prediction log as columns; every line that cannot be used is counted with a reason.

A part that is whole is read at once. One that holds anything else is read line by line by the
log's own reader, so that one odd line costs one line.
"""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from src.model.core.errors import DataError
from src.model.core.prediction_row import FORMAT, Row, decode
from src.model.files.prediction_parts import LogPart

PREDICTION_SCHEMA = {
    "time": pl.String,
    "request_id": pl.String,
    "version": pl.String,
    "digest": pl.String,
    "probability": pl.Float64,
    "abstained": pl.Boolean,
    "title_tokens": pl.Int64,
    "tokens": pl.Int64,
    "unknown_share": pl.Float64,
    "language_share": pl.Float64,
    "title": pl.String,
    "message": pl.String,
}
_TIME = "%Y-%m-%dT%H:%M:%S%.f%:z"  # as the API writes it
_TEXT = ("title", "message")
_SCHEMA = PREDICTION_SCHEMA | {
    "format": pl.Int64,
    "kind": pl.String,
    "english_share": pl.Float64,
    "label": pl.String,
    "client": pl.String,
}
FEEDBACK_COLUMNS = ("time", "request_id", "label", "client")

OTHER_FORMAT, NO_ROW, CLOCK = "row of another format", "no row", "time not of its day"
DAMAGED = "damaged part"


@dataclass(frozen=True)
class PartRows:
    """What a part holds: predictions and feedback as columns, and what was set aside, by reason.

    `time` is a Datetime in UTC.
    """

    predictions: pl.DataFrame
    feedback: pl.DataFrame
    aside: Counter[str]


def read_part(part: LogPart, now: datetime) -> PartRows:
    """Return a part's rows. Raises StorageError where the log cannot be reached.

    Rows from another day than the part's, one before or after allowed for, and rows from the
    future have a clock that is wrong: nobody knows which window they belong to.
    """
    aside: Counter[str] = Counter()
    try:
        lines = part.lines()
    except DataError:
        aside[DAMAGED] += 1
        lines = []
    frame = _parsed(lines, aside)
    frame = frame.with_columns(
        pl.col("time").str.to_datetime(_TIME, time_unit="us", time_zone="UTC", strict=False)
    )
    for reason, bad in (
        (OTHER_FORMAT, ~pl.col("format").is_in([2, FORMAT])),
        (NO_ROW, ~_is_row()),
        (CLOCK, ~_is_of_its_day(part.day, now)),
    ):
        marked = frame.select(bad.fill_null(value=True).alias("bad"))["bad"]
        aside[reason] += int(marked.sum())
        frame = frame.filter(~marked)
    is_prediction = pl.col("kind") == "prediction"
    return PartRows(
        frame.filter(is_prediction).select(list(PREDICTION_SCHEMA)),
        frame.filter(~is_prediction).select(FEEDBACK_COLUMNS),
        +aside,
    )


def _parsed(lines: Sequence[bytes], aside: Counter[str]) -> pl.DataFrame:
    if not lines:
        return pl.DataFrame(schema=_SCHEMA)
    try:
        frame = pl.read_ndjson(io.BytesIO(b"\n".join(lines)), schema=_SCHEMA)
    except pl.exceptions.PolarsError:
        frame = _one_by_one(lines, aside)
    # What format 3 calls language_share, format 2 called english_share.
    return frame.with_columns(pl.col("language_share").fill_null(pl.col("english_share")))


def _one_by_one(lines: Sequence[bytes], aside: Counter[str]) -> pl.DataFrame:
    rows: list[Row] = []
    for line in lines:
        try:
            rows.append(decode(line))
        except DataError as error:
            other = "of format" in error.message and f"of format {FORMAT}." not in error.message
            aside[OTHER_FORMAT if other else NO_ROW] += 1
    found = [
        {**row._asdict(), "format": FORMAT, "kind": "feedback" if len(row) < 8 else "prediction"}  # noqa: PLR2004
        for row in rows
    ]
    return pl.DataFrame(found, schema=_SCHEMA)


def _is_row() -> pl.Expr:
    """What a prediction and what feedback must hold, as `core.prediction_row` says."""
    share = [pl.col(n).is_between(0, 1) for n in ("probability", "unknown_share", "language_share")]
    count = [pl.col(name) >= 0 for name in ("title_tokens", "tokens")]
    given = [pl.col(name).is_not_null() for name in ("version", "digest", "abstained")]
    prediction = pl.all_horizontal(pl.col("kind") == "prediction", *share, *count, *given)
    said = pl.col("label").is_in(["negative", "positive"])
    feedback = pl.all_horizontal(pl.col("kind") == "feedback", said)
    either = prediction.fill_null(value=False) | feedback.fill_null(value=False)
    return either & pl.col("request_id").is_not_null()


def _is_of_its_day(day: str, now: datetime) -> pl.Expr:
    try:
        begin = datetime.fromisoformat(day).replace(tzinfo=now.tzinfo)
    except ValueError:  # a folder called as no day is
        return pl.lit(value=False)
    last = min(begin + timedelta(days=2), now + timedelta(minutes=5))
    return (pl.col("time") >= begin - timedelta(days=1)) & (pl.col("time") < last)


def with_text(predictions: pl.DataFrame) -> pl.DataFrame:
    """Return the predictions whose text was logged."""
    return predictions.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in _TEXT))
