"""Score: a table of reviews -> the same rows in the same order with label, probability and model_version.

IN is csv (with a header), jsonl or parquet, also gzipped; its columns are title and text, or message for the text.
OUT's ending names the format. Rows that cannot be read are written to OUT.rejected.jsonl with a reason.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import numpy as np
import polars as pl
import pyarrow as pa

from src.model import command
from src.model.command import Advance, Context, Outcome
from src.model.data.csv_records import Reject
from src.model.data.readers import Block, read_table, table_at
from src.model.data.storage import LocalStorage
from src.model.data.writers import format_of, frame_writer
from src.model.errors import DataError, UsageError
from src.model.learners import load_model
from src.model.learners.base import SentimentModel
from src.model.rows import label_names
from src.model.tracking.base import CHAMPION, resolve

ADDED = (
    pa.field("label", pa.large_string()),
    pa.field("probability", pa.float64()),
    pa.field("model_version", pa.int64()),
)
_SCORE_ROWS = 5_000


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.score")
    parser.add_argument("input", metavar="IN", type=Path, help="reviews: .csv, .jsonl or .parquet, also .gz")
    parser.add_argument("output", metavar="OUT", type=Path, help="scored reviews: .csv, .jsonl or .parquet")
    parser.add_argument("--model-version", default=CHAMPION, help="a number or an alias (default: champion)")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    ending = format_of(args.output.name)
    if not args.input.is_file():
        msg = f"{args.input} does not exist."
        raise UsageError(msg, hint="Give a .csv, .jsonl or .parquet file of reviews.")
    if args.output.resolve() == args.input.resolve():
        msg = f"{args.output} would replace its own input."
        raise UsageError(msg, hint="Give another name for the scored file.")
    first = next(read_table(table_at(args.input), (), as_text=False))
    columns = Columns.of(first.rows, args.input)
    version = resolve(context.registry, args.model_version)
    model = load_model(context.registry.fetch(version))
    schema = first.rows.drop("line").head(0).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    storage = LocalStorage(args.output.parent)
    rejected = f"{args.output.name}.rejected.jsonl"
    with (
        storage.writing(args.output.name) as path,
        storage.writing(rejected) as rejected_path,
        frame_writer(path, ending, pa.schema([*schema, *ADDED])) as writer,
        rejected_path.open("w", encoding="utf-8") as aside,
        context.progress("Scoring") as advance,
    ):
        rows = lost = 0
        for block in read_table(table_at(args.input), columns.needed, as_text=False):
            frame = scored(block.rows, columns, model, version.number)
            added = frame.select(field.name for field in ADDED).iter_rows(named=True)
            writer.write(frame, [{**row, **more} for row, more in zip(block.objects, added, strict=False)])
            _write_rejects(aside, block.rejects)
            rows, lost = rows + block.rows.height, lost + len(block.rejects)
            _advance(advance, block, args.input)
    if not lost:
        storage.remove(rejected)
    data = {"step": "score", "rows": rows, "rejected": lost, "model_version": version.number}
    text = f"Scored: {rows:,} rows with version {version.number} into {args.output}"
    return Outcome(data, text + (f"\n  {lost:,} rows could not be read: {args.output}.rejected.jsonl" if lost else ""))


@dataclass(frozen=True)
class Columns:
    """All columns of the input, and which of them hold title and text."""

    every: tuple[str, ...]
    title: str | None
    text: str | None

    @classmethod
    def of(cls, frame: pl.DataFrame, place: Path) -> Self:
        """Find title and text among the columns. Raises DataError where they are not there or a name is taken."""
        every = tuple(name for name in frame.columns if name != "line")
        text = next((name for name in ("text", "message") if name in every), None)
        title = "title" if "title" in every else None
        if title is None and text is None:
            msg = f"{place} has no column title, text or message; it has {', '.join(every) or 'none'}."
            raise DataError(msg, hint="A CSV needs a header line that names them.")
        if taken := [field.name for field in ADDED if field.name in every]:
            msg = f"{place} has the column {' and '.join(taken)} already."
            raise DataError(msg, hint="Rename it: the scored file adds a column of that name.")
        return cls(every, title, text)

    @property
    def needed(self) -> list[str]:
        return [name for name in (self.title, self.text) if name]


def scored(rows: pl.DataFrame, columns: Columns, model: SentimentModel, version: int) -> pl.DataFrame:
    """Return the rows with label, probability and model_version; columns a block lacks are null."""
    known = [pl.col(name) if name in rows.columns else pl.lit(None, pl.String).alias(name) for name in columns.every]
    parts = [
        model.predict_proba(_cells(part, columns.title), _cells(part, columns.text))
        for part in rows.iter_slices(_SCORE_ROWS)
    ]
    probability = np.concatenate([np.zeros(0), *parts])
    return rows.select(known).with_columns(
        pl.Series("label", label_names(probability), pl.String),
        pl.Series("probability", probability, pl.Float64),
        pl.lit(version, pl.Int64).alias("model_version"),
    )


def _cells(frame: pl.DataFrame, column: str | None) -> list[str]:
    if column is None or column not in frame.columns:
        return [""] * frame.height
    return frame[column].cast(pl.String).fill_null("").to_list()


def _write_rejects(file: IO[str], rejects: Sequence[Reject]) -> None:
    for reject in rejects:
        raw = reject.raw.decode("utf-8", "backslashreplace")
        file.write(json.dumps({"line": reject.line, "reason": reject.reason, "raw": raw}) + "\n")


def _advance(advance: Advance, block: Block, path: Path) -> None:
    advance(block.bytes_read, path.stat().st_size if path.suffix != ".gz" else None)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
