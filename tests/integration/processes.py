"""Ports and processes that tests start, wait for and end."""

import socket
import subprocess
import time
from collections.abc import Callable

import psutil
import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(
    condition: Callable[[], object],
    what: Callable[[], str] = lambda: "it did not come",
    seconds: float = 20.0,
) -> None:
    """Wait for something that comes by itself; `what` says what is known where it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(what())
        time.sleep(0.02)


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """Kill a process we started and its children."""
    try:
        parent = psutil.Process(process.pid)
    except psutil.NoSuchProcess:
        return
    for child in (*parent.children(recursive=True), parent):
        child.kill()
    process.wait(30)
