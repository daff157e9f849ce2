"""Score: a table of reviews -> the same rows in the same order, with label and probability.

They get the column model_version too. IN is csv, jsonl or parquet, also gzipped; its columns are
title and text, or message for the text. A csv has a header, unless its columns are label, title and
text, as those of the data set. OUT's ending names the format. Rows that
cannot be read are written to OUT.rejected.jsonl with a reason.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import polars as pl
import pyarrow as pa

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import DataError, UsageError
from src.model.core.labels import label_names
from src.model.core.models import load_model
from src.model.core.names import CHAMPION
from src.model.core.served_model import ServedModel
from src.model.files.csv_records import Reject
from src.model.files.lease import machine_lock
from src.model.files.readers import FORMATS, Block, read_table, table_at
from src.model.files.readers import format_of as known_format
from src.model.files.review_columns import ADDED, Columns, lacks_header, refuse_taken
from src.model.files.sniff import AS_UTF8, INVALID_UTF8
from src.model.files.storage import LocalStorage
from src.model.files.writers import format_of, frame_writer
from src.model.tracking.base import resolve

_SCORE_ROWS = 5_000


class ScoreResult(Result):
    """Rows scored, rows that could not be read, and what was made of the columns.

    `abstained` counts the rows that are too close to call.

    `title_column` and `text_column` were judged; `ignored_columns` were not carried along.
    """

    step: Literal["score"] = "score"
    rows: int
    rejected: int
    abstained: int
    model_version: int
    title_column: str | None
    text_column: str | None
    ignored_columns: list[str]


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.score")
    parser.add_argument(
        "input", metavar="IN", type=Path, help="reviews: .csv, .jsonl or .parquet, also .gz"
    )
    parser.add_argument(
        "output", metavar="OUT", type=Path, help="scored reviews: .csv, .jsonl or .parquet"
    )
    parser.add_argument(
        "--model-version", default=CHAMPION, help="a number or an alias (default: champion)"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    ending = _refuse_odd_paths(args.input, args.output)
    first = next(read_table(table_at(args.input), (), as_text=False))
    source = context.settings.source
    bare = lacks_header(first.rows.columns, args.input, source)
    if bare:
        first = next(read_table(table_at(args.input), source.columns, as_text=False))
    columns = Columns.of(first.rows, args.input, source)
    expected = source.columns if bare else columns.needed
    version = resolve(context.registry, args.model_version)
    model = load_model(context.registry.fetch(version))
    given = first.rows.head(0).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    schema = pa.schema([*given, *ADDED])
    storage, rejected = LocalStorage(args.output.parent), _rejected(args.output).name
    ignored: set[str] = set()
    reasons = Counter[str]()
    with (
        machine_lock(f"score into {args.output.name}", str(args.output.resolve())),
        storage.writing(args.output.name) as path,
        storage.writing(rejected) as rejected_path,
        frame_writer(path, ending, schema) as writer,
        rejected_path.open("w", encoding="utf-8") as aside,
        context.progress("Scoring") as advance,
    ):
        rows = abstained = 0
        for block in read_table(table_at(args.input), expected, as_text=False):
            columns.refuse_late(set(block.ignored) - set(first.ignored), args.input)
            frame = scored(block, columns, model, version.number)
            writer.write(frame, _with_scores(block, frame, args.input))
            _write_rejects(aside, block.rejects)
            rows += block.rows.height
            abstained += int(frame["abstained"].sum())
            reasons.update(reject.reason for reject in block.rejects)
            ignored |= set(block.ignored) if ending != ".jsonl" else set()
            total = args.input.stat().st_size if args.input.suffix != ".gz" else None
            advance(block.bytes_read, total)
        _refuse_nothing(rows, reasons, args.input)
    lost = reasons.total()
    if not lost:
        storage.remove(rejected)
    result = ScoreResult(
        rows=rows,
        rejected=lost,
        abstained=abstained,
        model_version=version.number,
        title_column=columns.title,
        text_column=columns.text,
        ignored_columns=sorted(ignored),
    )
    text = f"Scored: {rows:,} rows with version {version.number} into {args.output}"
    text += f"\n  {columns.used}"
    text += f"\n  there is no header: its columns are {', '.join(source.columns)}" if bare else ""
    if abstained:
        text += f"\n  {abstained / rows:.1%} of them are too close to call: column abstained"
    if lost:
        text += f"\n  {lost:,} rows could not be read: {_rejected(args.output)}"
        text += f"\n  {AS_UTF8}" if INVALID_UTF8 in reasons else ""
    if ignored:
        names = ", ".join(sorted(ignored))
        text += f"\n  not carried along: {names} (name the output .jsonl to keep them)"
    return Outcome(result, text)


def _refuse_nothing(rows: int, reasons: Counter[str], place: Path) -> None:
    if not rows and reasons:
        counted = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(4))
        msg = f"{place} has no row that could be read: {counted}."
        raise DataError(msg, hint="Look at its first lines; nothing was written.")
    if not rows:
        raise DataError(f"{place} has no row.", hint="Pass a file with reviews below its header.")


def _rejected(output: Path) -> Path:
    return output.with_name(f"{output.name}.rejected.jsonl")


def _refuse_odd_paths(source: Path, target: Path) -> str:
    """Return the ending of the output; refuse paths that make no sense before anything is read."""
    usage = "make model-score in=reviews.csv out=scored.csv"
    if not source.name or not target.name:
        raise UsageError("An input and an output file are needed.", hint=f"For example {usage}.")
    ending = format_of(target.name)
    if not source.is_file():
        what = "is a folder" if source.is_dir() else "does not exist"
        raise UsageError(f"{source} {what}.", hint=f"Give one file of reviews: {usage}.")
    if known_format(source.name) is None:
        msg = f"{source}: the ending names no known format."
        raise UsageError(msg, hint=f"Known are {FORMATS}; of a folder or archive give the file.")
    if not target.parent.is_dir():
        msg = f"The folder {target.parent} does not exist."
        raise UsageError(msg, hint="Make it, or name another output.")
    if source.resolve() in {target.resolve(), _rejected(target).resolve()}:
        msg = f"{target} would replace its own input."
        raise UsageError(msg, hint="Give another name for the scored file.")
    return ending


def scored(block: Block, columns: Columns, model: ServedModel, version: int) -> pl.DataFrame:
    """Return the block's rows with label, probability, abstained and model_version."""
    rows = block.rows
    titles, texts = _cells(block, columns.title), _cells(block, columns.text)
    parts = [slice(i, i + _SCORE_ROWS) for i in range(0, rows.height, _SCORE_ROWS)]
    found = [model.probabilities(titles[part], texts[part]) for part in parts]
    probability = np.concatenate([np.zeros(0), *found])
    known = [
        rows[name] if name in rows.columns else pl.Series(name, [None] * rows.height)
        for name in columns.every
    ]
    return pl.DataFrame(
        [
            *known,
            pl.Series("label", label_names(probability), pl.String),
            pl.Series("probability", probability, pl.Float64),
            pl.Series("abstained", model.abstains(probability), pl.Boolean),
            pl.Series("model_version", [version] * rows.height, pl.Int64),
        ]
    )


def _cells(block: Block, column: str | None) -> list[str]:
    if column is None or column not in block.rows.columns:
        return [""] * block.rows.height
    return block.rows[column].cast(pl.String).fill_null("").to_list()


def _with_scores(block: Block, frame: pl.DataFrame, place: Path) -> list[dict[str, Any]]:
    """Return the block's JSON objects with their scores.

    There are none where the source has no objects.
    """
    for found in block.objects:
        refuse_taken(found, place)
    added = frame.select(field.name for field in ADDED).iter_rows(named=True)
    return [{**row, **more} for row, more in zip(block.objects, added, strict=False)]


def _write_rejects(file: IO[str], rejects: Sequence[Reject]) -> None:
    for reject in rejects:
        raw = reject.raw.decode("utf-8", "backslashreplace")
        file.write(json.dumps({"line": reject.line, "reason": reject.reason, "raw": raw}) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
