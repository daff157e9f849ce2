"""Preprocess test: raw/test.parquet -> processed/test.parquet, with clean title and text."""

import argparse
import sys
from collections.abc import Sequence

from src.model import command
from src.model.command import Context, Outcome
from src.model.data import ingest
from src.model.data.manifest import require_manifest
from src.model.data.preprocess import Job, preprocess, report

JOB = Job("preprocess_test", "test", ingest.TEST, "processed/test.parquet")


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.preprocess_test")
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    raw = require_manifest(context.storage, ingest.MANIFEST, "ingest")
    done = preprocess(context, JOB, raw.files[ingest.TEST].sha256, force=args.force)
    return Outcome(*report("preprocess_test", [done]))


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
