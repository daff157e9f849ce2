"""What both preprocess steps do: clean one file of reviews through the text path.

Every row is accounted for.
"""

from collections.abc import Callable, Mapping

import polars as pl

from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core import text
from src.model.files.counts import CleanCounts
from src.model.files.layout import ARRIVALS, Cleaning
from src.model.files.lineage import step_code
from src.model.files.manifest import Inputs, Manifest, run_once
from src.model.files.rows import QUARANTINE_SCHEMA
from src.model.files.tables import open_table, read_blocks, table_writer

EMPTY = "empty_after_cleaning"
"""Reason of rows of which cleaning leaves nothing."""


class PreprocessResult(Result, CleanCounts):
    """Rows of all files together; how many files there are, and how many were current already."""

    files: int
    skipped: int


def preprocess(
    context: Context, job: Cleaning, parents: Mapping[str, str], *, force: bool
) -> tuple[Manifest, bool]:
    """Clean the job's file unless it is current; return its manifest and whether it was skipped.

    `parents` are the SHA-256 of the files it is made from, by their keys and in their order, from
    the manifests of the steps that wrote them.
    """
    storage = context.storage
    with storage.lease(job.target.rsplit("/", 1)[-1]):
        inputs = Inputs(job.step, {}, parents, step_code(job.step))

        def work(replacing: Callable[[], None]) -> tuple[tuple[str, str], CleanCounts]:
            return (job.target, job.quarantine), _clean_files(context, job, parents, replacing)

        return run_once(storage, job.manifest, inputs, work, force=force)


def _clean_files(
    context: Context, job: Cleaning, parents: Mapping[str, str], replacing: Callable[[], None]
) -> CleanCounts:
    storage, total, arrived = context.storage, 0, 0
    for key in reversed(list(parents)):  # the first one's columns are those of all
        with open_table(storage.path(key)) as table:
            schema, total = table.schema_arrow, total + table.metadata.num_rows
    with storage.writing(job.target) as target, storage.writing(job.quarantine) as aside:
        with (
            table_writer(target, schema) as kept,
            table_writer(aside, QUARANTINE_SCHEMA) as quarantined,
            context.progress(f"Preprocessing {job.target.rsplit('/', 1)[-1]}") as advance,
        ):
            line = 0
            for key, sha256 in parents.items():
                before = kept.rows
                for block in read_blocks(storage.path(key), sha256=sha256):
                    clean = clean_block(block)
                    empty = (clean["title"] == "") & (clean["text"] == "")
                    kept.write(clean.filter(~empty))
                    quarantined.write(_aside(block, empty, line, job.split))
                    line += block.height
                    advance(block.height, total)
                arrived += (kept.rows - before) * key.startswith(ARRIVALS)
        replacing()
        aside_by_reason = {EMPTY: quarantined.rows}
        return CleanCounts(
            rows_in=total, rows=kept.rows, quarantined=aside_by_reason, arrived=arrived
        )


def clean_block(block: pl.DataFrame) -> pl.DataFrame:
    """Return the block with title and text cleaned.

    Ids, labels and other columns stay as they are.
    """
    return block.with_columns(
        pl.Series(name, [text.clean_field(value) for value in block[name]], pl.String)
        for name in ("title", "text")
    )


def _aside(block: pl.DataFrame, empty: pl.Series, line: int, split: str) -> pl.DataFrame:
    raw = (pl.col("title") + text.BORDER + pl.col("text")).alias("raw")
    numbered = block.with_columns(
        pl.int_range(line + 1, line + block.height + 1, dtype=pl.UInt64).alias("line")
    )
    return numbered.filter(empty).select(
        pl.lit(split).alias("split"), "line", pl.lit(EMPTY).alias("reason"), raw,
        raw.str.len_bytes().cast(pl.Int64).alias("raw_bytes"),
    )  # fmt: skip


def outcome(kind: type[PreprocessResult], done: list[tuple[Manifest, bool]]) -> Outcome:
    """Return what the steps answer, for machines and for people."""
    counts = [manifest.counted(CleanCounts) for manifest, _ in done]
    rows, empty = sum(c.rows for c in counts), sum(c.quarantined[EMPTY] for c in counts)
    skipped = sum(was for _, was in done)
    result = kind(
        files=len(done),
        skipped=skipped,
        rows_in=sum(c.rows_in for c in counts),
        rows=rows,
        quarantined={EMPTY: empty},
        arrived=sum(c.arrived for c in counts),
    )
    files = f"{len(done)} file{'s' * (len(done) > 1)}"
    unchanged = f", {skipped} unchanged and skipped" if skipped else ""
    lost = f"; {empty:,} rows were empty after cleaning and are set aside beside them"
    text = f"Preprocessed: {rows:,} rows in {files}{unchanged}{lost if empty else ''}"
    return Outcome(result, text)
