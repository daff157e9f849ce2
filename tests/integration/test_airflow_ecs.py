"""Airflow with ECS as its runner, asking a second stand-in for AWS: moto, which runs nothing."""

from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from src.orchestration.jobs import fargate, jobs
from src.orchestration.workflow import WORKFLOWS, Task
from tests.integration.airflow_runs import DAY, Side, ending, needs_airflow

pytestmark = [pytest.mark.slow, needs_airflow]
AWS = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}


def test_a_week_is_asked_of_ecs(side: Side, s3_address: str) -> None:
    """Each task once, in its order, with the command, memory and processors of the list."""
    ecs, ec2 = (
        boto3.client(
            service, endpoint_url=s3_address, region_name="us-east-1",
            aws_access_key_id="t", aws_secret_access_key="t",
        )
        for service in ("ecs", "ec2")
    )  # fmt: skip
    ecs.create_cluster(clusterName="reviews")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    tasks = {
        name: ecs.register_task_definition(
            family=f"reviews-{name}", requiresCompatibilities=["FARGATE"], networkMode="awsvpc",
            cpu=str(job["cpu"]), memory=str(job["memory"]),
            containerDefinitions=[
                {"name": "step", "image": job["image"], "cpu": 256, "memory": 512}
            ],
        )["taskDefinition"]["taskDefinitionArn"]
        for name, job in jobs().items()
    }  # fmt: skip
    said = side(
        "run", "weekly_training", DAY,
        WORKFLOW_RUNNER="ecs", WORKFLOW_ECS_CLUSTER="reviews", WORKFLOW_ECS_POLL_SECONDS="1",
        WORKFLOW_ECS_SUBNETS=subnet, WORKFLOW_ECS_SECURITY_GROUPS=group,
        WORKFLOW_ECS_TASKS="reviews", AWS_ENDPOINT_URL=s3_address, **AWS,
    )  # fmt: skip
    arns = ecs.list_tasks(cluster="reviews")["taskArns"]
    asked = ecs.describe_tasks(cluster="reviews", tasks=arns)["tasks"]

    assert "done" == ending(said)
    assert [_expected(task, tasks) for task in WORKFLOWS["weekly_training"].tasks[:-1]] == [
        (one["overrides"], one["taskDefinitionArn"]) for one in asked
    ]
    assert len(asked) == len({one["startedBy"] for one in asked})


def _expected(task: Task, definitions: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Return what a task of a week without approval is to ask for, and its task definition."""
    whole, part = fargate(task)
    command = [task.module, *task.filled({"run": "2026-W02", "warm_start": ""})]
    container = {"name": "step", "command": command, **part}
    return {**whole, "containerOverrides": [container]}, definitions[task.name]
