"""What an environment would cost in a month."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.infra.commands import ran
from tools.infra.prices import estimated, read_prices
from tools.infra.terraform import Plan

pytestmark = pytest.mark.slow
MOST_IN_DEV = 80


def total(plans: Mapping[str, Plan], name: str) -> float:
    return sum(line.dollars for line in estimated(plans[name], read_prices(), name))


def test_dev_is_cheap_and_all_have_a_price(plans: Mapping[str, Plan]) -> None:
    """Each is below its own budget; a kind of resource without a price would be refused."""
    for name in ("dev", "prod"):
        (budget,) = plans[name].resources("aws_budgets_budget").values()
        assert 0 < total(plans, name) < float(budget["limit_amount"]), name

    assert total(plans, "dev") <= MOST_IN_DEV < total(plans, "prod")
    assert 0 < total(plans, "bootstrap") < 10


def test_what_is_free_is_in_a_plan(plans: Mapping[str, Plan]) -> None:
    """No reason stands there for what is not made."""
    made = {one["type"] for plan in plans.values() for one in plan.all()}

    assert set() == set(read_prices().free) - made


def test_a_plan_of_yours_is_estimated(plans: Mapping[str, Plan], tmp_path: Path) -> None:
    """By the command, as text and as JSON."""
    (tmp_path / "plan.json").write_text(json.dumps(plans["dev"].shown))
    words = ("--environment=dev", f"--plan={tmp_path / 'plan.json'}")
    text, answer = (ran(ROOT, "cost", *words, *form) for form in ((), ("--json",)))
    said = json.loads(answer.stdout)

    assert (0, 0) == (text.returncode, answer.returncode), text.stderr + answer.stderr
    assert round(total(plans, "dev"), 2) == said["dollars"]["dev"]
    assert re.search(rf"in all.*{said['dollars']['dev']:.2f}", text.stdout)


def test_the_docs_say_what_it_costs(plans: Mapping[str, Plan]) -> None:
    page = (ROOT / "docs/infra/index.md").read_text(encoding="utf-8")
    said = re.search(r"\*\*dev (\d+), prod (\d+)\*\*, and (\d+) for the images", page)
    assert said

    assert [round(total(plans, name)) for name in ("dev", "prod", "bootstrap")] == [
        int(number) for number in said.groups()
    ]
