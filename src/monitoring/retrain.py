"""Retrain: does the last check ask for a training? Exit code 0 where it does.

It reads monitoring/decision.json. A scheduler starts a training after exit code 0, and asked again
on the same day this says so again. Exit code 4 where the check has decided otherwise, where the
version it speaks of is the champion no more, and where a version was trained since a training was
asked for. Where none was, because the training failed or its scheduler was off, a later day asks
again.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import GateError, UsageError
from src.model.core.names import CHAMPION
from src.model.core.records import Record
from src.model.files.storage import read_record
from src.monitoring.decide import Decision
from src.monitoring.kept import DECISION

ASKED = "monitoring/asked.json"
"""For which version a training was asked for last, on which day, and what was the newest then."""


_AGAIN = "Delete it, and run make monitoring-check again."


class RetrainResult(Result):
    """Whether a training is asked for, for which version, and since which day."""

    step: Literal["retrain"] = "retrain"
    wanted: bool
    model_version: str | None
    asked_on: str | None


class _Decided(Record):
    """What is needed of a check's answer."""

    decision: Decision
    model_version: str | None


class _Asked(Record):
    model_version: str
    day: str
    newest: int = 0


def build_parser() -> argparse.ArgumentParser:
    return command.parser_for(__doc__, "retrain", "src.monitoring")


def run(args: argparse.Namespace, context: Context) -> Outcome:
    del args
    storage, today = context.storage, datetime.now(UTC).date().isoformat()
    with storage.lease("monitoring", wait=30):
        found = read_record(storage, DECISION, _Decided, _AGAIN)
        if found is None:
            msg = "Nothing has been checked yet."
            raise UsageError(msg, hint="Run make monitoring-check first.")
        version = found.model_version
        if found.decision != "retrain" or version is None:
            return _no(f"the last check decides: {found.decision}", version)
        champion = context.registry.by_alias(CHAMPION)
        if champion is None or str(champion.number) != version:
            return _no(f"version {version} is the champion no more", version)
        asked = read_record(storage, ASKED, _Asked, _AGAIN)
        newest = max(one.number for one in context.registry.versions())
        if asked and asked.model_version == version and asked.day != today:
            if newest > asked.newest:
                why = f"it was asked for on {asked.day}, and version {newest} was trained since"
                return _no(why, version, asked.day)
            context.log.warning("asked for in vain", day=asked.day, version=version)
        if asked is None or (asked.model_version, asked.day) != (version, today):
            told = _Asked(model_version=version, day=today, newest=newest)
            with storage.writing(ASKED) as path:
                path.write_text(told.model_dump_json() + "\n", encoding="utf-8")
    result = RetrainResult(wanted=True, model_version=version, asked_on=today)
    return Outcome(result, f"A training is asked for: version {version} does harm")


def _no(why: str, version: str | None, day: str | None = None) -> Outcome:
    result = RetrainResult(wanted=False, model_version=version, asked_on=day)
    return Outcome(result, f"No training is asked for: {why}", GateError.exit_code)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
