"""Promote: make the challenger the champion if its test figures pass every rule, or say which they miss.

Exit code 0 where the champion changed or the challenger is the champion already, 4 where the challenger was kept
back. --rollback makes the previous champion the champion again.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from src.model import command
from src.model.command import Context, Outcome
from src.model.errors import GateError, UsageError
from src.model.pipeline.inputs import evaluation_file
from src.model.settings import Settings
from src.model.tracking import Registry
from src.model.tracking.base import CHALLENGER, CHAMPION, PREVIOUS, TEST_DIGEST_TAG, TEST_TAG, Version, resolve

GATE_TAG, ROLLED_BACK = "gate", "rolled back"


@dataclass(frozen=True)
class Rule:
    """One condition of the gate: a figure, the bound it is held to, and whether it holds."""

    name: str
    figure: float
    bound: float
    at_least: bool

    @property
    def passed(self) -> bool:
        return self.figure >= self.bound if self.at_least else self.figure <= self.bound


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.promote")
    parser.add_argument("--rollback", action="store_true", help="make the previous champion the champion again")
    return parser


def judge(figures: Mapping[str, float], champion: Mapping[str, float] | None, settings: Settings) -> list[Rule]:
    """Return the gate's rules with the challenger's figures; pure.

    `champion` are the champion's figures on the same test rows, or None where there is no such comparison.
    """
    floors = {
        "accuracy": settings.promote_min_accuracy,
        "recall_negative": settings.promote_min_recall,
        "recall_positive": settings.promote_min_recall,
        "roc_auc": settings.promote_min_roc_auc,
    }
    rules = [Rule(name, figures.get(name, 0.0), floor, at_least=True) for name, floor in floors.items()]
    rules.append(Rule("log_loss", figures["log_loss"], settings.promote_max_log_loss, at_least=False))
    if champion is not None:
        bound = champion["accuracy"] - settings.promote_max_accuracy_drop
        rules.append(Rule("accuracy_against_champion", figures["accuracy"], bound, at_least=True))
    return rules


def run(args: argparse.Namespace, context: Context) -> Outcome:
    if args.rollback:
        return _roll_back(context.registry)
    challenger = resolve(context.registry, CHALLENGER)
    champion = context.registry.by_alias(CHAMPION)
    if champion is not None and champion.number == challenger.number:
        data = {"step": "promote", "decision": "unchanged", "model_version": champion.number}
        return Outcome(data, f"Unchanged: version {champion.number} is the champion already")
    figures = _figures(challenger)
    rules = judge(figures, _comparable(context, champion, challenger), context.settings)
    if challenger.tags.get(GATE_TAG) == ROLLED_BACK:
        rules.append(Rule("not_rolled_back_before", 0.0, 1.0, at_least=True))
    promoted = all(rule.passed for rule in rules)
    if promoted:
        # In this order a run that is killed in between is mended by running it again.
        if champion is not None:
            context.registry.set_alias(PREVIOUS, champion.number)
        context.registry.set_alias(CHAMPION, challenger.number)
    decision = "promoted" if promoted else "kept"
    if promoted or challenger.tags.get(GATE_TAG) != ROLLED_BACK:
        context.registry.tag(challenger.number, {GATE_TAG: decision})
    data = {
        "step": "promote",
        "decision": decision,
        "model_version": challenger.number,
        "former_champion": champion.number if champion else None,
        "rules": [{**asdict(rule), "passed": rule.passed} for rule in rules],
    }
    return Outcome(data, _table(rules, challenger, champion), 0 if promoted else GateError.exit_code)


def _figures(version: Version) -> dict[str, float]:
    figures = {
        key.removeprefix(TEST_TAG): float(value) for key, value in version.tags.items() if key.startswith(TEST_TAG)
    }
    if TEST_DIGEST_TAG not in version.tags:  # set last, when all figures are there
        msg = f"Version {version.number} has not been evaluated."
        raise UsageError(msg, hint="Run make model-evaluate first.")
    return figures


def _comparable(context: Context, champion: Version | None, challenger: Version) -> Mapping[str, float] | None:
    """Return the champion's figures on the rows the challenger was judged on, scoring them anew where need be.

    Raises:
        UsageError: those rows are no longer the ones in processed/test.parquet.
    """
    if champion is None:
        return None
    digest = challenger.tags[TEST_DIGEST_TAG]
    if champion.tags.get(TEST_DIGEST_TAG) == digest:
        return _figures(champion)
    if evaluation_file(context).sha256 != digest:
        msg = f"Version {challenger.number} was evaluated on other test rows than the present ones."
        raise UsageError(msg, hint="Run make model-evaluate again.")
    from src.model.pipeline.evaluate import evaluate

    context.log.info("the champion was judged on other rows; it is scored on these", version=champion.number)
    return evaluate(context, champion)


def _roll_back(registry: Registry) -> Outcome:
    champion, previous = resolve(registry, CHAMPION), resolve(registry, PREVIOUS)
    registry.tag(champion.number, {GATE_TAG: ROLLED_BACK})
    registry.tag(previous.number, {GATE_TAG: "promoted"})
    registry.set_alias(CHAMPION, previous.number)  # the one that serves comes first
    registry.set_alias(PREVIOUS, champion.number)
    data = {"step": "promote", "decision": "rolled back", "model_version": previous.number}
    text = f"Rolled back: version {previous.number} is the champion again, version {champion.number} the previous one"
    return Outcome({**data, "former_champion": champion.number}, text)


def _table(rules: Sequence[Rule], challenger: Version, champion: Version | None) -> str:
    passed = all(rule.passed for rule in rules)
    former = f", after version {champion.number}" if champion else ""
    head = (
        f"Promoted: version {challenger.number} is the champion{former}"
        if passed
        else f"Kept back: version {challenger.number} misses {sum(not rule.passed for rule in rules)} of the rules"
        + (f"; version {champion.number} stays the champion" if champion else "; there is no champion yet")
    )
    lines = [head]
    for rule in rules:
        sign = ">=" if rule.at_least else "<="
        verdict = "ok" if rule.passed else "MISSED"
        lines.append(f"  {verdict:7}{rule.name:26} {rule.figure:.4f} {sign} {rule.bound:.4f}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
