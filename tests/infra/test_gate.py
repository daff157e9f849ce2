"""The fast gate: layout, validity, and what modules refuse, without AWS."""

import re

import pytest

from tools.infra.terraform import Terraform

ROOTS = ("bootstrap", "envs/dev", "envs/prod")
TESTED = ("bootstrap", *(f"modules/{name}" for name in ("api", "jobs", "network", "registry",
                                                          "storage")))  # fmt: skip


def test_all_is_laid_out_as_terraform_does(terraform: Terraform) -> None:
    done = terraform.run("tests", "fmt", "-check", "-recursive", "-diff", "..")

    assert (0, "") == (done.returncode, done.stdout)


@pytest.mark.parametrize("folder", ROOTS)
def test_it_is_valid(terraform: Terraform, folder: str) -> None:
    done = terraform.run(folder, "validate", "-no-color")

    assert 0 == done.returncode, done.stderr
    assert "Warning" not in done.stdout


@pytest.mark.parametrize("folder", TESTED)
def test_a_module_refuses_what_cannot_be_right(terraform: Terraform, folder: str) -> None:
    done = terraform.run(folder, "test", "-no-color")

    assert 0 == done.returncode, done.stdout + done.stderr
    said = re.search(r"Success! (\d+) passed, 0 failed", done.stdout)
    assert said
    assert int(said[1]) >= 2, "there are tests, and they ran"
