"""Load on the API while everything beside it fails: `python -m bench.faults`.

The answer is docs/api/faults.md. The API serves the champion of a real MLflow server. Every two
seconds the alias moves to the other of two versions. Meanwhile the server is killed and started
again, the file system of log and cache is made read-only, then filled to its last byte. Each answer
is compared with what the version it names must say; in the end what the API's metrics say is
compared with what was sent and with what is on the disk.

Needs Linux, and leave to mount a small file system of its own (`unshare`, as root or in a user
namespace).
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import load
from bench.fault_table import page, problems, table
from bench.faulty import Disk, Registry, Service, reviews_and_answers

_UNSHARED = "BENCH_FAULTS_UNSHARED"
_SWAP_SECONDS = 2.0
_CONNECTIONS = 8
_SHOWN_SECONDS = 60.0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="length of the load (default: 60)"
    )
    parser.add_argument("--output", type=Path, help="write the page to this file")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    return parser


@dataclass(frozen=True)
class Event:
    """Something that happens.

    `share` says when at the earliest (a share of the time), `act` what does it, and `shown_by`
    which metrics must show it.
    """

    share: float
    name: str
    act: Callable[[], None]
    shown_by: tuple[str, ...]


def story(registry: Registry, disk: Disk) -> list[Event]:
    """Return what happens, in order.

    A disk that takes nothing stops the log; models are served from memory all the same.
    """
    stopped = ("loaded", "parts_failed", "rows_dropped")
    return [
        Event(0.15, "MLflow killed", registry.kill, ("unreachable",)),
        Event(0.25, "MLflow started again", registry.launch, ("loaded",)),
        Event(0.60, "disk read-only", lambda: disk.read_only(True), stopped),
        Event(0.72, "disk writable", lambda: disk.read_only(False), ("loaded", "rows_written")),
        Event(0.78, "disk full", disk.fill, stopped),
        Event(0.90, "disk has room", disk.empty, ("loaded", "rows_written")),
    ]


def happen(events: Sequence[Event], seconds: float, watched: Service) -> list[dict[str, Any]]:
    """Let each event happen at its time, or later: once the metrics show the one before.

    It returns what they were then. A slow machine makes the story longer, not untrue; an event that
    the metrics do not show within a minute is told as it is, and the next one comes.
    """
    begun, seen = time.monotonic(), list[dict[str, Any]]()
    for event in events:
        time.sleep(max(0.0, begun + seconds * event.share - time.monotonic()))
        before = watched.counts()
        at = round(time.monotonic() - begun, 1)
        seen.append({"event": event.name, "at": at, "before": before})
        event.act()
        deadline = time.monotonic() + _SHOWN_SECONDS
        while time.monotonic() < deadline:
            if all(watched.counts()[name] > before[name] for name in event.shown_by):
                break
            time.sleep(0.2)
    time.sleep(max(0.0, begun + seconds - time.monotonic()))
    return seen


def swap(registry: Registry, stop: threading.Event) -> None:
    """Move the alias to the other version again and again, where MLflow answers."""
    number = 1
    while not stop.wait(_SWAP_SECONDS):
        number = 3 - number
        registry.champion(number)


def run(seconds: float, folder: Path) -> dict[str, Any]:
    """Return everything that was seen."""
    disk, registry = Disk(folder / "disk"), Registry(folder / "mlflow")
    with contextlib.closing(disk), contextlib.closing(registry):
        registry.start()
        registry.register_two(folder)
        return _watched(seconds, folder, disk, registry)


def _watched(seconds: float, folder: Path, disk: Disk, registry: Registry) -> dict[str, Any]:
    requests, answers = reviews_and_answers()

    def right(number: int, body: bytes) -> bool:
        said = json.loads(body)
        return bool(answers[int(said["model"]["version"])][number] == said["probability"])

    with Service(folder, disk.root, registry.address) as service:
        stop, seen = threading.Event(), list[dict[str, Any]]()
        events = story(registry, disk)
        told = threading.Thread(target=lambda: seen.extend(happen(events, seconds, service)))
        swaps = threading.Thread(target=swap, args=(registry, stop))
        begun = time.monotonic()
        told.start()
        swaps.start()
        sent = asyncio.run(load.load(service.port, requests, _CONNECTIONS, told.is_alive, right))
        lasted = time.monotonic() - begun
        stop.set()
        for thread in (told, swaps):
            thread.join()
        time.sleep(3)  # the log catches up
        after = service.counts()
    return {
        "seconds": round(lasted, 1),
        "load": sent,
        "events": seen,
        "after": after,
        "moves": registry.moves,
        "rows_on_disk": disk.rows(),
        "ended": service.process.returncode,
    }


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    if not os.environ.get(_UNSHARED):
        if sys.platform != "linux" or shutil.which("unshare") is None:
            sys.stderr.write(
                "error: this needs Linux with unshare(1): it mounts a small disk to fill it.\n"
            )
            return 2
        again = sys.argv[1:] if argv is None else argv
        words = ["unshare", "-rm", sys.executable, "-m", "bench.faults", *again]
        return subprocess.run(words, env=os.environ | {_UNSHARED: "1"}, check=False).returncode
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        found = run(args.seconds, Path(folder))
    if args.output:
        args.output.write_text(page(found), encoding="utf-8")
    figures = found | {"problems": problems(found)}
    sys.stdout.write((json.dumps(figures) if args.json else table(found)) + "\n")
    return 1 if any(problems(found).values()) else 0


if __name__ == "__main__":
    sys.exit(main())
