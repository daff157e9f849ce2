"""Commands in processes that are forked off one which has imported everything: a third of the time.

    python -m tests.hostile.forker

reads one request a line and answers two: the id of the process that was made, and how it ended.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.conftest import ROOT

_LATER = (
    "mlflow",
    "obstore",
    "sklearn.linear_model",
    "matplotlib.figure",
    "src.model.tracking.registry",
    "src.model.tracking.tracker",
    "src.model.training.examine",
)
"""What commands import on first use."""


class Ended(NamedTuple):
    """How a command ended and what it said on stderr."""

    returncode: int
    stderr: str


class Forker:
    """The server, from the side of a test."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._said = process, folder / "stderr.txt"

    def run(
        self,
        words: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        at: int | None = None,
        begun: Callable[[int], object] = lambda _: None,
    ) -> Ended:
        """Run a command in a folder, killed before its change number `at` (see `killer`).

        `begun` is given its process id.
        """
        request = {
            "words": list(words), "folder": str(folder), "environment": dict(environment),
            "at": at, "stderr": str(self._said),
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        begun(int(self._process.stdout.readline()))
        code = int(self._process.stdout.readline())
        return Ended(code, self._said.read_text(encoding="utf-8", errors="replace"))


@contextlib.contextmanager
def forker(folder: Path) -> Iterator[Forker]:
    """Start the server, and end it with the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.forker"], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        yield Forker(process, folder)
        assert process.stdin is not None
        process.stdin.close()


def main() -> int:
    from src.model import steps

    for command in steps.COMMANDS.values():
        importlib.import_module(command.module)
    for module in _LATER:
        importlib.import_module(module)
    assert threading.active_count() == 1, "a thread is lost in a fork"
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        status = os.waitpid(child, 0)[1]
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    return 0


def _become(request: dict[str, Any]) -> None:
    """Be the command, and end with it."""
    code = 1
    try:
        said = os.open(request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        tempfile.tempdir = None
        module, *words = request["words"]
        from tests.hostile.killer import run

        code = run(request["at"], module, words)
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
