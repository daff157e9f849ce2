"""Validate: raw/ -> reports/data_quality.json and .html, and exit code 3 where a limit is broken.

Checked are label balance, empty fields, exact duplicates, conflicting labels, rows shared by train
and test, encoding damage, language and the share of quarantined rows; lengths are shown. Limits are
settings.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import polars as pl

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Advance, Context
from src.model.core.errors import QualityError
from src.model.data import quality, quality_report
from src.model.data.conform import DROPPED
from src.model.data.quality import SplitStatistics, split_statistics
from src.model.data.quality_report import QualityReport
from src.model.files.counts import IngestCounts, ValidateCounts
from src.model.files.layout import (
    QUALITY_JSON,
    QUALITY_MANIFEST,
    QUALITY_PAGE,
    QUALITY_ROWS,
    RAW_TEST,
    RAW_TRAIN,
)
from src.model.files.lineage import current_raw, step_code
from src.model.files.manifest import Inputs, Manifest, run_once
from src.model.files.spreadsheet import write_for_people
from src.model.files.tables import read_blocks

_SPLITS = (("train", RAW_TRAIN), ("test", RAW_TEST))
_COLUMNS = ("row_id", "polarity", "title", "text")


class ValidateResult(Result, QualityReport):
    """The report; `skipped` where nothing had changed since it was made."""

    step: Literal["validate"] = "validate"
    skipped: bool


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.validate")
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    storage = context.storage
    context.tracker.check()
    with storage.lease("validate"):
        raw = current_raw(storage)
        parents = {key: raw.files[key].sha256 for _, key in _SPLITS}
        limits = context.settings.quality.limits
        inputs = Inputs("validate", limits, parents, step_code("validate"))

        def work(replacing: Callable[[], None]) -> tuple[tuple[str, ...], ValidateCounts]:
            replacing()
            report = _write_reports(context, raw)
            counts = ValidateCounts(checks=len(report.checks), passed=report.passed)
            return (QUALITY_JSON, QUALITY_PAGE, QUALITY_ROWS), counts

        now, skipped = run_once(storage, QUALITY_MANIFEST, inputs, work, force=args.force)
    pages = [storage.path(key) for key in (QUALITY_JSON, QUALITY_PAGE)]
    context.tracker.record_manifest(now, pages)
    report = QualityReport.model_validate_json(storage.path(QUALITY_JSON).read_bytes())
    _stop_if_over(report, storage.root)
    verb = "Unchanged, skipped" if skipped else "Validated"
    text = (
        f"{verb}: all {len(report.checks)} checks are within their limits\n"
        f"  {storage.root}/{QUALITY_PAGE}"
    )
    return Outcome(ValidateResult(skipped=skipped, **report.model_dump()), text)


def _write_reports(context: Context, raw: Manifest) -> QualityReport:
    statistics = {}
    with context.progress("Validating") as advance:
        for split, key in _SPLITS:
            statistics[split] = split_statistics(_counting(context, key, advance, raw))
    train, test = statistics["train"], statistics["test"]
    quality.note_overlap(train, test)
    counts = raw.counted(IngestCounts)
    reasons = counts.quarantined
    broken = sum(count for reason, count in reasons.items() if reason != DROPPED)
    limits = context.settings.quality.limits
    checks = quality.check(train, test, limits, broken, counts.rows_in)
    source = str(raw.parameters["source"])
    report = quality_report.report(source, statistics, checks, reasons)
    page = quality_report.render(source, statistics, checks, reasons, QUALITY_ROWS)
    written = {QUALITY_JSON: report.model_dump_json(indent=2) + "\n", QUALITY_PAGE: page}
    for key, content in written.items():
        with context.storage.writing(key) as path:
            path.write_text(content, encoding="utf-8")
    with context.storage.writing(QUALITY_ROWS) as path:
        write_for_people(_examples(context, statistics, raw), path)
    return report


def _counting(
    context: Context, key: str, advance: Advance, raw: Manifest
) -> Iterator[pl.DataFrame]:
    total = sum(raw.files[name].rows or 0 for _, name in _SPLITS)
    for block in read_blocks(context.storage.path(key), _COLUMNS, raw.files[key].sha256):
        yield block
        advance(block.height, total)


def _examples(
    context: Context, statistics: dict[str, SplitStatistics], raw: Manifest
) -> pl.DataFrame:
    """Return example rows of every finding.

    The columns are finding, split, row (from 1), row_id, polarity, title and text.
    """
    frames = []
    for split, key in _SPLITS:
        wanted = [(name, row) for name, rows in statistics[split].examples.items() for row in rows]
        asked = pl.DataFrame(wanted, schema={"finding": pl.String, "row": pl.UInt32}, orient="row")
        offset = 0
        for block in read_blocks(context.storage.path(key), _COLUMNS, raw.files[key].sha256):
            numbered = block.with_row_index("row", offset)
            found = asked.join(numbered, on="row", how="inner")
            frames.append(found.with_columns(pl.lit(split).alias("split")))
            offset += block.height
    columns = ("finding", "split", pl.col("row") + 1, "row_id", "polarity", "title", "text")
    return pl.concat(frames).select(columns).sort("finding", "split", "row")


def _stop_if_over(report: QualityReport, root: str) -> None:
    """Raise QualityError where a check is over its limit."""
    over = [check for check in report.checks if not check.passed]
    if not over:
        return
    msg = "The data breaks its limits:\n" + "\n".join(f"  {check}" for check in over)
    names = ", ".join(dict.fromkeys(check.setting for check in over))
    places = f"{root}/{QUALITY_PAGE} and the rows in {root}/{QUALITY_ROWS}"
    raise QualityError(msg, hint=f"Look at {places}; the limits: {names}.")


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
