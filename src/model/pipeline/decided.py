"""What was decided of a version: carried out, and recorded so that a killed run is finished."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Literal

from src.model.command import Result
from src.model.context import Context
from src.model.core.errors import GateError
from src.model.core.names import AGAINST_TAG, ANSWERED_TAG, ASKED_RUN_TAG, GATE_TAG, PROMOTION_FILE
from src.model.core.records import Record
from src.model.evaluation.compare import Comparison, SliceChange
from src.model.evaluation.gate import Decision
from src.model.files.storage import read_record
from src.model.tracking.aliases import move_champion
from src.model.tracking.base import Version, run_name

_WAIT_SECONDS = 120.0


class RuleRecord(Record):
    """One rule of the gate: a figure, its bound, on which side it must be, and whether it is.

    `setting` is the name of the setting that has the bound.
    """

    name: str
    figure: float
    bound: float
    at_least: bool
    setting: str = ""
    passed: bool


class PromoteResult(Result):
    """The decision, and where the gate was asked, everything that led to it.

    So many of the test rows arrived after the data were first ingested. Where a person was asked,
    `run` is the scheduler's run that asked, and `answered_by` who approved or rejected.
    """

    step: Literal["promote"] = "promote"
    decision: Decision | Literal["rejected", "unchanged", "rolled back"]
    model_version: int
    former_champion: int | None = None
    test_sha256: str | None = None
    test_rows: int | None = None
    test_rows_arrived: int | None = None
    champion_evaluated_on_other_rows: bool = False
    rules: list[RuleRecord] = []
    comparison: Comparison | None = None
    slices: list[SliceChange] = []
    run: str | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None


@contextmanager
def deciding(context: Context) -> Iterator[None]:
    """Let nobody else decide about versions during the block.

    Two promotions on the same data wait for each other on whatever machine, and two on the same
    database even from different data folders.
    """
    wait = _WAIT_SECONDS
    with context.storage.lease("promote", wait), context.registry.exclusive("promote", wait):
        yield


def decide(
    context: Context,
    challenger: Version,
    champion: Version | None,
    result: PromoteResult,
    before: PromoteResult | None = None,
) -> None:
    """Record the decision and carry it out; `before` is what was decided of the version until now.

    The report comes first and the tags last, so a run that is killed in between is finished by the
    next one from the report.

    Raises:
        GateError: another promotion came first, or at the same time; the report is as before then.
    """
    _write(context, challenger, result)
    if result.decision == "promoted":
        try:
            move_champion(context.registry, challenger, champion)
        except GateError:
            if before is None:
                context.storage.remove(_key(challenger))
            else:
                _write(context, challenger, before)
            raise
    finish(context, challenger)


def finish(context: Context, version: Version) -> None:
    """Put the decision of the report with the version's run and into its tags."""
    result = report_of(context, version)
    if result is None:  # the report was deleted: the alias says enough
        context.registry.tag(version.number, {GATE_TAG: "promoted"})
        return
    with context.tracker.resume(version.run_id) as record:
        record.text(result.model_dump_json(indent=1), PROMOTION_FILE)
        record.tags({GATE_TAG: result.decision})
        record.rename(run_name(replace(version, tags={**version.tags, GATE_TAG: result.decision})))
    missed = ", ".join(rule.name for rule in result.rules if not rule.passed) or "none"
    former = str(result.former_champion or "none")
    more = {"gate.rules_missed": missed, AGAINST_TAG: former}
    more |= {ASKED_RUN_TAG: result.run} if result.run else {}
    more |= {ANSWERED_TAG: result.answered_by} if result.answered_by else {}
    context.registry.tag(version.number, {**more, GATE_TAG: result.decision})


def report_of(context: Context, version: Version) -> PromoteResult | None:
    """Return what was decided of a version, None where nothing was. Raises DataError if damaged."""
    hint = "Delete it, and run make model-promote again."
    return read_record(context.storage, _key(version), PromoteResult, hint)


def _key(version: Version) -> str:
    return f"reports/promotion_{version.number}.json"


def _write(context: Context, version: Version, result: PromoteResult) -> None:
    with context.storage.writing(_key(version)) as path:
        path.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
