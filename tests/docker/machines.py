"""State machines on the stand-in for AWS: made of what is rendered, run, and told in words."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests

from src.orchestration.jobs import jobs
from tests.conftest import ROOT
from tests.integration.processes import free_port

CLOUD = ROOT / ".venv-cloud/bin/python"
REGION = "us-east-1"
_ROLE = "arn:aws:iam::000000000000:role/states"


@dataclass
class Cloud:
    """The clients, and what a template's names stand for."""

    address: str
    names: dict[str, str]

    def client(self, service: str) -> Any:
        return boto3.client(
            service, endpoint_url=self.address, region_name=REGION,
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip

    def define(self, family: str, image: str, data: Path, **environment: str) -> str:
        """Register a task of one container, `step`, over `data`; return its ARN."""
        said = [{"name": name, "value": value} for name, value in environment.items()]
        answer = self.client("ecs").register_task_definition(
            family=family,
            requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="1024", memory="2048",
            volumes=[{"name": "data", "host": {"sourcePath": str(data)}}],
            containerDefinitions=[{
                "name": "step", "image": image, "user": f"{os.getuid()}:{os.getgid()}",
                "environment": said, "essential": True,
                "mountPoints": [{"sourceVolume": "data", "containerPath": "/app/data"}],
            }],
        )  # fmt: skip
        arn: str = answer["taskDefinition"]["taskDefinitionArn"]
        return arn

    def define_all(
        self, prefix: str, images: Mapping[str, str], data: Path, **environment: str
    ) -> dict[str, str]:
        """Register the task of every step, of the image of its kind; return what a machine needs.

        Those are ARNs, by the names that stand for them in a template.
        """
        return {
            f"task_definition.{name}": self.define(
                f"{prefix}-{name}", images[job["image"]], data, **environment
            )
            for name, job in jobs().items()
        }

    def machine(self, name: str, definition: Mapping[str, Any], names: Mapping[str, str]) -> str:
        """Make a state machine of a rendered definition, its names filled in; return its ARN."""
        text = json.dumps(definition)
        for hole, value in {**self.names, **names}.items():
            text = text.replace(f"${{{hole}}}", value)
        assert "${" not in text
        states = self.client("stepfunctions")
        made = states.create_state_machine(name=name, definition=text, roleArn=_ROLE)
        arn: str = made["stateMachineArn"]
        return arn

    def start(self, machine: str, **parameters: str) -> str:
        states = self.client("stepfunctions")
        begun = states.start_execution(stateMachineArn=machine, input=json.dumps(parameters))
        arn: str = begun["executionArn"]
        return arn

    def ended(self, execution: str, seconds: float = 300) -> dict[str, Any]:
        """Wait for an execution; return its description, and the names of its states in order."""
        states = self.client("stepfunctions")
        deadline = time.monotonic() + seconds
        while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline, self.path(execution)
            time.sleep(0.3)
        return dict(found) | {"path": self.path(execution)}

    def path(self, execution: str) -> list[str]:
        """Return the names of the states that an execution has entered."""
        history = self.client("stepfunctions").get_execution_history(
            executionArn=execution, maxResults=1000
        )
        return [event["stateEnteredEventDetails"]["name"] for event in history["events"]
                if "stateEnteredEventDetails" in event]  # fmt: skip

    def told(self, topic: str) -> list[str]:
        """Return what was published to a topic and not yet read."""
        queues = self.client("sqs")
        said = queues.receive_message(
            QueueUrl=self.names[f"{topic}_queue"], MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages", [])
        for one in said:
            queues.delete_message(
                QueueUrl=self.names[f"{topic}_queue"], ReceiptHandle=one["ReceiptHandle"]
            )
        return [json.loads(one["Body"])["Message"] for one in said]


def word(ended: Mapping[str, Any]) -> str:
    """Return the word for how an execution went."""
    if ended["status"] != "SUCCEEDED":
        return str(ended["error"]).lower()
    if "skipped" in ended["path"]:
        return "skipped"
    return "retried" if any(name.endswith("_again") for name in ended["path"]) else "done"


@contextmanager
def cloud(folder: Path) -> Iterator[Cloud]:
    """Start what stands in for AWS, with a cluster and two topics that can be read."""
    with emulator(folder) as address:
        yield _furnished(address)


@contextmanager
def emulator(folder: Path, **variables: str) -> Iterator[str]:
    """Start what stands in for AWS, with variables of its own; give its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    log = folder / "cloud.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [CLOUD, ROOT / "tests/docker/cloud.py"], cwd=folder, stdout=out, stderr=out,
            env=os.environ | {
                "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SFN_WAIT_SCALE": "0.01",
                "MINISTACK_REGION": REGION,
            } | variables,
        )  # fmt: skip
    try:
        _until_up(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            requests.get(f"{address}/_ministack/health", timeout=2)
        except requests.RequestException:
            time.sleep(0.3)
        else:
            return


def _furnished(address: str) -> Cloud:
    made = Cloud(
        address,
        {
            "cluster": "reviews",
            "assign_public_ip": "DISABLED",
            "subnets": "subnet-1",
            "security_group": "sg-1",
        },
    )
    made.client("ecs").create_cluster(clusterName="reviews")
    for topic in ("alarm_topic", "approval_topic"):
        arn = made.client("sns").create_topic(Name=topic)["TopicArn"]
        queue = made.client("sqs").create_queue(QueueName=topic)["QueueUrl"]
        place = made.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        made.client("sns").subscribe(
            TopicArn=arn, Protocol="sqs", Endpoint=place["Attributes"]["QueueArn"]
        )
        made.names |= {topic: arn, f"{topic}_queue": queue}
    return made
