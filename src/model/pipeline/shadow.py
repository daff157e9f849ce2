"""Shadow: the prediction log -> which of two versions is better on the same requests.

The API casts a shadow with REVIEWS_API_CHALLENGER=shadow: the challenger judges every request
beside the champion. How often both agree needs nobody; who is right needs feedback.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import UsageError
from src.model.evaluation.shadow import ShadowLog, ShadowReport
from src.model.evaluation.texts import comparison_text
from src.model.files.prediction_parts import Unread, logged_rows

_NO_FEEDBACK = (
    "nobody has said what these reviews really are: feedback tells which of them is better"
)


class ShadowResult(Result, ShadowReport):
    """Requests that both judged, how often they agree, and their comparison where feedback is.

    `others` counts requests of other pairs of versions; `unread_*` what of the log could not be
    read.
    """

    step: Literal["shadow"] = "shadow"
    others: int
    unread_parts: int
    unread_lines: int


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.shadow")
    parser.add_argument("--since", default="", help="a day, YYYY-MM-DD; earlier rows are left out")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    if args.since and not re.fullmatch(r"\d{4}-\d\d-\d\d", args.since):
        raise UsageError(f"--since={args.since} is no day.", hint="Write YYYY-MM-DD.")
    place, unread, log = context.settings.log.dir, Unread(), ShadowLog()
    with context.progress("Reading the prediction log, twice") as advance:
        for add, counted in ((log.add_shadows, unread), (log.add_others, Unread())):
            for row in logged_rows(context.settings, counted, args.since):
                add([row])
                advance(1)
    pairs = log.pairs()
    if not pairs:
        msg = f"{place} holds no request that a challenger judged in the shadow."
        hint = "Start the API with REVIEWS_API_CHALLENGER=shadow, and let it answer for a while."
        raise UsageError(msg, hint=hint)
    *_, latest = pairs
    report = log.report(latest)
    result = ShadowResult(
        **dict(report),
        others=sum(pairs.values()) - report.requests,
        unread_parts=unread.parts,
        unread_lines=unread.lines,
    )
    lines = [shadow_text(report)]
    if result.others:
        lines.append(f"  {result.others:,} requests of other pairs of versions are left out")
    if unread.parts or unread.lines:
        why = "; ".join(sorted(unread.reasons)[:3])
        lines.append(f"  unread: {unread.parts:,} parts and {unread.lines:,} lines ({why})")
    return Outcome(result, "\n".join(lines))


def shadow_text(report: ShadowReport) -> str:
    """Return the report for people.

    >>> print(shadow_text(ShadowReport(
    ...     champion="1", challenger="2", first="2026-11-20T09:00", last="2026-11-27T17:00",
    ...     requests=1000, agreed=970, agreement=(0.957, 0.979), only_challenger_positive=20,
    ...     only_champion_positive=10, feedback=0, comparison=None,
    ... )))
    Shadow: version 2 beside version 1, on 1,000 requests from 2026-11-20 to 2026-11-27
      they agree on 97.0% (95 % 95.7% to 97.9%); only version 2 says positive 20, only version 1 10
      nobody has said what these reviews really are: feedback tells which of them is better
    """
    champion, challenger = report.champion, report.challenger
    first, last = report.first[:10], report.last[:10]
    days = f"from {first} to {last}" if first != last else f"of {first}"
    low, high = report.agreement
    share = report.agreed / report.requests
    head = (
        f"Shadow: version {challenger} beside version {champion}, on {report.requests:,} requests"
    )
    alone = (
        f"only version {challenger} says positive {report.only_challenger_positive:,}, "
        f"only version {champion} {report.only_champion_positive:,}"
    )
    agree = f"  they agree on {share:.1%} (95 % {low:.1%} to {high:.1%}); {alone}"
    compared = [f"  {_NO_FEEDBACK}"]
    if report.comparison:
        compared = comparison_text(report.comparison)
    return "\n".join([f"{head} {days}", agree, *compared])


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
