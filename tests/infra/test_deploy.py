"""A roll-out with a way back: real Terraform over a small environment, and a real API."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import ROOT, Workspace
from tests.infra.commands import client, ran
from tests.integration.api_process import Api, model_of, put_model, ready
from tests.integration.processes import free_port
from tests.integration.s3_server import serving_s3
from tools.infra.smoke import REVIEWS
from tools.infra.terraform import Terraform

pytestmark = pytest.mark.slow
BUCKET = "reviews-states"
ENVIRONMENT = """
terraform {
  backend "s3" {
    key            = "dev/terraform.tfstate"
    use_lockfile   = true
    use_path_style = true
  }
}

variable "images" {
  type = map(string)
}

resource "terraform_data" "service" {
  triggers_replace = var.images

  provisioner "local-exec" {
    command = "echo '${var.images.api}' >> applied"
  }

  lifecycle {
    postcondition {
      condition     = self.id != "" && !strcontains(var.images.api, "dies")
      error_message = "The new version was taken back: its tasks did not become healthy."
    }
  }
}

resource "terraform_data" "applied" {
  input      = var.images
  depends_on = [terraform_data.service]
}
"""
Deploy = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def variables(terraform: Terraform) -> Iterator[Mapping[str, str]]:
    said = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    with serving_s3() as server:
        client(server.address).create_bucket(Bucket=BUCKET)
        yield terraform.variables | said | {"AWS_ENDPOINT_URL": server.address}


@pytest.fixture
def deploy(tmp_path: Path, variables: Mapping[str, str], request: pytest.FixtureRequest) -> Deploy:
    """Roll an image out in a repository whose environment is small, with a state of its own."""
    folder = tmp_path / "repository/infra/envs/dev"
    folder.mkdir(parents=True)
    text = ENVIRONMENT.replace("dev/", f"{request.node.name}/")
    (folder / "main.tf").write_text(text)
    shutil.copytree(ROOT / "tools", tmp_path / "repository/tools")
    (tmp_path / "repository/src").symlink_to(ROOT / "src")

    def run(image: str, address: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "images.json").write_text(json.dumps({"api": image}))
        words = ("--environment=dev", f"--bucket={BUCKET}", f"--address={address}")
        images = f"--images={tmp_path / 'images.json'}"
        return ran(tmp_path / "repository", "deploy", *words, images, "--json", variables=variables)

    return run


@pytest.fixture
def state(
    tmp_path: Path, variables: Mapping[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Apply an image in the repository of `deploy`, asking nobody, and without a way back."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        named = ("--environment=dev", f"--bucket={BUCKET}", "--yes=1")
        return ran(tmp_path / "repository", "environment", *words, *named, variables=variables)

    return run


def applied(tmp_path: Path) -> list[str]:
    return (tmp_path / "repository/infra/envs/dev/applied").read_text().split()


@pytest.fixture
def good(champion: Workspace, tmp_path: Path) -> Iterator[Api]:
    """The API, with a model that has learned."""
    champion.ok("pipeline.export")
    (tmp_path / "good").mkdir()
    with ready(tmp_path / "good", REVIEWS_API_MODEL_DIR=str(champion.path / "data/model")) as api:
        yield api


@pytest.fixture
def wrong(tmp_path: Path) -> Iterator[Api]:
    """The API, ready, with a model of random weights that takes a good review for a bad one."""
    title, message = REVIEWS["positive"].values()
    seed = next(n for n in count() if model_of(n).read([title], [message]).probability[0] < 0.4)
    (tmp_path / "wrong/model").mkdir(parents=True)
    put_model_at(tmp_path / "wrong/model", seed)
    with ready(tmp_path / "wrong") as api:
        yield api


def put_model_at(folder: Path, seed: int) -> None:
    (folder / "aside").mkdir()
    put_model(folder, seed, "1")


def test_what_answers_wrongly_is_taken_back(
    deploy: Deploy, good: Api, wrong: Api, tmp_path: Path
) -> None:
    """The images before are applied again, and exit code 4 says so."""
    first = deploy("first", str(good.client.base_url))
    second = deploy("second", str(wrong.client.base_url))
    third = deploy("third", str(good.client.base_url))

    assert (0, 4, 0) == (first.returncode, second.returncode, third.returncode), second.stderr
    assert ["first", "second", "first", "third"] == applied(tmp_path)
    assert "A positive review was answered with negative" in second.stdout
    assert {"api": "third"} == json.loads(third.stdout)["images"]


def test_what_does_not_become_healthy_is_taken_back(
    deploy: Deploy, good: Api, tmp_path: Path
) -> None:
    """ECS has taken the service back by then; the rest of the environment follows."""
    first = deploy("first", str(good.client.base_url))
    second = deploy("dies", str(good.client.base_url))

    assert (0, 4) == (first.returncode, second.returncode), second.stderr
    assert "serve model version 1" in second.stdout
    assert ["first", "dies", "first"] == applied(tmp_path)


def test_a_first_version_that_does_not_answer_stays(deploy: Deploy, tmp_path: Path) -> None:
    """There is nothing to go back to, and it says so."""
    done = deploy("first", f"http://127.0.0.1:{free_port()}")

    assert 4 == done.returncode
    assert "nothing to go back to" in done.stdout
    assert ["first"] == applied(tmp_path)


def test_what_an_apply_failed_with_is_not_what_runs(
    deploy: Deploy, state: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """A next apply without images takes those before; a destroy goes on without any."""
    deploy("first", f"http://127.0.0.1:{free_port()}")
    failed = state("apply", '--images={"api": "dies"}')
    again = state("apply")
    gone = [state("destroy").returncode for _ in range(2)]

    assert (4, 0, [0, 0]) == (failed.returncode, again.returncode, gone), again.stderr
    assert ["first", "dies", "first"] == applied(tmp_path)


@pytest.mark.parametrize("address", ["", "reviews.example.com", "ftp://reviews.example.com"])
def test_nothing_is_applied_where_nobody_can_be_asked(
    deploy: Deploy, address: str, tmp_path: Path
) -> None:
    done = deploy("first", address)

    assert 2 == done.returncode
    assert "url= has to be the API's address" in done.stdout
    assert not (tmp_path / "repository/infra/envs/dev/applied").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", None])
def test_images_that_are_none_are_refused(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "images.json"
    if content is not None:
        path.write_text(content)
    done = ran(ROOT, "deploy", "--environment=dev", "--bucket=b", f"--images={path}")

    assert 2 == done.returncode
    assert "mages" in done.stderr
