"""Ingest: any source of reviews -> raw/train.parquet, raw/test.parquet and raw/quarantine.parquet.

Sources: kaggle:owner/name, a local file (CSV, JSON Lines, fastText lines, Parquet), a folder or zip
of them, https://, s3://, or synthetic:ROWS@SEED (generated reviews, for trying things out). Rows
that cannot be used are set aside with a reason.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl
import structlog

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Advance, Context
from src.model.core.digest import sha256
from src.model.core.errors import SourceError
from src.model.core.redact import shown
from src.model.core.settings import Settings, SourceSettings
from src.model.data import synthetic
from src.model.data.conform import DROPPED, conform
from src.model.data.labels_seen import LabelsSeen, counted
from src.model.data.sources import SCHEMES, Source, open_source
from src.model.files import rows
from src.model.files.counts import IngestCounts
from src.model.files.layout import QUARANTINE, RAW_MANIFEST, RAW_TEST, RAW_TRAIN
from src.model.files.lineage import step_code
from src.model.files.manifest import Inputs, run_once
from src.model.files.tables import TableWriter, table_writer
from src.model.files.usual_columns import MissingColumns, distribution, refuse_missing

Part = tuple[str, pl.DataFrame, pl.DataFrame]
"""(split, reviews, quarantined rows)"""


@dataclass
class Tally:
    """Rows in, kept and set aside, by split and reason."""

    kept: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    ignored: set[str] = field(default_factory=set)
    seen: LabelsSeen = field(default_factory=LabelsSeen)

    def counts(self, labels: Mapping[str, str]) -> IngestCounts:
        return IngestCounts(
            rows_in=self.kept.total() + self.reasons.total(),
            train=self.kept["train"],
            test=self.kept["test"],
            quarantined=dict(sorted(self.reasons.items())),
            ignored_columns=sorted(self.ignored),
            unknown_labels=self.seen.unknown(labels),
        )


class IngestResult(Result, IngestCounts):
    """What was read, kept and set aside; `skipped` where nothing had changed."""

    step: Literal["ingest"] = "ingest"
    skipped: bool


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.ingest")
    parser.add_argument("--source", help=f"one of {', '.join(SCHEMES)} (default: REVIEWS_SOURCE)")
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    settings = context.settings
    spec = args.source or settings.source.spec
    context.tracker.check()
    with context.storage.lease("ingest"):
        with context.progress("Fetching") as advance:
            feed = _open(spec, settings, advance)

        def work(replacing: Callable[[], None]) -> tuple[tuple[str, ...], IngestCounts]:
            with context.progress("Ingesting") as advance:
                tally = _write(context, feed, advance, replacing)
                return (RAW_TRAIN, RAW_TEST, QUARANTINE), tally.counts(feed.labels)

        inputs = Inputs("ingest", feed.parameters, feed.parents, step_code("ingest"))
        now, skipped = run_once(context.storage, RAW_MANIFEST, inputs, work, force=args.force)
    context.tracker.record_manifest(now)
    counts = now.counted(IngestCounts)
    result = IngestResult(skipped=skipped, **counts.model_dump())
    return Outcome(result, summary(shown(spec), counts, context.storage.root, skipped=skipped))


@dataclass(frozen=True)
class _Feed:
    """A source made ready: what identifies it, its extra columns, and its parts in order."""

    parameters: dict[str, Any]
    parents: dict[str, str]
    labels: Mapping[str, str]
    extra: Sequence[str]
    parts: Callable[[Tally, Advance], Iterator[Part]]


def _open(spec: str, settings: Settings, advance: Advance) -> _Feed:
    if spec.startswith("synthetic:"):
        recipe = synthetic.parse(spec)
        return _Feed(
            {"source": spec}, {}, settings.source.labels, synthetic.EXTRA,
            lambda _, advance: _generated(recipe, advance),
        )  # fmt: skip
    source = open_source(spec, settings, advance)
    reading, extra = _columns(source, settings.source)
    parameters = {
        "source": shown(spec),
        "columns": list(reading.columns),
        "labels": dict(reading.labels),
        "max_field_bytes": reading.max_field_bytes,
        "test_share": None if source.test else reading.test_share,
    }
    parents = {path.name: sha256(path) for path in source.files}

    def parts(tally: Tally, advance: Advance) -> Iterator[Part]:
        return _parts(source, reading, extra, tally, advance)

    return _Feed(parameters, parents, reading.labels, extra, parts)


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
            yield split, kept, aside


def _generated(recipe: synthetic.Recipe, advance: Advance) -> Iterator[Part]:
    nothing = pl.from_arrow(rows.QUARANTINE_SCHEMA.empty_table())
    for split, frame in synthetic.generate(recipe):
        ids = pl.Series("row_id", rows.row_ids(frame["title"], frame["text"]), pl.UInt64)
        advance(frame.height, recipe.rows + recipe.test_rows)
        yield split, frame.insert_column(0, ids), pl.DataFrame(nothing)


def _write(context: Context, feed: _Feed, advance: Advance, replacing: Callable[[], None]) -> Tally:
    """Write the three tables, all or none of them visible.

    It raises SourceError where no usable row remains.
    """
    tally, storage = Tally(), context.storage
    holds_out = feed.parameters.get("test_share")
    review = rows.schema(feed.extra)
    with (
        storage.writing(RAW_TRAIN) as train_path,
        storage.writing(RAW_TEST) as test_path,
        storage.writing(QUARANTINE) as aside_path,
    ):
        with (
            table_writer(train_path, review) as train,
            table_writer(test_path, review) as test,
            table_writer(aside_path, rows.QUARANTINE_SCHEMA) as quarantine,
        ):
            for split, kept, aside in feed.parts(tally, advance):
                quarantine.write(aside)
                tally.reasons.update(aside["reason"].to_list())
                if holds_out is None:
                    (train if split == "train" else test).write(kept)
                else:
                    _divide(kept, holds_out, train, test)
        tally.kept.update({"train": train.rows, "test": test.rows})
        tally.seen.refuse_misread(feed.labels)
        _refuse_nothing(tally, feed, aside_path)
        tally.seen.refuse_one_sided(feed.labels)
        replacing()
    return tally


def _divide(kept: pl.DataFrame, share: float, train: TableWriter, test: TableWriter) -> None:
    held = pl.Series(rows.is_test(kept["row_id"].to_numpy(), share))
    train.write(kept.filter(~held))
    test.write(kept.filter(held))


def _refuse_nothing(tally: Tally, feed: _Feed, aside: Path) -> None:
    holds_out = feed.parameters.get("test_share")
    empty = [split for split in ("train", "test") if not tally.kept[split]]
    if not empty:
        return
    if holds_out is not None and tally.kept["train"]:
        msg = (
            f"{tally.kept['train']} usable rows are too few "
            f"to hold out {holds_out:.0%} of them as test rows."
        )
        hint = "Ingest more reviews, raise REVIEWS_TEST_SHARE, or give a zip with its own test.csv."
        raise SourceError(msg, hint=hint)
    sample = pl.read_parquet(aside, n_rows=1)
    first = f" The first: line {sample['line'][0]}, {sample['reason'][0]}." if sample.height else ""
    counted = [f"{count:,} {reason}" for reason, count in tally.reasons.most_common(4)]
    reasons = ", ".join(counted) or "no rows at all"
    msg = (
        f"No usable {' and no usable '.join(empty)} row in {feed.parameters['source']}: "
        f"{reasons}.{first}"
    )
    hint = (
        "A CSV has polarity, title, text in this order or a header with the names in "
        "REVIEWS_COLUMN_*; star ratings need REVIEWS_LABELS=stars."
    )
    raise SourceError(msg, hint=hint)


def summary(spec: str, counts: IngestCounts, root: str, *, skipped: bool) -> str:
    """Return what happened, for people.

    >>> few = {"invalid_label": 1}
    >>> counts = IngestCounts(
    ...     rows_in=12,
    ...     train=10,
    ...     test=1,
    ...     quarantined=few,
    ...     ignored_columns=[],
    ...     unknown_labels={"0": 1},
    ... )
    >>> print(summary("reviews.csv", counts, "data", skipped=False))
    Ingested: reviews.csv
      10 train and 1 test rows in data/raw
      1 rows quarantined, invalid_label
      no meaning is set for the label 0 (1 rows)
      each with its reason in data/raw/quarantine.parquet
    """
    lines = [
        f"{'Unchanged, skipped' if skipped else 'Ingested'}: {spec}",
        f"  {counts.train:,} train and {counts.test:,} test rows in {root}/raw",
    ]
    for reason, count in counts.quarantined.items():
        what = "dropped by the label mapping" if reason == DROPPED else f"quarantined, {reason}"
        lines.append(f"  {count:,} rows {what}")
    if counts.unknown_labels:
        lines.append(f"  no meaning is set for the label {counted(counts.unknown_labels)}")
    if counts.quarantined:
        lines.append(f"  each with its reason in {root}/{QUARANTINE}")
    if counts.ignored_columns:
        lines.append(f"  columns not carried along: {', '.join(counts.ignored_columns)}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
