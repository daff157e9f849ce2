"""Commands of tools.infra as processes, in this repository or in a copy of it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def ran(
    root: Path, module: str, *words: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder that holds src/, tools/ and infra/; AWS's variables are these."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-m", f"tools.infra.{module}", *words], cwd=root,
        env=clean | dict(variables or {}), capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
