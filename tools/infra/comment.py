"""Say under a pull request what a plan would change, by name; `gh` has to be logged in."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import UnreachableError, UsageError

_MOST = 300
"""Changes that are named; GitHub takes 65,536 letters in a comment."""


class CommentResult(Result):
    """Where it was said, and the plan's last word."""

    pull_request: str
    summary: str


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "comment", "tools.infra")
    parser.add_argument("--environment", required=True, help="dev or prod")
    parser.add_argument("--pull-request", required=True, help="its number")
    parser.add_argument("--plan", required=True, type=Path, help="the plan as text")
    return parser


def run(args: argparse.Namespace, _context: Context) -> Outcome:
    if not args.pull_request.isdecimal():
        raise UsageError("pull_request= has to be the number of one.")
    try:
        plan = args.plan.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{args.plan} cannot be read: {error.strerror}.") from error
    _say(args.pull_request, body(args.environment, plan))
    result = CommentResult(pull_request=args.pull_request, summary=summary(plan))
    return Outcome(result, f"Said under {args.pull_request}: {result.summary}")


def body(environment: str, plan: str) -> str:
    r"""Return the comment: the count, and what would be changed by name. Values stay in the log.

    >>> plan = "# aws_lb.this will be created\n+ name = 1\nPlan: 1 to add, 0 to change."
    >>> print(body("dev", plan))
    ### Plan of dev
    Plan: 1 to add, 0 to change.
    - `aws_lb.this` will be created
    """
    found = re.findall(r"^ *# (\S+) (.+)$", plan, re.MULTILINE)
    lines = [f"- `{address}` {what}" for address, what in found]
    more = [f"- … and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "\n".join([f"### Plan of {environment}", summary(plan), *lines[:_MOST], *more])


def summary(plan: str) -> str:
    """Return the line that counts the changes.

    >>> summary("No changes. Your infrastructure matches the configuration.")
    'No changes.'
    """
    found = re.search(r"^Plan: .*$", plan, re.MULTILINE)
    return found[0] if found else "No changes."


def _say(pull_request: str, text: str) -> None:
    words = ["gh", "pr", "comment", pull_request, "--body-file", "-"]
    try:
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    except OSError as error:
        hint = "https://cli.github.com; GH_TOKEN= logs it in."
        raise UnreachableError("gh was not found.", hint=hint) from error
    if done.returncode:
        raise UnreachableError(f"GitHub has refused the comment: {done.stderr.strip()}")


def main() -> int:
    return command.main(build_parser(), run)


if __name__ == "__main__":
    sys.exit(main())
