"""Step Functions, on what stands in for AWS: the same endings and the same bytes as elsewhere."""

import copy
import json
import os
import subprocess
import time
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from src.orchestration.state_machine import state_machine
from src.orchestration.workflow import WORKFLOWS
from tests.conftest import Workspace
from tests.docker.conftest import Docker
from tests.docker.machines import CLOUD, Cloud, word
from tests.integration.airflow_runs import kept

pytestmark = pytest.mark.skipif(not CLOUD.exists(), reason="no .venv-cloud")
WEEKLY = WORKFLOWS["weekly_training"]
WEEKS = {"2026-W02": "no", "2026-W03": "open", "2026-W04": "yes"}


FAULTY = "reviews-faulty:test"


@pytest.fixture(scope="module")
def faulty(docker: Docker) -> str:
    """An image whose container does what the file `behaviour` of its data says."""
    lines = ["FROM python:3.12-slim", 'ENTRYPOINT ["/bin/sh", "/app/data/behaviour"]']
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", FAULTY, "-"], input="\n".join(lines), text=True,
        check=True, capture_output=True,
    )  # fmt: skip
    return FAULTY


ONCE = "[ -e /app/data/tried ] && exit 0; touch /app/data/tried; "
FAULTS = {
    "fine": ("exit 0", "done"),
    "bad usage": ("exit 2", "stopped"),
    "bad data": ("exit 3", "stopped"),
    "said no": ("exit 4", "skipped"),
    "unreachable once": (f"{ONCE}exit 5", "retried"),
    "unreachable always": ("exit 5", "alarmed"),
    "killed once": (f"{ONCE}sh -c 'kill -9 $$'; exit $?", "retried"),
    "too slow": ("exec sleep 60", "stopped"),
    "cannot be started": ("", "alarmed"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_how_an_execution_ends(aws: Cloud, faulty: str, tmp_path: Path, fault: str) -> None:
    """The same word as under make and under Airflow; who has to be told is told, once."""
    behaviour, expected = FAULTS[fault]
    (tmp_path / "behaviour").write_text(f'case "$1" in *next_batch) {behaviour} ;; esac\n')
    image = faulty if behaviour else "nowhere.invalid/reviews:1"
    images = dict.fromkeys(("model", "monitoring"), image)
    machine = copy.deepcopy(state_machine(WEEKLY))
    if fault == "too slow":
        machine["States"]["next_batch"]["TimeoutSeconds"] = 3
    arn = aws.machine(
        f"fault-{list(FAULTS).index(fault)}", machine, aws.define_all("fault", images, tmp_path)
    )  # fmt: skip
    ended = aws.ended(aws.start(arn, run="2026-W02"))
    told = aws.told("alarm_topic")
    left = subprocess.run(
        ["docker", "ps", "--quiet", "--filter", f"ancestor={FAULTY}"], check=True, text=True,
        capture_output=True,
    )  # fmt: skip

    assert expected == word(ended), ended
    assert (expected in {"stopped", "alarmed"}) == len(told), told
    assert all(f"weekly_training {expected} at next_batch" in one for one in told)
    assert "" == left.stdout, "nothing runs on"


def test_mlflow_that_is_down_is_an_alarm(aws: Cloud, docker: Docker, tmp_path: Path) -> None:
    """A step of ours says so with 5, is repeated twice, and given up."""
    settings = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "REVIEWS_BATCHES": "3"}
    data = shop(docker, tmp_path, **settings | {"MLFLOW_TRACKING_URI": ""})
    ended = week(aws, docker, data, "2026-W02", **settings)

    assert ("alarmed", 2) == (word(ended), ended["path"].count("next_batch_again"))
    assert "tell_alarmed" in ended["path"]
    assert 1 == len(aws.told("alarm_topic"))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({"run": "../../x"}, "run cannot be taken"), ({"warm_start": "a b"}, "warm_start cannot be")],
)
def test_a_value_that_fits_no_parameter_is_refused(
    aws: Cloud, faulty: str, tmp_path: Path, parameters: dict[str, str], said: str
) -> None:
    """Before any task begins."""
    names = aws.define_all("refuses", {"model": faulty, "monitoring": faulty}, tmp_path)
    arn = aws.machine(f"refuses-{'-'.join(parameters)}", state_machine(WEEKLY), names)
    ended = aws.ended(aws.start(arn, **parameters))

    assert ("FAILED", ["begin"]) == (ended["status"], ended["path"])
    assert said in ended["cause"]


def shop(docker: Docker, folder: Path, **settings: str) -> Path:
    """Make a folder of data with three batches, by containers of make."""
    data = folder / "shop"
    docker.make(
        "docker-model-pipeline-ingest", "source=synthetic:1500@3",
        fails=False, **settings | {"DOCKER_DATA": str(data)},
    )  # fmt: skip
    return data


def week(aws: Cloud, docker: Docker, data: Path, run: str, **settings: str) -> dict[str, Any]:
    """Run a week of weekly_training as a state machine; a person answers as WEEKS says."""
    images = {name: docker.image(name) for name in ("model", "monitoring")}
    names = aws.define_all("week", images, data, **settings)
    arn = aws.machine(f"weekly-{token_hex(4)}", state_machine(WEEKLY), names)
    execution = aws.start(arn, run=run)
    if settings.get("REVIEWS_PROMOTE") == "approve":
        _answer(aws, execution, WEEKS[run])
    return aws.ended(execution)


def _answer(aws: Cloud, execution: str, answer: str) -> None:
    """Wait for the question, and answer it with its token."""
    for _ in range(600):
        told = aws.told("approval_topic")
        if told:
            break
        assert (
            "RUNNING"
            == aws.client("stepfunctions").describe_execution(executionArn=execution)["status"]
        ), aws.path(execution)
        time.sleep(0.3)
    (question,) = map(json.loads, told)
    output = question["task_output"] | {"answer": answer, "by": "Ana"}
    aws.client("stepfunctions").send_task_success(
        taskToken=question["task_token"], output=json.dumps(output)
    )


def test_three_weeks_give_the_same_bytes_as_make(
    aws: Cloud, docker: Docker, workspace: Workspace, tmp_path: Path
) -> None:
    """Manifests, models, tags and answers; a fourth week finds nothing new."""
    settings = {"MLFLOW_TRACKING_URI": "", "REVIEWS_BATCHES": "3", "REVIEWS_PROMOTE": "approve"}
    for place in ("aws", "make"):
        (tmp_path / place).mkdir()
    there, here = (shop(docker, tmp_path / place, **settings) for place in ("aws", "make"))
    ended = [week(aws, docker, there, run, **settings) for run in WEEKS]
    repeated = week(aws, docker, there, "2026-W04", **settings | {"REVIEWS_PROMOTE": "auto"})
    fourth = week(aws, docker, there, "2026-W05", **settings | {"REVIEWS_PROMOTE": "auto"})
    for run, answer in WEEKS.items():
        variables = settings | {"DOCKER_DATA": str(here)}
        docker.make("docker-model-pipeline-weekly", f"run={run}", fails=False, **variables)
        words = (f"run={run}", f"answer={answer}", "by=Ana")
        docker.make("docker-model-approve", *words, fails=answer != "yes", **variables)
    found = {}
    for data in (there, here):
        workspace.set(REVIEWS_DATA_DIR=str(data), MLFLOW_TRACKING_URI="")
        found[data] = kept(data, workspace)

    assert ["done"] * 3 == [word(one) for one in ended], ended
    assert ("done", "skipped") == (word(repeated), word(fourth))
    assert found[there] == found[here]
    assert {"champion": 3} == found[there]["aliases"]
    gates = [dict(tags)["gate"] for _, tags in found[there]["versions"]]
    assert ["rejected", "asked", "promoted"] == gates
    assert os.getuid() == (there / "runs/2026-W02.json").stat().st_uid
