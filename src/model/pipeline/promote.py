"""Promote: make the challenger the champion if it is better, or say why not.

It has to pass every rule and to be better beyond chance; both models judge the same test rows anew.
Exit code 0 where the champion changed or the challenger is the champion already, 4 where the
challenger was kept back or the two are a tie. With REVIEWS_PROMOTE=approve one that passes waits
for a person's answer, exit code 6: see `make model-approve`. --rollback makes the previous champion
the champion again.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from src.model import command, steps
from src.model.command import Outcome
from src.model.context import Context
from src.model.core.errors import GateError, ModelError, UsageError
from src.model.core.models import load_model
from src.model.core.names import (
    ANSWERED_TAG,
    ASKED,
    CHALLENGER,
    CHAMPION,
    GATE_TAG,
    REJECTED,
    ROLLED_BACK,
    TEST_DIGEST_TAG,
)
from src.model.core.served_model import ServedModel
from src.model.evaluation.behaviour import cases
from src.model.evaluation.gate import ROLLED_BACK_BEFORE, Judged, Rule, Verdict, judge
from src.model.evaluation.texts import verdict_text
from src.model.files.runs import run_key
from src.model.pipeline.decided import PromoteResult, RuleRecord, decide, deciding, finish
from src.model.tracking.aliases import swap_back
from src.model.tracking.base import Version, resolve
from src.model.training.inputs import Processed, evaluation_file

_YES = {"yes", "1", "true"}


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
    parser.add_argument(
        "--run", default="", metavar="NAME", help="the scheduler's run that a person answers to"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    if args.run:
        run_key(args.run)  # refuses what cannot name one
    with deciding(context):
        if args.rollback:
            return _roll_back(context)
        return _promote(context, args.run, ignoring=args.ignore_champion in _YES)


def _promote(context: Context, asking: str, *, ignoring: bool) -> Outcome:
    challenger = resolve(context.registry, CHALLENGER)
    champion = context.registry.by_alias(CHAMPION)
    if champion is not None and champion.number == challenger.number:
        if champion.tags.get(GATE_TAG) != "promoted":
            finish(context, champion)  # a promotion was killed after it had moved the alias
        result = PromoteResult(decision="unchanged", model_version=champion.number)
        return Outcome(result, f"Unchanged: version {champion.number} is the champion already")
    if challenger.tags.get(GATE_TAG) == REJECTED:
        return _rejected(challenger, champion)
    test = evaluation_file(context, then="model-evaluate model-promote")
    _require_evaluated(challenger, test)
    verdict = _verdict(context, challenger, None if ignoring else champion, test)
    former = champion.number if champion else None
    rescored = champion is not None and champion.tags.get(TEST_DIGEST_TAG) != test.sha256
    if verdict.decision == "promoted" and context.settings.promotion.how == "approve":
        verdict = replace(verdict, decision=ASKED)
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
        run=(asking or None) if verdict.decision == ASKED else None,
    )
    if challenger.tags.get(GATE_TAG) != ROLLED_BACK:  # the record of its promotion stays
        decide(context, challenger, champion, result)
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
    codes = {"promoted": steps.DONE, ASKED: steps.ASKS}
    return Outcome(result, brief, codes.get(verdict.decision, GateError.exit_code), details)


def _rejected(challenger: Version, champion: Version | None) -> Outcome:
    """Return the answer about a version that a person said no to; only a person says otherwise."""
    result = PromoteResult(
        decision=REJECTED,
        model_version=challenger.number,
        former_champion=champion.number if champion else None,
    )
    who = challenger.tags.get(ANSWERED_TAG, "somebody")
    text = (
        f"Kept back: version {challenger.number} was rejected by {who}\n"
        f"  to approve it all the same: make model-approve model_version={challenger.number} "
        "answer=yes"
    )
    return Outcome(result, text, GateError.exit_code)


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
