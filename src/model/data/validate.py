"""Validate: raw/ and arrivals/ -> reports/data_quality.json and .html.

Checked are label balance, empty fields, exact duplicates, conflicting labels, rows shared by train
and test, encoding damage, language and the share of quarantined rows, and whether the test rows and
what arrived are like the train rows; lengths are shown. Limits are settings. Exit code 3 where one
is broken; an arrival that breaks one is not trained on.
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
from src.model.core.language import frequent_words
from src.model.core.settings import QualitySettings
from src.model.data import quality, quality_report
from src.model.data.quality import Check, SplitStatistics, split_statistics
from src.model.data.quality_parts import DataPart, DataParts, broken, data_parts, example_rows
from src.model.data.quality_report import Findings, QualityReport
from src.model.data.quality_shift import shifts
from src.model.files.counts import ValidateCounts
from src.model.files.layout import QUALITY_JSON, QUALITY_MANIFEST, QUALITY_PAGE, QUALITY_ROWS
from src.model.files.lineage import step_code
from src.model.files.manifest import Inputs, run_once
from src.model.files.spreadsheet import write_for_people


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
        parts = data_parts(storage, context.settings.batches)
        limits = _limits(context)
        language = context.language.language.model_dump(mode="json")
        inputs = Inputs(
            "validate", limits | {"language": language}, parts.sha256, step_code("validate")
        )

        def work(replacing: Callable[[], None]) -> tuple[tuple[str, ...], ValidateCounts]:
            replacing()
            report = _write_reports(context, parts)
            counts = ValidateCounts(
                checks=len(report.checks) + len(report.shifts),
                passed=report.passed,
                failed=report.failed_parts,
            )
            return (QUALITY_JSON, QUALITY_PAGE, QUALITY_ROWS), counts

        now, skipped = run_once(storage, QUALITY_MANIFEST, inputs, work, force=args.force)
    pages = [storage.path(key) for key in (QUALITY_JSON, QUALITY_PAGE)]
    context.tracker.record_manifest(now, pages)
    report = QualityReport.model_validate_json(storage.path(QUALITY_JSON).read_bytes())
    _stop_if_over(report, storage.root, context.language.name)
    head = "Unchanged, skipped" if skipped else "Validated"
    text = summary(head, report, f"{storage.root}/{QUALITY_PAGE}")
    return Outcome(ValidateResult(skipped=skipped, **report.model_dump()), text)


def _write_reports(context: Context, parts: DataParts) -> QualityReport:
    statistics: dict[str, SplitStatistics] = {}
    frequent = frequent_words(context.language.language)
    with context.progress("Validating") as advance:
        for part in parts.all:
            blocks = _counting(context, part, advance, sum(each.rows for each in parts.all))
            statistics[part.name] = split_statistics(blocks, frequent)
    quality.note_overlap(statistics["train"], statistics["test"])
    limits = _limits(context)
    others = {name: found for name, found in statistics.items() if name != "train"}
    findings = Findings(
        parts.source,
        statistics,
        _checks(parts, statistics, limits),
        shifts(others, statistics["train"], limits),
        parts.quarantined,
    )
    report = quality_report.report(findings)
    page = quality_report.render(findings, QUALITY_ROWS)
    written = {QUALITY_JSON: report.model_dump_json(indent=2) + "\n", QUALITY_PAGE: page}
    for key, content in written.items():
        with context.storage.writing(key) as path:
            path.write_text(content, encoding="utf-8")
    with context.storage.writing(QUALITY_ROWS) as path:
        write_for_people(example_rows(context.storage, parts.all, statistics), path)
    return report


def _checks(
    parts: DataParts, statistics: dict[str, SplitStatistics], limits: dict[str, float]
) -> list[Check]:
    both = parts.counts["both"]
    train, test = statistics["train"], statistics["test"]
    checks = quality.check(train, test, limits, broken(both), both.rows_in)
    for part in parts.arrived:
        counts, found = parts.counts[part.name], statistics[part.name]
        fresh = counts.rows_in - counts.already_there
        checks.append(quality.check_set_aside(part.name, broken(counts), fresh, limits))
        checks += quality.check_part(part.name, found, limits)
    return checks


def _counting(
    context: Context, part: DataPart, advance: Advance, total: int
) -> Iterator[pl.DataFrame]:
    for block in part.blocks(context.storage):
        yield block
        advance(block.height, total)


def summary(head: str, report: QualityReport, page: str) -> str:
    """Return what was found, for people: that all is well, and differences worth a look."""
    checks = len(report.checks) + len(report.shifts)
    lines = [f"{head}: all {checks} checks are within their limits"]
    noticed = [shift for shift in report.shifts if shift.noticed]
    lines += [f"  worth a look: {shift}" for shift in noticed]
    return "\n".join([*lines, f"  {page}"])


def _stop_if_over(report: QualityReport, root: str, language: str) -> None:
    """Raise QualityError where a check or a difference is over its limit."""
    over = [
        *((str(check), check.setting) for check in report.checks if not check.passed),
        *((str(shift), shift.setting) for shift in report.shifts if not shift.passed),
    ]
    if not over:
        return
    msg = "The data breaks its limits:\n" + "\n".join(f"  {found}" for found, _ in over)
    settings = [setting for _, setting in over]
    if QualitySettings.variables("max_other_language")[0] in settings:
        settings.append("REVIEWS_LANGUAGE, which is " + language)
    names = ", ".join(dict.fromkeys(settings))
    places = f"{root}/{QUALITY_PAGE} and the rows in {root}/{QUALITY_ROWS}"
    back = [f"{root}/arrivals/{part.removeprefix('batch ')}" for part in report.failed_parts
            if part.startswith("batch ")]  # fmt: skip
    take = f" To take back what arrived, delete {' and '.join(back)}." if back else ""
    raise QualityError(msg, hint=f"Look at {places}; the limits: {names}.{take}")


def _limits(context: Context) -> dict[str, float]:
    """Return the limits; of reviews that have no titles, none is missed."""
    limits = context.settings.quality.limits
    return limits if context.settings.source.has_titles else limits | {"empty_title": 1.0}


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
