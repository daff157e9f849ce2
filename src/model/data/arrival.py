"""An arrival: reviews that came later, added as the next batch beside what is there.

Nothing that older versions were trained on changes. A row that is there already, in train, test or
an earlier arrival, is counted and left out, whatever its label; of the rest a share joins the test
rows.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from src.model.context import Context
from src.model.core.errors import SourceError, UsageError
from src.model.data.feed import Feed, Tally
from src.model.data.raw_tables import Target, refuse_empty, write_tables
from src.model.files import rows
from src.model.files.counts import IngestCounts
from src.model.files.layout import ARRIVALS, RAW_TEST, RAW_TRAIN, Arrival, arrival_of
from src.model.files.lineage import arrival_manifest, arrivals, current_raw, step_code
from src.model.files.manifest import Inputs, Manifest, run_once
from src.model.files.storage import Storage
from src.model.files.tables import open_table, read_blocks

_OWN = ("arrived", "batch", "test_share")  # parameters that are not the source's


class Added(NamedTuple):
    """What came of an arrival.

    `number` is that of its batch, and `manifest` its record; both are None where every usable row
    was there already. `skipped` says that just this source had been added before.
    """

    counts: IngestCounts
    number: int | None
    manifest: Manifest | None
    skipped: bool


class _NothingNewError(Exception):
    def __init__(self, tally: Tally) -> None:
        self.tally = tally


def add(context: Context, feed: Feed, *, force: bool) -> Added:
    """Write the feed's new rows as the next batch, unless just this source was added before.

    Raises:
        UsageError: nothing was ingested yet, or the arrivals belong to other rows or batches.
        SourceError: no row of the source can be used.
    """
    storage, raw = context.storage, current_raw(context.storage)
    there = arrivals(storage, context.settings.batches)
    manifests = [arrival_manifest(storage, arrival) for arrival in there]
    for arrival, manifest in zip(there, manifests, strict=True):
        if not force and _identity(manifest.parameters, manifest.parents) == _identity(
            feed.parameters, feed.parents
        ):
            return Added(manifest.counted(IngestCounts), arrival.number, manifest, skipped=True)
    arrival = Arrival(context.settings.batches + len(there))
    share = None if feed.has_test else context.settings.source.arrival_test_share
    parameters = feed.parameters | {
        "arrived": datetime.now(UTC).date().isoformat(), "batch": arrival.number,
        "test_share": share,
    }  # fmt: skip
    before = {key: raw.files[key].sha256 for key in (RAW_TRAIN, RAW_TEST)}
    for earlier, manifest in zip(there, manifests, strict=True):
        before |= {key: manifest.files[key].sha256 for key in (earlier.train, earlier.test)}
    with open_table(storage.path(RAW_TRAIN)) as table:
        extra = [name for name in table.schema_arrow.names if name not in rows.COLUMNS]
    target = Target(arrival.train, arrival.test, arrival.quarantine, extra, share)

    def work(replacing: Callable[[], None]) -> tuple[tuple[str, ...], IngestCounts]:
        tally = _write(context, feed, target, before, replacing)
        tally.ignored.update(set(feed.extra) - set(extra))
        return target.keys, tally.counts(feed.labels)

    inputs = Inputs("ingest", parameters, feed.parents | before, step_code("ingest"))
    try:
        now, _ = run_once(storage, arrival.manifest, inputs, work, force=True)
    except _NothingNewError as nothing:
        return Added(nothing.tally.counts(feed.labels), None, None, skipped=False)
    return Added(now.counted(IngestCounts), arrival.number, now, skipped=False)


def _identity(parameters: Mapping[str, Any], parents: Mapping[str, str]) -> str:
    """Return what tells sources apart, beside what an arrival's manifest says of other things."""
    own = {name: value for name, value in parameters.items() if name not in _OWN}
    given = {
        key: digest
        for key, digest in parents.items()
        if key not in {RAW_TRAIN, RAW_TEST} and not key.startswith(ARRIVALS)
    }
    return json.dumps([own, given], sort_keys=True)


def _write(
    context: Context,
    feed: Feed,
    target: Target,
    before: Mapping[str, str],
    replacing: Callable[[], None],
) -> Tally:
    known = _Known(context.storage, before)

    def check(tally: Tally, aside: Path) -> None:
        tally.seen.refuse_misread(feed.labels)
        if tally.already_there and not tally.kept.total():
            raise _NothingNewError(tally)
        source = str(feed.parameters["source"])
        if tally.kept["test"] and not tally.kept["train"]:
            msg = f"All {tally.kept['test']:,} new rows of {source} would join the test rows."
            hint = "Add them together with rows to learn from; see REVIEWS_ARRIVAL_TEST_SHARE."
            raise SourceError(msg, hint=hint)
        refuse_empty(tally, source, ["train"], target.test_share, aside)

    with context.progress("Adding") as advance:
        return write_tables(
            context.storage, feed, target, advance, fresh=known.fresh, check=check,
            replacing=replacing,
        )  # fmt: skip


class _Known:
    """The ids of all rows that are there, eight bytes each, and of those that were just added."""

    def __init__(self, storage: Storage, files: Mapping[str, str]) -> None:
        found = [
            block["row_id"].to_numpy()
            for key, sha256 in files.items()
            for block in read_blocks(storage.path(key), ("row_id",), sha256)
        ]
        self._ids = np.unique(np.concatenate([*found, np.zeros(0, np.uint64)]))

    def fresh(self, kept: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that are not there yet, each once, and remember them."""
        once = kept.unique("row_id", keep="first", maintain_order=True)
        new = once.filter(~pl.Series(np.isin(once["row_id"].to_numpy(), self._ids)))
        self._ids = np.union1d(self._ids, new["row_id"].to_numpy())
        return new


def refuse_replacing(storage: Storage) -> None:
    """Raise UsageError where reviews were added to the rows that an ingest would replace."""
    if held := [key for key in storage.list(ARRIVALS) if arrival_of(key) is not None]:
        place = f"{storage.root}/{ARRIVALS}"
        count = f"{len(held)} arrival{'s' * (len(held) > 1)}"
        msg = f"{place} holds {count}, added to the rows that this would replace."
        hint = (
            f"To add reviews: append=1. To begin afresh: make clean-data, or delete {place} alone."
        )
        raise UsageError(msg, hint=hint)
