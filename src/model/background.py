"""Programs of ours that go on after the command that started them: started, found, ended.

They are found by process id, time of start and boot, so a number that the system has given to
somebody else meanwhile is never taken for ours.
"""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from pydantic import BaseModel, ValidationError

from src.model.core.disk import atomic_write, saying_what_failed
from src.model.core.errors import TrackingError, UsageError
from src.model.files.lease import file_lock

_STOP_SECONDS = 15.0
_ROUNDS = 3
_SAME_START = 0.05  # seconds; a start is known to a hundredth
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class _Program(BaseModel):
    """A process id and when it began, seconds after the boot, which no step of the clock moves."""

    pid: int
    began: float


class _State(BaseModel):
    """What was started, and what an earlier start has left that may still have children."""

    boot: str
    address: str
    programs: dict[str, _Program]
    earlier: list[_Program] = []
    about: dict[str, str] = {}


@dataclass(frozen=True)
class Running:
    """The programs of those started together that live, by name, and those that have ended.

    `about` is what was said of them when they were started.
    """

    processes: Mapping[str, psutil.Process]
    gone: Sequence[str]
    address: str
    about: Mapping[str, str]

    @property
    def memory_mb(self) -> int:
        """Memory of all that live and their children, MB; what is shared is shared out (Linux)."""
        return sum(_memory(one) for process in self.processes.values() for one in _family(process))


@dataclass(frozen=True)
class Launch:
    """What is to be started: command lines by name, what for, and with which environment.

    `about` is kept with them.
    """

    programs: Mapping[str, Sequence[str]]
    address: str
    environ: Mapping[str, str]
    about: Mapping[str, str] = field(default_factory=dict)


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
        if state is None:
            return None
        found = {name: _alive(one) for name, one in state.programs.items()}
        alive = {name: process for name, process in found.items() if process}
        gone = [name for name in found if name not in alive]
        return Running(alive, gone, state.address, state.about) if alive else None

    def leftovers(self) -> bool:
        """Say whether anything lives of what was started, be it of a program that has ended."""
        return bool(self._left())

    def start(self, launch: Launch, ready: Callable[[], bool], seconds: float) -> list[str]:
        """Start programs and return the names of those that were, once all is `ready`.

        Those of an earlier start that still live stay as they are.

        Raises:
            TrackingError: one ended, or nothing was ready in time; what was started is ended again.
            UsageError: somebody else is starting them, and did not come to an end in time.
        """
        with file_lock(self.folder / "lock", self.name, seconds), saying_what_failed(self.folder):
            before, found = self._state(), self.running()
            alive = dict(found.processes) if found else {}
            started: dict[str, subprocess.Popen[bytes]] = {}
            try:
                for name in [name for name in launch.programs if name not in alive]:
                    started[name] = self._start(name, launch)
                    everything = alive | {one: psutil.Process(p.pid) for one, p in started.items()}
                    self._keep(before, everything, launch)
                self._wait(started, ready, seconds)
            except BaseException:
                _end([one for p in started.values() for one in _family_of(p.pid)])
                raise
        return list(started)

    def end(self) -> bool:
        """End what runs, gently at first; say whether anything did.

        That is each program with its children, and what a killed program has left in its session.
        """
        ended = False
        for _ in range(_ROUNDS):  # what is being ended may just have started something
            if not (family := self._left()):
                break
            _end(family)
            ended = True
        with saying_what_failed(self.state):
            self.state.unlink(missing_ok=True)
        return ended

    def _wait(
        self, started: Mapping[str, subprocess.Popen[bytes]], ready: Callable[[], bool],
        seconds: float,
    ) -> None:  # fmt: skip
        deadline = time.monotonic() + seconds
        while started:
            is_ready = ready()  # asked first: what has ended by then has not started
            gone = next((name for name, one in started.items() if one.poll() is not None), None)
            if gone is None and is_ready:
                return
            if gone or time.monotonic() > deadline:
                late = gone or next(iter(started))  # of several the first serves the others
                msg = f"{self.name} did not start; the log of {late} ends:\n{self._log_end(late)}"
                raise TrackingError(msg, hint=f"The whole log is {self.log(late)}.")
            time.sleep(0.2)

    def _start(self, program: str, launch: Launch) -> subprocess.Popen[bytes]:
        with self.log(program).open("ab") as log:
            return subprocess.Popen(
                launch.programs[program],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=dict(launch.environ),
            )

    def _keep(
        self, before: _State | None, alive: Mapping[str, psutil.Process], launch: Launch
    ) -> None:
        """Write down what lives, and of what has ended those whose session still has somebody."""
        programs = {name: _Program(pid=one.pid, began=_began(one)) for name, one in alive.items()}
        known = [*before.earlier, *before.programs.values()] if before else []
        earlier = [one for one in known if not _alive(one) and _sessions([one])]
        state = _State(
            boot=_boot(), address=launch.address, programs=programs, earlier=earlier,
            about=dict(launch.about),
        )  # fmt: skip
        with atomic_write(self.state) as path:
            path.write_text(state.model_dump_json(), encoding="utf-8")

    def _state(self) -> _State | None:
        """Return what `start` has kept; None where that cannot be read, or was before a reboot."""
        try:
            found = _State.model_validate_json(self.state.read_bytes())
        except (OSError, ValidationError):
            return None
        return found if found.boot == _boot() else None

    def _left(self) -> list[psutil.Process]:
        state = self._state()
        return _sessions([*state.earlier, *state.programs.values()]) if state else []

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


def _boot() -> str:
    """Return a name of this boot; the same for all where the system has none."""
    with contextlib.suppress(OSError):
        return _BOOT.read_text(encoding="ascii").strip()
    return ""


def _began(process: psutil.Process) -> float:
    boot = psutil.boot_time()  # first: it is what the time of start is reckoned from
    return float(process.create_time() - boot)


def _alive(program: _Program) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error, ValueError, OverflowError):
        process = psutil.Process(program.pid)
        if _is(process, program) and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def _is(process: psutil.Process, program: _Program) -> bool:
    return abs(_began(process) - program.began) < _SAME_START


def _sessions(leaders: Sequence[_Program]) -> list[psutil.Process]:
    """Return the processes of the sessions that these began, and their children.

    A program begins a session of its own, whose number stays its own while a process is in it.
    """
    begun = {one.pid for one in leaders if not _is_others(one)}
    family: set[psutil.Process] = set()
    for process in psutil.process_iter() if begun else ():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(process.pid) in begun:
                family |= set(_family(process))
    return sorted(family, key=lambda one: one.pid)


def _is_others(program: _Program) -> bool:
    """Say whether a process id now belongs to another process than was started."""
    with contextlib.suppress(psutil.Error, ValueError, OverflowError):
        return not _is(psutil.Process(program.pid), program)
    return False


def _family(process: psutil.Process) -> Iterator[psutil.Process]:
    """Give a process and its children, but for those that have ended."""
    with contextlib.suppress(psutil.Error):
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                if one.status() != psutil.STATUS_ZOMBIE:
                    yield one


def _family_of(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return list(_family(psutil.Process(pid)))
    return []


def _memory(process: psutil.Process) -> int:
    """Return the memory of one process in MB, 0 where it cannot be told."""
    with contextlib.suppress(psutil.Error):
        with contextlib.suppress(psutil.AccessDenied):
            memory = process.memory_full_info()
            return int(getattr(memory, "pss", memory.rss)) >> 20
        return int(process.memory_info().rss) >> 20
    return 0


def _end(family: Sequence[psutil.Process]) -> None:
    """Ask processes to end, and kill those that have not after some seconds."""
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(family, timeout=_STOP_SECONDS)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=_STOP_SECONDS)
