"""Preprocess test: raw/test.parquet -> processed/test.parquet, with clean title and text.

Test rows of what arrived since follow those that were ingested.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Literal

from src.model import command
from src.model.command import Outcome
from src.model.context import Context
from src.model.data.preprocess import PreprocessResult, outcome, preprocess
from src.model.files.layout import CLEAN_TEST
from src.model.files.lineage import current_raw, evaluation_sources, refuse_failed


class PreprocessTestResult(PreprocessResult):
    """Rows of all files together; how many files there are, and how many were current already."""

    step: Literal["preprocess_test"] = "preprocess_test"


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.preprocess_test")
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    refuse_failed(context.storage, current_raw(context.storage))
    sources = evaluation_sources(context.storage, context.settings.batches)
    done = preprocess(context, CLEAN_TEST, sources, force=args.force)
    return outcome(PreprocessTestResult, [done])


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
