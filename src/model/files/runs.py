"""Which batches a run of a scheduler learns from, and from which version it goes on.

Both are written down once, under the run's name.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import Field

from src.model.core.errors import UsageError
from src.model.core.records import Record
from src.model.files.storage import Storage, read_record

PREFIX = "run:"
"""Before a run's name, where batches are named: its own."""

NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}"
"""What a run may be called, as a pattern of the whole name; and in words:"""

NAME_FORM = "letters, digits, dots, dashes, underscores, plus signs, up to 80"


class PlannedRun(Record):
    """A run's batches, as they are named elsewhere, and the SHA-256 of the ingested train rows.

    `warm_start` is the number of the version that it goes on from, if from any.
    """

    name: str
    batches: Annotated[str, Field(pattern=r"^[0-9]{1,4}(-[0-9]{1,4})?$")]
    raw_sha256: str
    warm_start: int | None = None


def run_key(name: str) -> str:
    """Return where a run is written down. Raises UsageError for what cannot name one.

    >>> run_key("2026-W48")
    'runs/2026-W48.json'
    """
    if not re.fullmatch(NAME, name):
        msg = f"{name!r} cannot name a run: {NAME_FORM}."
        raise UsageError(msg, hint="For example run=2026-W48.")
    return f"runs/{name}.json"


def this_week() -> str:
    """Return the name of the week that it is now, by UTC."""
    return week_of(datetime.now(UTC).date())


def week_of(day: date) -> str:
    """Return a day's week as ISO 8601 writes it.

    >>> week_of(date(2027, 1, 2))
    '2026-W53'
    """
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def planned(storage: Storage, name: str) -> PlannedRun | None:
    """Return what was written down of a run, None where nothing was.

    Raises:
        UsageError: the name is none.
        DataError: what is there is damaged.
    """
    hint = "Delete it, and run make model-next-batch again."
    return read_record(storage, run_key(name), PlannedRun, hint)


def version_of_run(storage: Storage, batches: str, reference: str) -> str:
    """Return the version that a training of `batches` goes on from.

    For a run that is the one which `reference` meant when its batches were found: by now it may
    have promoted another champion itself.

    Raises:
        UsageError: the run was begun without one.
    """
    if not reference or not batches.startswith(PREFIX):
        return reference
    found = planned(storage, batches.removeprefix(PREFIX))
    if found is None or found.warm_start is None:
        msg = f"The run {batches.removeprefix(PREFIX)} was begun without a warm start."
        raise UsageError(msg, hint="Leave warm_start out, or give the run another name.")
    return str(found.warm_start)


def batches_of_run(storage: Storage, name: str) -> str:
    """Return a run's batches. Raises UsageError where it has none."""
    found = planned(storage, name)
    if found is None:
        msg = f"The run {name} has no batches yet."
        raise UsageError(msg, hint=f"Run make model-next-batch run={name} first.")
    return found.batches
