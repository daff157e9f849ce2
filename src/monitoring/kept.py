"""What monitoring keeps in the data folder: days as sketches, references, the last answer."""

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import structlog
from pydantic import ValidationError

from src.model.core.errors import DataError, ModelError, UsageError
from src.model.core.records import first_problem
from src.model.files.prediction_parts import LogPart
from src.model.files.storage import Storage
from src.monitoring.day import Day, Group
from src.monitoring.log_frames import read_part
from src.monitoring.measures import SURPRISE
from src.monitoring.reference_record import Reference
from src.monitoring.sketch import Sketch
from src.monitoring.yardstick import Yardstick, unpacked

FOLDER = "monitoring/"
_DIGITS, _MOST_DAYS = 9, 3_650
DAMAGED_SKETCH = "damaged sketch, made anew of what the log still has"
DECISION, REPORT, GAUGES = (
    f"{FOLDER}decision.json", f"{FOLDER}report.html", f"{FOLDER}metrics.prom",
)  # fmt: skip
Slot = Callable[[LogPart], str]
"""Which window a part belongs to, by a name that sorts by time: its day, unless told otherwise."""


def by_day(part: LogPart) -> str:
    return part.day


def sketch_key(slot: str) -> str:
    return f"{FOLDER}sketches/{slot.replace(':', '')}.npz"


def reference_key(version: int | str) -> str:
    return f"{FOLDER}references/{version}.json"


@dataclass
class Kept:
    """The sketches and references of a data folder."""

    storage: Storage
    references: dict[str, Reference | None] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)

    def reference(self, version: str) -> Reference | None:
        """Return a version's reference, None where there is none that can be used."""
        if version not in self.references:
            self.references[version] = self._read(version)
        return self.references[version]

    def _read(self, version: str) -> Reference | None:
        if not version.isdecimal() or len(version) > _DIGITS:
            return None
        if self.storage.size(reference_key(version)) is None:
            return None
        try:
            return read_reference(self.storage, version)
        except ModelError as error:
            self.unusable[version] = error.message
            return None

    def yardstick(self, group: Group) -> Yardstick | None:
        """Return the yardstick of a group, None where it has no reference."""
        reference = self._of(group)
        return reference.yardstick if reference else None

    def _of(self, group: Group) -> Reference | None:
        reference = self.reference(group.version)
        return reference if reference and reference.digest == group.digest else None

    def _told_by(self, group: Group) -> str:
        """Return what tells a group's yardstick from others, empty where it has none."""
        reference = self._of(group)
        return hashlib.sha256(reference.words.encode()).hexdigest()[:16] if reference else ""

    def day(self, slot: str, parts: Iterable[LogPart], now: datetime) -> Day:
        """Return a slot's sketch, with all its parts in it; what is new is read and kept.

        Parts that are gone from the log since stay in it. Where texts were held against another
        reference than today's, it is made anew from the parts that are there.
        """
        key, listed = sketch_key(slot), {part.name: part for part in parts}
        day = self.kept_day(slot) if self.storage.size(key) is not None else Day(slot)
        if self._stale(day) and set(day.parts) <= set(listed):
            day = Day(slot)
        self.drop_stale(day)
        fresh = [part for name, part in listed.items() if day.parts.get(name) != part.size]
        if not fresh:
            return day
        for part in fresh:
            day.add(read_part(part, now), self.yardstick)
            day.parts[part.name] = part.size
        day.yardsticks = {name_of(group): self._told_by(group) for group in day.groups}
        with self.storage.writing(key) as path:
            day.write(path)
        return Day.read(self.storage.path(key))  # what is kept is what is used, now and later

    def kept_day(self, slot: str) -> Day:
        """Return a slot's sketch; where that is damaged or of another format, an empty one.

        The parts that are still there have what was in it; that some may be gone is counted.
        """
        try:
            return Day.read(self.storage.path(sketch_key(slot)))
        except DataError as error:
            structlog.get_logger().warning("a sketch is made anew", reason=error.message)
            return Day(slot, aside=Counter({DAMAGED_SKETCH: 1}))

    def _stale(self, day: Day) -> list[int]:
        """Return which groups' texts were held against another yardstick than today's."""
        return [
            number
            for number, group in enumerate(day.groups)
            if day.words[number].reviews
            and day.yardsticks.get(name_of(group), "") != self._told_by(group)
        ]

    def drop_stale(self, day: Day) -> None:
        """Forget how surprising words were, where that was told by another yardstick."""
        for number in self._stale(day):
            counts = {**day.sketches[number].counts, SURPRISE.name: SURPRISE.count(np.zeros(0))}
            day.sketches[number] = Sketch(counts)


def name_of(group: Group) -> str:
    """Return a group's name in a sketch."""
    return f"{group.version} {group.digest}"


@dataclass(frozen=True)
class Asked:
    """A window: its first and last day, the first day whose labels are watched, and now.

    `slot` puts parts into something else than days.
    """

    since: str
    until: str
    earliest: str
    now: datetime
    slot: Slot = by_day


def days_in(window: str) -> int:
    """Return how many days a caller's `window` is. Raises UsageError where it is none."""
    if not window.isdecimal() or not 0 < int(window) <= _MOST_DAYS:
        raise UsageError(f"--window={window} is no number of days.", hint="Write window=7.")
    return int(window)


def days_of(kept: Kept, parts: Iterable[LogPart], asked: Asked) -> list[Day]:
    """Return all days from `earliest` to `until`: of the log, and those only kept as sketches."""
    first, last = asked.earliest, asked.until
    listed = slots(parts, asked.slot)
    prefix = sketch_key("").removesuffix(".npz")
    names = {key.removeprefix(prefix).removesuffix(".npz") for key in kept.storage.list(prefix)}
    gone = names - {name.replace(":", "") for name in listed}
    found = [kept.day(name, of, asked.now) for name, of in listed.items() if first <= name <= last]
    begin, end = first.replace(":", ""), last.replace(":", "")
    for name in sorted(gone):
        if begin <= name <= end:
            day = kept.kept_day(name)
            kept.drop_stale(day)
            found.append(day)
    return sorted(found, key=lambda day: day.name)


def read_reference(storage: Storage, version: int | str) -> Reference:
    """Return a version's reference. Raises ModelError where it is damaged or of another format."""
    key = reference_key(version)
    try:
        found = Reference.model_validate_json(storage.path(key).read_bytes())
        problem = "" if found.is_whole else "its digest is another"
        unpacked(found.words)
        unpacked(found.documents)
    except ValidationError as error:
        problem = first_problem(error)
    except (ValueError, OverflowError, zlib.error) as error:
        problem = str(error)
    if problem:
        msg = f"{storage.root}/{key} is damaged or of another format: {problem}."
        hint = f"Make it anew: make monitoring-reference model_version={version}."
        raise ModelError(msg, hint=hint)
    return found


def slots(parts: Iterable[LogPart], slot: Slot) -> dict[str, list[LogPart]]:
    """Return the parts of each slot, in the order of time."""
    found: dict[str, list[LogPart]] = {}
    for part in parts:
        found.setdefault(slot(part), []).append(part)
    return dict(sorted(found.items()))


def total_aside(days: Iterable[Day]) -> Counter[str]:
    """Return how many rows and parts were set aside on all days, by reason."""
    counted: Counter[str] = Counter()
    for day in days:
        counted += day.aside
    return counted
