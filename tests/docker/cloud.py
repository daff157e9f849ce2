"""What stands in for AWS in tests: MiniStack on loopback, run by .venv-cloud.

    BIND_HOST=127.0.0.1 GATEWAY_PORT=4566 python cloud.py

Four things are done as AWS does them, where MiniStack 1.5 does otherwise. A step of a state
machine that runs an ECS task fails with `States.TaskFailed` where a container ends with another
code than 0 or never starts, its cause being the task as JSON; where the step's time is over, the
task is stopped; a container has the `user` of its definition; and where rights are enforced, a
policy can ask with which boundary a role is made (`iam:PermissionsBoundary`).

CLOUD_TRAIL names a file for what was asked under enforced rights: key, action, resource, allowed.
https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
"""

import json
import os
import time
from typing import Any

from ministack.app import main
from ministack.core import iam_actions, iam_evaluator
from ministack.services import ecs, stepfunctions

_SECONDS = 0.5
_running: set[tuple[str, str]] = set()  # cluster and task of what is waited for
_timed = stepfunctions._invoke_resource_with_timeout
_containers = ecs._build_run_kwargs
_context = iam_actions.request_tag_context
_enforced = iam_evaluator.enforce
_trail = os.environ.get("CLOUD_TRAIL", "")


def _wait(cluster: str, tasks: list[str]) -> Any:
    """Wait until the tasks have stopped; return their description, or fail with it."""
    waited = {(cluster, task) for task in tasks}
    _running.update(waited)
    while True:
        _status, _headers, body = ecs._describe_tasks({"cluster": cluster, "tasks": tasks})
        found = json.loads(body)
        if all(task["lastStatus"] == "STOPPED" for task in found["tasks"]):
            break
        time.sleep(_SECONDS)
    _running.difference_update(waited)
    for task in found["tasks"]:
        if any(container.get("exitCode") != 0 for container in task["containers"]):
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(_pascal(task)))
    return _pascal(found)


def _timed_and_stopped(resource: str, data: dict[str, Any], timeout: float) -> Any:
    before = set(_running)
    try:
        return _timed(resource, data, timeout)
    except stepfunctions._ExecutionError as error:
        if error.error == "States.Timeout":
            for cluster, task in _running - before:  # tests run one machine at a time
                ecs._stop_task({"cluster": cluster, "task": task, "reason": "its time was over"})
        raise


def _with_user(definition: dict[str, Any], *rest: Any) -> Any:
    made = _containers(definition, *rest)
    return made | ({"user": definition["user"]} if definition.get("user") else {})


def _with_boundary(service: str, action: str, body: bytes, params: dict[str, Any]) -> Any:
    found = _context(service, action, body, params)
    boundary = iam_actions._query_param(params, "PermissionsBoundary")
    if service == "iam" and boundary:
        found = found | {"iam:PermissionsBoundary": boundary}
    return found


def _kept(key: str, action: str, service: str, region: str, resource_arn: str = "*",
          service_context: dict[str, Any] | None = None) -> Any:  # fmt: skip
    result = _enforced(key, action, service, region, resource_arn, service_context)
    said = {"key": key, "action": action, "resource": resource_arn, "allowed": result is None}
    with open(_trail, "a", encoding="utf-8") as trail:  # noqa: PTH123
        trail.write(json.dumps(said) + "\n")
    return result


def _pascal(value: Any) -> Any:
    if isinstance(value, list):
        return [_pascal(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name[:1].upper() + name[1:]: _pascal(one) for name, one in value.items()}


stepfunctions._poll_ecs_tasks = _wait
stepfunctions._invoke_resource_with_timeout = _timed_and_stopped
ecs._build_run_kwargs = _with_user
iam_actions.request_tag_context = _with_boundary
if _trail:
    iam_evaluator.enforce = _kept
main()
