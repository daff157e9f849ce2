"""Terraform, where it is installed, with its provider on this machine; AWS is moto."""

import os
import shutil
from collections.abc import Iterator, Mapping

import pytest

from tools.infra.stand_in import asking_moto
from tools.infra.terraform import PROVIDER, Plan, Terraform, copied, example, mirror


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform over a copy of infra/, asking nobody."""
    providers = mirror()
    if not shutil.which("terraform") or (providers is None and not os.environ.get("TEST_INFRA")):
        pytest.skip(f"no terraform, or no {PROVIDER} in a mirror; TEST_INFRA=1 downloads it")
    return copied(tmp_path_factory.mktemp("terraform"), providers)


@pytest.fixture(scope="session")
def aws(terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    """The same over another copy, asking moto."""
    assert terraform, "where it is not, this is skipped too"
    with asking_moto(tmp_path_factory.mktemp("aws")) as asking:
        yield asking


@pytest.fixture(scope="session")
def plans(aws: Terraform) -> Mapping[str, Plan]:
    """Of both environments and of bootstrap, with the example's values."""
    folders = {"dev": "envs/dev", "prod": "envs/prod", "bootstrap": "bootstrap"}
    return {name: aws.plan(folder, example(name)) for name, folder in folders.items()}
