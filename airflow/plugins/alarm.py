"""Who is told when a task has failed for good: the log, and the address in WORKFLOW_ALARM_URL."""

import json
import logging
import os
import urllib.request
from typing import Any

_SECONDS = 10


def tell(context: Any) -> None:
    """Send what failed as JSON to WORKFLOW_ALARM_URL, where one is set.

    An address that does not answer is told in the log and changes nothing about the run.
    """
    task, run = context["task_instance"], context["dag_run"]
    said = {
        "workflow": task.dag_id,
        "task": task.task_id,
        "run": run.run_id,
        "tries": task.try_number,
        "reason": str(context.get("exception") or "it failed"),
    }
    log = logging.getLogger(__name__)
    log.error("%(workflow)s ended at %(task)s: %(reason)s", said)
    address = os.environ.get("WORKFLOW_ALARM_URL", "")
    if not address.startswith(("http://", "https://")):
        return
    request = urllib.request.Request(  # noqa: S310 - the scheme is looked at above
        address, json.dumps(said).encode(), {"Content-Type": "application/json"}
    )
    try:
        urllib.request.urlopen(request, timeout=_SECONDS).close()  # noqa: S310
    except OSError as error:
        log.error("the alarm was not delivered: %s", error)  # noqa: TRY400 - no defect of ours
