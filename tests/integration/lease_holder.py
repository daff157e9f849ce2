"""Processes that hold a lease, and clocks to measure them by."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from src.model.files.storage import Storage
from tests.conftest import Workspace

SECONDS = 2.0  # of a lease in S3: few, and more than a busy machine needs to show life
Opened = Callable[[], Storage]

HOLDER = """
import sys, time
from src.model.context import Context
from src.model.core.errors import StorageError
from src.model.core.settings import load_settings

with Context(load_settings()) as context:
    storage = context.storage
    with storage.lease("job"):
        print("held", flush=True)
        for line in sys.stdin:
            word, key = line.split()
            try:
                if word == "write":
                    with storage.writing(key) as path:
                        path.write_text("of the first")
                else:
                    storage.remove(key)
                print("done", flush=True)
            except StorageError as error:
                print("StorageError:", str(error).replace("\\n", " "), flush=True)
    print("released", flush=True)
"""


class Holder:
    """A process of its own that holds the lease `job`, and does what it is told meanwhile."""

    def __init__(self, workspace: Workspace) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER],
            cwd=workspace.path,
            env=workspace.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert "held" == self.says()

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    def told(self, *words: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{' '.join(words)}\n".encode())
        self.process.stdin.flush()
        return self.says()

    def ends(self) -> str:
        """Let it leave its block; return the last thing it says."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        said = self.says()
        self.process.wait(20)
        return said


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Measure the seconds of a block, afterwards those it took."""
    begun, took = time.monotonic(), list[float]()
    yield lambda: took[0] if took else time.monotonic() - begun
    took.append(time.monotonic() - begun)


def put(storage: Storage, key: str, content: str) -> None:
    with storage.writing(key) as path:
        path.write_text(content)
