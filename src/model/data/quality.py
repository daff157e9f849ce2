"""What can be wrong with reviews as data, counted in one pass over each split; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from src.model.core.language import FrequentWords
from src.model.files.rows import POSITIVE

SAMPLES = 100
"""Rows kept as examples of each finding."""

LENGTH_EDGES = (0, 1, 10, 20, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800)
"""Lower edges of the length buckets, in bytes of title and text together; the last one is open."""

_DAMAGE = "\ufffd|Ã[\u0080-\u00bf]|â€|Â[\u00a0-\u00bf]"

# Findings that one row shows by itself; `duplicates`, `conflicts` and `overlap` need all rows.
ROW_FINDINGS = ("empty_title", "empty_text", "encoding_damage", "other_language")


@dataclass
class SplitStatistics:
    """Counts over one split, and the row numbers (from 0) of some examples of each finding."""

    rows: int = 0
    positive: int = 0
    found: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ROW_FINDINGS, 0))
    examples: dict[str, list[int]] = field(default_factory=dict)
    lengths: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(LENGTH_EDGES), np.int64)
    )
    ids: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    is_positive: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def note(self, finding: str, count: int, where: Iterable[int]) -> None:
        """Add `count` rows to a finding, with examples of them."""
        self.found[finding] = self.found.get(finding, 0) + count
        examples = self.examples.setdefault(finding, [])
        free = range(SAMPLES - len(examples))
        examples.extend(int(row) for row, _ in zip(where, free, strict=False))

    def share(self, finding: str) -> float:
        """Return a finding's share of the rows."""
        return self.found.get(finding, 0) / max(self.rows, 1)


def split_statistics(blocks: Iterable[pl.DataFrame], language: FrequentWords) -> SplitStatistics:
    """Count over frames with the columns row_id, polarity, title and text in a language."""
    total = SplitStatistics()
    ids, labels = [total.ids], [total.is_positive]
    for block in blocks:
        for name, flags in _row_findings(block, language).items():
            where = np.flatnonzero(flags)
            total.note(name, where.size, where + total.rows)
        positive = (block["polarity"] == POSITIVE).to_numpy()
        size = pl.col("title").str.len_bytes() + pl.col("text").str.len_bytes()
        sizes = block.select(size.cast(pl.Int64)).to_series().to_numpy()
        buckets = np.searchsorted(LENGTH_EDGES, sizes, side="right") - 1
        total.lengths += np.bincount(buckets, minlength=len(LENGTH_EDGES)).astype(np.int64)
        total.rows += block.height
        total.positive += int(positive.sum())
        ids.append(block["row_id"].to_numpy())
        labels.append(positive)
    total.ids, total.is_positive = np.concatenate(ids), np.concatenate(labels)
    _note_repeats(total)
    return total


def _row_findings(block: pl.DataFrame, language: FrequentWords) -> dict[str, npt.NDArray[np.bool_]]:
    """Return which of a block's n rows show each of `ROW_FINDINGS`, arrays of shape (n,)."""
    title, text = block["title"], block["text"]
    return {
        "empty_title": (title.str.strip_chars() == "").to_numpy(),
        "empty_text": (text.str.strip_chars() == "").to_numpy(),
        "encoding_damage": (title + " " + text).str.contains(_DAMAGE).to_numpy(),
        "other_language": language.lacking(title.to_list(), text.to_list()),
    }


def _note_repeats(total: SplitStatistics) -> None:
    """Find rows that repeat an earlier one, and those whose text also has the other label."""
    _, first, inverse = np.unique(total.ids, return_index=True, return_inverse=True)
    repeats = np.ones(total.rows, np.bool_)
    repeats[first] = False
    total.note("duplicates", int(repeats.sum()), np.flatnonzero(repeats))
    count = np.bincount(inverse, minlength=first.size)
    positive = np.bincount(inverse, weights=total.is_positive, minlength=first.size)
    both = ((positive > 0) & (positive < count))[inverse]
    total.note("conflicts", int(both.sum()), np.flatnonzero(both))


def note_overlap(train: SplitStatistics, test: SplitStatistics) -> None:
    """Find test rows that also stand in train."""
    shared = np.isin(test.ids, train.ids)
    test.note("overlap", int(shared.sum()), np.flatnonzero(shared))


@dataclass(frozen=True)
class Check:
    """One finding held against its limit.

    `at_most` is False where the share must not fall below the limit.
    """

    name: str
    split: str
    rows: int
    share: float
    limit: float
    at_most: bool = True

    @property
    def passed(self) -> bool:
        return self.share <= self.limit if self.at_most else self.share >= self.limit


def check_part(name: str, found: SplitStatistics, limits: Mapping[str, float]) -> list[Check]:
    """Hold what rows show by themselves, and the rarer label, against `limits` by finding."""
    rarer = min(found.positive, found.rows - found.positive)
    share = rarer / max(found.rows, 1)
    balance = Check("class", name, rarer, share, limits["class"], at_most=False)
    return [
        balance,
        *(Check(n, name, found.found[n], found.share(n), limits[n]) for n in ROW_FINDINGS),
    ]


def check_set_aside(name: str, rows: int, rows_in: int, limits: Mapping[str, float]) -> Check:
    """Hold the rows that were set aside, of so many that came in, against their limit."""
    return Check("quarantined", name, rows, rows / max(rows_in, 1), limits["quarantined"])


def check(
    train: SplitStatistics,
    test: SplitStatistics,
    limits: Mapping[str, float],
    quarantined: int,
    rows_in: int,
) -> list[Check]:
    """Hold the statistics of both splits against `limits`, which are shares of rows, by finding."""
    checks = [check_set_aside("both", quarantined, rows_in, limits)]
    for split, found in (("train", train), ("test", test)):
        checks += check_part(split, found, limits)
    for name, split, found in (
        ("duplicates", "train", train),
        ("conflicts", "train", train),
        ("overlap", "test", test),
    ):
        checks.append(Check(name, split, found.found[name], found.share(name), limits[name]))
    return checks
