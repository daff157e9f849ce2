"""What GitHub runs: make targets alone, with few rights, by actions that cannot change."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tools.make_words import recipes

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.glob("*.yml"))
TARGETS = recipes((ROOT / "Makefile").read_text(encoding="utf-8"))
ACTION = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
OWN = "$/.github/workflows/"


def parsed(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return found


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in parsed(name)["jobs"].values():
        yield from job.get("steps", ())


def uses(name: str) -> list[str]:
    """What a file takes from others, with the comment that says which version it is."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return re.findall(r"^\s+(?:- )?uses: (.+)$", text, re.MULTILINE)


def test_these_are_the_workflows() -> None:
    assert ["ci.yml", "deploy.yml", "images.yml", "infra.yml", "weekly.yml"] == WORKFLOWS


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_run_is_a_make_target(name: str) -> None:
    """It runs here as it runs there, and no text of an event gets into a shell."""
    runs = [step["run"] for step in steps(name) if "run" in step]

    assert runs
    for run in runs:
        assert re.fullmatch(r"make [a-z-]+", run), run
        assert run.removeprefix("make ") in TARGETS, run


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_named_by_commit(name: str) -> None:
    """A tag can be moved; a commit cannot. One of our own is a file of the same commit."""
    for one in uses(name):
        assert one.startswith(OWN) or ACTION.fullmatch(one), one
        if one.startswith(OWN):
            assert (FOLDER / one.removeprefix(OWN)).is_file()


def test_one_action_has_one_version() -> None:
    found = {one.partition("@")[0]: set[str]() for name in WORKFLOWS for one in uses(name)}
    for name in WORKFLOWS:
        for one in uses(name):
            found[one.partition("@")[0]].add(one)

    assert [] == [versions for versions in found.values() if len(versions) > 1]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_is_allowed_but_what_a_job_names(name: str) -> None:
    """And every job ends: it has a limit, and a second run of the same waits or ends the first."""
    workflow = parsed(name)

    assert {} == workflow["permissions"]
    assert workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        assert job["permissions"]
        assert "uses" in job or 0 < job["timeout-minutes"] <= 90
        assert not any(value == "write" and right == "contents" and name != "weekly.yml"
                       for right, value in job["permissions"].items())  # fmt: skip


@pytest.mark.parametrize("name", WORKFLOWS)
def test_who_takes_a_role_does_so_behind_an_environment(name: str) -> None:
    """Or is a pull request of this repository, whose role only looks."""
    for job in parsed(name)["jobs"].values():
        roles = [step["with"]["role-to-assume"] for step in job.get("steps", ())
                 if "configure-aws-credentials" in step.get("uses", "")]  # fmt: skip
        if roles == ["${{ vars.PLAN_ROLE }}"]:
            assert "head.repo.full_name == github.repository" in job["if"]
        elif roles:
            assert job["environment"]
        assert len(roles) == ("id-token" in job["permissions"] and "uses" not in job)


def test_prod_comes_after_dev() -> None:
    """And what is deployed was looked at first."""
    jobs = parsed("images.yml")["jobs"]
    deploy = [step.get("run") for step in parsed("deploy.yml")["jobs"]["deploy"]["steps"]]

    assert ("dev" in jobs["prod"]["needs"], jobs["prod"]["with"]["environment"]) == (True, "prod")
    assert deploy.index("make docker-attested") < deploy.index("make infra-deploy")


def test_what_ci_runs_can_be_run_here() -> None:
    """`make ci-local` has all of it; `make test` is a part of `make test-all`."""
    needed = {str(step["run"]).removeprefix("make ") for step in steps("ci.yml") if "run" in step}
    rule = TARGETS["ci-local"].partition(":")[2].partition("##")[0]

    assert needed - {"test"} <= set(rule.split())


def test_each_python_is_tested_on_both_systems() -> None:
    matrix = parsed("ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    supported = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"',
                          Path(ROOT / "pyproject.toml").read_text(encoding="utf-8"))  # fmt: skip
    assert supported

    assert [f"3.{minor}" for minor in range(int(supported[1]), int(supported[2]))] == (
        matrix["python"]
    )
    assert {"ubuntu", "macos"} == {system.partition("-")[0] for system in matrix["os"]}
