"""All of dev made, found unchanged, and taken away again, in what stands in for an account.

MiniStack is asked, and moto for what MiniStack does not have without pulling images (databases),
does not have (the scaling of services), and forgets (alarms); and for networks, which databases
want to see.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.account import Account, account, needs_account
from tests.infra.commands import client
from tools.infra.stand_in import serving_moto
from tools.infra.terraform import Terraform, example

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("TEST_APPLY"), reason="make infra-apply-local runs it"),
]
CHANGED = {
    "aws_db_parameter_group.parameter": "moto forgets parameters",
    "aws_ecs_service.availability_zone_rebalancing": "MiniStack does not know it",
    "aws_vpc_security_group_egress_rule.description": "moto forgets it",
    "aws_vpc_security_group_ingress_rule.description": "the same",
}
"""What a second plan would change, by kind and attribute, with the reason; six at most."""


@pytest.fixture
def tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto 5.2 scales services, and does not know that what scales them may have tags."""
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse as Scaling

    kept: dict[str, str] = {}

    def listed(_asked: Scaling) -> str:
        return json.dumps({"Tags": kept})

    def registered(asked: Scaling, before: Any = Scaling.register_scalable_target) -> str:
        kept.update(asked._get_param("Tags") or {})
        return str(before(asked))

    monkeypatch.setattr(Scaling, "list_tags_for_resource", listed, raising=False)
    monkeypatch.setattr(Scaling, "register_scalable_target", registered)


@pytest.fixture
def made(terraform: Terraform, tmp_path: Path, tags: None) -> Iterator[Account]:
    needs_account()
    assert terraform, "where it is not, this is skipped too"
    with account(tmp_path) as found, serving_moto() as other:
        for service in ("EC2", "RDS", "APPLICATION_AUTO_SCALING", "CLOUDWATCH"):
            found.terraform.variables[f"AWS_ENDPOINT_URL_{service}"] = other
        _with_service(other, "reviews-dev", "reviews-dev-api")
        yield found


def _with_service(moto: str, cluster: str, service: str) -> None:
    """Make a service in moto, which scales none that it does not have."""
    ecs = client(moto, "ecs")
    ecs.create_cluster(clusterName=cluster)
    container = {"name": "api", "image": "i", "memory": 128, "cpu": 128}
    ecs.register_task_definition(family=service, containerDefinitions=[container])
    ecs.create_service(cluster=cluster, serviceName=service, taskDefinition=service, desiredCount=1)


def test_dev_is_made_stays_as_it_is_and_goes(made: Account) -> None:
    """A second plan changes what the list above allows, and nothing of dev is left at the end."""
    made.made("bootstrap", example("bootstrap"))
    certificate = made.client("acm").request_certificate(DomainName="reviews.example.com")
    values = example("dev") | {
        "certificate_arn": certificate["CertificateArn"], "wait_until_steady": False
    }  # fmt: skip
    made.made("envs/dev", values)
    made_of_it = made.terraform.run("envs/dev", "state", "list").stdout.split()
    second = made.terraform.plan("envs/dev", values)
    changed = {
        f"{one['type']}.{name}"
        for one in second.shown["resource_changes"]
        for name in differing(one["change"])
    }
    gone = made.terraform.run("envs/dev", "destroy", "-no-color", "-input=false", "-auto-approve",
                              "-var-file=values.json")  # fmt: skip
    said = re.search(r"Destroy complete! Resources: (\d+) destroyed", gone.stdout)
    sys.stderr.write(f"\nmade {len(made_of_it)}, changed {sorted(changed)}, {said and said[0]}\n")

    assert len(made_of_it) > 150
    assert len(CHANGED) <= 6
    assert sorted(CHANGED) == sorted(changed)
    assert 0 == gone.returncode, gone.stderr
    assert said
    assert left(made) == {}


def differing(change: dict[str, object]) -> set[str]:
    """The attributes that a plan would change; `all` where something is made or taken away."""
    if change["actions"] in (["no-op"], ["read"]):
        return set()
    if change["actions"] != ["update"]:
        return {"all"}
    before, after = (json.loads(json.dumps(change[when])) for when in ("before", "after"))
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def left(made: Account) -> dict[str, list[str]]:
    """What is still there of dev, by service."""
    found = {
        "buckets": [one["Name"] for one in made.client("s3").list_buckets()["Buckets"]
                    if one["Name"].startswith("reviews-dev")],
        "roles": [one["RoleName"] for one in made.client("iam").list_roles()["Roles"]
                  if one["RoleName"].startswith("reviews-dev")],
        "clusters": made.client("ecs").list_clusters()["clusterArns"],
        "machines": made.client("stepfunctions").list_state_machines()["stateMachines"],
        "topics": made.client("sns").list_topics()["Topics"],
        "balancers": made.client("elbv2").describe_load_balancers()["LoadBalancers"],
        "secrets": made.client("secretsmanager").list_secrets()["SecretList"],
        "log groups": [one["logGroupName"]
                       for one in made.client("logs").describe_log_groups()["logGroups"]
                       if "reviews-dev" in one["logGroupName"]],
    }  # fmt: skip
    return {name: things for name, things in found.items() if things}
