"""Approve: a person's answer about a version that passed the gate, where REVIEWS_PROMOTE=approve.

Without --answer it shows how the version was judged, and asks. Without a version it is the one that
waits. Yes makes it the champion, unless another one became it since the judgement; no keeps it back
until somebody answers otherwise; open leaves it as it is. Exit code 0 where the version is the
champion now, 4 where it is not.
"""

import argparse
import getpass
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import GateError, UsageError
from src.model.core.names import AGAINST_TAG, ASKED, ASKED_RUN_TAG, CHAMPION, GATE_TAG, REJECTED
from src.model.evaluation.texts import comparison_text
from src.model.pipeline.decided import PromoteResult, decide, deciding, finish, report_of
from src.model.tracking.base import Version, resolve, run_name

Answer = Literal["yes", "no", "open"]
_ANSWERS: dict[str, Answer] = {
    "yes": "yes", "1": "yes", "true": "yes", "no": "no", "0": "no", "false": "no", "open": "open",
}  # fmt: skip
_OPEN = {ASKED, REJECTED}


class ApproveResult(Result):
    """The version, what its state is now, and who said so; `open` is one without an answer."""

    step: Literal["approve"] = "approve"
    decision: Literal["promoted", "rejected", "unchanged", "open"]
    model_version: int
    answered_by: str | None = None


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.approve")
    parser.add_argument("--model-version", default="", metavar="VERSION", help="which version")
    parser.add_argument(
        "--run",
        default="",
        metavar="NAME",
        help="the version that this scheduler's run asked about",
    )
    parser.add_argument(
        "--answer",
        choices=("yes", "1", "true", "no", "0", "false", "open", ""),
        default="",
        help="yes, no or open",
    )
    parser.add_argument("--by", default="", metavar="NAME", help="who answers (default: the user)")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    version = _asked_about(context, args.model_version, args.run)
    number = version.number
    champion = context.registry.by_alias(CHAMPION)
    if champion is not None and champion.number == number:
        if version.tags.get(GATE_TAG) in _OPEN:
            finish(context, version)  # an approval was killed after it had moved the alias
        result = ApproveResult(decision="unchanged", model_version=number)
        return Outcome(result, f"Unchanged: version {number} is the champion already")
    _require_open(version)
    answer = _ANSWERS[args.answer] if args.answer else _prompted(context, version)
    if answer == "open":
        result = ApproveResult(decision="open", model_version=number)
        stays = "is still rejected" if version.tags.get(GATE_TAG) == REJECTED else "still waits"
        return Outcome(result, f"Left open: version {number} {stays}", GateError.exit_code)
    return _carry_out(context, number, answer, args.by or _user())


def _carry_out(context: Context, number: int, answer: Answer, by: str) -> Outcome:
    with deciding(context):
        version = resolve(context.registry, str(number))
        _require_open(version)  # what it is may have changed while a person thought
        against = version.tags.get(AGAINST_TAG, "")
        champion = resolve(context.registry, against) if against.isdecimal() else None
        decision: Literal["promoted", "rejected"] = "promoted" if answer == "yes" else "rejected"
        before = report_of(context, version)
        told = before or PromoteResult(
            decision=ASKED, model_version=number, former_champion=champion and champion.number
        )
        now = {"decision": decision, "answered_by": by, "answered_at": datetime.now(UTC)}
        decide(context, version, champion, told.model_copy(update=now), before)
    result = ApproveResult(decision=decision, model_version=number, answered_by=by)
    if decision == "promoted":
        after = f", after version {champion.number}" if champion else ""
        return Outcome(result, f"Promoted: version {number} is the champion{after}, said {by}")
    return Outcome(result, f"Rejected: version {number}, said {by}", GateError.exit_code)


def _asked_about(context: Context, number: str, asking: str) -> Version:
    """Return the version that is meant: by its number, by who asked, or the one that waits.

    Raises:
        UsageError: there is none, or which one is not clear.
    """
    if number:
        return resolve(context.registry, number)
    versions = context.registry.versions()
    if asking:
        found = [one for one in versions if one.tags.get(ASKED_RUN_TAG) == asking][-1:]
    else:
        found = [one for one in versions if one.tags.get(GATE_TAG) == ASKED]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = " and ".join(str(one.number) for one in found)
        hint = f"Say which: make model-approve model_version={found[-1].number}."
        raise UsageError(f"Versions {numbers} wait for an answer.", hint=hint)
    about = f" of the run {asking}" if asking else ""
    hint = "With REVIEWS_PROMOTE=approve, make model-promote has one wait that passes the gate."
    raise UsageError(f"No version{about} waits for an answer.", hint=hint)


def _require_open(version: Version) -> None:
    said = version.tags.get(GATE_TAG)
    if said not in _OPEN:
        msg = f"Version {version.number} does not wait for an answer"
        msg += f": the gate says {said}." if said else ": the gate has not judged it."
        raise UsageError(msg, hint="Only what passed the gate can be approved: make model-promote.")


def _prompted(context: Context, version: Version) -> Answer:
    """Ask who sits at the terminal. Raises UsageError where nobody does."""
    if not sys.stdin.isatty():
        hint = f"Say it with make model-approve model_version={version.number} answer=yes."
        raise UsageError("Nobody is at the terminal to answer.", hint=hint)
    told = report_of(context, version)
    lines = [f"{run_name(version)[:1].upper()}{run_name(version)[1:]}"]
    if told and told.comparison:
        lines.append(f"  against the champion, version {told.former_champion}:")
        lines += comparison_text(told.comparison)
    context.err.print("\n".join(lines), markup=False, highlight=False)
    while True:
        context.err.print("Make it the champion? yes, no, or Enter to leave it open: ", end="")
        said = sys.stdin.readline().strip().lower()
        if not said:
            return "open"
        for answer in _ANSWERS.values():
            if answer.startswith(said):
                return answer


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
