"""The same task on Amazon ECS (Fargate), with the task definitions that state machines use too."""

import os
from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout
from botocore.exceptions import BotoCoreError, ClientError
from ending import MlflowLink, finish

_CONTAINER = "step"
_LINES = 200
_NEEDED = ("CLUSTER", "TASKS", "SUBNETS", "SECURITY_GROUPS")


class EcsStepOperator(EcsRunTaskOperator):
    """Runs a step as a task of ECS and waits for its end.

    A second try takes up the first one's task where that still runs, found by its `startedBy`.
    Where it had ended, a new one finds the work done. Names are taken from the environment:
    WORKFLOW_ECS_CLUSTER, _TASKS (task definitions are called that, a dash and the step),
    _SUBNETS and _SECURITY_GROUPS (with commas between them), _PUBLIC_IP (ENABLED in public
    subnets), and _LOG_GROUP and _LOG_PREFIX for the task's log; AWS_* are those of boto3.
    """

    template_fields: Sequence[str] = ("words",)
    template_fields_renderers: dict[str, str] = {}
    operator_extra_links = (MlflowLink(),)
    ui_color = "#fdeedd"

    def __init__(
        self, *, step: dict[str, Any], words: list[str], folder: str, **kwargs: Any
    ) -> None:
        del folder
        _require_settings()
        self.step = step
        self.words = words
        self._code = -1
        group, prefix = _setting("LOG_GROUP"), _setting("LOG_PREFIX")
        super().__init__(
            cluster=_setting("CLUSTER"),
            task_definition=f"{_setting('TASKS')}-{step['name']}",
            launch_type="FARGATE",
            overrides={},
            network_configuration={
                "awsvpcConfiguration": {
                    "subnets": _setting("SUBNETS").split(","),
                    "securityGroups": _setting("SECURITY_GROUPS").split(","),
                    "assignPublicIp": _setting("PUBLIC_IP") or "DISABLED",
                }
            },
            awslogs_group=group or None,
            awslogs_stream_prefix=prefix or None,
            container_name=_CONTAINER,
            aws_conn_id=None,  # boto3's own ways to credentials and region
            reattach=True,
            waiter_delay=int(_setting("POLL_SECONDS") or 6),
            **kwargs,
        )

    def execute(self, context: Any) -> dict[str, str] | None:
        """Run the task; with a log group its output goes to this log. See `finish` for its end."""
        words = [self.step["module"], *(word for word in self.words if word)]
        container = self.step["fargate"]["container"] | {"name": _CONTAINER, "command": words}
        self.overrides = self.step["fargate"]["task"] | {"containerOverrides": [container]}
        try:
            super().execute(context)
        except AirflowTaskTimeout as late:
            self.on_kill()
            msg = f"{self.task_id} was ended at its time limit, {self.execution_timeout}"
            raise AirflowFailException(msg) from late
        except (BotoCoreError, ClientError) as error:
            raise AirflowException(f"{self.task_id} was not started on ECS: {error}") from error
        said = self.task_log_fetcher.get_last_log_messages(_LINES) if self.task_log_fetcher else []
        return finish(self, self._code, said)

    def _check_success_task(self) -> None:
        """Take the container's exit code; -1 where it never had one."""
        answer = self.client.describe_tasks(cluster=self.cluster, tasks=[self.arn])
        (task,) = answer["tasks"]
        codes = [one.get("exitCode") for one in task["containers"] if one["name"] == _CONTAINER]
        self._code = -1 if not codes or codes[0] is None else codes[0]
        self.log.info("%s: exit code %s, %s", self.arn, self._code, task.get("stoppedReason", ""))


def _require_settings() -> None:
    """Raise ValueError where a task could not be started for want of a setting."""
    missing = [f"WORKFLOW_ECS_{name}" for name in _NEEDED if not _setting(name)]
    if missing:
        raise ValueError(f"WORKFLOW_RUNNER=ecs needs {' and '.join(missing)}.")


def _setting(name: str) -> str:
    return os.environ.get(f"WORKFLOW_ECS_{name}", "")
