"""Preprocess batch: batches/train_batch_K.parquet -> processed/train_batch_K.parquet.

Title and text are clean afterwards.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Literal

from src.model import command
from src.model.command import Outcome
from src.model.context import Context
from src.model.data.preprocess import PreprocessResult, outcome, preprocess
from src.model.files.layout import clean_batch
from src.model.files.lineage import batch_source, current_raw, numbers_of, refuse_failed


class PreprocessBatchResult(PreprocessResult):
    """Rows of all files together; how many files there are, and how many were current already."""

    step: Literal["preprocess_batch"] = "preprocess_batch"


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.preprocess_batch")
    parser.add_argument(
        "--batch", required=True, nargs="+", metavar="K", help='a batch, "0 1 2", 0,1,2, 0-4 or all'
    )
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    storage, count = context.storage, context.settings.batches
    done = []
    refuse_failed(storage, current_raw(storage))
    for number in numbers_of(storage, " ".join(args.batch), count):
        key, sha256 = batch_source(storage, number, count)
        done.append(preprocess(context, clean_batch(number), {key: sha256}, force=args.force))
    return outcome(PreprocessBatchResult, done)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
