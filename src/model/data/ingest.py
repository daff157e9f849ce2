"""Ingest: any source of reviews -> raw/train.parquet, raw/test.parquet and raw/quarantine.parquet.

Sources: kaggle:owner/name, a local zip, csv, csv.gz, jsonl, parquet or folder, https://, s3://, or
synthetic:ROWS@SEED (generated reviews, for trying things out). Rows that cannot be used are set aside with a reason.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from src.model import command, rows
from src.model.command import Advance, Context, Outcome
from src.model.data import synthetic
from src.model.data.conform import DROPPED, QUARANTINE, Columns, conform
from src.model.data.manifest import Inputs, Manifest, data_code, run_once
from src.model.data.readers import Table, read_table
from src.model.data.sources import SCHEMES, Source, open_source
from src.model.data.tables import TableWriter, table_writer
from src.model.digest import sha256
from src.model.errors import SourceError
from src.model.redact import without_secrets
from src.model.settings import Settings

MANIFEST = "raw/manifest.json"
TRAIN, TEST, QUARANTINED = "raw/train.parquet", "raw/test.parquet", "raw/quarantine.parquet"

Part = tuple[str, pl.DataFrame, pl.DataFrame]
"""(split, reviews, quarantined rows)"""


@dataclass
class Tally:
    """Rows in, kept and set aside, by split and reason."""

    kept: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    ignored: set[str] = field(default_factory=set)

    def as_dict(self) -> dict[str, Any]:
        return {
            "rows_in": self.kept.total() + self.reasons.total(),
            "train": self.kept["train"],
            "test": self.kept["test"],
            "quarantined": dict(sorted(self.reasons.items())),
            "ignored_columns": sorted(self.ignored),
        }


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.ingest")
    parser.add_argument("--source", help=f"one of {', '.join(SCHEMES)} (default: REVIEWS_SOURCE)")
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    settings = context.settings
    spec = args.source or settings.source
    context.tracker.check()
    with context.storage.lock("ingest"):
        with context.progress("Fetching") as advance:
            feed = _open(spec, settings, advance)

        def work(replacing: Callable[[], None]) -> tuple[tuple[str, ...], dict[str, Any]]:
            with context.progress("Ingesting") as advance:
                return (TRAIN, TEST, QUARANTINED), _write(context, feed, advance, replacing).as_dict()

        inputs = Inputs("ingest", feed.parameters, feed.parents, data_code())
        now, skipped = run_once(context.storage, MANIFEST, inputs, work, force=args.force)
    context.tracker.record_manifest(now)
    text = _summary(context, shown(spec), now, skipped=skipped)
    return Outcome({"step": "ingest", "skipped": skipped, **now.counts}, text)


@dataclass(frozen=True)
class _Feed:
    """A source made ready: what identifies it, its extra columns, and its parts in order."""

    parameters: dict[str, Any]
    parents: dict[str, str]
    extra: Sequence[str]
    parts: Callable[[Tally, Advance], Iterator[Part]]


def _open(spec: str, settings: Settings, advance: Advance) -> _Feed:
    if spec.startswith("synthetic:"):
        recipe = synthetic.parse(spec)
        return _Feed({"source": spec}, {}, synthetic.EXTRA, lambda _, advance: _generated(recipe, advance))
    source = open_source(spec, settings, advance)
    columns = Columns(
        settings.column_polarity, settings.column_title, settings.column_text, settings.labels, settings.max_field_bytes
    )
    parameters = {
        "source": shown(spec),
        "columns": list(columns.names),
        "labels": dict(columns.labels),
        "max_field_bytes": columns.max_field_bytes,
        "test_share": None if source.test else settings.test_share,
    }
    extra = _extra_columns(source.train, columns)
    parents = {path.name: sha256(path) for path in source.files}
    return _Feed(parameters, parents, extra, lambda tally, advance: _parts(source, columns, extra, tally, advance))


def shown(spec: str) -> str:
    """Return a source as manifests and people see it: without secrets, and as valid text."""
    return without_secrets(spec).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _extra_columns(train: Table, columns: Columns) -> list[str]:
    """Columns of the train table's first block that are carried along as text; a rating is, a polarity is not."""
    block = next(iter(read_table(train, columns.names)))
    taken = {columns.title, columns.text, *rows.COLUMNS}
    return [name for name in block.rows.columns if name not in taken]


def _parts(source: Source, columns: Columns, extra: Sequence[str], tally: Tally, advance: Advance) -> Iterator[Part]:
    total = (source.train.size or 0) + ((source.test.size or 0) if source.test else 0)
    for split, table in (("train", source.train), ("test", source.test)):
        for block in read_table(table, columns.names) if table else ():
            missing = [name for name in extra if name not in block.rows.columns]
            filled = block.rows.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
            tally.ignored.update(block.ignored, set(block.rows.columns) - {*columns.names, *extra})
            kept, aside = conform(replace(block, rows=filled), columns, extra)
            aside = aside.with_columns(split=pl.lit(split))
            advance(block.bytes_read, total or None)
            yield split, kept, aside


def _generated(recipe: synthetic.Recipe, advance: Advance) -> Iterator[Part]:
    nothing = pl.from_arrow(QUARANTINE.empty_table())
    for split, frame in synthetic.generate(recipe):
        ids = pl.Series("row_id", rows.row_ids(frame["title"], frame["text"]), pl.UInt64)
        advance(frame.height, recipe.rows + recipe.test_rows)
        yield split, frame.insert_column(0, ids), pl.DataFrame(nothing)


def _write(context: Context, feed: _Feed, advance: Advance, replacing: Callable[[], None]) -> Tally:
    """Write the three tables, all or none of them visible. Raises SourceError where no usable row remains."""
    tally, storage = Tally(), context.storage
    holds_out = feed.parameters.get("test_share")
    review = rows.schema(feed.extra)
    with (
        storage.writing(TRAIN) as train_path,
        storage.writing(TEST) as test_path,
        storage.writing(QUARANTINED) as aside_path,
    ):
        with (
            table_writer(train_path, review) as train,
            table_writer(test_path, review) as test,
            table_writer(aside_path, QUARANTINE) as quarantine,
        ):
            for split, kept, aside in feed.parts(tally, advance):
                quarantine.write(aside)
                tally.reasons.update(aside["reason"].to_list())
                if holds_out is None:
                    (train if split == "train" else test).write(kept)
                else:
                    _divide(kept, holds_out, train, test)
        tally.kept.update({"train": train.rows, "test": test.rows})
        _refuse_nothing(tally, feed, aside_path)
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
        msg = f"{tally.kept['train']} usable rows are too few to hold out {holds_out:.0%} of them as test rows."
        raise SourceError(
            msg, hint="Ingest more reviews, raise REVIEWS_TEST_SHARE, or give a zip with its own test.csv."
        )
    sample = pl.read_parquet(aside, n_rows=1)
    first = f" The first: line {sample['line'][0]}, {sample['reason'][0]}." if sample.height else ""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in tally.reasons.most_common(4)) or "no rows at all"
    msg = f"No usable {' and no usable '.join(empty)} row in {feed.parameters['source']}: {reasons}.{first}"
    raise SourceError(
        msg,
        hint="A CSV has polarity, title, text in this order or a header with the names in REVIEWS_COLUMN_*; "
        "star ratings need REVIEWS_LABELS=stars.",
    )


def _summary(context: Context, spec: str, manifest: Manifest, *, skipped: bool) -> str:
    counts = manifest.counts
    lines = [
        f"{'Unchanged, skipped' if skipped else 'Ingested'}: {spec}",
        f"  {counts['train']:,} train and {counts['test']:,} test rows in {context.storage.root}/raw",
    ]
    for reason, count in counts["quarantined"].items():
        what = "dropped by the label mapping" if reason == DROPPED else f"quarantined, {reason}"
        lines.append(f"  {count:,} rows {what}")
    if counts["quarantined"]:
        lines.append(f"  each with its reason in {context.storage.root}/{QUARANTINED}")
    if counts["ignored_columns"]:
        lines.append(f"  columns not carried along: {', '.join(counts['ignored_columns'])}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
