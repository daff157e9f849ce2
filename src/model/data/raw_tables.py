"""Parts of a source -> the tables of its train rows, its test rows and what was set aside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from src.model.context import Advance
from src.model.core.errors import SourceError
from src.model.data.feed import Feed, Part, Tally
from src.model.files import rows
from src.model.files.storage import Storage
from src.model.files.tables import TableWriter, table_writer


@dataclass(frozen=True)
class Target:
    """Keys of the three tables, the columns beside a review's own, and how test rows are chosen.

    `test_share` of all rows is held out by hash; None leaves them as the source has them.
    """

    train: str
    test: str
    quarantine: str
    extra: Sequence[str]
    test_share: float | None

    @property
    def keys(self) -> tuple[str, str, str]:
        """The three tables."""
        return self.train, self.test, self.quarantine


def write_tables(  # noqa: PLR0913 - a feed, where it goes, and the four things done on the way
    storage: Storage,
    feed: Feed,
    target: Target,
    advance: Advance,
    *,
    fresh: Callable[[pl.DataFrame], pl.DataFrame],
    check: Callable[[Tally, Path], None],
    replacing: Callable[[], None],
) -> Tally:
    """Write the three tables, all or none of them visible.

    `fresh` returns the rows of a block that are to be kept; what it leaves out counts as already
    there. `check` may refuse the whole by raising, given the counts and the quarantined rows.
    """
    tally, review = Tally(), rows.schema(target.extra)
    with (
        storage.writing(target.train) as train_path,
        storage.writing(target.test) as test_path,
        storage.writing(target.quarantine) as aside_path,
    ):
        with (
            table_writer(train_path, review) as train,
            table_writer(test_path, review) as test,
            table_writer(aside_path, rows.QUARANTINE_SCHEMA) as quarantine,
        ):
            for part in feed.parts(tally, advance):
                quarantine.write(part.aside)
                tally.reasons.update(part.aside["reason"].to_list())
                kept = fresh(part.kept)
                tally.already_there += part.kept.height - kept.height
                _divide(Part(part.split, _columns(kept, target.extra), part.aside), target,
                        train, test)  # fmt: skip
        tally.kept.update({"train": train.rows, "test": test.rows})
        check(tally, aside_path)
        replacing()
    return tally


def _columns(kept: pl.DataFrame, extra: Sequence[str]) -> pl.DataFrame:
    lacking = [pl.lit(None, pl.String).alias(name) for name in extra if name not in kept.columns]
    return kept.with_columns(lacking)


def _divide(part: Part, target: Target, train: TableWriter, test: TableWriter) -> None:
    if target.test_share is None:
        (train if part.split == "train" else test).write(part.kept)
        return
    held = pl.Series(rows.is_test(part.kept["row_id"].to_numpy(), target.test_share))
    train.write(part.kept.filter(~held))
    test.write(part.kept.filter(held))


def refuse_empty(tally: Tally, source: str, splits: Sequence[str], share: float | None,
                 aside: Path) -> None:  # fmt: skip
    """Raise SourceError where one of the splits has no row; `share` of the rows is held out."""
    empty = [split for split in splits if not tally.kept[split]]
    if not empty:
        return
    if share is not None and tally.kept.total():
        msg = (
            f"{tally.kept.total()} usable rows are too few "
            f"to hold out {share:.0%} of them as test rows."
        )
        hint = "Ingest more reviews, raise REVIEWS_TEST_SHARE, or give a zip with its own test.csv."
        raise SourceError(msg, hint=hint)
    sample = pl.read_parquet(aside, n_rows=1)
    first = f" The first: line {sample['line'][0]}, {sample['reason'][0]}." if sample.height else ""
    counted = [f"{count:,} {reason}" for reason, count in tally.reasons.most_common(4)]
    reasons = ", ".join(counted) or "no rows at all"
    msg = f"No usable {' and no usable '.join(empty)} row in {source}: {reasons}.{first}"
    if tally.reasons["invalid_label"]:
        msg += f" {tally.seen.said()}."
    if tally.reasons["wrong_number_of_columns"]:
        msg += " If the first line is a header, none of its names is known."
    hint = (
        "A CSV has polarity, title, text in this order or a header with the names in "
        "REVIEWS_COLUMN_*; star ratings need REVIEWS_LABELS=stars, words of your own "
        """REVIEWS_LABELS='{"bad": "negative", "good": "positive"}'."""
    )
    raise SourceError(msg, hint=hint)
