"""Promote: make the challenger the champion if it is better, or say why not.

It has to pass every rule and to be better beyond chance; both models judge the same test rows anew.
Exit code 0 where the champion changed or the challenger is the champion already, 4 where the
challenger was kept back or the two are a tie. --rollback makes the previous champion the champion
again.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import GateError, ModelError, UsageError
from src.model.core.models import load_model
from src.model.core.names import (
    CHALLENGER,
    CHAMPION,
    GATE_TAG,
    PROMOTION_FILE,
    ROLLED_BACK,
    TEST_DIGEST_TAG,
)
from src.model.core.records import Record
from src.model.core.served_model import ServedModel
from src.model.evaluation.behaviour import cases
from src.model.evaluation.compare import Comparison, SliceChange
from src.model.evaluation.gate import (
    ROLLED_BACK_BEFORE,
    Decision,
    Judged,
    Rule,
    Verdict,
    judge,
)
from src.model.evaluation.texts import verdict_text
from src.model.tracking.aliases import move_champion, swap_back
from src.model.tracking.base import Version, resolve, run_name
from src.model.training.inputs import Processed, evaluation_file

_WAIT_SECONDS = 120.0
_YES = {"yes", "1", "true"}


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

    So many of the test rows arrived after the data were first ingested.
    """

    step: Literal["promote"] = "promote"
    decision: Decision | Literal["unchanged", "rolled back"]
    model_version: int
    former_champion: int | None = None
    test_sha256: str | None = None
    test_rows: int | None = None
    test_rows_arrived: int | None = None
    champion_evaluated_on_other_rows: bool = False
    rules: list[RuleRecord] = []
    comparison: Comparison | None = None
    slices: list[SliceChange] = []


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.promote")
    parser.add_argument(
        "--rollback", action="store_true", help="make the previous champion the champion again"
    )
    parser.add_argument(
        "--ignore-champion",
        nargs="?",
        const="yes",
        choices=("yes", "1", "true", "no", "0", "false", ""),
        help="judge by the absolute rules alone, as if there were no champion",
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    # Two promotions on the same data wait for each other on whatever machine, and two on the same
    # database even from different data folders.
    wait = _WAIT_SECONDS
    with context.storage.lease("promote", wait), context.registry.exclusive("promote", wait):
        if args.rollback:
            return _roll_back(context)
        return _promote(context, ignoring=args.ignore_champion in _YES)


def _promote(context: Context, *, ignoring: bool) -> Outcome:
    challenger = resolve(context.registry, CHALLENGER)
    champion = context.registry.by_alias(CHAMPION)
    if champion is not None and champion.number == challenger.number:
        if champion.tags.get(GATE_TAG) != "promoted":
            _finish(context, champion)  # a promotion was killed after it had moved the alias
        result = PromoteResult(decision="unchanged", model_version=champion.number)
        return Outcome(result, f"Unchanged: version {champion.number} is the champion already")
    test = evaluation_file(context, then="model-evaluate model-promote")
    _require_evaluated(challenger, test)
    verdict = _verdict(context, challenger, None if ignoring else champion, test)
    former = champion.number if champion else None
    rescored = champion is not None and champion.tags.get(TEST_DIGEST_TAG) != test.sha256
    result = PromoteResult(
        decision=verdict.decision,
        model_version=challenger.number,
        former_champion=former,
        test_sha256=test.sha256,
        test_rows=test.rows,
        test_rows_arrived=test.arrived,
        champion_evaluated_on_other_rows=rescored,
        rules=[RuleRecord(**asdict(rule), passed=rule.passed) for rule in verdict.rules],
        comparison=verdict.comparison,
        slices=list(verdict.slices),
    )
    if challenger.tags.get(GATE_TAG) != ROLLED_BACK:  # the record of its promotion stays
        _decide(context, challenger, champion, result)
    notes = [test.arrived_text] if test.arrived else []
    if rescored:
        notes.append(
            f"version {former} was evaluated on other test rows; both were scored on these"
        )
    if any(rule.name.startswith("behaviour_") for rule in verdict.missed):
        name = context.language.name
        notes.append(
            f"the behavioural cases are those of {name}; if the reviews are in another language, "
            "set REVIEWS_LANGUAGE"
        )
    brief, details = (
        verdict_text(verdict, challenger.number, former, notes, verbose=verbose)
        for verbose in (False, True)
    )
    code = 0 if verdict.decision == "promoted" else GateError.exit_code
    return Outcome(result, brief, code, details)


def _require_evaluated(version: Version, test: Processed) -> None:
    if TEST_DIGEST_TAG not in version.tags:  # set last, when all figures are there
        msg = f"Version {version.number} has not been evaluated."
        raise UsageError(msg, hint="Run make model-evaluate first.")
    if version.tags[TEST_DIGEST_TAG] != test.sha256:
        msg = f"Version {version.number} was evaluated on other test rows than the present ones."
        raise UsageError(msg, hint="Run make model-evaluate again.")


def _verdict(
    context: Context, challenger: Version, champion: Version | None, test: Processed
) -> Verdict:
    """Let both models judge the test rows, and the gate both models.

    It raises ModelError where one cannot be loaded.
    """
    # scikit-learn waits until there is something to judge.
    from src.model.training.examine import answer, examined

    models = [_loaded(context, challenger)]
    if champion:
        models.append(_loaded_champion(context, champion))
    answers = answer([model for model, _ in models], context, test)
    suite = cases(context.language)
    seen = [
        examined(model, folder, answers, place, suite)
        for place, (model, folder) in enumerate(models)
    ]
    vetoes = []
    if challenger.tags.get(GATE_TAG) == ROLLED_BACK:
        vetoes.append(Rule(ROLLED_BACK_BEFORE, 0.0, 1.0, at_least=True))
    other = seen[1] if champion else None
    on = Judged(answers.positive, answers.masks)
    return judge(seen[0], other, on, context.settings.promotion, vetoes)


def _loaded(context: Context, version: Version) -> tuple[ServedModel, Path]:
    folder = context.registry.fetch(version)
    return load_model(folder), folder


def _loaded_champion(context: Context, champion: Version) -> tuple[ServedModel, Path]:
    try:
        return _loaded(context, champion)
    except ModelError as error:
        msg = f"The champion, version {champion.number}, cannot be compared with: {error.message}"
        hint = (
            "Go back with make model-rollback, "
            "or judge without it: make model-promote ignore_champion=1."
        )
        raise ModelError(msg, hint=hint) from error


def _decide(
    context: Context, challenger: Version, champion: Version | None, result: PromoteResult
) -> None:
    """Record the decision and carry it out.

    The report comes first and the tags last, so a run that is killed in between is finished by the
    next one from the report.

    Raises:
        GateError: another promotion came first, or at the same time; then there is no report.
    """
    report = _report(challenger)
    with context.storage.writing(report) as path:
        path.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if result.decision == "promoted":
        try:
            move_champion(context.registry, challenger, champion)
        except GateError:
            context.storage.remove(report)
            raise
    _finish(context, challenger)


def _finish(context: Context, version: Version) -> None:
    """Put the decision of the report with the version's run and into its tags."""
    report = _report(version)
    if context.storage.size(report) is None:  # the report was deleted: the alias says enough
        context.registry.tag(version.number, {GATE_TAG: "promoted"})
        return
    result = PromoteResult.model_validate_json(context.storage.path(report).read_bytes())
    with context.tracker.resume(version.run_id) as record:
        record.text(result.model_dump_json(indent=1), PROMOTION_FILE)
        record.tags({GATE_TAG: result.decision})
        record.rename(run_name(replace(version, tags={**version.tags, GATE_TAG: result.decision})))
    missed = ", ".join(rule.name for rule in result.rules if not rule.passed) or "none"
    former = str(result.former_champion or "none")
    more = {"gate.rules_missed": missed, "gate.against": former}
    context.registry.tag(version.number, {**more, GATE_TAG: result.decision})


def _report(version: Version) -> str:
    return f"reports/promotion_{version.number}.json"


def _roll_back(context: Context) -> Outcome:
    """Swap champion and previous.

    It raises ModelError where the previous one cannot be loaded: it would serve nothing.
    """
    back, going = swap_back(context.registry, lambda version: _loaded(context, version))
    result = PromoteResult(
        decision="rolled back", model_version=back.number, former_champion=going.number
    )
    text = (
        f"Rolled back: version {back.number} is the champion again, "
        f"version {going.number} the previous one"
    )
    return Outcome(result, text)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
