"""What `make infra-plan` and `infra-apply` say where an environment cannot be changed."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.infra.commands import client, ran
from tests.integration.s3_server import S3Server, serving_s3
from tools.infra.running import advice
from tools.infra.terraform import NOT_COPIED, Terraform, example

pytestmark = pytest.mark.slow
BUCKET = "reviews-123456789012-state"


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with serving_s3() as server:
        yield server


@pytest.fixture
def variables(s3: S3Server, terraform: Terraform) -> Mapping[str, str]:
    """What somebody has set who is logged in, and who has a bucket for the state."""
    said = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": s3.address}  # fmt: skip
    client(s3.address).create_bucket(Bucket=BUCKET)
    return terraform.variables | said | {"TF_CLI_ARGS_init": "-backend-config=use_path_style=true"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of it in which Terraform may write, with the values of an environment."""
    for name in ("infra", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(*NOT_COPIED))
    (tmp_path / "src").symlink_to(ROOT / "src")
    folder = tmp_path / "infra/envs/dev"
    (folder / "terraform.tfvars.json").write_text(json.dumps(example("dev")))
    (folder / "zz_override.tf").write_text(
        'provider "aws" {\n  s3_use_path_style = true\n  max_retries = 2\n}\n'
    )
    return tmp_path


def environment(
    repository: Path, variables: Mapping[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    return ran(repository, "environment", *words, variables=variables)


DEV = ("--environment=dev", f"--bucket={BUCKET}")


def test_a_state_that_another_holds_is_waited_for(
    repository: Path, variables: Mapping[str, str], s3: S3Server
) -> None:
    """Nothing is changed, who holds it is shown, and so is how to end a lock that was left."""
    lock = {"ID": "7a9e", "Operation": "OperationTypeApply", "Who": "ana@laptop",
            "Created": "2026-01-05T09:00:00Z", "Path": "dev/terraform.tfstate"}  # fmt: skip
    key = "dev/terraform.tfstate.tflock"
    client(s3.address).put_object(Bucket=BUCKET, Key=key, Body=json.dumps(lock).encode())
    done = environment(repository, variables, "apply", *DEV, "--yes=1")
    client(s3.address).delete_object(Bucket=BUCKET, Key=key)

    assert 2 == done.returncode, done.stderr[-3000:]
    assert "ana@laptop" in done.stderr
    assert "force-unlock ID" in done.stderr
    assert "infra/envs/dev" in done.stderr
    assert not [one for one in s3.requests if one.path.endswith("/dev/terraform.tfstate")
                and one.method == "PUT"]  # fmt: skip


def test_a_plan_needs_no_lock_and_tells_what_would_be_made(
    repository: Path, variables: Mapping[str, str], s3: S3Server
) -> None:
    words = (f"--out={repository / 'plan.txt'}", "--words=-refresh=false -parallelism=4")
    done = environment(repository, variables, "plan", *DEV, *words)

    assert 0 == done.returncode, done.stderr[-3000:]
    assert "dev is planned." in done.stdout
    assert re.search(r"^Plan: \d+ to add", (repository / "plan.txt").read_text(), re.MULTILINE)
    assert "to add" in done.stderr
    assert {"GET", "HEAD"} >= {one.method for one in s3.requests if f"/{BUCKET}/" in one.path}


def test_a_value_that_is_missing_is_asked_for(
    repository: Path, variables: Mapping[str, str]
) -> None:
    (repository / "infra/envs/dev/terraform.tfvars.json").unlink()
    done = environment(repository, variables, "apply", *DEV, "--yes=1")

    assert 2 == done.returncode
    assert "infra/envs/dev/terraform.tfvars.json" in done.stderr
    assert "infra/example.tfvars.json" in done.stderr


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("infra-plan", "env= has to be dev or prod: 'moon' is none"),
        ("infra-plan-comment", "env= has to be dev or prod: 'moon' is none"),
        ("infra-apply", "env= has to be dev or prod: 'moon' is none"),
        ("infra-destroy", "env= has to be dev or prod: 'moon' is none"),
        ("infra-deploy", "env= has to be dev or prod: 'moon' is none"),
        ("infra-cost", "invalid choice: 'moon'"),
    ],
)
def test_make_hands_on_what_was_said(target: str, said: str) -> None:
    """By variables of its own, or of the environment, as GitHub has them."""
    by_name = subprocess.run(["make", target, "env=moon", "STATE_BUCKET=b"], cwd=ROOT,
                             capture_output=True, text=True, check=False)  # fmt: skip
    inherited = subprocess.run(["make", target], cwd=ROOT, capture_output=True, text=True,
                               env=os.environ | {"env": "moon", "STATE_BUCKET": "b"},
                               check=False)  # fmt: skip

    assert (2, 2) == (by_name.returncode, inherited.returncode)
    assert said in by_name.stderr
    assert said in inherited.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan",), "env= has to be dev or prod: none was named"),
        (("apply", "--environment=moon"), "env= has to be dev or prod: 'moon' is none"),
        (("plan", "--environment=prod"), "Where the state is has to be said"),
    ],
)
def test_what_is_missing_is_said_before_anything_runs(words: tuple[str, ...], said: str) -> None:
    done = ran(ROOT, "environment", *words)

    assert (2, True) == (done.returncode, said in done.stderr)


def test_without_terraform_it_is_said_where_it_is_from(repository: Path) -> None:
    done = ran(repository, "environment", "plan", *DEV, variables={"PATH": "/nowhere"})

    assert 2 == done.returncode
    assert "terraform was not found" in done.stderr
    assert "install" in done.stderr


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        ("Error: reading ECS Cluster: ExpiredToken: The security token has expired", "The cred"),
        ("Error: Failed to save state\n│ Error saving state", "The state could not be written"),
        ("│ Error: No valid credential\n│ sources found", "Log in first"),
        ("Cannot delete protected DB Instance, please disable deletion protection", "It is prot"),
        ("The new version was taken back: its tasks did not become healthy", "The version before"),
    ],
)
def test_what_to_do_is_said_of_what_aws_says(said: str, begins: str) -> None:
    found = advice(said, "prod")

    assert found.startswith(begins)
    assert "{" not in found
