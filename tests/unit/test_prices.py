"""Estimates of a month on AWS: plans of few resources, counted by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from src.model.core.errors import DataError
from tools.infra.prices import estimated, read_plan, read_prices
from tools.infra.terraform import Plan

PRICES = read_prices()
TASK = {"family": "reviews-dev-api", "cpu": "512", "memory": "2048"}


def plan(*resources: tuple[str, dict[str, Any]]) -> Plan:
    found = [
        {"address": f"{kind}.{number}", "mode": "managed", "type": kind, "values": values}
        for number, (kind, values) in enumerate(resources)
    ]
    return Plan({"planned_values": {"root_module": {"resources": found}}})


def dollars(*resources: tuple[str, dict[str, Any]], environment: str = "dev") -> float:
    lines = estimated(plan(*resources), PRICES, environment)
    return round(sum(line.dollars for line in lines), 2)


def service(**changed: Any) -> tuple[str, dict[str, Any]]:
    return "aws_ecs_service", {
        "name": "reviews-dev-api", "desired_count": 2,
        "capacity_provider_strategy": [{"capacity_provider": "FARGATE"}],
        "network_configuration": [{"assign_public_ip": False}],
    } | changed  # fmt: skip


def test_a_service_costs_what_its_tasks_cost() -> None:
    """Half a processor and 2 GB, twice, for 730 hours; its task is not counted again."""
    by_hand = 2 * 730 * (0.5 * 0.04048 + 2 * 0.004445)
    task = ("aws_ecs_task_definition", TASK)

    assert round(by_hand, 2) == dollars(service(), task) == 42.53


def test_spare_capacity_and_addresses_are_counted() -> None:
    spare = service(
        capacity_provider_strategy=[{"capacity_provider": "FARGATE_SPOT"}],
        network_configuration=[{"assign_public_ip": True}],
    )

    assert dollars(spare, ("aws_ecs_task_definition", TASK)) == round(42.5298 * 0.35 + 7.3, 2)


def test_a_step_costs_what_it_runs() -> None:
    """20 runs of 0.1 hours in dev, on demand."""
    step = ("aws_ecs_task_definition", TASK | {"family": "reviews-dev-train"})

    assert dollars(step) == round(2 * (0.5 * 0.04048 + 2 * 0.004445), 2)


def test_a_second_database_doubles_the_first() -> None:
    one = {"instance_class": "db.t4g.micro", "allocated_storage": 20, "multi_az": False}
    alone = dollars(("aws_db_instance", one))

    assert 13.98 == alone
    assert 2 * alone == dollars(("aws_db_instance", one | {"multi_az": True}))


def test_endpoints_are_counted_for_each_zone() -> None:
    zones = [("aws_subnet", {"availability_zone": zone}) for zone in ("a", "a", "b")]

    assert 14.6 == dollars(*zones, ("aws_vpc_endpoint", {"vpc_endpoint_type": "Interface"}))
    assert 0 == dollars(*zones, ("aws_vpc_endpoint", {"vpc_endpoint_type": "Gateway"}))


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        ("aws_msk_cluster", {}, "aws_msk_cluster"),
        ("aws_db_instance", {"instance_class": "db.r8g.large", "allocated_storage": 20,
                             "multi_az": False}, "db.r8g.large"),
    ],
)  # fmt: skip
def test_what_has_no_price_is_refused(kind: str, values: dict[str, Any], named: str) -> None:
    """Nothing new is estimated at nothing."""
    with pytest.raises(DataError, match=f"{named} has no price"):
        dollars((kind, values))


def test_what_is_read_only_costs_nothing() -> None:
    shown = plan(("aws_msk_cluster", {})).shown
    shown["planned_values"]["root_module"]["resources"][0]["mode"] = "data"

    assert [] == estimated(Plan(shown), PRICES, "dev")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"planned_values": 5}'])
def test_what_is_no_plan_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(DataError, match="no plan as JSON"):
        read_plan(tmp_path / "p.json")


def test_a_plan_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(plan(("aws_secretsmanager_secret", {})).shown))

    assert [0.4] == [line.dollars for line in estimated(read_plan(path), PRICES, "dev")]
