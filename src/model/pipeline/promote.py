"""Promote: make the challenger the champion if it passes every rule and is better beyond chance, or say why not.

Both models judge the same test rows anew. Exit code 0 where the champion changed or the challenger is the champion
already, 4 where the challenger was kept back or the two are a tie. --rollback makes the previous champion the champion
again.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from src.model import command
from src.model.command import Context, Outcome
from src.model.data.storage import machine_lock
from src.model.errors import GateError, ModelError, UsageError
from src.model.evaluation.gate import Judged, Limits, Rule, Verdict, judge
from src.model.learners import load_model
from src.model.learners.base import SentimentModel
from src.model.pipeline.inputs import Processed, evaluation_file
from src.model.settings import Settings
from src.model.tracking import Registry
from src.model.tracking.base import CHALLENGER, CHAMPION, PREVIOUS, TEST_DIGEST_TAG, Version, resolve

GATE_TAG, ROLLED_BACK = "gate", "rolled back"
_VETO = "not_rolled_back_before"
_WAIT_SECONDS = 120.0


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.promote")
    parser.add_argument("--rollback", action="store_true", help="make the previous champion the champion again")
    parser.add_argument(
        "--ignore-champion",
        nargs="?",
        const="yes",
        choices=("yes", "1", "true"),
        help="judge by the absolute rules alone, as if there were no champion",
    )
    return parser


def limits(settings: Settings) -> Limits:
    """Return the bounds that the settings name."""
    return Limits(
        min_accuracy=settings.promote_min_accuracy,
        min_recall=settings.promote_min_recall,
        min_roc_auc=settings.promote_min_roc_auc,
        max_log_loss=settings.promote_max_log_loss,
        max_ece=settings.promote_max_ece,
        max_model_bytes=settings.promote_max_model_bytes,
        max_latency_us=settings.promote_max_latency_us,
        min_behaviour={
            "minimum": settings.promote_min_functionality,
            "invariance": settings.promote_min_invariance,
            "directional": settings.promote_min_directional,
        },
        max_accuracy_drop=settings.promote_max_accuracy_drop,
        max_log_loss_rise=settings.promote_max_log_loss_rise,
        max_slice_drop=settings.promote_max_slice_drop,
        min_slice_rows=settings.slice_min_rows,
    )


def run(args: argparse.Namespace, context: Context) -> Outcome:
    with _one_at_a_time(context):
        if args.rollback:
            return _roll_back(context)
        return _promote(context, ignoring=bool(args.ignore_champion))


def _one_at_a_time(context: Context) -> AbstractContextManager[None]:
    """Let a second promotion on this machine wait, whatever data folder it works in."""
    uri, files = context.settings.mlflow_tracking_uri, "sqlite:///"
    place = uri.removeprefix(files) if uri.startswith(files) else "" if uri else context.storage.root
    store = str(Path(place).absolute()) if place else uri  # one store has one lock, however it is written
    return machine_lock("promote", f"{store}|{context.settings.model_name}", _WAIT_SECONDS)


def _promote(context: Context, *, ignoring: bool) -> Outcome:
    challenger, champion = resolve(context.registry, CHALLENGER), context.registry.by_alias(CHAMPION)
    if champion is not None and champion.number == challenger.number:
        if GATE_TAG not in champion.tags:  # a promotion that was killed right after it had moved the alias
            context.registry.tag(champion.number, {GATE_TAG: "promoted"})
        data = {"step": "promote", "decision": "unchanged", "model_version": champion.number}
        return Outcome(data, f"Unchanged: version {champion.number} is the champion already")
    test = evaluation_file(context)
    _require_evaluated(challenger, test)
    verdict = _verdict(context, challenger, None if ignoring else champion, test)
    if verdict.decision == "promoted":
        _move(context.registry, challenger, champion)
    rescored = champion is not None and champion.tags.get(TEST_DIGEST_TAG) != test.sha256
    data = {
        "step": "promote",
        "decision": verdict.decision,
        "model_version": challenger.number,
        "former_champion": champion.number if champion else None,
        "test_sha256": test.sha256,
        "champion_evaluated_on_other_rows": rescored,
        "rules": [{**asdict(rule), "passed": rule.passed} for rule in verdict.rules],
        "comparison": asdict(verdict.comparison) if verdict.comparison else None,
        "slices": [asdict(change) for change in verdict.slices],
    }
    if challenger.tags.get(GATE_TAG) != ROLLED_BACK:  # the record of its promotion stays
        _record(context, challenger, data, verdict)
    text = _text(verdict, challenger.number, champion.number if champion else None, rescored=rescored)
    return Outcome(data, text, 0 if verdict.decision == "promoted" else GateError.exit_code)


def _require_evaluated(version: Version, test: Processed) -> None:
    if TEST_DIGEST_TAG not in version.tags:  # set last, when all figures are there
        raise UsageError(f"Version {version.number} has not been evaluated.", hint="Run make model-evaluate first.")
    if version.tags[TEST_DIGEST_TAG] != test.sha256:
        msg = f"Version {version.number} was evaluated on other test rows than the present ones."
        raise UsageError(msg, hint="Run make model-evaluate again.")


def _verdict(context: Context, challenger: Version, champion: Version | None, test: Processed) -> Verdict:
    """Let both models judge the test rows, and the gate both models. Raises ModelError where one cannot be loaded."""
    from src.model.pipeline.examine import answer, examined  # scikit-learn waits until there is something to judge

    models = [_loaded(context, challenger)] + ([_loaded_champion(context, champion)] if champion else [])
    answers = answer([model for model, _ in models], context, test)
    seen = [examined(model, folder, answers, place) for place, (model, folder) in enumerate(models)]
    vetoes = []
    if challenger.tags.get(GATE_TAG) == ROLLED_BACK:
        vetoes.append(Rule(_VETO, 0.0, 1.0, at_least=True))
    other = seen[1] if champion else None
    return judge(seen[0], other, Judged(answers.positive, answers.masks), limits(context.settings), vetoes)


def _loaded(context: Context, version: Version) -> tuple[SentimentModel, Path]:
    folder = context.registry.fetch(version)
    return load_model(folder), folder


def _loaded_champion(context: Context, champion: Version) -> tuple[SentimentModel, Path]:
    try:
        return _loaded(context, champion)
    except ModelError as error:
        msg = f"The champion, version {champion.number}, cannot be compared with: {error.message}"
        hint = "Go back with make model-rollback, or judge without it: make model-promote ignore_champion=1."
        raise ModelError(msg, hint=hint) from error


def _move(registry: Registry, challenger: Version, champion: Version | None) -> None:
    """Point the aliases to the new champion, unless another promotion came first.

    In this order a run that is killed in between is mended by running it again. Processes of one machine wait for each
    other; a registry has no compare-and-set, so against other machines the alias is looked at before and after.

    Raises:
        GateError: the champion is another one than the challenger was judged against, or became another one.
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
        raise GateError(f"{who} {what_happened}.", hint="Run make model-promote again to be judged against it.")


def _record(context: Context, challenger: Version, data: dict[str, Any], verdict: Verdict) -> None:
    """Keep the decision with the challenger's run, on its version, and among the reports."""
    text = json.dumps(data, indent=1)
    with context.storage.writing(f"reports/promotion_{challenger.number}.json") as path:
        path.write_text(text + "\n", encoding="utf-8")
    with context.tracker.resume(challenger.run_id) as record:
        record.text(text, "promotion.json")
        record.tags({GATE_TAG: verdict.decision})
    missed = ", ".join(rule.name for rule in verdict.missed) or "none"
    former = str(data["former_champion"] or "none")
    tags = {GATE_TAG: verdict.decision, "gate.rules_missed": missed, "gate.against": former}
    context.registry.tag(challenger.number, tags)


def _roll_back(context: Context) -> Outcome:
    """Swap champion and previous. Raises ModelError where the previous one cannot be loaded: it would serve nothing."""
    registry = context.registry
    champion, previous = resolve(registry, CHAMPION), resolve(registry, PREVIOUS)
    if champion.number == previous.number:
        msg = f"Version {champion.number} is champion and previous one: a promotion or a rollback was stopped midway."
        raise UsageError(msg, hint="Run make model-promote, or point the alias previous to another version in MLflow.")
    _loaded(context, previous)
    registry.tag(champion.number, {GATE_TAG: ROLLED_BACK})
    registry.tag(previous.number, {GATE_TAG: "promoted"})
    registry.set_alias(CHAMPION, previous.number)  # the one that serves comes first
    registry.set_alias(PREVIOUS, champion.number)
    data = {"step": "promote", "decision": "rolled back", "model_version": previous.number}
    text = f"Rolled back: version {previous.number} is the champion again, version {champion.number} the previous one"
    return Outcome({**data, "former_champion": champion.number}, text)


def _text(verdict: Verdict, number: int, former: int | None, *, rescored: bool) -> str:
    stays = f"version {former} stays the champion" if former else "there is no champion yet"
    head = {
        "promoted": f"Promoted: version {number} is the champion" + (f", after version {former}" if former else ""),
        "kept": f"Kept back: version {number} misses {len(verdict.missed)} of {len(verdict.rules)} rules; {stays}",
        "tie": f"Tie: version {number} passes every rule, but is not better beyond chance; {stays}",
    }[verdict.decision]
    lines = [head]
    if rescored:
        lines.append(f"  (version {former} was evaluated on other test rows; both were scored on the present ones)")
    if verdict.comparison:
        lines += _comparison(verdict)
    for rule in verdict.rules:
        sign, word = (">=" if rule.at_least else "<="), ("ok" if rule.passed else "MISSED")
        if rule.name == _VETO:
            lines.append(f"  {word:7}{rule.name:30} only make model-rollback brings it back")
            continue
        lines.append(f"  {word:7}{rule.name:30} {_figure(rule.figure):>12} {sign} {_figure(rule.bound)}")
    return "\n".join(lines)


def _comparison(verdict: Verdict) -> list[str]:
    found = verdict.comparison
    assert found is not None  # noqa: S101 - asked only where there is one
    low, high = found.accuracy_interval
    least, most = found.log_loss_interval
    both = f"{found.challenger_accuracy:.2%} against {found.champion_accuracy:.2%}"
    points = f"{100 * found.accuracy_difference:+.2f} points (95 % {100 * low:+.2f} to {100 * high:+.2f})"
    ways = (("accuracy", found.more_accurate), ("log loss", found.better_calibrated))
    better = ", ".join(way for way, holds in ways if holds)
    alone = f"right alone {found.only_challenger_right:,} against {found.only_champion_right:,}"
    return [
        f"  on the same {found.rows:,} rows: accuracy {both}",
        f"  accuracy {points}; {alone}, McNemar p {found.mcnemar_p:.2g}",
        f"  log loss {found.log_loss_difference:+.4f} (95 % {least:+.4f} to {most:+.4f})",
        f"  better beyond chance in: {better or 'neither'}",
    ]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4f}"  # noqa: PLR2004 - bytes and microseconds


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
