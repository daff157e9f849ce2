"""Preprocess batch: batches/train_batch_K.parquet -> processed/train_batch_K.parquet, with clean title and text."""

import argparse
import sys
from collections.abc import Sequence

from src.model import command
from src.model.command import Context, Outcome
from src.model.data import split_batches
from src.model.data.batches import parse_batches
from src.model.data.preprocess import Job, preprocess, report


def job(number: int) -> Job:
    """Return what there is to do for one batch."""
    source = split_batches.batch_key(number)
    return Job("preprocess_batch", "train", source, f"processed/train_batch_{number}.parquet")


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.preprocess_batch")
    parser.add_argument("--batch", required=True, nargs="+", metavar="K", help='a batch, "0 1 2", 0,1,2, 0-4 or all')
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    numbers = parse_batches(" ".join(args.batch), context.settings.batches)
    split = split_batches.current_split(context)
    done = []
    for number in numbers:
        parent = split.files[split_batches.batch_key(number)].sha256
        done.append(preprocess(context, job(number), parent, force=args.force))
    return Outcome(*report("preprocess_batch", done))


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
