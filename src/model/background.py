"""Programs of ours that go on after the command that started them: started, found, ended.

They are found by process id and time of start, so a number that the system has given to somebody
else meanwhile is never taken for ours.
"""

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from src.model.core.errors import TrackingError, UsageError

_STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Running:
    """The programs that were started together, and the address they were started for."""

    processes: Sequence[psutil.Process]
    address: str

    @property
    def memory_mb(self) -> int:
        """Memory of all of them and their children, MB; what is shared is shared out (on Linux)."""
        total = 0
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                for one in [process, *process.children(recursive=True)]:
                    memory = one.memory_full_info()
                    total += getattr(memory, "pss", memory.rss)
        return total >> 20


@dataclass(frozen=True)
class Background:
    """Programs under one name in `folder`, which keeps who they are, and a log of each."""

    name: str
    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "server.json"

    def log(self, program: str) -> Path:
        return self.folder / f"{program}.log"

    def running(self) -> Running | None:
        """Return what was started, None where none of it is alive any more."""
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            state = json.loads(self.state.read_text(encoding="utf-8"))
            found = [_alive(one["pid"], one["created"]) for one in state["programs"]]
            processes = [process for process in found if process]
            return Running(processes, state["address"]) if processes else None
        return None

    def start(
        self,
        programs: Mapping[str, Sequence[str]],
        address: str,
        environ: Mapping[str, str],
        ready: Callable[[], bool],
        seconds: float,
    ) -> list[int]:
        """Start programs by their names and return their process ids once all is `ready`.

        Raises:
            TrackingError: one ended, or nothing was ready in time; all are ended again.
        """
        self.folder.mkdir(exist_ok=True)
        started = {name: self._start(name, words, environ) for name, words in programs.items()}
        told = [
            {"pid": one.pid, "created": psutil.Process(one.pid).create_time()}
            for one in started.values()
        ]
        state = {"programs": told, "address": address}
        self.state.write_text(json.dumps(state), encoding="utf-8")
        deadline = time.monotonic() + seconds
        while not ready():
            gone = next((name for name, one in started.items() if one.poll() is not None), None)
            if gone or time.monotonic() > deadline:
                late = gone or next(iter(started))
                self.end()
                msg = f"{self.name} did not start; the log of {late} ends:\n{self._log_end(late)}"
                raise TrackingError(msg, hint=f"The whole log is {self.log(late)}.")
            time.sleep(0.2)
        return [one.pid for one in started.values()]

    def _start(
        self, program: str, words: Sequence[str], environ: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with self.log(program).open("ab") as log:
            return subprocess.Popen(
                words,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=dict(environ),
            )

    def end(self) -> bool:
        """End what runs, with its children, gently at first; say whether anything did."""
        found = self.running()
        self.state.unlink(missing_ok=True)
        if found is None:
            return False
        family = []
        for process in found.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                family += [*process.children(recursive=True), process]
        for process in family:
            _signal(process, gentle=True)
        _, alive = psutil.wait_procs(family, timeout=_STOP_SECONDS)
        for process in alive:
            _signal(process, gentle=False)
        return True

    def _log_end(self, program: str) -> str:
        text = self.log(program).read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-8:])


def refuse_taken(port: int, hint: str) -> None:
    """Raise UsageError where another program listens on a port of this machine."""
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    if taken:
        raise UsageError(f"Port {port} is taken by another program.", hint=hint)


def refuse_missing(program: str, target: str) -> None:
    """Raise UsageError where a program is not installed."""
    if not os.access(program, os.X_OK):
        raise UsageError(f"{program} is missing.", hint=f"make {target} installs it.")


def _alive(pid: int, created: float) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def _signal(process: psutil.Process, *, gentle: bool) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate() if gentle else process.kill()
