"""Ingest: any source of reviews -> raw/train.parquet, raw/test.parquet and raw/quarantine.parquet.

Sources: kaggle:owner/name, public:amazon-polarity (no account), a local file (CSV, JSON Lines,
fastText lines, Parquet), a folder, zip or tar of them, https://, s3://, or synthetic:ROWS@SEED
(generated reviews, for trying things out). Rows that
cannot be used are set aside with a reason. With --append the rows that are not there yet become the
next batch, in arrivals/N.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import DataError
from src.model.core.redact import shown
from src.model.data import arrival
from src.model.data.conform import DROPPED
from src.model.data.feed import Feed, Tally, open_feed
from src.model.data.labels_seen import counted
from src.model.data.raw_tables import Target, refuse_empty, write_tables
from src.model.data.sources import SCHEMES
from src.model.files.counts import IngestCounts
from src.model.files.layout import QUARANTINE, RAW_MANIFEST, RAW_TEST, RAW_TRAIN
from src.model.files.lineage import current_raw, step_code
from src.model.files.manifest import Inputs, Manifest, read_manifest, run_once
from src.model.files.sniff import AS_UTF8, INVALID_UTF8

_YES, _NO = ("yes", "1", "true"), ("no", "0", "false")


class IngestResult(Result, IngestCounts):
    """What was read, kept and set aside; `skipped` where nothing had changed.

    `batch` is the number of the batch that appended rows became; none where all were there already.
    """

    step: Literal["ingest"] = "ingest"
    skipped: bool
    batch: int | None = None


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "data.ingest")
    parser.add_argument("--source", help=f"one of {', '.join(SCHEMES)} (default: REVIEWS_SOURCE)")
    parser.add_argument(
        "--append", nargs="?", const="yes", choices=(*_YES, *_NO),
        help="add the source's new rows as the next batch, beside what is there",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    spec = args.source or context.settings.source.spec
    context.tracker.check()
    adding = args.append in _YES
    with context.storage.lease("ingest"):
        before = _before(context)
        if adding:
            current_raw(context.storage)  # there must be something to add to
        with context.progress("Fetching") as advance:
            feed = open_feed(spec, context.settings, advance)
        if adding:
            return _added(arrival.add(context, feed, force=args.force), context, spec)
        now, skipped = _replaced(context, feed, force=args.force)
    context.tracker.record_manifest(now)
    counts, root = now.counted(IngestCounts), context.storage.root
    head = f"{'Unchanged, skipped' if skipped else 'Ingested'}: {shown(spec)}"
    result = IngestResult(skipped=skipped, **counts.model_dump())
    text = summary(head, counts, f"{root}/raw", f"{root}/{QUARANTINE}")
    if before and not skipped:
        old = before.counted(IngestCounts)
        text += (
            f"\n  in the place of {old.train + old.test:,} rows of {before.parameters['source']}"
        )
    return Outcome(result, text)


def _before(context: Context) -> Manifest | None:
    """Return the manifest of what is there, None where there is none that can be read."""
    with suppress(DataError):
        return read_manifest(context.storage, RAW_MANIFEST)
    return None


def _replaced(context: Context, feed: Feed, *, force: bool) -> tuple[Manifest, bool]:
    """Write raw/ anew unless it is of this source; return its manifest and whether it was."""
    share = None if feed.has_test else context.settings.source.test_share
    target = Target(RAW_TRAIN, RAW_TEST, QUARANTINE, feed.extra, share)

    def check(tally: Tally, aside: Path) -> None:
        tally.seen.refuse_misread(feed.labels)
        refuse_empty(tally, str(feed.parameters["source"]), ["train", "test"], share, aside)
        tally.seen.refuse_one_sided(feed.labels)

    def work(replacing: Callable[[], None]) -> tuple[tuple[str, ...], IngestCounts]:
        arrival.refuse_replacing(context.storage)
        with context.progress("Ingesting") as advance:
            tally = write_tables(
                context.storage, feed, target, advance,
                fresh=lambda kept: kept, check=check, replacing=replacing,
            )  # fmt: skip
        return target.keys, tally.counts(feed.labels)

    parameters = feed.parameters | {"test_share": share}
    inputs = Inputs("ingest", parameters, feed.parents, step_code("ingest"))
    return run_once(context.storage, RAW_MANIFEST, inputs, work, force=force)


def _added(added: arrival.Added, context: Context, spec: str) -> Outcome:
    if added.manifest:
        context.tracker.record_manifest(added.manifest)
    place = f"{context.storage.root}/arrivals/{added.number}"
    head = (
        f"{'Unchanged, skipped' if added.skipped else 'Added'}: {shown(spec)}, batch {added.number}"
    )
    text = summary(head, added.counts, place, f"{place}/quarantine.parquet")
    if not added.skipped:
        text += (
            "\n  to learn from all batches: make model-pipeline-train; from the next one that no "
        )
        text += "version knows: make model-pipeline-weekly"
    if added.number is None:
        text = (
            f"Nothing new: all {added.counts.already_there:,} usable rows of {shown(spec)} "
            "are there already; no batch was added"
        )
    skipped = added.skipped or added.number is None
    result = IngestResult(skipped=skipped, batch=added.number, **added.counts.model_dump())
    return Outcome(result, text)


def summary(head: str, counts: IngestCounts, place: str, quarantine: str) -> str:
    """Return what happened, for people; rows are in `place`, those set aside in `quarantine`.

    >>> few = {"invalid_label": 1}
    >>> counts = IngestCounts(
    ...     rows_in=12,
    ...     train=10,
    ...     test=1,
    ...     quarantined=few,
    ...     ignored_columns=[],
    ...     unknown_labels={"0": 1},
    ... )
    >>> print(summary("Ingested: reviews.csv", counts, "data/raw", "data/raw/quarantine.parquet"))
    Ingested: reviews.csv
      10 train and 1 test rows in data/raw
      1 row quarantined, invalid_label
      no meaning is set for the label 0 (1 row)
      each with its reason in data/raw/quarantine.parquet
    """
    lines = [head, f"  {counts.train:,} train and {counts.test:,} test rows in {place}"]
    if counts.already_there:
        lines.append(f"  {counts.already_there:,} rows were there already and are left out")
    for reason, count in counts.quarantined.items():
        what = "dropped by the label mapping" if reason == DROPPED else f"quarantined, {reason}"
        lines.append(f"  {count:,} row{'s' * (count != 1)} {what}")
    if counts.unknown_labels:
        lines.append(f"  no meaning is set for the label {counted(counts.unknown_labels)}")
    if INVALID_UTF8 in counts.quarantined:
        lines.append(f"  {AS_UTF8}")
    if counts.quarantined:
        lines.append(f"  each with its reason in {quarantine}")
    if counts.ignored_columns:
        lines.append(f"  columns not carried along: {', '.join(counts.ignored_columns)}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
