"""Reference: what a version's live predictions are compared with -> monitoring/references/N.json.

It is made of the test rows, as counts in bins, and kept with the version's run too. Without
--model-version it is made for champion and challenger, where there is none yet. --window=DAYS takes
the last days of the prediction log instead of the test rows: when a drift has been looked at and
accepted.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.artifact import DESCRIPTION
from src.model.core.digest import sha256
from src.model.core.errors import ModelError, UsageError
from src.model.core.models import load_model
from src.model.core.names import CHALLENGER, CHAMPION
from src.model.files.prediction_parts import log_parts
from src.model.files.rows import POSITIVE, is_validation
from src.model.files.tables import read_blocks
from src.model.tracking.base import Version, resolve
from src.model.training.inputs import Processed, evaluation_file
from src.monitoring.kept import Kept, by_day, days_in, read_reference, reference_key, slots
from src.monitoring.reference_record import (
    TEST_ROWS,
    YARDSTICK_SHARE,
    Reference,
    ReferenceMaker,
    yardstick_of,
)
from src.monitoring.sketch import Sketch

_COLUMNS = ("row_id", "polarity", "title", "text")


class ReferenceResult(Result):
    """The versions, and of how many reviews each one's reference is; `made` are those made now."""

    step: Literal["reference"] = "reference"
    rows: dict[int, int]
    made: list[int]


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "reference", "src.monitoring")
    parser.add_argument(
        "--model-version", default="", help="a number or an alias (default: champion, challenger)"
    )
    parser.add_argument(
        "--window", default="", metavar="DAYS", help="adopt the last DAYS of the prediction log"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    with context.storage.lease("monitoring", wait=30):
        if args.window:
            return _adopt(args, context)
        versions = _versions(args.model_version, context)
        test = evaluation_file(context)
        rows, made = {}, []
        for version in versions:
            reference = _existing(context, version, test)
            if reference is None or args.model_version:
                reference = _made(context, version, test)
                _keep(context, version, reference)
                made.append(version.number)
            rows[version.number] = reference.sketch.rows
    lines = [
        f"Reference of version {number}: {count:,} test rows" + ("" if made else ", there already")
        for number, count in rows.items()
        if number in made or not made
    ]
    return Outcome(ReferenceResult(rows=rows, made=made), "\n".join(lines))


def _versions(wanted: str, context: Context) -> list[Version]:
    if wanted:
        return [resolve(context.registry, wanted)]
    both = (context.registry.by_alias(alias) for alias in (CHAMPION, CHALLENGER))
    found = {version.number: version for version in both if version}
    return list(found.values()) or [resolve(context.registry, CHALLENGER)]


def _existing(context: Context, version: Version, test: Processed) -> Reference | None:
    """Return a version's reference, None where it has none of these test rows that can be used."""
    if context.storage.size(reference_key(version.number)) is None:
        return None
    try:
        found = read_reference(context.storage, version.number)
    except ModelError:
        return None
    folder = context.registry.fetch(version)
    same_model = found.digest == sha256(folder / DESCRIPTION)
    current = found.is_adopted or found.test_sha256 == test.sha256  # a window was chosen
    return found if same_model and current else None


def _made(context: Context, version: Version, test: Processed) -> Reference:
    """Make a reference of the test rows, a block at a time."""
    folder = context.registry.fetch(version)
    model = load_model(folder)
    words = ((titles[own], texts[own]) for titles, texts, _, own in _blocks(context, test))
    yardstick = yardstick_of((title.tolist(), text.tolist()) for title, text in words)
    maker = ReferenceMaker(model, yardstick)
    with context.progress(f"Reading the test rows with version {version.number}") as advance:
        for titles, texts, positive, own in _blocks(context, test):
            maker.add(titles.tolist(), texts.tolist(), positive, ~own)
            advance(titles.size, test.rows)
    return maker.made(
        model_version=version.number,
        digest=sha256(folder / DESCRIPTION),
        test_sha256=test.sha256,
        of=TEST_ROWS,
    )


def _blocks(
    context: Context, test: Processed
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.bool_], Any]]:
    """Yield titles, texts, which are positive, and which belong to the yardstick."""
    path = context.storage.path(test.key)
    for frame in read_blocks(path, _COLUMNS, test.sha256):
        for part in frame.iter_slices(10_000):
            yield (
                np.array(part["title"].to_list(), object),
                np.array(part["text"].to_list(), object),
                (part["polarity"] == POSITIVE).to_numpy(),
                is_validation(part["row_id"].to_numpy(), YARDSTICK_SHARE),
            )


def _keep(context: Context, version: Version, reference: Reference) -> None:
    """Write a reference where checks look for it, and with the version's run."""
    text = reference.sealed().model_dump_json()
    with context.tracker.resume(version.run_id) as record, tempfile.TemporaryDirectory() as name:
        file = Path(name) / "reference.json"
        file.write_text(text, encoding="utf-8")
        record.file(file, "monitoring")
    with context.storage.writing(reference_key(version.number)) as path:
        path.write_text(text, encoding="utf-8")  # last: a run that is cut short is done again


def _adopt(args: argparse.Namespace, context: Context) -> Outcome:
    """Take a window of the log for the reviews to compare with; what labels told stays."""
    length = days_in(args.window)
    version = resolve(context.registry, args.model_version or CHAMPION)
    if context.storage.size(reference_key(version.number)) is None:
        msg = f"Version {version.number} has no reference that a window could take the place of."
        raise UsageError(msg, hint="Run make monitoring-reference first.")
    before = read_reference(context.storage, version.number)
    now = datetime.now(UTC)
    since = (now.date() - timedelta(days=length - 1)).isoformat()
    kept = Kept(context.storage)
    days = [
        kept.day(slot, parts, now)
        for slot, parts in slots(log_parts(context.settings, since), by_day).items()
        if slot <= now.date().isoformat()
    ]
    own = [
        sketch
        for day in days
        for group, sketch in zip(day.groups, day.sketches, strict=True)
        if group == (str(version.number), before.digest)
    ]
    sketch = Sketch.sum(own)
    least = context.settings.monitoring.min_rows
    if sketch.rows < least:
        msg = f"The window holds {sketch.rows:,} predictions of version {version.number}."
        hint = f"At least {least:,} make a reference; take a longer window."
        raise UsageError(msg, hint=hint)
    reference = before.adopting(sketch, f"the prediction log from {since} to {now.date()}")
    _keep(context, version, reference)
    text = f"Reference of version {version.number}: {sketch.rows:,} predictions since {since}"
    result = ReferenceResult(rows={version.number: sketch.rows}, made=[version.number])
    return Outcome(result, text)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
