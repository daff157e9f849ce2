"""What is ingested: a source made ready, as parts of reviews and of rows set aside."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import polars as pl
import structlog

from src.model.context import Advance
from src.model.core.digest import sha256
from src.model.core.redact import shown
from src.model.core.settings import Settings, SourceSettings
from src.model.data import synthetic
from src.model.data.conform import conform
from src.model.data.labels_seen import LabelsSeen
from src.model.data.sources import Source, open_source
from src.model.files import rows
from src.model.files.counts import IngestCounts
from src.model.files.usual_columns import MissingColumns, distribution, refuse_missing


class Part(NamedTuple):
    """A block of one split, `train` or `test`: its reviews, and its rows that were set aside."""

    split: str
    kept: pl.DataFrame
    aside: pl.DataFrame


@dataclass
class Tally:
    """Rows in, kept and set aside, by split and reason; and those an arrival has again."""

    kept: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    ignored: set[str] = field(default_factory=set)
    seen: LabelsSeen = field(default_factory=LabelsSeen)
    already_there: int = 0

    def counts(self, labels: Mapping[str, str]) -> IngestCounts:
        return IngestCounts(
            rows_in=self.kept.total() + self.reasons.total() + self.already_there,
            train=self.kept["train"],
            test=self.kept["test"],
            quarantined=dict(sorted(self.reasons.items())),
            ignored_columns=sorted(self.ignored),
            unknown_labels=self.seen.unknown(labels),
            already_there=self.already_there,
        )


@dataclass(frozen=True)
class Feed:
    """A source made ready: what identifies it, how it is read, and its parts in order."""

    parameters: dict[str, Any]
    parents: dict[str, str]
    labels: Mapping[str, str]
    extra: Sequence[str]
    has_test: bool
    parts: Callable[[Tally, Advance], Iterator[Part]]


def open_feed(spec: str, settings: Settings, advance: Advance) -> Feed:
    """Make a source ready; `advance` counts what is downloaded.

    Raises:
        UsageError, SourceError, NetworkError, StorageError: as `sources.open_source` does.
    """
    if spec.startswith("synthetic:"):
        recipe = synthetic.parse(spec)
        return Feed(
            {"source": spec}, {}, settings.source.labels, synthetic.EXTRA, True,
            lambda _, advance: _generated(recipe, advance),
        )  # fmt: skip
    source = open_source(spec, settings, advance)
    if source.beside:
        structlog.get_logger().warning(
            "files beside train and test are not read", files=", ".join(source.beside)
        )
    reading, extra = _columns(source, settings.source)
    parameters = {
        "source": shown(spec),
        "columns": list(reading.columns),
        "labels": dict(reading.labels),
        "max_field_bytes": reading.max_field_bytes,
    }
    parents = {path.name: sha256(path) for path in source.files}

    def parts(tally: Tally, advance: Advance) -> Iterator[Part]:
        return _parts(source, reading, extra, tally, advance)

    return Feed(parameters, parents, reading.labels, extra, bool(source.test), parts)


def _columns(source: Source, reading: SourceSettings) -> tuple[SourceSettings, list[str]]:
    """Return how the source is read, and the columns of its first block that are carried along.

    A rating is, a polarity is not. Where nothing is set and the columns are those of a known
    distribution, its names and labels are taken, and that is said.
    """
    try:
        given = next(source.blocks(source.train[0], reading.columns)).rows.columns
        refuse_missing(reading.columns, given, "The source")
    except MissingColumns as error:
        known = distribution(error.given) if reading.is_default else None
        if known is None:
            raise
        name, _, _ = known
        structlog.get_logger().info(f"taken for {name}", columns=", ".join(error.given))
        reading, given = reading.reading(*known[1:]), list(error.given)
    taken = {reading.column_title, reading.column_text, *rows.COLUMNS}
    return reading, [name for name in given if name not in taken]


def _parts(
    source: Source, reading: SourceSettings, extra: Sequence[str], tally: Tally, advance: Advance
) -> Iterator[Part]:
    for split in ("train", "test"):
        for block in source.split(split, reading.columns):
            missing = [name for name in extra if name not in block.rows.columns]
            filled = block.rows.with_columns(
                pl.lit(None, pl.String).alias(name) for name in missing
            )
            carried = {*reading.columns, *extra}
            tally.ignored.update(block.ignored, set(block.rows.columns) - carried)
            kept, aside, labels = conform(replace(block, rows=filled), reading, extra)
            tally.seen.add(labels, dict(kept["polarity"].value_counts().iter_rows()))
            aside = aside.with_columns(split=pl.lit(split))
            advance(block.bytes_read, source.size)
            yield Part(split, kept, aside)


def _generated(recipe: synthetic.Recipe, advance: Advance) -> Iterator[Part]:
    nothing = pl.from_arrow(rows.QUARANTINE_SCHEMA.empty_table())
    for split, frame in synthetic.generate(recipe):
        ids = pl.Series("row_id", rows.row_ids(frame["title"], frame["text"]), pl.UInt64)
        advance(frame.height, recipe.rows + recipe.test_rows)
        yield Part(split, frame.insert_column(0, ids), pl.DataFrame(nothing))
