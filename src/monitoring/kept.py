"""What monitoring keeps in the data folder: days as sketches, references, the last answer."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from src.model.core.errors import DataError, ModelError
from src.model.core.records import first_problem
from src.model.files.prediction_parts import LogPart
from src.model.files.storage import Storage
from src.monitoring.day import Day, Group
from src.monitoring.log_frames import read_part
from src.monitoring.reference_record import Reference
from src.monitoring.yardstick import Yardstick

FOLDER = "monitoring/"
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
        key = reference_key(version)
        if not version.isdecimal() or self.storage.size(key) is None:
            return None
        try:
            return read_reference(self.storage, version)
        except ModelError as error:
            self.unusable[version] = error.message
            return None

    def yardsticks(self) -> "Yardsticks":
        return Yardsticks(self)

    def day(self, slot: str, parts: Iterable[LogPart], now: datetime) -> Day:
        """Return a slot's sketch, with all its parts in it; what is new is read and kept.

        Parts that are gone from the log since stay in it. Where texts were held against another
        reference than today's, it is made anew from the parts that are there.
        """
        key, day = sketch_key(slot), None
        if self.storage.size(key) is not None:
            try:
                day = Day.read(self.storage.path(key))
            except DataError:
                day = None  # a format of its own, or damaged: the parts have all that was in it
        listed = {part.name: part for part in parts}
        if day is None or self._outdated(day, listed):
            day = Day(slot)
        fresh = [part for name, part in listed.items() if day.parts.get(name) != part.size]
        if not fresh:
            return day
        yardsticks = self.yardsticks()
        for part in fresh:
            day.add(read_part(part, now), yardsticks)
            day.parts[part.name] = part.size
        day.settle()
        day.yardsticks = {group.version: yardsticks.digest(group) for group in day.groups}
        with self.storage.writing(key) as path:
            day.write(path)
        return day

    def _outdated(self, day: Day, listed: Mapping[str, LogPart]) -> bool:
        """Say whether texts were held against another yardstick, and the parts are all there."""
        yardsticks = self.yardsticks()
        texts = any(words.reviews for words in day.words)
        same = all(day.yardsticks.get(g.version) == yardsticks.digest(g) for g in day.groups)
        return texts and not same and set(day.parts) <= set(listed)


class Yardsticks(dict[Group, Yardstick]):
    """The yardstick of each group whose reference is there."""

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self._kept = kept

    def get(self, group: Group, default: Any = None) -> Any:
        if group not in self:
            reference = self._kept.reference(group.version)
            if reference is None or reference.digest != group.digest:
                return default
            self[group] = reference.yardstick
        return self[group]

    def digest(self, group: Group) -> str:
        """Return what tells a group's yardstick from others, empty where it has none."""
        reference = self._kept.reference(group.version)
        if reference is None or reference.digest != group.digest:
            return ""
        return hashlib.sha256(reference.words.encode()).hexdigest()[:16]


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


def days_of(kept: Kept, parts: Iterable[LogPart], asked: Asked) -> list[Day]:
    """Return all days from `earliest` to `until`: of the log, and those only kept as sketches."""
    first, last = asked.earliest, asked.until
    listed = slots(parts, asked.slot)
    prefix = sketch_key("").removesuffix(".npz")
    names = {
        key.removeprefix(prefix).removesuffix(".npz"): key for key in kept.storage.list(prefix)
    }
    gone = {name for name in names if name not in {one.replace(":", "") for one in listed}}
    found = [kept.day(name, of, asked.now) for name, of in listed.items() if first <= name <= last]
    for name in sorted(gone):
        if first.replace(":", "") <= name <= last.replace(":", ""):
            with suppress(DataError):
                found.append(Day.read(kept.storage.path(names[name])))
    return sorted(found, key=lambda day: day.name)


def read_reference(storage: Storage, version: int | str) -> Reference:
    """Return a version's reference. Raises ModelError where it is damaged or of another format."""
    key = reference_key(version)
    try:
        found = Reference.model_validate_json(storage.path(key).read_bytes())
        problem = "" if found.is_whole else "its digest is another"
    except ValidationError as error:
        problem = first_problem(error)
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
