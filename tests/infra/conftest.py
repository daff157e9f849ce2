"""Terraform, where it is installed, with its provider on this machine; AWS is moto."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.infra.terraform import PROVIDER, Terraform, copied, mirror
from tests.integration.s3_server import serving_s3

NUMBER = "123456789012"


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform over a copy of infra/, asking nobody."""
    providers = mirror()
    if not shutil.which("terraform") or (providers is None and not os.environ.get("TEST_INFRA")):
        pytest.skip(f"no terraform, or no {PROVIDER} in a mirror; TEST_INFRA=1 downloads it")
    return copied(tmp_path_factory.mktemp("terraform"), providers)


@pytest.fixture(scope="session")
def aws(terraform: Terraform) -> Iterator[Terraform]:
    """The same, asking moto."""
    with serving_s3() as server:
        said = {
            "AWS_ENDPOINT_URL": server.address, "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        }  # fmt: skip
        yield Terraform(terraform.infra, terraform.variables | said)
