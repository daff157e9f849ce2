"""Promote: make the challenger the champion if it is better, or say why not.

It has to pass every rule and to be better beyond chance; both models judge the same test rows anew.
Exit code 0 where the champion changed or the challenger is the champion already, 4 where the
challenger was kept back or the two are a tie. --rollback makes the previous champion the champion
again.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from src.model import command
from src.model.command import Context, Outcome, Result
from src.model.core.errors import GateError, ModelError, UsageError
from src.model.core.models import load_model
from src.model.core.names import (
    CHALLENGER,
    CHAMPION,
    GATE_TAG,
    PREVIOUS,
    PROMOTION_FILE,
    TEST_DIGEST_TAG,
)
from src.model.core.records import Record
from src.model.core.served_model import ServedModel
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
from src.model.tracking import Registry
from src.model.tracking.base import Version, resolve
from src.model.training.inputs import Processed, evaluation_file

ROLLED_BACK = "rolled back"
_WAIT_SECONDS = 120.0


class RuleRecord(Record):
    """One rule of the gate: a figure, its bound, on which side it must be, and whether it is."""

    name: str
    figure: float
    bound: float
    at_least: bool
    passed: bool


class PromoteResult(Result):
    """The decision, and where the gate was asked, everything that led to it."""

    step: Literal["promote"] = "promote"
    decision: Decision | Literal["unchanged", "rolled back"]
    model_version: int
    former_champion: int | None = None
    test_sha256: str | None = None
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
        choices=("yes", "1", "true"),
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
        return _promote(context, ignoring=bool(args.ignore_champion))


def _promote(context: Context, *, ignoring: bool) -> Outcome:
    challenger = resolve(context.registry, CHALLENGER)
    champion = context.registry.by_alias(CHAMPION)
    if champion is not None and champion.number == challenger.number:
        # Without the tag, a promotion was killed right after it had moved the alias.
        if GATE_TAG not in champion.tags:
            context.registry.tag(champion.number, {GATE_TAG: "promoted"})
        result = PromoteResult(decision="unchanged", model_version=champion.number)
        return Outcome(result, f"Unchanged: version {champion.number} is the champion already")
    test = evaluation_file(context)
    _require_evaluated(challenger, test)
    verdict = _verdict(context, challenger, None if ignoring else champion, test)
    if verdict.decision == "promoted":
        _move(context.registry, challenger, champion)
    former = champion.number if champion else None
    rescored = champion is not None and champion.tags.get(TEST_DIGEST_TAG) != test.sha256
    result = PromoteResult(
        decision=verdict.decision,
        model_version=challenger.number,
        former_champion=former,
        test_sha256=test.sha256,
        champion_evaluated_on_other_rows=rescored,
        rules=[RuleRecord(**asdict(rule), passed=rule.passed) for rule in verdict.rules],
        comparison=verdict.comparison,
        slices=list(verdict.slices),
    )
    if challenger.tags.get(GATE_TAG) != ROLLED_BACK:  # the record of its promotion stays
        _record(context, challenger, result, verdict)
    text = verdict_text(verdict, challenger.number, former, rescored=rescored)
    return Outcome(result, text, 0 if verdict.decision == "promoted" else GateError.exit_code)


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
    seen = [examined(model, folder, answers, place) for place, (model, folder) in enumerate(models)]
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


def _move(registry: Registry, challenger: Version, champion: Version | None) -> None:
    """Point the aliases to the new champion, unless another promotion came first.

    In this order a run that is killed in between is mended by running it again. Processes of one
    machine wait for each other; a registry has no compare-and-set, so against other machines the
    alias is looked at before and after.

    Raises:
        GateError: the champion is another one than the challenger was judged against, or became
            another one.
    """
    _require_champion(registry, champion, "became the champion meanwhile")
    if champion is not None:
        registry.set_alias(PREVIOUS, champion.number)
    registry.set_alias(CHAMPION, challenger.number)
    _require_champion(registry, challenger, "was promoted at the same time and is the champion now")


def _require_champion(registry: Registry, expected: Version | None, what_happened: str) -> None:
    now = registry.by_alias(CHAMPION)
    if (now.number if now else None) != (expected.number if expected else None):
        who = f"Version {now.number}" if now else "No version"
        hint = "Run make model-promote again to be judged against it."
        raise GateError(f"{who} {what_happened}.", hint=hint)


def _record(context: Context, challenger: Version, result: PromoteResult, verdict: Verdict) -> None:
    """Keep the decision with the challenger's run, on its version, and among the reports."""
    text = result.model_dump_json(indent=1)
    with context.storage.writing(f"reports/promotion_{challenger.number}.json") as path:
        path.write_text(text + "\n", encoding="utf-8")
    with context.tracker.resume(challenger.run_id) as record:
        record.text(text, PROMOTION_FILE)
        record.tags({GATE_TAG: verdict.decision})
    missed = ", ".join(rule.name for rule in verdict.missed) or "none"
    former = str(result.former_champion or "none")
    tags = {GATE_TAG: verdict.decision, "gate.rules_missed": missed, "gate.against": former}
    context.registry.tag(challenger.number, tags)


def _roll_back(context: Context) -> Outcome:
    """Swap champion and previous.

    It raises ModelError where the previous one cannot be loaded: it would serve nothing.
    """
    registry = context.registry
    champion, previous = resolve(registry, CHAMPION), resolve(registry, PREVIOUS)
    if champion.number == previous.number:
        msg = (
            f"Version {champion.number} is champion and previous one: "
            "a promotion or a rollback was stopped midway."
        )
        hint = "Run make model-promote, or point the alias previous to another version in MLflow."
        raise UsageError(msg, hint=hint)
    _loaded(context, previous)
    registry.tag(champion.number, {GATE_TAG: ROLLED_BACK})
    registry.tag(previous.number, {GATE_TAG: "promoted"})
    registry.set_alias(CHAMPION, previous.number)  # the one that serves comes first
    registry.set_alias(PREVIOUS, champion.number)
    result = PromoteResult(
        decision="rolled back", model_version=previous.number, former_champion=champion.number
    )
    text = (
        f"Rolled back: version {previous.number} is the champion again, "
        f"version {champion.number} the previous one"
    )
    return Outcome(result, text)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
