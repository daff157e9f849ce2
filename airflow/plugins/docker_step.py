"""The same task in a container of this machine's Docker engine, with the limits of its step."""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow.providers.docker.exceptions import DockerContainerFailedException
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout
from docker.errors import DockerException
from docker.types import Mount
from ending import MlflowLink, finish
from step_operator import project_environment

_OURS = re.compile(r"(REVIEWS|MLFLOW|AWS|KAGGLE)_|(HTTP|HTTPS|NO)_PROXY$")
_NOT_OURS = {"REVIEWS_DATA_DIR", "REVIEWS_CACHE_DIR", "REVIEWS_REAL_DATA"}  # places of this machine
_HOST = "host.docker.internal"  # this machine, as a container sees it
_THIS_MACHINE = re.compile(r"^(https?://(?:[^/@]*@)?)(?:localhost|127\.0\.0\.1|\[::1\])(?=[:/]|$)")
_CODE = re.compile(r"'StatusCode': (\d+)")


class DockerStepOperator(DockerOperator):
    """Runs a step in its image, as who runs Airflow, on the data of DOCKER_DATA.

    The names of make are taken from the environment: MODEL_IMAGE and MONITORING_IMAGE, DOCKER_DATA,
    and STACK, whose network has MLflow. WORKFLOW_SETTINGS_FILE is a file as .env is, which is taken
    otherwise.
    """

    template_fields = ("words",)
    operator_extra_links = (MlflowLink(),)
    ui_color = "#e3f4ea"

    def __init__(
        self, *, step: dict[str, Any], words: list[str], folder: str, **kwargs: Any
    ) -> None:
        self.step = step
        self.words = words
        data = Path(folder, os.environ.get("DOCKER_DATA") or "data/docker")
        super().__init__(
            image=_image(step["image"]),
            command=[],
            mounts=[Mount("/app/data", str(data), type="bind"), *_settings(folder)],
            mount_tmp_dir=False,
            extra_hosts={_HOST: "host-gateway"},
            private_environment=_environment(),
            mem_limit=f"{step['memory_mb']}m",
            cpus=step["cpus"],
            user=f"{os.getuid()}:{os.getgid()}",
            auto_remove="force",
            xcom_all=True,  # all lines are returned, and one task's last ones are kept
            **kwargs,
        )

    def execute(self, context: Any) -> dict[str, str] | None:
        """Run the container; its output goes to the task's log. See `finish` for its end."""
        self.command = [self.step["module"], *(word for word in self.words if word)]
        code = 0
        said: list[str | bytes] = []
        try:
            stack = os.environ.get("STACK") or "tutoria-mlops"
            self.network_mode = stack if self.cli.networks(names=[stack]) else "bridge"
            said = super().execute(context) or []
        except DockerContainerFailedException as failed:
            said = failed.logs or []
            found = _CODE.search(str(failed))
            code = int(found[1]) if found else -1
        except AirflowTaskTimeout as late:
            with suppress(DockerException):  # it may be gone already
                self.on_kill()
            msg = f"{self.task_id} was ended at its time limit, {self.execution_timeout}"
            raise AirflowFailException(msg) from late
        except DockerException as error:
            raise AirflowException(f"{self.image} was not started: {error}") from error
        lines = [
            line.decode(errors="replace") if isinstance(line, bytes) else line for line in said
        ]
        return finish(self, code, lines)


def _settings(folder: str) -> list[Mount]:
    """Return the mount of the settings: WORKFLOW_SETTINGS_FILE, or the project's .env."""
    named, own = os.environ.get("WORKFLOW_SETTINGS_FILE"), Path(folder, ".env")
    file = named or (str(own) if own.is_file() else "")
    return [Mount("/app/.env", file, type="bind", read_only=True)] if file else []


def _image(name: str) -> str:
    """Return the image of a step as make calls it."""
    variable = "MONITORING_IMAGE" if name.endswith("monitoring") else "MODEL_IMAGE"
    tag = os.environ.get("IMAGE_TAG") or "latest"
    return os.environ.get(variable) or f"{name}:{tag}"


def _environment() -> dict[str, str]:
    """Return the settings that mean the same in a container, and where its data and MLflow are."""
    given = project_environment(os.environ)
    ours = {
        name: value for name, value in given.items() if _OURS.match(name) and name not in _NOT_OURS
    }
    mlflow = ours.get("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    ours["MLFLOW_TRACKING_URI"] = _THIS_MACHINE.sub(rf"\1{_HOST}", mlflow)
    place = given.get("REVIEWS_DATA_DIR", "")
    return ours | {"REVIEWS_DATA_DIR": place if place.startswith("s3://") else "data"}
