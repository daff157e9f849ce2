"""Commands of tools.infra as processes, in this repository or in a copy of it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3


def client(address: str, service: str = "s3") -> Any:
    """Return a client of what stands in for AWS at an address."""
    return boto3.client(
        service, endpoint_url=address, region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test",
    )  # fmt: skip


def ran(
    root: Path, module: str, *words: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder that holds src/, tools/ and infra/; AWS's variables are these."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-m", f"tools.infra.{module}", *words], cwd=root,
        env=clean | dict(variables or {}), capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
