"""What both preprocess steps do: clean one file of reviews through the text path, and account for every row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from src.model import text
from src.model.command import Context
from src.model.data.conform import QUARANTINE
from src.model.data.manifest import Inputs, Manifest, data_code, run_once
from src.model.data.tables import open_table, read_blocks, table_writer


@dataclass(frozen=True)
class Job:
    """One file to clean: keys of source and target, the split it belongs to, the step's name."""

    step: str
    split: str
    source: str
    target: str

    @property
    def manifest(self) -> str:
        return self.target.replace(".parquet", ".manifest.json")

    @property
    def quarantine(self) -> str:
        return self.target.replace(".parquet", ".quarantine.parquet")


def preprocess(context: Context, job: Job, parent: str, *, force: bool) -> tuple[Manifest, bool]:
    """Clean the job's file unless it is current; return its manifest and whether it was skipped.

    `parent` is the SHA-256 of the source file, from the manifest of the step that wrote it.
    """
    storage = context.storage
    with storage.lock(job.target.rsplit("/", 1)[-1]):
        inputs = Inputs(job.step, {}, {job.source: parent}, data_code())

        def work(replacing: Callable[[], None]) -> tuple[tuple[str, str], dict[str, Any]]:
            return (job.target, job.quarantine), _clean_file(context, job, replacing)

        return run_once(storage, job.manifest, inputs, work, force=force)


def _clean_file(context: Context, job: Job, replacing: Callable[[], None]) -> dict[str, Any]:
    storage = context.storage
    source = storage.path(job.source)
    with open_table(source) as table:
        schema, total = table.schema_arrow, table.metadata.num_rows
    with storage.writing(job.target) as target, storage.writing(job.quarantine) as aside:
        with (
            table_writer(target, schema) as kept,
            table_writer(aside, QUARANTINE) as quarantined,
            context.progress(f"Preprocessing {job.target.rsplit('/', 1)[-1]}") as advance,
        ):
            line = 0
            for block in read_blocks(source):
                clean = clean_block(block)
                empty = (clean["title"] == "") & (clean["text"] == "")
                kept.write(clean.filter(~empty))
                quarantined.write(_aside(block, empty, line, job.split))
                line += block.height
                advance(block.height, total)
        replacing()
        return {"rows_in": total, "rows": kept.rows, "quarantined": {"empty_after_cleaning": quarantined.rows}}


def clean_block(block: pl.DataFrame) -> pl.DataFrame:
    """Return the block with title and text cleaned; ids, labels and other columns stay as they are."""
    return block.with_columns(
        pl.Series(name, [text.clean_field(value) for value in block[name]], pl.String) for name in ("title", "text")
    )


def _aside(block: pl.DataFrame, empty: pl.Series, line: int, split: str) -> pl.DataFrame:
    raw = (pl.col("title") + text.BORDER + pl.col("text")).alias("raw")
    numbered = block.with_columns(pl.int_range(line + 1, line + block.height + 1, dtype=pl.UInt64).alias("line"))
    return numbered.filter(empty).select(
        pl.lit(split).alias("split"), "line", pl.lit("empty_after_cleaning").alias("reason"), raw,
        raw.str.len_bytes().cast(pl.Int64).alias("raw_bytes"),
    )  # fmt: skip


def report(step: str, done: list[tuple[Manifest, bool]]) -> tuple[dict[str, Any], str]:
    """Return what the steps answer, for machines and for people."""
    kept = sum(manifest.counts["rows"] for manifest, _ in done)
    aside = sum(manifest.counts["quarantined"]["empty_after_cleaning"] for manifest, _ in done)
    skipped = sum(was for _, was in done)
    data = {
        "step": step,
        "files": len(done),
        "skipped": skipped,
        "rows_in": sum(manifest.counts["rows_in"] for manifest, _ in done),
        "rows": kept,
        "quarantined": {"empty_after_cleaning": aside},
    }
    unchanged = f", {skipped} unchanged and skipped" if skipped else ""
    lost = f"; {aside:,} rows were empty after cleaning and are set aside beside them" if aside else ""
    return data, f"Preprocessed: {kept:,} rows in {len(done)} file{'s' * (len(done) > 1)}{unchanged}{lost}"
