"""What stands in for AWS on this machine: moto on loopback, which every plan may ask."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.infra.terraform import Terraform, copied, mirror

NUMBER = "123456789012"
"""Of the account that moto plays."""


@contextmanager
def asking_moto(folder: Path) -> Iterator[Terraform]:
    """Copy infra/ into a folder, and give Terraform that asks moto until the block ends."""
    with serving_moto() as address:
        terraform = copied(folder, mirror())
        terraform.variables |= {
            "AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        }  # fmt: skip
        yield terraform


@contextmanager
def serving_moto() -> Iterator[str]:
    """Serve moto on loopback until the block ends; give its address."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        _host, port = server.get_host_and_port()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
