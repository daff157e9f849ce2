"""Split batches: raw/train.parquet -> batches/train_batch_0.parquet and so on.

A row's batch follows from the hash of its row_id, so exact duplicates share a batch and the order of the source
plays no part.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from src.model import command
from src.model.command import Context, Outcome
from src.model.data import ingest
from src.model.data.manifest import (
    Inputs,
    Manifest,
    data_code,
    read_manifest,
    require_manifest,
    run_once,
)
from src.model.data.tables import open_table, read_blocks, table_writer
from src.model.errors import UsageError
from src.model.rows import batch_numbers

MANIFEST = "batches/manifest.json"


def batch_key(number: int) -> str:
    """Return the key of a batch's file."""
    return f"batches/train_batch_{number}.parquet"


def current_split(context: Context) -> Manifest:
    """Return the manifest of the split.

    Raises:
        UsageError: there is none, or it is older than the raw rows or the number of batches.
    """
    storage, count = context.storage, context.settings.batches
    raw = require_manifest(storage, ingest.MANIFEST, "ingest")
    split = require_manifest(storage, MANIFEST, "split_batches")
    if split.parents.get(ingest.TRAIN) != raw.files[ingest.TRAIN].sha256:
        msg = f"{storage.root}/batches was made from an older {ingest.TRAIN}."
        raise UsageError(msg, hint="Run make model-split-batches again.")
    if len(split.files) != count:
        msg = f"{storage.root}/batches holds {len(split.files)} batches, and REVIEWS_BATCHES is {count}."
        raise UsageError(msg, hint="Run make model-split-batches again.")
    return split


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.split_batches")
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    storage, count = context.storage, context.settings.batches
    context.tracker.check()
    with storage.lock("split_batches"):
        raw = require_manifest(storage, ingest.MANIFEST, "ingest")
        inputs = Inputs(
            "split_batches", {"batches": count}, {ingest.TRAIN: raw.files[ingest.TRAIN].sha256}, data_code()
        )
        former = read_manifest(storage, MANIFEST, forgiving=args.force)

        def work(replacing: Callable[[], None]) -> tuple[list[str], dict[str, Any]]:
            rows = _split(context, count, replacing)
            keys = [batch_key(number) for number in range(count)]
            _remove_former(context, former, set(keys))
            return keys, {"rows_in": sum(rows), "rows": rows}

        now, skipped = run_once(storage, MANIFEST, inputs, work, force=args.force)
    context.tracker.record_manifest(now)
    sizes = ", ".join(f"{size:,}" for size in now.counts["rows"])
    verb = "Unchanged, skipped" if skipped else "Split"
    return Outcome(
        {"step": "split_batches", "skipped": skipped, **now.counts},
        f"{verb}: {now.counts['rows_in']:,} rows into {count} batches of {sizes} rows in {storage.root}/batches",
    )


def _split(context: Context, count: int, replacing: Callable[[], None]) -> list[int]:
    """Write all batches in one pass; return their numbers of rows."""
    storage = context.storage
    source = storage.path(ingest.TRAIN)
    with open_table(source) as table:
        schema, total = table.schema_arrow, table.metadata.num_rows
    with ExitStack() as whole, context.progress("Splitting") as advance:
        paths = [whole.enter_context(storage.writing(batch_key(k))) for k in range(count)]
        with ExitStack() as files:
            writers = [files.enter_context(table_writer(path, schema)) for path in paths]
            for block in read_blocks(source):
                batch = batch_numbers(block["row_id"].to_numpy(), count)
                for number, writer in enumerate(writers):
                    writer.write(block.filter(batch == number))
                advance(block.height, total)
        replacing()
        return [writer.rows for writer in writers]


def _remove_former(context: Context, former: Manifest | None, kept: set[str]) -> None:
    """Remove batches of an earlier split into more of them; nothing would ever update those."""
    for key in set(former.files if former else ()) - kept:
        context.storage.remove(key)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
