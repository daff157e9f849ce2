"""One command of the project as a task of Airflow: its exit code decides how the task ends.

It imports Airflow and nothing of the project, whose packages live in an environment of their own.
"""

import os
import signal
import subprocess
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout
from ending import MlflowLink, finish

_GRACE_SECONDS = 20
_LINES = 200  # of what a step says at its end


class StepOperator(BaseOperator):
    """Runs `python -m module words…` in the project's folder; words that render empty are left out.

    The program is that of the project's environment, or WORKFLOW_PYTHON.
    `step` is the task in workflows.json: its module and what exit codes mean. A process of this
    machine is held to no memory and no processors; what `step` says of them is for containers.
    """

    template_fields: Sequence[str] = ("words",)
    operator_extra_links = (MlflowLink(),)
    ui_color = "#e8f1fa"

    def __init__(
        self, *, step: dict[str, Any], words: list[str], folder: str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.words = words
        self.python = os.environ.get("WORKFLOW_PYTHON") or f"{folder}/.venv/bin/python"
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._said: deque[str] = deque(maxlen=_LINES)

    def execute(self, context: Any) -> dict[str, str] | None:
        """Run the command; every line it says goes to the task's log. See `finish` for its end."""
        del context
        command = [self.python, "-m", self.step["module"], *(word for word in self.words if word)]
        self.log.info("%s", " ".join(command))
        try:
            code = self._ended(command)
        except AirflowTaskTimeout as late:
            msg = f"{self.task_id} was ended at its time limit, {self.execution_timeout}"
            raise AirflowFailException(msg) from late
        finally:
            self.on_kill()
        return finish(self, code, self._said)

    def _ended(self, command: list[str]) -> int:
        try:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=project_environment(os.environ),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise AirflowException(f"{command[0]} was not started: {error}") from error
        for line in self._process.stdout or ():
            self._said.append(line)
            self.log.info("%s", line.rstrip())
        return self._process.wait()

    def on_kill(self) -> None:
        """End what was started, and its children, gently at first."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def project_environment(environ: dict[str, str] | Any) -> dict[str, str]:
    """Return the environment without what is Airflow's own, its database's password among it.

    >>> project_environment({"AIRFLOW__CORE__FERNET_KEY": "x", "REVIEWS_SEED": "7"})
    {'REVIEWS_SEED': '7'}
    """
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("AIRFLOW", "_AIRFLOW"))
        and name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    }
