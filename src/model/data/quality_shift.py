"""Whether two parts of the data are alike: the same shares, one held against the other; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from src.model.core.records import Record
from src.model.data.quality import ROW_FINDINGS, SplitStatistics

MEANINGS = {
    "positive": "positive rows",
    "empty_title": "rows with an empty title",
    "empty_text": "rows with an empty text",
    "encoding_damage": "rows with replacement characters or mojibake",
    "other_language": "rows that look like another language",
}


@dataclass(frozen=True)
class Shift:
    """A finding's share in a part of the data, and in the train rows that it is compared with.

    Over `noticed_from` the difference is worth a look, over `limit` it stops the validation.
    """

    name: str
    part: str
    share: float
    train_share: float
    noticed_from: float
    limit: float

    @property
    def difference(self) -> float:
        """How far the shares are apart, from 0 to 1."""
        return abs(self.share - self.train_share)

    @property
    def passed(self) -> bool:
        return self.difference <= self.limit

    @property
    def noticed(self) -> bool:
        return self.difference > self.noticed_from

    @property
    def meaning(self) -> str:
        return MEANINGS[self.name]

    @property
    def record(self) -> "ShiftRecord":
        """The same for machines."""
        return ShiftRecord(
            name=self.name,
            part=self.part,
            share=round(self.share, 6),
            train_share=round(self.train_share, 6),
            noticed=self.noticed,
            limit=self.limit,
            passed=self.passed,
        )


class ShiftRecord(Record):
    """A finding's share in a part of the data and in the train rows, and what that means."""

    name: str
    part: str
    share: float
    train_share: float
    noticed: bool
    limit: float
    passed: bool

    def __str__(self) -> str:
        """Return the difference as a line for people."""
        shares = f"{self.share:.2%} of {self.part}, {self.train_share:.2%} of train"
        return f"{MEANINGS[self.name]}: {shares}"

    @property
    def setting(self) -> str:
        """The setting that holds the limit."""
        return "REVIEWS_MAX_SHIFT"


def shifts(
    parts: Mapping[str, SplitStatistics], train: SplitStatistics, limits: Mapping[str, float]
) -> list[Shift]:
    """Hold every part's shares against those of the train rows, the widest difference first.

    `limits` has `shift`, which stops, and `shift_noticed`, which is said.
    """

    def share(name: str, found: SplitStatistics) -> float:
        return found.positive / max(found.rows, 1) if name == "positive" else found.share(name)

    found_shifts = [
        Shift(name, part, share(name, found), share(name, train), limits["shift_noticed"],
              limits["shift"])
        for part, found in parts.items() if found.rows
        for name in ("positive", *ROW_FINDINGS)
    ]  # fmt: skip
    return sorted(found_shifts, key=lambda shift: -shift.difference)
