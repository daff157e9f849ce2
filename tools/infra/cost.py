"""What AWS would ask for an environment in a month, from its plan and infra/prices.toml.

Without --plan a plan is made of example values, against a stand-in for AWS on this machine; it
needs Terraform and its provider, and no account. Traffic to the internet is not estimated.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.progress import track
from rich.table import Table

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import UsageError
from tools.infra.prices import Line, Prices, estimated, read_plan, read_prices
from tools.infra.stand_in import asking_moto
from tools.infra.terraform import Plan, example

_PARTS: Mapping[str, str] = {"bootstrap": "bootstrap", "dev": "envs/dev", "prod": "envs/prod"}
_SMALL = 0.5


class CostResult(Result):
    """USD a month of each part; of each resource the largest first."""

    as_of: str
    region: str
    dollars: dict[str, float]
    lines: dict[str, list[dict[str, Any]]]


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "cost", "tools.infra")
    parser.add_argument(
        "--environment", choices=["", *_PARTS], default="", help="one of them; all unless set"
    )
    parser.add_argument(
        "--plan", type=Path, help="terraform show -json of a plan, in place of example values"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    if args.plan and not args.environment:
        hint = "Usage differs: --environment=dev, say."
        raise UsageError("--plan is of one environment, which has to be named.", hint=hint)
    chosen = [args.environment] if args.environment else list(_PARTS)
    plans = {args.environment: read_plan(args.plan)} if args.plan else _planned(chosen, context)
    prices = read_prices()
    found = {name: estimated(plan, prices, name) for name, plan in plans.items()}
    for name, lines in found.items():
        context.out.print(_table(name, lines))
    return Outcome(_result(prices, found), _said(prices, found))


def _planned(names: Sequence[str], context: Context) -> dict[str, Plan]:
    with tempfile.TemporaryDirectory() as folder, asking_moto(Path(folder)) as terraform:
        return {
            name: terraform.plan(_PARTS[name], example(name))
            for name in track(names, "planning", console=context.err, transient=True)
        }


def _table(name: str, lines: Sequence[Line]) -> Table:
    table = Table("resource", "how much", "USD a month", title=name, title_justify="left")
    table.columns[-1].justify = "right"
    small = [line for line in lines if line.dollars < _SMALL]
    for line in lines[: len(lines) - len(small)]:
        table.add_row(_short(line.address), line.quantity, f"{line.dollars:.2f}")
    if small:
        rest = sum(line.dollars for line in small)
        table.add_row(f"{len(small)} below {_SMALL:.2f} each", "", f"{rest:.2f}")
    table.add_section()
    table.add_row("in all", "", f"{_total(lines):.2f}")
    return table


def _short(address: str) -> str:
    """Return an address without what all have.

    >>> _short('module.network.aws_nat_gateway.this["us-east-1a"]')
    'network nat_gateway us-east-1a'
    """
    words = re.sub(r"module\.|aws_|\.this\b", "", address)
    return " ".join(re.findall(r"[\w-]+", words))


def _total(lines: Sequence[Line]) -> float:
    return round(sum(line.dollars for line in lines), 2)


def _result(prices: Prices, found: Mapping[str, Sequence[Line]]) -> CostResult:
    return CostResult(
        as_of=prices.as_of.isoformat(),
        region=prices.region,
        dollars={name: _total(lines) for name, lines in found.items()},
        lines={name: [vars(line) for line in lines] for name, lines in found.items()},
    )


def _said(prices: Prices, found: Mapping[str, Sequence[Line]]) -> str:
    each = ", ".join(f"{name} {_total(lines):.2f}" for name, lines in found.items())
    return (
        f"USD a month: {each}. Prices of {prices.as_of:%B %Y} in {prices.region}, and the usage "
        f"that infra/prices.toml assumes; a resource type without a price is refused."
    )


def main() -> int:
    return command.main(build_parser(), run)


if __name__ == "__main__":
    sys.exit(main())
