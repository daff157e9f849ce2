"""Split batches: raw/train.parquet -> batches/train_batch_0.parquet and so on.

A row's batch follows from the hash of its row_id, so exact duplicates share a batch and the order
of the source plays no part.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.files.counts import SplitCounts
from src.model.files.layout import RAW_TRAIN, SPLIT_MANIFEST, batch_key, is_batch
from src.model.files.lineage import arrivals, current_raw, refuse_failed, step_code
from src.model.files.manifest import Inputs, run_once
from src.model.files.rows import batch_numbers
from src.model.files.tables import open_table, read_blocks, table_writer


class SplitResult(Result, SplitCounts):
    """Rows of every batch; `skipped` where nothing had changed."""

    step: Literal["split_batches"] = "split_batches"
    skipped: bool


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.split_batches")
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    storage, count = context.storage, context.settings.batches
    context.tracker.check()
    with storage.lease("split_batches"):
        raw = current_raw(storage)
        refuse_failed(storage, raw)
        arrivals(storage, count)  # another number of batches is refused once some arrived
        parents = {RAW_TRAIN: raw.files[RAW_TRAIN].sha256}
        inputs = Inputs("split_batches", {"batches": count}, parents, step_code("split_batches"))

        def work(replacing: Callable[[], None]) -> tuple[list[str], SplitCounts]:
            rows = _split(context, count, parents[RAW_TRAIN], replacing)
            keys = [batch_key(number) for number in range(count)]
            _remove_others(context, set(keys))
            return keys, SplitCounts(rows_in=sum(rows), rows=rows)

        now, skipped = run_once(storage, SPLIT_MANIFEST, inputs, work, force=args.force)
    context.tracker.record_manifest(now)
    counts = now.counted(SplitCounts)
    sizes = ", ".join(f"{size:,}" for size in counts.rows)
    verb = "Unchanged, skipped" if skipped else "Split"
    text = (
        f"{verb}: {counts.rows_in:,} rows into {count} batches of {sizes} rows "
        f"in {storage.root}/batches"
    )
    return Outcome(SplitResult(skipped=skipped, **counts.model_dump()), text)


def _split(context: Context, count: int, parent: str, replacing: Callable[[], None]) -> list[int]:
    """Write all batches in one pass; return their numbers of rows."""
    storage = context.storage
    source = storage.path(RAW_TRAIN)
    with open_table(source) as table:
        schema, total = table.schema_arrow, table.metadata.num_rows
    with ExitStack() as whole, context.progress("Splitting") as advance:
        paths = [whole.enter_context(storage.writing(batch_key(k))) for k in range(count)]
        with ExitStack() as files:
            writers = [files.enter_context(table_writer(path, schema)) for path in paths]
            for block in read_blocks(source, sha256=parent):
                batch = batch_numbers(block["row_id"].to_numpy(), count)
                for number, writer in enumerate(writers):
                    writer.write(block.filter(batch == number))
                advance(block.height, total)
        replacing()
        return [writer.rows for writer in writers]


def _remove_others(context: Context, kept: set[str]) -> None:
    """Remove batches of an earlier split into more of them; nothing would ever update those.

    They are looked for and not looked up: of a run that was killed there is no manifest.
    """
    for key in context.storage.list("batches/"):
        if is_batch(key) and key not in kept:
            context.storage.remove(key)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
