"""What a plan costs in a month: each kind of resource by its price, or named as free.

A kind without either is refused, so that nothing new is estimated at nothing.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from src.model.core.errors import DataError
from tools.infra.terraform import INFRA, Plan, Resource

PRICES = INFRA / "prices.toml"
_NO_PRICE = "has no price in infra/prices.toml."


@dataclass(frozen=True)
class Prices:
    """USD for each unit, hours of a month, what is used, and what is free with its reason."""

    as_of: date
    region: str
    hours: float
    each: Mapping[str, float]
    usage: Mapping[str, Mapping[str, float]]
    free: Mapping[str, str]


@dataclass(frozen=True)
class Line:
    """A part of the estimate, in USD a month: of which resource, and for how much of what."""

    address: str
    quantity: str
    dollars: float


def read_prices(path: Path = PRICES) -> Prices:
    return Prices(**tomllib.loads(path.read_text(encoding="utf-8")))


def estimated(plan: Plan, prices: Prices, environment: str) -> list[Line]:
    """Return what each resource of a plan costs in a month.

    Raises:
        DataError: a kind of resource has no price.
    """
    month = _Month(plan, prices, prices.usage[environment])
    lines = []
    for one in plan.all():
        kind = one["type"]
        if one.get("mode") == "data" or kind in prices.free:
            continue
        if kind not in _RULES:
            hint = "Give it a rule in tools/infra/prices.py, or a reason in its [free]."
            raise DataError(f"{kind} {_NO_PRICE}", hint=hint)
        for quantity, dollars in _RULES[kind](month, one["values"]):
            lines.append(Line(one["address"].removeprefix("module.system."), quantity, dollars))
    return sorted(lines, key=lambda line: -line.dollars)


Parts = list[tuple[str, float]]


@dataclass(frozen=True)
class _Month:
    """What the rules ask: the plan, prices and usage."""

    plan: Plan
    prices: Prices
    used: Mapping[str, float]

    def price(self, name: str) -> float:
        """Return what one of something costs.

        Raises:
            DataError: it has no price, as a database's class that is new.
        """
        if name not in self.prices.each:
            raise DataError(f"{name} {_NO_PRICE}", hint="Add it to [each], with its source.")
        return self.prices.each[name]

    def hourly(self, name: str, count: float = 1) -> float:
        return self.price(name) * count * self.prices.hours

    def by_use(self, name: str, unit: str, use: str = "") -> Parts:
        """Return what is paid for as much as is used, `use` being its name in usage."""
        amount = self.used[use or name]
        return [(f"{amount:g} {unit}", amount * self.price(name))]

    def task(self, definition: Resource, *, spot: bool) -> float:
        """Return what an hour of a task costs."""
        vcpus, gigabytes = int(definition["cpu"]) / 1024, int(definition["memory"]) / 1024
        full = vcpus * self.price("vcpu_hour") + gigabytes * self.price("gb_hour")
        return full * (self.price("spot_share") if spot else 1)

    def zones(self) -> int:
        return len({one["availability_zone"] for one in self.plan.resources("aws_subnet").values()})

    def services(self) -> set[str]:
        return {one["name"] for one in self.plan.resources("aws_ecs_service").values()}


def _counted(count: int, what: str) -> str:
    """Return a number with its noun.

    >>> _counted(1, "task"), _counted(2, "address")
    ('1 task', '2 addresses')
    """
    return f"{count} {what}{'' if count == 1 else 'es' if what.endswith('s') else 's'}"


def _balancer(month: _Month, one: Resource) -> Parts:
    units = month.used["lcu"]
    parts = [
        ("itself", month.hourly("balancer_hour")),
        (f"{units:g} LCU", month.hourly("lcu_hour", units)),
    ]
    if not one["internal"]:
        zones = month.zones()
        parts.append((_counted(zones, "address"), month.hourly("address_hour", zones)))
    return parts


def _service(month: _Month, one: Resource) -> Parts:
    definitions = month.plan.resources("aws_ecs_task_definition").values()
    families = {definition["family"]: definition for definition in definitions}
    strategies = [part["capacity_provider"] for part in one["capacity_provider_strategy"]]
    count, spot = one["desired_count"], strategies == ["FARGATE_SPOT"]
    if one["name"] not in families:
        raise DataError(f"The service {one['name']} has no task definition of its name.")
    hour = month.task(families[one["name"]], spot=spot)
    tasks = _counted(count, "task") + ", spare capacity" * spot
    parts = [(tasks, hour * count * month.prices.hours)]
    if one["network_configuration"][0]["assign_public_ip"]:
        parts.append((_counted(count, "address"), month.hourly("address_hour", count)))
    return parts


def _step(month: _Month, one: Resource) -> Parts:
    """Return what a step's runs cost; a service's task is counted with its service."""
    if one["family"] in month.services():
        return []
    runs, hours = month.used["step_runs"], month.used["step_hours"]
    dollars = runs * hours * month.task(one, spot=False)
    return [(f"{runs:g} runs of {hours:g} h", dollars)]


def _database(month: _Month, one: Resource) -> Parts:
    count, size = (2 if one["multi_az"] else 1), one["instance_class"]
    gigabytes = count * one["allocated_storage"]
    return [
        (f"{count} of {size}", month.hourly(size, count)),
        (f"{gigabytes} GB", gigabytes * month.price("database_gb")),
    ]


def _endpoint(month: _Month, one: Resource) -> Parts:
    if one["vpc_endpoint_type"] == "Gateway":
        return []
    return [(f"in {month.zones()} zones", month.hourly("endpoint_hour", month.zones()))]


def _nat(month: _Month, _one: Resource) -> Parts:
    return [("itself", month.hourly("nat_hour")), *month.by_use("nat_gb", "GB")]


def _firewall(month: _Month, one: Resource) -> Parts:
    rules = len(one["rule"])
    fixed = month.price("firewall") + rules * month.price("firewall_rule")
    asked = month.by_use("firewall_million", "million requests", "requests_millions")
    return [(_counted(rules, "rule"), fixed), *asked]


def _cluster(month: _Month, one: Resource) -> Parts:
    """Return what Container Insights costs where it is on."""
    on = {setting["name"]: setting["value"] for setting in one["setting"]}
    if on.get("containerInsights") != "enabled":
        return []
    return month.by_use("metric", "metrics", "insight_metrics")


def _fixed(name: str) -> "Rule":
    return lambda month, _one: [("itself", month.price(name))]


def _used(name: str, unit: str, use: str = "") -> "Rule":
    return lambda month, _one: month.by_use(name, unit, use)


def _hourly(name: str) -> "Rule":
    return lambda month, _one: [("itself", month.hourly(name))]


Rule = Callable[[_Month, Mapping[str, Any]], Parts]
_RULES: Mapping[str, Rule] = {
    "aws_cloudwatch_log_group": _used("log_gb", "GB"),
    "aws_cloudwatch_log_metric_filter": _fixed("metric"),
    "aws_cloudwatch_metric_alarm": _fixed("alarm"),
    "aws_db_instance": _database,
    "aws_ecr_repository": _used("image_gb", "GB"),
    "aws_ecs_cluster": _cluster,
    "aws_ecs_service": _service,
    "aws_ecs_task_definition": _step,
    "aws_eip": _hourly("address_hour"),
    "aws_lb": _balancer,
    "aws_nat_gateway": _nat,
    "aws_s3_bucket": _used("object_gb", "GB"),
    "aws_secretsmanager_secret": _fixed("secret"),
    "aws_sfn_state_machine": _used(
        "thousand_transitions", "thousand transitions", "transitions_thousands"
    ),
    "aws_vpc_endpoint": _endpoint,
    "aws_wafv2_web_acl": _firewall,
}


def read_plan(path: Path) -> Plan:
    """Read what `terraform show -json` has said of a plan.

    Raises:
        DataError: it is something else.
    """
    try:
        shown = json.loads(path.read_text(encoding="utf-8"))
        plan = Plan(shown)
        list(plan.all())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "terraform show -json PLAN > FILE writes one."
        raise DataError(f"{path} is no plan as JSON: {error}", hint=hint) from error
    return plan
