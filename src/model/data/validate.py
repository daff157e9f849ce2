"""Validate: raw/ -> reports/data_quality.json and .html, and exit code 3 where a limit is broken.

Checked are label balance, empty fields, exact duplicates, conflicting labels, rows shared by train and test,
encoding damage, language and the share of quarantined rows; lengths are shown. Limits are settings.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl

from src.model import command
from src.model.command import Context, Outcome
from src.model.data import ingest, quality, quality_report
from src.model.data.conform import DROPPED
from src.model.data.manifest import Inputs, Manifest, data_code, require_manifest, run_once
from src.model.data.quality import SplitStatistics, split_statistics
from src.model.data.tables import read_blocks
from src.model.errors import QualityError
from src.model.settings import Settings

MANIFEST = "reports/data_quality.manifest.json"
JSON, HTML, EXAMPLES = "reports/data_quality.json", "reports/data_quality.html", "reports/data_quality_rows.csv"
_SPLITS = (("train", ingest.TRAIN), ("test", ingest.TEST))


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.validate")
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def limits(settings: Settings) -> dict[str, float]:
    """Return the limit of each check, as a share of rows."""
    return {
        "quarantined": settings.max_quarantined,
        "class": settings.min_class,
        "empty_title": settings.max_empty_title,
        "empty_text": settings.max_empty_text,
        "encoding_damage": settings.max_encoding_damage,
        "non_english": settings.max_non_english,
        "duplicates": settings.max_duplicates,
        "conflicts": settings.max_conflicts,
        "overlap": settings.max_overlap,
    }


def run(args: argparse.Namespace, context: Context) -> Outcome:
    storage = context.storage
    context.tracker.check()
    with storage.lock("validate"):
        raw = require_manifest(storage, ingest.MANIFEST, "ingest")
        parents = {key: raw.files[key].sha256 for _, key in _SPLITS}
        inputs = Inputs("validate", limits(context.settings), parents, data_code())

        def work(replacing: Callable[[], None]) -> tuple[tuple[str, ...], dict[str, Any]]:
            replacing()
            report = _write_reports(context, raw)
            return (JSON, HTML, EXAMPLES), {"checks": len(report["checks"]), "passed": report["passed"]}

        now, skipped = run_once(storage, MANIFEST, inputs, work, force=args.force)
    context.tracker.record_manifest(now, [storage.path(key) for key in (JSON, HTML)])
    report = json.loads(storage.path(JSON).read_text(encoding="utf-8"))
    _stop_if_over(report, context)
    verb = "Unchanged, skipped" if skipped else "Validated"
    text = f"{verb}: all {now.counts['checks']} checks are within their limits\n  {storage.root}/{HTML}"
    return Outcome({"step": "validate", "skipped": skipped, **report}, text)


def _write_reports(context: Context, raw: Manifest) -> dict[str, Any]:
    statistics = {}
    with context.progress("Validating") as advance:
        for split, key in _SPLITS:
            statistics[split] = split_statistics(_counting(context, key, advance, raw))
    train, test = statistics["train"], statistics["test"]
    quality.note_overlap(train, test)
    reasons = raw.counts["quarantined"]
    broken = sum(count for reason, count in reasons.items() if reason != DROPPED)
    checks = quality.check(train, test, limits(context.settings), broken, raw.counts["rows_in"])
    source = str(raw.parameters["source"])
    report = quality_report.as_json(source, statistics, checks, reasons)
    page = quality_report.render(source, statistics, checks, reasons, EXAMPLES)
    for key, content in ((JSON, json.dumps(report, indent=2) + "\n"), (HTML, page)):
        with context.storage.writing(key) as path:
            path.write_text(content, encoding="utf-8")
    with context.storage.writing(EXAMPLES) as path:
        _examples(context, statistics).write_csv(path)
    return report


def _counting(context: Context, key: str, advance: command.Advance, raw: Manifest) -> Iterator[pl.DataFrame]:
    total = sum(raw.files[name].rows or 0 for _, name in _SPLITS)
    for block in read_blocks(context.storage.path(key), ("row_id", "polarity", "title", "text")):
        yield block
        advance(block.height, total)


def _examples(context: Context, statistics: dict[str, SplitStatistics]) -> pl.DataFrame:
    """Return example rows of every finding: finding, split, row (from 1), row_id, polarity, title, text."""
    frames = []
    for split, key in _SPLITS:
        wanted = [(name, row) for name, rows in statistics[split].examples.items() for row in rows]
        asked = pl.DataFrame(wanted, schema={"finding": pl.String, "row": pl.UInt32}, orient="row")
        offset = 0
        for block in read_blocks(context.storage.path(key), ("row_id", "polarity", "title", "text")):
            numbered = block.with_row_index("row", offset)
            frames.append(asked.join(numbered, on="row", how="inner").with_columns(pl.lit(split).alias("split")))
            offset += block.height
    columns = ("finding", "split", pl.col("row") + 1, "row_id", "polarity", "title", "text")
    return pl.concat(frames).select(columns).sort("finding", "split", "row")


def _stop_if_over(report: dict[str, Any], context: Context) -> None:
    over = [check for check in report["checks"] if not check["passed"]]
    if not over:
        return
    root = context.storage.root
    lines = [
        f"  {check['rows']:,} {quality_report.MEANINGS[check['name']]} ({check['split']}): "
        f"{check['share']:.2%}, {check['limit_is']} {check['limit']:.2%}"
        for check in over
    ]
    names = ", ".join(dict.fromkeys(f"REVIEWS_{'MIN' if c['name'] == 'class' else 'MAX'}_{c['name'].upper()}"
                                    for c in over))  # fmt: skip
    msg = "The data breaks its limits:\n" + "\n".join(lines)
    raise QualityError(msg, hint=f"Look at {root}/{HTML} and the rows in {root}/{EXAMPLES}; the limits: {names}.")


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
