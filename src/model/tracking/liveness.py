"""Runs whose process is gone are closed: nobody else would, and they would look busy for ever.

A run says whose it is and until when it is surely alive, in tags that its process moves on while it
lives. Whoever starts a run closes those whose process on this machine is gone, and those of other
machines and containers whose time is over.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil

PROCESS_TAG, ALIVE_TAG = "process", "alive_until"
_BEAT_SECONDS = 60.0
_ALIVE_SECONDS = 600.0
"""Long enough for beats that do not arrive, and for clocks that differ by minutes."""


def own_tags(now: float) -> dict[str, str]:
    """Return the tags of a run that this process starts at `now`, in seconds since 1970.

    The process is told by its machine, its id and the time of its start.
    """
    process = psutil.Process()
    return {
        PROCESS_TAG: f"{_machine()} {process.pid} {process.create_time():.2f}",
        **alive_tag(now),
    }


def alive_tag(now: float) -> dict[str, str]:
    """Return the tag that moves on: until when a run that is alive at `now` is taken to be."""
    return {ALIVE_TAG: f"{now + _ALIVE_SECONDS:.0f}"}


def is_gone(tags: Mapping[str, str], now: float) -> bool:
    """Say whether the process of an open run with these tags is gone.

    A run without such tags is not one of ours, and never gone.
    """
    machine, _, process = tags.get(PROCESS_TAG, "").rpartition(" ")[0].rpartition(" ")
    try:
        began = float(tags[PROCESS_TAG].rpartition(" ")[2])
        if machine == _machine():
            return not _lives(int(process), began)
        return now > float(tags[ALIVE_TAG])
    except (KeyError, ValueError):
        return False


@contextmanager
def beating(tell: Callable[[dict[str, str]], None]) -> Iterator[None]:
    """Move the tag of a run on while the block runs, through `tell`, whose failures are let be."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT_SECONDS):
            with suppress(Exception):  # the next one may arrive
                tell(alive_tag(time.time()))

    thread = threading.Thread(target=beat, name="run-alive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


@cache
def _machine() -> str:
    """Return what tells apart where a process id means the same process.

    That is the host, its start, and the container, also where that has the host's name.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115
    except OSError:
        return f"{socket.gethostname()} {psutil.boot_time():.0f}"


def _lives(process: int, began: float) -> bool:
    try:
        found = psutil.Process(process)
        same: bool = abs(found.create_time() - began) < 1
        return same and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
