"""How a step's end becomes the end of a task of Airflow: by its exit code and what it said."""

import os
import re
from collections.abc import Iterable
from typing import Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

_SIGNALLED = 128
_LOGGED = re.compile(r"^(\d\d:\d\d:\d\d \[|\{)")  # a line of the log, as text or JSON
_RUN = re.compile(r"""\brun_id["']?\s*[=:]\s*["']?([0-9a-f]{32})\b""")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class MlflowLink(BaseOperatorLink):
    """The button that leads from a task to its run in MLflow."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the run's address; it is empty where the step has recorded none.

        MLflow is at WORKFLOW_MLFLOW_URL, or where the project's settings say, or where
        `make mlflow-up` starts it.
        """
        del ti_key
        run = getattr(operator, "mlflow_run", "")
        place = os.environ.get("WORKFLOW_MLFLOW_URL") or os.environ.get("MLFLOW_TRACKING_URI", "")
        if not place.startswith(("http://", "https://")):
            place = f"http://127.0.0.1:{os.environ.get('MLFLOW_PORT') or 5500}"
        return f"{place.rstrip('/')}/#/runs/{run}" if run else ""


def finish(operator: Any, code: int, lines: Iterable[str]) -> dict[str, str] | None:
    """End a task as its exit code says: by returning, or by one of Airflow's exceptions.

    What is returned is None, or what a person is told who has to answer: `said`.

    Raises:
        AirflowSkipException: nothing is left to do; the tasks after it are skipped too.
        AirflowException: the same command may end otherwise; Airflow repeats it.
        AirflowFailException: it would not; Airflow does not repeat it.
    """
    name, said = operator.task_id, [_COLOURS.sub("", line).rstrip() for line in lines]
    runs = [found[1] for line in said if (found := _RUN.search(line))]
    operator.mlflow_run = runs[-1] if runs else ""
    killed = code < 0 or code > _SIGNALLED
    meaning = "repeat" if killed else dict(operator.step["meanings"]).get(code)
    if meaning == "over":
        raise AirflowSkipException(f"{name} says that nothing is left to do")
    if meaning == "repeat":
        raise AirflowException(f"{name} ended with {code}; it may end otherwise when repeated")
    if meaning is None:
        raise AirflowFailException(f"{name} ended with {code}; see its last lines for what to do")
    return {"said": _as_markdown(said)} if meaning == "ask" else None


def _as_markdown(said: Iterable[str]) -> str:
    """Return an answer's lines as they stand, for a page that reads Markdown."""
    return "\n\n".join(f"`{line}`" for line in said if line.strip() and not _LOGGED.match(line))
