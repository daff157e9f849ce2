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
from typing import Any

import psutil

from src.model.core.errors import TrackingError, UsageError

_STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Running:
    """The programs of those started together that live, by name, and those that have ended."""

    processes: Mapping[str, psutil.Process]
    gone: Sequence[str]
    address: str

    @property
    def memory_mb(self) -> int:
        """Memory of all of them and their children, MB; what is shared is shared out (on Linux)."""
        total = 0
        for process in self.processes.values():
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
        state = self._state()
        told = state.get("programs", {})
        found = {name: _alive(one["pid"], one["created"]) for name, one in told.items()}
        alive = {name: process for name, process in found.items() if process}
        gone = [name for name in found if name not in alive]
        return Running(alive, gone, state["address"]) if alive else None

    def start(
        self,
        programs: Mapping[str, Sequence[str]],
        address: str,
        environ: Mapping[str, str],
        ready: Callable[[], bool],
        seconds: float,
    ) -> list[int]:
        """Start programs by their names and return their process ids once all is `ready`.

        Those of an earlier start that still live stay as they are.

        Raises:
            TrackingError: one ended, or nothing was ready in time; all are ended again.
        """
        self.folder.mkdir(exist_ok=True)
        before, found = self._state(), self.running()
        alive = dict(found.processes) if found else {}
        started = {
            name: self._start(name, words, environ)
            for name, words in programs.items()
            if name not in alive
        }
        alive |= {name: psutil.Process(one.pid) for name, one in started.items()}
        told = {name: {"pid": one.pid, "created": one.create_time()} for name, one in alive.items()}
        earlier = [*before.get("earlier", []), *before.get("programs", {}).values()]
        state = {"programs": told, "earlier": earlier, "address": address}
        self.state.write_text(json.dumps(state), encoding="utf-8")
        deadline = time.monotonic() + seconds
        while not ready():
            gone = next((name for name, one in started.items() if one.poll() is not None), None)
            if gone or time.monotonic() > deadline:
                late = gone or next(iter(started))  # of several the first serves the others
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
        """End what runs, gently at first; say whether anything did.

        That is each program with its children, and those that a killed program has left behind.
        """
        before = self._state()
        self.state.unlink(missing_ok=True)
        family = _families([*before.get("earlier", []), *before.get("programs", {}).values()])
        for process in family:
            _signal(process, gentle=True)
        _, alive = psutil.wait_procs(family, timeout=_STOP_SECONDS)
        for process in alive:
            _signal(process, gentle=False)
        return bool(family)

    def _state(self) -> dict[str, Any]:
        """Return what `start` has kept; nothing where that cannot be read."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            found = json.loads(self.state.read_text(encoding="utf-8"))
            if isinstance(found, dict) and isinstance(found.get("programs"), dict):
                return found
        return {}

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


def _families(leaders: Sequence[Mapping[str, Any]]) -> list[psutil.Process]:
    """Return the processes of the sessions that these began, and their children.

    A program begins a session of its own, whose number stays its own while a process is in it.
    """
    begun = {one["pid"]: one["created"] for one in leaders if not _others(**one)}
    family: set[psutil.Process] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            session = os.getsid(process.pid)
            if session in begun and process.create_time() >= begun[session]:
                family |= {process, *process.children(recursive=True)}
    return [one for one in family if _alive(one.pid, one.create_time())]


def _others(pid: int, created: float) -> bool:
    """Say whether a process id now belongs to another process than was started."""
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).create_time() != created)
    return False


def _signal(process: psutil.Process, *, gentle: bool) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate() if gentle else process.kill()
