"""MLflow's image behind a login, as it runs on AWS."""

import subprocess
import time
from collections.abc import Iterator

import pytest
import requests

from tests.docker.conftest import Docker, free_port

WHO = ("mlflow", "a-password-of-a-test")


@pytest.fixture
def address(docker: Docker) -> Iterator[str]:
    """A server that wants a login, on a read-only root."""
    name, port = f"{docker.variables['STACK']}-login", free_port()
    subprocess.run(
        [
            "docker", "run", "--detach", "--rm", "--name", name, "--read-only", "--tmpfs", "/tmp",
            "--publish", f"127.0.0.1:{port}:5000",
            "--env", "BACKEND_STORE_URI=sqlite:////tmp/mlflow.db",
            "--env", "ARTIFACTS_DESTINATION=/tmp/artifacts",
            "--env", f"MLFLOW_AUTH_ADMIN_PASSWORD={WHO[1]}",
            "--env", "MLFLOW_FLASK_SERVER_SECRET_KEY=another-secret-of-a-test",
            docker.image("mlflow"),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)


def test_who_asks_has_to_log_in(address: str) -> None:
    """Health is told to everybody, for the load balancer; all else to who knows the password."""
    deadline = time.monotonic() + 90
    while True:
        try:
            assert requests.get(f"{address}/health", timeout=3).ok
            break
        except requests.RequestException:
            assert time.monotonic() < deadline, "it does not start"
            time.sleep(0.5)
    asked = f"{address}/api/2.0/mlflow/experiments/search"
    nobody, wrong, right = (
        requests.post(asked, json={"max_results": 1}, auth=who, timeout=30)
        for who in (None, (WHO[0], "wrong"), WHO)
    )
    page = requests.get(address, timeout=30)

    assert (401, 401, 200) == (nobody.status_code, wrong.status_code, right.status_code)
    assert "Default" == right.json()["experiments"][0]["name"]
    assert 401 == page.status_code


def test_a_login_without_a_key_is_refused(docker: Docker) -> None:
    """The key that forms are signed with is not made up: two servers would have two."""
    done = docker.run(
        "mlflow",
        options=("--env", "BACKEND_STORE_URI=sqlite:////tmp/m.db",
                 "--env", "MLFLOW_AUTH_ADMIN_PASSWORD=secret-of-a-test"),
    )  # fmt: skip

    assert (2, True) == (done.returncode, "MLFLOW_FLASK_SERVER_SECRET_KEY" in done.stderr)
    assert "secret-of-a-test" not in done.stdout + done.stderr
