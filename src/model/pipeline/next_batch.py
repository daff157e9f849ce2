"""Next batch: the registry -> runs/NAME.json, the batches that a scheduled training learns from.

They are all up to the first batch that no registered version has learned from. That is found once
for a run's name, the week unless --run gives another: whoever asks again gets the same answer, also
when its training has been registered meanwhile, so a run that was cut off goes on and does not
train a second time. Other commands take them as --batches run:NAME. Exit code 4 where every batch
has been learned from.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import GateError, UsageError
from src.model.core.names import RAW_DIGEST_TAG
from src.model.files.batches import as_ranges
from src.model.files.layout import RAW_TRAIN
from src.model.files.lineage import current_raw, current_split, numbers_of
from src.model.files.runs import PlannedRun, planned, run_key, this_week
from src.model.tracking.base import Version, resolve


class NextBatchResult(Result):
    """The run's name, its batches and the new one among them; both None where there is none.

    `skipped` says that they had been found before. So many batches `waiting` are for later runs.
    """

    step: Literal["next_batch"] = "next_batch"
    skipped: bool
    run: str
    batches: str | None
    batch: int | None
    waiting: int = 0


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.next_batch")
    parser.add_argument(
        "--run", default="", metavar="NAME", help="the run's name (default: this week, 2026-W48)"
    )
    parser.add_argument(
        "--warm-start", default="", metavar="VERSION", help="go on from what this version is now"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    storage, count = context.storage, context.settings.batches
    name = args.run or this_week()
    key = run_key(name)
    with storage.lease("next_batch", wait=30):
        raw = current_raw(storage).files[RAW_TRAIN].sha256
        current_split(storage, count)
        there = numbers_of(storage, "all", count)
        found = planned(storage, name)
        if found is not None:
            _refuse_another(found, raw, f"{storage.root}/{key}", warm=bool(args.warm_start))
            return _outcome(found, there, skipped=True)
        batch = first_not_learned(context.registry.versions(), raw, there)
        if batch is None:
            text = f"Nothing new: each of the {len(there)} batches has been learned from"
            result = NextBatchResult(skipped=False, run=name, batches=None, batch=None)
            return Outcome(result, text, GateError.exit_code)
        start = resolve(context.registry, args.warm_start).number if args.warm_start else None
        batches = as_ranges(range(batch + 1))
        made = PlannedRun(name=name, batches=batches, raw_sha256=raw, warm_start=start)
        with storage.writing(key) as path:
            path.write_text(made.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return _outcome(made, there, skipped=False)


def first_not_learned(versions: Iterable[Version], raw: str, there: Iterable[int]) -> int | None:
    """Return the first batch of `there` that no version has learned from, None where all were.

    Versions that learned from other ingested rows than those with the digest `raw` do not count;
    those that do not say from which ones do.
    """
    learned = {
        int(number)
        for version in versions
        if version.tags.get(RAW_DIGEST_TAG, raw) == raw
        for number in version.tags.get("batches", "").split()
    }
    return next((number for number in there if number not in learned), None)


def _refuse_another(found: PlannedRun, raw: str, place: str, *, warm: bool) -> None:
    hint = f"Give another name with run=, or delete {place}."
    if found.raw_sha256 != raw:
        msg = f"The run {found.name} was of other ingested rows than are there now."
        raise UsageError(msg, hint=hint)
    if (found.warm_start is not None) != warm:
        begun = f"to go on from version {found.warm_start}" if found.warm_start else "from scratch"
        raise UsageError(f"The run {found.name} was begun {begun}.", hint=hint)


def _outcome(found: PlannedRun, there: Iterable[int], *, skipped: bool) -> Outcome:
    batch = int(found.batches.rpartition("-")[2])
    later = [number for number in there if number > batch]
    result = NextBatchResult(
        skipped=skipped, run=found.name, batches=found.batches, batch=batch, waiting=len(later)
    )
    head = "Unchanged, skipped" if skipped else "Next"
    start = f", going on from version {found.warm_start}" if found.warm_start else ""
    text = f"{head}: run {found.name} learns from batches {found.batches}{start}"
    if later:
        text += f"\n  {as_ranges(later)} wait for later runs; make model-pipeline-train takes all"
    return Outcome(result, text)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
