"""Score: a table of reviews -> the same rows in the same order, with label and probability.

They get the column model_version too. IN is csv (with a header), jsonl or parquet, also gzipped;
its columns are title and text, or message for the text. OUT's ending names the format. Rows that
cannot be read are written to OUT.rejected.jsonl with a reason.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Self

import numpy as np
import polars as pl
import pyarrow as pa

from src.model import command
from src.model.command import Context, Outcome, Result
from src.model.core.errors import DataError, UsageError
from src.model.core.labels import label_names
from src.model.core.models import load_model
from src.model.core.names import CHAMPION
from src.model.core.served_model import ServedModel
from src.model.core.settings import Settings
from src.model.files.csv_records import Reject
from src.model.files.lease import machine_lock
from src.model.files.readers import Block, read_table, table_at
from src.model.files.storage import LocalStorage
from src.model.files.writers import format_of, frame_writer
from src.model.tracking.base import resolve

ADDED = (
    pa.field("label", pa.large_string()),
    pa.field("probability", pa.float64()),
    pa.field("model_version", pa.int64()),
)
_SCORE_ROWS = 5_000


class ScoreResult(Result):
    """Rows scored and rows that could not be read; columns that were not carried along."""

    step: Literal["score"] = "score"
    rows: int
    rejected: int
    model_version: int
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
    columns = Columns.of(first.rows, args.input, context.settings)
    version = resolve(context.registry, args.model_version)
    model = load_model(context.registry.fetch(version))
    given = first.rows.head(0).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    schema = pa.schema([*given, *ADDED])
    storage, rejected = LocalStorage(args.output.parent), _rejected(args.output).name
    ignored: set[str] = set()
    with (
        machine_lock(f"score into {args.output.name}", str(args.output.resolve())),
        storage.writing(args.output.name) as path,
        storage.writing(rejected) as rejected_path,
        frame_writer(path, ending, schema) as writer,
        rejected_path.open("w", encoding="utf-8") as aside,
        context.progress("Scoring") as advance,
    ):
        rows = lost = 0
        for block in read_table(table_at(args.input), columns.needed, as_text=False):
            frame = scored(block, columns, model, version.number)
            writer.write(frame, _with_scores(block, frame, args.input))
            _write_rejects(aside, block.rejects)
            rows, lost = rows + block.rows.height, lost + len(block.rejects)
            ignored |= set(block.ignored) if ending != ".jsonl" else set()
            total = args.input.stat().st_size if args.input.suffix != ".gz" else None
            advance(block.bytes_read, total)
    if not lost:
        storage.remove(rejected)
    result = ScoreResult(
        rows=rows,
        rejected=lost,
        model_version=version.number,
        ignored_columns=sorted(ignored),
    )
    text = f"Scored: {rows:,} rows with version {version.number} into {args.output}"
    if lost:
        text += f"\n  {lost:,} rows could not be read: {_rejected(args.output)}"
    if ignored:
        names = ", ".join(sorted(ignored))
        text += f"\n  not carried along: {names} (name the output .jsonl to keep them)"
    return Outcome(result, text)


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
        hint = f"Give a .csv, .jsonl or .parquet file: {usage}."
        raise UsageError(f"{source} {what}.", hint=hint)
    if not target.parent.is_dir():
        msg = f"The folder {target.parent} does not exist."
        raise UsageError(msg, hint="Make it, or name another output.")
    if source.resolve() in {target.resolve(), _rejected(target).resolve()}:
        msg = f"{target} would replace its own input."
        raise UsageError(msg, hint="Give another name for the scored file.")
    return ending


@dataclass(frozen=True)
class Columns:
    """All columns of the input, and which of them hold title and text."""

    every: tuple[str, ...]
    title: str | None
    text: str | None

    @classmethod
    def of(cls, frame: pl.DataFrame, place: Path, settings: Settings) -> Self:
        """Find title and text among the columns, in any case; the settings' names come first.

        Raises:
            DataError: neither is there, one holds no text, or a name we add is taken.
        """
        by_name = {name.lower(): name for name in reversed(frame.columns)}
        titles, texts = (
            (settings.source.column_title, "title"),
            (settings.source.column_text, "text", "message"),
        )
        title, text = (
            next((by_name[n.lower()] for n in names if n.lower() in by_name), None)
            for names in (titles, texts)
        )
        if title is None and text is None:
            there = ", ".join(frame.columns) or "none"
            msg = f"{place} has no column title, text or message; it has {there}."
            hint = "Name them so, or name yours in REVIEWS_COLUMN_TITLE and REVIEWS_COLUMN_TEXT."
            raise DataError(msg, hint=hint)
        for name in (title, text):
            kind = frame.schema[name] if name else pl.String()
            if kind.is_nested() or kind == pl.Binary:
                msg = f"{place}: the column {name} holds no text but {kind}."
                raise DataError(msg, hint="Write it as text.")
        _refuse_taken(frame.columns, place)
        return cls(tuple(frame.columns), title, text)

    @property
    def needed(self) -> list[str]:
        return [name for name in (self.title, self.text) if name]


def _refuse_taken(names: Iterable[str], place: Path) -> None:
    if taken := [field.name for field in ADDED if field.name in names]:
        msg = f"{place} has the column {' and '.join(taken)} already."
        raise DataError(msg, hint="Rename it: the scored file adds a column of that name.")


def scored(block: Block, columns: Columns, model: ServedModel, version: int) -> pl.DataFrame:
    """Return the block's rows with label, probability and model_version."""
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
        _refuse_taken(found, place)
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
